// Calls on x86_64: how stack slots are read and written, and the registers. A tail call's stack arguments stand one slot
// higher in the outgoing area: the return address goes below them when the frame is left (emit.ts).
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import { CallLowering } from '../lower_call.ts';
import { X } from './instructions.ts';
import { plainLoad, plainStore } from './lower_memory.ts';
import type { X64Target } from './machine.ts';
import { isImm32, Rm, unaryRm, unaryRR, useRm, useRmImm } from './machine.ts';
import { C_INT_ARGS, Clobber, Reg } from './registers.ts';

const slot = new Rm();

/** Loads and stores of whole slots: an I32 fills its slot with zeros. */
const slotLoad = (type: number): number => plainLoad(type === Type.I32 ? Type.I64 : type);
const slotStore = (type: number): number => plainStore(type === Type.I32 ? Type.I64 : type);

export const calls = new CallLowering<X64Target>({
  calleeReg: Reg.R10,
  calleeAnywhereBelow: 0,
  cResult: Reg.Rax,
  cArgs: C_INT_ARGS,
  clobber: Clobber.Call,
  tailShift: 8,

  loadSlot(l, type, to, area, offset) {
    unaryRm(l, slotLoad(type), to, slot.set(area, offset));
  },

  storeSlot(l, value, type, area, offset) {
    slot.set(area, offset);
    if (l.func.op[value] === Op.IConst && isImm32(l, value) && l.func.imm[value] >= 0) {
      useRmImm(l, X.MovStoreI + 1, slot, l.func.imm[value]);
      return;
    }
    const reg = l.reg(value);
    useRm(l, slotStore(type), reg, slot);
  },

  move32(l, to, from) {
    unaryRR(l, X.Mov, to, from);
  },
});
