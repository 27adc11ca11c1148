// All scripts from Mach-O objects, which the test host maps as it does ELF ones.
import { defaultOptions } from '../../src/options.ts';
import { machOMaker } from './runner.ts';
import { specSuite } from './suite.ts';

const options = {
  ...defaultOptions('spec', { isa: 'aarch64', os: 'macos' } as const),
  optLevel: 2 as const,
  imports: 'instantiate' as const,
  mainModule: false,
};
specSuite('aarch64 Mach-O -O2', 'aarch64', machOMaker(options), 0, 1);
