// Selection of what is the same on every ISA about parameters, calls, tail calls and returns; an ISA adds how a stack
// slot is read and written, and its registers (CallIsa).
//
// Stack arguments are stored to the outgoing area right before the call, results beyond registers are read from right
// above them behind it. Register operands are asked for before the pseudo instruction is written, for rules write
// instructions in their order and values' own code comes before them.
import type { Value } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Op } from '../ir/opcodes.ts';
import { Type } from '../ir/types.ts';
import { RegClass, VEC_BASE } from '../regalloc/door.ts';
import { STACK } from './calling_convention.ts';
import { FunctionFlag } from './contract.ts';
import type { Lowering, LowerRule, LowerTarget } from './lower.ts';
import { CLASS_OF_TYPE } from './lower.ts';
import { Callee, Pseudo } from './pseudo.ts';
import { CallFlag, Mem, Opnd, RawFlag } from './vcode.ts';

/** What an ISA knows about calls. */
export interface CallIsa<T extends LowerTarget> {
  /** Registers: of a callee that is a value, of a helper's result, of C's integer arguments. */
  readonly calleeReg: number;
  /** A call that passes fewer integers in registers takes its callee from any register. */
  readonly calleeAnywhereBelow: number;
  readonly cResult: number;
  readonly cArgs: readonly number[];
  /** What a call clobbers. */
  readonly clobber: number;
  /** Offset of a tail call's stack arguments in the outgoing area. */
  readonly tailShift: number;
  /** Reads the slot at `area` + `offset` into vreg `to`. */
  loadSlot(l: Lowering<T>, type: number, to: number, area: Mem, offset: number): void;
  /** Puts `value` into a slot; an I32 fills it with zeros. */
  storeSlot(l: Lowering<T>, value: Value, type: number, area: Mem, offset: number): void;
  /** Copies the low half of a register, zero-extended. */
  move32(l: Lowering<T>, to: number, from: number): void;
}

/** The rules of calls for one ISA. */
export class CallLowering<T extends LowerTarget> {
  private readonly isa: CallIsa<T>;
  /** Registers of the arguments of the call being lowered. */
  private argRegs = new Int32Array(64);

  constructor(isa: CallIsa<T>) {
    this.isa = isa;
  }

  /** By operation, in the form of a rule table. */
  rules(): Partial<Record<Op, LowerRule<T>>> {
    return {
      [Op.Call]: (l, inst) => this.call(l, inst, Callee.Symbol),
      [Op.CallImport]: (l, inst) => this.call(l, inst, Callee.Slot),
      [Op.CallRef]: (l, inst) => this.call(l, inst, Callee.Ref),
      [Op.CallCode]: (l, inst) => this.call(l, inst, Callee.Code),
      [Op.ReturnCall]: (l, inst) => this.tailCall(l, inst, Callee.Symbol),
      [Op.ReturnCallImport]: (l, inst) => this.tailCall(l, inst, Callee.Slot),
      [Op.ReturnCallRef]: (l, inst) => this.tailCall(l, inst, Callee.Ref),
      [Op.ReturnCallCode]: (l, inst) => this.tailCall(l, inst, Callee.Code),
      [Op.CallHelper]: (l, inst) => this.callHelper(l, inst),
      [Op.Return]: (l, inst) => this.ret(l, inst),
    };
  }

  /** Parameters: from registers by one pseudo instruction, the rest from the incoming area. */
  entry(l: Lowering<T>): void {
    const f = l.func;
    const { convention, module } = l.target;
    const count = module.signatures.numParams(f.sig);
    l.vcode.inst(Pseudo.Args, 0, -1);
    for (let k = 0; k < count; k++) {
      const at = convention.param(f.sig, k);
      const vreg = l.vregOf[f.param(0, k)];
      if (vreg >= 0 && at < STACK) l.vcode.operand(vreg, Opnd.DefFixed | (at << Opnd.PayloadShift));
    }
    for (let k = 0; k < count; k++) {
      const at = convention.param(f.sig, k);
      const vreg = l.vregOf[f.param(0, k)];
      if (vreg >= 0 && at >= STACK) {
        this.isa.loadSlot(l, module.signatures.param(f.sig, k), vreg, Mem.Incoming, at - STACK);
      }
    }
  }

  /** Stores the stack arguments `first..` of the signature and asks for the register arguments. */
  private prepareArgs(l: Lowering<T>, inst: Value, first: number, sig: number, shift: number): void {
    const f = l.func;
    const { convention, module } = l.target;
    const count = module.signatures.numParams(sig);
    if (this.argRegs.length < count) this.argRegs = new Int32Array(count * 2);
    for (let k = 0; k < count; k++) {
      const at = convention.param(sig, k);
      const value = f.arg(inst, first + k);
      if (at >= STACK)
        this.isa.storeSlot(l, value, module.signatures.param(sig, k), Mem.Outgoing, at - STACK + shift);
    }
    for (let k = 0; k < count; k++) {
      if (convention.param(sig, k) < STACK) this.argRegs[k] = l.reg(f.arg(inst, first + k));
    }
  }

  /** Operands for the arguments in registers; returns the number of integers among them. */
  private pushArgs(l: Lowering<T>, sig: number): number {
    const { convention, module } = l.target;
    const count = module.signatures.numParams(sig);
    let ints = 0;
    for (let k = 0; k < count; k++) {
      const at = convention.param(sig, k);
      if (at >= STACK) continue;
      l.vcode.operand(this.argRegs[k], Opnd.UseFixed | (at << Opnd.PayloadShift));
      if (at < VEC_BASE) ints++;
    }
    return ints;
  }

  /** The value that is result k of a call, or NONE if nothing uses it. */
  private resultValue(l: Lowering<T>, inst: Value, k: number, count: number): Value {
    const f = l.func;
    if (count === 1) return l.isNeeded(inst) ? inst : NONE;
    for (let p = f.next[inst]; p !== NONE && f.op[p] === Op.Proj; p = f.next[p]) {
      if (f.imm[p] === k && f.arg(p, 0) === inst) return l.isNeeded(p) ? p : NONE;
    }
    return NONE;
  }

  private call(l: Lowering<T>, inst: Value, callee: Callee): void {
    const f = l.func;
    const { vcode } = l;
    const { convention, module } = l.target;
    const sig = f.aux[inst];
    const first = callee >= Callee.Ref ? 1 : 0;
    const argBytes = convention.stackArgBytes(sig);
    const resultBytes = convention.stackResultBytes(sig);
    this.prepareArgs(l, inst, first, sig, 0);
    const target = first === 1 ? l.reg(f.arg(inst, 0)) : -1;
    l.outgoingBytes = Math.max(l.outgoingBytes, argBytes + resultBytes);
    l.hasCalls = true;
    const leaves =
      callee === Callee.Slot ||
      callee === Callee.Ref ||
      (callee === Callee.Symbol && (module.functionFlags[f.imm[inst]] & FunctionFlag.ClobbersInstance) !== 0);
    if (leaves) l.savesInstance = true;
    const i = vcode.inst(Pseudo.Call + callee, callee === Callee.Slot ? f.imm2[inst] : f.imm[inst], l.loc);
    vcode.imm2[i] = argBytes;
    vcode.aux[i] = leaves ? CallFlag.RestoreInstance : 0;
    vcode.clobber[i] = this.isa.clobber;
    const results = module.signatures.numResults(sig);
    for (let k = 0; k < results; k++) {
      const at = convention.result(sig, k);
      if (at >= STACK) continue;
      const value = this.resultValue(l, inst, k, results);
      if (value !== NONE) vcode.operand(l.result(value), Opnd.DefFixed | (at << Opnd.PayloadShift));
    }
    const intArgs = this.pushArgs(l, sig);
    if (target >= 0) {
      const anywhere = intArgs < this.isa.calleeAnywhereBelow;
      vcode.operand(target, anywhere ? Opnd.Use : Opnd.UseFixed | (this.isa.calleeReg << Opnd.PayloadShift));
    }
    for (let k = 0; k < results; k++) {
      const at = convention.result(sig, k);
      if (at < STACK) continue;
      const value = this.resultValue(l, inst, k, results);
      if (value === NONE) continue;
      this.isa.loadSlot(
        l,
        module.signatures.result(sig, k),
        l.result(value),
        Mem.Outgoing,
        argBytes + at - STACK,
      );
    }
  }

  private tailCall(l: Lowering<T>, inst: Value, callee: Callee): void {
    const f = l.func;
    const { vcode } = l;
    const { convention } = l.target;
    const sig = f.aux[inst];
    const first = callee >= Callee.Ref ? 1 : 0;
    const argBytes = convention.stackArgBytes(sig);
    this.prepareArgs(l, inst, first, sig, this.isa.tailShift);
    const target = first === 1 ? l.reg(f.arg(inst, 0)) : -1;
    // Room for the return address and the arguments, which will be moved together.
    if (argBytes > 0 || convention.stackArgBytes(f.sig) > 0)
      l.outgoingBytes = Math.max(l.outgoingBytes, argBytes + 8);
    const i = vcode.inst(
      Pseudo.TailCall + callee,
      callee === Callee.Slot ? f.imm2[inst] : f.imm[inst],
      l.loc,
    );
    vcode.imm2[i] = argBytes;
    vcode.flags[i] = RawFlag.Terminator;
    this.pushArgs(l, sig);
    if (target >= 0) vcode.operand(target, Opnd.UseFixed | (this.isa.calleeReg << Opnd.PayloadShift));
  }

  /** A helper of the runtime: C convention, the instance is added by the helper's thunk. */
  private callHelper(l: Lowering<T>, inst: Value): void {
    const f = l.func;
    const { vcode } = l;
    const count = f.argCount[inst];
    if (count >= this.isa.cArgs.length) throw new Error(`helper ${f.imm[inst]} has ${count} arguments`);
    for (let k = 0; k < count; k++) {
      const value = f.arg(inst, k);
      if (CLASS_OF_TYPE[f.type[value]] !== RegClass.Int)
        throw new Error(`helper ${f.imm[inst]}: argument ${k} is no integer`);
      this.argRegs[k] = l.reg(value);
    }
    l.hasCalls = true;
    const i = vcode.inst(Pseudo.Call, l.target.module.helperSymbol[f.imm[inst]], l.loc);
    vcode.clobber[i] = this.isa.clobber;
    const needed = l.isNeeded(inst);
    const narrow = f.type[inst] === Type.I32;
    const result = needed ? (narrow ? l.temp(RegClass.Int) : l.result(inst)) : -1;
    if (needed) vcode.operand(result, Opnd.DefFixed | (this.isa.cResult << Opnd.PayloadShift));
    for (let k = 0; k < count; k++)
      vcode.operand(this.argRegs[k], Opnd.UseFixed | (this.isa.cArgs[k + 1] << Opnd.PayloadShift));
    if (needed && narrow) this.isa.move32(l, l.result(inst), result);
  }

  private ret(l: Lowering<T>, inst: Value): void {
    const f = l.func;
    const { convention, module } = l.target;
    const { vcode } = l;
    const sig = f.sig;
    const count = module.signatures.numResults(sig);
    const argBytes = convention.stackArgBytes(sig);
    if (this.argRegs.length < count) this.argRegs = new Int32Array(count * 2);
    for (let k = 0; k < count; k++) {
      const at = convention.result(sig, k);
      const value = f.arg(inst, k);
      if (at >= STACK)
        this.isa.storeSlot(l, value, module.signatures.result(sig, k), Mem.Incoming, argBytes + at - STACK);
    }
    for (let k = 0; k < count; k++) {
      if (convention.result(sig, k) < STACK) this.argRegs[k] = l.reg(f.arg(inst, k));
    }
    const i = vcode.inst(Pseudo.Return, 0, l.loc);
    vcode.flags[i] = RawFlag.Terminator;
    for (let k = 0; k < count; k++) {
      const at = convention.result(sig, k);
      if (at < STACK) vcode.operand(this.argRegs[k], Opnd.UseFixed | (at << Opnd.PayloadShift));
    }
  }
}
