// Rules for floats: only what is right bit for bit (DESIGN.md, "Exactness").
//
// Constants are folded only where no operand and no result is NaN; f32 arithmetic is Math.fround of the f64 operation,
// which rounds once (53 >= 2 * 24 + 2: Figueroa, "When is double rounding innocuous?", 1995). An i64 becomes an f32
// only where its f64 is exact. x + 0, x * 1 and the like stay, as they quiet a signalling NaN; x / 2^k = x * 2^-k is
// exact as long as 2^-k is a normal number.
import type { Func, Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import type { OptContext } from '../context.ts';
import { become1, become2, becomeBits, same } from './rule.ts';

const words = new Int32Array(2);
const f32 = new Float32Array(words.buffer);
const f64 = new Float64Array(words.buffer);
/** Index of the low half of f64 in `words`. */
const LOW = new Uint8Array(Int32Array.of(1).buffer)[0] === 1 ? 0 : 1;

/** The number of an FConst. NaN loses its payload: callers fold no NaN. */
export function constantFloat(f: Func, v: Value): number {
  if (f.type[v] === Type.F32) {
    words[0] = f.imm[v];
    return f32[0];
  }
  words[LOW] = f.imm[v];
  words[1 - LOW] = f.imm2[v];
  return f64[0];
}

/** Turns `i` into the float constant x (not NaN), rounded to its type. */
function becomeFloat(c: OptContext, i: Value, x: number): Value {
  if (x !== x) return NONE;
  if (c.f.type[i] === Type.F32) {
    f32[0] = x;
    return becomeBits(c, i, words[0], 0);
  }
  f64[0] = x;
  return becomeBits(c, i, words[LOW], words[1 - LOW]);
}

/** Rounds to the nearest integer, ties to even, as f32.nearest and f64.nearest. */
function nearest(x: number): number {
  if (!(Math.abs(x) < 2 ** 52)) return x;
  // Adding 2^52 leaves no fraction bits, and the addition rounds ties to even; the sign of zero is kept by hand.
  const rounded = x < 0 || Object.is(x, -0) ? x - 2 ** 52 + 2 ** 52 : x + 2 ** 52 - 2 ** 52;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

function compute1(op: number, x: number): number {
  switch (op) {
    case Op.FAbs:
      return Math.abs(x);
    case Op.FNeg:
      return -x;
    case Op.FSqrt:
      return Math.sqrt(x);
    case Op.FCeil:
      return Math.ceil(x);
    case Op.FFloor:
      return Math.floor(x);
    case Op.FTrunc:
      return Math.trunc(x);
    case Op.FNearest:
      return nearest(x);
    default:
      // demote and promote: the store into the constant rounds
      return x;
  }
}

function compute2(op: number, x: number, y: number): number {
  switch (op) {
    case Op.FAdd:
      return x + y;
    case Op.FSub:
      return x - y;
    case Op.FMul:
      return x * y;
    case Op.FDiv:
      return x / y;
    case Op.FMin:
      return Math.min(x, y);
    case Op.FMax:
      return Math.max(x, y);
    default:
      return y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x);
  }
}

export function unary(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const op = f.op[i];
  if (f.op[a] === Op.FConst) {
    const x = constantFloat(f, a);
    return x === x ? becomeFloat(c, i, compute1(op, x)) : NONE;
  }
  if (op === Op.FNeg && f.op[a] === Op.FNeg) return same(c, f.arg(a, 0));
  if (op === Op.FAbs) {
    if (f.op[a] === Op.FAbs) return same(c, a);
    if (f.op[a] === Op.FNeg) return become1(c, i, Op.FAbs, f.arg(a, 0));
  }
  return NONE;
}

/** 1 / x if x is a power of two and both are normal numbers of the type, else 0. */
function exactReciprocal(type: number, x: number): number {
  f64[0] = x;
  const exponent = ((words[1 - LOW] >>> 20) & 0x7ff) - 1023;
  const isPower = (words[1 - LOW] & 0xfffff) === 0 && words[LOW] === 0;
  const limit = type === Type.F32 ? 126 : 1022;
  return isPower && exponent >= -limit && exponent <= limit ? 1 / x : 0;
}

export function binary(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (f.op[b] !== Op.FConst) return NONE;
  const y = constantFloat(f, b);
  if (y !== y) return NONE;
  if (f.op[a] === Op.FConst) {
    const x = constantFloat(f, a);
    return x === x ? becomeFloat(c, i, compute2(f.op[i], x, y)) : NONE;
  }
  if (f.op[i] !== Op.FDiv) return NONE;
  const inverse = exactReciprocal(f.type[i], y);
  if (inverse === 0 || y === 1 || c.fuel <= 0) return NONE;
  const k = f.newInst(Op.FConst, f.type[i], 0, 0, 0, f.loc[i]);
  if (f.type[i] === Type.F32) {
    f32[0] = inverse;
    f.imm[k] = words[0];
  } else {
    f64[0] = inverse;
    f.imm[k] = words[LOW];
    f.imm2[k] = words[1 - LOW];
  }
  f.insertBefore(k, i);
  return become2(c, i, Op.FMul, a, k);
}

/** Integer to float: exact through f64 but for i64 to f32, which is left alone beyond 2^53. */
export function convert(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  if (!c.isConst(a)) return NONE;
  const signed = f.op[i] === Op.ConvertS;
  if (f.type[a] === Type.I32) return becomeFloat(c, i, signed ? f.imm[a] : f.imm[a] >>> 0);
  const hi = signed ? f.imm2[a] : f.imm2[a] >>> 0;
  if (f.type[i] === Type.F32 && Math.abs(hi) >= 2 ** 20) return NONE;
  // Both terms are exact; their sum rounds once.
  return becomeFloat(c, i, hi * 2 ** 32 + (f.imm[a] >>> 0));
}

/** Float to integer, only where the value is in range. */
export function truncate(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  if (f.op[a] !== Op.FConst) return NONE;
  const x = Math.trunc(constantFloat(f, a));
  const op = f.op[i];
  const bits = f.type[i] === Type.I32 ? 32 : 64;
  const signed = op === Op.TruncS || op === Op.TruncSatS;
  const min = signed ? -(2 ** (bits - 1)) : 0;
  const limit = signed ? 2 ** (bits - 1) : 2 ** bits;
  if (!(x >= min && x < limit)) return NONE;
  const hi = Math.floor(x / 2 ** 32);
  return becomeBits(c, i, (x - hi * 2 ** 32) | 0, hi | 0);
}

export function bitcast(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  if (f.op[a] === Op.IConst || f.op[a] === Op.FConst) {
    return f.type[a] === Type.Ref || f.type[i] === Type.Ref ? NONE : becomeBits(c, i, f.imm[a], f.imm2[a]);
  }
  if (f.op[a] === Op.Bitcast && f.type[f.arg(a, 0)] === f.type[i]) return same(c, f.arg(a, 0));
  return NONE;
}
