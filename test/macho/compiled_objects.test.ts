// Objects that the command makes of real modules, for both instruction sets and in both formats: our readers (elfy for
// ELF, binary-parser for Mach-O) and LLVM's see the same headers, sections, symbols and relocations, and nothing
// executable is relocated.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readElf } from '../../src/elf/reader.ts';
import { readMachO } from '../../src/macho/reader.ts';
import { PROGRAMS } from '../programs/programs.ts';
import { emptyFolder, output, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

interface Named {
  readonly Name: string;
  readonly Value: number;
}
interface LlvmElf {
  readonly ElfHeader: {
    readonly Machine: Named;
    readonly Type: string;
    readonly SectionHeaderCount: string;
  };
  readonly Sections: readonly {
    readonly Section: {
      readonly Name: Named;
      readonly Flags: Named;
      readonly Offset: number;
      readonly Size: number;
      readonly Link: number;
      readonly Info: number;
    };
  }[];
  readonly Symbols: readonly {
    readonly Symbol: {
      readonly Name: Named;
      readonly Value: number;
      readonly Size: number;
      readonly Binding: Named;
      readonly Type: Named;
      readonly Other: { readonly Value: number };
      readonly Section: Named;
    };
  }[];
  readonly Relocations: readonly {
    readonly SectionIndex: number;
    readonly Relocs: readonly {
      readonly Relocation: {
        readonly Offset: number;
        readonly Type: Named;
        readonly Symbol: Named;
        readonly Addend: number;
      };
    }[];
  }[];
}

/** Compares; returns the number of relocations. */
function compareElf(file: string, machine: number): number {
  const elf = readElf(readFileSync(file));
  const flags = ['--file-headers', '--sections', '--symbols', '--relocations'];
  const [llvm] = JSON.parse(
    output('llvm-readobj-19', '--elf-output-style=JSON', ...flags, file),
  ) as LlvmElf[];
  assert.deepEqual([elf.machine, elf.type], [machine, 1]);
  assert.deepEqual(
    [llvm.ElfHeader.Machine.Value, llvm.ElfHeader.Type, Number(llvm.ElfHeader.SectionHeaderCount)],
    [machine, 'Relocatable (0x1)', elf.sections.length],
  );
  const [WRITE, ALLOC, EXECUTE] = [1, 2, 4];
  assert.deepEqual(
    elf.sections.map((s) => [
      ...[s.name, s.isWritable, s.isAlloc, s.isExecutable, s.offset, s.size, s.link, s.info],
    ]),
    llvm.Sections.map(({ Section: s }) => [
      ...[s.Name.Name, ...[WRITE, ALLOC, EXECUTE].map((bit) => (s.Flags.Value & bit) !== 0)],
      ...[s.Offset, s.Size, s.Link, s.Info],
    ]),
  );
  assert.deepEqual(
    elf.symbols.map((s) => [
      ...[s.type === 3 ? elf.sections[s.section].name : s.name, s.value, s.size],
      ...[s.binding, s.type, s.visibility, s.section],
    ]),
    llvm.Symbols.map(({ Symbol: s }) => [
      ...[s.Name.Name, s.Value, s.Size, s.Binding.Value, s.Type.Value, s.Other.Value, s.Section.Value],
    ]),
  );
  const relocations = llvm.Relocations.flatMap(({ SectionIndex, Relocs }) =>
    Relocs.map(({ Relocation: r }) => [
      ...[llvm.Sections[SectionIndex].Section.Info, r.Offset, r.Type.Value, r.Symbol.Name, r.Addend],
    ]),
  );
  const symbolName = (k: number): string => {
    const s = elf.symbols[k];
    return s.type === 3 ? elf.sections[s.section].name : s.name;
  };
  assert.deepEqual(
    elf.relocations.map((r) => [r.section, r.offset, r.type, symbolName(r.symbol), r.addend]),
    relocations,
  );
  const executable = llvm.Sections.map(({ Section }) => (Section.Flags.Value & EXECUTE) !== 0);
  assert.equal(executable.filter((is) => is).length, 1);
  for (const [section] of relocations) assert.ok(!executable[Number(section)]);
  return relocations.length;
}

/** The blocks `KIND {...}` of llvm-readobj's text: first words (numbers where they are) by key. */
function blocks(text: string, kind: string): Map<string, string>[] {
  return [...text.matchAll(new RegExp(`^ *${kind} \\{\\n([^{}]*)\\}`, 'gm'))].map(
    ([, body]) => new Map([...body.matchAll(/^ +(\w+): (.*?)$/gm)].map((match) => [match[1], match[2]])),
  );
}
/** `Name (12)` -> 12 or `Name`. */
const inBrackets = (value = ''): number => Number(/\((\w+)\)$/.exec(value)?.[1]);
const withoutBrackets = (value = ''): string => value.replace(/ \([^()]*\)$/, '');

function compareMachO(file: string, cpuType: number): number {
  const macho = readMachO(readFileSync(file));
  const flags = ['--file-headers', '--sections', '--symbols', '--relocations', '--macho-data-in-code'];
  const text = output('llvm-readobj-19', ...flags, '--macho-dysymtab', file);
  const [header] = blocks(text, 'MachHeader');
  assert.deepEqual(
    [macho.cpuType, macho.fileType, macho.commands.length],
    [cpuType, inBrackets(header.get('FileType')), Number(header.get('NumOfLoadCommands'))],
  );
  assert.equal(inBrackets(header.get('CpuType')), cpuType);

  const sections = blocks(text, 'Section');
  assert.deepEqual(
    macho.sections.map((s) => [
      ...[s.name, s.segment, s.address, s.size, s.offset, s.alignLog2, s.relocations.length],
    ]),
    sections.map((s) => [
      withoutBrackets(s.get('Name')),
      withoutBrackets(s.get('Segment')),
      ...['Address', 'Size', 'Offset', 'Alignment', 'RelocationCount'].map((key) => Number(s.get(key))),
    ]),
  );
  const instructions = (section: number): boolean => /Instructions \(/.test(attributes[section]);
  const attributes = text.split(/^ *Section \{$/m).slice(1);
  assert.deepEqual(
    macho.sections.map((s) => s.flags >>> 31 !== 0 || (s.flags & 4) !== 0),
    macho.sections.map((_, k) => instructions(k)),
  );

  const symbols = blocks(text, 'Symbol');
  const External = 1;
  assert.deepEqual(
    macho.symbols.map((s) => [s.name, s.type & ~(External | 0x10), s.section, s.value]),
    symbols.map((s) => [
      withoutBrackets(s.get('Name')),
      ...[inBrackets(s.get('Type')), inBrackets(s.get('Section')), Number(s.get('Value'))],
    ]),
  );
  const externals = [...text.matchAll(/^ *Symbol \{\n +Name: .*\n((?: +(?:Extern|PrivateExtern)\n)?)/gm)];
  assert.deepEqual(
    macho.symbols.map((s) => (s.type & External) !== 0),
    externals.map((match) => match[1] !== ''),
  );

  const relocations: unknown[][] = [];
  let section = '';
  for (const line of (/^Relocations \[\n([^\]]*)\n\]/m.exec(text)?.[1] ?? '').split('\n')) {
    const start = /^ +Section (\S+) \{$/.exec(line);
    if (start !== null) section = start[1];
    const entry = /^ +(0x[0-9A-F]+) (\d) (\d) (\d) (\w+) \d (\S+)$/.exec(line);
    if (entry === null) continue;
    const [, place, relative, length, external, type, symbol] = entry;
    relocations.push([section, Number(place), relative, length, external, symbol]);
    assert.match(type, /_RELOC_(UNSIGNED|SUBTRACTOR)$/);
  }
  const bit = (is: boolean): string => (is ? '1' : '0');
  assert.deepEqual(
    macho.sections.flatMap((s) =>
      s.relocations.map((r) => [
        ...[s.name, r.address, bit(r.isPcRelative), String(r.lengthLog2), bit(r.isExternal)],
        macho.symbols[r.symbol].name,
      ]),
    ),
    relocations,
  );
  macho.sections.forEach((s, k) => {
    if (instructions(k)) assert.deepEqual(s.relocations, [], s.name);
  });
  assert.equal(macho.sections.filter((_, k) => instructions(k)).length, 1);

  assert.deepEqual(
    macho.dataInCode.map((entry) => [entry.offset, entry.length, entry.kind]),
    blocks(text, 'Entry').map((entry) => ['Offset', 'Length', 'Kind'].map((key) => Number(entry.get(key)))),
  );
  return relocations.length;
}

const MODULES: readonly { name: string; needs: readonly string[]; file: () => string }[] = [
  { name: 'hello', needs: [], file: () => fromRoot('fixtures/hello.wasm') },
  ...PROGRAMS.filter(({ name }) => name === 'lua').map((program) => ({
    name: program.name,
    needs: program.needs,
    file: (): string => program.wasm(),
  })),
];

describe('compiled objects, for LLVM and for us', function () {
  this.timeout(300_000);
  let folder = '';
  before(() => {
    folder = emptyFolder('readers');
  });
  for (const { name, needs, file } of MODULES)
    for (const [isa, machine, cpuType] of [
      ['x86_64', 62, 0x1000007],
      ['aarch64', 183, 0x100000c],
    ] as const)
      for (const os of ['linux', 'macos']) {
        it(`${name}, ${isa}, ${os}`, function () {
          need(this, ...needs, 'llvm-readobj-19');
          const object = path.join(folder, `${name}-${isa}-${os}.o`);
          const wasm = path.join(folder, `${name}.wasm`);
          writeFileSync(wasm, readFileSync(file()));
          const options = ['--target', `${isa}-${os}`, '--emit', 'obj'];
          const { stderr, status } = wasm2native([...options, wasm, '-o', object]);
          assert.deepEqual([stderr, status], ['', 0]);
          const relocations = os === 'linux' ? compareElf(object, machine) : compareMachO(object, cpuType);
          assert.ok(relocations > 5, `${relocations} relocations`);
        });
      }
});
