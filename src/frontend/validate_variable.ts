// Validation of the operators from 0x20 on that the packed signature does not cover: locals, globals, tables,
// memories as a whole, references (specification 3.4.4 to 3.4.7).
import { invalid } from './errors.ts';
import { Op } from './opcodes.ts';
import { opName } from './operators.ts';
import { BOTTOM_REF, isRef, refTo, TypeBits, typeName, ValType } from './types.ts';
import type { FuncValidator } from './validate.ts';

/** Validates the operator. */
export function validateVariable(v: FuncValidator, op: Op): void {
  const m = v.module;
  switch (op) {
    case Op.LocalGet:
      if (v.tracksInit && v.localSet[v.imm0] === 0) invalid(v.opOffset, `uninitialized local ${v.imm0}`);
      v.push(v.localType[v.imm0]);
      break;
    case Op.LocalSet:
      v.pop(v.localType[v.imm0]);
      if (v.tracksInit) setLocal(v, v.imm0);
      break;
    case Op.LocalTee:
      v.pop(v.localType[v.imm0]);
      v.push(v.localType[v.imm0]);
      if (v.tracksInit) setLocal(v, v.imm0);
      break;
    case Op.GlobalGet:
      v.push(m.globalType.data[v.imm0]);
      break;
    case Op.GlobalSet:
      if (m.globalMutable.data[v.imm0] === 0) invalid(v.opOffset, `immutable global ${v.imm0}`);
      v.pop(m.globalType.data[v.imm0]);
      break;
    case Op.MemorySize:
      v.push(v.addressType);
      break;
    case Op.MemoryGrow:
      v.pop(v.addressType);
      v.push(v.addressType);
      break;
    case Op.MemoryFill:
      v.pop(v.addressType);
      v.pop(ValType.I32);
      v.pop(v.addressType);
      break;
    case Op.MemoryCopy:
      popCopy(v, m.memories[v.imm1].is64);
      break;
    case Op.MemoryInit:
      popInit(v);
      break;
    case Op.DataDrop:
    case Op.ElemDrop:
      break;
    default:
      validateTable(v, op);
  }
}

function setLocal(v: FuncValidator, local: number): void {
  if (v.localSet[local] === 1) return;
  v.localSet[local] = 1;
  v.initStack.push(local);
}

/** Operands of a copy between two memories or tables: the length is 64-bit only if both are. */
function popCopy(v: FuncValidator, source64: boolean): void {
  const source = source64 ? ValType.I64 : ValType.I32;
  v.pop(source64 ? v.addressType : ValType.I32);
  v.pop(source);
  v.pop(v.addressType);
}

function popInit(v: FuncValidator): void {
  v.pop(ValType.I32);
  v.pop(ValType.I32);
  v.pop(v.addressType);
}

function validateTable(v: FuncValidator, op: Op): void {
  const m = v.module;
  switch (op) {
    case Op.TableGet:
      v.pop(v.addressType);
      v.push(m.tables[v.imm0].element);
      break;
    case Op.TableSet:
      v.pop(m.tables[v.imm0].element);
      v.pop(v.addressType);
      break;
    case Op.TableSize:
      v.push(v.addressType);
      break;
    case Op.TableGrow:
      v.pop(v.addressType);
      v.pop(m.tables[v.imm0].element);
      v.push(v.addressType);
      break;
    case Op.TableFill:
      v.pop(v.addressType);
      v.pop(m.tables[v.imm0].element);
      v.pop(v.addressType);
      break;
    case Op.TableCopy:
      requireElements(v, m.tables[v.imm1].element, m.tables[v.imm0].element);
      popCopy(v, m.tables[v.imm1].is64);
      break;
    case Op.TableInit:
      requireElements(v, m.elements[v.imm0].type, m.tables[v.imm1].element);
      popInit(v);
      break;
    default:
      validateReference(v, op);
  }
}

function requireElements(v: FuncValidator, from: number, to: number): void {
  if (!v.types.isSubtype(from, to))
    invalid(v.opOffset, `type mismatch: ${opName(v.op)} from ${typeName(from)} to ${typeName(to)}`);
}

function nonNull(type: number): number {
  return type === ValType.Bottom ? BOTTOM_REF : type & ~TypeBits.Nullable;
}

function validateReference(v: FuncValidator, op: Op): void {
  switch (op) {
    case Op.RefNull:
      v.push(refTo(v.imm0, true));
      break;
    case Op.RefIsNull:
      v.popRef();
      v.push(ValType.I32);
      break;
    case Op.RefFunc:
      if (v.func >= 0 && v.module.funcDeclared.data[v.imm0] === 0)
        invalid(v.opOffset, `undeclared function reference ${v.imm0}`);
      v.push(v.types.refToType(v.module.funcType.data[v.imm0], false));
      break;
    case Op.RefAsNonNull:
      v.push(nonNull(v.popRef()));
      break;
    case Op.BrOnNull: {
      const type = v.popRef();
      const first = v.labelFirst(v.imm0);
      const count = v.labelCount(v.imm0);
      v.popList(first, count);
      v.pushList(first, count);
      v.push(nonNull(type));
      v.target(v.imm0);
      break;
    }
    case Op.BrOnNonNull: {
      const first = v.labelFirst(v.imm0);
      const count = v.labelCount(v.imm0);
      const last = count > 0 ? v.types.pool.data[first + count - 1] : ValType.I32;
      if (!isRef(last)) invalid(v.opOffset, 'type mismatch: br_on_non_null to a label without a reference');
      v.pop(last | TypeBits.Nullable);
      v.popList(first, count - 1);
      v.pushList(first, count - 1);
      v.target(v.imm0);
      break;
    }
    default:
      throw new Error(`no validation rule for ${opName(op)}`);
  }
}
