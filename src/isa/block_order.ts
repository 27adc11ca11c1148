// Blocks of VCode: which IR edges need a block of their own, and the layout order.
//
// An edge gets a block when its source has several successors and the edge passes arguments or its target has several
// predecessors (critical edges). Edges of one br_table with equal target and arguments share one.
// Order: reverse postorder with every loop contiguous; blocks marked cold, or that surely trap, at the end. A block of
// an edge stands behind its source (behind the cold blocks if it leads to one).
// Output: the block columns of VCode (but instructions, parameters and arguments), and the maps from IR to VCode.
import { Cfg, edgeCount, firstEdge, room } from '../ir/cfg.ts';
import { Dominators } from '../ir/dominators.ts';
import { Frequencies } from '../ir/frequency.ts';
import type { Block, Edge, Func } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Loops } from '../ir/loops.ts';
import { IntColumn } from '../support/int_column.ts';
import type { VCode } from './vcode.ts';

export class BlockOrder {
  readonly cfg = new Cfg();
  readonly doms = new Dominators();
  readonly loops = new Loops();
  readonly freqs = new Frequencies();
  /** VCode block of each IR block. */
  vblock: Int32Array = new Int32Array(64);
  /** VCode block to which each IR edge leads: a block of its own, or its target's. */
  edgeVBlock: Int32Array = new Int32Array(64);
  /** 1 if the edge has a block of its own; the first of those that share it. */
  edgeOwnsBlock: Int32Array = new Int32Array(64);
  /** IR edge of a VCode block that was made from one. */
  vblockEdge: Int32Array = new Int32Array(64);

  /** Representative of an edge that shares its block. */
  private shared: Int32Array = new Int32Array(64);
  /** Last representative edge of the current br_table to a block; stamp says for which one. */
  private lastEdge: Int32Array = new Int32Array(64);
  private lastStamp: Int32Array = new Int32Array(64);
  private chain: Int32Array = new Int32Array(64);
  /** Layout items: IR block, or -1 - loop. Lists of the loops (last: outside all). */
  private readonly itemNext = new IntColumn(64);
  private readonly itemValue = new IntColumn(64);
  private listFirst: Int32Array = new Int32Array(16);
  private listLast: Int32Array = new Int32Array(16);
  private readonly sequence = new IntColumn(64);
  private readonly coldEdges = new IntColumn(16);
  private readonly stack = new IntColumn(16);

  compute(f: Func, vcode: VCode): void {
    const { cfg } = this;
    cfg.compute(f);
    this.doms.compute(f.numBlocks, cfg);
    this.loops.compute(f.numBlocks, cfg, this.doms);
    this.freqs.compute(f, cfg, this.loops);
    this.vblock = room(this.vblock, f.numBlocks);
    this.lastEdge = room(this.lastEdge, f.numBlocks);
    this.lastStamp = room(this.lastStamp, f.numBlocks);
    this.lastStamp.fill(-1, 0, f.numBlocks);
    this.edgeVBlock = room(this.edgeVBlock, f.numEdges);
    this.edgeOwnsBlock = room(this.edgeOwnsBlock, f.numEdges);
    this.edgeOwnsBlock.fill(0, 0, f.numEdges);
    this.shared = room(this.shared, f.numEdges);
    this.chain = room(this.chain, f.numEdges);
    const split = this.splitEdges(f);
    this.layout(f);
    this.number(f, vcode, split);
    this.connect(f, vcode);
  }

  /** Finds the edges that need blocks; returns their number. */
  private splitEdges(f: Func): number {
    const { cfg, lastEdge, lastStamp, shared, chain, edgeOwnsBlock } = this;
    let split = 0;
    for (let i = 0; i < cfg.rpoLength; i++) {
      const b = cfg.rpo[i];
      const count = edgeCount(f, b);
      const first = firstEdge(f, b);
      for (let e = first; e < first + count; e++) {
        shared[e] = e;
        if (count === 1) continue;
        const to = f.edgeTo[e];
        if (f.edgeArgCount[e] === 0 && cfg.numPreds(to) === 1) continue;
        if (count > 2) {
          let same = lastStamp[to] === b ? lastEdge[to] : NONE;
          while (same !== NONE && !sameArgs(f, same, e)) same = chain[same];
          if (same !== NONE) {
            shared[e] = same;
            continue;
          }
          chain[e] = lastStamp[to] === b ? lastEdge[to] : NONE;
          lastEdge[to] = e;
          lastStamp[to] = b;
        }
        edgeOwnsBlock[e] = 1;
        split++;
      }
    }
    return split;
  }

  /** Fills `sequence` with the IR blocks in layout order. */
  private layout(f: Func): void {
    const { cfg, loops, freqs, itemNext, itemValue, sequence, stack } = this;
    const root = loops.count;
    this.listFirst = room(this.listFirst, root + 2);
    this.listLast = room(this.listLast, root + 2);
    this.listFirst.fill(NONE, 0, root + 2);
    itemNext.clear();
    itemValue.clear();
    const header = loops.header.data;
    for (let i = 0; i < cfg.rpoLength; i++) {
      const b = cfg.rpo[i];
      const innermost = loops.loopOf[b];
      const isHeader = innermost !== NONE && header[innermost] === b;
      if (isHeader) {
        const parent = loops.parent.data[innermost];
        this.append(parent === NONE ? root : parent, -1 - innermost);
      }
      if (freqs.cold[b] === 1 && b !== 0 && !isHeader) this.append(root + 1, b);
      else this.append(innermost === NONE ? root : innermost, b);
    }
    sequence.clear();
    for (let list = root; list <= root + 1; list++) {
      let item = this.listFirst[list];
      stack.clear();
      while (item !== NONE || stack.length > 0) {
        if (item === NONE) {
          item = stack.data[--stack.length];
          continue;
        }
        const value = itemValue.data[item];
        if (value >= 0) {
          sequence.push(value);
          item = itemNext.data[item];
        } else {
          stack.push(itemNext.data[item]);
          item = this.listFirst[-1 - value];
        }
      }
    }
    if (sequence.length !== cfg.rpoLength) throw new Error(`function ${f.index}: layout lost a block`);
  }

  private append(list: number, value: number): void {
    const item = this.itemValue.push(value);
    this.itemNext.push(NONE);
    if (this.listFirst[list] === NONE) this.listFirst[list] = item;
    else this.itemNext.data[this.listLast[list]] = item;
    this.listLast[list] = item;
  }

  private number(f: Func, vcode: VCode, split: number): void {
    const { cfg, loops, freqs, sequence, vblock, coldEdges } = this;
    vcode.reserveBlocks(cfg.rpoLength + split, f.numEdges + split);
    this.vblockEdge = room(this.vblockEdge, cfg.rpoLength + split);
    coldEdges.clear();
    let n = 0;
    for (let s = 0; s < sequence.length; s++) {
      const b = sequence.data[s];
      vblock[b] = n;
      this.vblockEdge[n] = NONE;
      vcode.irBlock[n] = b;
      vcode.loopDepth[n] = loops.blockDepth(b);
      vcode.blockFreq[n] = freqs.frequency[b];
      n++;
      const count = edgeCount(f, b);
      if (count < 2) continue;
      const first = firstEdge(f, b);
      const next = s + 1 < sequence.length ? sequence.data[s + 1] : NONE;
      // The one that leads to the next block comes last.
      for (let pass = 0; pass < 2; pass++) {
        for (let e = first; e < first + count; e++) {
          if (this.edgeOwnsBlock[e] === 0) continue;
          const to = f.edgeTo[e];
          if ((to === next) !== (pass === 1)) continue;
          if (freqs.cold[to] === 1 && freqs.cold[b] === 0) coldEdges.push(e);
          else n = this.edgeBlock(f, vcode, e, b, n);
        }
      }
    }
    for (let k = 0; k < coldEdges.length; k++) n = this.edgeBlock(f, vcode, coldEdges.data[k], NONE, n);
  }

  private edgeBlock(f: Func, vcode: VCode, edge: Edge, from: Block, n: number): number {
    const to = f.edgeTo[edge];
    vcode.irBlock[n] = NONE;
    this.vblockEdge[n] = edge;
    this.edgeVBlock[edge] = n;
    const toDepth = this.loops.blockDepth(to);
    const fromDepth = from === NONE ? toDepth : this.loops.blockDepth(from);
    vcode.loopDepth[n] = Math.min(fromDepth, toDepth);
    const toFreq = this.freqs.frequency[to];
    vcode.blockFreq[n] = from === NONE ? toFreq : Math.min(toFreq, this.freqs.frequency[from] / 2);
    return n + 1;
  }

  /** Successor and predecessor lists. */
  private connect(f: Func, vcode: VCode): void {
    const { vblock, shared, edgeOwnsBlock, edgeVBlock, vblockEdge } = this;
    const { succStart, predStart, numBlocks } = vcode;
    let s = 0;
    predStart.fill(0, 0, numBlocks + 1);
    for (let n = 0; n < numBlocks; n++) {
      succStart[n] = s;
      const b = vcode.irBlock[n];
      if (b === NONE) {
        vcode.succs[s++] = vblock[f.edgeTo[vblockEdge[n]]];
        continue;
      }
      const count = edgeCount(f, b);
      if (count === 0) continue;
      const first = firstEdge(f, b);
      for (let e = first; e < first + count; e++) {
        const to = shared[e];
        if (edgeOwnsBlock[to] === 0) edgeVBlock[e] = vblock[f.edgeTo[e]];
        else edgeVBlock[e] = edgeVBlock[to];
        if (to === e) vcode.succs[s++] = edgeVBlock[e];
      }
    }
    succStart[numBlocks] = s;
    for (let k = 0; k < s; k++) predStart[vcode.succs[k]]++;
    for (let n = 1; n <= numBlocks; n++) predStart[n] += predStart[n - 1];
    for (let n = numBlocks - 1; n >= 0; n--) {
      for (let k = succStart[n + 1] - 1; k >= succStart[n]; k--) vcode.preds[--predStart[vcode.succs[k]]] = n;
    }
    predStart[numBlocks] = s;
  }
}

function sameArgs(f: Func, a: Edge, b: Edge): boolean {
  const count = f.edgeArgCount[a];
  for (let k = 0; k < count; k++) if (f.edgeArg(a, k) !== f.edgeArg(b, k)) return false;
  return true;
}
