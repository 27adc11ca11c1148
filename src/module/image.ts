// The initial content of memory 0 (`w2n_image`): active data segments merged at compile time, so that the runtime
// moves pages instead of copying bytes. All active segments are merged or none, as the order of their effects is
// observable when one of them traps.
// Input: a decoded module, the target. Output: the bytes of memory 0 from the first to the last one that is not zero,
// and where they begin. A large image is paged: offset and size are multiples of the largest page that the target's
// kernels use, so that moving it moves nothing else. A small one is copied: its padding would cost more than that saves.
import { Op as Wasm } from '../frontend/opcodes.ts';
import { SegmentMode, type DataSegment, type Module } from '../frontend/module.ts';
import type { Target } from '../options.ts';

/** Images up to this size are copied. */
const MAX_COPIED = 16 << 10;
const COPIED_ALIGN = 16;
/** An image may be larger than the bytes it carries by this much. */
const MAX_WASTE = 16 << 20;

export interface MemoryImage {
  /** False if active segments are to be copied when instantiating. */
  readonly merged: boolean;
  /** True if the image is made of whole pages and may be moved. Then `offset` and its size are multiples of `align`. */
  readonly isPaged: boolean;
  /** Where the bytes belong in memory 0. */
  readonly offset: number;
  /** Empty if nothing is to be written. */
  readonly bytes: Uint8Array;
  readonly align: number;
}

/** The largest page size of the target's kernels: aarch64 Linux has 4, 16 or 64 KiB, macOS 16 KiB. */
function pageSize(target: Target): number {
  if (target.os === 'macos') return 16384;
  return target.isa === 'x86_64' ? 4096 : 65536;
}

export function buildImage(module: Module, target: Target): MemoryImage {
  const align = pageSize(target);
  const span = imageSpan(module, align);
  if (span === null) return { merged: false, isPaged: false, offset: 0, bytes: new Uint8Array(0), align };
  const [start, end] = span;
  const bytes = new Uint8Array(end - start);
  for (const segment of module.data) {
    if (segment.mode !== SegmentMode.Active || segment.start === segment.end) continue;
    const offset = constantOffset(module, segment) - start;
    bytes.set(module.bytes.subarray(segment.start, segment.end), offset);
  }
  let first = 0;
  let last = bytes.length;
  while (last > 0 && bytes[last - 1] === 0) last--;
  while (first < last && bytes[first] === 0) first++;
  const isPaged = last - first > MAX_COPIED;
  if (isPaged) {
    first -= first % align;
    last = Math.ceil(last / align) * align;
  }
  return {
    merged: true,
    isPaged,
    offset: last === 0 ? 0 : start + first,
    bytes: bytes.subarray(first, last),
    align: isPaged ? align : COPIED_ALIGN,
  };
}

/** Begin and end, in whole pages, of what active segments write; null if they cannot be merged. */
function imageSpan(module: Module, align: number): readonly [number, number] | null {
  const memory = module.memories[0];
  if (memory === undefined || module.importedMemories > 0) return null;
  // A failing element segment must leave the memory that functions in an imported table see as it was.
  if (module.importedTables > 0 && module.elements.some((e) => e.mode === SegmentMode.Active)) return null;
  const minBytes = memory.min * 2 ** memory.pageSizeLog2;
  let start = Infinity;
  let end = 0;
  let total = 0;
  for (const segment of module.data) {
    if (segment.mode !== SegmentMode.Active) continue;
    const bytes = segment.end - segment.start;
    const offset = segment.memory === 0 ? constantOffset(module, segment) : -1;
    if (offset < 0 || offset + bytes > minBytes) return null;
    total += bytes;
    if (bytes === 0) continue;
    start = Math.min(start, offset);
    end = Math.max(end, offset + bytes);
  }
  if (end === 0) return [0, 0];
  if (end - start > total + MAX_WASTE) return null;
  start -= start % align;
  end = Math.ceil(end / align) * align;
  // Memories of small pages may end within one of the system's.
  return end <= minBytes ? [start, end] : null;
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
