// What running a module shows, in a form that V8 and compiled code share and that can be compared bit for bit: how
// each call ended, what it logged, and the memories and globals at the end. Also the calls themselves, from a seed.
import { ExternKind, type Module } from '../../src/frontend/module.ts';
import { typeCode } from '../../src/module/type_keys.ts';
import { moduleOf, name, section } from '../frontend/binary.ts';
import { Random } from './random.ts';

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;

/** A value as text: its type code and bits in hexadecimal, `nan` for any NaN, `null` or `ref` for references. */
export type ValueText = string;

export interface Argument {
  readonly type: number;
  /** References are null. */
  readonly bits: bigint;
}

export interface Call {
  readonly name: string;
  readonly args: readonly Argument[];
}

export interface CallOutcome {
  /** '' if the call returned; else the words of its trap class. */
  readonly trap: string;
  readonly results: readonly ValueText[];
}

/** `stopped`: why nothing behind the last call was looked at, '' if everything was. */
export interface Outcome {
  readonly instantiation: string;
  readonly calls: readonly CallOutcome[];
  readonly log: string;
  readonly memories: readonly string[];
  readonly globals: readonly ValueText[];
  readonly stopped: string;
}

export const EXHAUSTED = 'call stack exhausted';
export const TOO_LONG = 'runs too long';

const HANG_LIMIT = 'hangLimitInitializer';

/** What a module exports and what is called, for both sides. */
export interface Plan {
  readonly calls: readonly Call[];
  readonly memories: readonly string[];
  readonly globals: readonly { readonly name: string; readonly type: number }[];
  /** Type codes of results by function name. */
  readonly results: Readonly<Record<string, readonly number[]>>;
}

const INTERESTING = [
  0n,
  1n,
  -1n,
  2n,
  0x7fn,
  0x80n,
  0xffffn,
  0x7fffffffn,
  -0x80000000n,
  0xffffffffn,
  -0x8000000000000000n,
  0x3ff0000000000000n,
  0x3f800000n,
  0xcf000000n,
  0x4f000000n,
  0x41dfffffffc00000n,
  -0x3e20000000000000n,
  0x7f7fffffn,
  0x7fefffffffffffffn,
];

/** Bits of a random value; never a NaN, as V8's numbers do not keep a NaN's payload. */
function randomBits(random: Random, type: number): bigint {
  const width = type === I32 || type === F32 ? 32 : 64;
  for (;;) {
    const raw =
      random.below(2) === 0
        ? random.pick(INTERESTING)
        : (BigInt(random.bits()) << 32n) | BigInt(random.bits());
    const bits = BigInt.asUintN(width, raw);
    if (!isNan(type, bits)) return bits;
  }
}

export function isNan(type: number, bits: bigint): boolean {
  if (type === F32) return (bits & 0x7fffffffn) > 0x7f800000n;
  return type === F64 && (bits & 0x7fffffffffffffffn) > 0x7ff0000000000000n;
}

export function valueText(type: number, bits: bigint): ValueText {
  if (type < F64) return bits === 0n ? 'null' : 'ref';
  return isNan(type, bits) ? `${type.toString(16)}:nan` : `${type.toString(16)}:${bits.toString(16)}`;
}

/** Signature of function `index` as type codes. */
function signature(module: Module, index: number): { params: number[]; results: number[] } {
  const { types } = module;
  const type = module.funcType.data[index];
  const codes = (first: number, count: number): number[] =>
    [...types.pool.data.subarray(first, first + count)].map(typeCode);
  return {
    params: codes(types.first.data[type], types.paramCount.data[type]),
    results: codes(types.firstResult.data[type], types.resultCount.data[type]),
  };
}

/**
 * The calls of a seed: each exported function in order, some of them again with other arguments, the hang limit reset
 * before each. Arguments depend on the function's name alone, so that they stay the same while a module is reduced.
 */
export function planCalls(module: Module, seed: number): Plan {
  const calls: Call[] = [];
  const results: Record<string, readonly number[]> = {};
  const functions = module.exports.filter((entry) => entry.kind === ExternKind.Func);
  const hasLimit = functions.some((entry) => entry.name === HANG_LIMIT);
  for (const entry of functions) {
    const type = signature(module, entry.index);
    results[entry.name] = type.results;
    if (entry.name === HANG_LIMIT) continue;
    const random = new Random([...entry.name].reduce((sum, c) => Math.imul(sum, 31) + c.charCodeAt(0), seed));
    for (let times = type.params.length === 0 ? 2 : 3; times > 0; times--) {
      if (hasLimit) calls.push({ name: HANG_LIMIT, args: [] });
      calls.push({
        name: entry.name,
        args: type.params.map((code) => ({ type: code, bits: code < F64 ? 0n : randomBits(random, code) })),
      });
    }
  }
  return {
    calls,
    results,
    memories: module.exports.filter((entry) => entry.kind === ExternKind.Memory).map((entry) => entry.name),
    globals: module.exports
      .filter((entry) => entry.kind === ExternKind.Global)
      .map((entry) => ({ name: entry.name, type: typeCode(module.globalType.data[entry.index]) })),
  };
}

/** Where two outcomes first differ, as a line; null if they agree as far as both went. */
export function firstDifference(v8: Outcome, ours: Outcome, calls: readonly Call[]): string | null {
  if (v8.instantiation !== ours.instantiation)
    return `instantiation: V8 ${v8.instantiation}, compiled ${ours.instantiation}`;
  const shown = (outcome: CallOutcome): string =>
    outcome.trap === '' ? `(${outcome.results.join(', ')})` : `trap ${outcome.trap}`;
  const common = Math.min(v8.calls.length, ours.calls.length);
  for (let i = 0; i < common; i++) {
    const theirs = shown(v8.calls[i]);
    const own = shown(ours.calls[i]);
    if (theirs === own) continue;
    const args = calls[i].args.map((arg) => valueText(arg.type, arg.bits)).join(', ');
    return `call ${i}, ${calls[i].name}(${args}): V8 ${theirs}, compiled ${own}`;
  }
  if (v8.stopped !== '' || ours.stopped !== '')
    return v8.stopped === ours.stopped
      ? null
      : `V8 ${v8.stopped || 'ends'}, compiled ${ours.stopped || 'ends'}`;
  for (const part of ['log', 'memories', 'globals'] as const)
    if (String(v8[part]) !== String(ours[part]))
      return `${part}: V8 ${String(v8[part])}, compiled ${String(ours[part])}`;
  return null;
}

/** Entries that the log keeps: the last ones; older ones are overwritten. */
const LOG_ENTRIES = 4000;
export const LOG_BYTES = 16 * (LOG_ENTRIES + 1);
export const LOG_MODULE = 'fuzzing-support';

/** The text of the log's memory. */
export function logText(memory: Buffer): string {
  const count = memory.readUInt32LE(0);
  const entries: string[] = [];
  for (let i = Math.max(0, count - LOG_ENTRIES); i < count; i++) {
    const at = 16 * ((i % LOG_ENTRIES) + 1);
    entries.push(valueText(Number(memory.readBigUInt64LE(at)), memory.readBigUInt64LE(at + 8)));
  }
  return `${count} entries: ${entries.join(' ')}`;
}

/**
 * The module that both sides import the logging functions from: log-i32, log-i64, log-f32, log-f64 append a type and
 * bits, 16 bytes an entry, to its memory, whose first word counts them.
 */
export function logModule(): Uint8Array {
  const get = (local: number): number[] => [0x20, local];
  const types = [[0x60, 2, I64, I64, 0], ...[I32, I64, F32, F64].map((type) => [0x60, 1, type, 0])];
  const sleb = (n: number): number[] => (n < 64 ? [n] : [(n & 0x7f) | 0x80, ...sleb(n >> 7)]);
  const entry = [
    // local 2 = 16 * (count % LOG_ENTRIES + 1)
    ...[0x41, 0, 0x28, 2, 0, 0x41, ...sleb(LOG_ENTRIES), 0x70, 0x41, 1, 0x6a, 0x41, 16, 0x6c, 0x21, 2],
    ...[...get(2), ...get(0), 0x37, 3, 0],
    ...[...get(2), ...get(1), 0x37, 3, 8],
    ...[0x41, 0, 0x41, 0, 0x28, 2, 0, 0x41, 1, 0x6a, 0x36, 2, 0, 0x0b],
  ];
  const log = (type: number, ...toBits: number[]): number[] => [
    ...[0x42, ...sleb(type), ...get(0), ...toBits, 0x10, 0, 0x0b],
  ];
  const bodies = [
    [1, 1, I32, ...entry],
    [0, ...log(I32, 0xad)],
    [0, ...log(I64)],
    [0, ...log(F32, 0xbc, 0xad)],
    [0, ...log(F64, 0xbd)],
  ];
  const exports = ['log-i32', 'log-i64', 'log-f32', 'log-f64'].flatMap((text, i) => [
    ...name(text),
    0,
    i + 1,
  ]);
  return moduleOf(
    section(1, [types.length, ...types.flat()]),
    section(3, [5, 0, 1, 2, 3, 4]),
    section(5, [1, 0, 2]),
    section(7, [5, ...exports, ...name('log'), 2, 0]),
    section(10, [bodies.length, ...bodies.flatMap((body) => [body.length, ...body])]),
  );
}
