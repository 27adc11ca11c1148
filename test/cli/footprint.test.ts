// What an executable costs: bytes on disk and in memory, and system calls before the program's own code runs, against
// the same program in C.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

const STUB_LIMIT = 64 * 1024;
const STATIC_LIMIT = 128 * 1024;
const CALL_LIMIT = 12;

/** Sizes of an executable's sections by name. */
function sectionSizes(file: string): Map<string, number> {
  const rows = execute('readelf', ['-WS', file]).stdout.matchAll(
    /^ +\[ *\d+\] (\S+) +\S+ +[0-9a-f]{16} [0-9a-f]+ ([0-9a-f]+)/gm,
  );
  return new Map([...rows].map(([, name, size]) => [name, parseInt(size, 16)]));
}

/** The system calls of a run up to the first one that matches. */
function callsBefore(folder: string, program: string, end: RegExp): string[] {
  const trace = path.join(folder, 'trace');
  const outcome = execute('strace', ['-o', trace, program], { cwd: folder });
  assert.deepEqual([outcome.stdout, outcome.status], ['ok\n', 0]);
  const calls = readFileSync(trace, 'utf8').split('\n');
  const index = calls.findIndex((call) => end.test(call));
  assert.ok(index > 0, calls.join('\n'));
  return calls.slice(0, index);
}

describe('executables', () => {
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  const build = (...args: string[]): void => {
    const outcome = wasm2native(args, { cwd: folder });
    assert.deepEqual([outcome.stdout, outcome.stderr, outcome.status], ['', '', 0]);
  };
  const assemble = (name: string, wat: string): void => {
    writeFileSync(at(`${name}.wat`), wat);
    assert.equal(execute('wat2wasm', [`${name}.wat`, '-o', `${name}.wasm`], { cwd: folder }).stderr, '');
  };
  before(() => {
    folder = emptyFolder('cli-footprint');
  });

  it('carry a small runtime', function () {
    need(this, 'cc', 'readelf');
    build(fromRoot('fixtures/hello.wasm'), '-o', 'hello');
    const sizes = sectionSizes(at('hello'));
    const names = ['.text', '.rodata', '.data', '.data.rel.ro'];
    const stub = names.reduce((sum, name) => sum + (sizes.get(name) ?? 0), 0);
    assert.ok(stub > 8192 && stub < STUB_LIMIT, `${stub} bytes`);
  });

  it('are small when linked statically with musl', function () {
    need(this, 'musl-gcc');
    build('--target', 'x86_64-linux-musl', '--static', fromRoot('fixtures/hello.wasm'), '-o', 'static');
    assert.match(execute(at('static'), []).stdout, /^Hello from WebAssembly/);
    const { size } = statSync(at('static'));
    assert.ok(size < STATIC_LIMIT, `${size} bytes`);
  });

  it('hold only the pages of memory that are not zero', function () {
    need(this, 'cc', 'wat2wasm', 'readelf');
    // As rustc has it: a stack of 1 MiB below the data. 2 MiB of zeros stand behind.
    assemble(
      'pages',
      `(module (memory (export "memory") 64)
        (data (i32.const 1048576) "\\00\\00data") (data (i32.const 1070000) "\\07") (data (i32.const 3000000) "\\00\\00")
        (func (export "_start")
          (if (i32.ne (i32.load (i32.const 1048578)) (i32.const 0x61746164)) (then unreachable))
          (if (i32.ne (i32.load8_u (i32.const 1070000)) (i32.const 7)) (then unreachable))
          (i32.store (i32.const 1048572) (i32.const 1))
          (i32.store (i32.const 1073148) (i32.const 1))
          (i32.store (i32.const 1073152) (i32.const 1))
          (i32.store (i32.const 4194300) (i32.load (i32.const 0)))
          (if (i32.ne (i32.load (i32.const 2999999)) (i32.const 0)) (then unreachable))))`,
    );
    build('pages.wasm', '-o', 'pages');
    assert.equal(execute(at('pages'), []).status, 0);
    assert.equal(sectionSizes(at('pages')).get('w2n_image'), 24576);
  });

  it('start with few system calls', function () {
    need(this, 'cc', 'wat2wasm', 'strace');
    assemble(
      'ok',
      `(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 8) "\\10\\00\\00\\00\\03\\00\\00\\00ok\\0a")
        (data (i32.const 50000) "large enough to be moved")
        (func (export "_start") (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))`,
    );
    build('ok.wasm', '-o', 'ok');
    writeFileSync(
      at('twin.c'),
      '#include <unistd.h>\nint main(void) { return write(1, "ok\\n", 3) != 3; }\n',
    );
    assert.equal(execute('cc', ['-O2', 'twin.c', '-o', 'twin'], { cwd: folder }).stderr, '');
    // The write is the program's; what WASI asks about the descriptor before it is part of that call.
    const twin = callsBefore(folder, at('twin'), /^write\(1, /);
    const calls = callsBefore(folder, at('ok'), /^(newfstatat|fstat|statx|fcntl|writev?)\(1, /);
    const own = calls.length - twin.length;
    assert.ok(own > 5 && own <= CALL_LIMIT, `${own}:\n${calls.slice(twin.length).join('\n')}`);
  });
});
