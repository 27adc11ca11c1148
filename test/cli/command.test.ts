import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, launcher, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

const hello = fromRoot('fixtures/hello.wasm');
const GREETING = 'Hello from WebAssembly, compiled to native code!\n';
const EMPTY_MODULE = Buffer.from('\0asm\x01\0\0\0', 'latin1');

describe('command', () => {
  let folder = '';
  beforeEach(() => {
    folder = emptyFolder('cli');
  });
  const at = (name: string): string => path.join(folder, name);
  /** One line on stderr that matches, nothing on stdout. */
  const refuses = (
    args: readonly string[],
    status: number,
    line: RegExp,
    env: NodeJS.ProcessEnv = {},
  ): void => {
    const outcome = wasm2native(args, { cwd: folder, env });
    assert.equal(outcome.stdout, '');
    assert.match(outcome.stderr, line);
    assert.equal(outcome.status, status, outcome.stderr);
    assert.equal(outcome.stderr.trimEnd().split('\n').length, 1, outcome.stderr);
  };

  it('builds hello, silently, by its default name', function () {
    need(this, 'cc');
    copyFileSync(hello, at('hello.wasm'));
    const outcome = wasm2native(['hello.wasm'], { cwd: folder });
    assert.deepEqual(outcome, { status: 0, signal: null, stdout: '', stderr: '' });
    assert.deepEqual(readdirSync(folder).sort(), ['hello', 'hello.wasm']);
    const run = execute(at('hello'), ['a b', '-x']);
    assert.equal(run.stdout, `${GREETING}argument 1: a b\nargument 2: -x\n`);
  });

  it('works through a symbolic link, with HOME unset, at both levels', function () {
    need(this, 'cc');
    symlinkSync(launcher, at('w2n'));
    const env = { PATH: process.env.PATH, TMPDIR: folder };
    for (const level of ['-O0', '-O2']) {
      const outcome = execute(at('w2n'), [level, hello, '-o', at('app')], { env, cwd: folder });
      assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
      assert.equal(execute(at('app'), []).stdout, GREETING);
    }
    const cache = readdirSync(folder).find((name) => name.startsWith('wasm2native-')) ?? '';
    assert.equal(statSync(at(cache)).mode & 0o777, 0o700);
  });

  it('spares Node the extra certificates, and hands them to what it starts', function () {
    need(this, 'cc');
    writeFileSync(at('cc'), '#!/bin/sh\nenv >env.txt\nexec cc "$@"\n');
    chmodSync(at('cc'), 0o755);
    // Node warns of a file that it cannot read.
    const extra = { NODE_EXTRA_CA_CERTS: at('absent'), WASM2NATIVE_CACHE_DIR: at('cache') };
    const options = { env: { ...process.env, ...extra }, cwd: folder };
    const outcome = execute(launcher, ['--cc', at('cc'), hello, '-o', at('app')], options);
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
    const seen = readFileSync(at('env.txt'), 'utf8').split('\n');
    assert.ok(seen.includes(`NODE_EXTRA_CA_CERTS=${at('absent')}`));
    assert.ok(!seen.some((line) => line.startsWith('W2N_')));
  });

  it('gives the same bytes each time, also without a cache and from another folder', function () {
    need(this, 'cc');
    wasm2native([hello, '-o', at('one')]);
    wasm2native(['--no-cache', hello, '-o', 'two'], { cwd: folder });
    assert.ok(readFileSync(at('one')).equals(readFileSync(at('two'))));
  });

  it('runs a module with what follows it, and passes its exit status on', function () {
    need(this, 'cc');
    const outcome = wasm2native(['run', '-O0', hello, '--emit', '-O2', '--', 'x']);
    assert.equal(
      outcome.stdout,
      `${GREETING}argument 1: --emit\nargument 2: -O2\nargument 3: --\nargument 4: x\n`,
    );
    assert.deepEqual([outcome.status, outcome.stderr], [0, '']);
  });

  it('prints a command that works when pasted', function () {
    need(this, 'cc');
    const outcome = wasm2native(['--verbose', hello, '-o', at("it's here"), '--cflags', '-g -DX="a b"']);
    assert.equal(outcome.status, 0, outcome.stderr);
    const first = readFileSync(at("it's here"));
    writeFileSync(at("it's here"), '');
    const pasted = execute('sh', ['-c', outcome.stderr], { cwd: folder });
    assert.deepEqual([pasted.stderr, pasted.status], ['', 0]);
    assert.ok(first.equals(readFileSync(at("it's here"))));
  });

  it('refuses bad input in one line that names file, offset and reason', () => {
    writeFileSync(at('short.wasm'), EMPTY_MODULE.subarray(0, 6));
    refuses(['short.wasm'], 1, /short\.wasm: byte \d+ \(0x[0-9a-f]+\): /);
    writeFileSync(at('bad.wasm'), Buffer.concat([EMPTY_MODULE, Buffer.from([99, 0])]));
    refuses(['bad.wasm'], 1, /bad\.wasm: byte 8 \(0x8\): .*section/);
    writeFileSync(at('text.wat'), '(module)');
    refuses(['text.wat'], 1, /text\.wat: is the text format/);
    writeFileSync(at('any.bin'), Buffer.from([1, 0, 2]));
    refuses(['any.bin'], 1, /any\.bin: .*neither a WebAssembly module nor/);
    writeFileSync(at('component.wasm'), Buffer.from('\0asm\x0d\0\x01\0', 'latin1'));
    refuses(['component.wasm'], 1, /is a component/);
    refuses(['missing.wasm'], 1, /ENOENT.*missing\.wasm/);
    refuses(['.'], 1, /is a directory/);
    writeFileSync(at('empty.wasm'), EMPTY_MODULE);
    refuses(['empty.wasm', '-o', 'x'], 1, /neither _start nor _initialize.*--emit obj/);
  });

  // CI services set CI, some FORCE_COLOR: their logs and what reads our lines get no escape sequences for it.
  it('colours its name at a terminal only', function () {
    refuses([at('no.wasm')], 1, /^wasm2native: /, { CI: 'true', FORCE_COLOR: '1' });
    need(this, 'script');
    const seen = (env: NodeJS.ProcessEnv): string => {
      const command = `'${process.execPath}' '${launcher}' no.wasm`;
      const options = { cwd: folder, env: { PATH: process.env.PATH, TERM: 'xterm', ...env } };
      return execute('script', ['-qec', command, '/dev/null'], options).stdout;
    };
    const RED = '\x1b[31m';
    assert.ok(seen({}).startsWith(`${RED}wasm2native:`), JSON.stringify(seen({})));
    assert.ok(seen({ NO_COLOR: '1' }).startsWith('wasm2native: '), JSON.stringify(seen({ NO_COLOR: '1' })));
    assert.ok(seen({ TERM: 'dumb' }).startsWith('wasm2native: '), JSON.stringify(seen({ TERM: 'dumb' })));
  });

  it('refuses wrong usage with status 2', () => {
    refuses([], 2, /no input file/);
    refuses(['--nonsense', hello], 2, /nonsense/);
    refuses(['--target', 'vax-vms', hello], 2, /unknown target "vax-vms"/);
    refuses(['--emit', 'dll', hello], 2, /emit/);
    refuses(['-O3', hello], 2, /-O3/);
    refuses(['--max-memory', 'much', hello], 2, /max-memory/);
    refuses([hello, hello], 2, /two modules/);
    copyFileSync(hello, at('app'));
    refuses(['app'], 2, /would replace the input/);
    refuses(['--cc', '"cc', hello], 2, /quote/);
  });

  it('names an absent and a failing C compiler, and how to set another', () => {
    writeFileSync(at('out'), 'before');
    const args = [hello, '-o', at('out')];
    refuses(['--cc', 'no-such-cc', ...args], 1, /no-such-cc cannot be run \(ENOENT\).*--cc/);
    refuses(args, 1, /no-such-cc cannot be run/, { CC: 'no-such-cc' });
    writeFileSync(at('failing'), '#!/bin/sh\n[ "$1" = --version ] && exit 0\nexit 3\n');
    chmodSync(at('failing'), 0o755);
    refuses(['--cc', at('failing'), ...args], 1, /failing failed \(exit status 3\).*--cc/);
    assert.equal(readFileSync(at('out'), 'utf8'), 'before');
    assert.deepEqual(readdirSync(folder).sort(), ['failing', 'out']);
  });

  it('names imports that nobody defines, and leaves the output alone', function () {
    need(this, 'cc', 'wat2wasm');
    const wat =
      '(module (import "env" "log" (func (param i32))) (func (export "_start") (call 0 (i32.const 1))))';
    writeFileSync(at('a.wat'), wat);
    execute('wat2wasm', ['a.wat', '-o', 'a.wasm'], { cwd: folder });
    writeFileSync(at('a'), 'before');
    refuses(['a.wasm'], 1, /a\.wasm: byte \d+ .*unresolved import "env" "log" \(C function env__log\)/);
    assert.equal(readFileSync(at('a'), 'utf8'), 'before');
    assert.deepEqual(readdirSync(folder).sort(), ['a', 'a.wasm', 'a.wat']);
  });

  it('removes what is temporary when it is interrupted', async function () {
    need(this, 'cc');
    writeFileSync(at('slow'), '#!/bin/sh\n[ "$1" = --version ] && exit 0\ntouch started\nsleep 20\n');
    chmodSync(at('slow'), 0o755);
    mkdirSync(at('tmp'));
    const child = spawn(process.execPath, [launcher, '--cc', './slow', '--no-cache', hello, '-o', 'out'], {
      cwd: folder,
      env: { ...process.env, TMPDIR: at('tmp') },
    });
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
    while (!existsSync(at('started'))) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    assert.equal(await ended, 'SIGINT');
    assert.deepEqual(readdirSync(at('tmp')), []);
    assert.ok(!existsSync(at('out')));
  });

  it('builds at the same time as another, with an empty cache', async function () {
    need(this, 'cc');
    const env = { ...process.env, WASM2NATIVE_CACHE_DIR: at('cache') };
    const start = (out: string): Promise<unknown> => {
      const child = spawn(process.execPath, [launcher, hello, '-o', at(out)], { env, stdio: 'inherit' });
      return new Promise((resolve) => child.on('exit', resolve));
    };
    assert.deepEqual(await Promise.all([start('one'), start('two')]), [0, 0]);
    assert.equal(execute(at('two'), []).stdout, GREETING);
    assert.ok(readFileSync(at('one')).equals(readFileSync(at('two'))));
    assert.deepEqual(readdirSync(at('cache')).length, 1);
  });

  it('leaves a cache folder that others may enter unused', function () {
    need(this, 'cc');
    mkdirSync(at('open'));
    chmodSync(at('open'), 0o777);
    const outcome = wasm2native(['--cache-dir', at('open'), hello, '-o', at('out')]);
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
    assert.deepEqual(readdirSync(at('open')), []);
  });

  it('shows what it made', function () {
    need(this, 'cc');
    wasm2native(['--dir', 'data::/d', '--env', 'A=b', hello, '-o', at('out')]);
    const shown = wasm2native(['inspect', at('out')]).stdout;
    assert.match(shown, /^section w2n_text -x \d+ bytes$/m);
    assert.match(shown, /^setting dir "data::\/d"$/m);
    assert.match(shown, /^setting env "A=b"$/m);
    assert.match(
      wasm2native(['inspect', hello]).stdout,
      /^import function "wasi_snapshot_preview1" "fd_write"$/m,
    );
  });

  it('prints the IR', () => {
    const outcome = wasm2native(['--emit', 'ir', hello, '-o', at('hello.ir')]);
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
    assert.match(readFileSync(at('hello.ir'), 'utf8'), /^func 7 sig \d+ \{\nblock0.*:$/m);
  });

  it('prints the code of each function', () => {
    const outcome = wasm2native(['--emit', 'asm', hello, '-o', at('hello.asm')]);
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
    const listing = readFileSync(at('hello.asm'), 'utf8');
    const functions =
      /^functions: (\d+), imported (\d+)$/m.exec(wasm2native(['inspect', hello]).stdout) ?? [];
    const titles = [...listing.matchAll(/^function \d+.*: (\d+) bytes, frame \d+ bytes, /gm)];
    assert.equal(titles.length, Number(functions[1]) - Number(functions[2]));
    const dumped = [...listing.matchAll(/^ {2}[0-9a-f]{6} {2}((?:[0-9a-f]{2} ?)+)/gm)];
    const bytes = dumped.reduce((sum, [, line]) => sum + line.trim().split(' ').length, 0);
    assert.equal(
      bytes,
      titles.reduce((sum, [, size]) => sum + Number(size), 0),
    );
    assert.match(listing, /; wasm 0x[0-9a-f]+/);
  });

  it('tells times and sizes', () => {
    const outcome = wasm2native(['--emit', 'obj', '--time-passes', '--stats', hello, '-o', at('hello.o')]);
    assert.deepEqual([outcome.stdout, outcome.status], ['', 0]);
    const times = new Map(
      [...outcome.stderr.matchAll(/^(\w[\w ]*\w) +(\d+\.\d) ms$/gm)].map(([, name, ms]) => [
        name,
        Number(ms),
      ]),
    );
    for (const pass of ['translate', 'opt gvn', 'opt dce2', 'lower', 'allocate', 'emit', 'layout', 'write'])
      assert.ok(times.has(pass), `${pass} in ${outcome.stderr}`);
    assert.ok((times.get('allocate') ?? 0) > 0);
    assert.match(outcome.stderr, /^text: \d+ bytes in 1 run$/m);
  });

  it('makes libraries', function () {
    need(this, 'cc', 'wat2wasm');
    writeFileSync(
      at('m.wat'),
      '(module (func (export "twice") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))',
    );
    execute('wat2wasm', ['m.wat', '-o', 'mod.wasm'], { cwd: folder });
    const main =
      '#include "mod.h"\nint main(void) { w2n_instance *i; if (w2n_instantiate(&w2n_module_mod, 0, &i)) return 1;' +
      ' return w2n_mod__twice(i, 21) != 42; }\n';
    writeFileSync(at('main.c'), main);
    for (const args of [
      ['--emit', 'header'],
      ['--emit', 'static-lib'],
      ['--emit', 'shared'],
    ]) {
      const outcome = wasm2native([...args, 'mod.wasm'], { cwd: folder });
      assert.deepEqual([outcome.stderr, outcome.status], ['', 0], args.join(' '));
    }
    const include = ['-I', fromRoot('runtime-stub')];
    for (const library of [['libmod.a'], ['-L.', '-lmod', '-Wl,-rpath,$ORIGIN']]) {
      const outcome = execute('cc', [...include, 'main.c', ...library, '-pthread', '-o', 'main'], {
        cwd: folder,
      });
      assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
      assert.equal(execute(at('main'), []).status, 0, library.join(' '));
    }
  });

  it('answers --version and --help', () => {
    const about = JSON.parse(readFileSync(fromRoot('package.json'), 'utf8')) as { version: string };
    assert.equal(wasm2native(['--version']).stdout, `${about.version}\n`);
    const help = wasm2native(['--help']);
    assert.equal(help.status, 0);
    assert.match(help.stdout, /wasm2native run \[options\] app\.wasm/);
  });
});
