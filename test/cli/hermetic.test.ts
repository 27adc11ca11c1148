// The command depends on its inputs alone: an installation that cannot be written, no HOME, any folder, any terminal.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

const hello = fromRoot('fixtures/hello.wasm');

/** Takes the right to write away from a tree, or gives it back. */
function setWritable(folder: string, isWritable: boolean): void {
  for (const entry of ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    const file = path.join(folder, entry);
    const { mode } = statSync(file);
    chmodSync(file, isWritable ? mode | 0o200 : mode & ~0o222);
  }
}

/** Names and times of everything in a tree. */
function state(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((entry) => `${entry} ${statSync(path.join(folder, entry)).mtimeMs}`);
}

describe('hermetic', () => {
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  beforeEach(() => {
    folder = emptyFolder('cli-hermetic');
  });

  it('builds from an installation that cannot be written, without HOME', function () {
    need(this, 'cc');
    for (const part of ['bin', 'dist', 'runtime-stub', 'package.json'])
      cpSync(fromRoot(part), at(`installed/${part}`), { recursive: true });
    mkdirSync(at('tmp'));
    mkdirSync(at('work'));
    setWritable(at('installed'), false);
    const before = state(at('installed'));
    try {
      const env = { PATH: process.env.PATH, TMPDIR: at('tmp') };
      const outcome = execute(process.execPath, [at('installed/bin/wasm2native'), hello], {
        cwd: at('work'),
        env,
      });
      assert.deepEqual(outcome, { status: 0, signal: null, stdout: '', stderr: '' });
      assert.deepEqual(state(at('installed')), before);
      assert.deepEqual(readdirSync(at('work')), ['hello']);
      assert.match(execute(at('work/hello'), []).stdout, /^Hello from WebAssembly/);
    } finally {
      setWritable(at('installed'), true);
    }
  });

  it('makes the same object and executable in every folder', function () {
    need(this, 'cc');
    const made = ['one', 'deeper/two'].map((name) => {
      mkdirSync(at(name), { recursive: true });
      copyFileSync(hello, at(`${name}/m.wasm`));
      for (const args of [
        ['--emit', 'obj', 'm.wasm'],
        ['m.wasm', '-o', 'm'],
      ]) {
        const outcome = wasm2native(args, { cwd: at(name), env: { TMPDIR: at(name), TZ: name } });
        assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
      }
      return [readFileSync(at(`${name}/m.o`)), readFileSync(at(`${name}/m`))];
    });
    assert.ok(made[0][0].equals(made[1][0]), 'objects');
    assert.ok(made[0][1].equals(made[1][1]), 'executables');
  });
});
