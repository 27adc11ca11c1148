// Selection of aarch64 instructions: float arithmetic, rounding, minimum and maximum, signs. The machine's operations
// are WebAssembly's: NaN operands give quiet NaNs, fmin and fmax order -0 below +0.
import type { Value } from '../../ir/func.ts';
import { A } from './instructions.ts';
import type { L } from './machine.ts';
import { floatTemp, isDouble, modify, rr, rrr } from './machine.ts';

function binary(l: L, inst: Value, x: number): void {
  const f = l.func;
  const dst = l.result(inst);
  const a = l.reg(f.arg(inst, 0));
  rrr(l, x + isDouble(l, inst), dst, a, l.reg(f.arg(inst, 1)));
}

function unary(l: L, inst: Value, x: number): void {
  rr(l, x + isDouble(l, inst), l.result(inst), l.reg(l.func.arg(inst, 0)));
}

export const lowerFAdd = (l: L, inst: Value): void => binary(l, inst, A.Fadd);
export const lowerFSub = (l: L, inst: Value): void => binary(l, inst, A.Fsub);
export const lowerFMul = (l: L, inst: Value): void => binary(l, inst, A.Fmul);
export const lowerFDiv = (l: L, inst: Value): void => binary(l, inst, A.Fdiv);
export const lowerFMin = (l: L, inst: Value): void => binary(l, inst, A.Fmin);
export const lowerFMax = (l: L, inst: Value): void => binary(l, inst, A.Fmax);
export const lowerFAbs = (l: L, inst: Value): void => unary(l, inst, A.Fabs);
export const lowerFNeg = (l: L, inst: Value): void => unary(l, inst, A.Fneg);
export const lowerFSqrt = (l: L, inst: Value): void => unary(l, inst, A.Fsqrt);
export const lowerFCeil = (l: L, inst: Value): void => unary(l, inst, A.Frintp);
export const lowerFFloor = (l: L, inst: Value): void => unary(l, inst, A.Frintm);
export const lowerFTrunc = (l: L, inst: Value): void => unary(l, inst, A.Frintz);
export const lowerFNearest = (l: L, inst: Value): void => unary(l, inst, A.Frintn);

/** The sign of b is moved to the lowest bit and inserted into a. */
export function lowerFCopysign(l: L, inst: Value): void {
  const f = l.func;
  const d = isDouble(l, inst);
  const a = l.reg(f.arg(inst, 0));
  const b = l.reg(f.arg(inst, 1));
  const sign = floatTemp(l);
  rr(l, A.UshrSign + d, sign, b);
  modify(l, A.SliSign + d, l.result(inst), a, sign);
}
