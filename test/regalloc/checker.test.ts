// The checker must reject wrong allocations: mutations of correct outputs, judged by the executing oracle where that can tell,
// and hand-made errors of each kind. The verifier must reject broken inputs.
import assert from 'node:assert/strict';
import { allocateBundles } from '../../src/regalloc/bundles.ts';
import { checkAllocation } from '../../src/regalloc/checker.ts';
import { Operand, RegClass, REMAT_BASE, SLOT_BASE, VEC_BASE } from '../../src/regalloc/door.ts';
import type { Allocator, RegallocInput, RegallocOutput } from '../../src/regalloc/door.ts';
import { allocateFast } from '../../src/regalloc/fast.ts';
import { printRegalloc } from '../../src/regalloc/printer.ts';
import { verifyRegallocInput } from '../../src/regalloc/verify_input.ts';
import { def, fixed, generate, InputBuilder, makeEnv, Random, reuse, use } from './generate.ts';
import { execute } from './interpret.ts';

function copy(output: RegallocOutput): RegallocOutput {
  return {
    ...output,
    operandLoc: output.operandLoc.slice(),
    editPoint: output.editPoint.slice(0, output.numEdits),
    editFrom: output.editFrom.slice(0, output.numEdits),
    editTo: output.editTo.slice(0, output.numEdits),
    editClass: output.editClass.slice(0, output.numEdits),
  };
}

function dropEdit(output: RegallocOutput, e: number): void {
  for (const column of [output.editPoint, output.editFrom, output.editTo, output.editClass])
    column.copyWithin(e, e + 1);
  output.numEdits--;
}

function swapEdits(output: RegallocOutput, e: number): void {
  for (const column of [output.editFrom, output.editTo, output.editClass]) {
    [column[e], column[e + 1]] = [column[e + 1], column[e]];
  }
}

/** Changes something; false if the choice does not apply. */
function mutate(kind: number, output: RegallocOutput, random: Random, numOperands: number): boolean {
  const e = random.below(Math.max(1, output.numEdits));
  const k = random.below(numOperands);
  switch (kind) {
    case 0:
      if (output.operandLoc[k] < 0) return false;
      output.operandLoc[k] =
        output.operandLoc[k] < SLOT_BASE ? output.operandLoc[k] ^ 1 : output.operandLoc[k] + 1;
      return true;
    case 1:
      if (output.numEdits === 0) return false;
      dropEdit(output, e);
      return true;
    case 2:
      if (e + 1 >= output.numEdits || output.editPoint[e] !== output.editPoint[e + 1]) return false;
      swapEdits(output, e);
      return true;
    case 3:
      if (output.numEdits === 0 || output.editFrom[e] >= REMAT_BASE) return false;
      output.editFrom[e] ^= 1;
      return true;
    case 4:
      if (output.numEdits === 0) return false;
      output.editTo[e] += 1;
      return true;
    default:
      if (output.numEdits === 0 || output.editClass[e] === RegClass.Int) return false;
      output.editClass[e] = RegClass.Float + RegClass.Vec - output.editClass[e];
      return true;
  }
}

const isRejected = (action: () => unknown): boolean => {
  try {
    action();
    return false;
  } catch {
    return true;
  }
};

describe('checker of register allocation', () => {
  const allocators: [string, Allocator][] = [
    ['fast', allocateFast],
    ['bundle', allocateBundles],
  ];
  for (const [name, allocate] of allocators) {
    it(`rejects what the executing oracle finds wrong in mutations of ${name} allocations`, function () {
      this.timeout(60_000);
      const env = makeEnv(4, 4);
      const random = new Random(11);
      const wrong = new Int32Array(6);
      const rejected = new Int32Array(6);
      const applied = new Int32Array(6);
      for (let seed = 1; seed <= 60; seed++) {
        const input = generate(seed, { env, size: 40 });
        const good = copy(allocate(input, env));
        for (let round = 0; round < 60; round++) {
          const kind = round % 6;
          const bad = copy(good);
          if (!mutate(kind, bad, random, input.operandStart[input.numInsts])) continue;
          applied[kind]++;
          const caught = isRejected(() => checkAllocation(input, env, bad));
          if (caught) rejected[kind]++;
          let isWrong = false;
          for (let path = 1; path <= 4 && !isWrong; path++)
            isWrong = isRejected(() => execute(input, bad, path, 500));
          if (!isWrong) continue;
          wrong[kind]++;
          assert.ok(caught, `seed ${seed}, round ${round}: the checker accepts a wrong allocation`);
        }
      }
      for (let kind = 0; kind < 6; kind++) {
        assert.ok(
          wrong[kind] > 10,
          `mutation ${kind} makes wrong code: ${wrong.join()} of ${applied.join()}`,
        );
        assert.ok(rejected[kind] >= wrong[kind]);
      }
    });
  }

  /** One block; the output is given operand by operand, edits as [point, from, to, class]. */
  function output(locs: number[], edits: number[][] = [], numSlots = 4): RegallocOutput {
    return {
      operandLoc: Int32Array.from(locs),
      numEdits: edits.length,
      editPoint: Int32Array.from(edits, (e) => e[0]),
      editFrom: Int32Array.from(edits, (e) => e[1]),
      editTo: Int32Array.from(edits, (e) => e[2]),
      editClass: Uint8Array.from(edits, (e) => e[3]),
      numSlots,
      regsWritten: new Uint8Array(64),
    };
  }
  const env = makeEnv(3, 3);
  const reject = (input: RegallocInput, out: RegallocOutput, message: RegExp): void => {
    assert.throws(() => checkAllocation(input, env, out), message);
  };

  /** a = op; b = op a (early), clobbering r2; use a, b. */
  function sample(constraintB: number = Operand.Reg, early = false): RegallocInput {
    const builder = new InputBuilder();
    const block = builder.block();
    const [a, b] = [builder.vreg(), builder.vreg()];
    builder.inst(block, [def(a)]);
    builder.inst(block, [use(a, Operand.Any), def(b, constraintB, early)], [4, 0]);
    builder.terminate(block, [use(a, Operand.Any), use(b, Operand.Any)], []);
    return builder.build();
  }

  it('accepts a correct one and names what is wrong with others', () => {
    const input = sample();
    const ok = [0, 0, 1, 0, 1];
    checkAllocation(input, env, output(ok));
    checkAllocation(input, env, output([0, SLOT_BASE, 0, SLOT_BASE, 0], [[1, 0, SLOT_BASE, 0]]));
    reject(input, output([0, 0, 0, 0, 0]), /definition of %1 is in r0, but %0 is expected/);
    reject(input, output([2, 2, 1, 2, 1]), /clobbers %0 in r2/);
    reject(input, output([0, 0, 2, 0, 2]), /destroyed by the clobbers/);
    reject(input, output([0, 1, 1, 0, 1]), /%0 is defined in r0 but expected in r1/);
    reject(input, output([VEC_BASE, 0, 1, 0, 1]), /wrong file/);
    reject(input, output([5, 5, 1, 5, 1]), /not allocatable/);
    reject(input, output([SLOT_BASE, SLOT_BASE, 1, SLOT_BASE, 1]), /must be in a register/);
    reject(input, output(ok, [[1, SLOT_BASE, SLOT_BASE + 1, 0]]), /memory to memory/);
    reject(input, output(ok, [[1, 0, SLOT_BASE + 4, 0]]), /outside the frame/);
    reject(
      input,
      output(ok, [
        [3, 0, SLOT_BASE, 0],
        [1, 0, SLOT_BASE, 0],
      ]),
      /out of order/,
    );
    reject(input, output(ok, [[1, 0, 9, 0]]), /writes a register that is not allocatable/);
    reject(input, output(ok, [[1, REMAT_BASE, 1, 0]]), /no constant/);
    reject(input, output([0, 0, -1, 0, 1]), /no location/);
    reject(
      input,
      output(ok, [
        [1, 32, 32, 2],
        [2, 1, 0, 0],
      ]),
      /%0 is defined in r0 but expected in r1/,
    );
    reject(sample(Operand.Reg, true), output([0, 0, 0, 1, 0]), /conflicts with operand 0/);
    reject(sample(fixed(1)), output([0, 0, 0, 0, 0]), /fixed to r1/);
    reject(sample(reuse(0)), output(ok), /reuses operand 0/);
    reject(sample(Operand.Stack), output(ok), /must be in a slot/);
  });

  it('sees the overlap of 8-byte and 16-byte slots', () => {
    const builder = new InputBuilder();
    const block = builder.block();
    const [a, b] = [builder.vreg(RegClass.Vec), builder.vreg(RegClass.Float)];
    builder.inst(block, [def(a, Operand.Any)]);
    builder.inst(block, [def(b, Operand.Any)]);
    builder.terminate(block, [use(a, Operand.Any), use(b, Operand.Any)], []);
    const input = builder.build();
    checkAllocation(input, env, output([SLOT_BASE, SLOT_BASE + 2, SLOT_BASE, SLOT_BASE + 2]));
    reject(input, output([SLOT_BASE, SLOT_BASE + 1, SLOT_BASE, SLOT_BASE + 1]), /destroys %0 in slot0/);
    reject(input, output([SLOT_BASE + 1, SLOT_BASE, SLOT_BASE + 1, SLOT_BASE]), /not aligned/);
    reject(input, output([32, 33, SLOT_BASE, 33], [[1, 32, SLOT_BASE, RegClass.Float]]), /too narrow/);
  });

  it('prints input and output', () => {
    const text = printRegalloc(sample(), output([0, 0, 1, 0, 1], [[3, 1, SLOT_BASE, 0]]));
    assert.match(text, /1: %1:i reg @r1 = op %0:i any @r0 clobbers r2\n {4}slot0 <-i r1/);
  });
});

describe('verifier of register allocation input', () => {
  const broken = (
    change: (builder: InputBuilder, block: number, a: number) => void,
    message: RegExp,
  ): void => {
    const builder = new InputBuilder();
    const block = builder.block();
    const a = builder.vreg();
    builder.inst(block, [def(a)]);
    change(builder, block, a);
    assert.throws(() => verifyRegallocInput(builder.build()), message);
  };

  it('rejects each broken invariant', () => {
    broken((b, block) => b.terminate(block, [use(b.vreg())], []), /never defined/);
    broken((b, block, a) => {
      b.inst(block, [def(a)]);
      b.terminate(block, [], []);
    }, /two definitions/);
    broken((b, block) => {
      const late = b.vreg();
      b.inst(block, [use(late)]);
      b.inst(block, [def(late)]);
      b.terminate(block, [], []);
    }, /before or at its definition/);
    broken((b, block, a) => {
      const next = b.block();
      b.terminate(block, [use(a)], [next]);
      b.terminate(next, [], []);
    }, /jump has operands/);
    broken((b, block) => {
      const next = b.block();
      b.jump(block, next, [0]);
      b.terminate(next, [], []);
    }, /passes 1 arguments/);
    broken((b, block) => {
      const [left, join] = [b.block(), b.block()];
      b.terminate(block, [], [left, join]);
      b.jump(left, join);
      b.terminate(join, [], []);
    }, /critical/);
    broken((b, block) => {
      const [left, right] = [b.block(), b.block()];
      const v = b.vreg();
      b.terminate(block, [], [left, right]);
      b.inst(left, [def(v)]);
      b.terminate(left, [], []);
      b.terminate(right, [use(v)], []);
    }, /without its definition/);
    broken((b, block, a) => {
      b.inst(block, [use(a, fixed(1)), use(a, fixed(33))]);
      b.terminate(block, [], []);
    }, /r33/);
    broken((b, block, a) => {
      b.inst(block, [use(a, fixed(1)), def(b.vreg(), fixed(1), true)]);
      b.terminate(block, [], []);
    }, /two operands are fixed to r1/);
    broken((b, block, a) => {
      b.inst(block, [use(a, fixed(1), true)], [2, 0]);
      b.terminate(block, [], []);
    }, /fixed register is clobbered/);
    broken((b, block, a) => {
      b.inst(block, [use(a), def(b.vreg(), reuse(1))]);
      b.terminate(block, [], []);
    }, /reuses no use/);
    broken((b, block, a) => {
      b.remat[a] = b.inst(block, [use(a), def(b.vreg())]);
      b.terminate(block, [], []);
    }, /cannot be re-emitted/);
  });
});
