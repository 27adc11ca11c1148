// The initial content of memory 0 (`w2n_image`): active data segments merged at compile time, so that the runtime
// moves pages instead of copying bytes. All active segments are merged or none, as the order of their effects is
// observable when one of them traps.
import { Op as Wasm } from '../frontend/opcodes.ts';
import { SegmentMode, type DataSegment, type Module } from '../frontend/module.ts';

export const IMAGE_ALIGN = 65536;
/** An image may be larger than the bytes it carries by this much. */
const MAX_WASTE = 16 << 20;

/** The merged bytes, a multiple of IMAGE_ALIGN long; empty if segments are to be copied when instantiating. */
export function buildImage(module: Module): Uint8Array {
  const end = imageEnd(module);
  const image = new Uint8Array(Math.ceil(end / IMAGE_ALIGN) * IMAGE_ALIGN);
  if (end === 0) return image;
  for (const segment of module.data)
    if (segment.mode === SegmentMode.Active)
      image.set(module.bytes.subarray(segment.start, segment.end), constantOffset(module, segment));
  return image;
}

/** End of the last byte that active segments write, 0 if they cannot be merged. */
function imageEnd(module: Module): number {
  const memory = module.memories[0];
  if (memory === undefined || module.importedMemories > 0) return 0;
  // A failing element segment must leave the memory that functions in an imported table see as it was.
  if (module.importedTables > 0 && module.elements.some((e) => e.mode === SegmentMode.Active)) return 0;
  const minBytes = memory.min * 2 ** memory.pageSizeLog2;
  let end = 0;
  let total = 0;
  for (const segment of module.data) {
    if (segment.mode !== SegmentMode.Active) continue;
    const bytes = segment.end - segment.start;
    const offset = segment.memory === 0 ? constantOffset(module, segment) : -1;
    if (offset < 0 || offset + bytes > minBytes) return 0;
    total += bytes;
    if (bytes > 0) end = Math.max(end, offset + bytes);
  }
  if (end > total + MAX_WASTE) return 0;
  // The image is a whole number of 64 KiB pages of the memory.
  return Math.ceil(end / IMAGE_ALIGN) * IMAGE_ALIGN <= minBytes ? end : 0;
}

/** The constant offset of an active segment, or -1 if it is known only when instantiating. */
function constantOffset(module: Module, segment: DataSegment): number {
  const { consts } = module;
  const first = consts.first.data[segment.offset];
  if (consts.count.data[segment.offset] !== 1) return -1;
  const op = consts.ops.data[first];
  const lo = consts.ops.data[first + 1] >>> 0;
  if (op === Wasm.I32Const) return lo;
  if (op !== Wasm.I64Const) return -1;
  const hi = consts.ops.data[first + 2] >>> 0;
  return hi < 0x200000 ? hi * 0x100000000 + lo : -1;
}
