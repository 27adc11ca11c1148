// The memory operand of a machine instruction while it is selected: kind, displacement, registers (Mem of vcode.ts), and how
// the address of an IR instruction becomes one. Which indices and displacements an address can hold is the ISA's.
import type { Value } from '../ir/func.ts';
import { memAccess, memType, Op } from '../ir/opcodes.ts';
import { accessBytes, Type } from '../ir/types.ts';
import { upperBound } from './bounds.ts';
import type { Lowering, LowerTarget } from './lower.ts';
import { isImm32 } from './lower_common.ts';
import { Mem, MemField, Opnd, Trap } from './vcode.ts';

export abstract class MemoryOperand<T extends LowerTarget> {
  protected mem: number = Mem.None;
  protected disp = 0;
  /** VRegs, or -1. */
  protected base = -1;
  protected index = -1;
  private trap: Trap = Trap.None;
  private loc = -1;

  // ---- Of the ISA ----

  /** Memory 0 at the address of `inst` and its offset, a sum of 33 bits; the access has so many bytes. */
  protected abstract setMemory0(l: Lowering<T>, inst: Value, bytes: number): void;
  /** [register or memory 0 of kind `mem` + (64-bit index << scale) + disp]; the caller sets the base. */
  protected abstract setIndexed(mem: Mem, index: number, scale: number, disp: number): this;
  /** True if an address can shift its index by `count`, for an access of so many bytes. */
  protected abstract takesScale(count: number, bytes: number): boolean;
  /** True if an address with an index can hold the displacement. */
  protected abstract takesDisp(disp: number): boolean;
  /** True if the base of memory 0 is in a register. */
  protected abstract pinsMemory0(l: Lowering<T>): boolean;

  // ---- Setting ----

  /** Memory without registers of its own. */
  set(mem: number, disp: number): this {
    this.mem = mem;
    this.disp = disp;
    this.base = -1;
    this.index = -1;
    this.trap = Trap.None;
    return this;
  }

  /** [base + disp] of a native pointer. */
  setBase(vreg: number, disp: number): this {
    this.set(Mem.Base, disp);
    this.base = vreg;
    return this;
  }

  /** [base + (index << scale) + disp] */
  setBaseIndex(base: number, index: number, scale: number, disp: number): this {
    this.setIndexed(Mem.Base, index, scale, disp);
    this.base = base;
    return this;
  }

  /** The address of a memory instruction. */
  setAddress(l: Lowering<T>, inst: Value): this {
    const f = l.func;
    const bytes = accessBytes(memAccess(f.imm[inst]), memType(f.imm[inst]));
    switch (f.op[inst]) {
      case Op.CtxLoad:
      case Op.CtxStore:
        return this.set(Mem.Instance, f.imm2[inst]);
      case Op.NLoad:
      case Op.NStore:
        return this.setPointer(l, f.arg(inst, 0), f.imm2[inst], bytes);
      default:
        this.setMemory0(l, inst, bytes);
        this.trap = Trap.Address;
        this.loc = f.loc[inst];
        return this;
    }
  }

  /**
   * The index of memory 0 behind a sum with a constant, which is added to the offset: `disp` has it then. Sums of the
   * index are 32-bit arithmetic: they are taken into the address only where they cannot wrap (CVE-2023-26489 was their
   * folding without that proof).
   */
  protected splitIndex(l: Lowering<T>, address: Value, offset: number): Value {
    const f = l.func;
    this.disp = offset;
    if (f.op[address] !== Op.IAdd || l.vregOf[address] >= 0 || !l.isConst(f.arg(address, 1))) return address;
    const rest = f.arg(address, 0);
    const constant = f.imm[f.arg(address, 1)] >>> 0;
    if (constant + offset >= 2 ** 31 || upperBound(f, rest) + constant >= 2 ** 32) return address;
    this.disp += constant;
    return rest;
  }

  /** Shift of the index of memory 0 that the address can do, where it cannot wrap at 32 bits; -1 if it is none. */
  protected scaleOfIndex(l: Lowering<T>, index: Value, bytes: number): number {
    const f = l.func;
    if (f.op[index] !== Op.Shl || l.vregOf[index] >= 0 || !l.isConst(f.arg(index, 1))) return -1;
    const count = f.imm[f.arg(index, 1)] & 31;
    return this.takesScale(count, bytes) && upperBound(f, f.arg(index, 0)) * 2 ** count < 2 ** 32
      ? count
      : -1;
  }

  /** A native 64-bit pointer + offset: sums and shifts wrap as addresses do. */
  private setPointer(l: Lowering<T>, pointer: Value, offset: number, bytes: number): this {
    const f = l.func;
    let base = l.skipCopies(pointer);
    let disp = offset;
    while (f.op[base] === Op.IAdd && isImm32(l, f.arg(base, 1)) && l.vregOf[base] < 0) {
      const sum = disp + f.imm[f.arg(base, 1)];
      if (sum !== (sum | 0)) break;
      disp = sum;
      base = l.skipCopies(f.arg(base, 0));
    }
    if (f.op[base] === Op.CtxAddr) {
      const sum = disp + f.imm2[base];
      if (sum === (sum | 0)) return this.set(Mem.Instance, sum);
    }
    const isPinned = this.pinsMemory0(l);
    if (f.op[base] === Op.MemBase && isPinned) return this.set(Mem.Memory0, disp);
    if (f.op[base] !== Op.IAdd || !this.takesDisp(disp) || !l.single(base))
      return this.setBase(l.reg(base), disp);
    let index = l.skipCopies(f.arg(base, 1));
    let other = f.arg(base, 0);
    let scale = this.scaleOfPointer(l, index, bytes);
    if (scale === 0 && this.scaleOfPointer(l, l.skipCopies(other), bytes) > 0) {
      const swap = index;
      index = l.skipCopies(other);
      other = swap;
      scale = this.scaleOfPointer(l, index, bytes);
    }
    if (scale > 0) index = f.arg(index, 0);
    if (f.op[l.skipCopies(other)] === Op.MemBase && isPinned)
      return this.setIndexed(Mem.Memory0, l.reg(index), scale, disp);
    const baseReg = l.reg(other);
    return this.setBaseIndex(baseReg, l.reg(index), scale, disp);
  }

  /** Shift count of a 64-bit shl that the address can do, else 0. */
  private scaleOfPointer(l: Lowering<T>, v: Value, bytes: number): number {
    const f = l.func;
    if (f.op[v] !== Op.Shl || f.type[v] !== Type.I64 || !l.isConst(f.arg(v, 1)) || !l.single(v)) return 0;
    const count = f.imm[f.arg(v, 1)] & 63;
    return this.takesScale(count, bytes) ? count : 0;
  }

  // ---- Writing ----

  /** Adds the operand to the instruction begun last. */
  push(l: Lowering<T>, inst: number): void {
    const { vcode } = l;
    let mem = this.mem;
    if (this.base >= 0) mem |= vcode.operand(this.base, Opnd.Use) << MemField.BaseShift;
    if (this.index >= 0) mem |= (vcode.operand(this.index, Opnd.Use) + 1) << MemField.IndexShift;
    vcode.mem[inst] = mem;
    vcode.disp[inst] = this.disp;
    if (this.trap !== Trap.None) {
      vcode.trap[inst] = this.trap;
      vcode.loc[inst] = this.loc;
    }
  }
}
