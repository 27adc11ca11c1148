// A file as a list of pieces at offsets, so that large contents go from where they lie to the file without being
// joined: 2 GiB of text need no second copy. Invariant: pieces rise and do not overlap; what no piece covers is zero and
// stays a hole where the file system has holes.
import { ftruncateSync, writevSync } from 'node:fs';

/** Buffers for one writev call: Linux and macOS take at most 1,024. */
const WRITEV_BUFFERS = 1024;
/** Gaps up to this are written as zeros with their neighbours instead of ending the writev call. */
const SMALL_GAP = 4096;
const FILL_BYTES = 65536;

/** Bytes at an offset of the file. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class FileImage {
  private readonly pieces: Piece[] = [];
  /** Size of the file in bytes. */
  length = 0;
  private fillBlock = new Uint8Array(0);

  /** Adds `bytes` at `offset`, not below the end of what was added before. They must not change until written. */
  add(offset: number, bytes: Uint8Array): void {
    if (offset < this.length) throw new RangeError(`piece at ${offset} lies before ${this.length}`);
    if (bytes.length > 0) this.pieces.push({ offset, bytes });
    this.length = offset + bytes.length;
  }

  /** Extends the file to `end` with bytes of `value`. */
  fillTo(end: number, value: number): void {
    if (end < this.length) throw new Error(`fill to ${end} ends before ${this.length}`);
    if (value === 0) {
      this.length = end;
      return;
    }
    if (this.fillBlock[0] !== value) this.fillBlock = new Uint8Array(FILL_BYTES).fill(value);
    while (this.length < end)
      this.add(this.length, this.fillBlock.subarray(0, Math.min(FILL_BYTES, end - this.length)));
  }

  /** Puts `bytes` in the place of the first piece, of the same length: a header that is known last. */
  replaceFirst(bytes: Uint8Array): void {
    const first = this.pieces[0];
    if (first.bytes.length !== bytes.length) throw new Error('the new first piece has another length');
    this.pieces[0] = { offset: first.offset, bytes };
  }

  /** Adds the content of `size` bytes at `offset`: rising `chunks` with offsets from there, `fill` between them. */
  addChunks(offset: number, size: number, chunks: Iterable<Piece>, fill: number): void {
    this.fillTo(offset, 0);
    for (const chunk of chunks) {
      this.fillTo(offset + chunk.offset, fill);
      this.add(offset + chunk.offset, chunk.bytes);
    }
    this.fillTo(offset + size, fill);
  }

  /** The whole file in one array. */
  toBytes(): Uint8Array {
    const out = new Uint8Array(this.length);
    for (const piece of this.pieces) out.set(piece.bytes, piece.offset);
    return out;
  }

  /** Writes the file to a new, empty regular file. Throws what the system reports (ENOSPC, EIO). */
  writeTo(fd: number): void {
    const zeros = new Uint8Array(SMALL_GAP);
    let start = 0;
    let end = 0;
    let batch: Uint8Array[] = [];
    for (const piece of this.pieces) {
      const gap = piece.offset - end;
      if (gap > SMALL_GAP || batch.length > WRITEV_BUFFERS - 2) {
        writeFully(fd, batch, start);
        batch = [];
        start = gap > SMALL_GAP ? piece.offset : end;
        end = start;
      }
      if (piece.offset > end) batch.push(zeros.subarray(0, piece.offset - end));
      batch.push(piece.bytes);
      end = piece.offset + piece.bytes.length;
    }
    writeFully(fd, batch, start);
    ftruncateSync(fd, this.length);
  }
}

/** writev may write less than asked, e.g. at 2 GiB: goes on behind what was written. */
function writeFully(fd: number, buffers: Uint8Array[], position: number): void {
  let rest = buffers;
  let at = position;
  while (rest.length > 0) {
    let written = writevSync(fd, rest, at);
    at += written;
    let index = 0;
    while (index < rest.length && written >= rest[index].length) {
      written -= rest[index].length;
      index++;
    }
    rest = rest.slice(index);
    if (written > 0) rest[0] = rest[0].subarray(written);
  }
}
