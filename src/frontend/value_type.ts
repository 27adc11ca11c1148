// Decoding of value types, heap types and storage types (specification 5.3) with the proposal that each needs.
// Concrete type indices become canonical indices (types.ts); a type index is known once types.canonical holds it.
import { invalid, malformed } from './errors.ts';
import { Proposal, unsupported } from './features.ts';
import type { Module } from './module.ts';
import type { Reader } from './reader.ts';
import { HeapType, isRef, refTo, TypeBits, TypeKind, ValType } from './types.ts';

/** Notes that the module uses a proposal; throws `unsupported` if it is not enabled. */
export function useProposal(m: Module, proposal: Proposal, offset: number, what: string): void {
  m.used |= 1 << proposal;
  if (((m.features >> proposal) & 1) === 0) unsupported(proposal, offset, what);
}

/** The abstract heap type of a byte of the binary format (5.3.3), or -1. */
function abstractHeap(byte: number): number {
  switch (byte) {
    case 0x74:
      return HeapType.NoExn;
    case 0x73:
      return HeapType.NoFunc;
    case 0x72:
      return HeapType.NoExtern;
    case 0x71:
      return HeapType.None;
    case 0x70:
      return HeapType.Func;
    case 0x6f:
      return HeapType.Extern;
    case 0x6e:
      return HeapType.Any;
    case 0x6d:
      return HeapType.Eq;
    case 0x6c:
      return HeapType.I31;
    case 0x6b:
      return HeapType.Struct;
    case 0x6a:
      return HeapType.Array;
    case 0x69:
      return HeapType.Exn;
    default:
      return -1;
  }
}

function useHeap(m: Module, heap: number, offset: number): void {
  switch (heap) {
    case HeapType.Func:
    case HeapType.Extern:
      m.used |= 1 << Proposal.ReferenceTypes;
      break;
    case HeapType.Exn:
    case HeapType.NoExn:
      useProposal(m, Proposal.Exceptions, offset, 'an exception reference type');
      break;
    default:
      useProposal(m, Proposal.GcTypes, offset, 'this heap type');
  }
}

/** Reads a heap type. */
export function readHeapType(m: Module, r: Reader): number {
  const offset = r.pos;
  const byte = r.peek();
  if ((byte & 0xc0) === 0x40) {
    r.pos++;
    const heap = abstractHeap(byte);
    if (heap < 0) malformed(offset, `malformed heap type 0x${byte.toString(16)}`);
    useHeap(m, heap, offset);
    return heap | TypeBits.AbstractHeap;
  }
  const index = r.s33();
  if (index < 0) malformed(offset, 'malformed heap type: a type code in more than one byte');
  useProposal(m, Proposal.FunctionReferences, offset, 'a reference to a defined type');
  if (index >= m.types.canonical.length) invalid(offset, `unknown type ${index}`);
  return m.types.canonical.data[index];
}

/** Reads a value type; throws `malformed` at other bytes. */
export function readValueType(m: Module, r: Reader): number {
  const offset = r.pos;
  const byte = r.u8();
  switch (byte) {
    case 0x7f:
      return ValType.I32;
    case 0x7e:
      return ValType.I64;
    case 0x7d:
      return ValType.F32;
    case 0x7c:
      return ValType.F64;
    case 0x7b:
      useProposal(m, Proposal.Simd, offset, 'the type v128');
      return ValType.V128;
    case 0x64:
    case 0x63:
      useProposal(m, Proposal.FunctionReferences, offset, 'a typed reference');
      return refTo(readHeapType(m, r), byte === 0x63);
    default: {
      const heap = abstractHeap(byte);
      if (heap < 0) malformed(offset, `malformed value type 0x${byte.toString(16)}`);
      useHeap(m, heap, offset);
      return refTo(heap | TypeBits.AbstractHeap, true);
    }
  }
}

/** Reads a reference type; throws `malformed` at other value types. */
export function readRefType(m: Module, r: Reader): number {
  const offset = r.pos;
  const byte = r.peek();
  if (byte >= 0x7b && byte <= 0x7f) malformed(offset, 'malformed reference type');
  const type = readValueType(m, r);
  if (!isRef(type)) malformed(offset, 'malformed reference type');
  return type;
}

/** Reads a mutability byte. */
export function readMutability(r: Reader): number {
  const byte = r.u8();
  if (byte > 1) malformed(r.pos - 1, 'malformed mutability');
  return byte;
}

/** Reads a field: storage type and mutability. */
export function readFieldType(m: Module, r: Reader): number {
  const byte = r.peek();
  let type: number;
  if (byte === 0x78 || byte === 0x77) {
    r.pos++;
    type = byte === 0x78 ? ValType.I8 : ValType.I16;
  } else type = readValueType(m, r);
  return readMutability(r) === 1 ? type | TypeBits.Mutable : type;
}

/** Reads a type index that must name a function type. */
export function readFuncTypeIndex(m: Module, r: Reader): number {
  const offset = r.pos;
  const index = r.u32();
  requireFuncType(m, index, offset);
  return index;
}

/** Throws `invalid` unless `index` names a function type. */
export function requireFuncType(m: Module, index: number, offset: number): void {
  if (index >= m.types.count) invalid(offset, `unknown type ${index}`);
  if (m.types.kind.data[index] !== TypeKind.Func) invalid(offset, `type ${index} is not a function type`);
}
