import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { plainSection, SectionRole } from '../../src/emit/object_file.ts';
import { CpuType } from '../../src/macho/constants.ts';
import { readMachO } from '../../src/macho/reader.ts';
import { writeMachO } from '../../src/macho/writer.ts';
import { need } from '../support/need.ts';
import { output } from '../support/command.ts';
import { fromRoot } from '../support/paths.ts';
import type { SampleIsa } from '../support/sample_object.ts';
import {
  ANSWER_OFFSET,
  DATA,
  FAR_ADDEND,
  IMAGE_BYTES,
  RUN_DISTANCE,
  sampleObject,
} from '../support/sample_object.ts';

const folder = fromRoot('build/tmp/macho');

function write(isa: SampleIsa, runs: 1 | 2 = 1): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${isa}-${runs}.o`);
  const fd = openSync(file, 'w');
  writeMachO(sampleObject(isa, true, runs), isa).writeTo(fd);
  closeSync(fd);
  return file;
}

for (const isa of ['x86_64', 'aarch64'] as const) {
  describe(`Mach-O writer, ${isa}`, () => {
    it('is read back as it was written', () => {
      const file = readFileSync(write(isa));
      assert.deepEqual(new Uint8Array(file), writeMachO(sampleObject(isa, true, 1), isa).toBytes());
      const macho = readMachO(file);
      assert.equal(macho.cpuType, isa === 'x86_64' ? CpuType.X86_64 : CpuType.Arm64);
      assert.equal(macho.fileType, 1);
      assert.equal(macho.flags, 0, 'no MH_SUBSECTIONS_VIA_SYMBOLS');
      assert.deepEqual(macho.commands, [0x19, 0x32, 2, 0xb, 0x29]);
      assert.deepEqual(
        macho.sections.map((s) => [s.segment, s.name, s.alignLog2]),
        [
          ['__TEXT', 'w2n_text', 6],
          ['__DATA', 'w2n_image', 16],
          ['__DATA', '__const', 3],
          ['__TEXT', '__eh_frame', 3],
        ],
      );
      const [text, image] = macho.sections;
      assert.deepEqual([...text.data.subarray(ANSWER_OFFSET + 8, ANSWER_OFFSET + 12)], DATA);
      assert.equal(image.size, IMAGE_BYTES);
      assert.equal(image.data.toString('latin1', 1024, 1038), 'initial memory');
      assert.deepEqual(macho.dataInCode, [
        { offset: 0, length: ANSWER_OFFSET, kind: 1 },
        { offset: ANSWER_OFFSET + 8, length: 4, kind: 1 },
      ]);
    });

    it('orders symbols local, external, undefined, with underscores', () => {
      const macho = readMachO(readFileSync(write(isa)));
      const image = macho.sections[1].address;
      const record = macho.sections[2].address;
      const ehFrame = { name: 'ltmp_eh_frame', type: 0xe, section: 4, value: macho.sections[3].address };
      assert.deepEqual(macho.symbols, [
        ...(isa === 'aarch64' ? [ehFrame] : []),
        { name: '_w2n_header_sample', type: 0xe, section: 1, value: 0 },
        { name: '_inner', type: 0xe, section: 1, value: 0 },
        { name: '_w2n_image_sample', type: 0xe, section: 2, value: image },
        { name: '_w2n_sample__answer', type: 0xf, section: 1, value: ANSWER_OFFSET },
        { name: '_w2n_module_sample', type: 0x1f, section: 3, value: record },
        { name: '_w2n_main_module', type: 0xf, section: 3, value: record },
        { name: '_env__log', type: 1, section: 0, value: 0 },
      ]);
      assert.deepEqual(macho.symbolCounts, [isa === 'aarch64' ? 4 : 3, 3, 1]);
    });

    it('sorts relocations by falling address and stores addends in place', () => {
      const macho = readMachO(readFileSync(write(isa)));
      const [text, , record, ehFrame] = macho.sections;
      const name = (symbol: number) => macho.symbols[symbol].name;
      assert.equal(text.relocations.length, 0);
      assert.deepEqual(
        record.relocations.map((r) => [r.address, name(r.symbol), r.type, r.lengthLog2, r.isPcRelative]),
        [
          [24, '_env__log', 0, 3, false],
          [8, '_w2n_image_sample', 0, 3, false],
          [0, '_w2n_header_sample', 0, 3, false],
        ],
      );
      assert.ok(record.relocations.every((r) => r.isExternal));
      assert.equal(Number(record.data.readBigUInt64LE(8)), FAR_ADDEND);
      const place = ehFrame.data.readUInt32LE(0) + 4 + 8;
      if (isa === 'x86_64') {
        assert.equal(ehFrame.relocations.length, 0);
        const target = Number(ehFrame.data.readBigInt64LE(place)) + ehFrame.address + place;
        assert.equal(target, text.address + ANSWER_OFFSET);
      } else {
        assert.deepEqual(
          ehFrame.relocations.map((r) => [r.address, name(r.symbol), r.type]),
          [
            [place, 'ltmp_eh_frame', 1],
            [place, '_w2n_sample__answer', 0],
          ],
        );
        assert.equal(Number(ehFrame.data.readBigInt64LE(place)), -place);
      }
    });

    it('joins text runs into one section', () => {
      const macho = readMachO(readFileSync(write(isa, 2)));
      const [text] = macho.sections;
      assert.equal(text.size, RUN_DISTANCE + 8);
      assert.deepEqual(
        [...text.data.subarray(RUN_DISTANCE)],
        [...text.data.subarray(ANSWER_OFFSET, ANSWER_OFFSET + 8)],
      );
      assert.equal(macho.symbols.find((s) => s.name === '_inner')?.value, RUN_DISTANCE);
    });

    it('splits data in code that is longer than an entry counts', () => {
      const object = sampleObject(isa, true, 1);
      const text = { ...object.sections[0], size: 200000, dataRanges: Float64Array.of(64, 200000) };
      const bytes = writeMachO({ ...object, sections: [text, ...object.sections.slice(1)] }, isa).toBytes();
      const entries = readMachO(Buffer.from(bytes)).dataInCode;
      assert.equal(entries.length, 4);
      let at = 64;
      for (const entry of entries) {
        assert.equal(entry.offset, at);
        at += entry.length;
      }
      assert.equal(at, 200000);
    });

    it('is read by llvm without a warning', function () {
      need(this, 'llvm-readobj-19', 'llvm-objdump-19');
      const file = write(isa);
      const flags = ['--macho-segment', '--macho-dysymtab', '--macho-data-in-code', '--macho-version-min'];
      const text = output('llvm-readobj-19', '--file-headers', '--sections', '--symbols', ...flags, file);
      assert.match(text, /Name: w2n_text /);
      assert.match(text, /Platform: macos\n\s*Version: 11.0/);
      const disassembly = output('llvm-objdump-19', '-d', file);
      assert.match(disassembly, /<_w2n_sample__answer>:\n[^\n]*\b(movl|mov)\s.*(42|0x2a)/);
      assert.match(output('llvm-objdump-19', '--dwarf=frames', file), /DW_CFA_def_cfa_offset: \+16/);
    });

    it('links with lld into a library whose unwind data names the function', function () {
      need(this, 'ld64.lld-19', 'llvm-objdump-19');
      const file = write(isa);
      const library = `${file}.dylib`;
      const arch = isa === 'x86_64' ? 'x86_64' : 'arm64';
      const version = ['-platform_version', 'macos', '11.0', '11.0'];
      output(
        'ld64.lld-19',
        ...['-arch', arch, ...version, '-dylib', '-undefined', 'dynamic_lookup'],
        ...[file, '-o', library],
      );
      const symbols = output('llvm-objdump-19', '--syms', library);
      const answer = /^([0-9a-f]+) g.* _w2n_sample__answer$/m.exec(symbols);
      assert.ok(answer !== null, symbols);
      const frames = output('llvm-objdump-19', '--dwarf=frames', library);
      const start = parseInt(answer[1], 16).toString(16).padStart(8, '0');
      assert.match(frames, new RegExp(`pc=${start}\\.\\.\\.`));
    });

    it('refuses relocations in the text', () => {
      const object = sampleObject(isa, true, 1);
      const [first] = object.relocations;
      const bad = { ...object, relocations: [{ ...first, section: 0 }] };
      assert.throws(() => writeMachO(bad, isa), /relocation lies in the text/);
      const debug = plainSection(SectionRole.Debug, new Uint8Array(1), 1, '.debug_x');
      const many = { sections: new Array<typeof debug>(256).fill(debug), symbols: [], relocations: [] };
      assert.throws(() => writeMachO(many, isa), /256 sections/);
    });
  });
}
