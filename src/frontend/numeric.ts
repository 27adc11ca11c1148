// Which IR operation a numeric wasm operator becomes: columns indexed by wasm Op, for the operators that take one
// or two numbers and give one. Everything else has its own translation.
import { Op } from '../ir/opcodes.ts';
import { Access, FloatCC, IntCC, Type } from '../ir/types.ts';
import { Op as Wasm, OP_LIMIT } from './opcodes.ts';

/** Number of operands of the numeric operator, 0 if it is none; 3: equals-zero test. */
export const NUMERIC_FORM = new Uint8Array(OP_LIMIT);
export const EQZ_FORM = 3;
/** IR operation, its result type and its imm. */
export const NUMERIC_OP = new Uint8Array(OP_LIMIT);
export const NUMERIC_TYPE = new Uint8Array(OP_LIMIT);
export const NUMERIC_IMM = new Uint8Array(OP_LIMIT);

/** For loads and stores: Access and value type; ACCESS_KIND 0: none, 1: load, 2: store. */
export const ACCESS_KIND = new Uint8Array(OP_LIMIT);
export const ACCESS_MODE = new Uint8Array(OP_LIMIT);
export const ACCESS_TYPE = new Uint8Array(OP_LIMIT);

function numeric(form: number, first: Wasm, type: Type, ops: readonly Op[]): void {
  ops.forEach((op, i) => {
    NUMERIC_FORM[first + i] = form;
    NUMERIC_OP[first + i] = op;
    NUMERIC_TYPE[first + i] = type;
  });
}

function compare(first: Wasm, op: Op.ICmp | Op.FCmp, conditions: readonly number[]): void {
  conditions.forEach((cc, i) => {
    NUMERIC_FORM[first + i] = 2;
    NUMERIC_OP[first + i] = op;
    NUMERIC_TYPE[first + i] = Type.I32;
    NUMERIC_IMM[first + i] = cc;
  });
}

function access(kind: number, first: Wasm, type: Type, modes: readonly Access[]): void {
  modes.forEach((mode, i) => {
    ACCESS_KIND[first + i] = kind;
    ACCESS_MODE[first + i] = mode;
    ACCESS_TYPE[first + i] = type;
  });
}

// The operators of one type stand next to each other in the binary format, in the order given here.
const INT_CONDITIONS = [
  IntCC.Eq,
  IntCC.Ne,
  IntCC.LtS,
  IntCC.LtU,
  IntCC.GtS,
  IntCC.GtU,
  IntCC.LeS,
  IntCC.LeU,
  IntCC.GeS,
  IntCC.GeU,
];
const FLOAT_CONDITIONS = [FloatCC.Eq, FloatCC.Ne, FloatCC.Lt, FloatCC.Gt, FloatCC.Le, FloatCC.Ge];
const INT_UNARY = [Op.Clz, Op.Ctz, Op.Popcnt];
const INT_BINARY = [
  Op.IAdd,
  Op.ISub,
  Op.IMul,
  Op.SDiv,
  Op.UDiv,
  Op.SRem,
  Op.URem,
  Op.And,
  Op.Or,
  Op.Xor,
  Op.Shl,
  Op.SShr,
  Op.UShr,
  Op.Rotl,
  Op.Rotr,
];
const FLOAT_UNARY = [Op.FAbs, Op.FNeg, Op.FCeil, Op.FFloor, Op.FTrunc, Op.FNearest, Op.FSqrt];
const FLOAT_BINARY = [Op.FAdd, Op.FSub, Op.FMul, Op.FDiv, Op.FMin, Op.FMax, Op.FCopysign];
const TRUNCATIONS = [Op.TruncS, Op.TruncU, Op.TruncS, Op.TruncU];
const SATURATING = [Op.TruncSatS, Op.TruncSatU, Op.TruncSatS, Op.TruncSatU];
const CONVERSIONS = [Op.ConvertS, Op.ConvertU, Op.ConvertS, Op.ConvertU];

numeric(EQZ_FORM, Wasm.I32Eqz, Type.I32, [Op.ICmp]);
compare(Wasm.I32Eq, Op.ICmp, INT_CONDITIONS);
numeric(EQZ_FORM, Wasm.I64Eqz, Type.I32, [Op.ICmp]);
compare(Wasm.I64Eq, Op.ICmp, INT_CONDITIONS);
compare(Wasm.F32Eq, Op.FCmp, FLOAT_CONDITIONS);
compare(Wasm.F64Eq, Op.FCmp, FLOAT_CONDITIONS);
numeric(1, Wasm.I32Clz, Type.I32, INT_UNARY);
numeric(2, Wasm.I32Add, Type.I32, INT_BINARY);
numeric(1, Wasm.I64Clz, Type.I64, INT_UNARY);
numeric(2, Wasm.I64Add, Type.I64, INT_BINARY);
numeric(1, Wasm.F32Abs, Type.F32, FLOAT_UNARY);
numeric(2, Wasm.F32Add, Type.F32, FLOAT_BINARY);
numeric(1, Wasm.F64Abs, Type.F64, FLOAT_UNARY);
numeric(2, Wasm.F64Add, Type.F64, FLOAT_BINARY);
numeric(1, Wasm.I32WrapI64, Type.I32, [Op.Wrap]);
numeric(1, Wasm.I32TruncF32S, Type.I32, TRUNCATIONS);
numeric(1, Wasm.I64ExtendI32S, Type.I64, [Op.SExt, Op.ZExt]);
numeric(1, Wasm.I64TruncF32S, Type.I64, TRUNCATIONS);
numeric(1, Wasm.F32ConvertI32S, Type.F32, CONVERSIONS);
numeric(1, Wasm.F32DemoteF64, Type.F32, [Op.Demote]);
numeric(1, Wasm.F64ConvertI32S, Type.F64, CONVERSIONS);
numeric(1, Wasm.F64PromoteF32, Type.F64, [Op.Promote]);
numeric(1, Wasm.I32ReinterpretF32, Type.I32, [Op.Bitcast]);
numeric(1, Wasm.I64ReinterpretF64, Type.I64, [Op.Bitcast]);
numeric(1, Wasm.F32ReinterpretI32, Type.F32, [Op.Bitcast]);
numeric(1, Wasm.F64ReinterpretI64, Type.F64, [Op.Bitcast]);
numeric(1, Wasm.I32Extend8S, Type.I32, [Op.SExt8, Op.SExt16]);
numeric(1, Wasm.I64Extend8S, Type.I64, [Op.SExt8, Op.SExt16, Op.SExt32]);
numeric(1, Wasm.I32TruncSatF32S, Type.I32, SATURATING);
numeric(1, Wasm.I64TruncSatF32S, Type.I64, SATURATING);

const LOAD = 1;
const STORE = 2;
access(LOAD, Wasm.I32Load, Type.I32, [Access.Full]);
access(LOAD, Wasm.I64Load, Type.I64, [Access.Full]);
access(LOAD, Wasm.F32Load, Type.F32, [Access.Full]);
access(LOAD, Wasm.F64Load, Type.F64, [Access.Full]);
access(LOAD, Wasm.I32Load8S, Type.I32, [Access.S8, Access.U8, Access.S16, Access.U16]);
access(LOAD, Wasm.I64Load8S, Type.I64, [
  Access.S8,
  Access.U8,
  Access.S16,
  Access.U16,
  Access.S32,
  Access.U32,
]);
access(STORE, Wasm.I32Store, Type.I32, [Access.Full]);
access(STORE, Wasm.I64Store, Type.I64, [Access.Full]);
access(STORE, Wasm.F32Store, Type.F32, [Access.Full]);
access(STORE, Wasm.F64Store, Type.F64, [Access.Full]);
access(STORE, Wasm.I32Store8, Type.I32, [Access.U8, Access.U16]);
access(STORE, Wasm.I64Store8, Type.I64, [Access.U8, Access.U16, Access.U32]);
