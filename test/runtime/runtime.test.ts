// The stub apart from the compiler, with a module written by hand (modules/hand_*.S): its C interface under several
// compilers, C libraries and sanitizers; the same module as an executable; the same object through the test host.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { TrapKind, TRAP_MESSAGES } from '../../src/abi/layout.ts';
import { buildWithStub, HostCrash, HostRefusal, i32, LinkStatus, TestHost } from '../support/host.ts';
import type { HostIsa } from '../support/host.ts';
import { need, needIsa } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

const modules = fromRoot('test/runtime/modules');
const module = (file: string): string => path.join(modules, file);
const build = fromRoot('build/runtime');

/** Assembles the hand-made module; its path. */
function assemble(isa: HostIsa, name: string, ...flags: string[]): string {
  mkdirSync(build, { recursive: true });
  const cc = isa === 'aarch64' ? 'aarch64-linux-gnu-gcc' : 'cc';
  const object = path.join(build, `${name}.${isa}.o`);
  execFileSync(cc, ['-c', ...flags, module(`hand_${isa}.S`), '-o', object]);
  return object;
}

/** Links the hand-made module as a program; the host function is a C file. */
function linkProgram(
  name: string,
  cc: string,
  flags: readonly string[],
  moduleFlags: readonly string[] = [],
): string {
  mkdirSync(build, { recursive: true });
  const stub = fromRoot('runtime-stub');
  const sources = readdirSync(stub).filter((f) => f.endsWith('.c') && !/^(wasi_.*|invoke)\.c$/.test(f));
  const exe = path.join(build, name);
  const size = [
    '-Os',
    '-ffunction-sections',
    '-fdata-sections',
    '-Wl,--gc-sections',
    '-Wall',
    '-Wextra',
    '-Werror',
  ];
  execFileSync(cc, [
    ...['-std=c11', ...size, ...flags, ...moduleFlags, '-I', stub],
    ...[module('hand_x86_64.S'), ...sources.map((f) => path.join(stub, f)), '-o', exe],
  ]);
  return exe;
}

/** `checks` is how many conditions runtime_checks.c tests in that configuration: none may be passed over. */
const VARIANTS: readonly {
  name: string;
  cc: readonly string[];
  isa: HostIsa;
  checks: number;
  env?: Record<string, string>;
}[] = [
  { name: 'gcc', cc: ['gcc'], isa: 'x86_64', checks: 419 },
  { name: 'clang', cc: ['clang-19', '-O2'], isa: 'x86_64', checks: 419 },
  { name: 'musl, static', cc: ['musl-gcc', '-static', '-O2'], isa: 'x86_64', checks: 419 },
  {
    name: 'aarch64',
    cc: ['aarch64-linux-gnu-gcc', '-static', '-DFEW_INSTANCES'],
    isa: 'aarch64',
    checks: 185,
  },
  {
    name: 'gcc, address and undefined behaviour sanitizers',
    cc: [
      'gcc',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=all',
      '-DNO_FOREIGN_SIGNALS',
      '-DFEW_INSTANCES',
    ],
    isa: 'x86_64',
    checks: 180,
    env: { ASAN_OPTIONS: 'allow_user_segv_handler=1:use_sigaltstack=0:detect_stack_use_after_return=0' },
  },
];

describe('runtime stub', () => {
  for (const { name, cc, isa, checks, env } of VARIANTS) {
    it(`passes its checks: ${name}`, async function () {
      need(this, cc[0]);
      if (isa === 'aarch64') need(this, 'qemu-aarch64');
      const label = `checks-${name.replace(/\W+/g, '-')}`;
      const exe = await buildWithStub(label, [module('runtime_checks.c'), module(`hand_${isa}.S`)], cc);
      const command = isa === 'aarch64' ? ['qemu-aarch64', exe] : [exe];
      const run = spawnSync(command[0], command.slice(1), {
        encoding: 'utf8',
        env: { ...process.env, ...env },
      });
      assert.equal(run.status, 0, run.stdout + run.stderr);
      assert.equal(run.stdout, `ok ${checks}\n`);
    });
  }
});

describe('runtime stub: programs', () => {
  it('refuses a module with an unknown import: 125 and one line', () => {
    const run = spawnSync(linkProgram('no-import', 'cc', []), { encoding: 'utf8' });
    assert.equal(run.status, 125);
    assert.match(run.stderr, /^\S+no-import: unknown import: env\.host\n$/);
  });

  it('names --bounds=checked when address space is short', () => {
    const exe = linkProgram('short', 'cc', [], ['-DC_IMPORT']);
    const run = spawnSync('sh', ['-c', 'ulimit -v 1000000; exec "$0"', exe], { encoding: 'utf8' });
    assert.equal(run.status, 125);
    assert.match(run.stderr, /--bounds=checked/);
  });

  it('ends with 134 and a report after a trap, with names escaped', () => {
    const run = spawnSync(linkProgram('trap', 'cc', [], ['-DC_IMPORT', '-DSTART_TRAPS']), {
      encoding: 'utf8',
    });
    assert.equal(run.status, 134);
    assert.equal(run.stderr, 'wasm trap: unreachable\n    at a\\x1b[0m (hand, wasm offset 0x11)\n');
  });

  it('is small and makes few system calls before the start', function () {
    need(this, 'strace');
    need(this, 'musl-gcc');
    const exe = linkProgram('size', 'cc', [], ['-DC_IMPORT']);
    assert.equal(spawnSync(exe).status, 0);
    const calls = execFileSync('sh', ['-c', 'strace -f "$0" 2>&1', exe], { encoding: 'utf8' }).split('\n');
    // The C library's own start ends with the first handler that the stub installs or its first mapping.
    const first = calls.findIndex((line) => /8388608|0x8\d{5}\b|rt_sigaction\(SIGSEGV/.test(line));
    const own = calls.slice(first).filter((line) => /^\w+\(/.test(line) && !line.startsWith('exit_group'));
    assert.ok(own.length >= 5 && own.length <= 12, own.join('\n'));
    const sizes = (file: string): number[] =>
      execFileSync('size', ['-A', file], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => /^\.(text|rodata|data|data\.rel\.ro)\s/.test(line))
        .map((line) => Number(line.split(/\s+/)[1]));
    const dynamic = sizes(exe).reduce((a, b) => a + b, 0);
    assert.ok(dynamic > 4096 && dynamic < 32768, `${dynamic} bytes`);
  });
});

for (const isa of ['x86_64', 'aarch64'] as const) {
  describe(`test host: ${isa}`, function () {
    let host: TestHost;
    before(async function () {
      needIsa(this, isa);
      host = await TestHost.start(isa);
    });
    after(async () => host?.close());

    it('loads, links, calls and reports', async () => {
      await host.reset();
      const provider = await host.load(readFileSync(assemble(isa, 'unlinked')));
      const made = await host.instantiate(provider);
      assert.deepEqual(
        [made.status, made.trap, made.why],
        [LinkStatus.UnknownImport, 0, 'unknown import: env.host'],
      );
      const module = await host.load(readFileSync(assemble(isa, 'spectest', '-DIMPORT_SPECTEST')));
      const { status, instance, why } = await host.instantiate(module);
      assert.equal(status, LinkStatus.Ok, why);
      const add = await host.invoke(instance, 'add', [i32(-3), i32(45)]);
      assert.deepEqual(add, { trap: 0, results: [i32(42)] });
      assert.equal((await host.invoke(instance, 'load', [i32(-1)])).trap, TrapKind.MemoryOutOfBounds);
      assert.equal(
        await host.report(),
        `wasm trap: ${TRAP_MESSAGES[TrapKind.MemoryOutOfBounds]}\n    at load (hand, wasm offset 0x22)\n`,
      );
      assert.equal((await host.invoke(instance, 'recurse', [i32(1)])).trap, TrapKind.StackExhausted);
      assert.deepEqual(await host.global(instance, 'global'), i32(42));
      assert.equal((await host.readMemory(instance, 'memory', 0, 5)).toString(), 'image');
      await host.writeMemory(instance, '', 8, Buffer.from('abc'));
      assert.equal((await host.readMemory(instance, '', 8, 3)).toString(), 'abc');
      assert.equal((await host.readMemory(instance, '', 65534, 100)).toString('hex'), 'abcd');
      assert.equal((await host.digest(instance)).bytes, 65536);
      assert.deepEqual(await host.describe(instance, 'add'), {
        kind: 0,
        params: [0x7f, 0x7f],
        results: [0x7f],
      });
    });

    it('tells a trap while instantiating from a failed link', async () => {
      const trapping = await host.load(
        readFileSync(assemble(isa, 'segment', '-DIMPORT_SPECTEST', '-DDATA_AT=65535')),
      );
      const made = await host.instantiate(trapping);
      assert.deepEqual([made.status, made.trap], [LinkStatus.Trapped, TrapKind.MemoryOutOfBounds]);
      const start = await host.instantiate(
        await host.load(readFileSync(assemble(isa, 'start', '-DIMPORT_SPECTEST', '-DSTART_TRAPS'))),
      );
      assert.deepEqual([start.status, start.trap], [LinkStatus.Trapped, TrapKind.Unreachable]);
      const other = await host.load(
        readFileSync(assemble(isa, 'type', '-DIMPORT_SPECTEST', '-DIMPORT_TYPE=1')),
      );
      const refused = await host.instantiate(other);
      assert.equal(refused.status, LinkStatus.IncompatibleImport);
      assert.match(refused.why, /^incompatible import type: spectest\.print_i32$/);
      const foreign = await host.load(readFileSync(assemble(isa, 'isa', '-DISA=7')));
      assert.equal((await host.instantiate(foreign)).status, LinkStatus.BadModule);
    });

    it('links instances to each other by registered names', async () => {
      await host.reset();
      const first = await host.instantiate(
        await host.load(readFileSync(assemble(isa, 'first', '-DIMPORT_SPECTEST'))),
      );
      await host.register(first.instance, 'env');
      const user = await host.load(readFileSync(assemble(isa, 'user', '-DIMPORT_LOAD')));
      const second = await host.instantiate(user);
      assert.equal(second.status, LinkStatus.Ok, second.why);
      await host.writeMemory(first.instance, '', 100, Buffer.from([1, 2, 3, 4]));
      assert.deepEqual((await host.invoke(second.instance, 'call_host', [i32(100)])).results, [
        i32(0x04030201),
      ]);
      assert.deepEqual(await host.invoke(second.instance, 'call_host', [i32(65536)]), {
        trap: TrapKind.MemoryOutOfBounds,
        results: [],
      });
      // The frames of both modules.
      assert.equal((await host.report()).split('\n').length, 4);
    });

    it('refuses what it cannot serve, and goes on', async () => {
      await assert.rejects(host.load(Buffer.from('not an object')), HostRefusal);
      await assert.rejects(host.invoke(77, 'add', []), /no such instance/);
      const { instance } = await host.instantiate(
        await host.load(readFileSync(assemble(isa, 'again', '-DIMPORT_SPECTEST'))),
      );
      await assert.rejects(host.invoke(instance, 'add', [i32(1)]), /wrong number of arguments/);
      await assert.rejects(host.invoke(instance, 'nothing', []), /no such export/);
      assert.equal((await host.invoke(instance, 'add', [i32(1), i32(1)])).trap, 0);
    });

    it('answers thousands of calls in a batch', async () => {
      const { instance } = await host.instantiate(
        await host.load(readFileSync(assemble(isa, 'batch', '-DIMPORT_SPECTEST'))),
      );
      const calls = Array.from({ length: 20000 }, (_, i) => host.invoke(instance, 'add', [i32(i), i32(1)]));
      const answers = await Promise.all(calls);
      answers.forEach(({ results }, i) => assert.equal(results[0].lo, BigInt(i + 1)));
    });

    it('reports a crash as such and starts again', async () => {
      const { instance } = await host.instantiate(
        await host.load(readFileSync(assemble(isa, 'crash', '-DIMPORT_SPECTEST', '-DCRASH'))),
      );
      const starts = host.starts;
      await assert.rejects(host.invoke(instance, 'add', [i32(1), i32(2)]), HostCrash);
      await host.instantiate(await host.load(readFileSync(assemble(isa, 'spec', '-DIMPORT_SPECTEST'))));
      assert.equal(host.starts, starts + 1);
    });
  });
}
