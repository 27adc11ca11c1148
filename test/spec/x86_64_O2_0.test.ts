import { defaultOptions } from '../../src/options.ts';
import { elfMaker } from './runner.ts';
import { specSuite } from './suite.ts';

const options = {
  ...defaultOptions('spec', { isa: 'x86_64', os: 'linux' } as const),
  optLevel: 2 as const,
  imports: 'instantiate' as const,
  mainModule: false,
};
specSuite('x86_64 -O2', 'x86_64', elfMaker(options), 0, 2);
