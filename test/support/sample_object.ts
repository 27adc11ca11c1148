// A small object with everything that an object writer has to write, for its tests: two text runs with data among the
// code, an image, a record with relocations to text, image and an undefined function, unwind data, local, hidden and
// global symbols. The code is real: function `w2n_sample__answer` returns 42, as a C function.
import { encodeEhFrame } from '../../src/dwarf/eh_frame.ts';
import type { ObjectFile, ObjectSection } from '../../src/emit/object_file.ts';
import {
  plainSection,
  RelocationKind,
  SectionRole,
  SymbolBinding,
  SymbolKind,
} from '../../src/emit/object_file.ts';
import { Unwind } from '../../src/isa/frame.ts';

export type SampleIsa = 'x86_64' | 'aarch64';

/** Returns 42; then 4 bytes of data. */
const CODE: Readonly<Record<SampleIsa, readonly number[]>> = {
  x86_64: [0xb8, 42, 0, 0, 0, 0xc3, 0xcc, 0xcc],
  aarch64: [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6],
};
export const DATA = [1, 2, 3, 4];
export const ANSWER_OFFSET = 64;
export const RECORD_BYTES = 40;
export const IMAGE_BYTES = 65536;
export const RUN_DISTANCE = 4 << 20;
export const FAR_ADDEND = 5;

/** `isMachO` chooses the width of unwind addresses; `runs` 1 or 2. */
export function sampleObject(isa: SampleIsa, isMachO: boolean, runs: 1 | 2 = 2): ObjectFile {
  const code = Uint8Array.from([...CODE[isa], ...DATA]);
  const fill = isa === 'x86_64' ? 0xcc : 0;
  const text: ObjectSection = {
    ...plainSection(SectionRole.Text, new Uint8Array(0), 64),
    size: ANSWER_OFFSET + 16,
    fill,
    chunks: [
      { offset: 0, bytes: new TextEncoder().encode('W2N1') },
      { offset: ANSWER_OFFSET, bytes: code },
    ],
    dataRanges: Float64Array.of(0, ANSWER_OFFSET, ANSWER_OFFSET + 8, ANSWER_OFFSET + 12),
  };
  const far: ObjectSection = {
    ...plainSection(SectionRole.Text, code.subarray(0, 8), 65536),
    index: 1,
    textOffset: RUN_DISTANCE,
    fill,
  };
  const image = new Uint8Array(IMAGE_BYTES);
  image.set(new TextEncoder().encode('initial memory'), 1024);
  const texts = runs === 2 ? [text, far] : [text];
  const sections = [
    ...texts,
    plainSection(SectionRole.Image, image, 65536),
    plainSection(SectionRole.Record, new Uint8Array(RECORD_BYTES), 8),
  ];
  const record = sections.length - 1;
  const func = SymbolKind.Function;
  const object = SymbolKind.Object;
  const symbols = [
    { name: 'w2n_header_sample', section: 0, offset: 0, size: 0, kind: object, binding: SymbolBinding.Local },
    {
      name: 'w2n_sample__answer',
      section: 0,
      offset: 64,
      size: 8,
      kind: func,
      binding: SymbolBinding.Global,
    },
    { name: 'inner', section: runs - 1, offset: 0, size: 8, kind: func, binding: SymbolBinding.Local },
    {
      name: 'w2n_image_sample',
      section: runs,
      offset: 0,
      size: IMAGE_BYTES,
      kind: object,
      binding: SymbolBinding.Local,
    },
    {
      name: 'w2n_module_sample',
      section: record,
      offset: 0,
      size: 40,
      kind: object,
      binding: SymbolBinding.Hidden,
    },
    {
      name: 'w2n_main_module',
      section: record,
      offset: 0,
      size: 40,
      kind: object,
      binding: SymbolBinding.Global,
    },
    { name: 'env__log', section: -1, offset: 0, size: 0, kind: func, binding: SymbolBinding.Undefined },
  ];
  const pointer = (offset: number, symbol: number, addend: number) => ({
    section: record,
    offset,
    symbol,
    kind: RelocationKind.Abs64,
    addend,
  });
  const rows = Int32Array.of(4, Unwind.CfaOffset, 16, 0, 4, Unwind.Saved, 29, -16, 8, Unwind.CfaOffset, 0, 0);
  const ehFrame = encodeEhFrame(
    isa,
    [{ symbol: 1, bytes: 8, unwind: rows }],
    sections.length,
    isMachO ? 8 : 4,
  );
  sections.push(plainSection(SectionRole.EhFrame, ehFrame.bytes, 8));
  return {
    sections,
    symbols,
    relocations: [pointer(0, 0, 0), pointer(8, 3, FAR_ADDEND), pointer(24, 6, 0), ...ehFrame.relocations],
  };
}
