// Byte reader over a WebAssembly binary: bounds, LEB128 with the exact malformed rules of the specification
// (5.2.2: at most ceil(N/7) bytes, unused bits are zero or the sign), strict UTF-8 names (5.2.4).
// Input: the whole file; `pos` and `end` are absolute byte offsets, so every fault carries the offset in the file.
// 64-bit integers come as two int32 halves: the low half is returned, the high half left in `hi`.
import { malformed } from './errors.ts';

const TOO_LONG = 'integer representation too long';
const TOO_LARGE = 'integer too large';
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads `bytes` from `pos` up to (not including) `end`. */
export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  end: number;
  /** High half (int32) of the last u64 or s64. */
  hi = 0;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
  }

  /** One byte. */
  u8(): number {
    if (this.pos >= this.end) this.unexpectedEnd();
    return this.bytes[this.pos++];
  }

  /** The next byte without moving. */
  peek(): number {
    if (this.pos >= this.end) this.unexpectedEnd();
    return this.bytes[this.pos];
  }

  /** Moves past `count` bytes (a non-negative number, possibly above 2^31) and returns where they start. */
  skip(count: number): number {
    const start = this.pos;
    if (count > this.end - start) malformed(start, 'length out of bounds: unexpected end');
    this.pos = start + count;
    return start;
  }

  /** Unsigned LEB128 of 32 bits, as a non-negative number. */
  u32(): number {
    const pos = this.pos;
    if (pos < this.end) {
      const b = this.bytes[pos];
      if (b < 0x80) {
        this.pos = pos + 1;
        return b;
      }
    }
    return this.u32Long();
  }

  private u32Long(): number {
    let result = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const b = this.u8();
      result |= (b & 0x7f) << shift;
      if (b < 0x80) return result;
    }
    const b = this.u8();
    if (b >= 0x80) malformed(this.pos - 1, TOO_LONG);
    if (b > 0x0f) malformed(this.pos - 1, TOO_LARGE);
    return (result | (b << 28)) >>> 0;
  }

  /** Signed LEB128 of 32 bits. */
  s32(): number {
    let result = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const b = this.u8();
      result |= (b & 0x7f) << shift;
      if (b < 0x80) return (result << (25 - shift)) >> (25 - shift);
    }
    const b = this.u8();
    if (b >= 0x80) malformed(this.pos - 1, TOO_LONG);
    const unused = b & 0x78;
    if (unused !== 0 && unused !== 0x78) malformed(this.pos - 1, TOO_LARGE);
    return result | (b << 28);
  }

  /** Signed LEB128 of 33 bits (type indices in heap and block types), as an exact number. */
  s33(): number {
    let result = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const b = this.u8();
      result |= (b & 0x7f) << shift;
      if (b < 0x80) return (result << (25 - shift)) >> (25 - shift);
    }
    const b = this.u8();
    if (b >= 0x80) malformed(this.pos - 1, TOO_LONG);
    const unused = b & 0x70;
    if (unused !== 0 && unused !== 0x70) malformed(this.pos - 1, TOO_LARGE);
    return ((b << 27) >> 27) * 0x10000000 + result;
  }

  /** Unsigned LEB128 of 64 bits: returns the low half as int32, leaves the high half in `hi`. */
  u64(): number {
    const pos = this.pos;
    if (pos < this.end) {
      const b = this.bytes[pos];
      if (b < 0x80) {
        this.pos = pos + 1;
        this.hi = 0;
        return b;
      }
    }
    const last = this.long64();
    if (last > 1) malformed(this.pos - 1, TOO_LARGE);
    return this.lo;
  }

  /** Signed LEB128 of 64 bits: returns the low half as int32, leaves the high half in `hi`. */
  s64(): number {
    const pos = this.pos;
    if (pos < this.end) {
      const b = this.bytes[pos];
      if (b < 0x80) {
        this.pos = pos + 1;
        const v = (b << 25) >> 25;
        this.hi = v >> 31;
        return v;
      }
    }
    const last = this.long64();
    if (last > 0 && last !== 0x7f) malformed(this.pos - 1, TOO_LARGE);
    if (last < 0) this.extend(-last);
    return this.lo;
  }

  private lo = 0;

  /** Collects lo and hi without sign extension; returns the tenth byte, or minus the number of bits if fewer than ten bytes. */
  private long64(): number {
    let lo = 0;
    let hi = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const b = this.u8();
      const v = b & 0x7f;
      if (shift < 28) lo |= v << shift;
      else if (shift === 28) {
        lo |= v << 28;
        hi = v >> 4;
      } else hi |= v << (shift - 32);
      if (b < 0x80) {
        this.lo = lo;
        this.hi = hi;
        return -(shift + 7);
      }
    }
    const b = this.u8();
    if (b >= 0x80) malformed(this.pos - 1, TOO_LONG);
    this.lo = lo;
    this.hi = hi | (b << 31);
    return b;
  }

  /** Sign-extends lo and hi from `bits` (7 to 63) bits. */
  private extend(bits: number): void {
    if (bits < 32) {
      this.lo = (this.lo << (32 - bits)) >> (32 - bits);
      this.hi = this.lo >> 31;
    } else this.hi = (this.hi << (64 - bits)) >> (64 - bits);
  }

  /** Four bytes, little-endian, as int32 bits. */
  word(): number {
    const p = this.pos;
    if (this.end - p < 4) {
      this.pos = this.end;
      this.unexpectedEnd();
    }
    this.pos = p + 4;
    const b = this.bytes;
    return b[p] | (b[p + 1] << 8) | (b[p + 2] << 16) | (b[p + 3] << 24);
  }

  /** A name: length and strict UTF-8 (no surrogates, no overlong forms). */
  utf8Name(): string {
    const length = this.u32();
    const start = this.skip(length);
    return decodeUtf8(this.bytes, start, this.pos);
  }

  /** Throws the fault for bytes that end too early. */
  unexpectedEnd(): never {
    malformed(this.pos, 'unexpected end');
  }
}

/** Decodes strict UTF-8 of bytes[start, end); throws `malformed` at `start`. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= 64) {
    let text = '';
    let i = start;
    for (; i < end; i++) {
      const b = bytes[i];
      if (b >= 0x80) break;
      text += String.fromCharCode(b);
    }
    if (i === end) return text;
  }
  try {
    // A copy: the file may lie in a SharedArrayBuffer, which TextDecoder does not take everywhere.
    return utf8.decode(bytes.slice(start, end));
  } catch {
    return malformed(start, 'malformed UTF-8 encoding');
  }
}
