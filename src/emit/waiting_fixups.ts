// The fixups of the text layout that wait for their target or for a veneer, as columns indexed by slot. Each is in two
// lists, linked both ways: the queue of its kind, in the order of the offsets, so that the head has the kind's soonest
// deadline; and the uses of its target. What is patched leaves both at once and its slot is taken again: memory, and
// the lines of the cache in use, go with what waits now and not with all that ever waited.
import { IntColumn } from '../support/int_column.ts';

/** What a waiting fixup is. */
export const enum Waiting {
  Open,
  /** The jump of a veneer. */
  InVeneer,
  /** Waits for a veneer even if its target is in reach. */
  Forced,
}

export class WaitingFixups {
  /** Fixups that wait; those that are forced; symbols that one with a veneer waits for. */
  count = 0;
  forced = 0;
  distinct = 0;

  /** Block that holds the fixup, its place from the start of the block and of the text. */
  block = new Int32Array(256);
  local = new Int32Array(256);
  offset = new Float64Array(256);
  symbol = new Int32Array(256);
  kind = new Int32Array(256);
  addend = new Int32Array(256);
  state = new Int32Array(256);
  /** Neighbours in the queue of the kind, or -1; `next` also links the slots that are free. */
  next = new Int32Array(256);
  private previous = new Int32Array(256);
  /** Neighbours among the uses of the same symbol, or -1. */
  nextUse = new Int32Array(256);
  private previousUse = new Int32Array(256);

  /** First and last of each kind's queue, or -1. */
  readonly head: Int32Array;
  private readonly tail: Int32Array;
  /** By symbol: its first use, or -1, and how many of its uses have a veneer. */
  private readonly uses = new IntColumn(2048);

  private slots = 0;
  private freeSlot = -1;

  /** `costs`: by kind, 0 for those without a veneer. */
  constructor(private readonly costs: Int32Array) {
    this.head = new Int32Array(costs.length).fill(-1);
    this.tail = new Int32Array(costs.length).fill(-1);
  }

  /** Makes room for symbols up to `count`. */
  growSymbols(count: number): void {
    const known = this.uses.length;
    this.uses.resize(2 * count);
    for (let at = known; at < 2 * count; at += 2) this.uses.data[at] = -1;
  }

  /** The first of the waiting uses of `symbol`, a list through `nextUse`, or -1. */
  firstUse(symbol: number): number {
    return this.uses.data[2 * symbol];
  }

  /** Appends a fixup to its two lists and returns its slot. */
  add(
    block: number,
    local: number,
    offset: number,
    symbol: number,
    kind: number,
    addend: number,
    state: Waiting,
  ): number {
    let i = this.freeSlot;
    if (i >= 0) this.freeSlot = this.next[i];
    else {
      i = this.slots++;
      if (i === this.block.length) this.grow();
    }
    this.block[i] = block;
    this.local[i] = local;
    this.offset[i] = offset;
    this.symbol[i] = symbol;
    this.kind[i] = kind;
    this.addend[i] = addend;
    this.state[i] = state;

    const last = this.tail[kind];
    this.previous[i] = last;
    this.next[i] = -1;
    if (last < 0) this.head[kind] = i;
    else this.next[last] = i;
    this.tail[kind] = i;

    const uses = this.uses.data;
    const first = uses[2 * symbol];
    this.previousUse[i] = -1;
    this.nextUse[i] = first;
    if (first >= 0) this.previousUse[first] = i;
    uses[2 * symbol] = i;

    this.count++;
    if (state === Waiting.Forced) this.forced++;
    if (this.costs[kind] > 0 && uses[2 * symbol + 1]++ === 0) this.distinct++;
    return i;
  }

  /** Takes `i` out of its lists; the slot is free for the next one. */
  remove(i: number): void {
    const kind = this.kind[i];
    const symbol = this.symbol[i];
    const uses = this.uses.data;
    this.count--;
    if (this.state[i] === Waiting.Forced) this.forced--;
    if (this.costs[kind] > 0 && --uses[2 * symbol + 1] === 0) this.distinct--;

    const previous = this.previous[i];
    const next = this.next[i];
    if (previous < 0) this.head[kind] = next;
    else this.next[previous] = next;
    if (next < 0) this.tail[kind] = previous;
    else this.previous[next] = previous;

    const previousUse = this.previousUse[i];
    const nextUse = this.nextUse[i];
    if (previousUse < 0) uses[2 * symbol] = nextUse;
    else this.nextUse[previousUse] = nextUse;
    if (nextUse >= 0) this.previousUse[nextUse] = previousUse;

    this.next[i] = this.freeSlot;
    this.freeSlot = i;
  }

  private grow(): void {
    const capacity = this.block.length * 2;
    this.block = grown(this.block, capacity);
    this.local = grown(this.local, capacity);
    const offset = new Float64Array(capacity);
    offset.set(this.offset);
    this.offset = offset;
    this.symbol = grown(this.symbol, capacity);
    this.kind = grown(this.kind, capacity);
    this.addend = grown(this.addend, capacity);
    this.state = grown(this.state, capacity);
    this.next = grown(this.next, capacity);
    this.previous = grown(this.previous, capacity);
    this.nextUse = grown(this.nextUse, capacity);
    this.previousUse = grown(this.previousUse, capacity);
  }
}

function grown(column: Int32Array, capacity: number): Int32Array<ArrayBuffer> {
  const result = new Int32Array(capacity);
  result.set(column);
  return result;
}
