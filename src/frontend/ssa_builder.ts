// SSA construction while translating: locals become values and block parameters, on demand, in one pass.
// (Braun et al., "Simple and Efficient Construction of Static Single Assignment Form", CC 2013; made iterative.)
//
// Input: blocks and edges in the order in which the translator makes them, definitions and reads of variables.
// Output: ir.Func with block parameters, without trivial ones.
//
// - Values of variables at the current point are in dense columns with a stamp, as far as they are known there; they
//   stay known when filling goes on in a block whose only predecessor is the one just left. Definitions made in a
//   block go into a hash table keyed by (block, variable) when it is left.
// - A block is sealed when all edges to it exist. A read that reaches an unsealed block or a sealed one with
//   several predecessors makes a parameter there; its arguments, one for each predecessor, are looked up later
//   from a work list, never by recursion.
// - Parameters that the translator makes itself (results of a wasm block) get their arguments with each edge.
// - finish() drops parameters all of whose arguments are one value or themselves, then writes the lists.
import { Op } from '../ir/opcodes.ts';
import type { Type } from '../ir/types.ts';
import { NONE, type Block, type Edge, type Func, type Value } from '../ir/func.ts';
import { IntColumn } from '../support/int_column.ts';
import { Definitions } from './definitions.ts';

export class SsaBuilder {
  func!: Func;
  /** The block being filled, or NONE while the code is unreachable. */
  current: Block = NONE;

  private varType: Int32Array = new Int32Array(0);
  private curValue = new Int32Array(64);
  private curStamp = new Int32Array(64);
  private stamp = 0;
  /** Variables set in the current block; dirtyStamp tells which. */
  private readonly dirty = new IntColumn();
  private dirtyStamp = new Int32Array(64);
  private blockStamp = 0;
  /** The block left last. */
  private previous: Block = NONE;

  /** Values of variables at the ends of blocks that were left. */
  private readonly definitions = new Definitions();

  // By block.
  private readonly sealed = new IntColumn();
  private readonly predHead = new IntColumn();
  private readonly predCount = new IntColumn();
  /** First and last parameter (chained by paramNext in order). */
  private readonly paramHead = new IntColumn();
  private readonly paramTail = new IntColumn();
  /** Number of parameters made by the translator: they come first. */
  private readonly explicitCount = new IntColumn();

  // By edge.
  private readonly edgeFrom = new IntColumn();
  private readonly edgeNextPred = new IntColumn();
  /** Start in `args` of the arguments for the explicit parameters. */
  private readonly edgeExplicit = new IntColumn();

  // By parameter, in columns of their own; paramIndex maps the value.
  private readonly paramValue = new IntColumn();
  private readonly paramVar = new IntColumn();
  private readonly paramNext = new IntColumn();
  /** Start in `args` of one argument a predecessor, in the order of the chain of predecessors; NONE until known. */
  private readonly paramArgs = new IntColumn();
  private readonly args = new IntColumn(1024);
  private workNext = 0;
  private readonly work = new IntColumn();
  /** Value that replaces a value; itself if none. Indexed by value, filled by finish(). */
  private alias = new Int32Array(256);
  private readonly scratch = new IntColumn();

  /** Starts a function with `numVars` variables of the IR types `varType[0..]`. */
  begin(func: Func, numVars: number, varType: Int32Array): void {
    this.func = func;
    this.varType = varType;
    if (this.curValue.length < numVars) {
      this.curValue = new Int32Array(numVars * 2);
      this.curStamp = new Int32Array(numVars * 2);
      this.dirtyStamp = new Int32Array(numVars * 2);
    }
    this.definitions.clear();
    this.current = NONE;
    this.previous = NONE;
    this.dirty.clear();
    this.stamp++;
    this.blockStamp++;
    for (const column of [
      this.sealed,
      this.predHead,
      this.predCount,
      this.paramHead,
      this.paramTail,
      this.explicitCount,
      this.edgeFrom,
      this.edgeNextPred,
      this.edgeExplicit,
      this.paramValue,
      this.paramVar,
      this.paramNext,
      this.paramArgs,
      this.args,
      this.work,
    ])
      column.clear();
    this.workNext = 0;
  }

  /** A new block, not sealed. */
  newBlock(): Block {
    const b = this.func.newBlock();
    this.sealed.push(0);
    this.predHead.push(NONE);
    this.predCount.push(0);
    this.paramHead.push(NONE);
    this.paramTail.push(NONE);
    this.explicitCount.push(0);
    return b;
  }

  /** Adds a parameter that the translator passes arguments for; before any variable parameter of the block. */
  addParam(block: Block, type: Type): Value {
    this.explicitCount.data[block]++;
    return this.paramValue.data[this.chainParam(block, type, NONE)];
  }

  /** Leaves the current block and fills `block` from here on. */
  switchTo(block: Block): void {
    this.leave();
    const edge = this.predHead.data[block];
    const follows = this.sealed.data[block] !== 0 && this.predCount.data[block] === 1;
    if (!follows || this.edgeFrom.data[edge] !== this.previous) this.stamp++;
    this.current = block;
  }

  /** Leaves the current block: what follows is unreachable until switchTo. */
  leave(): void {
    const b = this.current;
    if (b === NONE) return;
    const { dirty } = this;
    for (let i = 0; i < dirty.length; i++)
      this.definitions.set(b, dirty.data[i], this.curValue[dirty.data[i]]);
    dirty.clear();
    this.blockStamp++;
    this.previous = b;
    this.current = NONE;
  }

  /** A new edge from the current block; arguments for the explicit parameters are list[from .. from + count). */
  newEdge(to: Block, list: Int32Array, from: number, count: number): Edge {
    const e = this.func.newEdge(to);
    this.edgeFrom.push(this.current);
    this.edgeNextPred.push(this.predHead.data[to]);
    this.predHead.data[to] = e;
    this.predCount.data[to]++;
    this.edgeExplicit.push(this.args.length);
    for (let i = 0; i < count; i++) this.args.push(list[from + i]);
    return e;
  }

  /** The block's first parameter made by addParam (they are consecutive values). */
  firstParam(block: Block): Value {
    const p = this.paramHead.data[block];
    return p === NONE ? NONE : this.paramValue.data[p];
  }

  setVar(variable: number, value: Value): void {
    if (this.dirtyStamp[variable] !== this.blockStamp) {
      this.dirtyStamp[variable] = this.blockStamp;
      this.dirty.push(variable);
    }
    this.curStamp[variable] = this.stamp;
    this.curValue[variable] = value;
  }

  /** The variable's value at this point of the current block. */
  getVar(variable: number): Value {
    if (this.curStamp[variable] === this.stamp) return this.curValue[variable];
    const value = this.read(this.current, variable);
    this.curStamp[variable] = this.stamp;
    this.curValue[variable] = value;
    return value;
  }

  /** Declares that all edges to the block exist. */
  seal(block: Block): void {
    this.sealed.data[block] = 1;
    let p = this.paramHead.data[block];
    for (; p !== NONE; p = this.paramNext.data[p]) if (this.paramVar.data[p] !== NONE) this.work.push(p);
    this.fillArguments();
  }

  /**
   * Ends construction: every block is sealed and terminated. Writes parameter and edge argument lists and
   * replaces dropped parameters everywhere.
   */
  finish(): void {
    const f = this.func;
    this.collectExplicitArguments();
    if (this.alias.length < f.numInsts) this.alias = new Int32Array(f.numInsts * 2);
    for (let i = 0; i < f.numInsts; i++) this.alias[i] = i;
    this.dropTrivialParams();
    const pool = f.pool.data;
    for (let i = 0, n = f.pool.length; i < n; i++) pool[i] = this.resolve(pool[i]);
    const list = this.scratch;
    for (let b = 1; b < f.numBlocks; b++) {
      list.clear();
      for (let p = this.paramHead.data[b]; p !== NONE; p = this.paramNext.data[p]) {
        const v = this.paramValue.data[p];
        if (this.alias[v] === v) list.push(v);
      }
      const count = list.length;
      f.setParams(b, list.data, 0, count);
      if (count === 0) continue;
      let k = 0;
      for (let e = this.predHead.data[b]; e !== NONE; e = this.edgeNextPred.data[e], k++) {
        list.clear();
        for (let p = this.paramHead.data[b]; p !== NONE; p = this.paramNext.data[p]) {
          const v = this.paramValue.data[p];
          if (this.alias[v] === v) list.push(this.resolve(this.args.data[this.paramArgs.data[p] + k]));
        }
        f.setEdgeArgs(e, list.data, 0, count);
      }
    }
  }

  private chainParam(block: Block, type: Type, variable: number): number {
    const value = this.func.newInst(Op.Param, type, block);
    this.func.block[value] = block;
    const p = this.paramValue.push(value);
    this.paramVar.push(variable);
    this.paramNext.push(NONE);
    this.paramArgs.push(NONE);
    const tail = this.paramTail.data[block];
    if (tail === NONE) this.paramHead.data[block] = p;
    else this.paramNext.data[tail] = p;
    this.paramTail.data[block] = p;
    return p;
  }

  private read(start: Block, variable: number): Value {
    let b = start;
    let value: Value;
    for (;;) {
      value = this.definitions.get(b, variable);
      if (value !== NONE) break;
      if (this.sealed.data[b] !== 0 && this.predCount.data[b] === 1) {
        b = this.edgeFrom.data[this.predHead.data[b]];
        if (b === this.current && this.curStamp[variable] === this.stamp) {
          value = this.curValue[variable];
          break;
        }
        continue;
      }
      const p = this.chainParam(b, this.varType[variable], variable);
      value = this.paramValue.data[p];
      this.definitions.set(b, variable, value);
      if (this.sealed.data[b] !== 0) this.work.push(p);
      break;
    }
    if (b !== start) this.definitions.set(start, variable, value);
    return value;
  }

  private fillArguments(): void {
    while (this.workNext < this.work.length) {
      const p = this.work.data[this.workNext++];
      const variable = this.paramVar.data[p];
      const block = this.func.block[this.paramValue.data[p]];
      const start = this.args.length;
      this.args.resize(start + this.predCount.data[block]);
      this.paramArgs.data[p] = start;
      let k = start;
      for (let e = this.predHead.data[block]; e !== NONE; e = this.edgeNextPred.data[e], k++) {
        const from = this.edgeFrom.data[e];
        const here = from === this.current && this.curStamp[variable] === this.stamp;
        const value = here ? this.curValue[variable] : this.read(from, variable);
        this.args.data[k] = value;
      }
    }
    this.work.clear();
    this.workNext = 0;
  }

  /** Turns the explicit arguments kept by edge into arguments kept by parameter. */
  private collectExplicitArguments(): void {
    this.fillArguments();
    for (let b = 0; b < this.func.numBlocks; b++) {
      let p = this.paramHead.data[b];
      for (let i = 0, n = this.explicitCount.data[b]; i < n; i++, p = this.paramNext.data[p]) {
        this.paramArgs.data[p] = this.args.length;
        for (let e = this.predHead.data[b]; e !== NONE; e = this.edgeNextPred.data[e])
          this.args.push(this.args.data[this.edgeExplicit.data[e] + i]);
      }
    }
  }

  /** Drops parameters with one distinct argument besides themselves, until none is left. */
  private dropTrivialParams(): void {
    const n = this.paramValue.length;
    for (let changed = true; changed;) {
      changed = false;
      for (let p = 0; p < n; p++) {
        const v = this.paramValue.data[p];
        if (this.alias[v] !== v) continue;
        const start = this.paramArgs.data[p];
        const end = start + this.predCount.data[this.func.block[v]];
        let same = NONE;
        let k = start;
        for (; k < end; k++) {
          const a = this.resolve(this.args.data[k]);
          if (a === v || a === same) continue;
          if (same !== NONE) break;
          same = a;
        }
        if (k === end && same !== NONE) {
          this.alias[v] = same;
          changed = true;
        }
      }
    }
  }

  private resolve(value: Value): Value {
    const alias = this.alias;
    let v = value;
    while (alias[v] !== v) {
      alias[v] = alias[alias[v]];
      v = alias[v];
    }
    return v;
  }
}
