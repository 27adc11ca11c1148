// Selection of aarch64 instructions: conversions between integers and floats, exact in value and in traps. fcvtz
// saturates and gives zero for NaN as trunc_sat does; scvtf and ucvtf round once.
import { TrapKind } from '../../abi/layout.ts';
import type { Value } from '../../ir/func.ts';
import { Type } from '../../ir/types.ts';
import { trapIf } from '../lower_common.ts';
import { A, CC } from './instructions.ts';
import type { L } from './machine.ts';
import { defNumber, floatTemp, isDouble, operandReg, rr, useRR, wide } from './machine.ts';

/** Traps for NaN and for what is out of range; `inclusive`: the low bound itself is in range. */
function rangeCheck(l: L, d: number, x: number, low: number, inclusive: boolean, high: number): void {
  const above = floatTemp(l);
  defNumber(l, above, d, high);
  useRR(l, A.Fcmp + d, x, above);
  trapIf(l, CC.Vs, -1, TrapKind.InvalidConversion);
  trapIf(l, CC.Ge, -1, TrapKind.IntegerOverflow);
  const below = floatTemp(l);
  defNumber(l, below, d, low);
  useRR(l, A.Fcmp + d, x, below);
  trapIf(l, inclusive ? CC.Mi : CC.Ls, -1, TrapKind.IntegerOverflow);
}

export function lowerTruncS(l: L, inst: Value): void {
  const x = l.reg(l.func.arg(inst, 0));
  const d = isDouble(l, l.func.arg(inst, 0));
  const w = wide(l, inst);
  // Only f64 has numbers between -2^31 - 1 and -2^31, which truncate into range.
  if (w === 0 && d === 1) rangeCheck(l, d, x, -2147483649, false, 2 ** 31);
  else rangeCheck(l, d, x, w === 1 ? -(2 ** 63) : -(2 ** 31), true, w === 1 ? 2 ** 63 : 2 ** 31);
  rr(l, A.Fcvtzs + 2 * d + w, l.result(inst), x);
}

export function lowerTruncU(l: L, inst: Value): void {
  const x = l.reg(l.func.arg(inst, 0));
  const d = isDouble(l, l.func.arg(inst, 0));
  const w = wide(l, inst);
  rangeCheck(l, d, x, -1, false, w === 1 ? 2 ** 64 : 2 ** 32);
  rr(l, A.Fcvtzu + 2 * d + w, l.result(inst), x);
}

export function lowerTruncSatS(l: L, inst: Value): void {
  const arg = l.func.arg(inst, 0);
  rr(l, A.Fcvtzs + 2 * isDouble(l, arg) + wide(l, inst), l.result(inst), l.reg(arg));
}

export function lowerTruncSatU(l: L, inst: Value): void {
  const arg = l.func.arg(inst, 0);
  rr(l, A.Fcvtzu + 2 * isDouble(l, arg) + wide(l, inst), l.result(inst), l.reg(arg));
}

function convert(l: L, inst: Value, x: number): void {
  const arg = l.func.arg(inst, 0);
  const w = wide(l, arg);
  rr(l, x + 2 * isDouble(l, inst) + w, l.result(inst), operandReg(l, arg, w));
}

export const lowerConvertS = (l: L, inst: Value): void => convert(l, inst, A.Scvtf);
export const lowerConvertU = (l: L, inst: Value): void => convert(l, inst, A.Ucvtf);

export function lowerPromote(l: L, inst: Value): void {
  rr(l, A.FcvtSD, l.result(inst), l.reg(l.func.arg(inst, 0)));
}

export function lowerDemote(l: L, inst: Value): void {
  rr(l, A.FcvtDS, l.result(inst), l.reg(l.func.arg(inst, 0)));
}

/** Between the register files; within one file it is no instruction. */
export function lowerBitcast(l: L, inst: Value): void {
  const f = l.func;
  const arg = f.arg(inst, 0);
  const dst = l.result(inst);
  switch (f.type[inst]) {
    case Type.F32:
      rr(l, A.FmovToFloat, dst, operandReg(l, arg, 0));
      break;
    case Type.F64:
      rr(l, A.FmovToFloat + 1, dst, l.reg(arg));
      break;
    case Type.I32:
      rr(l, A.FmovToInt, dst, l.reg(arg));
      break;
    default:
      rr(l, A.FmovToInt + 1, dst, l.reg(arg));
  }
}
