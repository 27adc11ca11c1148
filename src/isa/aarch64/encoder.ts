// Words of aarch64 instructions, derived from the table (instructions.ts). Registers are physical numbers (vector
// registers 32..63; the low five bits count). Immediates are the fields as the table's formats have them. Nothing is
// checked here but what would be silently wrong; the table's tests compare every form with the system assembler.
import type { CodeBuffer } from '../../emit/code_buffer.ts';
import { Kind } from './fixups.ts';
import { arithmeticImm, logicalImm } from './immediates.ts';
import { A, Extend, Fmt, FMT, LITERAL, SCALE, WORD } from './instructions.ts';
import { Reg, ZR } from './registers.ts';

/** The word of row `x`; memory rows excepted. */
export function word(x: number, d: number, n: number, m: number, a: number, imm: number): number {
  const base = WORD[x] | (d & 31);
  switch (FMT[x]) {
    case Fmt.DnmShift:
      return base | ((n & 31) << 5) | ((m & 31) << 16) | ((imm >> 6) << 22) | ((imm & 63) << 10);
    case Fmt.DmShift:
      return base | ((m & 31) << 16) | ((imm >> 6) << 22) | ((imm & 63) << 10);
    case Fmt.NmShift:
      return WORD[x] | ((n & 31) << 5) | ((m & 31) << 16) | ((imm >> 6) << 22) | ((imm & 63) << 10);
    case Fmt.DnmExt:
      return base | ((n & 31) << 5) | ((m & 31) << 16) | (imm << 10);
    case Fmt.NmExt:
      return WORD[x] | ((n & 31) << 5) | ((m & 31) << 16) | (imm << 10);
    case Fmt.DnImm12:
    case Fmt.DnLogical:
      return base | ((n & 31) << 5) | (imm << 10);
    case Fmt.NImm12:
    case Fmt.NLogical:
      return WORD[x] | ((n & 31) << 5) | (imm << 10);
    case Fmt.DImm16:
      return base | (imm << 5);
    case Fmt.DnBits:
      return base | ((n & 31) << 5) | ((imm >> 6) << 16) | ((imm & 63) << 10);
    case Fmt.DnmLsb:
      return base | ((n & 31) << 5) | ((m & 31) << 16) | (imm << 10);
    case Fmt.Dnma:
      return base | ((n & 31) << 5) | ((m & 31) << 16) | ((a & 31) << 10);
    case Fmt.Dnm:
      return base | ((n & 31) << 5) | ((m & 31) << 16);
    case Fmt.Dn:
      // mov v.16b is orr with both sources the same.
      return base | ((n & 31) << 5) | (x === A.MovQ ? (n & 31) << 16 : 0);
    case Fmt.DnmCond:
      return base | ((n & 31) << 5) | ((m & 31) << 16) | (imm << 12);
    case Fmt.DCond:
      return base | ((imm ^ 1) << 12);
    case Fmt.NmCcmp:
      return WORD[x] | ((n & 31) << 5) | ((m & 31) << 16) | ((imm & 15) << 12) | ((imm >> 4) & 15);
    case Fmt.NCcmp:
      return WORD[x] | ((n & 31) << 5) | ((imm >> 8) << 16) | ((imm & 15) << 12) | ((imm >> 4) & 15);
    case Fmt.Nm:
      return WORD[x] | ((n & 31) << 5) | ((m & 31) << 16);
    case Fmt.N:
      return WORD[x] | ((n & 31) << 5);
    case Fmt.D:
      return base;
    case Fmt.DFloat:
      return base | (imm << 13);
    default:
      return WORD[x];
  }
}

/** Writes an instruction of row `x`. */
export function enc(b: CodeBuffer, x: number, d: number, n: number, m: number, imm = 0, a = 0): void {
  b.put4(word(x, d, n, m, a, imm));
}

const isUnscaled = (disp: number): boolean => disp >= -256 && disp <= 255;
const isScaled = (disp: number, scale: number): boolean =>
  (disp & ((1 << scale) - 1)) === 0 && disp >= 0 && disp >> scale <= 0xfff;

/** True if a memory row can hold the displacement. */
export function fitsDisplacement(x: number, disp: number): boolean {
  return isScaled(disp, SCALE[x]) || isUnscaled(disp);
}

/** Word of [n, disp], which must fit. */
export function memoryWord(x: number, t: number, n: number, disp: number): number {
  const base = WORD[x] | (t & 31) | ((n & 31) << 5);
  return isScaled(disp, SCALE[x])
    ? base | ((disp >> SCALE[x]) << 10)
    : (base & ~0x01000000) | ((disp & 0x1ff) << 12);
}

/** Word of [n, m, extend]; `scaled`: m is shifted by the size of the access. */
export function indexedWord(
  x: number,
  t: number,
  n: number,
  m: number,
  extend: Extend,
  scaled: boolean,
): number {
  const base = (WORD[x] & ~0x01000000) | 0x00200800 | (t & 31) | ((n & 31) << 5);
  return base | ((m & 31) << 16) | (extend << 13) | (scaled ? 1 << 12 : 0);
}

/** Load or store at [n, disp] with any displacement: one too far is built in x16. Stores of x16 must fit. */
export function encMem(b: CodeBuffer, x: number, t: number, n: number, disp: number): void {
  if (fitsDisplacement(x, disp)) {
    b.put4(memoryWord(x, t, n, disp));
    return;
  }
  encFarDisplacement(b, t, disp);
  b.put4(indexedWord(x, t, n, Reg.X16, Extend.Uxtx, false));
}

/** x16 = disp, for a displacement that does not fit. */
export function encFarDisplacement(b: CodeBuffer, t: number, disp: number): void {
  if (t === Reg.X16) throw new Error(`x16 at displacement ${disp}`);
  encConst(b, Reg.X16, disp, disp >> 31);
}

export function encMemIndexed(
  b: CodeBuffer,
  x: number,
  t: number,
  n: number,
  m: number,
  extend: Extend,
  scaled: boolean,
): void {
  b.put4(indexedWord(x, t, n, m, extend, scaled));
}

/** Load of a constant. */
export function encLiteral(b: CodeBuffer, x: number, t: number, label: number): void {
  b.useLabelAt(b.length, label, Kind.Literal19, 0);
  b.put4(LITERAL[x] | (t & 31));
}

/** Word of a pair at [n, disp]; disp a multiple of 8 in -512..504. */
export function pairWord(x: number, t: number, t2: number, n: number, disp: number): number {
  return WORD[x] | (t & 31) | ((t2 & 31) << 10) | ((n & 31) << 5) | (((disp >> 3) & 127) << 15);
}

export function encPair(b: CodeBuffer, x: number, t: number, t2: number, n: number, disp: number): void {
  b.put4(pairWord(x, t, t2, n, disp));
}

/** How many moves build a 64-bit constant; the upper half is zero for 32-bit ones. */
export function constMoves(low: number, high: number): number {
  let zeros = 0;
  let ones = 0;
  for (let k = 0; k < 4; k++) {
    const part = ((k < 2 ? low : high) >>> ((k & 1) * 16)) & 0xffff;
    if (part === 0) zeros++;
    else if (part === 0xffff) ones++;
  }
  return Math.max(1, 4 - Math.max(zeros, ones));
}

/** d = high:low by movz, movn, movk or orr. */
export function encConst(b: CodeBuffer, d: number, low: number, high: number): void {
  // A 32-bit instruction clears the upper half.
  const narrow = high === 0;
  const moves = narrow ? Math.min(constMoves(low, 0), constMoves(low, -1)) : constMoves(low, high);
  if (moves > 1) {
    const logical = logicalImm(low, narrow ? low : high, narrow ? 32 : 64);
    if (logical >= 0) {
      enc(b, A.OrrI + (narrow ? 0 : 1), d, ZR, 0, logical);
      return;
    }
  }
  const count = narrow ? 2 : 4;
  let zeros = 0;
  let ones = 0;
  for (let k = 0; k < count; k++) {
    const part = ((k < 2 ? low : high) >>> ((k & 1) * 16)) & 0xffff;
    if (part === 0) zeros++;
    else if (part === 0xffff) ones++;
  }
  const fill = ones > zeros ? 0xffff : 0;
  const w = narrow ? 0 : 1;
  if (zeros === count || ones === count) {
    enc(b, (zeros === count ? A.Movz : A.Movn) + w, d, 0, 0, 0);
    return;
  }
  let first = true;
  for (let k = 0; k < count; k++) {
    const part = ((k < 2 ? low : high) >>> ((k & 1) * 16)) & 0xffff;
    if (part === fill) continue;
    if (!first) enc(b, A.Movk + w, d, 0, 0, (k << 16) | part);
    else if (fill === 0) enc(b, A.Movz + w, d, 0, 0, (k << 16) | part);
    else enc(b, A.Movn + w, d, 0, 0, (k << 16) | (part ^ 0xffff));
    first = false;
  }
}

/** d = n + imm in 64 bits, for any int32; n and d may be the stack pointer. Uses x16 if imm is no sum of two immediates. */
export function encAddImm(b: CodeBuffer, d: number, n: number, imm: number): void {
  const x = imm < 0 ? A.SubI + 1 : A.AddI + 1;
  const size = Math.abs(imm);
  const field = arithmeticImm(size);
  if (field >= 0) {
    if (size !== 0 || d !== n) enc(b, x, d, n, 0, field);
  } else if (size < 1 << 24) {
    enc(b, x, d, n, 0, 0x1000 | (size >> 12));
    enc(b, x, d, d, 0, size & 0xfff);
  } else {
    encConst(b, Reg.X16, size | 0, 0);
    enc(b, imm < 0 ? A.SubExt + 1 : A.AddExt + 1, d, n, Reg.X16, Extend.Uxtx << 3);
  }
}

/** bl to a text symbol. */
export function encCall(b: CodeBuffer, symbol: number): void {
  b.externalAt(b.length, symbol, Kind.Call26, 0);
  b.put4(0x94000000);
}

/** b to a text symbol. */
export function encTailJump(b: CodeBuffer, symbol: number): void {
  b.externalAt(b.length, symbol, Kind.Call26, 0);
  b.put4(0x14000000);
}

/** adr d, label */
export function encAdr(b: CodeBuffer, d: number, label: number): void {
  b.useLabelAt(b.length, label, Kind.Adr21, 0);
  b.put4(0x10000000 | (d & 31));
}

const PACIASP = 0xd503233f | 0;
const AUTIASP = 0xd50323bf | 0;
const PACIA1716 = 0xd503211f | 0;
const AUTIA1716 = 0xd503219f | 0;

/**
 * Signs x30, or checks and strips its signature (`authenticate`). The modifier is the canonical frame address, sp + `cfa`,
 * as unwinders expect. Nops before ARMv8.3. x16 and x17 are lost unless `cfa` is 0.
 */
export function encSign(buffer: CodeBuffer, authenticate: boolean, cfa: number): void {
  if (cfa === 0) {
    buffer.put4(authenticate ? AUTIASP : PACIASP);
    return;
  }
  encAddImm(buffer, Reg.X16, Reg.Sp, cfa);
  enc(buffer, A.Mov + 1, Reg.X17, 0, Reg.Lr);
  buffer.put4(authenticate ? AUTIA1716 : PACIA1716);
  enc(buffer, A.Mov + 1, Reg.Lr, 0, Reg.X17);
}

/** bti c: a call, or a jump through x16 or x17, may land here. */
export const BTI_C = 0xd503245f | 0;
/** bti j: a jump through any register may land here. */
export const BTI_J = 0xd503249f | 0;
