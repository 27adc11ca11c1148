// Resolver of parallel moves: a set of moves that happen at once becomes a sequence of legal edits (register <-
// register, register <- slot, slot <- register, register <- remat). Inputs: moves with distinct destinations (a move may be
// added twice), and
// masks of registers that hold nothing of value. Cycles are broken by a free register or, without one, by an emergency slot;
// slot <- slot goes through a free register or through one that is saved and restored.
// Cost is linear in the number of moves. Slots are the same or disjoint (see edits.ts).
import { IntColumn } from '../support/int_column.ts';
import { REMAT_BASE, SLOT_BASE, VEC_BASE } from './door.ts';
import type { Location } from './door.ts';
import { fileOf } from './edits.ts';
import type { EditList, SlotCounter } from './edits.ts';

/** Collects one set of parallel moves at a time; memory is kept from set to set. */
export class MoveResolver {
  private readonly from = new IntColumn(64);
  private readonly to = new IntColumn(64);
  private readonly cls = new IntColumn(64);
  /** Per location: pending moves that read it; the pending move that writes it, or -1. Clean between sets. */
  private readers = new Int32Array(256);
  private writer = new Int32Array(256).fill(-1);
  private readonly ready = new IntColumn(64);
  private readonly free = new Int32Array(2);

  /** Adds the move to <- from of a value of the class; a move to itself is ignored. */
  add(from: Location, to: Location, regClass: number): void {
    if (from === to) return;
    this.from.push(from);
    this.to.push(to);
    this.cls.push(regClass);
  }

  /**
   * Whether the added moves may need a free register: some go from memory to memory, or a register is both read and
   * written, as in a cycle. Otherwise `resolve` may be told of none.
   */
  mayNeedFree(): boolean {
    const from = this.from.data;
    const to = this.to.data;
    let readInt = 0;
    let readVec = 0;
    let writtenInt = 0;
    let writtenVec = 0;
    for (let m = 0; m < this.from.length; m++) {
      if (from[m] >= SLOT_BASE && to[m] >= SLOT_BASE) return true;
      if (from[m] < VEC_BASE) readInt |= 1 << from[m];
      else if (from[m] < SLOT_BASE) readVec |= 1 << (from[m] - VEC_BASE);
      if (to[m] < VEC_BASE) writtenInt |= 1 << to[m];
      else if (to[m] < SLOT_BASE) writtenVec |= 1 << (to[m] - VEC_BASE);
    }
    return (readInt & writtenInt) !== 0 || (readVec & writtenVec) !== 0;
  }

  /** Forgets everything, also what a set that threw an error left behind. */
  reset(): void {
    this.clear();
    this.ready.clear();
    this.readers.fill(0);
    this.writer.fill(-1);
  }

  /**
   * Appends the edits that do all added moves at the point and forgets the moves. freeInt and freeVec have a bit for
   * each allocatable register that is neither live before nor live after the moves; sources and destinations
   * of the set are taken out of them here. saveInt and saveVec name a register of each file that may be saved
   * and restored when nothing is free.
   */
  resolve(
    point: number,
    freeInt: number,
    freeVec: number,
    saveInt: Location,
    saveVec: Location,
    edits: EditList,
    slots: SlotCounter,
  ): void {
    const n = this.from.length;
    if (n === 0) return;
    const from = this.from.data;
    const to = this.to.data;
    const cls = this.cls.data;
    if (n === 1) {
      const src = from[0];
      const dst = to[0];
      if (dst < SLOT_BASE || src < SLOT_BASE) {
        edits.push(point, src, dst, cls[0]);
        this.clear();
        return;
      }
    }
    let max = 0;
    this.free[0] = freeInt;
    this.free[1] = freeVec;
    for (let m = 0; m < n; m++) {
      if (from[m] < REMAT_BASE && from[m] > max) max = from[m];
      if (to[m] > max) max = to[m];
      this.takeFree(from[m]);
      this.takeFree(to[m]);
    }
    this.grow(max + 1);
    const readers = this.readers;
    const writer = this.writer;
    for (let m = 0; m < n; m++) {
      const other = writer[to[m]];
      if (other >= 0) {
        if (from[other] === from[m]) continue;
        throw new Error(`two parallel moves write location ${to[m]}`);
      }
      if (from[m] < REMAT_BASE) readers[from[m]]++;
      writer[to[m]] = m;
    }
    const ready = this.ready;
    for (let m = n - 1; m >= 0; m--) if (readers[to[m]] === 0 && writer[to[m]] === m) ready.push(m);
    this.drain(point, saveInt, saveVec, edits, slots);
    // What is left are disjoint cycles: put aside what the first move of one destroys, then finish that cycle.
    for (let m = 0; m < n; m++) {
      const lost = to[m];
      if (this.writer[lost] !== m) continue;
      const reader = this.cycleReader(m);
      const file = fileOf(cls[reader]);
      let aside = this.lowestFree(file);
      if (aside >= 0) this.free[file] &= ~(1 << (aside & 31));
      else aside = slots.emergencySlot(cls[reader], 0);
      this.grow(aside + 1);
      this.emit(point, lost, aside, cls[reader], saveInt, saveVec, edits, slots);
      this.readers[lost]--;
      this.readers[aside]++;
      from[reader] = aside;
      ready.push(m);
      this.drain(point, saveInt, saveVec, edits, slots);
      if (aside < SLOT_BASE) this.free[file] |= 1 << (aside & 31);
    }
    this.clear();
  }

  /** Does the moves that are ready and those that become ready. */
  private drain(
    point: number,
    saveInt: Location,
    saveVec: Location,
    edits: EditList,
    slots: SlotCounter,
  ): void {
    const ready = this.ready;
    const from = this.from.data;
    const to = this.to.data;
    const cls = this.cls.data;
    const readers = this.readers;
    const writer = this.writer;
    while (ready.length > 0) {
      const m = ready.data[--ready.length];
      const src = from[m];
      this.emit(point, src, to[m], cls[m], saveInt, saveVec, edits, slots);
      writer[to[m]] = -1;
      if (src < REMAT_BASE && --readers[src] === 0 && writer[src] >= 0) ready.push(writer[src]);
    }
  }

  private clear(): void {
    this.from.clear();
    this.to.clear();
    this.cls.clear();
  }

  /** The move of the cycle of m that reads the destination of m: follow writers from the source backwards. */
  private cycleReader(m: number): number {
    const lost = this.to.data[m];
    let k = m;
    while (this.from.data[k] !== lost) k = this.writer[this.from.data[k]];
    return k;
  }

  private grow(size: number): void {
    if (size <= this.readers.length) return;
    const capacity = Math.max(size, this.readers.length * 2);
    const readers = new Int32Array(capacity);
    readers.set(this.readers);
    const writer = new Int32Array(capacity).fill(-1);
    writer.set(this.writer);
    this.readers = readers;
    this.writer = writer;
  }

  private takeFree(location: Location): void {
    if (location < VEC_BASE) this.free[0] &= ~(1 << location);
    else if (location < SLOT_BASE) this.free[1] &= ~(1 << (location - VEC_BASE));
  }

  private lowestFree(file: 0 | 1): Location {
    const mask = this.free[file];
    if (mask === 0) return -1;
    return 31 - Math.clz32(mask & -mask) + (file === 0 ? 0 : VEC_BASE);
  }

  private emit(
    point: number,
    src: Location,
    dst: Location,
    regClass: number,
    saveInt: Location,
    saveVec: Location,
    edits: EditList,
    slots: SlotCounter,
  ): void {
    if (dst < SLOT_BASE || src < SLOT_BASE) {
      edits.push(point, src, dst, regClass);
      return;
    }
    const file = fileOf(regClass);
    const temp = this.lowestFree(file);
    if (temp >= 0) {
      edits.push(point, src, temp, regClass);
      edits.push(point, temp, dst, regClass);
      return;
    }
    // The saved register may hold the widest value of its file.
    const saved = file === 0 ? saveInt : saveVec;
    const saveClass = file === 0 ? 0 : 2;
    const keep = slots.emergencySlot(saveClass, 1);
    edits.push(point, saved, keep, saveClass);
    edits.push(point, src, saved, regClass);
    edits.push(point, saved, dst, regClass);
    edits.push(point, keep, saved, saveClass);
  }
}
