// Selection of aarch64 instructions: division. The machine's division never faults: x / 0 is 0, MIN / -1 is MIN, so
// traps are explicit compares and a remainder needs none for overflow. Division by a constant multiplies by its
// reciprocal (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994; Hacker's Delight,
// chapter 10).
import { TrapKind } from '../../abi/layout.ts';
import type { Value } from '../../ir/func.ts';
import { log2Exact } from '../../support/int64.ts';
import { magicSigned, magicUnsigned } from '../magic.ts';
import { trapIf } from '../lower_common.ts';
import { logicalImm } from './immediates.ts';
import { A, CC, Cond, Shift } from './instructions.ts';
import { shiftRight } from './lower_integer.ts';
import type { L } from './machine.ts';
import { copy, defConst, intTemp, isZero, operandReg, rr, rrr, rrrr, useR, wide } from './machine.ts';

function zeroCheck(l: L, w: number, d: number): void {
  trapIf(l, Cond.Zero | (w === 1 ? Cond.Wide : 0), d, TrapKind.IntegerDivideByZero);
}

const isMinusOne = (l: L, v: Value): boolean =>
  l.func.imm[v] === -1 && (wide(l, v) === 0 || l.func.imm2[v] === -1);

export function lowerSDiv(l: L, inst: Value): void {
  const f = l.func;
  const d = f.arg(inst, 1);
  const w = wide(l, inst);
  if (l.isConst(d) && !isZero(l, d) && !isMinusOne(l, d)) {
    signedByConst(l, inst, d, w, false);
    return;
  }
  const rn = operandReg(l, f.arg(inst, 0), w);
  const rd = operandReg(l, d, w);
  zeroCheck(l, w, rd);
  // MIN / -1: if the divisor is -1, MIN - 1 overflows; else the flags are clear.
  useR(l, A.CmnI + w, rd, 1);
  useR(l, A.CcmpI + w, rn, (1 << 8) | CC.Eq);
  trapIf(l, CC.Vs, -1, TrapKind.IntegerOverflow);
  rrr(l, A.Sdiv + w, l.result(inst), rn, rd);
}

function lowerDivide(l: L, inst: Value, signed: boolean, remainder: boolean): void {
  const f = l.func;
  const d = f.arg(inst, 1);
  const w = wide(l, inst);
  if (l.isConst(d) && !isZero(l, d) && !(signed && isMinusOne(l, d))) {
    if (signed) signedByConst(l, inst, d, w, remainder);
    else unsignedByConst(l, inst, d, w, remainder);
    return;
  }
  const rn = operandReg(l, f.arg(inst, 0), w);
  const rd = operandReg(l, d, w);
  zeroCheck(l, w, rd);
  const x = (signed ? A.Sdiv : A.Udiv) + w;
  if (!remainder) {
    rrr(l, x, l.result(inst), rn, rd);
    return;
  }
  const quotient = intTemp(l);
  rrr(l, x, quotient, rn, rd);
  rrrr(l, A.Msub + w, l.result(inst), quotient, rd, rn);
}

export const lowerUDiv = (l: L, inst: Value): void => lowerDivide(l, inst, false, false);
export const lowerSRem = (l: L, inst: Value): void => lowerDivide(l, inst, true, true);
export const lowerURem = (l: L, inst: Value): void => lowerDivide(l, inst, false, true);

// ---- By constants ----

/** remainder = n - quotient * d */
function remainderOf(l: L, inst: Value, n: number, quotient: number, d: Value, w: number): void {
  const f = l.func;
  const divisor = intTemp(l);
  defConst(l, divisor, f.imm[d], w === 1 ? f.imm2[d] : 0);
  rrrr(l, A.Msub + w, l.result(inst), quotient, divisor, n);
}

function unsignedByConst(l: L, inst: Value, d: Value, w: number, remainder: boolean): void {
  const f = l.func;
  const low = f.imm[d];
  const high = w === 1 ? f.imm2[d] : 0;
  // The 32-bit multiplication takes all of the register.
  const n = l.reg(f.arg(inst, 0));
  const dst = l.result(inst);
  const shift = log2Exact(low, high);
  if (shift >= 0) {
    if (!remainder) {
      if (shift === 0) copy(l, dst, n);
      else shiftRight(l, w, dst, n, shift, false);
    } else if (shift === 0) defConst(l, dst, 0, 0);
    else {
      const maskHigh = shift > 32 ? (1 << (shift - 32)) - 1 : 0;
      const maskLow = shift >= 32 ? -1 : (1 << shift) - 1;
      rr(l, A.AndI + w, dst, n, logicalImm(maskLow, w === 1 ? maskHigh : maskLow, w === 1 ? 64 : 32));
    }
    return;
  }
  const magic = magicUnsigned(low, high, w === 1 ? 64 : 32);
  const quotient = remainder ? intTemp(l) : dst;
  const m = intTemp(l);
  defConst(l, m, magic.low, w === 1 ? magic.high : 0);
  if (w === 0 && !magic.add) {
    // n and the multiplier have 32 bits: the 64-bit product holds everything.
    const product = intTemp(l);
    rrr(l, A.Umull, product, n, m);
    shiftRight(l, 1, quotient, product, 32 + magic.shift, false);
  } else {
    const t = intTemp(l);
    if (w === 1) rrr(l, A.Umulh, t, n, m);
    else {
      const product = intTemp(l);
      rrr(l, A.Umull, product, n, m);
      shiftRight(l, 1, t, product, 32, false);
    }
    if (!magic.add) shiftRight(l, w, quotient, t, magic.shift, false);
    else {
      // The multiplier has one bit more: q = (((n - t) >> 1) + t) >> (shift - 1).
      const difference = intTemp(l);
      const sum = intTemp(l);
      rrr(l, A.Sub + w, difference, n, t);
      rrr(l, A.Add + w, sum, t, difference, Shift.Lsr | 1);
      shiftRight(l, w, quotient, sum, magic.shift - 1, false);
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
  const shift = log2Exact(absLow, absHigh);
  const quotient = remainder ? intTemp(l) : dst;
  if (shift === 0) {
    // d = 1: -1 is not here. The low half of a 64-bit operand may be what is divided.
    if (remainder) defConst(l, dst, 0, 0);
    else rr(l, A.Mov + w, dst, n);
    return;
  }
  if (shift > 0) {
    // Round towards zero: add 2^shift - 1 to negative numbers first.
    const sign = intTemp(l);
    const sum = intTemp(l);
    shiftRight(l, w, sign, n, bits - 1, true);
    rrr(l, A.Add + w, sum, n, sign, Shift.Lsr | (bits - shift));
    const q = negative ? intTemp(l) : quotient;
    shiftRight(l, w, q, sum, shift, true);
    if (negative) rr(l, A.Neg + w, quotient, q);
  } else {
    const magic = magicSigned(low, high, bits);
    const m = intTemp(l);
    defConst(l, m, magic.low, w === 1 ? magic.high : 0);
    let t = intTemp(l);
    if (w === 1) rrr(l, A.Smulh, t, n, m);
    else {
      const product = intTemp(l);
      rrr(l, A.Smull, product, n, m);
      shiftRight(l, 1, t, product, 32, true);
    }
    if (magic.add !== 0) {
      const sum = intTemp(l);
      rrr(l, (magic.add > 0 ? A.Add : A.Sub) + w, sum, t, n);
      t = sum;
    }
    if (magic.shift > 0) {
      const shifted = intTemp(l);
      shiftRight(l, w, shifted, t, magic.shift, true);
      t = shifted;
    }
    rrr(l, A.Add + w, quotient, t, t, Shift.Lsr | (bits - 1));
  }
  if (remainder) remainderOf(l, inst, n, quotient, d, w);
}
