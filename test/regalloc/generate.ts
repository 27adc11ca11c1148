// Inputs for the tests of register allocation: a builder of RegallocInput from readable parts, and a seeded
// generator of valid SSA by construction (structured control flow with early exits, every kind of operand, all classes).
import { InstFlag, Operand, RegClass, VEC_BASE } from '../../src/regalloc/door.ts';
import type { MachineEnv, RegallocInput } from '../../src/regalloc/door.ts';

/** A small fast seeded generator (mulberry32). */
export class Random {
  constructor(private state: number) {}
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
}

export interface OperandSpec {
  v: number;
  info: number;
}
interface InstSpec {
  flags: number;
  clobber: [number, number];
  operands: OperandSpec[];
}
interface BlockSpec {
  params: number[];
  args: number[];
  succs: number[];
  insts: InstSpec[];
  depth: number;
  freq: number;
}

export const use = (v: number, constraint: number = Operand.Reg, late = false): OperandSpec => ({
  v,
  info: Operand.Use | constraint | (late ? Operand.Late : 0),
});
export const def = (v: number, constraint: number = Operand.Reg, early = false): OperandSpec => ({
  v,
  info: Operand.Def | constraint | (early ? 0 : Operand.Late),
});
export const fixed = (reg: number): number => Operand.Fixed | (reg << Operand.PayloadShift);
export const reuse = (index: number): number => Operand.Reuse | (index << Operand.PayloadShift);

/** Builds inputs block by block; block 0 is the entry. */
export class InputBuilder {
  readonly classes: number[] = [];
  readonly remat: (InstSpec | null)[] = [];
  readonly blocks: BlockSpec[] = [];

  vreg(cls: number = RegClass.Int): number {
    this.remat.push(null);
    return this.classes.push(cls) - 1;
  }
  block(depth = 0, freq = 1): number {
    return this.blocks.push({ params: [], args: [], succs: [], insts: [], depth, freq }) - 1;
  }
  inst(block: number, operands: OperandSpec[], clobber: [number, number] = [0, 0], flags = 0): InstSpec {
    const inst: InstSpec = { flags, clobber, operands };
    this.blocks[block].insts.push(inst);
    return inst;
  }
  move(block: number, from: number, to: number): void {
    this.inst(block, [use(from, Operand.Any), def(to, Operand.Any)], [0, 0], InstFlag.Move);
  }
  constant(block: number, v: number): void {
    this.remat[v] = this.inst(block, [def(v)]);
  }
  jump(block: number, to: number, args: number[] = []): void {
    this.blocks[block].args = args;
    this.terminate(block, [], [to]);
  }
  terminate(
    block: number,
    operands: OperandSpec[],
    succs: number[],
    clobber: [number, number] = [0, 0],
  ): void {
    this.blocks[block].succs = succs;
    this.inst(block, operands, clobber, InstFlag.Terminator);
  }

  /** The flat input; order gives the layout (order[new] = old), by default the order of creation. */
  build(order: number[] = this.blocks.map((_, b) => b)): RegallocInput {
    const place = new Int32Array(this.blocks.length);
    order.forEach((old, index) => (place[old] = index));
    const blocks = order.map((old) => this.blocks[old]);
    const csr = (lists: number[][]): [Int32Array, Int32Array] => {
      const start = new Int32Array(lists.length + 1);
      lists.forEach((list, k) => (start[k + 1] = start[k] + list.length));
      return [start, Int32Array.from(lists.flat())];
    };
    const succLists = blocks.map((b) => b.succs.map((s) => place[s]));
    const predLists: number[][] = blocks.map(() => []);
    succLists.forEach((list, b) => list.forEach((s) => predLists[s].push(b)));
    const [succStart, succs] = csr(succLists);
    const [predStart, preds] = csr(predLists);
    const [paramStart, params] = csr(blocks.map((b) => b.params));
    const [argStart, args] = csr(blocks.map((b) => b.args));
    const insts = blocks.flatMap((b) => b.insts);
    const indexOf = new Map(insts.map((inst, i) => [inst, i]));
    const [blockStart] = csr(blocks.map((b) => b.insts.map(() => 0)));
    const [operandStart, operandVReg] = csr(insts.map((inst) => inst.operands.map((o) => o.v)));
    const masks: number[] = [0, 0];
    const maskIndex = new Map([['0,0', 0]]);
    const instClobber = insts.map((inst) => {
      const key = inst.clobber.join();
      let index = maskIndex.get(key);
      if (index === undefined) {
        index = masks.length / 2;
        masks.push(...inst.clobber);
        maskIndex.set(key, index);
      }
      return index;
    });
    return {
      numVRegs: this.classes.length,
      vregClass: Uint8Array.from(this.classes),
      vregRemat: Int32Array.from(this.remat.map((inst) => (inst === null ? -1 : (indexOf.get(inst) ?? -1)))),
      numBlocks: blocks.length,
      blockStart,
      succStart,
      succs,
      predStart,
      preds,
      loopDepth: Int32Array.from(blocks.map((b) => b.depth)),
      blockFreq: Float32Array.from(blocks.map((b) => b.freq)),
      paramStart,
      params,
      argStart,
      args,
      numInsts: insts.length,
      instFlags: Uint8Array.from(insts.map((inst) => inst.flags)),
      instClobber: Int32Array.from(instClobber),
      clobberMasks: Int32Array.from(masks),
      operandStart,
      operandVReg,
      operandInfo: Int32Array.from(insts.flatMap((inst) => inst.operands.map((o) => o.info))),
    };
  }
}

/** An environment with the first ints integer and vecs vector registers; the upper half of each is callee-saved. */
export function makeEnv(ints: number, vecs: number): MachineEnv {
  const calleeSaved = new Uint8Array(64);
  for (let r = Math.ceil(ints / 2); r < ints; r++) calleeSaved[r] = 1;
  return {
    order: [
      Int32Array.from({ length: ints }, (_, k) => k),
      Int32Array.from({ length: vecs }, (_, k) => VEC_BASE + k),
    ],
    calleeSaved,
    nearSlots: 2,
  };
}

/** True if the constraints of an instruction can be met by the registers of the environment alone. */
function feasible(
  builder: InputBuilder,
  env: MachineEnv,
  operands: OperandSpec[],
  clobber: [number, number],
): boolean {
  const reuseDef = operands.find((o) => (o.info & Operand.ConstraintMask) === Operand.Reuse);
  const reused = reuseDef === undefined ? null : operands[reuseDef.info >> Operand.PayloadShift];
  for (let file = 0; file < 2; file++) {
    const all = new Set(env.order[file]);
    const without = (set: Set<number>, ...others: Set<number>[]): number =>
      [...set].filter((r) => others.every((o) => !o.has(r))).length;
    const clobbered = new Set([...all].filter((r) => (clobber[file] >> (r & 31)) & 1));
    const fixedEarly = new Set<number>();
    const fixedLate = new Set<number>();
    const early = new Set<number>();
    const both = new Set<number>();
    let lateDefs = 0;
    for (const o of operands) {
      if ((builder.classes[o.v] === RegClass.Int ? 0 : 1) !== file) continue;
      const constraint = o.info & Operand.ConstraintMask;
      const isDef = (o.info & Operand.Def) !== 0;
      const isLate = (o.info & Operand.Late) !== 0;
      if (constraint === Operand.Fixed) {
        const reg = o.info >> Operand.PayloadShift;
        if (!isDef || !isLate) fixedEarly.add(reg);
        if (isDef || isLate || (reused !== null && o !== reused)) fixedLate.add(reg);
      } else if (constraint === Operand.Reg || constraint === Operand.Reuse) {
        if (isDef && isLate && constraint === Operand.Reg) lateDefs++;
        else if (isDef) both.add(o.v);
        else if (isLate || (reused !== null && o.v !== reused.v)) both.add(o.v);
        else if (o !== reused) early.add(o.v);
      }
    }
    for (const v of both) early.add(v);
    if (both.size > without(all, clobbered, fixedEarly, fixedLate)) return false;
    if (both.size + lateDefs > without(all, clobbered, fixedLate)) return false;
    if (early.size > without(all, fixedEarly)) return false;
  }
  return true;
}

export interface GenerateOptions {
  env: MachineEnv;
  /** Instructions to aim at. */
  size: number;
  /** Probability that a block is followed by control flow. */
  branchiness?: number;
  /** Probability of a call. */
  calls?: number;
  /** Probability that an operand is any value in scope instead of one of the last few: long lifetimes. */
  far?: number;
  /** How many of the latest values in scope those are; all by default. */
  window?: number;
  /** Shuffle the layout of the blocks. */
  shuffle?: boolean;
}

class Generator {
  readonly builder = new InputBuilder();
  private block = 0;
  private depth = 0;
  private freq = 1;
  private budget: number;
  private available: number[] = [];

  constructor(
    private readonly random: Random,
    private readonly options: GenerateOptions,
  ) {
    this.budget = options.size;
  }

  run(): InputBuilder {
    this.block = this.newBlock();
    const entryArgs = this.random.below(4);
    const operands: OperandSpec[] = [];
    for (let k = 0; k < entryArgs && k < this.options.env.order[0].length; k++) {
      const v = this.builder.vreg();
      operands.push(def(v, fixed(this.options.env.order[0][k])));
      this.available.push(v);
    }
    this.builder.inst(this.block, operands);
    this.region(0);
    while (this.budget > 0) this.region(0);
    const r = this.random;
    const last =
      this.available.length > 0 ? [use(this.pick(-1), r.chance(0.5) ? Operand.Any : Operand.Reg)] : [];
    this.builder.terminate(this.block, last, []);
    return this.builder;
  }

  private newBlock(): number {
    return this.builder.block(this.depth, this.freq);
  }

  private randomClass(): number {
    const r = this.random.next();
    return r < 0.6 ? RegClass.Int : r < 0.8 ? RegClass.Float : RegClass.Vec;
  }

  /** A value, recent ones more often; of the class, or of any class for -1; made if there is none. */
  private pick(cls: number): number {
    const r = this.random;
    for (let tries = 0; tries < 8 && this.available.length > 0; tries++) {
      const n = this.available.length;
      const index = r.chance(this.options.far ?? 0.5)
        ? n - 1 - r.below(Math.min(n, this.options.window ?? n))
        : n - 1 - r.below(Math.min(n, 6));
      const v = this.available[index];
      if (cls < 0 || this.builder.classes[v] === cls) return v;
    }
    const v = this.builder.vreg(cls < 0 ? this.randomClass() : cls);
    if (r.chance(0.5)) this.builder.constant(this.block, v);
    else this.builder.inst(this.block, [def(v)]);
    this.available.push(v);
    return v;
  }

  private region(level: number): void {
    const r = this.random;
    const branchiness = this.options.branchiness ?? 0.3;
    const count = 1 + r.below(8);
    for (let k = 0; k < count; k++) this.instruction();
    this.budget -= count;
    if (level > 6 || this.budget <= 0 || !r.chance(branchiness)) return;
    const mark = this.available.length;
    if (r.chance(0.5)) this.ifElse(level, mark);
    else this.loop(level, mark);
  }

  private body(level: number): void {
    const count = 1 + this.random.below(3);
    for (let k = 0; k < count; k++) this.region(level + 1);
  }

  private ifElse(level: number, mark: number): void {
    const { builder, random: r } = this;
    const arms = r.chance(0.15) ? 3 : 2;
    const params = Array.from({ length: r.below(5) }, () => builder.vreg(this.randomClass()));
    const condition = this.pick(RegClass.Int);
    mark = Math.max(mark, this.available.length);
    const heads = Array.from({ length: arms }, () => this.newBlock());
    builder.terminate(this.block, [use(condition, r.chance(0.3) ? Operand.Any : Operand.Reg)], heads);
    const ends: { block: number; args: number[] }[] = [];
    for (const head of heads) {
      this.block = head;
      if (r.chance(0.8)) this.body(level);
      if (ends.length > 0 && r.chance(0.1)) builder.terminate(this.block, [use(this.pick(-1))], []);
      else ends.push({ args: params.map((p) => this.pick(builder.classes[p])), block: this.block });
      this.available.length = mark;
    }
    const join = this.newBlock();
    builder.blocks[join].params = params;
    for (const end of ends) builder.jump(end.block, join, end.args);
    this.block = join;
    this.available.push(...params);
  }

  private loop(level: number, mark: number): void {
    const { builder, random: r } = this;
    const params = Array.from({ length: r.below(6) }, () => builder.vreg(this.randomClass()));
    const init = params.map((p) => this.pick(builder.classes[p]));
    mark = Math.max(mark, this.available.length);
    const results = Array.from({ length: r.below(3) }, () => builder.vreg(this.randomClass()));
    const before = { depth: this.depth, freq: this.freq };
    const exits: { block: number; args: number[] }[] = [];
    this.depth++;
    this.freq *= 8;
    const header = this.newBlock();
    builder.jump(this.block, header, init);
    builder.blocks[header].params = params;
    this.available.push(...params);
    this.block = header;
    this.body(level);
    if (r.chance(0.3)) {
      // A second way out, from the middle.
      const leave = builder.block(before.depth, before.freq);
      const stay = this.newBlock();
      builder.terminate(this.block, [use(this.pick(RegClass.Int))], [leave, stay]);
      this.block = leave;
      const inner = this.available.length;
      exits.push({ args: results.map((p) => this.pick(builder.classes[p])), block: this.block });
      this.available.length = inner;
      this.block = stay;
      this.body(level);
    }
    const back = this.newBlock();
    const leave = builder.block(before.depth, before.freq);
    builder.terminate(
      this.block,
      [use(this.pick(RegClass.Int))],
      r.chance(0.5) ? [back, leave] : [leave, back],
    );
    this.block = back;
    const inner = this.available.length;
    const args = params.map((p) => this.pick(builder.classes[p]));
    builder.jump(this.block, header, args);
    this.available.length = inner;
    this.block = leave;
    exits.push({ args: results.map((p) => this.pick(builder.classes[p])), block: this.block });
    this.available.length = mark;
    this.depth = before.depth;
    this.freq = before.freq;
    const after = this.newBlock();
    builder.blocks[after].params = results;
    for (const exit of exits) builder.jump(exit.block, after, exit.args);
    this.block = after;
    this.available.push(...results);
  }

  private instruction(): void {
    const { builder, random: r } = this;
    for (let tries = 0; tries < 20; tries++) {
      const made = this.shape();
      if (made === null) return;
      if (!feasible(builder, this.options.env, made.operands, made.clobber)) continue;
      builder.inst(this.block, made.operands, made.clobber);
      for (const o of made.operands) if ((o.info & Operand.Def) !== 0) this.available.push(o.v);
      return;
    }
    const v = builder.vreg(r.chance(0.5) ? RegClass.Int : RegClass.Float);
    builder.inst(this.block, [def(v)]);
    this.available.push(v);
  }

  private plainConstraint(): number {
    const r = this.random.next();
    return r < 0.5 ? Operand.Reg : r < 0.97 ? Operand.Any : Operand.Stack;
  }

  private shape(): { operands: OperandSpec[]; clobber: [number, number] } | null {
    const { builder, random: r } = this;
    const [ints, vecs] = this.options.env.order;
    const kind = r.next();
    const operands: OperandSpec[] = [];
    let clobber: [number, number] = [0, 0];
    if (kind < (this.options.calls ?? 0.1)) {
      const count = r.below(Math.min(ints.length, 6) + 1);
      for (let k = 0; k < count; k++) operands.push(use(this.pick(RegClass.Int), fixed(ints[k])));
      if (r.chance(0.3)) operands.push(use(this.pick(RegClass.Float), fixed(vecs[0])));
      if (r.chance(0.2)) operands.push(use(this.pick(-1), Operand.Any));
      if (r.chance(0.1)) operands.push(use(this.pick(-1), Operand.Stack));
      const results = r.below(3);
      for (let k = 0; k < results && k < ints.length; k++) operands.push(def(builder.vreg(), fixed(ints[k])));
      if (r.chance(0.3)) operands.push(def(builder.vreg(RegClass.Vec), fixed(vecs[0])));
      const all = r.chance(0.2);
      for (const reg of ints) if (all || this.options.env.calleeSaved[reg] === 0) clobber[0] |= 1 << reg;
      for (const reg of vecs) clobber[1] |= 1 << (reg - VEC_BASE);
      return { operands, clobber };
    }
    if (kind < 0.18) {
      const from = this.pick(-1);
      const to = builder.vreg(builder.classes[from]);
      builder.move(this.block, from, to);
      this.available.push(to);
      return null;
    }
    if (kind < 0.25) {
      const v = builder.vreg(this.randomClass());
      builder.constant(this.block, v);
      this.available.push(v);
      return null;
    }
    if (kind < 0.45) {
      const cls = this.randomClass();
      operands.push(use(this.pick(cls), r.chance(0.5) ? Operand.Any : Operand.Reg));
      const others = 1 + r.below(2);
      for (let k = 0; k < others; k++) {
        operands.push(
          use(r.chance(0.2) ? operands[0].v : this.pick(r.chance(0.7) ? cls : -1), this.plainConstraint()),
        );
      }
      if (cls === RegClass.Int && r.chance(0.2))
        operands[1] = use(this.pick(RegClass.Int), fixed(ints[r.below(ints.length)]));
      if (r.chance(0.1)) operands[0].info = Operand.Use | fixed(cls === RegClass.Int ? ints[0] : vecs[0]);
      operands.push(def(builder.vreg(cls === RegClass.Int || r.chance(0.9) ? cls : 3 - cls), reuse(0)));
      if (r.chance(0.1))
        operands.push(def(builder.vreg(this.randomClass()), r.chance(0.5) ? Operand.Any : Operand.Reg));
      if (this.sameFixed(operands)) return this.shape();
      return { operands, clobber };
    }
    if (kind < 0.52 && ints.length >= 2) {
      // As division on x86: two fixed inputs, two fixed outputs, one more input.
      operands.push(use(this.pick(RegClass.Int), fixed(ints[0])));
      if (r.chance(0.5)) operands.push(use(this.pick(RegClass.Int), fixed(ints[1])));
      operands.push(use(this.pick(RegClass.Int), r.chance(0.5) ? Operand.Any : Operand.Reg, r.chance(0.5)));
      operands.push(def(builder.vreg(), fixed(ints[0])));
      if (r.chance(0.7)) operands.push(def(builder.vreg(), fixed(ints[1])));
      else clobber = [1 << ints[1], 0];
      return { operands, clobber };
    }
    const uses = r.below(4);
    for (let k = 0; k < uses; k++) operands.push(use(this.pick(-1), this.plainConstraint(), r.chance(0.1)));
    // A register outside the allocatable set, and one inside, now and then.
    if (r.chance(0.05))
      operands.push(use(this.pick(RegClass.Int), fixed(r.chance(0.5) ? 31 : ints[r.below(ints.length)])));
    const defs = r.chance(0.8) ? 1 : r.below(3);
    for (let k = 0; k < defs; k++) {
      operands.push(def(builder.vreg(this.randomClass()), this.plainConstraint(), r.chance(0.15)));
    }
    if (r.chance(0.05)) operands.push(def(builder.vreg(), fixed(30)));
    if (r.chance(0.05))
      clobber = [1 << ints[r.below(ints.length)], 1 << (vecs[r.below(vecs.length)] - VEC_BASE)];
    const fixedClobbered = operands.some(
      (o) =>
        (o.info & Operand.ConstraintMask) === Operand.Fixed &&
        ((o.info & Operand.Def) !== 0) !== ((o.info & Operand.Late) !== 0) &&
        (clobber[0] >> (o.info >> Operand.PayloadShift)) & 1,
    );
    return fixedClobbered ? this.shape() : { operands, clobber };
  }

  private sameFixed(operands: OperandSpec[]): boolean {
    const regs = operands
      .filter((o) => (o.info & Operand.ConstraintMask) === Operand.Fixed)
      .map((o) => o.info >> Operand.PayloadShift);
    return new Set(regs).size !== regs.length;
  }
}

/** A random valid input; the same seed and options give the same input. */
export function generate(seed: number, options: GenerateOptions): RegallocInput {
  const random = new Random(seed);
  const builder = new Generator(random, options).run();
  const order = builder.blocks.map((_, b) => b);
  if (options.shuffle === true) {
    for (let k = order.length - 1; k > 1; k--) {
      const j = 1 + random.below(k);
      [order[k], order[j]] = [order[j], order[k]];
    }
  }
  return builder.build(order);
}
