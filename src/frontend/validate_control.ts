// Validation of operators 0x00 to 0x1f: control, calls, exceptions, drop and select (specification 3.4.2, 3.4.3).
import { invalid } from './errors.ts';
import { Proposal } from './features.ts';
import { Op } from './opcodes.ts';
import { opName } from './operators.ts';
import { EXNREF, FUNCREF, HeapType, isRef, refTo, TypeBits, typeName, ValType } from './types.ts';
import type { FuncValidator } from './validate.ts';
import { requireFuncType, useProposal } from './value_type.ts';

/** Validates the operator; false if it was the body's final `end`. */
export function validateControl(v: FuncValidator, op: Op): boolean {
  switch (op) {
    case Op.End:
      return end(v);
    case Op.Nop:
      break;
    case Op.Unreachable:
      v.setUnreachable();
      break;
    case Op.If:
      v.pop(ValType.I32);
      enterBlock(v);
      break;
    case Op.Block:
    case Op.Loop:
      enterBlock(v);
      break;
    case Op.Else:
      elseBranch(v);
      break;
    case Op.Br:
      v.popList(v.labelFirst(v.imm0), v.labelCount(v.imm0));
      v.target(v.imm0);
      v.setUnreachable();
      break;
    case Op.BrIf: {
      v.pop(ValType.I32);
      const first = v.labelFirst(v.imm0);
      const count = v.labelCount(v.imm0);
      v.popList(first, count);
      v.pushList(first, count);
      v.target(v.imm0);
      break;
    }
    case Op.BrTable:
      brTable(v);
      break;
    case Op.Return:
      v.popList(v.ctlResultFirst[0], v.ctlResultCount[0]);
      v.setUnreachable();
      break;
    case Op.Call:
      call(v, v.module.funcType.data[v.imm0]);
      break;
    case Op.CallIndirect:
      popCallee(v);
      call(v, v.imm0);
      break;
    case Op.CallRef:
      popFuncRef(v);
      call(v, v.imm0);
      break;
    case Op.ReturnCall:
      tailCall(v, v.module.funcType.data[v.imm0]);
      break;
    case Op.ReturnCallIndirect:
      popCallee(v);
      tailCall(v, v.imm0);
      break;
    case Op.ReturnCallRef:
      popFuncRef(v);
      tailCall(v, v.imm0);
      break;
    case Op.Drop:
      v.popAny();
      break;
    case Op.Select:
      select(v);
      break;
    case Op.SelectT:
      v.pop(ValType.I32);
      v.pop(v.imm0);
      v.pop(v.imm0);
      v.push(v.imm0);
      break;
    case Op.Throw: {
      const type = v.module.tagType.data[v.imm0];
      v.popList(v.types.first.data[type], v.types.paramCount.data[type]);
      v.setUnreachable();
      break;
    }
    case Op.ThrowRef:
      v.pop(EXNREF);
      v.setUnreachable();
      break;
    case Op.TryTable:
      tryTable(v);
      break;
    default:
      throw new Error(`no validation rule for ${opName(op)}`);
  }
  return true;
}

function enterBlock(v: FuncValidator): void {
  v.popList(v.blockParamFirst, v.blockParamCount);
  v.pushFrame(v.blockParamFirst, v.blockParamCount, v.blockResultFirst, v.blockResultCount);
}

function elseBranch(v: FuncValidator): void {
  const d = v.depth - 1;
  if (v.ctlOp[d] !== Op.If) invalid(v.opOffset, 'else without if');
  const targeted = v.ctlTargeted[d] === 1 || v.reachable ? 1 : 0;
  v.popFrame();
  v.reachable = v.ctlEntryReachable[d] === 1;
  v.pushFrame(v.ctlParamFirst[d], v.ctlParamCount[d], v.ctlResultFirst[d], v.ctlResultCount[d]);
  v.ctlTargeted[d] = targeted;
}

function end(v: FuncValidator): boolean {
  const d = v.depth - 1;
  const op = v.ctlOp[d];
  v.popFrame();
  const first = v.ctlResultFirst[d];
  const count = v.ctlResultCount[d];
  if (op === Op.If) {
    // Without else the parameters must do as results, and the false condition leads here.
    checkEmptyElse(v, d);
    v.reachable ||= v.ctlEntryReachable[d] === 1;
  }
  if (op !== Op.Loop) v.reachable ||= v.ctlTargeted[d] === 1;
  v.pushList(first, count);
  return d > 0 || v.finish();
}

function checkEmptyElse(v: FuncValidator, d: number): void {
  const t = v.types;
  const count = v.ctlParamCount[d];
  if (count !== v.ctlResultCount[d])
    invalid(v.opOffset, 'type mismatch: if without else has other results than parameters');
  for (let i = 0; i < count; i++) {
    const param = t.pool.data[v.ctlParamFirst[d] + i];
    const result = t.pool.data[v.ctlResultFirst[d] + i];
    if (!t.isSubtype(param, result))
      invalid(v.opOffset, `type mismatch: if without else gives ${typeName(param)}, not ${typeName(result)}`);
  }
}

function brTable(v: FuncValidator): void {
  v.pop(ValType.I32);
  const last = v.labels.length - 1;
  const labels = v.labels.data;
  const arity = v.labelCount(labels[last]);
  if (arity > 0) v.beginChecks();
  for (let i = 0; i <= last; i++) {
    const label = labels[i];
    if (v.labelCount(label) !== arity)
      invalid(v.opOffset, 'type mismatch: br_table labels of different arity');
    if (arity > 0) v.checkOnce(v.labelFirst(label), arity);
    v.target(label);
  }
  v.setUnreachable();
}

function call(v: FuncValidator, type: number): void {
  const t = v.types;
  v.popList(t.first.data[type], t.paramCount.data[type]);
  v.pushList(t.firstResult.data[type], t.resultCount.data[type]);
}

function tailCall(v: FuncValidator, type: number): void {
  const t = v.types;
  v.popList(t.first.data[type], t.paramCount.data[type]);
  const count = t.resultCount.data[type];
  if (count !== v.ctlResultCount[0])
    invalid(v.opOffset, 'type mismatch: tail call with another number of results');
  for (let i = 0; i < count; i++) {
    const given = t.pool.data[t.firstResult.data[type] + i];
    const wanted = t.pool.data[v.ctlResultFirst[0] + i];
    if (!t.isSubtype(given, wanted))
      invalid(v.opOffset, `type mismatch: tail call gives ${typeName(given)}, not ${typeName(wanted)}`);
  }
  v.setUnreachable();
}

/** Pops the index of an indirect call; imm1 is the table. */
function popCallee(v: FuncValidator): void {
  const element = v.module.tables[v.imm1].element;
  if (!v.types.isSubtype(element, FUNCREF))
    invalid(v.opOffset, `type mismatch: ${opName(v.op)} through a table of ${typeName(element)}`);
  v.pop(v.addressType);
}

/** Pops the function reference of a call_ref; imm0 is its type. */
function popFuncRef(v: FuncValidator): void {
  useProposal(v.module, Proposal.FunctionReferences, v.opOffset, opName(v.op));
  requireFuncType(v.module, v.imm0, v.opOffset);
  v.pop(v.types.refToType(v.imm0, true));
}

function select(v: FuncValidator): void {
  v.pop(ValType.I32);
  const b = v.popAny();
  const a = v.popAny();
  if (isRef(a) || isRef(b)) invalid(v.opOffset, 'type mismatch: select of references needs its type');
  if (a !== b && a !== ValType.Bottom && b !== ValType.Bottom)
    invalid(v.opOffset, `type mismatch: select of ${typeName(a)} and ${typeName(b)}`);
  v.push(a === ValType.Bottom ? b : a);
}

// Catch clauses carry the tag's parameters (kinds 0 and 1) and then, for kinds 1 and 3, the exception reference.
function tryTable(v: FuncValidator): void {
  v.popList(v.blockParamFirst, v.blockParamCount);
  const t = v.types;
  const exn = refTo(TypeBits.AbstractHeap | HeapType.Exn, false);
  for (let i = 0; i < v.imm0; i++) {
    const kind = v.labels.data[i * 3];
    const tag = v.labels.data[i * 3 + 1];
    const label = v.labels.data[i * 3 + 2];
    const type = tag < 0 ? -1 : v.module.tagType.data[tag];
    const params = type < 0 ? 0 : t.paramCount.data[type];
    const withRef = kind & 1;
    const first = v.labelFirst(label);
    if (v.labelCount(label) !== params + withRef)
      invalid(v.opOffset, 'type mismatch: catch clause and label differ in arity');
    for (let p = 0; p < params; p++)
      if (!t.isSubtype(t.pool.data[t.first.data[type] + p], t.pool.data[first + p]))
        invalid(v.opOffset, 'type mismatch: catch clause and label differ');
    if (withRef === 1 && !t.isSubtype(exn, t.pool.data[first + params]))
      invalid(v.opOffset, 'type mismatch: catch clause needs a label with an exception reference');
    v.target(label);
  }
  v.pushFrame(v.blockParamFirst, v.blockParamCount, v.blockResultFirst, v.blockResultCount);
}
