// Selection of aarch64 instructions: comparisons, selection, branches, traps on conditions.
//
// `flagsOf` writes the instruction that sets the flags for a truth value and tells the condition; its user follows at
// once, nothing in between touches flags (copies and constants of the allocator do not). Branches and traps may test a
// register instead (`testOf`). Every float comparison is one condition, and so is its inverse.
import type { Value } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { INT_CC_SWAPPED, IntCC, Type } from '../../ir/types.ts';
import { log2Exact } from '../../support/int64.ts';
import { upperBound } from '../bounds.ts';
import { branch, tableAddress, trapIf } from '../lower_common.ts';
import { Pseudo } from '../pseudo.ts';
import { Mem, MemField, Opnd, RawFlag } from '../vcode.ts';
import { arithmeticImm } from './immediates.ts';
import { A, CC, Cond, CondField, P } from './instructions.ts';
import { logicalField } from './lower_integer.ts';
import type { L } from './machine.ts';
import {
  conditional,
  def,
  defConst,
  intTemp,
  isDouble,
  isZero,
  operandReg,
  rrr,
  SCALED_INDEX,
  smallConst,
  useR,
  useRR,
  WIDE_INDEX,
  wide,
} from './machine.ts';

/** Conditions of IntCC. */
const INT_CC = Int32Array.of(CC.Eq, CC.Ne, CC.Lt, CC.Ge, CC.Lo, CC.Hs, CC.Gt, CC.Le, CC.Hi, CC.Ls);
/** Conditions of FloatCC behind fcmp: false when unordered, but for Ne. */
const FLOAT_CC = Int32Array.of(CC.Eq, CC.Ne, CC.Mi, CC.Gt, CC.Ls, CC.Ge);

/** The value behind eqz of truth values; `flipped` tells whether their number was odd. */
let flipped = 0;
function skipNot(l: L, value: Value): Value {
  const f = l.func;
  let v = value;
  flipped = 0;
  while (f.op[v] === Op.ICmp && f.imm[v] === IntCC.Eq && isZero(l, f.arg(v, 1)) && l.vregOf[v] < 0) {
    const inner = f.arg(v, 0);
    if (f.op[inner] !== Op.ICmp && f.op[inner] !== Op.FCmp) break;
    flipped ^= 1;
    v = inner;
  }
  return v;
}

/** Sets the flags for `value` (an I32): the condition that says it is not zero. */
export function flagsOf(l: L, value: Value): number {
  const f = l.func;
  const v = skipNot(l, value);
  const flip = flipped;
  if (l.vregOf[v] < 0) {
    if (f.op[v] === Op.ICmp) return compare(l, v) ^ flip;
    if (f.op[v] === Op.FCmp) return floatCompare(l, v) ^ flip;
    const both = comparePair(l, v);
    if (both >= 0) return both ^ flip;
    if (f.op[v] === Op.And && l.single(v)) {
      testAnd(l, v);
      return CC.Ne ^ flip;
    }
  }
  useR(l, A.CmpI, operandReg(l, v, 0), 0);
  return CC.Ne ^ flip;
}

function compare(l: L, v: Value): number {
  const f = l.func;
  let a = f.arg(v, 0);
  let b = f.arg(v, 1);
  let cc = f.imm[v];
  const w = wide(l, a);
  if (l.isConst(a) && !l.isConst(b)) {
    const swap = a;
    a = b;
    b = swap;
    cc = INT_CC_SWAPPED[cc];
  }
  if (
    isZero(l, b) &&
    f.op[a] === Op.And &&
    l.single(a) &&
    cc !== IntCC.LtU &&
    cc !== IntCC.GeU &&
    cc !== IntCC.GtU &&
    cc !== IntCC.LeU
  ) {
    testAnd(l, a);
    return INT_CC[cc];
  }
  const constant = smallConst(l, b);
  const field = arithmeticImm(Math.abs(constant));
  if (field >= 0) {
    useR(l, (constant < 0 ? A.CmnI : A.CmpI) + w, operandReg(l, a, w), field);
    return INT_CC[cc];
  }
  const ra = operandReg(l, a, w);
  useRR(l, A.Cmp + w, ra, operandReg(l, b, w));
  return INT_CC[cc];
}

/** Flags N Z C V for which a condition holds. */
const FLAGS = Int32Array.of(4, 0, 2, 0, 8, 0, 1, 0, 2, 0, 0, 8, 0, 4);

/**
 * The flags of `v` if it is a conjunction or disjunction of two comparisons that nobody else needs: the second is made
 * by ccmp only where the first has not decided. The condition that says that v is not zero; -1, with nothing written,
 * for other values.
 */
function comparePair(l: L, v: Value): number {
  const f = l.func;
  const isAnd = f.op[v] === Op.And;
  if ((!isAnd && f.op[v] !== Op.Or) || f.type[v] !== Type.I32 || !l.single(v)) return -1;
  if (!l.single(f.arg(v, 0)) || !l.single(f.arg(v, 1))) return -1;
  let first = skipNot(l, f.arg(v, 0));
  let firstFlip = flipped;
  let second = skipNot(l, f.arg(v, 1));
  let secondFlip = flipped;
  if (l.vregOf[first] >= 0 || l.vregOf[second] >= 0) return -1;
  if (f.op[second] !== Op.ICmp) {
    [first, second] = [second, first];
    [firstFlip, secondFlip] = [secondFlip, firstFlip];
  }
  if (f.op[second] !== Op.ICmp || (f.op[first] !== Op.ICmp && f.op[first] !== Op.FCmp)) return -1;
  let a = f.arg(second, 0);
  let b = f.arg(second, 1);
  let cc = f.imm[second];
  const w = wide(l, a);
  if (l.isConst(a) && !l.isConst(b)) {
    [a, b] = [b, a];
    cc = INT_CC_SWAPPED[cc];
  }
  const constant = smallConst(l, b);
  const isShort = Math.abs(constant) <= 31;
  const ra = operandReg(l, a, w);
  const rb = isShort ? -1 : operandReg(l, b, w);
  const decided = (f.op[first] === Op.ICmp ? compare(l, first) : floatCompare(l, first)) ^ firstFlip;
  const holds = INT_CC[cc] ^ secondFlip;
  const rest = (FLAGS[isAnd ? holds ^ 1 : holds] << 4) | (isAnd ? decided : decided ^ 1);
  if (isShort) useR(l, (constant < 0 ? A.CcmnI : A.CcmpI) + w, ra, (Math.abs(constant) << 8) | rest);
  else useRR(l, A.Ccmp + w, ra, rb, rest);
  return holds;
}

/** tst of the operands of an And that nobody else needs. Carry and overflow are clear. */
function testAnd(l: L, and: Value): void {
  const f = l.func;
  const w = wide(l, and);
  const b = f.arg(and, 1);
  const field = logicalField(l, b, w);
  const ra = operandReg(l, f.arg(and, 0), w);
  if (field >= 0) useR(l, A.TstI + w, ra, field);
  else useRR(l, A.Tst + w, ra, operandReg(l, b, w));
}

function floatCompare(l: L, v: Value): number {
  const f = l.func;
  const a = l.reg(f.arg(v, 0));
  const b = f.arg(v, 1);
  const d = isDouble(l, b);
  if (f.op[b] === Op.FConst && f.imm[b] === 0 && (d === 0 || f.imm2[b] === 0)) useR(l, A.Fcmp0 + d, a);
  else useRR(l, A.Fcmp + d, a, l.reg(b));
  return FLOAT_CC[f.imm[v]];
}

/** Register that a Cond.Zero or Cond.Test of `testOf` is about, -1 for flags. */
let testReg = -1;

/** The condition that says that `value` (an I32) is not zero: a register's test, or flags that are set here. */
function testOf(l: L, value: Value): number {
  const f = l.func;
  const v = skipNot(l, value);
  const flip = flipped;
  testReg = -1;
  if (l.vregOf[v] < 0) {
    if (f.op[v] === Op.FCmp) return floatCompare(l, v) ^ flip;
    if (f.op[v] === Op.ICmp) {
      const a = f.arg(v, 0);
      const cc = f.imm[v];
      if (!isZero(l, f.arg(v, 1))) return compare(l, v) ^ flip;
      const w = wide(l, a);
      if (cc === IntCC.Eq || cc === IntCC.Ne) return zeroTest(l, a, w, (cc === IntCC.Ne ? 1 : 0) ^ flip);
      if (cc === IntCC.LtS || cc === IntCC.GeS) {
        testReg = operandReg(l, a, w);
        return Cond.Test | ((w === 1 ? 63 : 31) << CondField.BitShift) | ((cc === IntCC.LtS ? 1 : 0) ^ flip);
      }
      return compare(l, v) ^ flip;
    }
  }
  return zeroTest(l, v, 0, 1 ^ flip);
}

/** Tests whether v is zero (sense 0) or not (sense 1). */
function zeroTest(l: L, v: Value, w: number, sense: number): number {
  const f = l.func;
  const both = comparePair(l, v);
  if (both >= 0) return both ^ sense ^ 1;
  if (f.op[v] === Op.And && l.single(v)) {
    const b = f.arg(v, 1);
    const bit = l.isConst(b) ? log2Exact(f.imm[b], w === 1 ? f.imm2[b] : 0) : -1;
    if (bit >= 0) {
      testReg = operandReg(l, f.arg(v, 0), w);
      return Cond.Test | (bit << CondField.BitShift) | sense;
    }
    testAnd(l, v);
    return CC.Eq ^ sense;
  }
  testReg = operandReg(l, v, w);
  return Cond.Zero | (w === 1 ? Cond.Wide : 0) | sense;
}

/** A comparison as a value 0 or 1. */
export function lowerCompare(l: L, inst: Value): void {
  const f = l.func;
  const dst = l.result(inst);
  let cc: number;
  if (f.op[inst] === Op.FCmp) cc = floatCompare(l, inst);
  else if (f.imm[inst] === IntCC.Eq && isZero(l, f.arg(inst, 1)) && f.type[f.arg(inst, 0)] === Type.I32) {
    cc = flagsOf(l, f.arg(inst, 0)) ^ 1;
  } else cc = compare(l, inst);
  def(l, A.Cset, dst, cc);
}

export function lowerSelect(l: L, inst: Value): void {
  const f = l.func;
  const dst = l.result(inst);
  const type = f.type[inst];
  if (type === Type.V128) {
    const yes = l.reg(f.arg(inst, 1));
    const no = l.reg(f.arg(inst, 2));
    const cc = flagsOf(l, f.arg(inst, 0));
    rrr(l, P.VecSelect, dst, yes, no, cc);
    return;
  }
  if (type === Type.F32 || type === Type.F64) {
    const yes = l.reg(f.arg(inst, 1));
    const no = l.reg(f.arg(inst, 2));
    const cc = flagsOf(l, f.arg(inst, 0));
    rrr(l, A.Fcsel + isDouble(l, inst), dst, yes, no, cc);
    return;
  }
  const w = wide(l, inst);
  let yes = f.arg(inst, 1);
  let no = f.arg(inst, 2);
  // The second operand may be changed on its way: csinc, csinv, csneg.
  const swap = changedBy(l, no) === A.Csel && changedBy(l, yes) !== A.Csel;
  if (swap) [yes, no] = [no, yes];
  const x = changedBy(l, no);
  const second = changed;
  const ryes = isZero(l, yes) ? -1 : operandReg(l, yes, w);
  const rno = second < 0 || isZero(l, second) ? -1 : operandReg(l, second, w);
  const cc = flagsOf(l, f.arg(inst, 0)) ^ (swap ? 1 : 0);
  conditional(l, x + w, dst, ryes, rno, cc);
}

/** The value that `changedBy` found, -1 for zero. */
let changed = -1;

/** The member of csel's family that makes `v` of its second operand, which is then in `changed`. */
function changedBy(l: L, v: Value): number {
  const f = l.func;
  const constant = smallConst(l, v);
  changed = -1;
  if (constant === 1) return A.Csinc;
  if (constant === -1) return A.Csinv;
  if (l.single(v)) {
    const a = f.arg(v, 0);
    const b = f.op[v] === Op.IAdd || f.op[v] === Op.Xor ? smallConst(l, f.arg(v, 1)) : NaN;
    changed = a;
    if (f.op[v] === Op.IAdd && b === 1) return A.Csinc;
    if (f.op[v] === Op.Xor && b === -1) return A.Csinv;
    if (f.op[v] === Op.ISub && isZero(l, a)) {
      changed = f.arg(v, 1);
      return A.Csneg;
    }
  }
  changed = v;
  return A.Csel;
}

export function lowerTrapIf(l: L, inst: Value): void {
  const cond = testOf(l, l.func.arg(inst, 0));
  trapIf(l, cond, testReg, l.func.imm[inst]);
}

export function lowerBrIf(l: L, inst: Value): void {
  const condition = testOf(l, l.func.arg(inst, 0));
  branch(l, inst, condition, testReg);
}

/**
 * A jump through a table. Its first entry is the default, to which csinc takes indices beyond it: 0 for them, else the
 * index + 1. An index that is known to be in range needs neither.
 */
export function lowerBrTable(l: L, inst: Value): void {
  const f = l.func;
  const { vcode } = l;
  const first = f.imm[inst];
  const entries = f.imm2[inst] - 1;
  const isBounded = upperBound(f, f.arg(inst, 0)) < entries;
  const index = operandReg(l, f.arg(inst, 0), 0);
  const table = intTemp(l);
  const offset = intTemp(l);
  const target = intTemp(l);
  const from = vcode.targets.length;
  if (!isBounded) vcode.targets.push(l.blocks.edgeVBlock[first + entries]);
  for (let k = 0; k < entries; k++) vcode.targets.push(l.blocks.edgeVBlock[first + k]);
  let entry = index;
  if (!isBounded) {
    entry = intTemp(l);
    const field = arithmeticImm(entries);
    if (field >= 0) useR(l, A.CmpI, index, field);
    else {
      const limit = intTemp(l);
      defConst(l, limit, entries, 0);
      useRR(l, A.Cmp, index, limit);
    }
    conditional(l, A.Csinc, entry, -1, index, CC.Hs);
  }
  tableAddress(l, table, from);
  const o = vcode.inst(A.Ldrsw, 0, l.loc);
  vcode.operand(offset, Opnd.Def);
  vcode.operand(table, Opnd.Use);
  vcode.operand(entry, Opnd.Use);
  vcode.mem[o] =
    Mem.Base | WIDE_INDEX | SCALED_INDEX | (1 << MemField.BaseShift) | (3 << MemField.IndexShift);
  rrr(l, A.Add + 1, target, offset, table);
  const j = vcode.inst(Pseudo.JumpTable, 0, l.loc);
  vcode.operand(target, Opnd.Use);
  vcode.flags[j] = RawFlag.Terminator;
}
