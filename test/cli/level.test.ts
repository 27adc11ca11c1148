// `--march`: the C code of a program is compiled for the level, too, but for what runs before the processor is checked; and
// programs refuse a processor below their level.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BEFORE_CHECK, levelFlags } from '../../src/cli/level.ts';
import type { Isa } from '../../src/options.ts';
import { emptyFolder, execute, output, wasm2native } from '../support/command.ts';
import { isOwnIsa, need, needIsa } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

const hello = fromRoot('fixtures/hello.wasm');
const GREETING = /^hello/i;

interface Level {
  readonly isa: Isa;
  readonly march: string;
  /** Processors of qemu that have it and that lack it. */
  readonly fits: string;
  readonly lacks: string;
  /** Instructions that the stub's code has at this level, and not at the baseline. */
  readonly added?: RegExp;
}
const V3 = /\t(?:andn|shlx|shrx|blsr|movbe|rorx|vmov\w+) /;
const LEVELS: readonly Level[] = [
  { isa: 'x86_64', march: 'x86-64-v2', fits: 'Nehalem', lacks: 'qemu64' },
  { isa: 'x86_64', march: 'x86-64-v3', fits: 'Haswell', lacks: 'Nehalem', added: V3 },
  { isa: 'x86_64', march: 'bmi1,lzcnt', fits: 'Haswell', lacks: 'Nehalem' },
  { isa: 'aarch64', march: 'armv8.1-a', fits: 'neoverse-n1', lacks: 'cortex-a53', added: /\tcasal?\t/ },
  { isa: 'aarch64', march: 'armv8.3-a', fits: 'max', lacks: 'neoverse-n1' },
];

describe('--march', function () {
  this.timeout(120_000);
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  before(() => {
    folder = emptyFolder('level');
  });

  /** Links `hello` for a level; the folder with the objects of the stub. */
  function build(isa: Isa, march: string, program: string, ...more: string[]): string {
    const args = ['--target', `${isa}-linux`, '--march', march, '--verbose', hello, ...more, '-o', program];
    const { status, stderr } = wasm2native(args);
    assert.equal(status, 0, stderr);
    const archive = /(\S+)\/libw2nstub\.a /.exec(stderr)?.[1];
    assert.ok(archive !== undefined, stderr);
    return archive;
  }

  for (const { isa, march, fits, lacks, added } of LEVELS) {
    it(`${march}: programs refuse a processor below it`, function () {
      needIsa(this, isa);
      need(this, `qemu-${isa}`);
      const program = at(march);
      const stub = build(isa, march, program);
      const run = (cpu: string): ReturnType<typeof execute> =>
        execute(`qemu-${isa}`, [
          ...(isOwnIsa(isa) ? [] : ['-L', `/usr/${isa}-linux-gnu`]),
          ...['-cpu', cpu, program],
        ]);
      assert.match(run(fits).stdout, GREETING);
      const { stdout, stderr, status } = run(lacks);
      assert.deepEqual([stdout, status], ['', 125]);
      assert.match(stderr, /this processor lacks instructions the program was compiled for\n$/);
      if (added === undefined) return;

      const baseline = build(isa, '', at(`${isa}-baseline`));
      const objdump = isOwnIsa(isa) ? 'objdump' : `${isa}-linux-gnu-objdump`;
      need(this, objdump);
      const code = (folder: string): string =>
        output(objdump, '-d', '--no-show-raw-insn', path.join(folder, 'libw2nstub.a'));
      assert.match(code(stub), added);
      assert.doesNotMatch(code(baseline), added);
      for (const source of BEFORE_CHECK) {
        const object = `w2n_${source.replace(/c$/, 'o')}`;
        const [own, plain] = [stub, baseline].map((dir) => readFileSync(path.join(dir, object)));
        assert.ok(own.equals(plain), `${object} is the same at every level`);
      }
    });
  }

  it('reaches the C files of the command line, which may ask for another', function () {
    need(this, 'cc');
    if (!isOwnIsa('x86_64')) needIsa(this, 'x86_64');
    const file = at('level.c');
    writeFileSync(file, '#ifndef __BMI2__\n#error the level is missing\n#endif\n');
    build('x86_64', 'x86-64-v3', at('with-c'), file);
    const target = ['--target', 'x86_64-linux', '--march', 'x86-64-v3', '--cflags', '-mno-bmi2'];
    const other = wasm2native([...target, hello, file, '-o', at('without')]);
    assert.equal(other.status, 1);
    assert.match(other.stderr, /the level is missing/);
  });

  it('is spelt as the compiler knows it', () => {
    const gcc = { words: ['gcc'], verbose: false } as const;
    const zig = { words: ['python3', '-m', 'ziglang', 'cc'], verbose: false } as const;
    const x64 = { isa: 'x86_64', os: 'linux' } as const;
    const a64 = { isa: 'aarch64', os: 'linux' } as const;
    assert.deepEqual(levelFlags(gcc, x64, ''), []);
    assert.deepEqual(levelFlags(zig, x64, ''), []);
    assert.deepEqual(levelFlags(gcc, x64, 'x86-64'), []);
    assert.deepEqual(levelFlags(gcc, x64, 'x86-64-v2,bmi1,sse4.1'), [
      '-march=x86-64-v2',
      '-mbmi',
      '-msse4.1',
    ]);
    assert.deepEqual(levelFlags(zig, x64, 'bmi1,sse4.1'), ['-mcpu=x86_64+bmi+sse4_1']);
    assert.deepEqual(levelFlags(gcc, a64, 'armv8-a'), []);
    assert.deepEqual(levelFlags(gcc, a64, 'armv8.1-a'), ['-march=armv8.1-a']);
    assert.deepEqual(levelFlags(gcc, a64, 'armv8.9-a'), ['-march=armv8.6-a']);
    assert.deepEqual(levelFlags(zig, a64, 'armv8.3-a'), ['-mcpu=generic+v8_3a']);
    assert.deepEqual(levelFlags(gcc, { isa: 'aarch64', os: 'macos' }, 'armv8.3-a'), []);
  });
});
