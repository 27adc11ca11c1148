// What the optimising allocator must do well, on small functions that show one thing each, and how its work grows.
import assert from 'node:assert/strict';
import { allocateBundles, bundleStatistics } from '../../src/regalloc/bundles.ts';
import { checkAllocation } from '../../src/regalloc/checker.ts';
import { NO_LOCATION, Operand, REMAT_BASE, SLOT_BASE } from '../../src/regalloc/door.ts';
import type { MachineEnv, RegallocInput, RegallocOutput } from '../../src/regalloc/door.ts';
import { def, fixed, generate, InputBuilder, makeEnv, reuse, use } from './generate.ts';

function allocate(input: RegallocInput, env: MachineEnv): RegallocOutput {
  const output = allocateBundles(input, env);
  assert.equal(bundleStatistics.fallback, 0);
  checkAllocation(input, env, output);
  return output;
}

/** Loads, stores and register moves in blocks of at least the loop depth. */
function edits(
  input: RegallocInput,
  output: RegallocOutput,
  depth: number,
): { loads: number; stores: number; moves: number } {
  const count = { loads: 0, stores: 0, moves: 0 };
  for (let e = 0; e < output.numEdits; e++) {
    const inst = output.editPoint[e] >> 1;
    let b = 0;
    while (input.blockStart[b + 1] <= inst) b++;
    if (input.loopDepth[b] < depth) continue;
    if (output.editTo[e] >= SLOT_BASE) count.stores++;
    else if (output.editFrom[e] >= SLOT_BASE) count.loads++;
    else count.moves++;
  }
  return count;
}

/** entry; a loop whose body is made by the callback; exit. Blocks: 0 entry, 1 header and body, 2 back edge, 3 exit. */
function loop(
  make: (
    b: InputBuilder,
    entry: number,
    body: number,
    exit: number,
  ) => { init: number[]; params: number[]; next: number[] },
): RegallocInput {
  const b = new InputBuilder();
  const entry = b.block();
  const body = b.block(1, 10);
  const back = b.block(1, 9);
  const exit = b.block();
  const { init, params, next } = make(b, entry, body, exit);
  b.jump(entry, body, init);
  b.blocks[body].params = params;
  b.terminate(body, [use(params[0])], [back, exit]);
  b.jump(back, body, next);
  b.terminate(exit, [], []);
  return b.build();
}

describe('optimising allocator', () => {
  it('keeps a two-address loop without any move', () => {
    const input = loop((b, entry, body) => {
      const [i0, s0, one, i, s, i2, s2] = Array.from({ length: 7 }, () => b.vreg());
      b.inst(entry, [def(i0)]);
      b.inst(entry, [def(s0)]);
      b.inst(entry, [def(one)]);
      b.inst(body, [use(s, Operand.Any), use(i, Operand.Any), def(s2, reuse(0))]);
      b.inst(body, [use(one, Operand.Any)]);
      b.inst(body, [use(i, Operand.Any), def(i2)]);
      return { init: [i0, s0], params: [i, s], next: [i2, s2] };
    });
    // %i is wanted by the terminator after %i2 is made, so one move (or none) may remain; never memory.
    const output = allocate(input, makeEnv(6, 2));
    const inside = edits(input, output, 1);
    assert.equal(inside.loads + inside.stores, 0);
    assert.ok(inside.moves <= 1, `${inside.moves} moves`);
  });

  it('gives values that live across calls in a loop callee-saved registers', () => {
    const env = makeEnv(8, 4);
    const input = loop((b, entry, body) => {
      const [n0, k, n, n2, r] = Array.from({ length: 5 }, () => b.vreg());
      b.inst(entry, [def(n0)]);
      b.inst(entry, [def(k)]);
      b.inst(body, [use(k, fixed(0)), use(n, fixed(1)), def(r, fixed(0))], [0x0f, 0x0f]);
      b.inst(body, [use(n, Operand.Any), use(r, Operand.Any), def(n2, reuse(0))]);
      return { init: [n0], params: [n], next: [n2] };
    });
    const output = allocate(input, env);
    const inside = edits(input, output, 1);
    assert.deepEqual([inside.loads, inside.stores], [0, 0]);
    assert.ok([4, 5, 6, 7].filter((r) => output.regsWritten[r] === 1).length >= 2);
  });

  it('does not save a callee-saved register for a value that gains less than that', () => {
    const b = new InputBuilder();
    const block = b.block();
    const v = b.vreg();
    b.inst(block, [def(v, fixed(0))]);
    b.inst(block, [], [0x0f, 0x0f]);
    b.terminate(block, [use(v, fixed(0))], []);
    const output = allocate(b.build(), makeEnv(8, 4));
    assert.deepEqual(
      [4, 5, 6, 7].filter((r) => output.regsWritten[r] === 1),
      [],
    );
    assert.equal(output.numEdits, 2);
  });

  it('spills what is used outside a loop, not what the loop uses', () => {
    const env = makeEnv(4, 2);
    const input = loop((b, entry, body, exit) => {
      const cold = Array.from({ length: 6 }, () => b.vreg());
      const [x0, y, z, x, x2] = Array.from({ length: 5 }, () => b.vreg());
      for (const v of [x0, y, z, ...cold]) b.inst(entry, [def(v)]);
      b.inst(body, [use(x), use(y), use(z), def(x2)]);
      for (const v of cold) b.inst(exit, [use(v)]);
      return { init: [x0], params: [x], next: [x2] };
    });
    const output = allocate(input, env);
    const inside = edits(input, output, 1);
    assert.deepEqual([inside.loads, inside.stores], [0, 0]);
    assert.ok(edits(input, output, 0).stores >= 4);
  });

  it('stores a value once even if it is reloaded often', () => {
    const b = new InputBuilder();
    const block = b.block();
    const v = b.vreg();
    b.inst(block, [def(v)]);
    for (let k = 0; k < 10; k++) {
      b.inst(block, [], [0x0f, 0x0f]);
      b.inst(block, [use(v)]);
    }
    b.terminate(block, [], []);
    const input = b.build();
    const env = { ...makeEnv(4, 4), calleeSaved: new Uint8Array(64) };
    const output = allocate(input, env);
    assert.deepEqual(edits(input, output, 0), { loads: 10, stores: 1, moves: 0 });
  });

  it('re-emits constants instead of spilling them, and does not define one that is only re-emitted', () => {
    const b = new InputBuilder();
    const block = b.block();
    const v = b.vreg();
    b.constant(block, v);
    for (let k = 0; k < 3; k++) {
      b.inst(block, [], [0x0f, 0x0f]);
      b.inst(block, [use(v)]);
    }
    b.terminate(block, [], []);
    const env = { ...makeEnv(4, 4), calleeSaved: new Uint8Array(64) };
    const output = allocate(b.build(), env);
    assert.equal(output.operandLoc[0], NO_LOCATION);
    assert.equal(output.numEdits, 3);
    for (let e = 0; e < 3; e++) assert.equal(output.editFrom[e], REMAT_BASE + v);
    assert.equal(output.numSlots, 0);
  });

  it('shares slots between values whose lives are disjoint', () => {
    const b = new InputBuilder();
    const block = b.block();
    for (let k = 0; k < 20; k++) {
      const v = b.vreg();
      b.inst(block, [def(v)]);
      b.inst(block, [], [0x0f, 0x0f]);
      b.inst(block, [use(v)]);
    }
    b.terminate(block, [], []);
    const env = { ...makeEnv(4, 4), calleeSaved: new Uint8Array(64) };
    assert.equal(allocate(b.build(), env).numSlots, 1);
  });

  it('gives the busiest slots the lowest numbers where that matters', () => {
    // Value k is used k + 1 times, each time behind a clobber of all registers.
    const VALUES = 6;
    const slotsOf = (nearSlots: number): number[] => {
      const b = new InputBuilder();
      const block = b.block();
      const values = Array.from({ length: VALUES }, () => b.vreg());
      for (const v of values) b.inst(block, [def(v)]);
      for (let round = VALUES; round > 0; round--)
        for (let k = VALUES - round; k < VALUES; k++) {
          b.inst(block, [], [0x0f, 0x0f]);
          b.inst(block, [use(values[k])]);
        }
      b.terminate(block, [], []);
      const input = b.build();
      const env = { ...makeEnv(4, 4), calleeSaved: new Uint8Array(64), nearSlots };
      const output = allocate(input, env);
      assert.equal(output.numSlots, VALUES);
      // The first edits are the stores, in the order of definitions.
      return Array.from(output.editTo.subarray(0, VALUES), (slot) => slot - SLOT_BASE);
    };
    assert.deepEqual(slotsOf(2), [5, 4, 3, 2, 1, 0]);
    assert.deepEqual(slotsOf(0), [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(slotsOf(VALUES), [0, 1, 2, 3, 4, 5]);
  });

  it('gives the same output for the same input', () => {
    const env = makeEnv(6, 6);
    const input = generate(3, { env, size: 500, branchiness: 0.5 });
    const first = Array.from(
      allocateBundles(input, env).operandLoc.subarray(0, input.operandStart[input.numInsts]),
    );
    allocateBundles(generate(4, { env, size: 200 }), env);
    const second = Array.from(
      allocateBundles(input, env).operandLoc.subarray(0, input.operandStart[input.numInsts]),
    );
    assert.deepEqual(first, second);
  });

  it('does work that grows linearly with the function', function () {
    this.timeout(60_000);
    const env = makeEnv(13, 15);
    for (const branchiness of [0, 0.4]) {
      const perInst: number[] = [];
      for (const size of [2000, 8000, 32000]) {
        const input = generate(9, { env, size, branchiness, calls: 0.1, far: 0.2, window: 60 });
        const output = allocate(input, env);
        assert.ok(output.numEdits > 0);
        perInst.push(bundleStatistics.work / input.numInsts);
      }
      assert.ok(
        perInst[2] < 2 * perInst[0] && perInst[2] < 200,
        `work per instruction: ${perInst.join(', ')}`,
      );
    }
  });
});
