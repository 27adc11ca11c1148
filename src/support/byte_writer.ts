// A growing little-endian byte buffer for tables and headers.

export class ByteWriter {
  private view: DataView;
  private data: Uint8Array;
  /** Bytes written so far. */
  length = 0;

  constructor(capacity = 1024) {
    this.data = new Uint8Array(capacity);
    this.view = new DataView(this.data.buffer);
  }

  /** The bytes written, without a copy; valid until the next write. */
  bytes(): Uint8Array {
    return this.data.subarray(0, this.length);
  }

  u8(value: number): void {
    this.data[this.grow(1)] = value;
  }

  u32(value: number): void {
    const at = this.grow(4);
    this.view.setUint32(at, value, true);
  }

  /** A whole number from 0 to 2^53 - 1. */
  u64(value: number): void {
    const at = this.grow(8);
    this.view.setUint32(at, value % 0x100000000, true);
    this.view.setUint32(at + 4, Math.floor(value / 0x100000000), true);
  }

  /** 64 bits in two halves. */
  u64Halves(lo: number, hi: number): void {
    this.u32(lo);
    this.u32(hi);
  }

  /** All bits set: "none" in 64-bit fields. */
  none64(): void {
    this.u64Halves(0xffffffff, 0xffffffff);
  }

  put(bytes: Uint8Array): void {
    const at = this.grow(bytes.length);
    this.data.set(bytes, at);
  }

  /** Unsigned LEB128. */
  uleb(value: number): void {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.u8((rest % 128) | 128);
    this.u8(rest);
  }

  /** Zero bytes up to a multiple of `align`, a power of two. */
  align(align: number): void {
    this.grow(-this.length & (align - 1));
  }

  /** Overwrites four bytes written before. */
  setU32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  /** Appends `count` zero bytes and returns where they begin. */
  grow(count: number): number {
    const at = this.length;
    const end = at + count;
    if (end > this.data.length) {
      const grown = new Uint8Array(Math.max(end, this.data.length * 2));
      grown.set(this.data.subarray(0, at));
      this.data = grown;
      this.view = new DataView(grown.buffer);
    }
    this.length = end;
    return at;
  }
}
