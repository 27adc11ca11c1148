// Decodes and validates a module but for its function bodies (specification 5.5, 3.5): the sections in order, each
// checked as it is read, since every section refers only to earlier ones. Bodies are left as byte ranges for FuncValidator.
// Memory grows with the bytes read, never from a count alone.
import { readConstExpr } from './const_expr.ts';
import { decodeData, decodeElements } from './decode_segments.ts';
import { decodeImports, readGlobalType, readMemory, readTableType, readTagType } from './decode_imports.ts';
import { invalid, malformed, WasmError } from './errors.ts';
import { Proposal, SUPPORTED } from './features.ts';
import type { FeatureSet } from './features.ts';
import { checkLimit, Limit } from './limits.ts';
import { ExternKind, Module } from './module.ts';
import { Reader } from './reader.ts';
import { decodeTypes } from './type_section.ts';
import { isDefaultable, TypeBits } from './types.ts';
import { FuncValidator, validateFunctions } from './validate.ts';
import { readFuncTypeIndex, useProposal } from './value_type.ts';

const enum Section {
  Custom,
  Type,
  Import,
  Function,
  Table,
  Memory,
  Global,
  Export,
  Start,
  Element,
  Code,
  Data,
  DataCount,
  Tag,
}

// Position in the required order, by section id.
const ORDER: readonly number[] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6];
const SECTION_NAMES =
  'custom type import function table memory global export start element code data data-count tag'.split(' ');

/** Decodes `bytes` up to the function bodies; throws WasmError. With `into`, fills that empty module. */
export function decodeModule(
  bytes: Uint8Array,
  features: FeatureSet = SUPPORTED,
  into: Module = new Module(bytes, features),
): Module {
  new ModuleDecoder(into).decode();
  return into;
}

/** Outcome of checkModule: the fault (or null), and the module as far as it was decoded. */
export interface Verdict {
  readonly error: WasmError | null;
  readonly module: Module;
}

/** Decodes and validates all of a module; exceptions but WasmError, which would be our own, pass. */
export function checkModule(bytes: Uint8Array, features: FeatureSet = SUPPORTED): Verdict {
  const module = new Module(bytes, features);
  try {
    decodeModule(bytes, features, module);
    validateFunctions(module);
    return { error: null, module };
  } catch (error) {
    if (error instanceof WasmError) return { error, module };
    throw error;
  }
}

class ModuleDecoder {
  private readonly m: Module;
  private readonly r: Reader;
  private readonly validator: FuncValidator;
  private bodies = 0;

  constructor(m: Module) {
    this.m = m;
    this.r = new Reader(m.bytes);
    this.validator = new FuncValidator(m);
  }

  decode(): void {
    const { m, r } = this;
    checkLimit(m.bytes.length, Limit.ModuleBytes, 0, 'bytes in the module');
    if (m.bytes.length < 4 || r.word() !== 0x6d736100) malformed(0, 'magic header not detected');
    if (m.bytes.length < 8 || r.word() !== 1) malformed(4, 'unknown binary version');
    let last = 0;
    while (r.pos < m.bytes.length) {
      const offset = r.pos;
      const id = r.u8();
      if (id > Section.Tag) malformed(offset, `malformed section id ${id}`);
      if (id === Section.Tag) useProposal(m, Proposal.Exceptions, offset, 'a tag section');
      const size = r.u32();
      const start = r.skip(size);
      r.pos = start;
      r.end = start + size;
      if (id !== Section.Custom) {
        if (ORDER[id] <= last)
          malformed(offset, `unexpected content after last section: ${SECTION_NAMES[id]} section`);
        last = ORDER[id]!;
      }
      this.section(id);
      if (r.pos !== r.end) malformed(r.pos, `section size mismatch in the ${SECTION_NAMES[id]} section`);
      r.end = m.bytes.length;
    }
    if (this.bodies !== m.funcCount - m.importedFuncs)
      malformed(r.pos, 'function and code section have inconsistent lengths');
    if (m.dataCount >= 0 && m.data.length !== m.dataCount)
      malformed(r.pos, 'data count and data section have inconsistent lengths');
  }

  private section(id: Section): void {
    switch (id) {
      case Section.Custom:
        return this.custom();
      case Section.Type:
        return decodeTypes(this.m, this.r);
      case Section.Import:
        return decodeImports(this.m, this.r);
      case Section.Function:
        return this.functions();
      case Section.Table:
        return this.tables();
      case Section.Memory:
        return this.memories();
      case Section.Global:
        return this.globals();
      case Section.Export:
        return this.exportEntries();
      case Section.Start:
        return this.startFunction();
      case Section.Element:
        return decodeElements(this.validator, this.r);
      case Section.Code:
        return this.code();
      case Section.Data:
        return decodeData(this.validator, this.r);
      case Section.DataCount: {
        const offset = this.r.pos;
        this.m.dataCount = this.r.u32();
        return checkLimit(this.m.dataCount, Limit.DataSegments, offset, 'data segments');
      }
      case Section.Tag:
        return this.tags();
    }
  }

  private custom(): void {
    const r = this.r;
    const name = r.utf8Name();
    this.m.custom.push({ name, start: r.pos, end: r.end });
    r.pos = r.end;
  }

  /** Reads a section's count and holds it against the limit for its index space. */
  private count(before: number, limit: Limit, what: string): number {
    const offset = this.r.pos;
    const count = this.r.u32();
    checkLimit(before + count, limit, offset, what);
    return count;
  }

  private functions(): void {
    const { m, r } = this;
    const count = this.count(m.funcCount, Limit.Functions, 'functions');
    for (let i = 0; i < count; i++) {
      m.funcType.push(readFuncTypeIndex(m, r));
      m.funcDeclared.push(0);
    }
  }

  private tables(): void {
    const { m, r } = this;
    const count = this.count(m.tables.length, Limit.Tables, 'tables');
    for (let i = 0; i < count; i++) {
      const offset = r.pos;
      if (m.tables.length > 0) m.used |= 1 << Proposal.ReferenceTypes;
      if (r.peek() === 0x40) {
        useProposal(m, Proposal.FunctionReferences, offset, 'a table with an initial value');
        r.pos++;
        if (r.u8() !== 0) malformed(r.pos - 1, 'malformed table');
        const type = readTableType(m, r);
        m.tables.push({ ...type, init: readConstExpr(this.validator, r, type.element) });
        continue;
      }
      const table = readTableType(m, r);
      if (!isDefaultable(table.element))
        invalid(offset, 'type mismatch: a table of non-null references needs an initial value');
      m.tables.push(table);
    }
  }

  private memories(): void {
    const count = this.count(this.m.memories.length, Limit.Memories, 'memories');
    for (let i = 0; i < count; i++) readMemory(this.m, this.r);
  }

  private globals(): void {
    const { m, r } = this;
    const count = this.count(m.globalType.length, Limit.Globals, 'globals');
    for (let i = 0; i < count; i++) {
      const type = readGlobalType(m, r);
      const init = readConstExpr(this.validator, r, type & ~TypeBits.Mutable);
      m.globalType.push(type & ~TypeBits.Mutable);
      m.globalMutable.push((type & TypeBits.Mutable) === 0 ? 0 : 1);
      m.globalInit.push(init);
    }
  }

  private tags(): void {
    const { m, r } = this;
    const count = this.count(m.tagType.length, Limit.Tags, 'tags');
    for (let i = 0; i < count; i++) m.tagType.push(readTagType(m, r));
  }

  private exportEntries(): void {
    const { m, r } = this;
    const count = this.count(0, Limit.Exports, 'exports');
    const seen = new Set<string>();
    for (let i = 0; i < count; i++) {
      const offset = r.pos;
      const name = r.utf8Name();
      const kind = r.u8();
      if (kind > ExternKind.Tag) malformed(r.pos - 1, 'malformed export kind');
      const index = r.u32();
      if (index >= this.spaceSize(kind))
        invalid(offset, `unknown ${EXTERN_NAMES[kind]} ${index} in an export`);
      if (kind === ExternKind.Func) m.funcDeclared.data[index] = 1;
      if (seen.has(name)) invalid(offset, `duplicate export name ${JSON.stringify(name)}`);
      seen.add(name);
      m.exports.push({ name, kind, index });
    }
  }

  private spaceSize(kind: ExternKind): number {
    const m = this.m;
    switch (kind) {
      case ExternKind.Func:
        return m.funcCount;
      case ExternKind.Table:
        return m.tables.length;
      case ExternKind.Memory:
        return m.memories.length;
      case ExternKind.Global:
        return m.globalType.length;
      case ExternKind.Tag:
        return m.tagType.length;
    }
  }

  private startFunction(): void {
    const { m, r } = this;
    const offset = r.pos;
    const func = r.u32();
    if (func >= m.funcCount) invalid(offset, `unknown function ${func} as start function`);
    const type = m.funcType.data[func];
    if (m.types.paramCount.data[type] !== 0 || m.types.resultCount.data[type] !== 0)
      invalid(offset, 'start function has parameters or results');
    m.start = func;
  }

  private code(): void {
    const { m, r } = this;
    const offset = r.pos;
    const count = r.u32();
    if (count !== m.funcCount - m.importedFuncs)
      malformed(offset, 'function and code section have inconsistent lengths');
    for (let i = 0; i < count; i++) {
      const at = r.pos;
      const size = r.u32();
      const start = r.skip(size);
      checkLimit(size, Limit.FunctionBytes, at, 'bytes in a function body');
      m.bodyStart.push(start);
      m.bodyEnd.push(start + size);
    }
    this.bodies = count;
  }
}

const EXTERN_NAMES = ['function', 'table', 'memory', 'global', 'tag'];
