// All scripts once more under stress: reaches cut short, veneers forced, functions padded and in random order, so that
// veneers promote from 14 and 19 bits to 26 and on to the full range within small modules.
import { defaultOptions, NO_STRESS } from '../../src/options.ts';
import { elfMaker } from './runner.ts';
import { specSuite } from './suite.ts';

const options = {
  ...defaultOptions('spec', { isa: 'aarch64', os: 'linux' } as const),
  optLevel: 2 as const,
  imports: 'instantiate' as const,
  mainModule: false,
};
const reach = { test14: 10, cond19: 11, branch26: 13, call26: 13, literal19: 12, adr21: 14 };
specSuite(
  'aarch64, short reaches, forced veneers, random layout',
  'aarch64',
  elfMaker({
    ...options,
    stress: { ...NO_STRESS, reach, forceVeneers: true, layoutSeed: 7, padFunctions: 3000, padBlocks: 40 },
  }),
  0,
  1,
);
