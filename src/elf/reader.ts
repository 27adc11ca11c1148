// Reads ELF64 files for `inspect` and for tests: sections through the package elfy, symbols and relocations from their
// tables. Input: the whole file; output: plain records. Throws Error for what is no ELF file.
import elfy from 'elfy';
import { RELA_BYTES, SYMBOL_BYTES } from './constants.ts';

export interface ElfSection {
  readonly name: string;
  readonly type: string | number;
  readonly isAlloc: boolean;
  readonly isWritable: boolean;
  readonly isExecutable: boolean;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly data: Buffer;
}

export interface ElfSymbol {
  readonly name: string;
  readonly binding: number;
  readonly type: number;
  readonly visibility: number;
  /** Section number, 0 if undefined. */
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

export interface ElfRelocation {
  /** Number of the section that holds the place. */
  readonly section: number;
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
}

export interface ElfFile {
  /** e_machine. */
  readonly machine: number;
  /** e_type. */
  readonly type: number;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  readonly relocations: readonly ElfRelocation[];
}

/** Whether `bytes` begin like an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

export function readElf(file: Buffer): ElfFile {
  const elf = elfy.parse(file);
  if (elf.class !== '64' || elf.endian !== 'lsb')
    throw new Error(`ELF${elf.class} ${elf.endian}: only ELF64 lsb is read`);
  const sections = elf.body.sections.map((section): ElfSection => ({
    name: section.name,
    type: section.type,
    isAlloc: section.flags.alloc === true,
    isWritable: section.flags.write === true,
    isExecutable: section.flags.execinstr === true,
    offset: section.off,
    size: section.size,
    link: section.link,
    info: section.info,
    data: section.data,
  }));
  const symtab = sections.find((section) => section.type === 'symtab');
  return {
    machine: file.readUInt16LE(18),
    type: file.readUInt16LE(16),
    sections,
    symbols: symtab === undefined ? [] : symbolsOf(symtab.data, sections[symtab.link].data),
    relocations: sections
      .filter((section) => section.type === 'rela')
      .flatMap((section) => relocationsOf(section)),
  };
}

function symbolsOf(table: Buffer, strings: Buffer): ElfSymbol[] {
  const symbols: ElfSymbol[] = [];
  for (let at = 0; at + SYMBOL_BYTES <= table.length; at += SYMBOL_BYTES) {
    const name = table.readUInt32LE(at);
    const info = table[at + 4];
    symbols.push({
      name: strings.toString('utf8', name, strings.indexOf(0, name)),
      binding: info >> 4,
      type: info & 15,
      visibility: table[at + 5] & 3,
      section: table.readUInt16LE(at + 6),
      value: Number(table.readBigUInt64LE(at + 8)),
      size: Number(table.readBigUInt64LE(at + 16)),
    });
  }
  return symbols;
}

function relocationsOf({ data, info }: ElfSection): ElfRelocation[] {
  const relocations: ElfRelocation[] = [];
  for (let at = 0; at + RELA_BYTES <= data.length; at += RELA_BYTES) {
    relocations.push({
      section: info,
      offset: Number(data.readBigUInt64LE(at)),
      type: data.readUInt32LE(at + 8),
      symbol: data.readUInt32LE(at + 12),
      addend: Number(data.readBigInt64LE(at + 16)),
    });
  }
  return relocations;
}
