// Constants and jump tables of one function that wait to be written: constants are found again by content until they
// are written; a later use then gets a fresh copy, since the written one may be out of reach.
//
// Constants are 1, 2, 4 or 8 words of 32 bits (4 to 32 bytes), aligned to their size. They are written largest first,
// so that no space is lost between them. Jump tables are arrays of int32: the distance from the table's start.
import { IntColumn } from '../support/int_column.ts';

export class ConstantPool {
  /** Words of each constant, its first word in `words`, its label. */
  readonly wordCount = new IntColumn(64);
  readonly firstWord = new IntColumn(64);
  readonly label = new IntColumn(64);
  readonly words = new IntColumn(256);
  /** Jump tables: the label of the table, the range of `targets` with the labels of its entries. */
  readonly tableLabel = new IntColumn(16);
  readonly tableFirst = new IntColumn(16);
  readonly targets = new IntColumn(256);

  /** The first constant, the first table that are not written yet. */
  pendingConstant = 0;
  pendingTable = 0;
  /** Bytes that wait to be written, without alignment of the pool itself. */
  pendingBytes = 0;
  /** Those of the last table, if it waits: nothing that waits begins behind it. */
  lastTableBytes = 0;
  /** Largest alignment among the constants of the function, written or not; 1 if there are none. */
  largestAlign = 1;

  /** Open addressing: constant index + 1, or 0. Entries below `pendingConstant` count as empty for matching only. */
  private table = new Int32Array(64);

  /**
   * The label of a pending constant of `count` words equal to `words[first..]`, or -1 after having entered it with
   * `newLabel`.
   */
  intern(words: Int32Array, first: number, count: number, newLabel: number): number {
    let slot = hashWords(words, first, count) & (this.table.length - 1);
    for (;;) {
      const entry = this.table[slot] - 1;
      if (entry < 0) break;
      if (this.wordCount.data[entry] === count && this.sameWords(entry, words, first, count)) {
        if (entry >= this.pendingConstant) return this.label.data[entry];
        break;
      }
      slot = (slot + 1) & (this.table.length - 1);
    }
    const index = this.label.push(newLabel);
    this.wordCount.push(count);
    this.firstWord.push(this.words.length);
    for (let i = 0; i < count; i++) this.words.push(words[first + i]);
    this.table[slot] = index + 1;
    this.pendingBytes += count * 4;
    if (count * 4 > this.largestAlign) this.largestAlign = count * 4;
    if (this.label.length * 2 > this.table.length) this.rehash();
    return -1;
  }

  /** Adds a jump table whose entries are the labels `targets[first..first + count)`. */
  addTable(label: number, targets: Int32Array, first: number, count: number): void {
    this.tableLabel.push(label);
    this.tableFirst.push(this.targets.length);
    for (let i = 0; i < count; i++) this.targets.push(targets[first + i]);
    this.pendingBytes += count * 4;
    this.lastTableBytes = count * 4;
    if (this.largestAlign < 4) this.largestAlign = 4;
  }

  clear(): void {
    if (this.label.length > 0) {
      if (this.table.length > 4096) this.table = new Int32Array(64);
      else this.table.fill(0);
    }
    this.wordCount.clear();
    this.firstWord.clear();
    this.label.clear();
    this.words.clear();
    this.tableLabel.clear();
    this.tableFirst.clear();
    this.targets.clear();
    this.pendingConstant = 0;
    this.pendingTable = 0;
    this.pendingBytes = 0;
    this.lastTableBytes = 0;
    this.largestAlign = 1;
  }

  private sameWords(entry: number, words: Int32Array, first: number, count: number): boolean {
    const own = this.firstWord.data[entry];
    for (let i = 0; i < count; i++) if (this.words.data[own + i] !== words[first + i]) return false;
    return true;
  }

  /** Doubles the table: entries move to the first free slot from their hash on. */
  private rehash(): void {
    const size = this.table.length * 2;
    const table = new Int32Array(size);
    for (let entry = this.pendingConstant; entry < this.label.length; entry++) {
      let slot =
        hashWords(this.words.data, this.firstWord.data[entry], this.wordCount.data[entry]) & (size - 1);
      while (table[slot] !== 0) slot = (slot + 1) & (size - 1);
      table[slot] = entry + 1;
    }
    this.table = table;
  }
}

function hashWords(words: Int32Array, first: number, count: number): number {
  let hash = count;
  for (let i = 0; i < count; i++) hash = Math.imul(hash ^ words[first + i], 0x9e3779b1) ^ (hash >>> 15);
  return hash ^ (hash >>> 16);
}
