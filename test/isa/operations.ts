// Every IR operation on every type it has, on edge values, compiled and executed, against the interpreter: with operands
// in registers, constant, and read from memory; comparisons also fused into branches, traps and selections.
import assert from 'node:assert/strict';
import type { Func } from '../../src/ir/func.ts';
import { interpret } from '../../src/ir/interpreter.ts';
import type { Environment, Outcome } from '../../src/ir/interpreter.ts';
import { parseModule } from '../../src/ir/parser.ts';
import { Type, TYPE_BYTES } from '../../src/ir/types.ts';
import { verify } from '../../src/ir/verifier.ts';
import { allocateBundles } from '../../src/regalloc/bundles.ts';
import type { Allocator } from '../../src/regalloc/door.ts';
import { allocateFast } from '../../src/regalloc/fast.ts';
import { canonical, NativeModule, UNOPTIMIZED } from './native.ts';
import type { NativeCall, NativeIsa, NativeOptions } from './native.ts';
import { foldedOperations } from './folded_operations.ts';
import type { Tested } from './folded_operations.ts';
import { needIsa } from '../support/need.ts';

const I32 = [
  0n,
  1n,
  2n,
  3n,
  7n,
  31n,
  32n,
  33n,
  255n,
  0x7fffn,
  0x8000n,
  0x12345678n,
  0x7fffffffn,
  0x80000000n,
  0x80000001n,
  0xfffffffen,
  0xffffffffn,
  0xaaaaaaaan,
];
const I64 = [
  ...I32,
  63n,
  64n,
  1n << 32n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 63n) + 1n,
  (1n << 64n) - 1n,
  (1n << 64n) - 2n,
  0x123456789abcdef0n,
  (1n << 53n) + 1n,
  0x8000000000000401n,
  0x8000008000000001n,
  0xffffffff80000000n,
  0xffffffff7fffffffn,
];

const view = new DataView(new ArrayBuffer(8));
function f32(x: number): bigint {
  view.setFloat32(0, x);
  return BigInt(view.getUint32(0));
}
function f64(x: number): bigint {
  view.setFloat64(0, x);
  return view.getBigUint64(0);
}
const FLOATS = [
  0,
  -0,
  0.5,
  -0.5,
  0.4999999,
  1,
  -1,
  1.5,
  -1.5,
  2.5,
  -2.5,
  3.7,
  -3.7,
  0.9999999,
  -0.9999999,
  2 ** 23,
  2 ** 23 + 1,
  -(2 ** 23) + 0.5,
  4503599627370497.5,
  2 ** 52,
  2 ** 53,
  1e30,
  -1e30,
  Infinity,
  -Infinity,
  NaN,
  2 ** 31,
  2 ** 31 - 1,
  2147483647.9,
  -(2 ** 31),
  -2147483648.9,
  -2147483649,
  2 ** 32,
  4294967295.5,
  2 ** 63,
  -(2 ** 63),
  2 ** 64,
  9223372036854774784,
  18446744073709549568,
  1e-45,
  1e-310,
  3.4028234663852886e38,
];
const F32 = [
  ...new Set([
    ...FLOATS.map(f32),
    0x7fa00001n,
    0xffc00000n,
    0x4f7fffffn,
    0x5effffffn,
    0x5f7fffffn,
    0xcf000000n,
    0xcf000001n,
    0xdf000001n,
    0xbf7fffffn,
  ]),
];
const F64 = [
  ...new Set([
    ...FLOATS.map(f64),
    0x7ff4000000000001n,
    0xfff8000000000000n,
    f64(-0.9999999999999999),
    f64(4294967295.9999995),
    f64(-9223372036854777856),
  ]),
];

const VALUES: Readonly<Record<number, readonly bigint[]>> = {
  [Type.I32]: I32,
  [Type.I64]: I64,
  [Type.F32]: F32,
  [Type.F64]: F64,
};
const NAMES: Readonly<Record<number, string>> = {
  [Type.I32]: 'i32',
  [Type.I64]: 'i64',
  [Type.F32]: 'f32',
  [Type.F64]: 'f64',
};

const constOp = (type: number): string => (type === Type.F32 || type === Type.F64 ? 'fconst' : 'iconst');

function constText(type: number, bits: bigint): string {
  if (type !== Type.I32) return `0x${bits.toString(16)}`;
  return BigInt.asIntN(TYPE_BYTES[type] * 8, bits).toString();
}

/** Functions that do one operation with operands from different places. */
function unary(op: string, from: number, to: number): Tested[] {
  const [f, t] = [NAMES[from], NAMES[to]];
  return [
    { name: `${t}.${op}.${f}`, params: [from], result: to, body: `v9: ${t} = ${op} v0\nreturn v9` },
    {
      name: `${t}.${op}.${f} memory`,
      params: [from],
      result: to,
      body: `v8: i32 = iconst 8\nstore:${f} v8, v0 +4 memory0\nv10: ${f} = load v8 +4 memory0\nv9: ${t} = ${op} v10\nreturn v9`,
    },
  ];
}

function binary(op: string, from: number, to: number): Tested[] {
  const [f, t] = [NAMES[from], NAMES[to]];
  const list: Tested[] = [
    { name: `${t}.${op}.${f}`, params: [from, from], result: to, body: `v9: ${t} = ${op} v0, v1\nreturn v9` },
    {
      name: `${t}.${op}.${f} same`,
      params: [from, from],
      result: to,
      body: `v9: ${t} = ${op} v0, v0\nreturn v9`,
    },
    {
      name: `${t}.${op}.${f} live`,
      params: [from, from],
      result: from,
      body: `v9: ${t} = ${op} v0, v1\nv8: i32 = iconst 16\nstore:${f} v8, v1 +0 memory0\nstore:${t} v8, v9 +8 memory0\nreturn v0`,
    },
    {
      name: `${t}.${op}.${f} memory right`,
      params: [from, from],
      result: to,
      body: `v8: i32 = iconst 8\nstore:${f} v8, v1 +4 memory0\nv10: ${f} = load v8 +4 memory0\nv9: ${t} = ${op} v0, v10\nreturn v9`,
    },
    {
      name: `${t}.${op}.${f} memory left`,
      params: [from, from],
      result: to,
      body: `v8: i32 = iconst 8\nstore:${f} v8, v0 +4 memory0\nv10: ${f} = load v8 +4 memory0\nv9: ${t} = ${op} v10, v1\nreturn v9`,
    },
  ];
  if (from === to) {
    for (const [k, v] of [
      ['left', 'v10, v1'],
      ['right', 'v1, v10'],
    ]) {
      list.push({
        name: `${t}.${op}.${f} modify ${k}`,
        params: [from, from],
        result: to,
        body: `v8: i32 = iconst 8\nstore:${f} v8, v0 +4 memory0\nv10: ${f} = load v8 +4 memory0\nv9: ${t} = ${op} ${v}\nstore:${t} v8, v9 +4 memory0\nv11: ${t} = load v8 +4 memory0\nreturn v11`,
      });
    }
  }
  // A float constant is only another place for the operand; integer constants have rules of their own.
  for (const c of VALUES[from].filter((_, k) => from === Type.I32 || from === Type.I64 || k % 9 === 0)) {
    const k = constText(from, c);
    list.push({
      name: `${t}.${op}.${f} by ${k}`,
      params: [from],
      result: to,
      body: `v8: ${f} = ${constOp(from)} ${k}\nv9: ${t} = ${op} v0, v8\nreturn v9`,
    });
    list.push({
      name: `${t}.${op}.${f} of ${k}`,
      params: [from],
      result: to,
      body: `v8: ${f} = ${constOp(from)} ${k}\nv9: ${t} = ${op} v8, v0\nreturn v9`,
    });
  }
  return list;
}

/** A comparison used as value, negated, in a branch, in a trap, in selections of each type. */
function comparison(op: string, from: number): Tested[] {
  const f = NAMES[from];
  const cmp = `v9: i32 = ${op} v0, v1\n`;
  const not = `${cmp}v10: i32 = iconst 0\nv11: i32 = icmp eq v9, v10\n`;
  const params = [from, from];
  const list: Tested[] = [...binary(op, from, Type.I32)];
  const add = (name: string, result: number, body: string): void => {
    list.push({ name: `${op}.${f} ${name}`, params, result, body });
  };
  add('not', Type.I32, `${not}return v11`);
  for (const [name, head, cond] of [
    ['branch', cmp, 'v9'],
    ['branch not', not, 'v11'],
  ]) {
    add(
      name,
      Type.I32,
      `${head}brif ${cond}, block1, block2\nblock1:\nv12: i32 = iconst 11\nreturn v12\nblock2:\nv13: i32 = iconst 22\nreturn v13`,
    );
    add(
      `${name} args`,
      Type.I32,
      `${head}v12: i32 = iconst 11\nv13: i32 = iconst 22\nbrif ${cond}, block1(v12), block1(v13)\nblock1(v14: i32):\nreturn v14`,
    );
  }
  add('trap', Type.I32, `${cmp}trapif v9 trap 5\nv12: i32 = iconst 3\nreturn v12`);
  add('trap not', Type.I32, `${not}trapif v11 trap 5\nv12: i32 = iconst 3\nreturn v12`);
  for (const type of [Type.I32, Type.I64, Type.F32, Type.F64]) {
    const t = NAMES[type];
    const values = `v12: ${t} = ${constOp(type)} ${constText(type, VALUES[type][5])}\nv13: ${t} = ${constOp(type)} ${constText(type, VALUES[type][8])}\n`;
    add(`select ${t}`, type, `${cmp}${values}v14: ${t} = select v9, v12, v13\nreturn v14`);
    add(`select not ${t}`, type, `${not}${values}v14: ${t} = select v11, v12, v13\nreturn v14`);
  }
  add('select operand', from, `${cmp}v14: ${f} = select v9, v0, v1\nreturn v14`);
  return list;
}

/** Bytes and half words from memory against constants, in branches, by themselves and masked. */
function narrowLoads(): Tested[] {
  const list: Tested[] = [];
  const branch = (cond: string): string =>
    `brif ${cond}, block1, block2\nblock1:\nv12: i32 = iconst 11\nreturn v12\nblock2:\nv13: i32 = iconst 22\nreturn v13`;
  for (const access of ['u8', 's8', 'u16', 's16'])
    for (const t of ['i32', 'i64'])
      for (const offset of access.endsWith('8') ? [0, 3] : [2]) {
        const load = `v8: i32 = iconst 8\nstore:i32 v8, v0 +4 memory0\nv10: ${t} = load.${access} v8 +${4 + offset} memory0\n`;
        const add = (name: string, body: string): void => {
          list.push({
            name: `${t}.load.${access}+${offset} ${name}`,
            params: [Type.I32],
            result: Type.I32,
            body: load + body,
          });
        };
        if (t === 'i32') add('branch', branch('v10'));
        for (const k of [0, 1, 18, 127, 128, 144, 255, 256, 0x7fff, 0x8000, -1, -86, -128, -129]) {
          const constant = `v9: ${t} = iconst ${t === 'i32' ? k : `0x${BigInt.asUintN(64, BigInt(k)).toString(16)}`}\n`;
          for (const cc of ['eq', 'ne', 'lt_s', 'ge_s', 'lt_u', 'ge_u', 'gt_s', 'le_s', 'gt_u', 'le_u']) {
            add(`${cc} ${k}`, `${constant}v11: i32 = icmp ${cc} v10, v9\n${branch('v11')}`);
            const masked = `${constant}v14: ${t} = and v10, v9\nv15: ${t} = iconst ${t === 'i32' ? '0' : '0x0'}\n`;
            add(`and ${k} ${cc} 0`, `${masked}v11: i32 = icmp ${cc} v14, v15\n${branch('v11')}`);
          }
          if (t === 'i32') add(`and ${k}`, `${constant}v14: i32 = and v10, v9\n${branch('v14')}`);
        }
      }
  return list;
}

function allTests(): Tested[] {
  const ints = [Type.I32, Type.I64];
  const floats = [Type.F32, Type.F64];
  const list: Tested[] = [];
  for (const t of ints) {
    for (const op of [
      'iadd',
      'isub',
      'imul',
      'sdiv',
      'udiv',
      'srem',
      'urem',
      'and',
      'or',
      'xor',
      'shl',
      'sshr',
      'ushr',
      'rotl',
      'rotr',
    ])
      list.push(...binary(op, t, t));
    for (const op of ['clz', 'ctz', 'popcnt', 'sext8', 'sext16']) list.push(...unary(op, t, t));
    for (const cc of ['eq', 'ne', 'lt_s', 'ge_s', 'lt_u', 'ge_u', 'gt_s', 'le_s', 'gt_u', 'le_u'])
      list.push(...comparison(`icmp ${cc}`, t));
    for (const f of floats) {
      for (const op of ['trunc_s', 'trunc_u', 'trunc_sat_s', 'trunc_sat_u']) list.push(...unary(op, f, t));
      for (const op of ['convert_s', 'convert_u']) list.push(...unary(op, t, f));
    }
  }
  list.push(...unary('sext32', Type.I64, Type.I64), ...unary('wrap', Type.I64, Type.I32));
  list.push(...unary('sext', Type.I32, Type.I64), ...unary('zext', Type.I32, Type.I64));
  for (const t of floats) {
    for (const op of ['fadd', 'fsub', 'fmul', 'fdiv', 'fmin', 'fmax', 'fcopysign'])
      list.push(...binary(op, t, t));
    for (const op of ['fabs', 'fneg', 'fsqrt', 'fceil', 'ffloor', 'ftrunc', 'fnearest'])
      list.push(...unary(op, t, t));
    for (const cc of ['eq', 'ne', 'lt', 'gt', 'le', 'ge']) list.push(...comparison(`fcmp ${cc}`, t));
  }
  list.push(...unary('demote', Type.F64, Type.F32), ...unary('promote', Type.F32, Type.F64));
  list.push(...unary('bitcast', Type.F32, Type.I32), ...unary('bitcast', Type.I32, Type.F32));
  list.push(...unary('bitcast', Type.F64, Type.I64), ...unary('bitcast', Type.I64, Type.F64));
  list.push(...narrowLoads(), ...foldedOperations());
  return list;
}

const MEMORY = 256;

/** Trap kinds of the runtime for those that the interpreter makes up. */
export const TRAP_KINDS: Readonly<Record<number, number>> = { [-1]: 2, [-2]: 7, [-3]: 6, [-4]: 8 };

function show(outcome: Outcome, type: number): string {
  if (outcome.kind === 'trap') return `trap ${TRAP_KINDS[outcome.trap] ?? outcome.trap}`;
  if (outcome.kind === 'steps') return 'steps';
  return outcome.values.map((v) => canonical(type, v).toString(16)).join();
}

interface Prepared {
  readonly tests: readonly Tested[];
  readonly funcs: readonly Func[];
  readonly sigs: ReturnType<typeof parseModule>['sigs'];
  readonly calls: readonly NativeCall[];
  readonly expected: readonly string[];
}

let prepared: Prepared | null = null;

function prepare(): Prepared {
  if (prepared !== null) return prepared;
  const tests = allTests();
  const sigs: string[] = [];
  const text = tests.map((t, i) => {
    const head = `(${t.params.map((p) => NAMES[p]).join(', ')}) -> (${NAMES[t.result]})`;
    if (!sigs.includes(head)) sigs.push(head);
    const params = t.params.map((p, k) => `v${k}: ${NAMES[p]}`).join(', ');
    return `func ${i} sig ${sigs.indexOf(head)} {\nblock0(${params}):\n${t.body}\n}`;
  });
  const module = parseModule(`${sigs.map((s, i) => `sig ${i} ${s}`).join('\n')}\n${text.join('\n')}\n`);
  const calls: NativeCall[] = [];
  const expected: string[] = [];
  tests.forEach((t, func) => {
    verify(module.funcs[func], module.sigs);
    const lists = t.params.map((p) => VALUES[p]);
    for (let k = 0; k < lists[0].length; k += t.stride ?? 1) {
      const a = lists[0][k];
      for (const b of lists[1] ?? [0n]) {
        const args = lists.length === 2 ? [a, b] : [a];
        const env: Environment = {
          memory: new Uint8Array(MEMORY),
          instance: new Uint8Array(0),
          instanceBias: 0,
          call: () => [],
        };
        calls.push({ func, args });
        expected.push(show(interpret(module.funcs[func], env, args), t.result));
      }
    }
  });
  prepared = { tests, funcs: module.funcs, sigs: module.sigs, calls, expected };
  return prepared;
}

/** Runs every `stride`-th case. */
function check(options: NativeOptions, stride = 1): void {
  const { tests, funcs, sigs, ...all } = prepare();
  const calls = all.calls.filter((_, i) => i % stride === 0);
  const expected = all.expected.filter((_, i) => i % stride === 0);
  const native = new NativeModule(sigs, funcs.length, options);
  funcs.forEach((f, i) => native.add(f, i));
  const results = native.run(calls, new Uint8Array(MEMORY), new Uint8Array(0));
  const wrong: string[] = [];
  results.forEach((r, i) => {
    const t = tests[calls[i].func];
    const got =
      r.trap !== 0 ? `trap ${r.trap}` : r.values.map((v) => canonical(t.result, v).toString(16)).join();
    if (got !== expected[i]) {
      wrong.push(
        `${t.name}(${calls[i].args.map((a) => a.toString(16)).join(', ')}): native ${got}, expected ${expected[i]}`,
      );
    }
  });
  assert.equal(
    wrong.length,
    0,
    `${wrong.length} of ${results.length} differ\n${wrong.slice(0, 30).join('\n')}`,
  );
}

const allocators: readonly (readonly [string, Allocator])[] = [
  ['fast', allocateFast],
  ['bundles', allocateBundles],
];

export function operationSuite(isa: NativeIsa): void {
  describe(`${isa} operations against the interpreter`, function () {
    this.timeout(120000);
    before(function () {
      needIsa(this, isa);
    });
    for (const [name, allocator] of allocators) {
      it(`baseline, ${name} allocator`, () =>
        check({ ...UNOPTIMIZED, isa, allocator }, allocator === allocateFast ? 1 : 3));
      it(`baseline, ${name} allocator, few registers`, () =>
        check({ ...UNOPTIMIZED, isa, allocator, regs: 6 }, 7));
    }
    if (isa === 'x86_64')
      it('x86-64-v3, short branches', () =>
        check({ ...UNOPTIMIZED, isa, allocator: allocateBundles, march: 'x86-64-v3', optLevel: 2 }, 3));
  });
}
