// The values of variables at the ends of blocks, for SSA construction: a hash table keyed by (block, variable), open
// addressing, in one column so that a probe touches one cache line. It starts small for each function, so that small
// functions behind a large one do not scatter over all of its memory.
import { NONE, type Block, type Value } from '../ir/func.ts';

/** Fields of an entry; Generation tells whether it belongs to the function at hand. */
const enum Entry {
  Generation = 0,
  Block = 1,
  Variable = 2,
  Value = 3,
  Size = 4,
}
const LEAST_BITS = 8;

export class Definitions {
  private entries = new Int32Array(Entry.Size << LEAST_BITS);
  /** The memory that `entries` had before it grew. */
  private spare = new Int32Array(0);
  private generation = 0;
  private bits = LEAST_BITS;
  private used = 0;

  /** Forgets everything. */
  clear(): void {
    this.generation++;
    this.bits = LEAST_BITS;
    this.used = 0;
  }

  /** The value of a variable at the end of a block, or NONE. */
  get(block: Block, variable: number): Value {
    const at = this.find(block, variable);
    return this.entries[at + Entry.Generation] === this.generation ? this.entries[at + Entry.Value] : NONE;
  }

  set(block: Block, variable: number, value: Value): void {
    const at = this.find(block, variable);
    const entries = this.entries;
    if (entries[at + Entry.Generation] !== this.generation) {
      entries[at + Entry.Generation] = this.generation;
      entries[at + Entry.Block] = block;
      entries[at + Entry.Variable] = variable;
      this.used++;
    }
    entries[at + Entry.Value] = value;
    if (this.used * 2 > 1 << this.bits) this.grow();
  }

  /** Offset of the entry for the key, or of the free one where it belongs. */
  private find(block: Block, variable: number): number {
    const { entries, generation } = this;
    const mask = (Entry.Size << this.bits) - 1;
    let h = Math.imul(block, 0x9e3779b1) ^ Math.imul(variable, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35) >>> (32 - this.bits);
    let at = h * Entry.Size;
    while (entries[at + Entry.Generation] === generation) {
      if (entries[at + Entry.Block] === block && entries[at + Entry.Variable] === variable) break;
      at = (at + Entry.Size) & mask;
    }
    return at;
  }

  private grow(): void {
    const old = this.entries;
    const end = Entry.Size << this.bits;
    const generation = this.generation++;
    this.bits++;
    const size = Entry.Size << this.bits;
    this.entries = this.spare.length >= size ? this.spare : new Int32Array(size);
    this.spare = old;
    for (let at = 0; at < end; at += Entry.Size) {
      if (old[at + Entry.Generation] !== generation) continue;
      const to = this.find(old[at + Entry.Block], old[at + Entry.Variable]);
      this.entries[to + Entry.Generation] = this.generation;
      this.entries[to + Entry.Block] = old[at + Entry.Block];
      this.entries[to + Entry.Variable] = old[at + Entry.Variable];
      this.entries[to + Entry.Value] = old[at + Entry.Value];
    }
  }
}
