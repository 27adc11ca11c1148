// The element and data sections (specification 5.5.12, 5.5.14).
import { IntColumn } from '../support/int_column.ts';
import { asElementEntry, readConstExpr } from './const_expr.ts';
import { invalid, malformed } from './errors.ts';
import { Proposal } from './features.ts';
import { checkLimit, Limit } from './limits.ts';
import { SegmentMode } from './module.ts';
import type { Module } from './module.ts';
import type { Reader } from './reader.ts';
import { FUNCREF, HeapType, refTo, TypeBits, typeName, ValType } from './types.ts';
import type { FuncValidator } from './validate.ts';
import { readRefType, useProposal } from './value_type.ts';

const enum ElementFlag {
  NotActive = 1,
  /** Active: an explicit table index; otherwise: declarative. */
  Explicit = 2,
  Expressions = 4,
}

/** Decodes the content of the element section. */
export function decodeElements(v: FuncValidator, r: Reader): void {
  const m = v.module;
  const offset = r.pos;
  const count = r.u32();
  checkLimit(count, Limit.ElementSegments, offset, 'element segments');
  const items = new IntColumn();
  for (let i = 0; i < count; i++) elementSegment(v, r, m, items);
}

function elementSegment(v: FuncValidator, r: Reader, m: Module, items: IntColumn): void {
  const start = r.pos;
  const flags = r.u32();
  if (flags > 7) malformed(start, 'malformed element segment flags');
  if (flags !== 0) m.used |= 1 << Proposal.BulkMemory;
  const active = (flags & ElementFlag.NotActive) === 0;
  const explicit = (flags & ElementFlag.Explicit) !== 0;
  const expressions = (flags & ElementFlag.Expressions) !== 0;
  let table = -1;
  let offset = -1;
  if (active) {
    table = explicit ? r.u32() : 0;
    if (table >= m.tables.length) invalid(start, `unknown table ${table}`);
    offset = readConstExpr(v, r, m.tables[table].is64 ? ValType.I64 : ValType.I32);
  }
  // Function indices make non-null references (3.0); the short form of expressions says funcref.
  let type = expressions ? FUNCREF : refTo(TypeBits.AbstractHeap | HeapType.Func, false);
  if (flags !== 0 && flags !== ElementFlag.Expressions) {
    if (expressions) type = readRefType(m, r);
    else if (r.u8() !== 0) malformed(r.pos - 1, 'malformed element kind');
  }
  if (active && !v.types.isSubtype(type, m.tables[table].element))
    invalid(
      start,
      `type mismatch: elements of ${typeName(type)} for a table of ${typeName(m.tables[table].element)}`,
    );
  readItems(v, r, expressions, type, items);
  m.elements.push({
    mode: active ? SegmentMode.Active : explicit ? SegmentMode.Declarative : SegmentMode.Passive,
    table,
    offset,
    type,
    items: items.data.slice(0, items.length),
  });
}

function readItems(v: FuncValidator, r: Reader, expressions: boolean, type: number, items: IntColumn): void {
  const m = v.module;
  const at = r.pos;
  const count = r.u32();
  checkLimit(count, Limit.ElementEntries, at, 'entries in an element segment');
  items.clear();
  for (let i = 0; i < count; i++) {
    if (expressions) {
      items.push(asElementEntry(m, readConstExpr(v, r, type)));
      continue;
    }
    const offset = r.pos;
    const func = r.u32();
    if (func >= m.funcCount) invalid(offset, `unknown function ${func}`);
    m.funcDeclared.data[func] = 1;
    items.push(func);
  }
}

/** Decodes the content of the data section. */
export function decodeData(v: FuncValidator, r: Reader): void {
  const m = v.module;
  const offset = r.pos;
  const count = r.u32();
  if (m.dataCount >= 0 && count !== m.dataCount)
    malformed(offset, 'data count and data section have inconsistent lengths');
  checkLimit(count, Limit.DataSegments, offset, 'data segments');
  for (let i = 0; i < count; i++) dataSegment(v, r, m);
}

function dataSegment(v: FuncValidator, r: Reader, m: Module): void {
  const start = r.pos;
  const flags = r.u32();
  if (flags > 2) malformed(start, 'malformed data segment flags');
  if (flags === 1) m.used |= 1 << Proposal.BulkMemory;
  let memory = -1;
  let offset = -1;
  if (flags !== 1) {
    memory = flags === 2 ? r.u32() : 0;
    if (memory > 0) useProposal(m, Proposal.MultiMemory, start, 'a memory index');
    if (memory >= m.memories.length) invalid(start, `unknown memory ${memory}`);
    offset = readConstExpr(v, r, m.memories[memory].is64 ? ValType.I64 : ValType.I32);
  }
  const size = r.u32();
  const from = r.skip(size);
  m.data.push({
    mode: flags === 1 ? SegmentMode.Passive : SegmentMode.Active,
    memory,
    offset,
    start: from,
    end: r.pos,
  });
}
