// Calls: direct, of imports, through tables and through references.
import {
  ClosedEntry,
  FarClosedEntry,
  Func as FuncRef,
  Helper,
  Instance,
  Table,
  TrapKind,
} from '../abi/layout.ts';
import { Op } from '../ir/opcodes.ts';
import { BlockFlag, type Value } from '../ir/func.ts';
import { Access, IntCC, Region, Type } from '../ir/types.ts';
import { World, WorldNeeded } from './closed_world.ts';
import { Op as Wasm } from './opcodes.ts';
import type { Translator } from './translate.ts';
import { isNull } from './translate_control.ts';
import { elementAddress, elementRegion } from './translate_table.ts';

/** Translates a call; false if `op` is none. */
export function translateCall(t: Translator, op: number): boolean {
  const { build, layout, module, validator: v } = t;
  t.list.clear();
  switch (op) {
    case Wasm.Call: {
      const callee = v.imm0;
      const sig = module.funcType.data[callee];
      const imported = callee < module.importedFuncs;
      popArguments(t, sig);
      emitCall(t, imported ? Op.CallImport : Op.Call, callee, imported ? layout.slotOffset[callee] : 0, sig);
      return true;
    }
    case Wasm.CallIndirect: {
      if (layout.closedTable[v.imm1] !== 0) {
        t.list.push(closedCallee(t, v.imm1, v.imm0, t.pop()));
        popArguments(t, v.imm0);
        emitCall(t, Op.CallCode, 0, 0, v.imm0);
        return true;
      }
      const ref = indirectCallee(t, v.imm1, v.imm0, t.pop());
      t.list.push(ref);
      popArguments(t, v.imm0);
      emitCall(t, Op.CallRef, 0, 0, v.imm0);
      return true;
    }
    case Wasm.CallRef: {
      const ref = t.pop();
      build.trapIf(isNull(t, ref), TrapKind.NullReference);
      t.list.push(ref);
      popArguments(t, v.imm0);
      emitCall(t, Op.CallRef, 0, 0, v.imm0);
      return true;
    }
    default:
      return false;
  }
}

/** Moves the arguments of a call from the operand stack to the end of t.list. */
function popArguments(t: Translator, sig: number): void {
  const count = t.layout.signatures.numParams(sig);
  const start = t.values.length - count;
  for (let i = 0; i < count; i++) t.list.push(t.values.data[start + i]);
  t.values.length = start;
}

function emitCall(t: Translator, op: Op, imm: number, imm2: number, sig: number): void {
  const { build, func } = t;
  const { signatures } = t.layout;
  const results = signatures.numResults(sig);
  const call = build.append(op, results === 1 ? signatures.result(sig, 0) : Type.None, imm, imm2, sig);
  func.setArgs(call, t.list.data, 0, t.list.length);
  if (results === 1) t.push(call);
  else for (let i = 0; i < results; i++) t.push(build.unary(Op.Proj, signatures.result(sig, i), call, i));
}

/** The function reference at `index` of a table, checked to be there, not null and of the type. */
function indirectCallee(t: Translator, table: number, type: number, index: Value): Value {
  const { build, module } = t;
  const address = elementAddress(t, table, index, TrapKind.UndefinedElement);
  const ref = build.nload(Type.Ref, address, 0, elementRegion(table));
  build.trapIf(isNull(t, ref), TrapKind.UninitializedElement);
  const actual = build.nload(Type.I32, ref, FuncRef.TypeId, Region.Const);
  const typeIds = build.ctxConst(Type.I64, Instance.TypeIds);
  const expected = build.nload(Type.I32, typeIds, module.types.canonical.data[type] * 4, Region.Const);
  const differs = build.icmp(IntCC.Ne, actual, expected);
  if (module.types.final.data[type] !== 0) build.trapIf(differs, TrapKind.IndirectCallType);
  else checkSubtype(t, differs, actual, expected);
  return ref;
}

/** Traps if the types differ and the actual one is not below the expected one: for types that may have subtypes. */
function checkSubtype(t: Translator, differs: Value, actual: Value, expected: Value): void {
  const { build, ssa, func, list } = t;
  const other = ssa.newBlock();
  const done = ssa.newBlock();
  const branch = build.unary(Op.BrIf, Type.None, differs);
  func.imm[branch] = ssa.newEdge(other, list.data, 0, 0);
  ssa.newEdge(done, list.data, 0, 0);
  func.imm2[branch] = 2;
  ssa.seal(other);
  ssa.switchTo(other);
  func.blockFlags[other] = BlockFlag.Cold;
  list.clear();
  list.push(actual);
  list.push(expected);
  const below = build.helper(Helper.IsSubtype, Type.I32, list);
  list.clear();
  build.trapIf(build.icmp(IntCC.Eq, below, build.iconst(Type.I32, 0)), TrapKind.IndirectCallType);
  const jump = build.append(Op.Jump, Type.None);
  func.imm[jump] = ssa.newEdge(done, list.data, 0, 0);
  func.imm2[jump] = 1;
  ssa.seal(done);
  ssa.switchTo(done);
}

/** Address of the code at `index` of a closed table, checked likewise: entries of one function type only. */
function closedCallee(t: Translator, table: number, type: number, index: Value): Value {
  const { build, ssa, func, layout, module } = t;
  const { canonical, final } = module.types;
  if (final.data[type] === 0) throw new WorldNeeded(World.Open);
  const size = build.iconst(Type.I32, module.tables[table].min);
  build.trapIf(build.icmp(IntCC.GeU, index, size), TrapKind.UndefinedElement);
  const image = build.ctxConst(Type.I64, layout.tableOffset[table] + Table.Elems);
  const scaled = build.binary(
    Op.Shl,
    Type.I64,
    build.toI64(index, false),
    build.iconst(Type.I64, layout.farEntries ? 4 : 3),
  );
  const entry = build.binary(Op.IAdd, Type.I64, image, scaled);
  const typeAt = layout.farEntries ? FarClosedEntry.Type : ClosedEntry.Type;
  const actual = build.nload(Type.I32, entry, typeAt, Region.Const);
  const expected = build.iconst(Type.I32, canonical.data[type]);
  // A null entry has the type -1: which trap it is, is told apart where it costs nothing.
  const mismatch = ssa.newBlock();
  const match = ssa.newBlock();
  const branch = build.unary(Op.BrIf, Type.None, build.icmp(IntCC.Ne, actual, expected));
  func.imm[branch] = ssa.newEdge(mismatch, t.list.data, 0, 0);
  ssa.newEdge(match, t.list.data, 0, 0);
  func.imm2[branch] = 2;
  ssa.seal(mismatch);
  ssa.seal(match);
  ssa.switchTo(mismatch);
  func.blockFlags[mismatch] = BlockFlag.Cold;
  build.trapIf(build.icmp(IntCC.Eq, actual, build.iconst(Type.I32, -1)), TrapKind.UninitializedElement);
  t.trap(TrapKind.IndirectCallType);
  ssa.switchTo(match);
  const code = layout.farEntries
    ? build.nload(Type.I64, entry, FarClosedEntry.Code, Region.Const)
    : build.nload(Type.I64, entry, ClosedEntry.Code, Region.Const, Access.S32);
  return build.binary(Op.IAdd, Type.I64, build.ctxConst(Type.I64, Instance.Header), code);
}
