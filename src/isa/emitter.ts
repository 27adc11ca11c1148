// Writes allocated VCode as the code of a function: prologue, blocks (in the order of loop_rotation.ts) with their
// instructions, moves at their program points; a jump to the dispatch of a loop is written as a copy of it
// (dispatch_blocks.ts). An ISA's emitter is a subclass that knows how each is written; the walk, the layout of the body's
// part of the frame (frame.ts) and the records are here. Every instruction is followed by the buffer's deadline check.
import type { CodeBuffer } from '../emit/code_buffer.ts';
import { UNBOUND } from '../emit/labels.ts';
import { REMAT_BASE, SLOT_BASE } from '../regalloc/door.ts';
import type { RegallocOutput } from '../regalloc/door.ts';
import { IntColumn } from '../support/int_column.ts';
import type { CompiledFunction, IsaOptions } from './contract.ts';
import { DispatchBlocks } from './dispatch_blocks.ts';
import { alignUp } from './frame.ts';
import { FunctionWriter } from './function_writer.ts';
import { LoopRotation } from './loop_rotation.ts';
import type { Callee } from './pseudo.ts';
import { Pseudo } from './pseudo.ts';
import { CallFlag, numSuccs, RawFlag } from './vcode.ts';
import type { VCode } from './vcode.ts';

/** Frames above this touch each page, so that they cannot step over the guard below the stack. */
export const PROBE_ABOVE = 512 * 1024;
export const PAGE = 4096;
/** Code of a function that may be copies of its dispatch. */
const MOST_COPIED_BYTES = 16384;

/** What a function needs of its frame besides saved registers and spill slots: known when it is selected. */
export interface FrameNeeds {
  /** Size of the outgoing area. */
  readonly outgoingBytes: number;
  readonly hasCalls: boolean;
  /** A call may change the pinned registers. */
  readonly savesInstance: boolean;
  /** Bytes of stack arguments that the function pops. */
  readonly stackArgBytes: number;
}

export abstract class Emitter extends FunctionWriter {
  protected vcode!: VCode;
  protected out!: RegallocOutput;
  /** Block b has label firstLabel + b. */
  protected firstLabel = 0;
  /** Bytes of stack arguments that the function pops. */
  protected argBytes = 0;
  /** FrameInfo.frameBytes, as `layOutFrame` decides. */
  protected frameBytes = 0;
  /** Callee-saved registers that the function writes, in the order of the frame. */
  protected readonly saved: number[] = [];
  /** Offsets from the stack pointer in the body. */
  protected instanceSlot = 0;
  /** Where the block begins that is being written. */
  protected blockAt = 0;
  private slotBase = 0;
  private readonly rotation = new LoopRotation();
  private readonly dispatch = new DispatchBlocks();
  /** Label of the jump table whose targets begin at a number, or -1. */
  private readonly tables = new IntColumn(64);
  /** The block behind the one that is being written, or -1. */
  private following = -1;
  private copiedBytes = 0;

  /** `calleeSaved`: registers that functions preserve, in the order of the frame. */
  constructor(
    buffer: CodeBuffer,
    landingPad: number,
    private readonly calleeSaved: readonly number[],
    private readonly options: Pick<IsaOptions, 'optLevel' | 'padBlocks'>,
  ) {
    super(buffer, landingPad);
  }

  /** Emits a whole function. */
  emit(vcode: VCode, out: RegallocOutput, needs: FrameNeeds): CompiledFunction {
    this.vcode = vcode;
    this.out = out;
    this.begin();
    const { buffer, saved } = this;
    let savedMask = 0;
    saved.length = 0;
    for (const reg of this.calleeSaved) {
      if (out.regsWritten[reg] === 0) continue;
      saved.push(reg);
      savedMask |= 1 << (reg & 31);
    }
    this.argBytes = needs.stackArgBytes;
    this.slotBase = alignUp(needs.outgoingBytes, 16);
    this.instanceSlot = this.slotBase + 8 * out.numSlots;
    this.frameBytes = this.layOutFrame(this.instanceSlot + (needs.savesInstance ? 8 : 0), needs.hasCalls);
    this.firstLabel = buffer.newLabel();
    for (let b = 1; b < vcode.numBlocks; b++) buffer.newLabel();
    const prologueBytes = this.prologue();
    if (needs.savesInstance) this.saveInstance();
    buffer.afterInstruction();
    this.blocks();
    return this.finish(this.frameBytes, this.argBytes, prologueBytes, savedMask);
  }

  // ---- For the ISA ----

  /**
   * Decides the frame around `bodyBytes` of outgoing area, spill slots and saved instance, `saved` and `argBytes`.
   * Returns its size as FrameInfo.frameBytes has it.
   */
  protected abstract layOutFrame(bodyBytes: number, hasCalls: boolean): number;
  /** Makes the frame. Returns FrameInfo.prologueBytes. */
  protected abstract prologue(): number;
  /** Stores the instance register to `instanceSlot`. */
  protected abstract saveInstance(): void;
  /** Leaves the frame: the stack pointer and all saved registers are as at entry. */
  protected abstract epilogue(): void;
  /** Leaves the frame for a tail call: its `newBytes` of stack arguments, in the outgoing area, replace the function's own. */
  protected abstract replaceFrame(newBytes: number): void;
  /** Pops the stack arguments and returns. */
  protected abstract ret(): void;
  /** Behind the end of a flow: other code has the whole frame. `replaced`: the end was behind `replaceFrame`. */
  protected abstract frameAgain(replaced: boolean): void;
  /** Calls or jumps to the callee of a call with immediate `imm`, in its instance; `reg` holds it if it is a value. */
  protected abstract transfer(callee: Callee, imm: number, isTail: boolean, reg: number): void;
  /** Behind a call: the stack pointer is moved back below the `bytes` that the callee has popped. */
  protected abstract takeBack(bytes: number): void;
  /** Loads the pinned registers again, from `instanceSlot`. */
  protected abstract restoreInstance(): void;
  /** Final instruction i, of the ISA's own opcode x; its operands' locations begin at operandStart[i]. */
  protected abstract instruction(i: number, x: number, raw: number): void;
  /** To `trap` if the condition of instruction i holds. */
  protected abstract trapIf(i: number, condition: number, trap: number): void;
  /** To `yes` if the condition of instruction i holds, else to `no`. */
  protected abstract branch(i: number, condition: number, yes: number, no: number): void;
  /** Register <- address of a label. */
  protected abstract loadLabel(reg: number, label: number): void;
  /** Pseudo.JumpTable */
  protected abstract jumpTable(i: number, raw: number): void;
  /** A place where the jump through a table may land begins here. */
  protected abstract tableTarget(): void;
  /** Moves a value of a register class; never slot to slot. */
  protected abstract move(from: number, to: number, regClass: number): void;
  /** Writes the constant that raw instruction `raw` defines into register `to`; it may touch flags only if they are dead. */
  protected abstract rematerialize(raw: number, to: number, flagsAreDead: boolean): void;

  /** Offset of a spill slot from the stack pointer. */
  protected slotOffset(location: number): number {
    return this.slotBase + 8 * (location - SLOT_BASE);
  }

  /** Label of constant `index` of the function's pool. */
  protected constantLabel(index: number): number {
    const { constants, constantWords } = this.vcode;
    return this.buffer.constant(constantWords.data, constants.data[2 * index], constants.data[2 * index + 1]);
  }

  // ---- Pseudo instructions ----

  /** Final instruction i, of opcode x of Pseudo. */
  protected pseudo(i: number, x: number, raw: number): void {
    const { vcode, buffer, firstLabel } = this;
    const { operandLoc } = this.out;
    const at = vcode.operandStart[i];
    const imm = vcode.imm[raw];
    switch (x) {
      case Pseudo.Args:
        return;
      case Pseudo.Copy:
        this.move(operandLoc[at + 1], operandLoc[at], vcode.vregClass[vcode.operandVReg[at]]);
        return;
      case Pseudo.Return:
        this.epilogue();
        this.ret();
        buffer.endFlow();
        this.frameAgain(false);
        return;
      case Pseudo.Trap:
        buffer.trap(vcode.trap[raw], vcode.loc[raw]);
        buffer.endFlow();
        return;
      case Pseudo.TrapIf:
        this.trapIf(i, imm, buffer.deferTrap(vcode.trap[raw], vcode.loc[raw]));
        return;
      case Pseudo.Jump:
        if (this.isCopied(vcode.imm2[raw])) this.copy(vcode.imm2[raw]);
        else buffer.jump(firstLabel + vcode.imm2[raw]);
        return;
      case Pseudo.Branch:
        this.branch(i, imm, firstLabel + vcode.imm2[raw], firstLabel + vcode.aux[raw]);
        return;
      case Pseudo.TableAddress:
        this.loadLabel(operandLoc[at], this.tableLabel(imm, vcode.imm2[raw]));
        return;
      case Pseudo.JumpTable:
        this.jumpTable(i, raw);
        buffer.endFlow();
        return;
      default:
        if (x < Pseudo.TailCall) this.call(x - Pseudo.Call, i, raw);
        else this.tailCall(x - Pseudo.TailCall, i, raw);
    }
  }

  private call(callee: Callee, i: number, raw: number): void {
    const { vcode } = this;
    const argBytes = vcode.imm2[raw];
    this.transfer(callee, vcode.imm[raw], false, this.calleeReg(i));
    this.buffer.addCallSite(vcode.loc[raw], -1, -1, argBytes);
    if (argBytes > 0) this.takeBack(argBytes);
    if ((vcode.aux[raw] & CallFlag.RestoreInstance) !== 0) this.restoreInstance();
  }

  /** Where the callee of instruction i is if it is a value: its last operand. */
  private calleeReg(i: number): number {
    return this.out.operandLoc[this.vcode.operandStart[i + 1] - 1];
  }

  private tailCall(callee: Callee, i: number, raw: number): void {
    const newBytes = this.vcode.imm2[raw];
    const replaces = newBytes !== 0 || this.argBytes !== 0;
    if (replaces) this.replaceFrame(newBytes);
    else this.epilogue();
    this.transfer(callee, this.vcode.imm[raw], true, this.calleeReg(i));
    this.buffer.endFlow();
    this.frameAgain(replaces);
  }

  /** Label of a jump table of `count` targets of the VCode, from number `first` on. */
  private tableLabel(first: number, count: number): number {
    // Copies of one jump share the table until it is written: from then on it might be out of reach.
    const known = this.tables.data[first];
    if (known >= 0 && this.buffer.labels.resolve(known) === UNBOUND) return known;
    const labels = new Int32Array(count);
    for (let k = 0; k < count; k++) labels[k] = this.firstLabel + this.vcode.targets.data[first + k];
    const label = this.buffer.jumpTable(labels, 0, count);
    this.tables.data[first] = label;
    return label;
  }

  // ---- The walk ----

  private blocks(): void {
    const { vcode, buffer } = this;
    const { optLevel, padBlocks } = this.options;
    const targets = tableTargets(vcode);
    this.rotation.compute(vcode);
    this.dispatch.compute(vcode, optLevel > 0);
    this.tables.clear();
    this.tables.resize(vcode.targets.length, -1);
    this.copiedBytes = 0;
    let written = 0;
    for (let k = 0; k < vcode.numBlocks; k++) {
      const b = this.rotation.order[k];
      this.following = k + 1 < vcode.numBlocks ? this.rotation.order[k + 1] : -1;
      buffer.bindLabel(this.firstLabel + b);
      this.blockAt = buffer.length;
      if (targets !== null && targets[b] !== 0) this.tableTarget();
      written += this.block(b);
      if (padBlocks > 0) buffer.pad(padBlocks);
    }
    const missing = this.out.numEdits - written;
    if (missing !== 0) throw new Error(`${missing} edits are out of order`);
  }

  /** Writes the instructions and edits of block b; returns the number of edits. */
  private block(b: number): number {
    const { vcode, out, buffer } = this;
    const { op, order, loc, operandStart, vregRemat, flags } = vcode;
    const { editPoint, editFrom, editTo, editClass, numEdits, operandLoc } = out;
    const firstEdit = findEdit(out, 2 * vcode.blockStart[b]);
    let edit = firstEdit;
    const end = vcode.blockStart[b + 1];
    for (let i = vcode.blockStart[b]; i < end; i++) {
      for (let after = 0; after < 2; after++) {
        if (after === 1) {
          const raw = order[i];
          // A constant that is made anew at each use has no place of its own.
          if ((flags[raw] & RawFlag.Remat) === 0 || operandLoc[operandStart[i]] >= 0) {
            if (loc[raw] >= 0) buffer.setLocation(loc[raw]);
            const x = op[raw];
            if (x >= Pseudo.First) this.pseudo(i, x, raw);
            else this.instruction(i, x, raw);
            buffer.afterInstruction();
          }
        }
        const point = 2 * i + after;
        for (; edit < numEdits && editPoint[edit] === point; edit++) {
          const from = editFrom[edit];
          if (from >= REMAT_BASE) {
            // Right before a jump no flags are wanted: none live from block to block.
            const flagsAreDead = point === 2 * end - 2 && numSuccs(vcode, b) === 1;
            this.rematerialize(order[vregRemat[from - REMAT_BASE]], editTo[edit], flagsAreDead);
          } else this.move(from, editTo[edit], editClass[edit]);
          buffer.afterInstruction();
        }
      }
    }
    return edit - firstEdit;
  }

  /** True if a jump to block `to` is to be replaced by a copy of the block. */
  private isCopied(to: number): boolean {
    return to !== this.following && this.dispatch.length[to] !== 0 && this.copiedBytes < MOST_COPIED_BYTES;
  }

  private copy(block: number): void {
    const { buffer } = this;
    const at = buffer.length;
    const before = this.copiedBytes;
    this.block(block);
    // A copy may end in a copy itself.
    this.copiedBytes = before + buffer.length - at;
  }
}

/** The first edit at `point` or behind it. */
function findEdit(out: RegallocOutput, point: number): number {
  const { editPoint } = out;
  let low = 0;
  let high = out.numEdits;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (editPoint[middle] < point) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** By block: 1 if a jump table names it; null if there are none. */
function tableTargets(vcode: VCode): Uint8Array | null {
  if (vcode.targets.length === 0) return null;
  const targets = new Uint8Array(vcode.numBlocks);
  for (let k = 0; k < vcode.targets.length; k++) targets[vcode.targets.data[k]] = 1;
  return targets;
}
