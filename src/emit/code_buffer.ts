// The machine code of one function while it is emitted: bytes, labels, fixups, islands, and the records that name
// code offsets. One buffer serves all functions of a worker (`reset`).
//
// Use: the back end writes an instruction's bytes with put1/put2/put4, says with `useLabelAt`, `externalAt`,
// `jump` and `condJump` what they refer to, and calls `afterInstruction` behind every instruction; `finish` returns
// the function.
//
// Deadlines. A fixup of a short reach whose target is not bound has a deadline: the last offset where its target, or a
// veneer, may lie. An *island* (veneers, then traps, then constants and jump tables) is written in the middle of the
// code, with a jump around it, when one could be missed. Invariant after every instruction:
//     end of the veneers that an island written now might need, plus one more instruction, <= soonest deadline, and
//     the same with all traps and constants added, for loads of constants, which cannot have a veneer.
// An island gives veneers only to fixups whose deadline could lie inside it; the others wait. The deadlines are
// recomputed at each island. A call of another function is a fixup with a target that is never bound: where it could
// not reach the function's end it gets a veneer here, and the veneer's longer fixup becomes the external one.
//
// Three layers, one object: branch_buffer.ts has bytes, labels, fixups and the branch peephole, island_buffer.ts what waits
// and islands, this file records and the function's end.
import { IntColumn } from '../support/int_column.ts';
import type { FixupIsa } from './fixup_kinds.ts';
import { FixupState } from './fixup_list.ts';
import { CallSiteRow, LocationRow } from './function_code.ts';
import type { FunctionCode } from './function_code.ts';
import { IslandBuffer } from './island_buffer.ts';
import { shrinkBranches } from './shrink.ts';

export interface CodeBufferOptions {
  /** Stress (`--x-force-veneers`): every branch that waits gets a veneer at the next instruction. */
  readonly forceVeneers?: boolean;
  /** Use shorter forms of forward branches where they fit, in a pass at the end of the function. */
  readonly shrink?: boolean;
}

export class CodeBuffer extends IslandBuffer {
  /** Flat rows as in function_code.ts; the landing pads are labels until the function is finished. */
  readonly callSiteRows = new IntColumn();
  /** Branches that the last function's shrink pass shortened. */
  shrunkCount = 0;

  private readonly shrink: boolean;
  private hasAlignment = false;

  constructor(isa: FixupIsa, options: CodeBufferOptions = {}) {
    super(isa, options.forceVeneers === true);
    this.shrink = options.shrink === true;
  }

  /**
   * Empties the buffer for the next function and keeps its memory. `symbol`: the function's own symbol index, so that
   * calls of itself are resolved here; -1 if it has none.
   */
  reset(symbol = -1): void {
    this.resetBranches(symbol);
    this.resetIslands();
    this.callSiteRows.clear();
    this.shrunkCount = 0;
    this.hasAlignment = false;
  }

  // ---- Padding ----

  /** Nops up to a multiple of `align` (a power of two, at most the function's alignment). Turns the shrink pass off. */
  alignCode(align: number): void {
    const to = (this.length + align - 1) & -align;
    if (to === this.length) return;
    this.hasAlignment = true;
    this.pad(to - this.length);
  }

  /** `count` bytes of nops: also the stress mode `--x-pad-blocks`. */
  pad(count: number): void {
    this.ensureRoom(count);
    this.reserve(count);
    this.isa.writeNops(this.bytes, this.length, this.length + count);
    this.length += count;
  }

  // ---- Records ----

  /** The tail is a return address. `landingPad`: a label, or -1. */
  addCallSite(wasmOffset: number, landingPad: number, stackMap: number, argumentBytes: number): void {
    const rows = this.callSiteRows;
    rows.push(this.length);
    rows.push(wasmOffset);
    rows.push(landingPad);
    rows.push(stackMap);
    rows.push(argumentBytes);
  }

  /**
   * Marks the place `back` bytes before the tail, and returns the mark. Unlike a label, which jump threading may
   * send elsewhere, it stays with the code around it; marks rise.
   */
  mark(back = 0): number {
    return this.marks.push(this.length - back);
  }

  /** Code from the tail on belongs to `wasmOffset`. */
  setLocation(wasmOffset: number): void {
    const rows = this.locationRows;
    const last = rows.length - LocationRow.Size;
    if (last >= 0) {
      if (rows.data[last + LocationRow.WasmOffset] === wasmOffset) return;
      if (rows.data[last + LocationRow.Offset] === this.length) {
        rows.data[last + LocationRow.WasmOffset] = wasmOffset;
        return;
      }
    }
    rows.push(this.length);
    rows.push(wasmOffset);
  }

  // ---- End ----

  /**
   * Ends the function: writes what waits, shrinks branches, patches everything inside. The code must not run past
   * the end. Throws if a label that is used was never bound. `offsetOf` answers until `reset`.
   */
  finish(): FunctionCode {
    if (this.branches.length > 0) this.optimizeBranches();
    this.settle();
    const fixups = this.fixups;
    if (this.shrink && this.islandCount === 0 && !this.hasAlignment && this.branches.siteCount > 0) {
      this.writeTraps();
      this.settle();
      this.shrunkCount = shrinkBranches(this);
    }
    fixups.recomputeSoonest();
    const worst = this.margin + fixups.veneerBytes + this.pendingBytes();
    this.sweep(this.length + worst, this.forceVeneers);
    this.writeTraps();
    this.writePool();
    this.settle();
    this.sweepOutOfReach();
    for (;;) {
      fixups.recomputeSoonest();
      const end = this.length + this.margin + fixups.veneerBytes;
      if (end <= fixups.soonestVeneer) break;
      this.sweep(end, false);
    }
    return this.result();
  }

  private result(): FunctionCode {
    const fixups = this.fixups;
    const external = new IntColumn(16);
    for (let i = 0; i < fixups.length; i++) {
      if (fixups.state[i] === FixupState.Done) continue;
      const label = this.labels.root(fixups.label[i]);
      const symbol = this.labels.symbol.data[label];
      const target = this.labels.offset.data[label];
      if (target < 0 && symbol >= 0) {
        external.push(fixups.offset[i]);
        external.push(symbol);
        external.push(fixups.kind[i]);
        external.push(fixups.addend[i]);
        continue;
      }
      if (target < 0) throw new Error(`label ${label} is used and never bound`);
      this.patchTo(fixups.offset[i], fixups.kind[i], fixups.addend[i], target);
    }
    this.work += fixups.length;
    const sites = this.callSiteRows.data.slice(0, this.callSiteRows.length);
    for (let row = 0; row < sites.length; row += CallSiteRow.Size) {
      const pad = sites[row + CallSiteRow.LandingPad];
      if (pad < 0) continue;
      sites[row + CallSiteRow.LandingPad] = this.labels.resolve(pad);
      if (sites[row + CallSiteRow.LandingPad] < 0) throw new Error(`landing pad ${pad} was never bound`);
    }
    let align = Math.max(this.isa.functionAlign, this.pool.largestAlign);
    if (this.poolWritten) align = Math.max(align, this.isa.poolAlign);
    return {
      bytes: this.bytes.slice(0, this.length),
      align,
      fixups: external.data.slice(0, external.length),
      traps: this.trapRows.data.slice(0, this.trapRows.length),
      callSites: sites,
      locations: this.locationRows.data.slice(0, this.locationRows.length),
      dataRanges: this.dataRangeRows.data.slice(0, this.dataRangeRows.length),
    };
  }
}
