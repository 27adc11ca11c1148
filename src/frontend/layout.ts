// Where a module's globals, memories, tables and function slots lie in its instance (docs/abi.md, "Instance").
// Input: module tables and the options that decide about checks. Output: byte offsets, fixed before translation.
// Order: what is used by short displacements first (globals, memory and table objects), function slots last.
// Imported functions have a slot each, in order; of the defined ones only those that can escape as a reference.
import { Func, Instance, Memory as MemoryObject, Table } from '../abi/layout.ts';
import { Signatures } from '../ir/signatures.ts';
import { Type } from '../ir/types.ts';
import { closedTables, World } from './closed_world.ts';
import { CONST_OP_STRIDE, ExternKind, SegmentMode, type Memory, type Module } from './module.ts';
import { Op as Wasm } from './opcodes.ts';
import { isRef, TypeKind } from './types.ts';

/** How memory 0 is kept in bounds. */
export type Bounds = 'guard' | 'checked';

export class ModuleLayout {
  /** Size of an instance in bytes. */
  instanceBytes = 0;
  /** By global: offset of its 16-byte value (defined) or of the pointer to it (imported). */
  readonly globalOffset: Int32Array;
  /** By memory: offset of the w2n_memory (defined) or of the pointer to it (imported). */
  readonly memoryOffset: Int32Array;
  /** By table: likewise, w2n_table. */
  readonly tableOffset: Int32Array;
  /** By function: offset of its w2n_func slot, -1 if it never escapes. */
  readonly slotOffset: Int32Array;
  /** By function: 1 if others than direct calls and closed tables of the module may call it. */
  readonly escapes: Uint8Array;
  /** By table: 1 if it is closed (closed_world.ts). */
  readonly closedTable: Uint8Array;
  /** Whether entries of closed tables are FarClosedEntry, else ClosedEntry (src/abi/layout.ts). */
  readonly farEntries: boolean;
  /** Whether accesses to memory 0 rely on guard pages behind the pinned base. */
  readonly guarded: boolean;
  private readonly bounds: Bounds;
  /** By type index; empty for types that are not functions. */
  readonly signatures: Signatures;

  constructor(module: Module, bounds: Bounds, world: World) {
    this.farEntries = world === World.ClosedFar;
    this.closedTable = world !== World.Open ? closedTables(module) : new Uint8Array(module.tables.length);
    const escapes = escapingFunctions(module, this.closedTable);
    this.escapes = escapes;
    let offset: number = Instance.Size;
    const place = (bytes: number): number => {
      const at = offset;
      offset += bytes;
      return at;
    };
    const globals = module.globalType.length;
    this.globalOffset = new Int32Array(globals);
    for (let i = 0; i < globals; i++) this.globalOffset[i] = place(i < module.importedGlobals ? 8 : 16);
    // Values of defined globals are 16-byte aligned when a vector may stand there.
    if (module.importedGlobals % 2 === 1) {
      place(8);
      for (let i = module.importedGlobals; i < globals; i++) this.globalOffset[i] += 8;
    }
    this.memoryOffset = Int32Array.from(module.memories, (_, i) =>
      place(i < module.importedMemories ? 8 : MemoryObject.Size),
    );
    this.tableOffset = Int32Array.from(module.tables, (_, i) =>
      place(i < module.importedTables ? 8 : Table.Size),
    );
    this.slotOffset = new Int32Array(module.funcCount).fill(-1);
    for (let i = 0; i < module.funcCount; i++)
      if (i < module.importedFuncs || escapes[i] !== 0) this.slotOffset[i] = place(Func.Size);
    this.instanceBytes = (offset + 15) & ~15;
    this.bounds = bounds;
    this.guarded = module.memories.length > 0 && this.reservesAll(module.memories[0]);
    this.signatures = signaturesOf(module);
  }

  /**
   * Whether a memory gets address space for every 33-bit address. Those that are not memory 0 are checked all the
   * same, but another module may import them as its memory 0.
   */
  reservesAll(memory: Memory): boolean {
    return this.bounds === 'guard' && !memory.is64 && !memory.shared && memory.pageSizeLog2 === 16;
  }
}

/** Functions that may be referred to from outside of direct calls and closed tables: 1 by function. */
function escapingFunctions(module: Module, closedTable: Uint8Array): Uint8Array {
  const escapes = new Uint8Array(module.funcCount);
  if (module.start >= 0) escapes[module.start] = 1;
  for (const e of module.exports) if (e.kind === ExternKind.Func) escapes[e.index] = 1;
  for (const segment of module.elements) {
    if (segment.mode === SegmentMode.Active && closedTable[segment.table] !== 0) continue;
    for (const item of segment.items) if (item >= 0) escapes[item] = 1;
  }
  const { ops } = module.consts;
  for (let at = 0; at < ops.length; at += CONST_OP_STRIDE)
    if (ops.data[at] === Wasm.RefFunc) escapes[ops.data[at + 1]] = 1;
  return escapes;
}

/** The IR type of a wasm value type. */
export function irType(valueType: number): Type {
  return isRef(valueType) ? Type.Ref : valueType;
}

function signaturesOf(module: Module): Signatures {
  const signatures = new Signatures();
  const { kind, pool, first, paramCount, firstResult, resultCount } = module.types;
  const types = (from: number, count: number): number[] => {
    const list: number[] = [];
    for (let i = 0; i < count; i++) list.push(irType(pool.data[from + i]));
    return list;
  };
  for (let t = 0; t < module.types.count; t++) {
    if (kind.data[t] === TypeKind.Func)
      signatures.add(
        types(first.data[t], paramCount.data[t]),
        types(firstResult.data[t], resultCount.data[t]),
      );
    else signatures.add([], []);
  }
  return signatures;
}
