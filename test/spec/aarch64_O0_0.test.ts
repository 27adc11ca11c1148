import { defaultOptions } from '../../src/options.ts';
import { elfMaker } from './runner.ts';
import { specSuite } from './suite.ts';

const options = {
  ...defaultOptions('spec', { isa: 'aarch64', os: 'linux' } as const),
  optLevel: 0 as const,
  imports: 'instantiate' as const,
  mainModule: false,
};
specSuite('aarch64 -O0', 'aarch64', elfMaker(options), 0, 2);
