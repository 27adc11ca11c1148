// Writing x86_64 instructions into VCode: one function a shape of operands, and Rm, the register-or-memory operand.
//
// A rule first asks for all registers (which may write constants), among them those of an Rm (`setValue`,
// `setAddress`), then writes instructions with the functions below.
import type { Value } from '../../ir/func.ts';
import { memAccess, memType, Op } from '../../ir/opcodes.ts';
import { Access, accessBytes, Type, TYPE_BYTES } from '../../ir/types.ts';
import { RegClass } from '../../regalloc/door.ts';
import type { Lowering, LowerTarget } from '../lower.ts';
import { REUSE1 } from '../lower_common.ts';
import { MemoryOperand } from '../memory_operand.ts';
import { Mem, MemField, Opnd, RawFlag } from '../vcode.ts';
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
export class Rm extends MemoryOperand<X64Target> {
  vreg = -1;

  setReg(vreg: number): this {
    this.vreg = vreg;
    this.mem = Mem.None;
    return this;
  }

  get isMem(): boolean {
    return this.mem !== Mem.None;
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

  setIndex(index: number, scale: number, disp: number): this {
    return this.setIndexed(Mem.NoBase, index, scale, disp);
  }

  protected setIndexed(mem: Mem, index: number, scale: number, disp: number): this {
    this.set(mem | (scale << MemField.ScaleShift), disp);
    this.index = index;
    return this;
  }

  protected takesScale(count: number): boolean {
    return count <= 3;
  }

  protected takesDisp(): boolean {
    return true;
  }

  protected pinsMemory0(l: L): boolean {
    return !l.target.gs;
  }

  protected setMemory0(l: L, inst: Value, bytes: number): void {
    const f = l.func;
    let index = this.splitIndex(l, f.arg(inst, 0), f.imm2[inst] >>> 0);
    const { disp } = this;
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
      this.setIndexed(Mem.Memory0, sum, 0, 0);
      return;
    }
    const scale = this.scaleOfIndex(l, index, bytes);
    if (scale >= 0) index = f.arg(index, 0);
    this.setIndexed(Mem.Memory0, l.reg(index), Math.max(scale, 0), disp);
  }

  /** Adds the operand to the instruction begun last. `info`: of the register. */
  override push(l: L, inst: number, info: number = Opnd.UseAny): void {
    if (this.mem === Mem.None) l.vcode.operand(this.vreg, info);
    else super.push(l, inst);
  }
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
