// Writes an ObjectFile as a 64-bit Mach-O object, MH_OBJECT (Apple's <mach-o/loader.h>). What is peculiar here:
// - One unnamed segment holds all sections; they name the segment that the linker shall put them into.
// - All runs of the text become one section with holes, for there is no way to keep the distance of two sections.
// - Addends stand in the places; relocations are {address, symbol} pairs, sorted by falling address as Apple's linker
//   and assembler have them. A difference is a SUBTRACTOR directly before an UNSIGNED of the same address.
// - `__eh_frame` on x86_64 has no relocations at all: the linker reads it before it moves anything. On arm64 each
//   code address is a difference of symbols.
// - No MH_SUBSECTIONS_VIA_SYMBOLS: text is one block whose calls are resolved; the linker must not reorder it.
// - C symbols begin with an underscore. Symbol order: local, defined external, undefined, as LC_DYSYMTAB counts them.
// - LC_DATA_IN_CODE entries hold addresses in the object and at most 65,535 bytes each.
// File: header, load commands, sections, relocations, data-in-code, symbols, strings.
import type { ObjectFile, ObjectRelocation, ObjectSection, ObjectSymbol } from '../emit/object_file.ts';
import { RelocationKind, sectionBytes, SectionRole, SymbolBinding } from '../emit/object_file.ts';
import { alignUp, ByteWriter } from '../support/byte_writer.ts';
import { FileImage } from '../support/file_image.ts';
import {
  CpuSubtype,
  CpuType,
  DATA_IN_CODE_BYTES,
  DICE_KIND_DATA,
  FILE_TYPE_OBJECT,
  HEADER_BYTES,
  LoadCommand,
  MAGIC_64,
  MIN_MACOS,
  NLIST_BYTES,
  PLATFORM_MACOS,
  RELOCATION_BYTES,
  RelocArm64,
  RelocX86_64,
  SectionFlag,
  SECTION_BYTES,
  SEGMENT_COMMAND_BYTES,
  SymbolType,
} from './constants.ts';

export type MachOIsa = 'x86_64' | 'aarch64';

/** Longest entry of LC_DATA_IN_CODE, a multiple of 8 below 65,536. */
const DATA_IN_CODE_LIMIT = 0xfff8;
const MAX_OFFSET = 0xffffffff;
const PROTECTION_ALL = 7;
/** Local symbol at the start of `__eh_frame`; the leading `l` keeps it out of the linked file. */
const EH_FRAME_SYMBOL = 'ltmp_eh_frame';

interface Section {
  readonly segment: string;
  readonly name: string;
  readonly flags: number;
  readonly align: number;
  readonly size: number;
  /** Address in the object; the file offset is this behind the segment's. */
  readonly address: number;
  /** The object's sections in it: more than one for text. */
  readonly parts: readonly ObjectSection[];
}

/** The object as a Mach-O file. Throws RangeError beyond 255 sections or 4 GiB. */
export function writeMachO(object: ObjectFile, isa: MachOIsa): FileImage {
  return new MachOWriter(object, isa).write();
}

class MachOWriter {
  private readonly object: ObjectFile;
  private readonly isa: MachOIsa;
  private readonly sections: Section[] = [];
  /** Of each section of the object: number (from 1) of its Mach-O section, 0 if it has none; and its address. */
  private readonly number: number[] = [];
  private readonly address: number[] = [];
  private readonly strings = new ByteWriter(4096);
  private readonly symbols = new ByteWriter(4096);
  private readonly symbolNumber: Int32Array;
  private localSymbols = 0;
  private externalSymbols = 0;
  private ehFrameSymbol = -1;

  constructor(object: ObjectFile, isa: MachOIsa) {
    this.object = object;
    this.isa = isa;
    this.symbolNumber = new Int32Array(object.symbols.length);
  }

  write(): FileImage {
    this.placeSections();
    this.writeSymbols();
    const dataInCode = this.dataInCode();
    const commands = SEGMENT_COMMAND_BYTES + this.sections.length * SECTION_BYTES + 24 + 24 + 80 + 16;
    const contents = alignUp(HEADER_BYTES + commands, 16);
    const last = this.sections[this.sections.length - 1];
    const contentBytes = last === undefined ? 0 : last.address + last.size;
    const relocations = this.sections.map((_, i) => this.relocations(i + 1));
    const relocationsAt = alignUp(contents + contentBytes, 8);
    let at = relocationsAt;
    const relocationOffsets = relocations.map((bytes) => {
      const offset = at;
      at += bytes.length;
      return offset;
    });
    const dataInCodeAt = at;
    const symbolsAt = alignUp(dataInCodeAt + dataInCode.length, 8);
    const stringsAt = symbolsAt + this.symbols.length;
    this.strings.align(8);
    if (stringsAt + this.strings.length > MAX_OFFSET)
      throw new RangeError(
        `a Mach-O object of ${stringsAt + this.strings.length} bytes: offsets have 32 bits`,
      );

    const head = new ByteWriter(contents);
    this.header(head, commands);
    this.segment(head, contents, contentBytes, relocationOffsets, relocations);
    for (const value of [LoadCommand.BuildVersion, 24, PLATFORM_MACOS, MIN_MACOS, 0, 0]) head.u32(value);
    const symbolCount = this.symbols.length / NLIST_BYTES;
    for (const value of [LoadCommand.Symtab, 24, symbolsAt, symbolCount, stringsAt, this.strings.length])
      head.u32(value);
    this.dysymtab(head, symbolCount);
    for (const value of [LoadCommand.DataInCode, 16, dataInCodeAt, dataInCode.length]) head.u32(value);

    const file = new FileImage();
    file.add(0, head.bytes());
    this.sections.forEach((section, i) => this.content(file, section, i + 1, contents));
    relocations.forEach((bytes, i) => file.add(relocationOffsets[i], bytes));
    file.add(dataInCodeAt, dataInCode);
    file.add(symbolsAt, this.symbols.bytes());
    file.add(stringsAt, this.strings.bytes());
    return file;
  }

  private placeSections(): void {
    let address = 0;
    const texts = this.object.sections.filter((section) => section.role === SectionRole.Text);
    for (const section of this.object.sections) {
      const isText = section.role === SectionRole.Text;
      if (section.role === SectionRole.Note || (isText && section.index > 0)) {
        this.number.push(0);
        this.address.push(0);
        continue;
      }
      const parts = isText ? texts : [section];
      const size = Math.max(...parts.map((part) => part.textOffset + part.size));
      address = alignUp(address, section.align);
      this.sections.push({ ...naming(section), align: section.align, size, address, parts });
      this.number.push(this.sections.length);
      this.address.push(address);
      address += size;
    }
    if (this.sections.length > 255)
      throw new RangeError(`${this.sections.length} sections: Mach-O numbers 255`);
    this.object.sections.forEach((section, i) => {
      const first = this.object.sections.indexOf(texts[0]);
      if (section.role !== SectionRole.Text || i === first) return;
      this.number[i] = this.number[first];
      this.address[i] = this.address[first] + section.textOffset;
    });
  }

  private writeSymbols(): void {
    // Offset 0 of the strings is the empty name by convention.
    this.strings.u8(0);
    const each = (wanted: (symbol: ObjectSymbol) => boolean): void => {
      this.object.symbols.forEach((symbol, i) => {
        if (!wanted(symbol)) return;
        this.symbolNumber[i] = this.symbols.length / NLIST_BYTES;
        this.objectSymbol(symbol);
      });
    };
    const ehFrame = this.object.sections.findIndex((section) => section.role === SectionRole.EhFrame);
    if (ehFrame >= 0 && this.isa === 'aarch64') {
      this.ehFrameSymbol = 0;
      this.symbol(EH_FRAME_SYMBOL, SymbolType.Section, this.number[ehFrame], this.address[ehFrame]);
    }
    each((symbol) => symbol.section >= 0 && symbol.binding === SymbolBinding.Local);
    this.localSymbols = this.symbols.length / NLIST_BYTES;
    each((symbol) => symbol.section >= 0 && symbol.binding !== SymbolBinding.Local);
    this.externalSymbols = this.symbols.length / NLIST_BYTES - this.localSymbols;
    each((symbol) => symbol.section < 0);
  }

  private objectSymbol(symbol: ObjectSymbol): void {
    if (symbol.name.includes('\0')) throw new Error('a symbol name holds a NUL');
    const name = `_${symbol.name}`;
    if (symbol.section < 0) {
      this.symbol(name, SymbolType.Undefined | SymbolType.External, 0, 0);
      return;
    }
    let type = SymbolType.Section;
    if (symbol.binding !== SymbolBinding.Local) type |= SymbolType.External;
    if (symbol.binding === SymbolBinding.Hidden) type |= SymbolType.PrivateExternal;
    this.symbol(name, type, this.number[symbol.section], this.address[symbol.section] + symbol.offset);
  }

  private symbol(name: string, type: SymbolType, section: number, value: number): void {
    const at = this.strings.length;
    this.strings.cstring(name);
    this.symbols.u32(at);
    this.symbols.u8(type);
    this.symbols.u8(section);
    this.symbols.u16(0);
    this.symbols.u64(value);
  }

  private dataInCode(): Uint8Array {
    const out = new ByteWriter(256);
    this.object.sections.forEach((section, i) => {
      const ranges = section.dataRanges;
      for (let r = 0; r < ranges.length; r += 2) {
        for (let at = ranges[r]; at < ranges[r + 1]; at += DATA_IN_CODE_LIMIT) {
          out.u32(this.address[i] + at);
          out.u16(Math.min(DATA_IN_CODE_LIMIT, ranges[r + 1] - at));
          out.u16(DICE_KIND_DATA);
        }
      }
    });
    if (out.length % DATA_IN_CODE_BYTES !== 0) throw new Error('data-in-code entries have 8 bytes');
    return out.bytes();
  }

  /** Relocations of Mach-O section `number`, by falling address. */
  private relocations(number: number): Uint8Array {
    const own = this.object.relocations.filter((relocation) => this.number[relocation.section] === number);
    own.sort((a, b) => b.offset - a.offset);
    const out = new ByteWriter(own.length * RELOCATION_BYTES * 2 + 8);
    const put = (offset: number, symbol: number, type: number): void => {
      out.u32(offset);
      out.u32(((type << 28) | (1 << 27) | (3 << 25) | symbol) >>> 0);
    };
    for (const relocation of own) {
      if (this.object.sections[relocation.section].role === SectionRole.Text)
        throw new Error('a relocation lies in the text');
      const symbol = this.symbolNumber[relocation.symbol];
      if (relocation.kind === RelocationKind.Abs64) {
        put(relocation.offset, symbol, this.isa === 'x86_64' ? RelocX86_64.Unsigned : RelocArm64.Unsigned);
      } else if (this.isResolvedHere(relocation)) {
        continue;
      } else {
        put(relocation.offset, this.ehFrameSymbol, RelocArm64.Subtractor);
        put(relocation.offset, symbol, RelocArm64.Unsigned);
      }
    }
    return out.bytes();
  }

  /** Whether a relocation is a number that the object itself settles, see the head of this file. */
  private isResolvedHere(relocation: ObjectRelocation): boolean {
    if (relocation.kind === RelocationKind.SectionOffset32) return true;
    const inEhFrame = this.object.sections[relocation.section].role === SectionRole.EhFrame;
    if (relocation.kind !== RelocationKind.Pc64 || !inEhFrame)
      throw new RangeError(`Mach-O has no relocation of kind ${String(relocation.kind)} there`);
    return this.isa === 'x86_64';
  }

  private content(file: FileImage, section: Section, number: number, contents: number): void {
    const own = this.object.relocations.filter((relocation) => this.number[relocation.section] === number);
    if (own.length === 0) {
      for (const part of section.parts)
        file.addChunks(contents + section.address + part.textOffset, part.size, part.chunks, part.fill);
      return;
    }
    const bytes = sectionBytes(section.parts[0]);
    const view = new DataView(bytes.buffer);
    const put64 = (at: number, value: number): void => {
      view.setUint32(at, value % 0x100000000, true);
      view.setUint32(at + 4, Math.floor(value / 0x100000000), true);
    };
    for (const relocation of own) {
      const { offset, addend, kind } = relocation;
      const symbol = this.object.symbols[relocation.symbol];
      const target = symbol.section < 0 ? 0 : this.address[symbol.section] + symbol.offset;
      if (kind === RelocationKind.Abs64) put64(offset, addend);
      else if (!this.isResolvedHere(relocation)) put64(offset, addend - offset);
      else if (kind === RelocationKind.Pc64) put64(offset, target + addend - (section.address + offset));
      else view.setUint32(offset, symbol.offset + addend, true);
    }
    file.add(contents + section.address, bytes);
  }

  private header(out: ByteWriter, commandBytes: number): void {
    const isX64 = this.isa === 'x86_64';
    out.u32(MAGIC_64);
    out.u32(isX64 ? CpuType.X86_64 : CpuType.Arm64);
    out.u32(isX64 ? CpuSubtype.X86_64All : CpuSubtype.Arm64All);
    out.u32(FILE_TYPE_OBJECT);
    out.u32(5);
    out.u32(commandBytes);
    out.u32(0);
    out.u32(0);
  }

  private segment(
    out: ByteWriter,
    fileOffset: number,
    bytes: number,
    relocationOffsets: readonly number[],
    relocations: readonly Uint8Array[],
  ): void {
    out.u32(LoadCommand.Segment64);
    out.u32(SEGMENT_COMMAND_BYTES + this.sections.length * SECTION_BYTES);
    out.fixedString('', 16);
    out.u64(0);
    out.u64(bytes);
    out.u64(fileOffset);
    out.u64(bytes);
    out.u32(PROTECTION_ALL);
    out.u32(PROTECTION_ALL);
    out.u32(this.sections.length);
    out.u32(0);
    this.sections.forEach((section, i) => {
      const count = relocations[i].length / RELOCATION_BYTES;
      out.fixedString(section.name, 16);
      out.fixedString(section.segment, 16);
      out.u64(section.address);
      out.u64(section.size);
      out.u32(fileOffset + section.address);
      out.u32(Math.log2(section.align));
      out.u32(count === 0 ? 0 : relocationOffsets[i]);
      out.u32(count);
      out.u32(section.flags);
      out.grow(12);
    });
  }

  private dysymtab(out: ByteWriter, symbolCount: number): void {
    const undefinedAt = this.localSymbols + this.externalSymbols;
    out.u32(LoadCommand.Dysymtab);
    out.u32(80);
    out.u32(0);
    out.u32(this.localSymbols);
    out.u32(this.localSymbols);
    out.u32(this.externalSymbols);
    out.u32(undefinedAt);
    out.u32(symbolCount - undefinedAt);
    out.grow(48); // no table of contents, modules, indirect symbols
  }
}

function naming(section: ObjectSection): Pick<Section, 'segment' | 'name' | 'flags'> {
  switch (section.role) {
    case SectionRole.Text: {
      const flags = SectionFlag.PureInstructions + SectionFlag.SomeInstructions;
      return { segment: '__TEXT', name: 'w2n_text', flags };
    }
    case SectionRole.Image:
      return { segment: '__DATA', name: 'w2n_image', flags: SectionFlag.Regular };
    case SectionRole.Record:
      return { segment: '__DATA', name: '__const', flags: SectionFlag.Regular };
    case SectionRole.EhFrame: {
      const attributes = SectionFlag.NoToc + SectionFlag.StripStaticSymbols + SectionFlag.LiveSupport;
      return { segment: '__TEXT', name: '__eh_frame', flags: SectionFlag.Coalesced + attributes };
    }
    default: {
      const name = `__${section.name.replace(/^\./, '')}`.slice(0, 16);
      return { segment: '__DWARF', name, flags: SectionFlag.Debug };
    }
  }
}
