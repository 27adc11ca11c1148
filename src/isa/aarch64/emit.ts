// Emission of aarch64 code (emitter.ts): prologue, instructions by their rows, pseudo instructions as short sequences,
// epilogues, and the unwind operations of all of it.
//
// Frame, from high addresses to low: saved vector registers, saved integer registers, frame record {x29, x30} (x29 points
// to it), instance slot and spill slots, outgoing area (sp). Functions without calls, saved registers and slots have no
// frame. x16 is scratch inside the code of one instruction, x17 holds the callee of an indirect call.
import { Func as FuncLayout, Instance } from '../../abi/layout.ts';
import type { CodeBuffer } from '../../emit/code_buffer.ts';
import { RegClass, SLOT_BASE } from '../../regalloc/door.ts';
import type { IsaOptions } from '../contract.ts';
import { Emitter, PAGE, PROBE_ABOVE } from '../emitter.ts';
import { alignUp, Unwind } from '../frame.ts';
import { Callee } from '../pseudo.ts';
import { Mem, MemField } from '../vcode.ts';
import {
  BTI_C,
  BTI_J,
  enc,
  encAddImm,
  encAdr,
  encCall,
  encConst,
  encFarDisplacement,
  encLiteral,
  encMem,
  encMemIndexed,
  encPair,
  pairWord,
  encSign,
  encTailJump,
  fitsDisplacement,
} from './encoder.ts';
import { floatImm32, floatImm64 } from './immediates.ts';
import { A, CondField, Extend, P, ROLE, Role, Zero } from './instructions.ts';
import { SCALED_INDEX, WIDE_INDEX } from './machine.ts';
import { dwarfReg, Reg, SAVED_INTS, SAVED_VECS, SCRATCH_VEC, ZR } from './registers.ts';

const CALLEE_SAVED: readonly number[] = [...SAVED_INTS, ...SAVED_VECS];

/** The pair of a load or store of 64 bits, 0 for other instructions. */
const PAIRS = new Int32Array(A.FirstPseudo);
PAIRS[A.Str + 1] = A.Stp;
PAIRS[A.Ldr + 1] = A.Ldp;
PAIRS[A.StrF + 1] = A.StpF;
PAIRS[A.LdrF + 1] = A.LdpF;

export class A64Emitter extends Emitter {
  private readonly landingPads: boolean;
  private readonly signReturns: boolean;
  private hasFrame = false;
  /** Bytes below the frame record; from the record to the incoming area. */
  private localBytes = 0;
  private savedBytes = 0;
  /** The access to a slot that was written last: instruction, register, offset, place in the code or -1. */
  private slotOp = 0;
  private slotReg = 0;
  private slotDisp = 0;
  private slotAt = -1;

  constructor(buffer: CodeBuffer, options: IsaOptions) {
    // Instructions are words.
    const padBlocks = (options.padBlocks + 3) & -4;
    super(buffer, options.landingPads ? BTI_C : 0, CALLEE_SAVED, { ...options, padBlocks });
    this.landingPads = options.landingPads;
    this.signReturns = options.signReturns;
  }

  protected tableTarget(): void {
    if (!this.landingPads) return;
    this.buffer.put4(BTI_J);
    this.buffer.afterInstruction();
  }

  // ---- Frame ----

  protected layOutFrame(bodyBytes: number, hasCalls: boolean): number {
    const { saved } = this;
    this.localBytes = alignUp(bodyBytes, 16);
    this.hasFrame = hasCalls || this.localBytes > 0 || saved.length > 0;
    this.savedBytes = this.hasFrame ? alignUp(16 + 8 * saved.length, 16) : 0;
    return this.localBytes + this.savedBytes;
  }

  /** Returns the bytes up to where x29 is set: before them the return address is in x30 and x29 still the caller's. */
  protected prologue(): number {
    this.slotAt = -1;
    const { buffer } = this;
    // What holds behind the landing pad holds before it.
    if (this.argBytes > 0) this.unwindAt(Unwind.CfaOffset, this.argBytes, 0, buffer.length);
    if (!this.hasFrame) return 0;
    if (this.signReturns) {
      encSign(buffer, false, this.argBytes);
      this.unwindAt(Unwind.ToggleSigned, 0, 0);
    }
    encPair(buffer, A.Stp + 1, Reg.Fp, Reg.Lr, Reg.Sp, -this.savedBytes);
    const cfa = this.savedBytes + this.argBytes;
    this.unwindAt(Unwind.CfaOffset, cfa, 0);
    this.unwindAt(Unwind.Saved, Reg.Fp, -cfa);
    this.unwindAt(Unwind.Saved, Reg.Lr, 8 - cfa);
    enc(buffer, A.AddI + 1, Reg.Fp, Reg.Sp, 0, 0);
    const prologueBytes = buffer.length;
    this.unwindAt(Unwind.CfaRegister, Reg.Fp, cfa);
    this.savedRegisters(false);
    for (let k = 0; k < this.saved.length; k++)
      this.unwindAt(Unwind.Saved, dwarfReg(this.saved[k]), 16 + 8 * k - cfa);
    if (this.localBytes > PROBE_ABOVE) this.probe(this.localBytes);
    encAddImm(buffer, Reg.Sp, Reg.Sp, -this.localBytes);
    return prologueBytes;
  }

  protected saveInstance(): void {
    encMem(this.buffer, A.Str + 1, Reg.X28, Reg.Sp, this.instanceSlot);
  }

  /** Stores or loads the saved registers at their places behind the record, by pairs of one file. */
  private savedRegisters(loads: boolean): void {
    const { buffer, saved } = this;
    for (let k = 0; k < saved.length; k++) {
      const vec = saved[k] >= SAVED_VECS[0];
      const disp = 16 + 8 * k;
      if (k + 1 < saved.length && saved[k + 1] >= SAVED_VECS[0] === vec) {
        encPair(
          buffer,
          vec ? (loads ? A.LdpF : A.StpF) : loads ? A.Ldp : A.Stp,
          saved[k],
          saved[k + 1],
          Reg.Fp,
          disp,
        );
        k++;
      } else
        encMem(
          buffer,
          vec ? (loads ? A.LdrF : A.StrF) + 1 : (loads ? A.Ldr : A.Str) + 1,
          saved[k],
          Reg.Fp,
          disp,
        );
    }
  }

  /** Touches every page of the frame, downwards. */
  private probe(bytes: number): void {
    const { buffer } = this;
    // x16 = sp - bytes, x17 goes there in steps.
    encConst(buffer, Reg.X16, bytes, 0);
    enc(buffer, A.SubExt + 1, Reg.X16, Reg.Sp, Reg.X16, Extend.Uxtx << 3);
    enc(buffer, A.AddI + 1, Reg.X17, Reg.Sp, 0, 0);
    enc(buffer, A.SubI + 1, Reg.X17, Reg.X17, 0, 0x1000 | (PAGE >> 12));
    encMem(buffer, A.Ldr + 1, ZR, Reg.X17, 0);
    enc(buffer, A.Cmp + 1, 0, Reg.X17, Reg.X16);
    // b.hi back to the sub
    buffer.put4(0x54000008 | ((-3 & 0x7ffff) << 5));
  }

  /** Restores all but the stack arguments' place: sp as at entry, x29 and x30 the caller's. */
  protected epilogue(): void {
    if (!this.hasFrame) return;
    const { buffer } = this;
    const cfa = this.savedBytes + this.argBytes;
    this.savedRegisters(true);
    for (const reg of this.saved) this.unwindAt(Unwind.Restored, dwarfReg(reg), 0);
    if (this.localBytes > 0) enc(buffer, A.AddI + 1, Reg.Sp, Reg.Fp, 0, 0);
    this.unwindAt(Unwind.CfaOffset, cfa, 0);
    encPair(buffer, A.Ldp + 2, Reg.Fp, Reg.Lr, Reg.Sp, this.savedBytes);
    this.unwindAt(Unwind.CfaOffset, this.argBytes, 0);
    this.unwindAt(Unwind.Restored, Reg.Fp, 0);
    this.unwindAt(Unwind.Restored, Reg.Lr, 0);
    if (this.signReturns) {
      encSign(buffer, true, this.argBytes);
      this.unwindAt(Unwind.ToggleSigned, 0, 0);
    }
  }

  protected ret(): void {
    if (this.argBytes > 0) {
      encAddImm(this.buffer, Reg.Sp, Reg.Sp, this.argBytes);
      this.unwindAt(Unwind.CfaOffset, 0, 0);
    }
    enc(this.buffer, A.Ret, 0, 0, 0);
  }

  protected frameAgain(): void {
    const cfa = this.savedBytes + this.argBytes;
    if (!this.hasFrame) {
      if (this.argBytes > 0) this.unwindAt(Unwind.CfaOffset, cfa, 0);
      return;
    }
    if (this.signReturns) this.unwindAt(Unwind.ToggleSigned, 0, 0);
    this.unwindAt(Unwind.CfaRegister, Reg.Fp, cfa);
    this.unwindAt(Unwind.Saved, Reg.Fp, -cfa);
    this.unwindAt(Unwind.Saved, Reg.Lr, 8 - cfa);
    for (let k = 0; k < this.saved.length; k++)
      this.unwindAt(Unwind.Saved, dwarfReg(this.saved[k]), 16 + 8 * k - cfa);
  }

  // ---- Moves ----

  protected move(from: number, to: number, regClass: number): void {
    const { buffer } = this;
    if (to >= SLOT_BASE) {
      const x = regClass === RegClass.Int ? A.Str + 1 : regClass === RegClass.Float ? A.StrF + 1 : A.StrQ;
      this.slotAccess(x, from, this.slotOffset(to));
    } else if (from >= SLOT_BASE) {
      const x = regClass === RegClass.Int ? A.Ldr + 1 : regClass === RegClass.Float ? A.LdrF + 1 : A.LdrQ;
      this.slotAccess(x, to, this.slotOffset(from));
    } else if (from !== to) {
      if (regClass === RegClass.Int) enc(buffer, A.Mov + 1, to, 0, from);
      else enc(buffer, regClass === RegClass.Float ? A.Fmov + 1 : A.MovQ, to, from, 0);
    }
  }

  /** Load or store of a slot; together with the one written right before it in this block, if they are neighbours. */
  private slotAccess(x: number, t: number, disp: number): void {
    const { buffer } = this;
    const at = buffer.length - 4;
    const low = Math.min(disp, this.slotDisp);
    const pair = PAIRS[x];
    if (
      pair !== 0 &&
      x === this.slotOp &&
      at === this.slotAt &&
      at >= this.blockAt &&
      Math.abs(disp - this.slotDisp) === 8 &&
      low <= 504 &&
      t !== this.slotReg
    ) {
      const isFirst = disp === low;
      const word = pairWord(pair, isFirst ? t : this.slotReg, isFirst ? this.slotReg : t, Reg.Sp, low);
      buffer.replace4(at, word);
      this.slotAt = -1;
      return;
    }
    encMem(buffer, x, t, Reg.Sp, disp);
    this.slotOp = x;
    this.slotReg = t;
    this.slotDisp = disp;
    this.slotAt = buffer.length - 4;
  }

  protected rematerialize(raw: number, to: number): void {
    const { vcode, buffer } = this;
    const low = vcode.imm[raw];
    const high = vcode.imm2[raw];
    const pooled = vcode.mem[raw] !== 0;
    switch (vcode.op[raw]) {
      case P.Const:
        if (pooled) encLiteral(buffer, A.Ldr + 1, to, this.constantLabel(vcode.disp[raw]));
        else encConst(buffer, to, low, high);
        return;
      case P.FloatConst:
      case P.FloatConst + 1: {
        const d = vcode.op[raw] - P.FloatConst;
        if (pooled) encLiteral(buffer, A.LdrF + d, to, this.constantLabel(vcode.disp[raw]));
        else if (low === 0 && (d === 0 || high === 0)) enc(buffer, A.MoviZero, to, 0, 0);
        else enc(buffer, A.FmovI + d, to, 0, 0, d === 1 ? floatImm64(low, high) : floatImm32(low));
        return;
      }
      case P.VecConst:
        if (pooled) encLiteral(buffer, A.LdrQ, to, this.constantLabel(vcode.disp[raw]));
        else enc(buffer, A.MoviZeroQ, to, 0, 0);
        return;
      default:
        throw new Error(`instruction ${vcode.op[raw]} is no constant`);
    }
  }

  // ---- Instructions ----

  protected instruction(i: number, x: number, raw: number): void {
    const { vcode, buffer } = this;
    const at = vcode.operandStart[i];
    if (x >= A.FirstPseudo) {
      this.sequence(x, raw, at, vcode.operandStart[i + 1]);
      return;
    }
    const { operandLoc: loc } = this.out;
    const imm = vcode.imm[raw];
    switch (ROLE[x]) {
      case Role.D:
        enc(buffer, x, loc[at], 0, 0, imm);
        break;
      case Role.DN:
        enc(buffer, x, loc[at], loc[at + 1], 0, imm);
        break;
      case Role.DM:
        enc(buffer, x, loc[at], 0, loc[at + 1], imm);
        break;
      case Role.DNM:
        enc(buffer, x, loc[at], loc[at + 1], loc[at + 2], imm);
        break;
      case Role.Select: {
        const zero = vcode.aux[raw];
        let next = at + 1;
        const n = (zero & Zero.N) !== 0 ? ZR : loc[next++];
        enc(buffer, x, loc[at], n, (zero & Zero.M) !== 0 ? ZR : loc[next], imm);
        break;
      }
      case Role.DNMA:
        enc(buffer, x, loc[at], loc[at + 1], loc[at + 2], 0, loc[at + 3]);
        break;
      case Role.ModifyN:
        enc(buffer, x, loc[at], loc[at + 2], 0, imm);
        break;
      case Role.N:
        enc(buffer, x, 0, loc[at], 0, imm);
        break;
      case Role.NM:
        enc(buffer, x, 0, loc[at], loc[at + 1], imm);
        break;
      case Role.Load:
        this.access(x, raw, at, loc[at]);
        break;
      case Role.Store:
        this.access(x, raw, at, vcode.aux[raw] === Zero.T ? ZR : loc[at]);
        break;
      default:
        throw new Error(`instruction ${x} has no operands to emit`);
    }
  }

  /** Load or store of register t. */
  private access(x: number, raw: number, at: number, t: number): void {
    const { vcode } = this;
    const { operandLoc } = this.out;
    const mem = vcode.mem[raw];
    const disp = vcode.disp[raw];
    switch (mem & MemField.KindMask) {
      case Mem.Base:
        this.baseAccess(x, raw, at, t, operandLoc[at + ((mem >> MemField.BaseShift) & MemField.OperandMask)]);
        break;
      case Mem.Memory0:
        this.baseAccess(x, raw, at, t, Reg.X27);
        break;
      case Mem.Instance:
        encMem(this.buffer, x, t, Reg.X28, disp);
        break;
      case Mem.Outgoing:
        encMem(this.buffer, x, t, Reg.Sp, disp);
        break;
      case Mem.Incoming:
        // Behind the record, or at the stack pointer of a function without a frame.
        if (this.hasFrame) encMem(this.buffer, x, t, Reg.Fp, this.savedBytes + disp);
        else encMem(this.buffer, x, t, Reg.Sp, disp);
        break;
      default:
        throw new Error(`instruction ${x} with memory operand ${mem}`);
    }
  }

  private baseAccess(x: number, raw: number, at: number, t: number, base: number): void {
    const { vcode, buffer } = this;
    const mem = vcode.mem[raw];
    const disp = vcode.disp[raw];
    const indexOperand = (mem >> MemField.IndexShift) & MemField.OperandMask;
    const far = indexOperand === 0 && !fitsDisplacement(x, disp);
    // Pages by an addition, or all of it by constant moves.
    const low = disp & 0xfff;
    const pages = far && disp > 0 && disp < 1 << 24 && fitsDisplacement(x, low);
    if (pages) enc(buffer, A.AddI + 1, Reg.X16, base, 0, 0x1000 | (disp >> 12));
    else if (far) encFarDisplacement(buffer, t, disp);
    if (vcode.trap[raw] !== 0) buffer.addTrap(buffer.length, vcode.trap[raw], vcode.loc[raw]);
    if (pages) encMem(buffer, x, t, Reg.X16, low);
    else if (far) encMemIndexed(buffer, x, t, base, Reg.X16, Extend.Uxtx, false);
    else if (indexOperand === 0) encMem(buffer, x, t, base, disp);
    else {
      const extend = (mem & WIDE_INDEX) !== 0 ? Extend.Uxtx : Extend.Uxtw;
      encMemIndexed(
        buffer,
        x,
        t,
        base,
        this.out.operandLoc[at + indexOperand - 1],
        extend,
        (mem & SCALED_INDEX) !== 0,
      );
    }
  }

  protected jumpTable(i: number): void {
    enc(this.buffer, A.Br, 0, this.out.operandLoc[this.vcode.operandStart[i]], 0);
  }

  protected loadLabel(reg: number, label: number): void {
    encAdr(this.buffer, reg, label);
  }

  protected trapIf(i: number, condition: number, trap: number): void {
    this.buffer.condJump(this.condition(i, condition), trap);
  }

  protected branch(i: number, condition: number, yes: number, no: number): void {
    this.buffer.condJump(this.condition(i, condition), yes);
    this.buffer.jump(no);
  }

  /** A pseudo instruction of this ISA. */
  private sequence(x: number, raw: number, at: number, end: number): void {
    const { vcode, buffer } = this;
    const { operandLoc } = this.out;
    const imm = vcode.imm[raw];
    switch (x) {
      case P.Const:
      case P.FloatConst:
      case P.FloatConst + 1:
      case P.VecConst:
        this.rematerialize(raw, operandLoc[at]);
        return;
      case P.InstanceAddress:
        encAddImm(buffer, operandLoc[at], Reg.X28, imm);
        return;
      case P.MemoryBase:
        if (end - at === 1) enc(buffer, A.Mov + 1, operandLoc[at], 0, Reg.X27);
        else enc(buffer, A.AddExt + 1, operandLoc[at], Reg.X27, operandLoc[at + 1], Extend.Uxtw << 3);
        return;
      case P.VecSelect:
        this.vecSelect(imm, operandLoc[at], operandLoc[at + 1], operandLoc[at + 2]);
        return;
      default:
        throw new Error(`unknown instruction ${x}`);
    }
  }

  /** The condition with the register of its operand. */
  private condition(i: number, cond: number): number {
    const at = this.vcode.operandStart[i];
    return this.vcode.operandStart[i + 1] > at
      ? cond | ((this.out.operandLoc[at] & 31) << CondField.RegShift)
      : cond;
  }

  /** 128 bits: jumps over a move. */
  private vecSelect(cc: number, dst: number, yes: number, no: number): void {
    const { buffer } = this;
    const skip = (cond: number): void => buffer.put4(0x54000040 | cond);
    if (dst === no) {
      skip(cc ^ 1);
      enc(buffer, A.MovQ, dst, yes, 0);
    } else {
      if (dst !== yes) enc(buffer, A.MovQ, dst, yes, 0);
      skip(cc);
      enc(buffer, A.MovQ, dst, no, 0);
    }
  }

  // ---- Calls ----

  /** Loads code address (to x17), instance and memory base of a w2n_func. */
  private enterFunc(base: number, disp: number): void {
    const { buffer } = this;
    if (base === Reg.X17) {
      encMem(buffer, A.Ldr + 1, Reg.X28, base, disp + FuncLayout.Instance);
      encMem(buffer, A.Ldr + 1, Reg.X17, base, disp + FuncLayout.Code);
    } else {
      encMem(buffer, A.Ldr + 1, Reg.X17, base, disp + FuncLayout.Code);
      encMem(buffer, A.Ldr + 1, Reg.X28, base, disp + FuncLayout.Instance);
    }
    encMem(buffer, A.Ldr + 1, Reg.X27, Reg.X28, Instance.Memory0);
  }

  protected transfer(callee: Callee, imm: number, isTail: boolean, reg: number): void {
    const { buffer } = this;
    if (callee === Callee.Symbol) {
      if (isTail) encTailJump(buffer, imm);
      else encCall(buffer, imm);
      return;
    }
    if (callee === Callee.Slot) this.enterFunc(Reg.X28, imm);
    else if (callee === Callee.Ref) this.enterFunc(reg, 0);
    enc(buffer, isTail ? A.Br : A.Blr, 0, callee === Callee.Code ? reg : Reg.X17, 0);
  }

  /** The canonical frame address is told by x29. */
  protected takeBack(bytes: number): void {
    encAddImm(this.buffer, Reg.Sp, Reg.Sp, -bytes);
  }

  protected restoreInstance(): void {
    encMem(this.buffer, A.Ldr + 1, Reg.X28, Reg.Sp, this.instanceSlot);
    encMem(this.buffer, A.Ldr + 1, Reg.X27, Reg.X28, Instance.Memory0);
  }

  /**
   * Leaves the frame with stack arguments of another size: registers are restored from their places, then the new
   * arguments at the low end of the frame move up to end right below the result area, from the top down since the
   * ranges may overlap.
   */
  protected replaceFrame(newBytes: number): void {
    const { buffer, frameBytes } = this;
    const up = frameBytes + this.argBytes - newBytes;
    if (this.hasFrame) {
      this.savedRegisters(true);
      for (const reg of this.saved) this.unwindAt(Unwind.Restored, dwarfReg(reg), 0);
      encPair(buffer, A.Ldp, Reg.Fp, Reg.Lr, Reg.Fp, 0);
      this.unwindAt(Unwind.CfaOffset, frameBytes + this.argBytes, 0);
      this.unwindAt(Unwind.Restored, Reg.Fp, 0);
      this.unwindAt(Unwind.Restored, Reg.Lr, 0);
      if (this.signReturns) {
        // x17 holds the callee.
        enc(buffer, A.FmovToFloat + 1, SCRATCH_VEC, Reg.X17, 0);
        encSign(buffer, true, frameBytes + this.argBytes);
        enc(buffer, A.FmovToInt + 1, Reg.X17, SCRATCH_VEC, 0);
        this.unwindAt(Unwind.ToggleSigned, 0, 0);
      }
    }
    // v31 carries them: x16 may be needed for an offset, x17 holds the callee.
    for (let offset = newBytes - 16; offset >= 0 && up !== 0; offset -= 16) {
      encMem(buffer, A.LdrQ, SCRATCH_VEC, Reg.Sp, offset);
      encMem(buffer, A.StrQ, SCRATCH_VEC, Reg.Sp, up + offset);
      buffer.afterInstruction();
    }
    encAddImm(buffer, Reg.Sp, Reg.Sp, up);
    this.unwindAt(Unwind.CfaOffset, newBytes, 0);
  }
}
