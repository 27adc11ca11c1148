// The name section (specification, appendix "Name Section"), read leniently: it is only for messages and symbols, so
// a subsection that is cut, overlong, out of order or not UTF-8 yields what could be read and never a fault.
import { WasmError } from './errors.ts';
import type { Module } from './module.ts';
import { decodeUtf8, Reader } from './reader.ts';

/** Names by index, as far as given. */
export interface Names {
  readonly module: string | null;
  readonly functions: ReadonlyMap<number, string>;
  /** By function, then local. */
  readonly locals: ReadonlyMap<number, ReadonlyMap<number, string>>;
  readonly types: ReadonlyMap<number, string>;
  readonly tables: ReadonlyMap<number, string>;
  readonly memories: ReadonlyMap<number, string>;
  readonly globals: ReadonlyMap<number, string>;
  readonly elements: ReadonlyMap<number, string>;
  readonly data: ReadonlyMap<number, string>;
}

const enum Subsection {
  Module = 0,
  Functions = 1,
  Locals = 2,
  Types = 4,
  Tables = 5,
  Memories = 6,
  Globals = 7,
  Elements = 8,
  Data = 9,
}

/** Reads the names of a module's first name section; all empty without one. */
export function readNames(m: Module): Names {
  const byKind: Map<number, string>[] = [];
  for (let id = 0; id <= Subsection.Data; id++) byKind.push(new Map());
  const locals = new Map<number, Map<number, string>>();
  const names = {
    module: null as string | null,
    functions: byKind[Subsection.Functions],
    locals,
    types: byKind[Subsection.Types],
    tables: byKind[Subsection.Tables],
    memories: byKind[Subsection.Memories],
    globals: byKind[Subsection.Globals],
    elements: byKind[Subsection.Elements],
    data: byKind[Subsection.Data],
  };
  const section = m.custom.find((custom) => custom.name === 'name');
  if (section === undefined) return names;
  const r = new Reader(m.bytes, section.start, section.end);
  leniently(() => {
    while (r.pos < section.end) {
      r.end = section.end;
      const id = r.u8();
      const size = r.u32();
      const start = r.pos;
      const end = Math.min(start + size, section.end);
      r.end = end;
      leniently(() => {
        if (id === Subsection.Module) names.module = readName(r);
        else if (id === Subsection.Locals) readLocals(r, locals);
        else if (id <= Subsection.Data && id !== 3) readNameMap(r, byKind[id]);
      });
      r.pos = end;
    }
  });
  return names;
}

/** Runs `read` and drops the fault that it may end in. */
function leniently(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
  }
}

/** A name, or null if it is not UTF-8. */
function readName(r: Reader): string | null {
  const length = r.u32();
  const start = r.skip(length);
  try {
    return decodeUtf8(r.bytes, start, r.pos);
  } catch (error) {
    if (error instanceof WasmError) return null;
    throw error;
  }
}

function readNameMap(r: Reader, map: Map<number, string>): void {
  const count = r.u32();
  for (let i = 0; i < count; i++) {
    const index = r.u32();
    const name = readName(r);
    if (name !== null && !map.has(index)) map.set(index, name);
  }
}

function readLocals(r: Reader, locals: Map<number, Map<number, string>>): void {
  const count = r.u32();
  for (let i = 0; i < count; i++) {
    const func = r.u32();
    let map = locals.get(func);
    if (map === undefined) {
      map = new Map();
      locals.set(func, map);
    }
    readNameMap(r, map);
  }
}
