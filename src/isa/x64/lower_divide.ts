// Selection of x86_64 instructions: division. Traps are explicit compares before the machine's division, so that it
// never faults. Division by a constant multiplies by its reciprocal (Granlund and Montgomery, "Division by invariant
// integers using multiplication", 1994; Hacker's Delight, chapter 10).
import { TrapKind } from '../../abi/layout.ts';
import type { Value } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { RegClass } from '../../regalloc/door.ts';
import { trapIf } from '../lower_common.ts';
import { magicSigned, magicUnsigned } from '../magic.ts';
import { Opnd } from '../vcode.ts';
import { AluForm, CC, P, X } from './instructions.ts';
import type { L } from './machine.ts';
import { aluRI, aluRR, copy, defImm, operandReg, Rm, unaryRm, unaryRR, useRm, wide } from './machine.ts';
import { Clobber, Reg } from './registers.ts';

const rm = new Rm();

const RAX = Reg.Rax << Opnd.PayloadShift;
const RDX = Reg.Rdx << Opnd.PayloadShift;

/** Writes the machine's division; the result is the quotient (rax) or the remainder (rdx). */
function divide(l: L, x: number, w: number, dst: number, n: number, d: number, remainder: boolean): void {
  const i = l.vcode.inst(x + w, 0, l.loc);
  l.vcode.clobber[i] = remainder ? Clobber.Rax : Clobber.Rdx;
  l.vcode.operand(dst, Opnd.DefFixed | (remainder ? RDX : RAX));
  l.vcode.operand(n, Opnd.UseFixed | RAX);
  l.vcode.operand(d, Opnd.UseLate);
}

function zeroCheck(l: L, w: number, d: number): void {
  useRm(l, X.Test + w, d, rm.setReg(d));
  trapIf(l, CC.E, -1, TrapKind.IntegerDivideByZero);
}

const isConst = (l: L, v: Value): boolean => l.func.op[v] === Op.IConst;
const isConstZero = (l: L, v: Value): boolean => isConst(l, v) && l.func.imm[v] === 0 && l.func.imm2[v] === 0;

export function lowerSDiv(l: L, inst: Value): void {
  const f = l.func;
  const d = f.arg(inst, 1);
  const w = wide(l, inst);
  if (isConst(l, d) && !isConstZero(l, d) && !isMinusOne(l, d)) {
    signedByConst(l, inst, d, w, false);
    return;
  }
  const rn = operandReg(l, f.arg(inst, 0), w);
  const rd = operandReg(l, d, w);
  zeroCheck(l, w, rd);
  const i = l.vcode.inst(P.DivOverflow + w, 0, l.loc);
  l.vcode.trap[i] = TrapKind.IntegerOverflow;
  l.vcode.operand(rn, Opnd.Use);
  l.vcode.operand(rd, Opnd.Use);
  divide(l, P.SignedDiv, w, l.result(inst), rn, rd, false);
}

function isMinusOne(l: L, v: Value): boolean {
  return l.func.imm[v] === -1 && (wide(l, v) === 0 || l.func.imm2[v] === -1);
}

export function lowerUDiv(l: L, inst: Value): void {
  const f = l.func;
  const d = f.arg(inst, 1);
  const w = wide(l, inst);
  if (isConst(l, d) && !isConstZero(l, d)) {
    unsignedByConst(l, inst, d, w, false);
    return;
  }
  const rn = operandReg(l, f.arg(inst, 0), w);
  const rd = operandReg(l, d, w);
  zeroCheck(l, w, rd);
  divide(l, P.UnsignedDiv, w, l.result(inst), rn, rd, false);
}

export function lowerSRem(l: L, inst: Value): void {
  const f = l.func;
  const d = f.arg(inst, 1);
  const w = wide(l, inst);
  if (isConst(l, d) && !isConstZero(l, d) && !isMinusOne(l, d)) {
    signedByConst(l, inst, d, w, true);
    return;
  }
  const rn = operandReg(l, f.arg(inst, 0), w);
  const rd = operandReg(l, d, w);
  zeroCheck(l, w, rd);
  divide(l, P.SignedRem, w, l.result(inst), rn, rd, true);
}

export function lowerURem(l: L, inst: Value): void {
  const f = l.func;
  const d = f.arg(inst, 1);
  const w = wide(l, inst);
  if (isConst(l, d) && !isConstZero(l, d)) {
    unsignedByConst(l, inst, d, w, true);
    return;
  }
  const rn = operandReg(l, f.arg(inst, 0), w);
  const rd = operandReg(l, d, w);
  zeroCheck(l, w, rd);
  divide(l, P.UnsignedDiv, w, l.result(inst), rn, rd, true);
}

// ---- By constants ----

const temp = (l: L): number => l.temp(RegClass.Int);

/** -1 unless the constant is a power of two: its logarithm. */
function log2(low: number, high: number): number {
  if (high === 0 && low !== 0 && (low & (low - 1)) === 0) return 31 - Math.clz32(low);
  if (low === 0 && high !== 0 && (high & (high - 1)) === 0) return 63 - Math.clz32(high);
  return -1;
}

/** The high half of a 64-bit product, or of a 32-bit one. */
function mulHigh(l: L, x: number, w: number, a: number, b: number): number {
  const high = temp(l);
  const i = l.vcode.inst(x + w, 0, l.loc);
  l.vcode.clobber[i] = Clobber.Rax;
  l.vcode.operand(high, Opnd.DefFixed | RDX);
  l.vcode.operand(a, Opnd.UseFixed | RAX);
  l.vcode.operand(b, Opnd.Use);
  return high;
}

/** remainder = n - quotient * d */
function remainderOf(l: L, inst: Value, n: number, quotient: number, d: Value, w: number): void {
  const f = l.func;
  const product = temp(l);
  if (w === 0 || f.imm2[d] === f.imm[d] >> 31)
    unaryRm(l, X.ImulI + w, product, rm.setReg(quotient), f.imm[d]);
  else {
    const big = temp(l);
    defImm(l, X.MovAbs, big, f.imm[d], f.imm2[d]);
    aluRR(l, X.Imul + 1, product, quotient, big);
  }
  aluRR(l, X.Sub + AluForm.Rm + w, l.result(inst), n, product);
}

function unsignedByConst(l: L, inst: Value, d: Value, w: number, remainder: boolean): void {
  const f = l.func;
  const low = f.imm[d];
  const high = w === 1 ? f.imm2[d] : 0;
  const n = l.reg(f.arg(inst, 0));
  const dst = l.result(inst);
  const shift = log2(low, high);
  if (shift >= 0) {
    if (!remainder) {
      if (shift === 0) copy(l, dst, n);
      else aluRI(l, X.ShrI + w, dst, n, shift);
    } else if (shift < 32)
      aluRI(l, X.And + AluForm.Imm, dst, n, shift === 31 ? 0x7fffffff : (1 << shift) - 1);
    else if (shift === 32) unaryRR(l, X.Mov, dst, n);
    else {
      const cut = temp(l);
      aluRI(l, X.ShlI + 1, cut, n, 64 - shift);
      aluRI(l, X.ShrI + 1, dst, cut, 64 - shift);
    }
    return;
  }
  const magic = magicUnsigned(low, high, w === 1 ? 64 : 32);
  const quotient = remainder ? temp(l) : dst;
  if (w === 0 && !magic.add) {
    // n and the multiplier have 32 bits: the 64-bit product holds everything.
    const m = temp(l);
    const product = temp(l);
    defImm(l, X.MovI, m, magic.low);
    aluRR(l, X.Imul + 1, product, m, n);
    aluRI(l, X.ShrI + 1, quotient, product, 32 + magic.shift);
  } else {
    const m = temp(l);
    if (w === 1) defImm(l, X.MovAbs, m, magic.low, magic.high);
    else defImm(l, X.MovI, m, magic.low);
    const t = mulHigh(l, P.MulHigh, w, n, m);
    if (!magic.add) {
      if (magic.shift === 0) copy(l, quotient, t);
      else aluRI(l, X.ShrI + w, quotient, t, magic.shift);
    } else {
      // The multiplier has one bit more: q = (((n - t) >> 1) + t) >> (shift - 1).
      const difference = temp(l);
      const half = temp(l);
      const sum = temp(l);
      aluRR(l, X.Sub + AluForm.Rm + w, difference, n, t);
      aluRI(l, X.ShrI + w, half, difference, 1);
      aluRR(l, X.Add + AluForm.Rm + w, sum, half, t);
      aluRI(l, X.ShrI + w, quotient, sum, magic.shift - 1);
    }
  }
  if (remainder) remainderOf(l, inst, n, quotient, d, w);
}

function signedByConst(l: L, inst: Value, d: Value, w: number, remainder: boolean): void {
  const f = l.func;
  const bits = w === 1 ? 64 : 32;
  const low = f.imm[d];
  const high = w === 1 ? f.imm2[d] : low >> 31;
  const n = operandReg(l, f.arg(inst, 0), w);
  const dst = l.result(inst);
  const negative = high < 0;
  // |d| of MIN is 2^(bits - 1) as an unsigned number.
  const absLow = negative ? -low | 0 : low;
  const absHigh = w === 0 ? 0 : negative ? (low === 0 ? -high | 0 : ~high) : high;
  const shift = log2(absLow, absHigh);
  const quotient = remainder ? temp(l) : dst;
  if (shift === 0) {
    // d = 1: -1 is not here. The low half of a 64-bit operand may be what is divided: a copy would keep the upper half.
    if (remainder) defImm(l, X.MovI, dst, 0);
    else if (w === 1) copy(l, dst, n);
    else unaryRR(l, X.Mov, dst, n);
    return;
  }
  if (shift > 0) {
    // Round towards zero: add 2^shift - 1 to negative numbers first.
    const sign = temp(l);
    const bias = temp(l);
    const sum = temp(l);
    aluRI(l, X.SarI + w, sign, n, bits - 1);
    aluRI(l, X.ShrI + w, bias, sign, bits - shift);
    aluRR(l, X.Add + AluForm.Rm + w, sum, bias, n);
    const q = negative ? temp(l) : quotient;
    aluRI(l, X.SarI + w, q, sum, shift);
    if (negative) aluRI(l, X.Neg + w, quotient, q, 0);
  } else {
    const magic = magicSigned(low, high, bits);
    const m = temp(l);
    if (w === 1) defImm(l, X.MovAbs, m, magic.low, magic.high);
    else defImm(l, X.MovI, m, magic.low);
    let t = mulHigh(l, P.MulHighS, w, n, m);
    if (magic.add !== 0) {
      const sum = temp(l);
      aluRR(l, (magic.add > 0 ? X.Add : X.Sub) + AluForm.Rm + w, sum, t, n);
      t = sum;
    }
    if (magic.shift > 0) {
      const shifted = temp(l);
      aluRI(l, X.SarI + w, shifted, t, magic.shift);
      t = shifted;
    }
    const sign = temp(l);
    aluRI(l, X.ShrI + w, sign, t, bits - 1);
    aluRR(l, X.Add + AluForm.Rm + w, quotient, sign, t);
  }
  if (remainder) remainderOf(l, inst, n, quotient, d, w);
}
