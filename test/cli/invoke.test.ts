import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';

const LIBRARY = `(module
  (global $g (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $g (i32.const 7)))
  (func (export "_start") (unreachable))
  (func (export "state") (result i32) (global.get $g))
  (func (export "i32") (param i32) (result i32) (local.get 0))
  (func (export "i64") (param i64) (result i64) (local.get 0))
  (func (export "f32") (param f32) (result f32) (local.get 0))
  (func (export "f64") (param f64) (result f64) (local.get 0))
  (func (export "swap") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
  (func (export "trap") (unreachable))
  (func (export "nothing"))
  (func (export "ref") (param externref) (result externref) (local.get 0)))`;

/** Doubles with many shapes of decimal form, from a fixed seed. */
function doubles(count: number): number[] {
  const special = [
    0,
    -0,
    1e21,
    999999999999999900000,
    1e-6,
    1e-7,
    5e-324,
    1.7976931348623157e308,
    2 ** 53,
    0.1,
  ];
  const view = new DataView(new ArrayBuffer(8));
  let state = 1;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  while (special.length < count) {
    view.setUint32(0, next());
    view.setUint32(4, next());
    const bits = view.getFloat64(0);
    if (Number.isFinite(bits))
      special.push(bits, next() / 1000, (next() % 1000) * 10 ** (next() % 30), -(next() % 99));
  }
  return special.slice(0, count);
}

describe('run --invoke', () => {
  let folder = '';
  before(function () {
    need(this, 'cc', 'wat2wasm');
    folder = emptyFolder('cli-invoke');
    module('library', LIBRARY);
  });
  function module(name: string, wat: string): void {
    writeFileSync(path.join(folder, `${name}.wat`), wat);
    const outcome = execute('wat2wasm', [`${name}.wat`, '-o', `${name}.wasm`], { cwd: folder });
    assert.equal(outcome.stderr, '');
  }
  const invoke = (name: string, ...args: string[]): [string, string, number | null] => {
    const outcome = wasm2native(['run', '--invoke', name, 'library.wasm', ...args], { cwd: folder });
    return [outcome.stdout, outcome.stderr, outcome.status];
  };
  const gives = (call: readonly [string, ...string[]], stdout: string): void => {
    assert.deepEqual(invoke(...call), [stdout, '', 0], call.join(' '));
  };

  it('reads arguments by the types of parameters', () => {
    gives(['i32', '-1'], '-1\n');
    gives(['i32', '0xffffffff'], '-1\n');
    gives(['i32', '-0x80000000'], '-2147483648\n');
    gives(['i64', '-9223372036854775808'], '-9223372036854775808\n');
    gives(['i64', '18446744073709551615'], '-1\n');
    gives(['f32', '0.1'], '0.10000000149011612\n');
    gives(['f64', '-0x1.8p3'], '-12\n');
    gives(['f64', 'nan'], 'NaN\n');
    gives(['f64', '-inf'], '-Infinity\n');
    gives(['swap', '3', '2.5'], '2.5\n3\n');
    gives(['ref', 'null'], 'null\n');
    gives(['nothing'], '');
  });

  it('runs _initialize before, and not _start', () => gives(['state'], '7\n'));

  it('prints numbers as String() does', () => {
    const values = doubles(400);
    const wat = `(module (func (export "all") (result${' f64'.repeat(values.length)}) ${values
      .map((value) => `(f64.const ${Object.is(value, -0) ? '-0' : String(value)})`)
      .join(' ')}))`;
    module('numbers', wat);
    const outcome = wasm2native(['run', '--invoke', 'all', 'numbers.wasm'], { cwd: folder });
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
    assert.deepEqual(outcome.stdout.split('\n'), [...values.map(String), '']);
  });

  it('refuses what it cannot call, in one line', () => {
    const refuses = (call: readonly [string, ...string[]], line: string): void => {
      assert.deepEqual(invoke(...call), ['', `library.wasm: --invoke: ${line}\n`, 125], call.join(' '));
    };
    refuses(['absent'], 'no exported function of that name');
    refuses(['i32'], 'arguments wanted: 1, given: 0');
    refuses(['i32', '1', '2'], 'arguments wanted: 1, given: 2');
    refuses(['i32', '4294967296'], 'argument 1: is no i32');
    refuses(['i32', '-2147483649'], 'argument 1: is no i32');
    refuses(['i64', '0x'], 'argument 1: is no i64');
    refuses(['swap', '1', '2x'], 'argument 2: is no f64');
    refuses(['ref', 'me'], 'argument 1: a reference can only be null');
  });

  it('reports traps, and belongs to run', () => {
    const [stdout, stderr, status] = invoke('trap');
    assert.deepEqual([stdout, status], ['', 134]);
    assert.match(stderr, /^wasm trap: unreachable\n/);
    const built = wasm2native(['--invoke', 'state', 'library.wasm'], { cwd: folder });
    assert.deepEqual([built.status, built.stdout], [2, '']);
    assert.match(built.stderr, /--invoke belongs to run/);
  });
});
