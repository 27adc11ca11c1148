// x86_64 as the emitter sees it: branch forms, displacement fields, the veneer of a call, traps, nops.
//
// Inside a function nothing is out of reach of a 32-bit displacement. A call or tail jump to a function more than
// 2 GiB away goes through a veneer: lea r11, [rip]; movabs r10, distance; add r11, r10; jmp r11. r10 and r11 carry
// nothing at direct calls.
import type { BranchForm, FixupIsa, FixupKind } from '../../emit/fixup_kinds.ts';
import { CC } from './instructions.ts';

/** Indices into `X64_FIXUPS.kinds`. */
export const enum Kind {
  Rel8 = 0,
  /** Branches, constants and tables inside the function. */
  Rel32 = 1,
  /** Calls and jumps to other functions. */
  Call32 = 2,
  /** 64-bit distance in a call's veneer. */
  Far64 = 3,
  Data32 = 4,
}

function patch32(bytes: Uint8Array, offset: number, displacement: number): void {
  bytes[offset] = displacement;
  bytes[offset + 1] = displacement >> 8;
  bytes[offset + 2] = displacement >> 16;
  bytes[offset + 3] = displacement >> 24;
}

const rel32 = (name: string, veneer: FixupKind['veneer']): FixupKind => ({
  name,
  forward: 2 ** 31 - 1,
  backward: 2 ** 31,
  align: 1,
  patch: patch32,
  veneer,
});

// lea r11, [rip + 0]; movabs r10, 0; add r11, r10; jmp r11
const VENEER = Uint8Array.of(
  0x4c,
  0x8d,
  0x1d,
  0,
  0,
  0,
  0,
  0x49,
  0xba,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0x4d,
  0x01,
  0xd3,
  0x41,
  0xff,
  0xe3,
);

// Recommended multi-byte nops (Intel SDM volume 2, NOP).
const NOPS: readonly (readonly number[])[] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

const JUMPS: readonly BranchForm[] = [
  { size: 2, fixupOffset: 1, kind: Kind.Rel8, addend: -1 },
  { size: 5, fixupOffset: 1, kind: Kind.Rel32, addend: -4 },
];
const CONDS: readonly BranchForm[] = [
  { size: 2, fixupOffset: 1, kind: Kind.Rel8, addend: -1 },
  { size: 6, fixupOffset: 2, kind: Kind.Rel32, addend: -4 },
];

export const X64_FIXUPS: FixupIsa = {
  name: 'x86_64',
  kinds: [
    {
      name: 'rel8',
      forward: 127,
      backward: 128,
      align: 1,
      patch: (bytes, offset, displacement) => {
        bytes[offset] = displacement;
      },
      veneer: null,
    },
    rel32('rel32', null),
    rel32('call32', {
      size: VENEER.length,
      align: 1,
      write: (bytes, offset) => bytes.set(VENEER, offset),
      fixupOffset: 9,
      kind: Kind.Far64,
      // The distance counts from the second instruction, 2 bytes before the field.
      addend: 2,
    }),
    {
      name: 'far64',
      forward: 2 ** 52,
      backward: 2 ** 52,
      align: 1,
      patch: (bytes, offset, displacement) => {
        patch32(bytes, offset, displacement | 0);
        patch32(bytes, offset + 4, Math.floor(displacement / 2 ** 32));
      },
      veneer: null,
    },
    rel32('data32', null),
  ],
  jumpForms: JUMPS,
  condForms: () => CONDS,
  writeJump: (bytes, offset, form) => {
    bytes[offset] = form === 0 ? 0xeb : 0xe9;
    bytes.fill(0, offset + 1, offset + JUMPS[form].size);
  },
  writeCond: (bytes, offset, cond, form) => {
    if (form === 0) bytes[offset] = 0x70 | cond;
    else {
      bytes[offset] = 0x0f;
      bytes[offset + 1] = 0x80 | cond;
    }
    bytes.fill(0, offset + CONDS[form].fixupOffset, offset + CONDS[form].size);
  },
  invertCond: (cond) => (cond <= CC.G ? cond ^ 1 : -1),
  data32Kind: Kind.Data32,
  trapSize: 3,
  // ud1 eax, reg: the low six bits of ModRM carry the kind.
  writeTrap: (bytes, offset, trapKind) => {
    bytes[offset] = 0x0f;
    bytes[offset + 1] = 0xb9;
    bytes[offset + 2] = 0xc0 | trapKind;
  },
  writeNops: (bytes, from, to) => {
    for (let at = from; at < to;) {
      const nop = NOPS[Math.min(to - at, NOPS.length) - 1];
      bytes.set(nop, at);
      at += nop.length;
    }
  },
  fillByte: 0xcc,
  codeAlign: 1,
  functionAlign: 16,
  poolAlign: 64,
  maxInstructionSize: 256,
  maxInstructionGrowth: 256,
};
