// Occupancy of registers over program points: a bitmap per register for the quick answer "free or not", and, for conflicts, lists
// of the ranges in each chunk of 128 points. What fixed operands and clobbers take stands in bitmaps of its own.
// Cost of adding or removing a range: its length / 128, at least 1.
import { IntColumn } from '../support/int_column.ts';
import { Operand, SLOT_BASE, VEC_BASE } from './door.ts';
import type { Location } from './door.ts';
import type { State } from './state.ts';

const CHUNK_SHIFT = 7;

export class Occupancy {
  /** Row of each allocatable register, or -1. */
  readonly row = new Int32Array(64);
  private words = 0;
  private chunks = 0;
  private taken = new Int32Array(0);
  private fixed = new Int32Array(0);
  private heads = new Int32Array(0);
  private readonly nodeNext = new IntColumn(256);
  private readonly nodeRange = new IntColumn(256);
  private freeNode = -1;
  private readonly files: [Int32Array, Int32Array] = [new Int32Array(0), new Int32Array(0)];

  /** Conflicting bundles of the last call of conflicts(), and the first point at which it was blocked. */
  readonly found = new IntColumn(32);
  blockedAt = -1;
  private seen = new Int32Array(0);
  private seenStamp = 0;

  reset(state: State): void {
    const { input, env } = state;
    this.row.fill(-1);
    let rows = 0;
    for (let f = 0; f < 2; f++) {
      this.files[f] = env.order[f];
      for (let k = 0; k < env.order[f].length; k++) this.row[env.order[f][k]] = rows++;
    }
    const points = 2 * input.numInsts;
    this.words = (points + 31) >> 5;
    this.chunks = (points >> CHUNK_SHIFT) + 1;
    const size = rows * this.words;
    if (this.taken.length < size) {
      this.taken = new Int32Array(size + (size >> 1));
      this.fixed = new Int32Array(size + (size >> 1));
    } else {
      this.taken.fill(0, 0, size);
      this.fixed.fill(0, 0, size);
    }
    if (this.heads.length < rows * this.chunks) this.heads = new Int32Array(rows * this.chunks * 2);
    this.heads.fill(-1, 0, rows * this.chunks);
    this.nodeNext.clear();
    this.nodeRange.clear();
    this.freeNode = -1;
    this.reserve(state);
  }

  /** Marks the points of clobbers and fixed operands. */
  private reserve(state: State): void {
    const { input, info } = state;
    const { numInsts, instClobber, clobberMasks, operandStart } = input;
    for (let i = 0; i < numInsts; i++) {
      const set = instClobber[i];
      if (set !== 0) {
        const late = 2 * i + 1;
        for (let f = 0; f < 2; f++) {
          for (let rest = clobberMasks[2 * set + f]; rest !== 0; rest &= rest - 1) {
            const row = this.row[(f === 0 ? 0 : VEC_BASE) + 31 - Math.clz32(rest & -rest)];
            if (row >= 0) this.fixed[row * this.words + (late >> 5)] |= 1 << (late & 31);
          }
        }
      }
      for (let k = operandStart[i]; k < operandStart[i + 1]; k++) {
        const flags = info[k];
        if ((flags & Operand.ConstraintMask) !== Operand.Fixed) continue;
        const row = this.row[flags >> Operand.PayloadShift];
        if (row < 0) continue;
        // An early use takes the early point, a late def the late one, everything else both. Both are in one word.
        const kind = flags & (Operand.Def | Operand.Late);
        const bits = kind === 0 ? 1 : kind === (Operand.Def | Operand.Late) ? 2 : 3;
        this.fixed[row * this.words + (i >> 4)] |= bits << ((2 * i) & 31);
      }
    }
  }

  /** True if no range and nothing fixed is in the register at points p - 1 to p + 1. */
  isFreeAround(reg: Location, point: number): boolean {
    const base = this.row[reg] * this.words;
    const last = this.words * 32 - 1;
    for (let p = Math.max(0, point - 1); p <= point + 1 && p <= last; p++) {
      if ((((this.taken[base + (p >> 5)] | this.fixed[base + (p >> 5)]) >> (p & 31)) & 1) !== 0) return false;
    }
    return true;
  }

  /** The registers of a file that are free around a point, as a mask. */
  freeAround(file: 0 | 1, point: number): number {
    let mask = 0;
    const order = this.files[file];
    for (let k = 0; k < order.length; k++)
      if (this.isFreeAround(order[k], point)) mask |= 1 << (order[k] & 31);
    return mask;
  }

  /** True if the whole bundle fits into the register as things are. */
  isFree(state: State, bundle: number, reg: Location): boolean {
    const base = this.row[reg] * this.words;
    const { taken, fixed } = this;
    const from = state.rangeFrom.data;
    const to = state.rangeTo.data;
    const next = state.rangeNext.data;
    for (let r = state.bundleFirst.data[bundle]; r >= 0; r = next[r]) {
      const last = to[r] - 1;
      const firstWord = from[r] >> 5;
      const lastWord = last >> 5;
      state.work += lastWord - firstWord + 1;
      let mask = -1 << (from[r] & 31);
      for (let w = firstWord; w <= lastWord; w++) {
        if (w === lastWord) mask &= -1 >>> (31 - (last & 31));
        if ((taken[base + w] & mask) !== 0) return false;
        const bits = fixed[base + w] & mask;
        if (bits !== 0 && this.blockedByFixed(state, r, reg, w, bits) >= 0) return false;
        mask = -1;
      }
    }
    return true;
  }

  /** The first of the fixed points (bits of word w) that is not the range's own use of that register, or -1. */
  private blockedByFixed(state: State, range: number, reg: Location, w: number, bits: number): number {
    for (let rest = bits; rest !== 0; rest &= rest - 1) {
      const point = (w << 5) + 31 - Math.clz32(rest & -rest);
      if (this.isForeign(state, state.rangeVReg.data[range], reg, point)) return point;
    }
    return -1;
  }

  private isForeign(state: State, v: number, reg: Location, point: number): boolean {
    const { operandStart, operandVReg, instClobber, clobberMasks } = state.input;
    const inst = point >> 1;
    const late = (point & 1) !== 0;
    let defined = false;
    for (let k = operandStart[inst]; k < operandStart[inst + 1]; k++) {
      const flags = state.info[k];
      if ((flags & Operand.ConstraintMask) !== Operand.Fixed || flags >> Operand.PayloadShift !== reg)
        continue;
      const kind = flags & (Operand.Def | Operand.Late);
      const covers = late ? kind !== 0 : kind !== (Operand.Def | Operand.Late);
      if (!covers) continue;
      if (operandVReg[k] !== v) return true;
      if (kind === (Operand.Def | Operand.Late)) defined = true;
    }
    if (!late || defined) return false;
    return ((clobberMasks[2 * instClobber[inst] + (reg < VEC_BASE ? 0 : 1)] >> (reg & 31)) & 1) !== 0;
  }

  /**
   * Collects in `found` the bundles that keep the bundle out of the register, and returns the largest of their weights. Stops at the
   * first conflict that is fixed or weighs at least `limit`: then returns Infinity and sets blockedAt to its point.
   */
  conflicts(state: State, bundle: number, reg: Location, limit: number): number {
    this.found.clear();
    this.blockedAt = -1;
    if (this.seen.length < state.bundleFirst.length) this.seen = new Int32Array(state.bundleFirst.length * 2);
    const stamp = ++this.seenStamp;
    const row = this.row[reg];
    const from = state.rangeFrom.data;
    const to = state.rangeTo.data;
    const next = state.rangeNext.data;
    let heaviest = 0;
    for (let r = state.bundleFirst.data[bundle]; r >= 0; r = next[r]) {
      const first = from[r];
      const last = to[r] - 1;
      for (let c = first >> CHUNK_SHIFT; c <= last >> CHUNK_SHIFT; c++) {
        const low = Math.max(first, c << CHUNK_SHIFT);
        const high = Math.min(last, ((c + 1) << CHUNK_SHIFT) - 1);
        let blocked = this.firstFixed(state, r, reg, low, high);
        let n = this.isTaken(row, low, high) ? this.heads[row * this.chunks + c] : -1;
        for (; n >= 0; n = this.nodeNext.data[n]) {
          const other = this.nodeRange.data[n];
          state.work++;
          if (to[other] <= low || from[other] > high) continue;
          const owner = state.rangeBundle.data[other];
          const weight = state.bundleWeight[owner];
          if (weight >= limit) {
            const at = Math.max(from[other], low);
            if (blocked < 0 || at < blocked) blocked = at;
          } else if (this.seen[owner] !== stamp) {
            this.seen[owner] = stamp;
            this.found.push(owner);
            if (weight > heaviest) heaviest = weight;
          }
        }
        if (blocked >= 0) {
          this.blockedAt = blocked;
          return Infinity;
        }
      }
    }
    return heaviest;
  }

  /** True if a range in the register of the row covers one of the points. */
  private isTaken(row: number, low: number, high: number): boolean {
    const base = row * this.words;
    const last = high >> 5;
    let mask = -1 << (low & 31);
    for (let w = low >> 5; w <= last; w++) {
      if (w === last) mask &= -1 >>> (31 - (high & 31));
      if ((this.taken[base + w] & mask) !== 0) return true;
      mask = -1;
    }
    return false;
  }

  private firstFixed(state: State, range: number, reg: Location, low: number, high: number): number {
    const base = this.row[reg] * this.words;
    let mask = -1 << (low & 31);
    for (let w = low >> 5; w <= high >> 5; w++) {
      if (w === high >> 5) mask &= -1 >>> (31 - (high & 31));
      const bits = this.fixed[base + w] & mask;
      if (bits !== 0) {
        const point = this.blockedByFixed(state, range, reg, w, bits);
        if (point >= 0) return point;
      }
      mask = -1;
    }
    state.work++;
    return -1;
  }

  add(state: State, bundle: number, reg: Location): void {
    const row = this.row[reg];
    for (let r = state.bundleFirst.data[bundle]; r >= 0; r = state.rangeNext.data[r]) {
      const first = state.rangeFrom.data[r];
      const last = state.rangeTo.data[r] - 1;
      this.paint(row, first, last, true);
      for (let c = first >> CHUNK_SHIFT; c <= last >> CHUNK_SHIFT; c++) {
        let node = this.freeNode;
        if (node >= 0) this.freeNode = this.nodeNext.data[node];
        else {
          node = this.nodeNext.push(-1);
          this.nodeRange.push(-1);
        }
        const head = row * this.chunks + c;
        this.nodeRange.data[node] = r;
        this.nodeNext.data[node] = this.heads[head];
        this.heads[head] = node;
      }
    }
  }

  remove(state: State, bundle: number, reg: Location): void {
    const row = this.row[reg];
    const next = this.nodeNext.data;
    for (let r = state.bundleFirst.data[bundle]; r >= 0; r = state.rangeNext.data[r]) {
      const first = state.rangeFrom.data[r];
      const last = state.rangeTo.data[r] - 1;
      this.paint(row, first, last, false);
      for (let c = first >> CHUNK_SHIFT; c <= last >> CHUNK_SHIFT; c++) {
        const head = row * this.chunks + c;
        let before = -1;
        let node = this.heads[head];
        while (this.nodeRange.data[node] !== r) {
          before = node;
          node = next[node];
          state.work++;
        }
        if (before < 0) this.heads[head] = next[node];
        else next[before] = next[node];
        next[node] = this.freeNode;
        this.freeNode = node;
      }
    }
  }

  private paint(row: number, first: number, last: number, on: boolean): void {
    const base = row * this.words;
    let mask = -1 << (first & 31);
    const lastWord = last >> 5;
    for (let w = first >> 5; w <= lastWord; w++) {
      if (w === lastWord) mask &= -1 >>> (31 - (last & 31));
      if (on) this.taken[base + w] |= mask;
      else this.taken[base + w] &= ~mask;
      mask = -1;
    }
  }

  /** True if the register is allocatable. */
  isAllocatable(reg: Location): boolean {
    return reg >= 0 && reg < SLOT_BASE && this.row[reg] >= 0;
  }
}
