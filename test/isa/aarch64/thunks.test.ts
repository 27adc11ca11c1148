import { aarch64 } from '../../../src/isa/aarch64/isa.ts';
import { need } from '../../support/need.ts';
import { checkThunks } from '../thunks.ts';

/** Shifts all seeds: `WASM2NATIVE_SEED=100000` runs other signatures. */
const SEED = Number(process.env.WASM2NATIVE_SEED ?? 0);

describe('aarch64 thunks across the C border', function () {
  this.timeout(120000);
  it('agree with gcc', function () {
    need(this, 'aarch64-linux-gnu-gcc');
    need(this, 'qemu-aarch64');
    for (let k = 1; k < 4; k++)
      checkThunks(aarch64, SEED + k, ['aarch64-linux-gnu-gcc', '-static'], ['qemu-aarch64']);
  });
});
