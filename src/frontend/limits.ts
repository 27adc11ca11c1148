// Implementation limits: those of the WebAssembly JavaScript API specification ("Implementation-defined limits").
// A module beyond one is refused by name and byte offset.
import { beyondLimit } from './errors.ts';

export const enum Limit {
  ModuleBytes = 1073741824,
  Types = 1000000,
  /** Declared supertypes above a type. */
  SubtypeDepth = 63,
  Functions = 1000000,
  Imports = 1000000,
  Exports = 1000000,
  Globals = 1000000,
  Tags = 1000000,
  DataSegments = 100000,
  Tables = 100000,
  /** Initial entries of a table. */
  TableEntries = 10000000,
  Memories = 100,
  Params = 1000,
  Results = 1000,
  StructFields = 10000,
  FunctionBytes = 7654321,
  Locals = 50000,
  ElementSegments = 10000000,
  ElementEntries = 10000000,
  BrTableTargets = 65520,
  CatchClauses = 10000,
}

/** Throws a `limit` fault unless count <= limit. */
export function checkLimit(count: number, limit: Limit, offset: number, what: string): void {
  if (count > limit) beyondLimit(offset, `${count} ${what}: more than the limit of ${limit}`);
}
