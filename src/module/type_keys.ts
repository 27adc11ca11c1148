// Canonical keys of types and type codes of values, as the runtime sees them (docs/abi.md, "types", "Type codes").
// Two types of any two modules have the same key exactly if they are equal (specification 2.3.12): a plain function
// type is spelt out; any other is its position in its rec group and a digest of the whole group, in which types of
// the group are named by position and types outside it by their own keys.
import { createHash } from 'node:crypto';
import type { TypeTable } from '../frontend/types.ts';
import { heapOf, isAbstractHeap, isNullable, isRef, TypeBits, TypeKind, ValType } from '../frontend/types.ts';
import { ByteWriter } from '../support/byte_writer.ts';

/** Binary codes of the numeric types, by ValType (0 for none; the packed types of fields last). */
const NUMERIC_CODES = [0, 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x78, 0x77];
/** Binary codes of the abstract heap types, in the order of HeapType. */
const HEAP_CODES = [0x70, 0x73, 0x6f, 0x72, 0x6e, 0x6d, 0x6c, 0x6b, 0x6a, 0x71, 0x69, 0x74, 0];
const REF_NULL_CODE = 0x63;
const REF_CODE = 0x64;

/** The type code of a value type: concrete heap types by canonical local index. */
export function typeCode(type: number): number {
  if (!isRef(type)) return NUMERIC_CODES[type & 7];
  const heap = heapOf(type);
  if (!isAbstractHeap(heap)) return (isNullable(type) ? REF_NULL_CODE : REF_CODE) | ((256 + heap) << 8);
  const code = HEAP_CODES[heap & ~TypeBits.AbstractHeap];
  return isNullable(type) ? code : REF_CODE | (code << 8);
}

/** Keys of all types of a module, made on demand. */
export class TypeKeys {
  private readonly keys: (Uint8Array | undefined)[] = [];
  private readonly types: TypeTable;

  constructor(types: TypeTable) {
    this.types = types;
  }

  key(type: number): Uint8Array {
    const { canonical } = this.types;
    const index = canonical.data[type];
    return (this.keys[index] ??= this.isPlain(index) ? this.plainKey(index) : this.groupKey(index));
  }

  /** A final function type without supertype, alone in its group, of types that are not concrete references. */
  private isPlain(type: number): boolean {
    const { kind, final, superType, groupSize, first, paramCount, firstResult, resultCount } = this.types;
    if (kind.data[type] !== TypeKind.Func || final.data[type] === 0) return false;
    if (superType.data[type] >= 0 || groupSize.data[type] !== 1) return false;
    return (
      this.areSimple(first.data[type], paramCount.data[type]) &&
      this.areSimple(firstResult.data[type], resultCount.data[type])
    );
  }

  private areSimple(first: number, count: number): boolean {
    for (let i = 0; i < count; i++) {
      const type = this.types.pool.data[first + i];
      if (isRef(type) && !isAbstractHeap(heapOf(type))) return false;
    }
    return true;
  }

  private plainKey(type: number): Uint8Array {
    const { first, paramCount, firstResult, resultCount } = this.types;
    const out = new ByteWriter(64);
    out.u8(0x60);
    this.putCodes(out, first.data[type], paramCount.data[type]);
    this.putCodes(out, firstResult.data[type], resultCount.data[type]);
    return out.bytes();
  }

  private putCodes(out: ByteWriter, first: number, count: number): void {
    out.uleb(count);
    for (let i = 0; i < count; i++) {
      const code = typeCode(this.types.pool.data[first + i]);
      out.u8(code & 255);
      if (code > 255) out.u8(code >> 8);
    }
  }

  private groupKey(type: number): Uint8Array {
    const { groupStart, groupSize, kind, final, superType, first, paramCount, firstResult, resultCount } =
      this.types;
    const start = groupStart.data[type];
    const out = new ByteWriter(256);
    for (let t = start; t < start + groupSize.data[type]; t++) {
      out.u8(kind.data[t]);
      out.u8(final.data[t]);
      this.putHeap(out, superType.data[t], start);
      this.putTypes(out, first.data[t], paramCount.data[t], start);
      const isFunc = kind.data[t] === TypeKind.Func;
      this.putTypes(out, firstResult.data[t], isFunc ? resultCount.data[t] : 0, start);
    }
    const key = new ByteWriter(64);
    key.u8(0);
    key.uleb(type - start);
    key.put(createHash('sha256').update(out.bytes()).digest());
    return key.bytes();
  }

  private putTypes(out: ByteWriter, first: number, count: number, groupStart: number): void {
    out.uleb(count);
    for (let i = 0; i < count; i++) {
      const type = this.types.pool.data[first + i];
      out.u32(type & ~TypeBits.HeapMask);
      if (!isRef(type)) out.u8(type & (ValType.I16 | ValType.I8));
      else if (isAbstractHeap(heapOf(type))) out.u8(heapOf(type) & 255);
      else this.putHeap(out, heapOf(type), groupStart);
    }
  }

  /** A defined type: by position if it stands in the group at `groupStart`, else by its key; -1: none. */
  private putHeap(out: ByteWriter, type: number, groupStart: number): void {
    if (type < 0) {
      out.u8(0);
    } else if (type >= groupStart) {
      out.u8(1);
      out.uleb(type - groupStart);
    } else {
      const key = this.key(type);
      out.u8(2);
      out.uleb(key.length);
      out.put(key);
    }
  }
}
