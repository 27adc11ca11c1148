// Writes an ObjectFile as an ELF64 relocatable file (System V gABI 4.1, chapters 4 and 5). What is peculiar here:
// - Text is never `.text` but `w2n_text` (run k: `w2n_textK`), so that linkers insert nothing between libc and its
//   callees, and a run can be placed by `--section-start`. Names that are C identifiers also give `__start_` symbols.
// - Runs behind the first are named by no relocation. An R_*_NONE in the module record keeps them from --gc-sections.
// - aarch64 text carries mapping symbols $x and $d (ELF for the Arm 64-bit Architecture, section 4.5.4): linkers look
//   for erratum sequences in what they take for code, disassemblers decode it.
// - Call frame information of far code is `w2n_eh_frame`; the stub finds it by `__start_w2n_eh_frame`. Kept likewise.
// - Addends stand in relocations (RELA) only; the places are zero.
// Sections: null, the object's own in their order, `.note.GNU-stack`, `.rela*`, `.symtab`, `.strtab`, `.shstrtab`.
// Symbols: null, one STT_SECTION for each section, mapping symbols, local ones, then global ones. The section header
// table stands at the end of the file.
import type { ObjectFile, ObjectRelocation, ObjectSection, ObjectSymbol } from '../emit/object_file.ts';
import { RelocationKind, SectionRole, SymbolBinding, SymbolKind } from '../emit/object_file.ts';
import { alignUp, ByteWriter } from '../support/byte_writer.ts';
import { FileImage } from '../support/file_image.ts';
import {
  Binding,
  ELF_HEADER_BYTES,
  Machine,
  RELA_BYTES,
  RelocAarch64,
  RelocX86_64,
  RESERVED_SECTIONS,
  SectionFlag,
  SECTION_HEADER_BYTES,
  SectionType,
  SYMBOL_BYTES,
  SymbolType,
  TYPE_RELOCATABLE,
  VISIBILITY_DEFAULT,
  VISIBILITY_HIDDEN,
} from './constants.ts';

export type ElfIsa = 'x86_64' | 'aarch64';

interface Header {
  readonly name: string;
  readonly type: SectionType;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entrySize: number;
}

/** Name of a text run's section: `w2n_text`, `w2n_text1`, ... */
export function textSectionName(run: number): string {
  return run === 0 ? 'w2n_text' : `w2n_text${run}`;
}

/** The object as an ELF file. Its chunks are referred to, not copied. Throws RangeError beyond 65,279 sections. */
export function writeElf(object: ObjectFile, isa: ElfIsa): FileImage {
  return new ElfWriter(object, isa).write();
}

class ElfWriter {
  private readonly object: ObjectFile;
  private readonly isa: ElfIsa;
  private readonly file = new FileImage();
  private readonly headers: Header[] = [];
  private readonly symbols = new ByteWriter(4096);
  private readonly strings = new ByteWriter(4096);
  /** Number in the file's symbol table of each symbol of the object. */
  private readonly symbolNumber: Int32Array;
  private localSymbols = 0;

  constructor(object: ObjectFile, isa: ElfIsa) {
    this.object = object;
    this.isa = isa;
    this.symbolNumber = new Int32Array(object.symbols.length);
  }

  write(): FileImage {
    const relocated = this.relocationsBySection();
    const count = 1 + this.object.sections.length + 1 + relocated.size + 3;
    if (count >= RESERVED_SECTIONS)
      throw new RangeError(
        `an object of ${count} sections: more than the ${RESERVED_SECTIONS - 1} that ELF numbers`,
      );
    this.file.add(0, new Uint8Array(ELF_HEADER_BYTES));
    this.object.sections.forEach((section) => this.content(section));
    this.plain('.note.GNU-stack', SectionType.Progbits, new Uint8Array(0), 1);
    this.writeSymbols();
    const symtab = 1 + this.object.sections.length + 1 + relocated.size;
    for (const [section, relocations] of relocated) this.relocations(section, relocations, symtab);
    const symbolHeader = this.table(this.symbols.bytes(), 8);
    this.headers.push({
      ...symbolHeader,
      name: '.symtab',
      type: SectionType.Symtab,
      link: symtab + 1,
      info: this.localSymbols,
      entrySize: SYMBOL_BYTES,
    });
    this.plain('.strtab', SectionType.Strtab, this.strings.bytes(), 1);
    this.finish();
    return this.file;
  }

  private relocationsBySection(): Map<number, ObjectRelocation[]> {
    const bySection = new Map<number, ObjectRelocation[]>();
    for (const relocation of this.object.relocations) {
      const section = this.object.sections[relocation.section];
      if (section.role === SectionRole.Text) throw new Error('a relocation lies in the text');
      const list = bySection.get(relocation.section);
      if (list === undefined) bySection.set(relocation.section, [relocation]);
      else list.push(relocation);
    }
    // Some sections are kept alive by the record, which then needs relocations even if it had none.
    const record = this.recordSection();
    if (record >= 0 && this.keptSections().length > 0 && !bySection.has(record)) bySection.set(record, []);
    return bySection;
  }

  private recordSection(): number {
    return this.object.sections.findIndex((section) => section.role === SectionRole.Record);
  }

  /** Section numbers in the file of what nothing refers to: the text's runs behind the first, their unwind data. */
  private keptSections(): number[] {
    return this.object.sections.flatMap(({ role, index }, i) =>
      (role === SectionRole.Text && index > 0) || role === SectionRole.FarEhFrame ? [i + 1] : [],
    );
  }

  private content(section: ObjectSection): void {
    const offset = alignUp(this.file.length, section.align);
    this.file.addChunks(offset, section.size, section.chunks, section.fill);
    const unwind = section.role === SectionRole.EhFrame && this.isa === 'x86_64';
    this.headers.push({
      name: sectionName(section),
      type: unwind ? SectionType.X86_64Unwind : sectionType(section),
      flags: sectionFlags(section),
      offset,
      size: section.size,
      link: 0,
      info: 0,
      align: section.align,
      entrySize: 0,
    });
  }

  private table(bytes: Uint8Array, align: number): Pick<Header, 'flags' | 'offset' | 'size' | 'align'> {
    const offset = alignUp(this.file.length, align);
    this.file.add(offset, bytes);
    return { flags: 0, offset, size: bytes.length, align };
  }

  private plain(name: string, type: SectionType, bytes: Uint8Array, align: number): void {
    this.headers.push({ ...this.table(bytes, align), name, type, link: 0, info: 0, entrySize: 0 });
  }

  private writeSymbols(): void {
    this.strings.u8(0);
    this.symbols.grow(SYMBOL_BYTES);
    for (let i = 0; i < this.object.sections.length; i++)
      this.symbol(0, Binding.Local, SymbolType.Section, VISIBILITY_DEFAULT, i + 1, 0, 0);
    if (this.isa === 'aarch64') this.mappingSymbols();
    const each = (isLocal: boolean): void => {
      this.object.symbols.forEach((symbol, i) => {
        if ((symbol.binding === SymbolBinding.Local) !== isLocal) return;
        this.symbolNumber[i] = this.symbols.length / SYMBOL_BYTES;
        this.objectSymbol(symbol);
      });
    };
    each(true);
    this.localSymbols = this.symbols.length / SYMBOL_BYTES;
    each(false);
  }

  private mappingSymbols(): void {
    const code = this.string('$x');
    const data = this.string('$d');
    this.object.sections.forEach((section, i) => {
      if (section.role !== SectionRole.Text) return;
      const mark = (name: number, offset: number): void =>
        this.symbol(name, Binding.Local, SymbolType.None, VISIBILITY_DEFAULT, i + 1, offset, 0);
      const ranges = section.dataRanges;
      let at = 0;
      for (let r = 0; r < ranges.length; r += 2) {
        if (ranges[r] > at) mark(code, at);
        if (ranges[r] > at || r === 0) mark(data, ranges[r]);
        at = ranges[r + 1];
      }
      if (at < section.size) mark(code, at);
    });
  }

  private objectSymbol(symbol: ObjectSymbol): void {
    if (symbol.name.includes('\0')) throw new Error('a symbol name holds a NUL');
    const binding = symbol.binding === SymbolBinding.Local ? Binding.Local : Binding.Global;
    const visibility = symbol.binding === SymbolBinding.Hidden ? VISIBILITY_HIDDEN : VISIBILITY_DEFAULT;
    const isUndefined = symbol.section < 0;
    // Undefined symbols are STT_NOTYPE: the definition says what they are.
    const type = isUndefined ? SymbolType.None : symbolType(symbol.kind);
    const name = this.string(symbol.name);
    this.symbol(name, binding, type, visibility, symbol.section + 1, symbol.offset, symbol.size);
  }

  private string(text: string): number {
    const at = this.strings.length;
    this.strings.cstring(text);
    return at;
  }

  private symbol(
    name: number,
    binding: Binding,
    type: SymbolType,
    visibility: number,
    section: number,
    value: number,
    size: number,
  ): void {
    const out = this.symbols;
    out.u32(name);
    out.u8((binding << 4) | type);
    out.u8(visibility);
    out.u16(section);
    out.u64(value);
    out.u64(size);
  }

  private relocations(section: number, relocations: readonly ObjectRelocation[], symtab: number): void {
    const out = new ByteWriter(relocations.length * RELA_BYTES + 64);
    const put = (offset: number, symbol: number, type: number, addend: number): void => {
      out.u64(offset);
      out.u32(type);
      out.u32(symbol);
      out.u64(addend);
    };
    if (section === this.recordSection())
      for (const kept of this.keptSections()) put(0, kept, RelocX86_64.None, 0);
    for (const { offset, symbol, kind, addend } of relocations) {
      const target = this.object.symbols[symbol];
      const type = this.relocationType(kind);
      // A distance to a global symbol could not be linked into a shared library, where another file may define it:
      // it counts from the section. Section symbols have the number of their section.
      const isOwn = target.section >= 0 && kind !== RelocationKind.Abs64;
      if (isOwn) put(offset, target.section + 1, type, target.offset + addend);
      else put(offset, this.symbolNumber[symbol], type, addend);
    }
    const table = this.table(out.bytes(), 8);
    this.headers.push({
      ...table,
      name: `.rela${sectionName(this.object.sections[section])}`,
      type: SectionType.Rela,
      flags: SectionFlag.InfoLink,
      link: symtab,
      info: section + 1,
      entrySize: RELA_BYTES,
    });
  }

  private relocationType(kind: RelocationKind): number {
    const isX64 = this.isa === 'x86_64';
    switch (kind) {
      case RelocationKind.Abs64:
        return isX64 ? RelocX86_64.Abs64 : RelocAarch64.Abs64;
      case RelocationKind.Pc32:
        return isX64 ? RelocX86_64.Pc32 : RelocAarch64.Pc32;
      case RelocationKind.Pc64:
        return isX64 ? RelocX86_64.Pc64 : RelocAarch64.Pc64;
      case RelocationKind.SectionOffset32:
        // Debug sections have address 0 in the linked file: an absolute address there is the offset in the section.
        return isX64 ? RelocX86_64.Abs32 : RelocAarch64.Abs32;
      default:
        throw new RangeError(`unknown relocation kind ${String(kind)}`);
    }
  }

  private finish(): void {
    const names = new ByteWriter(256);
    names.u8(0);
    const nameOffsets = this.headers.map((header) => {
      const at = names.length;
      names.cstring(header.name);
      return at;
    });
    const shstrtabName = names.length;
    names.cstring('.shstrtab');
    const shstrtab = this.table(names.bytes(), 1);
    const all = [
      ...this.headers,
      { ...shstrtab, name: '.shstrtab', type: SectionType.Strtab, link: 0, info: 0, entrySize: 0 },
    ];
    nameOffsets.push(shstrtabName);
    const out = new ByteWriter((all.length + 1) * SECTION_HEADER_BYTES);
    out.grow(SECTION_HEADER_BYTES);
    all.forEach((header, i) => {
      out.u32(nameOffsets[i]);
      out.u32(header.type);
      out.u64(header.flags);
      out.u64(0);
      out.u64(header.offset);
      out.u64(header.size);
      out.u32(header.link);
      out.u32(header.info);
      out.u64(header.align);
      out.u64(header.entrySize);
    });
    const at = alignUp(this.file.length, 8);
    this.file.add(at, out.bytes());
    this.file.replaceFirst(fileHeader(this.isa, at, all.length + 1));
  }
}

function fileHeader(isa: ElfIsa, sectionTable: number, sectionCount: number): Uint8Array {
  const out = new ByteWriter(ELF_HEADER_BYTES);
  out.u32(0x464c457f);
  out.u8(2); // ELFCLASS64
  out.u8(1); // ELFDATA2LSB
  out.u8(1); // EV_CURRENT
  out.grow(9); // ELFOSABI_NONE, padding
  out.u16(TYPE_RELOCATABLE);
  out.u16(isa === 'x86_64' ? Machine.X86_64 : Machine.Aarch64);
  out.u32(1);
  out.u64(0);
  out.u64(0);
  out.u64(sectionTable);
  out.u32(0);
  out.u16(ELF_HEADER_BYTES);
  out.u16(0);
  out.u16(0);
  out.u16(SECTION_HEADER_BYTES);
  out.u16(sectionCount);
  out.u16(sectionCount - 1); // .shstrtab is the last section
  return out.bytes();
}

function sectionName(section: ObjectSection): string {
  switch (section.role) {
    case SectionRole.Text:
      return textSectionName(section.index);
    case SectionRole.Image:
      return 'w2n_image';
    case SectionRole.Record:
      return '.data.rel.ro';
    case SectionRole.EhFrame:
      return '.eh_frame';
    case SectionRole.FarEhFrame:
      return 'w2n_eh_frame';
    default:
      return section.name;
  }
}

function sectionType(section: ObjectSection): SectionType {
  return section.role === SectionRole.Note ? SectionType.Note : SectionType.Progbits;
}

function sectionFlags(section: ObjectSection): number {
  switch (section.role) {
    case SectionRole.Text:
      return SectionFlag.Alloc | SectionFlag.Execute;
    case SectionRole.Image:
    case SectionRole.Record:
      return SectionFlag.Alloc | SectionFlag.Write;
    case SectionRole.EhFrame:
    case SectionRole.FarEhFrame:
    case SectionRole.Note:
      return SectionFlag.Alloc;
    default:
      return 0;
  }
}

function symbolType(kind: SymbolKind): SymbolType {
  if (kind === SymbolKind.Function) return SymbolType.Function;
  return kind === SymbolKind.Object ? SymbolType.Object : SymbolType.None;
}
