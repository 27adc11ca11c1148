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
// Branch peephole (branches.ts holds the list): when a label is bound behind branches, a jump to what follows is
// removed, labels at a jump are made aliases of its target, a jump over a jump is inverted, and a jump that nothing
// reaches is removed. Nothing is patched while a branch can still be removed: fixups are settled when other code
// follows, at islands, and at the end.
import { IntColumn } from '../support/int_column.ts';
import { ConstantPool } from './constant_pool.ts';
import { fits } from './fixup_kinds.ts';
import type { BranchForm, FixupIsa } from './fixup_kinds.ts';
import { FixupList, FixupState, NO_DEADLINE } from './fixup_list.ts';
import { CallSiteRow, LocationRow } from './function_code.ts';
import type { FunctionCode } from './function_code.ts';
import { BranchList } from './branches.ts';
import { Labels, UNBOUND } from './labels.ts';
import { shrinkBranches } from './shrink.ts';

export interface CodeBufferOptions {
  /** Stress (`--x-force-veneers`): every branch that waits gets a veneer at the next instruction. */
  readonly forceVeneers?: boolean;
  /** Use shorter forms of forward branches where they fit, in a pass at the end of the function. */
  readonly shrink?: boolean;
}

/** More labels than this at one branch are not moved any more: guards against quadratic time. */
const MAX_LABELS_AT_BRANCH = 100;

export class CodeBuffer {
  /** The code so far: the first `length` bytes are valid. May be replaced by anything that writes. */
  bytes = new Uint8Array(4096);
  length = 0;

  readonly labels = new Labels();
  readonly fixups: FixupList;
  readonly pool = new ConstantPool();
  readonly branches = new BranchList();
  /** Flat rows as in function_code.ts; the landing pads of call sites are labels until the function is finished. */
  readonly trapRows = new IntColumn();
  readonly callSiteRows = new IntColumn();
  readonly locationRows = new IntColumn();
  /** Code offsets of marks, by mark. */
  readonly marks = new IntColumn();
  readonly dataRangeRows = new IntColumn();

  /** Islands written inside the function, veneers written in it, branches that the last function's shrink pass shortened. */
  islandCount = 0;
  veneerCount = 0;
  shrunkCount = 0;
  /** Largest island that might have had to be written when one was: bound for tests. */
  largestIsland = 0;
  /** Steps of all loops over fixups and labels, for tests that the cost is linear. Never reset. */
  work = 0;

  private readonly costlyKinds: Int32Array;
  private readonly margin: number;
  /** Largest island that a jump can be taken around, less the margin. */
  private readonly islandLimit: number;
  private readonly forceVeneers: boolean;
  private readonly shrink: boolean;
  private hasAlignment = false;
  private poolWritten = false;

  /** Labels bound at the tail: a list through `labels.next`; valid if `tailAt` is the length. */
  private tailFirst = -1;
  private tailLast = -1;
  private tailCount = 0;
  private tailAt = -1;
  /** Labels bound or made aliases since fixups were settled last. */
  private readonly touched = new IntColumn();

  private readonly trapKind = new IntColumn();
  private readonly trapWasm = new IntColumn();
  private readonly trapLabel = new IntColumn();
  private pendingTrap = 0;

  /** Label of each external symbol used in this function, or -1; the symbols to forget. */
  private readonly symbolLabel = new IntColumn();
  private readonly usedSymbols = new IntColumn();

  constructor(
    readonly isa: FixupIsa,
    options: CodeBufferOptions = {},
  ) {
    this.fixups = new FixupList(isa);
    this.forceVeneers = options.forceVeneers === true;
    this.shrink = options.shrink === true;
    const jump = isa.jumpForms[isa.jumpForms.length - 1];
    this.margin =
      isa.maxInstructionSize + isa.maxInstructionGrowth + jump.size + 2 * Math.max(isa.poolAlign, 32);
    const jumpReach = this.fixups.reach[jump.kind];
    this.islandLimit = jumpReach === NO_DEADLINE ? NO_DEADLINE : jumpReach - this.margin;
    const kinds = isa.kinds.map((_, k) => k).filter((k) => this.fixups.cost[k] > 0);
    this.costlyKinds = Int32Array.from(kinds.sort((a, b) => this.fixups.reach[b] - this.fixups.reach[a]));
  }

  /**
   * Empties the buffer for the next function and keeps its memory. `symbol`: the function's own symbol index, so that
   * calls of itself are resolved here; -1 if it has none.
   */
  reset(symbol = -1): void {
    this.length = 0;
    this.labels.clear();
    this.fixups.clear();
    this.pool.clear();
    this.branches.clear();
    this.trapRows.clear();
    this.callSiteRows.clear();
    this.locationRows.clear();
    this.marks.clear();
    this.dataRangeRows.clear();
    this.islandCount = 0;
    this.veneerCount = 0;
    this.shrunkCount = 0;
    this.largestIsland = 0;
    this.hasAlignment = false;
    this.poolWritten = false;
    this.tailAt = -1;
    this.tailCount = 0;
    this.touched.clear();
    this.trapKind.clear();
    this.trapWasm.clear();
    this.trapLabel.clear();
    this.pendingTrap = 0;
    for (let i = 0; i < this.usedSymbols.length; i++) this.symbolLabel.data[this.usedSymbols.data[i]] = -1;
    this.usedSymbols.clear();
    if (symbol >= 0) this.labels.offset.data[this.labelOfSymbol(symbol)] = 0;
  }

  // ---- Bytes ----

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const need = this.length + count;
    if (need <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(need, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  put1(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** Little-endian, as all of these. */
  put2(value: number): void {
    if (this.length + 2 > this.bytes.length) this.reserve(2);
    const bytes = this.bytes;
    const at = this.length;
    bytes[at] = value;
    bytes[at + 1] = value >> 8;
    this.length = at + 2;
  }

  put4(value: number): void {
    if (this.length + 4 > this.bytes.length) this.reserve(4);
    const bytes = this.bytes;
    const at = this.length;
    bytes[at] = value;
    bytes[at + 1] = value >> 8;
    bytes[at + 2] = value >> 16;
    bytes[at + 3] = value >> 24;
    this.length = at + 4;
  }

  putBytes(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

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

  // ---- Labels and fixups ----

  newLabel(): number {
    return this.labels.create(-1);
  }

  /** Binds `label` to the tail. Throws if it is bound already. */
  bindLabel(label: number): void {
    const labels = this.labels;
    if (labels.offset.data[label] !== UNBOUND || labels.alias.data[label] >= 0) {
      throw new Error(`label ${label} is bound twice`);
    }
    if (this.branches.length > 0 && !this.branches.endsAt(this.length)) this.settle();
    this.refreshTail();
    labels.offset.data[label] = this.length;
    this.appendTail(label, label, 1);
    this.touched.push(label);
    if (this.branches.length > 0) this.optimizeBranches();
  }

  /** Offset of `label` (aliases followed), or -1 if it is not bound. Final once the function is finished. */
  offsetOf(label: number): number {
    return this.labels.resolve(label);
  }

  /**
   * The bytes at `offset` name `label` by a fixup of `kind` (see fixup_kinds.ts for `addend`). May be called before
   * or after the bytes are written, with rising offsets (those of `externalAt` included). Branches to labels go
   * through `jump` and `condJump` instead.
   */
  useLabelAt(offset: number, label: number, kind: number, addend: number): void {
    const target = this.labels.resolve(label);
    const near = target >= 0 && fits(this.isa.kinds[kind], target + addend - offset);
    this.fixups.add(offset, label, kind, addend, near);
  }

  /** The bytes at `offset` name the start of function (or block of data) `symbol`. */
  externalAt(offset: number, symbol: number, kind: number, addend: number): void {
    this.useLabelAt(offset, this.labelOfSymbol(symbol), kind, addend);
  }

  private labelOfSymbol(symbol: number): number {
    if (symbol >= this.symbolLabel.length) this.symbolLabel.resize(symbol + 1, -1);
    let label = this.symbolLabel.data[symbol];
    if (label < 0) {
      label = this.labels.create(symbol);
      this.symbolLabel.data[symbol] = label;
      this.usedSymbols.push(symbol);
    }
    return label;
  }

  // ---- Branches ----

  /** Writes an unconditional jump to `label`. */
  jump(label: number): void {
    const forms = this.isa.jumpForms;
    this.beginBranch();
    const form = this.pickForm(forms, label);
    this.reserve(forms[form].size);
    this.isa.writeJump(this.bytes, this.length, form);
    this.endBranch(forms, form, label, -1);
  }

  /** Writes a branch to `label` taken if `cond` holds. */
  condJump(cond: number, label: number): void {
    const forms = this.isa.condForms(cond);
    this.beginBranch();
    const form = this.pickForm(forms, label);
    this.reserve(forms[form].size);
    this.isa.writeCond(this.bytes, this.length, cond, form);
    this.endBranch(forms, form, label, cond);
  }

  private beginBranch(): void {
    if (this.branches.length > 0 && !this.branches.endsAt(this.length)) this.settle();
    this.refreshTail();
  }

  private endBranch(forms: readonly BranchForm[], form: number, label: number, cond: number): void {
    const start = this.length;
    const f = forms[form];
    this.length = start + f.size;
    const fixup = this.fixups.length;
    this.useLabelAt(start + f.fixupOffset, label, f.kind, f.addend);
    this.branches.push(start, this.length, label, fixup, cond, this.tailFirst, this.tailLast, this.tailCount);
    if (forms.length > 1 && this.fixups.reach[forms[forms.length - 1].kind] === NO_DEADLINE) {
      this.branches.pushSite(start, fixup, cond, form);
    }
    this.tailAt = -1;
  }

  /** The shortest form that reaches `label` from the tail; the longest if the label is not bound. */
  private pickForm(forms: readonly BranchForm[], label: number): number {
    const last = forms.length - 1;
    if (last === 0) return 0;
    const target = this.labels.resolve(label);
    if (target < 0) return last;
    for (let i = 0; i < last; i++) {
      const form = forms[i];
      const displacement = target + form.addend - (this.length + form.fixupOffset);
      if (fits(this.isa.kinds[form.kind], displacement)) return i;
    }
    return last;
  }

  private refreshTail(): void {
    if (this.tailAt === this.length) return;
    this.tailFirst = -1;
    this.tailLast = -1;
    this.tailCount = 0;
    this.tailAt = this.length;
  }

  /** Adds a list of `count` labels to those at the tail. */
  private appendTail(first: number, last: number, count: number): void {
    if (count === 0) return;
    this.labels.next.data[last] = -1;
    if (this.tailCount === 0) this.tailFirst = first;
    else this.labels.next.data[this.tailLast] = first;
    this.tailLast = last;
    this.tailCount += count;
  }

  /** Simplifies the branches that end at the tail, where a label was bound. */
  private optimizeBranches(): void {
    const list = this.branches;
    const labels = this.labels;
    while (list.length > 0 && list.endsAt(this.length)) {
      this.work++;
      const b = list.length - 1;
      if (list.labelCount[b] > MAX_LABELS_AT_BRANCH) return;
      const target = labels.root(list.target[b]);
      const offset = labels.offset.data[target];
      if (offset === this.length) {
        this.chopBranch();
        continue;
      }
      if (list.cond[b] >= 0) return;
      if (list.labelCount[b] > 0 && offset !== list.start[b]) {
        for (let l = list.labelFirst[b]; l >= 0; l = labels.next.data[l]) {
          labels.alias.data[l] = target;
          labels.offset.data[l] = UNBOUND;
          this.touched.push(l);
        }
        list.labelCount[b] = 0;
        list.labelFirst[b] = -1;
        list.labelLast[b] = -1;
      }
      if (b === 0 || list.end[b - 1] !== list.start[b] || list.labelCount[b] > 0) return;
      if (list.cond[b - 1] < 0) {
        this.chopBranch();
        continue;
      }
      if (labels.resolve(list.target[b - 1]) !== this.length || !this.invertBefore(target, offset)) return;
    }
  }

  /** Removes the last branch; labels at the tail move to its start. */
  private chopBranch(): void {
    const list = this.branches;
    const b = list.length - 1;
    const first = this.tailAt === this.length ? this.tailFirst : -1;
    const last = this.tailLast;
    const count = this.tailAt === this.length ? this.tailCount : 0;
    this.moveTailLabels(first, list.start[b]);
    this.truncate(list.start[b], list.fixup[b]);
    this.tailAt = this.length;
    this.tailFirst = list.labelFirst[b];
    this.tailLast = list.labelLast[b];
    this.tailCount = list.labelCount[b];
    this.appendTail(first, last, count);
    list.pop();
  }

  private moveTailLabels(first: number, offset: number): void {
    for (let l = first; l >= 0; l = this.labels.next.data[l]) {
      this.work++;
      this.labels.offset.data[l] = offset;
    }
  }

  /** Cuts the code back to `length` bytes and the fixups to `fixup`. */
  private truncate(length: number, fixup: number): void {
    this.length = length;
    this.fixups.truncate(fixup);
    const rows = this.locationRows;
    while (rows.length > 0 && rows.data[rows.length - LocationRow.Size + LocationRow.Offset] > length) {
      rows.length -= LocationRow.Size;
    }
    const marks = this.marks;
    for (let m = marks.length - 1; m >= 0 && marks.data[m] > length; m--) marks.data[m] = length;
  }

  /**
   * The last two branches are `if (c) goto tail; goto target`: makes them `if (!c) goto target`. False, with nothing
   * changed, if the condition has no opposite or cannot reach a target that is bound.
   */
  private invertBefore(target: number, targetOffset: number): boolean {
    const list = this.branches;
    const b = list.length - 1;
    const p = b - 1;
    const cond = this.isa.invertCond(list.cond[p]);
    if (cond < 0) return false;
    const forms = this.isa.condForms(cond);
    if (targetOffset >= 0) {
      const form = forms[forms.length - 1];
      const displacement = targetOffset + form.addend - (list.start[p] + form.fixupOffset);
      if (!fits(this.isa.kinds[form.kind], displacement)) return false;
    }
    const first = this.tailFirst;
    const last = this.tailLast;
    const count = this.tailCount;
    this.truncate(list.start[p], list.fixup[p]);
    this.tailFirst = list.labelFirst[p];
    this.tailLast = list.labelLast[p];
    this.tailCount = list.labelCount[p];
    list.pop();
    list.pop();
    const form = this.pickForm(forms, target);
    this.reserve(forms[form].size);
    this.isa.writeCond(this.bytes, this.length, cond, form);
    this.endBranch(forms, form, target, cond);
    this.moveTailLabels(first, this.length);
    this.refreshTail();
    this.appendTail(first, last, count);
    return true;
  }

  // ---- Constants, jump tables, traps, records ----

  /**
   * A label for a constant of `count` (1, 2, 4, 8) words `words[first..]`, aligned to its size and written in the next
   * island or at the function's end. Equal constants share a label while they wait.
   */
  constant(words: Int32Array, first: number, count: number): number {
    const label = this.newLabel();
    const known = this.pool.intern(words, first, count, label);
    return known < 0 ? label : known;
  }

  /**
   * A label for a jump table, written like a constant: one int32 for each of the labels `targets[first..+count)`, its
   * distance from the table's first byte. May write an island, so it is called between instructions.
   */
  jumpTable(targets: Int32Array, first: number, count: number): number {
    this.ensureRoom(count * 4);
    const label = this.newLabel();
    this.pool.addTable(label, targets, first, count);
    return label;
  }

  /** A label for an out-of-line trap of `kind`, which is recorded with `wasmOffset`. */
  deferTrap(kind: number, wasmOffset: number): number {
    const label = this.newLabel();
    this.trapKind.push(kind);
    this.trapWasm.push(wasmOffset);
    this.trapLabel.push(label);
    return label;
  }

  /** The instruction that starts at `offset` may trap; kind -1: by the address that it accesses. */
  addTrap(offset: number, kind: number, wasmOffset: number): void {
    this.trapRows.push(offset);
    this.trapRows.push(kind);
    this.trapRows.push(wasmOffset);
  }

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

  // ---- Islands ----

  /** Must be called behind every instruction: writes an island if the invariant asks for one. */
  afterInstruction(): void {
    const fixups = this.fixups;
    const end = this.length + this.margin + fixups.veneerBytes;
    if (end > fixups.soonestVeneer || this.forceVeneers) this.ensureRoom(0);
    else if (fixups.soonestRigid !== NO_DEADLINE && end + this.pendingBytes() > fixups.soonestRigid) {
      this.ensureRoom(0);
    } else if (
      this.islandLimit !== NO_DEADLINE &&
      fixups.veneerBytes + this.pendingBytes() > this.islandLimit
    ) {
      this.ensureRoom(0);
    }
  }

  /**
   * Writes an island unless `extra` bytes more than one instruction (of code, or of data that will wait) can follow
   * without one: to be called before anything longer than the ISA's `maxInstructionSize` that must not be split.
   */
  ensureRoom(extra: number): void {
    const force = this.forceVeneers && this.anyToForce();
    if (!force && this.hasRoom(extra)) return;
    const unreachable = this.tailIsUnreachable();
    this.settle();
    this.fixups.recomputeSoonest();
    if (!force && this.hasRoom(extra)) return;
    this.writeIsland(extra, !unreachable);
  }

  private hasRoom(extra: number): boolean {
    const fixups = this.fixups;
    const end = this.length + this.margin + extra + fixups.veneerBytes;
    if (end > fixups.soonestVeneer) return false;
    const island = this.pendingBytes();
    return end + island <= fixups.soonestRigid && fixups.veneerBytes + island <= this.islandLimit;
  }

  private tailIsUnreachable(): boolean {
    const b = this.branches.length - 1;
    if (b < 0 || !this.branches.endsAt(this.length) || this.branches.cond[b] >= 0) return false;
    return this.tailAt !== this.length || this.tailCount === 0;
  }

  /** Bytes of the traps, constants and tables that wait. */
  private pendingBytes(): number {
    return this.pool.pendingBytes + (this.trapLabel.length - this.pendingTrap) * this.isa.trapSize;
  }

  /** Settled state, exact deadlines. Writes one island; afterwards the invariant holds with `extra` bytes. */
  private writeIsland(extra: number, jumpAround: boolean): void {
    this.islandCount++;
    const forms = this.isa.jumpForms;
    const form = forms[forms.length - 1];
    const start = this.length;
    const worst = this.margin + extra + this.fixups.veneerBytes + this.pendingBytes();
    if (jumpAround) {
      this.reserve(form.size);
      this.isa.writeJump(this.bytes, start, forms.length - 1);
      this.length += form.size;
    }
    this.sweep(start + worst, this.forceVeneers);
    this.writeTraps();
    this.writePool();
    this.settle();
    this.fixups.recomputeSoonest();
    while (this.length + this.margin + extra + this.fixups.veneerBytes > this.fixups.soonestVeneer) {
      this.sweep(this.length + this.margin + extra + this.fixups.veneerBytes, false);
      this.fixups.recomputeSoonest();
    }
    if (jumpAround && this.length === start + form.size) {
      // All that was late could share veneers of islands before: nothing to jump around.
      this.length = start;
      this.islandCount--;
    } else if (jumpAround) {
      this.alignWithFill(this.isa.codeAlign);
      this.patchTo(start + form.fixupOffset, form.kind, form.addend, this.length);
    }
  }

  /**
   * Gives veneers to the waiting fixups with a deadline before `threshold`, and if `force` to all branches inside the
   * function that are not in veneers. Longer kinds come first, so that shorter ones can share their veneers.
   */
  private sweep(threshold: number, force: boolean): void {
    const fixups = this.fixups;
    if (threshold - this.length > this.largestIsland) this.largestIsland = threshold - this.length;
    for (let again = true; again;) {
      again = false;
      for (let k = 0; k < this.costlyKinds.length; k++) {
        const kind = this.costlyKinds[k];
        for (let i = fixups.first(kind); i >= 0; i = fixups.next[i]) {
          this.work++;
          if (fixups.state[i] === FixupState.Done) continue;
          const late = fixups.deadline(i) < threshold;
          if (!late && !(force && this.mayForce(i))) {
            if (force) continue;
            break;
          }
          this.writeVeneer(i);
          again = true;
        }
      }
    }
  }

  private mayForce(i: number): boolean {
    return this.fixups.state[i] === FixupState.Open && this.labels.symbol.data[this.fixups.label[i]] < 0;
  }

  /** Force mode: true if a fixup of a kind with a veneer is open and not in a veneer. */
  private anyToForce(): boolean {
    const fixups = this.fixups;
    for (let i = fixups.settled; i < fixups.length; i++) {
      if (fixups.cost[fixups.kind[i]] > 0 && this.mayForce(i)) return true;
    }
    return false;
  }

  /** Sends fixup `i` to a veneer: one that was written for the same target if it reaches it, or a new one. */
  private writeVeneer(i: number): void {
    const fixups = this.fixups;
    const labels = this.labels;
    const kindIndex = fixups.kind[i];
    const kind = this.isa.kinds[kindIndex];
    const veneer = kind.veneer;
    const label = labels.root(fixups.label[i]);
    if (veneer === null) throw new Error(`${kind.name} at ${fixups.offset[i]} has no veneer`);
    const known = labels.veneerOffset.data[label];
    if (known >= 0 && fixups.reach[labels.veneerKind.data[label]] > fixups.reach[kindIndex]) {
      const displacement = known + fixups.addend[i] - fixups.offset[i];
      if (fits(kind, displacement)) {
        kind.patch(this.bytes, fixups.offset[i], displacement);
        fixups.finish(i);
        return;
      }
    }
    this.alignWithFill(veneer.align);
    const at = this.length;
    this.reserve(veneer.size);
    veneer.write(this.bytes, at);
    this.length += veneer.size;
    this.veneerCount++;
    this.patchTo(fixups.offset[i], kindIndex, fixups.addend[i], at);
    fixups.finish(i);
    labels.veneerOffset.data[label] = at;
    labels.veneerKind.data[label] = veneer.kind;
    const own = fixups.add(at + veneer.fixupOffset, label, veneer.kind, veneer.addend, false);
    fixups.state[own] = FixupState.OpenInVeneer;
    this.settleFixup(own);
    fixups.settled = fixups.length;
  }

  private alignWithFill(align: number): void {
    const to = (this.length + align - 1) & -align;
    this.reserve(to - this.length);
    this.bytes.fill(this.isa.fillByte, this.length, to);
    this.length = to;
  }

  private patchTo(offset: number, kindIndex: number, addend: number, target: number): void {
    const kind = this.isa.kinds[kindIndex];
    const displacement = target + addend - offset;
    if (!fits(kind, displacement)) {
      throw new Error(`${this.isa.name}: ${kind.name} at ${offset} cannot reach ${target} (${displacement})`);
    }
    kind.patch(this.bytes, offset, displacement);
  }

  private writeTraps(): void {
    for (; this.pendingTrap < this.trapLabel.length; this.pendingTrap++) {
      const t = this.pendingTrap;
      this.reserve(this.isa.trapSize);
      this.bindFinal(this.trapLabel.data[t]);
      this.addTrap(this.length, this.trapKind.data[t], this.trapWasm.data[t]);
      this.isa.writeTrap(this.bytes, this.length, this.trapKind.data[t]);
      this.length += this.isa.trapSize;
    }
  }

  private writePool(): void {
    const pool = this.pool;
    if (!pool.hasPending()) return;
    this.poolWritten = true;
    this.alignWithFill(Math.max(this.isa.poolAlign, pool.largestAlign));
    const start = this.length;
    this.reserve(pool.pendingBytes);
    for (let size = 8; size >= 1; size >>= 1) {
      for (let c = pool.pendingConstant; c < pool.label.length; c++) {
        if (pool.wordCount.data[c] !== size) continue;
        this.bindFinal(pool.label.data[c]);
        const first = pool.firstWord.data[c];
        for (let w = 0; w < size; w++) this.put4(pool.words.data[first + w]);
      }
    }
    for (let t = pool.pendingTable; t < pool.tableLabel.length; t++) {
      const end = t + 1 < pool.tableLabel.length ? pool.tableFirst.data[t + 1] : pool.targets.length;
      this.bindFinal(pool.tableLabel.data[t]);
      const table = this.length;
      for (let e = pool.tableFirst.data[t]; e < end; e++) {
        this.useLabelAt(this.length, pool.targets.data[e], this.isa.data32Kind, this.length - table);
        this.put4(0);
      }
    }
    pool.pendingConstant = pool.label.length;
    pool.pendingTable = pool.tableLabel.length;
    pool.pendingBytes = 0;
    this.dataRangeRows.push(start);
    this.dataRangeRows.push(this.length);
    if (this.isa.poolAlign > 16) this.alignWithFill(this.isa.poolAlign);
  }

  /** Binds a label that the peephole never sees to the tail and patches what waits for it. */
  private bindFinal(label: number): void {
    this.labels.offset.data[label] = this.length;
    this.patchUses(label, this.length);
  }

  // ---- Settling ----

  /** Gives up the peephole's right to remove branches, and patches or queues every new fixup. */
  private settle(): void {
    this.branches.length = 0;
    this.tailAt = -1;
    const labels = this.labels;
    const touched = this.touched;
    for (let t = 0; t < touched.length; t++) {
      const label = touched.data[t];
      if (labels.firstUse.data[label] < 0) continue;
      const root = labels.root(label);
      const offset = labels.offset.data[root];
      if (offset >= 0) this.patchUses(label, offset);
      else if (root !== label) this.moveUses(label, root);
    }
    touched.clear();
    const fixups = this.fixups;
    this.work += touched.length + fixups.length - fixups.settled;
    for (let i = fixups.settled; i < fixups.length; i++) this.settleFixup(i);
    fixups.settled = fixups.length;
  }

  /** Patches fixup `i` if its target is bound and in reach, else lets it wait. Kinds of unlimited reach stay open. */
  private settleFixup(i: number): void {
    const fixups = this.fixups;
    const kindIndex = fixups.kind[i];
    if (fixups.reach[kindIndex] === NO_DEADLINE) return;
    const label = this.labels.root(fixups.label[i]);
    const target = this.labels.offset.data[label];
    fixups.label[i] = label;
    if (target >= 0) {
      const kind = this.isa.kinds[kindIndex];
      const displacement = target + fixups.addend[i] - fixups.offset[i];
      if (fits(kind, displacement)) {
        kind.patch(this.bytes, fixups.offset[i], displacement);
        fixups.finish(i);
        return;
      }
    } else {
      fixups.nextUse[i] = -1;
      const last = this.labels.lastUse.data[label];
      if (last < 0) this.labels.firstUse.data[label] = i;
      else fixups.nextUse[last] = i;
      this.labels.lastUse.data[label] = i;
    }
    fixups.enqueue(i);
  }

  /** Patches the waiting uses of `label`, now known to lie at `target`; those too far away go on waiting for a veneer. */
  private patchUses(label: number, target: number): void {
    const fixups = this.fixups;
    for (let i = this.labels.firstUse.data[label]; i >= 0; i = fixups.nextUse[i]) {
      this.work++;
      if (fixups.state[i] === FixupState.Done) continue;
      const kind = this.isa.kinds[fixups.kind[i]];
      const displacement = target + fixups.addend[i] - fixups.offset[i];
      if (!fits(kind, displacement)) continue;
      kind.patch(this.bytes, fixups.offset[i], displacement);
      fixups.finish(i);
    }
    this.labels.firstUse.data[label] = -1;
    this.labels.lastUse.data[label] = -1;
  }

  /** `from` has become an alias of the unbound label `to`. */
  private moveUses(from: number, to: number): void {
    const { firstUse, lastUse } = this.labels;
    const last = lastUse.data[to];
    if (last < 0) firstUse.data[to] = firstUse.data[from];
    else this.fixups.nextUse[last] = firstUse.data[from];
    lastUse.data[to] = lastUse.data[from];
    firstUse.data[from] = -1;
    lastUse.data[from] = -1;
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

  /** At the end: veneers for branches back to targets out of their reach. */
  private sweepOutOfReach(): void {
    const fixups = this.fixups;
    for (let k = this.costlyKinds.length - 1; k >= 0; k--) {
      for (let i = fixups.first(this.costlyKinds[k]); i >= 0; i = fixups.next[i]) {
        this.work++;
        if (fixups.state[i] === FixupState.Done) continue;
        const label = this.labels.root(fixups.label[i]);
        if (this.labels.offset.data[label] < 0 && this.labels.symbol.data[label] >= 0) continue;
        if (this.labels.offset.data[label] < 0) throw new Error(`label ${label} is used and never bound`);
        this.writeVeneer(i);
      }
    }
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
