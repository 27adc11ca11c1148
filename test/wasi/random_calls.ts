// Random calls with random arguments (host/random.c) in a tree whose outside must stay as it is.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { run, type Build } from './native.ts';
import { escapeTree, removeTree, snapshot } from './tree.ts';

export interface Calls {
  readonly made: number;
  readonly good: number;
}

/**
 * Makes the tree `dir` and calls for `ms` milliseconds (WASM2NATIVE_WASI_RANDOM_MS wins, WASM2NATIVE_WASI_SEED chooses the
 * calls).
 */
export function randomCalls(folder: string, b: Build, dir: string, walks: boolean, ms: number): Calls {
  escapeTree(dir);
  const before = snapshot(path.join(dir, 'outside'));
  const seed = process.env.WASM2NATIVE_WASI_SEED ?? String(Math.floor(Math.random() * 2 ** 32));
  const time = Number(process.env.WASM2NATIVE_WASI_RANDOM_MS ?? ms);
  const r = run(folder, b, 'random', {
    cwd: dir,
    args: [seed, String(time), walks ? '1' : '0'],
    timeout: time + 60000,
  });
  assert.deepEqual([r.signal, r.status, r.stderr], [null, 0, ''], `seed ${seed}: ${r.stdout.slice(-2000)}`);
  assert.equal(snapshot(path.join(dir, 'outside')), before, `seed ${seed}`);
  const [made, good] = readFileSync(path.join(dir, 'calls'), 'utf8').split(' ').map(Number);
  assert.ok(good > made / 20, `seed ${seed}: ${good} of ${made} calls succeeded`);
  removeTree(dir); // Tools that walk the work tree trip over the paths in it.
  return { made, good };
}
