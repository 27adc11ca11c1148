// The parallel move resolver: all sets of moves over a few locations, and random larger ones, executed on a model machine.
import assert from 'node:assert/strict';
import { RegClass, REMAT_BASE, SLOT_BASE } from '../../src/regalloc/door.ts';
import { EditList, SlotCounter } from '../../src/regalloc/edits.ts';
import { MoveResolver } from '../../src/regalloc/parallel_moves.ts';
import { Random } from './generate.ts';

const resolver = new MoveResolver();
const edits = new EditList();

interface Move {
  from: number;
  to: number;
  cls: number;
}

/** Resolves and executes the moves; every location outside the set and the free registers must be unchanged. */
function check(moves: Move[], freeInt: number, freeVec: number, usedSlots: number): number {
  edits.clear();
  const slots = new SlotCounter();
  slots.units = usedSlots;
  for (const m of moves) resolver.add(m.from, m.to, m.cls);
  resolver.resolve(10, freeInt, freeVec, 0, 32, edits, slots);
  const machine = new Map<number, string>();
  const read = (at: number): string => machine.get(at) ?? (at >= REMAT_BASE ? `remat${at}` : `old${at}`);
  for (let e = 0; e < edits.length; e++) {
    const from = edits.from.data[e];
    const to = edits.to.data[e];
    assert.ok(to < SLOT_BASE || from < SLOT_BASE, 'no move from memory to memory');
    assert.equal(edits.point.data[e], 10);
    assert.equal(to < SLOT_BASE && to >= 32 ? 1 : 0, to < SLOT_BASE && edits.cls[e] !== RegClass.Int ? 1 : 0);
    machine.set(to, read(from));
  }
  const expected = new Map(moves.map((m) => [m.to, m.from]));
  for (const [to, from] of expected) {
    assert.equal(
      read(to),
      from >= REMAT_BASE ? `remat${from}` : `old${from}`,
      `location ${to} of ${JSON.stringify(moves)}`,
    );
  }
  for (const at of machine.keys()) {
    const isFree =
      at < 32
        ? (freeInt >> at) & 1
        : at < SLOT_BASE
          ? (freeVec >> (at - 32)) & 1
          : at >= SLOT_BASE + usedSlots;
    if (!expected.has(at) && !isFree)
      assert.equal(read(at), `old${at}`, `location ${at} is changed by ${JSON.stringify(moves)}`);
  }
  return edits.length;
}

describe('parallel moves', () => {
  it('does every set of moves over five locations, with and without a free register', () => {
    // Two registers, two slots and a constant as sources; two registers and two slots as destinations.
    const places = [0, 1, SLOT_BASE, SLOT_BASE + 1];
    const sources = [-1, ...places, REMAT_BASE + 7];
    let sets = 0;
    for (let code = 0; code < 6 ** 4; code++) {
      const moves: Move[] = [];
      for (let k = 0, rest = code; k < 4; k++, rest = Math.floor(rest / 6)) {
        if (sources[rest % 6] >= 0 && sources[rest % 6] !== places[k])
          moves.push({ from: sources[rest % 6], to: places[k], cls: RegClass.Int });
      }
      for (const free of [0, 1 << 5, 3]) check(moves, free, 0, 2);
      sets++;
    }
    assert.equal(sets, 1296);
  });

  it('does random sets over both files, all classes', () => {
    const random = new Random(5);
    for (let round = 0; round < 3000; round++) {
      const ints = 1 + random.below(5);
      const vecs = 1 + random.below(5);
      // Units 0..7: 8-byte slots of integers; 8..15: of floats; 16..31: 16-byte slots.
      const pools = [
        [...Array.from({ length: ints }, (_, k) => k), ...Array.from({ length: 8 }, (_, k) => SLOT_BASE + k)],
        [
          ...Array.from({ length: vecs }, (_, k) => 32 + k),
          ...Array.from({ length: 8 }, (_, k) => SLOT_BASE + 8 + k),
        ],
        [
          ...Array.from({ length: vecs }, (_, k) => 42 + k),
          ...Array.from({ length: 8 }, (_, k) => SLOT_BASE + 16 + 2 * k),
        ],
      ];
      const moves: Move[] = [];
      pools.forEach((pool, cls) => {
        for (const to of pool) {
          if (!random.chance(0.6)) continue;
          const from = random.chance(0.1) ? REMAT_BASE + random.below(9) : pool[random.below(pool.length)];
          moves.push({ from, to, cls });
        }
      });
      check(moves, random.chance(0.5) ? 0 : 1 << 20, random.chance(0.5) ? 0 : 1 << 20, 32);
    }
  });

  it('needs n moves for a chain, n + 1 for a cycle with a free register, and ignores repetition', () => {
    const cycle = [0, 1, 2, 3].map((k) => ({ from: k, to: (k + 1) % 4, cls: RegClass.Int }));
    assert.equal(check(cycle, 1 << 9, 0, 0), 5);
    assert.equal(check(cycle.slice(1), 0, 0, 0), 3);
    assert.equal(check([cycle[0], cycle[0]], 0, 0, 0), 1);
  });

  it('rejects two values for one location', () => {
    resolver.add(0, 2, RegClass.Int);
    resolver.add(1, 2, RegClass.Int);
    assert.throws(() => resolver.resolve(0, 0, 0, 0, 32, edits, new SlotCounter()), /two parallel moves/);
    resolver.reset();
  });
});
