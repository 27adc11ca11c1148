// Writing aarch64 instructions into VCode: one function a shape of operands, and Address, the operand of loads and stores.
//
// A rule first asks for all registers (which may write constants), among them those of an Address (`setAddress`), then
// writes instructions with the functions below.
import type { Block, Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { RegClass } from '../../regalloc/door.ts';
import type { Lowering, LowerTarget } from '../lower.ts';
import { isImm32, operandReg, REUSE1 } from '../lower_common.ts';
import { MemoryOperand } from '../memory_operand.ts';
import { Mem, Opnd, RawFlag } from '../vcode.ts';
import { constMoves } from './encoder.ts';
import { arithmeticImm, floatImm32, floatImm64, logicalImm } from './immediates.ts';
import { A, P, Zero } from './instructions.ts';
import { isShortOffset } from './shared_bases.ts';
import type { SharedBases } from './shared_bases.ts';

/** What rules know besides the function. */
export interface A64Target extends LowerTarget {
  /** Null at -O0. */
  readonly bases: SharedBases | null;
}
export type L = Lowering<A64Target>;
export { copy, floatTemp, intTemp, isDouble, isZero, operandReg, wide } from '../lower_common.ts';

/** The integer constant as a signed number if it has at most 32 bits with sign (as a value of its type), else NaN. */
export function smallConst(l: L, v: Value): number {
  return isImm32(l, v) ? l.func.imm[v] : NaN;
}

/** In a packed memory operand: the index has 64 bits; else 32, which the access zero-extends. */
export const WIDE_INDEX = 1 << 6;
/** The index is shifted by the size of the access. */
export const SCALED_INDEX = 1 << 7;
const scaled = (scale: number): number => (scale > 0 ? SCALED_INDEX : 0);

/** The memory operand of a load or store. */
export class Address extends MemoryOperand<A64Target> {
  protected setIndexed(mem: Mem, index: number, scale: number, disp: number): this {
    this.set(mem | WIDE_INDEX | scaled(scale), disp);
    this.index = index;
    return this;
  }

  protected takesScale(count: number, bytes: number): boolean {
    return count <= 4 && 1 << count === bytes;
  }

  protected takesDisp(disp: number): boolean {
    return disp === 0;
  }

  protected pinsMemory0(): boolean {
    return true;
  }

  protected setMemory0(l: L, inst: Value, bytes: number): void {
    const f = l.func;
    if (this.setShared(l, inst, f.imm2[inst])) return;
    let index = this.splitIndex(l, f.arg(inst, 0), f.imm2[inst] >>> 0);
    const { disp } = this;
    if (f.op[index] === Op.IConst) {
      const sum = (f.imm[index] >>> 0) + disp;
      if (sum < 2 ** 31) {
        this.set(Mem.Memory0, sum);
        return;
      }
      const big = l.temp(RegClass.Int);
      defConst(l, big, sum | 0, sum >= 2 ** 32 ? 1 : 0);
      this.setIndexed(Mem.Memory0, big, 0, 0);
      return;
    }
    if (disp > 0) {
      const sum = l.temp(RegClass.Int);
      if (isShortOffset(disp, bytes)) {
        rr(l, P.MemoryBase, sum, operandReg(l, index, 0));
        this.setBase(sum, disp);
        return;
      }
      const reg = l.reg(index);
      const field = disp < 2 ** 31 ? arithmeticImm(disp) : -1;
      if (field >= 0) rr(l, A.AddI + 1, sum, reg, field);
      else {
        const low = disp & 0xfff;
        if (disp < 2 ** 24 && constMoves(disp, 0) > 1 && isShortOffset(low, bytes)) {
          const start = l.temp(RegClass.Int);
          rr(l, P.MemoryBase, start, reg);
          rr(l, A.AddI + 1, sum, start, 0x1000 | (disp >> 12));
          this.setBase(sum, low);
          return;
        }
        const big = l.temp(RegClass.Int);
        defConst(l, big, disp | 0, 0);
        rrr(l, A.Add + 1, sum, reg, big);
      }
      this.setIndexed(Mem.Memory0, sum, 0, 0);
      return;
    }
    const scale = this.scaleOfIndex(l, index, bytes);
    if (scale >= 0) index = f.arg(index, 0);
    const reg = operandReg(l, index, 0);
    this.set(Mem.Memory0 | scaled(scale), 0);
    this.index = reg;
  }

  /** [sum + offset] with a sum that other accesses use, too; false, with nothing set, if there is none. */
  private setShared(l: L, inst: Value, offset: number): boolean {
    const { bases } = l.target;
    const group = bases === null ? NONE : bases.groupOf(inst);
    if (bases === null || group === NONE) return false;
    let sum = bases.sum(group);
    if (sum === NONE) {
      sum = l.temp(RegClass.Int);
      bases.ask(group, sum);
    }
    this.setBase(sum, offset);
    return true;
  }
}

/** Before an instruction's code: the sums that stand behind it. */
export function writeBases(l: L, inst: Value): void {
  const { bases } = l.target;
  if (bases !== null) writeSums(l, bases, bases.firstBehind(inst));
}

/** Behind a block's code: the sums at its start. */
export function writeFirstBases(l: L, block: Block): void {
  const { bases } = l.target;
  if (bases !== null) writeSums(l, bases, bases.firstAtStart(block));
}

function writeSums(l: L, bases: SharedBases, first: number): void {
  for (let group = first; group !== NONE; group = bases.after(group)) {
    const sum = bases.sum(group);
    if (sum === NONE) continue;
    l.vcode.beginGroup();
    const loc = l.loc;
    l.loc = -1;
    rr(l, P.MemoryBase, sum, operandReg(l, bases.indexOf(group), 0));
    l.loc = loc;
  }
}

// ---- Shapes ----

/** dst = memory */
export function load(l: L, x: number, dst: number, address: Address): void {
  const i = l.vcode.inst(x, 0, l.loc);
  l.vcode.operand(dst, Opnd.Def);
  address.push(l, i);
}

/** memory = src; src -1: zero */
export function store(l: L, x: number, src: number, address: Address): void {
  const i = l.vcode.inst(x, 0, l.loc);
  if (src < 0) l.vcode.aux[i] = Zero.T;
  else l.vcode.operand(src, Opnd.Use);
  address.push(l, i);
}

/** dst = op a, b */
export function rrr(l: L, x: number, dst: number, a: number, b: number, imm = 0): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, Opnd.Def);
  l.vcode.operand(a, Opnd.Use);
  l.vcode.operand(b, Opnd.Use);
}

/** dst = a or b by csel and its family, by condition `cc`; -1 is zero. */
export function conditional(l: L, x: number, dst: number, a: number, b: number, cc: number): void {
  const i = l.vcode.inst(x, cc, l.loc);
  l.vcode.operand(dst, Opnd.Def);
  if (a >= 0) l.vcode.operand(a, Opnd.Use);
  if (b >= 0) l.vcode.operand(b, Opnd.Use);
  l.vcode.aux[i] = (a < 0 ? Zero.N : 0) | (b < 0 ? Zero.M : 0);
}

/** dst = op a, b, c */
export function rrrr(l: L, x: number, dst: number, a: number, b: number, c: number): void {
  l.vcode.inst(x, 0, l.loc);
  l.vcode.operand(dst, Opnd.Def);
  l.vcode.operand(a, Opnd.Use);
  l.vcode.operand(b, Opnd.Use);
  l.vcode.operand(c, Opnd.Use);
}

/** dst = op a, imm */
export function rr(l: L, x: number, dst: number, a: number, imm = 0): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, Opnd.Def);
  l.vcode.operand(a, Opnd.Use);
}

/** dst = op imm */
export function def(l: L, x: number, dst: number, imm: number): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, Opnd.Def);
}

/** dst = old changed by a */
export function modify(l: L, x: number, dst: number, old: number, a: number, imm = 0): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(dst, REUSE1);
  l.vcode.operand(old, Opnd.Use);
  l.vcode.operand(a, Opnd.Use);
}

/** Flags of a, b */
export function useRR(l: L, x: number, a: number, b: number, imm = 0): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(a, Opnd.Use);
  l.vcode.operand(b, Opnd.Use);
}

/** Flags of a, imm */
export function useR(l: L, x: number, a: number, imm = 0): void {
  l.vcode.inst(x, imm, l.loc);
  l.vcode.operand(a, Opnd.Use);
}

/** A 64-bit constant. Four moves are longer than a load of the constant from the pool. */
export function defConst(l: L, dst: number, low: number, high: number): void {
  const i = l.vcode.inst(P.Const, low, l.loc);
  l.vcode.imm2[i] = high;
  l.vcode.flags[i] = RawFlag.Remat;
  l.vcode.operand(dst, Opnd.Def);
  if (high !== 0 && constMoves(low, high) > 3 && logicalImm(low, high, 64) < 0) poolConst(l, i, low, high, 2);
}

/** A single or double constant: an immediate, zero, or from the pool. */
export function defFloat(l: L, dst: number, d: number, low: number, high: number): void {
  const i = l.vcode.inst(P.FloatConst + d, low, l.loc);
  l.vcode.imm2[i] = high;
  l.vcode.flags[i] = RawFlag.Remat;
  l.vcode.operand(dst, Opnd.Def);
  const immediate = d === 1 ? floatImm64(low, high) : floatImm32(low);
  if (immediate < 0 && (low !== 0 || (d === 1 && high !== 0))) poolConst(l, i, low, high, 1 + d);
}

const bits = new DataView(new ArrayBuffer(8));
/** The same of a number. */
export function defNumber(l: L, dst: number, d: number, value: number): void {
  if (d === 0) {
    bits.setFloat32(0, value, true);
    defFloat(l, dst, 0, bits.getInt32(0, true), 0);
  } else {
    bits.setFloat64(0, value, true);
    defFloat(l, dst, 1, bits.getInt32(0, true), bits.getInt32(4, true));
  }
}

function poolConst(l: L, inst: number, low: number, high: number, words: number): void {
  const pool = l.vcode.constantWords;
  const first = pool.push(low);
  if (words === 2) pool.push(high);
  l.vcode.mem[inst] = Mem.Const;
  l.vcode.disp[inst] = l.vcode.constant(first, words);
}

/** A v128 constant at words[at..at + 4). */
export function defVector(l: L, dst: number, words: Int32Array, at: number): void {
  const i = l.vcode.inst(P.VecConst, 0, l.loc);
  l.vcode.flags[i] = RawFlag.Remat;
  l.vcode.operand(dst, Opnd.Def);
  if ((words[at] | words[at + 1] | words[at + 2] | words[at + 3]) === 0) return;
  const pool = l.vcode.constantWords;
  const first = pool.push(words[at]);
  for (let k = 1; k < 4; k++) pool.push(words[at + k]);
  l.vcode.mem[i] = Mem.Const;
  l.vcode.disp[i] = l.vcode.constant(first, 4);
}
