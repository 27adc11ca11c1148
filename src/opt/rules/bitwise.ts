// Rules for and, or, xor, shifts, rotations and bit counts.
import type { Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import { clz64, ctz32, ctz64, popcnt32, popcnt64 } from '../../support/int64.ts';
import type { OptContext } from '../context.ts';
import { isBool, maxUnsigned } from '../ranges.ts';
import { become1, become2, becomeBits, becomeInt, becomeR64, bitsOf, isAllOnes, r64, same } from './rule.ts';

const bit = (op: number, a: number, b: number): number =>
  op === Op.And ? a & b : op === Op.Or ? a | b : a ^ b;

/** What and, or, xor share: folding, and (x op c1) op c2 = x op (c1 op c2). The constant, if any, is on the right. */
function common(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (!c.isConst(b)) return NONE;
  const op = f.op[i];
  if (c.isConst(a)) return becomeBits(c, i, bit(op, f.imm[a], f.imm[b]), bit(op, f.imm2[a], f.imm2[b]));
  const inner = f.arg(a, 1);
  if (f.op[a] !== op || !c.isConst(inner) || c.fuel <= 0) return NONE;
  const k = c.constant(i, f.type[i], bit(op, f.imm[inner], f.imm[b]), bit(op, f.imm2[inner], f.imm2[b]));
  return become2(c, i, op, f.arg(a, 0), k);
}

/** Does the mask keep all bits that values up to `bound` can have? */
function maskCovers(lo: number, bound: number): boolean {
  if (bound > 0xffffffff) return false;
  const needed = bound === 0 ? 0 : 0xffffffff >>> Math.clz32(bound);
  return (lo & needed) === (needed | 0);
}

export function and(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (a === b) return same(c, a);
  if (c.isConst(b)) {
    if (c.isInt32(b, 0)) return same(c, b);
    if (isAllOnes(c, b)) return same(c, a);
    // A mask that keeps every bit the value can have.
    if (!c.isConst(a) && maskCovers(f.imm[b], maxUnsigned(f, a))) return same(c, a);
  }
  return common(c, i);
}

export function or(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (a === b || c.isInt32(b, 0)) return same(c, a);
  if (isAllOnes(c, b)) return same(c, b);
  return common(c, i);
}

export function xor(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (a === b) return becomeInt(c, i, 0);
  if (c.isInt32(b, 0)) return same(c, a);
  // The inverse of a condition differs in its lowest bit only.
  if (c.isInt32(b, 1) && f.op[a] === Op.ICmp)
    return become2(c, i, Op.ICmp, f.arg(a, 0), f.arg(a, 1), f.imm[a] ^ 1);
  if (c.isInt32(b, 1) && isBool(f, a) && c.fuel > 0) {
    return become2(c, i, Op.ICmp, a, c.constant(i, Type.I32, 0, 0), 0);
  }
  return common(c, i);
}

function foldShift(c: OptContext, i: Value, a: Value, n: number): Value {
  const { f } = c;
  const lo = f.imm[a];
  if (f.type[i] === Type.I32) {
    switch (f.op[i]) {
      case Op.Shl:
        return becomeInt(c, i, lo << n);
      case Op.SShr:
        return becomeInt(c, i, lo >> n);
      case Op.UShr:
        return becomeInt(c, i, lo >>> n);
      default: {
        const left = f.op[i] === Op.Rotl ? n : (32 - n) & 31;
        return becomeInt(c, i, left === 0 ? lo : (lo << left) | (lo >>> (32 - left)));
      }
    }
  }
  const hi = f.imm2[a];
  switch (f.op[i]) {
    case Op.Shl:
      r64.shl(lo, hi, n);
      break;
    case Op.SShr:
      r64.shrS(lo, hi, n);
      break;
    case Op.UShr:
      r64.shrU(lo, hi, n);
      break;
    case Op.Rotl:
      r64.rotl(lo, hi, n);
      break;
    default:
      r64.rotr(lo, hi, n);
  }
  return becomeR64(c, i);
}

/** Two shifts of one kind by constants: their counts add up; beyond the width nothing (or the sign) is left. */
function shiftTwice(c: OptContext, i: Value, a: Value, n: number, m: number): Value {
  const { f } = c;
  const bits = bitsOf(f.type[i]);
  let sum = n + m;
  if (f.op[i] === Op.Rotl || f.op[i] === Op.Rotr) sum &= bits - 1;
  else if (sum >= bits && f.op[i] !== Op.SShr) return becomeInt(c, i, 0);
  if (c.fuel <= 0) return NONE;
  return become2(c, i, f.op[i], f.arg(a, 0), c.constant(i, f.type[i], Math.min(sum, bits - 1), 0));
}

export function shift(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  const op = f.op[i];
  const bits = bitsOf(f.type[i]);
  if (!c.isConst(b)) {
    if (c.isInt32(a, 0)) return same(c, a);
    // The count is taken modulo the width anyway.
    const mask = f.op[b] === Op.And ? f.arg(b, 1) : NONE;
    if (mask !== NONE && c.isConst(mask) && (f.imm[mask] & (bits - 1)) === bits - 1) {
      return become2(c, i, op, a, f.arg(b, 0));
    }
    return NONE;
  }
  const n = f.imm[b] & (bits - 1);
  if (n === 0) return same(c, a);
  if (c.isConst(a)) return foldShift(c, i, a, n);
  if (!c.isInt32(b, n)) return c.fuel > 0 ? become2(c, i, op, a, c.constant(i, f.type[i], n, 0)) : NONE;
  const inner = f.argCount[a] === 2 ? f.arg(a, 1) : NONE;
  if (inner === NONE || !c.isConst(inner)) return NONE;
  const m = f.imm[inner] & (bits - 1);
  if (f.op[a] === op) return shiftTwice(c, i, a, n, m);
  if (f.op[a] === Op.Shl && m === n) {
    if (op === Op.SShr) {
      const left = bits - n;
      const narrow = left === 8 ? Op.SExt8 : left === 16 ? Op.SExt16 : left === 32 ? Op.SExt32 : Op.Nop;
      if (narrow !== Op.Nop) return become1(c, i, narrow, f.arg(a, 0));
    }
    if (op === Op.UShr && c.fuel > 0) {
      // (x << n) >>> n keeps the low bits
      r64.shrU(-1, f.type[i] === Type.I32 ? 0 : -1, n);
      return become2(c, i, Op.And, f.arg(a, 0), c.constant(i, f.type[i], r64.lo, r64.hi));
    }
  }
  return NONE;
}

export function count(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  if (!c.isConst(a)) return NONE;
  const lo = f.imm[a];
  const hi = f.imm2[a];
  const wide = f.type[i] === Type.I64;
  switch (f.op[i]) {
    case Op.Clz:
      return becomeInt(c, i, wide ? clz64(lo, hi) : Math.clz32(lo));
    case Op.Ctz:
      return becomeInt(c, i, wide ? ctz64(lo, hi) : ctz32(lo));
    default:
      return becomeInt(c, i, wide ? popcnt64(lo, hi) : popcnt32(lo));
  }
}
