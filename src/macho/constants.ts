// Numbers of Mach-O (Apple's <mach-o/loader.h>, <mach-o/nlist.h>, <mach-o/reloc.h> and the headers of the two ISAs) that
// the writer and its readers use.

export const MAGIC_64 = 0xfeedfacf;
export const HEADER_BYTES = 32;
export const SEGMENT_COMMAND_BYTES = 72;
export const SECTION_BYTES = 80;
export const NLIST_BYTES = 16;
export const RELOCATION_BYTES = 8;
export const DATA_IN_CODE_BYTES = 8;
export const FILE_TYPE_OBJECT = 1;
export const PLATFORM_MACOS = 1;
/** 11.0, the first macOS on both ISAs, as nibbles xxxx.yy.zz. */
export const MIN_MACOS = 0x000b0000;
export const DICE_KIND_DATA = 1;

export const enum CpuType {
  X86_64 = 0x01000007,
  Arm64 = 0x0100000c,
}

export const enum CpuSubtype {
  X86_64All = 3,
  Arm64All = 0,
}

export const enum LoadCommand {
  Symtab = 2,
  Dysymtab = 0xb,
  Segment64 = 0x19,
  DataInCode = 0x29,
  BuildVersion = 0x32,
}

export const enum SectionFlag {
  Regular = 0,
  Coalesced = 0xb,
  SomeInstructions = 0x400,
  Debug = 0x2000000,
  LiveSupport = 0x8000000,
  StripStaticSymbols = 0x20000000,
  NoToc = 0x40000000,
  PureInstructions = 0x80000000,
}

export const enum SymbolType {
  Undefined = 0,
  External = 1,
  Section = 0xe,
  PrivateExternal = 0x10,
}

export const enum RelocX86_64 {
  Unsigned = 0,
}

export const enum RelocArm64 {
  Unsigned = 0,
  Subtractor = 1,
}
