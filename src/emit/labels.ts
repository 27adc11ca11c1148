// Labels of one function: each is unbound, bound to a code offset, or an alias of another label (a jump at the
// label's place was threaded). Int32 columns indexed by label; no cycles of aliases, because a label is only ever made
// an alias of a root, and never of itself.
import { IntColumn } from '../support/int_column.ts';

/** A label that is not bound has this offset. */
export const UNBOUND = -1;

export class Labels {
  /** Code offset, or UNBOUND. Meaningful for roots only. */
  readonly offset = new IntColumn(256);
  /** The label that this one stands for, or -1. */
  readonly alias = new IntColumn(256);
  /** Next label of the list (at the tail, or at a branch's start) that this label is in, or -1. */
  readonly next = new IntColumn(256);
  /** First waiting fixup that uses the label, or -1: a list through `FixupList.nextUse`. */
  readonly firstUse = new IntColumn(256);
  readonly lastUse = new IntColumn(256);
  /** Symbol index of the external target that the label stands for, or -1. */
  readonly symbol = new IntColumn(256);
  /** Last veneer written for the label: its offset (or -1) and the kind of its own fixup. */
  readonly veneerOffset = new IntColumn(256);
  readonly veneerKind = new IntColumn(256);

  /** A new unbound label. */
  create(symbol: number): number {
    const label = this.offset.push(UNBOUND);
    this.alias.push(-1);
    this.next.push(-1);
    this.firstUse.push(-1);
    this.lastUse.push(-1);
    this.symbol.push(symbol);
    this.veneerOffset.push(-1);
    this.veneerKind.push(-1);
    return label;
  }

  /** The label that `label` stands for in the end. Shortens the chain behind it. */
  root(label: number): number {
    const alias = this.alias.data;
    let root = label;
    while (alias[root] >= 0) root = alias[root];
    while (alias[label] >= 0) {
      const next = alias[label];
      alias[label] = root;
      label = next;
    }
    return root;
  }

  /** The offset of what `label` stands for, or UNBOUND. */
  resolve(label: number): number {
    return this.offset.data[this.alias.data[label] < 0 ? label : this.root(label)];
  }

  clear(): void {
    this.offset.clear();
    this.alias.clear();
    this.next.clear();
    this.firstUse.clear();
    this.lastUse.clear();
    this.symbol.clear();
    this.veneerOffset.clear();
    this.veneerKind.clear();
  }
}
