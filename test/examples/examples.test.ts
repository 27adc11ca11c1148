import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, launcher, testCache } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

/** A copy of an example, made there with `make -j2`; warnings and messages other than make's own are failures. */
function make(name: string): string {
  const folder = emptyFolder(`examples/${name}`);
  cpSync(fromRoot('examples', name), folder, { recursive: true });
  const outcome = execute('make', ['-s', '-j2', `WASM2NATIVE=${process.execPath} ${launcher}`], {
    cwd: folder,
    env: { ...process.env, WASM2NATIVE_CACHE_DIR: testCache },
  });
  assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
  return folder;
}

describe('examples', () => {
  it('make: a pattern rule beside C rules', function () {
    need(this, 'make', 'cc', 'clang-19', 'wasm-ld-19');
    const folder = make('make');
    const run = (program: string, args: string[], input = '') =>
      execute(path.join(folder, program), args, { input }).stdout;
    assert.equal(run('greet', ['wasm', 'C']), 'Hello, wasm!\nHello, C!\n');
    assert.equal(run('count', [], 'a\nb\nc\n'), '3\n');
    assert.equal(run('native', []), 'made by the C compiler alone\n');
  });

  it('host-imports: C functions that a module imports', function () {
    need(this, 'make', 'cc', 'wat2wasm');
    const outcome = execute(path.join(make('host-imports'), 'sum'), []);
    const sums = '1 numbers: 3\n2 numbers: -7\n3 numbers: 1999999993\n4 numbers: 3999999993\n';
    assert.deepEqual([outcome.stdout, outcome.status], [sums, 0]);
  });

  it('embed: two instances called from C', function () {
    need(this, 'make', 'cc', 'wat2wasm');
    const outcome = execute(path.join(make('embed'), 'embed'), []);
    const expected =
      'first: sum 55, count 10\nsecond: sum -7, count 1\n7 / 2 = 3\n1 / 0: integer divide by zero\n';
    assert.deepEqual([outcome.stdout, outcome.stderr, outcome.status], [expected, '', 0]);
  });
});
