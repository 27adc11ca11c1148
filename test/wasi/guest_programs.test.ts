// The scenarios of guest/ and programs of wasi-libc as wasm modules: compiled by clang, then by wasm2native at both levels,
// run in both ways of resolving paths, each many times over with random inputs where WASM2NATIVE_WASI_ROUNDS asks for it.
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { escapeTree, emptyDirectory, snapshot } from './tree.ts';
import { silentPipe } from './pipe.ts';

const work = fromRoot('build/wasi-guest');
/** What escape.c prints (wasi.test.ts). */
const GOLDEN = fromRoot('test/wasi/escape.golden');
const SCENARIOS = ['files', 'escape', 'dotdot', 'dirs', 'poll', 'pointers', 'unstable'] as const;
const rounds = Number(process.env.WASM2NATIVE_WASI_ROUNDS ?? '1');

interface Target {
  readonly name: string;
  /** Options of wasm2native. */
  readonly options: readonly string[];
  /** The executable runs under this. */
  readonly under: readonly string[];
  readonly tools: readonly string[];
}
const CROSS = ['--target', 'aarch64-linux', '--cc', 'aarch64-linux-gnu-gcc', '--static'];
const TARGETS: readonly Target[] = [
  { name: 'x86_64 -O2', options: ['--target', 'x86_64-linux'], under: [], tools: ['gcc'] },
  { name: 'x86_64 -O0', options: ['--target', 'x86_64-linux', '-O0'], under: [], tools: ['gcc'] },
  { name: 'aarch64 -O2', options: CROSS, under: ['qemu-aarch64'], tools: ['aarch64-linux-gnu-gcc'] },
];

/** Compiles a C program to wasm once; scenarios have a `_start` of their own. */
function wasm(name: string): string {
  const out = path.join(work, `${name}.wasm`);
  if (existsSync(out)) return out;
  const isScenario = SCENARIOS.some((s) => s === name);
  const sources = isScenario ? ['guest/guest.c', `guest/${name}.c`] : [`libc/${name}.c`];
  const r = spawnSync(
    'clang-19',
    [
      '--target=wasm32-wasi',
      '-O2',
      '-Wall',
      '-Wextra',
      '-Werror',
      ...(isScenario ? ['-nostartfiles'] : []),
      ...sources.map((s) => fromRoot('test/wasi', s)),
      '-o',
      out,
    ],
    { encoding: 'utf8' },
  );
  assert.equal(r.status, 0, r.stderr);
  return out;
}

interface Run {
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly stdin?: number | 'ignore';
  readonly stdout?: number | 'pipe' | 'ignore';
  /** Words of WASM2NATIVE_OPTS. */
  readonly grants?: readonly string[];
}

for (const target of TARGETS)
  describe(`WASI programs, ${target.name}`, function () {
    this.timeout(600000);
    const folder = path.join(work, target.name.replace(' ', ''));

    before(function () {
      need(this, 'clang-19', 'wasm-ld-19', ...target.tools, ...target.under);
      if (target === TARGETS[0]) emptyDirectory(work);
      else mkdirSync(work, { recursive: true });
      emptyDirectory(folder);
    });

    /** Builds `name` with baked options; one executable for each set of them. */
    const build = (name: string, options: readonly string[]): string => {
      const out = path.join(folder, [name, ...options].join('_').replace(/[^\w-]/g, '_'));
      if (existsSync(out)) return out;
      const r = wasm2native([...target.options, ...options, wasm(name), '-o', out]);
      assert.equal(r.status, 0, r.stderr);
      return out;
    };

    const run = (program: string, options: Run = {}): SpawnSyncReturns<string> => {
      const words = [...target.under, program, ...(options.args ?? [])];
      return spawnSync(words[0], words.slice(1), {
        cwd: options.cwd ?? folder,
        encoding: 'utf8',
        stdio: [options.stdin ?? 'ignore', options.stdout ?? 'pipe', 'pipe'],
        timeout: 60000,
        env: { ...process.env, B: 'x=y', WASM2NATIVE_OPTS: options.grants?.join(' ') },
        maxBuffer: 1 << 26,
      });
    };

    const expectGood = (r: SpawnSyncReturns<string>, last: RegExp): void => {
      const failures = (r.stdout ?? '').split('\n').filter((line) => line.startsWith('FAIL'));
      assert.deepEqual([r.signal, r.status, r.stderr, failures.slice(0, 20)], [null, 0, '', []]);
      assert.match(r.stdout, last);
    };

    /** No filters of system calls, no openat2, no terminals under an emulator. */
    const isEmulated = target.under.length > 0;
    for (const walk of [[], ['--x-walk'], ['--seccomp']] as const) {
      const mode = walk[0] ?? 'openat2';
      if (target.options.includes('-O0') ? mode !== 'openat2' : isEmulated && mode !== '--x-walk') continue;
      for (const scenario of SCENARIOS)
        it(`${scenario} (${mode})`, () => {
          const program = build(scenario, ['--argv0', 'guest', ...walk]);
          for (let i = 0; i < rounds; i++) {
            const dir = path.join(folder, 'tree');
            escapeTree(dir);
            const outside = snapshot(path.join(dir, 'outside'));
            mkdirSync(path.join(dir, 'empty'));
            const stdin = silentPipe(dir);
            const grants =
              scenario === 'escape' || scenario === 'dotdot'
                ? ['--dir=grant::/g', '--dir', 'second::/s']
                : ['--dir=empty::/data', '--env', 'A=1', '--env=B', '--env=A=2'];
            if (scenario === 'pointers') grants.push('--listen', '127.0.0.1:0');
            const args = scenario === 'files' ? ['one', ''] : scenario === 'dotdot' ? ['3'] : [];
            try {
              const r = run(program, { cwd: dir, grants, args, stdin });
              expectGood(r, new RegExp(`^${scenario} done`, 'm'));
              if (scenario === 'escape') assert.equal(r.stdout, readFileSync(GOLDEN, 'utf8'));
            } finally {
              closeSync(stdin);
            }
            assert.equal(snapshot(path.join(dir, 'outside')), outside);
          }
        });
    }

    it('isatty: no for /dev/null, a file, a pipe; yes for a terminal', function () {
      const program = build('streams', []);
      const file = openSync(path.join(folder, 'out'), 'w');
      assert.equal(run(program, { stdout: 'ignore' }).status, 0);
      assert.equal(run(program, { stdout: file }).status, 0);
      assert.equal(run(program, { stdout: 'pipe' }).stdout, 'written\n');
      assert.equal(readFileSync(path.join(folder, 'out'), 'utf8'), 'written\n');
      closeSync(file);
      need(this, 'script');
      const r = spawnSync('script', ['-qec', [...target.under, program].join(' '), '/dev/null'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      assert.equal((r.status ?? 0) & 2, 2, r.stderr);
    });

    it('the same seed and clock give the same run, under a filter of system calls', () => {
      const program = build('reproducible', [
        '--seed',
        '5',
        '--clock',
        '1000000000/7',
        ...(isEmulated ? [] : ['--seccomp']),
        '--argv0',
        'me',
      ]);
      const first = run(program);
      assert.deepEqual([first.status, first.stderr], [0, '']);
      assert.match(first.stdout, /^me [0-9a-f]{16} 1\.0+ /);
      assert.equal(run(program).stdout, first.stdout);
    });

    it('a time limit ends a module that imports nothing', () => {
      const endless = path.join(folder, 'endless.wasm');
      // (module (func (export "_start") (loop (br 0))))
      const code = [
        0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 10, 1, 6, 95, 115, 116, 97, 114, 116,
      ];
      writeFileSync(endless, Buffer.from([...code, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11]));
      const out = path.join(folder, 'endless');
      const built = wasm2native([...target.options, '--timeout', '300ms', endless, '-o', out]);
      assert.equal(built.status, 0, built.stderr);
      const r = run(out);
      assert.deepEqual([r.signal, r.status, r.stderr], [null, 134, 'wasm trap: time limit reached\n']);
    });

    it('an object is linked by hand without naming the set-up', () => {
      const object = path.join(folder, 'streams.o');
      const made = wasm2native([
        ...target.options,
        '--emit',
        'obj',
        '--name',
        'byhand',
        wasm('streams'),
        '-o',
        object,
      ]);
      assert.equal(made.status, 0, made.stderr);
      const shown = wasm2native([
        ...target.options,
        '--verbose',
        wasm('streams'),
        '-o',
        path.join(folder, 'shown'),
      ]);
      const archive = /\S+libw2nstub\.a/.exec(shown.stderr + shown.stdout)?.[0] ?? '';
      const program = path.join(folder, 'byhand');
      const main = '-Wl,--defsym=w2n_main_module=w2n_module_byhand';
      const linked = spawnSync(
        target.tools[0],
        [
          ...(isEmulated ? ['-static'] : []),
          '-Wl,--gc-sections',
          object,
          archive,
          main,
          '-pthread',
          '-o',
          program,
        ],
        {
          encoding: 'utf8',
        },
      );
      assert.equal(linked.status, 0, linked.stderr);
      const r = run(program);
      assert.deepEqual([r.status, r.stdout, r.stderr], [0, 'written\n', '']);
    });

    it('refuses bad words in WASM2NATIVE_OPTS and takes none with --fixed-grants', () => {
      const program = build('streams', []);
      for (const words of [
        ['--seccomp'],
        ['--timeout=5'],
        ['--dir'],
        ['dir=x'],
        ['--max-memory=x'],
        ['--dir=no/such::/d'],
        ['--listen=nowhere'],
      ]) {
        const r = run(program, { grants: words });
        assert.equal(r.status, 125, words.join(' '));
        assert.equal(r.stderr.trimEnd().split('\n').length, 1, r.stderr);
      }
      assert.equal(run(build('streams', ['--fixed-grants']), { grants: ['nonsense'] }).status, 0);
      mkdirSync(path.join(folder, 'a b'), { recursive: true });
      assert.equal(run(program, { grants: ['--dir', 'a\\ b::/d', '--stack-size=1048576'] }).status, 0);
    });

    it('refuses options that are no numbers, durations, addresses', () => {
      for (const words of [
        '--timeout=0',
        '--timeout=x',
        '--clock=1/2/3',
        '--seed=-1',
        '--listen=x',
        '--max-open-files=1e3',
      ])
        assert.equal(wasm2native([words, wasm('streams')]).status, 2, words);
    });
  });
