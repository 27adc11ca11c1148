// The built programs of the public WASI test suite (github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base)
// through `wasm2native run`, and compiled for aarch64 under qemu. Not a part of the ordinary run, for no registry carries
// the suite: `make wasi-suite SUITE=CHECKOUT` runs it. Each program runs on a fresh copy of its directory, in both ways of
// resolving paths.
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, wasm2native, type Outcome } from '../support/command.ts';
import { need } from '../support/need.ts';

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

interface Mode {
  readonly name: string;
  /** Options of wasm2native. */
  readonly options: readonly string[];
  /** What the executables of another machine run under; null: `wasm2native run`. */
  readonly under: string | null;
}
const CROSS = ['--target', 'aarch64-linux', '--cc', 'aarch64-linux-gnu-gcc', '--static'];
const MODES: readonly Mode[] = [
  { name: '', options: [], under: null },
  { name: '--x-walk', options: ['--x-walk'], under: null },
  { name: 'aarch64', options: CROSS, under: 'qemu-aarch64' },
  { name: 'aarch64 --x-walk', options: [...CROSS, '--x-walk'], under: 'qemu-aarch64' },
];

function runIn(mode: Mode, options: readonly string[], program: string, args: readonly string[]): Outcome {
  if (mode.under === null) return wasm2native(['run', ...mode.options, ...options, program, ...args]);
  const executable = path.join(emptyFolder('wasi-testsuite-built'), 'app');
  const built = wasm2native([...mode.options, ...options, program, '-o', executable]);
  assert.equal(built.status, 0, built.stderr);
  return execute(mode.under, [executable, ...args]);
}

function runProgram(mode: Mode, program: string): void {
  const config = configOf(program);
  const folder = emptyFolder('wasi-testsuite');
  const grants: string[] = [];
  for (const name of config.root === undefined ? (config.dirs ?? []) : [config.root]) {
    cpSync(path.join(path.dirname(program), name), path.join(folder, name), { recursive: true });
    grants.push('--dir', `${path.join(folder, name)}::${config.root === undefined ? name : '/'}`);
  }
  for (const [name, value] of Object.entries(config.env ?? {})) grants.push('--env', `${name}=${value}`);
  const outcome = runIn(mode, grants, program, config.args ?? []);
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
  for (const mode of MODES)
    describe(mode.name, () => {
      before(function () {
        if (mode.under !== null) need(this, mode.under, 'aarch64-linux-gnu-gcc');
      });
      let programs = 0;
      for (const folder of FOLDERS)
        for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.wasm'))) {
          programs++;
          it(`${path.relative(checkout, folder).split(path.sep)[1]}/${name} ${mode.name}`, () => {
            runProgram(mode, path.join(folder, name));
          });
        }
      it('has all programs', () => {
        assert.ok(programs >= 72, String(programs));
      });
    });
});
