// Selection of aarch64 instructions: integer arithmetic, shifts, counts, extensions, bit fields.
import type { Value } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import { clz64, ctz64, popcnt64 } from '../../support/int64.ts';
import { arithmeticImm, logicalImm } from './immediates.ts';
import { A, Extend, Shift } from './instructions.ts';
import type { L } from './machine.ts';
import { floatTemp, intTemp, isZero, operandReg, rr, rrr, rrrr, smallConst, wide } from './machine.ts';

/** Shift field of a shift by a constant that only this instruction uses and that a register form can do, else -1. */
function shiftField(l: L, v: Value, w: number, logical: boolean): number {
  const f = l.func;
  const op = f.op[v];
  if (op !== Op.Shl && op !== Op.UShr && op !== Op.SShr && !(logical && op === Op.Rotr)) return -1;
  if (!l.single(v) || !l.isConst(f.arg(v, 1))) return -1;
  const amount = f.imm[f.arg(v, 1)] & (w === 1 ? 63 : 31);
  switch (op) {
    case Op.Shl:
      return Shift.Lsl | amount;
    case Op.UShr:
      return Shift.Lsr | amount;
    case Op.SShr:
      return Shift.Asr | amount;
    default:
      return Shift.Ror | amount;
  }
}

/** What `shiftedField` found: the value that the field is of, and the fields of ubfm. */
let fieldOf = -1;
let fieldBits = 0;

/**
 * Left shift of a field of ones bits that only this instruction uses, (x >> n) & (ones << k) with k > 0, else -1: ubfx
 * and a shifted operand instead of a shift, a mask and an operand. Not out of a loop.
 */
function shiftedField(l: L, v: Value, inst: Value, w: number): number {
  const f = l.func;
  if (f.op[v] !== Op.And || !l.single(v) || f.block[v] !== f.block[inst] || !l.isConst(f.arg(v, 1)))
    return -1;
  const shift = f.arg(v, 0);
  const isLeft = f.op[shift] === Op.Shl;
  if ((!isLeft && f.op[shift] !== Op.UShr) || !l.single(shift) || !l.isConst(f.arg(shift, 1))) return -1;
  const bits = w === 1 ? 64 : 32;
  const low = f.imm[f.arg(v, 1)];
  const high = w === 1 ? f.imm2[f.arg(v, 1)] : 0;
  if ((low | high) === 0) return -1;
  const k = ctz64(low, high);
  if (k === 0) return -1;
  const width = popcnt64(low, high);
  const amount = f.imm[f.arg(shift, 1)] & (bits - 1);
  const first = isLeft ? k - amount : k + amount;
  if (k + width + clz64(low, high) !== 64 || first < 0 || first + width > bits) return -1;
  fieldOf = f.arg(shift, 0);
  fieldBits = (first << 6) | (first + width - 1);
  return k;
}

/** The narrower value that `extension` found. */
let extended = -1;

/**
 * Extension and left shift of an extended register if v is a narrower value, extended and shifted by 0..4 for this
 * instruction alone; else -1.
 */
function extension(l: L, v: Value, w: number): number {
  const f = l.func;
  let inner = v;
  let count = 0;
  if (f.op[v] === Op.Shl && l.single(v) && l.isConst(f.arg(v, 1))) {
    count = f.imm[f.arg(v, 1)] & (w === 1 ? 63 : 31);
    inner = f.arg(v, 0);
  }
  const kind = extensionKind(l, inner, w);
  if (kind < 0 || count > 4) return -1;
  extended = f.arg(inner, 0);
  return (kind << 3) | count;
}

function extensionKind(l: L, v: Value, w: number): number {
  const f = l.func;
  if (!l.single(v)) return -1;
  switch (f.op[v]) {
    case Op.And: {
      const mask = smallConst(l, f.arg(v, 1));
      return mask === 0xff ? Extend.Uxtb : mask === 0xffff ? Extend.Uxth : -1;
    }
    case Op.SExt8:
      return Extend.Sxtb;
    case Op.SExt16:
      return Extend.Sxth;
    case Op.SExt:
    case Op.SExt32:
      return w === 1 ? Extend.Sxtw : -1;
    default:
      return -1;
  }
}

/**
 * dst = op a, b with a shift, field or extension of b folded in, if it is one; `ext` >= 0: the family that extends b.
 * False, with nothing written, if not.
 */
function folded(l: L, inst: Value, x: number, a: Value, b: Value, logical: boolean, ext: number): boolean {
  const w = wide(l, inst);
  const extend = ext < 0 ? -1 : extension(l, b, w);
  if (extend >= 0) {
    const rb = operandReg(l, extended, 0);
    rrr(l, ext + w, l.result(inst), operandReg(l, a, w), rb, extend);
    return true;
  }
  const shift = shiftField(l, b, w, logical);
  if (shift >= 0) {
    const rb = operandReg(l, l.func.arg(b, 0), w);
    rrr(l, x + w, l.result(inst), operandReg(l, a, w), rb, shift);
    return true;
  }
  const up = shiftedField(l, b, inst, w);
  if (up < 0) return false;
  const bits = fieldBits;
  const field = intTemp(l);
  const whole = operandReg(l, fieldOf, w);
  const ra = operandReg(l, a, w);
  rr(l, A.Ubfm + w, field, whole, bits);
  rrr(l, x + w, l.result(inst), ra, field, Shift.Lsl | up);
  return true;
}

/** dst = op a, b with what may be folded in. */
function registerForm(
  l: L,
  inst: Value,
  x: number,
  a: Value,
  b: Value,
  commutative: boolean,
  logical: boolean,
  ext = -1,
): void {
  if (folded(l, inst, x, a, b, logical, ext)) return;
  if (commutative && folded(l, inst, x, b, a, logical, ext)) return;
  const w = wide(l, inst);
  rrr(l, x + w, l.result(inst), operandReg(l, a, w), operandReg(l, b, w));
}

/** A product that only this instruction uses and that is no shift or addition. Not out of a loop. */
function isProduct(l: L, v: Value): boolean {
  const f = l.func;
  if (f.op[v] !== Op.IMul || !l.single(v) || f.block[v] !== f.block[l.root]) return false;
  return !isSimpleFactor(smallConst(l, f.arg(v, 1)));
}

/** 2^n or 2^n + 1, of which `lowerMul` makes one instruction. */
function isSimpleFactor(c: number): boolean {
  return c > 0 && ((c & (c - 1)) === 0 || ((c - 1) & (c - 2)) === 0);
}

/** The 32-bit value that a 64-bit one was sign- or zero-extended from (by `op`), or -1. */
function extendedFrom(l: L, v: Value, op: Op): Value {
  const f = l.func;
  if (op === Op.SExt && f.op[v] === Op.SExt32) return f.arg(v, 0);
  return f.op[v] === op ? f.arg(v, 0) : -1;
}

/** Opcode of a widening product of both operands' low halves, or -1: +0 with sum, by `plain` without. */
function wideningProduct(l: L, product: Value, plain: boolean): number {
  const f = l.func;
  if (f.type[product] !== Type.I64) return -1;
  const a = f.arg(product, 0);
  const b = f.arg(product, 1);
  if (extendedFrom(l, a, Op.SExt) >= 0 && extendedFrom(l, b, Op.SExt) >= 0) return plain ? A.Smull : A.Smaddl;
  if (extendedFrom(l, a, Op.ZExt) >= 0 && extendedFrom(l, b, Op.ZExt) >= 0) return plain ? A.Umull : A.Umaddl;
  return -1;
}

function factor(l: L, v: Value, x: number): number {
  const signed = x === A.Smull || x === A.Smaddl;
  return l.reg(extendedFrom(l, v, signed ? Op.SExt : Op.ZExt));
}

export function lowerAdd(l: L, inst: Value): void {
  const f = l.func;
  let a = f.arg(inst, 0);
  let b = f.arg(inst, 1);
  const w = wide(l, inst);
  if (l.isConst(a) || (isProduct(l, a) && !l.isConst(b))) {
    const swap = a;
    a = b;
    b = swap;
  }
  const constant = smallConst(l, b);
  const field = arithmeticImm(Math.abs(constant));
  if (field >= 0) {
    rr(l, (constant < 0 ? A.SubI : A.AddI) + w, l.result(inst), operandReg(l, a, w), field);
    return;
  }
  if (isProduct(l, b)) {
    const x = wideningProduct(l, b, false);
    const dst = l.result(inst);
    const sum = operandReg(l, a, w);
    if (x >= 0) rrrr(l, x, dst, factor(l, f.arg(b, 0), x), factor(l, f.arg(b, 1), x), sum);
    else rrrr(l, A.Madd + w, dst, operandReg(l, f.arg(b, 0), w), operandReg(l, f.arg(b, 1), w), sum);
    return;
  }
  registerForm(l, inst, A.Add, a, b, true, false, A.AddExt);
}

export function lowerSub(l: L, inst: Value): void {
  const f = l.func;
  const a = f.arg(inst, 0);
  const b = f.arg(inst, 1);
  const w = wide(l, inst);
  const dst = l.result(inst);
  if (isZero(l, a)) {
    const shift = shiftField(l, b, w, false);
    rr(l, A.Neg + w, dst, operandReg(l, shift >= 0 ? f.arg(b, 0) : b, w), Math.max(shift, 0));
    return;
  }
  const constant = smallConst(l, b);
  const field = arithmeticImm(Math.abs(constant));
  if (field >= 0) {
    rr(l, (constant < 0 ? A.AddI : A.SubI) + w, dst, operandReg(l, a, w), field);
    return;
  }
  if (isProduct(l, b)) {
    rrrr(
      l,
      A.Msub + w,
      dst,
      operandReg(l, f.arg(b, 0), w),
      operandReg(l, f.arg(b, 1), w),
      operandReg(l, a, w),
    );
    return;
  }
  registerForm(l, inst, A.Sub, a, b, false, false, A.SubExt);
}

/** The logical immediate's field of a constant in w's width, or -1. */
export function logicalField(l: L, v: Value, w: number): number {
  const f = l.func;
  if (f.op[v] !== Op.IConst) return -1;
  return logicalImm(f.imm[v], w === 1 ? f.imm2[v] : f.imm[v], w === 1 ? 64 : 32);
}

function isMinusOne(l: L, v: Value): boolean {
  const f = l.func;
  return f.op[v] === Op.IConst && f.imm[v] === -1 && (f.type[v] === Type.I32 || f.imm2[v] === -1);
}

/** The value whose complement v is, if only this instruction uses it; else -1. */
function complementOf(l: L, v: Value): Value {
  const f = l.func;
  return f.op[v] === Op.Xor && l.single(v) && isMinusOne(l, f.arg(v, 1)) ? f.arg(v, 0) : -1;
}

/** and, or, xor; `inverted`: the family that complements its second operand. */
function lowerLogical(l: L, inst: Value, x: number, immediate: number, inverted: number): void {
  const f = l.func;
  let a = f.arg(inst, 0);
  let b = f.arg(inst, 1);
  const w = wide(l, inst);
  if (l.isConst(a)) {
    const swap = a;
    a = b;
    b = swap;
  }
  const field = logicalField(l, b, w);
  if (field >= 0) {
    rr(l, immediate + w, l.result(inst), operandReg(l, a, w), field);
    return;
  }
  const notB = complementOf(l, b);
  if (notB >= 0) {
    registerForm(l, inst, inverted, a, notB, false, true);
    return;
  }
  const notA = complementOf(l, a);
  if (notA >= 0) {
    registerForm(l, inst, inverted, b, notA, false, true);
    return;
  }
  registerForm(l, inst, x, a, b, true, true);
}

export function lowerAnd(l: L, inst: Value): void {
  const f = l.func;
  const a = f.arg(inst, 0);
  const b = f.arg(inst, 1);
  const w = wide(l, inst);
  // A field of ones behind a right shift is one bit field extraction.
  if (l.isConst(b) && f.op[a] === Op.UShr && l.single(a) && l.isConst(f.arg(a, 1))) {
    const low = f.imm[b];
    const high = w === 1 ? f.imm2[b] : 0;
    const width = onesFromBit0(low, high);
    const bits = w === 1 ? 64 : 32;
    const shift = f.imm[f.arg(a, 1)] & (bits - 1);
    if (width > 0 && shift + width <= bits) {
      rr(l, A.Ubfm + w, l.result(inst), operandReg(l, f.arg(a, 0), w), (shift << 6) | (shift + width - 1));
      return;
    }
  }
  // Ones from where a left shift put the lowest bit: ubfiz.
  if (l.isConst(b) && f.op[a] === Op.Shl && l.single(a) && l.isConst(f.arg(a, 1))) {
    const top = w === 1 ? 63 : 31;
    const low = f.imm[b];
    const high = w === 1 ? f.imm2[b] : 0;
    const shift = f.imm[f.arg(a, 1)] & top;
    const width = popcnt64(low, high);
    if (shift > 0 && ctz64(low, high) === shift && shift + width + clz64(low, high) === 64) {
      rr(
        l,
        A.Ubfm + w,
        l.result(inst),
        operandReg(l, f.arg(a, 0), w),
        ((top + 1 - shift) << 6) | (width - 1),
      );
      return;
    }
  }
  lowerLogical(l, inst, A.And, A.AndI, A.Bic);
}

/** n if the constant is 2^n - 1 for n > 0, else 0. */
function onesFromBit0(low: number, high: number): number {
  if (high === 0) return low !== 0 && (low & (low + 1)) === 0 ? 32 - Math.clz32(low) : 0;
  return low === -1 && (high & (high + 1)) === 0 ? 64 - Math.clz32(high) : 0;
}

export const lowerOr = (l: L, inst: Value): void => lowerLogical(l, inst, A.Orr, A.OrrI, A.Orn);

export function lowerXor(l: L, inst: Value): void {
  const f = l.func;
  if (isMinusOne(l, f.arg(inst, 1))) {
    const w = wide(l, inst);
    const a = f.arg(inst, 0);
    const shift = shiftField(l, a, w, true);
    rr(l, A.Mvn + w, l.result(inst), operandReg(l, shift >= 0 ? f.arg(a, 0) : a, w), Math.max(shift, 0));
    return;
  }
  lowerLogical(l, inst, A.Eor, A.EorI, A.Eon);
}

export function lowerMul(l: L, inst: Value): void {
  const f = l.func;
  let a = f.arg(inst, 0);
  let b = f.arg(inst, 1);
  if (l.isConst(a)) {
    const swap = a;
    a = b;
    b = swap;
  }
  const w = wide(l, inst);
  const dst = l.result(inst);
  const c = smallConst(l, b);
  if (c > 0) {
    const shift = 31 - Math.clz32(c);
    if (c === 1 << shift) {
      shiftLeft(l, w, dst, operandReg(l, a, w), shift);
      return;
    }
    // 2^n + 1: one addition.
    const one = 31 - Math.clz32(c - 1);
    if (c - 1 === 1 << one) {
      const ra = operandReg(l, a, w);
      rrr(l, A.Add + w, dst, ra, ra, Shift.Lsl | one);
      return;
    }
  }
  const x = l.isConst(b) ? -1 : wideningProduct(l, inst, true);
  if (x >= 0) rrr(l, x, dst, factor(l, a, x), factor(l, b, x));
  else rrr(l, A.Mul + w, dst, operandReg(l, a, w), operandReg(l, b, w));
}

/** dst = a << count, 0 <= count < bits */
export function shiftLeft(l: L, w: number, dst: number, a: number, count: number): void {
  const top = w === 1 ? 63 : 31;
  rr(l, A.Ubfm + w, dst, a, (((top + 1 - count) & top) << 6) | (top - count));
}

export function shiftRight(l: L, w: number, dst: number, a: number, count: number, signed: boolean): void {
  rr(l, (signed ? A.Sbfm : A.Ubfm) + w, dst, a, (count << 6) | (w === 1 ? 63 : 31));
}

/** The count register of a shift: the machine masks it as wasm does. */
function countReg(l: L, count: Value, mask: number): number {
  const f = l.func;
  if (f.op[count] === Op.And && l.isConst(f.arg(count, 1)) && (f.imm[f.arg(count, 1)] & mask) === mask) {
    return operandReg(l, f.arg(count, 0), 0);
  }
  return operandReg(l, count, 0);
}

/** The constant count of a shift, or -1. */
function constCount(l: L, inst: Value, mask: number): number {
  const f = l.func;
  const count = f.arg(inst, 1);
  return f.op[count] === Op.IConst ? f.imm[count] & mask : -1;
}

export function lowerShl(l: L, inst: Value): void {
  const f = l.func;
  const w = wide(l, inst);
  const mask = w === 1 ? 63 : 31;
  const count = constCount(l, inst, mask);
  const dst = l.result(inst);
  const a = f.arg(inst, 0);
  if (count < 0) {
    rrr(l, A.Lslv + w, dst, operandReg(l, a, w), countReg(l, f.arg(inst, 1), mask));
    return;
  }
  // Shifted up again what was cut off: ubfiz.
  if (f.op[a] === Op.And && l.single(a) && l.isConst(f.arg(a, 1)) && count > 0) {
    const width = onesFromBit0(f.imm[f.arg(a, 1)], w === 1 ? f.imm2[f.arg(a, 1)] : 0);
    if (width > 0 && width + count <= mask + 1) {
      rr(l, A.Ubfm + w, dst, operandReg(l, f.arg(a, 0), w), ((mask + 1 - count) << 6) | (width - 1));
      return;
    }
  }
  if (w === 1 && f.op[a] === Op.SExt && l.single(a) && count < 32 && count > 0) {
    rr(l, A.Sbfm + 1, dst, operandReg(l, f.arg(a, 0), 0), ((64 - count) << 6) | 31);
    return;
  }
  shiftLeft(l, w, dst, operandReg(l, a, w), count);
}

function lowerShiftRight(l: L, inst: Value, variable: number, signed: boolean): void {
  const f = l.func;
  const w = wide(l, inst);
  const mask = w === 1 ? 63 : 31;
  const count = constCount(l, inst, mask);
  const dst = l.result(inst);
  const a = f.arg(inst, 0);
  if (count < 0) {
    rrr(l, variable + w, dst, operandReg(l, a, w), countReg(l, f.arg(inst, 1), mask));
    return;
  }
  // (x << m) >> n with n >= m takes a field of x.
  if (f.op[a] === Op.Shl && l.single(a) && l.isConst(f.arg(a, 1))) {
    const up = f.imm[f.arg(a, 1)] & mask;
    if (count >= up) {
      rr(
        l,
        (signed ? A.Sbfm : A.Ubfm) + w,
        dst,
        operandReg(l, f.arg(a, 0), w),
        ((count - up) << 6) | (mask - up),
      );
      return;
    }
  }
  shiftRight(l, w, dst, operandReg(l, a, w), count, signed);
}

export const lowerUShr = (l: L, inst: Value): void => lowerShiftRight(l, inst, A.Lsrv, false);
export const lowerSShr = (l: L, inst: Value): void => lowerShiftRight(l, inst, A.Asrv, true);

function rotateRight(l: L, inst: Value, w: number, count: number): void {
  const a = operandReg(l, l.func.arg(inst, 0), w);
  rrr(l, A.Extr + w, l.result(inst), a, a, count);
}

export function lowerRotl(l: L, inst: Value): void {
  const f = l.func;
  const w = wide(l, inst);
  const mask = w === 1 ? 63 : 31;
  const count = constCount(l, inst, mask);
  if (count >= 0) {
    rotateRight(l, inst, w, -count & mask);
    return;
  }
  const c = countReg(l, f.arg(inst, 1), mask);
  const negated = intTemp(l);
  rr(l, A.Neg + w, negated, c);
  rrr(l, A.Rorv + w, l.result(inst), operandReg(l, f.arg(inst, 0), w), negated);
}

export function lowerRotr(l: L, inst: Value): void {
  const f = l.func;
  const w = wide(l, inst);
  const mask = w === 1 ? 63 : 31;
  const count = constCount(l, inst, mask);
  if (count >= 0) rotateRight(l, inst, w, count);
  else
    rrr(l, A.Rorv + w, l.result(inst), operandReg(l, f.arg(inst, 0), w), countReg(l, f.arg(inst, 1), mask));
}

export function lowerClz(l: L, inst: Value): void {
  const w = wide(l, inst);
  rr(l, A.Clz + w, l.result(inst), operandReg(l, l.func.arg(inst, 0), w));
}

export function lowerCtz(l: L, inst: Value): void {
  const w = wide(l, inst);
  const reversed = intTemp(l);
  rr(l, A.Rbit + w, reversed, operandReg(l, l.func.arg(inst, 0), w));
  rr(l, A.Clz + w, l.result(inst), reversed);
}

/** The counts of the bytes, added up, in the vector file. */
export function lowerPopcnt(l: L, inst: Value): void {
  const w = wide(l, inst);
  const moved = floatTemp(l);
  const counts = floatTemp(l);
  const sum = floatTemp(l);
  rr(l, A.FmovToFloat + w, moved, operandReg(l, l.func.arg(inst, 0), w));
  rr(l, A.Cnt, counts, moved);
  rr(l, A.Addv, sum, counts);
  rr(l, A.FmovToInt, l.result(inst), sum);
}

export function lowerWrap(l: L, inst: Value): void {
  rr(l, A.Mov, l.result(inst), l.reg(l.func.arg(inst, 0)));
}

/** Sign extension from bit `top`. */
function extend(l: L, inst: Value, w: number, top: number): void {
  rr(l, A.Sbfm + w, l.result(inst), operandReg(l, l.func.arg(inst, 0), Math.min(w, top === 31 ? 0 : w)), top);
}

export const lowerSExt = (l: L, inst: Value): void => extend(l, inst, 1, 31);
export const lowerSExt32 = (l: L, inst: Value): void => extend(l, inst, 1, 31);
export const lowerSExt8 = (l: L, inst: Value): void => extend(l, inst, wide(l, inst), 7);
export const lowerSExt16 = (l: L, inst: Value): void => extend(l, inst, wide(l, inst), 15);
