// The stub's WASI functions against scenarios in C (guest/: also good as wasm programs; host/: with the host's help),
// built by several compilers with sanitizers, each in both ways of resolving paths.
import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { BUILDS, build, expectGood, GCC_ASAN, run } from './native.ts';
import { silentPipe } from './pipe.ts';
import { emptyDirectory, escapeTree, snapshot } from './tree.ts';
import { randomCalls } from './random_calls.ts';

const work = fromRoot('build/wasi-test');
/**
 * What escape.c prints: the errno of each operation on each path; the same everywhere. With BLESS=1 the build gcc-asan
 * writes it anew: read the difference before you commit it.
 */
const GOLDEN = fromRoot('test/wasi/escape.golden');
/** Time for each operation while links are exchanged (make wasi-race: 10 s). */
const RACE_MS = process.env.WASM2NATIVE_WASI_RACE_MS;

for (const b of BUILDS) {
  describe(`WASI, built by ${b.name}`, function () {
    this.timeout(600000);
    before(function () {
      need(this, b.cc, ...(b.under ?? []).slice(0, 1));
      build(folder, b);
    });
    const folder = path.join(work, b.name);

    if (!b.isPortable)
      it('the filter of system calls, with and without a directory', () => {
        for (const grants of [[], [`dir=${folder}::/`]])
          expectGood(run(folder, b, 'filter', { grants: ['seccomp=', ...grants] }), /filter done/);
      });

    for (const [mode, grants] of [
      ['openat2', []],
      ['walk', ['walk=']],
    ] as const) {
      if ((b.isEmulated || b.isPortable) && mode === 'openat2') continue;
      const dir = path.join(work, `${b.name}-${mode}`);

      for (const [scenario, args, extra] of [
        ['files', ['one', ''], ['env=A=1', 'env=B', 'env=A=2']],
        ['dirs', [], []],
        ['poll', [], []],
        ['pointers', [], ['env=A=1', 'listen=127.0.0.1:0']],
        ['unstable', [], []],
      ] as const) {
        it(`${scenario} (${mode})`, () => {
          emptyDirectory(dir);
          const grant = path.join(dir, 'grant');
          mkdirSync(grant);
          const stdin = silentPipe(dir);
          try {
            expectGood(
              run(folder, b, scenario, { grants: [...grants, `dir=${grant}::/data`, ...extra], args, stdin }),
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
        const r = run(folder, b, 'escape', {
          cwd: dir,
          grants: [...grants, 'dir=grant::/g', 'dir=second::/s'],
        });
        expectGood(r, /escape done/);
        assert.equal(snapshot(path.join(dir, 'outside')), before);
        if (process.env.BLESS === '1' && b === GCC_ASAN && mode === 'openat2')
          writeFileSync(GOLDEN, r.stdout);
        assert.equal(r.stdout, readFileSync(GOLDEN, 'utf8'));
      });

      it(`every path of names and dots (${mode})`, () => {
        escapeTree(dir);
        const before = snapshot(path.join(dir, 'outside'));
        const names = (): string[] =>
          snapshot(path.join(dir, 'grant'))
            .split('\n')
            .map((line) => line.split(' ', 1)[0]);
        const namesBefore = names();
        expectGood(
          run(folder, b, 'dotdot', {
            cwd: dir,
            grants: [...grants, 'dir=grant::/g'],
            args: [b.isEmulated ? '3' : '4'],
          }),
          /dotdot done/,
        );
        assert.equal(snapshot(path.join(dir, 'outside')), before);
        assert.deepEqual(names(), namesBefore);
      });

      it(`no way out while links are exchanged (${mode})`, () => {
        escapeTree(dir);
        const before = snapshot(path.join(dir, 'outside'));
        const ms = RACE_MS ?? '40';
        expectGood(
          run(folder, b, 'race', {
            cwd: dir,
            grants: [...grants, 'dir=grant::/g', 'dir=second::/s'],
            args: [ms],
            timeout: 60000 + 30 * Number(ms),
          }),
          /race done/,
        );
        assert.equal(snapshot(path.join(dir, 'outside')), before);
      });

      it(`random calls (${mode})`, () => {
        randomCalls(folder, b, dir, mode === 'walk', 400);
      });

      if (!b.isPortable)
        it(`each call to the host fails once (${mode})`, () => {
          const grant = path.join(dir, 'faults');
          emptyDirectory(grant);
          const more = b.isEmulated ? ['arg0=emulated'] : [];
          expectGood(
            run(folder, b, 'faults', {
              cwd: grant,
              grants: [...grants, ...more, `dir=${grant}::/`, 'listen=127.0.0.1:0'],
            }),
            /faults done/,
          );
        });

      it(`pipes, sockets, devices, closed streams, limits (${mode})`, () => {
        escapeTree(dir);
        expectGood(
          run(folder, b, 'system', {
            cwd: dir,
            grants: [...grants, 'dir=grant::/g', 'dir=/::/root', 'max-open-files=40', 'listen=127.0.0.1:0'],
          }),
          /system done/,
        );
      });
    }
  });
}

describe('WASI limits of the process', () => {
  const b = GCC_ASAN;
  const folder = path.join(work, b.name);
  before(function () {
    need(this, b.cc);
    if (!existsSync(path.join(folder, 'system'))) build(folder, b, ['files', 'system']); // when only these are run
  });

  it('refuses to start with one line that names the grant', () => {
    const r = run(folder, b, 'files', { grants: ['dir=/no/such/directory::/x'] });
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
      assert.equal(run(folder, b, 'files', { grants: [bad] }).status, 125, bad);
  });

  it('ends at the time limit with the status of a trap', () => {
    const stdin = silentPipe(work);
    const started = Date.now();
    const r = run(folder, b, 'system', { grants: ['timeout=300'], args: ['hang'], stdin });
    closeSync(stdin);
    assert.equal(r.status, 134);
    assert.match(r.stderr, /time limit/);
    assert.ok(Date.now() - started < 10000);
  });
});
