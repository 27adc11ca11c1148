// A function of the IR: SSA with block parameters, in struct-of-arrays columns of int32.
//
// - A value is an instruction: one id space. Block parameters are values of op Param that stand in no block's
//   list; the extra results of a call with two or more results are values of op Proj right behind the call. A call
//   with exactly one result is that value itself; with two or more its own type is None.
// - Instructions of a block form a doubly linked list (next/prev, -1 at the ends); the last one is the block's
//   only terminator. Terminators with successors own consecutive edges: imm = first edge, imm2 = count.
//   BrIf: edge 0 taken when the condition is not zero, edge 1 otherwise. BrTable: edge k for index k, the last
//   edge is the default.
// - An edge has a target block and one argument for each parameter of the target.
// - Argument lists of instructions and edges and parameter lists of blocks are slices of one pool.
// - Block 0 is the entry; its parameters are the function's; no edge leads to it.
// - Ids stay valid: removed instructions become Nop and leave their list, unreachable blocks stay empty.
// Columns may be longer than used; they are replaced when they grow, so re-read them after adding anything.
import { IntColumn } from '../support/int_column.ts';
import { Op } from './opcodes.ts';
import { Type } from './types.ts';

export type Value = number;
export type Block = number;
export type Edge = number;
/** No value, no instruction, no block. */
export const NONE = -1;

const grow = (column: Int32Array, capacity: number): Int32Array<ArrayBuffer> => {
  const grown = new Int32Array(capacity);
  grown.set(column);
  return grown;
};

/** Flags of a block (column blockFlags). */
export const enum BlockFlag {
  None = 0,
  /** Rarely executed: placed at the end of the function. */
  Cold = 1,
}

export class Func {
  /** Index in the module, for names and messages. */
  index = 0;
  /** Signature (src/ir/signatures.ts). */
  sig = 0;

  numInsts = 0;
  op = new Int32Array(256);
  type = new Int32Array(256);
  imm = new Int32Array(256);
  imm2 = new Int32Array(256);
  aux = new Int32Array(256);
  argStart = new Int32Array(256);
  argCount = new Int32Array(256);
  next = new Int32Array(256);
  prev = new Int32Array(256);
  /** Block that holds the instruction (for Param: whose parameter it is), NONE when removed. */
  block = new Int32Array(256);
  /** Byte offset of the wasm operator in the file, or -1. */
  loc = new Int32Array(256);

  /** Argument and parameter lists. */
  readonly pool = new IntColumn(1024);
  /** 128-bit constants, four int32 each, least significant first. */
  readonly v128 = new IntColumn(16);

  numBlocks = 0;
  blockFirst = new Int32Array(64);
  blockLast = new Int32Array(64);
  paramStart = new Int32Array(64);
  paramCount = new Int32Array(64);
  blockFlags = new Int32Array(64);

  numEdges = 0;
  edgeTo = new Int32Array(64);
  edgeArgStart = new Int32Array(64);
  edgeArgCount = new Int32Array(64);

  /** Empties the function for reuse; memory is kept. */
  reset(index: number, sig: number): void {
    this.index = index;
    this.sig = sig;
    this.numInsts = 0;
    this.numBlocks = 0;
    this.numEdges = 0;
    this.pool.clear();
    this.v128.clear();
  }

  /** A new instruction in no block, without arguments. */
  newInst(op: Op, type: Type, imm = 0, imm2 = 0, aux = 0, loc = -1): Value {
    const id = this.numInsts++;
    if (id === this.op.length) this.growInsts();
    this.op[id] = op;
    this.type[id] = type;
    this.imm[id] = imm;
    this.imm2[id] = imm2;
    this.aux[id] = aux;
    this.argStart[id] = 0;
    this.argCount[id] = 0;
    this.next[id] = NONE;
    this.prev[id] = NONE;
    this.block[id] = NONE;
    this.loc[id] = loc;
    return id;
  }

  setArgs1(inst: Value, a: Value): void {
    this.argStart[inst] = this.pool.push(a);
    this.argCount[inst] = 1;
  }

  setArgs2(inst: Value, a: Value, b: Value): void {
    this.argStart[inst] = this.pool.push(a);
    this.pool.push(b);
    this.argCount[inst] = 2;
  }

  setArgs3(inst: Value, a: Value, b: Value, c: Value): void {
    this.argStart[inst] = this.pool.push(a);
    this.pool.push(b);
    this.pool.push(c);
    this.argCount[inst] = 3;
  }

  /** Gives the instruction the arguments list[from .. from + count). */
  setArgs(inst: Value, list: Int32Array, from: number, count: number): void {
    this.argStart[inst] = this.poolSlice(list, from, count);
    this.argCount[inst] = count;
  }

  /** Argument k of an instruction. */
  arg(inst: Value, k: number): Value {
    return this.pool.data[this.argStart[inst] + k];
  }

  setArg(inst: Value, k: number, value: Value): void {
    this.pool.data[this.argStart[inst] + k] = value;
  }

  /** Copies a slice into the pool and returns its start. */
  poolSlice(list: Int32Array, from: number, count: number): number {
    const pool = this.pool;
    const start = pool.length;
    pool.reserve(start + count);
    for (let i = 0; i < count; i++) pool.data[start + i] = list[from + i];
    pool.length = start + count;
    return start;
  }

  newBlock(): Block {
    const b = this.numBlocks++;
    if (b === this.blockFirst.length) {
      const n = b * 2;
      this.blockFirst = grow(this.blockFirst, n);
      this.blockLast = grow(this.blockLast, n);
      this.paramStart = grow(this.paramStart, n);
      this.paramCount = grow(this.paramCount, n);
      this.blockFlags = grow(this.blockFlags, n);
    }
    this.blockFirst[b] = NONE;
    this.blockLast[b] = NONE;
    this.paramStart[b] = 0;
    this.paramCount[b] = 0;
    this.blockFlags[b] = BlockFlag.None;
    return b;
  }

  /** Sets the parameters (values of op Param) of a block. */
  setParams(block: Block, list: Int32Array, from: number, count: number): void {
    this.paramStart[block] = this.poolSlice(list, from, count);
    this.paramCount[block] = count;
    for (let i = 0; i < count; i++) {
      const v = list[from + i];
      this.block[v] = block;
      this.imm[v] = block;
      this.imm2[v] = i;
    }
  }

  param(block: Block, k: number): Value {
    return this.pool.data[this.paramStart[block] + k];
  }

  newEdge(to: Block): Edge {
    const e = this.numEdges++;
    if (e === this.edgeTo.length) {
      this.edgeTo = grow(this.edgeTo, e * 2);
      this.edgeArgStart = grow(this.edgeArgStart, e * 2);
      this.edgeArgCount = grow(this.edgeArgCount, e * 2);
    }
    this.edgeTo[e] = to;
    this.edgeArgStart[e] = 0;
    this.edgeArgCount[e] = 0;
    return e;
  }

  setEdgeArgs(edge: Edge, list: Int32Array, from: number, count: number): void {
    this.edgeArgStart[edge] = this.poolSlice(list, from, count);
    this.edgeArgCount[edge] = count;
  }

  edgeArg(edge: Edge, k: number): Value {
    return this.pool.data[this.edgeArgStart[edge] + k];
  }

  /** Appends an instruction to a block. */
  append(block: Block, inst: Value): void {
    const last = this.blockLast[block];
    this.prev[inst] = last;
    this.next[inst] = NONE;
    this.block[inst] = block;
    if (last === NONE) this.blockFirst[block] = inst;
    else this.next[last] = inst;
    this.blockLast[block] = inst;
  }

  /** Inserts an instruction before another that stands in a block. */
  insertBefore(inst: Value, before: Value): void {
    const block = this.block[before];
    const prev = this.prev[before];
    this.block[inst] = block;
    this.prev[inst] = prev;
    this.next[inst] = before;
    this.prev[before] = inst;
    if (prev === NONE) this.blockFirst[block] = inst;
    else this.next[prev] = inst;
  }

  /** Takes an instruction out of its block; it keeps its operation. */
  unlink(inst: Value): void {
    const block = this.block[inst];
    const prev = this.prev[inst];
    const next = this.next[inst];
    if (prev === NONE) this.blockFirst[block] = next;
    else this.next[prev] = next;
    if (next === NONE) this.blockLast[block] = prev;
    else this.prev[next] = prev;
    this.block[inst] = NONE;
  }

  /** Removes an instruction for good. */
  remove(inst: Value): void {
    this.unlink(inst);
    this.op[inst] = Op.Nop;
    this.type[inst] = Type.None;
    this.argCount[inst] = 0;
  }

  private growInsts(): void {
    const n = this.op.length * 2;
    this.op = grow(this.op, n);
    this.type = grow(this.type, n);
    this.imm = grow(this.imm, n);
    this.imm2 = grow(this.imm2, n);
    this.aux = grow(this.aux, n);
    this.argStart = grow(this.argStart, n);
    this.argCount = grow(this.argCount, n);
    this.next = grow(this.next, n);
    this.prev = grow(this.prev, n);
    this.block = grow(this.block, n);
    this.loc = grow(this.loc, n);
  }
}
