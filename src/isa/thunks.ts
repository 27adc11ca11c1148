// The thunks of a module (docs/abi.md says what each must do), as far as they are the same on every ISA: which value
// travels from where to where. A call thunk takes w2n_values to a wasm function, a host thunk wasm's arguments to an
// array function of the host; import and export thunks do it between wasm's convention and C's. An ISA's writer is a
// subclass that knows frames, moves and calls, and writes what enters and leaves compiled code.
//
// Not hot: a module has a few thunks a signature.
import { Helper, HostObject, VALUE_BYTES } from '../abi/layout.ts';
import type { CodeBuffer } from '../emit/code_buffer.ts';
import { Type } from '../ir/types.ts';
import type { CArguments } from './c_signature.ts';
import { cArguments, returnsStruct, structOffsets } from './c_signature.ts';
import { STACK } from './calling_convention.ts';
import type { CompiledFunction, Thunks } from './contract.ts';
import { alignUp } from './frame.ts';
import { FunctionWriter } from './function_writer.ts';
import type { LowerTarget } from './lower.ts';

/** The frame of a thunk: what the ISA saves, below it `localBytes` at the stack pointer. */
export interface ThunkFrame {
  /** A multiple of 16. */
  readonly localBytes: number;
  /** Bytes of stack arguments that the thunk pops; their offset from register `ThunkRegs.frame`. */
  readonly argBytes: number;
  readonly incoming: number;
  /** As in FrameInfo. */
  readonly frameBytes: number;
  readonly prologueBytes: number;
}

/** Registers by their role in thunks. */
export interface ThunkRegs {
  /** The stack pointer; what stack arguments are addressed by. */
  readonly stack: number;
  readonly frame: number;
  /** The pinned instance. */
  readonly instance: number;
  /** Preserved by C and wasm; `enterSaving` saves it. */
  readonly saved: number;
  /** Free at every place: neither convention passes anything there. */
  readonly scratchInt: number;
  readonly scratchVec: number;
  /** C's arguments, in order. */
  readonly cInts: readonly number[];
  readonly cVecs: readonly number[];
  /** C's integer result. */
  readonly cResult: number;
}

const isVec = (type: number): boolean => type === Type.F32 || type === Type.F64 || type === Type.V128;
/** The type that is written to fill a whole slot. */
const slotType = (type: number): number => (type === Type.I32 ? Type.I64 : type);

export abstract class ThunkWriter extends FunctionWriter implements Thunks {
  /** `packsStackArgs`: C's stack arguments are packed, as on macOS on aarch64, instead of in 8-byte slots. */
  constructor(
    buffer: CodeBuffer,
    landingPad: number,
    private readonly target: LowerTarget,
    private readonly regs: ThunkRegs,
    private readonly packsStackArgs: boolean,
  ) {
    super(buffer, landingPad);
  }

  abstract enter(): CompiledFunction;
  abstract unwind(): CompiledFunction;
  abstract helperThunk(helper: number): CompiledFunction;

  // ---- For the ISA ----

  /** The frame of a thunk that C or the runtime calls: register `saved` is saved. */
  protected abstract enterSaving(localBytes: number): ThunkFrame;
  /** Back out of it, and return. `popped`: of the local bytes, those that a callee has popped. */
  protected abstract leaveSaving(frame: ThunkFrame, popped: number): void;
  /** The frame of a thunk that wasm calls: stores exit_sp, and traps if C may not be called with this stack pointer. */
  protected abstract enterHost(localBytes: number, argBytes: number): ThunkFrame;
  /** Back out of it, the stack arguments popped, and return. */
  protected abstract leaveHost(frame: ThunkFrame): void;
  /** Behind `leaveHost`: what follows has the frame again. */
  protected abstract insideHost(frame: ThunkFrame): void;

  /** Register (of the value's file) <- memory, a 32-bit integer zero-extended. */
  protected abstract loadValue(type: number, reg: number, base: number, disp: number): void;
  /** Memory <- register: the bytes of the type. */
  protected abstract storeValue(type: number, reg: number, base: number, disp: number): void;
  /** 8 bytes of memory become zero. */
  protected abstract storeZero(base: number, disp: number): void;
  /** Integer register <- base + disp. */
  protected abstract loadAddress(reg: number, base: number, disp: number): void;
  /** Integer register <- integer register or stack pointer: 64 bits, or the low 32, zero-extended. */
  protected abstract move(to: number, from: number): void;
  protected abstract move32(to: number, from: number): void;

  /** Keeps what is needed of the w2n_func in C's first argument, in registers that pass nothing. */
  protected abstract holdFunction(): void;
  /** Calls it, in its instance. */
  protected abstract callHeld(frame: ThunkFrame, argBytes: number): void;
  /** Calls the pointer at [base + disp]. */
  protected abstract callPointer(base: number, disp: number): void;
  /** Calls a helper of the runtime by the table of the instance in register `instance`. */
  protected abstract callHelper(instance: number, helper: number): void;
  /** Calls `module->cimports[index]` of the pinned instance. */
  protected abstract callImport(index: number): void;
  /** Jumps to the label if C's 32-bit result is not zero. */
  protected abstract jumpIfResult(label: number): void;
  /** What cannot be reached. */
  protected abstract unreachable(): void;

  // ---- Array calls ----

  /** C's first argument: w2n_func, second: values. Called by enter, which has saved everything. */
  callThunk(sig: number): CompiledFunction {
    const { convention, module } = this.target;
    const { signatures } = module;
    const { stack, saved, cInts } = this.regs;
    this.begin();
    const argBytes = convention.stackArgBytes(sig);
    const frame = this.enterSaving(argBytes + convention.stackResultBytes(sig));
    this.move(saved, cInts[1]);
    this.holdFunction();
    const params = signatures.numParams(sig);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < params; k++) {
        const at = convention.param(sig, k);
        if (at >= STACK !== (pass === 0)) continue;
        const type = signatures.param(sig, k);
        const reg = pass === 0 ? this.scratch(type) : at;
        this.loadValue(type, reg, saved, k * VALUE_BYTES);
        if (pass === 0) this.storeValue(slotType(type), reg, stack, at - STACK);
      }
    }
    this.callHeld(frame, argBytes);
    // The stack pointer is behind the arguments now, at the results.
    const results = signatures.numResults(sig);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < results; k++) {
        const at = convention.result(sig, k);
        if (at >= STACK !== (pass === 1)) continue;
        const type = signatures.result(sig, k);
        const reg = pass === 1 ? this.scratch(type) : at;
        if (pass === 1) this.loadValue(type, reg, stack, at - STACK);
        this.storeW2nValue(type, reg, saved, k * VALUE_BYTES);
      }
    }
    this.leaveSaving(frame, argBytes);
    return this.finish(frame.frameBytes, 0, frame.prologueBytes, 1 << saved);
  }

  /** Wasm convention, the w2n_host_func object is the instance. */
  hostThunk(sig: number): CompiledFunction {
    const { buffer } = this;
    const { convention, module } = this.target;
    const { signatures } = module;
    const { stack, instance, cInts, cResult } = this.regs;
    this.begin();
    const params = signatures.numParams(sig);
    const results = signatures.numResults(sig);
    const localBytes = Math.max(params, results) * VALUE_BYTES;
    const frame = this.enterHost(localBytes, convention.stackArgBytes(sig));
    for (let k = 0; k < params; k++) {
      const type = signatures.param(sig, k);
      this.storeW2nValue(type, this.param(sig, k, frame), stack, k * VALUE_BYTES);
    }
    this.loadValue(Type.I64, cInts[0], instance, HostObject.Env);
    this.move(cInts[1], stack);
    this.callPointer(instance, HostObject.Fn);
    const failed = buffer.newLabel();
    this.jumpIfResult(failed);
    this.loadResults(sig, frame, (k) => k * VALUE_BYTES);
    this.leaveHost(frame);
    buffer.bindLabel(failed);
    this.insideHost(frame);
    this.move32(cInts[1], cResult);
    this.move(cInts[0], instance);
    this.callHelper(instance, Helper.Trap);
    this.unreachable();
    return this.finish(frame.frameBytes, frame.argBytes, frame.prologueBytes, 0);
  }

  // ---- Typed C calls ----

  /** wasm -> C. Vectors are passed by address: every parameter has a copy in the frame. */
  importThunk(index: number, sig: number): CompiledFunction {
    const { convention, module } = this.target;
    const { signatures } = module;
    const { stack, instance, cInts, cResult } = this.regs;
    this.begin();
    const params = signatures.numParams(sig);
    const results = signatures.numResults(sig);
    const asStruct = returnsStruct(signatures, sig, false);
    const offsets = structOffsets(signatures, sig);
    const { places, stackBytes } = this.cArguments(sig, asStruct);
    // From the stack pointer up: C's stack arguments, the copies, the struct.
    const copies = alignUp(stackBytes, 16);
    const struct = copies + params * 16;
    const localBytes = alignUp(struct + (asStruct ? offsets[results] : 0), 16);
    const frame = this.enterHost(localBytes, convention.stackArgBytes(sig));
    for (let k = 0; k < params; k++) {
      const type = signatures.param(sig, k);
      this.storeValue(slotType(type), this.param(sig, k, frame), stack, copies + 16 * k);
    }
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < places.length; k++) {
        const at = places[k];
        if (at >= STACK !== (pass === 0)) continue;
        const isAddress = k === params || signatures.param(sig, k) === Type.V128;
        const type = isAddress ? Type.I64 : signatures.param(sig, k);
        const reg = pass === 0 ? this.scratch(type) : at;
        if (isAddress) this.loadAddress(reg, stack, k === params ? struct : copies + 16 * k);
        else this.loadValue(type, reg, stack, copies + 16 * k);
        if (pass === 0) this.storeValue(this.packsStackArgs ? type : slotType(type), reg, stack, at - STACK);
      }
    }
    this.move(cInts[0], instance);
    this.callImport(index);
    if (asStruct) this.loadResults(sig, frame, (k) => struct + offsets[k]);
    else if (results === 1) {
      // Where C returns one value, wasm does.
      const type = signatures.result(sig, 0);
      if (type === Type.I32) this.move32(cResult, cResult);
      else if (type === Type.V128) this.loadValue(type, convention.result(sig, 0), cResult, 0);
    }
    this.leaveHost(frame);
    return this.finish(frame.frameBytes, frame.argBytes, frame.prologueBytes, 0);
  }

  /** C -> wasm, by way of the runtime's call_export. */
  exportThunk(sig: number, slotOffset: number): CompiledFunction {
    const { convention, module } = this.target;
    const { signatures } = module;
    const { stack, saved, scratchVec, cInts } = this.regs;
    this.begin();
    const params = signatures.numParams(sig);
    const results = signatures.numResults(sig);
    const asStruct = returnsStruct(signatures, sig, true);
    const offsets = structOffsets(signatures, sig);
    const { places } = this.cArguments(sig, asStruct);
    const frame = this.enterSaving(Math.max(params, results) * VALUE_BYTES);
    for (let k = 0; k < places.length; k++) {
      const type = k < params ? signatures.param(sig, k) : Type.I64;
      // A vector comes as its address.
      const passed = type === Type.V128 ? Type.I64 : type;
      const reg = this.incoming(passed, places[k], frame);
      if (k === params) this.move(saved, reg);
      else if (type === Type.V128) {
        this.loadValue(type, scratchVec, reg, 0);
        this.storeValue(type, scratchVec, stack, k * VALUE_BYTES);
      } else this.storeW2nValue(type, reg, stack, k * VALUE_BYTES);
    }
    this.loadAddress(cInts[1], cInts[0], slotOffset);
    this.move(cInts[2], stack);
    this.callHelper(cInts[0], Helper.CallExport);
    if (asStruct) {
      for (let k = 0; k < results; k++) {
        const type = signatures.result(sig, k);
        const reg = this.scratch(type);
        this.loadValue(type, reg, stack, k * VALUE_BYTES);
        this.storeValue(type, reg, saved, offsets[k]);
      }
    } else if (results === 1) {
      this.loadValue(signatures.result(sig, 0), convention.result(sig, 0), stack, 0);
    }
    this.leaveSaving(frame, 0);
    return this.finish(frame.frameBytes, 0, frame.prologueBytes, 1 << saved);
  }

  // ---- Pieces ----

  private scratch(type: number): number {
    return isVec(type) ? this.regs.scratchVec : this.regs.scratchInt;
  }

  private cArguments(sig: number, asStruct: boolean): CArguments {
    const { cInts, cVecs } = this.regs;
    return cArguments(this.target.module.signatures, sig, asStruct, cInts, cVecs, this.packsStackArgs);
  }

  /** w2n_value <- register: what a 32-bit value does not fill is zero. */
  private storeW2nValue(type: number, reg: number, base: number, disp: number): void {
    if (type === Type.I32 || type === Type.F32) {
      this.storeZero(base, disp);
      this.storeZero(base, disp + 8);
    }
    this.storeValue(type, reg, base, disp);
  }

  /** Register with the argument that came at `at`: its own, or scratch, loaded from the stack. */
  private incoming(type: number, at: number, frame: ThunkFrame): number {
    if (at < STACK) return at;
    const reg = this.scratch(type);
    this.loadValue(type, reg, this.regs.frame, frame.incoming + at - STACK);
    return reg;
  }

  private param(sig: number, k: number, frame: ThunkFrame): number {
    const { convention, module } = this.target;
    return this.incoming(module.signatures.param(sig, k), convention.param(sig, k), frame);
  }

  /** Wasm's results <- memory at the stack pointer + offset(k): those on the stack first, for which scratch is free. */
  private loadResults(sig: number, frame: ThunkFrame, offset: (k: number) => number): void {
    const { convention, module } = this.target;
    const { signatures } = module;
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < signatures.numResults(sig); k++) {
        const at = convention.result(sig, k);
        if (at >= STACK !== (pass === 0)) continue;
        const type = signatures.result(sig, k);
        const reg = pass === 0 ? this.scratch(type) : at;
        this.loadValue(type, reg, this.regs.stack, offset(k));
        if (pass === 1) continue;
        const disp = frame.incoming + frame.argBytes + at - STACK;
        this.storeValue(slotType(type), reg, this.regs.frame, disp);
      }
    }
  }
}
