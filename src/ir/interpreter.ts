// Executes a function of the IR: the reference that separates mistakes of the optimiser from mistakes of a back end.
// For tests only, so it is written for clarity (BigInt, one object a call).
//
// Input: a verified Func, arguments, an Environment. Output: returned values, or the kind of trap, or the news that
// the step limit was reached. Values are bit patterns: unsigned bigints of the type's width. Arithmetic gives the
// canonical NaN (positive, quiet, no payload); moves, loads, stores, fneg, fabs and fcopysign keep every bit
// (specification 4.3.3). Load and Store touch memory 0; native pointers live in one made-up address space (Space).
import type { Func } from './func.ts';
import { NONE } from './func.ts';
import { Effect, memAccess, memType, Op, OP_EFFECTS, OPS } from './opcodes.ts';
import { Access, accessBytes, FloatCC, IntCC, Type, TYPE_BYTES } from './types.ts';

/** Kinds of traps that no immediate names; TrapIf and Unreachable trap with their own kind, which is not negative. */
export const enum ImplicitTrap {
  OutOfBounds = -1,
  DivideByZero = -2,
  IntegerOverflow = -3,
  InvalidConversion = -4,
}

/** Where the made-up native addresses lie. */
export const Space = {
  memory: 1n << 40n,
  instance: 2n << 40n,
  code: 3n << 40n,
} as const;

/** The world around a function; the byte arrays are written to. */
export interface Environment {
  /** Memory 0; may be replaced (grown) by a call. */
  memory: Uint8Array;
  /** The instance, offset 0 at index `instanceBias`, as offsets may be negative. */
  instance: Uint8Array;
  readonly instanceBias: number;
  /** Any call: its operation, imm, aux and arguments; the results, or a Trap thrown. */
  call(op: Op, imm: number, aux: number, args: readonly bigint[]): bigint[];
}

/** Thrown by operations and by Environment.call. */
export class Trap extends Error {
  constructor(readonly kind: number) {
    super(`trap ${kind}`);
  }
}

export type Outcome =
  | { readonly kind: 'return'; readonly values: bigint[] }
  | { readonly kind: 'trap'; readonly trap: number }
  | { readonly kind: 'steps' };

const view = new DataView(new ArrayBuffer(16));
const width = (type: number): number => TYPE_BYTES[type] * 8;
const u = (type: number, x: bigint): bigint => BigInt.asUintN(width(type), x);
const s = (type: number, x: bigint): bigint => BigInt.asIntN(width(type), x);

/** The number that float bits stand for. */
function toFloat(type: number, bits: bigint): number {
  if (type === Type.F32) {
    view.setUint32(0, Number(bits));
    return view.getFloat32(0);
  }
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

/** Bits of a float; every NaN becomes the canonical one. */
export function fromFloat(type: number, x: number): bigint {
  if (Number.isNaN(x)) return type === Type.F32 ? 0x7fc00000n : 0x7ff8000000000000n;
  if (type === Type.F32) {
    view.setFloat32(0, x);
    return BigInt(view.getUint32(0));
  }
  view.setFloat64(0, x);
  return view.getBigUint64(0);
}

function nearest(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const floor = Math.floor(x);
  const up = x - floor > 0.5 || (x - floor === 0.5 && floor % 2 !== 0);
  const rounded = up ? floor + 1 : floor;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

/** Correctly rounded float of an exact integer below 2^64. */
function convert(type: number, x: bigint): bigint {
  if (type === Type.F64) return fromFloat(type, Number(x));
  // Keep the bits that fit an f64 and make the lowest of them sticky: then only one rounding happens.
  const magnitude = x < 0n ? -x : x;
  const low = magnitude & 0x7ffn;
  const sticky =
    magnitude >> 53n === 0n
      ? magnitude
      : magnitude - low + (low !== 0n ? 0x800n : 0n) * (1n - ((magnitude >> 11n) & 1n));
  return fromFloat(type, Math.fround(Number(x < 0n ? -sticky : sticky)));
}

function truncate(op: number, type: number, x: number): bigint {
  const signed = op === Op.TruncS || op === Op.TruncSatS;
  const saturates = op === Op.TruncSatS || op === Op.TruncSatU;
  const bits = BigInt(width(type));
  const min = signed ? -(1n << (bits - 1n)) : 0n;
  const max = signed ? (1n << (bits - 1n)) - 1n : (1n << bits) - 1n;
  if (Number.isNaN(x)) {
    if (saturates) return 0n;
    throw new Trap(ImplicitTrap.InvalidConversion);
  }
  const exact = Number.isFinite(x) ? BigInt(Math.trunc(x)) : x > 0 ? max + 1n : min - 1n;
  if (exact >= min && exact <= max) return u(type, exact);
  if (saturates) return u(type, exact < min ? min : max);
  throw new Trap(ImplicitTrap.IntegerOverflow);
}

function intCompare(cc: number, type: number, a: bigint, b: bigint): boolean {
  const x = s(type, a);
  const y = s(type, b);
  switch (cc) {
    case IntCC.Eq:
      return a === b;
    case IntCC.Ne:
      return a !== b;
    case IntCC.LtS:
      return x < y;
    case IntCC.GeS:
      return x >= y;
    case IntCC.LtU:
      return a < b;
    case IntCC.GeU:
      return a >= b;
    case IntCC.GtS:
      return x > y;
    case IntCC.LeS:
      return x <= y;
    case IntCC.GtU:
      return a > b;
    default:
      return a <= b;
  }
}

function floatCompare(cc: number, a: number, b: number): boolean {
  switch (cc) {
    case FloatCC.Eq:
      return a === b;
    case FloatCC.Ne:
      return a !== b;
    case FloatCC.Lt:
      return a < b;
    case FloatCC.Gt:
      return a > b;
    case FloatCC.Le:
      return a <= b;
    default:
      return a >= b;
  }
}

function divide(op: number, t: number, a: bigint, b: bigint): bigint {
  if (b === 0n) throw new Trap(ImplicitTrap.DivideByZero);
  switch (op) {
    case Op.UDiv:
      return a / b;
    case Op.URem:
      return a % b;
    case Op.SRem:
      return u(t, s(t, a) % s(t, b));
    default: {
      const q = s(t, a) / s(t, b);
      if (q !== s(t, q)) throw new Trap(ImplicitTrap.IntegerOverflow);
      return u(t, q);
    }
  }
}

/** Integer operations of one type. */
function integer(op: number, t: number, a: bigint, b: bigint): bigint {
  const n = BigInt(width(t));
  const k = b % n;
  switch (op) {
    case Op.IAdd:
      return u(t, a + b);
    case Op.ISub:
      return u(t, a - b);
    case Op.IMul:
      return u(t, a * b);
    case Op.And:
      return a & b;
    case Op.Or:
      return a | b;
    case Op.Xor:
      return a ^ b;
    case Op.Shl:
      return u(t, a << k);
    case Op.SShr:
      return u(t, s(t, a) >> k);
    case Op.UShr:
      return a >> k;
    case Op.Rotl:
      return u(t, (a << k) | (a >> (n - k)));
    case Op.Rotr:
      return u(t, (a >> k) | (a << (n - k)));
    default:
      return divide(op, t, a, b);
  }
}

function float(op: number, t: number, a: bigint, b: bigint): bigint {
  const sign = 1n << BigInt(width(t) - 1);
  if (op === Op.FNeg) return a ^ sign;
  if (op === Op.FAbs) return a & ~sign;
  if (op === Op.FCopysign) return (a & ~sign) | (b & sign);
  const x = toFloat(t, a);
  const y = toFloat(t, b);
  return fromFloat(t, t === Type.F32 ? Math.fround(arithmetic(op, x, y)) : arithmetic(op, x, y));
}

function arithmetic(op: number, x: number, y: number): number {
  switch (op) {
    case Op.FAdd:
      return x + y;
    case Op.FSub:
      return x - y;
    case Op.FMul:
      return x * y;
    case Op.FDiv:
      return x / y;
    case Op.FMin:
      return Math.min(x, y);
    case Op.FMax:
      return Math.max(x, y);
    case Op.FSqrt:
      return Math.sqrt(x);
    case Op.FCeil:
      return Math.ceil(x);
    case Op.FFloor:
      return Math.floor(x);
    case Op.FTrunc:
      return Math.trunc(x);
    case Op.FNearest:
      return nearest(x);
    default:
      throw new Error(`no float operation: ${OPS[op].name}`);
  }
}

const extend = (t: number, bits: number, x: bigint): bigint => u(t, BigInt.asIntN(bits, x));

/**
 * The result of an operation without effects (traps aside, which throw): `t` is the type of the result, `from` that
 * of the first operand, `imm` the condition of comparisons.
 */
export function evaluate(op: number, t: number, from: number, imm: number, args: readonly bigint[]): bigint {
  const a = args[0];
  const b = args[1] ?? 0n;
  if (op >= Op.IAdd && op <= Op.Rotr) return integer(op, t, a, b);
  if (op >= Op.FAdd && op <= Op.FNearest) return float(op, t, a, b);
  switch (op) {
    case Op.Clz:
      return BigInt(a === 0n ? width(t) : width(t) - a.toString(2).length);
    case Op.Ctz:
      return BigInt(a === 0n ? width(t) : a.toString(2).length - 1 - a.toString(2).lastIndexOf('1'));
    case Op.Popcnt:
      return BigInt(a.toString(2).split('1').length - 1);
    case Op.ICmp:
      return intCompare(imm, from, a, b) ? 1n : 0n;
    case Op.FCmp:
      return floatCompare(imm, toFloat(from, a), toFloat(from, b)) ? 1n : 0n;
    case Op.Wrap:
      return u(Type.I32, a);
    case Op.SExt:
      return extend(t, 32, a);
    case Op.ZExt:
      return a;
    case Op.SExt8:
      return extend(t, 8, a);
    case Op.SExt16:
      return extend(t, 16, a);
    case Op.SExt32:
      return extend(t, 32, a);
    case Op.TruncS:
    case Op.TruncU:
    case Op.TruncSatS:
    case Op.TruncSatU:
      return truncate(op, t, toFloat(from, a));
    case Op.ConvertS:
      return convert(t, s(from, a));
    case Op.ConvertU:
      return convert(t, a);
    case Op.Demote:
      return fromFloat(t, Math.fround(toFloat(from, a)));
    case Op.Promote:
      return fromFloat(t, toFloat(from, a));
    case Op.Bitcast:
      return a;
    case Op.Select:
      return a !== 0n ? args[1] : args[2];
    default:
      throw new Error(`no value operation: ${OPS[op].name}`);
  }
}

const NARROW_BITS: readonly number[] = [0, 8, 8, 16, 16, 32, 32];

function readBytes(bytes: Uint8Array, at: number, access: number, type: number): bigint {
  let x = 0n;
  for (let i = accessBytes(access, type) - 1; i >= 0; i--) x = (x << 8n) | BigInt(bytes[at + i]);
  const isSigned = access === Access.S8 || access === Access.S16 || access === Access.S32;
  return isSigned ? extend(type, NARROW_BITS[access], x) : x;
}

function writeBytes(bytes: Uint8Array, at: number, access: number, type: number, value: bigint): void {
  const count = accessBytes(access, type);
  for (let i = 0; i < count; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
}

class Frame {
  private readonly values: bigint[];

  constructor(
    private readonly f: Func,
    private readonly env: Environment,
  ) {
    this.values = new Array<bigint>(f.numInsts).fill(0n);
  }

  run(args: readonly bigint[], maxSteps: number): Outcome {
    const { f, values } = this;
    args.forEach((a, k) => (values[f.param(0, k)] = a));
    let inst = f.blockFirst[0];
    for (let steps = 0; steps < maxSteps; steps++) {
      const op = f.op[inst];
      if (op === Op.Return) return { kind: 'return', values: this.args(inst) };
      if ((OP_EFFECTS[op] & Effect.Terminator) === 0) {
        this.step(inst, op);
        inst = f.next[inst];
      } else if ((OP_EFFECTS[op] & Effect.Call) !== 0) {
        return { kind: 'return', values: this.env.call(op, f.imm[inst], f.aux[inst], this.args(inst)) };
      } else {
        inst = f.blockFirst[this.branch(inst, op)];
      }
    }
    return { kind: 'steps' };
  }

  private args(inst: number): bigint[] {
    return Array.from({ length: this.f.argCount[inst] }, (_, k) => this.values[this.f.arg(inst, k)]);
  }

  private branch(inst: number, op: number): number {
    const { f, values } = this;
    if (op === Op.Unreachable) throw new Trap(f.imm[inst]);
    const index = op === Op.Jump ? 0n : values[f.arg(inst, 0)];
    const last = f.imm2[inst] - 1;
    const k = op === Op.BrIf ? (index !== 0n ? 0 : 1) : index < BigInt(last) ? Number(index) : last;
    const edge = f.imm[inst] + k;
    const to = f.edgeTo[edge];
    const moved = Array.from({ length: f.edgeArgCount[edge] }, (_, i) => values[f.edgeArg(edge, i)]);
    moved.forEach((v, i) => (values[f.param(to, i)] = v));
    return to;
  }

  private step(inst: number, op: number): void {
    const { f, values, env } = this;
    switch (op) {
      case Op.Proj:
        return;
      case Op.IConst:
      case Op.FConst:
        values[inst] = u(f.type[inst], (BigInt(f.imm2[inst]) << 32n) | BigInt(f.imm[inst] >>> 0));
        return;
      case Op.VConst: {
        let x = 0n;
        for (let i = 3; i >= 0; i--) x = (x << 32n) | BigInt(f.v128.data[f.imm[inst] * 4 + i] >>> 0);
        values[inst] = x;
        return;
      }
      case Op.CtxAddr:
        values[inst] = Space.instance + BigInt(f.imm2[inst]);
        return;
      case Op.MemBase:
        values[inst] = Space.memory;
        return;
      case Op.CodeBase:
        values[inst] = Space.code;
        return;
      case Op.TrapIf:
        if (values[f.arg(inst, 0)] !== 0n) throw new Trap(f.imm[inst]);
        return;
      case Op.Load:
      case Op.Store:
        return this.access(inst, env.memory, values[f.arg(inst, 0)] + BigInt(f.imm2[inst] >>> 0));
      case Op.NLoad:
      case Op.NStore:
        return this.native(inst, values[f.arg(inst, 0)] + BigInt(f.imm2[inst]));
      case Op.CtxLoad:
      case Op.CtxStore:
        return this.access(inst, env.instance, BigInt(f.imm2[inst] + env.instanceBias));
      default:
        if ((OP_EFFECTS[op] & Effect.Call) !== 0) return this.call(inst, op);
        values[inst] = evaluate(op, f.type[inst], f.type[f.arg(inst, 0)], f.imm[inst], this.args(inst));
    }
  }

  private native(inst: number, address: bigint): void {
    const { env } = this;
    const bias = BigInt(env.instanceBias);
    if (address >= Space.instance - bias) this.access(inst, env.instance, address - Space.instance + bias);
    else this.access(inst, env.memory, address - Space.memory);
  }

  private access(inst: number, bytes: Uint8Array, at: bigint): void {
    const { f, values } = this;
    const access = memAccess(f.imm[inst]);
    const type = memType(f.imm[inst]);
    if (at < 0n || at + BigInt(accessBytes(access, type)) > BigInt(bytes.length)) {
      throw new Trap(ImplicitTrap.OutOfBounds);
    }
    if ((OP_EFFECTS[f.op[inst]] & Effect.Write) === 0)
      values[inst] = readBytes(bytes, Number(at), access, type);
    else writeBytes(bytes, Number(at), access, type, values[f.arg(inst, f.argCount[inst] - 1)]);
  }

  private call(inst: number, op: number): void {
    const { f, values } = this;
    const results = this.env.call(op, f.imm[inst], f.aux[inst], this.args(inst));
    if (f.type[inst] !== Type.None) values[inst] = results[0];
    for (let p = f.next[inst]; p !== NONE && f.op[p] === Op.Proj; p = f.next[p])
      values[p] = results[f.imm[p]];
  }
}

/** Runs a function. Never throws for what the program does. */
export function interpret(f: Func, env: Environment, args: readonly bigint[], maxSteps = 100_000): Outcome {
  try {
    return new Frame(f, env).run(args, maxSteps);
  } catch (error) {
    if (error instanceof Trap) return { kind: 'trap', trap: error.kind };
    throw error;
  }
}
