// Selection of x86_64 instructions: comparisons, selection, branches, traps on conditions.
//
// `flagsOf` writes the instruction that sets the flags for a truth value and tells the condition; its user follows at
// once, nothing in between touches flags (copies and constants of the allocator do not).
import type { Value } from '../../ir/func.ts';
import { memAccess, Op } from '../../ir/opcodes.ts';
import { Access, FloatCC, INT_CC_SWAPPED, INT_CC_UNSIGNED, IntCC, Type } from '../../ir/types.ts';
import { RegClass } from '../../regalloc/door.ts';
import { upperBound } from '../bounds.ts';
import { branch, tableAddress, trapIf } from '../lower_common.ts';
import { Pseudo } from '../pseudo.ts';
import { Opnd, RawFlag } from '../vcode.ts';
import { AluForm, CC, X } from './instructions.ts';
import { operandRm } from './lower_integer.ts';
import type { L } from './machine.ts';
import {
  aluRm,
  aluRR,
  floatSelect,
  isDouble,
  isImm32,
  isZero,
  operandReg,
  Rm,
  setBool,
  unaryRm,
  useRm,
  useRmImm,
  wide,
} from './machine.ts';
import { Clobber } from './registers.ts';

const left = new Rm();
const right = new Rm();

/** Conditions of IntCC. */
const INT_CC = Int32Array.of(CC.E, CC.NE, CC.L, CC.GE, CC.B, CC.AE, CC.G, CC.LE, CC.A, CC.BE);

/** The opposite condition; the two float conditions are each other's. */
export const invert = (cc: number): number => cc ^ 1;

/** Sets the flags for `value` (an I32): the condition that says it is not zero. */
export function flagsOf(l: L, value: Value): number {
  const f = l.func;
  let v = value;
  let flip = 0;
  // Loads are done here only if nobody else computes this truth value.
  let fold = v === l.root || l.single(v);
  // eqz of a truth value only inverts it.
  while (f.op[v] === Op.ICmp && f.imm[v] === IntCC.Eq && isZero(l, f.arg(v, 1)) && l.vregOf[v] < 0) {
    const inner = f.arg(v, 0);
    if (f.op[inner] !== Op.ICmp && f.op[inner] !== Op.FCmp) break;
    flip ^= 1;
    v = inner;
    fold &&= l.single(v);
  }
  if (l.vregOf[v] < 0) {
    if (f.op[v] === Op.ICmp) return compare(l, v, fold) ^ flip;
    if (f.op[v] === Op.FCmp) return floatCompare(l, v, fold) ^ flip;
    if (f.op[v] === Op.And && fold) {
      testAnd(l, v, true);
      return CC.NE ^ flip;
    }
  }
  if (byteCompare(l, v, 0, IntCC.Ne) < 0) {
    const rm = operandRm(l, v, 0, left);
    if (rm.isMem) useRmImm(l, X.Cmp + AluForm.Imm, rm, 0);
    else useRm(l, X.Test, rm.vreg, rm);
  }
  return CC.NE ^ flip;
}

function compare(l: L, v: Value, fold: boolean): number {
  const f = l.func;
  let a = f.arg(v, 0);
  let b = f.arg(v, 1);
  let cc = f.imm[v];
  const w = wide(l, a);
  if (f.op[a] === Op.IConst && f.op[b] !== Op.IConst) {
    const swap = a;
    a = b;
    b = swap;
    cc = INT_CC_SWAPPED[cc];
  }
  if (isImm32(l, b)) {
    const narrow = fold ? byteCompare(l, a, f.imm[b], cc) : -1;
    if (narrow >= 0) return narrow;
    if (isZero(l, b)) {
      if (fold && f.op[a] === Op.And && l.single(a) && cc !== IntCC.LtU && cc !== IntCC.GeU)
        testAnd(l, a, cc === IntCC.Eq || cc === IntCC.Ne);
      else {
        const rm = fold ? operandRm(l, a, w, left) : left.setReg(operandReg(l, a, w));
        if (rm.isMem) useRmImm(l, X.Cmp + AluForm.Imm + w, rm, 0);
        else useRm(l, X.Test + w, rm.vreg, rm);
      }
    } else {
      const rm = fold ? operandRm(l, a, w, left) : left.setReg(operandReg(l, a, w));
      useRmImm(l, X.Cmp + AluForm.Imm + w, rm, f.imm[b]);
    }
    return INT_CC[cc];
  }
  if (fold && l.sinkable(a) && !l.sinkable(b)) {
    const rm = operandRm(l, a, w, left);
    const rb = operandReg(l, b, w);
    if (rm.isMem) {
      useRm(l, X.Cmp + AluForm.Mr + w, rb, rm);
      return INT_CC[cc];
    }
    useRm(l, X.Cmp + AluForm.Rm + w, rm.vreg, right.setReg(rb));
    return INT_CC[cc];
  }
  const ra = operandReg(l, a, w);
  const rb = fold ? operandRm(l, b, w, right) : right.setReg(operandReg(l, b, w));
  useRm(l, X.Cmp + AluForm.Rm + w, ra, rb);
  return INT_CC[cc];
}

/** Whether `value` is a load of one byte that may be done here: zero-extended (U8), or sign-extended (S8). */
function isByteLoad(l: L, value: Value, access: Access): boolean {
  const f = l.func;
  return f.op[value] === Op.Load && memAccess(f.imm[value]) === access && l.sinkable(value);
}

/**
 * cmp m8, imm8 where that says the same as a comparison of the extended byte: its condition, or -1. Both sides of a
 * comparison of zero-extended bytes are below 256, so it may be signed or unsigned.
 */
function byteCompare(l: L, load: Value, imm: number, cc: number): number {
  const signed = cc === IntCC.LtS || cc === IntCC.GeS || cc === IntCC.GtS || cc === IntCC.LeS;
  let condition = INT_CC[cc];
  if (imm >= 0 && imm <= 255 && isByteLoad(l, load, Access.U8)) {
    if (signed) condition = INT_CC[INT_CC_UNSIGNED[cc]];
  } else {
    const keeps = signed || cc === IntCC.Eq || cc === IntCC.Ne;
    if (!keeps || imm < -128 || imm > 127 || !isByteLoad(l, load, Access.S8)) return -1;
  }
  useRmImm(l, X.CmpI8, left.setLoad(l, load), (imm << 24) >> 24);
  return condition;
}

/** test of the operands of an And that nobody else needs; `onlyZero`: of its result only whether it is zero counts. */
function testAnd(l: L, and: Value, onlyZero: boolean): void {
  const f = l.func;
  const w = wide(l, and);
  const b = f.arg(and, 1);
  if (isImm32(l, b)) {
    const a = f.arg(and, 0);
    const imm = f.imm[b];
    // Up to 127 the sign of the result is clear in both widths.
    if (
      imm >= 0 &&
      imm <= (onlyZero ? 255 : 127) &&
      (isByteLoad(l, a, Access.U8) || isByteLoad(l, a, Access.S8))
    ) {
      useRmImm(l, X.TestI8, left.setLoad(l, a), (imm << 24) >> 24);
      return;
    }
    useRmImm(l, X.TestI + w, operandRm(l, f.arg(and, 0), w, left), f.imm[b]);
    return;
  }
  const rb = operandReg(l, b, w);
  useRm(l, X.Test + w, rb, operandRm(l, f.arg(and, 0), w, left));
}

/** ucomis sets ZF, PF, CF to 111 unordered, 000 greater, 001 less, 100 equal. */
function floatCompare(l: L, v: Value, fold: boolean): number {
  const f = l.func;
  let a = f.arg(v, 0);
  let b = f.arg(v, 1);
  const cc = f.imm[v];
  const d = isDouble(l, a);
  if (cc === FloatCC.Lt || cc === FloatCC.Le) {
    const swap = a;
    a = b;
    b = swap;
  }
  const ra = l.reg(a);
  const rb = fold ? right.setValue(l, b, d === 1 ? 8 : 4) : right.setReg(l.reg(b));
  useRm(l, X.Ucomis + d, ra, rb);
  switch (cc) {
    case FloatCC.Eq:
      return CC.FloatEq;
    case FloatCC.Ne:
      return CC.FloatNe;
    case FloatCC.Lt:
    case FloatCC.Gt:
      return CC.A;
    default:
      return CC.AE;
  }
}

/** A comparison as a value 0 or 1. */
export function lowerCompare(l: L, inst: Value): void {
  const f = l.func;
  const dst = l.result(inst);
  let cc: number;
  if (f.op[inst] === Op.FCmp) cc = floatCompare(l, inst, true);
  else if (f.imm[inst] === IntCC.Eq && isZero(l, f.arg(inst, 1)) && f.type[f.arg(inst, 0)] === Type.I32) {
    cc = invert(flagsOf(l, f.arg(inst, 0)));
  } else cc = compare(l, inst, true);
  if (cc <= CC.G) {
    setBool(l, dst, cc);
    return;
  }
  const parity = l.temp(RegClass.Int);
  const equal = l.temp(RegClass.Int);
  setBool(l, parity, cc === CC.FloatEq ? CC.NP : CC.P);
  setBool(l, equal, cc === CC.FloatEq ? CC.E : CC.NE);
  aluRR(l, (cc === CC.FloatEq ? X.And : X.Or) + AluForm.Rm, dst, parity, equal);
}

export function lowerSelect(l: L, inst: Value): void {
  const f = l.func;
  const cond = f.arg(inst, 0);
  const dst = l.result(inst);
  const type = f.type[inst];
  if (type === Type.F32 || type === Type.F64 || type === Type.V128) {
    const yes = l.reg(f.arg(inst, 1));
    const no = l.reg(f.arg(inst, 2));
    const cc = flagsOf(l, cond);
    if (cc === CC.FloatEq) floatSelect(l, dst, yes, no, CC.FloatNe);
    else floatSelect(l, dst, no, yes, cc);
    return;
  }
  // The upper half of an I32 must be zero: a 32-bit cmov clears it.
  const w = wide(l, inst);
  const yes = operandRm(l, f.arg(inst, 1), w, select);
  const no = operandReg(l, f.arg(inst, 2), w);
  let yesReg = yes.vreg;
  const plain = condIsPlain(l, cond);
  if (!plain && yes.isMem) {
    yesReg = l.temp(RegClass.Int);
    unaryRm(l, X.Mov + w, yesReg, yes);
    yes.setReg(yesReg);
  }
  const cc = flagsOf(l, cond);
  if (cc <= CC.G) {
    aluRm(l, X.Cmovcc + w, dst, no, yes, cc);
    return;
  }
  // Two flags decide: first by ZF, then by PF.
  const step = l.temp(RegClass.Int);
  const onNotEqual = cc === CC.FloatEq ? no : yesReg;
  aluRR(l, X.Cmovcc + w, step, cc === CC.FloatEq ? yesReg : no, onNotEqual, CC.NE);
  aluRR(l, X.Cmovcc + w, dst, step, onNotEqual, CC.P);
}
const select = new Rm();

/** True unless the condition may be one of the two float conditions. */
function condIsPlain(l: L, cond: Value): boolean {
  const f = l.func;
  let v = cond;
  while (f.op[v] === Op.ICmp && isZero(l, f.arg(v, 1))) v = f.arg(v, 0);
  return f.op[v] !== Op.FCmp;
}

export function lowerTrapIf(l: L, inst: Value): void {
  const cc = flagsOf(l, l.func.arg(inst, 0));
  trapIf(l, cc, -1, l.func.imm[inst]);
}

export function lowerBrIf(l: L, inst: Value): void {
  branch(l, inst, flagsOf(l, l.func.arg(inst, 0)), -1);
}

/** A jump through a table of offsets from itself. Indices beyond it go to the default, which comes last. */
export function lowerBrTable(l: L, inst: Value): void {
  const f = l.func;
  const { vcode } = l;
  const first = f.imm[inst];
  const value = f.arg(inst, 0);
  const last = f.imm2[inst] - 1;
  const index = l.reg(value);
  const table = l.temp(RegClass.Int);
  const from = vcode.targets.length;
  // Without a check, the table has an entry for every index that can be.
  const bound = upperBound(f, value);
  const checked = bound > last;
  const count = checked ? last : bound + 1;
  for (let k = 0; k < count; k++) vcode.targets.push(l.blocks.edgeVBlock[first + k]);
  tableAddress(l, table, from);
  const j = vcode.inst(Pseudo.JumpTable, checked ? count : 0, l.loc);
  vcode.imm2[j] = l.blocks.edgeVBlock[first + last];
  vcode.operand(index, Opnd.Use);
  vcode.operand(table, Opnd.UseLate);
  vcode.clobber[j] = Clobber.R11;
  vcode.flags[j] = RawFlag.Terminator;
}
