// The thunks of a module on x86_64 (thunks.ts): how C and compiled code are entered and left, frames, moves and calls.
//
// C is System V: integer arguments rdi rsi rdx rcx r8 r9, floats xmm0-7, the rest in 8-byte slots; rbx rbp r12-r15
// preserved, which includes all that wasm functions preserve and the pinned registers. r11 and xmm15 are scratch.
import { Func as FuncLayout, Instance, ModuleRecord, TrapKind } from '../../abi/layout.ts';
import type { CodeBuffer } from '../../emit/code_buffer.ts';
import { VEC_BASE } from '../../regalloc/door.ts';
import type { CompiledFunction, IsaOptions } from '../contract.ts';
import { Unwind } from '../frame.ts';
import type { LowerTarget } from '../lower.ts';
import type { ThunkFrame, ThunkRegs } from '../thunks.ts';
import { ThunkWriter } from '../thunks.ts';
import { encMemoryBase, encNone, encO, encRM, encRR, ENDBR64 } from './encoder.ts';
import { AluForm, CC, X } from './instructions.ts';
import { plainLoad, plainStore } from './lower_memory.ts';
import { C_INT_ARGS, C_VEC_ARGS, DWARF_REG, DWARF_RETURN_ADDRESS, Reg } from './registers.ts';

/** Default MXCSR: all exceptions masked, round to nearest. */
const DEFAULT_MXCSR = 0x1f80;
/** What enter pushes, in order. */
const ENTER_SAVED: readonly number[] = [Reg.Rbp, Reg.Rbx, Reg.R12, Reg.R13, Reg.R14, Reg.R15];
/** Bytes below what enter pushes: MXCSR, the default to load, the GS base. */
const ENTER_LOCAL = 24;

const REGS: ThunkRegs = {
  stack: Reg.Rsp,
  frame: Reg.Rsp,
  instance: Reg.R15,
  saved: Reg.Rbx,
  scratchInt: Reg.R11,
  scratchVec: VEC_BASE + 15,
  cInts: C_INT_ARGS,
  cVecs: C_VEC_ARGS,
  cResult: Reg.Rax,
};

export class X64Thunks extends ThunkWriter {
  private readonly gs: boolean;

  constructor(buffer: CodeBuffer, target: LowerTarget, options: IsaOptions) {
    super(buffer, options.landingPads ? ENDBR64 : 0, target, REGS, false);
    this.gs = options.memoryBase === 'gs';
  }

  // ---- Entering and leaving ----

  enter(): CompiledFunction {
    const { buffer } = this;
    this.begin();
    let cfa = 8;
    for (const reg of ENTER_SAVED) {
      encO(buffer, X.Push, reg);
      cfa += 8;
      this.unwindAt(Unwind.CfaOffset, cfa, 0);
      this.unwindAt(Unwind.Saved, DWARF_REG[reg], -cfa);
    }
    encRR(buffer, X.Sub + AluForm.Imm + 1, 0, Reg.Rsp, ENTER_LOCAL);
    cfa += ENTER_LOCAL;
    this.unwindAt(Unwind.CfaOffset, cfa, 0);
    encRR(buffer, X.Mov + 1, Reg.Rbp, Reg.Rsp);
    this.unwindAt(Unwind.CfaRegister, DWARF_REG[Reg.Rbp], cfa);
    const prologueBytes = buffer.length;
    encRM(buffer, X.Stmxcsr, 0, Reg.Rsp, -1, 0, 0);
    encRM(buffer, X.MovStoreI, 0, Reg.Rsp, -1, 0, 4, DEFAULT_MXCSR);
    encRM(buffer, X.Ldmxcsr, 0, Reg.Rsp, -1, 0, 4);
    encRM(buffer, X.MovStore + 1, Reg.Rsp, Reg.R9, -1, 0, 0);
    encRR(buffer, X.Mov + 1, Reg.R15, Reg.Rdi);
    if (this.gs) {
      encRR(buffer, X.Rdgsbase, 0, Reg.R10);
      encRM(buffer, X.MovStore + 1, Reg.R10, Reg.Rsp, -1, 0, 8);
    }
    encMemoryBase(buffer, this.gs);
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
    if (this.gs) {
      encRM(buffer, X.Mov + 1, Reg.R10, Reg.Rsp, -1, 0, 8);
      encRR(buffer, X.Wrgsbase, 0, Reg.R10);
    }
    encRM(buffer, X.Ldmxcsr, 0, Reg.Rsp, -1, 0, 0);
    encRR(buffer, X.Add + AluForm.Imm + 1, 0, Reg.Rsp, ENTER_LOCAL);
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
    const start = this.buffer.length;
    this.unwindAt(Unwind.CfaRegister, DWARF_REG[Reg.Rdi], frame + 8, start);
    ENTER_SAVED.forEach((reg, k) => this.unwindAt(Unwind.Saved, DWARF_REG[reg], -16 - 8 * k, start));
    encRR(this.buffer, X.Mov, Reg.Rax, Reg.Rsi);
    encRR(this.buffer, X.Mov + 1, Reg.Rsp, Reg.Rdi);
    this.unwindAt(Unwind.CfaOffset, frame + 8, 0);
    this.leaveEnter(frame + 8);
    return this.finish(frame, 0, 0, 0);
  }

  // ---- Frames ----

  /** rbx pushed, then the local bytes. */
  protected enterSaving(localBytes: number): ThunkFrame {
    encO(this.buffer, X.Push, Reg.Rbx);
    this.unwindAt(Unwind.CfaOffset, 16, 0);
    this.unwindAt(Unwind.Saved, DWARF_REG[Reg.Rbx], -16);
    this.adjustStack(-localBytes, 16 + localBytes);
    return this.frame(localBytes, 0);
  }

  protected leaveSaving(frame: ThunkFrame, popped: number): void {
    this.adjustStack(frame.localBytes - popped, 16);
    encO(this.buffer, X.Pop, Reg.Rbx);
    this.unwindAt(Unwind.CfaOffset, 8, 0);
    encNone(this.buffer, X.Ret);
  }

  /** The local bytes, and 8 that align the stack pointer. */
  protected enterHost(localBytes: number, argBytes: number): ThunkFrame {
    const { buffer } = this;
    const entryCfa = 8 + argBytes;
    if (argBytes > 0) {
      const start = buffer.length;
      this.unwindAt(Unwind.CfaOffset, entryCfa, 0, start);
      this.unwindAt(Unwind.Saved, DWARF_RETURN_ADDRESS, -entryCfa, start);
    }
    this.checkHostLimit();
    this.adjustStack(-localBytes - 8, entryCfa + localBytes + 8);
    return this.frame(localBytes, argBytes);
  }

  protected leaveHost({ localBytes, argBytes }: ThunkFrame): void {
    this.adjustStack(localBytes + 8, 8 + argBytes);
    if (argBytes === 0) encNone(this.buffer, X.Ret);
    else encNone(this.buffer, X.RetN, argBytes);
  }

  protected insideHost({ localBytes, argBytes }: ThunkFrame): void {
    this.unwindAt(Unwind.CfaOffset, 16 + argBytes + localBytes, 0);
  }

  private frame(localBytes: number, argBytes: number): ThunkFrame {
    const frameBytes = localBytes + 8;
    return { localBytes, argBytes, incoming: frameBytes + 8, frameBytes, prologueBytes: this.buffer.length };
  }

  /** Moves the stack pointer; the CFA lies `cfa` above it then. */
  private adjustStack(bytes: number, cfa: number): void {
    if (bytes === 0) return;
    encRR(this.buffer, (bytes < 0 ? X.Sub : X.Add) + AluForm.Imm + 1, 0, Reg.Rsp, Math.abs(bytes));
    this.unwindAt(Unwind.CfaOffset, cfa, 0);
  }

  /** Stores exit_sp and traps if C may not be called with this stack pointer. rsp is as at entry. */
  private checkHostLimit(): void {
    const { buffer } = this;
    encRM(buffer, X.MovStore + 1, Reg.Rsp, Reg.R15, -1, 0, Instance.ExitSp);
    encRM(buffer, X.Cmp + AluForm.Rm + 1, Reg.Rsp, Reg.R15, -1, 0, Instance.HostLimit);
    buffer.condJump(CC.B, buffer.deferTrap(TrapKind.StackExhausted, -1));
    buffer.afterInstruction();
  }

  // ---- Moves ----

  protected loadValue(type: number, reg: number, base: number, disp: number): void {
    encRM(this.buffer, plainLoad(type), reg, base, -1, 0, disp);
    this.buffer.afterInstruction();
  }

  protected storeValue(type: number, reg: number, base: number, disp: number): void {
    encRM(this.buffer, plainStore(type), reg, base, -1, 0, disp);
    this.buffer.afterInstruction();
  }

  protected storeZero(base: number, disp: number): void {
    encRM(this.buffer, X.MovStoreI + 1, 0, base, -1, 0, disp, 0);
  }

  protected loadAddress(reg: number, base: number, disp: number): void {
    encRM(this.buffer, X.Lea + 1, reg, base, -1, 0, disp);
  }

  protected move(to: number, from: number): void {
    encRR(this.buffer, X.Mov + 1, to, from);
  }

  protected move32(to: number, from: number): void {
    encRR(this.buffer, X.Mov, to, from);
  }

  // ---- Calls ----

  protected holdFunction(): void {
    this.move(Reg.R10, Reg.Rdi);
  }

  protected callHeld(frame: ThunkFrame, argBytes: number): void {
    const { buffer } = this;
    encRM(buffer, X.Mov + 1, Reg.R15, Reg.R10, -1, 0, FuncLayout.Instance);
    encMemoryBase(buffer, this.gs);
    encRM(buffer, X.CallM, 0, Reg.R10, -1, 0, FuncLayout.Code);
    buffer.addCallSite(-1, -1, -1, argBytes);
    if (argBytes > 0) this.unwindAt(Unwind.CfaOffset, 16 + frame.localBytes - argBytes, 0, 1);
  }

  protected callPointer(base: number, disp: number): void {
    encRM(this.buffer, X.CallM, 0, base, -1, 0, disp);
    this.buffer.addCallSite(-1, -1, -1, 0);
  }

  protected callHelper(instance: number, helper: number): void {
    encRM(this.buffer, X.Mov + 1, Reg.Rax, instance, -1, 0, Instance.Helpers);
    this.callPointer(Reg.Rax, 8 * helper);
  }

  protected callImport(index: number): void {
    encRM(this.buffer, X.Mov + 1, Reg.R11, Reg.R15, -1, 0, Instance.Module);
    encRM(this.buffer, X.Mov + 1, Reg.R11, Reg.R11, -1, 0, ModuleRecord.Cimports);
    this.callPointer(Reg.R11, 8 * index);
  }

  protected jumpIfResult(label: number): void {
    encRR(this.buffer, X.Test, Reg.Rax, Reg.Rax);
    this.buffer.condJump(CC.NE, label);
  }

  protected unreachable(): void {
    encNone(this.buffer, X.Ud2);
  }

  /** Arguments are already C's, from the second one on: a jump leaves the rest as it is. */
  helperThunk(helper: number): CompiledFunction {
    const { buffer } = this;
    this.begin();
    this.checkHostLimit();
    this.move(Reg.Rdi, Reg.R15);
    encRM(buffer, X.Mov + 1, Reg.Rax, Reg.R15, -1, 0, Instance.Helpers);
    encRM(buffer, X.JmpM, 0, Reg.Rax, -1, 0, 8 * helper);
    return this.finish(0, 0, 0, 0);
  }
}
