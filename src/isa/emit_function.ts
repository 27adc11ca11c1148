// Walks finished VCode and its allocation and hands everything to the ISA in order: blocks are bound, moves stand at
// their program points, every instruction is followed by the buffer's deadline check.
import type { CodeBuffer } from '../emit/code_buffer.ts';
import { REMAT_BASE } from '../regalloc/door.ts';
import type { RegallocOutput } from '../regalloc/door.ts';
import { RawFlag } from './vcode.ts';
import type { VCode } from './vcode.ts';

/** What the walk needs of an ISA. Each writes into the buffer that the walk was given. */
export interface EmitHooks {
  /** Final instruction i; its operands' locations begin at operandStart[i]. */
  instruction(i: number): void;
  /** A place where the jump through a table may land begins here. */
  tableTarget(): void;
  /** Moves a value of a register class; never slot to slot. */
  move(from: number, to: number, regClass: number): void;
  /** Writes the constant that raw instruction `raw` defines into register `to`; it may touch flags only if they are dead. */
  rematerialize(raw: number, to: number, flagsAreDead: boolean): void;
}

/** Creates the labels of all blocks; block b has label (result) + b. */
export function blockLabels(vcode: VCode, buffer: CodeBuffer): number {
  const first = buffer.newLabel();
  for (let b = 1; b < vcode.numBlocks; b++) buffer.newLabel();
  return first;
}

/** By block: 1 if a jump table names it; null if there are none. */
function tableTargets(vcode: VCode): Uint8Array | null {
  if (vcode.targets.length === 0) return null;
  const targets = new Uint8Array(vcode.numBlocks);
  for (let k = 0; k < vcode.targets.length; k++) targets[vcode.targets.data[k]] = 1;
  return targets;
}

/** Emits all blocks. `padBlocks`: bytes of nops behind each (stress). */
export function emitBlocks(
  vcode: VCode,
  out: RegallocOutput,
  buffer: CodeBuffer,
  firstLabel: number,
  hooks: EmitHooks,
  padBlocks: number,
): void {
  const { order, loc, operandStart, vregRemat, flags } = vcode;
  const { editPoint, editFrom, editTo, editClass, numEdits, operandLoc } = out;
  const targets = tableTargets(vcode);
  let edit = 0;
  for (let b = 0; b < vcode.numBlocks; b++) {
    buffer.bindLabel(firstLabel + b);
    if (targets !== null && targets[b] !== 0) hooks.tableTarget();
    const end = vcode.blockStart[b + 1];
    for (let i = vcode.blockStart[b]; i < end; i++) {
      for (let after = 0; after < 2; after++) {
        if (after === 1) {
          const raw = order[i];
          // A constant that is made anew at each use has no place of its own.
          if ((flags[raw] & RawFlag.Remat) === 0 || operandLoc[operandStart[i]] >= 0) {
            if (loc[raw] >= 0) buffer.setLocation(loc[raw]);
            hooks.instruction(i);
            buffer.afterInstruction();
          }
        }
        const point = 2 * i + after;
        for (; edit < numEdits && editPoint[edit] === point; edit++) {
          const from = editFrom[edit];
          if (from >= REMAT_BASE) {
            // Right before a jump no flags are wanted: none live from block to block.
            const flagsAreDead = point === 2 * end - 2 && vcode.succStart[b + 1] - vcode.succStart[b] === 1;
            hooks.rematerialize(order[vregRemat[from - REMAT_BASE]], editTo[edit], flagsAreDead);
          } else hooks.move(from, editTo[edit], editClass[edit]);
          buffer.afterInstruction();
        }
      }
    }
    if (padBlocks > 0) buffer.pad(padBlocks);
  }
  if (edit !== numEdits) throw new Error(`edit ${edit} at point ${editPoint[edit]} is out of order`);
}
