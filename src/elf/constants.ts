// Numbers of ELF64 (System V gABI 4.1, chapters 4 and 5; the AMD64 and AArch64 supplements for relocations) that the
// writer and its readers use.

export const ELF_HEADER_BYTES = 64;
export const SECTION_HEADER_BYTES = 64;
export const SYMBOL_BYTES = 24;
export const RELA_BYTES = 24;
/** Section numbers from here on are reserved (SHN_LORESERVE). */
export const RESERVED_SECTIONS = 0xff00;
export const TYPE_RELOCATABLE = 1;

export const enum Machine {
  X86_64 = 62,
  Aarch64 = 183,
}

export const enum SectionType {
  Progbits = 1,
  Symtab = 2,
  Strtab = 3,
  Rela = 4,
  Note = 7,
  X86_64Unwind = 0x70000001,
}

export const enum SectionFlag {
  Write = 1,
  Alloc = 2,
  Execute = 4,
  InfoLink = 0x40,
}

export const enum Binding {
  Local = 0,
  Global = 1,
}

export const enum SymbolType {
  None = 0,
  Object = 1,
  Function = 2,
  Section = 3,
}

export const VISIBILITY_DEFAULT = 0;
export const VISIBILITY_HIDDEN = 2;

export const enum RelocX86_64 {
  None = 0,
  Abs64 = 1,
  Pc32 = 2,
  Abs32 = 10,
  Pc64 = 24,
}

export const enum RelocAarch64 {
  None = 0,
  Abs64 = 257,
  Abs32 = 258,
  Pc64 = 260,
  Pc32 = 261,
}
