// The lower layer of a code buffer: bytes, labels, fixups, and branches with their peephole (branches.ts holds the list):
// when a label is bound behind branches, a jump to what follows is removed, labels at a jump are made aliases of its
// target, a jump over a jump is inverted, and a jump that nothing reaches is removed. Nothing is patched while a branch
// can still be removed: fixups are settled when other code follows, at islands, and at the end.
// code_buffer.ts tells how the layers are used.
import { IntColumn } from '../support/int_column.ts';
import { BranchList } from './branches.ts';
import { fits } from './fixup_kinds.ts';
import type { BranchForm, FixupIsa } from './fixup_kinds.ts';
import { FixupList, FixupState, NO_DEADLINE } from './fixup_list.ts';
import { LocationRow } from './function_code.ts';
import { Labels, UNBOUND } from './labels.ts';

/** More labels than this at one branch are not moved any more: guards against quadratic time. */
const MAX_LABELS_AT_BRANCH = 100;

export abstract class BranchBuffer {
  /** The code so far: the first `length` bytes are valid. May be replaced by anything that writes. */
  bytes = new Uint8Array(4096);
  length = 0;

  readonly labels = new Labels();
  readonly fixups: FixupList;
  readonly branches = new BranchList();
  /** Flat rows as in function_code.ts. */
  readonly locationRows = new IntColumn();
  /** Code offsets of marks, by mark. */
  readonly marks = new IntColumn();
  /** Steps of all loops over fixups and labels, for tests that the cost is linear. Never reset. */
  work = 0;

  /** Labels bound at the tail: a list through `labels.next`; valid if `tailAt` is the length. */
  private tailFirst = -1;
  private tailLast = -1;
  private tailCount = 0;
  private tailAt = -1;
  /** Length at which code ended that does not go on, and where no label has been bound since; -1: none. */
  private flowEnd = -1;
  /** Labels bound or made aliases since fixups were settled last. */
  private readonly touched = new IntColumn();

  /** Label of each external symbol used in this function, or -1; the symbols to forget. */
  private readonly symbolLabel = new IntColumn();
  private readonly usedSymbols = new IntColumn();

  constructor(readonly isa: FixupIsa) {
    this.fixups = new FixupList(isa);
  }

  /** Empties this layer; `symbol` as for CodeBuffer.reset. */
  protected resetBranches(symbol: number): void {
    this.length = 0;
    this.labels.clear();
    this.fixups.clear();
    this.branches.clear();
    this.locationRows.clear();
    this.marks.clear();
    this.tailAt = -1;
    this.tailCount = 0;
    this.flowEnd = -1;
    this.touched.clear();
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

  /** Writes another 32-bit value over the one at `at`, to which no fixup belongs. */
  replace4(at: number, value: number): void {
    const end = this.length;
    this.length = at;
    this.put4(value);
    this.length = end;
  }

  putBytes(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  protected alignWithFill(align: number): void {
    const to = (this.length + align - 1) & -align;
    this.reserve(to - this.length);
    this.bytes.fill(this.isa.fillByte, this.length, to);
    this.length = to;
  }

  protected patchTo(offset: number, kindIndex: number, addend: number, target: number): void {
    const kind = this.isa.kinds[kindIndex];
    const displacement = target + addend - offset;
    if (!fits(kind, displacement)) {
      throw new Error(`${this.isa.name}: ${kind.name} at ${offset} cannot reach ${target} (${displacement})`);
    }
    kind.patch(this.bytes, offset, displacement);
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
    this.flowEnd = -1;
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
  protected optimizeBranches(): void {
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

  /** The instruction before the tail never goes on to what follows: a return, a trap, an indirect jump. */
  endFlow(): void {
    this.flowEnd = this.length;
  }

  protected tailIsUnreachable(): boolean {
    if (this.flowEnd === this.length) return true;
    const b = this.branches.length - 1;
    if (b < 0 || !this.branches.endsAt(this.length) || this.branches.cond[b] >= 0) return false;
    return this.tailAt !== this.length || this.tailCount === 0;
  }

  // ---- Settling ----

  /** Gives up the peephole's right to remove branches, and patches or queues every new fixup. */
  protected settle(): void {
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
  protected settleFixup(i: number): void {
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
  protected patchUses(label: number, target: number): void {
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
}
