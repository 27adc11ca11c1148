// Value types of the IR and the small enumerations that instructions carry in their immediates.

/** Type of an IR value. Ref is a native 64-bit pointer to a w2n_func or host object, or 0. */
export const enum Type {
  None = 0,
  I32 = 1,
  I64 = 2,
  F32 = 3,
  F64 = 4,
  V128 = 5,
  Ref = 6,
}

export const NUM_TYPES = 7;
/** Printed names, indexed by Type. */
export const TYPE_NAMES: readonly string[] = ['none', 'i32', 'i64', 'f32', 'f64', 'v128', 'ref'];

/** Bytes of a value in memory, indexed by Type. */
export const TYPE_BYTES: readonly number[] = [0, 4, 8, 4, 8, 16, 8];

/** Integer conditions. A condition and its inverse differ in bit 0 only. */
export const enum IntCC {
  Eq = 0,
  Ne = 1,
  LtS = 2,
  GeS = 3,
  LtU = 4,
  GeU = 5,
  GtS = 6,
  LeS = 7,
  GtU = 8,
  LeU = 9,
}
export const INT_CC_NAMES: readonly string[] = [
  'eq',
  'ne',
  'lt_s',
  'ge_s',
  'lt_u',
  'ge_u',
  'gt_s',
  'le_s',
  'gt_u',
  'le_u',
];

/** The condition that holds with the operands exchanged, indexed by IntCC. */
export const INT_CC_SWAPPED = Int32Array.of(
  IntCC.Eq,
  IntCC.Ne,
  IntCC.GtS,
  IntCC.LeS,
  IntCC.GtU,
  IntCC.LeU,
  IntCC.LtS,
  IntCC.GeS,
  IntCC.LtU,
  IntCC.GeU,
);
/** The unsigned form of each condition, indexed by IntCC. */
export const INT_CC_UNSIGNED = Int32Array.of(
  IntCC.Eq,
  IntCC.Ne,
  IntCC.LtU,
  IntCC.GeU,
  IntCC.LtU,
  IntCC.GeU,
  IntCC.GtU,
  IntCC.LeU,
  IntCC.GtU,
  IntCC.LeU,
);

/** Float conditions of WebAssembly: all but Ne are false when an operand is NaN. */
export const enum FloatCC {
  Eq = 0,
  Ne = 1,
  Lt = 2,
  Gt = 3,
  Le = 4,
  Ge = 5,
}
export const FLOAT_CC_NAMES: readonly string[] = ['eq', 'ne', 'lt', 'gt', 'le', 'ge'];

/** How a load or store touches memory: Full is the whole value type; the others narrow an integer. */
export const enum Access {
  Full = 0,
  S8 = 1,
  U8 = 2,
  S16 = 3,
  U16 = 4,
  S32 = 5,
  U32 = 6,
}
export const ACCESS_NAMES: readonly string[] = ['full', 's8', 'u8', 's16', 'u16', 's32', 'u32'];

/** Bytes touched by an access of a value of type `type`. */
export function accessBytes(access: number, type: number): number {
  if (access === Access.Full) return TYPE_BYTES[type];
  return access <= Access.U8 ? 1 : access <= Access.U16 ? 2 : 4;
}

/**
 * Alias regions (column aux of memory instructions): kind in the low 4 bits, index above. Accesses in different
 * regions never overlap; Const regions are never written after instantiation.
 */
export const enum Region {
  /** Linear memory `index`. */
  Memory = 0,
  /** Private or imported global `index`. */
  Global = 1,
  /** Elements of table `index`. */
  Table = 2,
  /** Size of memory `index` (written by growth). */
  MemorySize = 3,
  /** Size and element pointer of table `index` (written by growth). */
  TableMeta = 4,
  /** Fields of the instance, of funcrefs and of objects that never change after instantiation. */
  Const = 5,
  KindMask = 15,
  IndexShift = 4,
}
export const REGION_NAMES: readonly string[] = ['memory', 'global', 'table', 'memsize', 'tablemeta', 'const'];
