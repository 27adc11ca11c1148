// Value types, heap types and the module's type table, all as int32.
//
// A value type is one int32: a numeric code (ValType) or a reference: REF | NULLABLE? | heap type. A heap type is
// ABSTRACT_HEAP | HeapType, or the *canonical* index of a defined type: the lowest type index with the same
// structure (specification 2.3.12, iso-recursive equality of rec groups). Hence two value types of one module are
// equal exactly if their int32 are equal. A storage type of a field is a value type or I8 or I16, with the MUTABLE
// bit. Subtyping follows specification 3.3.
import { IntColumn } from '../support/int_column.ts';

/** Numeric value types, the bottom type of unreachable code, and the packed storage types of fields. */
export const enum ValType {
  /** Any type: an operand of unreachable code. */
  Bottom = 0,
  I32 = 1,
  I64 = 2,
  F32 = 3,
  F64 = 4,
  V128 = 5,
  I8 = 6,
  I16 = 7,
}

/** Abstract heap types. */
export const enum HeapType {
  Func,
  NoFunc,
  Extern,
  NoExtern,
  Any,
  Eq,
  I31,
  Struct,
  Array,
  None,
  Exn,
  NoExn,
  /** Below every heap type: the reference that an operator makes of a Bottom operand. */
  Bottom,
}

/** Bits of a value type beside its code or heap type. */
export const enum TypeBits {
  Ref = 0x40000000,
  Nullable = 0x20000000,
  /** On fields only. */
  Mutable = 0x10000000,
  /** In heap types: an abstract one. */
  AbstractHeap = 0x01000000,
  HeapMask = 0x01ffffff,
}

const NULLABLE_REF = TypeBits.Ref | TypeBits.Nullable | TypeBits.AbstractHeap;
export const FUNCREF = NULLABLE_REF | HeapType.Func;
export const EXNREF = NULLABLE_REF | HeapType.Exn;
/** A non-null reference to nothing: subtype of every reference type. */
export const BOTTOM_REF = TypeBits.Ref | TypeBits.AbstractHeap | HeapType.Bottom;

export const isRef = (type: number): boolean => (type & TypeBits.Ref) !== 0;
export const isNullable = (type: number): boolean => (type & TypeBits.Nullable) !== 0;
export const heapOf = (type: number): number => type & TypeBits.HeapMask;
export const isAbstractHeap = (heap: number): boolean => (heap & TypeBits.AbstractHeap) !== 0;
/** The reference type to `heap`. */
export const refTo = (heap: number, nullable: boolean): number =>
  heap | TypeBits.Ref | (nullable ? TypeBits.Nullable : 0);
/** Whether locals and table entries of the type have a default value (zero or null). */
export const isDefaultable = (type: number): boolean =>
  (type & (TypeBits.Ref | TypeBits.Nullable)) !== TypeBits.Ref;

/** Kinds of defined (composite) types. */
export const enum TypeKind {
  Func,
  Struct,
  Array,
}

const HEAP_NAMES = 'func nofunc extern noextern any eq i31 struct array none exn noexn bottom'.split(' ');
const VALUE_NAMES = 'bottom i32 i64 f32 f64 v128 i8 i16'.split(' ');

function bits(...heaps: HeapType[]): number {
  let set = 0;
  for (const heap of heaps) set |= 1 << heap;
  return set;
}

// By abstract heap type: the set of the abstract heap types above it and itself.
const ABOVE: readonly number[] = [
  bits(HeapType.Func),
  bits(HeapType.NoFunc, HeapType.Func),
  bits(HeapType.Extern),
  bits(HeapType.NoExtern, HeapType.Extern),
  bits(HeapType.Any),
  bits(HeapType.Eq, HeapType.Any),
  bits(HeapType.I31, HeapType.Eq, HeapType.Any),
  bits(HeapType.Struct, HeapType.Eq, HeapType.Any),
  bits(HeapType.Array, HeapType.Eq, HeapType.Any),
  bits(HeapType.None, HeapType.I31, HeapType.Struct, HeapType.Array, HeapType.Eq, HeapType.Any),
  bits(HeapType.Exn),
  bits(HeapType.NoExn, HeapType.Exn),
  -1,
];
// By TypeKind: the abstract heap types above a defined type, and the one bottom below it.
const KIND_HEAP: readonly HeapType[] = [HeapType.Func, HeapType.Struct, HeapType.Array];
const KIND_BOTTOM: readonly HeapType[] = [HeapType.NoFunc, HeapType.None, HeapType.None];

/**
 * The defined types of a module, as columns by type index. Functions: `first`/`paramCount` and `firstResult`/
 * `resultCount` are ranges of `pool` (value types). Structs: `first`/`paramCount` are the fields (storage types
 * with MUTABLE); arrays: one field. All concrete heap types in `pool` and `superType` are canonical.
 */
export class TypeTable {
  readonly kind = new IntColumn();
  /** 1 if no type may declare this one as its supertype. */
  readonly final = new IntColumn();
  /** Canonical index of the declared supertype, or -1. */
  readonly superType = new IntColumn();
  /** Number of declared supertypes above. */
  readonly depth = new IntColumn();
  /** Canonical index: the lowest type index of equal structure. */
  readonly canonical = new IntColumn();
  /** First type index of the rec group that the type stands in, and the number of types in it. */
  readonly groupStart = new IntColumn();
  readonly groupSize = new IntColumn();
  readonly first = new IntColumn();
  readonly paramCount = new IntColumn();
  readonly firstResult = new IntColumn();
  readonly resultCount = new IntColumn();
  /** Value and storage types. Begins with the numeric codes: pool[t] = t for t = Bottom to V128. */
  readonly pool = new IntColumn(256);
  private readonly singles = new Map<number, number>();

  constructor() {
    for (let type = 0; type <= ValType.V128; type++) this.pool.push(type);
  }

  /** Number of types. */
  get count(): number {
    return this.kind.length;
  }

  /** Index in `pool` of a list that holds just `type` (made once for each reference type). */
  single(type: number): number {
    if (type <= ValType.V128) return type;
    let index = this.singles.get(type);
    if (index === undefined) {
      index = this.pool.push(type);
      this.singles.set(type, index);
    }
    return index;
  }

  /** Whether value type `a` may stand where `b` is expected. Bottom matches everything. */
  isSubtype(a: number, b: number): boolean {
    if (a === b || a === ValType.Bottom) return true;
    if ((a & b & TypeBits.Ref) === 0) return false;
    if ((a & TypeBits.Nullable) > (b & TypeBits.Nullable)) return false;
    return this.isHeapSubtype(a & TypeBits.HeapMask, b & TypeBits.HeapMask);
  }

  /** Whether heap type `a` is `b` or below it. */
  isHeapSubtype(a: number, b: number): boolean {
    if (a === b) return true;
    if ((a & TypeBits.AbstractHeap) !== 0) {
      const abstract = a & ~TypeBits.AbstractHeap;
      if ((b & TypeBits.AbstractHeap) !== 0)
        return ((ABOVE[abstract] >> (b & ~TypeBits.AbstractHeap)) & 1) !== 0;
      return abstract === HeapType.Bottom || abstract === KIND_BOTTOM[this.kind.data[b]];
    }
    if ((b & TypeBits.AbstractHeap) !== 0)
      return ((ABOVE[KIND_HEAP[this.kind.data[a]]] >> (b & ~TypeBits.AbstractHeap)) & 1) !== 0;
    return this.isDefinedSubtype(a, b);
  }

  /** Whether defined type `a` equals `b` or declares it among its supertypes. Both are canonical indices. */
  isDefinedSubtype(a: number, b: number): boolean {
    let type = a;
    while (type !== b) {
      type = this.superType.data[type]!;
      if (type < 0) return false;
    }
    return true;
  }

  /** The canonical non-null reference type to a type index. */
  refToType(typeIndex: number, nullable: boolean): number {
    return refTo(this.canonical.data[typeIndex], nullable);
  }
}

/** The value type in the text format, e.g. `i32`, `funcref`, `(ref null 3)`. */
export function typeName(type: number): string {
  if (!isRef(type)) return VALUE_NAMES[type & 7] ?? 'unknown';
  const heap = heapName(heapOf(type));
  return `(ref ${isNullable(type) ? 'null ' : ''}${heap})`;
}

/** The heap type in the text format. */
function heapName(heap: number): string {
  return isAbstractHeap(heap) ? (HEAP_NAMES[heap & ~TypeBits.AbstractHeap] ?? 'unknown') : String(heap);
}
