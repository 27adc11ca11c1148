// What instruction selection knows of the size of I32 values without an analysis: a look at the few instructions that
// compute one. It decides which sums and shifts of an index may be done in an address, where nothing wraps at 32 bits.
import type { Func, Value } from '../ir/func.ts';
import { memAccess, Op } from '../ir/opcodes.ts';
import { Access } from '../ir/types.ts';

/** Upper bound of an I32 value, as an unsigned number. */
export function upperBound(f: Func, value: Value, depth = 4): number {
  if (depth > 0) {
    switch (f.op[value]) {
      case Op.IConst:
        return f.imm[value] >>> 0;
      case Op.ICmp:
      case Op.FCmp:
        return 1;
      case Op.And:
        return Math.min(upperBound(f, f.arg(value, 0), depth - 1), upperBound(f, f.arg(value, 1), depth - 1));
      case Op.UShr: {
        const count = f.arg(value, 1);
        if (f.op[count] !== Op.IConst) break;
        return Math.floor(upperBound(f, f.arg(value, 0), depth - 1) / 2 ** (f.imm[count] & 31));
      }
      case Op.Shl: {
        const count = f.arg(value, 1);
        if (f.op[count] !== Op.IConst) break;
        const bound = upperBound(f, f.arg(value, 0), depth - 1) * 2 ** (f.imm[count] & 31);
        if (bound < 2 ** 32) return bound;
        break;
      }
      case Op.IAdd: {
        const bound = upperBound(f, f.arg(value, 0), depth - 1) + upperBound(f, f.arg(value, 1), depth - 1);
        if (bound < 2 ** 32) return bound;
        break;
      }
      case Op.Load:
      case Op.NLoad:
      case Op.CtxLoad:
        if (memAccess(f.imm[value]) === Access.U8) return 0xff;
        if (memAccess(f.imm[value]) === Access.U16) return 0xffff;
        break;
    }
  }
  return 0xffffffff;
}
