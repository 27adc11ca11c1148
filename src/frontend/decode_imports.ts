// The import section, and the types of tables, memories, globals and tags that imports and definitions share
// (specification 5.3.9 to 5.3.13, 5.5.5).
import { invalid, malformed } from './errors.ts';
import { Proposal } from './features.ts';
import { checkLimit, Limit } from './limits.ts';
import { ExternKind } from './module.ts';
import type { Limits, Module, Table } from './module.ts';
import type { Reader } from './reader.ts';
import { FUNCREF, TypeBits } from './types.ts';
import { readFuncTypeIndex, readMutability, readRefType, readValueType, useProposal } from './value_type.ts';

const enum LimitFlag {
  HasMax = 1,
  Shared = 2,
  Is64 = 4,
  PageSize = 8,
}

/** Decodes the content of the import section. */
export function decodeImports(m: Module, r: Reader): void {
  const offset = r.pos;
  const count = r.u32();
  checkLimit(count, Limit.Imports, offset, 'imports');
  for (let i = 0; i < count; i++) {
    const at = r.pos;
    const module = r.utf8Name();
    const name = r.utf8Name();
    const kind = r.u8();
    if (kind > ExternKind.Tag) malformed(r.pos - 1, `malformed import kind ${kind}`);
    m.imports.push({ module, name, kind, index: importEntity(m, r, kind, at), offset: at });
  }
}

/** Reads the type of an import and adds it to its index space; returns its index there. */
function importEntity(m: Module, r: Reader, kind: ExternKind, offset: number): number {
  switch (kind) {
    case ExternKind.Func:
      m.funcDeclared.push(0);
      m.importedFuncs++;
      return m.funcType.push(readFuncTypeIndex(m, r));
    case ExternKind.Table:
      m.importedTables++;
      checkLimit(m.importedTables, Limit.Tables, offset, 'tables');
      return m.tables.push(readTableType(m, r)) - 1;
    case ExternKind.Memory:
      m.importedMemories++;
      checkLimit(m.importedMemories, Limit.Memories, offset, 'memories');
      readMemory(m, r);
      return m.memories.length - 1;
    case ExternKind.Global: {
      const type = readGlobalType(m, r);
      m.globalMutable.push((type & TypeBits.Mutable) === 0 ? 0 : 1);
      m.globalInit.push(-1);
      m.importedGlobals++;
      return m.globalType.push(type & ~TypeBits.Mutable);
    }
    case ExternKind.Tag:
      useProposal(m, Proposal.Exceptions, offset, 'a tag import');
      m.importedTags++;
      return m.tagType.push(readTagType(m, r));
  }
}

/** Reads a tag's type: a function type without results. */
export function readTagType(m: Module, r: Reader): number {
  if (r.u8() !== 0) malformed(r.pos - 1, 'malformed tag attribute');
  const offset = r.pos;
  const type = readFuncTypeIndex(m, r);
  if (m.types.resultCount.data[type] !== 0) invalid(offset, 'non-empty tag result type');
  return type;
}

/** Reads a global's value type, with TypeBits.Mutable if it is mutable. */
export function readGlobalType(m: Module, r: Reader): number {
  const type = readValueType(m, r);
  return readMutability(r) === 1 ? type | TypeBits.Mutable : type;
}

/** Reads a table type (without initial value). */
export function readTableType(m: Module, r: Reader): Table {
  const element = readRefType(m, r);
  if (element !== FUNCREF) m.used |= 1 << Proposal.ReferenceTypes;
  const offset = r.pos;
  const flags = r.u8();
  if (flags > 7 || (flags & LimitFlag.Shared) !== 0) malformed(offset, `malformed limits flags ${flags}`);
  const limits = readLimits(m, r, flags, offset);
  const most = limits.is64 ? 2 ** 64 : 0xffffffff;
  if (limits.min > most || limits.max > most) invalid(offset, 'table size must be at most 2^32 - 1');
  checkLimit(limits.min, Limit.TableEntries, offset, 'initial table entries');
  return { ...limits, element, init: -1 };
}

/** Reads a memory type and adds it to the module's memories. */
export function readMemory(m: Module, r: Reader): void {
  const offset = r.pos;
  const flags = r.u8();
  if (flags > 15) malformed(offset, `malformed limits flags ${flags}`);
  const shared = (flags & LimitFlag.Shared) !== 0;
  if (shared) {
    useProposal(m, Proposal.Threads, offset, 'a shared memory');
    if ((flags & LimitFlag.HasMax) === 0) invalid(offset, 'shared memory must have a maximum');
  }
  if ((flags & LimitFlag.PageSize) !== 0)
    useProposal(m, Proposal.CustomPageSizes, offset, 'a memory with its own page size');
  const limits = readLimits(m, r, flags, offset);
  let pageSizeLog2 = 16;
  if ((flags & LimitFlag.PageSize) !== 0) {
    const at = r.pos;
    pageSizeLog2 = r.u32();
    if (pageSizeLog2 > 64) malformed(at, 'malformed page size');
    if (pageSizeLog2 !== 0 && pageSizeLog2 !== 16) invalid(at, 'invalid custom page size');
  }
  const most = limits.is64 ? 2 ** (64 - pageSizeLog2) : pageSizeLog2 === 0 ? 0xffffffff : 65536;
  if (limits.min > most || limits.max > most) invalid(offset, `memory size must be at most ${most} pages`);
  if (m.memories.length > 0) useProposal(m, Proposal.MultiMemory, offset, 'more than one memory');
  m.memories.push({ ...limits, shared, pageSizeLog2 });
}

function readLimits(m: Module, r: Reader, flags: number, offset: number): Limits {
  const is64 = (flags & LimitFlag.Is64) !== 0;
  if (is64) useProposal(m, Proposal.Memory64, offset, 'a 64-bit memory or table');
  const min = readBound(m, r, is64);
  let max = -1;
  if ((flags & LimitFlag.HasMax) !== 0) {
    max = readBound(m, r, is64);
    if (max < min) invalid(offset, 'size minimum must not be greater than maximum');
  }
  return { is64, min, max };
}

/** A limit as a number: exact below 2^53, else rounded. */
function readBound(m: Module, r: Reader, is64: boolean): number {
  const start = r.pos;
  const lo = r.u64();
  // Memory64 made every limit a u64: more than five bytes are an encoding that came with it.
  if (!is64 && r.pos - start > 5) m.used |= 1 << Proposal.Memory64;
  return (r.hi >>> 0) * 0x100000000 + (lo >>> 0);
}
