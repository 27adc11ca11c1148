// Sums `base of memory 0 + index` that several accesses share: aarch64 has no address of base, index and offset, so that
// each access at an offset needs the sum in a register.
//
// `prepare` walks the dominator tree and groups accesses with the same index: the first one of a group leads, others
// that it dominates follow, over calls, too: the sum then lives in a register that is preserved, or in a slot, from which
// it is loaded in the time of an addition. While a function is lowered backwards, accesses ask for their group's sum; it
// is written where `prepare` placed it: right before the leader, before the loops around the leader that the index
// comes into from outside, or, for all groups of an index, behind its definition, if that runs less often than they do.
import type { Dominators } from '../../ir/dominators.ts';
import type { Frequencies } from '../../ir/frequency.ts';
import type { Block, Func, Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import type { Loops } from '../../ir/loops.ts';
import { memAccess, memType, Op } from '../../ir/opcodes.ts';
import { accessBytes } from '../../ir/types.ts';
import { IntColumn } from '../../support/int_column.ts';

/** True if a load or store of `bytes` bytes can hold the offset. */
export const isShortOffset = (offset: number, bytes: number): boolean =>
  offset <= 255 || (offset <= 4095 * bytes && offset % bytes === 0);

/** The analyses of a function that grouping needs. */
export interface Analyses {
  readonly doms: Dominators;
  readonly loops: Loops;
  readonly freqs: Frequencies;
}

export class SharedBases {
  /** Group of each access, or NONE. */
  private group = new Int32Array(0);
  /** By index: the group that an access joins here, or NONE; later its first group. */
  private current = new Int32Array(0);
  /** By index: how often the sums of all its groups would be computed, each at its home. */
  private runs = new Float64Array(0);
  /** Groups that are written behind an instruction, or at the start of a block: first of a list through `next`. */
  private behind = new Int32Array(0);
  private atStart = new Int32Array(0);
  private scopes = new Int32Array(0);
  // Columns of groups.
  private readonly index = new IntColumn(64);
  private readonly leader = new IntColumn(64);
  private readonly members = new IntColumn(64);
  /** Block that the sum is computed in, if it is computed for this group alone. */
  private readonly home = new IntColumn(64);
  /** The group whose sum is used: itself, another of its index, or NONE where sharing does not pay. */
  private readonly shares = new IntColumn(64);
  private readonly vreg = new IntColumn(64);
  private readonly next = new IntColumn(64);
  /** Pairs of an index and its group in the enclosing scope. */
  private readonly undo = new IntColumn(64);

  /** Groups the accesses of the function and places their sums. */
  prepare(f: Func, analyses: Analyses): void {
    const n = f.numInsts;
    if (this.group.length < n) {
      this.group = new Int32Array(2 * n);
      this.current = new Int32Array(2 * n);
      this.behind = new Int32Array(2 * n);
      this.runs = new Float64Array(2 * n);
    }
    if (this.atStart.length < f.numBlocks) {
      this.atStart = new Int32Array(2 * f.numBlocks);
      this.scopes = new Int32Array(4 * f.numBlocks);
    }
    this.group.fill(NONE, 0, n);
    this.current.fill(NONE, 0, n);
    this.behind.fill(NONE, 0, n);
    this.runs.fill(0, 0, n);
    this.atStart.fill(NONE, 0, f.numBlocks);
    this.index.clear();
    this.leader.clear();
    this.members.clear();
    this.home.clear();
    this.shares.clear();
    this.vreg.clear();
    this.next.clear();
    this.undo.clear();
    this.walk(f, analyses.doms);
    this.place(f, analyses);
  }

  private walk(f: Func, doms: Dominators): void {
    const { scopes, undo } = this;
    let depth = 0;
    for (let at = 0; at < doms.count; at++) {
      const b = doms.preorder[at];
      while (depth > 0 && doms.leave[scopes[depth - 2]] <= at) {
        this.undoTo(scopes[depth - 1]);
        depth -= 2;
      }
      scopes[depth++] = b;
      scopes[depth++] = undo.length;
      for (let inst = f.blockFirst[b]; inst !== NONE; inst = f.next[inst])
        if (f.op[inst] === Op.Load || f.op[inst] === Op.Store) this.join(f, inst);
    }
    this.undoTo(0);
  }

  private undoTo(length: number): void {
    const { undo, current } = this;
    for (; undo.length > length; undo.length -= 2)
      current[undo.data[undo.length - 2]] = undo.data[undo.length - 1];
  }

  /** The access joins the group that leads here, or leads one of its own. */
  private join(f: Func, inst: Value): void {
    const index = f.arg(inst, 0);
    const offset = f.imm2[inst] >>> 0;
    if (offset === 0 || f.op[index] === Op.IConst) return;
    if (!isShortOffset(offset, accessBytes(memAccess(f.imm[inst]), memType(f.imm[inst])))) return;
    const g = this.current[index];
    if (g !== NONE) {
      this.group[inst] = g;
      this.members.data[g]++;
      return;
    }
    this.undo.push(index);
    this.undo.push(g);
    this.current[index] = this.group[inst] = this.index.length;
    this.index.push(index);
    this.leader.push(inst);
    this.members.push(1);
    this.vreg.push(NONE);
    this.next.push(NONE);
  }

  private place(f: Func, analyses: Analyses): void {
    const { index, leader, members, home, shares, current, runs } = this;
    const { frequency } = analyses.freqs;
    for (let g = 0; g < index.length; g++) {
      const v = index.data[g];
      home.push(this.homeOf(f, analyses, g));
      runs[v] += frequency[home.data[g]];
      // The first of several stands for all.
      shares.push(current[v] === NONE ? g : current[v]);
      current[v] = shares.data[g];
    }
    for (let g = index.length - 1; g >= 0; g--) {
      const v = index.data[g];
      const first = shares.data[g];
      const others = first !== g || runs[v] > frequency[home.data[g]];
      if (others && runs[v] > frequency[f.block[v]]) {
        if (first === g && f.op[v] === Op.Param) this.atBlock(g, f.block[v]);
        else if (first === g) this.behindInst(g, v);
        continue;
      }
      const isInside = home.data[g] === f.block[leader.data[g]];
      shares.data[g] = isInside && members.data[g] === 1 ? NONE : g;
      if (shares.data[g] === NONE) continue;
      const before = f.prev[isInside ? leader.data[g] : f.blockLast[home.data[g]]];
      if (before === NONE) this.atBlock(g, home.data[g]);
      else this.behindInst(g, before);
    }
  }

  /** The leader's block, or one before the loops that the index comes into from outside. */
  private homeOf(f: Func, { doms, loops, freqs }: Analyses, g: number): Block {
    const definition = f.block[this.index.data[g]];
    const inside = f.block[this.leader.data[g]];
    let at = inside;
    for (let loop = loops.loopOf[at]; loop !== NONE && !loops.contains(loop, definition);) {
      const before = doms.idom[loops.header.data[loop]];
      if (freqs.frequency[before] >= freqs.frequency[inside]) break;
      at = before;
      loop = loops.loopOf[at];
    }
    return at;
  }

  private atBlock(g: number, block: Block): void {
    this.next.data[g] = this.atStart[block];
    this.atStart[block] = g;
  }

  private behindInst(g: number, inst: Value): void {
    this.next.data[g] = this.behind[inst];
    this.behind[inst] = g;
  }

  /** The group whose sum a load or store uses, or NONE. */
  groupOf(inst: Value): number {
    const g = this.group[inst];
    return g === NONE ? NONE : this.shares.data[g];
  }

  indexOf(group: number): Value {
    return this.index.data[group];
  }

  /** VReg of the sum, NONE if nobody has asked for it. */
  sum(group: number): number {
    return this.vreg.data[group];
  }

  ask(group: number, vreg: number): void {
    this.vreg.data[group] = vreg;
  }

  /** First group whose sum is written behind an instruction, at the start of a block; NONE if there is none. */
  firstBehind(inst: Value): number {
    return this.behind[inst];
  }
  firstAtStart(block: Block): number {
    return this.atStart[block];
  }
  /** The next one that is written at the same place. */
  after(group: number): number {
    return this.next.data[group];
  }
}
