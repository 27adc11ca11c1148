// 64-bit halves against BigInt, on random and on extreme values.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { clz64, compareS, compareU, ctz64, Int64, log2Exact, popcnt64 } from '../../src/support/int64.ts';

const EDGES = [
  0n,
  1n,
  2n,
  3n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x100000001n,
  0x7fffffffffffffffn,
  1n << 63n,
  (1n << 64n) - 1n,
  (1n << 64n) - 2n,
];
const word = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 0n, max: 200n }),
);
const lo = (x: bigint): number => Number(BigInt.asIntN(32, x));
const hi = (x: bigint): number => Number(BigInt.asIntN(32, x >> 32n));
const s = (x: bigint): bigint => BigInt.asIntN(64, x);
const u = (x: bigint): bigint => BigInt.asUintN(64, x);

type Binary = 'add' | 'sub' | 'mul' | 'divU' | 'divS' | 'remU' | 'remS';
const BINARY: Record<Binary, (a: bigint, b: bigint) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  divU: (a, b) => a / b,
  remU: (a, b) => a % b,
  divS: (a, b) => s(a) / s(b),
  remS: (a, b) => s(a) % s(b),
};
type Shift = 'shl' | 'shrU' | 'shrS' | 'rotl' | 'rotr';
const SHIFT: Record<Shift, (a: bigint, n: bigint) => bigint> = {
  shl: (a, n) => a << n,
  shrU: (a, n) => a >> n,
  shrS: (a, n) => s(a) >> n,
  rotl: (a, n) => (a << n) | (a >> (64n - n)),
  rotr: (a, n) => (a >> n) | (a << (64n - n)),
};

describe('int64 halves', () => {
  const r = new Int64();
  const result = (): bigint => u((BigInt(r.hi) << 32n) | BigInt(r.lo >>> 0));

  for (const name of Object.keys(BINARY) as Binary[]) {
    it(`${name} agrees with BigInt`, () => {
      fc.assert(
        fc.property(word, word, (a, b) => {
          if (/div|rem/.test(name) && b === 0n) return;
          r[name](lo(a), hi(a), lo(b), hi(b));
          assert.equal(result(), u(BINARY[name](a, b)));
          assert.ok(r.lo === (r.lo | 0) && r.hi === (r.hi | 0));
        }),
        { numRuns: 2000 },
      );
    });
  }

  for (const name of Object.keys(SHIFT) as Shift[]) {
    it(`${name} agrees with BigInt, counts modulo 64`, () => {
      fc.assert(
        fc.property(word, fc.integer({ min: -200, max: 200 }), (a, n) => {
          r[name](lo(a), hi(a), n);
          assert.equal(result(), u(SHIFT[name](a, BigInt(n & 63))));
        }),
        { numRuns: 2000 },
      );
    });
  }

  it('compares, counts bits, negates', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        assert.equal(compareS(lo(a), hi(a), lo(b), hi(b)), s(a) < s(b) ? -1 : s(a) > s(b) ? 1 : 0);
        assert.equal(compareU(lo(a), hi(a), lo(b), hi(b)), a < b ? -1 : a > b ? 1 : 0);
        const bits = a.toString(2);
        assert.equal(clz64(lo(a), hi(a)), a === 0n ? 64 : 64 - bits.length);
        assert.equal(ctz64(lo(a), hi(a)), a === 0n ? 64 : bits.length - 1 - bits.lastIndexOf('1'));
        const ones = [...bits].filter((c) => c === '1').length;
        assert.equal(popcnt64(lo(a), hi(a)), ones);
        assert.equal(log2Exact(lo(a), hi(a)), ones === 1 ? bits.length - 1 : -1);
        r.neg(lo(a), hi(a));
        assert.equal(result(), u(-a));
      }),
      { numRuns: 2000 },
    );
  });
});
