// Appends IR instructions to the block being filled, with the byte offset of the wasm operator in hand.
import { memImm, Op } from '../ir/opcodes.ts';
import { Access, Region, Type, type IntCC } from '../ir/types.ts';
import type { Func, Value } from '../ir/func.ts';
import type { IntColumn } from '../support/int_column.ts';
import type { SsaBuilder } from './ssa_builder.ts';

export class InstBuilder {
  func!: Func;
  readonly ssa: SsaBuilder;
  /** Byte offset of the operator being translated: the loc of what is appended. */
  loc = -1;

  constructor(ssa: SsaBuilder) {
    this.ssa = ssa;
  }

  append(op: Op, type: Type, imm = 0, imm2 = 0, aux = 0): Value {
    const inst = this.func.newInst(op, type, imm, imm2, aux, this.loc);
    this.func.append(this.ssa.current, inst);
    return inst;
  }

  unary(op: Op, type: Type, a: Value, imm = 0): Value {
    const inst = this.append(op, type, imm);
    this.func.setArgs1(inst, a);
    return inst;
  }

  binary(op: Op, type: Type, a: Value, b: Value, imm = 0): Value {
    const inst = this.append(op, type, imm);
    this.func.setArgs2(inst, a, b);
    return inst;
  }

  icmp(cc: IntCC, a: Value, b: Value): Value {
    return this.binary(Op.ICmp, Type.I32, a, b, cc);
  }

  /** An I32 constant, an I64 one (two halves) or a Ref (0: null). */
  iconst(type: Type, lo: number, hi = lo >> 31): Value {
    return this.append(Op.IConst, type, lo, hi);
  }

  /** An I64 constant from a number in 0 .. 2^53 - 1. */
  uconst64(value: number): Value {
    return this.append(Op.IConst, Type.I64, value | 0, Math.floor(value / 0x100000000) | 0);
  }

  /** The zero of a type: what a local starts with. */
  zero(type: Type): Value {
    if (type === Type.F32 || type === Type.F64) return this.append(Op.FConst, type, 0, 0);
    if (type === Type.V128) {
      const index = this.func.v128.length >> 2;
      this.func.v128.resize(this.func.v128.length + 4);
      this.func.v128.data.fill(0, index * 4, index * 4 + 4);
      return this.append(Op.VConst, type, index);
    }
    return this.append(Op.IConst, type, 0, 0);
  }

  /** Field of the instance that instantiation sets once. */
  ctxConst(type: Type, offset: number): Value {
    return this.append(Op.CtxLoad, type, memImm(Access.Full, type), offset, Region.Const);
  }

  ctxLoad(type: Type, offset: number, region: number): Value {
    return this.append(Op.CtxLoad, type, memImm(Access.Full, type), offset, region);
  }

  ctxStore(type: Type, offset: number, region: number, value: Value): void {
    const inst = this.append(Op.CtxStore, Type.None, memImm(Access.Full, type), offset, region);
    this.func.setArgs1(inst, value);
  }

  nload(type: Type, pointer: Value, offset: number, region: number, access: Access = Access.Full): Value {
    const inst = this.append(Op.NLoad, type, memImm(access, type), offset, region);
    this.func.setArgs1(inst, pointer);
    return inst;
  }

  nstore(
    type: Type,
    pointer: Value,
    offset: number,
    region: number,
    value: Value,
    access: Access = Access.Full,
  ): void {
    const inst = this.append(Op.NStore, Type.None, memImm(access, type), offset, region);
    this.func.setArgs2(inst, pointer, value);
  }

  /** Traps with `kind` if the I32 `condition` is not zero. */
  trapIf(condition: Value, kind: number): void {
    this.unary(Op.TrapIf, Type.None, condition, kind);
  }

  /** A call of the runtime (Helper in src/abi/layout.ts) with the values in `list` as arguments. */
  helper(helper: number, type: Type, list: IntColumn): Value {
    const inst = this.append(Op.CallHelper, type, helper);
    this.func.setArgs(inst, list.data, 0, list.length);
    return inst;
  }

  /** A value as I64, zero-extended if it is I32. */
  toI64(value: Value, is64: boolean): Value {
    return is64 ? value : this.unary(Op.ZExt, Type.I64, value);
  }
}
