// The neutral object file: what compile.ts hands to the ELF and Mach-O writers. It names sections by role, symbols by
// index and bytes as chunks that are written where they lie, never joined; it knows no format and no instruction.
// Invariants: no relocation lies in a text section; chunks of a section rise, do not overlap and end within `bytes`;
// symbol names are C names (the Mach-O writer adds its underscore).

/** What a section is for; each writer has its own names and flags for these. */
export const enum SectionRole {
  /** Run `k` of the module's text: executable, read only. Run 0 begins with the header. */
  Text,
  /** Module records: read only after relocation. */
  Record,
  /** Initial memory: writable, 64 KiB aligned. */
  Image,
}

/** Bytes at an offset of their section. What no chunk covers is the section's `fill` byte. */
export interface Chunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export const enum RelocKind {
  /** 64-bit address of the symbol plus addend. */
  Abs64,
}

export interface Reloc {
  /** Offset in the section. */
  readonly offset: number;
  readonly kind: RelocKind;
  /** Index into `ObjectFile.symbols`. */
  readonly symbol: number;
  readonly addend: number;
}

export interface ObjectSection {
  readonly role: SectionRole;
  /** Text sections: number of the run. 0 for the others. */
  readonly run: number;
  /** Text sections: distance in bytes from run 0, kept by the link (`--section-start`). 0 for the others. */
  readonly distance: number;
  /** Alignment of the first byte, a power of two. */
  readonly align: number;
  readonly bytes: number;
  readonly fill: number;
  readonly chunks: readonly Chunk[];
  /** Empty in text sections. */
  readonly relocs: readonly Reloc[];
  /** Text sections: [start, end) pairs, rising, that hold constants or tables, not instructions. */
  readonly dataRanges: Float64Array;
}

export const enum SymbolKind {
  Function,
  Object,
}

export const enum SymbolBinding {
  Local,
  /** Visible to the link, not outside the linked file. */
  Hidden,
  Global,
}

/** Section number of an undefined symbol. */
export const UNDEFINED = -1;

export interface ObjectSymbol {
  readonly name: string;
  readonly kind: SymbolKind;
  readonly binding: SymbolBinding;
  /** Index into `ObjectFile.sections`, or UNDEFINED. */
  readonly section: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Operation of a row of `FunctionUnwind.rows`; registers are DWARF numbers of the ISA's processor supplement. */
export const enum UnwindOp {
  /** CFA = register + value. */
  DefCfa,
  /** CFA = same register + value. */
  DefCfaOffset,
  /** CFA = register + same offset. */
  DefCfaRegister,
  /** The caller's register lies at CFA + value (value is negative, a multiple of 8). */
  Saved,
  /** The caller's register is where the CIE says, again. */
  Restore,
  /** Push, pop all rules, for an epilogue in the middle. */
  Remember,
  RestoreState,
}

/** Row of `FunctionUnwind.rows`. */
export const enum UnwindRow {
  /** The rule holds from this offset of the function on; rows rise in this. */
  Offset,
  Op,
  Register,
  Value,
  Size,
}

/**
 * How to unwind through one function. At its start, before any row: x86_64 CFA = rsp + 8, return address at CFA - 8;
 * aarch64 CFA = sp, return address in x30.
 */
export interface FunctionUnwind {
  /** Index into `ObjectFile.sections`. */
  readonly section: number;
  readonly offset: number;
  readonly bytes: number;
  readonly rows: Int32Array;
}

export interface ObjectFile {
  readonly isa: 'x86_64' | 'aarch64';
  readonly sections: readonly ObjectSection[];
  readonly symbols: readonly ObjectSymbol[];
  /** Rising by section and offset. */
  readonly unwind: readonly FunctionUnwind[];
}
