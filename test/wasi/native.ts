// Scenarios in C (guest/: also good as wasm programs; host/: with the host's help) linked with the stub's WASI functions
// into native programs, by several compilers; each test file builds into a folder of its own.
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from '../support/paths.ts';
import { emptyDirectory } from './tree.ts';

const GUEST = ['files', 'escape', 'dotdot', 'dirs', 'poll', 'pointers', 'unstable'] as const;
const HOST = ['race', 'random', 'system', 'faults', 'filter'] as const;
/** These catch calls of the host by the names of Linux. */
const CATCHING: readonly Scenario[] = ['faults', 'filter'];
export type Scenario = (typeof GUEST)[number] | (typeof HOST)[number];

export interface Build {
  readonly name: string;
  readonly cc: string;
  readonly flags: readonly string[];
  /** Programs run under this. */
  readonly under?: readonly string[];
  /** Programs are slow, threads take turns, and there is no openat2 (qemu 7.2, valgrind 3.19): both ways are one. */
  readonly isEmulated?: boolean;
  /** What is compiled is the code for other systems than Linux: no openat2, no calls by Linux's names. */
  readonly isPortable?: boolean;
}

const SANITIZE = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const VALGRIND = ['valgrind', '-q', '--error-exitcode=99', '--leak-check=full', '--fair-sched=yes'];
export const GCC_ASAN: Build = { name: 'gcc-asan', cc: 'gcc', flags: SANITIZE };
export const BUILDS: readonly Build[] = [
  GCC_ASAN,
  {
    name: 'portable',
    cc: 'gcc',
    flags: [...SANITIZE, '-U__linux__', '-DPORTABLE', '-DSO_NOSIGPIPE=SO_KEEPALIVE'],
    isPortable: true,
  },
  { name: 'clang-asan', cc: 'clang-19', flags: SANITIZE },
  { name: 'musl', cc: 'musl-gcc', flags: ['-O2', '-static'] },
  {
    name: 'aarch64',
    cc: 'aarch64-linux-gnu-gcc',
    flags: ['-O2', '-static'],
    under: ['qemu-aarch64'],
    isEmulated: true,
  },
  // Also sees whether the guest is given bytes that nobody has written (native.c).
  { name: 'valgrind', cc: 'gcc', flags: ['-O1', '-g', '-DVALGRIND'], under: VALGRIND, isEmulated: true },
];

/** Linker options that lead calls of the host to the functions of a scenario. */
function wraps(scenario: Scenario): string[] {
  if (!CATCHING.includes(scenario)) return [];
  const text = readFileSync(fromRoot('test/wasi/host', `${scenario}.c`), 'utf8');
  const names = [...text.matchAll(/^WRAP\([^,]*, (\w+),|__wrap_(\w+)\(.*;$/gm)].map((m) => m[1] ?? m[2]);
  assert.ok(names.length >= (scenario === 'faults' ? 45 : 1));
  return [...new Set(names)].map((name) => `-Wl,--wrap=${name}`);
}

/** Compiles the stub's part once into `folder` and links every scenario (or `only` some) with it. */
export function build(folder: string, b: Build, scenarios: readonly Scenario[] = [...GUEST, ...HOST]): void {
  emptyDirectory(folder);
  const compile = (args: string[]): void => {
    const r = spawnSync(b.cc, ['-std=c11', '-Wall', '-Wextra', '-Werror', ...b.flags, ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(r.status, 0, r.stderr);
  };
  const stub = readdirSync(fromRoot('runtime-stub'))
    .filter((name) => name.startsWith('wasi_') && name.endsWith('.c'))
    .map((name) => fromRoot('runtime-stub', name));
  compile(['-c', ...stub, fromRoot('test/wasi/host/native.c'), fromRoot('test/wasi/guest/guest.c')]);
  const objects = readdirSync(folder).filter((name) => name.endsWith('.o'));
  for (const name of scenarios) {
    const source = `${(GUEST as readonly string[]).includes(name) ? 'guest' : 'host'}/${name}.c`;
    compile([fromRoot('test/wasi', source), ...objects, ...wraps(name), '-o', name, '-lpthread']);
  }
}

export interface Run {
  readonly grants?: readonly string[];
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly stdin?: number | 'ignore';
  readonly stdout?: number | 'pipe';
  /** ms */
  readonly timeout?: number;
}

/** Runs the scenario that was built into `folder`. */
export function run(folder: string, b: Build, scenario: Scenario, options: Run): SpawnSyncReturns<string> {
  const words = [
    ...(b.under ?? []),
    path.join(folder, scenario),
    ...(options.grants ?? []),
    ...(options.args ?? []),
  ];
  return spawnSync(words[0] ?? '', words.slice(1), {
    cwd: options.cwd ?? folder,
    encoding: 'utf8',
    stdio: [options.stdin ?? 'ignore', options.stdout ?? 'pipe', 'pipe'],
    timeout: options.timeout ?? 120000,
    env: { ...process.env, B: 'x=y' },
    maxBuffer: 1 << 26,
  });
}

/** Valgrind 3.19 knows no openat2, and says so once: the stub then walks. */
const UNKNOWN_OPENAT2 = /^(--\d+-- ).*unhandled .*syscall: 437\n(?:\1.*\n)*/m;

/** The run ended well: status 0, nothing on standard error, `last` among its output. */
export function expectGood(r: SpawnSyncReturns<string>, last: RegExp): void {
  const failures = (r.stdout ?? '').split('\n').filter((line) => line.startsWith('FAIL'));
  assert.deepEqual(
    [r.signal, r.status, failures.slice(0, 20), r.stderr.replace(UNKNOWN_OPENAT2, '')],
    [null, 0, [], ''],
  );
  assert.match(r.stdout, last);
}
