// Stage 5: spill slots. A spill set gets a slot if one of its ranges lives in memory or an operand asks for it. Slots are shared by sets
// whose extents (first to last point of all their ranges) are disjoint: sorted by start, a slot is free again after the end
// of its last owner. 8-byte and 16-byte slots do not mix.
import { IntColumn } from '../support/int_column.ts';
import { RegClass } from './door.ts';
import type { SlotCounter } from './edits.ts';
import type { State } from './state.ts';

/** Reusable memory of the stage. */
export class SlotAssigner {
  private readonly from = new IntColumn(256);
  private readonly to = new IntColumn(256);
  private readonly needs = new IntColumn(256);

  run(state: State, slots: SlotCounter): void {
    const numSets = state.setSlot.length;
    this.from.length = 0;
    this.to.length = 0;
    this.needs.length = 0;
    this.from.resize(numSets, 0x7fffffff);
    this.to.resize(numSets, 0);
    this.needs.resize(numSets, 0);
    const from = this.from.data;
    const to = this.to.data;
    const needs = this.needs.data;
    const count = state.rangeFrom.length;
    for (let r = 0; r < count; r++) {
      const v = state.rangeVReg.data[r];
      const set = state.vregSet[v];
      if (state.rangeFrom.data[r] < from[set]) from[set] = state.rangeFrom.data[r];
      if (state.rangeTo.data[r] > to[set]) to[set] = state.rangeTo.data[r];
      if (state.rangeBundle.data[r] < 0 && state.vregRemat[v] === 0) needs[set] = 1;
      if (state.vregInSlot[v] !== 0) needs[set] = 1;
    }
    let numNeeding = 0;
    for (let set = 0; set < numSets; set++) if (needs[set] !== 0) numNeeding++;
    const order = new Float64Array(numNeeding);
    for (let set = 0, n = 0; set < numSets; set++)
      if (needs[set] !== 0) order[n++] = from[set] * 67108864 + set;
    order.sort();
    const small = new ActiveSlots();
    const wide = new ActiveSlots();
    for (let n = 0; n < numNeeding; n++) {
      const set = order[n] % 67108864;
      const regClass = state.setClass.data[set];
      const active = regClass === RegClass.Vec ? wide : small;
      state.setSlot.data[set] = active.take(from[set], to[set], regClass, slots);
    }
  }
}

/** Slots in use, a heap by the end of their owner's extent. */
class ActiveSlots {
  private readonly end = new IntColumn(64);
  private readonly slot = new IntColumn(64);

  /** A slot for [from, to): the one that became free first, or a new one. */
  take(from: number, to: number, regClass: number, slots: SlotCounter): number {
    if (this.end.length > 0 && this.end.data[0] <= from) {
      const slot = this.slot.data[0];
      this.sink(to, slot);
      return slot;
    }
    const slot = slots.allocate(regClass);
    let k = this.end.push(to);
    this.slot.push(slot);
    while (k > 0 && this.end.data[(k - 1) >> 1] > to) {
      const parent = (k - 1) >> 1;
      this.end.data[k] = this.end.data[parent];
      this.slot.data[k] = this.slot.data[parent];
      k = parent;
    }
    this.end.data[k] = to;
    this.slot.data[k] = slot;
    return slot;
  }

  /** Replaces the root. */
  private sink(to: number, slot: number): void {
    const end = this.end.data;
    const n = this.end.length;
    let k = 0;
    for (;;) {
      let child = 2 * k + 1;
      if (child >= n) break;
      if (child + 1 < n && end[child + 1] < end[child]) child++;
      if (end[child] >= to) break;
      end[k] = end[child];
      this.slot.data[k] = this.slot.data[child];
      k = child;
    }
    end[k] = to;
    this.slot.data[k] = slot;
  }
}
