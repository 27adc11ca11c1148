// Selection of aarch64 instructions: parameters, calls, tail calls, returns.
//
// Stack arguments are stored to the outgoing area right before the call, results beyond registers are read from right
// above them behind it. A tail call's stack arguments are moved from there when the frame is left (emit.ts).
import type { Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import { RegClass } from '../../regalloc/door.ts';
import { STACK } from '../calling_convention.ts';
import { FunctionFlag } from '../contract.ts';
import { CLASS_OF_TYPE } from '../lower.ts';
import { Mem, Opnd, RawFlag } from '../vcode.ts';
import { A, CallFlag, P } from './instructions.ts';
import { plainLoad, plainStore } from './lower_memory.ts';
import type { L } from './machine.ts';
import { Address, isZero, load, rr, store } from './machine.ts';
import { C_INT_ARGS, Clobber, Reg } from './registers.ts';

const slot = new Address();
/** Registers of the arguments of the call being lowered. */
let argRegs = new Int32Array(64);

/** Parameters: from registers by one pseudo instruction, the rest from the incoming area. */
export function lowerEntry(l: L): void {
  const f = l.func;
  const { convention, module } = l.target;
  const count = module.signatures.numParams(f.sig);
  l.vcode.inst(P.Args, 0, -1);
  for (let k = 0; k < count; k++) {
    const at = convention.param(f.sig, k);
    const vreg = l.vregOf[f.param(0, k)];
    if (vreg >= 0 && at < STACK) l.vcode.operand(vreg, Opnd.DefFixed | (at << Opnd.PayloadShift));
  }
  for (let k = 0; k < count; k++) {
    const at = convention.param(f.sig, k);
    const vreg = l.vregOf[f.param(0, k)];
    if (vreg >= 0 && at >= STACK) {
      load(l, slotLoad(module.signatures.param(f.sig, k)), vreg, slot.set(Mem.Incoming, at - STACK));
    }
  }
}

/** Loads and stores of whole slots: an I32 fills its slot with zeros. */
const slotLoad = (type: number): number => plainLoad(type === Type.I32 ? Type.I64 : type);
const slotStore = (type: number): number => plainStore(type === Type.I32 ? Type.I64 : type);

/** Puts argument k of a call or result k of a return into a stack slot. */
function storeSlot(l: L, value: Value, type: number, area: number, offset: number): void {
  const reg = isZero(l, value) ? -1 : l.reg(value);
  store(l, slotStore(type), reg, slot.set(area, offset));
}

/** Stores the stack arguments `first..` of the signature and asks for the register arguments. */
function prepareArgs(l: L, inst: Value, first: number, sig: number): void {
  const f = l.func;
  const { convention, module } = l.target;
  const count = module.signatures.numParams(sig);
  if (argRegs.length < count) argRegs = new Int32Array(count * 2);
  for (let k = 0; k < count; k++) {
    const at = convention.param(sig, k);
    const value = f.arg(inst, first + k);
    if (at >= STACK) storeSlot(l, value, module.signatures.param(sig, k), Mem.Outgoing, at - STACK);
  }
  for (let k = 0; k < count; k++) {
    if (convention.param(sig, k) < STACK) argRegs[k] = l.reg(f.arg(inst, first + k));
  }
}

function pushArgs(l: L, sig: number): void {
  const { convention, module } = l.target;
  const count = module.signatures.numParams(sig);
  for (let k = 0; k < count; k++) {
    const at = convention.param(sig, k);
    if (at < STACK) l.vcode.operand(argRegs[k], Opnd.UseFixed | (at << Opnd.PayloadShift));
  }
}

/** The value that is result k of a call, or NONE if nothing uses it. */
function resultValue(l: L, inst: Value, k: number, count: number): Value {
  const f = l.func;
  if (count === 1) return l.isNeeded(inst) ? inst : NONE;
  for (let p = f.next[inst]; p !== NONE && f.op[p] === Op.Proj; p = f.next[p]) {
    if (f.imm[p] === k && f.arg(p, 0) === inst) return l.isNeeded(p) ? p : NONE;
  }
  return NONE;
}

/** What kind of call: pseudo opcode; whether the callee stands in the first argument. */
interface Callee {
  readonly call: number;
  readonly tail: number;
  readonly firstArg: number;
}
const DIRECT: Callee = { call: P.Call, tail: P.TailCall, firstArg: 0 };
const SLOT: Callee = { call: P.CallSlot, tail: P.TailCallSlot, firstArg: 0 };
const REF: Callee = { call: P.CallRef, tail: P.TailCallRef, firstArg: 1 };
const CODE: Callee = { call: P.CallCode, tail: P.TailCallCode, firstArg: 1 };

function lowerCallTo(l: L, inst: Value, callee: Callee): void {
  const f = l.func;
  const { vcode } = l;
  const { convention, module } = l.target;
  const sig = f.aux[inst];
  const argBytes = convention.stackArgBytes(sig);
  const resultBytes = convention.stackResultBytes(sig);
  prepareArgs(l, inst, callee.firstArg, sig);
  const target = callee.firstArg === 1 ? l.reg(f.arg(inst, 0)) : -1;
  l.outgoingBytes = Math.max(l.outgoingBytes, argBytes + resultBytes);
  l.hasCalls = true;
  const leaves =
    callee === SLOT ||
    callee === REF ||
    (callee === DIRECT && (module.functionFlags[f.imm[inst]] & FunctionFlag.ClobbersInstance) !== 0);
  if (leaves) l.savesInstance = true;
  const i = vcode.inst(callee.call, callee === SLOT ? f.imm2[inst] : f.imm[inst], l.loc);
  vcode.imm2[i] = argBytes;
  vcode.aux[i] = leaves ? CallFlag.RestoreInstance : 0;
  vcode.clobber[i] = Clobber.Call;
  const results = module.signatures.numResults(sig);
  for (let k = 0; k < results; k++) {
    const at = convention.result(sig, k);
    if (at >= STACK) continue;
    const value = resultValue(l, inst, k, results);
    if (value !== NONE) vcode.operand(l.result(value), Opnd.DefFixed | (at << Opnd.PayloadShift));
  }
  pushArgs(l, sig);
  if (target >= 0) vcode.operand(target, Opnd.UseFixed | (Reg.X17 << Opnd.PayloadShift));
  for (let k = 0; k < results; k++) {
    const at = convention.result(sig, k);
    if (at < STACK) continue;
    const value = resultValue(l, inst, k, results);
    if (value === NONE) continue;
    slot.set(Mem.Outgoing, argBytes + at - STACK);
    load(l, slotLoad(module.signatures.result(sig, k)), l.result(value), slot);
  }
}

function lowerTailCallTo(l: L, inst: Value, callee: Callee): void {
  const f = l.func;
  const { vcode } = l;
  const { convention } = l.target;
  const sig = f.aux[inst];
  const argBytes = convention.stackArgBytes(sig);
  prepareArgs(l, inst, callee.firstArg, sig);
  const target = callee.firstArg === 1 ? l.reg(f.arg(inst, 0)) : -1;
  // Room for the return address and the arguments, which will be moved together.
  if (argBytes > 0 || convention.stackArgBytes(f.sig) > 0)
    l.outgoingBytes = Math.max(l.outgoingBytes, argBytes + 8);
  const i = vcode.inst(callee.tail, callee === SLOT ? f.imm2[inst] : f.imm[inst], l.loc);
  vcode.imm2[i] = argBytes;
  vcode.flags[i] = RawFlag.Terminator;
  pushArgs(l, sig);
  if (target >= 0) vcode.operand(target, Opnd.UseFixed | (Reg.X17 << Opnd.PayloadShift));
}

export const lowerCall = (l: L, inst: Value): void => lowerCallTo(l, inst, DIRECT);
export const lowerCallImport = (l: L, inst: Value): void => lowerCallTo(l, inst, SLOT);
export const lowerCallRef = (l: L, inst: Value): void => lowerCallTo(l, inst, REF);
export const lowerCallCode = (l: L, inst: Value): void => lowerCallTo(l, inst, CODE);
export const lowerReturnCall = (l: L, inst: Value): void => lowerTailCallTo(l, inst, DIRECT);
export const lowerReturnCallImport = (l: L, inst: Value): void => lowerTailCallTo(l, inst, SLOT);
export const lowerReturnCallRef = (l: L, inst: Value): void => lowerTailCallTo(l, inst, REF);
export const lowerReturnCallCode = (l: L, inst: Value): void => lowerTailCallTo(l, inst, CODE);

/** A helper of the runtime: C convention, the instance is added by the helper's thunk. */
export function lowerCallHelper(l: L, inst: Value): void {
  const f = l.func;
  const { vcode } = l;
  const count = f.argCount[inst];
  if (count >= C_INT_ARGS.length) throw new Error(`helper ${f.imm[inst]} has ${count} arguments`);
  for (let k = 0; k < count; k++) {
    const value = f.arg(inst, k);
    if (CLASS_OF_TYPE[f.type[value]] !== RegClass.Int)
      throw new Error(`helper ${f.imm[inst]}: argument ${k} is no integer`);
    argRegs[k] = l.reg(value);
  }
  l.hasCalls = true;
  const i = vcode.inst(P.Call, l.target.module.helperSymbol[f.imm[inst]], l.loc);
  vcode.clobber[i] = Clobber.Call;
  const needed = l.isNeeded(inst);
  const narrow = f.type[inst] === Type.I32;
  const result = needed ? (narrow ? l.temp(RegClass.Int) : l.result(inst)) : -1;
  if (needed) vcode.operand(result, Opnd.DefFixed | (Reg.X0 << Opnd.PayloadShift));
  for (let k = 0; k < count; k++)
    vcode.operand(argRegs[k], Opnd.UseFixed | (C_INT_ARGS[k + 1] << Opnd.PayloadShift));
  if (needed && narrow) rr(l, A.Mov, l.result(inst), result);
}

export function lowerReturn(l: L, inst: Value): void {
  const f = l.func;
  const { convention, module } = l.target;
  const { vcode } = l;
  const sig = f.sig;
  const count = module.signatures.numResults(sig);
  const argBytes = convention.stackArgBytes(sig);
  if (argRegs.length < count) argRegs = new Int32Array(count * 2);
  for (let k = 0; k < count; k++) {
    const at = convention.result(sig, k);
    const value = f.arg(inst, k);
    if (at >= STACK)
      storeSlot(l, value, module.signatures.result(sig, k), Mem.Incoming, argBytes + at - STACK);
  }
  for (let k = 0; k < count; k++) {
    if (convention.result(sig, k) < STACK) argRegs[k] = l.reg(f.arg(inst, k));
  }
  const i = vcode.inst(P.Return, 0, l.loc);
  vcode.flags[i] = RawFlag.Terminator;
  for (let k = 0; k < count; k++) {
    const at = convention.result(sig, k);
    if (at < STACK) vcode.operand(argRegs[k], Opnd.UseFixed | (at << Opnd.PayloadShift));
  }
}
