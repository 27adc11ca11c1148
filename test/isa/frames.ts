// Large frames: every page is probed, so that a frame cannot step over the stack's guard; deep recursion of small ones.
import assert from 'node:assert/strict';
import { Func } from '../../src/ir/func.ts';
import { IntCC, Type } from '../../src/ir/types.ts';
import { Op } from '../../src/ir/opcodes.ts';
import { Signatures } from '../../src/ir/signatures.ts';
import { verify } from '../../src/ir/verifier.ts';
import { NativeModule, UNOPTIMIZED } from './native.ts';
import type { NativeIsa } from './native.ts';
import { needIsa } from '../support/need.ts';

const STACK_EXHAUSTED = 9;

/** f(n): `live` values at once, all added up; first calls f(n - 1) unless n is 0. */
function recursive(live: number): { f: Func; sigs: Signatures } {
  const sigs = new Signatures();
  const sig = sigs.add([Type.I32], [Type.I32]);
  const f = new Func();
  f.reset(0, sig);
  const add = (block: number, op: Op, args: number[], imm = 0, imm2 = 0, aux = 0): number => {
    const isEnd = op === Op.BrIf || op === Op.Jump || op === Op.Return;
    const v = f.newInst(op, isEnd ? Type.None : Type.I32, imm, imm2, aux);
    f.setArgs(v, Int32Array.from(args), 0, args.length);
    f.append(block, v);
    return v;
  };
  const [entry, deeper, leave] = [f.newBlock(), f.newBlock(), f.newBlock()];
  const n = f.newInst(Op.Param, Type.I32);
  f.setParams(entry, Int32Array.of(n), 0, 1);
  const values = Array.from({ length: live }, (_, k) =>
    add(entry, Op.IMul, [n, add(entry, Op.IConst, [], 2 * k + 1, 0)]),
  );
  const zero = add(entry, Op.IConst, []);
  const done = add(entry, Op.ICmp, [n, zero], IntCC.Eq);
  const toLeave = f.newEdge(leave);
  f.newEdge(deeper);
  add(entry, Op.BrIf, [done], toLeave, 2);
  add(deeper, Op.Call, [add(deeper, Op.IAdd, [n, add(deeper, Op.IConst, [], -1, -1)])], 0, 0, sig);
  add(deeper, Op.Jump, [], f.newEdge(leave), 1);
  const sum = values.reduce((total, v) => add(leave, Op.IAdd, [total, v]), n);
  add(leave, Op.Return, [sum]);
  verify(f, sigs);
  return { f, sigs };
}

export function frameSuite(isa: NativeIsa): void {
  describe(`${isa} frames`, function () {
    this.timeout(60000);
    before(function () {
      needIsa(this, isa);
    });

    function run(live: number, arg: number): { trap: number; value: bigint; frameBytes: number } {
      const { f, sigs } = recursive(live);
      const native = new NativeModule(sigs, 1, { ...UNOPTIMIZED, isa });
      const { frame } = native.add(f, 0);
      const [result] = native.run([{ func: 0, args: [BigInt(arg)] }], new Uint8Array(16), new Uint8Array(0));
      return { trap: result.trap, value: result.values[0] ?? 0n, frameBytes: frame.frameBytes };
    }
    const sum = (live: number, n: number): bigint =>
      BigInt.asUintN(32, BigInt(n) * BigInt(live) ** 2n + BigInt(n));

    it('of more than 512 KiB work and trap in the guard', () => {
      const once = run(70000, 0);
      assert.ok(once.frameBytes > 512 * 1024, `${once.frameBytes} bytes`);
      assert.deepEqual([once.trap, once.value], [0, sum(70000, 0)]);
      assert.equal(run(70000, 3).trap, STACK_EXHAUSTED);
    });

    it('of few bytes recurse until the guard', () => {
      const some = run(20, 1000);
      assert.deepEqual([some.trap, some.value], [0, sum(20, 1000)]);
      assert.equal(run(20, 1 << 20).trap, STACK_EXHAUSTED);
    });
  });
}
