// Multipliers for division by constants (Hacker's Delight, 10-4 and 10-9, stated with exact integers). Rare in a
// module, so BigInt does no harm here.

export interface MagicUnsigned {
  /** Low `bits` bits of the multiplier. */
  readonly low: number;
  readonly high: number;
  readonly shift: number;
  /** The multiplier has one more bit, above these. */
  readonly add: boolean;
}

export interface MagicSigned {
  readonly low: number;
  readonly high: number;
  readonly shift: number;
  /** Add (1) or subtract (-1) the dividend behind the multiplication. */
  readonly add: number;
}

const join = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
const lowOf = (x: bigint): number => Number(BigInt.asIntN(32, x));
const highOf = (x: bigint): number => Number(BigInt.asIntN(32, x >> 32n));

/** For d not 0 and no power of two: n / d = (n * M) >> (bits + shift) for all unsigned n, M = low, high + add * 2^bits. */
export function magicUnsigned(low: number, high: number, bits: 32 | 64): MagicUnsigned {
  const width = BigInt(bits);
  const d = join(low, bits === 64 ? high : 0);
  // The smallest shift for which M = ceil(2^(bits + shift) / d) is exact enough: M * d - 2^(bits+shift) <= 2^shift.
  for (let shift = 0n; ; shift++) {
    const power = 1n << (width + shift);
    const multiplier = (power + d - 1n) / d;
    if (multiplier * d - power > 1n << shift) continue;
    const add = multiplier >> width !== 0n;
    return { low: lowOf(multiplier), high: highOf(multiplier), shift: Number(shift), add };
  }
}

/** For |d| >= 3, no power of two: q = (mulhs(n, M) + add * n) >> shift, plus its own sign bit. */
export function magicSigned(low: number, high: number, bits: 32 | 64): MagicSigned {
  const width = BigInt(bits);
  const d = BigInt.asIntN(bits, join(low, high));
  const abs = d < 0n ? -d : d;
  for (let shift = 0n; ; shift++) {
    const power = 1n << (width - 1n + shift);
    const multiplier = power / abs + 1n;
    if (multiplier * abs - power >= 1n << shift) continue;
    // Here q = (n * multiplier) >> (bits - 1 + shift); as a high product the shift is one less.
    if (shift === 0n) continue;
    const m = BigInt.asIntN(bits, d < 0n ? -multiplier : multiplier);
    let add = 0;
    if (d > 0n && m < 0n) add = 1;
    else if (d < 0n && m > 0n) add = -1;
    return { low: lowOf(m), high: highOf(m), shift: Number(shift) - 1, add };
  }
}
