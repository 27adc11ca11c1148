// The thunks of a module on aarch64, written instruction by instruction (docs/abi.md says what each must do):
// enter and unwind, array -> wasm, wasm -> array function of the host, wasm -> C, C -> wasm, wasm -> helper.
//
// C is the Procedure Call Standard for the Arm 64-bit Architecture: integer arguments x0-x7, floats v0-v7, the rest in
// 8-byte slots (macOS: packed); x19-x28, x29 and d8-d15 preserved, which includes all that wasm functions preserve and
// the pinned registers. x16, x17 and v31 are scratch. Every thunk with a frame begins with its record.
import {
  Func as FuncLayout,
  Helper,
  HostObject,
  Instance,
  ModuleRecord,
  TrapKind,
  VALUE_BYTES,
} from '../../abi/layout.ts';
import type { CodeBuffer } from '../../emit/code_buffer.ts';
import { Type } from '../../ir/types.ts';
import { VEC_BASE } from '../../regalloc/door.ts';
import { CStackArguments, returnsStruct, structOffsets } from '../c_signature.ts';
import { STACK } from '../calling_convention.ts';
import type { CompiledFunction } from '../contract.ts';
import { alignUp, Unwind, UnwindRows } from '../frame.ts';
import { BTI_C, enc, encAddImm, encMem, encPair, encSign } from './encoder.ts';
import { A, CC, Cond, CondField } from './instructions.ts';
import { plainLoad, plainStore } from './lower_memory.ts';
import type { A64Target } from './machine.ts';
import { C_INT_ARGS, C_VEC_ARGS, dwarfReg, Reg, SCRATCH_VEC, ZR } from './registers.ts';

/** Pairs that enter saves behind its record, 16 bytes each. */
const ENTER_INTS: readonly number[] = [19, 21, 23, 25, 27];
const ENTER_VECS: readonly number[] = [8, 10, 12, 14].map((r) => VEC_BASE + r);
/** Offset of FPCR, size of the frame. */
const ENTER_FPCR = 16 + 16 * (ENTER_INTS.length + ENTER_VECS.length);
const ENTER_BYTES = ENTER_FPCR + 16;

/** FPCR: round to nearest, no flush to zero, NaNs propagate, no exceptions. */
const isVec = (type: number): boolean => type === Type.F32 || type === Type.F64 || type === Type.V128;
const slotType = (type: number): number => (type === Type.I32 ? Type.I64 : type);

export class A64Thunks {
  private readonly unwindRows = new UnwindRows();

  constructor(
    private readonly buffer: CodeBuffer,
    private readonly target: A64Target,
    private readonly landingPads: boolean,
    private readonly signReturns: boolean,
  ) {}

  // ---- Pieces ----

  private begin(): void {
    this.buffer.reset();
    this.unwindRows.clear();
    if (this.landingPads) this.buffer.put4(BTI_C);
  }

  private finish(
    frameBytes: number,
    stackArgBytes: number,
    prologueBytes: number,
    savedMask = 0,
  ): CompiledFunction {
    const code = this.buffer.finish();
    const unwind = this.unwindRows.finish(this.buffer.marks);
    return { code, frame: { frameBytes, savedMask, stackArgBytes, prologueBytes, unwind } };
  }

  private unwindAt(kind: Unwind, a: number, b: number): void {
    // What holds behind the landing pad holds before it.
    const back = this.landingPads && this.buffer.length === 4 ? 4 : 0;
    this.unwindRows.add(this.buffer.mark(back), kind, a, b);
  }

  /** At the first instruction: the CFA lies above stack arguments that the thunk pops. */
  private entryCfa(argBytes: number): void {
    if (argBytes > 0) this.unwindAt(Unwind.CfaOffset, argBytes, 0);
  }

  /** Frame record of `bytes` (the record and what lies above it), then `local` bytes below. Returns the prologue's size. */
  private enterFrame(bytes: number, local: number, argBytes: number): number {
    const { buffer } = this;
    const cfa = bytes + argBytes;
    if (this.signReturns) {
      encSign(buffer, false, argBytes);
      this.unwindAt(Unwind.ToggleSigned, 0, 0);
    }
    encPair(buffer, A.Stp + 1, Reg.Fp, Reg.Lr, Reg.Sp, -bytes);
    this.unwindAt(Unwind.CfaOffset, cfa, 0);
    this.unwindAt(Unwind.Saved, Reg.Fp, -cfa);
    this.unwindAt(Unwind.Saved, Reg.Lr, 8 - cfa);
    enc(buffer, A.AddI + 1, Reg.Fp, Reg.Sp, 0, 0);
    this.unwindAt(Unwind.CfaRegister, Reg.Fp, cfa);
    const prologueBytes = buffer.length;
    encAddImm(buffer, Reg.Sp, Reg.Sp, -local);
    buffer.afterInstruction();
    return prologueBytes;
  }

  /** Back to the state at entry, then the stack arguments popped, and return. */
  private leaveFrame(bytes: number, argBytes: number): void {
    const { buffer } = this;
    enc(buffer, A.AddI + 1, Reg.Sp, Reg.Fp, 0, 0);
    this.unwindAt(Unwind.CfaOffset, bytes + argBytes, 0);
    encPair(buffer, A.Ldp + 2, Reg.Fp, Reg.Lr, Reg.Sp, bytes);
    this.unwindAt(Unwind.CfaOffset, argBytes, 0);
    this.unwindAt(Unwind.Restored, Reg.Fp, 0);
    this.unwindAt(Unwind.Restored, Reg.Lr, 0);
    if (this.signReturns) {
      encSign(buffer, true, argBytes);
      this.unwindAt(Unwind.ToggleSigned, 0, 0);
    }
    if (argBytes > 0) {
      encAddImm(buffer, Reg.Sp, Reg.Sp, argBytes);
      this.unwindAt(Unwind.CfaOffset, 0, 0);
    }
    enc(buffer, A.Ret, 0, 0, 0);
    buffer.afterInstruction();
  }

  /** What follows has the frame again. */
  private frameAgain(bytes: number, argBytes: number): void {
    const cfa = bytes + argBytes;
    if (this.signReturns) this.unwindAt(Unwind.ToggleSigned, 0, 0);
    this.unwindAt(Unwind.CfaRegister, Reg.Fp, cfa);
    this.unwindAt(Unwind.Saved, Reg.Fp, -cfa);
    this.unwindAt(Unwind.Saved, Reg.Lr, 8 - cfa);
  }

  private load(reg: number, base: number, disp: number): void {
    encMem(this.buffer, A.Ldr + 1, reg, base, disp);
    this.buffer.afterInstruction();
  }

  private store(reg: number, base: number, disp: number): void {
    encMem(this.buffer, A.Str + 1, reg, base, disp);
    this.buffer.afterInstruction();
  }

  private moveReg(to: number, from: number): void {
    enc(this.buffer, A.Mov + 1, to, 0, from);
  }

  /** Traps if C may not be called with this stack pointer. */
  private checkHostLimit(): void {
    const { buffer } = this;
    enc(buffer, A.AddI + 1, Reg.X16, Reg.Sp, 0, 0);
    this.load(Reg.X17, Reg.X28, Instance.HostLimit);
    enc(buffer, A.Cmp + 1, 0, Reg.X16, Reg.X17);
    buffer.condJump(CC.Lo, buffer.deferTrap(TrapKind.StackExhausted, -1));
    buffer.afterInstruction();
  }

  /** Register (of the value's file) <- memory, a 32-bit integer zero-extended. */
  private loadValue(type: number, reg: number, base: number, disp: number): void {
    encMem(this.buffer, plainLoad(type), reg, base, disp);
    this.buffer.afterInstruction();
  }

  /** Memory <- register: the bytes of the type. */
  private storeValue(type: number, reg: number, base: number, disp: number): void {
    encMem(this.buffer, plainStore(type), reg, base, disp);
    this.buffer.afterInstruction();
  }

  /** w2n_value <- register: what a 32-bit value does not fill is zero. */
  private storeW2nValue(type: number, reg: number, base: number, disp: number): void {
    if (type === Type.I32 || type === Type.F32) {
      this.store(ZR, base, disp);
      this.store(ZR, base, disp + 8);
    }
    this.storeValue(type, reg, base, disp);
  }

  /** What is written for a stack argument of C's: nothing beside it where they are packed. */
  private cSlotType(type: number): number {
    return this.target.packsStackArgs ? type : slotType(type);
  }

  private scratch(type: number): number {
    return isVec(type) ? SCRATCH_VEC : Reg.X16;
  }

  /** Calls the pointer at [base, disp]. */
  private callPointer(base: number, disp: number): void {
    const { buffer } = this;
    this.load(Reg.X17, base, disp);
    enc(buffer, A.Blr, 0, Reg.X17, 0);
    buffer.addCallSite(-1, -1, -1, 0);
  }

  // ---- Entering and leaving ----

  enter(): CompiledFunction {
    const { buffer } = this;
    this.begin();
    const prologueBytes = this.enterFrame(ENTER_BYTES, 0, 0);
    this.enterSaved(A.Stp, A.StpF);
    this.enterSavedRows(Unwind.Saved);
    enc(buffer, A.MrsFpcr, Reg.X9, 0, 0);
    this.store(Reg.X9, Reg.Fp, ENTER_FPCR);
    enc(buffer, A.MsrFpcr, ZR, 0, 0);
    enc(buffer, A.AddI + 1, Reg.X9, Reg.Sp, 0, 0);
    this.store(Reg.X9, Reg.X5, 0);
    const stays = buffer.newLabel();
    buffer.condJump(Cond.Zero | Cond.Wide | (Reg.X4 << CondField.RegShift), stays);
    enc(buffer, A.AddI + 1, Reg.Sp, Reg.X4, 0, 0);
    buffer.bindLabel(stays);
    buffer.afterInstruction();
    this.moveReg(Reg.X28, Reg.X0);
    this.load(Reg.X27, Reg.X28, Instance.Memory0);
    this.moveReg(Reg.X17, Reg.X3);
    this.moveReg(Reg.X0, Reg.X1);
    this.moveReg(Reg.X1, Reg.X2);
    enc(buffer, A.Blr, 0, Reg.X17, 0);
    buffer.addCallSite(-1, -1, -1, 0);
    enc(buffer, A.Movz, Reg.X0, 0, 0, 0);
    this.leaveEnter();
    return this.finish(ENTER_BYTES, 0, prologueBytes);
  }

  private enterSaved(ints: number, vecs: number): void {
    let disp = 16;
    for (const reg of ENTER_INTS) {
      encPair(this.buffer, ints, reg, reg + 1, Reg.Fp, disp);
      disp += 16;
    }
    for (const reg of ENTER_VECS) {
      encPair(this.buffer, vecs, reg, reg + 1, Reg.Fp, disp);
      disp += 16;
    }
    this.buffer.afterInstruction();
  }

  private enterSavedRows(kind: Unwind): void {
    let disp = 16;
    for (const reg of [...ENTER_INTS, ...ENTER_VECS]) {
      this.unwindAt(kind, dwarfReg(reg), kind === Unwind.Saved ? disp - ENTER_BYTES : 0);
      this.unwindAt(kind, dwarfReg(reg + 1), kind === Unwind.Saved ? disp + 8 - ENTER_BYTES : 0);
      disp += 16;
    }
  }

  /** x29 at enter's record, w0 the result: back to enter's caller. */
  private leaveEnter(): void {
    this.load(Reg.X9, Reg.Fp, ENTER_FPCR);
    enc(this.buffer, A.MsrFpcr, Reg.X9, 0, 0);
    this.enterSaved(A.Ldp, A.LdpF);
    this.enterSavedRows(Unwind.Restored);
    this.leaveFrame(ENTER_BYTES, 0);
  }

  /** x0: entry_sp, w1: the result. The signal handler jumps here, C calls: x0 tells the frame. */
  unwind(): CompiledFunction {
    const { buffer } = this;
    this.begin();
    if (this.signReturns) this.unwindAt(Unwind.ToggleSigned, 0, 0);
    this.unwindAt(Unwind.CfaRegister, Reg.X0, ENTER_BYTES);
    this.unwindAt(Unwind.Saved, Reg.Fp, -ENTER_BYTES);
    this.unwindAt(Unwind.Saved, Reg.Lr, 8 - ENTER_BYTES);
    this.enterSavedRows(Unwind.Saved);
    enc(buffer, A.AddI + 1, Reg.Fp, Reg.X0, 0, 0);
    this.unwindAt(Unwind.CfaRegister, Reg.Fp, ENTER_BYTES);
    enc(buffer, A.Mov, Reg.X0, 0, Reg.X1);
    this.leaveEnter();
    return this.finish(0, 0, 0);
  }

  // ---- Array calls ----

  /** x0: w2n_func, x1: values. Called by enter, which has saved everything. */
  callThunk(sig: number): CompiledFunction {
    const { buffer } = this;
    const { convention, module } = this.target;
    const { signatures } = module;
    this.begin();
    const argBytes = convention.stackArgBytes(sig);
    const area = argBytes + convention.stackResultBytes(sig);
    const prologueBytes = this.enterFrame(32, area, 0);
    this.store(Reg.X19, Reg.Fp, 16);
    this.unwindAt(Unwind.Saved, Reg.X19, -16);
    this.moveReg(Reg.X19, Reg.X1);
    this.load(Reg.X17, Reg.X0, FuncLayout.Code);
    this.load(Reg.X28, Reg.X0, FuncLayout.Instance);
    this.load(Reg.X27, Reg.X28, Instance.Memory0);
    const params = signatures.numParams(sig);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < params; k++) {
        const at = convention.param(sig, k);
        if (at >= STACK !== (pass === 0)) continue;
        const type = signatures.param(sig, k);
        const reg = pass === 0 ? this.scratch(type) : at;
        this.loadValue(type, reg, Reg.X19, k * VALUE_BYTES);
        if (pass === 0) this.storeValue(slotType(type), reg, Reg.Sp, at - STACK);
      }
    }
    enc(buffer, A.Blr, 0, Reg.X17, 0);
    buffer.addCallSite(-1, -1, -1, argBytes);
    buffer.afterInstruction();
    // The stack pointer is behind the arguments now, at the results.
    const results = signatures.numResults(sig);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < results; k++) {
        const at = convention.result(sig, k);
        if (at >= STACK !== (pass === 1)) continue;
        const type = signatures.result(sig, k);
        const reg = pass === 1 ? this.scratch(type) : at;
        if (pass === 1) this.loadValue(type, reg, Reg.Sp, at - STACK);
        this.storeW2nValue(type, reg, Reg.X19, k * VALUE_BYTES);
      }
    }
    this.load(Reg.X19, Reg.Fp, 16);
    this.unwindAt(Unwind.Restored, Reg.X19, 0);
    this.leaveFrame(32, 0);
    return this.finish(area + 32, 0, prologueBytes, 1 << Reg.X19);
  }

  /** Wasm convention, x28: w2n_host_func object. */
  hostThunk(sig: number): CompiledFunction {
    const { buffer } = this;
    const { convention, module } = this.target;
    const { signatures } = module;
    this.begin();
    const argBytes = convention.stackArgBytes(sig);
    const params = signatures.numParams(sig);
    const results = signatures.numResults(sig);
    const local = Math.max(params, results) * VALUE_BYTES;
    this.entryCfa(argBytes);
    this.checkHostLimit();
    const prologueBytes = this.enterFrame(16, local, argBytes);
    this.store(Reg.Fp, Reg.X28, Instance.ExitSp);
    for (let k = 0; k < params; k++) {
      const at = convention.param(sig, k);
      const type = signatures.param(sig, k);
      const reg = at >= STACK ? this.scratch(type) : at;
      if (at >= STACK) this.loadValue(type, reg, Reg.Fp, 16 + at - STACK);
      this.storeW2nValue(type, reg, Reg.Sp, k * VALUE_BYTES);
    }
    this.load(Reg.X0, Reg.X28, HostObject.Env);
    enc(buffer, A.AddI + 1, Reg.X1, Reg.Sp, 0, 0);
    this.callPointer(Reg.X28, HostObject.Fn);
    const failed = buffer.newLabel();
    buffer.condJump(Cond.Zero | 1 | (Reg.X0 << CondField.RegShift), failed);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < results; k++) {
        const at = convention.result(sig, k);
        if (at >= STACK !== (pass === 0)) continue;
        const type = signatures.result(sig, k);
        const reg = pass === 0 ? this.scratch(type) : at;
        this.loadValue(type, reg, Reg.Sp, k * VALUE_BYTES);
        if (pass === 0) this.storeValue(slotType(type), reg, Reg.Fp, 16 + argBytes + at - STACK);
      }
    }
    this.leaveFrame(16, argBytes);
    buffer.bindLabel(failed);
    this.frameAgain(16, argBytes);
    enc(buffer, A.Mov, Reg.X1, 0, Reg.X0);
    this.moveReg(Reg.X0, Reg.X28);
    this.load(Reg.X17, Reg.X28, Instance.Helpers);
    this.callPointer(Reg.X17, 8 * Helper.Trap);
    buffer.put4(0);
    return this.finish(local + 16, argBytes, prologueBytes);
  }

  // ---- Typed C calls ----

  /** wasm -> C. */
  importThunk(index: number, sig: number): CompiledFunction {
    const { convention, module } = this.target;
    const { signatures } = module;
    this.begin();
    const argBytes = convention.stackArgBytes(sig);
    const params = signatures.numParams(sig);
    const results = signatures.numResults(sig);
    const asStruct = returnsStruct(signatures, sig, false);
    const offsets = structOffsets(signatures, sig);
    // C's locations: the instance comes first, the struct's address last.
    let ints = 1;
    let vecs = 0;
    const stack = new CStackArguments(this.target.packsStackArgs);
    const places: number[] = [];
    for (let k = 0; k <= params; k++) {
      if (k === params && !asStruct) break;
      const type = k < params ? signatures.param(sig, k) : Type.I64;
      const vec = type === Type.F32 || type === Type.F64;
      if (vec && vecs < C_VEC_ARGS.length) places.push(C_VEC_ARGS[vecs++]);
      else if (!vec && ints < C_INT_ARGS.length) places.push(C_INT_ARGS[ints++]);
      else places.push(STACK + stack.next(type));
    }
    // Below the record: C's stack arguments, a copy of each parameter, the struct.
    const copies = alignUp(stack.bytes, 16);
    const struct = copies + params * 16;
    const local = alignUp(struct + (asStruct ? offsets[results] : 0), 16);
    this.entryCfa(argBytes);
    this.checkHostLimit();
    const prologueBytes = this.enterFrame(16, local, argBytes);
    this.store(Reg.Fp, Reg.X28, Instance.ExitSp);
    for (let k = 0; k < params; k++) {
      const at = convention.param(sig, k);
      const type = signatures.param(sig, k);
      const reg = at >= STACK ? this.scratch(type) : at;
      if (at >= STACK) this.loadValue(type, reg, Reg.Fp, 16 + at - STACK);
      this.storeValue(slotType(type), reg, Reg.Sp, copies + 16 * k);
    }
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < places.length; k++) {
        if (places[k] >= STACK !== (pass === 0)) continue;
        const type = k < params ? signatures.param(sig, k) : Type.V128;
        const address = type === Type.V128;
        const reg = pass === 1 ? places[k] : address ? Reg.X16 : this.scratch(type);
        if (address) encAddImm(this.buffer, reg, Reg.Sp, k < params ? copies + 16 * k : struct);
        else this.loadValue(type, reg, Reg.Sp, copies + 16 * k);
        if (pass === 0)
          this.storeValue(address ? Type.I64 : this.cSlotType(type), reg, Reg.Sp, places[k] - STACK);
      }
    }
    this.moveReg(Reg.X0, Reg.X28);
    this.load(Reg.X17, Reg.X28, Instance.Module);
    this.load(Reg.X17, Reg.X17, ModuleRecord.Cimports);
    this.callPointer(Reg.X17, 8 * index);
    if (asStruct) {
      for (let pass = 0; pass < 2; pass++) {
        for (let k = 0; k < results; k++) {
          const at = convention.result(sig, k);
          if (at >= STACK !== (pass === 0)) continue;
          const type = signatures.result(sig, k);
          const reg = pass === 0 ? this.scratch(type) : at;
          this.loadValue(type, reg, Reg.Sp, struct + offsets[k]);
          if (pass === 0) this.storeValue(slotType(type), reg, Reg.Fp, 16 + argBytes + at - STACK);
        }
      }
    } else if (results === 1) {
      // x0 and v0 are also wasm's.
      if (signatures.result(sig, 0) === Type.I32) enc(this.buffer, A.Mov, Reg.X0, 0, Reg.X0);
      else if (signatures.result(sig, 0) === Type.V128) this.loadValue(Type.V128, Reg.V0, Reg.X0, 0);
    }
    this.leaveFrame(16, argBytes);
    return this.finish(local + 16, argBytes, prologueBytes);
  }

  /** C -> wasm, by way of the runtime's call_export. */
  exportThunk(sig: number, slotOffset: number): CompiledFunction {
    const { buffer } = this;
    const { signatures } = this.target.module;
    this.begin();
    const params = signatures.numParams(sig);
    const results = signatures.numResults(sig);
    const asStruct = returnsStruct(signatures, sig, true);
    const offsets = structOffsets(signatures, sig);
    const local = Math.max(params, results) * VALUE_BYTES;
    const prologueBytes = this.enterFrame(32, local, 0);
    this.store(Reg.X19, Reg.Fp, 16);
    this.unwindAt(Unwind.Saved, Reg.X19, -16);
    let ints = 1;
    let vecs = 0;
    const stack = new CStackArguments(this.target.packsStackArgs);
    for (let k = 0; k <= params; k++) {
      if (k === params && !asStruct) break;
      const type = k < params ? signatures.param(sig, k) : Type.I64;
      const vec = type === Type.F32 || type === Type.F64;
      // A vector comes as its address.
      const passed = type === Type.V128 ? Type.I64 : type;
      let reg: number;
      if (vec && vecs < C_VEC_ARGS.length) reg = C_VEC_ARGS[vecs++];
      else if (!vec && ints < C_INT_ARGS.length) reg = C_INT_ARGS[ints++];
      else {
        reg = this.scratch(passed);
        this.loadValue(passed, reg, Reg.Fp, 32 + stack.next(passed));
      }
      if (k === params) this.moveReg(Reg.X19, reg);
      else if (type === Type.V128) {
        this.loadValue(Type.V128, SCRATCH_VEC, reg, 0);
        this.storeValue(Type.V128, SCRATCH_VEC, Reg.Sp, k * VALUE_BYTES);
      } else this.storeW2nValue(type, reg, Reg.Sp, k * VALUE_BYTES);
    }
    encAddImm(buffer, Reg.X1, Reg.X0, slotOffset);
    enc(buffer, A.AddI + 1, Reg.X2, Reg.Sp, 0, 0);
    this.load(Reg.X17, Reg.X0, Instance.Helpers);
    this.callPointer(Reg.X17, 8 * Helper.CallExport);
    if (asStruct) {
      for (let k = 0; k < results; k++) {
        const type = signatures.result(sig, k);
        this.loadValue(type, this.scratch(type), Reg.Sp, k * VALUE_BYTES);
        this.storeValue(type, this.scratch(type), Reg.X19, offsets[k]);
      }
    } else if (results === 1) {
      const type = signatures.result(sig, 0);
      this.loadValue(type, isVec(type) ? Reg.V0 : Reg.X0, Reg.Sp, 0);
    }
    this.load(Reg.X19, Reg.Fp, 16);
    this.unwindAt(Unwind.Restored, Reg.X19, 0);
    this.leaveFrame(32, 0);
    return this.finish(local + 32, 0, prologueBytes, 1 << Reg.X19);
  }

  /** wasm -> helper: arguments are already C's, from the second one on. */
  helperThunk(helper: number): CompiledFunction {
    this.begin();
    this.checkHostLimit();
    const prologueBytes = this.enterFrame(16, 0, 0);
    this.store(Reg.Fp, Reg.X28, Instance.ExitSp);
    this.moveReg(Reg.X0, Reg.X28);
    this.load(Reg.X17, Reg.X28, Instance.Helpers);
    this.callPointer(Reg.X17, 8 * helper);
    this.leaveFrame(16, 0);
    return this.finish(16, 0, prologueBytes);
  }
}
