// Selection of x86_64 instructions: loads, stores, read-modify-write, addresses.
import type { Value } from '../../ir/func.ts';
import { memAccess, memType, Op } from '../../ir/opcodes.ts';
import { Instance } from '../../abi/layout.ts';
import { Access, Type } from '../../ir/types.ts';
import { Mem } from '../vcode.ts';
import { AluForm, X } from './instructions.ts';
import type { L } from './machine.ts';
import { isImm32, operandReg, Rm, unaryRm, useRm, useRmImm } from './machine.ts';

const mem = new Rm();

/** Instruction that loads with an access into a value type. */
function loadOp(access: number, type: number): number {
  const w = type === Type.I64 ? 1 : 0;
  switch (access) {
    case Access.S8:
      return X.Movsx8 + w;
    case Access.U8:
      return X.Movzx8;
    case Access.S16:
      return X.Movsx16 + w;
    case Access.U16:
      return X.Movzx16;
    case Access.S32:
      return w === 1 ? X.Movsxd : X.Mov;
    case Access.U32:
      return X.Mov;
  }
  return plainLoad(type);
}

/** Load of a whole value. */
export function plainLoad(type: number): number {
  switch (type) {
    case Type.F32:
      return X.MovsLoad;
    case Type.F64:
      return X.MovsLoad + 1;
    case Type.V128:
      return X.MovupsLoad;
    case Type.I32:
      return X.Mov;
    default:
      return X.Mov + 1;
  }
}

/** Store of a whole value. */
export function plainStore(type: number): number {
  switch (type) {
    case Type.F32:
      return X.MovsStore;
    case Type.F64:
      return X.MovsStore + 1;
    case Type.V128:
      return X.MovupsStore;
    case Type.I32:
      return X.MovStore;
    default:
      return X.MovStore + 1;
  }
}

export function lowerLoad(l: L, inst: Value): void {
  const imm = l.func.imm[inst];
  mem.setAddress(l, inst);
  unaryRm(l, loadOp(memAccess(imm), memType(imm)), l.result(inst), mem);
}

/** Families of operations that exist with memory as destination. */
function aluFamily(op: number): number {
  switch (op) {
    case Op.IAdd:
      return X.Add;
    case Op.ISub:
      return X.Sub;
    case Op.And:
      return X.And;
    case Op.Or:
      return X.Or;
    case Op.Xor:
      return X.Xor;
    default:
      return -1;
  }
}

/** The load of the same place that the store's value is computed from, as operand `k` of `value`. */
function loadsStoredPlace(l: L, store: Value, value: Value, k: number): boolean {
  const f = l.func;
  const load = f.arg(value, k);
  if (!l.sinkable(load)) return false;
  const loadFor = f.op[store] === Op.Store ? Op.Load : f.op[store] === Op.NStore ? Op.NLoad : Op.CtxLoad;
  if (f.op[load] !== loadFor || f.imm2[load] !== f.imm2[store] || memAccess(f.imm[load]) !== Access.Full)
    return false;
  return loadFor === Op.CtxLoad || f.arg(load, 0) === f.arg(store, 0);
}

/** op [mem], r/imm: one access that faults where the load would, before anything is written. */
function readModifyWrite(l: L, inst: Value, value: Value): boolean {
  const f = l.func;
  const family = aluFamily(f.op[value]);
  const type = f.type[value];
  if (family < 0 || memAccess(f.imm[inst]) !== Access.Full || !l.single(value)) return false;
  if (f.block[value] !== f.block[inst]) return false;
  const w = type === Type.I64 ? 1 : 0;
  let k = 0;
  if (!loadsStoredPlace(l, inst, value, 0)) {
    if (f.op[value] === Op.ISub || !loadsStoredPlace(l, inst, value, 1)) return false;
    k = 1;
  }
  const load = f.arg(value, k);
  const other = f.arg(value, 1 - k);
  mem.setAddress(l, inst);
  l.sink(load);
  if (isImm32(l, other)) useRmImm(l, family + AluForm.Imm + w, mem, f.imm[other]);
  else {
    const reg = operandReg(l, other, w);
    useRm(l, family + AluForm.Mr + w, reg, mem);
  }
  return true;
}

export function lowerStore(l: L, inst: Value): void {
  const f = l.func;
  const access = memAccess(f.imm[inst]);
  const type = memType(f.imm[inst]);
  const value = f.arg(inst, f.op[inst] === Op.CtxStore ? 0 : 1);
  if (type === Type.F32 || type === Type.F64 || type === Type.V128) {
    const reg = l.reg(value);
    mem.setAddress(l, inst);
    useRm(l, plainStore(type), reg, mem);
    return;
  }
  const bytes =
    access === Access.Full
      ? type === Type.I32
        ? 4
        : 8
      : access <= Access.U8
        ? 1
        : access <= Access.U16
          ? 2
          : 4;
  if (f.op[value] === Op.IConst && (bytes < 8 || isImm32(l, value))) {
    mem.setAddress(l, inst);
    const x =
      bytes === 1 ? X.MovStoreI8 : bytes === 2 ? X.MovStoreI16 : bytes === 4 ? X.MovStoreI : X.MovStoreI + 1;
    const imm =
      bytes === 1 ? (f.imm[value] << 24) >> 24 : bytes === 2 ? (f.imm[value] << 16) >> 16 : f.imm[value];
    useRmImm(l, x, mem, imm);
    return;
  }
  if (readModifyWrite(l, inst, value)) return;
  const reg = operandReg(l, value, bytes === 8 ? 1 : 0);
  mem.setAddress(l, inst);
  const x =
    bytes === 1 ? X.MovStore8 : bytes === 2 ? X.MovStore16 : bytes === 4 ? X.MovStore : X.MovStore + 1;
  useRm(l, x, reg, mem);
}

export function lowerCtxAddr(l: L, inst: Value): void {
  unaryRm(l, X.Lea + 1, l.result(inst), mem.set(Mem.Instance, l.func.imm2[inst]));
}

export function lowerMemBase(l: L, inst: Value): void {
  if (l.target.gs) unaryRm(l, X.Mov + 1, l.result(inst), mem.set(Mem.Instance, Instance.Memory0));
  else unaryRm(l, X.Lea + 1, l.result(inst), mem.set(Mem.Memory0, 0));
}

/** The module's header: any code may be far from it, so it is read from the instance. */
export function lowerCodeBase(l: L, inst: Value): void {
  unaryRm(l, X.Mov + 1, l.result(inst), mem.set(Mem.Instance, Instance.Header));
}
