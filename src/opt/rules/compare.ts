// Rules for comparisons of integers and floats.
import type { Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { FloatCC, INT_CC_SWAPPED, INT_CC_UNSIGNED, IntCC, Type } from '../../ir/types.ts';
import { compareS, compareU } from '../../support/int64.ts';
import type { OptContext } from '../context.ts';
import { become2, becomeInt, r64, same } from './rule.ts';
import { constantFloat } from './float.ts';

/** Does `cc` hold for operands whose signed and unsigned comparisons gave s and u? */
function holds(cc: number, s: number, u: number): boolean {
  switch (cc) {
    case IntCC.Eq:
      return s === 0;
    case IntCC.Ne:
      return s !== 0;
    case IntCC.LtS:
      return s < 0;
    case IntCC.GeS:
      return s >= 0;
    case IntCC.LtU:
      return u < 0;
    case IntCC.GeU:
      return u >= 0;
    case IntCC.GtS:
      return s > 0;
    case IntCC.LeS:
      return s <= 0;
    case IntCC.GtU:
      return u > 0;
    default:
      return u <= 0;
  }
}

/** Comparison with zero on the right. */
function withZero(c: OptContext, i: Value, cc: number, a: Value, b: Value): Value {
  const { f } = c;
  switch (cc) {
    case IntCC.LtU:
      return becomeInt(c, i, 0);
    case IntCC.GeU:
      return becomeInt(c, i, 1);
    case IntCC.GtU:
      return become2(c, i, Op.ICmp, a, b, IntCC.Ne);
    case IntCC.LeU:
      return become2(c, i, Op.ICmp, a, b, IntCC.Eq);
  }
  if (cc > IntCC.Ne) return NONE;
  switch (f.op[a]) {
    case Op.ICmp:
      // (x cc y) == 0 is the inverse condition, (x cc y) != 0 the condition.
      return cc === IntCC.Ne ? same(c, a) : become2(c, i, Op.ICmp, f.arg(a, 0), f.arg(a, 1), f.imm[a] ^ 1);
    case Op.FCmp:
      if (cc === IntCC.Ne) return same(c, a);
      // Only eq and ne are inverses of each other when an operand may be NaN.
      return f.imm[a] <= FloatCC.Ne ? become2(c, i, Op.FCmp, f.arg(a, 0), f.arg(a, 1), f.imm[a] ^ 1) : NONE;
    case Op.ISub:
    case Op.Xor:
      return become2(c, i, Op.ICmp, f.arg(a, 0), f.arg(a, 1), cc);
    case Op.ZExt:
    case Op.SExt:
      if (c.fuel <= 0) return NONE;
      return become2(c, i, Op.ICmp, f.arg(a, 0), c.constant(i, Type.I32, 0, 0), cc);
    default:
      return NONE;
  }
}

export function icmp(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  const cc = f.imm[i];
  if (a === b) return becomeInt(c, i, holds(cc, 0, 0) ? 1 : 0);
  if (c.isConst(a)) {
    if (!c.isConst(b)) return become2(c, i, Op.ICmp, b, a, INT_CC_SWAPPED[cc]);
    const s = compareS(f.imm[a], f.imm2[a], f.imm[b], f.imm2[b]);
    // Sign-extended halves order unsigned 32-bit values as the values themselves do.
    const u = compareU(f.imm[a], f.imm2[a], f.imm[b], f.imm2[b]);
    return becomeInt(c, i, holds(cc, s, u) ? 1 : 0);
  }
  if (!c.isConst(b)) return NONE;
  if (c.isInt32(b, 0)) return withZero(c, i, cc, a, b);
  if (c.isInt32(b, 1) && (cc === IntCC.LtU || cc === IntCC.GeU) && c.fuel > 0) {
    const zero = c.constant(i, f.type[b], 0, 0);
    return become2(c, i, Op.ICmp, a, zero, cc === IntCC.LtU ? IntCC.Eq : IntCC.Ne);
  }
  if (cc <= IntCC.Ne) {
    if (f.op[a] === Op.ICmp && c.isInt32(b, 1)) {
      return cc === IntCC.Eq ? same(c, a) : become2(c, i, Op.ICmp, f.arg(a, 0), f.arg(a, 1), f.imm[a] ^ 1);
    }
    if (f.op[a] === Op.IAdd && c.isConst(f.arg(a, 1)) && c.fuel > 0) {
      // x + c1 == c2 is x == c2 - c1: addition of a constant is a bijection.
      const k = f.arg(a, 1);
      r64.sub(f.imm[b], f.imm2[b], f.imm[k], f.imm2[k]);
      return become2(c, i, Op.ICmp, f.arg(a, 0), c.constant(i, f.type[b], r64.lo, r64.hi), cc);
    }
  }
  if (f.op[a] === Op.ZExt && f.imm2[b] === 0 && c.fuel > 0) {
    // Both sides are below 2^32: compare their low halves, unsigned.
    return become2(c, i, Op.ICmp, f.arg(a, 0), c.constant(i, Type.I32, f.imm[b], 0), INT_CC_UNSIGNED[cc]);
  }
  return NONE;
}

export function fcmp(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const b = f.arg(i, 1);
  if (f.op[a] !== Op.FConst || f.op[b] !== Op.FConst) return NONE;
  const x = constantFloat(f, a);
  const y = constantFloat(f, b);
  if (x !== x || y !== y) return NONE;
  switch (f.imm[i]) {
    case FloatCC.Eq:
      return becomeInt(c, i, x === y ? 1 : 0);
    case FloatCC.Ne:
      return becomeInt(c, i, x !== y ? 1 : 0);
    case FloatCC.Lt:
      return becomeInt(c, i, x < y ? 1 : 0);
    case FloatCC.Gt:
      return becomeInt(c, i, x > y ? 1 : 0);
    case FloatCC.Le:
      return becomeInt(c, i, x <= y ? 1 : 0);
    default:
      return becomeInt(c, i, x >= y ? 1 : 0);
  }
}
