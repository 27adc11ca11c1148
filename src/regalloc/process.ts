// Stage 3: gives each bundle a register or splits it. Longest bundles first; a bundle takes a free register (hints first, then in
// order of preference), else the register whose conflicting bundles all weigh less than it does, evicting them, else it is
// split and its pieces queue up again. Evictions strictly increase weight, splits strictly shorten: it ends.
import { IntColumn } from '../support/int_column.ts';
import type { Location } from './door.ts';
import { fileOf } from './edits.ts';
import { Occupancy } from './occupancy.ts';
import { Splitter } from './split.ts';
import { Entry, MINIMAL_WEIGHT } from './state.ts';
import type { State } from './state.ts';

/** What the first use of a callee-saved register costs: a save and a restore at the frequency of the entry. */
const CALLEE_SAVED_COST = 2;
/** Evictions after which a bundle does not evict others any more. */
const MAX_EVICTIONS = 10;
/** More bundles than there can be: sort keys count lengths in it. */
const BUNDLES = 2 ** 26;

export class Processor {
  readonly occupancy = new Occupancy();
  private readonly splitter = new Splitter();
  private readonly heap = new IntColumn(256);
  private readonly victims = new IntColumn(16);
  private readonly used = new Uint8Array(64);
  /** Counts of the last run, for tests and benchmarks. */
  evictions = 0;
  splits = 0;

  /** False if some bundle that must have a register got none, or the work exceeded the limit. */
  run(state: State, limit: number): boolean {
    this.occupancy.reset(state);
    this.used.fill(0);
    this.heap.clear();
    this.evictions = 0;
    this.splits = 0;
    const count = state.bundleFirst.length;
    const order = new Float64Array(count);
    let n = 0;
    for (let b = 0; b < count; b++) {
      if (state.bundleFirst.data[b] < 0 || this.isPassedConstant(state, b)) continue;
      state.summarise(b);
      order[n++] = b - state.bundleLength.data[b] * BUNDLES;
    }
    // The bundles at hand are sorted once; those that come back or are made by splits wait in a heap.
    const waiting = order.subarray(0, n).sort();
    for (let k = 0; k < n || this.heap.length > 0;) {
      const first = k < n ? ((waiting[k] % BUNDLES) + BUNDLES) % BUNDLES : -1;
      const isFirst = first >= 0 && (this.heap.length === 0 || this.before(state, first, this.heap.data[0]));
      if (isFirst) k++;
      if (!this.place(state, isFirst ? first : this.dequeue(state))) return false;
      if (state.work > limit) return false;
    }
    return true;
  }

  /**
   * Takes a constant that is only passed to a block parameter out of its bundle: the edge makes it where the parameter
   * lies, without a register in between.
   */
  private isPassedConstant(state: State, bundle: number): boolean {
    const r = state.bundleFirst.data[bundle];
    if (r !== state.bundleLast.data[bundle] || state.vregRemat[state.rangeVReg.data[r]] === 0) return false;
    const def = state.vregDef[state.rangeVReg.data[r]];
    for (let u = state.rangeUse.data[r]; u < state.rangeUseEnd.data[r]; u++)
      if (state.useOperand[u] !== Entry.Argument && state.usePoint[u] !== def) return false;
    state.bundleFirst.data[bundle] = -1;
    state.bundleLast.data[bundle] = -1;
    state.rangeBundle.data[r] = -1;
    return true;
  }

  private place(state: State, bundle: number): boolean {
    const set = state.bundleSet.data[bundle];
    const order = state.env.order[fileOf(state.setClass.data[set])];
    const hint = state.bundleHint.data[bundle];
    if (this.tryFree(state, bundle, hint, order)) return true;
    const shared = state.setHint.data[set];
    if (shared !== hint && this.tryFree(state, bundle, shared, order)) return true;
    for (let k = 0; k < order.length; k++) if (this.tryFree(state, bundle, order[k], order)) return true;

    const weight = state.bundleWeight[bundle];
    let best = -1;
    let bestWeight = weight;
    let furthest = -1;
    let furthestReg = -1;
    const mayEvict = state.bundleEvictions.data[bundle] < MAX_EVICTIONS || weight >= MINIMAL_WEIGHT;
    for (let k = 0; k < order.length; k++) {
      const reg = order[k];
      if (!this.pays(state, bundle, reg)) continue;
      const heaviest = this.occupancy.conflicts(state, bundle, reg, mayEvict ? bestWeight : 0);
      if (heaviest < bestWeight) {
        bestWeight = heaviest;
        best = reg;
      } else if (this.occupancy.blockedAt > furthest) {
        furthest = this.occupancy.blockedAt;
        furthestReg = reg;
      }
    }
    if (best >= 0) {
      this.evict(state, bundle, best);
      this.take(state, bundle, best);
      return true;
    }
    if (weight >= MINIMAL_WEIGHT) return false;
    this.splits++;
    this.splitter.split(state, bundle, furthest, furthestReg);
    const pieces = this.splitter.pieces;
    for (let p = 0; p < pieces.length; p++) this.enqueue(state, pieces.data[p]);
    return true;
  }

  private tryFree(state: State, bundle: number, reg: Location, order: Int32Array): boolean {
    if (!this.occupancy.isAllocatable(reg) || reg < 32 !== order[0] < 32) return false;
    if (!this.pays(state, bundle, reg) || !this.occupancy.isFree(state, bundle, reg)) return false;
    this.take(state, bundle, reg);
    return true;
  }

  /** False if the register would have to be saved in the frame for a bundle that gains less than that. */
  private pays(state: State, bundle: number, reg: Location): boolean {
    if (state.env.calleeSaved[reg] === 0 || this.used[reg] !== 0) return true;
    return (
      state.bundleBenefit[bundle] > CALLEE_SAVED_COST || state.bundleWeight[bundle] >= MINIMAL_WEIGHT / 2
    );
  }

  private take(state: State, bundle: number, reg: Location): void {
    state.bundleReg.data[bundle] = reg;
    state.setHint.data[state.bundleSet.data[bundle]] = reg;
    this.used[reg] = 1;
    this.occupancy.add(state, bundle, reg);
  }

  private evict(state: State, bundle: number, reg: Location): void {
    this.occupancy.conflicts(state, bundle, reg, state.bundleWeight[bundle]);
    const found = this.occupancy.found;
    this.victims.clear();
    for (let k = 0; k < found.length; k++) this.victims.push(found.data[k]);
    for (let k = 0; k < this.victims.length; k++) {
      const victim = this.victims.data[k];
      this.occupancy.remove(state, victim, reg);
      state.bundleReg.data[victim] = -1;
      state.bundleEvictions.data[victim]++;
      this.evictions++;
      this.enqueue(state, victim);
    }
  }

  /** True if a goes before b: longer first, then older first (for determinism). */
  private before(state: State, a: number, b: number): boolean {
    const length = state.bundleLength.data;
    return length[a] !== length[b] ? length[a] > length[b] : a < b;
  }

  private enqueue(state: State, bundle: number): void {
    let k = this.heap.push(bundle);
    const heap = this.heap.data;
    while (k > 0) {
      const parent = (k - 1) >> 1;
      if (!this.before(state, bundle, heap[parent])) break;
      heap[k] = heap[parent];
      k = parent;
    }
    heap[k] = bundle;
  }

  private dequeue(state: State): number {
    const heap = this.heap.data;
    const top = heap[0];
    const last = heap[--this.heap.length];
    const n = this.heap.length;
    let k = 0;
    for (;;) {
      let child = 2 * k + 1;
      if (child >= n) break;
      if (child + 1 < n && this.before(state, heap[child + 1], heap[child])) child++;
      if (!this.before(state, heap[child], last)) break;
      heap[k] = heap[child];
      k = child;
    }
    heap[k] = last;
    return top;
  }
}
