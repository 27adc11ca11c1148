// Selection of x86_64 instructions: conversions between integers and floats, exact in value and in traps.
import { TrapKind } from '../../abi/layout.ts';
import type { Value } from '../../ir/func.ts';
import { Type } from '../../ir/types.ts';
import { RegClass } from '../../regalloc/door.ts';
import { trapIf } from '../lower_common.ts';
import { AluForm, CC, X } from './instructions.ts';
import type { L } from './machine.ts';
import {
  aluRI,
  aluRm,
  aluRR,
  floatSelect,
  isDouble,
  moveRR,
  packedRR,
  operandReg,
  Rm,
  setBool,
  unaryRm,
  unaryRR,
  useRm,
  wide,
} from './machine.ts';

const rm = new Rm();
const other = new Rm();
const intTemp = (l: L): number => l.temp(RegClass.Int);
const temp = (l: L): number => l.temp(RegClass.Float);
const bytesOf = (d: number): number => (d === 1 ? 8 : 4);

const bits = new DataView(new ArrayBuffer(8));
/** A float constant in memory. */
function floatConst(l: L, d: number, value: number): Rm {
  if (d === 0) {
    bits.setFloat32(0, value, true);
    return rm.setConst(l, bits.getInt32(0, true), 0, 1);
  }
  bits.setFloat64(0, value, true);
  return rm.setConst(l, bits.getInt32(0, true), bits.getInt32(4, true), 2);
}

const cvtt = (d: number, w: number): number => (d === 1 ? X.Cvttsd2si : X.Cvttss2si) + w;

/** dst = x as an unsigned 64-bit integer, for 0 <= x < 2^64 (or x > -1). */
function truncU64(l: L, d: number, dst: number, x: number): void {
  // Below 2^63 the first conversion is right and its sign clear; above, it gives 2^63 and the second the rest.
  const small = intTemp(l);
  const less = temp(l);
  const large = intTemp(l);
  const sign = intTemp(l);
  const masked = intTemp(l);
  unaryRR(l, cvtt(d, 1), small, x);
  aluRm(l, X.Subs + d, less, x, floatConst(l, d, 2 ** 63));
  unaryRR(l, cvtt(d, 1), large, less);
  aluRI(l, X.SarI + 1, sign, small, 63);
  aluRR(l, X.And + AluForm.Rm + 1, masked, large, sign);
  aluRR(l, X.Or + AluForm.Rm + 1, dst, masked, small);
}

/** Traps for NaN and for what is out of range; `inclusive`: the low bound itself is in range. */
function rangeCheck(l: L, d: number, x: number, low: number, inclusive: boolean, high: number): void {
  useRm(l, X.Ucomis + d, x, floatConst(l, d, high));
  trapIf(l, CC.P, -1, TrapKind.InvalidConversion);
  trapIf(l, CC.AE, -1, TrapKind.IntegerOverflow);
  useRm(l, X.Ucomis + d, x, floatConst(l, d, low));
  trapIf(l, inclusive ? CC.B : CC.BE, -1, TrapKind.IntegerOverflow);
}

export function lowerTruncS(l: L, inst: Value): void {
  const x = l.reg(l.func.arg(inst, 0));
  const d = isDouble(l, l.func.arg(inst, 0));
  const w = wide(l, inst);
  // Only f64 has numbers between -2^31 - 1 and -2^31, which truncate into range.
  if (w === 0 && d === 1) rangeCheck(l, d, x, -2147483649, false, 2 ** 31);
  else rangeCheck(l, d, x, w === 1 ? -(2 ** 63) : -(2 ** 31), true, w === 1 ? 2 ** 63 : 2 ** 31);
  unaryRR(l, cvtt(d, w), l.result(inst), x);
}

export function lowerTruncU(l: L, inst: Value): void {
  const x = l.reg(l.func.arg(inst, 0));
  const d = isDouble(l, l.func.arg(inst, 0));
  const w = wide(l, inst);
  rangeCheck(l, d, x, -1, false, w === 1 ? 2 ** 64 : 2 ** 32);
  if (w === 1) truncU64(l, d, l.result(inst), x);
  // In range the 64-bit conversion has a clear upper half.
  else unaryRR(l, cvtt(d, 1), l.result(inst), x);
}

/** x, or zero if it is NaN. */
function nanToZero(l: L, d: number, x: number): number {
  const ordered = temp(l);
  const result = temp(l);
  aluRR(l, X.Cmps + d, ordered, x, x, 7);
  packedRR(l, X.Andp + d, result, ordered, x);
  return result;
}

/** For 32-bit results: x as f64, not NaN, clamped. */
function clamped(l: L, inst: Value, low: number, high: number): number {
  const arg = l.func.arg(inst, 0);
  const x = l.reg(arg);
  let y = x;
  if (isDouble(l, arg) === 0) {
    y = temp(l);
    unaryRR(l, X.Cvtss2sd, y, x);
  }
  const number = nanToZero(l, 1, y);
  const above = temp(l);
  const below = temp(l);
  aluRm(l, X.Maxs + 1, above, number, floatConst(l, 1, low));
  aluRm(l, X.Mins + 1, below, above, floatConst(l, 1, high));
  return below;
}

/** All ones if x >= bound, else zero. */
function allOnesFrom(l: L, d: number, x: number, bound: number): number {
  const is = intTemp(l);
  const ones = intTemp(l);
  useRm(l, X.Ucomis + d, x, floatConst(l, d, bound));
  setBool(l, is, CC.AE);
  aluRI(l, X.Neg + 1, ones, is, 0);
  return ones;
}

export function lowerTruncSatS(l: L, inst: Value): void {
  const dst = l.result(inst);
  if (wide(l, inst) === 0) {
    unaryRR(l, cvtt(1, 0), dst, clamped(l, inst, -(2 ** 31), 2 ** 31 - 1));
    return;
  }
  const arg = l.func.arg(inst, 0);
  const d = isDouble(l, arg);
  const x = nanToZero(l, d, l.reg(arg));
  const raw = intTemp(l);
  unaryRR(l, cvtt(d, 1), raw, x);
  // Out of range gives 2^63, right for negative numbers; its complement is right for positive ones.
  aluRR(l, X.Xor + AluForm.Rm + 1, dst, raw, allOnesFrom(l, d, x, 2 ** 63));
}

export function lowerTruncSatU(l: L, inst: Value): void {
  const dst = l.result(inst);
  if (wide(l, inst) === 0) {
    unaryRR(l, cvtt(1, 1), dst, clamped(l, inst, 0, 2 ** 32 - 1));
    return;
  }
  const arg = l.func.arg(inst, 0);
  const d = isDouble(l, arg);
  const number = nanToZero(l, d, l.reg(arg));
  const x = temp(l);
  aluRm(l, X.Maxs + d, x, number, floatConst(l, d, 0));
  const raw = intTemp(l);
  truncU64(l, d, raw, x);
  aluRR(l, X.Or + AluForm.Rm + 1, dst, raw, allOnesFrom(l, d, x, 2 ** 64));
}

const cvtsi = (d: number, w: number): number => (d === 1 ? X.Cvtsi2sd : X.Cvtsi2ss) + w;

export function lowerConvertS(l: L, inst: Value): void {
  const arg = l.func.arg(inst, 0);
  const w = wide(l, arg);
  const source = w === 0 ? rm.setLow(l, arg) : rm.setValue(l, arg, 8);
  unaryRm(l, cvtsi(isDouble(l, inst), w), l.result(inst), source);
}

export function lowerConvertU(l: L, inst: Value): void {
  const arg = l.func.arg(inst, 0);
  const d = isDouble(l, inst);
  const dst = l.result(inst);
  const x = l.reg(arg);
  if (wide(l, arg) === 0) {
    unaryRR(l, cvtsi(d, 1), dst, x);
  } else if (d === 1) {
    // Both halves are exact, and so is the scaling: the sum rounds once.
    const high = intTemp(l);
    const low = intTemp(l);
    const highFloat = temp(l);
    const scaled = temp(l);
    const lowFloat = temp(l);
    aluRI(l, X.ShrI + 1, high, x, 32);
    unaryRR(l, X.Mov, low, x);
    unaryRR(l, cvtsi(1, 1), highFloat, high);
    aluRm(l, X.Muls + 1, scaled, highFloat, floatConst(l, 1, 2 ** 32));
    unaryRR(l, cvtsi(1, 1), lowFloat, low);
    aluRR(l, X.Adds + 1, dst, scaled, lowFloat);
  } else {
    // From 2^63 on: half of it with the lost bit kept sticky, doubled; the doubling is exact.
    const half = intTemp(l);
    const bit = intTemp(l);
    const sticky = intTemp(l);
    const chosen = intTemp(l);
    const single = temp(l);
    const twice = temp(l);
    aluRI(l, X.ShrI + 1, half, x, 1);
    aluRI(l, X.And + AluForm.Imm, bit, x, 1);
    aluRR(l, X.Or + AluForm.Rm + 1, sticky, half, bit);
    useRm(l, X.Test + 1, x, other.setReg(x));
    aluRR(l, X.Cmovcc + 1, chosen, x, sticky, CC.S);
    unaryRR(l, cvtsi(0, 1), single, chosen);
    aluRR(l, X.Adds, twice, single, single);
    useRm(l, X.Test + 1, x, other.setReg(x));
    floatSelect(l, dst, single, twice, CC.S);
  }
}

export function lowerPromote(l: L, inst: Value): void {
  unaryRm(l, X.Cvtss2sd, l.result(inst), rm.setValue(l, l.func.arg(inst, 0), bytesOf(0)));
}

export function lowerDemote(l: L, inst: Value): void {
  unaryRm(l, X.Cvtsd2ss, l.result(inst), rm.setValue(l, l.func.arg(inst, 0), bytesOf(1)));
}

/** Between the register files; within one file it is no instruction. */
export function lowerBitcast(l: L, inst: Value): void {
  const f = l.func;
  const arg = f.arg(inst, 0);
  const dst = l.result(inst);
  switch (f.type[inst]) {
    case Type.F32:
      moveRR(l, X.MovGprToXmm, dst, operandReg(l, arg, 0));
      break;
    case Type.F64:
      moveRR(l, X.MovGprToXmm + 1, dst, l.reg(arg));
      break;
    case Type.I32:
      moveRR(l, X.MovXmmToGpr, dst, l.reg(arg));
      break;
    default:
      moveRR(l, X.MovXmmToGpr + 1, dst, l.reg(arg));
  }
}
