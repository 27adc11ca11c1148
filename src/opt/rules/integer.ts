// Rules for addition, subtraction, multiplication, division and remainder of integers.
import type { Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import { compareU, log2Exact } from '../../support/int64.ts';
import type { OptContext } from '../context.ts';
import { maxUnsigned } from '../ranges.ts';
import { become2, becomeInt, becomeR64, bitsOf, r64, same } from './rule.ts';

/** Folds two constants of I32 or I64; division only where it does not trap. Leaves the result in r64. */
function fold(c: OptContext, op: number, type: number, a: Value, b: Value): boolean {
  const { f } = c;
  const aLo = f.imm[a];
  const bLo = f.imm[b];
  // I32 constants carry their sign in the high half, so signed 64-bit arithmetic is right for them too; unsigned
  // operations need a zero high half.
  const unsigned = type === Type.I32 && (op === Op.UDiv || op === Op.URem);
  const aHi = unsigned ? 0 : f.imm2[a];
  const bHi = unsigned ? 0 : f.imm2[b];
  switch (op) {
    case Op.IAdd:
      r64.add(aLo, aHi, bLo, bHi);
      return true;
    case Op.ISub:
      r64.sub(aLo, aHi, bLo, bHi);
      return true;
    case Op.IMul:
      r64.mul(aLo, aHi, bLo, bHi);
      return true;
  }
  if (bLo === 0 && bHi === 0) return false;
  switch (op) {
    case Op.UDiv:
      r64.divU(aLo, aHi, bLo, bHi);
      return true;
    case Op.URem:
      r64.remU(aLo, aHi, bLo, bHi);
      return true;
    case Op.SRem:
      r64.remS(aLo, aHi, bLo, bHi);
      return true;
    default: {
      const isMin = type === Type.I32 ? aLo === -0x80000000 : aLo === 0 && aHi === -0x80000000;
      if (isMin && bLo === -1 && bHi === -1) return false;
      r64.divS(aLo, aHi, bLo, bHi);
      return true;
    }
  }
}

function foldBoth(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (!c.isConst(a) || !c.isConst(b)) return NONE;
  return fold(c, f.op[i], f.type[i], a, b) ? becomeR64(c, i) : NONE;
}

const constant = (c: OptContext, i: Value): Value => c.constant(i, c.f.type[i], r64.lo, r64.hi);

export function iadd(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (c.isConst(b)) {
    if (c.isConst(a)) return foldBoth(c, i);
    if (c.isInt32(b, 0)) return same(c, a);
    const inner = f.arg(a, 1);
    if (f.op[a] === Op.IAdd && c.isConst(inner) && c.fuel > 0) {
      // (x + c1) + c2 = x + (c1 + c2): modulo 2^n, always.
      r64.add(f.imm[inner], f.imm2[inner], f.imm[b], f.imm2[b]);
      return become2(c, i, Op.IAdd, f.arg(a, 0), constant(c, i));
    }
    if (f.op[a] === Op.ISub && c.isConst(f.arg(a, 0)) && c.fuel > 0) {
      // (c1 - x) + c2 = (c1 + c2) - x
      const k = f.arg(a, 0);
      r64.add(f.imm[k], f.imm2[k], f.imm[b], f.imm2[b]);
      return become2(c, i, Op.ISub, constant(c, i), f.arg(a, 1));
    }
    return NONE;
  }
  // (x - y) + y = x, and mirrored
  if (f.op[a] === Op.ISub && f.arg(a, 1) === b) return same(c, f.arg(a, 0));
  if (f.op[b] === Op.ISub && f.arg(b, 1) === a) return same(c, f.arg(b, 0));
  // x + (0 - y) = x - y, and mirrored
  if (f.op[b] === Op.ISub && c.isInt32(f.arg(b, 0), 0)) return become2(c, i, Op.ISub, a, f.arg(b, 1));
  if (f.op[a] === Op.ISub && c.isInt32(f.arg(a, 0), 0)) return become2(c, i, Op.ISub, b, f.arg(a, 1));
  return NONE;
}

export function isub(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (a === b) return becomeInt(c, i, 0);
  if (c.isConst(b)) {
    if (c.isConst(a)) return foldBoth(c, i);
    if (c.fuel <= 0) return NONE;
    r64.neg(f.imm[b], f.imm2[b]);
    return become2(c, i, Op.IAdd, a, constant(c, i));
  }
  if (c.isConst(a) && f.op[b] === Op.IAdd && c.isConst(f.arg(b, 1)) && c.fuel > 0) {
    // c1 - (x + c2) = (c1 - c2) - x
    const k = f.arg(b, 1);
    r64.sub(f.imm[a], f.imm2[a], f.imm[k], f.imm2[k]);
    return become2(c, i, Op.ISub, constant(c, i), f.arg(b, 0));
  }
  if (f.op[a] === Op.IAdd) {
    // (x + y) - y = x, (x + y) - x = y
    if (f.arg(a, 1) === b) return same(c, f.arg(a, 0));
    if (f.arg(a, 0) === b) return same(c, f.arg(a, 1));
  }
  // x - (0 - y) = x + y
  if (f.op[b] === Op.ISub && c.isInt32(f.arg(b, 0), 0)) return become2(c, i, Op.IAdd, a, f.arg(b, 1));
  return NONE;
}

/** Exponent if `v` is a constant power of two (as unsigned), else -1. */
export function powerOfTwo(c: OptContext, v: Value): number {
  const { f } = c;
  if (f.op[v] !== Op.IConst) return -1;
  return log2Exact(f.imm[v], f.type[v] === Type.I32 ? 0 : f.imm2[v]);
}

export function imul(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (!c.isConst(b)) return NONE;
  if (c.isConst(a)) return foldBoth(c, i);
  if (c.isInt32(b, 0)) return same(c, b);
  if (c.isInt32(b, 1)) return same(c, a);
  if (c.fuel <= 0) return NONE;
  if (c.isInt32(b, -1)) return become2(c, i, Op.ISub, c.constant(i, f.type[i], 0, 0), a);
  const k = powerOfTwo(c, b);
  if (k > 0) return become2(c, i, Op.Shl, a, c.constant(i, f.type[i], k, 0));
  return NONE;
}

export function udiv(c: OptContext, i: Value): Value {
  const { f } = c;
  const b = f.arg(i, 1);
  const k = powerOfTwo(c, b);
  if (c.isConst(f.arg(i, 0))) return foldBoth(c, i);
  if (k === 0) return same(c, f.arg(i, 0));
  if (k > 0 && c.fuel > 0) return become2(c, i, Op.UShr, f.arg(i, 0), c.constant(i, f.type[i], k, 0));
  return NONE;
}

export function urem(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  const k = powerOfTwo(c, b);
  if (c.isConst(a)) return foldBoth(c, i);
  if (k === 0) return becomeInt(c, i, 0);
  if (k > 0 && c.fuel > 0) {
    r64.sub(f.imm[b], f.imm2[b], 1, 0);
    return become2(c, i, Op.And, a, constant(c, i));
  }
  return NONE;
}

/** Is `v` known to be non-negative as a signed value? */
function nonNegative(c: OptContext, v: Value): boolean {
  return maxUnsigned(c.f, v) < (c.f.type[v] === Type.I32 ? 2 ** 31 : 2 ** 53);
}

/** x + (x < 0 ? 2^k - 1 : 0), as instructions before `i`: makes a shift or mask round towards zero. */
function biased(c: OptContext, i: Value, x: Value, k: number): Value {
  const type = c.f.type[i];
  const bits = bitsOf(type);
  const sign = c.binary(i, Op.SShr, type, x, c.constant(i, type, bits - 1, 0));
  const bias = c.binary(i, Op.UShr, type, sign, c.constant(i, type, bits - k, 0));
  return c.binary(i, Op.IAdd, type, x, bias);
}

export function sdiv(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (c.isConst(a)) return foldBoth(c, i);
  const k = powerOfTwo(c, b);
  if (k === 0) return same(c, a);
  // The power with the sign bit is negative; division by -1 may overflow and stays too.
  if (k < 0 || k === bitsOf(f.type[i]) - 1 || c.fuel <= 0) return NONE;
  const x = nonNegative(c, a) ? a : biased(c, i, a, k);
  return become2(c, i, Op.SShr, x, c.constant(i, f.type[i], k, 0));
}

export function srem(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (c.isConst(a)) return foldBoth(c, i);
  const k = powerOfTwo(c, b);
  if (k === 0 || c.isInt32(b, -1)) return becomeInt(c, i, 0);
  if (k < 0 || k === bitsOf(f.type[i]) - 1 || c.fuel <= 0) return NONE;
  if (nonNegative(c, a)) {
    r64.sub(f.imm[b], f.imm2[b], 1, 0);
    return become2(c, i, Op.And, a, constant(c, i));
  }
  r64.neg(f.imm[b], f.imm2[b]);
  const mask = constant(c, i);
  const rounded = c.binary(i, Op.And, f.type[i], biased(c, i, a, k), mask);
  return become2(c, i, Op.ISub, a, rounded);
}

/** Are the constants equal in value, as unsigned 64-bit halves? */
export const sameConstant = (c: OptContext, a: Value, b: Value): boolean =>
  c.isConst(a) && c.isConst(b) && compareU(c.f.imm[a], c.f.imm2[a], c.f.imm[b], c.f.imm2[b]) === 0;
