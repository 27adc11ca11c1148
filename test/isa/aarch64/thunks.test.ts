import assert from 'node:assert/strict';
import { Signatures } from '../../../src/ir/signatures.ts';
import { Type } from '../../../src/ir/types.ts';
import { aarch64 } from '../../../src/isa/aarch64/isa.ts';
import { Unwind, UNWIND_ROW } from '../../../src/isa/frame.ts';
import { need } from '../../support/need.ts';
import { checkThunks } from '../thunks.ts';
import { PLAIN_ISA_OPTIONS } from '../native.ts';
import { appleAssembly } from './apple_assembly.ts';

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
  it("agree with clang's code for macOS, executed on Linux", function () {
    need(this, 'aarch64-linux-gnu-gcc', 'qemu-aarch64', 'clang-19');
    for (let k = 4; k < 8; k++)
      checkThunks(aarch64, SEED + k, ['aarch64-linux-gnu-gcc', '-static'], ['qemu-aarch64'], appleAssembly);
  });

  it('say from their first instruction on where the caller is, above the arguments they pop', () => {
    const signatures = new Signatures();
    const sig = signatures.add(Array<Type>(20).fill(Type.I64), []);
    const compiler = aarch64.compiler(
      {
        signatures,
        functionSig: Int32Array.of(sig),
        functionFlags: new Uint8Array(1),
        helperSymbol: new Int32Array(32),
      },
      PLAIN_ISA_OPTIONS,
    );
    for (const { frame } of [compiler.thunks.importThunk(0, sig), compiler.thunks.hostThunk(sig)]) {
      assert.equal(frame.stackArgBytes, 32);
      assert.deepEqual([...frame.unwind.slice(0, UNWIND_ROW)], [0, Unwind.CfaOffset, 32, 0]);
      // The frame comes later: a check of the stack's limit is first.
      assert.ok(frame.unwind[UNWIND_ROW] > 0);
    }
    // x0 has the frame of the enter that unwind leaves.
    assert.deepEqual([...compiler.thunks.unwind().frame.unwind.slice(0, 3)], [0, Unwind.CfaRegister, 0]);
  });
});
