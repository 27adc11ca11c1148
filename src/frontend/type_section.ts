// The type section (specification 5.5.4): rec groups, subtypes, function, struct and array types; canonicalisation
// of each group as it is decoded (2.3.12), then the check of declared supertypes (3.2.10).
//
// A group's members refer to each other by their own indices and to earlier types by canonical indices. Its key is
// the list of all its ints with inner references made relative; equal keys are equal groups, found by a hash table.
import { IntColumn } from '../support/int_column.ts';
import { invalid, malformed } from './errors.ts';
import { Proposal } from './features.ts';
import { checkLimit, Limit } from './limits.ts';
import type { Module } from './module.ts';
import type { Reader } from './reader.ts';
import { TypeBits, TypeKind } from './types.ts';
import type { TypeTable } from './types.ts';
import { readFieldType, readValueType, useProposal } from './value_type.ts';

// Marks an inner reference in a key; no value type has this bit.
const RELATIVE = 0x02000000;

class TypeSectionDecoder {
  private readonly m: Module;
  private readonly r: Reader;
  private readonly types: TypeTable;
  /** Keys of the distinct groups, one after the other; by distinct group: where the key starts, its length, first type. */
  private readonly keys = new IntColumn(256);
  private readonly keyStart = new IntColumn();
  private readonly keyLength = new IntColumn();
  private readonly keyType = new IntColumn();
  /** Chain of groups with the same hash: next group or -1. */
  private readonly keyNext = new IntColumn();
  private readonly byHash = new Map<number, number>();

  constructor(m: Module, r: Reader) {
    this.m = m;
    this.r = r;
    this.types = m.types;
  }

  decode(): void {
    const { r, m } = this;
    const offset = r.pos;
    const count = r.u32();
    checkLimit(count, Limit.Types, offset, 'types');
    for (let i = 0; i < count; i++) {
      const groupOffset = r.pos;
      let size = 1;
      if (r.peek() === 0x4e) {
        useProposal(m, Proposal.GcTypes, groupOffset, 'a recursive type group');
        r.pos++;
        size = r.u32();
        checkLimit(this.types.count + size, Limit.Types, groupOffset, 'types');
        if (size > r.end - r.pos) malformed(r.pos, 'length out of bounds: unexpected end');
      }
      this.group(size, groupOffset);
    }
  }

  private group(size: number, offset: number): void {
    const t = this.types;
    const start = t.count;
    const poolStart = t.pool.length;
    for (let i = 0; i < size; i++) t.canonical.push(start + i);
    for (let i = 0; i < size; i++) {
      t.groupStart.push(start);
      t.groupSize.push(size);
      this.subType(start + i);
    }
    this.canonicalise(start, size, poolStart);
    for (let i = start; i < start + size; i++) this.checkSuper(i, offset);
  }

  private subType(index: number): void {
    const { r, m, types: t } = this;
    const offset = r.pos;
    const byte = r.peek();
    let superType = -1;
    let final = 1;
    if (byte === 0x50 || byte === 0x4f) {
      useProposal(m, Proposal.GcTypes, offset, 'a subtype declaration');
      r.pos++;
      final = byte === 0x4f ? 1 : 0;
      const supers = r.u32();
      if (supers > 1) invalid(offset, 'sub type: more than one supertype');
      if (supers === 1) {
        const at = r.pos;
        superType = r.u32();
        if (superType >= t.canonical.length) invalid(at, `unknown type ${superType}`);
        if (superType >= index)
          invalid(at, `sub type: supertype ${superType} is not declared before type ${index}`);
      }
    }
    t.superType.push(superType);
    t.final.push(final);
    this.compositeType();
  }

  private compositeType(): void {
    const { r, m, types: t } = this;
    const offset = r.pos;
    const form = r.u8();
    const first = t.pool.length;
    let results = 0;
    let kind = TypeKind.Func;
    if (form === 0x60) {
      const params = r.u32();
      checkLimit(params, Limit.Params, offset, 'parameters');
      for (let i = 0; i < params; i++) t.pool.push(readValueType(m, r));
      results = r.u32();
      checkLimit(results, Limit.Results, offset, 'results');
      if (results > 1) m.used |= 1 << Proposal.MultiValue;
      for (let i = 0; i < results; i++) t.pool.push(readValueType(m, r));
    } else if (form === 0x5f) {
      useProposal(m, Proposal.GcTypes, offset, 'a structure type');
      kind = TypeKind.Struct;
      const fields = r.u32();
      checkLimit(fields, Limit.StructFields, offset, 'fields');
      for (let i = 0; i < fields; i++) t.pool.push(readFieldType(m, r));
    } else if (form === 0x5e) {
      useProposal(m, Proposal.GcTypes, offset, 'an array type');
      kind = TypeKind.Array;
      t.pool.push(readFieldType(m, r));
    } else malformed(offset, `malformed type form 0x${form.toString(16)}`);
    const firstResult = t.pool.length - results;
    t.kind.push(kind);
    t.first.push(first);
    t.paramCount.push(firstResult - first);
    t.firstResult.push(firstResult);
    t.resultCount.push(results);
    t.depth.push(0);
  }

  /** Sets `canonical` of the group's members and makes all their concrete references canonical. */
  private canonicalise(start: number, size: number, poolStart: number): void {
    const t = this.types;
    const from = this.keys.length;
    for (let i = start; i < start + size; i++) {
      const superType = t.superType.data[i];
      this.keys.push(
        superType < 0
          ? -1
          : superType >= start
            ? (superType - start) | RELATIVE
            : t.canonical.data[superType],
      );
      this.keys.push((t.kind.data[i] << 1) | t.final.data[i]);
      this.keys.push(t.paramCount.data[i]);
      this.keys.push(t.resultCount.data[i]);
    }
    for (let i = poolStart; i < t.pool.length; i++) {
      const type = t.pool.data[i];
      this.keys.push(isInner(type, start) ? (type - start) | RELATIVE : type);
    }
    const length = this.keys.length - from;
    const representative = this.findOrAdd(from, length, start);
    const shift = start - representative;
    if (shift !== 0) for (let i = start; i < start + size; i++) t.canonical.data[i] = i - shift;
    for (let i = start; i < start + size; i++) {
      const superType = t.superType.data[i];
      if (superType >= 0) t.superType.data[i] = t.canonical.data[superType]!;
    }
    if (shift !== 0)
      for (let i = poolStart; i < t.pool.length; i++)
        if (isInner(t.pool.data[i], start)) t.pool.data[i] = t.pool.data[i] - shift;
  }

  /** First type of the distinct group with the key at [from, from + length), which is `start` if the key is new. */
  private findOrAdd(from: number, length: number, start: number): number {
    const keys = this.keys.data;
    let hash = length;
    for (let i = from; i < from + length; i++) hash = Math.imul(hash ^ keys[i], 0x9e3779b1) ^ (hash >>> 15);
    const head = this.byHash.get(hash) ?? -1;
    for (let g = head; g >= 0; g = this.keyNext.data[g]!) {
      if (this.keyLength.data[g] !== length) continue;
      const other = this.keyStart.data[g];
      let i = 0;
      while (i < length && keys[other + i] === keys[from + i]) i++;
      if (i === length) {
        this.keys.length = from;
        return this.keyType.data[g];
      }
    }
    this.keyStart.push(from);
    this.keyLength.push(length);
    this.keyType.push(start);
    this.byHash.set(hash, this.keyNext.push(head));
    return start;
  }

  private checkSuper(index: number, offset: number): void {
    const t = this.types;
    const superType = t.superType.data[index];
    if (superType < 0) return;
    if (t.final.data[superType] === 1) invalid(offset, `sub type: type ${index} extends a final type`);
    const depth = t.depth.data[superType] + 1;
    t.depth.data[index] = depth;
    checkLimit(depth, Limit.SubtypeDepth, offset, 'supertypes');
    if (!matchesComposite(t, index, superType))
      invalid(offset, `sub type: type ${index} does not match its supertype`);
  }
}

/** Whether a pool entry refers to a concrete type with index >= start. */
function isInner(type: number, start: number): boolean {
  return (
    (type & TypeBits.Ref) !== 0 && (type & TypeBits.AbstractHeap) === 0 && (type & TypeBits.HeapMask) >= start
  );
}

/** Whether composite type `a` matches `b` (specification 3.3.10 to 3.3.14). */
function matchesComposite(t: TypeTable, a: number, b: number): boolean {
  const kind = t.kind.data[a];
  if (kind !== t.kind.data[b]) return false;
  const pool = t.pool.data;
  const countA = t.paramCount.data[a];
  const countB = t.paramCount.data[b];
  const firstA = t.first.data[a];
  const firstB = t.first.data[b];
  if (kind !== TypeKind.Func) {
    if (countA < countB) return false;
    for (let i = 0; i < countB; i++) if (!matchesField(t, pool[firstA + i], pool[firstB + i])) return false;
    return true;
  }
  if (countA !== countB || t.resultCount.data[a] !== t.resultCount.data[b]) return false;
  for (let i = 0; i < countA; i++) if (!t.isSubtype(pool[firstB + i], pool[firstA + i])) return false;
  const resultA = t.firstResult.data[a];
  const resultB = t.firstResult.data[b];
  for (let i = 0; i < t.resultCount.data[a]; i++)
    if (!t.isSubtype(pool[resultA + i], pool[resultB + i])) return false;
  return true;
}

function matchesField(t: TypeTable, a: number, b: number): boolean {
  if (a === b) return true;
  if (((a | b) & TypeBits.Mutable) !== 0) return false;
  return t.isSubtype(a, b);
}

/** Decodes the content of the type section from `r` into `m.types`. */
export function decodeTypes(m: Module, r: Reader): void {
  new TypeSectionDecoder(m, r).decode();
}
