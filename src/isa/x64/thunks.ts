// The thunks of a module on x86_64, written instruction by instruction (docs/abi.md says what each must do):
// enter and unwind, array -> wasm, wasm -> array function of the host, wasm -> C, C -> wasm, wasm -> helper.
//
// C is System V: integer arguments rdi rsi rdx rcx r8 r9, floats xmm0-7, the rest in 8-byte slots; rbx rbp r12-r15
// preserved, which includes all that wasm functions preserve and the pinned registers. r11 and xmm15 are scratch.
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
import { returnsStruct, structOffsets } from '../c_signature.ts';
import { STACK } from '../calling_convention.ts';
import type { CompiledFunction } from '../contract.ts';
import { alignUp, Unwind, UnwindRows } from '../frame.ts';
import { encNone, encO, encRM, encRR, ENDBR64 } from './encoder.ts';
import { AluForm, CC, X } from './instructions.ts';
import type { X64Target } from './machine.ts';
import { C_INT_ARGS, C_VEC_ARGS, DWARF_REG, DWARF_RETURN_ADDRESS, Reg } from './registers.ts';

const SCRATCH_VEC = VEC_BASE + 15;
/** Default MXCSR: all exceptions masked, round to nearest. Default x87 control word. */
const DEFAULT_MXCSR = 0x1f80;
/** What enter pushes, in order. */
const ENTER_SAVED: readonly number[] = [Reg.Rbp, Reg.Rbx, Reg.R12, Reg.R13, Reg.R14, Reg.R15];
/** Bytes below what enter pushes: MXCSR, the default to load, the GS base. */
const ENTER_LOCAL = 24;

const isVec = (type: number): boolean => type === Type.F32 || type === Type.F64 || type === Type.V128;

export class X64Thunks {
  private readonly unwindRows = new UnwindRows();

  constructor(
    private readonly buffer: CodeBuffer,
    private readonly target: X64Target,
    private readonly landingPads: boolean,
  ) {}

  // ---- Pieces ----

  private begin(): void {
    this.buffer.reset();
    this.unwindRows.clear();
    if (this.landingPads) this.buffer.put4(ENDBR64);
  }

  private finish(
    frameBytes: number,
    stackArgBytes: number,
    prologueBytes: number,
    savedMask = 0,
  ): CompiledFunction {
    const { buffer } = this;
    const code = buffer.finish();
    return {
      code,
      frame: {
        frameBytes,
        savedMask,
        stackArgBytes,
        prologueBytes,
        unwind: this.unwindRows.finish(buffer.marks),
      },
    };
  }

  private load(x: number, reg: number, base: number, disp: number): void {
    encRM(this.buffer, x, reg, base, -1, 0, disp);
  }

  private addImm(reg: number, imm: number): void {
    if (imm !== 0) encRR(this.buffer, (imm < 0 ? X.Sub : X.Add) + AluForm.Imm + 1, 0, reg, Math.abs(imm));
  }

  /** At the first instruction: the CFA lies at entryCfa, above stack arguments that the thunk pops. */
  private entryCfa(entryCfa: number): void {
    if (entryCfa === 8) return;
    this.unwindAt(Unwind.CfaOffset, entryCfa, 0);
    this.unwindAt(Unwind.Saved, DWARF_RETURN_ADDRESS, -entryCfa);
  }

  /** `sub rsp, bytes` with the CFA at entryCfa + bytes behind it. */
  private enterFrame(bytes: number, entryCfa: number): void {
    if (bytes === 0) return;
    this.addImm(Reg.Rsp, -bytes);
    this.unwindAt(Unwind.CfaOffset, entryCfa + bytes, 0);
  }

  private leaveFrame(bytes: number, entryCfa: number): void {
    if (bytes === 0) return;
    this.addImm(Reg.Rsp, bytes);
    this.unwindAt(Unwind.CfaOffset, entryCfa, 0);
  }

  private unwindAt(kind: Unwind, a: number, b: number): void {
    // What holds behind the landing pad holds before it.
    const back = this.landingPads && this.buffer.length === 4 ? 4 : 0;
    this.unwindRows.add(this.buffer.mark(back), kind, a, b);
  }

  private ret(argBytes: number): void {
    if (argBytes === 0) encNone(this.buffer, X.Ret);
    else encNone(this.buffer, X.RetN, argBytes);
  }

  /** Stores exit_sp and traps if C may not be called with this stack pointer. rsp is as at entry. */
  private checkHostLimit(): void {
    const { buffer } = this;
    encRM(buffer, X.MovStore + 1, Reg.Rsp, Reg.R15, -1, 0, Instance.ExitSp);
    encRM(buffer, X.Cmp + AluForm.Rm + 1, Reg.Rsp, Reg.R15, -1, 0, Instance.HostLimit);
    buffer.condJump(CC.B, buffer.deferTrap(TrapKind.StackExhausted, -1));
    buffer.afterInstruction();
  }

  /** Register (of the value's file) <- memory, a 32-bit integer zero-extended. */
  private loadValue(type: number, reg: number, base: number, disp: number): void {
    switch (type) {
      case Type.I32:
        this.load(X.Mov, reg, base, disp);
        break;
      case Type.F32:
        this.load(X.MovsLoad, reg, base, disp);
        break;
      case Type.F64:
        this.load(X.MovsLoad + 1, reg, base, disp);
        break;
      case Type.V128:
        this.load(X.MovupsLoad, reg, base, disp);
        break;
      default:
        this.load(X.Mov + 1, reg, base, disp);
    }
    this.buffer.afterInstruction();
  }

  /** Memory <- register: the bytes of the type. */
  private storeValue(type: number, reg: number, base: number, disp: number): void {
    const { buffer } = this;
    switch (type) {
      case Type.I32:
        encRM(buffer, X.MovStore, reg, base, -1, 0, disp);
        break;
      case Type.F32:
        encRM(buffer, X.MovsStore, reg, base, -1, 0, disp);
        break;
      case Type.F64:
        encRM(buffer, X.MovsStore + 1, reg, base, -1, 0, disp);
        break;
      case Type.V128:
        encRM(buffer, X.MovupsStore, reg, base, -1, 0, disp);
        break;
      default:
        encRM(buffer, X.MovStore + 1, reg, base, -1, 0, disp);
    }
    buffer.afterInstruction();
  }

  /** w2n_value <- register: what a 32-bit value does not fill is zero. */
  private storeW2nValue(type: number, reg: number, base: number, disp: number): void {
    if (type === Type.I32 || type === Type.F32) {
      encRM(this.buffer, X.MovStoreI + 1, 0, base, -1, 0, disp, 0);
      encRM(this.buffer, X.MovStoreI + 1, 0, base, -1, 0, disp + 8, 0);
    }
    this.storeValue(type, reg, base, disp);
  }

  private scratch(type: number): number {
    return isVec(type) ? SCRATCH_VEC : Reg.R11;
  }

  // ---- Entering and leaving ----

  enter(): CompiledFunction {
    const { buffer } = this;
    this.begin();
    let cfa = 8;
    for (const reg of ENTER_SAVED) {
      encO(buffer, X.Push, reg);
      cfa += 8;
      this.unwindRows.add(buffer.mark(), Unwind.CfaOffset, cfa, 0);
      this.unwindRows.add(buffer.mark(), Unwind.Saved, DWARF_REG[reg], -cfa);
    }
    this.addImm(Reg.Rsp, -ENTER_LOCAL);
    cfa += ENTER_LOCAL;
    this.unwindRows.add(buffer.mark(), Unwind.CfaOffset, cfa, 0);
    encRR(buffer, X.Mov + 1, Reg.Rbp, Reg.Rsp);
    this.unwindRows.add(buffer.mark(), Unwind.CfaRegister, DWARF_REG[Reg.Rbp], cfa);
    const prologueBytes = buffer.length;
    encRM(buffer, X.Stmxcsr, 0, Reg.Rsp, -1, 0, 0);
    encRM(buffer, X.MovStoreI, 0, Reg.Rsp, -1, 0, 4, DEFAULT_MXCSR);
    encRM(buffer, X.Ldmxcsr, 0, Reg.Rsp, -1, 0, 4);
    encRM(buffer, X.MovStore + 1, Reg.Rsp, Reg.R9, -1, 0, 0);
    encRR(buffer, X.Mov + 1, Reg.R15, Reg.Rdi);
    if (this.target.gs) {
      encRR(buffer, X.Rdgsbase, 0, Reg.R10);
      encRM(buffer, X.MovStore + 1, Reg.R10, Reg.Rsp, -1, 0, 8);
    }
    this.loadMemoryBase();
    encRR(buffer, X.Test + 1, Reg.R8, Reg.R8);
    encRR(buffer, X.Cmovcc + 1, Reg.Rsp, Reg.R8, CC.NE);
    encRR(buffer, X.Mov + 1, Reg.Rdi, Reg.Rsi);
    encRR(buffer, X.Mov + 1, Reg.Rsi, Reg.Rdx);
    encRR(buffer, X.CallM, 0, Reg.Rcx);
    buffer.addCallSite(-1, -1, -1, 0);
    encRR(buffer, X.Mov + 1, Reg.Rsp, Reg.Rbp);
    this.unwindAt(Unwind.CfaOffset, cfa, 0);
    encRR(buffer, X.Xor, Reg.Rax, Reg.Rax);
    this.leaveEnter(cfa);
    return this.finish(
      ENTER_LOCAL + 8 * ENTER_SAVED.length,
      0,
      prologueBytes,
      (1 << Reg.Rbx) | (1 << Reg.Rbp) | (1 << Reg.R12) | (1 << Reg.R13),
    );
  }

  /** rsp as enter stored it, eax the result: back to enter's caller. */
  private leaveEnter(frame: number): void {
    const { buffer } = this;
    let cfa = frame;
    if (this.target.gs) {
      this.load(X.Mov + 1, Reg.R10, Reg.Rsp, 8);
      encRR(buffer, X.Wrgsbase, 0, Reg.R10);
    }
    encRM(buffer, X.Ldmxcsr, 0, Reg.Rsp, -1, 0, 0);
    this.addImm(Reg.Rsp, ENTER_LOCAL);
    cfa -= ENTER_LOCAL;
    this.unwindAt(Unwind.CfaOffset, cfa, 0);
    for (let k = ENTER_SAVED.length - 1; k >= 0; k--) {
      encO(buffer, X.Pop, ENTER_SAVED[k]);
      cfa -= 8;
      this.unwindAt(Unwind.CfaOffset, cfa, 0);
      this.unwindAt(Unwind.Restored, DWARF_REG[ENTER_SAVED[k]], 0);
    }
    encNone(buffer, X.Ret);
  }

  /** rdi: entry_sp, esi: the result. The signal handler jumps here with rsp = rdi, C calls: rdi tells the frame. */
  unwind(): CompiledFunction {
    this.begin();
    const frame = ENTER_LOCAL + 8 * ENTER_SAVED.length;
    this.unwindAt(Unwind.CfaRegister, DWARF_REG[Reg.Rdi], frame + 8);
    ENTER_SAVED.forEach((reg, k) => this.unwindAt(Unwind.Saved, DWARF_REG[reg], -16 - 8 * k));
    encRR(this.buffer, X.Mov, Reg.Rax, Reg.Rsi);
    encRR(this.buffer, X.Mov + 1, Reg.Rsp, Reg.Rdi);
    this.unwindAt(Unwind.CfaOffset, frame + 8, 0);
    this.leaveEnter(frame + 8);
    return this.finish(frame, 0, 0);
  }

  private loadMemoryBase(): void {
    if (!this.target.gs) {
      this.load(X.Mov + 1, Reg.R14, Reg.R15, Instance.Memory0);
      return;
    }
    this.load(X.Mov + 1, Reg.R11, Reg.R15, Instance.Memory0);
    encRR(this.buffer, X.Wrgsbase, 0, Reg.R11);
  }

  // ---- Array calls ----

  /** rdi: w2n_func, rsi: values. Called by enter, which has saved everything. */
  callThunk(sig: number): CompiledFunction {
    const { buffer } = this;
    const { convention, module } = this.target;
    const { signatures } = module;
    this.begin();
    const argBytes = convention.stackArgBytes(sig);
    const area = argBytes + convention.stackResultBytes(sig);
    encO(buffer, X.Push, Reg.Rbx);
    this.unwindRows.add(buffer.mark(), Unwind.CfaOffset, 16, 0);
    this.unwindRows.add(buffer.mark(), Unwind.Saved, DWARF_REG[Reg.Rbx], -16);
    this.enterFrame(area, 16);
    const prologueBytes = buffer.length;
    encRR(buffer, X.Mov + 1, Reg.Rbx, Reg.Rsi);
    encRR(buffer, X.Mov + 1, Reg.R10, Reg.Rdi);
    const params = signatures.numParams(sig);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < params; k++) {
        const at = convention.param(sig, k);
        if (at >= STACK !== (pass === 0)) continue;
        const type = signatures.param(sig, k);
        const reg = pass === 0 ? this.scratch(type) : at;
        this.loadValue(type, reg, Reg.Rbx, k * VALUE_BYTES);
        if (pass === 0) this.storeValue(type === Type.I32 ? Type.I64 : type, reg, Reg.Rsp, at - STACK);
      }
    }
    this.load(X.Mov + 1, Reg.R15, Reg.R10, FuncLayout.Instance);
    this.loadMemoryBase();
    encRM(buffer, X.CallM, 0, Reg.R10, -1, 0, FuncLayout.Code);
    buffer.addCallSite(-1, -1, -1, argBytes);
    if (argBytes > 0) {
      this.unwindRows.add(buffer.mark(1), Unwind.CfaOffset, 16 + area - argBytes, 0);
    }
    const results = signatures.numResults(sig);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < results; k++) {
        const at = convention.result(sig, k);
        if (at >= STACK !== (pass === 1)) continue;
        const type = signatures.result(sig, k);
        const reg = pass === 1 ? this.scratch(type) : at;
        if (pass === 1) this.loadValue(type, reg, Reg.Rsp, at - STACK);
        this.storeW2nValue(type, reg, Reg.Rbx, k * VALUE_BYTES);
      }
    }
    this.leaveFrame(area - argBytes, 16);
    encO(buffer, X.Pop, Reg.Rbx);
    this.unwindAt(Unwind.CfaOffset, 8, 0);
    encNone(buffer, X.Ret);
    return this.finish(area + 8, 0, prologueBytes, 1 << Reg.Rbx);
  }

  /** Wasm convention, r15: w2n_host_func object. */
  hostThunk(sig: number): CompiledFunction {
    const { buffer } = this;
    const { convention, module } = this.target;
    const { signatures } = module;
    this.begin();
    const argBytes = convention.stackArgBytes(sig);
    const entryCfa = 8 + argBytes;
    const params = signatures.numParams(sig);
    const results = signatures.numResults(sig);
    const frame = Math.max(params, results) * VALUE_BYTES + 8;
    this.entryCfa(entryCfa);
    this.checkHostLimit();
    this.enterFrame(frame, entryCfa);
    const prologueBytes = buffer.length;
    for (let k = 0; k < params; k++) {
      const at = convention.param(sig, k);
      const type = signatures.param(sig, k);
      const reg = at >= STACK ? this.scratch(type) : at;
      if (at >= STACK) this.loadValue(type, reg, Reg.Rsp, frame + 8 + at - STACK);
      this.storeW2nValue(type, reg, Reg.Rsp, k * VALUE_BYTES);
    }
    this.load(X.Mov + 1, Reg.Rdi, Reg.R15, HostObject.Env);
    encRR(buffer, X.Mov + 1, Reg.Rsi, Reg.Rsp);
    encRM(buffer, X.CallM, 0, Reg.R15, -1, 0, HostObject.Fn);
    buffer.addCallSite(-1, -1, -1, 0);
    const failed = buffer.newLabel();
    encRR(buffer, X.Test, Reg.Rax, Reg.Rax);
    buffer.condJump(CC.NE, failed);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < results; k++) {
        const at = convention.result(sig, k);
        if (at >= STACK !== (pass === 0)) continue;
        const type = signatures.result(sig, k);
        const reg = pass === 0 ? this.scratch(type) : at;
        this.loadValue(type, reg, Reg.Rsp, k * VALUE_BYTES);
        if (pass === 0)
          this.storeValue(
            type === Type.I32 ? Type.I64 : type,
            reg,
            Reg.Rsp,
            frame + 8 + argBytes + at - STACK,
          );
      }
    }
    this.leaveFrame(frame, entryCfa);
    this.ret(argBytes);
    buffer.bindLabel(failed);
    this.unwindAt(Unwind.CfaOffset, entryCfa + frame, 0);
    encRR(buffer, X.Mov, Reg.Rsi, Reg.Rax);
    encRR(buffer, X.Mov + 1, Reg.Rdi, Reg.R15);
    this.load(X.Mov + 1, Reg.Rax, Reg.R15, Instance.Helpers);
    encRM(buffer, X.CallM, 0, Reg.Rax, -1, 0, 8 * Helper.Trap);
    buffer.addCallSite(-1, -1, -1, 0);
    encNone(buffer, X.Ud2);
    return this.finish(frame, argBytes, prologueBytes);
  }

  // ---- Typed C calls ----

  /** wasm -> C. */
  importThunk(index: number, sig: number): CompiledFunction {
    const { buffer } = this;
    const { convention, module } = this.target;
    const { signatures } = module;
    this.begin();
    const argBytes = convention.stackArgBytes(sig);
    const entryCfa = 8 + argBytes;
    const params = signatures.numParams(sig);
    const results = signatures.numResults(sig);
    const asStruct = returnsStruct(signatures, sig, false);
    const offsets = structOffsets(signatures, sig);
    // C's locations: the instance comes first, the struct's address last.
    let ints = 1;
    let vecs = 0;
    let stack = 0;
    const places: number[] = [];
    for (let k = 0; k <= params; k++) {
      if (k === params && !asStruct) break;
      const vec =
        k < params && (signatures.param(sig, k) === Type.F32 || signatures.param(sig, k) === Type.F64);
      if (vec && vecs < C_VEC_ARGS.length) places.push(C_VEC_ARGS[vecs++]);
      else if (!vec && ints < C_INT_ARGS.length) places.push(C_INT_ARGS[ints++]);
      else {
        places.push(STACK + stack);
        stack += 8;
      }
    }
    // Frame: C's stack arguments, a copy of each parameter, the struct.
    const copies = alignUp(stack, 16);
    const struct = copies + params * 16;
    const frame = alignUp(struct + (asStruct ? offsets[results] : 0), 16) + 8;
    this.entryCfa(entryCfa);
    this.checkHostLimit();
    this.enterFrame(frame, entryCfa);
    const prologueBytes = buffer.length;
    for (let k = 0; k < params; k++) {
      const at = convention.param(sig, k);
      const type = signatures.param(sig, k);
      const reg = at >= STACK ? this.scratch(type) : at;
      if (at >= STACK) this.loadValue(type, reg, Reg.Rsp, frame + 8 + at - STACK);
      this.storeValue(type === Type.I32 ? Type.I64 : type, reg, Reg.Rsp, copies + 16 * k);
    }
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < places.length; k++) {
        if (places[k] >= STACK !== (pass === 0)) continue;
        const type = k < params ? signatures.param(sig, k) : Type.V128;
        const address = type === Type.V128;
        const reg = pass === 1 ? places[k] : address ? Reg.R11 : this.scratch(type);
        if (address) this.load(X.Lea + 1, reg, Reg.Rsp, k < params ? copies + 16 * k : struct);
        else this.loadValue(type, reg, Reg.Rsp, copies + 16 * k);
        if (pass === 0)
          this.storeValue(address || type === Type.I32 ? Type.I64 : type, reg, Reg.Rsp, places[k] - STACK);
      }
    }
    encRR(buffer, X.Mov + 1, Reg.Rdi, Reg.R15);
    this.load(X.Mov + 1, Reg.R11, Reg.R15, Instance.Module);
    this.load(X.Mov + 1, Reg.R11, Reg.R11, ModuleRecord.Cimports);
    encRM(buffer, X.CallM, 0, Reg.R11, -1, 0, 8 * index);
    buffer.addCallSite(-1, -1, -1, 0);
    if (asStruct) {
      for (let pass = 0; pass < 2; pass++) {
        for (let k = 0; k < results; k++) {
          const at = convention.result(sig, k);
          if (at >= STACK !== (pass === 0)) continue;
          const type = signatures.result(sig, k);
          const reg = pass === 0 ? this.scratch(type) : at;
          this.loadValue(type, reg, Reg.Rsp, struct + offsets[k]);
          if (pass === 0)
            this.storeValue(
              type === Type.I32 ? Type.I64 : type,
              reg,
              Reg.Rsp,
              frame + 8 + argBytes + at - STACK,
            );
        }
      }
    } else if (results === 1) {
      // rax and xmm0 are also wasm's.
      if (signatures.result(sig, 0) === Type.I32) encRR(buffer, X.Mov, Reg.Rax, Reg.Rax);
      else if (signatures.result(sig, 0) === Type.V128) this.load(X.MovupsLoad, Reg.Xmm0, Reg.Rax, 0);
    }
    this.leaveFrame(frame, entryCfa);
    this.ret(argBytes);
    return this.finish(frame, argBytes, prologueBytes);
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
    const frame = Math.max(params, results) * VALUE_BYTES;
    encO(buffer, X.Push, Reg.Rbx);
    this.unwindRows.add(buffer.mark(), Unwind.CfaOffset, 16, 0);
    this.unwindRows.add(buffer.mark(), Unwind.Saved, DWARF_REG[Reg.Rbx], -16);
    this.enterFrame(frame, 16);
    const prologueBytes = buffer.length;
    let ints = 1;
    let vecs = 0;
    let stack = frame + 16;
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
        this.loadValue(passed, reg, Reg.Rsp, stack);
        stack += 8;
      }
      if (k === params) encRR(buffer, X.Mov + 1, Reg.Rbx, reg);
      else if (type === Type.V128) {
        this.load(X.MovupsLoad, SCRATCH_VEC, reg, 0);
        this.storeValue(Type.V128, SCRATCH_VEC, Reg.Rsp, k * VALUE_BYTES);
      } else this.storeW2nValue(type, reg, Reg.Rsp, k * VALUE_BYTES);
    }
    encRM(buffer, X.Lea + 1, Reg.Rsi, Reg.Rdi, -1, 0, slotOffset);
    encRR(buffer, X.Mov + 1, Reg.Rdx, Reg.Rsp);
    this.load(X.Mov + 1, Reg.Rax, Reg.Rdi, Instance.Helpers);
    encRM(buffer, X.CallM, 0, Reg.Rax, -1, 0, 8 * Helper.CallExport);
    buffer.addCallSite(-1, -1, -1, 0);
    if (asStruct) {
      for (let k = 0; k < results; k++) {
        const type = signatures.result(sig, k);
        this.loadValue(type, this.scratch(type), Reg.Rsp, k * VALUE_BYTES);
        this.storeValue(type, this.scratch(type), Reg.Rbx, offsets[k]);
      }
    } else if (results === 1) {
      const type = signatures.result(sig, 0);
      this.loadValue(type, isVec(type) ? Reg.Xmm0 : Reg.Rax, Reg.Rsp, 0);
    }
    this.leaveFrame(frame, 16);
    encO(buffer, X.Pop, Reg.Rbx);
    this.unwindAt(Unwind.CfaOffset, 8, 0);
    encNone(buffer, X.Ret);
    return this.finish(frame + 8, 0, prologueBytes, 1 << Reg.Rbx);
  }

  /** wasm -> helper: arguments are already C's, from the second one on. */
  helperThunk(helper: number): CompiledFunction {
    const { buffer } = this;
    this.begin();
    this.checkHostLimit();
    encRR(buffer, X.Mov + 1, Reg.Rdi, Reg.R15);
    this.load(X.Mov + 1, Reg.Rax, Reg.R15, Instance.Helpers);
    encRM(buffer, X.JmpM, 0, Reg.Rax, -1, 0, 8 * helper);
    return this.finish(0, 0, 0);
  }
}
