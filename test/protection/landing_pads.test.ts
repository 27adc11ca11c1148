// Landing pads of indirect branches: x86_64 endbr64 (--cf-protection=branch), aarch64 bti (--branch-protection=bti). On
// aarch64 qemu enforces them: scripts of the specification run from pages with PROT_BTI, also with short reaches, and
// an object whose note claims what is not there ends with SIGILL. The linker keeps the note only if all objects have it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compile } from '../../src/compile.ts';
import { readElf } from '../../src/elf/reader.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { SectionRole, type ObjectFile } from '../../src/emit/object_file.ts';
import { defaultOptions, NO_STRESS, type CompileOptions } from '../../src/options.ts';
import { elfMaker, runScript, Tally } from '../spec/runner.ts';
import { emptyFolder, execute, output, wasm2native } from '../support/command.ts';
import { HostCrash, i32, TestHost, type HostIsa } from '../support/host.ts';
import { need, needIsa } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { readSpecScript, specModule } from '../support/spec.ts';

const PADS: Readonly<Record<HostIsa, number>> = { x86_64: 0xfa1e0ff3, aarch64: 0xd503245f };
const FLAGS: Readonly<Record<HostIsa, string>> = {
  x86_64: '--cf-protection=branch',
  aarch64: '--branch-protection=bti',
};
/** The compiler's own flag, and what readelf calls the property. */
const C_FLAGS: Readonly<Record<HostIsa, string>> = {
  x86_64: '-fcf-protection=branch',
  aarch64: '-mbranch-protection=bti',
};
const NO_C_FLAGS: Readonly<Record<HostIsa, string>> = {
  x86_64: '-fcf-protection=none',
  aarch64: '-mbranch-protection=none',
};
const CLAIM: Readonly<Record<HostIsa, RegExp>> = {
  x86_64: /x86 feature: IBT$/m,
  aarch64: /AArch64 feature: BTI$/m,
};
const TOOLS: Readonly<Record<HostIsa, { readonly cc: string; readonly ld: string }>> = {
  x86_64: { cc: 'gcc', ld: 'ld' },
  aarch64: { cc: 'aarch64-linux-gnu-gcc', ld: 'aarch64-linux-gnu-ld' },
};
/** A trap below a function with stack arguments, whose signature counts from above them. */
const REPORT = `(module
  (memory 1)
  (func $inner (param i32) (result i32)
    (if (i32.load (local.get 0)) (then (return (i32.const 1))))
    (unreachable))
  (func $wide (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.add (local.get 19) (call $inner (local.get 18))))
  (func $start (export "_start")
    (i32.store (i32.const 4) (i32.const 7))
    (i32.store (i32.const 8) (call $wide
      (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6) (i32.const 7)
      (i32.const 8) (i32.const 9) (i32.const 10) (i32.const 11) (i32.const 12) (i32.const 13) (i32.const 14)
      (i32.const 15) (i32.const 16) (i32.const 17) (i32.const 4) (i32.const 18)))
    (if (i32.ne (i32.load (i32.const 8)) (i32.const 19)) (then (return)))
    (drop (call $wide
      (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6) (i32.const 7)
      (i32.const 8) (i32.const 9) (i32.const 10) (i32.const 11) (i32.const 12) (i32.const 13) (i32.const 14)
      (i32.const 15) (i32.const 16) (i32.const 17) (i32.const 12) (i32.const 18)))))`;
const SCRIPTS = [
  'br_table',
  'switch',
  'call',
  'call_indirect',
  'func_ptrs',
  'fac',
  'imports',
  'unreachable',
  'labels',
];

function optionsFor(isa: HostIsa): CompileOptions {
  return {
    ...defaultOptions('pads', { isa, os: 'linux' } as const),
    landingPads: true,
    imports: 'instantiate',
    mainModule: false,
  };
}

/** Whether each function and thunk of an object begins with the landing pad. */
function padsOf(bytes: Uint8Array, isa: HostIsa): boolean[] {
  const elf = readElf(Buffer.from(bytes));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return elf.symbols.flatMap((symbol) => {
    if (symbol.type !== 2) return [];
    return [view.getUint32(elf.sections[symbol.section].offset + symbol.value, true) === PADS[isa]];
  });
}

describe('landing pads', function () {
  this.timeout(120_000);
  for (const isa of ['x86_64', 'aarch64'] as const) {
    it(`${isa}: by flag alone, on every function and thunk, with a note that readelf reads`, function () {
      need(this, 'readelf');
      const folder = emptyFolder(`pads-${isa}`);
      const hello = fromRoot('fixtures/hello.wasm');
      const target = ['--target', `${isa}-linux`, '--emit', 'obj', hello, '-o'];
      for (const [file, ...flags] of [['without.o'], ['with.o', FLAGS[isa]]]) {
        const made = wasm2native([...flags, ...target, path.join(folder, file)]);
        assert.deepEqual([made.stderr, made.status], ['', 0]);
      }
      const [without, given] = ['without.o', 'with.o'].map((file) => readFileSync(path.join(folder, file)));
      assert.ok(padsOf(given, isa).length > 10);
      assert.ok(padsOf(given, isa).every((pad) => pad));
      assert.ok(padsOf(without, isa).every((pad) => !pad));
      assert.match(output('readelf', '-n', path.join(folder, 'with.o')), CLAIM[isa]);
      assert.equal(output('readelf', '-n', path.join(folder, 'without.o')), '');
    });

    it(`${isa}: the stub has them; the linker keeps the note with objects that do, drops it with others`, function () {
      const { cc, ld } = TOOLS[isa];
      need(this, 'readelf', cc, ld);
      const folder = emptyFolder(`pads-link-${isa}`);
      const at = (file: string): string => path.join(folder, file);
      const hello = fromRoot('fixtures/hello.wasm');
      const target = ['--target', `${isa}-linux`, FLAGS[isa]];
      const made = wasm2native([...target, '--emit', 'static-lib', hello, '-o', at('lib.a')]);
      assert.deepEqual([made.stderr, made.status], ['', 0]);
      writeFileSync(at('other.c'), 'int other(int (*f)(void)) { return f() + 1; }\n');
      output(cc, '-c', C_FLAGS[isa], at('other.c'), '-o', at('with.o'));
      output(cc, '-c', NO_C_FLAGS[isa], at('other.c'), '-o', at('without.o'));
      for (const other of ['with.o', 'without.o'])
        output(ld, '-r', '--whole-archive', at('lib.a'), at(other), '-o', at(`linked-${other}`));
      assert.match(output('readelf', '-n', at('linked-with.o')), CLAIM[isa]);
      assert.doesNotMatch(output('readelf', '-n', at('linked-without.o')), /feature: /);
    });

    for (const [title, stress] of [
      ['', {}],
      [
        ', reaches cut short',
        isa === 'aarch64'
          ? {
              reach: { test14: 10, cond19: 11, branch26: 12, call26: 12, literal19: 12, adr21: 14 },
              layoutSeed: 3,
            }
          : { reach: { call32: 15 }, layoutSeed: 3 },
      ],
    ] as const) {
      it(`${isa}: scripts with indirect branches${title}`, async function () {
        needIsa(this, isa);
        const host = await TestHost.start(isa);
        const tally = new Tally();
        const make = elfMaker({ ...optionsFor(isa), stress: { ...NO_STRESS, ...stress } });
        for (const name of SCRIPTS) await runScript(readSpecScript('core', name), make, host, tally);
        await host.close();
        assert.deepEqual(tally.failures, []);
        assert.ok(tally.passed > 500, tally.summary());
      });
    }
  }

  it('aarch64: an object that claims what it has not is stopped', async function () {
    need(this, 'aarch64-linux-gnu-gcc', 'qemu-aarch64');
    const script = readSpecScript('core', 'fac');
    const [command] = script.commands;
    assert.ok(command.type === 'module');
    const options = optionsFor('aarch64');
    const bytes = specModule(script, command);
    const note = compile(bytes, options).sections.filter((section) => section.role === SectionRole.Note);
    assert.equal(note.length, 1);
    const plain = compile(bytes, { ...options, landingPads: false });
    for (const [object, isStopped] of [
      [plain, false],
      [{ ...plain, sections: [...plain.sections, ...note] } satisfies ObjectFile, true],
    ] as const) {
      const host = await TestHost.start('aarch64');
      const call = async (): Promise<unknown> => {
        const { instance } = await host.instantiate(await host.load(writeElf(object, 'aarch64').toBytes()));
        return host.invoke(instance, 'fac-rec', [i32(5)]);
      };
      if (isStopped) await assert.rejects(call, HostCrash);
      else await call();
      await host.close();
    }
  });

  it('aarch64: signed return addresses: every function that stores one signs it and checks it again', function () {
    need(this, 'readelf');
    const folder = emptyFolder('pac');
    const hello = fromRoot('fixtures/hello.wasm');
    for (const [protection, claim] of [
      ['pac-ret', /AArch64 feature: PAC$/m],
      ['standard', /AArch64 feature: BTI, PAC$/m],
    ] as const) {
      const file = path.join(folder, `${protection}.o`);
      const flags = ['--target', 'aarch64-linux', `--branch-protection=${protection}`, '--emit', 'obj'];
      const made = wasm2native([...flags, hello, '-o', file]);
      assert.deepEqual([made.stderr, made.status], ['', 0]);
      assert.match(output('readelf', '-n', file), claim);
      assert.match(output('readelf', '-wf', file), /DW_CFA_AARCH64_negate_ra_state|DW_CFA_GNU_window_save/);
      const bytes = readFileSync(file);
      const elf = readElf(bytes);
      let signed = 0;
      for (const symbol of elf.symbols) {
        if (symbol.type !== 2) continue;
        const start = elf.sections[symbol.section].offset + symbol.value;
        const words = Array.from({ length: symbol.size >> 2 }, (_, w) => bytes.readUInt32LE(start + 4 * w));
        // stp x29, x30, [sp, #-n]! and ldp x29, x30, [sp], #n
        const stores = words.findIndex((word) => (word & 0xffc07fff) >>> 0 === 0xa9807bfd);
        const signs = words.findIndex((word) => word === 0xd503233f || word === 0xd503211f);
        assert.equal(signs >= 0, stores >= 0, symbol.name);
        assert.ok(signs <= stores, symbol.name);
        if (signs >= 0) signed++;
        words.forEach((word, w) => {
          if ((word & 0xffc07fff) >>> 0 !== 0xa8c07bfd) return;
          const next = words.slice(w + 1, w + 5);
          assert.ok(next.includes(0xd50323bf) || next.includes(0xd503219f), symbol.name);
        });
      }
      assert.ok(signed > 10, `${signed} functions sign`);
    }
  });

  it('aarch64: scripts and trap reports with signed return addresses and landing pads', async function () {
    need(this, 'aarch64-linux-gnu-gcc', 'qemu-aarch64', 'wat2wasm');
    const host = await TestHost.start('aarch64');
    const tally = new Tally();
    const make = elfMaker({ ...optionsFor('aarch64'), signReturns: true });
    for (const name of SCRIPTS) await runScript(readSpecScript('core', name), make, host, tally);
    await host.close();
    assert.deepEqual(tally.failures, []);
    assert.ok(tally.passed > 500, tally.summary());

    const folder = emptyFolder('pac-report');
    const at = (file: string): string => path.join(folder, file);
    writeFileSync(at('report.wat'), REPORT);
    output('wat2wasm', '--debug-names', at('report.wat'), '-o', at('report.wasm'));
    const target = ['--target', 'aarch64-linux', '--branch-protection=standard'];
    const made = wasm2native([...target, at('report.wasm'), '-o', at('report')]);
    assert.deepEqual([made.stderr, made.status], ['', 0]);
    const run = execute('qemu-aarch64', ['-cpu', 'max', '-L', '/usr/aarch64-linux-gnu', at('report')]);
    assert.equal(run.status, 134);
    assert.deepEqual(
      [...run.stderr.matchAll(/at (\w+)/g)].map((match) => match[1]),
      ['inner', 'wide', 'start'],
    );
  });

  it('flags of the other instruction set are refused', () => {
    const hello = fromRoot('fixtures/hello.wasm');
    for (const [target, flag] of [
      ['aarch64-linux', FLAGS.x86_64],
      ['x86_64-linux', FLAGS.aarch64],
      ['aarch64-macos', FLAGS.aarch64],
    ]) {
      const made = wasm2native(['--target', target, flag, '--emit', 'obj', hello, '-o', '/dev/null/none']);
      assert.equal(made.status, 2);
      assert.match(made.stderr, /protection exists for/);
    }
  });
});
