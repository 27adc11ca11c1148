// Calls on aarch64: how stack slots are read and written, and the registers. A tail call's stack arguments are moved from
// the outgoing area when the frame is left (emit.ts).
import { Type } from '../../ir/types.ts';
import { CallLowering } from '../lower_call.ts';
import { A } from './instructions.ts';
import { plainLoad, plainStore } from './lower_memory.ts';
import type { A64Target } from './machine.ts';
import { Address, isZero, load, rr, store } from './machine.ts';
import { C_INT_ARGS, Clobber, FEWEST, Reg } from './registers.ts';

const slot = new Address();

/** Loads and stores of whole slots: an I32 fills its slot with zeros. */
const slotLoad = (type: number): number => plainLoad(type === Type.I32 ? Type.I64 : type);
const slotStore = (type: number): number => plainStore(type === Type.I32 ? Type.I64 : type);

export const calls = new CallLowering<A64Target>({
  calleeReg: Reg.X17,
  // As many as leave one of FEWEST registers.
  calleeAnywhereBelow: FEWEST,
  cResult: Reg.X0,
  cArgs: C_INT_ARGS,
  clobber: Clobber.Call,
  tailShift: 0,

  loadSlot(l, type, to, area, offset) {
    load(l, slotLoad(type), to, slot.set(area, offset));
  },

  storeSlot(l, value, type, area, offset) {
    const reg = isZero(l, value) ? -1 : l.reg(value);
    store(l, slotStore(type), reg, slot.set(area, offset));
  },

  move32(l, to, from) {
    rr(l, A.Mov, to, from);
  },
});
