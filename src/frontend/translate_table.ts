// Tables, references and element segments. A table is an array of references (docs/abi.md, "Tables").
import { Helper, Table, TrapKind } from '../abi/layout.ts';
import { Op } from '../ir/opcodes.ts';
import { IntCC, Region, Type } from '../ir/types.ts';
import type { Value } from '../ir/func.ts';
import { World, WorldNeeded } from './closed_world.ts';
import { Op as Wasm } from './opcodes.ts';
import type { Translator } from './translate.ts';
import { isNull } from './translate_control.ts';

/** Translates an operator on tables or references; false if `op` is none. */
export function translateTableOp(t: Translator, op: number): boolean {
  const { build, layout, list, module, validator: v } = t;
  list.clear();
  switch (op) {
    case Wasm.RefNull:
      t.push(build.iconst(Type.Ref, 0));
      return true;
    case Wasm.RefIsNull:
      t.push(isNull(t, t.pop()));
      return true;
    case Wasm.RefFunc:
      if (layout.slotOffset[v.imm0] < 0) throw new WorldNeeded(World.Open);
      t.push(build.append(Op.CtxAddr, Type.Ref, 0, layout.slotOffset[v.imm0]));
      return true;
    case Wasm.RefAsNonNull: {
      const ref = t.values.data[t.values.length - 1];
      build.trapIf(isNull(t, ref), TrapKind.NullReference);
      return true;
    }
    case Wasm.TableGet: {
      const address = elementAddress(t, v.imm0, t.pop(), TrapKind.TableOutOfBounds);
      t.push(build.nload(Type.Ref, address, 0, elementRegion(v.imm0)));
      return true;
    }
    case Wasm.TableSet: {
      const value = t.pop();
      const address = elementAddress(t, v.imm0, t.pop(), TrapKind.TableOutOfBounds);
      build.nstore(Type.Ref, address, 0, elementRegion(v.imm0), value);
      return true;
    }
    case Wasm.TableSize: {
      const count = tableField(t, v.imm0, Table.Count);
      t.push(module.tables[v.imm0].is64 ? count : build.unary(Op.Wrap, Type.I32, count));
      return true;
    }
    case Wasm.TableGrow: {
      requireOpen(t, v.imm0);
      const { is64 } = module.tables[v.imm0];
      const delta = build.toI64(t.pop(), is64);
      list.push(t.pop());
      list.push(delta);
      list.push(build.iconst(Type.I32, v.imm0));
      const old = build.helper(Helper.TableGrow, Type.I64, list);
      t.push(is64 ? old : build.unary(Op.Wrap, Type.I32, old));
      return true;
    }
    case Wasm.TableFill: {
      requireOpen(t, v.imm0);
      const { is64 } = module.tables[v.imm0];
      const count = build.toI64(t.pop(), is64);
      const value = t.pop();
      list.push(build.toI64(t.pop(), is64));
      list.push(value);
      list.push(count);
      list.push(build.iconst(Type.I32, v.imm0));
      build.helper(Helper.TableFill, Type.None, list);
      return true;
    }
    case Wasm.TableCopy: {
      requireOpen(t, v.imm0);
      requireOpen(t, v.imm1);
      const to64 = module.tables[v.imm0].is64;
      const from64 = module.tables[v.imm1].is64;
      const count = build.toI64(t.pop(), to64 && from64);
      const source = build.toI64(t.pop(), from64);
      list.push(build.toI64(t.pop(), to64));
      list.push(source);
      list.push(count);
      list.push(build.iconst(Type.I32, v.imm0));
      list.push(build.iconst(Type.I32, v.imm1));
      build.helper(Helper.TableCopy, Type.None, list);
      return true;
    }
    case Wasm.TableInit: {
      requireOpen(t, v.imm1);
      const count = build.toI64(t.pop(), false);
      const source = build.toI64(t.pop(), false);
      list.push(build.toI64(t.pop(), module.tables[v.imm1].is64));
      list.push(source);
      list.push(count);
      list.push(build.iconst(Type.I32, v.imm1));
      list.push(build.iconst(Type.I32, v.imm0));
      build.helper(Helper.TableInit, Type.None, list);
      return true;
    }
    case Wasm.ElemDrop:
      list.push(build.iconst(Type.I32, v.imm0));
      build.helper(Helper.ElemDrop, Type.None, list);
      return true;
    default:
      return false;
  }
}

/** The alias region of a table's elements. */
export const elementRegion = (table: number): number => Region.Table | (table << Region.IndexShift);

/** Address of element `index`, after a check that traps with `kind` when there is none. */
export function elementAddress(t: Translator, table: number, index: Value, kind: TrapKind): Value {
  const { build, module } = t;
  const index64 = build.toI64(index, module.tables[table].is64);
  build.trapIf(build.icmp(IntCC.GeU, index64, tableField(t, table, Table.Count)), kind);
  const scaled = build.binary(Op.Shl, Type.I64, index64, build.iconst(Type.I64, 3));
  return build.binary(Op.IAdd, Type.I64, tableField(t, table, Table.Elems), scaled);
}

/** Gives up the assumption that a table is closed. */
function requireOpen(t: Translator, table: number): void {
  if (t.layout.closedTable[table] !== 0) throw new WorldNeeded(World.Open);
}

/** A field of the w2n_table object: growth changes both. */
function tableField(t: Translator, table: number, field: Table): Value {
  const { build, layout, module } = t;
  requireOpen(t, table);
  const offset = layout.tableOffset[table];
  const region = Region.TableMeta | (table << Region.IndexShift);
  if (table < module.importedTables)
    return build.nload(Type.I64, build.ctxConst(Type.I64, offset), field, region);
  return build.ctxLoad(Type.I64, offset + field, region);
}
