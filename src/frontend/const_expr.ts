// Constant expressions (specification 3.4.8, 5.4.11): validated by the same cursor as bodies, restricted to constant
// operators, and kept as op lists in Module.consts.
import { invalid, malformed } from './errors.ts';
import { Proposal } from './features.ts';
import { Imm } from './immediates.ts';
import { CONST_OP_STRIDE } from './module.ts';
import type { Module } from './module.ts';
import { Op } from './opcodes.ts';
import { isOperator, OP_IMM, opName } from './operators.ts';
import type { Reader } from './reader.ts';
import type { FuncValidator } from './validate.ts';
import { useProposal } from './value_type.ts';

/** Reads a constant expression of value type `type` from `r`; returns its number in Module.consts. */
export function readConstExpr(v: FuncValidator, r: Reader, type: number): number {
  const consts = v.module.consts;
  const number = consts.first.push(consts.ops.length);
  v.beginConst(r.pos, r.end, type);
  let count = 0;
  for (;;) {
    requireConstant(v);
    if (!v.step()) break;
    if (v.depth !== 1) throw new Error('constant expression with blocks');
    checkOperator(v);
    appendOp(v);
    count++;
  }
  r.pos = v.r.pos;
  consts.count.push(count);
  consts.type.push(type);
  return number;
}

/** Looks at the next operator: refuses those that are not constant before they are validated. */
function requireConstant(v: FuncValidator): void {
  const r = v.r;
  if (r.pos >= r.end) return;
  const byte = r.peek();
  switch (byte) {
    case Op.End:
    case Op.I32Const:
    case Op.I64Const:
    case Op.F32Const:
    case Op.F64Const:
    case Op.GlobalGet:
    case Op.RefNull:
    case Op.RefFunc:
      return;
    case Op.I32Add:
    case Op.I32Sub:
    case Op.I32Mul:
    case Op.I64Add:
    case Op.I64Sub:
    case Op.I64Mul:
      useProposal(v.module, Proposal.ExtendedConst, r.pos, `${opName(byte)} in a constant expression`);
      return;
    case 0xfb: // Operators of GC, some of them constant: refused by name as no set enables them.
      return;
    case 0xfd:
      if (peekSecond(r) === (Op.V128Const & 0xff)) return;
      break;
    case 0xfc:
    case 0xfe:
      break;
    default:
      if (!isOperator(byte)) malformed(r.pos, `illegal opcode 0x${byte.toString(16)}`);
  }
  invalid(r.pos, `constant expression required, found ${byte < 0xfb ? opName(byte) : 'another operator'}`);
}

/** The number behind the prefix at hand: an ULEB128, which may have more bytes than it needs. */
function peekSecond(r: Reader): number {
  const { pos } = r;
  r.skip(1);
  const second = r.u32();
  r.pos = pos;
  return second;
}

function checkOperator(v: FuncValidator): void {
  const m = v.module;
  if (v.op === Op.GlobalGet) {
    if (m.globalMutable.data[v.imm0] === 1)
      invalid(v.opOffset, `constant expression required: global ${v.imm0} is mutable`);
    if (v.imm0 >= m.importedGlobals)
      useProposal(m, Proposal.GcTypes, v.opOffset, "global.get of the module's own global");
  } else if (v.op === Op.RefFunc) m.funcDeclared.data[v.imm0] = 1;
}

function appendOp(v: FuncValidator): void {
  const ops = v.module.consts.ops;
  const at = ops.length;
  ops.resize(at + CONST_OP_STRIDE);
  ops.data[at] = v.op;
  switch (OP_IMM[v.op]) {
    case Imm.I32:
    case Imm.F32:
      ops.data[at + 1] = v.lo;
      break;
    case Imm.I64:
    case Imm.F64:
      ops.data[at + 1] = v.lo;
      ops.data[at + 2] = v.hi;
      break;
    case Imm.V128:
      ops.data.set(v.words, at + 1);
      break;
    case Imm.None:
      break;
    default:
      ops.data[at + 1] = v.imm0;
  }
}

/**
 * The last constant expression as an element entry (ElementSegment.items): if it is a single ref.func or ref.null it is
 * removed from the table again and stands for itself.
 */
export function asElementEntry(m: Module, number: number): number {
  const consts = m.consts;
  if (consts.count.data[number] !== 1) return -2 - number;
  const at = consts.first.data[number];
  const op = consts.ops.data[at];
  if (op !== Op.RefFunc && op !== Op.RefNull) return -2 - number;
  const entry = op === Op.RefFunc ? consts.ops.data[at + 1] : -1;
  consts.ops.length = at;
  consts.first.length = number;
  consts.count.length = number;
  consts.type.length = number;
  return entry;
}
