// Bytes of x86_64 instructions, derived from the table (instructions.ts). Registers are physical numbers (vector
// registers 32..47; the low four bits count). Nothing is checked here: the table's tests compare every form with the
// system assembler.
import { Instance } from '../../abi/layout.ts';
import type { CodeBuffer } from '../../emit/code_buffer.ts';
import {
  BYTE_REGS,
  DIGIT,
  Fmt,
  FMT,
  IMM,
  ImmKind,
  MAP,
  OPCODE,
  PREFIX,
  SWAPS,
  VEX,
  W,
  X,
} from './instructions.ts';
import { Kind } from './fixups.ts';
import { Reg } from './registers.ts';

const isI8 = (imm: number): boolean => imm >= -128 && imm <= 127;

/** Bytes of the row's immediate. */
function immBytes(x: number, imm: number): number {
  switch (IMM[x]) {
    case ImmKind.I8:
      return 1;
    case ImmKind.I16:
      return 2;
    case ImmKind.I32:
      return 4;
    case ImmKind.I8or32:
      return isI8(imm) ? 1 : 4;
    case ImmKind.Shift:
      return imm === 1 ? 0 : 1;
    case ImmKind.I64:
      return 8;
    default:
      return 0;
  }
}

/** Prefixes and opcode. rexR, rexX, rexB: 0 or 1 each; `force`: a byte register that needs REX. */
function head(
  b: CodeBuffer,
  x: number,
  imm: number,
  r: number,
  xIndex: number,
  base: number,
  force: boolean,
  v: number,
): void {
  b.reserve(16);
  const bytes = b.bytes;
  let at = b.length;
  const prefix = PREFIX[x];
  const map = MAP[x];
  let opcode = OPCODE[x];
  const kind = IMM[x];
  if (kind === ImmKind.I8or32) {
    if (isI8(imm)) opcode |= 2;
  } else if (kind === ImmKind.Condition) opcode += imm;
  else if (kind === ImmKind.Shift && imm === 1) opcode |= 0x10;
  const rexR = (r >> 3) & 1;
  const rexX = (xIndex >> 3) & 1;
  const rexB = (base >> 3) & 1;
  if (VEX[x] === 1) {
    const pp = prefix === 0x66 ? 1 : prefix === 0xf3 ? 2 : prefix === 0xf2 ? 3 : 0;
    bytes[at++] = 0xc4;
    bytes[at++] = ((1 - rexR) << 7) | ((1 - rexX) << 6) | ((1 - rexB) << 5) | map;
    bytes[at++] = (W[x] << 7) | ((~v & 15) << 3) | pp;
    bytes[at++] = opcode;
    b.length = at;
    return;
  }
  if (prefix !== 0) bytes[at++] = prefix;
  const rex = (W[x] << 3) | (rexR << 2) | (rexX << 1) | rexB;
  if (rex !== 0 || force) bytes[at++] = 0x40 | rex;
  if (map !== 0) {
    bytes[at++] = 0x0f;
    if (map === 2) bytes[at++] = 0x38;
    else if (map === 3) bytes[at++] = 0x3a;
  }
  bytes[at++] = opcode;
  b.length = at;
}

function putImm(b: CodeBuffer, x: number, imm: number): void {
  switch (IMM[x]) {
    case ImmKind.I8:
      b.put1(imm);
      break;
    case ImmKind.I16:
      b.put2(imm);
      break;
    case ImmKind.Shift:
      if (imm !== 1) b.put1(imm);
      break;
    case ImmKind.I32:
      b.put4(imm);
      break;
    case ImmKind.I8or32:
      if (isI8(imm)) b.put1(imm);
      else b.put4(imm);
      break;
  }
}

/** No operands, or an immediate only. */
export function encNone(b: CodeBuffer, x: number, imm = 0): void {
  head(b, x, imm, 0, 0, 0, false, 0);
  putImm(b, x, imm);
}

/** Register in the opcode byte. `immHigh`: upper half of a 64-bit immediate. */
export function encO(b: CodeBuffer, x: number, reg: number, imm = 0, immHigh = 0): void {
  head(b, x, imm, 0, 0, reg, false, 0);
  b.bytes[b.length - 1] |= reg & 7;
  if (IMM[x] === ImmKind.I64) {
    b.put4(imm);
    b.put4(immHigh);
  } else putImm(b, x, imm);
}

/**
 * Register form. `reg`: ModRM.reg (ignored by rows with an opcode extension; for Fmt.Vm it is vvvv); `rm`: ModRM.rm;
 * `v`: vvvv of VEX rows.
 */
export function encRR(b: CodeBuffer, x: number, reg: number, rm: number, imm = 0, v = 0): void {
  const digit = DIGIT[x];
  const byteRegs = BYTE_REGS[x];
  const force = ((byteRegs & 1) !== 0 && (reg & 15) >= 4) || ((byteRegs & 2) !== 0 && (rm & 15) >= 4);
  if (
    rm === 0 &&
    digit >= 0 &&
    (OPCODE[x] === 0x81 || (x & ~1) === X.TestI) &&
    !(IMM[x] === ImmKind.I8or32 && isI8(imm))
  ) {
    // Forms for rax without ModRM.
    b.reserve(16);
    if (W[x] === 1) b.put1(0x48);
    b.put1(OPCODE[x] === 0x81 ? digit * 8 + 5 : 0xa9);
    b.put4(imm);
    return;
  }
  if (SWAPS[x] === 1) {
    head(b, x, imm, rm, 0, reg, false, 0);
    b.bytes[b.length - 1] ^= 2;
    b.put1(0xc0 | ((rm & 7) << 3) | (reg & 7));
    return;
  }
  const vm = FMT[x] === Fmt.Vm;
  const r = digit >= 0 ? digit : reg & 15;
  head(b, x, imm, digit >= 0 ? 0 : r, 0, rm & 15, force, vm ? reg : v);
  b.put1(0xc0 | ((r & 7) << 3) | (rm & 7));
  putImm(b, x, imm);
}

/** Memory form [base + index << scale + disp]; base or index -1: none. */
export function encRM(
  b: CodeBuffer,
  x: number,
  reg: number,
  base: number,
  index: number,
  scale: number,
  disp: number,
  imm = 0,
  v = 0,
): void {
  const digit = DIGIT[x];
  const vm = FMT[x] === Fmt.Vm;
  const r = digit >= 0 ? digit : reg & 15;
  const force = (BYTE_REGS[x] & 1) !== 0 && (reg & 15) >= 4;
  head(b, x, imm, digit >= 0 ? 0 : r, index < 0 ? 0 : index, base < 0 ? 0 : base, force, vm ? reg : v);
  const field = (r & 7) << 3;
  b.reserve(16);
  const bytes = b.bytes;
  let at = b.length;
  if (base < 0) {
    bytes[at++] = field | 4;
    bytes[at++] = (scale << 6) | ((index < 0 ? 4 : index & 7) << 3) | 5;
    b.length = at;
    b.put4(disp);
  } else {
    const low = base & 7;
    // rbp and r13 as a base always take a displacement; rsp and r12 always take a SIB byte.
    const mod = disp === 0 && low !== 5 ? 0 : isI8(disp) ? 0x40 : 0x80;
    if (index < 0 && low !== 4) bytes[at++] = mod | field | low;
    else {
      bytes[at++] = mod | field | 4;
      bytes[at++] = (scale << 6) | ((index < 0 ? 4 : index & 7) << 3) | low;
    }
    b.length = at;
    if (mod === 0x40) b.put1(disp);
    else if (mod === 0x80) b.put4(disp);
  }
  putImm(b, x, imm);
}

/** Memory form [rip + label]: a constant of the function. */
export function encRip(b: CodeBuffer, x: number, reg: number, label: number, imm = 0): void {
  const digit = DIGIT[x];
  const r = digit >= 0 ? digit : reg & 15;
  head(b, x, imm, digit >= 0 ? 0 : r, 0, 0, (BYTE_REGS[x] & 1) !== 0 && (reg & 15) >= 4, 0);
  b.put1(((r & 7) << 3) | 5);
  b.useLabelAt(b.length, label, Kind.Rel32, -4 - immBytes(x, imm));
  b.put4(0);
  putImm(b, x, imm);
}

/** Segment override prefix of the instruction that follows. */
export function encGs(b: CodeBuffer): void {
  b.put1(0x65);
}

/** call rel32 to a text symbol. */
export function encCall(b: CodeBuffer, symbol: number): void {
  b.put1(0xe8);
  b.externalAt(b.length, symbol, Kind.Call32, -4);
  b.put4(0);
}

/** jmp rel32 to a text symbol. */
export function encTailJump(b: CodeBuffer, symbol: number): void {
  b.put1(0xe9);
  b.externalAt(b.length, symbol, Kind.Call32, -4);
  b.put4(0);
}

/** Loads the pinned base of memory 0 of the instance in r15: to r14, or by r11 to the GS base. */
export function encMemoryBase(b: CodeBuffer, gs: boolean): void {
  encRM(b, X.Mov + 1, gs ? Reg.R11 : Reg.R14, Reg.R15, -1, 0, Instance.Memory0);
  if (gs) encRR(b, X.Wrgsbase, 0, Reg.R11);
}

/** endbr64: indirect calls and jumps may land here. */
export const ENDBR64 = 0xfa1e0ff3 | 0;
/** Prefix of an indirect jump that may land anywhere. */
export const NOTRACK = 0x3e;
