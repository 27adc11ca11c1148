import { x64 } from '../../../src/isa/x64/isa.ts';
import { has, need } from '../../support/need.ts';
import { checkThunks } from '../thunks.ts';

/** Shifts all seeds: `WASM2NATIVE_SEED=100000` runs other signatures. */
const SEED = Number(process.env.WASM2NATIVE_SEED ?? 0);

describe('x86_64 thunks across the C border', function () {
  this.timeout(60000);
  it('agree with gcc', () => {
    checkThunks(x64, SEED + 1, ['gcc'], []);
    checkThunks(x64, SEED + 2, ['gcc'], []);
  });
  it('agree with clang', function () {
    need(this, has('clang') ? 'clang' : 'clang-19');
    checkThunks(x64, SEED + 3, [has('clang') ? 'clang' : 'clang-19'], []);
  });
});
