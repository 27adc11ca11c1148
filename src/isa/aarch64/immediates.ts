// Immediates that aarch64 instructions can hold: arithmetic (12 bits, perhaps shifted by 12), logical (a repeated,
// rotated run of ones), 8-bit floats. Values are int32 halves. Source: Arm Architecture Reference Manual for A-profile
// (DDI 0487), DecodeBitMasks, VFPExpandImm.
import { ctz64, popcnt32, popcnt64, ctz32 } from '../../support/int64.ts';

/** The field of an unsigned arithmetic immediate (bit 12: shifted by 12), or -1. */
export function arithmeticImm(value: number): number {
  if (value >= 0 && value <= 0xfff) return value;
  if (value > 0 && value <= 0xfff000 && (value & 0xfff) === 0) return (value >> 12) | 0x1000;
  return -1;
}

/** The fields N:immr:imms (13 bits) of a logical immediate of `bits` (32 or 64) bits, or -1. */
export function logicalImm(low: number, high: number, bits: number): number {
  let size = 32;
  let value = low;
  if (bits === 64 && low !== high) {
    const startsLow = low & ~((low << 1) | (high >>> 31));
    const startsHigh = high & ~((high << 1) | (low >>> 31));
    if (popcnt64(startsLow, startsHigh) !== 1) return -1;
    return 0x1000 | (((64 - ctz64(startsLow, startsHigh)) & 63) << 6) | (popcnt64(low, high) - 1);
  }
  while (size > 2) {
    const half = size >> 1;
    const mask = half === 16 ? 0xffff : (1 << half) - 1;
    if ((value & mask) !== ((value >>> half) & mask)) break;
    value &= mask;
    size = half;
  }
  const mask = size === 32 ? -1 : (1 << size) - 1;
  value &= mask;
  const starts = value & ~((value << 1) | ((value >>> (size - 1)) & 1)) & mask;
  if (popcnt32(starts) !== 1) return -1;
  return (((size - ctz32(starts)) & (size - 1)) << 6) | ((~(2 * size - 1) & 63) | (popcnt32(value) - 1));
}

/** The value of a logical immediate's fields, as an unsigned number of `bits` bits: for printing. */
export function decodeLogicalImm(fields: number, bits: number): bigint {
  const imms = fields & 63;
  const immr = (fields >> 6) & 63;
  let size = 64;
  if ((fields & 0x1000) === 0) for (size = 32; (imms & size) !== 0; size >>= 1);
  const ones = BigInt((imms & (size - 1)) + 1);
  const width = BigInt(size);
  const rotation = BigInt(immr & (size - 1));
  const run = (1n << ones) - 1n;
  const element = BigInt.asUintN(size, (run >> rotation) | (run << (width - rotation)));
  let value = 0n;
  for (let at = 0n; at < BigInt(bits); at += width) value |= element << at;
  return value;
}

/** The 8 bits of a single precision immediate, or -1. */
export function floatImm32(word: number): number {
  const exponent = (word >> 25) & 0x3f;
  if ((word & 0x7ffff) !== 0 || (exponent !== 0x20 && exponent !== 0x1f)) return -1;
  return ((word >>> 31) << 7) | ((exponent & 1) << 6) | ((word >> 19) & 0x3f);
}

/** The 8 bits of a double precision immediate, or -1. */
export function floatImm64(low: number, high: number): number {
  const exponent = (high >> 22) & 0x1ff;
  if (low !== 0 || (high & 0xffff) !== 0 || (exponent !== 0x100 && exponent !== 0xff)) return -1;
  return ((high >>> 31) << 7) | ((exponent & 1) << 6) | ((high >> 16) & 0x3f);
}

/** The number that the 8 bits stand for: for printing. */
export function decodeFloatImm(imm8: number): number {
  const exponent = ((imm8 >> 4) & 7) ^ 4;
  return (1 - 2 * (imm8 >> 7)) * (1 + (imm8 & 15) / 16) * 2 ** (exponent - 3);
}
