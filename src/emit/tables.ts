// Tables in w2n_text that the runtime stub reads after a trap, while it unwinds, or when it looks for a landing pad:
// one index of fixed rows, one for each function and sorted by code offset, and one stream of variable-length records
// that the rows point into. Nothing reads them until something has gone wrong, so they are made small and plain.
//
// Index row, 32 bytes, little-endian, aligned to 8:
//   +0  u64  offset of the function's first byte from the header
//   +8  u32  bytes of the function, constants included
//   +12 u32  frame bytes: from the stack pointer after the prologue up to the return address
//   +16 u32  mask of the saved registers, which stand in fixed order right below the return address
//   +20 u32  offset of its location records in the stream
//   +24 u32  offset of its call-site records in the stream
//   +28 u32  function index in the module; 0xffffffff for thunks
//
// Location records: ULEB128 count, then count times
//   ULEB128 code offset minus the previous one's, SLEB128 wasm offset minus the previous one's
// with 0 before the first. The wasm offset of an instruction is that of the last record whose code offset is not
// beyond it. They are the union of source locations and trapping instructions.
//
// Call-site records: ULEB128 count, then count times, by rising return address,
//   ULEB128 return offset minus the previous one's, SLEB128 wasm offset minus the previous one's,
//   ULEB128 code offset of the landing pad + 1 or 0, ULEB128 stack map index + 1 or 0,
//   ULEB128 bytes of stack arguments that the callee pops
// All code offsets count from the function's first byte. The same empty record (count 0) is shared.
import { IntColumn } from '../support/int_column.ts';
import { CallSiteRow, LocationRow, TrapRow } from './function_code.ts';
import type { FunctionCode } from './function_code.ts';

export const INDEX_ROW_BYTES = 32;
/** Function index of code that belongs to no wasm function. */
export const NO_FUNCTION = 0xffffffff;

/** One function as it was placed. Frame facts are what the index row says of them. */
export interface PlacedFunction {
  readonly code: Pick<FunctionCode, 'traps' | 'callSites' | 'locations' | 'bytes'>;
  /** From the header. */
  readonly offset: number;
  /** Function index in the module, or NO_FUNCTION. */
  readonly functionIndex: number;
  readonly frame: { readonly frameBytes: number; readonly savedMask: number };
}

export interface CodeTables {
  /** `INDEX_ROW_BYTES` for each function. */
  readonly index: Uint8Array;
  readonly stream: Uint8Array;
}

class ByteStream {
  bytes = new Uint8Array(1 << 16);
  length = 0;

  private put(byte: number): void {
    if (this.length === this.bytes.length) {
      const grown = new Uint8Array(this.length * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[this.length++] = byte;
  }

  /** `value` is a non-negative int32. */
  uleb(value: number): void {
    while (value > 0x7f) {
      this.put((value & 0x7f) | 0x80);
      value >>>= 7;
    }
    this.put(value);
  }

  /** `value` is an int32. */
  sleb(value: number): void {
    for (;;) {
      const byte = value & 0x7f;
      value >>= 7;
      if ((value === 0 && (byte & 0x40) === 0) || (value === -1 && (byte & 0x40) !== 0)) {
        this.put(byte);
        return;
      }
      this.put(byte | 0x80);
    }
  }
}

/** Builds both tables. `functions` may come in any order. Throws RangeError if the stream exceeds 4 GiB. */
export function buildCodeTables(functions: readonly PlacedFunction[]): CodeTables {
  const sorted = functions.slice().sort((a, b) => a.offset - b.offset);
  const index = new Uint8Array(sorted.length * INDEX_ROW_BYTES);
  const view = new DataView(index.buffer);
  const stream = new ByteStream();
  stream.uleb(0);
  const merged = new IntColumn();
  for (let f = 0; f < sorted.length; f++) {
    const { code, offset, functionIndex } = sorted[f];
    const { frameBytes, savedMask } = sorted[f].frame;
    const at = f * INDEX_ROW_BYTES;
    view.setUint32(at, offset >>> 0, true);
    view.setUint32(at + 4, Math.floor(offset / 2 ** 32), true);
    view.setUint32(at + 8, code.bytes.length, true);
    view.setUint32(at + 12, frameBytes, true);
    view.setUint32(at + 16, savedMask, true);
    mergeLocations(code, merged);
    view.setUint32(at + 20, merged.length === 0 ? 0 : stream.length, true);
    if (merged.length > 0) writeLocations(stream, merged);
    view.setUint32(at + 24, code.callSites.length === 0 ? 0 : stream.length, true);
    if (code.callSites.length > 0) writeCallSites(stream, code.callSites);
    view.setUint32(at + 28, functionIndex, true);
    if (stream.length >= 2 ** 32) throw new RangeError('the tables of code offsets exceed 4 GiB');
  }
  return { index, stream: stream.bytes.subarray(0, stream.length) };
}

/** Pairs (code offset, wasm offset): source locations and traps by rising offset; a trap wins over a location. */
function mergeLocations(code: PlacedFunction['code'], merged: IntColumn): void {
  const { locations, traps } = code;
  merged.clear();
  let l = 0;
  let t = 0;
  while (l < locations.length || t < traps.length) {
    const nextLocation = l < locations.length ? locations[l + LocationRow.Offset] : Infinity;
    const nextTrap = t < traps.length ? traps[t + TrapRow.Offset] : Infinity;
    if (nextTrap <= nextLocation) {
      pushPair(merged, nextTrap, traps[t + TrapRow.WasmOffset]);
      t += TrapRow.Size;
      if (nextTrap === nextLocation) l += LocationRow.Size;
    } else {
      pushPair(merged, nextLocation, locations[l + LocationRow.WasmOffset]);
      l += LocationRow.Size;
    }
  }
}

function pushPair(merged: IntColumn, offset: number, wasmOffset: number): void {
  const last = merged.length - 2;
  if (last >= 0 && merged.data[last] === offset) {
    merged.data[last + 1] = wasmOffset;
    return;
  }
  if (last >= 0 && merged.data[last + 1] === wasmOffset) return;
  merged.push(offset);
  merged.push(wasmOffset);
}

function writeLocations(stream: ByteStream, pairs: IntColumn): void {
  stream.uleb(pairs.length / 2);
  let offset = 0;
  let wasmOffset = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    stream.uleb(pairs.data[i] - offset);
    stream.sleb((pairs.data[i + 1] - wasmOffset) | 0);
    offset = pairs.data[i];
    wasmOffset = pairs.data[i + 1];
  }
}

function writeCallSites(stream: ByteStream, rows: Int32Array): void {
  stream.uleb(rows.length / CallSiteRow.Size);
  let offset = 0;
  let wasmOffset = 0;
  for (let row = 0; row < rows.length; row += CallSiteRow.Size) {
    stream.uleb(rows[row + CallSiteRow.ReturnOffset] - offset);
    stream.sleb((rows[row + CallSiteRow.WasmOffset] - wasmOffset) | 0);
    stream.uleb(rows[row + CallSiteRow.LandingPad] + 1);
    stream.uleb(rows[row + CallSiteRow.StackMap] + 1);
    stream.uleb(rows[row + CallSiteRow.ArgumentBytes]);
    offset = rows[row + CallSiteRow.ReturnOffset];
    wasmOffset = rows[row + CallSiteRow.WasmOffset];
  }
}

// ---- Readers: what the C stub does, for tests and `inspect` ----

/** An index row. */
export interface IndexRow {
  readonly offset: number;
  readonly size: number;
  readonly frameBytes: number;
  readonly savedMask: number;
  readonly locations: number;
  readonly callSites: number;
  readonly functionIndex: number;
}

export interface CallSite {
  readonly returnOffset: number;
  readonly wasmOffset: number;
  readonly landingPad: number;
  readonly stackMap: number;
  readonly argumentBytes: number;
}

/** The row of the function that contains `offset` (from the header), by binary search; null if none does. */
export function findFunction(tables: CodeTables, offset: number): IndexRow | null {
  let low = 0;
  let high = tables.index.length / INDEX_ROW_BYTES;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (readRow(tables, middle).offset <= offset) low = middle;
    else high = middle;
  }
  if (high === 0) return null;
  const row = readRow(tables, low);
  return row.offset <= offset && offset < row.offset + row.size ? row : null;
}

/** Index row number `i`. */
export function readRow(tables: CodeTables, i: number): IndexRow {
  const view = new DataView(
    tables.index.buffer,
    tables.index.byteOffset + i * INDEX_ROW_BYTES,
    INDEX_ROW_BYTES,
  );
  return {
    offset: view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32,
    size: view.getUint32(8, true),
    frameBytes: view.getUint32(12, true),
    savedMask: view.getUint32(16, true),
    locations: view.getUint32(20, true),
    callSites: view.getUint32(24, true),
    functionIndex: view.getUint32(28, true),
  };
}

class StreamReader {
  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
  ) {}

  uleb(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  sleb(): number {
    let value = 0;
    for (let shift = 0; ;) {
      const byte = this.bytes[this.at++];
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value;
    }
  }
}

/** Wasm offset of the instruction at `codeOffset` in the function of `row`, or -1 if no record covers it. */
export function wasmOffsetOf(tables: CodeTables, row: IndexRow, codeOffset: number): number {
  const reader = new StreamReader(tables.stream, row.locations);
  let offset = 0;
  let wasmOffset = 0;
  let found = -1;
  for (let count = reader.uleb(); count > 0; count--) {
    offset += reader.uleb();
    wasmOffset = (wasmOffset + reader.sleb()) | 0;
    if (offset > codeOffset) break;
    found = wasmOffset;
  }
  return found;
}

/** The call site of `row`'s function whose return address is `returnOffset` in it, or null. */
export function findCallSite(tables: CodeTables, row: IndexRow, returnOffset: number): CallSite | null {
  const reader = new StreamReader(tables.stream, row.callSites);
  let offset = 0;
  let wasmOffset = 0;
  for (let count = reader.uleb(); count > 0; count--) {
    offset += reader.uleb();
    wasmOffset = (wasmOffset + reader.sleb()) | 0;
    const landingPad = reader.uleb() - 1;
    const stackMap = reader.uleb() - 1;
    const argumentBytes = reader.uleb();
    if (offset === returnOffset) return { returnOffset, wasmOffset, landingPad, stackMap, argumentBytes };
  }
  return null;
}
