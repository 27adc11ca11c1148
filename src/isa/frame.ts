// Frames of compiled functions: their layout and what traps, exceptions and unwind data need to know of them.
//
// A frame, from high addresses to low:
//     results beyond registers   (owned by the caller, right above the stack arguments)
//     stack arguments            (popped by the callee)
//     return address             (x86_64; on aarch64 the frame record holds it)
//     saved registers            in the fixed order of the ISA
//     pinned registers           one slot for the instance register, if a call may change it
//     spill slots                8 bytes a unit
//     outgoing area              stack arguments and results of calls, tail call shuffles
// The canonical frame address (CFA) of a function is the stack pointer of its caller once the call has returned: above
// the stack arguments, so that a tail call may change their size without moving it. The caller's rule changes
// accordingly at the last byte of a call that pops arguments: an unwinder looks return addresses up minus one.
//
// The stack pointer stays at the low end of the outgoing area; a callee that pops arguments moves it up and the
// caller moves it back.
import { IntColumn } from '../support/int_column.ts';

/** Kinds of unwind operations; each row is {code offset, kind, a, b}: how the frame looks from that offset on. */
export const enum Unwind {
  /** Canonical frame address = stack pointer + a. */
  CfaOffset = 0,
  /** DWARF register a is saved at CFA + b. */
  Saved = 1,
  /** DWARF register a has its caller's value again. */
  Restored = 2,
  /** Canonical frame address = DWARF register a + b. */
  CfaRegister = 3,
  /** aarch64: from here on the return address is signed if it was plain, plain if it was signed. */
  ToggleSigned = 4,
}
export const UNWIND_ROW = 4;

export interface FrameInfo {
  /** From the stack pointer in the body to the return address (x86_64) or the frame's end (aarch64). */
  readonly frameBytes: number;
  /** Bit r: physical register r of the integer file is saved; on aarch64 bits 8..15 are vector registers. */
  readonly savedMask: number;
  /** Bytes of stack arguments that the function pops. */
  readonly stackArgBytes: number;
  /** Code bytes of the prologue: behind it the frame is complete. */
  readonly prologueBytes: number;
  /** Rows of UNWIND_ROW int32, by rising code offset. */
  readonly unwind: Int32Array;
}

/** Rows of unwind operations while a function is emitted; places are marks of the code buffer. */
export class UnwindRows {
  private readonly rows = new IntColumn(64);

  clear(): void {
    this.rows.clear();
  }

  /** How the frame looks from `mark` on. Marks rise. */
  add(mark: number, kind: Unwind, a: number, b: number): void {
    this.rows.push(mark);
    this.rows.push(kind);
    this.rows.push(a);
    this.rows.push(b);
  }

  /** The rows with code offsets for marks (CodeBuffer.marks of the finished buffer). */
  finish(offsetOfMark: IntColumn): Int32Array {
    const out = this.rows.data.slice(0, this.rows.length);
    for (let at = 0; at < out.length; at += UNWIND_ROW) out[at] = offsetOfMark.data[out[at]];
    return out;
  }
}

export const alignUp = (value: number, align: number): number => (value + align - 1) & -align;
