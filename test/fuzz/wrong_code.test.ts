// Modules that were once compiled wrong, reduced (test/fuzz/reduce.ts), and the comparison itself: it must see a
// difference where there is one.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { decodeModule } from '../../src/frontend/decode.ts';
import { moduleOf, name, section } from '../frontend/binary.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { differenceClass, ModuleComparer } from './module_run.ts';
import {
  F32,
  firstDifference,
  I32,
  isNan,
  LOG_MODULE,
  planCalls,
  valueText,
  type Outcome,
} from './outcome.ts';
import { digestOf, runInV8 } from './v8_outcome.ts';

const folder = fromRoot('test/fixtures/wrong_code');
const fixtures = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.wasm')) : [];

/** `f(x)` logs x, stores it, sets the global to it, and returns x + `addend`; `d(x)` is 1 / x. */
function sample(addend: number): Uint8Array {
  const f = [
    0x20,
    0,
    0x10,
    0,
    0x41,
    8,
    0x20,
    0,
    0x36,
    2,
    0,
    0x20,
    0,
    0x24,
    0,
    0x20,
    0,
    0x41,
    addend,
    0x6a,
    0x0b,
  ];
  const d = [0x41, 1, 0x20, 0, 0x6d, 0x0b];
  return moduleOf(
    section(1, [2, 0x60, 1, I32, 0, 0x60, 1, I32, 1, I32]),
    section(2, [1, ...name(LOG_MODULE), ...name('log-i32'), 0, 0]),
    section(3, [2, 1, 1]),
    section(5, [1, 0, 1]),
    section(6, [1, I32, 1, 0x41, 0, 0x0b]),
    section(7, [
      5,
      ...name('f'),
      0,
      1,
      ...name('d'),
      0,
      2,
      ...name('m'),
      2,
      0,
      ...name('g'),
      3,
      0,
      ...name('x'),
      0,
      0,
    ]),
    section(10, [2, ...[f, d].flatMap((code) => [code.length + 1, 0, ...code])]),
  );
}

describe('comparison of compiled code with V8', () => {
  const plan = planCalls(decodeModule(sample(3)), 7);
  const v8 = runInV8(sample(3), plan);

  it('sees results, logs, memories, globals and traps', () => {
    assert.equal(v8.calls.length, 9);
    assert.equal(firstDifference(v8, runInV8(sample(3), plan), plan.calls), null);
    assert.match(String(firstDifference(v8, runInV8(sample(4), plan), plan.calls)), /^call 0, f\(7f:/);
    const other = (change: Partial<Outcome>): string =>
      String(firstDifference(v8, { ...v8, ...change }, plan.calls));
    assert.match(v8.log, /^6 entries: (7f:\w+ ?){6}$/);
    assert.match(other({ log: '5 entries: ' }), /^log: /);
    assert.match(other({ memories: ['65536 bytes 0'] }), /^memories: /);
    assert.match(other({ globals: ['7f:1234567'] }), /^globals: /);
    assert.match(other({ instantiation: 'memory' }), /^instantiation: /);
    assert.match(other({ stopped: 'crash' }), /crash/);
    const trapped = { trap: 'divide by zero', results: [] };
    assert.match(other({ calls: [...v8.calls.slice(0, 8), trapped] }), /^call 8, x/);
  });

  it('digests memories as the test host does, and takes every NaN as one', () => {
    assert.equal(digestOf(new ArrayBuffer(0)), 0xcbf29ce484222325n);
    const words = BigUint64Array.from([1n, 0xffffffffffffffffn, 0x123456789abcdef0n]);
    const expected = words.reduce(
      (h, w) => BigInt.asUintN(64, (h ^ w) * 0x100000001b3n),
      0xcbf29ce484222325n,
    );
    assert.equal(digestOf(words.buffer), expected);
    assert.equal(isNan(F32, 0x7f800000n), false);
    assert.equal(valueText(F32, 0xffc12345n), '7d:nan');
    assert.equal(valueText(F32, 0x80000000n), '7d:80000000');
  });

  it('names differences for the reducer', () => {
    assert.equal(differenceClass(null), 'agrees');
    assert.equal(differenceClass('-O2: call 3, f(7f:1): V8 (7f:1), compiled (7f:2)'), '-O2: call');
    assert.equal(differenceClass('-O0: error: Error: block 52\n at x'), '-O0: error: Error: block N');
  });

  describe('modules compiled and run', function () {
    this.timeout(60_000);
    let comparer: ModuleComparer;
    before(async function () {
      need(this, 'cc');
      comparer = await ModuleComparer.start();
    });
    after(() => comparer?.close());

    it('the sample', async () => {
      const verdict = await comparer.compare(sample(3), 7);
      assert.deepEqual(verdict, { difference: null, calls: 9, traps: verdict.traps, stopped: '' });
    });
    for (const file of fixtures) {
      it(file, async () => {
        const seed = Number(path.basename(file, '.wasm').split('.').at(-1));
        assert.ok(Number.isInteger(seed), 'the name ends with the seed of the calls');
        const verdict = await comparer.compare(new Uint8Array(readFileSync(path.join(folder, file))), seed);
        assert.equal(verdict.difference, null);
      });
    }
  });
});
