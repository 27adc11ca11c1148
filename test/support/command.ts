// The command under test: bin/wasm2native with the bundle that `npm run build` made, in folders of the test's own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { fromRoot } from './paths.ts';

export const launcher = fromRoot('bin/wasm2native');

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs any program to its end. */
export function execute(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Outcome {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (error !== undefined) throw error;
  return { status, signal, stdout, stderr };
}

/** What a program prints; it must succeed and say nothing on stderr. */
export function output(program: string, ...args: string[]): string {
  const { stdout, stderr, status } = execute(program, args);
  assert.deepEqual([stderr, status], ['', 0], `${program} ${args.join(' ')}`);
  return stdout;
}

/** Runs the command; `env` is added to this process's environment. */
export function wasm2native(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Outcome {
  if (!existsSync(fromRoot('dist/wasm2native.cjs')))
    throw new Error('the command is not built: npm run build');
  return execute(process.execPath, [launcher, ...args], {
    ...options,
    env: { ...process.env, WASM2NATIVE_CACHE_DIR: testCache, ...options.env },
  });
}

/** One cache for all tests, so that the stub is compiled once a run. */
export const testCache = fromRoot('build/tmp/cache');

/** An empty folder below build/tmp. */
export function emptyFolder(name: string): string {
  const folder = fromRoot('build/tmp', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}
