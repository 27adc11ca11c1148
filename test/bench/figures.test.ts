// The benchmark's arithmetic, its comparison with recorded figures, its runner, and wasm2c's adapters.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { compareFigures, readFigures, recordFigures } from '../../bench/baseline.ts';
import { measure } from '../../bench/measure.ts';
import { geometricMean, median, pairRatios, spread } from '../../bench/statistics.ts';
import { moduleFacts } from '../../bench/subjects.ts';
import { formatTable, seconds } from '../../bench/table.ts';
import { wasiAdapters } from '../../bench/wasm2c.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

describe('benchmark', () => {
  let dir = '';
  before(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'w2n-bench-'))));
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('takes medians, ratios pair by pair, and geometric means', () => {
    assert.equal(median([5, 1, 3]), 3);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.throws(() => median([]), RangeError);
    assert.deepEqual(spread([2, 9, 4]), { median: 4, min: 2, max: 9 });
    assert.deepEqual(pairRatios([2, 6, 5], [1, 2]), [2, 3]);
    assert.ok(Math.abs(geometricMean([2, 8]) - 4) < 1e-12);
    assert.throws(() => geometricMean([]), RangeError);
  });

  it('reports what got worse by over a tenth, and what cannot be compared', () => {
    const was = { a: { value: 1, basis: 'x' }, b: { value: 1, basis: 'x' }, c: { value: 1, basis: 'x' } };
    const now = {
      a: { value: 1.09, basis: 'x' },
      b: { value: 1.2, basis: 'x' },
      c: { value: 9, basis: 'y' },
    };
    const { worse, apart, compared } = compareFigures(was, { ...now, d: { value: 1, basis: 'x' } });
    assert.deepEqual(worse, ['b: 1.000 became 1.200 (+20.0 %)']);
    assert.equal(compared, 2);
    assert.equal(apart.length, 2);
    assert.match(apart[0], /^c: recorded with x, now y/);
  });

  it('records figures beside those of other programs', () => {
    const file = path.join(dir, 'baseline.json');
    assert.deepEqual(readFigures(file), {});
    recordFigures(file, { b: { value: 2, basis: 'x' } });
    recordFigures(file, { a: { value: 1, basis: 'x' } });
    assert.deepEqual(Object.entries(readFigures(file)), [
      ['a', { value: 1, basis: 'x' }],
      ['b', { value: 2, basis: 'x' }],
    ]);
  });

  it('runs commands in turn and measures them; one that fails is an error', function () {
    need(this, 'cc');
    const options = { cwd: dir, stdin: '/dev/null', rounds: 3, budget: 10 };
    const loop = 'for (const end = process.cpuUsage().user + 80000; process.cpuUsage().user < end; );';
    const [idle, busy] = measure(
      [
        ['sleep', '0.05'],
        [process.execPath, '-e', loop],
      ],
      options,
    );
    assert.equal(idle.length, 3);
    assert.equal(busy.length, 3);
    for (const sample of idle) assert.ok(sample.wall >= 0.05 && sample.cpu < 0.05, JSON.stringify(sample));
    for (const sample of busy) assert.ok(sample.cpu >= 0.08 && sample.peak > 10_000, JSON.stringify(sample));
    assert.throws(() => measure([['false']], options), /wait status 256: false/);
    assert.throws(() => measure([['/no/such/program']], options), /runner failed/);
  });

  it('lets a command that is over its budget sit out, after one timed round', () => {
    const options = { cwd: dir, stdin: '/dev/null', rounds: 3, budget: 0.05 };
    const [slow, fast] = measure([['sleep', '0.06'], ['true']], options);
    assert.equal(slow.length, 1);
    assert.equal(fast.length, 3);
    assert.deepEqual(
      measure([['sleep', '0.06']], options).map((list) => list.length),
      [1],
    );
  });

  it('counts the operators of a module', () => {
    const facts = moduleFacts(fromRoot('fixtures/hello.wasm'));
    assert.ok(facts.operators > 1000 && facts.operators < facts.bytes, String(facts.operators));
  });

  it('adapts the imports of wasm2c to our names', () => {
    const header = [
      'u32 Z_wasi_snapshot_preview1Z_fd_seek(struct Z_wasi_snapshot_preview1_instance_t*, u32, u64);',
      'void Z_wasi_snapshot_preview1Z_proc_exit(struct Z_wasi_snapshot_preview1_instance_t*, u32);',
      'u32 Z_wasi_snapshot_preview1Z_sched_yield(struct Z_wasi_snapshot_preview1_instance_t*);',
    ].join('\n');
    const code = wasiAdapters(header);
    assert.match(code, /return wasi_snapshot_preview1__fd_seek\(wasi_caller, p0, p1\);/);
    assert.match(code, /\n {2}wasi_snapshot_preview1__proc_exit\(wasi_caller, p0\);/);
    assert.match(code, /u32 wasi_snapshot_preview1__sched_yield\(w2n_instance \*caller\);/);
  });

  it('aligns tables and shortens times', () => {
    assert.equal(
      formatTable([
        ['name', 'x'],
        ['a', '10'],
        ['b', '7'],
      ]),
      'name   x\na     10\nb      7',
    );
    assert.equal(seconds(1.234), '1.23 s');
    assert.equal(seconds(0.0123), '12 ms');
    assert.equal(seconds(0.00123), '1.23 ms');
  });
});
