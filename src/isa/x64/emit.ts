// Emission of x86_64 code (emitter.ts): prologue, instructions by their rows, pseudo instructions as short sequences,
// epilogues, and the unwind operations of all of it.
import { Func as FuncLayout } from '../../abi/layout.ts';
import type { CodeBuffer } from '../../emit/code_buffer.ts';
import { RegClass, SLOT_BASE } from '../../regalloc/door.ts';
import type { IsaOptions } from '../contract.ts';
import { Emitter, PAGE, PROBE_ABOVE } from '../emitter.ts';
import { alignUp, Unwind } from '../frame.ts';
import { Callee, Pseudo } from '../pseudo.ts';
import { Mem, MemField } from '../vcode.ts';
import {
  encCall,
  encGs,
  encMemoryBase,
  encNone,
  encO,
  encRip,
  encRM,
  encRR,
  encTailJump,
  ENDBR64,
  NOTRACK,
} from './encoder.ts';
import { AluForm, CC, P, ROLE, Role, X } from './instructions.ts';
import { divOverflow, floatSelect, minMax, signedRem } from './sequences.ts';
import { CALLEE_SAVED, DWARF_REG, DWARF_RETURN_ADDRESS, Reg } from './registers.ts';

/** Rows whose result register keeps its upper half: zeroed first, against waiting for its old value. */
function mergesIntoResult(x: number): boolean {
  return (
    (x >= X.Sqrts && x < X.Sqrts + 2) ||
    (x >= X.Cvtss2sd && x < X.Cvttss2si) ||
    (x >= X.Rounds && x < X.Rounds + 2)
  );
}

export class X64Emitter extends Emitter {
  private readonly gs: boolean;
  private readonly landingPads: boolean;
  /** Bytes below the saved registers. */
  private localBytes = 0;
  /** The instruction that ends at `flagsAt` left flags for the value of `flagsReg`; its opcode (with the width). */
  private flagsAt = -1;
  private flagsReg = -1;
  private flagsOp = 0;

  constructor(buffer: CodeBuffer, options: IsaOptions) {
    super(buffer, options.landingPads ? ENDBR64 : 0, CALLEE_SAVED, options);
    this.gs = options.memoryBase === 'gs';
    this.landingPads = options.landingPads;
  }

  /** Jumps through tables are not tracked. */
  protected tableTarget(): void {}

  // ---- Frame ----

  /** frameBytes: from the stack pointer to the return address. */
  protected layOutFrame(bodyBytes: number, hasCalls: boolean): number {
    const savedBytes = 8 * this.saved.length;
    // The stack pointer is a multiple of 16 where calls are made.
    const isAligned = bodyBytes > 0 || hasCalls;
    this.localBytes = isAligned ? alignUp(bodyBytes + savedBytes + 8, 16) - savedBytes - 8 : 0;
    return this.localBytes + savedBytes;
  }

  protected prologue(): number {
    const { buffer } = this;
    let cfa = 8 + this.argBytes;
    this.flagsAt = -1;
    if (this.argBytes > 0) {
      // What holds behind the landing pad holds before it.
      const pad = buffer.length;
      this.unwindAt(Unwind.CfaOffset, cfa, 0, pad);
      this.unwindAt(Unwind.Saved, DWARF_RETURN_ADDRESS, -cfa, pad);
    }
    for (const reg of this.saved) {
      encO(buffer, X.Push, reg);
      cfa += 8;
      this.unwindAt(Unwind.CfaOffset, cfa, 0);
      this.unwindAt(Unwind.Saved, DWARF_REG[reg], -cfa);
    }
    if (this.localBytes > 0) {
      if (this.localBytes > PROBE_ABOVE) this.probe(this.localBytes);
      this.adjustStack(-this.localBytes);
      this.unwindAt(Unwind.CfaOffset, cfa + this.localBytes, 0);
    }
    return buffer.length;
  }

  protected saveInstance(): void {
    encRM(this.buffer, X.MovStore + 1, Reg.R15, Reg.Rsp, -1, 0, this.instanceSlot);
  }

  /** Touches every page of the frame, downwards; r10 and r11 are free at entry. */
  private probe(bytes: number): void {
    const { buffer } = this;
    encRM(buffer, X.Lea + 1, Reg.R10, Reg.Rsp, -1, 0, -bytes);
    encRR(buffer, X.Mov + 1, Reg.R11, Reg.Rsp);
    const loop = buffer.length;
    encRR(buffer, X.Sub + AluForm.Imm + 1, 0, Reg.R11, PAGE);
    encRM(buffer, X.Test + 1, Reg.R11, Reg.R11, -1, 0, 0);
    encRR(buffer, X.Cmp + AluForm.Rm + 1, Reg.R11, Reg.R10);
    buffer.put1(0x70 | CC.A);
    buffer.put1(loop - (buffer.length + 1));
  }

  /** Moves the stack pointer without touching flags that someone might need: none do at these places. */
  private adjustStack(bytes: number): void {
    if (bytes < 0) encRR(this.buffer, X.Sub + AluForm.Imm + 1, 0, Reg.Rsp, -bytes);
    else encRR(this.buffer, X.Add + AluForm.Imm + 1, 0, Reg.Rsp, bytes);
  }

  /** Leaves the frame: the stack pointer is where it was at entry. */
  protected epilogue(): void {
    const { buffer } = this;
    if (this.frameBytes === 0) return;
    let cfa = this.frameBytes + 8 + this.argBytes;
    if (this.localBytes > 0) {
      this.adjustStack(this.localBytes);
      cfa -= this.localBytes;
      this.unwindAt(Unwind.CfaOffset, cfa, 0);
    }
    for (let k = this.saved.length - 1; k >= 0; k--) {
      const reg = this.saved[k];
      encO(buffer, X.Pop, reg);
      cfa -= 8;
      this.unwindAt(Unwind.CfaOffset, cfa, 0);
      this.unwindAt(Unwind.Restored, DWARF_REG[reg], 0);
    }
  }

  protected ret(): void {
    if (this.argBytes === 0) encNone(this.buffer, X.Ret);
    else encNone(this.buffer, X.RetN, this.argBytes);
  }

  protected frameAgain(replaced: boolean): void {
    let cfa = 8 + this.argBytes;
    for (const reg of this.saved) {
      cfa += 8;
      this.unwindAt(Unwind.Saved, DWARF_REG[reg], -cfa);
    }
    if (this.frameBytes > 0) this.unwindAt(Unwind.CfaOffset, this.frameBytes + 8 + this.argBytes, 0);
    if (replaced) this.unwindAt(Unwind.Saved, DWARF_RETURN_ADDRESS, -(8 + this.argBytes));
  }

  // ---- Moves ----

  protected move(from: number, to: number, regClass: number): void {
    const { buffer } = this;
    if (to >= SLOT_BASE) {
      const x =
        regClass === RegClass.Int
          ? X.MovStore + 1
          : regClass === RegClass.Float
            ? X.MovsStore + 1
            : X.MovupsStore;
      encRM(buffer, x, from, Reg.Rsp, -1, 0, this.slotOffset(to));
    } else if (from >= SLOT_BASE) {
      const x =
        regClass === RegClass.Int ? X.Mov + 1 : regClass === RegClass.Float ? X.MovsLoad + 1 : X.MovupsLoad;
      encRM(buffer, x, to, Reg.Rsp, -1, 0, this.slotOffset(from));
    } else if (from !== to) encRR(buffer, regClass === RegClass.Int ? X.Mov + 1 : X.Movaps, to, from);
  }

  protected rematerialize(raw: number, to: number, flagsAreDead: boolean): void {
    const { vcode, buffer } = this;
    const x = vcode.op[raw];
    switch (x) {
      case P.ZeroInt:
        if (flagsAreDead) encRR(buffer, X.Xor, to, to);
        else encO(buffer, X.MovI, to, 0);
        break;
      case P.ZeroVec:
        encRR(buffer, X.Xorp, to, to);
        break;
      case X.MovI:
        if (flagsAreDead && vcode.imm[raw] === 0) encRR(buffer, X.Xor, to, to);
        else encO(buffer, X.MovI, to, vcode.imm[raw]);
        break;
      case X.MovI + 1:
        encRR(buffer, X.MovI + 1, 0, to, vcode.imm[raw]);
        break;
      case X.MovAbs:
        encO(buffer, X.MovAbs, to, vcode.imm[raw], vcode.imm2[raw]);
        break;
      default:
        encRip(buffer, x, to, this.constantLabel(vcode.disp[raw]));
    }
  }

  // ---- Instructions ----

  protected instruction(i: number, x: number, raw: number): void {
    const { vcode } = this;
    const at = vcode.operandStart[i];
    if (x >= X.FirstPseudo) {
      this.flagsAt = -1;
      this.sequence(x, raw, at);
      return;
    }
    const { operandLoc } = this.out;
    const imm = vcode.imm[raw];
    switch (ROLE[x]) {
      case Role.DefRm: {
        const dst = operandLoc[at];
        if (mergesIntoResult(x) && (vcode.mem[raw] !== 0 || operandLoc[at + 1] !== dst)) {
          encRR(this.buffer, X.Xorp, dst, dst);
        }
        this.regRm(x, raw, at, dst, at + 1, imm, 0);
        break;
      }
      case Role.DefUseRm:
        this.regRm(x, raw, at, operandLoc[at], at + 2, imm, 0);
        if (x < X.Cmp) this.noteFlags(x, operandLoc[at]);
        break;
      case Role.UseRm:
        if (x <= X.Test + 1 && x >= X.Test && this.flagsAreSet(i, x, raw, at)) break;
        this.regRm(x, raw, at, operandLoc[at], at + 1, imm, 0);
        break;
      case Role.DefOfRm:
        encRR(this.buffer, x, operandLoc[at + 1], operandLoc[at]);
        break;
      case Role.Modify:
      case Role.Use:
        this.regRm(x, raw, at, 0, at, imm, 0);
        if (x < X.Cmp && vcode.mem[raw] === 0) this.noteFlags(x, operandLoc[at]);
        break;
      case Role.Def:
        if (x === X.MovI + 1) encRR(this.buffer, x, 0, operandLoc[at], imm);
        else encO(this.buffer, x, operandLoc[at], imm, vcode.imm2[raw]);
        break;
      case Role.DefRmV:
        this.regRm(x, raw, at, operandLoc[at], at + 1, imm, operandLoc[at + 2]);
        break;
      case Role.DefVRm:
        this.regRm(x, raw, at, operandLoc[at], at + 2, imm, operandLoc[at + 1]);
        break;
      default:
        throw new Error(`instruction ${x} has no operands to emit`);
    }
  }

  private noteFlags(x: number, reg: number): void {
    this.flagsAt = this.buffer.length;
    this.flagsReg = reg;
    this.flagsOp = x;
  }

  /**
   * True if `test r, r` would tell what the instruction right before it has: zero or not; after and, or, xor all else
   * too. Blocks end with pseudo instructions, which forget the flags.
   */
  private flagsAreSet(i: number, x: number, raw: number, at: number): boolean {
    const { vcode, out } = this;
    const reg = out.operandLoc[at];
    if (this.flagsAt !== this.buffer.length || vcode.mem[raw] !== 0) return false;
    if (reg !== this.flagsReg || out.operandLoc[at + 1] !== reg || ((x ^ this.flagsOp) & 1) !== 0)
      return false;
    const family = this.flagsOp;
    if (family >= X.Or && (family < X.Sub || family >= X.Xor)) return true;
    const next = vcode.order[i + 1];
    const op = vcode.op[next];
    const cc = vcode.imm[next];
    return (
      (op === Pseudo.Branch || op === Pseudo.TrapIf || op === P.SetBool) && (cc === CC.E || cc === CC.NE)
    );
  }

  /** ModRM.reg `reg`; ModRM.rm the memory operand, or the register or spill slot of operand `rm`. */
  private regRm(x: number, raw: number, at: number, reg: number, rm: number, imm: number, v: number): void {
    const { vcode, buffer } = this;
    const { operandLoc } = this.out;
    const mem = vcode.mem[raw];
    if (mem === 0) {
      const location = operandLoc[rm];
      if (location < SLOT_BASE) encRR(buffer, x, reg, location, imm, v);
      else encRM(buffer, x, reg, Reg.Rsp, -1, 0, this.slotOffset(location), imm, v);
      return;
    }
    if (vcode.trap[raw] !== 0) buffer.addTrap(buffer.length, vcode.trap[raw], vcode.loc[raw]);
    const disp = vcode.disp[raw];
    const scale = (mem >> MemField.ScaleShift) & MemField.ScaleMask;
    const indexOperand = (mem >> MemField.IndexShift) & MemField.OperandMask;
    const index = indexOperand === 0 ? -1 : operandLoc[at + indexOperand - 1];
    switch (mem & MemField.KindMask) {
      case Mem.Base:
        encRM(
          buffer,
          x,
          reg,
          operandLoc[at + ((mem >> MemField.BaseShift) & MemField.OperandMask)],
          index,
          scale,
          disp,
          imm,
          v,
        );
        break;
      case Mem.Memory0:
        if (!this.gs) encRM(buffer, x, reg, Reg.R14, index, scale, disp, imm, v);
        else {
          encGs(buffer);
          if (scale === 0) encRM(buffer, x, reg, index, -1, 0, disp, imm, v);
          else encRM(buffer, x, reg, -1, index, scale, disp, imm, v);
        }
        break;
      case Mem.Instance:
        encRM(buffer, x, reg, Reg.R15, -1, 0, disp, imm, v);
        break;
      case Mem.Const:
        encRip(buffer, x, reg, this.constantLabel(disp), imm);
        break;
      case Mem.Outgoing:
        encRM(buffer, x, reg, Reg.Rsp, -1, 0, disp, imm, v);
        break;
      case Mem.Incoming:
        encRM(buffer, x, reg, Reg.Rsp, -1, 0, this.frameBytes + 8 + disp, imm, v);
        break;
      default:
        encRM(buffer, x, reg, -1, index, scale, disp, imm, v);
    }
  }

  protected override pseudo(i: number, x: number, raw: number): void {
    this.flagsAt = -1;
    super.pseudo(i, x, raw);
  }

  protected jumpTable(i: number, raw: number): void {
    const { vcode, buffer } = this;
    const { operandLoc } = this.out;
    const at = vcode.operandStart[i];
    const imm = vcode.imm[raw];
    if (imm > 0) {
      encRR(buffer, X.Cmp + AluForm.Imm, 0, operandLoc[at], imm);
      buffer.condJump(CC.AE, this.firstLabel + vcode.imm2[raw]);
    }
    encRM(buffer, X.Movsxd, Reg.R11, operandLoc[at + 1], operandLoc[at], 2, 0);
    encRR(buffer, X.Add + AluForm.Rm + 1, Reg.R11, operandLoc[at + 1]);
    if (this.landingPads) buffer.put1(NOTRACK);
    encRR(buffer, X.JmpM, 0, Reg.R11);
  }

  protected loadLabel(reg: number, label: number): void {
    encRip(this.buffer, X.Lea + 1, reg, label);
  }

  /** A pseudo instruction of this ISA. */
  private sequence(x: number, raw: number, at: number): void {
    const { vcode, buffer } = this;
    const { operandLoc } = this.out;
    const imm = vcode.imm[raw];
    switch (x) {
      case P.SetBool:
        encRR(buffer, X.Setcc, 0, operandLoc[at], imm);
        encRR(buffer, X.Movzx8, operandLoc[at], operandLoc[at]);
        return;
      case P.FloatSelect:
        floatSelect(buffer, imm, operandLoc[at], operandLoc[at + 2]);
        return;
      case P.ZeroVec:
        encRR(buffer, X.Xorp, operandLoc[at], operandLoc[at]);
        return;
      case P.ZeroInt:
        encRR(buffer, X.Xor, operandLoc[at], operandLoc[at]);
        return;
    }
    const w = (x - P.SignedDiv) & 1;
    switch (x - w) {
      case P.SignedDiv:
        encNone(buffer, X.Cdq + w);
        encRR(buffer, X.Idiv + w, 0, operandLoc[at + 2]);
        return;
      case P.UnsignedDiv:
        encRR(buffer, X.Xor, Reg.Rdx, Reg.Rdx);
        encRR(buffer, X.Div + w, 0, operandLoc[at + 2]);
        return;
      case P.SignedRem:
        signedRem(buffer, w, operandLoc[at + 2]);
        return;
      case P.DivOverflow:
        divOverflow(
          buffer,
          w,
          operandLoc[at],
          operandLoc[at + 1],
          buffer.deferTrap(vcode.trap[raw], vcode.loc[raw]),
        );
        return;
      case P.MinMax:
        minMax(buffer, w, imm, operandLoc[at], operandLoc[at + 2]);
        return;
      case P.MulHigh:
        encRR(buffer, X.Mul + w, 0, operandLoc[at + 2]);
        return;
      case P.MulHighS:
        encRR(buffer, X.ImulWide + w, 0, operandLoc[at + 2]);
        return;
      default:
        throw new Error(`unknown instruction ${x}`);
    }
  }

  // ---- Conditions ----

  protected trapIf(_i: number, cc: number, trap: number): void {
    const { buffer } = this;
    if (cc === CC.FloatEq) {
      const fine = buffer.newLabel();
      buffer.condJump(CC.NE, fine);
      buffer.condJump(CC.NP, trap);
      buffer.bindLabel(fine);
    } else if (cc === CC.FloatNe) {
      buffer.condJump(CC.NE, trap);
      buffer.condJump(CC.P, trap);
    } else buffer.condJump(cc, trap);
  }

  protected branch(_i: number, cc: number, yes: number, no: number): void {
    const { buffer } = this;
    if (cc === CC.FloatEq) {
      buffer.condJump(CC.NE, no);
      buffer.condJump(CC.P, no);
      buffer.jump(yes);
    } else {
      if (cc === CC.FloatNe) {
        buffer.condJump(CC.NE, yes);
        buffer.condJump(CC.P, yes);
      } else buffer.condJump(cc, yes);
      buffer.jump(no);
    }
  }

  // ---- Calls ----

  protected transfer(callee: Callee, imm: number, isTail: boolean): void {
    const { buffer } = this;
    const x = isTail ? X.JmpM : X.CallM;
    switch (callee) {
      case Callee.Symbol:
        if (isTail) encTailJump(buffer, imm);
        else encCall(buffer, imm);
        break;
      case Callee.Slot:
        encRM(buffer, X.Mov + 1, Reg.R10, Reg.R15, -1, 0, imm + FuncLayout.Code);
        encRM(buffer, X.Mov + 1, Reg.R15, Reg.R15, -1, 0, imm + FuncLayout.Instance);
        encMemoryBase(buffer, this.gs);
        encRR(buffer, x, 0, Reg.R10);
        break;
      case Callee.Ref:
        encRM(buffer, X.Mov + 1, Reg.R15, Reg.R10, -1, 0, FuncLayout.Instance);
        encMemoryBase(buffer, this.gs);
        encRM(buffer, x, 0, Reg.R10, -1, 0, FuncLayout.Code);
        break;
      case Callee.Code:
        encRR(buffer, x, 0, Reg.R10);
    }
  }

  /** At the last byte of the call the arguments are popped: an unwinder looks return addresses up minus one. */
  protected takeBack(bytes: number): void {
    const cfa = this.frameBytes + 8 + this.argBytes;
    this.unwindAt(Unwind.CfaOffset, cfa - bytes, 0, 1);
    this.adjustStack(-bytes);
    this.unwindAt(Unwind.CfaOffset, cfa, 0);
  }

  protected restoreInstance(): void {
    encRM(this.buffer, X.Mov + 1, Reg.R15, Reg.Rsp, -1, 0, this.instanceSlot);
    encMemoryBase(this.buffer, this.gs);
  }

  /**
   * Leaves the frame with stack arguments of another size: saved registers are restored from their places, then the
   * return address and the new arguments (together at the low end of the frame) move up to end right below the
   * result area, from the top down since the ranges may overlap. r11 is free here.
   */
  protected replaceFrame(newBytes: number): void {
    const { buffer } = this;
    let at = this.frameBytes;
    for (const reg of this.saved) {
      at -= 8;
      encRM(buffer, X.Mov + 1, reg, Reg.Rsp, -1, 0, at);
      this.unwindAt(Unwind.Restored, DWARF_REG[reg], 0);
    }
    encRM(buffer, X.Mov + 1, Reg.R11, Reg.Rsp, -1, 0, this.frameBytes);
    encRM(buffer, X.MovStore + 1, Reg.R11, Reg.Rsp, -1, 0, 0);
    const up = this.frameBytes + this.argBytes - newBytes;
    // The caller is found by the copy of the return address, for the moves may overwrite the old place.
    this.unwindAt(Unwind.Saved, DWARF_RETURN_ADDRESS, -(this.frameBytes + 8 + this.argBytes));
    for (let offset = newBytes; offset >= 0; offset -= 8) {
      encRM(buffer, X.Mov + 1, Reg.R11, Reg.Rsp, -1, 0, offset);
      encRM(buffer, X.MovStore + 1, Reg.R11, Reg.Rsp, -1, 0, up + offset);
      buffer.afterInstruction();
    }
    this.adjustStack(up);
    this.unwindAt(Unwind.CfaOffset, 8 + newBytes, 0);
    this.unwindAt(Unwind.Saved, DWARF_RETURN_ADDRESS, -(8 + newBytes));
  }
}
