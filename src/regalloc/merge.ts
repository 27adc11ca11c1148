// Stage 2: merges bundles that a copy joins (moves, reused inputs, branch arguments and parameters) when their ranges are
// disjoint and their classes equal, hottest blocks first. A merged bundle needs no move and shares one slot.
// Bundles of more than MAX_RANGES ranges are left alone: each attempt walks both lists.
import { Operand } from './door.ts';
import type { State } from './state.ts';

const MAX_RANGES = 5000;

/** Reusable memory of the stage. */
export class Merger {
  private bundleOf = new Int32Array(0);
  private count = new Int32Array(0);

  run(state: State): void {
    const { input, info } = state;
    const { numVRegs, numBlocks, blockStart, operandStart, operandVReg, operandInfo } = input;
    if (this.bundleOf.length < numVRegs) {
      this.bundleOf = new Int32Array(numVRegs + (numVRegs >> 1));
      this.count = new Int32Array(numVRegs + (numVRegs >> 1));
    }
    // At this stage bundle v is the bundle of vreg v; bundleOf is a union-find over them.
    for (let v = 0; v < numVRegs; v++) {
      this.bundleOf[v] = v;
      let n = 0;
      for (let r = state.bundleFirst.data[v]; r >= 0; r = state.rangeNext.data[r]) n++;
      this.count[v] = n;
    }
    const order = new Float64Array(numBlocks);
    for (let b = 0; b < numBlocks; b++) order[b] = b - Math.round(input.blockFreq[b] * 64) * 4194304;
    order.sort();
    for (let n = 0; n < numBlocks; n++) {
      const b = ((order[n] % 4194304) + 4194304) % 4194304;
      this.arguments(state, b);
      for (let i = blockStart[b]; i < blockStart[b + 1]; i++) {
        const first = operandStart[i];
        if (state.isMove(i)) {
          this.join(state, operandVReg[first], operandVReg[first + 1]);
          continue;
        }
        for (let k = first; k < operandStart[i + 1]; k++) {
          if ((operandInfo[k] & Operand.ConstraintMask) !== Operand.Reuse) continue;
          // A reused fixed use is the business of the fixed register.
          if ((info[k] & Operand.ConstraintMask) === Operand.Fixed) continue;
          this.join(state, operandVReg[first + (operandInfo[k] >> Operand.PayloadShift)], operandVReg[k]);
        }
      }
    }
    for (let v = 0; v < numVRegs; v++) {
      const bundle = this.find(v);
      state.vregSet[v] = state.bundleSet.data[bundle];
    }
  }

  private arguments(state: State, b: number): void {
    const { args, argStart, params, paramStart, succs, succStart } = state.input;
    const first = argStart[b];
    if (first === argStart[b + 1]) return;
    const to = paramStart[succs[succStart[b]]];
    for (let k = first; k < argStart[b + 1]; k++) this.join(state, args[k], params[to + k - first]);
  }

  private find(v: number): number {
    const parent = this.bundleOf;
    while (parent[v] !== v) {
      parent[v] = parent[parent[v]];
      v = parent[v];
    }
    return v;
  }

  private join(state: State, v: number, w: number): void {
    const a = this.find(v);
    const b = this.find(w);
    const { vregClass } = state.input;
    if (a === b || vregClass[v] !== vregClass[w]) return;
    if (this.count[a] === 0 || this.count[b] === 0 || this.count[a] + this.count[b] > MAX_RANGES) return;
    // Constants are re-emitted one by one; keep them out of longer bundles.
    if (state.vregRemat[v] !== state.vregRemat[w]) return;
    if (!this.disjoint(state, a, b)) return;
    const next = state.rangeNext.data;
    const from = state.rangeFrom.data;
    let x = state.bundleFirst.data[a];
    let y = state.bundleFirst.data[b];
    if (this.isBefore(state, a, b)) x = -1;
    else {
      state.bundleFirst.data[a] = -1;
      state.bundleLast.data[a] = -1;
    }
    while (x >= 0 || y >= 0) {
      if (y < 0 || (x >= 0 && from[x] < from[y])) {
        const after = next[x];
        state.append(a, x);
        x = after;
      } else {
        const after = next[y];
        state.append(a, y);
        y = after;
      }
    }
    state.bundleFirst.data[b] = -1;
    state.bundleLast.data[b] = -1;
    this.bundleOf[b] = a;
    this.count[a] += this.count[b];
  }

  /** Whether all ranges of `a` end before those of `b` begin, so that a long chain of copies costs little to join. */
  private isBefore(state: State, a: number, b: number): boolean {
    return state.rangeTo.data[state.bundleLast.data[a]] <= state.rangeFrom.data[state.bundleFirst.data[b]];
  }

  private disjoint(state: State, a: number, b: number): boolean {
    if (this.isBefore(state, a, b)) return true;
    const next = state.rangeNext.data;
    const from = state.rangeFrom.data;
    const to = state.rangeTo.data;
    let x = state.bundleFirst.data[a];
    let y = state.bundleFirst.data[b];
    while (x >= 0 && y >= 0) {
      state.work++;
      if (to[x] <= from[y]) x = next[x];
      else if (to[y] <= from[x]) y = next[y];
      else return false;
    }
    return true;
  }
}
