// The tables of a decoded module: what decode.ts makes of the binary and what everything behind the front end
// reads. Index spaces count imports first. Lists that can reach a million entries are int columns; the others are
// arrays of small objects. Nothing here is evaluated: constant expressions are op lists in `consts`.
import { IntColumn } from '../support/int_column.ts';
import type { FeatureSet } from './features.ts';
import { TypeTable } from './types.ts';

/** Kinds of imports and exports, numbered as in the binary format (5.5.5). */
export const enum ExternKind {
  Func,
  Table,
  Memory,
  Global,
  Tag,
}

/** An import: the `index`-th entity of its kind's index space. */
export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternKind;
  readonly index: number;
  /** Byte offset of the import in the file. */
  readonly offset: number;
}

export interface Export {
  readonly name: string;
  readonly kind: ExternKind;
  readonly index: number;
}

/** Limits in entries or pages. Numbers above 2^53 (a maximum of a 64-bit table alone) are rounded up. */
export interface Limits {
  readonly is64: boolean;
  readonly min: number;
  /** -1: none. */
  readonly max: number;
}

export interface Table extends Limits {
  /** Value type of the entries. */
  readonly element: number;
  /** Constant expression in Module.consts, or -1: null. */
  readonly init: number;
}

export interface Memory extends Limits {
  readonly shared: boolean;
  /** log2 of the page size: 16, or 0 with custom page sizes. */
  readonly pageSizeLog2: number;
}

export const enum SegmentMode {
  Active,
  Passive,
  Declarative,
}

export interface ElementSegment {
  readonly mode: SegmentMode;
  /** Active only: the table, and the offset as a constant expression; otherwise -1. */
  readonly table: number;
  readonly offset: number;
  /** Value type of the entries. */
  readonly type: number;
  /** Entries: f >= 0 is ref.func f, -1 is ref.null, -2 - e is constant expression e. */
  readonly items: Int32Array;
}

export interface DataSegment {
  readonly mode: SegmentMode;
  /** Active only: the memory, and the offset as a constant expression; otherwise -1. */
  readonly memory: number;
  readonly offset: number;
  /** Byte range in the file. */
  readonly start: number;
  readonly end: number;
}

export interface CustomSection {
  readonly name: string;
  /** Byte range of the content after the name. */
  readonly start: number;
  readonly end: number;
}

/** Ints an operation takes in ConstTable.ops: Op, then four words. */
export const CONST_OP_STRIDE = 5;

/**
 * Constant expressions, by number: `count[e]` operations from index `first[e]` (in ints) of `ops`, in stack order,
 * without the final `end`. Words after the Op: i32/f32.const lo; i64/f64.const lo, hi; v128.const four words;
 * global.get global; ref.func function; ref.null heap type; others none.
 */
export class ConstTable {
  readonly first = new IntColumn();
  readonly count = new IntColumn();
  /** Value type of the expression's result. */
  readonly type = new IntColumn();
  readonly ops = new IntColumn();
}

/** A decoded module. */
export class Module {
  readonly bytes: Uint8Array;
  /** What was accepted. */
  readonly features: FeatureSet;
  /** What was met, beyond the MVP: grows while bodies are validated; filled as far as a fault let it. */
  used: FeatureSet = 0;
  readonly types = new TypeTable();
  readonly imports: Import[] = [];
  readonly exports: Export[] = [];

  /** Numbers of imported entities: the first indices of each space. */
  importedFuncs = 0;
  importedTables = 0;
  importedMemories = 0;
  importedGlobals = 0;
  importedTags = 0;

  /** Type index by function. */
  readonly funcType = new IntColumn();
  /** By function: 1 if `ref.func` of it may stand in a body (it occurs outside of bodies; C.refs, 3.4.9). */
  readonly funcDeclared = new IntColumn();
  /** By defined function (function - importedFuncs): byte range of the body: local declarations to the final end. */
  readonly bodyStart = new IntColumn();
  readonly bodyEnd = new IntColumn();

  readonly tables: Table[] = [];
  readonly memories: Memory[] = [];
  /** By global: value type, 1 if mutable, initial value in `consts` (-1 if imported). */
  readonly globalType = new IntColumn();
  readonly globalMutable = new IntColumn();
  readonly globalInit = new IntColumn();
  /** Type index by tag. */
  readonly tagType = new IntColumn();

  /** The start function, or -1. */
  start = -1;
  readonly elements: ElementSegment[] = [];
  /** The data count section's number, or -1 without the section. */
  dataCount = -1;
  readonly data: DataSegment[] = [];
  readonly custom: CustomSection[] = [];
  readonly consts = new ConstTable();

  constructor(bytes: Uint8Array, features: FeatureSet) {
    this.bytes = bytes;
    this.features = features;
  }

  /** Number of functions, imports included. */
  get funcCount(): number {
    return this.funcType.length;
  }
}
