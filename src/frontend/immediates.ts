// Formats of operator immediates: what follows an operator's code in the binary and where the operator cursor
// (validate.ts) leaves it. Indices are uint32 as non-negative numbers, constants are int32 bit patterns.

/** Format of an operator's immediates; the comment says where the cursor leaves each part. */
export const enum Imm {
  /** No such operator. */
  Unassigned,
  None,
  /** Block type: see FuncValidator.block* fields. */
  Block,
  /** imm0 = label depth. */
  Label,
  /** labels = targets, the default last; imm0 = their number without the default. */
  LabelTable,
  /** imm0 = function. */
  Func,
  /** imm0 = type. */
  Type,
  /** imm0 = type, imm1 = table. */
  TypeTable,
  /** imm0 = local. */
  Local,
  /** imm0 = global. */
  Global,
  /** imm0 = table. */
  Table,
  /** imm0 = destination table, imm1 = source table. */
  TableTable,
  /** imm0 = element segment, imm1 = table. */
  ElementTable,
  /** imm0 = element segment. */
  Element,
  /** imm0 = data segment. */
  Data,
  /** imm0 = data segment, imm1 = memory. */
  DataMemory,
  /** imm0 = memory. */
  Memory,
  /** imm0 = destination memory, imm1 = source memory. */
  MemoryMemory,
  /** imm0 = memory, imm1 = log2 of the alignment, lo/hi = offset. */
  MemArg,
  /** As MemArg; the alignment must be the natural one. */
  AtomicMemArg,
  /** As MemArg, then imm2 = lane. */
  MemArgLane,
  /** imm0 = lane. */
  Lane,
  /** words[0..3] = sixteen lane numbers. */
  Shuffle,
  /** words[0..3] = bits. */
  V128,
  /** lo = value. */
  I32,
  /** lo, hi = value. */
  I64,
  /** lo = bits. */
  F32,
  /** lo, hi = bits. */
  F64,
  /** imm0 = the value type. */
  SelectTypes,
  /** imm0 = heap type (types.ts). */
  HeapType,
  /** Block type, then catch clauses in labels: triples {kind, tag or -1, label depth}; imm0 = their number. */
  TryTable,
  /** imm0 = tag. */
  Tag,
  /** One zero byte. */
  FenceByte,
  /** Formats of GC operators: imm0 = type, imm1 = field, count, segment or second type. */
  TypeField,
  TypeCount,
  TypeData,
  TypeElement,
  TypeType,
  BrOnCast,
}
