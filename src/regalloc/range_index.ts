// The ranges of each vreg by position, once splitting is over: where a vreg lives at a point.
import type { State } from './state.ts';

/** Reusable memory of the index. The columns are public for loops over a vreg's ranges. */
export class RangeIndex {
  /** Ranges of vreg v: ranges[start[v]] to ranges[start[v + 1] - 1], by rising position. */
  start = new Int32Array(0);
  ranges = new Int32Array(0);
  private bucket = new Int32Array(0);
  private chain = new Int32Array(0);

  build(state: State): void {
    const { numVRegs, numInsts } = state.input;
    const count = state.rangeFrom.length;
    const points = 2 * numInsts;
    if (this.start.length < numVRegs + 1) this.start = new Int32Array(numVRegs + (numVRegs >> 1) + 1);
    if (this.ranges.length < count) {
      this.ranges = new Int32Array(count + (count >> 1));
      this.chain = new Int32Array(count + (count >> 1));
    }
    if (this.bucket.length < points) this.bucket = new Int32Array(points + (points >> 1));
    const { start, ranges, bucket, chain } = this;
    start.fill(0, 0, numVRegs + 1);
    bucket.fill(-1, 0, points);
    for (let r = 0; r < count; r++) {
      start[state.rangeVReg.data[r] + 1]++;
      const from = state.rangeFrom.data[r];
      chain[r] = bucket[from];
      bucket[from] = r;
    }
    for (let v = 0; v < numVRegs; v++) start[v + 1] += start[v];
    // Filled back to front; start[v + 1] counts down to the start of v, so shift by one afterwards.
    for (let p = points - 1; p >= 0; p--) {
      for (let r = bucket[p]; r >= 0; r = chain[r]) ranges[--start[state.rangeVReg.data[r] + 1]] = r;
    }
    for (let v = 0; v < numVRegs; v++) start[v] = start[v + 1];
    start[numVRegs] = count;
  }

  /** The range of vreg v that covers a point, or -1. */
  at(state: State, v: number, point: number): number {
    let low = this.start[v];
    let high = this.start[v + 1];
    if (low === high) return -1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (state.rangeFrom.data[this.ranges[middle]] <= point) low = middle;
      else high = middle;
    }
    const range = this.ranges[low];
    return state.rangeFrom.data[range] > point || state.rangeTo.data[range] <= point ? -1 : range;
  }

  /** The bundle of that range, or -1. */
  bundleAt(state: State, v: number, point: number): number {
    const range = this.at(state, v, point);
    return range < 0 ? -1 : state.rangeBundle.data[range];
  }
}
