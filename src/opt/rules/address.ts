// Rules for the operands of loads and stores of linear memory.
//
// An index x + c goes into the static offset only if x + c provably does not wrap at 2^32: then
// zext(x + c) + offset = zext(x) + (c + offset). Otherwise never: a wrapped sum is a different, valid address.
import type { Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { memAccess, memType, Op } from '../../ir/opcodes.ts';
import { Access } from '../../ir/types.ts';
import type { OptContext } from '../context.ts';
import { maxUnsigned } from '../ranges.ts';

function foldOffset(c: OptContext, i: Value): Value {
  const { f } = c;
  const index = f.arg(i, 0);
  if (f.op[index] !== Op.IAdd) return NONE;
  const k = f.arg(index, 1);
  if (f.op[k] !== Op.IConst) return NONE;
  const x = f.arg(index, 0);
  const add = f.imm[k] >>> 0;
  const offset = (f.imm2[i] >>> 0) + add;
  if (maxUnsigned(f, x) + add > 0xffffffff || offset > 0xffffffff || !c.spend()) return NONE;
  f.setArg(i, 0, x);
  f.imm2[i] = offset | 0;
  return i;
}

export const load = foldOffset;

/** A narrowing store needs only the low bits of its value. */
export function store(c: OptContext, i: Value): Value {
  const { f } = c;
  const at = f.argCount[i] - 1;
  const v = f.arg(i, at);
  const access = memAccess(f.imm[i]);
  if (access !== Access.Full && f.type[v] === memType(f.imm[i])) {
    const bits = access <= Access.U8 ? 8 : access <= Access.U16 ? 16 : 32;
    const op = f.op[v];
    const needed = bits === 32 ? -1 : (1 << bits) - 1;
    const kept =
      (op === Op.SExt8 && bits <= 8) ||
      (op === Op.SExt16 && bits <= 16) ||
      (op === Op.SExt32 && bits <= 32) ||
      (op === Op.And && c.isConst(f.arg(v, 1)) && (f.imm[f.arg(v, 1)] & needed) === needed);
    if (kept && c.spend()) {
      f.setArg(i, at, f.arg(v, 0));
      return i;
    }
  }
  return f.op[i] === Op.Store ? foldOffset(c, i) : NONE;
}
