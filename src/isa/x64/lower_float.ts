// Selection of x86_64 instructions: float arithmetic, rounding, minimum and maximum, signs.
import type { Value } from '../../ir/func.ts';
import { RegClass } from '../../regalloc/door.ts';
import { CC, P, X } from './instructions.ts';
import { Opnd } from '../vcode.ts';
import type { L } from './machine.ts';
import { aluRm, aluRR, floatSelect, isDouble, packedRR, REUSE1, Rm, unaryRm, useRm } from './machine.ts';

const rm = new Rm();
const temp = (l: L): number => l.temp(RegClass.Float);
const bytesOf = (d: number): number => (d === 1 ? 8 : 4);

function lowerArith(l: L, inst: Value, x: number, commutative: boolean): void {
  const f = l.func;
  let a = f.arg(inst, 0);
  let b = f.arg(inst, 1);
  const d = isDouble(l, inst);
  if (commutative && l.sinkable(a) && !l.sinkable(b)) {
    const swap = a;
    a = b;
    b = swap;
  }
  const dst = l.result(inst);
  const ra = l.reg(a);
  aluRm(l, x + d, dst, ra, rm.setValue(l, b, bytesOf(d)));
}

export const lowerFAdd = (l: L, inst: Value): void => lowerArith(l, inst, X.Adds, true);
export const lowerFSub = (l: L, inst: Value): void => lowerArith(l, inst, X.Subs, false);
export const lowerFMul = (l: L, inst: Value): void => lowerArith(l, inst, X.Muls, true);
export const lowerFDiv = (l: L, inst: Value): void => lowerArith(l, inst, X.Divs, false);

export function lowerFSqrt(l: L, inst: Value): void {
  const d = isDouble(l, inst);
  unaryRm(l, X.Sqrts + d, l.result(inst), rm.setValue(l, l.func.arg(inst, 0), bytesOf(d)));
}

function lowerMinMax(l: L, inst: Value, max: number): void {
  const f = l.func;
  const dst = l.result(inst);
  const a = l.reg(f.arg(inst, 0));
  const b = l.reg(f.arg(inst, 1));
  l.vcode.inst(P.MinMax + isDouble(l, inst), max, l.loc);
  l.vcode.operand(dst, REUSE1);
  l.vcode.operand(a, Opnd.Use);
  l.vcode.operand(b, Opnd.Use);
}

export const lowerFMin = (l: L, inst: Value): void => lowerMinMax(l, inst, 0);
export const lowerFMax = (l: L, inst: Value): void => lowerMinMax(l, inst, 1);

/** The 16-byte constant with only the sign bits set, or with all others set. */
function signMask(l: L, d: number, sign: boolean): Rm {
  const low = sign ? (d === 1 ? 0 : -0x80000000) : d === 1 ? -1 : 0x7fffffff;
  const high = sign ? -0x80000000 : 0x7fffffff;
  return d === 1 ? rm.setConst16(l, low, high, low, high) : rm.setConst16(l, low, low, low, low);
}

export function lowerFNeg(l: L, inst: Value): void {
  const d = isDouble(l, inst);
  const a = l.reg(l.func.arg(inst, 0));
  aluRm(l, X.Xorp + d, l.result(inst), a, signMask(l, d, true));
}

export function lowerFAbs(l: L, inst: Value): void {
  const d = isDouble(l, inst);
  const a = l.reg(l.func.arg(inst, 0));
  aluRm(l, X.Andp + d, l.result(inst), a, signMask(l, d, false));
}

/** dst = magnitude of a, sign of b */
function copysign(l: L, d: number, dst: number, a: number, b: number): void {
  const magnitude = temp(l);
  const sign = temp(l);
  aluRm(l, X.Andp + d, magnitude, a, signMask(l, d, false));
  aluRm(l, X.Andp + d, sign, b, signMask(l, d, true));
  packedRR(l, X.Orp + d, dst, magnitude, sign);
}

export function lowerFCopysign(l: L, inst: Value): void {
  const f = l.func;
  const a = l.reg(f.arg(inst, 0));
  const b = l.reg(f.arg(inst, 1));
  copysign(l, isDouble(l, inst), l.result(inst), a, b);
}

/** roundss/roundsd modes, without the inexact exception. */
const enum Round {
  Nearest = 8,
  Floor = 9,
  Ceil = 10,
  Trunc = 11,
}

/** Predicates of cmpss/cmpsd. */
const LESS = 1;

function lowerRound(l: L, inst: Value, mode: Round): void {
  const d = isDouble(l, inst);
  const arg = l.func.arg(inst, 0);
  const dst = l.result(inst);
  if (l.target.features.sse41) {
    unaryRm(l, X.Rounds + d, dst, rm.setValue(l, arg, bytesOf(d)), mode);
    return;
  }
  // Adding and subtracting 2^52 (2^23) rounds a smaller magnitude to nearest even; the other modes correct that by
  // one. Larger magnitudes are integers; they and NaN are chosen at the end, NaN quieted by adding zero.
  const x = l.reg(arg);
  const magnitude = temp(l);
  aluRm(l, X.Andp + d, magnitude, x, signMask(l, d, false));
  const up = temp(l);
  const nearest = temp(l);
  aluRm(l, X.Adds + d, up, magnitude, twoTo(l, d));
  aluRm(l, X.Subs + d, nearest, up, twoTo(l, d));
  let rounded = nearest;
  if (mode === Round.Trunc) {
    // One less where rounding went up.
    const less = temp(l);
    aluRR(l, X.Cmps + d, less, magnitude, nearest, LESS);
    rounded = addMasked(l, d, nearest, less, false);
  } else if (mode !== Round.Nearest) {
    const signed = temp(l);
    copysign(l, d, signed, nearest, x);
    const wrong = temp(l);
    if (mode === Round.Floor) aluRR(l, X.Cmps + d, wrong, x, signed, LESS);
    else aluRR(l, X.Cmps + d, wrong, signed, x, LESS);
    rounded = addMasked(l, d, signed, wrong, mode === Round.Ceil);
  }
  const small = temp(l);
  copysign(l, d, small, rounded, x);
  const large = temp(l);
  aluRm(l, X.Adds + d, large, x, rm.setConst(l, 0, 0, d + 1));
  const limit = temp(l);
  unaryRm(l, X.MovsLoad + d, limit, twoTo(l, d));
  useRm(l, X.Ucomis + d, limit, rm.setReg(magnitude));
  floatSelect(l, dst, large, small, CC.A);
}

function twoTo(l: L, d: number): Rm {
  return d === 1 ? rm.setConst(l, 0, 0x43300000, 2) : rm.setConst(l, 0x4b000000, 0, 1);
}

/** value + 1 or value - 1 where the mask is set. */
function addMasked(l: L, d: number, value: number, mask: number, plus: boolean): number {
  const one = temp(l);
  const step = temp(l);
  const result = temp(l);
  unaryRm(
    l,
    X.MovsLoad + d,
    one,
    d === 1 ? rm.setConst(l, 0, 0x3ff00000, 2) : rm.setConst(l, 0x3f800000, 0, 1),
  );
  packedRR(l, X.Andp + d, step, mask, one);
  aluRR(l, (plus ? X.Adds : X.Subs) + d, result, value, step);
  return result;
}

export const lowerFNearest = (l: L, inst: Value): void => lowerRound(l, inst, Round.Nearest);
export const lowerFFloor = (l: L, inst: Value): void => lowerRound(l, inst, Round.Floor);
export const lowerFCeil = (l: L, inst: Value): void => lowerRound(l, inst, Round.Ceil);
export const lowerFTrunc = (l: L, inst: Value): void => lowerRound(l, inst, Round.Trunc);
