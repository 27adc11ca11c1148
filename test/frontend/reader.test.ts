// The byte reader: LEB128 against BigInt over random and extreme values, the malformed rules at their exact bytes, UTF-8.
import assert from 'node:assert/strict';
import { WasmError } from '../../src/frontend/errors.ts';
import { Reader } from '../../src/frontend/reader.ts';
import { Random } from '../fuzz/random.ts';

const reader = (...bytes: number[]): Reader => new Reader(Uint8Array.from(bytes));

/** LEB128 of a BigInt in exactly `length` bytes, or as few as possible. */
function encode(value: bigint, signed: boolean, length = 0): number[] {
  const out: number[] = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = signed ? (rest === 0n && low < 64) || (rest === -1n && low >= 64) : rest === 0n;
    if (done && out.length + 1 >= length) return [...out, low];
    out.push(low | 0x80);
  }
}

function fault(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof WasmError) return `${error.kind} ${error.offset}: ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('reader', () => {
  const random = new Random(5);
  const values: bigint[] = [];
  for (let bit = 0n; bit < 64n; bit++)
    for (const d of [-1n, 0n, 1n]) values.push((1n << bit) + d, -(1n << bit) + d);
  for (let i = 0; i < 500; i++) {
    const wide = BigInt.asIntN(64, (BigInt(random.bits()) << 32n) | BigInt(random.bits()));
    values.push(wide >> BigInt(random.below(64)));
  }

  it('reads every width and length of LEB128 as BigInt does', () => {
    for (const value of values)
      for (const extra of [0, 1, 9]) {
        const check = (bits: number, signed: boolean, read: (r: Reader) => bigint): void => {
          const wrapped = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
          const most = Math.ceil(bits / 7);
          const least = encode(wrapped, signed).length;
          const r = reader(...encode(wrapped, signed, Math.min(most, least + extra)), 0xaa);
          assert.equal(read(r), wrapped, `${bits} ${signed} ${value}`);
          assert.equal(r.bytes[r.pos], 0xaa);
        };
        check(32, false, (r) => BigInt(r.u32()));
        check(32, true, (r) => BigInt(r.s32()));
        check(33, true, (r) => BigInt(r.s33()));
        check(64, false, (r) => BigInt(r.u64() >>> 0) | (BigInt(r.hi >>> 0) << 32n));
        check(64, true, (r) => BigInt(r.s64() >>> 0) | (BigInt(r.hi) << 32n));
      }
  });

  it('refuses what is too long, too large or cut, at the byte that says so', () => {
    const long = (n: number, last: number): Reader => reader(...new Array<number>(n - 1).fill(0x80), last);
    assert.equal(
      fault(() => long(5, 0x80).u32()),
      'malformed 4: integer representation too long',
    );
    assert.equal(
      fault(() => long(5, 0x10).u32()),
      'malformed 4: integer too large',
    );
    assert.equal(long(5, 0x0f).u32(), 0xf0000000);
    assert.equal(
      fault(() => long(5, 0x08).s32()),
      'malformed 4: integer too large',
    );
    assert.equal(
      fault(() => long(5, 0x70).s32()),
      'malformed 4: integer too large',
    );
    assert.equal(long(5, 0x78).s32(), -0x80000000);
    assert.equal(
      fault(() => long(5, 0x10).s33()),
      'malformed 4: integer too large',
    );
    assert.equal(long(5, 0x70).s33(), -0x100000000);
    assert.equal(
      fault(() => long(10, 0x80).u64()),
      'malformed 9: integer representation too long',
    );
    assert.equal(
      fault(() => long(10, 0x02).u64()),
      'malformed 9: integer too large',
    );
    assert.equal(
      fault(() => long(10, 0x01).s64()),
      'malformed 9: integer too large',
    );
    assert.equal(
      fault(() => long(10, 0x7e).s64()),
      'malformed 9: integer too large',
    );
    assert.equal(
      fault(() => reader(0x80, 0x80).u32()),
      'malformed 2: unexpected end',
    );
    assert.equal(
      fault(() => reader(0x80).s64()),
      'malformed 1: unexpected end',
    );
    assert.equal(
      fault(() => reader(1, 2, 3).word()),
      'malformed 3: unexpected end',
    );
  });

  it('takes strict UTF-8 only, a byte order mark included', () => {
    const named = (...bytes: number[]): Reader => reader(bytes.length, ...bytes);
    assert.equal(named(0xef, 0xbb, 0xbf, 0x61).utf8Name(), '\ufeffa');
    assert.equal(named(0xf0, 0x9f, 0x98, 0x80).utf8Name(), '😀');
    assert.equal(named(0).utf8Name(), '\0');
    for (const bad of [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]])
      assert.equal(
        fault(() => named(...bad).utf8Name()),
        'malformed 1: malformed UTF-8 encoding',
      );
    assert.match(
      fault(() => reader(0xff, 0xff, 0xff, 0xff, 0x0f, 1).utf8Name()),
      /^malformed 5: length out of bounds/,
    );
  });
});
