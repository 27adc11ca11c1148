// The module's header and the tables behind it (docs/abi.md, "Header"): everything that the runtime needs to know
// of a module, as bytes of w2n_text.
// Input: module tables, layout, and where the code has come to lie. Output: the first bytes of the text, header and
// tables in one block. Invariant: their size does not depend on code offsets; offsets in it count from the header.
import {
  ABI_VERSION,
  ClosedEntry,
  DataRow,
  ElementItems,
  ElementRow,
  ExportRow,
  ExprOp,
  ExprRow,
  FarClosedEntry,
  FunctionRow,
  GlobalFlag,
  GlobalRow,
  Header,
  HeaderFlag,
  ImportRow,
  MAGIC,
  MemoryFlag,
  MemoryRow,
  NONE,
  Section,
  TableFlag,
  TableRow,
  TypeRow,
} from '../abi/layout.ts';
import { closedTableEntries, World, WorldNeeded } from '../frontend/closed_world.ts';
import type { ModuleLayout } from '../frontend/layout.ts';
import { CONST_OP_STRIDE, SegmentMode, type Module } from '../frontend/module.ts';
import { Op as Wasm } from '../frontend/opcodes.ts';
import { TypeKind } from '../frontend/types.ts';
import { ByteWriter } from '../support/byte_writer.ts';
import { typeCode, TypeKeys } from './type_keys.ts';

/** Where the code lies (bytes from the header), and what the runtime needs to walk its frames. */
export interface CodeMap {
  /** Header flags (HeaderFlag) with the ISA and its level. */
  readonly flags: number;
  readonly textBytes: number;
  readonly enter: number;
  readonly unwind: number;
  /** By type index; 0: none. */
  readonly callThunk: Float64Array;
  readonly hostThunk: Float64Array;
  /** By function; for imports the thunk to C, 0 if there is none. */
  readonly codeOffset: Float64Array;
  /** Encoded tables (src/emit/tables.ts). */
  readonly codeIndex: Uint8Array;
  readonly codeRecords: Uint8Array;
}

/** What is baked in beside the module itself. */
export interface ModuleFacts {
  /** True if active data segments are in the image. */
  readonly imageMerged: boolean;
  /** True if the image is made of whole pages. */
  readonly isImagePaged: boolean;
  readonly config: readonly { readonly key: string; readonly value: string }[];
  /** UTF-8 name of each function; empty where it has none. */
  readonly names: readonly Uint8Array[];
}

const utf8 = new TextEncoder();
const EXPR_OPS: Readonly<Record<number, ExprOp>> = {
  [Wasm.I32Const]: ExprOp.Const,
  [Wasm.I64Const]: ExprOp.Const,
  [Wasm.F32Const]: ExprOp.Const,
  [Wasm.F64Const]: ExprOp.Const,
  [Wasm.V128Const]: ExprOp.Const,
  [Wasm.GlobalGet]: ExprOp.GlobalGet,
  [Wasm.RefFunc]: ExprOp.RefFunc,
  [Wasm.RefNull]: ExprOp.RefNull,
  [Wasm.I32Add]: ExprOp.I32Add,
  [Wasm.I32Sub]: ExprOp.I32Sub,
  [Wasm.I32Mul]: ExprOp.I32Mul,
  [Wasm.I64Add]: ExprOp.I64Add,
  [Wasm.I64Sub]: ExprOp.I64Sub,
  [Wasm.I64Mul]: ExprOp.I64Mul,
};
const CONST_CODES: Readonly<Record<number, number>> = {
  [Wasm.I32Const]: 0x7f,
  [Wasm.I64Const]: 0x7e,
  [Wasm.F32Const]: 0x7d,
  [Wasm.F64Const]: 0x7c,
  [Wasm.V128Const]: 0x7b,
};

/** Where the tables begin: on the cache line behind the header. */
const TABLES_OFFSET = (Header.Size + 63) & -64;

/** The header and the tables, as they stand at offset 0 of the text. Throws WorldNeeded if an entry cannot be stored. */
export function buildModuleTables(
  module: Module,
  layout: ModuleLayout,
  facts: ModuleFacts,
  code: CodeMap,
): Uint8Array {
  return new TableWriter(module, layout, facts, code).write();
}

class TableWriter {
  private readonly out = new ByteWriter(1 << 16);
  private readonly offsets = new Float64Array(Section.Count);
  private readonly counts = new Float64Array(Section.Count);
  private readonly module: Module;
  private readonly layout: ModuleLayout;
  private readonly facts: ModuleFacts;
  private readonly code: CodeMap;
  /** Expression rows made for items of element segments, behind those of the module. */
  private readonly itemExprs: { op: ExprOp; imm: number }[] = [];

  constructor(module: Module, layout: ModuleLayout, facts: ModuleFacts, code: CodeMap) {
    this.module = module;
    this.layout = layout;
    this.facts = facts;
    this.code = code;
  }

  write(): Uint8Array {
    this.out.grow(TABLES_OFFSET);
    this.types();
    this.imports();
    this.functions();
    this.exports();
    this.globals();
    this.memories();
    this.tables();
    this.elements();
    this.data();
    this.exprs();
    this.blob(Section.CodeRecords, this.code.codeRecords);
    this.blob(Section.CodeIndex, this.code.codeIndex);
    this.names();
    this.config();
    // Code begins on a cache line of its own.
    this.out.align(64);
    const bytes = this.out.bytes();
    bytes.set(this.header());
    return bytes;
  }

  private header(): Uint8Array {
    const h = new ByteWriter(Header.Size);
    h.u32(MAGIC);
    h.u32(ABI_VERSION);
    h.u32(Header.Size);
    h.u32(this.code.flags | (this.facts.isImagePaged ? HeaderFlag.PagedImage : 0));
    h.u64(this.code.textBytes);
    h.u32(this.layout.instanceBytes);
    h.u32(this.module.start + 1);
    h.u64(this.code.enter);
    h.u64(this.code.unwind);
    for (let s = 0; s < Section.Count; s++) {
      h.u64(this.offsets[s]);
      h.u64(this.counts[s]);
    }
    return h.bytes();
  }

  /** Begins a section of `count` rows of `rowBytes`: room is made for all; returns where they begin. */
  private begin(section: Section, count: number, rowBytes: number): number {
    this.out.align(8);
    this.offsets[section] = this.out.length;
    this.counts[section] = count;
    return this.out.grow(count * rowBytes);
  }

  private blob(section: Section, bytes: Uint8Array): void {
    this.begin(section, bytes.length, 0);
    this.out.put(bytes);
  }

  private put64(at: number, value: number): void {
    this.out.setU32(at, value % 0x100000000);
    this.out.setU32(at + 4, Math.floor(value / 0x100000000));
  }

  private putMax(at: number, max: number): void {
    if (max >= 0 && max < 2 ** 53) {
      this.put64(at, max);
    } else {
      this.out.setU32(at, 0xffffffff);
      this.out.setU32(at + 4, 0xffffffff);
    }
  }

  /** Appends bytes and stores {offset, length} at a string field. */
  private string(at: number, bytes: Uint8Array): void {
    this.out.setU32(at, this.out.length);
    this.out.setU32(at + 4, bytes.length);
    this.out.put(bytes);
  }

  private types(): void {
    const { types } = this.module;
    const keys = new TypeKeys(types);
    const rows = this.begin(Section.Types, types.count, TypeRow.Size);
    for (let t = 0; t < types.count; t++) {
      const row = rows + t * TypeRow.Size;
      const superType = types.superType.data[t];
      this.string(row + TypeRow.KeyOffset, keys.key(t));
      this.out.setU32(row + TypeRow.Super, superType < 0 ? NONE : superType);
      if (types.kind.data[t] !== TypeKind.Func) continue;
      this.out.setU32(row + TypeRow.Params, types.paramCount.data[t]);
      this.out.setU32(row + TypeRow.Results, types.resultCount.data[t]);
      this.out.setU32(row + TypeRow.ValtypesOffset, this.out.length);
      this.valtypes(types.first.data[t], types.paramCount.data[t]);
      this.valtypes(types.firstResult.data[t], types.resultCount.data[t]);
      this.put64(row + TypeRow.CallThunk, this.code.callThunk[t]);
      this.put64(row + TypeRow.HostThunk, this.code.hostThunk[t]);
    }
  }

  private valtypes(first: number, count: number): void {
    for (let i = 0; i < count; i++) this.out.u8(typeCode(this.module.types.pool.data[first + i]) & 255);
  }

  private imports(): void {
    const { imports } = this.module;
    const rows = this.begin(Section.Imports, imports.length, ImportRow.Size);
    imports.forEach((entry, i) => {
      const row = rows + i * ImportRow.Size;
      this.string(row + ImportRow.Module, utf8.encode(entry.module));
      this.string(row + ImportRow.Field, utf8.encode(entry.name));
      this.out.setU32(row + ImportRow.Kind, entry.kind);
      this.out.setU32(row + ImportRow.Index, entry.index);
    });
  }

  private functions(): void {
    const { module, layout, code } = this;
    const rows = this.begin(Section.Functions, module.funcCount, FunctionRow.Size);
    for (let f = 0; f < module.funcCount; f++) {
      const row = rows + f * FunctionRow.Size;
      this.put64(row + FunctionRow.CodeOffset, code.codeOffset[f]);
      this.out.setU32(row + FunctionRow.Type, module.funcType.data[f]);
      this.out.setU32(row + FunctionRow.SlotOffset, layout.slotOffset[f] < 0 ? NONE : layout.slotOffset[f]);
    }
  }

  private exports(): void {
    const { exports } = this.module;
    const rows = this.begin(Section.Exports, exports.length, ExportRow.Size);
    exports.forEach((entry, i) => {
      const row = rows + i * ExportRow.Size;
      this.string(row + ExportRow.Name, utf8.encode(entry.name));
      this.out.setU32(row + ExportRow.Kind, entry.kind);
      this.out.setU32(row + ExportRow.Index, entry.index);
    });
  }

  /** Stores first row and number of rows of a constant expression (-1: none). */
  private expr(at: number, index: number): void {
    if (index < 0) return;
    const { consts } = this.module;
    this.out.setU32(at, consts.first.data[index] / CONST_OP_STRIDE);
    this.out.setU32(at + 4, consts.count.data[index]);
  }

  private globals(): void {
    const { module, layout } = this;
    const count = module.globalType.length;
    const rows = this.begin(Section.Globals, count, GlobalRow.Size);
    for (let g = 0; g < count; g++) {
      const row = rows + g * GlobalRow.Size;
      const imported = g < module.importedGlobals ? GlobalFlag.Imported : 0;
      const mutable = module.globalMutable.data[g] !== 0 ? GlobalFlag.Mutable : 0;
      this.out.setU32(row + GlobalRow.Type, typeCode(module.globalType.data[g]));
      this.out.setU32(row + GlobalRow.Flags, imported | mutable);
      this.out.setU32(row + GlobalRow.InstanceOffset, layout.globalOffset[g]);
      this.expr(row + GlobalRow.ExprFirst, module.globalInit.data[g]);
    }
  }

  private memories(): void {
    const { module, layout } = this;
    const rows = this.begin(Section.Memories, module.memories.length, MemoryRow.Size);
    module.memories.forEach((memory, i) => {
      const row = rows + i * MemoryRow.Size;
      const flags =
        (i < module.importedMemories ? MemoryFlag.Imported : 0) |
        (memory.is64 ? MemoryFlag.Memory64 : 0) |
        (memory.shared ? MemoryFlag.Shared : 0) |
        (layout.reservesAll(memory) ? 0 : MemoryFlag.Checked);
      this.put64(row + MemoryRow.MinPages, memory.min);
      this.putMax(row + MemoryRow.MaxPages, memory.max);
      this.out.setU32(row + MemoryRow.Flags, flags);
      this.out.setU32(row + MemoryRow.InstanceOffset, layout.memoryOffset[i]);
      this.out.setU32(row + MemoryRow.PageLog2, memory.pageSizeLog2);
    });
  }

  private tables(): void {
    const { module, layout } = this;
    const rows = this.begin(Section.Tables, module.tables.length, TableRow.Size);
    module.tables.forEach((table, i) => {
      const row = rows + i * TableRow.Size;
      const closed = layout.closedTable[i] !== 0;
      const flags =
        (i < module.importedTables ? TableFlag.Imported : 0) |
        (table.is64 ? TableFlag.Table64 : 0) |
        (closed ? TableFlag.Closed : 0);
      this.put64(row + TableRow.Min, table.min);
      this.putMax(row + TableRow.Max, table.max);
      this.out.setU32(row + TableRow.Type, typeCode(table.element));
      this.out.setU32(row + TableRow.Flags, flags);
      this.out.setU32(row + TableRow.InstanceOffset, layout.tableOffset[i]);
      this.expr(row + TableRow.InitFirst, table.init);
      if (closed) this.closedImage(i, row);
    });
  }

  /** The entries of a closed table. */
  private closedImage(table: number, row: number): void {
    const { module, code } = this;
    const entries = closedTableEntries(module, table);
    this.out.align(8);
    this.put64(row + TableRow.ClosedImageOffset, this.out.length);
    const { farEntries } = this.layout;
    const size = farEntries ? FarClosedEntry.Size : ClosedEntry.Size;
    const typeAt = farEntries ? FarClosedEntry.Type : ClosedEntry.Type;
    const image = this.out.grow(entries.length * size);
    entries.forEach((func, k) => {
      const entry = image + k * size;
      const at = func < 0 ? 0 : code.codeOffset[func];
      if (farEntries) this.put64(entry + FarClosedEntry.Code, at);
      else if (at < 2 ** 31) this.out.setU32(entry + ClosedEntry.Code, at);
      else throw new WorldNeeded(World.ClosedFar);
      const type = func < 0 ? -1 : module.types.canonical.data[module.funcType.data[func]];
      this.out.setU32(entry + typeAt, type);
    });
  }

  private elements(): void {
    const { module, layout } = this;
    const rows = this.begin(Section.Elements, module.elements.length, ElementRow.Size);
    module.elements.forEach((segment, i) => {
      const row = rows + i * ElementRow.Size;
      const merged = segment.mode === SegmentMode.Active && layout.closedTable[segment.table] !== 0;
      const functions = segment.items.every((item) => item >= 0);
      this.out.setU32(row + ElementRow.Mode, merged ? SegmentMode.Passive : segment.mode);
      if (merged) return;
      this.out.setU32(row + ElementRow.Table, Math.max(segment.table, 0));
      this.expr(row + ElementRow.OffsetFirst, segment.offset);
      this.out.setU32(row + ElementRow.Type, typeCode(segment.type));
      this.out.setU32(row + ElementRow.Kind, functions ? ElementItems.Functions : ElementItems.Exprs);
      this.out.align(8);
      this.put64(row + ElementRow.ItemsOffset, this.out.length);
      this.put64(row + ElementRow.Count, segment.items.length);
      const items = this.out.grow(segment.items.length * (functions ? 4 : 8));
      for (let k = 0; k < segment.items.length; k++) {
        const item = segment.items[k];
        if (functions) this.out.setU32(items + k * 4, item);
        else this.item(items + k * 8, item);
      }
    });
  }

  /** An item of an element segment as an expression. */
  private item(at: number, item: number): void {
    if (item <= -2) {
      this.expr(at, -2 - item);
      return;
    }
    this.out.setU32(at, this.module.consts.ops.length / CONST_OP_STRIDE + this.itemExprs.length);
    this.out.setU32(at + 4, 1);
    this.itemExprs.push(item < 0 ? { op: ExprOp.RefNull, imm: 0 } : { op: ExprOp.RefFunc, imm: item });
  }

  private data(): void {
    const { module, facts } = this;
    const rows = this.begin(Section.Data, module.data.length, DataRow.Size);
    module.data.forEach((segment, i) => {
      const row = rows + i * DataRow.Size;
      const merged = facts.imageMerged && segment.mode === SegmentMode.Active;
      this.out.setU32(row + DataRow.Mode, merged ? SegmentMode.Passive : segment.mode);
      if (merged) return;
      this.out.setU32(row + DataRow.Memory, Math.max(segment.memory, 0));
      this.expr(row + DataRow.ExprFirst, segment.offset);
      this.put64(row + DataRow.BytesOffset, this.out.length);
      this.put64(row + DataRow.Bytes, segment.end - segment.start);
      this.out.put(module.bytes.subarray(segment.start, segment.end));
    });
  }

  private exprs(): void {
    const { ops } = this.module.consts;
    const own = ops.length / CONST_OP_STRIDE;
    const rows = this.begin(Section.Exprs, own + this.itemExprs.length, ExprRow.Size);
    for (let i = 0; i < own; i++) {
      const row = rows + i * ExprRow.Size;
      const at = i * CONST_OP_STRIDE;
      const wasm = ops.data[at];
      const op = EXPR_OPS[wasm];
      if (op === undefined) throw new Error(`constant expression with operator 0x${wasm.toString(16)}`);
      this.out.setU32(row + ExprRow.Op, op);
      if (op === ExprOp.Const) {
        this.out.setU32(row + ExprRow.Imm, CONST_CODES[wasm]);
        for (let w = 0; w < 4; w++) this.out.setU32(row + ExprRow.Lo + w * 4, ops.data[at + 1 + w]);
      } else {
        this.out.setU32(row + ExprRow.Imm, ops.data[at + 1]);
      }
    }
    this.itemExprs.forEach((expr, i) => {
      const row = rows + (own + i) * ExprRow.Size;
      this.out.setU32(row + ExprRow.Op, expr.op);
      this.out.setU32(row + ExprRow.Imm, expr.imm);
    });
  }

  private names(): void {
    const { names } = this.facts;
    const rows = this.begin(Section.Names, names.length, 8);
    names.forEach((name, i) => {
      if (name.length > 0) this.string(rows + i * 8, name);
    });
  }

  private config(): void {
    const text = this.facts.config.map((pair) => `${pair.key}\0${pair.value}\0`).join('');
    this.blob(Section.Config, utf8.encode(text));
  }
}
