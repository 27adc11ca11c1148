// The fixups of one kind that the text layout has not settled, in the order of their offsets, so that the first has the
// soonest deadline. Rows [first, end) of one array; those that leave at the front make room for others.
//
// A fixup is not looked for when its target is placed: it is patched when it comes to the front, in the order of the text.
// So a million of them are written and read from one end to the other, as memory likes it.

/** What a fixup in a queue is. */
export const enum FixupUse {
  Open,
  /** Sent to a veneer. */
  Done,
  /** The jump of a veneer. */
  InVeneer,
  /** Waits for a veneer even if its target is in reach. */
  Forced,
}

/** Row of a queue. */
export const enum QueueRow {
  /** Block that holds the fixup, and its place from the block's start. */
  Block,
  Local,
  Symbol,
  Addend,
  /** A FixupUse. */
  Use,
  Size,
}

export class FixupQueue {
  /** Index into `rows` of the first row, and of the end of the last one. `push` may move all rows. */
  first = 0;
  end = 0;
  rows = new Int32Array(64 * QueueRow.Size);

  push(block: number, local: number, symbol: number, addend: number, use: FixupUse): void {
    if (this.end === this.rows.length) this.makeRoom();
    const row = this.end;
    const { rows } = this;
    rows[row + QueueRow.Block] = block;
    rows[row + QueueRow.Local] = local;
    rows[row + QueueRow.Symbol] = symbol;
    rows[row + QueueRow.Addend] = addend;
    rows[row + QueueRow.Use] = use;
    this.end = row + QueueRow.Size;
  }

  /** Moves the rows to the front if that makes half the array free, else doubles it: constant time for each push. */
  private makeRoom(): void {
    const rows = this.rows.subarray(this.first, this.end);
    if (2 * rows.length > this.rows.length) this.rows = new Int32Array(2 * this.rows.length);
    this.rows.set(rows);
    this.first = 0;
    this.end = rows.length;
  }
}
