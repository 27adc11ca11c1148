// Upper bounds of integer values as unsigned numbers, from the few operations around them: masks, shifts, narrow
// loads, comparisons. Used where a rule must prove that an addition does not wrap or that a mask changes nothing.
import type { Func, Value } from '../ir/func.ts';
import { memAccess, Op } from '../ir/opcodes.ts';
import { Access, Type } from '../ir/types.ts';

const MAX_DEPTH = 4;
const U32 = 0xffffffff;

/** A bound that is never below the unsigned value of `v` (I32 or I64; Infinity when nothing below 2^53 is known). */
export function maxUnsigned(f: Func, v: Value, depth = 0): number {
  const limit = f.type[v] === Type.I32 ? U32 : Infinity;
  if (depth === MAX_DEPTH) return limit;
  switch (f.op[v]) {
    case Op.IConst:
      if (f.type[v] === Type.I32) return f.imm[v] >>> 0;
      return f.imm2[v] === 0 ? f.imm[v] >>> 0 : limit;
    case Op.And:
      return Math.min(maxUnsigned(f, f.arg(v, 0), depth + 1), maxUnsigned(f, f.arg(v, 1), depth + 1));
    case Op.Or:
    case Op.Xor: {
      const bound = Math.max(maxUnsigned(f, f.arg(v, 0), depth + 1), maxUnsigned(f, f.arg(v, 1), depth + 1));
      // No bit above the highest of both; beyond 32 bits nothing is claimed.
      return bound > U32 ? limit : bound === 0 ? 0 : U32 >>> Math.clz32(bound);
    }
    case Op.UShr: {
      const count = f.arg(v, 1);
      if (f.op[count] !== Op.IConst) return maxUnsigned(f, f.arg(v, 0), depth + 1);
      const n = f.imm[count] & (f.type[v] === Type.I32 ? 31 : 63);
      const bound = maxUnsigned(f, f.arg(v, 0), depth + 1);
      if (bound === Infinity) return n >= 32 ? 2 ** (64 - n) - 1 : limit;
      return Math.floor(bound / 2 ** n);
    }
    case Op.Shl: {
      const count = f.arg(v, 1);
      if (f.op[count] !== Op.IConst) return limit;
      const n = f.imm[count] & (f.type[v] === Type.I32 ? 31 : 63);
      const bound = maxUnsigned(f, f.arg(v, 0), depth + 1) * 2 ** n;
      return bound <= U32 ? bound : limit;
    }
    case Op.IAdd: {
      const bound = maxUnsigned(f, f.arg(v, 0), depth + 1) + maxUnsigned(f, f.arg(v, 1), depth + 1);
      return bound <= U32 ? bound : limit;
    }
    case Op.URem: {
      const divisor = maxUnsigned(f, f.arg(v, 1), depth + 1);
      return divisor === Infinity ? limit : Math.max(divisor - 1, 0);
    }
    case Op.UDiv:
      return maxUnsigned(f, f.arg(v, 0), depth + 1);
    case Op.Select:
      return Math.max(maxUnsigned(f, f.arg(v, 1), depth + 1), maxUnsigned(f, f.arg(v, 2), depth + 1));
    case Op.ZExt:
      return maxUnsigned(f, f.arg(v, 0), depth + 1);
    case Op.Wrap: {
      const bound = maxUnsigned(f, f.arg(v, 0), depth + 1);
      return bound <= U32 ? bound : limit;
    }
    case Op.ICmp:
    case Op.FCmp:
      return 1;
    case Op.Clz:
    case Op.Ctz:
    case Op.Popcnt:
      return 64;
    case Op.Load:
    case Op.NLoad:
    case Op.CtxLoad: {
      const access = memAccess(f.imm[v]);
      if (access === Access.U8) return 0xff;
      if (access === Access.U16) return 0xffff;
      return access === Access.U32 ? U32 : limit;
    }
    default:
      return limit;
  }
}

/** Is `v`, an I32, known to be 0 or 1? */
export const isBool = (f: Func, v: Value): boolean => f.type[v] === Type.I32 && maxUnsigned(f, v) <= 1;
