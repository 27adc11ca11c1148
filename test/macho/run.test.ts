// Executables for macOS, run on Linux: a loader (linux/load.c) does what dyld does, with glibc behind macOS's names
// (linux/system.c). So the macOS variant of the stub is executed, too: the image moved into memory, thread-local state,
// faults as SIGBUS in macOS's signal context, WASI calls with stack arguments in Apple's convention.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PROGRAMS } from '../programs/programs.ts';
import type { Outcome } from '../support/command.ts';
import { emptyFolder, execute, output, wasm2native } from '../support/command.ts';
import { need, skipBecause } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { zigEnvironment } from '../support/zig.ts';

const ISAS = ['x86_64', 'aarch64'] as const;
type Isa = (typeof ISAS)[number];
const hello = fromRoot('fixtures/hello.wasm');
const sources = fromRoot('test/macho/linux');

let folder = '';
const at = (name: string): string => path.join(folder, name);

function build(args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { stdout, stderr, status } = wasm2native(args, { env });
  assert.deepEqual([stdout, stderr, status], ['', '', 0], args.join(' '));
}

function buildLoader(isa: Isa): void {
  const cc = isa === 'x86_64' ? ['gcc'] : ['aarch64-linux-gnu-gcc', '-static'];
  const flags = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror'];
  const files = readdirSync(sources).filter((file) => file.endsWith('.c'));
  const [program, ...more] = [...cc, ...flags, ...files.map((file) => path.join(sources, file))];
  assert.equal(output(program, ...more, '-o', at('load')), '');
}

function run(isa: Isa, program: string, args: readonly string[], cwd = folder): Outcome {
  const command = [...(isa === 'x86_64' ? [] : ['qemu-aarch64']), at('load'), program, ...args];
  return execute(command[0], command.slice(1), { cwd });
}

for (const isa of ISAS) {
  describe(`macOS executables run, ${isa}`, function () {
    this.timeout(300_000);
    let env: NodeJS.ProcessEnv = {};
    const target = ['--target', `${isa}-macos`];
    before(function () {
      if (process.platform !== 'linux' || process.arch !== 'x64')
        skipBecause(this, 'the loader is built for x86_64 Linux and for qemu there');
      need(this, ...(isa === 'x86_64' ? ['gcc'] : ['aarch64-linux-gnu-gcc', 'qemu-aarch64']));
      env = zigEnvironment(this);
      folder = emptyFolder(`macos-run-${isa}`);
      buildLoader(isa);
    });

    it('a program prints', () => {
      for (const level of ['-O0', '-O2']) {
        build([...target, level, hello, '-o', at('hello')], env);
        const outcome = run(isa, at('hello'), []);
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
          const got = run(isa, at('traps'), args);
          assert.equal(expected.status, 134);
          assert.equal(got.status, 134, got.stderr);
          const shown = (text: string): string => (args.length < 3 ? text : text.split('\n')[0]);
          assert.equal(shown(got.stderr), shown(expected.stderr));
          assert.match(got.stderr, /^wasm trap: /);
        }
      }
    });

    it('a real program reads its script and computes the same', function () {
      const lua = PROGRAMS.find(({ name }) => name === 'lua');
      assert.ok(lua !== undefined);
      need(this, 'cc', ...lua.needs);
      const [spec] = lua.test;
      mkdirSync(at('work'));
      for (const [name, content] of Object.entries(spec.files ?? {}))
        writeFileSync(at(`work/${name}`), content());
      const options = ['--dir', '.::/', lua.wasm()];
      build([...options, '-o', at('lua-linux')], env);
      build([...target, ...options, '-o', at('lua')], env);
      const expected = execute(at('lua-linux'), spec.args, { cwd: at('work') });
      assert.equal(expected.status, 0);
      assert.ok(expected.stdout.length > 50);
      assert.deepEqual(run(isa, at('lua'), spec.args, at('work')), expected);
      const missing = run(isa, at('lua'), ['none.lua'], at('work'));
      assert.equal(missing.status, 1);
      assert.match(missing.stderr, /none\.lua/);
    });
  });
}
