// The thunks of a module on aarch64 (thunks.ts): how C and compiled code are entered and left, frames, moves and calls.
//
// C is the Procedure Call Standard for the Arm 64-bit Architecture: integer arguments x0-x7, floats v0-v7, the rest in
// 8-byte slots (macOS: packed); x19-x28, x29 and d8-d15 preserved, which includes all that wasm functions preserve and
// the pinned registers. x16, x17 and v31 are scratch. Every thunk with a frame begins with its record.
import { Func as FuncLayout, Instance, ModuleRecord, TrapKind } from '../../abi/layout.ts';
import type { CodeBuffer } from '../../emit/code_buffer.ts';
import { VEC_BASE } from '../../regalloc/door.ts';
import type { CompiledFunction, IsaOptions } from '../contract.ts';
import { Unwind } from '../frame.ts';
import type { LowerTarget } from '../lower.ts';
import type { ThunkFrame, ThunkRegs } from '../thunks.ts';
import { ThunkWriter } from '../thunks.ts';
import { BTI_C, enc, encAddImm, encMem, encPair, encSign } from './encoder.ts';
import { A, CC, Cond, CondField } from './instructions.ts';
import { plainLoad, plainStore } from './lower_memory.ts';
import { C_INT_ARGS, C_VEC_ARGS, dwarfReg, Reg, SCRATCH_VEC, ZR } from './registers.ts';

/** Pairs that enter saves behind its record, 16 bytes each. */
const ENTER_INTS: readonly number[] = [19, 21, 23, 25, 27];
const ENTER_VECS: readonly number[] = [8, 10, 12, 14].map((r) => VEC_BASE + r);
/** Offset of FPCR, size of the frame. */
const ENTER_FPCR = 16 + 16 * (ENTER_INTS.length + ENTER_VECS.length);
const ENTER_BYTES = ENTER_FPCR + 16;

/** Bytes of a frame record; of one with the saved register above it. */
const RECORD = 16;
const SAVING_RECORD = 32;

const REGS: ThunkRegs = {
  stack: Reg.Sp,
  frame: Reg.Fp,
  instance: Reg.X28,
  saved: Reg.X19,
  scratchInt: Reg.X16,
  scratchVec: SCRATCH_VEC,
  cInts: C_INT_ARGS,
  cVecs: C_VEC_ARGS,
  cResult: Reg.X0,
};

export class A64Thunks extends ThunkWriter {
  private readonly signReturns: boolean;

  constructor(buffer: CodeBuffer, target: LowerTarget, options: IsaOptions) {
    super(buffer, options.landingPads ? BTI_C : 0, target, REGS, options.os === 'macos');
    this.signReturns = options.signReturns;
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
    this.move(Reg.X28, Reg.X0);
    this.load(Reg.X27, Reg.X28, Instance.Memory0);
    this.move(Reg.X17, Reg.X3);
    this.move(Reg.X0, Reg.X1);
    this.move(Reg.X1, Reg.X2);
    enc(buffer, A.Blr, 0, Reg.X17, 0);
    buffer.addCallSite(-1, -1, -1, 0);
    enc(buffer, A.Movz, Reg.X0, 0, 0, 0);
    this.leaveEnter();
    return this.finish(ENTER_BYTES, 0, prologueBytes, 0);
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

  private enterSavedRows(kind: Unwind, back = 0): void {
    let disp = 16;
    for (const reg of [...ENTER_INTS, ...ENTER_VECS]) {
      this.unwindAt(kind, dwarfReg(reg), kind === Unwind.Saved ? disp - ENTER_BYTES : 0, back);
      this.unwindAt(kind, dwarfReg(reg + 1), kind === Unwind.Saved ? disp + 8 - ENTER_BYTES : 0, back);
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
    const start = buffer.length;
    if (this.signReturns) this.unwindAt(Unwind.ToggleSigned, 0, 0, start);
    this.unwindAt(Unwind.CfaRegister, Reg.X0, ENTER_BYTES, start);
    this.unwindAt(Unwind.Saved, Reg.Fp, -ENTER_BYTES, start);
    this.unwindAt(Unwind.Saved, Reg.Lr, 8 - ENTER_BYTES, start);
    this.enterSavedRows(Unwind.Saved, start);
    enc(buffer, A.AddI + 1, Reg.Fp, Reg.X0, 0, 0);
    this.unwindAt(Unwind.CfaRegister, Reg.Fp, ENTER_BYTES);
    enc(buffer, A.Mov, Reg.X0, 0, Reg.X1);
    this.leaveEnter();
    return this.finish(0, 0, 0, 0);
  }

  // ---- Frames ----

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

  protected insideHost({ argBytes }: ThunkFrame): void {
    const cfa = RECORD + argBytes;
    if (this.signReturns) this.unwindAt(Unwind.ToggleSigned, 0, 0);
    this.unwindAt(Unwind.CfaRegister, Reg.Fp, cfa);
    this.unwindAt(Unwind.Saved, Reg.Fp, -cfa);
    this.unwindAt(Unwind.Saved, Reg.Lr, 8 - cfa);
  }

  protected enterSaving(localBytes: number): ThunkFrame {
    const prologueBytes = this.enterFrame(SAVING_RECORD, localBytes, 0);
    this.store(Reg.X19, Reg.Fp, 16);
    this.unwindAt(Unwind.Saved, Reg.X19, -16);
    const frameBytes = localBytes + SAVING_RECORD;
    return { localBytes, argBytes: 0, incoming: SAVING_RECORD, frameBytes, prologueBytes };
  }

  protected leaveSaving(): void {
    this.load(Reg.X19, Reg.Fp, 16);
    this.unwindAt(Unwind.Restored, Reg.X19, 0);
    this.leaveFrame(SAVING_RECORD, 0);
  }

  protected enterHost(localBytes: number, argBytes: number): ThunkFrame {
    if (argBytes > 0) this.unwindAt(Unwind.CfaOffset, argBytes, 0, this.buffer.length);
    this.checkHostLimit();
    const prologueBytes = this.enterFrame(RECORD, localBytes, argBytes);
    this.store(Reg.Fp, Reg.X28, Instance.ExitSp);
    return { localBytes, argBytes, incoming: RECORD, frameBytes: localBytes + RECORD, prologueBytes };
  }

  protected leaveHost({ argBytes }: ThunkFrame): void {
    this.leaveFrame(RECORD, argBytes);
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

  // ---- Moves ----

  private load(reg: number, base: number, disp: number): void {
    encMem(this.buffer, A.Ldr + 1, reg, base, disp);
    this.buffer.afterInstruction();
  }

  private store(reg: number, base: number, disp: number): void {
    encMem(this.buffer, A.Str + 1, reg, base, disp);
    this.buffer.afterInstruction();
  }

  protected loadValue(type: number, reg: number, base: number, disp: number): void {
    encMem(this.buffer, plainLoad(type), reg, base, disp);
    this.buffer.afterInstruction();
  }

  protected storeValue(type: number, reg: number, base: number, disp: number): void {
    encMem(this.buffer, plainStore(type), reg, base, disp);
    this.buffer.afterInstruction();
  }

  protected storeZero(base: number, disp: number): void {
    this.store(ZR, base, disp);
  }

  protected loadAddress(reg: number, base: number, disp: number): void {
    encAddImm(this.buffer, reg, base, disp);
  }

  protected move(to: number, from: number): void {
    if (from === Reg.Sp) enc(this.buffer, A.AddI + 1, to, from, 0, 0);
    else enc(this.buffer, A.Mov + 1, to, 0, from);
  }

  protected move32(to: number, from: number): void {
    enc(this.buffer, A.Mov, to, 0, from);
  }

  // ---- Calls ----

  /** x17: its code; the pinned registers are its own at once, for C's arguments are not needed any more. */
  protected holdFunction(): void {
    this.load(Reg.X17, Reg.X0, FuncLayout.Code);
    this.load(Reg.X28, Reg.X0, FuncLayout.Instance);
    this.load(Reg.X27, Reg.X28, Instance.Memory0);
  }

  protected callHeld(_frame: ThunkFrame, argBytes: number): void {
    const { buffer } = this;
    enc(buffer, A.Blr, 0, Reg.X17, 0);
    buffer.addCallSite(-1, -1, -1, argBytes);
    buffer.afterInstruction();
  }

  protected callPointer(base: number, disp: number): void {
    this.load(Reg.X17, base, disp);
    enc(this.buffer, A.Blr, 0, Reg.X17, 0);
    this.buffer.addCallSite(-1, -1, -1, 0);
  }

  protected callHelper(instance: number, helper: number): void {
    this.load(Reg.X17, instance, Instance.Helpers);
    this.callPointer(Reg.X17, 8 * helper);
  }

  protected callImport(index: number): void {
    this.load(Reg.X17, Reg.X28, Instance.Module);
    this.load(Reg.X17, Reg.X17, ModuleRecord.Cimports);
    this.callPointer(Reg.X17, 8 * index);
  }

  protected jumpIfResult(label: number): void {
    this.buffer.condJump(Cond.Zero | 1 | (Reg.X0 << CondField.RegShift), label);
  }

  /** udf */
  protected unreachable(): void {
    this.buffer.put4(0);
  }

  /** Arguments are already C's, from the second one on. */
  helperThunk(helper: number): CompiledFunction {
    this.begin();
    this.checkHostLimit();
    const prologueBytes = this.enterFrame(RECORD, 0, 0);
    this.store(Reg.Fp, Reg.X28, Instance.ExitSp);
    this.move(Reg.X0, Reg.X28);
    this.callHelper(Reg.X28, helper);
    this.leaveFrame(RECORD, 0);
    return this.finish(RECORD, 0, prologueBytes, 0);
  }
}
