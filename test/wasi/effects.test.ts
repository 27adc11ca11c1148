// The options that limit and grant, each by what it does to a compiled program (libc/effects.c); closed and broken standard
// streams of the process.
import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { execute, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { emptyDirectory } from './tree.ts';

const work = fromRoot('build/wasi-effects');
const TRAP = 134;
const EPERM = 1;
/** errno of WASI. */
const NOSPC = 51;
const PIPE = 64;
const NOTCAPABLE = 76;

describe('options of WASI programs, by their effect', function () {
  this.timeout(120000);
  const module = path.join(work, 'effects.wasm');
  const tree = path.join(work, 'tree');

  before(function () {
    need(this, 'clang-19', 'wasm-ld-19', 'cc');
    emptyDirectory(work);
    mkdirSync(tree);
    const r = spawnSync(
      'clang-19',
      [
        '--target=wasm32-wasi',
        '-O2',
        '-Wall',
        '-Wextra',
        '-Werror',
        fromRoot('test/wasi/libc/effects.c'),
        '-o',
        module,
      ],
      { encoding: 'utf8' },
    );
    assert.equal(r.status, 0, r.stderr);
  });

  const build = (...options: string[]): string => {
    const out = path.join(work, ['effects', ...options].join('_').replace(/[^\w-]/g, '_'));
    if (existsSync(out)) return out;
    const r = wasm2native([...options, module, fromRoot('test/wasi/host/denied.c'), '-o', out]);
    assert.equal(r.status, 0, r.stderr);
    return out;
  };
  const run = (program: string, args: readonly string[], grants = ''): SpawnSyncReturns<string> =>
    spawnSync(program, args, {
      cwd: work,
      encoding: 'utf8',
      timeout: 20000,
      env: { ...process.env, WASM2NATIVE_OPTS: grants },
    });
  /** What the program prints; it ends well. */
  const says = (program: string, args: readonly string[], grants = ''): string => {
    const r = run(program, args, grants);
    assert.deepEqual([r.signal, r.status, r.stderr], [null, 0, '']);
    return r.stdout.trim();
  };

  it('--max-memory: less can be had, nothing breaks; at run time, too', () => {
    assert.equal(says(build(), ['memory']), '64');
    const limited = Number(says(build('--max-memory', '16M'), ['memory']));
    assert.ok(limited >= 12 && limited < 16, String(limited));
    const atRunTime = Number(says(build(), ['memory'], '--max-memory=8388608'));
    assert.ok(atRunTime >= 5 && atRunTime < 8, String(atRunTime));
    const none = run(build(), ['memory'], '--max-memory=1000');
    assert.equal(none.status, 125);
    assert.match(none.stderr, /memory/);
  });

  it('--max-table-elements: table.grow refuses; a table that is too large at once does not start', function () {
    need(this, 'wat2wasm');
    const wat = path.join(work, 'table.wat');
    writeFileSync(
      wat,
      `(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
        (table $t 10 funcref)
        (func (export "_start")
          (drop (table.grow $t (ref.null func) (i32.const 90)))
          (drop (table.grow $t (ref.null func) (i32.const 1)))
          (call $exit (table.size $t))))`,
    );
    const assembled = spawnSync('wat2wasm', [wat, '-o', path.join(work, 'table.wasm')], { encoding: 'utf8' });
    assert.equal(assembled.status, 0, assembled.stderr);
    const status = (...options: string[]): number | null => {
      const out = path.join(work, ['table', ...options].join('_'));
      const r = wasm2native([...options, path.join(work, 'table.wasm'), '-o', out]);
      assert.equal(r.status, 0, r.stderr);
      return run(out, []).status;
    };
    assert.equal(status(), 101);
    assert.equal(status('--max-table-elements', '100'), 100);
    assert.equal(status('--max-table-elements', '99'), 11);
    assert.equal(status('--max-table-elements', '10'), 10);
    assert.equal(status('--max-table-elements', '9'), 125);
  });

  it('--max-open-files: EMFILE beyond', () => {
    const dir = `--dir=${tree}::/d`;
    assert.equal(says(build(), ['files'], dir), '100 all');
    assert.equal(says(build('--max-open-files', '12'), ['files'], dir), `${12 - 4} EMFILE`);
  });

  it('--allow-devices: device nodes and procfs open with it only', () => {
    const paths = ['opens', '/r/dev/null', '/r/dev/zero', '/r/proc/version', '/r/etc/passwd'];
    const no = NOTCAPABLE;
    assert.equal(says(build('--dir', '/::/r'), paths), `${no} ${no} ${no} 0`);
    assert.equal(says(build('--dir', '/::/r', '--allow-devices'), paths), '0 0 0 0');
  });

  it('--timeout: ends a loop, a sleep and a read', () => {
    const program = build('--timeout', '200ms');
    for (const how of ['loops', 'sleeps']) {
      const started = Date.now();
      const r = run(program, [how]);
      assert.deepEqual([r.signal, r.status, r.stderr], [null, TRAP, 'wasm trap: time limit reached\n'], how);
      assert.ok(Date.now() - started >= 190, how);
    }
    const r = spawnSync('sh', ['-c', 'sleep 1 | "$0" reads', program], { encoding: 'utf8' });
    assert.deepEqual([r.status, r.stderr], [TRAP, 'wasm trap: time limit reached\n']);
    assert.equal(says(build('--timeout', '1h'), ['opens', '/x']), '76');
  });

  it('--seccomp: host functions cannot do what WASI never does', () => {
    const dir = `--dir=${tree}::/d`;
    const denied = Array.from({ length: 9 }, () => EPERM);
    assert.equal(says(build(), ['calls']), Array.from({ length: 13 }, () => 0).join(' '));
    assert.equal(says(build('--seccomp'), ['calls']), [...denied, EPERM, 0, 0, 0].join(' '));
    assert.equal(says(build('--seccomp'), ['calls'], dir), [...denied, 0, 0, 0, 0].join(' '));
  });

  it('--listen: refused by a program that uses no sockets', () => {
    const program = path.join(work, 'deaf');
    const made = wasm2native([fromRoot('fixtures/hello.wasm'), '--listen', '127.0.0.1:0', '-o', program]);
    assert.deepEqual([made.stderr, made.status], ['', 0]);
    const { status, stdout, stderr } = execute(program, []);
    const reason = "cannot listen on '127.0.0.1:0': the program uses no sockets";
    assert.deepEqual([status, stdout, stderr.trim().endsWith(reason)], [125, '', true], stderr);
  });

  it('--listen: a socket that takes connections', async () => {
    // A port that is free now; a program that begins to listen there has it at once.
    const port = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        assert.ok(address !== null && typeof address === 'object');
        server.close(() => {
          resolve(address.port);
        });
      });
    });
    const program = spawn(build('--listen', `127.0.0.1:${port}`, '--seccomp'), ['serves']);
    const ended = new Promise((resolve) =>
      program.on('exit', (code, signal) => {
        resolve([code, signal]);
      }),
    );
    const text = 'some text '.repeat(100000);
    const answer = await new Promise<string>((resolve, reject) => {
      const attempt = (left: number): void => {
        const socket = connect(port, '127.0.0.1');
        let got = '';
        socket.on('connect', () => socket.end(text));
        socket.on('data', (piece) => (got += piece.toString()));
        socket.on('end', () => {
          resolve(got);
        });
        socket.on('error', (error) => {
          if (left === 0) reject(error);
          else setTimeout(attempt, 50, left - 1);
        });
      };
      attempt(100);
    });
    assert.equal(answer, text);
    assert.deepEqual(await ended, [0, null]);
  });

  it('closed standard streams stay closed, and no file takes their place', () => {
    const program = build('--dir', `${tree}::/d`);
    for (let mask = 0; mask < 8; mask++)
      for (const trap of [false, true]) {
        const words = [0, 1, 2].filter((fd) => (mask & (1 << fd)) !== 0).map((fd) => `${fd}<&-`);
        const r = spawnSync('sh', ['-c', `exec "$0" closed ${words.join(' ')}`, program], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { ...process.env, WASM2NATIVE_OPTS: trap ? '--env=TRAP=1' : '' },
        });
        assert.deepEqual([r.signal, r.status], [null, trap ? TRAP : mask], r.stderr);
        assert.equal(r.stdout, (mask & 2) === 0 ? 'to standard output\n' : '');
        if ((mask & 4) !== 0) assert.equal(r.stderr, '');
        else
          assert.match(
            r.stderr,
            trap ? /^to standard error\nwasm trap: unreachable/ : /^to standard error\n$/,
          );
        assert.equal(readFileSync(path.join(tree, 'kept'), 'utf8'), 'kept');
      }
  });

  it('a full disk and a broken pipe are errno of the write, no signal', () => {
    const full = spawnSync(build(), ['writes'], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
    assert.deepEqual([full.signal, full.status], [null, NOSPC]);
    const broken = spawnSync(
      'sh',
      ['-c', '{ "$0" writes; echo $? >&2; } | head -c 100000 > /dev/null', build()],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(broken.stderr, `${PIPE}\n`);
  });
});
