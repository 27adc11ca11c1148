// Rules for wrapping and extension of integers.
import type { Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { memAccess, memType, Op } from '../../ir/opcodes.ts';
import { Access, Type, TYPE_BYTES } from '../../ir/types.ts';
import type { OptContext } from '../context.ts';
import { maxUnsigned } from '../ranges.ts';
import { become1, becomeBits, becomeInt, same } from './rule.ts';

export function wrap(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  if (c.isConst(a)) return becomeInt(c, i, f.imm[a]);
  if (f.op[a] === Op.ZExt || f.op[a] === Op.SExt) return same(c, f.arg(a, 0));
  if (f.op[a] === Op.SExt32) return become1(c, i, Op.Wrap, f.arg(a, 0));
  if (f.op[a] === Op.And) {
    const mask = f.arg(a, 1);
    if (c.isConst(mask) && f.imm[mask] === -1) return become1(c, i, Op.Wrap, f.arg(a, 0));
  }
  return NONE;
}

export function extend32(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const signed = f.op[i] === Op.SExt;
  if (c.isConst(a)) return becomeBits(c, i, f.imm[a], signed ? f.imm[a] >> 31 : 0);
  if (signed && f.op[a] === Op.Wrap) return become1(c, i, Op.SExt32, f.arg(a, 0));
  return NONE;
}

/** Bits that sext8, sext16, sext32 and signed narrow loads leave significant; 64 for everything else. */
function significantBits(c: OptContext, v: Value): number {
  const { f } = c;
  switch (f.op[v]) {
    case Op.SExt8:
      return 8;
    case Op.SExt16:
      return 16;
    case Op.SExt32:
    case Op.SExt:
      return 32;
    case Op.Load:
    case Op.NLoad:
    case Op.CtxLoad: {
      const access = memAccess(f.imm[v]);
      if (access === Access.S8) return 8;
      if (access === Access.S16) return 16;
      return access === Access.S32 ? 32 : TYPE_BYTES[memType(f.imm[v])] * 8;
    }
    default:
      return 64;
  }
}

export function extendNarrow(c: OptContext, i: Value): Value {
  const { f } = c;
  const a = f.arg(i, 0);
  const bits = f.op[i] === Op.SExt8 ? 8 : f.op[i] === Op.SExt16 ? 16 : 32;
  if (c.isConst(a)) return becomeInt(c, i, (f.imm[a] << (32 - bits)) >> (32 - bits));
  if (significantBits(c, a) <= bits && f.type[a] === f.type[i]) return same(c, a);
  // Not negative in the narrow width.
  if (maxUnsigned(f, a) < 2 ** (bits - 1)) return same(c, a);
  if (f.op[a] === Op.And && c.isConst(f.arg(a, 1))) {
    const mask = f.imm[f.arg(a, 1)];
    const needed = bits === 32 ? -1 : (1 << bits) - 1;
    if ((mask & needed) === needed) return become1(c, i, f.op[i], f.arg(a, 0));
  }
  if (bits === 32 && f.op[a] === Op.ZExt && f.type[i] === Type.I64)
    return become1(c, i, Op.SExt, f.arg(a, 0));
  return NONE;
}
