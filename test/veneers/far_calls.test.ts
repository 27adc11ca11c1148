// Calls over distances that no branch reaches: over 128 MiB on aarch64, over 2 GiB on x86_64, forward and backward,
// direct, in tail position, through a closed table, and to thunks. Linked by the C compiler in each way and run; mapped by
// the test host; with reports of traps and unwinding by call frame information. The runs of the text are placed, not
// filled: files stay small on disk.
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compile } from '../../src/compile.ts';
import { readElf } from '../../src/elf/reader.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { SectionRole } from '../../src/emit/object_file.ts';
import { defaultOptions, NO_STRESS } from '../../src/options.ts';
import { emptyFolder, execute, output, wasm2native, type Outcome } from '../support/command.ts';
import { i32, LinkStatus, TestHost, type HostIsa } from '../support/host.ts';
import { isOwnIsa, need, needIsa, skipBecause } from '../support/need.ts';
import { readSpecScript } from '../support/spec.ts';
import { zigEnvironment } from '../support/zig.ts';

const MIB = 2 ** 20;
/** Distance between functions, beyond the reach of a call. */
const APART: Readonly<Record<HostIsa, number>> = { x86_64: 2100 * MIB, aarch64: 140 * MIB };
const REACH: Readonly<Record<HostIsa, number>> = { x86_64: 2048 * MIB, aarch64: 128 * MIB };
/** More than any of these programs takes on disk when it holds no padding. */
const MOST_BYTES = 4 * MIB;

/** Exits with 1 * even(21) + 2 * odd(21) + 4 * right(20) + 8 * (table calls agree) = 14, or traps ("trap" in memory). */
const PROGRAM = `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (type $predicate (func (param i32) (result i32)))
  (table 4 funcref)
  (elem (i32.const 0) $even $odd)
  (elem (i32.const 3) $other_type)
  (memory (export "memory") 1)
  (func $even (type $predicate)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (i32.and (i32.const 255) (call $odd (i32.sub (local.get 0) (i32.const 1)))))
  (func $down (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (i32.add (i32.const 1) (call $down_again (i32.sub (local.get 0) (i32.const 1)))))
  (func $right (type $predicate)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (call $left (i32.sub (local.get 0) (i32.const 1))))
  (func $start (export "_start")
    (drop (call $args (i32.const 0) (i32.const 4)))
    (if (i32.eq (i32.load (i32.const 0)) (i32.const 2)) (then (drop (call $down (i32.const 2)))))
    (if (i32.eq (i32.load (i32.const 0)) (i32.const 3))
      (then (drop (call_indirect (type $predicate) (i32.const 0) (i32.const 3)))))
    (if (i32.eq (i32.load (i32.const 0)) (i32.const 4))
      (then (drop (call_indirect (type $predicate) (i32.const 0) (i32.const 2)))))
    (call $exit
      (i32.add
        (i32.add (call $even (i32.const 21)) (i32.shl (call $odd (i32.const 21)) (i32.const 1)))
        (i32.add
          (i32.shl (call $right (i32.const 20)) (i32.const 2))
          (i32.shl
            (i32.and
              (call_indirect (type $predicate) (i32.const 8) (i32.const 0))
              (call_indirect (type $predicate) (i32.const 9) (i32.const 1)))
            (i32.const 3))))))
  (func $other_type (result i64) (i64.const 1))
  (func $left (type $predicate)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (call $right (i32.sub (local.get 0) (i32.const 1))))
  (func $down_again (param i32) (result i32)
    (i32.add (i32.const 1) (call $down (local.get 0))))
  (func $odd (type $predicate)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (i32.and (i32.const 255) (call $even (i32.sub (local.get 0) (i32.const 1)))))
)`;

interface Case {
  readonly isa: HostIsa;
  /** C library; musl by its wrapper of gcc, or by zig. */
  readonly libc: 'glibc' | 'musl' | 'zig';
  readonly link: string;
  readonly level: string;
  readonly flags: readonly string[];
  readonly type: RegExp;
}
const PIE = { link: 'PIE', flags: ['--cflags', '-pie'], type: /DYN/ };
const STATIC = { link: '-static', flags: ['--cflags', '-static'], type: /EXEC/ };
const STATIC_PIE = { link: '-static-pie', flags: ['--cflags', '-static-pie'], type: /DYN/ };
const CASES: readonly Case[] = [
  ...(['x86_64', 'aarch64'] as const).flatMap((isa) =>
    [PIE, STATIC, STATIC_PIE].flatMap((kind) =>
      (kind === PIE ? ['-O0', '-O2'] : ['-O2']).map(
        (level) => ({ ...kind, isa, level, libc: 'glibc' }) as const,
      ),
    ),
  ),
  ...[PIE, STATIC, STATIC_PIE].map(
    (kind) => ({ ...kind, isa: 'x86_64', level: '-O2', libc: 'musl' }) as const,
  ),
  // zig's programs for musl are static, without being asked; it takes -static-pie for that.
  { ...STATIC, isa: 'aarch64', level: '-O2', libc: 'zig', flags: [] },
  { ...PIE, isa: 'aarch64', level: '-O2', libc: 'zig' },
  { ...STATIC, isa: 'x86_64', level: '-O2', libc: 'zig', flags: [] },
];

/** The words that run a program of an ISA. */
function runner(isa: HostIsa): readonly string[] {
  if (isOwnIsa(isa)) return [];
  return [`qemu-${isa}`, '-L', `/usr/${isa}-linux-gnu`];
}

function runProgram(isa: HostIsa, program: string, ...args: string[]): Outcome {
  const [command, ...rest] = [...runner(isa), program, ...args];
  return execute(command, rest);
}

/** `libc` 'zig': musl's programs need no files of a foreign system, but an emulator. */
function needTools(context: Mocha.Context, isa: HostIsa, libc: Case['libc'] = 'glibc'): void {
  need(context, 'wat2wasm', 'readelf');
  if (libc === 'zig') {
    if (!isOwnIsa(isa)) need(context, `qemu-${isa}`);
  } else if (libc === 'musl') {
    if (!isOwnIsa(isa)) skipBecause(context, `musl-gcc makes programs for this machine's instruction set`);
    need(context, 'musl-gcc');
  } else if (runner(isa).length === 0) need(context, 'cc');
  else need(context, `${isa}-linux-gnu-gcc`, `qemu-${isa}`);
}

/** Disk space of a file, without its holes. */
const bytesOnDisk = (file: string): number => statSync(file).blocks * 512;

/** Addresses of the runs of the text in a linked file, rising. */
function runAddresses(file: string): number[] {
  const lines = output('readelf', '-SW', file).split('\n');
  const found = lines.flatMap((line) => {
    const match = / w2n_text\d* +PROGBITS +([0-9a-f]{16}) /.exec(line);
    return match === null ? [] : [parseInt(match[1], 16)];
  });
  return found.sort((a, b) => a - b);
}

describe('far calls, linked', function () {
  this.timeout(120_000);
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  before(function () {
    need(this, 'wat2wasm');
    folder = emptyFolder('far-calls');
    writeFileSync(at('far.wat'), PROGRAM);
    output('wat2wasm', '--debug-names', at('far.wat'), '-o', at('far.wasm'));
  });

  for (const { isa, libc, link, level, flags, type } of CASES) {
    it(`${isa} ${libc} ${link} ${level}`, function () {
      needTools(this, isa, libc);
      const program = at(`${isa}${libc}${link}${level}`);
      const pad = `--x-pad-functions=${APART[isa]}`;
      const target = `${isa}-${libc === 'glibc' ? 'linux' : 'linux-musl'}`;
      const cc = libc === 'zig' ? ['--cc', `python3 -m ziglang cc -target ${target}`] : [];
      const made = wasm2native(
        [level, '--target', target, ...cc, pad, ...flags, at('far.wasm'), '-o', program],
        { env: libc === 'zig' ? zigEnvironment(this) : {} },
      );
      assert.deepEqual([made.stderr, made.status], ['', 0]);
      assert.match(/Type: +(\w+)/.exec(output('readelf', '-h', program))?.[1] ?? '', type);
      const runs = runAddresses(program);
      assert.ok(runs.length > 9, runs.join());
      for (let k = 1; k < runs.length; k++) assert.ok(runs[k] - runs[k - 1] > REACH[isa], runs.join());
      assert.ok(bytesOnDisk(program) < MOST_BYTES, `${bytesOnDisk(program)} bytes on disk`);
      assert.deepEqual(runProgram(isa, program), { status: 14, signal: null, stdout: '', stderr: '' });

      const trapped = runProgram(isa, program, 'trap');
      assert.equal(trapped.status, 134);
      assert.deepEqual(
        trapped.stderr.split('\n').map((line) => line.replace(/ \(.*/, '')),
        [
          'wasm trap: unreachable',
          ...['down', 'down_again', 'down', 'down_again', 'down', 'start'].map((name) => `    at ${name}`),
          '',
        ],
      );
      assert.match(
        runProgram(isa, program, 'two', 'words').stderr,
        /^wasm trap: indirect call type mismatch/,
      );
      assert.match(runProgram(isa, program, '1', '2', '3').stderr, /^wasm trap: uninitialized element/);
    });
  }

  it('objects of far runs carry no relocation in code and little else', function () {
    need(this, 'wat2wasm');
    for (const isa of ['x86_64', 'aarch64'] as const) {
      const file = at(`${isa}.o`);
      const pad = `--x-pad-functions=${APART[isa]}`;
      const target = ['--target', `${isa}-linux`];
      const made = wasm2native(['--emit', 'obj', ...target, pad, at('far.wasm'), '-o', file]);
      assert.deepEqual([made.stderr, made.status], ['', 0]);
      const elf = readElf(readFileSync(file));
      assert.ok(elf.sections.filter((section) => section.isExecutable).length > 9);
      assert.deepEqual(
        elf.relocations.filter((relocation) => elf.sections[relocation.section].isExecutable),
        [],
      );
      assert.ok(statSync(file).size < 64 * 1024);
    }
  });
});

describe('far runs cost neither memory nor disk', function () {
  this.timeout(60_000);
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  /** A module for node that notes the process's peak memory, in KiB, in the file PEAK when it ends. */
  const HOOK =
    "process.on('exit', () => require('fs').writeFileSync(process.env.PEAK, `${process.resourceUsage().maxRSS}`));";
  before(function () {
    need(this, 'wat2wasm');
    folder = emptyFolder('far-cost');
    writeFileSync(at('far.wat'), PROGRAM);
    writeFileSync(at('hook.cjs'), HOOK);
    output('wat2wasm', at('far.wat'), '-o', at('far.wasm'));
  });

  /** Compiles with `pad` bytes behind each function; the object's file and the peak of memory in MiB. */
  function build(target: string, pad: number): { readonly file: string; readonly peak: number } {
    const file = at(`${target}-${pad}.o`);
    const env = { NODE_OPTIONS: `--require ${at('hook.cjs')}`, PEAK: at('peak') };
    const args = [
      '--emit',
      'obj',
      '--target',
      target,
      `--x-pad-functions=${pad}`,
      at('far.wasm'),
      '-o',
      file,
    ];
    const made = wasm2native(args, { env });
    assert.deepEqual([made.stderr, made.status], ['', 0]);
    return { file, peak: Number(readFileSync(at('peak'), 'utf8')) / 1024 };
  }

  for (const [target, isa] of [
    ['x86_64-linux', 'x86_64'],
    ['aarch64-linux', 'aarch64'],
    // One section with holes: sparse.
    ['aarch64-macos', 'aarch64'],
  ] as const) {
    it(target, () => {
      const plain = build(target, 0);
      const padded = build(target, APART[isa]);
      assert.ok(padded.peak < plain.peak + 32, `${padded.peak} MiB of memory, ${plain.peak} without padding`);
      assert.ok(bytesOnDisk(padded.file) < 256 * 1024, `${bytesOnDisk(padded.file)} bytes on disk`);
      const { size } = statSync(padded.file);
      if (target.endsWith('macos')) assert.ok(size > 16 * REACH[isa], `${size} bytes`);
      else assert.ok(size < 64 * 1024, `${size} bytes`);
    });
  }

  it('Mach-O objects beyond 4 GiB are refused in one line', () => {
    const pad = `--x-pad-functions=${APART.x86_64}`;
    const made = wasm2native([
      '--emit',
      'obj',
      '--target',
      'x86_64-macos',
      pad,
      at('far.wasm'),
      '-o',
      at('m.o'),
    ]);
    assert.equal(made.status, 1);
    assert.match(
      made.stderr,
      /^wasm2native: .*far\.wasm: a Mach-O object of \d+ bytes: offsets have 32 bits\n$/,
    );
  });
});

const UNWINDS = `(module
  (import "env" "depth" (func $depth (result i32)))
  (func $up (export "up") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (call $depth))))
    (i32.or (i32.const 0) (call $up_again (i32.sub (local.get 0) (i32.const 1)))))
  (func $up_again (param i32) (result i32)
    (i32.or (i32.const 0) (call $up (i32.sub (local.get 0) (i32.const 1)))))
)`;
/** Frames that the C library's unwinder sees from the callback up to main. */
const UNWINDER = `#include <stdio.h>
#include <string.h>
#include <unwind.h>
#include "wasm2native.h"
extern const w2n_module w2n_module_unwinds;
int32_t w2n_unwinds__up(w2n_instance *, int32_t);
int main(void);
static int reached_main;
static _Unwind_Reason_Code count(struct _Unwind_Context *context, void *depth) {
  if (_Unwind_FindEnclosingFunction((void *)(_Unwind_GetIP(context) - 1)) == (void *)main) {
    reached_main = 1;
    return _URC_END_OF_STACK;
  }
  ++*(int32_t *)depth;
  return _URC_NO_REASON;
}
int32_t env__depth(w2n_instance *caller) {
  int32_t depth = 0;
  (void)caller;
  _Unwind_Backtrace(count, &depth);
  return depth;
}
int main(void) {
  w2n_instance *i;
  if (w2n_instantiate(&w2n_module_unwinds, 0, &i)) return 1;
  int shallow = w2n_unwinds__up(i, 0), deep = w2n_unwinds__up(i, 8);
  printf("%d %d\\n", deep - shallow, reached_main);
  return 0;
}
`;

/** How to link, and what that needs. */
interface UnwindCase {
  readonly isa: HostIsa;
  readonly by: string;
  readonly tools: readonly string[];
  readonly options: readonly string[];
}
const lld = (isa: HostIsa): string[] => [
  '--cc',
  `clang-19 --target=${isa}-linux-gnu`,
  '--ldflags',
  '-fuse-ld=lld',
];
const ZIG = 'zig, musl, libunwind';
const UNWIND_CASES: readonly UnwindCase[] = [
  ...(['x86_64', 'aarch64'] as const).flatMap((isa) => [
    { isa, by: 'gcc, PIE', tools: [], options: [] },
    { isa, by: 'gcc, -static', tools: [], options: ['--static'] },
    { isa, by: 'clang, lld', tools: ['clang-19', 'ld.lld-19'], options: lld(isa) },
  ]),
  {
    ...{ isa: 'aarch64', by: ZIG, tools: [] },
    options: ['--cc', 'python3 -m ziglang cc -target aarch64-linux-musl', '--ldflags', '-lunwind'],
  },
];

describe('far calls, unwound beyond the reach of .eh_frame', function () {
  this.timeout(120_000);
  /** Some functions lie farther than 1 GiB from the text's start; C's calls of the exports must reach. */
  const PAD = 240 * MIB;
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  before(function () {
    need(this, 'wat2wasm');
    folder = emptyFolder('far-unwind');
    writeFileSync(at('unwinds.wat'), UNWINDS);
    writeFileSync(at('main.c'), UNWINDER);
    output('wat2wasm', '--debug-names', at('unwinds.wat'), '-o', at('unwinds.wasm'));
  });

  function addressOf(program: string, name: string): number {
    const found = new RegExp(`^ *\\d+: ([0-9a-f]+) .* ${name}$`, 'm').exec(output('readelf', '-sW', program));
    assert.ok(found !== null, name);
    return parseInt(found[1], 16);
  }

  function build({ options, isa, by }: UnwindCase, env: NodeJS.ProcessEnv): string {
    const program = at(`${isa} ${by}`);
    const target = ['--target', by === ZIG ? `${isa}-linux-musl` : `${isa}-linux`];
    const args = [...target, '--cflags', '-Wall -Wextra -Werror', `--x-pad-functions=${PAD}`, ...options];
    const made = wasm2native([...args, 'unwinds.wasm', 'main.c', '-o', program], { cwd: folder, env });
    assert.deepEqual([made.stderr, made.status], ['', 0]);
    const distance = addressOf(program, 'up') - addressOf(program, 'w2n_header_unwinds');
    assert.ok(distance > 1024 * MIB, `${distance} bytes`);
    return program;
  }

  for (const unwound of UNWIND_CASES) {
    const { isa, by, tools } = unwound;
    it(`${isa}, ${by}: the C library's unwinder goes through`, function () {
      needTools(this, isa, by === ZIG ? 'zig' : 'glibc');
      need(this, ...tools);
      const program = build(unwound, by === ZIG ? zigEnvironment(this) : {});
      // Eight frames of wasm functions more.
      assert.equal(runProgram(isa, program).stdout, '8 1\n');
      const frames = output('readelf', '--debug-dump=frames', program);
      const start = addressOf(program, 'up').toString(16);
      assert.match(frames.slice(frames.indexOf('.debug_frame')), new RegExp(` FDE .* pc=0*${start}\\.\\.`));
    });
  }

  it('gdb names the functions from the callback to main', function () {
    if (!isOwnIsa('x86_64')) skipBecause(this, 'gdb runs programs of this machine');
    needTools(this, 'x86_64');
    need(this, 'gdb');
    const program = build(UNWIND_CASES[0], {});
    const commands = ['break env__depth', 'run', 'continue', 'bt'].flatMap((command) => ['-ex', command]);
    const gdb = execute('gdb', ['-nx', '-batch', ...commands, program]);
    if (/ptrace|could not trace/i.test(gdb.stderr)) skipBecause(this, 'gdb may not trace processes here');
    const names = [...gdb.stdout.matchAll(/^#\d+ +(?:0x[0-9a-f]+ in )?([^\s(]+) \(/gm)].map((m) => m[1]);
    assert.deepEqual(
      names.filter((name) => ['up', 'up_again', 'main'].includes(name)),
      [...['up', 'up_again', 'up', 'up_again', 'up', 'up_again', 'up', 'up_again'], 'up', 'main'],
      gdb.stdout + gdb.stderr,
    );
  });
});

describe('far calls, mapped by the test host', function () {
  this.timeout(60_000);
  for (const isa of ['x86_64', 'aarch64'] as const) {
    it(isa, async function () {
      needIsa(this, isa);
      const host = await TestHost.start(isa);
      try {
        const { dir, commands } = readSpecScript('core', 'forward');
        const [module] = commands;
        assert.ok(module.type === 'module');
        const object = compile(readFileSync(path.join(dir, module.filename)), {
          ...defaultOptions('far', { isa, os: 'linux' } as const),
          imports: 'instantiate' as const,
          mainModule: false,
          stress: { ...NO_STRESS, padFunctions: APART[isa] },
        });
        const runs = object.sections.filter((s) => s.role === SectionRole.Text).map((s) => s.textOffset);
        assert.ok(runs.length > 4 && runs[3] - runs[2] > REACH[isa], runs.join());
        const loaded = await host.load(writeElf(object, isa).toBytes(), runs);
        const { status, instance, why } = await host.instantiate(loaded);
        assert.equal(status, LinkStatus.Ok, why);
        for (const [name, n, expected] of [
          ['even', 13, 0n],
          ['even', 20, 1n],
          ['odd', 13, 1n],
          ['odd', 20, 0n],
        ] as const) {
          const { trap, results } = await host.invoke(instance, name, [i32(n)]);
          assert.deepEqual([trap, results[0]?.lo], [0, expected], `${name} ${n}`);
        }
      } finally {
        await host.close();
      }
    });
  }
});
