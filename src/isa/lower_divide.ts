// Selection of divisions and remainders, as far as it is the same on every ISA: by constants they become shifts or
// multiplications by the reciprocal (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994;
// Hacker's Delight, chapter 10), else the machine divides behind explicit checks for the traps.
import type { Value } from '../ir/func.ts';
import { log2Exact } from '../support/int64.ts';
import type { Lowering, LowerRule, LowerTarget } from './lower.ts';
import { copy, intTemp, isZero, operandReg, wide } from './lower_common.ts';
import { magicSigned, magicUnsigned } from './magic.ts';

/** What an ISA knows about division; w: 0 for 32 bits, 1 for 64 (the upper half of a 32-bit result is zero). */
export interface DivideIsa<T extends LowerTarget> {
  /** dst = n / d or its remainder for any d, with traps. */
  divide(
    l: Lowering<T>,
    w: number,
    dst: number,
    n: number,
    d: number,
    signed: boolean,
    remainder: boolean,
  ): void;
  /** dst = the constant of w's size. */
  constant(l: Lowering<T>, w: number, dst: number, low: number, high: number): void;
  zero(l: Lowering<T>, dst: number): void;
  /** dst = n, of which a 32-bit operation reads the low half. */
  narrow(l: Lowering<T>, w: number, dst: number, n: number): void;
  add(l: Lowering<T>, w: number, dst: number, a: number, b: number): void;
  subtract(l: Lowering<T>, w: number, dst: number, a: number, b: number): void;
  negate(l: Lowering<T>, w: number, dst: number, a: number): void;
  /** dst = a >> count */
  shiftRight(l: Lowering<T>, w: number, dst: number, a: number, count: number, signed: boolean): void;
  /** a + (b >>> count), in `dst` or, if that is -1, in a new register, which is returned. */
  addShifted(l: Lowering<T>, w: number, dst: number, a: number, b: number, count: number): number;
  /** dst = a modulo 2^count */
  lowBits(l: Lowering<T>, w: number, dst: number, a: number, count: number): void;
  /** dst = the 64-bit product of two zero-extended 32-bit numbers. */
  multiplyWide(l: Lowering<T>, dst: number, a: number, b: number): void;
  /** The high half of the product, in a new register. */
  multiplyHigh(l: Lowering<T>, w: number, a: number, b: number, signed: boolean): number;
  /** dst = n - quotient * d, for the constant d. */
  subtractProduct(l: Lowering<T>, w: number, dst: number, n: number, quotient: number, d: Value): void;
}

interface DivideRules<T extends LowerTarget> {
  readonly lowerSDiv: LowerRule<T>;
  readonly lowerUDiv: LowerRule<T>;
  readonly lowerSRem: LowerRule<T>;
  readonly lowerURem: LowerRule<T>;
}

/** The rules of division for one ISA. */
export function divideRules<T extends LowerTarget>(isa: DivideIsa<T>): DivideRules<T> {
  const rule =
    (signed: boolean, remainder: boolean): LowerRule<T> =>
    (l, inst) => {
      lowerDivision(isa, l, inst, signed, remainder);
    };
  return {
    lowerSDiv: rule(true, false),
    lowerUDiv: rule(false, false),
    lowerSRem: rule(true, true),
    lowerURem: rule(false, true),
  };
}

function lowerDivision<T extends LowerTarget>(
  isa: DivideIsa<T>,
  l: Lowering<T>,
  inst: Value,
  signed: boolean,
  remainder: boolean,
): void {
  const f = l.func;
  const d = f.arg(inst, 1);
  const w = wide(l, inst);
  if (l.isConst(d) && !isZero(l, d) && !(signed && isMinusOne(l, d))) {
    if (signed) signedByConst(isa, l, inst, d, w, remainder);
    else unsignedByConst(isa, l, inst, d, w, remainder);
    return;
  }
  const rn = operandReg(l, f.arg(inst, 0), w);
  const rd = operandReg(l, d, w);
  isa.divide(l, w, l.result(inst), rn, rd, signed, remainder);
}

const isMinusOne = <T extends LowerTarget>(l: Lowering<T>, v: Value): boolean =>
  l.func.imm[v] === -1 && (wide(l, v) === 0 || l.func.imm2[v] === -1);

function unsignedByConst<T extends LowerTarget>(
  isa: DivideIsa<T>,
  l: Lowering<T>,
  inst: Value,
  d: Value,
  w: number,
  remainder: boolean,
): void {
  const f = l.func;
  const low = f.imm[d];
  const high = w === 1 ? f.imm2[d] : 0;
  // The 32-bit multiplication takes all of the register.
  const n = l.reg(f.arg(inst, 0));
  const dst = l.result(inst);
  const shift = log2Exact(low, high);
  if (shift >= 0) {
    if (remainder) isa.lowBits(l, w, dst, n, shift);
    else if (shift === 0) copy(l, dst, n);
    else isa.shiftRight(l, w, dst, n, shift, false);
    return;
  }
  const magic = magicUnsigned(low, high, w === 1 ? 64 : 32);
  const quotient = remainder ? intTemp(l) : dst;
  const m = intTemp(l);
  isa.constant(l, w, m, magic.low, magic.high);
  if (w === 0 && !magic.add) {
    // n and the multiplier have 32 bits: the 64-bit product holds everything.
    const product = intTemp(l);
    isa.multiplyWide(l, product, m, n);
    isa.shiftRight(l, 1, quotient, product, 32 + magic.shift, false);
  } else {
    const t = isa.multiplyHigh(l, w, n, m, false);
    if (!magic.add) isa.shiftRight(l, w, quotient, t, magic.shift, false);
    else {
      // The multiplier has one bit more: q = (((n - t) >> 1) + t) >> (shift - 1).
      const difference = intTemp(l);
      isa.subtract(l, w, difference, n, t);
      const sum = isa.addShifted(l, w, -1, t, difference, 1);
      isa.shiftRight(l, w, quotient, sum, magic.shift - 1, false);
    }
  }
  if (remainder) isa.subtractProduct(l, w, dst, n, quotient, d);
}

function signedByConst<T extends LowerTarget>(
  isa: DivideIsa<T>,
  l: Lowering<T>,
  inst: Value,
  d: Value,
  w: number,
  remainder: boolean,
): void {
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
    // d = 1: -1 is not here.
    if (remainder) isa.zero(l, dst);
    else isa.narrow(l, w, dst, n);
    return;
  }
  if (shift > 0) {
    // Round towards zero: add 2^shift - 1 to negative numbers first.
    const sign = intTemp(l);
    isa.shiftRight(l, w, sign, n, bits - 1, true);
    const sum = isa.addShifted(l, w, -1, n, sign, bits - shift);
    const q = negative ? intTemp(l) : quotient;
    isa.shiftRight(l, w, q, sum, shift, true);
    if (negative) isa.negate(l, w, quotient, q);
  } else {
    const magic = magicSigned(low, high, bits);
    const m = intTemp(l);
    isa.constant(l, w, m, magic.low, magic.high);
    let t = isa.multiplyHigh(l, w, n, m, true);
    if (magic.add !== 0) {
      const sum = intTemp(l);
      if (magic.add > 0) isa.add(l, w, sum, t, n);
      else isa.subtract(l, w, sum, t, n);
      t = sum;
    }
    if (magic.shift > 0) {
      const shifted = intTemp(l);
      isa.shiftRight(l, w, shifted, t, magic.shift, true);
      t = shifted;
    }
    isa.addShifted(l, w, quotient, t, t, bits - 1);
  }
  if (remainder) isa.subtractProduct(l, w, dst, n, quotient, d);
}
