// Recolouring on random inputs: it never makes the moves dearer, makes most of them cheaper, and leaves no two bundles
// in one place. (Whether allocations are right is the checker's business, in allocators.test.ts.)
import assert from 'node:assert/strict';
import { Liveness } from '../../src/regalloc/liveness.ts';
import { Merger } from '../../src/regalloc/merge.ts';
import { Processor } from '../../src/regalloc/process.ts';
import { RangeIndex } from '../../src/regalloc/range_index.ts';
import { Recolourer } from '../../src/regalloc/recolour.ts';
import { State } from '../../src/regalloc/state.ts';
import { generate, makeEnv } from './generate.ts';

const INPUTS = 150;

/** Asserts that the ranges in each register are disjoint, and returns how many there are. */
function checkDisjoint(state: State): number {
  const byReg = new Map<number, number[]>();
  for (let r = 0; r < state.rangeFrom.length; r++) {
    const bundle = state.rangeBundle.data[r];
    if (bundle < 0) continue;
    const reg = state.bundleReg.data[bundle];
    assert.ok(reg >= 0);
    byReg.set(reg, [...(byReg.get(reg) ?? []), r]);
  }
  let count = 0;
  for (const ranges of byReg.values()) {
    ranges.sort((a, b) => state.rangeFrom.data[a] - state.rangeFrom.data[b]);
    count += ranges.length;
    for (let k = 1; k < ranges.length; k++)
      assert.ok(state.rangeTo.data[ranges[k - 1]] <= state.rangeFrom.data[ranges[k]]);
  }
  return count;
}

describe('recolouring', () => {
  it('makes moves cheaper and keeps registers apart', () => {
    const state = new State();
    const liveness = new Liveness();
    const merger = new Merger();
    const processor = new Processor();
    const index = new RangeIndex();
    const recolourer = new Recolourer();
    let cheaper = 0;
    let moved = 0;
    let saved = 0;
    for (let seed = 1; seed <= INPUTS; seed++) {
      const env = makeEnv(4 + (seed % 7), 4 + (seed % 5));
      const input = generate(seed, { env, size: 400, branchiness: 0.3 });
      state.reset(input, env);
      assert.ok(liveness.run(state, Infinity));
      merger.run(state);
      assert.ok(processor.run(state, Infinity));
      index.build(state);
      recolourer.collectPairs(state, index);
      const before = recolourer.cost(state);
      const ranges = checkDisjoint(state);
      recolourer.run(state, processor.occupancy, index);
      const after = recolourer.cost(state);
      assert.ok(after <= before, `seed ${seed}: ${after} > ${before}`);
      assert.equal(after < before, recolourer.moved > 0, `seed ${seed}`);
      assert.equal(checkDisjoint(state), ranges);
      if (after < before) cheaper++;
      moved += recolourer.moved;
      saved += before > 0 ? 1 - after / before : 0;
    }
    assert.ok(cheaper > INPUTS / 2, `${cheaper} of ${INPUTS} cheaper`);

    console.log(
      `# ${cheaper} of ${INPUTS} cheaper, ${moved} moves of bundles, ${Math.round((saved / INPUTS) * 100)} % less`,
    );
  });
});
