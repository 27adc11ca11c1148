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
}
export const UNWIND_ROW = 4;

export interface FrameInfo {
  /** x86_64: bytes below the saved registers. aarch64: bytes from the stack pointer in the body to the frame's end. */
  readonly frameBytes: number;
  /** Bit r: physical register r of the integer file is saved; bits from 16 on aarch64 vector registers 8..15. */
  readonly savedMask: number;
  /** Bytes of stack arguments that the function pops. */
  readonly stackArgBytes: number;
  /** Code bytes of the prologue: behind it the frame is complete. */
  readonly prologueBytes: number;
  /** Rows of UNWIND_ROW int32, by rising code offset. */
  readonly unwind: Int32Array;
}

/** Rows are for code offsets in the code; `add` says so with this. */
export const AT_OFFSET = -1;

/** Rows of unwind operations while a function is emitted: offsets are given, or labels to resolve at the end. */
export class UnwindRows {
  private readonly rows = new IntColumn(64);
  private readonly labelBack = new IntColumn(16);

  clear(): void {
    this.rows.clear();
    this.labelBack.clear();
  }

  /** From code offset `at` on; or `back` bytes before where label `at` is bound, if that is not -1. */
  add(at: number, back: number, kind: Unwind, a: number, b: number): void {
    this.rows.push(at);
    this.rows.push(kind);
    this.rows.push(a);
    this.rows.push(b);
    this.labelBack.push(back);
  }

  /** The rows with final offsets; `offsetOf` resolves labels. */
  finish(offsetOf: (label: number) => number): Int32Array {
    const out = this.rows.data.slice(0, this.rows.length);
    for (let i = 0; i < this.labelBack.length; i++) {
      const back = this.labelBack.data[i];
      if (back >= 0) out[i * UNWIND_ROW] = offsetOf(out[i * UNWIND_ROW]) - back;
    }
    return out;
  }
}

export const alignUp = (value: number, align: number): number => (value + align - 1) & -align;
