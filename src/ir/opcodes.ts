// The one table of IR operations. Everything that needs facts about an operation (printer, parser, verifier,
// interpreter, passes, lowering) reads them here. The enumeration and the table stand in the same order; a test
// asserts it.
//
// An instruction is also the value it defines. Its columns (src/ir/func.ts): op, type (Type of the value, None if
// it has none), args (values), imm, imm2, aux (int32 each). What imm, imm2 and aux mean is the row's `imm` format.

export const enum Op {
  Nop,
  // Values without instructions of their own
  Param,
  Proj,
  // Constants
  IConst,
  FConst,
  VConst,
  // Integer arithmetic (I32 or I64, operands and result of one type)
  IAdd,
  ISub,
  IMul,
  SDiv,
  UDiv,
  SRem,
  URem,
  And,
  Or,
  Xor,
  Shl,
  SShr,
  UShr,
  Rotl,
  Rotr,
  Clz,
  Ctz,
  Popcnt,
  // Comparisons, result I32 0 or 1
  ICmp,
  FCmp,
  // Integer conversions
  Wrap,
  SExt,
  ZExt,
  SExt8,
  SExt16,
  SExt32,
  // Float arithmetic (F32 or F64)
  FAdd,
  FSub,
  FMul,
  FDiv,
  FMin,
  FMax,
  FCopysign,
  FAbs,
  FNeg,
  FSqrt,
  FCeil,
  FFloor,
  FTrunc,
  FNearest,
  // Float conversions
  TruncS,
  TruncU,
  TruncSatS,
  TruncSatU,
  ConvertS,
  ConvertU,
  Demote,
  Promote,
  Bitcast,
  Select,
  // Memory
  Load,
  Store,
  NLoad,
  NStore,
  CtxLoad,
  CtxStore,
  CtxAddr,
  MemBase,
  CodeBase,
  // Traps without control flow
  TrapIf,
  // Calls
  Call,
  CallImport,
  CallRef,
  CallCode,
  CallHelper,
  // Terminators
  Jump,
  BrIf,
  BrTable,
  Return,
  Unreachable,
  ReturnCall,
  ReturnCallImport,
  ReturnCallRef,
  ReturnCallCode,
  Count,
}

/** Effects of an operation. No flag: pure, may be removed, duplicated and moved anywhere its operands dominate. */
export const enum Effect {
  None = 0,
  /** May trap (for Load and Store: out of bounds): must not be removed, nor moved over another effect. */
  Trap = 1,
  /** Reads memory of its region. */
  Read = 2,
  /** Writes memory of its region. */
  Write = 4,
  /** Runs other code: reads and writes everything but Const, may trap, may not return. */
  Call = 8,
  /** Ends its block. */
  Terminator = 16,
}

/** How imm, imm2 and aux are used (and printed). */
export const enum Imm {
  None,
  /** Param: imm = block, imm2 = index. */
  Param,
  /** Proj: imm = result index. */
  Index,
  /** IConst: imm = low, imm2 = high half (for I32 the sign of imm). FConst: the bits likewise. */
  Const,
  /** VConst: imm = index into Func.v128 (four int32 each). */
  Const128,
  /** ICmp: imm = IntCC; type of the operands is that of args. */
  IntCC,
  /** FCmp: imm = FloatCC. */
  FloatCC,
  /** Memory access: imm = Access | value Type << 4 (of the stored value for stores), imm2 = byte offset (Load, Store: unsigned 32 bits; others signed), aux = region. */
  Mem,
  /** CtxAddr: imm2 = byte offset in the instance. */
  Offset,
  /** TrapIf, Unreachable: imm = trap kind. */
  Trap,
  /** Call: imm = function index, aux = signature. CallImport: also imm2 = instance offset of its func slot. */
  Func,
  /** CallRef, CallCode: aux = signature; args[0] = funcref or code address. */
  Sig,
  /** CallHelper: imm = helper id (src/abi/layout.ts). */
  Helper,
  /** Terminators with edges: imm = first edge, imm2 = number of edges. */
  Edges,
}

/** One row of the table. */
export interface OpInfo {
  readonly name: string;
  /** Number of operands, or -1 when it varies. */
  readonly arity: number;
  readonly imm: Imm;
  /** Effect flags. */
  readonly effects: number;
  readonly commutative: boolean;
}

const row = (
  name: string,
  arity: number,
  imm: Imm = Imm.None,
  effects: number = Effect.None,
  commutative = false,
): OpInfo => ({
  name,
  arity,
  imm,
  effects,
  commutative,
});
const comm = (name: string): OpInfo => row(name, 2, Imm.None, Effect.None, true);
const CALL: number = Effect.Call | Effect.Trap | Effect.Read | Effect.Write;

/** Facts, indexed by Op. */
export const OPS: readonly OpInfo[] = [
  row('nop', 0),
  row('param', 0, Imm.Param),
  row('proj', 1, Imm.Index),
  row('iconst', 0, Imm.Const),
  row('fconst', 0, Imm.Const),
  row('vconst', 0, Imm.Const128),
  comm('iadd'),
  row('isub', 2),
  comm('imul'),
  row('sdiv', 2, Imm.None, Effect.Trap),
  row('udiv', 2, Imm.None, Effect.Trap),
  row('srem', 2, Imm.None, Effect.Trap),
  row('urem', 2, Imm.None, Effect.Trap),
  comm('and'),
  comm('or'),
  comm('xor'),
  row('shl', 2),
  row('sshr', 2),
  row('ushr', 2),
  row('rotl', 2),
  row('rotr', 2),
  row('clz', 1),
  row('ctz', 1),
  row('popcnt', 1),
  row('icmp', 2, Imm.IntCC),
  row('fcmp', 2, Imm.FloatCC),
  row('wrap', 1),
  row('sext', 1),
  row('zext', 1),
  row('sext8', 1),
  row('sext16', 1),
  row('sext32', 1),
  comm('fadd'),
  row('fsub', 2),
  comm('fmul'),
  row('fdiv', 2),
  row('fmin', 2),
  row('fmax', 2),
  row('fcopysign', 2),
  row('fabs', 1),
  row('fneg', 1),
  row('fsqrt', 1),
  row('fceil', 1),
  row('ffloor', 1),
  row('ftrunc', 1),
  row('fnearest', 1),
  row('trunc_s', 1, Imm.None, Effect.Trap),
  row('trunc_u', 1, Imm.None, Effect.Trap),
  row('trunc_sat_s', 1),
  row('trunc_sat_u', 1),
  row('convert_s', 1),
  row('convert_u', 1),
  row('demote', 1),
  row('promote', 1),
  row('bitcast', 1),
  // select cond, if_nonzero, if_zero
  row('select', 3),
  // load/store: 32-bit index into memory 0 behind the pinned base and guard pages
  row('load', 1, Imm.Mem, Effect.Read | Effect.Trap),
  row('store', 2, Imm.Mem, Effect.Write | Effect.Trap),
  // nload/nstore: through a native 64-bit pointer known to be valid
  row('nload', 1, Imm.Mem, Effect.Read),
  row('nstore', 2, Imm.Mem, Effect.Write),
  // ctxload/ctxstore: a field of the instance; imm2 = byte offset
  row('ctxload', 0, Imm.Mem, Effect.Read),
  row('ctxstore', 1, Imm.Mem, Effect.Write),
  row('ctxaddr', 0, Imm.Offset),
  // base of memory 0; address of the module's header
  row('membase', 0),
  row('codebase', 0),
  // trapif cond: traps when cond (I32) is not zero
  row('trapif', 1, Imm.Trap, Effect.Trap),
  row('call', -1, Imm.Func, CALL),
  row('call_import', -1, Imm.Func, CALL),
  row('call_ref', -1, Imm.Sig, CALL),
  row('call_code', -1, Imm.Sig, CALL),
  row('call_helper', -1, Imm.Helper, CALL),
  row('jump', 0, Imm.Edges, Effect.Terminator),
  row('brif', 1, Imm.Edges, Effect.Terminator),
  row('brtable', 1, Imm.Edges, Effect.Terminator),
  row('return', -1, Imm.None, Effect.Terminator),
  row('unreachable', 0, Imm.Trap, Effect.Terminator | Effect.Trap),
  row('return_call', -1, Imm.Func, Effect.Terminator | CALL),
  row('return_call_import', -1, Imm.Func, Effect.Terminator | CALL),
  row('return_call_ref', -1, Imm.Sig, Effect.Terminator | CALL),
  row('return_call_code', -1, Imm.Sig, Effect.Terminator | CALL),
];

/** Effect flags, indexed by Op: for hot loops. */
export const OP_EFFECTS: Int32Array = Int32Array.from(OPS, (o) => o.effects);

/** Packs imm of a memory access. */
export const memImm = (access: number, type: number): number => access | (type << 4);
/** Access of a memory immediate. */
export const memAccess = (imm: number): number => imm & 15;
/** Value type of a memory immediate. */
export const memType = (imm: number): number => imm >> 4;
