// Growable columns of int32: the one container of the hot code. A column is a typed array plus a length; the
// fields are public so that inner loops index `data` directly (re-read `data` after anything that may grow it).

/** A growable list of int32. `data` holds at least `length` valid entries. */
export class IntColumn {
  data: Int32Array;
  length = 0;

  constructor(capacity = 64) {
    this.data = new Int32Array(capacity);
  }

  /** Appends one value and returns its index. */
  push(value: number): number {
    const index = this.length;
    if (index === this.data.length) this.reserve(index + 1);
    this.data[index] = value;
    this.length = index + 1;
    return index;
  }

  /** Makes room for at least `capacity` entries; the length stays. */
  reserve(capacity: number): void {
    if (capacity <= this.data.length) return;
    const grown = new Int32Array(Math.max(capacity, this.data.length * 2));
    grown.set(this.data);
    this.data = grown;
  }

  /** Sets the length to `length`; new entries hold `fill`. */
  resize(length: number, fill = 0): void {
    this.reserve(length);
    if (length > this.length) this.data.fill(fill, this.length, length);
    this.length = length;
  }

  /** Empties the column and keeps its memory. */
  clear(): void {
    this.length = 0;
  }
}
