// The control flow graph of a function: reverse postorder of the reachable blocks and their predecessors.
//
// Input: a Func whose reachable blocks all end in a terminator. Output: columns indexed by block or by position;
// they may be longer than used and are reused by the next `compute`. Unreachable blocks have rpoIndex -1 and
// no predecessors, and are nobody's predecessor.
import type { Block, Func } from './func.ts';
import { NONE } from './func.ts';
import { Imm, OPS } from './opcodes.ts';

/** 1 for each Op that owns edges, indexed by Op. */
export const OP_HAS_EDGES: Uint8Array = Uint8Array.from(OPS, (o) => (o.imm === Imm.Edges ? 1 : 0));

/** A column of at least `length` entries: the old one if it is long enough (contents undefined). */
export const room = (column: Int32Array, length: number): Int32Array =>
  column.length >= length ? column : new Int32Array(Math.max(length, column.length * 2));

/** Number of successor edges of a block; the first is `firstEdge`. */
export function edgeCount(f: Func, block: Block): number {
  const t = f.blockLast[block];
  return t !== NONE && OP_HAS_EDGES[f.op[t]] === 1 ? f.imm2[t] : 0;
}

/** First successor edge of a block (valid if edgeCount is not 0). */
export const firstEdge = (f: Func, block: Block): number => f.imm[f.blockLast[block]];

export class Cfg {
  /** Reachable blocks in reverse postorder: rpo[0 .. rpoLength). */
  rpo: Int32Array = new Int32Array(64);
  rpoLength = 0;
  /** Position in rpo, -1 for unreachable blocks; indexed by block. */
  rpoIndex: Int32Array = new Int32Array(64);
  /** Predecessors of block b: positions predStart[b] .. predStart[b + 1] of predBlock and predEdge. */
  predStart: Int32Array = new Int32Array(64);
  predBlock: Int32Array = new Int32Array(64);
  predEdge: Int32Array = new Int32Array(64);

  private stack: Int32Array = new Int32Array(64);
  private cursor: Int32Array = new Int32Array(64);

  /** Recomputes everything for `f`. Linear in blocks and edges. */
  compute(f: Func): void {
    const n = f.numBlocks;
    this.rpo = room(this.rpo, n);
    this.rpoIndex = room(this.rpoIndex, n);
    this.predStart = room(this.predStart, n + 2);
    this.stack = room(this.stack, n);
    this.cursor = room(this.cursor, n);
    this.postorder(f);
    this.predecessors(f);
  }

  reachable(block: Block): boolean {
    return this.rpoIndex[block] >= 0;
  }

  /** Number of predecessor edges of a block. */
  numPreds(block: Block): number {
    return this.predStart[block + 1] - this.predStart[block];
  }

  /** Depth-first search, last edge first, so that the first successor tends to follow its block. */
  private postorder(f: Func): void {
    const n = f.numBlocks;
    const { rpo, rpoIndex, stack, cursor } = this;
    rpoIndex.fill(-1, 0, n);
    this.rpoLength = 0;
    if (n === 0) return;
    let fill = n;
    let depth = 1;
    stack[0] = 0;
    rpoIndex[0] = 0;
    cursor[0] = edgeCount(f, 0);
    while (depth > 0) {
      const b = stack[depth - 1];
      if (cursor[b] > 0) {
        const to = f.edgeTo[firstEdge(f, b) + --cursor[b]];
        if (rpoIndex[to] < 0) {
          rpoIndex[to] = 0;
          cursor[to] = edgeCount(f, to);
          stack[depth++] = to;
        }
      } else {
        depth--;
        rpo[--fill] = b;
      }
    }
    const length = n - fill;
    if (fill > 0) rpo.copyWithin(0, fill, n);
    for (let i = 0; i < length; i++) rpoIndex[rpo[i]] = i;
    this.rpoLength = length;
  }

  /** Counting sort of the edges by target; predecessors stand in reverse postorder. */
  private predecessors(f: Func): void {
    const n = f.numBlocks;
    const { rpo, rpoLength, predStart } = this;
    predStart.fill(0, 0, n + 2);
    let total = 0;
    for (let i = 0; i < rpoLength; i++) {
      const b = rpo[i];
      const count = edgeCount(f, b);
      if (count === 0) continue;
      const first = firstEdge(f, b);
      for (let e = first; e < first + count; e++) predStart[f.edgeTo[e] + 2]++;
      total += count;
    }
    // predStart[b + 1] is the fill position of b while the lists are written, its end afterwards.
    for (let b = 0; b < n; b++) predStart[b + 2] += predStart[b + 1];
    this.predBlock = room(this.predBlock, total);
    this.predEdge = room(this.predEdge, total);
    const { predBlock, predEdge } = this;
    for (let i = 0; i < rpoLength; i++) {
      const b = rpo[i];
      const count = edgeCount(f, b);
      if (count === 0) continue;
      const first = firstEdge(f, b);
      for (let e = first; e < first + count; e++) {
        const at = predStart[f.edgeTo[e] + 1]++;
        predBlock[at] = b;
        predEdge[at] = e;
      }
    }
  }
}
