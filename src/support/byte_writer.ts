// A growing little-endian byte buffer for tables and headers.

export class ByteWriter {
  private view: DataView;
  private data: Uint8Array<ArrayBuffer>;
  /** Bytes written so far. */
  length = 0;

  constructor(capacity = 1024) {
    this.data = new Uint8Array(capacity);
    this.view = new DataView(this.data.buffer);
  }

  /** The bytes written, without a copy; valid until the next write. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.data.subarray(0, this.length);
  }

  u8(value: number): void {
    this.data[this.grow(1)] = value;
  }

  u16(value: number): void {
    const at = this.grow(2);
    this.view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.grow(4);
    this.view.setUint32(at, value, true);
  }

  /** A whole number from -2^53 + 1 to 2^53 - 1, negative ones in two's complement. */
  u64(value: number): void {
    this.setU64(this.grow(8), value);
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

  /** Signed LEB128. */
  sleb(value: number): void {
    let rest = value;
    while (rest < -64 || rest > 63) {
      const low = ((rest % 128) + 128) % 128;
      this.u8(low | 128);
      rest = (rest - low) / 128;
    }
    this.u8(rest & 127);
  }

  /** UTF-8 bytes of `text` and a NUL. */
  cstring(text: string): void {
    this.put(new TextEncoder().encode(text));
    this.u8(0);
  }

  /** Exactly `count` bytes: `text`, which must be ASCII and fit, then NULs. */
  fixedString(text: string, count: number): void {
    if (text.length > count) throw new RangeError(`name longer than ${count} bytes: ${text}`);
    const at = this.grow(count);
    for (let i = 0; i < text.length; i++) this.data[at + i] = text.charCodeAt(i);
  }

  /** Zero bytes up to a multiple of `align`, a power of two. */
  align(align: number): void {
    this.grow(-this.length & (align - 1));
  }

  /** Overwrites four bytes written before. */
  setU32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  /** Overwrites eight bytes written before; `value` as for u64. */
  setU64(at: number, value: number): void {
    this.view.setUint32(at, value % 0x100000000, true);
    this.view.setUint32(at + 4, Math.floor(value / 0x100000000), true);
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

/** The least multiple of `alignment` that is not below `value`; beyond 32 bits too. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
