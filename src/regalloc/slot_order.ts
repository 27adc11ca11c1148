// Stage 7: the busiest spill slots get the lowest numbers, where the ISA names slots near the stack pointer in fewer
// bytes (MachineEnv.nearSlots). Input: final operand locations and edits; both are renumbered in place. It is a
// renaming: which values share a slot stays as it was. Slots of 16 bytes keep their place, and then so do all others.
import { IntColumn } from '../support/int_column.ts';
import { SLOT_BASE } from './door.ts';
import type { RegallocInput } from './door.ts';
import { isSlot } from './edits.ts';
import type { EditList, SlotCounter } from './edits.ts';

/** Sort keys hold a slot's uses above this many numbers for the slot itself. */
const KEY_SLOTS = 2 ** 21;

export class SlotOrder {
  /** By slot: uses, then its new number. */
  private readonly column = new IntColumn(64);

  run(input: RegallocInput, operandLoc: Int32Array, edits: EditList, slots: SlotCounter, near: number): void {
    const count = slots.units;
    if (near === 0 || count <= near || count > KEY_SLOTS || slots.hasWide) return;
    const column = this.column;
    column.length = 0;
    column.resize(count, 0);
    const uses = column.data;
    const numOperands = input.operandStart[input.numInsts];
    for (let k = 0; k < numOperands; k++) if (isSlot(operandLoc[k])) uses[operandLoc[k] - SLOT_BASE]++;
    const from = edits.from.data;
    const to = edits.to.data;
    for (let e = 0; e < edits.length; e++) {
      if (isSlot(from[e])) uses[from[e] - SLOT_BASE]++;
      if (isSlot(to[e])) uses[to[e] - SLOT_BASE]++;
    }
    // Rising keys: the most uses first, and the lower number where they are equal.
    const keys = new Float64Array(count);
    for (let slot = 0; slot < count; slot++) keys[slot] = slot - uses[slot] * KEY_SLOTS;
    keys.sort();
    const renamed = uses;
    for (let k = 0; k < count; k++) renamed[keys[k] - Math.floor(keys[k] / KEY_SLOTS) * KEY_SLOTS] = k;
    for (let k = 0; k < numOperands; k++)
      if (isSlot(operandLoc[k])) operandLoc[k] = SLOT_BASE + renamed[operandLoc[k] - SLOT_BASE];
    for (let e = 0; e < edits.length; e++) {
      if (isSlot(from[e])) from[e] = SLOT_BASE + renamed[from[e] - SLOT_BASE];
      if (isSlot(to[e])) to[e] = SLOT_BASE + renamed[to[e] - SLOT_BASE];
    }
  }
}
