// Selection of aarch64 instructions: loads, stores, addresses.
import { Instance } from '../../abi/layout.ts';
import type { Value } from '../../ir/func.ts';
import { memAccess, memType, Op } from '../../ir/opcodes.ts';
import { Access, Type } from '../../ir/types.ts';
import { Mem, Opnd } from '../vcode.ts';
import { A, P } from './instructions.ts';
import type { L } from './machine.ts';
import { Address, def, isZero, load, operandReg, store } from './machine.ts';

const address = new Address();

/** Instruction that loads with an access into a value type. */
function loadOp(access: number, type: number): number {
  const w = type === Type.I64 ? 1 : 0;
  switch (access) {
    case Access.S8:
      return A.Ldrsb + w;
    case Access.U8:
      return A.Ldrb;
    case Access.S16:
      return A.Ldrsh + w;
    case Access.U16:
      return A.Ldrh;
    case Access.S32:
      return w === 1 ? A.Ldrsw : A.Ldr;
    case Access.U32:
      return A.Ldr;
  }
  return plainLoad(type);
}

/** Load of a whole value. */
export function plainLoad(type: number): number {
  switch (type) {
    case Type.F32:
      return A.LdrF;
    case Type.F64:
      return A.LdrF + 1;
    case Type.V128:
      return A.LdrQ;
    case Type.I32:
      return A.Ldr;
    default:
      return A.Ldr + 1;
  }
}

/** Store of a whole value. */
export function plainStore(type: number): number {
  switch (type) {
    case Type.F32:
      return A.StrF;
    case Type.F64:
      return A.StrF + 1;
    case Type.V128:
      return A.StrQ;
    case Type.I32:
      return A.Str;
    default:
      return A.Str + 1;
  }
}

export function lowerLoad(l: L, inst: Value): void {
  const imm = l.func.imm[inst];
  address.setAddress(l, inst);
  load(l, loadOp(memAccess(imm), memType(imm)), l.result(inst), address);
}

export function lowerStore(l: L, inst: Value): void {
  const f = l.func;
  const access = memAccess(f.imm[inst]);
  const type = memType(f.imm[inst]);
  const value = f.arg(inst, f.op[inst] === Op.CtxStore ? 0 : 1);
  let x = plainStore(type);
  if (access !== Access.Full) x = access <= Access.U8 ? A.Strb : access <= Access.U16 ? A.Strh : A.Str;
  let src = -1;
  // Zero of either kind is the zero register.
  if (f.op[value] === Op.FConst && f.imm[value] === 0 && (type === Type.F32 || f.imm2[value] === 0)) {
    x = type === Type.F64 ? A.Str + 1 : A.Str;
  } else if (!isZero(l, value)) src = operandReg(l, value, x === A.Str + 1 ? 1 : 0);
  address.setAddress(l, inst);
  store(l, x, src, address);
}

export function lowerCtxAddr(l: L, inst: Value): void {
  def(l, P.InstanceAddress, l.result(inst), l.func.imm2[inst]);
}

export function lowerMemBase(l: L, inst: Value): void {
  def(l, P.MemoryBase, l.result(inst), 0);
}

/** The module's header: any code may be far from it, so it is read from the instance. */
export function lowerCodeBase(l: L, inst: Value): void {
  const i = l.vcode.inst(A.Ldr + 1, 0, l.loc);
  l.vcode.operand(l.result(inst), Opnd.Def);
  l.vcode.mem[i] = Mem.Instance;
  l.vcode.disp[i] = Instance.Header;
}
