// Writing x86_64 instructions into VCode: one function a shape of operands, and Rm, the register-or-memory operand.
//
// A rule first asks for all registers (which may write constants), among them those of an Rm (`setValue`,
// `setAddress`), then writes instructions with the functions below.
import type { Value } from '../../ir/func.ts';
import { memAccess, memType, Op } from '../../ir/opcodes.ts';
import { Access, accessBytes, Type, TYPE_BYTES } from '../../ir/types.ts';
import { RegClass } from '../../regalloc/door.ts';
import { upperBound } from '../bounds.ts';
import type { Lowering, LowerTarget } from '../lower.ts';
import { isImm32, REUSE1 } from '../lower_common.ts';
import { Mem, MemField, Opnd, RawFlag, Trap } from '../vcode.ts';
import type { X64Features } from './features.ts';
import { P, X } from './instructions.ts';
import { Reg } from './registers.ts';

/** What rules know besides the function. */
export interface X64Target extends LowerTarget {
  readonly features: X64Features;
  /** The base of memory 0 is the GS segment's, instead of in a register. */
  readonly gs: boolean;
}
export type L = Lowering<X64Target>;
export { copy, intTemp, isDouble, isImm32, isZero, operandReg, REUSE1, wide } from '../lower_common.ts';

/** A register or memory operand: fields of the instruction that takes it. */
export class Rm {
  vreg = -1;
  mem = 0;
  disp = 0;
  private base = -1;
  private index = -1;
  private trap = 0;
  private loc = -1;

  setReg(vreg: number): this {
    this.vreg = vreg;
    this.mem = 0;
    return this;
  }

  get isMem(): boolean {
    return this.mem !== 0;
  }

  /** The value: a float constant or a load that may be done here (of `bytes` bytes) as memory, else a register. */
  setValue(l: L, value: Value, bytes: number): this {
    const f = l.func;
    const v = value;
    if (l.sinkable(v)) {
      const type = memType(f.imm[v]);
      const access = memAccess(f.imm[v]);
      const plain =
        access === Access.Full ||
        (access === Access.U32 && bytes === 4) ||
        (access === Access.S32 && bytes === 4);
      if (plain && accessBytes(access, type) === bytes) return this.setLoad(l, v);
    }
    if (f.op[v] === Op.FConst && TYPE_BYTES[f.type[v]] === bytes) {
      return this.setConst(l, f.imm[v], bytes === 8 ? f.imm2[v] : 0, bytes >> 2);
    }
    return this.setReg(l.reg(v));
  }

  /** An integer value of which only the low 32 bits count. */
  setLow(l: L, value: Value): this {
    const f = l.func;
    if (f.op[value] === Op.Wrap) return this.setReg(l.reg(f.arg(value, 0)));
    return this.setValue(l, value, 4);
  }

  /** A load that is done by this operand. */
  setLoad(l: L, load: Value): this {
    this.setAddress(l, load);
    l.sink(load);
    return this;
  }

  /** A constant of one or two words. */
  setConst(l: L, low: number, high: number, words: number): this {
    const pool = l.vcode.constantWords;
    const first = pool.push(low);
    if (words === 2) pool.push(high);
    return this.set(Mem.Const, l.vcode.constant(first, words));
  }

  /** A 16-byte constant of four words. */
  setConst16(l: L, a: number, b: number, c: number, d: number): this {
    const pool = l.vcode.constantWords;
    const first = pool.push(a);
    pool.push(b);
    pool.push(c);
    pool.push(d);
    return this.set(Mem.Const, l.vcode.constant(first, 4));
  }

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

  setBaseIndex(base: number, index: number, scale: number, disp: number): this {
    this.set(Mem.Base | (scale << MemField.ScaleShift), disp);
    this.base = base;
    this.index = index;
    return this;
  }

  setIndex(index: number, scale: number, disp: number): this {
    this.set(Mem.NoBase | (scale << MemField.ScaleShift), disp);
    this.index = index;
    return this;
  }

  /** The address of a memory instruction. */
  setAddress(l: L, inst: Value): this {
    const f = l.func;
    switch (f.op[inst]) {
      case Op.CtxLoad:
      case Op.CtxStore:
        return this.set(Mem.Instance, f.imm2[inst]);
      case Op.NLoad:
      case Op.NStore:
        return this.setPointer(l, f.arg(inst, 0), f.imm2[inst]);
      default:
        this.setMemory0(l, f.arg(inst, 0), f.imm2[inst] >>> 0);
        this.trap = Trap.Address;
        this.loc = f.loc[inst];
        return this;
    }
  }

  /**
   * Memory 0 at index + offset, a sum of 33 bits. Sums and shifts of the index are 32-bit arithmetic: they are taken
   * into the address only where they cannot wrap (CVE-2023-26489 was their folding without that proof).
   */
  private setMemory0(l: L, address: Value, offset: number): void {
    const f = l.func;
    let index = address;
    let disp = offset;
    if (f.op[index] === Op.IAdd && f.op[f.arg(index, 1)] === Op.IConst && l.vregOf[index] < 0) {
      const constant = f.imm[f.arg(index, 1)] >>> 0;
      if (constant + disp < 2 ** 31 && upperBound(f, f.arg(index, 0)) + constant < 2 ** 32) {
        disp += constant;
        index = f.arg(index, 0);
      }
    }
    if (f.op[index] === Op.IConst && (f.imm[index] >>> 0) + disp < 2 ** 31) {
      this.set(Mem.Memory0, (f.imm[index] >>> 0) + disp);
      return;
    }
    if (disp >= 2 ** 31) {
      const sum = l.temp(RegClass.Int);
      const big = l.temp(RegClass.Int);
      const reg = l.reg(index);
      defImm(l, X.MovI, big, disp | 0);
      aluRR(l, X.Add + 1, sum, big, reg);
      this.set(Mem.Memory0, 0);
      this.index = sum;
      return;
    }
    let scale = 0;
    if (f.op[index] === Op.Shl && l.vregOf[index] < 0) {
      const count = f.arg(index, 1);
      const shift = f.op[count] === Op.IConst ? f.imm[count] & 31 : 32;
      if (shift <= 3 && upperBound(f, f.arg(index, 0)) * 2 ** shift < 2 ** 32) {
        scale = shift;
        index = f.arg(index, 0);
      }
    }
    const reg = l.reg(index);
    this.set(Mem.Memory0 | (scale << MemField.ScaleShift), disp);
    this.index = reg;
  }

  /** A native 64-bit pointer + offset: sums and shifts wrap as addresses do. */
  private setPointer(l: L, pointer: Value, offset: number): this {
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
    if (f.op[base] === Op.MemBase && !l.target.gs) return this.set(Mem.Memory0, disp);
    if (f.op[base] === Op.IAdd && l.single(base)) {
      let index = l.skipCopies(f.arg(base, 1));
      let other = f.arg(base, 0);
      let scale = shiftOf(l, index);
      if (scale === 0 && shiftOf(l, l.skipCopies(other)) > 0) {
        const swap = index;
        index = l.skipCopies(other);
        other = swap;
        scale = shiftOf(l, index);
      }
      if (scale > 0) index = f.arg(index, 0);
      const otherBase = l.skipCopies(other);
      if (f.op[otherBase] === Op.MemBase && !l.target.gs) {
        const reg = l.reg(index);
        this.set(Mem.Memory0 | (scale << MemField.ScaleShift), disp);
        this.index = reg;
        return this;
      }
      const baseReg = l.reg(other);
      return this.setBaseIndex(baseReg, l.reg(index), scale, disp);
    }
    return this.setBase(l.reg(base), disp);
  }

  /** Adds the operand to the instruction begun last. `info`: of the register. */
  push(l: L, inst: number, info: number = Opnd.UseAny): void {
    const { vcode } = l;
    if (this.mem === 0) {
      vcode.operand(this.vreg, info);
      return;
    }
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

/** Shift count 1..3 of a 64-bit shl that its consumer may take as a scale, else 0. */
function shiftOf(l: L, v: Value): number {
  const f = l.func;
  if (f.op[v] !== Op.Shl || f.type[v] !== Type.I64 || !l.isConst(f.arg(v, 1)) || !l.single(v)) return 0;
  const count = f.imm[f.arg(v, 1)] & 63;
  return count <= 3 ? count : 0;
}

// ---- Shapes ----

/** dst = op a, rm */
export function aluRm(l: L, x: number, dst: number, a: number, rm: Rm, imm = 0): void {
  const i = l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, REUSE1);
  l.vcode.operand(a, Opnd.Use);
  rm.push(l, i);
}

/** dst = op a, b */
export function aluRR(l: L, x: number, dst: number, a: number, b: number, imm = 0): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, REUSE1);
  l.vcode.operand(a, Opnd.Use);
  l.vcode.operand(b, Opnd.UseAny);
}

/** As aluRR for rows whose memory operand has 16 bytes: b is never read from a spill slot. */
export function packedRR(l: L, x: number, dst: number, a: number, b: number): void {
  l.vcode.inst(x, 0, l.loc);
  l.vcode.operand(dst, REUSE1);
  l.vcode.operand(a, Opnd.Use);
  l.vcode.operand(b, Opnd.Use);
}

/** dst = op a, imm (or one operand: neg, not) */
export function aluRI(l: L, x: number, dst: number, a: number, imm: number): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, REUSE1);
  l.vcode.operand(a, Opnd.Use);
}

/** dst = op rm */
export function unaryRm(l: L, x: number, dst: number, rm: Rm, imm = 0): void {
  const i = l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, Opnd.Def);
  rm.push(l, i);
}

/** dst = op src */
export function unaryRR(l: L, x: number, dst: number, src: number, imm = 0): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, Opnd.Def);
  l.vcode.operand(src, Opnd.UseAny);
}

/** As unaryRR with the source in a register (rows without a memory form). */
export function moveRR(l: L, x: number, dst: number, src: number): void {
  l.vcode.inst(x, 0, l.loc);
  l.vcode.operand(dst, Opnd.Def);
  l.vcode.operand(src, Opnd.Use);
}

/** op a, rm: no result but flags; also stores (rm memory) */
export function useRm(l: L, x: number, a: number, rm: Rm): void {
  const i = l.vcode.inst(x, 0, l.loc);
  l.vcode.operand(a, Opnd.Use);
  rm.push(l, i);
}

/** op rm, imm: no result but flags or memory */
export function useRmImm(l: L, x: number, rm: Rm, imm: number): void {
  const i = l.vcode.inst(x, imm, l.loc);
  rm.push(l, i);
}

/** dst = constant */
export function defImm(l: L, x: number, dst: number, imm: number, immHigh = 0): void {
  const i = l.vcode.inst(x, imm, l.loc);
  l.vcode.imm2[i] = immHigh;
  l.vcode.flags[i] = RawFlag.Remat;
  l.vcode.operand(dst, Opnd.Def);
}

/** Shift by a variable: count in rcx. */
export function shiftCl(l: L, x: number, dst: number, a: number, count: number): void {
  l.vcode.inst(x, 0, l.loc);
  l.vcode.operand(dst, REUSE1);
  l.vcode.operand(a, Opnd.Use);
  l.vcode.operand(count, Opnd.UseFixed | (Reg.Rcx << Opnd.PayloadShift));
}

export function setBool(l: L, dst: number, cc: number): void {
  l.vcode.inst(P.SetBool, cc, l.loc);
  l.vcode.operand(dst, Opnd.Def);
}

/** dst = cc holds ? b : a (vector file) */
export function floatSelect(l: L, dst: number, a: number, b: number, cc: number): void {
  l.vcode.inst(P.FloatSelect, cc, l.loc);
  l.vcode.operand(dst, REUSE1);
  l.vcode.operand(a, Opnd.Use);
  l.vcode.operand(b, Opnd.Use);
}

/** Loads a 64-bit or smaller integer constant. */
export function integerConst(l: L, dst: number, low: number, high: number, type: number): void {
  if (low === 0 && (high === 0 || type === Type.I32) && l.vcode.groupIsEmpty()) {
    const i = l.vcode.inst(P.ZeroInt, 0, l.loc);
    l.vcode.operand(dst, Opnd.Def);
    l.vcode.flags[i] = RawFlag.Remat;
  } else if (type === Type.I32 || high === 0) defImm(l, X.MovI, dst, low);
  else if (high === low >> 31) defImm(l, X.MovI + 1, dst, low);
  else defImm(l, X.MovAbs, dst, low, high);
}
