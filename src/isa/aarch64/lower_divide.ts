// Division on aarch64 (lower_divide.ts). The machine's never faults: x / 0 is 0, MIN / -1 is MIN, so that traps are explicit
// compares and a remainder needs none for overflow.
import { TrapKind } from '../../abi/layout.ts';
import { trapIf } from '../lower_common.ts';
import { divideRules } from '../lower_divide.ts';
import { logicalImm } from './immediates.ts';
import { A, CC, Cond, Shift } from './instructions.ts';
import { shiftRight } from './lower_integer.ts';
import type { A64Target } from './machine.ts';
import { defConst, intTemp, rr, rrr, rrrr, useR } from './machine.ts';

export const { lowerSDiv, lowerUDiv, lowerSRem, lowerURem } = divideRules<A64Target>({
  divide(l, w, dst, n, d, signed, remainder) {
    trapIf(l, Cond.Zero | (w === 1 ? Cond.Wide : 0), d, TrapKind.IntegerDivideByZero);
    if (signed && !remainder) {
      // MIN / -1: if the divisor is -1, MIN - 1 overflows; else the flags are clear.
      useR(l, A.CmnI + w, d, 1);
      useR(l, A.CcmpI + w, n, (1 << 8) | CC.Eq);
      trapIf(l, CC.Vs, -1, TrapKind.IntegerOverflow);
    }
    const quotient = remainder ? intTemp(l) : dst;
    rrr(l, (signed ? A.Sdiv : A.Udiv) + w, quotient, n, d);
    if (remainder) rrrr(l, A.Msub + w, dst, quotient, d, n);
  },

  constant: (l, w, dst, low, high) => defConst(l, dst, low, w === 1 ? high : 0),
  zero: (l, dst) => defConst(l, dst, 0, 0),
  narrow: (l, w, dst, n) => rr(l, A.Mov + w, dst, n),
  add: (l, w, dst, a, b) => rrr(l, A.Add + w, dst, a, b),
  subtract: (l, w, dst, a, b) => rrr(l, A.Sub + w, dst, a, b),
  negate: (l, w, dst, a) => rr(l, A.Neg + w, dst, a),
  shiftRight,

  addShifted(l, w, dst, a, b, count) {
    const sum = dst < 0 ? intTemp(l) : dst;
    rrr(l, A.Add + w, sum, a, b, Shift.Lsr | count);
    return sum;
  },

  lowBits(l, w, dst, a, count) {
    if (count === 0) {
      defConst(l, dst, 0, 0);
      return;
    }
    const high = count > 32 ? (1 << (count - 32)) - 1 : 0;
    const low = count >= 32 ? -1 : (1 << count) - 1;
    rr(l, A.AndI + w, dst, a, logicalImm(low, w === 1 ? high : low, w === 1 ? 64 : 32));
  },

  multiplyWide: (l, dst, a, b) => rrr(l, A.Umull, dst, b, a),

  multiplyHigh(l, w, a, b, signed) {
    const high = intTemp(l);
    if (w === 1) rrr(l, signed ? A.Smulh : A.Umulh, high, a, b);
    else {
      const product = intTemp(l);
      rrr(l, signed ? A.Smull : A.Umull, product, a, b);
      shiftRight(l, 1, high, product, 32, signed);
    }
    return high;
  },

  subtractProduct(l, w, dst, n, quotient, d) {
    const divisor = intTemp(l);
    defConst(l, divisor, l.func.imm[d], w === 1 ? l.func.imm2[d] : 0);
    rrrr(l, A.Msub + w, dst, quotient, divisor, n);
  },
});
