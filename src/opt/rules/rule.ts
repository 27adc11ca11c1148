// The shape of a rewrite rule, and what rules share.
//
// A rule looks at one instruction, whose operands are resolved, and answers
//   NONE      nothing to do (or no fuel left);
//   the same  it changed the instruction in place: the rules of its new operation are tried next;
//   another   value that stands for it, defined before it.
// Laws: the result is equal bit for bit, traps included; an instruction that may trap is only replaced when it is
// proven not to (or to trap exactly as before); the instruction count does not grow except for division by powers of
// two; every rewrite goes through one of the functions below, which ask for fuel.
import type { Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import { Int64 } from '../../support/int64.ts';
import type { OptContext } from '../context.ts';

export type Rule = (c: OptContext, i: Value) => Value;

/** Scratch register for 64-bit results. */
export const r64 = new Int64();

/** `v` stands for the instruction. */
export const same = (c: OptContext, v: Value): Value => (c.spend() ? v : NONE);

/** Turns instruction `i` into an operation of one operand. */
export function become1(c: OptContext, i: Value, op: Op, a: Value): Value {
  if (!c.spend()) return NONE;
  const { f } = c;
  f.op[i] = op;
  f.imm[i] = 0;
  f.imm2[i] = 0;
  f.aux[i] = 0;
  f.setArg(i, 0, a);
  f.argCount[i] = 1;
  return i;
}

/** Turns instruction `i`, which has at least two operands, into an operation of two; imm is a condition or 0. */
export function become2(c: OptContext, i: Value, op: Op, a: Value, b: Value, imm = 0): Value {
  if (!c.spend()) return NONE;
  const { f } = c;
  f.op[i] = op;
  f.imm[i] = imm;
  f.imm2[i] = 0;
  f.aux[i] = 0;
  f.setArg(i, 0, a);
  f.setArg(i, 1, b);
  f.argCount[i] = 2;
  return i;
}

/** Turns instruction `i` into a constant of its own type, from bits. */
export function becomeBits(c: OptContext, i: Value, lo: number, hi: number): Value {
  if (!c.spend()) return NONE;
  const { f } = c;
  const type = f.type[i];
  const isFloat = type === Type.F32 || type === Type.F64;
  f.op[i] = isFloat ? Op.FConst : Op.IConst;
  f.imm[i] = lo | 0;
  f.imm2[i] = type === Type.I32 ? lo >> 31 : type === Type.F32 ? 0 : hi | 0;
  f.aux[i] = 0;
  f.argCount[i] = 0;
  return i;
}

/** As becomeBits, from an int32 that is sign-extended to the type. */
export const becomeInt = (c: OptContext, i: Value, x: number): Value => becomeBits(c, i, x, (x | 0) >> 31);

/** As becomeBits, from the scratch register. */
export const becomeR64 = (c: OptContext, i: Value): Value => becomeBits(c, i, r64.lo, r64.hi);

/** Width of an integer type in bits. */
export const bitsOf = (type: number): number => (type === Type.I32 ? 32 : 64);

/** Is `v` a constant with all bits set? */
export const isAllOnes = (c: OptContext, v: Value): boolean => c.isInt32(v, -1);
