// A relocatable object without any knowledge of ELF or Mach-O: what the compiler hands to the object writers. Content
// is a list of chunks by reference, never copied; offsets are numbers (exact to 2^53).

/** What a section is for; the writer derives its name and flags. */
export const enum SectionRole {
  /** Header, code, constants, tables: `w2n_text`. Read and execute, no relocations. Further runs: `w2n_text1`, ... */
  Text,
  /** Initial memory: `w2n_image`. Read and write. */
  Image,
  /** The relocated module record: `.data.rel.ro`, `__DATA,__const`. */
  Record,
  /** `.eh_frame`, `__TEXT,__eh_frame`. */
  EhFrame,
  /**
   * ELF: call frame information of code too far from it for `.eh_frame`, in the same shape, with a zero word at its end:
   * `w2n_eh_frame`. The stub hands it to the unwinder.
   */
  FarEhFrame,
  /** An ELF note that is loaded, `.note.gnu.property`; its name is `ObjectSection.name`. Nothing on Mach-O. */
  Note,
  /** A debug section; its name is `ObjectSection.name`. */
  Debug,
}

export const enum SymbolBinding {
  Local,
  Global,
  /** Visible to the other objects of the link, not outside the image. */
  Hidden,
  /** Defined elsewhere: section -1. */
  Undefined,
}

export const enum SymbolKind {
  None,
  Function,
  Object,
}

/** All with an explicit addend. S symbol, A addend, P place. */
export const enum RelocationKind {
  /** 64 bits: S + A. */
  Abs64,
  /** 32 bits: S + A - P. */
  Pc32,
  /** 64 bits: S + A - P. */
  Pc64,
  /** 32 bits: S + A - start of its section, for debug sections that refer to each other. */
  SectionOffset32,
}

/** Bytes at an offset in their section. */
export interface ObjectChunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface ObjectSection {
  readonly role: SectionRole;
  /** Which of several: 0 for the only or first one; run k of the text has k. */
  readonly index: number;
  /** Name, for roles that leave it open; else ''. */
  readonly name: string;
  /** A power of two. */
  readonly align: number;
  readonly size: number;
  /** Rising, without overlap; the holes between them hold `fill`. */
  readonly chunks: Iterable<ObjectChunk>;
  readonly fill: number;
  /** Text: offset of the section from the start of the text (of section Text 0), where the link must place it. */
  readonly textOffset: number;
  /** Text: pairs [start, end) of data among the code, from the section's start, rising. */
  readonly dataRanges: Float64Array;
}

export interface ObjectSymbol {
  readonly name: string;
  /** Index into `ObjectFile.sections`, or -1 if undefined. */
  readonly section: number;
  /** From the section's start. */
  readonly offset: number;
  readonly size: number;
  readonly kind: SymbolKind;
  readonly binding: SymbolBinding;
}

export interface ObjectRelocation {
  /** Section that holds the place, and the place's offset in it. */
  readonly section: number;
  readonly offset: number;
  /** Index into `ObjectFile.symbols`. */
  readonly symbol: number;
  readonly kind: RelocationKind;
  readonly addend: number;
}

export interface ObjectFile {
  readonly sections: readonly ObjectSection[];
  readonly symbols: readonly ObjectSymbol[];
  readonly relocations: readonly ObjectRelocation[];
}

/** A section of one chunk. */
export function plainSection(role: SectionRole, bytes: Uint8Array, align: number, name = ''): ObjectSection {
  return {
    role,
    index: 0,
    name,
    align,
    size: bytes.length,
    chunks: bytes.length > 0 ? [{ offset: 0, bytes }] : [],
    fill: 0,
    textOffset: 0,
    dataRanges: new Float64Array(0),
  };
}

/** Calls `write` for every byte range of a section in order, the holes as freshly filled arrays of at most 1 MiB. */
export function writeSection(section: ObjectSection, write: (bytes: Uint8Array) => void): void {
  let at = 0;
  const hole = (to: number): void => {
    while (at < to) {
      const length = Math.min(to - at, 1 << 20);
      write(new Uint8Array(length).fill(section.fill));
      at += length;
    }
  };
  for (const chunk of section.chunks) {
    if (chunk.offset < at) throw new Error(`chunks overlap at ${chunk.offset}`);
    hole(chunk.offset);
    write(chunk.bytes);
    at = chunk.offset + chunk.bytes.length;
  }
  if (at > section.size) throw new Error(`chunks end at ${at}, behind the section's ${section.size} bytes`);
  hole(section.size);
}

/** The whole content of a section in one array. For tests and small sections. */
export function sectionBytes(section: ObjectSection): Uint8Array {
  const bytes = new Uint8Array(section.size);
  let at = 0;
  writeSection(section, (part) => {
    bytes.set(part, at);
    at += part.length;
  });
  return bytes;
}

/**
 * The sections of a text: one for each run. `image` is what `TextLayout.finish` returns; `align` is the alignment of the
 * first section, at least the largest of a function's.
 */
export function textSections(
  image: {
    readonly runs: readonly {
      readonly offset: number;
      readonly size: number;
      readonly chunks: Iterable<ObjectChunk>;
    }[];
    readonly dataRanges: Float64Array;
  },
  align: number,
  fill: number,
): ObjectSection[] {
  let range = 0;
  return image.runs.map((run, index) => {
    const end = run.offset + run.size;
    const first = range;
    while (range < image.dataRanges.length && image.dataRanges[range] < end) range += 2;
    return {
      role: SectionRole.Text,
      index,
      name: '',
      align,
      size: run.size,
      chunks: { [Symbol.iterator]: () => movedChunks(run.chunks, -run.offset) },
      fill,
      textOffset: run.offset,
      dataRanges: image.dataRanges.slice(first, range).map((offset) => offset - run.offset),
    };
  });
}

function* movedChunks(chunks: Iterable<ObjectChunk>, by: number): Generator<ObjectChunk> {
  for (const { offset, bytes } of chunks) yield { offset: offset + by, bytes };
}
