// Executables for macOS, run on Linux: a loader (linux/load.c) does what dyld does, with glibc behind macOS's names
// (linux/system.c). So the macOS variant of the stub is executed, too: the image moved into memory, thread-local state,
// faults as SIGBUS in macOS's signal context, WASI calls with stack arguments in Apple's convention.
import assert from 'node:assert/strict';
import path from 'node:path';
import { execute as executeProgram, reference } from '../programs/outcome.ts';
import { PROGRAMS } from '../programs/programs.ts';
import type { Outcome } from '../support/command.ts';
import { emptyFolder, execute, output, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { zigEnvironment } from '../support/zig.ts';
import { macLoader } from './loader.ts';

const ISAS = ['x86_64', 'aarch64'] as const;
const hello = fromRoot('fixtures/hello.wasm');
const sources = fromRoot('test/macho/linux');

let folder = '';
const at = (name: string): string => path.join(folder, name);

function build(args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { stdout, stderr, status } = wasm2native(args, { env });
  assert.deepEqual([stdout, stderr, status], ['', '', 0], args.join(' '));
}

for (const isa of ISAS) {
  describe(`macOS executables run, ${isa}`, function () {
    this.timeout(300_000);
    let env: NodeJS.ProcessEnv = {};
    const target = ['--target', `${isa}-macos`];
    let command: readonly [string, ...string[]];
    const run = (program: string, args: readonly string[]): Outcome =>
      execute(command[0], [...command.slice(1), program, ...args], { cwd: folder });
    before(function () {
      env = zigEnvironment(this);
      folder = emptyFolder(`macos-run-${isa}`);
      command = macLoader(this, isa, folder);
    });

    it('a program prints', () => {
      for (const level of ['-O0', '-O2']) {
        build([...target, level, hello, '-o', at('hello')], env);
        const outcome = run(at('hello'), []);
        assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
        assert.equal(outcome.stdout, 'Hello from WebAssembly, compiled to native code!\n');
      }
    });

    it('traps end as on Linux', function () {
      need(this, 'cc', 'wat2wasm');
      output('wat2wasm', '--debug-names', path.join(sources, 'traps.wat'), '-o', at('traps.wasm'));
      for (const bounds of ['guard', 'checked']) {
        const options = ['--bounds', bounds, at('traps.wasm')];
        build([...options, '-o', at('traps-linux')], env);
        build([...target, ...options, '-o', at('traps')], env);
        for (const args of [[], ['1'], ['1', '2'], ['1', '2', '3']]) {
          const expected = execute(at('traps-linux'), args);
          const got = run(at('traps'), args);
          assert.equal(expected.status, 134);
          assert.equal(got.status, 134, got.stderr);
          const shown = (text: string): string => (args.length < 3 ? text : text.split('\n')[0]);
          assert.equal(shown(got.stderr), shown(expected.stderr));
          assert.match(got.stderr, /^wasm trap: /);
        }
      }
    });

    for (const name of ['lua', 'minigzip', 'rust'])
      it(`a real program does the same: ${name}`, function () {
        const program = PROGRAMS.find((one) => one.name === name);
        assert.ok(program !== undefined);
        need(this, ...program.needs);
        build([...target, '--dir', '.::/', program.wasm(), '-o', at(name)], env);
        for (const spec of program.test) {
          const expected = reference(folder, program, spec, program.wasm());
          assert.ok(expected.stdout.length > 50);
          const got = executeProgram(folder, program, spec, [...command, at(name), ...spec.args]);
          assert.deepEqual(got, expected);
        }
      });

    it('a missing file has the same errno for the program', function () {
      const lua = PROGRAMS.find(({ name }) => name === 'lua');
      assert.ok(lua !== undefined);
      need(this, ...lua.needs);
      build([...target, '--dir', '.::/', lua.wasm(), '-o', at('lua')], env);
      const missing = run(at('lua'), ['none.lua']);
      assert.equal(missing.status, 1);
      assert.match(missing.stderr, /cannot open none\.lua/);
    });
  });
}
