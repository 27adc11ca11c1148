// Division on x86_64 (lower_divide.ts): the machine's faults, so that what it would fault on is compared before it.
import { TrapKind } from '../../abi/layout.ts';
import { trapIf } from '../lower_common.ts';
import { divideRules } from '../lower_divide.ts';
import { Opnd } from '../vcode.ts';
import { AluForm, CC, P, X } from './instructions.ts';
import type { L, X64Target } from './machine.ts';
import { aluRI, aluRR, copy, defImm, intTemp, isImm32, Rm, unaryRm, unaryRR, useRm } from './machine.ts';
import { Clobber, Reg } from './registers.ts';

const rm = new Rm();

const RAX = Reg.Rax << Opnd.PayloadShift;
const RDX = Reg.Rdx << Opnd.PayloadShift;

/** The machine's division; the result is the quotient (rax) or the remainder (rdx). */
function divide(l: L, x: number, w: number, dst: number, n: number, d: number, remainder: boolean): void {
  const i = l.vcode.inst(x + w, 0, l.loc);
  l.vcode.clobber[i] = remainder ? Clobber.Rax : Clobber.Rdx;
  l.vcode.operand(dst, Opnd.DefFixed | (remainder ? RDX : RAX));
  l.vcode.operand(n, Opnd.UseFixed | RAX);
  l.vcode.operand(d, Opnd.UseLate);
}

export const { lowerSDiv, lowerUDiv, lowerSRem, lowerURem } = divideRules<X64Target>({
  divide(l, w, dst, n, d, signed, remainder) {
    useRm(l, X.Test + w, d, rm.setReg(d));
    trapIf(l, CC.E, -1, TrapKind.IntegerDivideByZero);
    if (!signed) divide(l, P.UnsignedDiv, w, dst, n, d, remainder);
    else if (remainder) divide(l, P.SignedRem, w, dst, n, d, true);
    else {
      const i = l.vcode.inst(P.DivOverflow + w, 0, l.loc);
      l.vcode.trap[i] = TrapKind.IntegerOverflow;
      l.vcode.operand(n, Opnd.Use);
      l.vcode.operand(d, Opnd.Use);
      divide(l, P.SignedDiv, w, dst, n, d, false);
    }
  },

  constant(l, w, dst, low, high) {
    if (w === 1) defImm(l, X.MovAbs, dst, low, high);
    else defImm(l, X.MovI, dst, low);
  },

  zero: (l, dst) => defImm(l, X.MovI, dst, 0),

  narrow(l, w, dst, n) {
    if (w === 1) copy(l, dst, n);
    else unaryRR(l, X.Mov, dst, n);
  },

  add: (l, w, dst, a, b) => aluRR(l, X.Add + AluForm.Rm + w, dst, a, b),
  subtract: (l, w, dst, a, b) => aluRR(l, X.Sub + AluForm.Rm + w, dst, a, b),
  negate: (l, w, dst, a) => aluRI(l, X.Neg + w, dst, a, 0),

  shiftRight(l, w, dst, a, count, signed) {
    if (count === 0) copy(l, dst, a);
    else aluRI(l, (signed ? X.SarI : X.ShrI) + w, dst, a, count);
  },

  addShifted(l, w, dst, a, b, count) {
    const shifted = intTemp(l);
    const sum = dst < 0 ? intTemp(l) : dst;
    aluRI(l, X.ShrI + w, shifted, b, count);
    aluRR(l, X.Add + AluForm.Rm + w, sum, shifted, a);
    return sum;
  },

  lowBits(l, _w, dst, a, count) {
    if (count < 32) aluRI(l, X.And + AluForm.Imm, dst, a, count === 31 ? 0x7fffffff : (1 << count) - 1);
    else if (count === 32) unaryRR(l, X.Mov, dst, a);
    else {
      const cut = intTemp(l);
      aluRI(l, X.ShlI + 1, cut, a, 64 - count);
      aluRI(l, X.ShrI + 1, dst, cut, 64 - count);
    }
  },

  multiplyWide: (l, dst, a, b) => aluRR(l, X.Imul + 1, dst, a, b),

  multiplyHigh(l, w, a, b, signed) {
    const high = intTemp(l);
    const i = l.vcode.inst((signed ? P.MulHighS : P.MulHigh) + w, 0, l.loc);
    l.vcode.clobber[i] = Clobber.Rax;
    l.vcode.operand(high, Opnd.DefFixed | RDX);
    l.vcode.operand(a, Opnd.UseFixed | RAX);
    l.vcode.operand(b, Opnd.Use);
    return high;
  },

  subtractProduct(l, w, dst, n, quotient, d) {
    const f = l.func;
    const product = intTemp(l);
    if (isImm32(l, d)) unaryRm(l, X.ImulI + w, product, rm.setReg(quotient), f.imm[d]);
    else {
      const big = intTemp(l);
      defImm(l, X.MovAbs, big, f.imm[d], f.imm2[d]);
      aluRR(l, X.Imul + 1, product, quotient, big);
    }
    aluRR(l, X.Sub + AluForm.Rm + w, dst, n, product);
  },
});
