// What the passes share: the function at hand, its analyses (computed when asked for), replaced values, fuel.
//
// Replacing: `replace(v, w)` notes that w stands for v; `resolve` follows the notes; `flush` rewrites every operand
// and edge argument and forgets them. A pass that visits definitions before uses resolves operands as it meets them
// and flushes once at its end. Chains cannot be cyclic, as a value is only replaced by one that is resolved.
//
// Fuel: every rewrite asks `spend()` first and does nothing when it answers false (`--x-opt-fuel=N` allows N rewrites
// a function), so that a wrong rewrite is found by bisection.
import { Cfg, edgeCount, firstEdge } from '../ir/cfg.ts';
import { Dominators } from '../ir/dominators.ts';
import type { Edge, Func, Value } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Loops } from '../ir/loops.ts';
import { Op, OPS } from '../ir/opcodes.ts';
import type { Signatures } from '../ir/signatures.ts';
import { Type } from '../ir/types.ts';

/** 1 for commutative operations, indexed by Op. */
export const OP_COMMUTATIVE: Uint8Array = Uint8Array.from(OPS, (o) => (o.commutative ? 1 : 0));

const enum Fresh {
  None,
  Cfg,
  Doms,
  Loops,
}

export class OptContext {
  fuel = Infinity;
  /** Rewrites made in the current function. */
  rewrites = 0;
  /** Number of uses of each value, by `countUses`; there is room for values that a pass adds. */
  uses: Int32Array = new Int32Array(256);

  private readonly cfgStore = new Cfg();
  private readonly domStore = new Dominators();
  private readonly loopStore = new Loops();
  private fresh: Fresh = Fresh.None;
  /** By value: what stands for it, or NONE; all NONE between passes. */
  private forward: Int32Array = new Int32Array(256).fill(NONE);
  private replaced = 0;

  constructor(
    public f: Func,
    public sigs: Signatures,
  ) {}

  /** Begins with a function; memory is kept. */
  start(f: Func, sigs: Signatures, fuel = Infinity): void {
    this.f = f;
    this.sigs = sigs;
    this.fuel = fuel;
    this.rewrites = 0;
    this.fresh = Fresh.None;
  }

  /** May one more rewrite be made? Counts it. */
  spend(): boolean {
    if (this.fuel <= 0) return false;
    this.fuel--;
    this.rewrites++;
    return true;
  }

  get cfg(): Cfg {
    if (this.fresh < Fresh.Cfg) {
      this.cfgStore.compute(this.f);
      this.fresh = Fresh.Cfg;
    }
    return this.cfgStore;
  }

  get doms(): Dominators {
    if (this.fresh < Fresh.Doms) {
      this.domStore.compute(this.f.numBlocks, this.cfg);
      this.fresh = Fresh.Doms;
    }
    return this.domStore;
  }

  get loops(): Loops {
    if (this.fresh < Fresh.Loops) {
      this.loopStore.compute(this.f.numBlocks, this.cfg, this.doms);
      this.fresh = Fresh.Loops;
    }
    return this.loopStore;
  }

  /** To be called after any change of blocks or edges. */
  flowChanged(): void {
    this.fresh = Fresh.None;
  }

  /** Notes that `by` stands for `v` from now on. */
  replace(v: Value, by: Value): void {
    if (v >= this.forward.length) this.growForward(v + 1);
    this.forward[v] = by;
    this.replaced++;
  }

  resolve(v: Value): Value {
    const { forward } = this;
    if (v >= forward.length || forward[v] === NONE) return v;
    let end = forward[v];
    while (end < forward.length && forward[end] !== NONE) end = forward[end];
    // Path compression keeps chains short.
    for (let at = v; at !== end;) {
      const next = forward[at];
      forward[at] = end;
      at = next;
    }
    return end;
  }

  /** Resolves the operands of an instruction in place. */
  resolveArgs(inst: Value): void {
    if (this.replaced === 0) return;
    const { f } = this;
    const data = f.pool.data;
    const end = f.argStart[inst] + f.argCount[inst];
    for (let k = f.argStart[inst]; k < end; k++) data[k] = this.resolve(data[k]);
  }

  resolveEdge(edge: Edge): void {
    if (this.replaced === 0) return;
    const { f } = this;
    const data = f.pool.data;
    const end = f.edgeArgStart[edge] + f.edgeArgCount[edge];
    for (let k = f.edgeArgStart[edge]; k < end; k++) data[k] = this.resolve(data[k]);
  }

  /** Rewrites all operands and edge arguments, then forgets the replacements. */
  flush(): void {
    if (this.replaced === 0) return;
    const { f } = this;
    for (let b = 0; b < f.numBlocks; b++) {
      if (f.blockFirst[b] === NONE) continue;
      for (let i = f.blockFirst[b]; i !== NONE; i = f.next[i]) this.resolveArgs(i);
      const count = edgeCount(f, b);
      for (let k = 0; k < count; k++) this.resolveEdge(firstEdge(f, b) + k);
    }
    this.forward.fill(NONE, 0, Math.min(this.forward.length, f.numInsts));
    this.replaced = 0;
  }

  /** Fills `uses` for the instructions and edges that stand in blocks. */
  countUses(): void {
    const { f } = this;
    if (this.uses.length < f.numInsts * 3) this.uses = new Int32Array(f.numInsts * 6);
    const { uses } = this;
    const data = f.pool.data;
    uses.fill(0, 0, f.numInsts * 3);
    for (let b = 0; b < f.numBlocks; b++) {
      if (f.blockFirst[b] === NONE) continue;
      for (let i = f.blockFirst[b]; i !== NONE; i = f.next[i]) {
        const end = f.argStart[i] + f.argCount[i];
        for (let k = f.argStart[i]; k < end; k++) uses[data[k]]++;
      }
      const count = edgeCount(f, b);
      for (let e = 0; e < count; e++) {
        const edge = firstEdge(f, b) + e;
        const end = f.edgeArgStart[edge] + f.edgeArgCount[edge];
        for (let k = f.edgeArgStart[edge]; k < end; k++) uses[data[k]]++;
      }
    }
  }

  isInt32(v: Value, value: number): boolean {
    const { f } = this;
    return f.op[v] === Op.IConst && f.imm[v] === value && f.imm2[v] === value >> 31;
  }

  isConst(v: Value): boolean {
    return this.f.op[v] === Op.IConst;
  }

  /** A new integer constant before `before`. */
  constant(before: Value, type: Type, lo: number, hi: number): Value {
    const { f } = this;
    const v = f.newInst(Op.IConst, type, lo | 0, type === Type.I32 ? lo >> 31 : hi | 0, 0, f.loc[before]);
    f.insertBefore(v, before);
    return v;
  }

  /** A new two-operand instruction before `before`. */
  binary(before: Value, op: Op, type: Type, a: Value, b: Value, imm = 0): Value {
    const { f } = this;
    const v = f.newInst(op, type, imm, 0, 0, f.loc[before]);
    f.setArgs2(v, a, b);
    f.insertBefore(v, before);
    return v;
  }

  /** A new one-operand instruction before `before`. */
  unary(before: Value, op: Op, type: Type, a: Value): Value {
    const { f } = this;
    const v = f.newInst(op, type, 0, 0, 0, f.loc[before]);
    f.setArgs1(v, a);
    f.insertBefore(v, before);
    return v;
  }

  private growForward(length: number): void {
    const grown = new Int32Array(Math.max(length, this.forward.length * 2)).fill(NONE);
    grown.set(this.forward);
    this.forward = grown;
  }
}
