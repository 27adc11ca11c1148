// 64-bit integers as two int32 halves: the arithmetic of the constant folder, without BigInt and without garbage.
//
// Each operation takes halves (low, high) and leaves its result in the fields `lo` and `hi` of the receiver; operands
// are read before the result is written, so a result may be an operand of the next operation. Semantics are those of
// the WebAssembly i64 instructions (specification 4.3.2); shift counts are taken modulo 64.
// Division and remainder do not check: the divisor must not be 0, and the caller excludes signed overflow of divS.

/** Signed comparison: -1, 0 or 1. */
export function compareS(aLo: number, aHi: number, bLo: number, bHi: number): number {
  if (aHi !== bHi) return aHi < bHi ? -1 : 1;
  return aLo === bLo ? 0 : aLo >>> 0 < bLo >>> 0 ? -1 : 1;
}

/** Unsigned comparison: -1, 0 or 1. */
export function compareU(aLo: number, aHi: number, bLo: number, bHi: number): number {
  if (aHi !== bHi) return aHi >>> 0 < bHi >>> 0 ? -1 : 1;
  return aLo === bLo ? 0 : aLo >>> 0 < bLo >>> 0 ? -1 : 1;
}

/** Trailing zeros of an int32; 32 for 0. */
export const ctz32 = (x: number): number => (x === 0 ? 32 : 31 - Math.clz32(x & -x));

/** Ones of an int32. */
export function popcnt32(x: number): number {
  let v = x - ((x >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  v = (v + (v >>> 4)) & 0x0f0f0f0f;
  return Math.imul(v, 0x01010101) >>> 24;
}

export const clz64 = (lo: number, hi: number): number => (hi !== 0 ? Math.clz32(hi) : 32 + Math.clz32(lo));
export const ctz64 = (lo: number, hi: number): number => (lo !== 0 ? ctz32(lo) : 32 + ctz32(hi));
export const popcnt64 = (lo: number, hi: number): number => popcnt32(lo) + popcnt32(hi);

/** Number of the only set bit (0 to 63), or -1 if not exactly one is set. */
export function log2Exact(lo: number, hi: number): number {
  return popcnt64(lo, hi) === 1 ? ctz64(lo, hi) : -1;
}

export class Int64 {
  lo = 0;
  hi = 0;
  /** Remainder of the last unsigned division. */
  private remLo = 0;
  private remHi = 0;

  set(lo: number, hi: number): void {
    this.lo = lo | 0;
    this.hi = hi | 0;
  }

  add(aLo: number, aHi: number, bLo: number, bHi: number): void {
    const lo = (aLo + bLo) | 0;
    const carry = lo >>> 0 < aLo >>> 0 ? 1 : 0;
    this.set(lo, aHi + bHi + carry);
  }

  sub(aLo: number, aHi: number, bLo: number, bHi: number): void {
    const borrow = aLo >>> 0 < bLo >>> 0 ? 1 : 0;
    this.set(aLo - bLo, aHi - bHi - borrow);
  }

  neg(lo: number, hi: number): void {
    this.sub(0, 0, lo, hi);
  }

  mul(aLo: number, aHi: number, bLo: number, bHi: number): void {
    const a0 = aLo & 0xffff;
    const a1 = aLo >>> 16;
    const b0 = bLo & 0xffff;
    const b1 = bLo >>> 16;
    // Each partial product is below 2^32 and each sum below 2^53.
    const low = a0 * b0;
    const mid = a1 * b0 + (low >>> 16);
    const mid2 = a0 * b1 + (mid & 0xffff);
    const carry = a1 * b1 + Math.floor(mid / 0x10000) + Math.floor(mid2 / 0x10000);
    const lo = ((mid2 & 0xffff) << 16) | (low & 0xffff);
    this.set(lo, (carry | 0) + Math.imul(aLo, bHi) + Math.imul(aHi, bLo));
  }

  shl(lo: number, hi: number, count: number): void {
    const n = count & 63;
    if (n === 0) this.set(lo, hi);
    else if (n < 32) this.set(lo << n, (hi << n) | (lo >>> (32 - n)));
    else this.set(0, lo << (n - 32));
  }

  shrU(lo: number, hi: number, count: number): void {
    const n = count & 63;
    if (n === 0) this.set(lo, hi);
    else if (n < 32) this.set((lo >>> n) | (hi << (32 - n)), hi >>> n);
    else this.set(hi >>> (n - 32), 0);
  }

  shrS(lo: number, hi: number, count: number): void {
    const n = count & 63;
    if (n === 0) this.set(lo, hi);
    else if (n < 32) this.set((lo >>> n) | (hi << (32 - n)), hi >> n);
    else this.set(hi >> (n - 32), hi >> 31);
  }

  rotl(lo: number, hi: number, count: number): void {
    const n = count & 63;
    const k = n & 31;
    const a = n >= 32 ? hi : lo;
    const b = n >= 32 ? lo : hi;
    if (k === 0) this.set(a, b);
    else this.set((a << k) | (b >>> (32 - k)), (b << k) | (a >>> (32 - k)));
  }

  rotr(lo: number, hi: number, count: number): void {
    this.rotl(lo, hi, -count);
  }

  divU(aLo: number, aHi: number, bLo: number, bHi: number): void {
    let qLo = 0;
    let qHi = 0;
    let rLo = 0;
    let rHi = 0;
    for (let i = 63; i >= 0; i--) {
      // The bit that leaves the remainder at the top makes it greater than any divisor.
      const top = rHi < 0;
      rHi = (rHi << 1) | (rLo >>> 31);
      rLo = (rLo << 1) | ((i >= 32 ? aHi >>> (i - 32) : aLo >>> i) & 1);
      if (top || compareU(rLo, rHi, bLo, bHi) >= 0) {
        this.sub(rLo, rHi, bLo, bHi);
        rLo = this.lo;
        rHi = this.hi;
        if (i >= 32) qHi |= 1 << (i - 32);
        else qLo |= 1 << i;
      }
    }
    this.remLo = rLo;
    this.remHi = rHi;
    this.set(qLo, qHi);
  }

  remU(aLo: number, aHi: number, bLo: number, bHi: number): void {
    this.divU(aLo, aHi, bLo, bHi);
    this.set(this.remLo, this.remHi);
  }

  divS(aLo: number, aHi: number, bLo: number, bHi: number): void {
    this.divMagnitudes(aLo, aHi, bLo, bHi);
    if ((aHi ^ bHi) < 0) this.neg(this.lo, this.hi);
  }

  remS(aLo: number, aHi: number, bLo: number, bHi: number): void {
    this.divMagnitudes(aLo, aHi, bLo, bHi);
    if (aHi < 0) this.neg(this.remLo, this.remHi);
    else this.set(this.remLo, this.remHi);
  }

  private divMagnitudes(aLo: number, aHi: number, bLo: number, bHi: number): void {
    this.neg(aLo, aHi);
    const xLo = aHi < 0 ? this.lo : aLo;
    const xHi = aHi < 0 ? this.hi : aHi;
    this.neg(bLo, bHi);
    this.divU(xLo, xHi, bHi < 0 ? this.lo : bLo, bHi < 0 ? this.hi : bHi);
  }
}
