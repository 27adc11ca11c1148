// Random functions of the IR, valid by construction, and a world to run them in. Seeded, so every case can be repeated.
//
// Structured control flow (ifs, bounded loops, switches, traps, early returns); values of all scalar types; loads and
// stores of linear memory near its end, so that some trap; globals, constant fields and native pointers into the
// instance; calls that read and write all of it and may grow memory or trap. Values come from small sets, so that
// equal expressions, equal addresses and edge cases are frequent.
import type { Block, Value } from '../../src/ir/func.ts';
import { Func } from '../../src/ir/func.ts';
import type { Environment, Outcome } from '../../src/ir/interpreter.ts';
import { interpret, Trap } from '../../src/ir/interpreter.ts';
import { memImm, Op } from '../../src/ir/opcodes.ts';
import { Signatures } from '../../src/ir/signatures.ts';
import { Access, Region, Type } from '../../src/ir/types.ts';

export class Random {
  constructor(private state: number) {}

  /** Uniform in [0, n). */
  int(n: number): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let x = Math.imul(this.state ^ (this.state >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) % n;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)];
  }

  chance(percent: number): boolean {
    return this.int(100) < percent;
  }
}

export const MEMORY_BYTES = 120;
const GLOBALS = 3;
const CONST_OFFSET = 64;
export const CALL_GROW = 3;
const CALL_TRAP = 4;

const I32 = [
  0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 63, 64, 88, 95, 127, 255, 256, 65535, -1, -2, -8, -128, 0x7fffffff,
  -0x80000000, -0x7fffffff,
];
const F32 = [
  0, 0x80000000, 0x3f800000, 0xbf800000, 0x40000000, 0x3f000000, 0x4f000000, 0x7f800000, 0x7fc00000,
  0x7fa00001, 1, 0x00800000, 0x4b000001,
];
const F64_HIGH = [
  0, 0x80000000, 0x3ff00000, 0xbff00000, 0x40000000, 0x3fe00000, 0x41e00000, 0x7ff00000, 0x7ff80000,
  0x7ff40000, 0x43e00000, 0x00100000,
];

const INT2 = [
  Op.IAdd,
  Op.IAdd,
  Op.ISub,
  Op.ISub,
  Op.IMul,
  Op.And,
  Op.And,
  Op.Or,
  Op.Xor,
  Op.Shl,
  Op.SShr,
  Op.UShr,
  Op.Rotl,
  Op.Rotr,
];
const INT1 = [Op.Clz, Op.Ctz, Op.Popcnt, Op.SExt8, Op.SExt16];
const FLOAT2 = [Op.FAdd, Op.FSub, Op.FMul, Op.FDiv, Op.FMin, Op.FMax, Op.FCopysign];
const FLOAT1 = [Op.FAbs, Op.FNeg, Op.FSqrt, Op.FCeil, Op.FFloor, Op.FTrunc, Op.FNearest];
const SCALARS = [Type.I32, Type.I32, Type.I32, Type.I64, Type.F32, Type.F64];

class Generator {
  readonly f = new Func();
  readonly sigs = new Signatures();
  private block: Block = 0;
  private budget: number;
  /** Values at hand, by type; what a branch adds is dropped behind it. */
  private live: Value[][] = [[], [], [], [], [], [], []];
  /** Addresses at hand: used again and again, so that accesses meet. */
  private addresses: Value[] = [];
  /** Percentage of memory and instance statements: some functions do little else. */
  private readonly memoryBias: number;

  constructor(
    private readonly r: Random,
    size: number,
  ) {
    this.budget = size;
    this.memoryBias = r.pick([0, 0, 30, 60]);
    this.sigs.add([Type.I32, Type.I64, Type.F32, Type.F64], [Type.I32, Type.I64, Type.F64]);
    this.sigs.add([Type.I32, Type.I64], [Type.I32]);
    this.sigs.add([Type.I32], [Type.I32, Type.F32]);
    this.sigs.add([Type.F64], []);
  }

  build(): Func {
    this.f.reset(0, 0);
    this.block = this.newBlock([Type.I32, Type.I64, Type.F32, Type.F64]);
    do this.statements(0);
    while (this.budget > 0);
    this.finish();
    return this.f;
  }

  private newBlock(params: readonly Type[]): Block {
    const b = this.f.newBlock();
    const list = params.map((t) => this.f.newInst(Op.Param, t));
    this.f.setParams(b, Int32Array.from(list), 0, list.length);
    if (b === 0) list.forEach((v, k) => this.live[params[k]].push(v));
    return b;
  }

  private enter(b: Block): void {
    this.block = b;
    for (let k = 0; k < this.f.paramCount[b]; k++) {
      const v = this.f.param(b, k);
      this.live[this.f.type[v]].push(v);
    }
  }

  private add(op: Op, type: Type, args: readonly Value[], imm = 0, imm2 = 0, aux = 0): Value {
    const v = this.f.newInst(op, type, imm, op === Op.IConst && type === Type.I32 ? imm >> 31 : imm2, aux);
    this.f.setArgs(v, Int32Array.from(args), 0, args.length);
    this.f.append(this.block, v);
    if (type !== Type.None) this.live[type].push(v);
    return v;
  }

  private constant(type: Type): Value {
    const { r } = this;
    if (type === Type.F32) return this.add(Op.FConst, type, [], r.pick(F32) | 0);
    if (type === Type.F64) return this.add(Op.FConst, type, [], r.chance(80) ? 0 : 1, r.pick(F64_HIGH) | 0);
    const low = r.chance(85) ? r.pick(I32) : r.int(0x7fffffff);
    return this.add(Op.IConst, type, [], low, type === Type.I64 && r.chance(30) ? r.pick(I32) : low >> 31);
  }

  private value(type: Type): Value {
    const list = this.live[type];
    if (list.length === 0 || this.r.chance(18)) return this.constant(type);
    // The latest values most of the time, so that chains grow.
    const back = this.r.chance(60) ? Math.min(list.length, 4) : list.length;
    return list[list.length - 1 - this.r.int(back)];
  }

  private edge(to: Block, args: readonly Value[]): void {
    const e = this.f.newEdge(to);
    this.f.setEdgeArgs(e, Int32Array.from(args), 0, args.length);
  }

  private branch(op: Op, args: readonly Value[], edges: readonly [Block, readonly Value[]][]): void {
    const first = this.f.numEdges;
    for (const [to, list] of edges) this.edge(to, list);
    this.add(op, Type.None, args, first, edges.length);
  }

  private statements(depth: number): void {
    const count = 1 + this.r.int(8);
    for (let k = 0; k < count && this.budget > 0; k++) this.statement(depth);
  }

  private statement(depth: number): void {
    this.budget--;
    const { r } = this;
    const kind = r.chance(this.memoryBias) ? 42 + r.int(24) : r.int(100);
    if (kind < 42) this.arithmetic();
    else if (kind < 58) this.memory();
    else if (kind < 66) this.instance();
    else if (kind < 70) this.call();
    else if (kind < 73 && r.chance(25)) this.add(Op.TrapIf, Type.None, [this.condition()], 20 + r.int(2));
    else if (kind < 79) this.select();
    else if (depth < 4 && kind < 90) this.branchOut(depth);
    else if (depth < 3 && kind < 97) this.loop(depth);
    else if (depth < 3) this.table(depth);
  }

  private condition(): Value {
    const { r } = this;
    const type = r.pick([Type.I32, Type.I32, Type.I64, Type.F32, Type.F64]);
    if (r.chance(25)) return this.value(Type.I32);
    if (type === Type.F32 || type === Type.F64) {
      return this.add(Op.FCmp, Type.I32, [this.value(type), this.value(type)], r.int(6));
    }
    return this.add(
      Op.ICmp,
      Type.I32,
      [this.value(type), this.value(type)],
      r.chance(40) ? r.int(2) : r.int(10),
    );
  }

  private arithmetic(): void {
    const { r } = this;
    const type = r.pick(SCALARS);
    if (r.chance(15)) return this.conversion();
    if (r.chance(10)) {
      this.condition();
      return;
    }
    if (type === Type.I32 || type === Type.I64) {
      if (r.chance(15)) this.add(r.pick(INT1), type, [this.value(type)]);
      else if (r.chance(8)) this.divide(type);
      else
        this.add(r.pick(INT2), type, [
          this.value(type),
          r.chance(45) ? this.constant(type) : this.value(type),
        ]);
    } else if (r.chance(35)) this.add(r.pick(FLOAT1), type, [this.value(type)]);
    else this.add(r.pick(FLOAT2), type, [this.value(type), this.value(type)]);
  }

  /** Mostly by a constant, powers of two above all, as zero ends the run. */
  private divide(type: Type): void {
    const { r } = this;
    const low = r.pick([1, 2, 4, 8, 64, 1024, 3, 7, -1, -4, -0x80000000]);
    const wide = type === Type.I64 && r.chance(40);
    const by = r.chance(6)
      ? this.value(type)
      : this.add(Op.IConst, type, [], wide ? 0 : low, wide ? 1 << r.int(32) : low >> 31);
    this.add(r.pick([Op.SDiv, Op.UDiv, Op.SRem, Op.URem]), type, [this.value(type), by]);
  }

  private conversion(): void {
    const { r } = this;
    const int = r.pick([Type.I32, Type.I64]);
    const float = r.pick([Type.F32, Type.F64]);
    switch (r.int(9)) {
      case 0:
        this.add(Op.Wrap, Type.I32, [this.value(Type.I64)]);
        break;
      case 1:
        this.add(r.pick([Op.SExt, Op.ZExt]), Type.I64, [this.value(Type.I32)]);
        break;
      case 2:
        this.add(Op.SExt32, Type.I64, [this.value(Type.I64)]);
        break;
      case 3:
        this.add(r.chance(8) ? r.pick([Op.TruncS, Op.TruncU]) : r.pick([Op.TruncSatS, Op.TruncSatU]), int, [
          this.value(float),
        ]);
        break;
      case 4:
        this.add(r.pick([Op.ConvertS, Op.ConvertU]), float, [this.value(int)]);
        break;
      case 5:
        this.add(Op.Demote, Type.F32, [this.value(Type.F64)]);
        break;
      case 6:
        this.add(Op.Promote, Type.F64, [this.value(Type.F32)]);
        break;
      case 7:
        this.add(Op.Bitcast, float, [this.value(float === Type.F32 ? Type.I32 : Type.I64)]);
        break;
      default:
        this.add(Op.Bitcast, int, [this.value(int === Type.I32 ? Type.F32 : Type.F64)]);
    }
  }

  private select(): void {
    const type = this.r.pick(SCALARS);
    this.add(Op.Select, type, [this.condition(), this.value(type), this.value(type)]);
  }

  private access(type: Type): Access {
    if (type === Type.F32 || type === Type.F64 || this.r.chance(50)) return Access.Full;
    return this.r.int(type === Type.I32 ? 5 : 7);
  }

  /** An address that is usually in bounds: masked, constant, or a masked value plus a constant; often an old one. */
  private address(): Value {
    const { r } = this;
    if (this.addresses.length > 0 && r.chance(80))
      return this.addresses[this.addresses.length - 1 - r.int(Math.min(2, this.addresses.length))];
    const v = this.newAddress();
    this.addresses.push(v);
    return v;
  }

  private newAddress(): Value {
    const { r } = this;
    if (r.chance(25))
      return this.add(Op.IConst, Type.I32, [], r.chance(4) ? 116 : r.pick([0, 4, 8, 80, 88, 92]));
    const mask = this.add(Op.IConst, Type.I32, [], r.chance(6) ? 127 : r.pick([63, 63, 31, 56]));
    const masked = this.add(Op.And, Type.I32, [this.value(Type.I32), mask]);
    if (r.chance(60)) return masked;
    const k = this.add(Op.IConst, Type.I32, [], r.chance(6) ? -4 : r.pick([4, 8, 16]));
    return this.add(Op.IAdd, Type.I32, [masked, k]);
  }

  private memory(): void {
    const { r } = this;
    const type = r.pick(SCALARS);
    const imm = memImm(this.access(type), type);
    const offset = r.pick(r.chance(1) ? [-4] : [0, 0, 0, 1, 2, 4, 4, 8, 8, 12, 24]);
    const native = r.chance(8);
    if (native) {
      const base = this.add(Op.MemBase, Type.I64, []);
      const at = r.pick([0, 4, 8, 16]);
      if (r.chance(60)) this.add(Op.NLoad, type, [base], imm, at, Region.Memory);
      else this.add(Op.NStore, Type.None, [base, this.value(type)], imm, at, Region.Memory);
      return;
    }
    if (r.chance(55)) this.add(Op.Load, type, [this.address()], imm, offset, Region.Memory);
    else this.add(Op.Store, Type.None, [this.address(), this.value(type)], imm, offset, Region.Memory);
  }

  private instance(): void {
    const { r } = this;
    const type = r.pick([Type.I32, Type.I64, Type.F64]);
    const global = r.int(GLOBALS);
    const region = Region.Global | (global << Region.IndexShift);
    const imm = memImm(Access.Full, type);
    switch (r.int(6)) {
      case 0:
        this.add(Op.CtxLoad, type, [], imm, CONST_OFFSET + 8 * r.int(3), Region.Const);
        break;
      case 1: {
        const base = this.add(Op.CtxAddr, Type.I64, [], 0, 0);
        if (r.chance(50)) this.add(Op.NLoad, type, [base], imm, 8 * global, region);
        else this.add(Op.NStore, Type.None, [base, this.value(type)], imm, 8 * global, region);
        break;
      }
      case 2:
      case 3:
        this.add(Op.CtxLoad, type, [], imm, 8 * global, region);
        break;
      default:
        this.add(Op.CtxStore, Type.None, [this.value(type)], imm, 8 * global, region);
    }
  }

  private call(): void {
    const { r } = this;
    const callee = r.int(5);
    switch (r.int(3)) {
      case 0:
        this.add(Op.Call, Type.I32, [this.value(Type.I32), this.value(Type.I64)], callee, 0, 1);
        break;
      case 1: {
        const v = this.add(Op.Call, Type.None, [this.value(Type.I32)], callee, 0, 2);
        this.add(Op.Proj, Type.I32, [v], 0);
        this.add(Op.Proj, Type.F32, [v], 1);
        break;
      }
      default:
        this.add(Op.Call, Type.None, [this.value(Type.F64)], callee, 0, 3);
    }
  }

  /** Runs `body` with the values at hand; what it adds is forgotten. */
  private scoped(body: () => void): void {
    const marks = this.live.map((list) => list.length);
    const addresses = this.addresses.length;
    body();
    this.addresses.length = addresses;
    this.live.forEach((list, t) => (list.length = marks[t]));
  }

  /** One way of a branch: statements, then a jump to the join, or (seldom) an end of its own. */
  private way(b: Block, join: Block, types: readonly Type[], depth: number): void {
    this.scoped(() => {
      this.enter(b);
      if (this.r.chance(70)) this.statements(depth + 1);
      if (this.r.chance(4)) this.add(Op.Unreachable, Type.None, [], 30);
      else if (this.r.chance(4)) this.finish();
      else this.branch(Op.Jump, [], [[join, types.map((t) => this.value(t))]]);
    });
  }

  private branchOut(depth: number): void {
    const { r } = this;
    const types = Array.from({ length: r.int(3) }, () => r.pick(SCALARS));
    const cond = this.condition();
    const yes = this.newBlock([]);
    const join = this.newBlock(types);
    const no = r.chance(60) ? this.newBlock([]) : join;
    const args = no === join ? types.map((t) => this.value(t)) : [];
    this.branch(
      Op.BrIf,
      [cond],
      r.chance(50)
        ? [
            [yes, []],
            [no, args],
          ]
        : [
            [no, args],
            [yes, []],
          ],
    );
    this.way(yes, join, types, depth);
    if (no !== join) this.way(no, join, types, depth);
    this.enter(join);
  }

  private table(depth: number): void {
    const { r } = this;
    const types = [r.pick(SCALARS)];
    const index = this.value(Type.I32);
    const ways = Array.from({ length: 1 + r.int(3) }, () => this.newBlock([]));
    const join = this.newBlock(types);
    const edges: [Block, Value[]][] = ways.map((b) => [b, []]);
    if (r.chance(50)) edges.splice(r.int(edges.length + 1), 0, [join, [this.value(types[0])]]);
    if (r.chance(50)) edges.push(edges[0]);
    this.branch(Op.BrTable, [index], edges);
    for (const b of ways) this.way(b, join, types, depth);
    this.enter(join);
  }

  /** do { ... } while (--counter != 0), or with the test at the top. */
  private loop(depth: number): void {
    const { r } = this;
    const carried = Array.from({ length: r.int(3) }, () => r.pick(SCALARS));
    const types = [Type.I32, ...carried];
    const trips = this.add(Op.IConst, Type.I32, [], 1 + r.int(3));
    const header = this.newBlock(types);
    const exit = this.newBlock(carried);
    this.branch(Op.Jump, [], [[header, [trips, ...carried.map((t) => this.value(t))]]]);
    this.scoped(() => {
      this.enter(header);
      const counter = this.f.param(header, 0);
      // The counter is for the loop alone: nothing else may change its course.
      if (r.chance(30)) {
        const zero = this.add(Op.IConst, Type.I32, [], 0);
        const more = this.add(Op.ICmp, Type.I32, [counter, zero], 1);
        const body = this.newBlock([]);
        this.branch(
          Op.BrIf,
          [more],
          [
            [body, []],
            [exit, carried.map((t) => this.value(t))],
          ],
        );
        this.enter(body);
      }
      this.statements(depth + 1);
      if (r.chance(30)) {
        const stay = this.newBlock([]);
        this.branch(
          Op.BrIf,
          [this.condition()],
          [
            [exit, carried.map((t) => this.value(t))],
            [stay, []],
          ],
        );
        this.enter(stay);
      }
      const minus = this.add(Op.IConst, Type.I32, [], -1);
      const left = this.add(Op.IAdd, Type.I32, [counter, minus]);
      const zero = this.add(Op.IConst, Type.I32, [], 0);
      const more = this.add(Op.ICmp, Type.I32, [left, zero], 6);
      this.branch(
        Op.BrIf,
        [more],
        [
          [header, [left, ...carried.map((t) => this.value(t))]],
          [exit, carried.map((t) => this.value(t))],
        ],
      );
    });
    this.enter(exit);
  }

  private finish(): void {
    this.add(Op.Return, Type.None, [this.value(Type.I32), this.value(Type.I64), this.value(Type.F64)]);
  }
}

/** A random function of about `size` statements, with its signatures. */
export function randomFunc(seed: number, size: number): { f: Func; sigs: Signatures } {
  const g = new Generator(new Random(seed), size);
  return { f: g.build(), sigs: g.sigs };
}

/** What a run shows: the outcome, the memory and instance behind it, and what each call saw. */
export interface Observation {
  readonly outcome: Outcome;
  readonly memory: string;
  readonly instance: string;
  readonly calls: readonly string[];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Runs `f` in a fresh world made from `seed`. */
export function observe(f: Func, seed: number): Observation {
  const r = new Random(seed);
  const calls: string[] = [];
  const bits = (n: number): bigint =>
    BigInt.asUintN(n, (BigInt(r.pick(I32)) << BigInt(r.int(2) * 32)) + BigInt(r.pick(I32)));
  const env: Environment = {
    memory: Uint8Array.from({ length: MEMORY_BYTES }, () => r.int(256)),
    instance: Uint8Array.from({ length: 96 }, () => r.int(256)),
    instanceBias: 0,
    call(op, imm, aux, args) {
      calls.push(`${op} ${imm} ${aux} (${args.join(', ')}) ${hex(env.memory)} ${hex(env.instance)}`);
      const mix = new Random(calls.length * 7919 + imm);
      if (imm === CALL_TRAP && mix.chance(30)) throw new Trap(77);
      if (imm === CALL_GROW) {
        const grown = new Uint8Array(env.memory.length + 8);
        grown.set(env.memory);
        env.memory = grown;
      }
      if (imm >= 1) {
        env.memory[mix.int(env.memory.length)] = mix.int(256);
        env.instance[mix.int(CONST_OFFSET)] = mix.int(256);
      }
      return [BigInt(mix.pick(I32) >>> 0), BigInt(mix.pick(F32))];
    },
  };
  const args = [bits(32), bits(64), BigInt(r.pick(F32)), BigInt(r.pick(F64_HIGH)) << 32n];
  const outcome = interpret(f, env, args, 20_000);
  return { outcome, memory: hex(env.memory), instance: hex(env.instance), calls };
}
