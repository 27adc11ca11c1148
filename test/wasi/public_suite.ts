// The built programs of the public WASI test suite (github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base)
// through `wasm2native run`. Not a part of the ordinary run, for no registry carries the suite: `make wasi-suite
// SUITE=CHECKOUT` runs it. Each program runs on a fresh copy of its directory, in both ways of resolving paths.
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, wasm2native } from '../support/command.ts';

/** What stands beside a program: NAME.json. Newer versions have `root` (shown as /), older ones `dirs`. */
interface Config {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly root?: string;
  readonly dirs?: readonly string[];
  readonly exit_code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

const checkout = process.env.WASM2NATIVE_WASI_SUITE ?? '';
if (checkout === '')
  throw new Error('WASM2NATIVE_WASI_SUITE names no checkout of the suite (make wasi-suite)');
const FOLDERS = ['assemblyscript', 'c', 'rust'].map((language) =>
  path.join(checkout, 'tests', language, 'testsuite/wasm32-wasip1'),
);

function isConfig(value: unknown): value is Config {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function configOf(program: string): Config {
  const file = program.replace(/\.wasm$/, '.json');
  if (!existsSync(file)) return {};
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  assert.ok(isConfig(value), file);
  return value;
}

function runProgram(program: string, options: readonly string[]): void {
  const config = configOf(program);
  const folder = emptyFolder('wasi-testsuite');
  const grants: string[] = [];
  for (const name of config.root === undefined ? (config.dirs ?? []) : [config.root]) {
    cpSync(path.join(path.dirname(program), name), path.join(folder, name), { recursive: true });
    grants.push('--dir', `${path.join(folder, name)}::${config.root === undefined ? name : '/'}`);
  }
  for (const [name, value] of Object.entries(config.env ?? {})) grants.push('--env', `${name}=${value}`);
  const outcome = wasm2native(['run', ...options, ...grants, program, ...(config.args ?? [])]);
  assert.deepEqual(
    [outcome.signal, outcome.status],
    [null, config.exit_code ?? 0],
    outcome.stdout + outcome.stderr,
  );
  if (config.stdout !== undefined) assert.equal(outcome.stdout, config.stdout);
  if (config.stderr !== undefined) assert.equal(outcome.stderr, config.stderr);
}

describe('public WASI test suite', function () {
  this.timeout(60000);
  for (const mode of ['', '--x-walk'])
    for (const folder of FOLDERS)
      for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.wasm')))
        it(`${path.relative(checkout, folder).split(path.sep)[1]}/${name} ${mode}`, () => {
          runProgram(path.join(folder, name), mode === '' ? [] : [mode]);
        });
});
