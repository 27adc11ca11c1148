// The driver of instruction selection, the same for every ISA: IR blocks from last to first in reverse postorder,
// instructions backwards, one rule of the ISA's table an operation.
//
// Backwards, because a consumer then decides how its operands are computed before they are reached: a value that
// every consumer folded into itself (an address, a comparison, a load) gets no register and no code.
// - `reg(v)` asks for a value in a register. Constants come anew at each use.
// - `single(v)`: v may be computed inside its only consumer, the instruction being lowered.
// - `sinkable(v)`: v is a load that may be read inside its only consumer: nothing between them can write, call, or
//   trap for another reason. The rule then calls `sink(v)`.
// A rule asks for all its operands first, then writes machine instructions in their order.
// I32 values lie zero-extended in 64-bit registers.
import type { Cfg } from '../ir/cfg.ts';
import { room } from '../ir/cfg.ts';
import type { Block, Edge, Func, Value } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Effect, Op, OP_EFFECTS } from '../ir/opcodes.ts';
import { Type } from '../ir/types.ts';
import { RegClass } from '../regalloc/door.ts';
import { IntColumn } from '../support/int_column.ts';
import { BlockOrder } from './block_order.ts';
import type { CallingConvention } from './calling_convention.ts';
import type { ModuleContext } from './contract.ts';
import type { Selection } from './function_compiler.ts';
import { Pseudo } from './pseudo.ts';
import { numSuccs, RawFlag } from './vcode.ts';
import type { VCode } from './vcode.ts';

/** Register class of each Type. */
export const CLASS_OF_TYPE = Uint8Array.of(
  RegClass.Int,
  RegClass.Int,
  RegClass.Int,
  RegClass.Float,
  RegClass.Float,
  RegClass.Vec,
  RegClass.Int,
);

/** What the driver and the rules of calls know of the target; an ISA's rules know more. */
export interface LowerTarget {
  readonly module: ModuleContext;
  readonly convention: CallingConvention;
}

/** Lowers one instruction: writes machine instructions that define `l.result(inst)`. */
export type LowerRule<T extends LowerTarget> = (l: Lowering<T>, inst: Value) => void;

/** What the driver needs of an ISA; T is what its rules know of the target and the module. */
export interface LowerIsa<T extends LowerTarget> {
  /** Indexed by Op. Values without code of their own (constants, Proj, ZExt ...) have none. */
  readonly rules: readonly (LowerRule<T> | null)[];
  /** Writes the constant `value` into vreg `to`. */
  constant(l: Lowering<T>, value: Value, to: number): void;
  /** Takes the function's parameters from where the convention puts them. */
  entry(l: Lowering<T>): void;
  /** Called before a function is selected. */
  readonly prepare?: (l: Lowering<T>) => void;
  /** Called before the code of each instruction is written, in the (backward) order of writing. */
  readonly before?: (l: Lowering<T>, inst: Value) => void;
  /** Called when all instructions of an IR block are written: what it writes begins the block. */
  readonly blockStart?: (l: Lowering<T>, block: Block) => void;
  /** Called when a function is selected: `vcode` is complete. */
  readonly finish?: (l: Lowering<T>) => void;
}

/** Effects that a load must not be moved over. A trap of another access to memory is the same trap. */
const BARRIER: Uint8Array = Uint8Array.from(OP_EFFECTS, (effects, op) => {
  if ((effects & (Effect.Write | Effect.Call)) !== 0) return 1;
  return (effects & Effect.Trap) !== 0 && op !== Op.Load ? 1 : 0;
});

export class Lowering<T extends LowerTarget> implements Selection {
  func!: Func;
  readonly blocks = new BlockOrder();
  /** VReg of each value, or -1. */
  vregOf: Int32Array = new Int32Array(256);
  /** Uses of each value in reachable code. */
  useCount: Int32Array = new Int32Array(256);
  /** Barriers passed in the block before each instruction. */
  private color: Int32Array = new Int32Array(256);
  private sunk = new Uint8Array(256);
  /** The IR instruction being lowered; its wasm offset. */
  root = NONE;
  loc = -1;
  /** What the code selected needs of its frame (emitter.ts). */
  outgoingBytes = 0;
  hasCalls = false;
  savesInstance = false;
  stackArgBytes = 0;
  private readonly argPool = new IntColumn(64);
  private argFrom: Int32Array = new Int32Array(64);

  constructor(
    readonly isa: LowerIsa<T>,
    readonly target: T,
    readonly vcode: VCode,
  ) {}

  /** Selects the machine code of a function into `vcode`. */
  run(func: Func): void {
    this.func = func;
    const { vcode, blocks, isa } = this;
    vcode.reset();
    blocks.compute(func, vcode);
    isa.prepare?.(this);
    this.outgoingBytes = 0;
    this.hasCalls = false;
    this.savesInstance = false;
    this.stackArgBytes = this.target.convention.stackArgBytes(func.sig);
    this.argPool.clear();
    this.argFrom = room(this.argFrom, vcode.numBlocks);
    this.scan(func, blocks.cfg);
    const { rpo, rpoLength } = blocks.cfg;
    for (let i = rpoLength - 1; i >= 0; i--) this.block(rpo[i]);
    this.finishBlocks();
    vcode.finish();
    isa.finish?.(this);
  }

  // ---- For rules ----

  /** VReg that holds the value in a register. */
  reg(value: Value): number {
    const v = this.skipCopies(value);
    const op = this.func.op[v];
    if (op === Op.IConst || op === Op.FConst || op === Op.VConst) {
      const vreg = this.vcode.newVReg(CLASS_OF_TYPE[this.func.type[v]]);
      this.isa.constant(this, v, vreg);
      return vreg;
    }
    return this.valueReg(v);
  }

  /** VReg of the value that the instruction defines. */
  result(value: Value): number {
    return this.valueReg(value);
  }

  /** True if something asked for the value. */
  isNeeded(value: Value): boolean {
    return this.vregOf[value] >= 0;
  }

  /** A new register of a class for use inside one group. */
  temp(regClass: number): number {
    return this.vcode.newVReg(regClass);
  }

  /** The value behind operations that change nothing in a register. */
  skipCopies(value: Value): Value {
    const f = this.func;
    let v = value;
    for (;;) {
      const op = f.op[v];
      if (op === Op.ZExt) v = f.arg(v, 0);
      else if (op === Op.Bitcast && CLASS_OF_TYPE[f.type[v]] === CLASS_OF_TYPE[f.type[f.arg(v, 0)]])
        v = f.arg(v, 0);
      else return v;
    }
  }

  /** True if `value` has one use and nothing needs it in a register: its consumer may compute it. */
  single(value: Value): boolean {
    return this.useCount[value] === 1 && this.vregOf[value] < 0;
  }

  /** True if the instruction being lowered is the only use of `value`, whose register is then free: no loop comes back for it. */
  diesHere(value: Value): boolean {
    const v = this.skipCopies(value);
    if (this.useCount[v] !== 1 || this.root === NONE) return false;
    const { loopOf } = this.blocks.loops;
    return loopOf[this.func.block[v]] === loopOf[this.func.block[this.root]];
  }

  /** True if the load `value` may be done by its only consumer, the instruction being lowered. */
  sinkable(value: Value): boolean {
    const f = this.func;
    const op = f.op[value];
    if (op !== Op.Load && op !== Op.NLoad && op !== Op.CtxLoad) return false;
    return (
      this.useCount[value] === 1 &&
      this.vregOf[value] < 0 &&
      f.block[value] === f.block[this.root] &&
      this.color[value] === this.color[this.root]
    );
  }

  /** The consumer does the load; no code is written for it. */
  sink(value: Value): void {
    this.sunk[value] = 1;
  }

  isConst(value: Value): boolean {
    return this.func.op[value] === Op.IConst;
  }

  private valueReg(value: Value): number {
    let vreg = this.vregOf[value];
    if (vreg < 0) {
      vreg = this.vcode.newVReg(CLASS_OF_TYPE[this.func.type[value]]);
      this.vregOf[value] = vreg;
    }
    return vreg;
  }

  // ---- Driver ----

  private scan(f: Func, cfg: Cfg): void {
    const n = f.numInsts;
    this.vregOf = room(this.vregOf, n);
    this.useCount = room(this.useCount, n);
    this.color = room(this.color, n);
    if (this.sunk.length < n) this.sunk = new Uint8Array(n * 2);
    this.vregOf.fill(-1, 0, n);
    this.useCount.fill(0, 0, n);
    this.sunk.fill(0, 0, n);
    const { useCount, color } = this;
    const pool = f.pool.data;
    for (let i = 0; i < cfg.rpoLength; i++) {
      let barriers = 0;
      for (let inst = f.blockFirst[cfg.rpo[i]]; inst !== NONE; inst = f.next[inst]) {
        color[inst] = barriers;
        barriers += BARRIER[f.op[inst]];
        const end = f.argStart[inst] + f.argCount[inst];
        for (let k = f.argStart[inst]; k < end; k++) useCount[pool[k]]++;
      }
    }
    for (let e = 0; e < f.numEdges; e++) {
      const end = f.edgeArgStart[e] + f.edgeArgCount[e];
      for (let k = f.edgeArgStart[e]; k < end; k++) useCount[pool[k]]++;
    }
  }

  private block(b: number): void {
    const f = this.func;
    const { vcode, blocks, isa } = this;
    const n = blocks.vblock[b];
    const last = f.blockLast[b];
    const op = f.op[last];
    const hasEdges = op === Op.Jump || op === Op.BrIf || op === Op.BrTable;
    if (hasEdges && f.imm2[last] > 1) {
      const first = f.imm[last];
      for (let e = first + f.imm2[last] - 1; e >= first; e--) {
        if (blocks.edgeOwnsBlock[e] === 1) this.edgeBlock(blocks.edgeVBlock[e], e);
      }
    }
    vcode.groupFrom[n] = vcode.numGroups;
    this.argFrom[n] = this.argPool.length;
    for (let inst = last; inst !== NONE; inst = f.prev[inst]) {
      const o = f.op[inst];
      isa.before?.(this, inst);
      if (this.sunk[inst] === 1) continue;
      if (OP_EFFECTS[o] === Effect.None || o === Op.CtxLoad || o === Op.NLoad) {
        if (this.vregOf[inst] < 0) continue;
      }
      this.root = inst;
      this.loc = f.loc[inst];
      const rule = isa.rules[o];
      if (inst === last && hasEdges && numSuccs(vcode, n) === 1) {
        vcode.beginGroup();
        if (f.imm2[last] === 1) this.passArgs(n, f.imm[last]);
        this.jump(vcode.succs[vcode.succStart[n]]);
      } else if (rule !== null) {
        vcode.beginGroup();
        rule(this, inst);
      }
    }
    this.root = NONE;
    this.loc = -1;
    isa.blockStart?.(this, b);
    if (b === 0) {
      vcode.beginGroup();
      isa.entry(this);
    }
    vcode.groupTo[n] = vcode.numGroups;
  }

  private edgeBlock(n: number, edge: Edge): void {
    const { vcode } = this;
    vcode.groupFrom[n] = vcode.beginGroup();
    this.argFrom[n] = this.argPool.length;
    this.root = NONE;
    this.loc = -1;
    this.passArgs(n, edge);
    this.jump(this.blocks.vblock[this.func.edgeTo[edge]]);
    vcode.groupTo[n] = vcode.numGroups;
  }

  private jump(to: number): void {
    const i = this.vcode.inst(Pseudo.Jump, 0, this.loc);
    this.vcode.imm2[i] = to;
    this.vcode.flags[i] = RawFlag.Terminator;
  }

  /** Records the arguments of the only edge of VCode block n. */
  private passArgs(n: number, edge: Edge): void {
    const f = this.func;
    const count = f.edgeArgCount[edge];
    this.argFrom[n] = this.argPool.length;
    for (let k = 0; k < count; k++) this.argPool.push(this.reg(f.edgeArg(edge, k)));
  }

  /** Parameters and arguments of all blocks, in layout order. */
  private finishBlocks(): void {
    const { vcode, func: f, blocks, argPool } = this;
    let p = 0;
    let a = 0;
    if (vcode.args.length < argPool.length) vcode.args = new Int32Array(argPool.data.length);
    for (let n = 0; n < vcode.numBlocks; n++) {
      const b = vcode.irBlock[n];
      vcode.paramStart[n] = p;
      vcode.argStart[n] = a;
      if (b > 0) {
        const count = f.paramCount[b];
        if (vcode.params.length < p + count) {
          const grown = new Int32Array((p + count) * 2);
          grown.set(vcode.params);
          vcode.params = grown;
        }
        for (let k = 0; k < count; k++) vcode.params[p++] = this.valueReg(f.param(b, k));
      }
      if (numSuccs(vcode, n) !== 1) continue;
      const to = vcode.irBlock[vcode.succs[vcode.succStart[n]]];
      const count = to === NONE ? 0 : f.paramCount[to];
      for (let k = 0; k < count; k++) vcode.args[a++] = argPool.data[this.argFrom[n] + k];
    }
    vcode.paramStart[vcode.numBlocks] = p;
    vcode.argStart[vcode.numBlocks] = a;
    if (blocks.vblock[0] !== 0) throw new Error(`function ${f.index}: its entry is not the first block`);
  }
}

/** True for types in integer registers of 64 bits. */
export const isWide = (type: number): boolean => type === Type.I64 || type === Type.Ref;
