// Branches on conjunctions and disjunctions of two comparisons, executed on both instruction sets: all pairs of
// conditions, short constants, negations, both widths. aarch64 makes the second by ccmp.
import assert from 'node:assert/strict';
import { compile } from '../../src/compile.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { defaultOptions } from '../../src/options.ts';
import { leb, moduleOf, name, section } from '../frontend/binary.ts';
import { Random } from '../fuzz/random.ts';
import { i32, LinkStatus, TestHost } from '../support/host.ts';
import { needIsa } from '../support/need.ts';

/** eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u, as the binary format numbers them from i32.eq and i64.eq. */
const COMPARE: readonly ((a: number, b: number) => boolean)[] = [
  (a, b) => a === b,
  (a, b) => a !== b,
  (a, b) => a < b,
  (a, b) => a >>> 0 < b >>> 0,
  (a, b) => a > b,
  (a, b) => a >>> 0 > b >>> 0,
  (a, b) => a <= b,
  (a, b) => a >>> 0 <= b >>> 0,
  (a, b) => a >= b,
  (a, b) => a >>> 0 >= b >>> 0,
];
const [I32_EQ, I64_EQ, I32_EQZ, AND, OR] = [0x46, 0x51, 0x45, 0x71, 0x72];
const get = (local: number): number[] => [0x20, local];
/** What the second comparison compares with: the fourth parameter, or a constant. */
const SECOND = [null, 7, -9, 31, 100] as const;
const NEGATIONS = ['none', 'first', 'second', 'all'] as const;

interface Case {
  readonly first: number;
  readonly second: number;
  readonly isAnd: boolean;
  readonly constant: number | null;
  readonly negation: (typeof NEGATIONS)[number];
  readonly isWide: boolean;
}

const VALUES = [-(2 ** 31), -10, -9, -8, -1, 0, 1, 6, 7, 8, 30, 31, 32, 100, 101, 2 ** 31 - 1];

function codeOf({ first, second, isAnd, constant, negation, isWide }: Case): number[] {
  const wide = isWide ? [0xac] : [];
  const base = isWide ? I64_EQ : I32_EQ;
  const last = constant === null ? [...get(3), ...wide] : [isWide ? 0x42 : 0x41, ...sleb(constant)];
  const not = (what: Case['negation']): number[] => (negation === what ? [I32_EQZ] : []);
  return [
    ...[...get(0), ...wide, ...get(1), ...wide, base + first, ...not('first')],
    ...[...get(2), ...wide, ...last, base + second, ...not('second')],
    ...[isAnd ? AND : OR, ...not('all')],
    // if (result i32) i32.const 1 else i32.const 0 end end: through a branch
    ...[0x04, 0x40, 0x41, 1, 0x0f, 0x0b, 0x41, 0, 0x0b],
  ];
}

/** Signed LEB128 of a small number. */
const sleb = (value: number): number[] =>
  value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, (value >> 7) & 127];

function expected({ first, second, isAnd, constant, negation }: Case, args: readonly number[]): number {
  const a = COMPARE[first](args[0], args[1]) !== (negation === 'first');
  const b = COMPARE[second](args[2], constant ?? args[3]) !== (negation === 'second');
  return (isAnd ? a && b : a || b) !== (negation === 'all') ? 1 : 0;
}

function moduleWith(cases: readonly Case[]): Uint8Array {
  const bodies = cases.flatMap((c) => {
    const body = [0, ...codeOf(c)];
    return [...leb(body.length), ...body];
  });
  return moduleOf(
    section(1, [1, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f]),
    section(3, [...leb(cases.length), ...cases.map(() => 0)]),
    section(7, [...leb(cases.length), ...cases.flatMap((_, i) => [...name(String(i)), 0, ...leb(i)])]),
    section(10, [...leb(cases.length), ...bodies]),
  );
}

/** All pairs of conditions; the rest varies with them. */
function allCases(): Case[] {
  const random = new Random(11);
  const cases: Case[] = [];
  for (let first = 0; first < COMPARE.length; first++)
    for (let second = 0; second < COMPARE.length; second++)
      for (const constant of SECOND)
        for (const isAnd of [true, false])
          cases.push({
            ...{ first, second, isAnd, constant },
            negation: NEGATIONS[random.below(8) % 5 === 4 ? 0 : random.below(4)],
            isWide: random.below(3) === 0,
          });
  return cases;
}

describe('branches on two comparisons', function () {
  this.timeout(60_000);
  for (const isa of ['x86_64', 'aarch64'] as const) {
    it(isa, async function () {
      needIsa(this, isa);
      const cases = allCases();
      const random = new Random(12);
      const host = await TestHost.start(isa);
      try {
        for (const optLevel of [0, 2] as const) {
          const options = { ...defaultOptions('pairs', { isa, os: 'linux' } as const), optLevel };
          const object = compile(moduleWith(cases), {
            ...options,
            imports: 'instantiate',
            mainModule: false,
          });
          const loaded = await host.load(writeElf(object, isa).toBytes());
          const { instance, status } = await host.instantiate(loaded);
          assert.equal(status, LinkStatus.Ok);
          const calls = cases.flatMap((c, i) =>
            Array.from({ length: 10 }, () => ({ c, i, args: [0, 1, 2, 3].map(() => random.pick(VALUES)) })),
          );
          const answers = await Promise.all(
            calls.map(({ i, args }) => host.invoke(instance, String(i), args.map(i32))),
          );
          answers.forEach(({ trap, results }, k) => {
            const { c, args } = calls[k];
            assert.deepEqual([trap, results[0]], [0, i32(expected(c, args))], JSON.stringify({ ...c, args }));
          });
        }
      } finally {
        await host.close();
      }
    });
  }
});
