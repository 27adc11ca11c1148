// Memory accesses, memory.size and memory.grow, and the bulk operations on memories and data segments.
//
// Memory 0 behind guard pages is accessed by Load and Store: a 32-bit index plus a 32-bit offset from the pinned
// base needs no check. Every other memory gets an explicit check against its size and a native access.
import { Helper, Memory, TrapKind } from '../abi/layout.ts';
import { memImm, Op } from '../ir/opcodes.ts';
import { accessBytes, IntCC, Region, Type, type Access } from '../ir/types.ts';
import type { Value } from '../ir/func.ts';
import { ACCESS_KIND, ACCESS_MODE, ACCESS_TYPE } from './numeric.ts';
import { Op as Wasm } from './opcodes.ts';
import type { Translator } from './translate.ts';

const LOAD = 1;

/** Translates a load or store (ACCESS_KIND[op] is not 0). */
export function translateAccess(t: Translator, op: number): void {
  const { build, func, validator: v } = t;
  const memory = v.imm0;
  const type: Type = ACCESS_TYPE[op];
  const access: Access = ACCESS_MODE[op];
  const region = Region.Memory | (memory << Region.IndexShift);
  const isLoad = ACCESS_KIND[op] === LOAD;
  const value = isLoad ? 0 : t.pop();
  const index = t.pop();
  if (memory === 0 && t.layout.guarded) {
    const imm = memImm(access, type);
    if (isLoad) {
      const inst = build.append(Op.Load, type, imm, v.lo, region);
      func.setArgs1(inst, index);
      t.push(inst);
    } else {
      const inst = build.append(Op.Store, Type.None, imm, v.lo, region);
      func.setArgs2(inst, index, value);
    }
    return;
  }
  const pointer = checkedAddress(t, memory, index, v.lo, v.hi, accessBytes(access, type));
  if (isLoad) t.push(build.nload(type, pointer, 0, region, access));
  else build.nstore(type, pointer, 0, region, value, access);
}

/**
 * Native address of `bytes` bytes at index + offset of a memory, after a check that traps when they are not all
 * in bounds. The offset is 64 bits in two halves (the high one is 0 for 32-bit memories).
 */
function checkedAddress(
  t: Translator,
  memory: number,
  index: Value,
  lo: number,
  hi: number,
  bytes: number,
): Value {
  const { build } = t;
  const { is64 } = t.module.memories[memory];
  const size = memoryField(t, memory, Memory.Bytes);
  const index64 = build.toI64(index, is64);
  // limit = offset + bytes; a sum beyond 2^63 is beyond every memory as well.
  const end = (lo >>> 0) + bytes;
  const limitHi = (hi + (end > 0xffffffff ? 1 : 0)) | 0;
  const limit =
    hi >>> 0 > 0x7ffffffe ? build.iconst(Type.I64, -1, 0x7fffffff) : build.iconst(Type.I64, end | 0, limitHi);
  // In bounds if limit <= size and index <= size - limit, all unsigned; sizes are far below 2^63.
  build.trapIf(build.icmp(IntCC.GtU, limit, size), TrapKind.MemoryOutOfBounds);
  const room = build.binary(Op.ISub, Type.I64, size, limit);
  build.trapIf(build.icmp(IntCC.GtU, index64, room), TrapKind.MemoryOutOfBounds);
  const base = memory === 0 ? build.append(Op.MemBase, Type.I64) : memoryField(t, memory, Memory.Base);
  const start = build.binary(Op.IAdd, Type.I64, base, index64);
  return lo === 0 && hi === 0
    ? start
    : build.binary(Op.IAdd, Type.I64, start, build.iconst(Type.I64, lo, hi));
}

/** A field of the w2n_memory object: the base never changes, the size does. */
function memoryField(t: Translator, memory: number, field: Memory): Value {
  const { build, layout, module } = t;
  const offset = layout.memoryOffset[memory];
  const region = field === Memory.Base ? Region.Const : Region.MemorySize | (memory << Region.IndexShift);
  if (memory < module.importedMemories)
    return build.nload(Type.I64, build.ctxConst(Type.I64, offset), field, region);
  return build.ctxLoad(Type.I64, offset + field, region);
}

/** Translates the other memory operators; false if `op` is none. */
export function translateMemoryOp(t: Translator, op: number): boolean {
  const { build, list, module, validator: v } = t;
  list.clear();
  switch (op) {
    case Wasm.MemorySize: {
      const memory = module.memories[v.imm0];
      const shift = build.iconst(Type.I64, memory.pageSizeLog2);
      const pages = build.binary(Op.UShr, Type.I64, memoryField(t, v.imm0, Memory.Bytes), shift);
      t.push(memory.is64 ? pages : build.unary(Op.Wrap, Type.I32, pages));
      return true;
    }
    case Wasm.MemoryGrow: {
      const { is64 } = module.memories[v.imm0];
      list.push(build.toI64(t.pop(), is64));
      list.push(build.iconst(Type.I32, v.imm0));
      const old = build.helper(Helper.MemoryGrow, Type.I64, list);
      t.push(is64 ? old : build.unary(Op.Wrap, Type.I32, old));
      return true;
    }
    case Wasm.MemoryFill: {
      const { is64 } = module.memories[v.imm0];
      const count = build.toI64(t.pop(), is64);
      const value = t.pop();
      list.push(build.toI64(t.pop(), is64));
      list.push(value);
      list.push(count);
      list.push(build.iconst(Type.I32, v.imm0));
      build.helper(Helper.MemoryFill, Type.None, list);
      return true;
    }
    case Wasm.MemoryCopy: {
      const to64 = module.memories[v.imm0].is64;
      const from64 = module.memories[v.imm1].is64;
      const count = build.toI64(t.pop(), to64 && from64);
      const source = build.toI64(t.pop(), from64);
      list.push(build.toI64(t.pop(), to64));
      list.push(source);
      list.push(count);
      list.push(build.iconst(Type.I32, v.imm0));
      list.push(build.iconst(Type.I32, v.imm1));
      build.helper(Helper.MemoryCopy, Type.None, list);
      return true;
    }
    case Wasm.MemoryInit: {
      const count = build.toI64(t.pop(), false);
      const source = build.toI64(t.pop(), false);
      list.push(build.toI64(t.pop(), module.memories[v.imm1].is64));
      list.push(source);
      list.push(count);
      list.push(build.iconst(Type.I32, v.imm1));
      list.push(build.iconst(Type.I32, v.imm0));
      build.helper(Helper.MemoryInit, Type.None, list);
      return true;
    }
    case Wasm.DataDrop:
      list.push(build.iconst(Type.I32, v.imm0));
      build.helper(Helper.DataDrop, Type.None, list);
      return true;
    default:
      return false;
  }
}
