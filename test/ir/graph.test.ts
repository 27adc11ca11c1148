// Reverse postorder, predecessors, dominators, loops and frequencies, on hand-drawn graphs and, against the
// textbook definitions, on random ones.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Cfg } from '../../src/ir/cfg.ts';
import { Dominators } from '../../src/ir/dominators.ts';
import { Frequencies } from '../../src/ir/frequency.ts';
import { Func, NONE } from '../../src/ir/func.ts';
import { Loops } from '../../src/ir/loops.ts';
import { Op } from '../../src/ir/opcodes.ts';
import { Type } from '../../src/ir/types.ts';

/** A function whose block b leads to successors[b]. */
function graph(successors: number[][]): Func {
  const f = new Func();
  successors.forEach(() => f.newBlock());
  successors.forEach((list, b) => {
    const op = list.length === 0 ? Op.Return : list.length === 1 ? Op.Jump : Op.BrTable;
    const first = f.numEdges;
    for (const to of list) f.newEdge(to);
    f.append(b, f.newInst(op, Type.None, list.length === 0 ? 0 : first, list.length));
  });
  return f;
}

function analyse(successors: number[][]) {
  const f = graph(successors);
  const cfg = new Cfg();
  cfg.compute(f);
  const doms = new Dominators();
  doms.compute(f.numBlocks, cfg);
  const loops = new Loops();
  loops.compute(f.numBlocks, cfg, doms);
  const freq = new Frequencies();
  freq.compute(f, cfg, loops);
  return { f, cfg, doms, loops, freq };
}

/** Blocks reachable from block 0 without passing `without`. */
function reach(successors: number[][], without = NONE): Set<number> {
  const seen = new Set<number>();
  const work = without === 0 ? [] : [0];
  while (work.length > 0) {
    const b = work.pop() as number;
    if (seen.has(b)) continue;
    seen.add(b);
    work.push(...successors[b].filter((s) => s !== without));
  }
  return seen;
}

const graphs = fc.integer({ min: 1, max: 12 }).chain((n) =>
  fc.array(fc.array(fc.integer({ min: Math.min(1, n - 1), max: n - 1 }), { maxLength: n === 1 ? 0 : 3 }), {
    minLength: n,
    maxLength: n,
  }),
);

describe('control flow graph', () => {
  it('orders blocks and lists predecessors, reachable ones only', () => {
    fc.assert(
      fc.property(graphs, (successors) => {
        const { cfg } = analyse(successors);
        const live = reach(successors);
        assert.deepEqual(new Set(cfg.rpo.subarray(0, cfg.rpoLength)), live);
        assert.equal(cfg.rpo[0], 0);
        successors.forEach((_, b) => {
          const preds = [...cfg.predBlock.subarray(cfg.predStart[b], cfg.predStart[b + 1])].sort(
            (x, y) => x - y,
          );
          const want = successors.flatMap((list, p) =>
            live.has(p) ? list.filter((s) => s === b).map(() => p) : [],
          );
          assert.deepEqual(preds, live.has(b) ? want : []);
          assert.equal(cfg.rpoIndex[b] >= 0, live.has(b));
        });
      }),
    );
  });

  it('keeps a forward edge forward in reverse postorder of an acyclic graph', () => {
    const { cfg } = analyse([[1, 2], [3], [3], [4, 5], [5], []]);
    for (const [a, b] of [
      [0, 1],
      [1, 3],
      [2, 3],
      [3, 4],
      [4, 5],
    ])
      assert.ok(cfg.rpoIndex[a] < cfg.rpoIndex[b]);
    assert.equal(cfg.rpoIndex[1], 1);
  });
});

describe('dominators', () => {
  it('are the blocks without which a block cannot be reached', () => {
    fc.assert(
      fc.property(graphs, (successors) => {
        const { doms } = analyse(successors);
        const live = reach(successors);
        for (let a = 0; a < successors.length; a++) {
          const without = reach(successors, a);
          for (let b = 0; b < successors.length; b++) {
            assert.equal(doms.dominates(a, b), live.has(a) && live.has(b) && !without.has(b), `${a} ${b}`);
          }
          if (a > 0 && live.has(a)) assert.ok(doms.dominates(doms.idom[a], a) && doms.idom[a] !== a);
        }
        assert.deepEqual(new Set(doms.preorder.subarray(0, doms.count)), live);
      }),
    );
  });
});

describe('loops', () => {
  it('are the natural loops of dominating headers', () => {
    fc.assert(
      fc.property(graphs, (successors) => {
        const { loops, doms } = analyse(successors);
        const live = reach(successors);
        const headers = [...live].filter((h) =>
          [...live].some((p) => successors[p].includes(h) && doms.dominates(h, p)),
        );
        assert.deepEqual(new Set(loops.header.data.subarray(0, loops.count)), new Set(headers));
        for (let l = 0; l < loops.count; l++) {
          const h = loops.header.data[l];
          const body = new Set([h]);
          const work = [...live].filter((p) => successors[p].includes(h) && doms.dominates(h, p));
          while (work.length > 0) {
            const b = work.pop() as number;
            if (body.has(b)) continue;
            body.add(b);
            work.push(...[...live].filter((p) => successors[p].includes(b) && doms.dominates(h, p)));
          }
          successors.forEach((_, b) =>
            assert.equal(loops.contains(l, b), body.has(b), `loop ${h} block ${b}`),
          );
        }
      }),
    );
  });

  it('nest', () => {
    // 1 { 2 { 3 } 4 { } } 5
    const { loops } = analyse([[1], [2], [3], [2, 4], [4, 6], [], [1, 5]]);
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 6].map((b) => loops.blockDepth(b)),
      [0, 1, 2, 2, 2, 0, 1],
    );
    assert.equal(loops.irreducible, false);
  });

  it('tell of irreducible flow', () => {
    assert.equal(analyse([[1, 2], [2], [1, 3], []]).loops.irreducible, true);
  });
});

describe('frequencies', () => {
  it('grow in loops and shrink on the way to a trap', () => {
    const { f, cfg, loops, freq } = analyse([[1], [1, 2], [3, 4], [], []]);
    f.op[f.blockLast[3]] = Op.Unreachable;
    freq.compute(f, cfg, loops);
    assert.ok(freq.frequency[1] > 4);
    assert.ok(freq.frequency[3] < 0.01 && freq.frequency[4] > 0.9);
    assert.deepEqual([...freq.cold.subarray(0, 5)], [0, 0, 0, 1, 0]);
  });
});
