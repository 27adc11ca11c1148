// The middle layer of a code buffer: what waits to be written behind the code (out-of-line traps, constants, jump
// tables), deadlines of fixups, and islands with veneers. The invariant and its reasons stand in code_buffer.ts.
import { IntColumn } from '../support/int_column.ts';
import { BranchBuffer } from './branch_buffer.ts';
import { ConstantPool } from './constant_pool.ts';
import { fits, veneerTo } from './fixup_kinds.ts';
import type { FixupIsa } from './fixup_kinds.ts';
import { FixupState, NO_DEADLINE } from './fixup_list.ts';

export abstract class IslandBuffer extends BranchBuffer {
  readonly pool = new ConstantPool();
  /** Flat rows as in function_code.ts. */
  readonly trapRows = new IntColumn();
  readonly dataRangeRows = new IntColumn();

  /** Islands written inside the function, veneers written in it. */
  islandCount = 0;
  veneerCount = 0;
  /** Largest island that might have had to be written when one was: bound for tests. */
  largestIsland = 0;

  private readonly costlyKinds: Int32Array;
  protected readonly margin: number;
  /** Largest island that a jump can be taken around, less the margin. */
  private readonly islandLimit: number;
  protected poolWritten = false;
  /** Bytes of the table asked for last, while its jump is still to come: it may wait for the jump. */
  private openTableBytes = 0;

  private readonly trapKind = new IntColumn();
  private readonly trapWasm = new IntColumn();
  private readonly trapLabel = new IntColumn();
  private pendingTrap = 0;

  constructor(
    isa: FixupIsa,
    protected readonly forceVeneers: boolean,
  ) {
    super(isa);
    const jump = isa.jumpForms[isa.jumpForms.length - 1];
    this.margin =
      isa.maxInstructionSize + isa.maxInstructionGrowth + jump.size + 2 * Math.max(isa.poolAlign, 32);
    const jumpReach = this.fixups.reach[jump.kind];
    this.islandLimit = jumpReach === NO_DEADLINE ? NO_DEADLINE : jumpReach - this.margin;
    const kinds = isa.kinds.map((_, k) => k).filter((k) => this.fixups.cost[k] > 0);
    this.costlyKinds = Int32Array.from(kinds.sort((a, b) => this.fixups.reach[b] - this.fixups.reach[a]));
  }

  /** Empties this layer. */
  protected resetIslands(): void {
    this.pool.clear();
    this.trapRows.clear();
    this.dataRangeRows.clear();
    this.islandCount = 0;
    this.veneerCount = 0;
    this.largestIsland = 0;
    this.poolWritten = false;
    this.openTableBytes = 0;
    this.trapKind.clear();
    this.trapWasm.clear();
    this.trapLabel.clear();
    this.pendingTrap = 0;
  }

  // ---- Constants, jump tables, traps ----

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
   * distance from the table's first byte. May write an island, so it is called between instructions. The jump should
   * follow within a few instructions, and `endFlow` behind it: a table too long to be jumped around is written there.
   */
  jumpTable(targets: Int32Array, first: number, count: number): number {
    this.ensureRoom(2 * this.isa.maxInstructionSize);
    const label = this.newLabel();
    this.pool.addTable(label, targets, first, count);
    this.openTableBytes = count * 4;
    return label;
  }

  override endFlow(): void {
    super.endFlow();
    this.openTableBytes = 0;
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

  /** Writes an instruction that traps. */
  trap(kind: number, wasmOffset: number): void {
    this.reserve(this.isa.trapSize);
    this.addTrap(this.length, kind, wasmOffset);
    this.isa.writeTrap(this.bytes, this.length, kind);
    this.length += this.isa.trapSize;
  }

  // ---- Islands ----

  /** Must be called behind every instruction: writes an island if the invariant asks for one. */
  afterInstruction(): void {
    const fixups = this.fixups;
    const end = this.length + this.margin + fixups.veneerBytes;
    if (end > fixups.soonestVeneer || this.forceVeneers) this.ensureRoom(0);
    else if (fixups.soonestRigid !== NO_DEADLINE && end + this.rigidBytes() > fixups.soonestRigid) {
      this.ensureRoom(0);
    } else if (this.islandLimit !== NO_DEADLINE && this.jumpedBytes() > this.islandLimit) {
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
    return end + this.rigidBytes() <= fixups.soonestRigid && this.jumpedBytes() <= this.islandLimit;
  }

  /** Bytes of the traps, constants and tables that wait. */
  protected pendingBytes(): number {
    return this.pool.pendingBytes + (this.trapLabel.length - this.pendingTrap) * this.isa.trapSize;
  }

  /** The same up to where the last of them begins. */
  private rigidBytes(): number {
    return this.pendingBytes() - this.pool.lastTableBytes;
  }

  /** Bytes of the island that a jump might have to be taken around. */
  private jumpedBytes(): number {
    return this.fixups.veneerBytes + this.pendingBytes() - this.openTableBytes;
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
    this.sweep(this.length + worst, this.forceVeneers);
    this.writeTraps();
    this.writePool(jumpAround && worst > this.islandLimit && this.openTableBytes > 0);
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
  protected sweep(threshold: number, force: boolean): void {
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
          this.writeVeneer(i, threshold);
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

  /**
   * Sends fixup `i` to a veneer: one that was written for the same target if it reaches it, or a new one, which will
   * not miss its own deadline before `threshold`.
   */
  private writeVeneer(i: number, threshold: number): void {
    const fixups = this.fixups;
    const labels = this.labels;
    const kindIndex = fixups.kind[i];
    const kind = this.isa.kinds[kindIndex];
    const label = labels.root(fixups.label[i]);
    const known = labels.veneerOffset.data[label];
    if (known >= 0 && fixups.reach[labels.veneerKind.data[label]] > fixups.reach[kindIndex]) {
      const displacement = known + fixups.addend[i] - fixups.offset[i];
      if (fits(kind, displacement)) {
        kind.patch(this.bytes, fixups.offset[i], displacement);
        fixups.finish(i);
        return;
      }
    }
    const veneer = veneerTo(this.isa, kind, this.length, labels.offset.data[label], threshold);
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

  protected writeTraps(): void {
    for (; this.pendingTrap < this.trapLabel.length; this.pendingTrap++) {
      const t = this.pendingTrap;
      this.bindFinal(this.trapLabel.data[t]);
      this.trap(this.trapKind.data[t], this.trapWasm.data[t]);
    }
  }

  /** Writes what waits in the pool, `butLastTable`: without the last table, which goes on waiting. */
  protected writePool(butLastTable = false): void {
    const pool = this.pool;
    const tables = pool.tableLabel.length - (butLastTable ? 1 : 0);
    if (pool.pendingConstant === pool.label.length && pool.pendingTable === tables) return;
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
    for (let t = pool.pendingTable; t < tables; t++) {
      const end = t + 1 < pool.tableLabel.length ? pool.tableFirst.data[t + 1] : pool.targets.length;
      this.bindFinal(pool.tableLabel.data[t]);
      const table = this.length;
      for (let e = pool.tableFirst.data[t]; e < end; e++) {
        this.useLabelAt(this.length, pool.targets.data[e], this.isa.data32Kind, this.length - table);
        this.put4(0);
      }
    }
    pool.pendingConstant = pool.label.length;
    pool.pendingTable = tables;
    pool.pendingBytes = butLastTable ? pool.lastTableBytes : 0;
    pool.lastTableBytes = pool.pendingBytes;
    this.dataRangeRows.push(start);
    this.dataRangeRows.push(this.length);
    if (this.isa.poolAlign > 16) this.alignWithFill(this.isa.poolAlign);
  }

  /** Binds a label that the peephole never sees to the tail and patches what waits for it. */
  private bindFinal(label: number): void {
    this.labels.offset.data[label] = this.length;
    this.patchUses(label, this.length);
  }

  /** At the end: veneers for branches back to targets out of their reach. */
  protected sweepOutOfReach(): void {
    const fixups = this.fixups;
    for (let k = this.costlyKinds.length - 1; k >= 0; k--) {
      for (let i = fixups.first(this.costlyKinds[k]); i >= 0; i = fixups.next[i]) {
        this.work++;
        if (fixups.state[i] === FixupState.Done) continue;
        const label = this.labels.root(fixups.label[i]);
        if (this.labels.offset.data[label] < 0 && this.labels.symbol.data[label] >= 0) continue;
        if (this.labels.offset.data[label] < 0) throw new Error(`label ${label} is used and never bound`);
        this.writeVeneer(i, 0);
      }
    }
  }
}
