// The binary interface as numbers for the compiler: byte offsets, sizes, flags, helper numbers, trap kinds. docs/abi.md
// describes them, runtime-stub/w2n_abi.h is the C side; test/abi/layout.test.ts compares each number below with what a C
// compiler says. Everything is little-endian; a "span" is {u64 offset from the header, u64 count}.

export const ABI_VERSION = 2;
/** "W2N1" */
export const MAGIC = 0x314e3257;
/** Stands for "none" in 32-bit fields. */
export const NONE = 0xffffffff;

export const enum HeaderFlag {
  Closed = 1,
  Checked = 2,
  Gs = 4,
  Threads = 8,
  /** The image is made of whole pages and may be moved. */
  PagedImage = 16,
  /** 8 bits from here: `IsaCode`. */
  IsaShift = 8,
  /** 8 bits from here: instruction set level. */
  LevelShift = 16,
}

export const enum IsaCode {
  X86_64 = 0,
  Aarch64 = 1,
}

/** Header at offset 0 of w2n_text. */
export const enum Header {
  Magic = 0,
  AbiVersion = 4,
  HeaderBytes = 8,
  Flags = 12,
  TextBytes = 16,
  InstanceBytes = 24,
  /** u32: index of the start function + 1, 0 if there is none. */
  Start = 28,
  EnterOffset = 32,
  UnwindOffset = 40,
  /** `Section.Count` spans. */
  Sections = 48,
  Size = 272,
}

/** Order of the spans in the header. */
export const enum Section {
  Types,
  Imports,
  Functions,
  Exports,
  Globals,
  Memories,
  Tables,
  Elements,
  Data,
  Exprs,
  /** The stream of src/emit/tables.ts; count in bytes. */
  CodeRecords,
  /** The index of src/emit/tables.ts; count in bytes. */
  CodeIndex,
  /** {u32 offset, u32 bytes} per function; count is 0 or the number of functions. */
  Names,
  /** Count in bytes: KEY NUL VALUE NUL ... */
  Config,
  Count,
}
export const SPAN_BYTES = 16;

/** The relocatable record `w2n_module_MOD`. */
export const enum ModuleRecord {
  Header = 0,
  Image = 8,
  ImageBytes = 16,
  Cimports = 24,
  Name = 32,
  ImageOffset = 40,
  Size = 48,
}

export const enum TypeRow {
  KeyOffset = 0,
  KeyBytes = 4,
  Super = 8,
  Params = 12,
  Results = 16,
  ValtypesOffset = 20,
  CallThunk = 24,
  HostThunk = 32,
  Size = 40,
}

export const enum FunctionRow {
  CodeOffset = 0,
  Type = 8,
  SlotOffset = 12,
  Size = 16,
}

/** A row of the code index (src/emit/tables.ts). */
export const enum CodeRow {
  Offset = 0,
  Bytes = 8,
  FrameBytes = 12,
  SavedMask = 16,
  Records = 20,
  Function = 24,
  PrologueBytes = 28,
  StackArgBytes = 30,
  Size = 32,
}

export const enum ExportRow {
  Name = 0,
  Kind = 8,
  Index = 12,
  Size = 16,
}

export const enum ImportRow {
  Module = 0,
  Field = 8,
  Kind = 16,
  Index = 20,
  Size = 24,
}

/** Kinds in export and import rows, as in the binary format. */
export const enum ExternKind {
  Func = 0,
  Table = 1,
  Memory = 2,
  Global = 3,
  Tag = 4,
}

export const enum MemoryRow {
  MinPages = 0,
  MaxPages = 8,
  Flags = 16,
  InstanceOffset = 20,
  PageLog2 = 24,
  Reserved = 28,
  Size = 32,
}

export const enum MemoryFlag {
  Imported = 1,
  Memory64 = 2,
  Shared = 4,
  Checked = 8,
}

export const enum TableRow {
  Min = 0,
  Max = 8,
  Type = 16,
  Flags = 20,
  InstanceOffset = 24,
  InitFirst = 28,
  InitCount = 32,
  Reserved = 36,
  ClosedImageOffset = 40,
  Size = 48,
}

export const enum TableFlag {
  Imported = 1,
  Table64 = 2,
  Closed = 4,
}

export const enum GlobalRow {
  Type = 0,
  Flags = 4,
  InstanceOffset = 8,
  ExprFirst = 12,
  ExprCount = 16,
  Size = 20,
}

export const enum GlobalFlag {
  Imported = 1,
  Mutable = 2,
}

export const enum SegmentMode {
  Active = 0,
  Passive = 1,
  Declared = 2,
}

export const enum ElementItems {
  Functions = 0,
  Exprs = 1,
}

export const enum ElementRow {
  Mode = 0,
  Table = 4,
  OffsetFirst = 8,
  OffsetCount = 12,
  Type = 16,
  Kind = 20,
  ItemsOffset = 24,
  Count = 32,
  Size = 40,
}

export const enum DataRow {
  Mode = 0,
  Memory = 4,
  ExprFirst = 8,
  ExprCount = 12,
  BytesOffset = 16,
  Bytes = 24,
  Size = 32,
}

export const enum ExprRow {
  Op = 0,
  Imm = 4,
  Lo = 8,
  Hi = 16,
  Size = 24,
}

export const enum ExprOp {
  Const,
  GlobalGet,
  RefFunc,
  RefNull,
  I32Add,
  I32Sub,
  I32Mul,
  I64Add,
  I64Sub,
  I64Mul,
}

/** Head of an instance; `Size` is where the compiler's own layout begins. */
export const enum Instance {
  Memory0 = 0,
  Header = 8,
  HostLimit = 16,
  Entry = 24,
  TypeIds = 32,
  Helpers = 40,
  Module = 48,
  ExitSp = 56,
  User = 64,
  Size = 128,
}

/** A host function's object, behind the head. */
export const enum HostObject {
  Fn = 128,
  Env = 136,
}

/** w2n_func: what a function reference points to. */
export const enum Func {
  Code = 0,
  TypeId = 8,
  LocalType = 12,
  Instance = 16,
  ArrayEntry = 24,
  Size = 32,
}

/** w2n_memory */
export const enum Memory {
  Base = 0,
  Bytes = 8,
  MaxBytes = 16,
  ReservedBytes = 24,
  Flags = 32,
  PageLog2 = 36,
  Size = 64,
}

/** w2n_table */
export const enum Table {
  Elems = 0,
  Count = 8,
  Max = 16,
  Type = 24,
  Flags = 28,
  Size = 64,
}

/** Entry of a closed table's image: {i32 code offset from the header, i32 local type index, -1 for null}. */
export const enum ClosedEntry {
  Code = 0,
  Type = 4,
  Size = 8,
}

/** The same where code lies beyond 2 GiB: {i64 code offset, i32 local type index, 4 bytes of 0}. */
export const enum FarClosedEntry {
  Code = 0,
  Type = 8,
  Size = 16,
}

/** Bytes of a w2n_value. */
export const VALUE_BYTES = 16;

/** Indices into the helper table (8-byte pointers). Append only. */
export const enum Helper {
  Trap,
  CallExport,
  MemoryGrow,
  MemoryCopy,
  MemoryFill,
  MemoryInit,
  DataDrop,
  TableGrow,
  TableFill,
  TableCopy,
  TableInit,
  ElemDrop,
  IsSubtype,
  Count,
}

/** Trap kinds: the number in `ud1`/`udf`, and what `w2n_call` returns. */
export const enum TrapKind {
  None = 0,
  Unreachable = 1,
  MemoryOutOfBounds = 2,
  /** table.get, table.set and the bulk operations. */
  TableOutOfBounds = 3,
  /** Indirect call of a null element. */
  UninitializedElement = 4,
  IndirectCallType = 5,
  IntegerOverflow = 6,
  IntegerDivideByZero = 7,
  InvalidConversion = 8,
  StackExhausted = 9,
  NullReference = 10,
  UncaughtException = 11,
  Host = 12,
  OutOfMemory = 13,
  /** Not an error: proc_exit. */
  Exit = 14,
  /** Indirect call beyond the end of the table. */
  UndefinedElement = 15,
  Count,
}

/** Messages by trap kind, as the specification's tests spell them. */
export const TRAP_MESSAGES: readonly string[] = [
  'no trap',
  'unreachable',
  'out of bounds memory access',
  'out of bounds table access',
  'uninitialized element',
  'indirect call type mismatch',
  'integer overflow',
  'integer divide by zero',
  'invalid conversion to integer',
  'call stack exhausted',
  'null reference',
  'uncaught exception',
  'host trap',
  'out of memory',
  'exit',
  'undefined element',
];
