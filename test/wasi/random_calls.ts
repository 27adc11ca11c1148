// Random calls with random arguments (host/random.c) in a tree whose outside must stay as it is.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { run, type Build } from './native.ts';
import { escapeTree, snapshot } from './tree.ts';

/**
 * Makes the tree `dir` and calls for `ms` milliseconds (WASM2NATIVE_WASI_RANDOM_MS wins, WASM2NATIVE_WASI_SEED chooses the
 * calls). Returns how many calls were made.
 */
export function randomCalls(
  folder: string,
  b: Build,
  dir: string,
  grants: readonly string[],
  ms: number,
): number {
  escapeTree(dir);
  const before = snapshot(path.join(dir, 'outside'));
  const seed = process.env.WASM2NATIVE_WASI_SEED ?? String(Math.floor(Math.random() * 2 ** 32));
  const time = Number(process.env.WASM2NATIVE_WASI_RANDOM_MS ?? ms);
  const output = openSync(path.join(dir, 'output'), 'w'); // The guest may close, fill or renumber its standard output.
  const r = run(folder, b, 'random', {
    cwd: dir,
    grants: [...grants, 'clock=1000', 'seed=1', 'dir=grant::/g', 'dir=second::/s', 'listen=127.0.0.1:0'],
    args: [seed, String(time)],
    stdout: output,
    timeout: time + 60000,
  });
  closeSync(output);
  const said = readFileSync(path.join(dir, 'output'), 'utf8').slice(-2000);
  assert.deepEqual([r.signal, r.status], [null, 0], `seed ${seed}: ${said}\n${r.stderr}`);
  assert.ok(!/AddressSanitizer|runtime error/.test(r.stderr), `seed ${seed}: ${r.stderr}`); // The guest writes there, too.
  assert.equal(snapshot(path.join(dir, 'outside')), before, `seed ${seed}`);
  return Number(readFileSync(path.join(dir, 'calls'), 'utf8'));
}
