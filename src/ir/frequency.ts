// A static estimate of how often each block runs, relative to one run of the function.
//
// Each loop multiplies by LOOP_FACTOR; an edge that leaves a loop is LOOP_FACTOR - 1 times less likely than one
// that stays (so that as many runs leave a loop with one exit as enter it); an edge to a block that surely ends in a trap or is marked cold is COLD_FACTOR times less likely.
// Of two ways, one with a call in its first block is CALL_FACTOR times less likely than one without.
// (In the spirit of Ball and Larus, "Branch Prediction for Free", 1993.) Frequencies lie in [1e-12, 1e12].
import type { Cfg } from './cfg.ts';
import { edgeCount, firstEdge } from './cfg.ts';
import type { Func } from './func.ts';
import { BlockFlag, NONE } from './func.ts';
import type { Loops } from './loops.ts';
import { Effect, Op, OP_EFFECTS } from './opcodes.ts';

const LOOP_FACTOR = 8;
const COLD_FACTOR = 1024;
const CALL_FACTOR = 3.5;
const MIN = 1e-12;
const MAX = 1e12;

export class Frequencies {
  /** Runs of the block for each run of the function, indexed by block; 0 when unreachable. */
  frequency = new Float64Array(64);
  /** 1 for blocks that are marked cold or from which every path leads to a trap or to such a block. */
  cold = new Uint8Array(64);
  /** 1 for blocks with a call. */
  private calls = new Uint8Array(64);

  compute(f: Func, cfg: Cfg, loops: Loops): void {
    const n = f.numBlocks;
    if (this.frequency.length < n) {
      this.frequency = new Float64Array(n * 2);
      this.cold = new Uint8Array(n * 2);
      this.calls = new Uint8Array(n * 2);
    }
    this.frequency.fill(0, 0, n);
    this.findCold(f, cfg);
    this.findCalls(f, cfg);
    const { rpo, rpoLength, rpoIndex } = cfg;
    const { frequency } = this;
    if (rpoLength > 0) frequency[rpo[0]] = 1;
    for (let i = 0; i < rpoLength; i++) {
      const b = rpo[i];
      const loop = loops.loopOf[b];
      let runs = frequency[b];
      if (loop !== NONE && loops.header.data[loop] === b) runs *= LOOP_FACTOR;
      frequency[b] = runs = Math.min(MAX, Math.max(MIN, runs));
      const count = edgeCount(f, b);
      if (count === 0) continue;
      const first = firstEdge(f, b);
      let sum = 0;
      for (let e = first; e < first + count; e++) sum += this.weight(f, loops, loop, e);
      for (let e = first; e < first + count; e++) {
        const to = f.edgeTo[e];
        if (rpoIndex[to] > i) frequency[to] += (runs * this.weight(f, loops, loop, e)) / sum;
      }
    }
  }

  private weight(f: Func, loops: Loops, loop: number, edge: number): number {
    const to = f.edgeTo[edge];
    if (this.cold[to] === 1) return 1 / COLD_FACTOR;
    const likely = this.calls[to] === 1 ? 1 / CALL_FACTOR : 1;
    return loop !== NONE && !loops.contains(loop, to) ? likely / (LOOP_FACTOR - 1) : likely;
  }

  private findCalls(f: Func, cfg: Cfg): void {
    const { calls } = this;
    for (let i = 0; i < cfg.rpoLength; i++) {
      const b = cfg.rpo[i];
      calls[b] = 0;
      // A block that several ways lead to says nothing about any of them.
      if (cfg.numPreds(b) !== 1) continue;
      for (let inst = f.blockFirst[b]; inst !== NONE && calls[b] === 0; inst = f.next[inst])
        if ((OP_EFFECTS[f.op[inst]] & Effect.Call) !== 0) calls[b] = 1;
    }
  }

  private findCold(f: Func, cfg: Cfg): void {
    const { cold } = this;
    cold.fill(0, 0, f.numBlocks);
    for (let i = cfg.rpoLength - 1; i >= 0; i--) {
      const b = cfg.rpo[i];
      if ((f.blockFlags[b] & BlockFlag.Cold) !== 0 || f.op[f.blockLast[b]] === Op.Unreachable) {
        cold[b] = 1;
        continue;
      }
      const count = edgeCount(f, b);
      if (count === 0) continue;
      const first = firstEdge(f, b);
      let all = 1;
      for (let e = first; e < first + count; e++) all &= cold[f.edgeTo[e]];
      cold[b] = all;
    }
  }
}
