// The stub's WASI functions against scenarios in C (guest/: also good as wasm programs; host/: with the host's help),
// built by several compilers with sanitizers, each in both ways of resolving paths.
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { silentPipe } from './pipe.ts';
import { emptyDirectory, escapeTree, snapshot } from './tree.ts';
import { need } from '../support/need.ts';

const root = process.cwd();
const work = path.join(root, 'build/wasi-test');
const GUEST = ['files', 'escape', 'dirs', 'poll', 'pointers'];
const HOST = ['race', 'random', 'system', 'faults'];

interface Build {
  readonly name: string;
  readonly cc: string;
  readonly flags: readonly string[];
  /** Programs run under this. */
  readonly under?: readonly string[];
}
const SANITIZE = ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const BUILDS: readonly Build[] = [
  { name: 'gcc-asan', cc: 'gcc', flags: SANITIZE },
  { name: 'clang-asan', cc: 'clang-19', flags: SANITIZE },
  { name: 'musl', cc: 'musl-gcc', flags: ['-O2', '-static'] },
  { name: 'aarch64', cc: 'aarch64-linux-gnu-gcc', flags: ['-O2', '-static'], under: ['qemu-aarch64'] },
];

function sources(dir: string): string[] {
  return readdirSync(path.join(root, dir))
    .filter((name) => name.startsWith('wasi_') && name.endsWith('.c'))
    .map((name) => path.join(root, dir, name));
}

/** Linker options that lead calls of the host to the functions of faults.c. */
function wraps(scenario: string): string[] {
  if (scenario !== 'faults') return [];
  const text = readFileSync(path.join(root, 'test/wasi/host/faults.c'), 'utf8');
  const names = [...text.matchAll(/^WRAP\([^,]*, (\w+),|__wrap_(\w+)\(.*;$/gm)].map((m) => m[1] ?? m[2]);
  assert.ok(names.length > 30);
  return [...new Set(names)].map((name) => `-Wl,--wrap=${name}`);
}

/** Compiles the stub's part once and links every scenario with it. */
function build(b: Build): void {
  const out = path.join(work, b.name);
  emptyDirectory(out);
  const compile = (args: string[]): void => {
    const r = spawnSync(b.cc, ['-std=c11', '-Wall', '-Wextra', '-Werror', ...b.flags, ...args], {
      cwd: out,
      encoding: 'utf8',
    });
    assert.equal(r.status, 0, r.stderr);
  };
  compile([
    '-c',
    ...sources('runtime-stub'),
    path.join(root, 'test/wasi/host/native.c'),
    path.join(root, 'test/wasi/guest/guest.c'),
  ]);
  const objects = readdirSync(out).filter((name) => name.endsWith('.o'));
  for (const [dir, names] of [
    ['guest', GUEST],
    ['host', HOST],
  ] as const)
    for (const name of names)
      compile([
        path.join(root, `test/wasi/${dir}/${name}.c`),
        ...objects,
        ...wraps(name),
        '-o',
        name,
        '-lpthread',
      ]);
}

interface Run {
  readonly grants?: readonly string[];
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly stdin?: number | 'ignore';
  readonly stdout?: number | 'pipe';
  readonly timeout?: number;
}

function run(b: Build, scenario: string, options: Run): SpawnSyncReturns<string> {
  const words = [
    ...(b.under ?? []),
    path.join(work, b.name, scenario),
    ...(options.grants ?? []),
    ...(options.args ?? []),
  ];
  return spawnSync(words[0] ?? '', words.slice(1), {
    cwd: options.cwd ?? work,
    encoding: 'utf8',
    stdio: [options.stdin ?? 'ignore', options.stdout ?? 'pipe', 'pipe'],
    timeout: options.timeout ?? 60000,
    env: { ...process.env, B: 'x=y' },
    maxBuffer: 1 << 26,
  });
}

function expectGood(r: SpawnSyncReturns<string>, last?: RegExp): void {
  assert.equal(r.signal, null, `ended by ${r.signal}\n${r.stderr}`);
  assert.equal(
    r.status,
    0,
    `${(r.stdout ?? '')
      .split('\n')
      .filter((l) => l.startsWith('FAIL'))
      .slice(0, 20)
      .join('\n')}\n${r.stderr}`,
  );
  assert.equal(r.stderr, '');
  if (last !== undefined) assert.match(r.stdout, last);
}

for (const b of BUILDS) {
  describe(`WASI, built by ${b.name}`, function () {
    this.timeout(600000);
    before(function () {
      need(this, b.cc, ...(b.under ?? []));
      build(b);
    });
    const logs: string[] = [];

    for (const [mode, grants] of [
      ['openat2', []],
      ['walk', ['walk=']],
    ] as const) {
      const dir = path.join(work, `${b.name}-${mode}`);

      for (const [scenario, args, extra] of [
        ['files', ['one', ''], ['env=A=1', 'env=B', 'env=A=2']],
        ['dirs', [], []],
        ['poll', [], []],
        ['pointers', [], ['listen=127.0.0.1:0']],
      ] as const) {
        it(`${scenario} (${mode})`, () => {
          emptyDirectory(dir);
          const grant = path.join(dir, 'grant');
          mkdirSync(grant);
          const stdin = silentPipe(dir);
          try {
            expectGood(
              run(b, scenario, { grants: [...grants, `dir=${grant}::/data`, ...extra], args, stdin }),
              new RegExp(`^${scenario} done`, 'm'),
            );
          } finally {
            closeSync(stdin);
          }
        });
      }

      it(`no way out of the grant (${mode})`, () => {
        escapeTree(dir);
        const before = snapshot(path.join(dir, 'outside'));
        const r = run(b, 'escape', { cwd: dir, grants: [...grants, 'dir=grant::/g', 'dir=second::/s'] });
        expectGood(r, /escape done/);
        assert.equal(snapshot(path.join(dir, 'outside')), before);
        logs.push(r.stdout);
      });

      it(`no way out while links are exchanged (${mode})`, () => {
        escapeTree(dir);
        const inOutside = (): string => snapshot(path.join(dir, 'outside')).split('\n').slice(1).join('\n'); // the swapper itself changes the directory
        const before = inOutside();
        expectGood(
          run(b, 'race', {
            cwd: dir,
            grants: [...grants, 'dir=grant::/g'],
            args: [b.under === undefined ? '100' : '40'],
          }),
          /race done/,
        );
        assert.equal(inOutside(), before);
      });

      it(`random calls (${mode})`, () => {
        escapeTree(dir);
        const before = snapshot(path.join(dir, 'outside'));
        const seed = process.env.WASM2NATIVE_WASI_SEED ?? String(Math.floor(Math.random() * 2 ** 32));
        const output = openSync(path.join(dir, 'output'), 'w'); // The guest may close, fill or renumber its standard output.
        const r = run(b, 'random', {
          cwd: dir,
          grants: [
            ...grants,
            'clock=1000',
            'seed=1',
            'dir=grant::/g',
            'dir=second::/s',
            'listen=127.0.0.1:0',
          ],
          args: [seed, process.env.WASM2NATIVE_WASI_RANDOM_MS ?? '1500'],
          stdout: output,
        });
        closeSync(output);
        assert.equal(r.signal, null, `seed ${seed}: ended by ${r.signal}`);
        assert.ok(!/AddressSanitizer|runtime error/.test(r.stderr), `seed ${seed}: ${r.stderr}`);
        assert.equal(
          r.status,
          0,
          `seed ${seed}: ${readFileSync(path.join(dir, 'output'), 'utf8').slice(-2000)}`,
        );
        assert.equal(snapshot(path.join(dir, 'outside')), before, `seed ${seed}`);
      });

      it(`each call to the host fails once (${mode})`, () => {
        const grant = path.join(dir, 'faults');
        emptyDirectory(grant);
        expectGood(run(b, 'faults', { cwd: grant, grants: [...grants, `dir=${grant}::/`] }), /faults done/);
      });

      it(`pipes, sockets, devices, closed streams, limits (${mode})`, () => {
        escapeTree(dir);
        expectGood(
          run(b, 'system', {
            cwd: dir,
            grants: [...grants, 'dir=grant::/g', 'dir=/::/root', 'max-open-files=40', 'listen=127.0.0.1:0'],
          }),
          /system done/,
        );
      });
    }

    it('both ways of resolving give the same results', () => {
      assert.equal(logs.length, 2);
      const [kernel, walk] = logs;
      assert.equal(walk, kernel);
    });
  });
}

describe('WASI limits of the process', () => {
  const b = BUILDS[0];
  before(function () {
    need(this, b.cc);
    if (!existsSync(path.join(work, b.name, 'files'))) build(b);
  });

  it('refuses to start with one line that names the grant', () => {
    const r = run(b, 'files', { grants: ['dir=/no/such/directory::/x'] });
    assert.equal(r.status, 125);
    assert.match(
      r.stderr,
      /^refused: cannot open directory '\/no\/such\/directory::\/x': No such file or directory\n$/,
    );
    for (const bad of [
      'seed=x',
      'clock=',
      'clock=1/',
      'timeout=-1',
      'max-open-files=18446744073709551616',
      'listen=nowhere',
      'listen=127.0.0.1:65536',
    ])
      assert.equal(run(b, 'files', { grants: [bad] }).status, 125, bad);
  });

  it('ends at the time limit with the status of a trap', () => {
    const stdin = silentPipe(work);
    const started = Date.now();
    const r = run(b, 'system', { grants: ['timeout=300'], args: ['hang'], stdin });
    closeSync(stdin);
    assert.equal(r.status, 134);
    assert.match(r.stderr, /time limit/);
    assert.ok(Date.now() - started < 10000);
  });
});
