// Cross builds: which C compiler --target picks, what the command says where there is none, and static musl programs for
// both instruction sets, run.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, output, wasm2native } from '../support/command.ts';
import { need, skipBecause } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { zigEnvironment } from '../support/zig.ts';

const hello = fromRoot('fixtures/hello.wasm');
const HELLO = 'Hello from WebAssembly, compiled to native code!\n';
const foreignIsa = process.arch === 'arm64' ? 'x86_64' : 'aarch64';
const ownIsa = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/** A program that fails as a compiler. clang finds the C library of the foreign ISA; python3 finds ziglang. */
const FAILS: Readonly<Record<string, string>> = {
  clang: `case "$*" in *-print-file-name*) echo /usr/${foreignIsa}-linux-gnu/lib/crt1.o; exit 0;; esac; exit 1`,
  python3: 'case "$1" in -c) exit 0;; esac; exit 1',
};

describe('the C compiler for a target', function () {
  this.timeout(60_000);
  let folder = '';
  let made = 0;
  before(() => {
    folder = emptyFolder('cross');
  });

  /** What the command says for a target where exactly `tools` are installed; all of them fail. */
  function said(target: string, tools: readonly string[], env: NodeJS.ProcessEnv = {}): string {
    const bin = path.join(folder, `bin${made++}`);
    mkdirSync(bin);
    for (const tool of tools) {
      writeFileSync(path.join(bin, tool), `#!/bin/sh\n${FAILS[tool] ?? 'exit 1'}\n`);
      chmodSync(path.join(bin, tool), 0o755);
    }
    const args = ['--target', target, hello, '-o', path.join(folder, 'never')];
    const { status, stderr } = wasm2native(args, { env: { PATH: bin, CC: '', SDKROOT: '', ...env } });
    assert.equal(status, 1, stderr);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
    return stderr.trim();
  }
  const picked = (
    target: string,
    tools: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): string | undefined =>
    /^wasm2native: the C compiler (.*) failed \(exit status 1\)/.exec(said(target, tools, env))?.[1];

  const foreign = `${foreignIsa}-linux`;
  const cases: readonly (readonly [string, readonly string[], string, NodeJS.ProcessEnv?])[] = [
    [foreign, ['clang', 'zig', `${foreignIsa}-linux-gnu-gcc`], `${foreignIsa}-linux-gnu-gcc`],
    [foreign, ['clang', 'python3', 'zig'], `zig cc -target ${foreignIsa}-linux-gnu`],
    [foreign, ['clang', 'python3'], `python3 -m ziglang cc -target ${foreignIsa}-linux-gnu`],
    [foreign, ['clang'], `clang --target=${foreignIsa}-linux-gnu`],
    [`${ownIsa}-linux-musl`, ['zig', 'musl-gcc'], 'musl-gcc'],
    [`${ownIsa}-linux-musl`, ['zig', 'cc'], `zig cc -target ${ownIsa}-linux-musl`],
    [`${foreign}-musl`, ['musl-gcc', 'zig'], `zig cc -target ${foreignIsa}-linux-musl`],
    [`${foreign}-musl`, ['zig', `${foreignIsa}-linux-musl-gcc`], `${foreignIsa}-linux-musl-gcc`],
    ['aarch64-macos', ['cc', 'clang', 'python3'], 'python3 -m ziglang cc -target aarch64-macos'],
    ['x86_64-macos', ['cc', 'zig'], 'zig cc -target x86_64-macos'],
    ['aarch64-macos', ['clang'], 'clang --target=arm64-apple-macos11 -fuse-ld=lld', { SDKROOT: '/opt/sdk' }],
    [`${ownIsa}-linux`, ['cc', 'zig'], 'cc'],
  ];
  for (const [target, tools, words, env] of cases) {
    it(`${target}: of ${tools.join(', ')} takes ${words}`, function () {
      if (process.platform !== 'linux') skipBecause(this, 'other systems have compilers of their own');
      assert.equal(picked(target, tools, env), words);
    });
  }

  it('is named in one line where none is installed', () => {
    const none: readonly (readonly [string, RegExp])[] = [
      [
        'aarch64-macos',
        /^wasm2native: no C compiler for aarch64-macos found: install zig \(pip install ziglang\), or name one with --cc$/,
      ],
      [
        foreign,
        /found: install \w+-linux-gnu-gcc \(Debian: gcc-[\w-]+-linux-gnu\) or zig \(pip install ziglang\), or name/,
      ],
      [`${ownIsa}-linux-musl`, /install musl-gcc \(Debian: musl-tools\) or zig/],
      [`${foreign}-musl`, /install zig \(pip install ziglang\) or \w+-linux-musl-gcc, or name/],
    ];
    for (const [target, pattern] of none) {
      // python3 without the package is no compiler; musl-gcc is one for this machine's ISA only.
      assert.match(said(target, []), pattern);
    }
    assert.match(said(`${foreign}-musl`, ['musl-gcc', 'cc', 'clang']), /no C compiler for/);
    assert.match(said('aarch64-macos', ['cc', 'clang', 'gcc']), /no C compiler for/);
  });

  it('is not asked for where the program could not be run', () => {
    const targets = [`${ownIsa}-macos`];
    if (!existsSync(`/proc/sys/fs/binfmt_misc/qemu-${foreignIsa}`)) targets.push(foreign);
    for (const target of targets) {
      const outcome = wasm2native(['run', '--target', target, hello]);
      assert.deepEqual([outcome.status, outcome.stdout], [1, '']);
      assert.equal(
        outcome.stderr,
        `wasm2native: run: this machine does not run programs for ${target}; build without "run" makes them\n`,
      );
    }
  });

  it('has no --static on macOS', () => {
    const outcome = wasm2native([
      '--target',
      'aarch64-macos',
      '--static',
      hello,
      '-o',
      path.join(folder, 'x'),
    ]);
    assert.equal(outcome.status, 2);
    assert.match(outcome.stderr, /--static: programs for macOS are linked with its libSystem.dylib/);
  });
});

describe('static musl programs', function () {
  this.timeout(300_000); // zig builds its C library once
  let folder = '';
  before(() => {
    folder = emptyFolder('cross-musl');
  });

  function buildStatic(target: string, more: readonly string[], env: NodeJS.ProcessEnv = {}): string {
    const cwd = path.join(folder, `in-${target}`);
    mkdirSync(cwd);
    const program = path.join(cwd, 'hello');
    const args = ['--target', target, '--static', ...more, hello];
    const outcome = wasm2native(args, { env, cwd });
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
    assert.deepEqual(readdirSync(cwd), ['hello'], 'nothing else is left there');
    assert.doesNotMatch(output('readelf', '-lW', program), /INTERP|DYNAMIC/);
    return program;
  }

  it('x86_64, by musl-gcc', function () {
    if (process.arch !== 'x64') skipBecause(this, 'musl-gcc makes programs for this machine only');
    need(this, 'musl-gcc', 'readelf');
    assert.equal(execute(buildStatic('x86_64-linux-musl', []), []).stdout, HELLO);
  });

  it('aarch64, by zig, run by qemu', function () {
    need(this, 'qemu-aarch64', 'readelf');
    const env = zigEnvironment(this);
    const program = buildStatic('aarch64-linux-musl', [], env);
    assert.equal(execute('qemu-aarch64', [program]).stdout, HELLO);
  });
});

describe('programs for another instruction set', () => {
  it('aarch64 by its gcc, run by qemu with its libraries', function () {
    need(this, 'aarch64-linux-gnu-gcc', 'qemu-aarch64');
    const program = path.join(emptyFolder('cross-gnu'), 'hello');
    const outcome = wasm2native(['--target', 'aarch64-linux', hello, '-o', program]);
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
    assert.equal(execute('qemu-aarch64', ['-L', '/usr/aarch64-linux-gnu', program]).stdout, HELLO);
  });
});
