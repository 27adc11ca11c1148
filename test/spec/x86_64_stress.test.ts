// All scripts once more under stress: reaches cut short, veneers forced, functions padded and in random order, so that
// calls go through veneers within small modules.
import { defaultOptions, NO_STRESS } from '../../src/options.ts';
import { elfMaker } from './runner.ts';
import { specSuite } from './suite.ts';

const options = {
  ...defaultOptions('spec', { isa: 'x86_64', os: 'linux' } as const),
  optLevel: 2 as const,
  imports: 'instantiate' as const,
  mainModule: false,
};
const reach = { call32: 15 };
specSuite(
  'x86_64, short reaches, forced veneers, random layout',
  'x86_64',
  elfMaker({
    ...options,
    stress: { ...NO_STRESS, reach, forceVeneers: true, layoutSeed: 7, padFunctions: 3000, padBlocks: 40 },
  }),
  0,
  1,
);
