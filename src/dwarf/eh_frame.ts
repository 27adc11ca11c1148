// Call frame information (DWARF 5, section 6.4) in the shape of `.eh_frame` (Linux Standard Base, "Exception Frames"):
// one CIE, one FDE a function. The same for ELF and Mach-O but for the width of code addresses. Input: where functions
// lie and how their frames change (isa/frame.ts); output: the section's bytes and its relocations.
import type { ObjectRelocation } from '../emit/object_file.ts';
import { RelocationKind } from '../emit/object_file.ts';
import { Unwind, UNWIND_ROW } from '../isa/frame.ts';
import { ByteWriter } from '../support/byte_writer.ts';

const enum Cfa {
  AdvanceLoc = 0x40,
  Offset = 0x80,
  Restore = 0xc0,
  AdvanceLoc1 = 0x02,
  AdvanceLoc2 = 0x03,
  AdvanceLoc4 = 0x04,
  OffsetExtended = 0x05,
  RestoreExtended = 0x06,
  DefCfa = 0x0c,
  DefCfaOffset = 0x0e,
  /** DWARF for the Arm 64-bit Architecture. */
  Aarch64NegateRaState = 0x2d,
}

/** Pointer encodings: relative to the field, signed 4 bytes or as wide as an address. */
const PCREL_SDATA4 = 0x1b;
const PCREL_ABSPTR = 0x10;
const DATA_ALIGN = -8;
/**
 * Linkers make a table of 32-bit offsets of all that `.eh_frame` covers, and fail if a function is too far away for it (GNU
 * ld: ".eh_frame_hdr entry overflow", lld: "PC offset is too large"), whatever the encoding in `.eh_frame`. Functions that
 * end farther than this from the text's start are covered elsewhere, see `SectionRole.FarEhFrame` and `encodeDebugFrame`.
 */
export const EH_FRAME_REACH = 1 << 30;
/** `CIE_id` of `.debug_frame` and its version in DWARF 5. */
const DEBUG_FRAME_CIE = 0xffffffff;
const DEBUG_FRAME_VERSION = 4;

interface CfiIsa {
  readonly codeAlign: number;
  readonly returnAddress: number;
  readonly stackPointer: number;
  /** CFA - stack pointer at a function's first instruction. */
  readonly entryCfaOffset: number;
  /** Whether the return address lies at CFA - 8 at a function's first instruction; else it is in its register. */
  readonly returnAddressOnStack: boolean;
}

const ISAS: Readonly<Record<'x86_64' | 'aarch64', CfiIsa>> = {
  // System V ABI, AMD64 supplement, figure 3.36: rsp is 7, the return address is column 16.
  x86_64: {
    codeAlign: 1,
    returnAddress: 16,
    stackPointer: 7,
    entryCfaOffset: 8,
    returnAddressOnStack: true,
  },
  // DWARF for the Arm 64-bit Architecture, table 3: sp is 31, x30 is 30.
  aarch64: {
    codeAlign: 4,
    returnAddress: 30,
    stackPointer: 31,
    entryCfaOffset: 0,
    returnAddressOnStack: false,
  },
};

/** One function's place and frame. */
export interface UnwindFunction {
  /** The function's own symbol (index into the object's symbols): Mach-O linkers take no other. */
  readonly symbol: number;
  readonly bytes: number;
  /** Rows of UNWIND_ROW int32, by rising code offset. */
  readonly unwind: Int32Array;
}

export interface EhFrame {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** One for each function, in order. */
  readonly relocations: ObjectRelocation[];
}

/**
 * Encodes `functions` as the content of object section number `section`. `addressBytes` is the width of code
 * addresses: 4 on ELF, 8 on Mach-O, whose linkers know no other.
 */
export function encodeEhFrame(
  isaName: 'x86_64' | 'aarch64',
  functions: readonly UnwindFunction[],
  section: number,
  addressBytes: 4 | 8,
): EhFrame {
  const isa = ISAS[isaName];
  const out = new ByteWriter(64 + functions.length * 64);
  const relocations: ObjectRelocation[] = [];
  const kind = addressBytes === 4 ? RelocationKind.Pc32 : RelocationKind.Pc64;
  writeCie(out, isa, addressBytes);
  for (const entry of functions) {
    const start = out.length;
    out.u32(0);
    out.u32(start + 4); // distance back to the CIE, which is the section's first record
    relocations.push({ section, offset: out.length, symbol: entry.symbol, kind, addend: 0 });
    writeAddress(out, 0, addressBytes);
    writeAddress(out, entry.bytes, addressBytes);
    out.uleb(0);
    writeRows(out, isa, entry.unwind);
    out.align(8);
    out.setU32(start, out.length - start - 4);
  }
  return { bytes: out.bytes(), relocations };
}

/** `functions` as the content of `.debug_frame`, which is object section number `section`, with symbol `own` at its start. */
export function encodeDebugFrame(
  isaName: 'x86_64' | 'aarch64',
  functions: readonly UnwindFunction[],
  section: number,
  own: number,
): EhFrame {
  const isa = ISAS[isaName];
  const out = new ByteWriter(64 + functions.length * 64);
  const relocations: ObjectRelocation[] = [];
  out.u32(0);
  out.u32(DEBUG_FRAME_CIE);
  out.u8(DEBUG_FRAME_VERSION);
  out.cstring('');
  out.u8(8); // bytes of an address
  out.u8(0); // bytes of a segment selector
  writeRules(out, isa);
  for (const entry of functions) {
    const start = out.length;
    out.u32(0);
    relocations.push({
      ...{ section, offset: out.length, symbol: own, kind: RelocationKind.SectionOffset32, addend: 0 },
    });
    out.u32(0); // the CIE, the section's first record
    relocations.push({
      section,
      offset: out.length,
      symbol: entry.symbol,
      kind: RelocationKind.Abs64,
      addend: 0,
    });
    out.u64(0);
    out.u64(entry.bytes);
    writeRows(out, isa, entry.unwind);
    out.align(8);
    out.setU32(start, out.length - start - 4);
  }
  return { bytes: out.bytes(), relocations };
}

function writeAddress(out: ByteWriter, value: number, addressBytes: 4 | 8): void {
  if (addressBytes === 4) out.u32(value);
  else out.u64(value);
}

function writeCie(out: ByteWriter, isa: CfiIsa, addressBytes: 4 | 8): void {
  out.u32(0);
  out.u32(0);
  out.u8(1);
  out.cstring('zR');
  writeRules(out, isa, addressBytes === 4 ? PCREL_SDATA4 : PCREL_ABSPTR);
}

/** The end of a CIE that is the section's first record, `encoding` its augmentation data. */
function writeRules(out: ByteWriter, isa: CfiIsa, encoding?: number): void {
  out.uleb(isa.codeAlign);
  out.sleb(DATA_ALIGN);
  out.uleb(isa.returnAddress);
  if (encoding !== undefined) {
    out.uleb(1);
    out.u8(encoding);
  }
  defCfa(out, isa.stackPointer, isa.entryCfaOffset);
  if (isa.returnAddressOnStack) saved(out, isa.returnAddress, -8);
  out.align(8); // DW_CFA_nop is 0
  out.setU32(0, out.length - 4);
}

function writeRows(out: ByteWriter, isa: CfiIsa, rows: Int32Array): void {
  let location = 0;
  let cfaRegister = isa.stackPointer;
  for (let at = 0; at < rows.length; at += UNWIND_ROW) {
    const offset = rows[at];
    advance(out, (offset - location) / isa.codeAlign);
    location = offset;
    const kind: Unwind = rows[at + 1];
    const a = rows[at + 2];
    const b = rows[at + 3];
    switch (kind) {
      case Unwind.CfaOffset:
        if (cfaRegister === isa.stackPointer) {
          out.u8(Cfa.DefCfaOffset);
          out.uleb(a);
        } else defCfa(out, isa.stackPointer, a);
        cfaRegister = isa.stackPointer;
        break;
      case Unwind.Saved:
        saved(out, a, b);
        break;
      case Unwind.Restored:
        out.u8(a < 0x40 ? Cfa.Restore | a : Cfa.RestoreExtended);
        if (a >= 0x40) out.uleb(a);
        break;
      case Unwind.CfaRegister:
        defCfa(out, a, b);
        cfaRegister = a;
        break;
      case Unwind.ToggleSigned:
        out.u8(Cfa.Aarch64NegateRaState);
        break;
      default:
        throw new RangeError(`unknown unwind operation ${String(kind)}`);
    }
  }
}

function advance(out: ByteWriter, delta: number): void {
  if (!Number.isInteger(delta) || delta < 0)
    throw new RangeError(`unwind rows ${delta} code units apart: not rising, or between two instructions`);
  if (delta === 0) return;
  if (delta < 0x40) out.u8(Cfa.AdvanceLoc | delta);
  else if (delta < 0x100) {
    out.u8(Cfa.AdvanceLoc1);
    out.u8(delta);
  } else if (delta < 0x10000) {
    out.u8(Cfa.AdvanceLoc2);
    out.u16(delta);
  } else {
    out.u8(Cfa.AdvanceLoc4);
    out.u32(delta);
  }
}

function defCfa(out: ByteWriter, register: number, offset: number): void {
  out.u8(Cfa.DefCfa);
  out.uleb(register);
  out.uleb(offset);
}

/** The caller's `register` lies `offset` bytes from the CFA: a negative multiple of 8. */
function saved(out: ByteWriter, register: number, offset: number): void {
  const factored = offset / DATA_ALIGN;
  if (!Number.isInteger(factored) || factored < 0)
    throw new RangeError(`register ${register} saved at CFA + ${offset}`);
  out.u8(register < 0x40 ? Cfa.Offset | register : Cfa.OffsetExtended);
  if (register >= 0x40) out.uleb(register);
  out.uleb(factored);
}
