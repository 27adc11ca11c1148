// Unwinding at every instruction of both instruction sets (driver.h), and what debuggers and profilers see of linked programs: names and sizes
// of functions, and a backtrace through wasm frames into main.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { readElf } from '../../src/elf/reader.ts';
import type { Outcome } from '../support/command.ts';
import { emptyFolder, execute, wasm2native } from '../support/command.ts';
import { need, skipBecause } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

const VARIANTS: readonly (readonly string[])[] = [
  ['-O2'],
  ['-O0'],
  ['-O2', '--x-regs', '6'],
  ['-O2', '--bounds', 'checked'],
  ['-O0', '--x-force-veneers', '--x-pad-blocks', '300'],
];
const FUNCTIONS = [
  ...['leaf', 'keeps', 'spills', 'wide', 'wide_entry', 'results', 'uses_results', 'recurse', 'indirect'],
  ...['loops', 'to_host', 'fails'],
];

describe('unwinding', function () {
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  const build = (options: readonly string[], out: string, isa = 'x86_64'): void => {
    const cflags = `-I${fromRoot('runtime-stub')} -O1 -Wall -Wextra -Werror`;
    const driver = ['driver.c', `step_${isa}.c`].map((file) => fromRoot('test/unwind', file));
    const target = ['--target', `${isa}-linux`, ...options];
    const outcome = wasm2native([...target, at('calls.wasm'), ...driver, '--cflags', cflags, '-o', at(out)]);
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
  };
  before(function () {
    need(this, 'cc', 'wat2wasm');
    if (process.arch !== 'x64' || process.platform !== 'linux')
      skipBecause(this, 'the driver steps by the trap flag of x86_64 Linux');
    folder = emptyFolder('unwind');
    const wat = fromRoot('test/unwind/calls.wat');
    const made = execute('wat2wasm', ['--debug-names', wat, '-o', at('calls.wasm')]);
    assert.deepEqual([made.stderr, made.status], ['', 0]);
  });

  function check(options: readonly string[], run: Outcome): void {
    assert.equal(run.stderr, '');
    assert.equal(run.status, 0);
    const counts = /^ok (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)\n$/.exec(run.stdout)?.slice(1).map(Number);
    assert.ok(counts !== undefined, run.stdout);
    const [steps, unwound, walked, exempt, veneers, deepest] = counts;
    assert.ok(steps > 2500, `${steps} instructions`);
    assert.ok(unwound >= steps - veneers, `${unwound} of ${steps} unwound`);
    assert.ok(walked > 1000 && exempt < steps / 10, `${walked} walked, ${exempt} exempt`);
    assert.equal(veneers > 0, options.includes('--x-force-veneers'));
    assert.ok(deepest > 30, `${deepest} calls deep`);
  }

  for (const options of VARIANTS) {
    it(`agrees with the call chain at every instruction: ${options.join(' ')}`, () => {
      build(options, 'stepped');
      check(options, execute(at('stepped'), []));
    });
    it(`agrees with the call chain at every instruction on aarch64: ${options.join(' ')}`, function () {
      need(this, 'aarch64-linux-gnu-gcc', 'qemu-aarch64');
      build(options, 'stepped-aarch64', 'aarch64');
      check(options, execute('qemu-aarch64', ['-L', '/usr/aarch64-linux-gnu', at('stepped-aarch64')]));
    });
  }

  it('agrees with landing pads before every prologue', () => {
    build(['--cf-protection=branch'], 'stepped');
    check([], execute(at('stepped'), []));
  });
  for (const level of ['-O2', '-O0']) {
    it(`agrees with landing pads and signed return addresses on aarch64: ${level}`, function () {
      need(this, 'aarch64-linux-gnu-gcc', 'qemu-aarch64');
      build(['--branch-protection=standard', level], 'stepped-aarch64', 'aarch64');
      const args = ['-cpu', 'max', '-L', '/usr/aarch64-linux-gnu', at('stepped-aarch64')];
      check([], execute('qemu-aarch64', args));
    });
  }

  it('has a symbol with its size for every function, which cover all code without overlaps', () => {
    build(['-O2'], 'symbols');
    const elf = readElf(readFileSync(at('symbols')));
    const text = elf.sections.findIndex((section) => section.name === 'w2n_text');
    const FUNCTION = 2;
    const own = elf.symbols.filter((symbol) => symbol.section === text && symbol.type === FUNCTION);
    for (const name of FUNCTIONS) {
      const found = own.filter((symbol) => symbol.name === name);
      assert.equal(found.length, 1, name);
      assert.ok(found[0].size > 0, name);
    }
    const sorted = own.slice().sort((a, b) => a.value - b.value);
    sorted.forEach((symbol, i) => {
      if (i === 0) return;
      const end = sorted[i - 1].value + sorted[i - 1].size;
      assert.ok(
        end <= symbol.value && symbol.value - end < 64,
        `between ${sorted[i - 1].name} and ${symbol.name}`,
      );
    });
  });

  it('lets gdb name wasm functions from a trap to main, through C between them', function () {
    need(this, 'gdb');
    const made = execute('wat2wasm', [
      ...['--debug-names', fromRoot('test/unwind/nested.wat'), '-o', at('nested.wasm')],
    ]);
    assert.deepEqual([made.stderr, made.status], ['', 0]);
    const host = fromRoot('test/unwind/nested.c');
    const outcome = wasm2native([at('nested.wasm'), host, '--cflags', '-g', '-o', at('nested')]);
    assert.deepEqual([outcome.stderr, outcome.status], ['', 0]);
    const gdb = execute('gdb', ['-nx', '-batch', '-ex', 'run', '-ex', 'bt', at('nested')]);
    if (/ptrace|could not trace/i.test(gdb.stderr)) skipBecause(this, 'gdb may not trace processes here');
    const names = [...gdb.stdout.matchAll(/^#\d+ +(?:0x[0-9a-f]+ in )?([^\s(]+) \(/gm)].map((m) => m[1]);
    const wanted = ['innermost', 'middle', 'callback', 'env__back', 'outer', '_start', 'main'];
    assert.deepEqual(
      names.filter((name) => wanted.includes(name)),
      wanted,
      gdb.stdout + gdb.stderr,
    );
  });
});
