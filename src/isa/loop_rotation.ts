// The order in which blocks are written: that of VCode, but what ends in an unconditional jump back to the head of a loop
// stands before the head and falls into it, so that an iteration has one jump less. The loop is then entered by a jump.
//
// Registers are allocated for the order of VCode, where definitions stand before their uses.
import { room } from '../ir/cfg.ts';
import { numSuccs } from './vcode.ts';
import type { VCode } from './vcode.ts';

export class LoopRotation {
  /** Blocks in order of writing, by `compute`. */
  order: Int32Array = new Int32Array(64);
  private next: Int32Array = new Int32Array(64);
  private prev: Int32Array = new Int32Array(64);

  compute(vcode: VCode): void {
    const n = vcode.numBlocks;
    this.order = room(this.order, n);
    this.next = room(this.next, n + 1);
    this.prev = room(this.prev, n + 1);
    const { order, next, prev } = this;
    for (let b = 0; b <= n; b++) {
      next[b] = b + 1;
      prev[b] = b - 1;
    }
    for (let b = 1; b < n; b++) this.rotate(vcode, b);
    for (let b = 0, k = 0; b < n; b = next[b]) order[k++] = b;
  }

  /** Moves the blocks that end in `last`, if that jumps back and it pays. */
  private rotate(vcode: VCode, last: number): void {
    const { next, prev } = this;
    const { succStart, succs, blockFreq } = vcode;
    if (numSuccs(vcode, last) !== 1) return;
    const head = succs[succStart[last]];
    if (head > last || head === 0 || next[last] === head) return;
    // With the blocks that fall into it.
    let first = last;
    while (first !== head && numSuccs(vcode, prev[first]) === 1 && succs[succStart[prev[first]]] === first)
      first = prev[first];
    if (first === head) return;
    const entry = prev[head];
    const before = prev[first];
    const after = next[last];
    const cost = fallCost(vcode, entry, head, -1) + fallCost(vcode, before, first, after);
    if (cost >= blockFreq[last]) return;
    next[before] = after;
    prev[after] = before;
    next[entry] = first;
    prev[first] = entry;
    next[last] = head;
    prev[head] = last;
  }
}

/** How often the jump is run that is needed if `to` no longer stands behind `from` but `behind` does. */
function fallCost(vcode: VCode, from: number, to: number, behind: number): number {
  const { succStart, succs, blockFreq } = vcode;
  const at = succStart[from];
  const count = numSuccs(vcode, from);
  if (count === 1) return succs[at] === to ? blockFreq[from] : 0;
  // Tables do not fall through, branches on conditions either way.
  if (count !== 2 || (succs[at] !== to && succs[at + 1] !== to)) return 0;
  const other = succs[at] === to ? succs[at + 1] : succs[at];
  return other === behind ? 0 : Math.min(blockFreq[other], blockFreq[from] / 2);
}
