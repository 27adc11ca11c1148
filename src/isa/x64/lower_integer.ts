// Selection of x86_64 instructions: integer arithmetic, shifts, counts, extensions.
import type { Value } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import { RegClass } from '../../regalloc/door.ts';
import { Opnd } from '../vcode.ts';
import { AluForm, CC, X } from './instructions.ts';
import type { L } from './machine.ts';
import {
  aluRI,
  aluRm,
  aluRR,
  defImm,
  isImm32,
  operandReg,
  Rm,
  shiftCl,
  unaryRm,
  unaryRR,
  wide,
} from './machine.ts';

const src = new Rm();

/** As operandReg: a register or memory operand. */
export function operandRm(l: L, v: Value, w: number, rm: Rm): Rm {
  return w === 0 ? rm.setLow(l, v) : rm.setValue(l, v, 8);
}

/** True if `a` had better be the second operand: a constant, in memory, or needed longer than `b`, whose register the result takes. */
function betterSecond(l: L, a: Value, b: Value): boolean {
  if (l.isConst(a) || l.sinkable(b)) return l.isConst(a);
  return l.sinkable(a) || (!l.diesHere(a) && l.diesHere(b));
}

/** add, sub, and, or, xor */
function lowerAlu(l: L, inst: Value, x: number, commutative: boolean): void {
  const f = l.func;
  let a = f.arg(inst, 0);
  let b = f.arg(inst, 1);
  const w = wide(l, inst);
  const dst = l.result(inst);
  if (commutative && f.op[b] !== Op.IConst && betterSecond(l, a, b)) {
    const swap = a;
    a = b;
    b = swap;
  }
  if (isImm32(l, b)) {
    aluRI(l, x + AluForm.Imm + w, dst, operandReg(l, a, w), f.imm[b]);
    return;
  }
  const rb = operandRm(l, b, w, src);
  aluRm(l, x + AluForm.Rm + w, dst, operandReg(l, a, w), rb);
}

/** Shift 1..3 of a shl by a constant that its consumer may do in an address, else 0. */
function smallShift(l: L, v: Value, w: number): number {
  const f = l.func;
  if (f.op[v] !== Op.Shl || !l.single(v) || !l.isConst(f.arg(v, 1))) return 0;
  const count = f.imm[f.arg(v, 1)] & (w === 1 ? 63 : 31);
  return count <= 3 ? count : 0;
}

function lea(l: L, w: number, dst: number, rm: Rm): void {
  unaryRm(l, X.Lea + w, dst, rm);
}

export function lowerAdd(l: L, inst: Value): void {
  const f = l.func;
  let a = f.arg(inst, 0);
  let b = f.arg(inst, 1);
  const w = wide(l, inst);
  if (f.op[a] === Op.IConst || (smallShift(l, a, w) > 0 && f.op[b] !== Op.IConst)) {
    const swap = a;
    a = b;
    b = swap;
  }
  const dst = l.result(inst);
  if (isImm32(l, b)) {
    const disp = f.imm[b];
    if (f.op[a] === Op.IAdd && l.single(a) && !l.isConst(f.arg(a, 1)) && !l.isConst(f.arg(a, 0))) {
      let p = f.arg(a, 0);
      let q = f.arg(a, 1);
      let shift = smallShift(l, q, w);
      if (shift === 0 && smallShift(l, p, w) > 0) {
        const swap = p;
        p = q;
        q = swap;
        shift = smallShift(l, q, w);
      }
      const base = operandReg(l, p, w);
      const index = operandReg(l, shift > 0 ? f.arg(q, 0) : q, w);
      lea(l, w, dst, src.setBaseIndex(base, index, shift, disp));
      return;
    }
    const shift = smallShift(l, a, w);
    if (shift > 0) {
      lea(l, w, dst, src.setIndex(operandReg(l, f.arg(a, 0), w), shift, disp));
      return;
    }
    const ra = operandReg(l, a, w);
    // lea keeps an operand that is used elsewhere alive without a copy.
    if (!l.diesHere(a)) lea(l, w, dst, src.setBase(ra, disp));
    else aluRI(l, X.Add + AluForm.Imm + w, dst, ra, disp);
    return;
  }
  const shift = smallShift(l, b, w);
  if (shift > 0) {
    const base = operandReg(l, a, w);
    lea(l, w, dst, src.setBaseIndex(base, operandReg(l, f.arg(b, 0), w), shift, 0));
    return;
  }
  if (!l.sinkable(a) && !l.sinkable(b) && !l.diesHere(a) && !l.diesHere(b)) {
    const base = operandReg(l, a, w);
    lea(l, w, dst, src.setBaseIndex(base, operandReg(l, b, w), 0, 0));
    return;
  }
  lowerAlu(l, inst, X.Add, true);
}

export function lowerSub(l: L, inst: Value): void {
  const f = l.func;
  const a = f.arg(inst, 0);
  if (f.op[a] === Op.IConst && f.imm[a] === 0 && f.imm2[a] === 0) {
    const w = wide(l, inst);
    aluRI(l, X.Neg + w, l.result(inst), operandReg(l, f.arg(inst, 1), w), 0);
    return;
  }
  lowerAlu(l, inst, X.Sub, false);
}

export function lowerAnd(l: L, inst: Value): void {
  const f = l.func;
  const b = f.arg(inst, 1);
  if (f.op[b] === Op.IConst) {
    const mask = f.imm[b];
    const high = f.type[inst] === Type.I64 ? f.imm2[b] : 0;
    if (high === 0) {
      const w = wide(l, inst);
      const dst = l.result(inst);
      const a = operandReg(l, f.arg(inst, 0), 0);
      if (mask === 0xff) unaryRR(l, X.Movzx8, dst, a);
      else if (mask === 0xffff) unaryRR(l, X.Movzx16, dst, a);
      else if (mask === -1 && w === 1) unaryRR(l, X.Mov, dst, a);
      // A 32-bit and clears the upper half as the mask would.
      else aluRI(l, X.And + AluForm.Imm, dst, a, mask);
      return;
    }
  } else if (l.target.features.bmi1) {
    for (let k = 0; k < 2; k++) {
      const not = f.arg(inst, k);
      if (f.op[not] !== Op.Xor || !l.single(not) || !isMinusOne(l, f.arg(not, 1))) continue;
      const w = wide(l, inst);
      const inverted = operandReg(l, f.arg(not, 0), w);
      const rm = operandRm(l, f.arg(inst, 1 - k), w, src);
      const dst = l.result(inst);
      const i = l.vcode.inst(X.Andn + w, 0, l.loc);
      l.vcode.operand(dst, Opnd.Def);
      l.vcode.operand(inverted, Opnd.Use);
      rm.push(l, i);
      return;
    }
  }
  lowerAlu(l, inst, X.And, true);
}

export const lowerOr = (l: L, inst: Value): void => lowerAlu(l, inst, X.Or, true);

function isMinusOne(l: L, v: Value): boolean {
  const f = l.func;
  return f.op[v] === Op.IConst && f.imm[v] === -1 && (f.type[v] === Type.I32 || f.imm2[v] === -1);
}

export function lowerXor(l: L, inst: Value): void {
  const f = l.func;
  if (isMinusOne(l, f.arg(inst, 1))) {
    const w = wide(l, inst);
    aluRI(l, X.Not + w, l.result(inst), operandReg(l, f.arg(inst, 0), w), 0);
    return;
  }
  lowerAlu(l, inst, X.Xor, true);
}

export function lowerMul(l: L, inst: Value): void {
  const f = l.func;
  let a = f.arg(inst, 0);
  let b = f.arg(inst, 1);
  if (f.op[a] === Op.IConst) {
    const swap = a;
    a = b;
    b = swap;
  }
  const w = wide(l, inst);
  const dst = l.result(inst);
  if (isImm32(l, b)) {
    const c = f.imm[b];
    if (c > 0 && (c & (c - 1)) === 0) {
      aluRI(l, X.ShlI + w, dst, operandReg(l, a, w), 31 - Math.clz32(c));
    } else if (c === 3 || c === 5 || c === 9) {
      const ra = operandReg(l, a, w);
      lea(l, w, dst, src.setBaseIndex(ra, ra, c === 3 ? 1 : c === 5 ? 2 : 3, 0));
    } else unaryRm(l, X.ImulI + w, dst, operandRm(l, a, w, src), c);
    return;
  }
  const rb = operandRm(l, b, w, src);
  aluRm(l, X.Imul + w, dst, operandReg(l, a, w), rb);
}

/** Shifts and rotates; `imm` and `cl`: families, `bmi2`: family without flags and rcx, or -1. */
function lowerShift(l: L, inst: Value, imm: number, cl: number, bmi2: number): void {
  const f = l.func;
  const w = wide(l, inst);
  const dst = l.result(inst);
  let count = f.arg(inst, 1);
  const mask = w === 1 ? 63 : 31;
  if (f.op[count] === Op.IConst) {
    aluRI(l, imm + w, dst, operandReg(l, f.arg(inst, 0), w), f.imm[count] & mask);
    return;
  }
  // The machine masks the count as wasm does.
  if (f.op[count] === Op.And && l.isConst(f.arg(count, 1)) && (f.imm[f.arg(count, 1)] & mask) === mask) {
    count = f.arg(count, 0);
  }
  const a = operandReg(l, f.arg(inst, 0), w);
  const c = operandReg(l, count, 0);
  if (bmi2 >= 0 && l.target.features.bmi2) {
    l.vcode.inst(bmi2 + w, 0, l.loc);
    l.vcode.operand(dst, Opnd.Def);
    l.vcode.operand(a, Opnd.UseAny);
    l.vcode.operand(c, Opnd.Use);
  } else shiftCl(l, cl + w, dst, a, c);
}

export const lowerShl = (l: L, inst: Value): void => lowerShift(l, inst, X.ShlI, X.ShlCl, X.Shlx);
export const lowerUShr = (l: L, inst: Value): void => lowerShift(l, inst, X.ShrI, X.ShrCl, X.Shrx);
export const lowerSShr = (l: L, inst: Value): void => lowerShift(l, inst, X.SarI, X.SarCl, X.Sarx);
export const lowerRotl = (l: L, inst: Value): void => lowerShift(l, inst, X.RolI, X.RolCl, -1);
export const lowerRotr = (l: L, inst: Value): void => lowerShift(l, inst, X.RorI, X.RorCl, -1);

export function lowerClz(l: L, inst: Value): void {
  const w = wide(l, inst);
  const rm = operandRm(l, l.func.arg(inst, 0), w, src);
  const dst = l.result(inst);
  if (l.target.features.lzcnt) {
    unaryRm(l, X.Lzcnt + w, dst, rm);
    return;
  }
  // bsr gives the index of the top bit and leaves zero to the cmov: 2 * bits - 1, so that xor makes it `bits`.
  const mask = w === 1 ? 63 : 31;
  const none = l.temp(RegClass.Int);
  const index = l.temp(RegClass.Int);
  const chosen = l.temp(RegClass.Int);
  defImm(l, X.MovI, none, 2 * mask + 1);
  unaryRm(l, X.Bsr + w, index, rm);
  aluRR(l, X.Cmovcc + w, chosen, index, none, CC.E);
  aluRI(l, X.Xor + AluForm.Imm, dst, chosen, mask);
}

export function lowerCtz(l: L, inst: Value): void {
  const w = wide(l, inst);
  const rm = operandRm(l, l.func.arg(inst, 0), w, src);
  const dst = l.result(inst);
  if (l.target.features.bmi1) {
    unaryRm(l, X.Tzcnt + w, dst, rm);
    return;
  }
  const none = l.temp(RegClass.Int);
  const index = l.temp(RegClass.Int);
  defImm(l, X.MovI, none, w === 1 ? 64 : 32);
  unaryRm(l, X.Bsf + w, index, rm);
  aluRR(l, X.Cmovcc + w, dst, index, none, CC.E);
}

/** Bit count in parallel sums (Hacker's Delight, 5-1). */
export function lowerPopcnt(l: L, inst: Value): void {
  const w = wide(l, inst);
  const dst = l.result(inst);
  if (l.target.features.popcnt) {
    unaryRm(l, X.Popcnt + w, dst, operandRm(l, l.func.arg(inst, 0), w, src));
    return;
  }
  const x = operandReg(l, l.func.arg(inst, 0), w);
  const temp = (): number => l.temp(RegClass.Int);
  const mask = (word: number): number => {
    const to = temp();
    defImm(l, w === 1 ? X.MovAbs : X.MovI, to, word, word);
    return to;
  };
  const and = (a: number, b: number): number => {
    const to = temp();
    aluRR(l, X.And + AluForm.Rm + w, to, a, b);
    return to;
  };
  const shr = (a: number, count: number): number => {
    const to = temp();
    aluRI(l, X.ShrI + w, to, a, count);
    return to;
  };
  const op = (family: number, a: number, b: number): number => {
    const to = temp();
    aluRR(l, family + AluForm.Rm + w, to, a, b);
    return to;
  };
  const pairs = op(X.Sub, x, and(shr(x, 1), mask(0x55555555)));
  const threes = mask(0x33333333);
  const nibbles = op(X.Add, and(pairs, threes), and(shr(pairs, 2), threes));
  const bytes = and(op(X.Add, nibbles, shr(nibbles, 4)), mask(0x0f0f0f0f));
  const total = temp();
  aluRR(l, X.Imul + w, total, bytes, mask(0x01010101));
  aluRI(l, X.ShrI + w, dst, total, w === 1 ? 56 : 24);
}

export function lowerWrap(l: L, inst: Value): void {
  unaryRR(l, X.Mov, l.result(inst), l.reg(l.func.arg(inst, 0)));
}

export function lowerSExt(l: L, inst: Value): void {
  const rm = src.setLow(l, l.func.arg(inst, 0));
  unaryRm(l, X.Movsxd, l.result(inst), rm);
}

export function lowerSExt32(l: L, inst: Value): void {
  unaryRR(l, X.Movsxd, l.result(inst), l.reg(l.func.arg(inst, 0)));
}

export function lowerSExt8(l: L, inst: Value): void {
  const w = wide(l, inst);
  unaryRR(l, X.Movsx8 + w, l.result(inst), operandReg(l, l.func.arg(inst, 0), w));
}

export function lowerSExt16(l: L, inst: Value): void {
  const w = wide(l, inst);
  unaryRR(l, X.Movsx16 + w, l.result(inst), operandReg(l, l.func.arg(inst, 0), w));
}
