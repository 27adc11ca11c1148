// The closed world: in an executable nothing outside the module sees its tables, so a table that the module itself
// never changes is data: 8-byte entries made at compile time (docs/abi.md, "closed table"), read in place, called
// without loading function references, instances or type ids.
//
// Whether code changes a table, or makes references to functions, is known only when all bodies have been read. It
// is almost never so: translation assumes the closed world, throws WorldNeeded where it does not hold, and the
// module is compiled once more without the assumption. Likewise where code comes to lie beyond 2 GiB: then the entries
// are made wider.
import { SegmentMode, type ElementSegment, type Module } from './module.ts';
import { Op as Wasm } from './opcodes.ts';
import { HeapType, heapOf, isRef, TypeBits } from './types.ts';

/** What is taken for granted about tables. */
export const enum World {
  Open,
  /** Tables that can be closed are, with 8-byte entries: their code lies within 2 GiB of the header. */
  Closed,
  /** The same with 16-byte entries, for code anywhere. */
  ClosedFar,
}

/** The module cannot be compiled in the world that was assumed; it can in `world`. */
export class WorldNeeded extends Error {
  readonly world: World;

  constructor(world: World) {
    super(
      world === World.Open
        ? 'a function body changes a closed table or makes a reference to a function'
        : 'a function of a closed table lies beyond 2 GiB',
    );
    this.name = 'WorldNeeded';
    this.world = world;
  }
}

/** Tables that can be closed if no body touches them other than by calls: 1 by table. */
export function closedTables(module: Module): Uint8Array {
  const closed = new Uint8Array(module.tables.length);
  module.tables.forEach((table, i) => {
    const isFuncref =
      isRef(table.element) && heapOf(table.element) === (TypeBits.AbstractHeap | HeapType.Func);
    closed[i] = i >= module.importedTables && isFuncref && !table.is64 && table.init < 0 ? 1 : 0;
  });
  for (const segment of module.elements) {
    if (segment.mode !== SegmentMode.Active || closed[segment.table] === 0) continue;
    const offset = constantOffset(module, segment);
    const inBounds = offset >= 0 && offset + segment.items.length <= module.tables[segment.table].min;
    if (!inBounds || segment.items.some((item) => item < -1 || isImported(module, item)))
      closed[segment.table] = 0;
  }
  return closed;
}

/** Imported functions stand in other modules or behind thunks: tables with them stay open. */
const isImported = (module: Module, item: number): boolean => item >= 0 && item < module.importedFuncs;

/** The constant i32 offset of an active segment, or -1. */
function constantOffset(module: Module, segment: ElementSegment): number {
  const { consts } = module;
  const first = consts.first.data[segment.offset];
  if (consts.count.data[segment.offset] !== 1 || consts.ops.data[first] !== Wasm.I32Const) return -1;
  return consts.ops.data[first + 1] >>> 0;
}

/** Function at each entry of a closed table, -1 for null. */
export function closedTableEntries(module: Module, table: number): Int32Array {
  const entries = new Int32Array(module.tables[table].min).fill(-1);
  for (const segment of module.elements)
    if (segment.mode === SegmentMode.Active && segment.table === table)
      entries.set(segment.items, constantOffset(module, segment));
  return entries;
}
