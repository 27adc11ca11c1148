// Decodes an operator's immediates into the fields of the validator (formats: immediates.ts) and checks the
// indices in them: an index that names nothing is `invalid`, a wrong encoding `malformed`, at its own offset.
import { invalid, malformed } from './errors.ts';
import { Proposal } from './features.ts';
import { Imm } from './immediates.ts';
import { checkLimit, Limit } from './limits.ts';
import { OP_ALIGN, opName } from './operators.ts';
import { ValType } from './types.ts';
import type { FuncValidator } from './validate.ts';
import {
  readFuncTypeIndex,
  readHeapType,
  readValueType,
  requireFuncType,
  useProposal,
} from './value_type.ts';

/** Decodes the immediates of `v.op`, of format `imm`. */
export function decodeImmediates(v: FuncValidator, imm: Imm): void {
  const r = v.r;
  switch (imm) {
    case Imm.Local: {
      const index = r.u32();
      if (index >= v.localCount) invalid(v.opOffset, `unknown local ${index}`);
      v.imm0 = index;
      return;
    }
    case Imm.I32:
      v.lo = r.s32();
      return;
    case Imm.MemArg:
    case Imm.AtomicMemArg:
      memArg(v, imm);
      return;
    case Imm.Block:
      blockType(v);
      return;
    case Imm.Label:
      v.imm0 = label(v);
      return;
    case Imm.Type:
      v.imm0 = r.u32();
      return;
    case Imm.Func: {
      const index = r.u32();
      if (index >= v.module.funcCount) invalid(v.opOffset, `unknown function ${index}`);
      v.imm0 = index;
      return;
    }
    case Imm.Global: {
      const index = r.u32();
      if (index >= v.module.globalType.length) invalid(v.opOffset, `unknown global ${index}`);
      v.imm0 = index;
      return;
    }
    case Imm.I64:
      v.lo = r.s64();
      v.hi = r.hi;
      return;
    case Imm.F32:
      v.lo = r.word();
      return;
    case Imm.F64:
      v.lo = r.word();
      v.hi = r.word();
      return;
    case Imm.TypeTable:
      v.imm0 = readFuncTypeIndex(v.module, r);
      v.imm1 = table(v);
      return;
    case Imm.LabelTable:
      labelTable(v);
      return;
    default:
      rareImmediates(v, imm);
  }
}

function rareImmediates(v: FuncValidator, imm: Imm): void {
  const r = v.r;
  switch (imm) {
    case Imm.Table:
      v.imm0 = table(v);
      return;
    case Imm.TableTable:
      v.imm0 = table(v);
      v.imm1 = otherTable(v);
      return;
    case Imm.ElementTable:
      v.imm0 = element(v);
      v.imm1 = table(v);
      return;
    case Imm.Element:
      v.imm0 = element(v);
      return;
    case Imm.Data:
      v.imm0 = data(v);
      return;
    case Imm.DataMemory:
      v.imm0 = data(v);
      v.imm1 = memory(v);
      return;
    case Imm.Memory:
      v.imm0 = memory(v);
      return;
    case Imm.MemoryMemory: {
      v.imm0 = memory(v);
      const addressType = v.addressType;
      v.imm1 = memory(v);
      v.addressType = addressType;
      return;
    }
    case Imm.MemArgLane:
      memArg(v, imm);
      v.imm2 = r.u8();
      if (v.imm2 >= 16 >> OP_ALIGN[v.op]) invalid(v.opOffset, `invalid lane index ${v.imm2}`);
      return;
    case Imm.Lane:
      v.imm0 = r.u8();
      if (v.imm0 >= 1 << OP_ALIGN[v.op]) invalid(v.opOffset, `invalid lane index ${v.imm0}`);
      return;
    case Imm.V128:
      for (let i = 0; i < 4; i++) v.words[i] = r.word();
      return;
    case Imm.Shuffle:
      for (let i = 0; i < 4; i++) v.words[i] = r.word();
      for (let i = 0; i < 4; i++)
        if ((v.words[i] & 0xe0e0e0e0) !== 0) invalid(v.opOffset, 'invalid lane index in i8x16.shuffle');
      return;
    case Imm.SelectTypes: {
      const count = r.u32();
      if (count !== 1) invalid(v.opOffset, 'invalid result arity of select');
      v.imm0 = readValueType(v.module, r);
      return;
    }
    case Imm.HeapType:
      v.imm0 = readHeapType(v.module, r);
      return;
    case Imm.Tag:
      v.imm0 = r.u32();
      if (v.imm0 >= v.module.tagType.length) invalid(v.opOffset, `unknown tag ${v.imm0}`);
      return;
    case Imm.TryTable:
      blockType(v);
      catchClauses(v);
      return;
    case Imm.FenceByte:
      if (r.u8() !== 0) malformed(r.pos - 1, 'zero byte expected');
      return;
    default:
      // Operators of GC and of the first exception proposal: no feature set enables them.
      malformed(v.opOffset, `no decoder for the immediates of ${opName(v.op)}`);
  }
}

function blockType(v: FuncValidator): void {
  const r = v.r;
  const byte = r.peek();
  v.blockParamCount = 0;
  if (byte === 0x40) {
    r.pos++;
    v.blockResultCount = 0;
  } else if ((byte & 0xc0) === 0x40) {
    const type = readValueType(v.module, r);
    v.blockResultFirst = v.types.single(type);
    v.blockResultCount = 1;
  } else {
    const offset = r.pos;
    const index = r.s33();
    if (index < 0) malformed(offset, 'malformed block type: a type code in more than one byte');
    requireFuncType(v.module, index, offset);
    v.module.used |= 1 << Proposal.MultiValue;
    // Of the canonical type, so that equal block types have the same lists.
    const t = v.types;
    const type = t.canonical.data[index];
    v.blockParamFirst = t.first.data[type]!;
    v.blockParamCount = t.paramCount.data[type]!;
    v.blockResultFirst = t.firstResult.data[type]!;
    v.blockResultCount = t.resultCount.data[type]!;
  }
}

function labelTable(v: FuncValidator): void {
  const r = v.r;
  const count = r.u32();
  checkLimit(count, Limit.BrTableTargets, v.opOffset, 'br_table targets');
  if (count >= r.end - r.pos) malformed(r.pos, 'unexpected end');
  v.imm0 = count;
  v.labels.clear();
  for (let i = 0; i <= count; i++) v.labels.push(label(v));
}

/** Reads a label that must name a frame. */
function label(v: FuncValidator): number {
  const depth = v.r.u32();
  if (depth >= v.depth) invalid(v.opOffset, `unknown label ${depth}`);
  return depth;
}

function memArg(v: FuncValidator, imm: Imm): void {
  const r = v.r;
  const m = v.module;
  const offset = r.pos;
  let flags = r.u32();
  let index = 0;
  if (flags >= 64) {
    if (flags >= 128) malformed(offset, 'malformed memop flags');
    useProposal(m, Proposal.MultiMemory, offset, 'a memory index');
    flags &= 63;
    index = r.u32();
  }
  if (index >= m.memories.length) invalid(v.opOffset, `unknown memory ${index}`);
  const is64 = m.memories[index].is64;
  v.addressType = is64 ? ValType.I64 : ValType.I32;
  v.imm0 = index;
  v.imm1 = flags;
  const natural = OP_ALIGN[v.op];
  if (flags > natural) invalid(v.opOffset, 'alignment must not be larger than natural');
  if (imm === Imm.AtomicMemArg && flags !== natural) invalid(v.opOffset, 'atomic alignment must be natural');
  const at = r.pos;
  v.lo = r.u64();
  v.hi = r.hi;
  if (!is64) {
    if (v.hi !== 0) invalid(v.opOffset, 'offset out of range');
    // Memory64 made every offset a u64: more than five bytes are an encoding that came with it.
    if (r.pos - at > 5) m.used |= 1 << Proposal.Memory64;
  }
}

function memory(v: FuncValidator): number {
  const r = v.r;
  const offset = r.pos;
  const index = r.u32();
  if (r.pos - offset > 1 || index !== 0)
    useProposal(v.module, Proposal.MultiMemory, offset, 'a memory index');
  if (index >= v.module.memories.length) invalid(v.opOffset, `unknown memory ${index}`);
  v.addressType = v.module.memories[index].is64 ? ValType.I64 : ValType.I32;
  return index;
}

function table(v: FuncValidator): number {
  const index = v.r.u32();
  if (index >= v.module.tables.length) invalid(v.opOffset, `unknown table ${index}`);
  v.addressType = v.module.tables[index].is64 ? ValType.I64 : ValType.I32;
  return index;
}

function otherTable(v: FuncValidator): number {
  const addressType = v.addressType;
  const index = table(v);
  v.addressType = addressType;
  return index;
}

function element(v: FuncValidator): number {
  const index = v.r.u32();
  if (index >= v.module.elements.length) invalid(v.opOffset, `unknown elem segment ${index}`);
  return index;
}

function data(v: FuncValidator): number {
  const index = v.r.u32();
  if (v.module.dataCount < 0) malformed(v.opOffset, 'data count section required');
  if (index >= v.module.dataCount) invalid(v.opOffset, `unknown data segment ${index}`);
  return index;
}

function catchClauses(v: FuncValidator): void {
  const r = v.r;
  const count = r.u32();
  checkLimit(count, Limit.CatchClauses, v.opOffset, 'catch clauses');
  v.imm0 = count;
  v.labels.clear();
  for (let i = 0; i < count; i++) {
    const kind = r.u8();
    if (kind > 3) malformed(r.pos - 1, 'malformed catch clause');
    let tag = -1;
    if (kind < 2) {
      tag = r.u32();
      if (tag >= v.module.tagType.length) invalid(v.opOffset, `unknown tag ${tag}`);
    }
    v.labels.push(kind);
    v.labels.push(tag);
    v.labels.push(label(v));
  }
}
