// Rules for select.
import type { Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { IntCC, Type } from '../../ir/types.ts';
import type { OptContext } from '../context.ts';
import { isBool } from '../ranges.ts';
import { become2, same } from './rule.ts';

/** If `v` is (x == 0) or (x != 0) of an I32, that x; else NONE. */
export function testedForZero(c: OptContext, v: Value): Value {
  const { f } = c;
  if (f.op[v] !== Op.ICmp || f.imm[v] > IntCC.Ne || !c.isInt32(f.arg(v, 1), 0)) return NONE;
  const x = f.arg(v, 0);
  return f.type[x] === Type.I32 ? x : NONE;
}

export function select(c: OptContext, i: Value): Value {
  const { f } = c;
  const cond = f.arg(i, 0);
  const a = f.arg(i, 1);
  const b = f.arg(i, 2);
  if (a === b) return same(c, a);
  if (c.isConst(cond)) return same(c, f.imm[cond] !== 0 ? a : b);
  if (f.type[i] === Type.I32) {
    if (c.isInt32(a, 1) && c.isInt32(b, 0) && isBool(f, cond)) return same(c, cond);
    if (c.isInt32(a, 0) && c.isInt32(b, 1)) return become2(c, i, Op.ICmp, cond, a, IntCC.Eq);
  }
  const x = testedForZero(c, cond);
  if (x === NONE || !c.spend()) return NONE;
  f.setArg(i, 0, x);
  if (f.imm[cond] === IntCC.Eq) {
    f.setArg(i, 1, b);
    f.setArg(i, 2, a);
  }
  return i;
}
