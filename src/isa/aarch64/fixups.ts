// aarch64 as the emitter sees it: branch forms, literal loads, veneers, traps, nops.
//
// Reaches: tbz 32 KiB, b.cond, cbz and ldr of a literal 1 MiB, adr 1 MiB, b and bl 128 MiB. Veneers promote 14 and 19 bits
// to a b of 26; that, and calls, to a sequence that reaches 2^47 bytes: the distance is built in x16 by moves, so that
// a veneer has no data in it. x16 and x17 carry nothing at branches.
import type { BranchForm, FixupIsa, FixupKind, Veneer } from '../../emit/fixup_kinds.ts';
import { Cond, CondField } from './instructions.ts';

/** Indices into `A64_FIXUPS.kinds`. */
export const enum Kind {
  Test14 = 0,
  Cond19 = 1,
  Branch26 = 2,
  /** bl and b to other functions. */
  Call26 = 3,
  Adr21 = 4,
  Literal19 = 5,
  /** Distance in a veneer's moves. */
  Far48 = 6,
  Data32 = 7,
}

function get32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}

const field =
  (mask: number, shift: number) =>
  (bytes: Uint8Array, offset: number, displacement: number): void => {
    const bits = ((displacement >> 2) << shift) & mask;
    put32(bytes, offset, (get32(bytes, offset) & ~mask) | bits);
  };

const kind = (
  name: string,
  bits: number,
  align: number,
  patch: FixupKind['patch'],
  veneer: Veneer | null,
): FixupKind => ({
  name,
  forward: (2 ** (bits - 1) - 1) * align,
  backward: 2 ** (bits - 1) * align,
  align,
  patch,
  veneer,
});

const NOP = 0xd503201f | 0;

const toBranch26: Veneer = {
  size: 4,
  align: 4,
  write: (bytes, offset) => put32(bytes, offset, 0x14000000),
  fixupOffset: 0,
  kind: Kind.Branch26,
  addend: 0,
};

/** movz x16, #0; movk x16, #0, lsl 16; movk x16, #0, lsl 32; adr x17, .; add x16, x16, x17; then a jump to x16 */
const FAR = Int32Array.of(0xd2800010, 0xf2a00010, 0xf2c00010, 0x10000011, 0x8b110210);
const BR_X16 = 0xd61f0200 | 0;
/** A return is the one indirect branch whose target needs no landing pad: a label inside a function has none. */
const RET_X16 = 0xd65f0200 | 0;

const toFar = (jump: number): Veneer => ({
  size: 4 * FAR.length + 4,
  align: 4,
  write: (bytes, offset) => {
    for (let k = 0; k < FAR.length; k++) put32(bytes, offset + 4 * k, FAR[k]);
    put32(bytes, offset + 4 * FAR.length, jump);
  },
  fixupOffset: 0,
  kind: Kind.Far48,
  // The distance counts from the adr.
  addend: -12,
});

/** movn x16 fills the upper bits with ones: a negative distance. */
function patchFar(bytes: Uint8Array, offset: number, displacement: number): void {
  const low = displacement | 0;
  const high = Math.floor(displacement / 2 ** 32);
  const first = low & 0xffff;
  put32(bytes, offset, displacement < 0 ? 0x92800010 | ((first ^ 0xffff) << 5) : 0xd2800010 | (first << 5));
  put32(bytes, offset + 4, 0xf2a00010 | ((low >>> 16) << 5));
  put32(bytes, offset + 8, 0xf2c00010 | ((high & 0xffff) << 5));
}

const JUMPS: readonly BranchForm[] = [{ size: 4, fixupOffset: 0, kind: Kind.Branch26, addend: 0 }];
const CONDS: readonly BranchForm[] = [{ size: 4, fixupOffset: 0, kind: Kind.Cond19, addend: 0 }];
const TESTS: readonly BranchForm[] = [{ size: 4, fixupOffset: 0, kind: Kind.Test14, addend: 0 }];

/** The word of a conditional branch with distance zero. */
export function branchWord(cond: number): number {
  const reg = (cond >> CondField.RegShift) & 31;
  const sense = (cond & 1) << 24;
  if ((cond & Cond.Zero) !== 0) return 0x34000000 | sense | reg | ((cond & Cond.Wide) !== 0 ? 1 << 31 : 0);
  if ((cond & Cond.Test) !== 0) {
    const bit = (cond >> CondField.BitShift) & 63;
    return 0x36000000 | sense | ((bit >> 5) << 31) | ((bit & 31) << 19) | reg;
  }
  return 0x54000000 | cond;
}

const fixups = (far: Veneer): FixupIsa => ({
  name: 'aarch64',
  kinds: [
    kind('test14', 14, 4, field(0x3fff << 5, 5), toBranch26),
    kind('cond19', 19, 4, field(0x7ffff << 5, 5), toBranch26),
    kind('branch26', 26, 4, field(0x3ffffff, 0), far),
    kind('call26', 26, 4, field(0x3ffffff, 0), far),
    kind(
      'adr21',
      21,
      1,
      (bytes, offset, displacement) => {
        const bits = ((displacement & 3) << 29) | (((displacement >> 2) & 0x7ffff) << 5);
        put32(bytes, offset, (get32(bytes, offset) & ~0x60ffffe0) | bits);
      },
      null,
    ),
    kind('literal19', 19, 4, field(0x7ffff << 5, 5), null),
    kind('far48', 48, 1, patchFar, null),
    kind('data32', 32, 1, put32, null),
  ],
  jumpForms: JUMPS,
  condForms: (cond) => ((cond & Cond.Test) !== 0 ? TESTS : CONDS),
  writeJump: (bytes, offset) => put32(bytes, offset, 0x14000000),
  writeCond: (bytes, offset, cond) => put32(bytes, offset, branchWord(cond)),
  invertCond: (cond) => cond ^ 1,
  data32Kind: Kind.Data32,
  trapSize: 4,
  // udf #kind
  writeTrap: put32,
  writeNops: (bytes, from, to) => {
    for (let at = from; at < to; at += 4) put32(bytes, at, NOP);
  },
  fillByte: 0,
  codeAlign: 4,
  functionAlign: 16,
  poolAlign: 4,
  maxInstructionSize: 128,
  maxInstructionGrowth: 128,
});

export const A64_FIXUPS = fixups(toFar(BR_X16));
/** For code with landing pads. */
export const A64_GUARDED_FIXUPS = fixups(toFar(RET_X16));
