// What the rules of every ISA say in the same words: questions about values, and pseudo instructions (pseudo.ts).
import type { Value } from '../ir/func.ts';
import { Op } from '../ir/opcodes.ts';
import { Type } from '../ir/types.ts';
import { RegClass } from '../regalloc/door.ts';
import type { Lowering, LowerTarget } from './lower.ts';
import { isWide } from './lower.ts';
import { Pseudo } from './pseudo.ts';
import { Opnd, RawFlag } from './vcode.ts';

/** Def in the register of operand 1. */
export const REUSE1 = Opnd.DefReuse | (1 << Opnd.PayloadShift);

// ---- Values ----

/** 0 for 32-bit types, 1 for 64-bit ones: what an instruction family adds. */
export const wide = <T extends LowerTarget>(l: Lowering<T>, v: Value): number =>
  isWide(l.func.type[v]) ? 1 : 0;
export const isDouble = <T extends LowerTarget>(l: Lowering<T>, v: Value): number =>
  l.func.type[v] === Type.F64 ? 1 : 0;

export const isZero = <T extends LowerTarget>(l: Lowering<T>, v: Value): boolean =>
  l.func.op[v] === Op.IConst && l.func.imm[v] === 0 && l.func.imm2[v] === 0;

/** True if an integer constant is a sign-extended 32-bit immediate of its type. */
export function isImm32<T extends LowerTarget>(l: Lowering<T>, v: Value): boolean {
  const f = l.func;
  return f.op[v] === Op.IConst && (f.type[v] === Type.I32 || f.imm2[v] === f.imm[v] >> 31);
}

/** An operand of which a 32-bit operation reads the low half, or a 64-bit one all: in a register. */
export function operandReg<T extends LowerTarget>(l: Lowering<T>, v: Value, w: number): number {
  const f = l.func;
  if (w === 0 && f.op[v] === Op.Wrap) return l.reg(f.arg(v, 0));
  return l.reg(v);
}

export const intTemp = <T extends LowerTarget>(l: Lowering<T>): number => l.temp(RegClass.Int);
export const floatTemp = <T extends LowerTarget>(l: Lowering<T>): number => l.temp(RegClass.Float);

// ---- Pseudo instructions ----

/** A copy, which the allocator may turn into nothing. */
export function copy<T extends LowerTarget>(l: Lowering<T>, dst: number, src: number): void {
  const i = l.vcode.inst(Pseudo.Copy, 0, l.loc);
  l.vcode.flags[i] = RawFlag.Move;
  l.vcode.operand(dst, Opnd.DefAny);
  l.vcode.operand(src, Opnd.UseAny);
}

/** Traps with `kind` on a condition; `reg`: the register that it tests, or -1 for flags. */
export function trapIf<T extends LowerTarget>(
  l: Lowering<T>,
  condition: number,
  reg: number,
  kind: number,
): void {
  const i = l.vcode.inst(Pseudo.TrapIf, condition, l.loc);
  l.vcode.trap[i] = kind;
  if (reg >= 0) l.vcode.operand(reg, Opnd.Use);
}

/** The end of a block with BrIf `inst`; `reg`: the register that the condition tests, or -1 for flags. */
export function branch<T extends LowerTarget>(
  l: Lowering<T>,
  inst: Value,
  condition: number,
  reg: number,
): void {
  const edge = l.func.imm[inst];
  const i = l.vcode.inst(Pseudo.Branch, condition, l.loc);
  l.vcode.imm2[i] = l.blocks.edgeVBlock[edge];
  l.vcode.aux[i] = l.blocks.edgeVBlock[edge + 1];
  l.vcode.flags[i] = RawFlag.Terminator;
  if (reg >= 0) l.vcode.operand(reg, Opnd.Use);
}

/** Address of the jump table of the targets that were pushed from number `from` on. */
export function tableAddress<T extends LowerTarget>(l: Lowering<T>, dst: number, from: number): void {
  const i = l.vcode.inst(Pseudo.TableAddress, from, l.loc);
  l.vcode.imm2[i] = l.vcode.targets.length - from;
  l.vcode.operand(dst, Opnd.Def);
}

export function lowerUnreachable<T extends LowerTarget>(l: Lowering<T>, inst: Value): void {
  const i = l.vcode.inst(Pseudo.Trap, 0, l.loc);
  l.vcode.trap[i] = l.func.imm[inst];
  l.vcode.flags[i] = RawFlag.Terminator;
}
