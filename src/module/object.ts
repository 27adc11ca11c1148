// Puts a compiled module together as a relocatable object: text, initial memory, the module record with the only
// relocations outside of unwind data, and symbols.
import { ModuleRecord } from '../abi/layout.ts';
import { exportSymbol, importSymbol, mangle } from '../abi/mangle.ts';
import {
  plainSection,
  RelocationKind,
  SectionRole,
  SymbolBinding,
  SymbolKind,
  textSections,
  type ObjectFile,
  type ObjectRelocation,
  type ObjectSection,
  type ObjectSymbol,
} from '../emit/object_file.ts';
import {
  EH_FRAME_REACH,
  encodeDebugFrame,
  encodeEhFrame,
  type EhFrame,
  type UnwindFunction,
} from '../dwarf/eh_frame.ts';
import type { TextImage } from '../emit/text_layout.ts';
import { ExternKind, type Module } from '../frontend/module.ts';
import type { Names } from '../frontend/names.ts';
import type { CompiledFunction, Isa } from '../isa/contract.ts';
import type { CompileOptions } from '../options.ts';
import { ByteWriter } from '../support/byte_writer.ts';
import type { MemoryImage } from './image.ts';
import type { TextSymbols } from './symbols.ts';

/** Alignment of the text section: a cache line. */
const TEXT_ALIGN = 64;

/** Linux Extensions to gABI, "Program Property"; System V ABI for x86-64 and for the Arm 64-bit Architecture. */
const NT_GNU_PROPERTY_TYPE_0 = 5;
const GNU_PROPERTY_X86_FEATURE_1_AND = 0xc0000002;
const GNU_PROPERTY_AARCH64_FEATURE_1_AND = 0xc0000000;

/** Characters of a symbol that come from one name of the module. */
const MOST_NAME = 1000;

/**
 * A name of the module as part of a symbol: control characters, which would end the symbol or disturb a terminal, are
 * escaped; a long name is cut. Local symbols need not differ.
 */
export function symbolName(name: string): string {
  const short = name.length > MOST_NAME ? `${name.slice(0, MOST_NAME)}...` : name;
  return short
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])/g, '\ufffd');
}

/** A function or thunk. */
export interface CodeUnit extends CompiledFunction {
  /** Function index in the module, or NO_FUNCTION. */
  readonly functionIndex: number;
  readonly symbol: number;
}

/** The same with the place it got. */
export interface PlacedCode extends CodeUnit {
  /** From the header. */
  readonly offset: number;
  /** Where its code records begin in their stream. */
  readonly records: number;
}

export interface ObjectParts {
  readonly module: Module;
  readonly names: Names;
  readonly symbols: TextSymbols;
  readonly options: CompileOptions;
  readonly isa: Isa;
  readonly text: TextImage;
  readonly placed: readonly PlacedCode[];
  readonly image: MemoryImage;
}

export function buildObject(parts: ObjectParts): ObjectFile {
  const sections: ObjectSection[] = textSections(parts.text, TEXT_ALIGN, parts.isa.fixupIsa.fillByte);
  const builder = new ObjectBuilder(sections);
  builder.textSymbols(parts);
  builder.record(parts);
  builder.unwindData(parts);
  builder.protectionNote(parts.options);
  return { sections, symbols: builder.symbols, relocations: builder.relocations };
}

class ObjectBuilder {
  readonly symbols: ObjectSymbol[] = [];
  readonly relocations: ObjectRelocation[] = [];
  private readonly sections: ObjectSection[];
  private headerSymbol = 0;
  /** Functions within reach of `.eh_frame`, and others. */
  private readonly unwind: UnwindFunction[] = [];
  private readonly farUnwind: UnwindFunction[] = [];

  constructor(sections: ObjectSection[]) {
    this.sections = sections;
  }

  private symbol(
    name: string,
    section: number,
    offset: number,
    size: number,
    kind: SymbolKind,
    binding: SymbolBinding,
  ): number {
    return this.symbols.push({ name, section, offset, size, kind, binding }) - 1;
  }

  /** Local symbols of all code, global ones of export thunks. Text sections are the first sections, by rising offset. */
  textSymbols({ module, names, symbols, options, placed, text }: ObjectParts): void {
    const mod = mangle(options.name);
    const sectionOf = (offset: number): number => {
      let low = 0;
      let high = text.runs.length;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (text.runs[middle].offset <= offset) low = middle;
        else high = middle;
      }
      return low;
    };
    this.headerSymbol = this.symbol(`w2n_header_${mod}`, 0, 0, 0, SymbolKind.Object, SymbolBinding.Local);
    const labels = thunkNames(module, symbols, mod);
    for (const code of placed) {
      const section = sectionOf(code.offset);
      const label = labels.get(code.symbol);
      const given = names.functions.get(code.functionIndex) ?? '';
      const name = label?.name ?? (given === '' ? `wasm_function_${code.functionIndex}` : symbolName(given));
      const at = code.offset - text.runs[section].offset;
      const binding = label?.global === true ? SymbolBinding.Global : SymbolBinding.Local;
      const bytes = code.code.bytes.length;
      const symbol = this.symbol(name, section, at, bytes, SymbolKind.Function, binding);
      const isNear = code.offset + bytes <= EH_FRAME_REACH;
      (isNear ? this.unwind : this.farUnwind).push({ symbol, bytes, unwind: code.frame.unwind });
    }
  }

  /** Call frame information of all code; on macOS, of that within reach. */
  unwindData({ options }: ObjectParts): void {
    const { isa, os } = options.target;
    const add = (role: SectionRole, { bytes, relocations }: EhFrame, name = ''): void => {
      this.sections.push(plainSection(role, bytes, 8, name));
      for (const relocation of relocations) this.relocations.push(relocation);
    };
    add(SectionRole.EhFrame, encodeEhFrame(isa, this.unwind, this.sections.length, os === 'macos' ? 8 : 4));
    if (this.farUnwind.length === 0 || os === 'macos') return;
    const far = encodeEhFrame(isa, this.farUnwind, this.sections.length, 8);
    const ended = new Uint8Array(far.bytes.length + 8);
    ended.set(far.bytes);
    add(SectionRole.FarEhFrame, { ...far, bytes: ended });
    // The stub's file that hands it to the unwinder comes from the archive for this symbol.
    this.symbol('w2n_far_frames', -1, 0, 0, SymbolKind.Object, SymbolBinding.Undefined);
    // Debuggers do not know that section.
    const section = this.sections.length;
    const own = this.symbol('', section, 0, 0, SymbolKind.None, SymbolBinding.Local);
    add(SectionRole.Debug, encodeDebugFrame(isa, this.farUnwind, section, own), '.debug_frame');
  }

  /**
   * The note that all indirect branches of this object land on landing pads, that its return addresses are signed. The
   * linker keeps of it what every object of the link says. Nothing is said of x86_64's shadow stacks.
   */
  protectionNote({ landingPads, signReturns, target }: CompileOptions): void {
    const { isa, os } = target;
    const features = (landingPads ? 1 : 0) | (signReturns && isa === 'aarch64' ? 2 : 0);
    if (features === 0 || os === 'macos') return;
    const out = new ByteWriter(32);
    out.u32(4);
    out.u32(16);
    out.u32(NT_GNU_PROPERTY_TYPE_0);
    out.cstring('GNU');
    out.u32(isa === 'x86_64' ? GNU_PROPERTY_X86_FEATURE_1_AND : GNU_PROPERTY_AARCH64_FEATURE_1_AND);
    out.u32(4);
    out.u32(features); // 1: IBT, BTI; 2: PAC
    out.u32(0);
    this.sections.push(plainSection(SectionRole.Note, out.bytes(), 8, '.note.gnu.property'));
  }

  /** The module record, the array of imported C functions, the name, and the image. */
  record({ module, options, image }: ObjectParts): void {
    const mod = mangle(options.name);
    let imageSymbol = -1;
    if (image.bytes.length > 0) {
      this.sections.push(plainSection(SectionRole.Image, image.bytes, image.align));
      imageSymbol = this.symbol(
        `w2n_image_${mod}`,
        this.sections.length - 1,
        0,
        image.bytes.length,
        SymbolKind.Object,
        SymbolBinding.Local,
      );
    }
    const functions =
      options.imports === 'link' ? module.imports.filter((i) => i.kind === ExternKind.Func) : [];
    const name = new TextEncoder().encode(`${options.name}\0`);
    const cimportsAt = ModuleRecord.Size;
    const nameAt = cimportsAt + functions.length * 8;
    const out = new ByteWriter(nameAt + name.length);
    out.grow(ModuleRecord.ImageBytes);
    out.u64(image.bytes.length);
    out.grow(ModuleRecord.ImageOffset - out.length);
    out.u64(image.offset);
    out.grow(nameAt - out.length);
    out.put(name);
    out.align(8);
    const section = this.sections.push(plainSection(SectionRole.Record, out.bytes(), 8)) - 1;
    const self = this.symbol(
      `w2n_module_${mod}`,
      section,
      0,
      ModuleRecord.Size,
      SymbolKind.Object,
      SymbolBinding.Global,
    );
    if (options.mainModule)
      this.symbol('w2n_main_module', section, 0, ModuleRecord.Size, SymbolKind.Object, SymbolBinding.Global);
    const pointer = (offset: number, symbol: number, addend: number): void => {
      this.relocations.push({ section, offset, symbol, kind: RelocationKind.Abs64, addend });
    };
    pointer(ModuleRecord.Header, this.headerSymbol, 0);
    if (imageSymbol >= 0) pointer(ModuleRecord.Image, imageSymbol, 0);
    if (functions.length > 0) pointer(ModuleRecord.Cimports, self, cimportsAt);
    pointer(ModuleRecord.Name, self, nameAt);
    const bySymbol = new Map<string, number>();
    functions.forEach((entry, i) => {
      const cName = importSymbol(entry.module, entry.name);
      let symbol = bySymbol.get(cName);
      if (symbol === undefined) {
        symbol = this.symbol(cName, -1, 0, 0, SymbolKind.Function, SymbolBinding.Undefined);
        bySymbol.set(cName, symbol);
      }
      pointer(cimportsAt + i * 8, symbol, 0);
    });
  }
}

/** Names of the code that is no function of the module, by text symbol. */
function thunkNames(
  module: Module,
  symbols: TextSymbols,
  mod: string,
): Map<number, { readonly name: string; readonly global: boolean }> {
  const labels = new Map<number, { name: string; global: boolean }>();
  const local = (symbol: number, name: string): void => {
    labels.set(symbol, { name, global: false });
  };
  local(symbols.enter, 'w2n.enter');
  local(symbols.unwind, 'w2n.unwind');
  symbols.helper.forEach((symbol, helper) => local(symbol, `w2n.helper.${helper}`));
  module.types.canonical.data.subarray(0, module.types.count).forEach((first, type) => {
    if (first !== type) return;
    local(symbols.callThunk[type], `w2n.call.${type}`);
    local(symbols.hostThunk[type], `w2n.host.${type}`);
  });
  let k = 0;
  for (const entry of module.imports)
    if (entry.kind === ExternKind.Func)
      local(k++, `w2n.import.${symbolName(entry.module)}.${symbolName(entry.name)}`);
  for (const e of symbols.exports) labels.set(e.symbol, { name: exportSymbol(mod, e.name), global: true });
  return labels;
}
