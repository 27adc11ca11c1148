// The blocks of the text layout, in the order of their offsets: functions and data, each in the array that it came in,
// and islands, many of them in one slab. As columns, and handed out as chunks one at a time: an object and an array for
// each of a million islands would cost more than all the rest.
import { IntColumn } from '../support/int_column.ts';
import type { FixupKind } from './fixup_kinds.ts';

/** Bytes at an offset from the start of the text. */
export interface TextChunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const SLAB_BYTES = 1 << 16;
const NO_ROWS = new Int32Array(0);

export class TextBlocks {
  /** Number of blocks, the last one's included that may still grow. */
  count = 0;
  /** By block: offset from the start of the text. */
  offset = new Float64Array(1024);
  /** The array that holds the block, its place and length in there; pairs of data among its code, from its start. */
  private readonly bytes: Uint8Array[] = [];
  private readonly start = new IntColumn(1024);
  private readonly length = new IntColumn(1024);
  private readonly data: Int32Array[] = [];

  /** Space for islands to come, from `slabUsed` on. */
  private slab: Uint8Array = new Uint8Array(0);
  private slabUsed = 0;

  /** Appends `bytes`, which are referred to; `data` as `FunctionCode.dataRanges`. Returns the block's number. */
  push(offset: number, bytes: Uint8Array, data: Int32Array): number {
    return this.add(offset, bytes, 0, bytes.length, data);
  }

  /** Appends an empty island. */
  pushIsland(offset: number): number {
    return this.add(offset, this.slab, this.slabUsed, 0, NO_ROWS);
  }

  /**
   * Makes the last block, an island, `size` bytes long: the new ones hold `fill`. Returns its array; its first byte lies
   * there at `islandStart`.
   */
  growIsland(size: number, fill: number): Uint8Array {
    const island = this.count - 1;
    const old = this.length.data[island];
    if (this.start.data[island] + size > this.slab.length) {
      const slab = new Uint8Array(Math.max(2 * size, SLAB_BYTES));
      slab.set(this.slab.subarray(this.start.data[island], this.start.data[island] + old));
      this.slab = slab;
      this.bytes[island] = slab;
      this.start.data[island] = 0;
    }
    const start = this.start.data[island];
    this.slab.fill(fill, start + old, start + size);
    this.length.data[island] = size;
    this.slabUsed = start + size;
    return this.slab;
  }

  /** Where the first byte of the last block lies in its array. */
  get islandStart(): number {
    return this.start.data[this.count - 1];
  }

  /** Patches the field of `kind` at `local` from the start of `block`. */
  patch(kind: FixupKind, block: number, local: number, displacement: number): void {
    kind.patch(this.bytes[block], this.start.data[block] + local, displacement);
  }

  /** Offset behind the last byte of `block`. */
  endOf(block: number): number {
    return this.offset[block] + this.length.data[block];
  }

  /** The content of the blocks [first, behind). */
  *chunks(first: number, behind: number): Generator<TextChunk> {
    for (let b = first; b < behind; b++) {
      const bytes = this.bytes[b];
      const start = this.start.data[b];
      const length = this.length.data[b];
      const whole = length === bytes.length;
      yield { offset: this.offset[b], bytes: whole ? bytes : bytes.subarray(start, start + length) };
    }
  }

  /** Pairs [start, end) of data among all code, from the start of the text, rising. */
  dataRanges(): Float64Array {
    let count = 0;
    for (const rows of this.data) count += rows.length;
    const ranges = new Float64Array(count);
    let at = 0;
    for (let b = 0; b < this.count; b++) {
      const rows = this.data[b];
      for (let i = 0; i < rows.length; i++) ranges[at++] = this.offset[b] + rows[i];
    }
    return ranges;
  }

  private add(offset: number, bytes: Uint8Array, start: number, length: number, data: Int32Array): number {
    const block = this.count++;
    if (block === this.offset.length) {
      const grown = new Float64Array(2 * block);
      grown.set(this.offset);
      this.offset = grown;
    }
    this.offset[block] = offset;
    this.bytes.push(bytes);
    this.start.push(start);
    this.length.push(length);
    this.data.push(data);
    return block;
  }
}
