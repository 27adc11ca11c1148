// The interpreter against V8 (the same operations as a WebAssembly module made here) and on memory, control flow,
// calls and traps.
import assert from 'node:assert/strict';
import type { Environment, Outcome } from '../../src/ir/interpreter.ts';
import { evaluate, fromFloat, ImplicitTrap, interpret, Trap } from '../../src/ir/interpreter.ts';
import { Op } from '../../src/ir/opcodes.ts';
import { parseModule } from '../../src/ir/parser.ts';
import { Type } from '../../src/ir/types.ts';
import { verify } from '../../src/ir/verifier.ts';

/** The part of the engine's API that this test uses. */
interface Engine {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: Record<string, unknown> };
}
const { WebAssembly } = globalThis as unknown as { WebAssembly: Engine };

function environment(memory = new Uint8Array(64)): Environment & { log: string[] } {
  const log: string[] = [];
  return {
    memory,
    instance: new Uint8Array(256),
    instanceBias: 128,
    log,
    call(op, imm, aux, args) {
      log.push(`${op} ${imm} ${aux} ${args.join(',')}`);
      if (imm === 99) throw new Trap(42);
      return args.map((a) => BigInt.asUintN(32, a + 1n));
    },
  };
}

function run(text: string, args: bigint[], env: Environment = environment()): Outcome {
  const { sigs, funcs } = parseModule(text);
  assert.deepEqual(verify(funcs[0], sigs), []);
  return interpret(funcs[0], env, args);
}

/** Wasm opcode of each operation that V8 can check: opcode, op, result type, operand type, immediate, arity. */
const I = 0x7f;
const L = 0x7e;
const WASM = { [Type.I32]: I, [Type.I64]: L, [Type.F32]: 0x7d, [Type.F64]: 0x7c } as Record<number, number>;
type Row = [number[], Op, Type, Type, number, number];
const rows: Row[] = [];
const ops = (code: number, list: Op[], t: Type, arity: number) =>
  list.forEach((op, k) => rows.push([[code + k], op, t, t, 0, arity]));
const INT2 = [
  Op.IAdd,
  Op.ISub,
  Op.IMul,
  Op.SDiv,
  Op.UDiv,
  Op.SRem,
  Op.URem,
  Op.And,
  Op.Or,
  Op.Xor,
  Op.Shl,
  Op.SShr,
  Op.UShr,
  Op.Rotl,
  Op.Rotr,
];
const FLOAT1 = [Op.FAbs, Op.FNeg, Op.FCeil, Op.FFloor, Op.FTrunc, Op.FNearest, Op.FSqrt];
const FLOAT2 = [Op.FAdd, Op.FSub, Op.FMul, Op.FDiv, Op.FMin, Op.FMax, Op.FCopysign];
ops(0x67, [Op.Clz, Op.Ctz, Op.Popcnt], Type.I32, 1);
ops(0x6a, INT2, Type.I32, 2);
ops(0x79, [Op.Clz, Op.Ctz, Op.Popcnt], Type.I64, 1);
ops(0x7c, INT2, Type.I64, 2);
ops(0x8b, FLOAT1, Type.F32, 1);
ops(0x92, FLOAT2, Type.F32, 2);
ops(0x99, FLOAT1, Type.F64, 1);
ops(0xa0, FLOAT2, Type.F64, 2);
ops(0xc0, [Op.SExt8, Op.SExt16], Type.I32, 1);
ops(0xc2, [Op.SExt8, Op.SExt16, Op.SExt32], Type.I64, 1);
// wasm: eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u, as IntCC
const CCS = [0, 1, 2, 4, 6, 8, 7, 9, 3, 5];
CCS.forEach((cc, k) =>
  rows.push(
    [[0x46 + k], Op.ICmp, Type.I32, Type.I32, cc, 2],
    [[0x51 + k], Op.ICmp, Type.I32, Type.I64, cc, 2],
  ),
);
for (let cc = 0; cc < 6; cc++)
  rows.push(
    [[0x5b + cc], Op.FCmp, Type.I32, Type.F32, cc, 2],
    [[0x61 + cc], Op.FCmp, Type.I32, Type.F64, cc, 2],
  );
rows.push(
  [[0xa7], Op.Wrap, Type.I32, Type.I64, 0, 1],
  [[0xac], Op.SExt, Type.I64, Type.I32, 0, 1],
  [[0xad], Op.ZExt, Type.I64, Type.I32, 0, 1],
);
[Type.I32, Type.I64].forEach((to, i) =>
  [Type.F32, Type.F64].forEach((from, k) => {
    const trunc = (i === 0 ? 0xa8 : 0xae) + k * 2;
    rows.push([[trunc], Op.TruncS, to, from, 0, 1], [[trunc + 1], Op.TruncU, to, from, 0, 1]);
    const sat = i * 4 + k * 2;
    rows.push([[0xfc, sat], Op.TruncSatS, to, from, 0, 1], [[0xfc, sat + 1], Op.TruncSatU, to, from, 0, 1]);
    const conv = (k === 0 ? 0xb2 : 0xb7) + i * 2;
    rows.push([[conv], Op.ConvertS, from, to, 0, 1], [[conv + 1], Op.ConvertU, from, to, 0, 1]);
  }),
);
rows.push([[0xb6], Op.Demote, Type.F32, Type.F64, 0, 1], [[0xbb], Op.Promote, Type.F64, Type.F32, 0, 1]);

const isFloat = (t: Type): boolean => t === Type.F32 || t === Type.F64;
const asInt = (t: Type): Type => (t === Type.F32 ? Type.I32 : t === Type.F64 ? Type.I64 : t);
/** Floats travel as integers, so that no NaN payload is lost on the way. */
const TO_FLOAT: Record<number, number[]> = { [Type.F32]: [0xbe], [Type.F64]: [0xbf] };
const TO_INT: Record<number, number[]> = { [Type.F32]: [0xbc], [Type.F64]: [0xbd] };
const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >> 7)]);
const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body];

function v8Module(): { readonly exports: Record<string, unknown> } {
  const types = rows.flatMap((r) => [
    0x60,
    r[5],
    ...Array<number>(r[5]).fill(WASM[asInt(r[3])]),
    1,
    WASM[asInt(r[2])],
  ]);
  const bodies = rows.flatMap((r) => {
    const code = [0];
    for (let k = 0; k < r[5]; k++) code.push(0x20, k, ...(TO_FLOAT[r[3]] ?? []));
    code.push(...r[0], ...(TO_INT[r[2]] ?? []), 0x0b);
    return [...leb(code.length), ...code];
  });
  const exports = rows.flatMap((_, k) => [
    3,
    ...[...String(k).padStart(3, '0')].map((c) => c.charCodeAt(0)),
    0,
    ...leb(k),
  ]);
  const count = leb(rows.length);
  const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(1, [...count, ...types])];
  bytes.push(
    ...section(3, [...count, ...rows.flatMap((_, k) => leb(k))]),
    ...section(7, [...count, ...exports]),
  );
  bytes.push(...section(10, [...count, ...bodies]));
  return new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)));
}

const INT_EDGES = [
  0n,
  1n,
  2n,
  5n,
  31n,
  32n,
  63n,
  64n,
  127n,
  128n,
  255n,
  32767n,
  32768n,
  0x7fffffffn,
  0x80000000n,
  0xfffffffen,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  1n << 63n,
  (1n << 64n) - 1n,
  0x20000020000001n,
  0x7fffff4000000001n,
  0x8000008000000001n,
];
const FLOAT_EDGES = [
  0,
  -0,
  0.5,
  -0.5,
  1,
  -1,
  1.5,
  -1.5,
  2.5,
  3.7,
  2 ** 23 + 0.5,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  -(2 ** 31) - 1,
  2 ** 32,
  2 ** 52 + 0.5,
  2 ** 63,
  -(2 ** 63),
  2 ** 64,
  1e-40,
  5e-324,
  1e300,
  3.4028235677973366e38,
  Infinity,
  -Infinity,
];
function operands(t: Type): bigint[] {
  if (!isFloat(t)) return INT_EDGES.map((x) => BigInt.asUintN(t === Type.I32 ? 32 : 64, x));
  const nans =
    t === Type.F32
      ? [0x7fc00000n, 0x7fa00001n, 0xffc12345n]
      : [0x7ff8000000000000n, 0x7ff4000000000001n, 0xfff8000000012345n];
  return [...FLOAT_EDGES.map((x) => fromFloat(t, x)), ...nans];
}
const isNaNBits = (t: Type, x: bigint): boolean =>
  t === Type.F32
    ? (x & 0x7fffffffn) > 0x7f800000n
    : t === Type.F64 && (x & 0x7fffffffffffffffn) > 0x7ff0000000000000n;

describe('interpreter', () => {
  it('computes every operation as V8 does, on all pairs of edge values', () => {
    const instance = v8Module();
    const exact = new Set<Op>([Op.FNeg, Op.FAbs, Op.FCopysign]);
    rows.forEach(([, op, to, from, imm, arity], k) => {
      const f = instance.exports[String(k).padStart(3, '0')] as (
        ...a: (number | bigint)[]
      ) => number | bigint;
      const js = (x: bigint) => (asInt(from) === Type.I64 ? x : Number(BigInt.asIntN(32, x)));
      for (const a of operands(from)) {
        for (const b of arity === 2 ? operands(from) : [0n]) {
          let want: bigint | string;
          try {
            want = BigInt.asUintN(asInt(to) === Type.I64 ? 64 : 32, BigInt(f(js(a), js(b))));
          } catch (error) {
            want = (error as Error).message;
          }
          const what = `op ${op} ${from} -> ${to} (${a}, ${b})`;
          if (typeof want === 'string') {
            const kind = /zero/.test(want)
              ? ImplicitTrap.DivideByZero
              : /result/.test(want)
                ? ImplicitTrap.IntegerOverflow
                : null;
            assert.throws(
              () => evaluate(op, to, from, imm, [a, b]),
              (error) => error instanceof Trap && (kind === null || error.kind === kind),
              what,
            );
            continue;
          }
          const got = evaluate(op, to, from, imm, [a, b]);
          if (isNaNBits(to, want) && !exact.has(op)) assert.ok(isNaNBits(to, got), what);
          else assert.equal(got, want, what);
        }
      }
    });
  });

  it('loops, with simultaneous block arguments', () => {
    const text = `sig 0 (i32) -> (i32)
func 0 sig 0 {
block0(v0: i32):
  v1: i32 = iconst 0
  v2: i32 = iconst 1
  jump block1(v0, v1, v2)
block1(v3: i32, v4: i32, v5: i32):
  v6: i32 = iadd v4, v5
  v7: i32 = iadd v3, v8
  brif v7, block1(v7, v5, v6), block2
block2:
  return v5
}`.replace('  v6', '  v8: i32 = iconst -1\n  v6');
    assert.deepEqual(run(text, [10n]), { kind: 'return', values: [55n] });
    assert.deepEqual(run(text.replace('brif v7', 'brif v2'), [10n]), { kind: 'steps' });
  });

  it('reads and writes memory and instance, bit for bit', () => {
    const text = `sig 0 (i32) -> (i32, i64, f32, i64)
func 0 sig 0 {
block0(v0: i32):
  v1: f32 = fconst 0x7fa00001
  store:f32 v0, v1 +4 memory0
  v2: i32 = load.s8 v0 +4 memory0
  v3: i64 = load.u16 v0 +6 memory0
  v4: f32 = load v0 +4 memory0
  v5: i64 = iconst -2
  ctxstore:i64 v5 -16 global0
  v6: ref = ctxaddr -32
  v7: i64 = nload.s32 v6 +16 global0
  return v2, v3, v4, v7
}`;
    assert.deepEqual(run(text, [56n]), {
      kind: 'return',
      values: [1n, 0x7fa0n, 0x7fa00001n, (1n << 64n) - 2n],
    });
    assert.deepEqual(run(text, [57n]), { kind: 'trap', trap: ImplicitTrap.OutOfBounds });
    assert.deepEqual(run(text, [0xffffffffn]), { kind: 'trap', trap: ImplicitTrap.OutOfBounds });
  });

  it('calls, projects, tail-calls, traps', () => {
    const text = `sig 0 (i32, i32) -> (i32, i32)
func 0 sig 0 {
block0(v0: i32, v1: i32):
  v2 = call 7 sig 0 (v0, v1)
  v3: i32 = proj v2 0
  v4: i32 = proj v2 1
  brtable v4, block1, block2, block3
block1:
  unreachable trap 5
block2:
  trapif v0 trap 6
  return v3, v4
block3:
  return_call 8 sig 0 (v4, v3)
}`;
    const env = environment();
    assert.deepEqual(run(text, [1n, 0xffffffffn], env), { kind: 'trap', trap: 5 });
    assert.deepEqual(run(text, [1n, 0n], env), { kind: 'trap', trap: 6 });
    assert.deepEqual(run(text, [0n, 0n], env), { kind: 'return', values: [1n, 1n] });
    assert.deepEqual(run(text, [3n, 9n], env), { kind: 'return', values: [11n, 5n] });
    assert.equal(env.log.length, 5);
    assert.deepEqual(run(text.replace('call 7', 'call 99'), [1n, 2n]), { kind: 'trap', trap: 42 });
  });
});
