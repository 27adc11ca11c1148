// The fixups of one function, in the order of their offsets, and the queues of those that wait for their target.
//
// A fixup is *unsettled* from its creation until the branch peephole can no longer remove it; then it is patched at
// once if its target is bound and in reach, or it *waits*: in the queue of its kind and in the list of its label's
// uses. Within one kind deadlines rise with offsets, so that a queue's head has the soonest deadline of its kind and
// no heap is needed. A waiting fixup that is patched stays in its queue, marked done, until it comes to the head.
// Kinds of unlimited reach never wait: what is not done at the end is patched then.
//
// Invariant: `veneerBytes` is the sum of the island costs of all fixups that are neither done nor removed;
// `soonestVeneer` and `soonestRigid` are never later than any such fixup's deadline.
import { UNLIMITED_REACH, islandCosts } from './fixup_kinds.ts';
import type { FixupIsa } from './fixup_kinds.ts';

/** No deadline. Far below 2^31, so that sums of an offset and some island bytes stay small integers. */
export const NO_DEADLINE = 2 ** 31 - 1;

/** What has become of a fixup. */
export const enum FixupState {
  /** Neither patched nor given up to a veneer. */
  Open = 0,
  /** Patched, to its target or to a veneer. */
  Done = 1,
  /** Open, and the jump of a veneer. */
  OpenInVeneer = 2,
}

export class FixupList {
  length = 0;
  offset = new Int32Array(256);
  label = new Int32Array(256);
  kind = new Int32Array(256);
  addend = new Int32Array(256);
  state = new Int32Array(256);
  /** Next in the queue of the kind, or -1. */
  next = new Int32Array(256);
  /** Next waiting use of the same label, or -1. */
  nextUse = new Int32Array(256);

  /** All before this index are settled. */
  settled = 0;
  veneerBytes = 0;
  /** Soonest deadline of the open fixups that have a veneer; may be too early, never too late. */
  soonestVeneer = NO_DEADLINE;
  /** The same of those that have none: loads of constants. */
  soonestRigid = NO_DEADLINE;

  readonly cost: Int32Array;
  /** Forward reach by kind; NO_DEADLINE for unlimited ones. */
  readonly reach: Int32Array;
  private readonly head: Int32Array;
  private readonly tail: Int32Array;

  constructor(readonly isa: FixupIsa) {
    this.cost = islandCosts(isa);
    this.reach = Int32Array.from(isa.kinds, (kind) =>
      kind.forward >= UNLIMITED_REACH ? NO_DEADLINE : kind.forward,
    );
    for (let k = 0; k < this.reach.length; k++) if (this.reach[k] === NO_DEADLINE) this.cost[k] = 0;
    this.head = new Int32Array(isa.kinds.length).fill(-1);
    this.tail = new Int32Array(isa.kinds.length).fill(-1);
  }

  /** The last place where the target of fixup `i` may lie; NO_DEADLINE if anywhere. */
  deadline(i: number): number {
    const reach = this.reach[this.kind[i]];
    return reach === NO_DEADLINE ? NO_DEADLINE : this.offset[i] + reach - this.addend[i];
  }

  /** Appends an unsettled fixup. `near`: its target is bound and in reach, so that it has no deadline. */
  add(offset: number, label: number, kind: number, addend: number, near: boolean): number {
    const i = this.length;
    if (i === this.offset.length) this.grow();
    this.length = i + 1;
    this.offset[i] = offset;
    this.label[i] = label;
    this.kind[i] = kind;
    this.addend[i] = addend;
    this.state[i] = FixupState.Open;
    const reach = this.reach[kind];
    if (reach !== NO_DEADLINE) {
      const cost = this.cost[kind];
      this.veneerBytes += cost;
      if (!near) this.advanceSoonest(kind, offset + reach - addend);
    }
    return i;
  }

  private advanceSoonest(kind: number, deadline: number): void {
    if (this.cost[kind] > 0) {
      if (deadline < this.soonestVeneer) this.soonestVeneer = deadline;
    } else if (deadline < this.soonestRigid) this.soonestRigid = deadline;
  }

  /** Marks fixup `i` patched. */
  finish(i: number): void {
    this.state[i] = FixupState.Done;
    this.veneerBytes -= this.cost[this.kind[i]];
  }

  /** Removes the unsettled fixups from index `length` on. */
  truncate(length: number): void {
    for (let i = length; i < this.length; i++) this.veneerBytes -= this.cost[this.kind[i]];
    this.length = length;
  }

  /** Puts fixup `i` at the end of its kind's queue. */
  enqueue(i: number): void {
    const kind = this.kind[i];
    const tail = this.tail[kind];
    this.next[i] = -1;
    if (tail < 0) this.head[kind] = i;
    else this.next[tail] = i;
    this.tail[kind] = i;
  }

  /** First open fixup in the queue of `kind`, or -1; done ones before it leave the queue. */
  first(kind: number): number {
    let i = this.head[kind];
    while (i >= 0 && this.state[i] === FixupState.Done) i = this.next[i];
    this.head[kind] = i;
    if (i < 0) this.tail[kind] = -1;
    return i;
  }

  /** Makes the soonest deadlines exact. Every fixup must be settled. */
  recomputeSoonest(): void {
    this.soonestVeneer = NO_DEADLINE;
    this.soonestRigid = NO_DEADLINE;
    for (let k = 0; k < this.head.length; k++) {
      const i = this.first(k);
      if (i >= 0) this.advanceSoonest(k, this.deadline(i));
    }
  }

  clear(): void {
    this.length = 0;
    this.settled = 0;
    this.veneerBytes = 0;
    this.soonestVeneer = NO_DEADLINE;
    this.soonestRigid = NO_DEADLINE;
    this.head.fill(-1);
    this.tail.fill(-1);
  }

  private grow(): void {
    const capacity = this.offset.length * 2;
    this.offset = grown(this.offset, capacity);
    this.label = grown(this.label, capacity);
    this.kind = grown(this.kind, capacity);
    this.addend = grown(this.addend, capacity);
    this.state = grown(this.state, capacity);
    this.next = grown(this.next, capacity);
    this.nextUse = grown(this.nextUse, capacity);
  }
}

function grown(column: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const result = new Int32Array(capacity);
  result.set(column);
  return result;
}
