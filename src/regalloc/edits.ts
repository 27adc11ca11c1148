// The growing list of edits that an allocator writes, the counter of slot units, and small helpers on locations that all
// parts of register allocation share.
// Invariant of slots: a unit belongs to one size for the whole function (8 or 16 bytes), so two slots are either
// the same or disjoint.
import { IntColumn } from '../support/int_column.ts';
import { Operand, RegClass, REMAT_BASE, SLOT_BASE, VEC_BASE } from './door.ts';
import type { Location, RegallocInput } from './door.ts';

/** The constraint of packed operand flags (one of Operand.Any, Reg, Fixed, Reuse, Stack). */
export function constraintOf(info: number): number {
  return info & Operand.ConstraintMask;
}

/** The payload of packed operand flags: a register for Fixed, an operand index for Reuse. */
export function payloadOf(info: number): number {
  return info >> Operand.PayloadShift;
}

/** The register file of a class: 0 integer, 1 vector. */
export function fileOf(regClass: number): 0 | 1 {
  return regClass === RegClass.Int ? 0 : 1;
}

/** True for a physical register. */
export function isReg(location: Location): boolean {
  return location >= 0 && location < SLOT_BASE;
}

/** True for a spill slot. */
export function isSlot(location: Location): boolean {
  return location >= SLOT_BASE && location < REMAT_BASE;
}

/** Name of a location for messages: r3, v5, slot2, none, remat v7. */
export function locationName(location: Location): string {
  if (location < 0) return 'none';
  if (location < VEC_BASE) return `r${location}`;
  if (location < SLOT_BASE) return `v${location - VEC_BASE}`;
  if (location < REMAT_BASE) return `slot${location - SLOT_BASE}`;
  return `remat %${location - REMAT_BASE}`;
}

/** Hands out slot units; two emergency slots of each size come into being when the move resolver asks for them. */
export class SlotCounter {
  units = 0;
  /** True if there are slots of 16 bytes. */
  hasWide = false;
  private readonly emergency = new Int32Array(4).fill(-1);

  reset(): void {
    this.units = 0;
    this.hasWide = false;
    this.emergency.fill(-1);
  }

  /** A new slot for a value of the class; 16-byte slots are even-aligned. */
  allocate(regClass: number): Location {
    if (regClass === RegClass.Vec) {
      this.hasWide = true;
      const unit = (this.units + 1) & ~1;
      this.units = unit + 2;
      return SLOT_BASE + unit;
    }
    return SLOT_BASE + this.units++;
  }

  /** Emergency slot number which (0 or 1), wide enough for the class. */
  emergencySlot(regClass: number, which: number): Location {
    const index = (regClass === RegClass.Vec ? 2 : 0) + which;
    if (this.emergency[index] < 0) this.emergency[index] = this.allocate(regClass);
    return this.emergency[index];
  }
}

/** Edits in the order of execution. */
export class EditList {
  readonly point = new IntColumn(256);
  readonly from = new IntColumn(256);
  readonly to = new IntColumn(256);
  cls = new Uint8Array(256);

  get length(): number {
    return this.point.length;
  }

  clear(): void {
    this.point.clear();
    this.from.clear();
    this.to.clear();
  }

  push(point: number, from: Location, to: Location, regClass: number): void {
    const index = this.point.push(point);
    this.from.push(from);
    this.to.push(to);
    if (index >= this.cls.length) {
      const grown = new Uint8Array(this.cls.length * 2);
      grown.set(this.cls);
      this.cls = grown;
    }
    this.cls[index] = regClass;
  }
}

/** Sets the flags of all registers that a def operand or an edit writes. */
export function collectRegsWritten(
  input: RegallocInput,
  operandLoc: Int32Array,
  edits: EditList,
  out: Uint8Array,
): void {
  out.fill(0);
  const count = input.operandStart[input.numInsts];
  const info = input.operandInfo;
  for (let k = 0; k < count; k++) {
    const loc = operandLoc[k];
    if ((info[k] & Operand.Def) !== 0 && loc >= 0 && loc < SLOT_BASE) out[loc] = 1;
  }
  const to = edits.to.data;
  for (let e = 0; e < edits.length; e++) if (to[e] < SLOT_BASE) out[to[e]] = 1;
}
