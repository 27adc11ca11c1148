import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { plainSection, SectionRole } from '../../src/emit/object_file.ts';
import { Binding, Machine, RelocAarch64, RelocX86_64, SymbolType } from '../../src/elf/constants.ts';
import { readElf } from '../../src/elf/reader.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { need, skipBecause } from '../support/need.ts';
import { output } from '../support/command.ts';
import { fromRoot } from '../support/paths.ts';
import type { SampleIsa } from '../support/sample_object.ts';
import {
  ANSWER_OFFSET,
  DATA,
  FAR_ADDEND,
  IMAGE_BYTES,
  RECORD_BYTES,
  RUN_DISTANCE,
  sampleObject,
} from '../support/sample_object.ts';

const folder = fromRoot('build/tmp/elf');
const TOOLS: Readonly<Record<SampleIsa, string>> = { x86_64: '', aarch64: 'aarch64-linux-gnu-' };

function write(isa: SampleIsa): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${isa}.o`);
  const fd = openSync(file, 'w');
  writeElf(sampleObject(isa, false), isa).writeTo(fd);
  closeSync(fd);
  return file;
}

for (const isa of ['x86_64', 'aarch64'] as const) {
  describe(`ELF writer, ${isa}`, () => {
    const object = sampleObject(isa, false);

    it('writes to a file what it gives as an array', () => {
      assert.deepEqual(new Uint8Array(readFileSync(write(isa))), writeElf(object, isa).toBytes());
    });

    it('is read back by elfy as it was written', () => {
      const elf = readElf(readFileSync(write(isa)));
      assert.equal(elf.type, 1);
      assert.equal(elf.machine, isa === 'x86_64' ? Machine.X86_64 : Machine.Aarch64);
      assert.deepEqual(
        elf.sections.map((s) => s.name),
        ['', 'w2n_text', 'w2n_text1', 'w2n_image', '.data.rel.ro', '.eh_frame', '.note.GNU-stack'].concat([
          '.rela.data.rel.ro',
          '.rela.eh_frame',
          '.symtab',
          '.strtab',
          '.shstrtab',
        ]),
      );
      const [, text, far, image, record] = elf.sections;
      assert.ok(text.isAlloc && text.isExecutable && !text.isWritable);
      assert.ok(far.isExecutable);
      assert.ok(image.isAlloc && image.isWritable && !image.isExecutable);
      assert.ok(record.isWritable && !record.isExecutable);
      assert.equal(text.size, ANSWER_OFFSET + 16);
      assert.deepEqual([...text.data.subarray(ANSWER_OFFSET + 8, ANSWER_OFFSET + 12)], DATA);
      const fill = isa === 'x86_64' ? 0xcc : 0;
      assert.equal(text.data[10], fill);
      assert.equal(text.data[ANSWER_OFFSET + 15], fill);
      assert.equal(image.size, IMAGE_BYTES);
      assert.equal(image.data.toString('latin1', 1024, 1038), 'initial memory');
      assert.equal(record.size, RECORD_BYTES);
    });

    it('keeps symbols and relocations', () => {
      const elf = readElf(readFileSync(write(isa)));
      const symbol = (name: string) => {
        const found = elf.symbols.filter((s) => s.name === name);
        assert.equal(found.length, 1, name);
        return found[0];
      };
      assert.deepEqual(symbol('w2n_sample__answer'), {
        name: 'w2n_sample__answer',
        binding: Binding.Global,
        type: SymbolType.Function,
        visibility: 0,
        section: 1,
        value: ANSWER_OFFSET,
        size: 8,
      });
      assert.equal(symbol('inner').binding, Binding.Local);
      assert.equal(symbol('inner').section, 2);
      assert.equal(symbol('w2n_module_sample').visibility, 2);
      assert.equal(symbol('env__log').section, 0);
      const symtab = elf.sections.find((s) => s.name === '.symtab');
      const firstGlobal = elf.symbols.findIndex((s) => s.binding === Binding.Global);
      assert.equal(symtab?.info, firstGlobal);
      assert.ok(elf.symbols.slice(firstGlobal).every((s) => s.binding === Binding.Global));

      const abs64 = isa === 'x86_64' ? RelocX86_64.Abs64 : RelocAarch64.Abs64;
      const pc32 = isa === 'x86_64' ? RelocX86_64.Pc32 : RelocAarch64.Pc32;
      const number = (name: string) => elf.symbols.indexOf(symbol(name));
      const header = number('w2n_header_sample');
      assert.deepEqual(
        elf.relocations.map((r) => [r.section, r.offset, r.type, r.symbol, r.addend]),
        [
          [4, 0, 0, 2, 0], // R_*_NONE on the section symbol of w2n_text1
          [4, 0, abs64, header, 0],
          [4, 8, abs64, number('w2n_image_sample'), FAR_ADDEND],
          [4, 24, abs64, number('env__log'), 0],
          [5, elf.relocations[4].offset, pc32, 1, ANSWER_OFFSET], // the section symbol of w2n_text
        ],
      );
      assert.ok(elf.relocations.every((r) => !elf.sections[r.section].isExecutable));
    });

    it('marks code and data for aarch64 only', () => {
      const elf = readElf(readFileSync(write(isa)));
      const marks = elf.symbols.filter((s) => s.name === '$x' || s.name === '$d');
      const expected = [
        ['$d', 1, 0],
        ['$x', 1, ANSWER_OFFSET],
        ['$d', 1, ANSWER_OFFSET + 8],
        ['$x', 1, ANSWER_OFFSET + 12],
        ['$x', 2, 0],
      ];
      assert.deepEqual(
        marks.map((s) => [s.name, s.section, s.value]),
        isa === 'aarch64' ? expected : [],
      );
    });

    it('agrees with readelf', function () {
      need(this, 'readelf');
      const file = write(isa);
      const elf = readElf(readFileSync(file));
      const sections = [
        ...output('readelf', '-SW', file).matchAll(/^ +\[ *\d+\] (\S*) +(\S+) +0+ (\w+) (\w+) /gm),
      ];
      assert.deepEqual(
        sections.slice(1).map((m) => [m[1], parseInt(m[3], 16), parseInt(m[4], 16)]),
        elf.sections.slice(1).map((s) => [s.name, s.offset, s.size]),
      );
      const symbols = [
        ...output('readelf', '-sW', file).matchAll(/^ +\d+: (\w+) +(\d+) \S+ +(\S+) +\S+ +(\S+) (\S*)/gm),
      ];
      assert.deepEqual(
        symbols.map((m) => [parseInt(m[1], 16), Number(m[2]), m[4] === 'UND' ? 0 : Number(m[4])]),
        elf.symbols.map((s) => [s.value, s.size, s.section]),
      );
      const relocations = output('readelf', '-rW', file).match(/R_(X86_64|AARCH64)_\w+/g);
      const prefix = isa === 'x86_64' ? 'R_X86_64_' : 'R_AARCH64_';
      const names = isa === 'x86_64' ? ['64', '64', '64', 'PC32'] : ['ABS64', 'ABS64', 'ABS64', 'PREL32'];
      assert.deepEqual(
        relocations,
        ['NONE', ...names].map((name) => prefix + name),
      );
      assert.match(output('readelf', '-hW', file), /REL \(Relocatable file\)/);
    });

    it('has unwind data that readelf decodes', function () {
      need(this, 'readelf');
      const frames = output('readelf', '--debug-dump=frames', write(isa));
      assert.match(frames, /DW_CFA_def_cfa_offset: 16/);
      assert.match(frames, /DW_CFA_offset: r29 .*at cfa-16/);
      assert.match(
        frames,
        isa === 'x86_64' ? /DW_CFA_def_cfa: r7 \(rsp\) ofs 8/ : /DW_CFA_def_cfa: r31 \(sp\) ofs 0/,
      );
    });

    it('is read by llvm without a warning', function () {
      need(this, 'llvm-readobj-19', 'llvm-objdump-19');
      const file = write(isa);
      const text = output(
        'llvm-readobj-19',
        '--file-headers',
        '--sections',
        '--symbols',
        '--relocations',
        file,
      );
      assert.match(text, /Name: w2n_text1 /);
      assert.match(
        output('llvm-objdump-19', '-d', file),
        /<w2n_sample__answer>:\n[^\n]*\b(movl|mov)\s.*(42|0x2a)/,
      );
      assert.match(output('llvm-objdump-19', '--dwarf=frames', file), /DW_CFA_def_cfa_offset: \+16/);
    });

    it('is accepted by ld -r and by a link that keeps the distance of runs', function () {
      const ld = `${TOOLS[isa]}ld`;
      need(this, ld);
      const file = write(isa);
      output(ld, '-r', '-o', `${file}.r`, file);
      const again = readElf(readFileSync(`${file}.r`));
      assert.ok(again.sections.some((s) => s.name === 'w2n_text1' && s.size === 8));
      const base = 0x10000000;
      const place = (name: string, at: number) => `--section-start=${name}=0x${at.toString(16)}`;
      const linked = `${file}.so`;
      output(
        ld,
        ...['-shared', '--gc-sections', '-o', linked, file],
        place('w2n_text', base),
        place('w2n_text1', base + RUN_DISTANCE),
      );
      const out = output('readelf', '-SW', linked);
      const address = (name: string) =>
        parseInt(new RegExp(`\\] ${name} +PROGBITS +(\\w+)`).exec(out)?.[1] ?? '', 16);
      assert.equal(address('w2n_text1') - address('w2n_text'), RUN_DISTANCE);
    });

    it('refuses more sections than ELF numbers and relocations in the text', () => {
      const empty = plainSection(SectionRole.Debug, new Uint8Array(0), 1, '.debug_x');
      const many = { sections: new Array(65280).fill(empty), symbols: [], relocations: [] };
      assert.throws(() => writeElf(many, isa), /65285 sections/);
      const [first] = object.relocations;
      const bad = { ...object, relocations: [{ ...first, section: 0 }] };
      assert.throws(() => writeElf(bad, isa), /relocation lies in the text/);
    });
  });
}

describe('ELF writer, linked', () => {
  it('gives code that C can call', function () {
    need(this, 'cc');
    if (process.arch !== 'x64') skipBecause(this, `the sample is x86_64, this machine ${process.arch}`);
    const file = write('x86_64');
    const main = path.join(folder, 'main.c');
    writeFileSync(
      main,
      '#include <stdio.h>\n#include <string.h>\nint w2n_sample__answer(void); extern char *w2n_main_module[5];\n' +
        'void env__log(void) {}\n' +
        'int main(void) { return !(w2n_sample__answer() == 42 && memcmp(w2n_main_module[0], "W2N1", 4) == 0 &&\n' +
        '  strcmp(w2n_main_module[1] + 1019, "initial memory") == 0 && w2n_main_module[3] == (char *)env__log); }\n',
    );
    const exe = path.join(folder, 'main');
    for (const flags of [
      ['-pie', '-fPIE'],
      ['-no-pie', '-fno-pie'],
      ['-Wl,--gc-sections', '-Wl,-z,text'],
    ]) {
      execFileSync('cc', [...flags, '-Werror', '-Wl,--fatal-warnings', main, file, '-o', exe]);
      assert.equal(spawnSync(exe).status, 0, flags.join(' '));
    }
  });
});
