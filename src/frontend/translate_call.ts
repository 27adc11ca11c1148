// Calls: direct, of imports, through tables and through references.
import { Func as FuncRef, Instance, TrapKind } from '../abi/layout.ts';
import { Op } from '../ir/opcodes.ts';
import { IntCC, Region, Type } from '../ir/types.ts';
import type { Value } from '../ir/func.ts';
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
  build.trapIf(build.icmp(IntCC.Ne, actual, expected), TrapKind.IndirectCallType);
  return ref;
}
