// Tables in w2n_text that the runtime stub reads after a trap, while it unwinds, or when it looks for a landing pad:
// one index of fixed rows, one for each function and sorted by code offset, and one stream of variable-length records
// that the rows point into. Nothing reads them until something has gone wrong, so they are made small and plain.
//
// Index row, 32 bytes, little-endian, aligned to 8:
//   +0  u64  offset of the function's first byte from the header
//   +8  u32  bytes of the function, constants included
//   +12 u32  frame bytes: from the stack pointer after the prologue up to the return address
//   +16 u32  mask of the saved registers, which stand in fixed order right below the return address
//   +20 u32  offset of its records in the stream
//   +24 u32  function index in the module; 0xffffffff for thunks
//   +28 u16  bytes of the prologue
//   +30 u16  bytes of stack arguments, which the function pops
//
// Records, for each instruction that may trap and each call, by rising code offset; 0 before the first:
//   ULEB128  (code offset minus the previous record's) * 4 + Mark
//   SLEB128  wasm offset minus the previous record's
//   and for Mark.CallWithMore: ULEB128 code offset of the landing pad + 1 or 0, ULEB128 stack map index + 1 or 0,
//   ULEB128 bytes of stack arguments that the callee pops
// Code offsets count from the function's first byte: a trap's is that of its instruction, a call's its return address.
// The mark End, in one byte, closes the function's records; functions without any share it at offset 0.
import { CodeRow } from '../abi/layout.ts';
import { CallSiteRow, TrapRow } from './function_code.ts';
import type { FunctionCode } from './function_code.ts';

/** Function index of code that belongs to no wasm function. */
export const NO_FUNCTION = 0xffffffff;
/** Prologues and stack arguments are counted in 16 bits. */
const MAX_U16 = 0xffff;

/** What a record is of. */
const enum Mark {
  End = 0,
  Trap = 1,
  /** A call without landing pad, stack map and stack arguments. */
  Call = 2,
  CallWithMore = 3,
}
/** Bits of the mark, and of the code offset beside it in a record's first byte. */
const MARK_BITS = 2;
const FIRST_BITS = 5;

/** A call instruction has no more bytes than this on any ISA (x86_64, a call through memory). */
const MOST_CALL_BYTES = 8;

/** One function as it was placed. Frame facts are what the index row says of them. */
export interface PlacedFunction {
  readonly code: Pick<FunctionCode, 'traps' | 'callSites' | 'bytes'>;
  /** From the header. */
  readonly offset: number;
  /** Where its records begin in the stream. */
  readonly records: number;
  /** Function index in the module, or NO_FUNCTION. */
  readonly functionIndex: number;
  readonly frame: {
    readonly frameBytes: number;
    readonly savedMask: number;
    readonly prologueBytes: number;
    readonly stackArgBytes: number;
  };
}

/** The stream, and where each function's records begin in it. */
export interface CodeRecords {
  readonly stream: Uint8Array;
  readonly starts: Float64Array;
}

export interface CodeTables {
  /** `CodeRow.Size` bytes for each function. */
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

  /** `value` is a uint32. */
  uleb(value: number): void {
    while (value > 0x7f) {
      this.put((value & 0x7f) | 0x80);
      value >>>= 7;
    }
    this.put(value);
  }

  /** ULEB128 of `value` * 4 + `mark`, which may have more than 32 bits. */
  marked(value: number, mark: Mark): void {
    const rest = value >>> FIRST_BITS;
    this.put(((value << MARK_BITS) & 0x7c) | mark | (rest > 0 ? 0x80 : 0));
    if (rest > 0) this.uleb(rest);
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

/** Writes the stream: what happens in functions does not depend on where they are placed. Throws RangeError beyond 4 GiB. */
export function writeCodeRecords(functions: readonly Pick<PlacedFunction, 'code'>[]): CodeRecords {
  const stream = new ByteStream();
  const starts = new Float64Array(functions.length);
  stream.uleb(Mark.End);
  for (let f = 0; f < functions.length; f++) {
    const { traps, callSites } = functions[f].code;
    if (traps.length === 0 && callSites.length === 0) continue;
    starts[f] = stream.length;
    writeRecords(stream, traps, callSites);
  }
  if (stream.length >= 2 ** 32) throw new RangeError('the records of code offsets exceed 4 GiB');
  return { stream: stream.bytes.subarray(0, stream.length), starts };
}

/** Builds the index. `functions` may come in any order. Throws RangeError if a number exceeds its field. */
export function buildCodeIndex(functions: readonly PlacedFunction[]): Uint8Array {
  const sorted = functions.slice().sort((a, b) => a.offset - b.offset);
  const index = new Uint8Array(sorted.length * CodeRow.Size);
  const view = new DataView(index.buffer);
  for (let f = 0; f < sorted.length; f++) {
    const { code, offset, records, functionIndex, frame } = sorted[f];
    if (frame.prologueBytes > MAX_U16 || frame.stackArgBytes > MAX_U16)
      throw new RangeError('a prologue or the stack arguments exceed 64 KiB');
    const at = f * CodeRow.Size;
    view.setUint32(at, offset >>> 0, true);
    view.setUint32(at + 4, Math.floor(offset / 2 ** 32), true);
    view.setUint32(at + CodeRow.Bytes, code.bytes.length, true);
    view.setUint32(at + CodeRow.FrameBytes, frame.frameBytes, true);
    view.setUint32(at + CodeRow.SavedMask, frame.savedMask, true);
    view.setUint32(at + CodeRow.Records, records, true);
    view.setUint32(at + CodeRow.Function, functionIndex, true);
    view.setUint16(at + CodeRow.PrologueBytes, frame.prologueBytes, true);
    view.setUint16(at + CodeRow.StackArgBytes, frame.stackArgBytes, true);
  }
  return index;
}

function writeRecords(stream: ByteStream, traps: Int32Array, calls: Int32Array): void {
  let offset = 0;
  let wasmOffset = 0;
  let t = 0;
  let c = 0;
  while (t < traps.length || c < calls.length) {
    const trap = t < traps.length ? traps[t + TrapRow.Offset] : Infinity;
    const call = c < calls.length ? calls[c + CallSiteRow.ReturnOffset] : Infinity;
    const isCall = call <= trap;
    const next = isCall ? call : trap;
    const nextWasm = isCall ? calls[c + CallSiteRow.WasmOffset] : traps[t + TrapRow.WasmOffset];
    const mark = !isCall ? Mark.Trap : hasMore(calls, c) ? Mark.CallWithMore : Mark.Call;
    stream.marked(next - offset, mark);
    stream.sleb((nextWasm - wasmOffset) | 0);
    if (mark === Mark.CallWithMore) {
      stream.uleb(calls[c + CallSiteRow.LandingPad] + 1);
      stream.uleb(calls[c + CallSiteRow.StackMap] + 1);
      stream.uleb(calls[c + CallSiteRow.ArgumentBytes]);
    }
    offset = next;
    wasmOffset = nextWasm;
    if (isCall) c += CallSiteRow.Size;
    else t += TrapRow.Size;
  }
  stream.uleb(Mark.End);
}

function hasMore(calls: Int32Array, c: number): boolean {
  return (
    calls[c + CallSiteRow.LandingPad] >= 0 ||
    calls[c + CallSiteRow.StackMap] >= 0 ||
    calls[c + CallSiteRow.ArgumentBytes] > 0
  );
}

// ---- Readers: what the C stub does, for tests and `inspect` ----

/** An index row. */
export interface IndexRow {
  readonly offset: number;
  readonly size: number;
  readonly frameBytes: number;
  readonly savedMask: number;
  readonly records: number;
  readonly functionIndex: number;
  readonly prologueBytes: number;
  readonly stackArgBytes: number;
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
  let high = tables.index.length / CodeRow.Size;
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
  const view = new DataView(tables.index.buffer, tables.index.byteOffset + i * CodeRow.Size, CodeRow.Size);
  return {
    offset: view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32,
    size: view.getUint32(CodeRow.Bytes, true),
    frameBytes: view.getUint32(CodeRow.FrameBytes, true),
    savedMask: view.getUint32(CodeRow.SavedMask, true),
    records: view.getUint32(CodeRow.Records, true),
    functionIndex: view.getUint32(CodeRow.Function, true),
    prologueBytes: view.getUint16(CodeRow.PrologueBytes, true),
    stackArgBytes: view.getUint16(CodeRow.StackArgBytes, true),
  };
}

class StreamReader {
  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
  ) {}

  byte(): number {
    return this.bytes[this.at++];
  }

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

/** Reads the records of one function in order. */
class RecordReader {
  mark = Mark.End;
  offset = 0;
  wasmOffset = 0;
  landingPad = -1;
  stackMap = -1;
  argumentBytes = 0;
  private readonly stream: StreamReader;

  constructor(tables: CodeTables, row: IndexRow) {
    this.stream = new StreamReader(tables.stream, row.records);
  }

  /** Moves to the next record; false at the end. */
  next(): boolean {
    const first = this.stream.byte();
    this.mark = first & ((1 << MARK_BITS) - 1);
    if (this.mark === Mark.End) return false;
    const rest = first >= 0x80 ? this.stream.uleb() : 0;
    this.offset += ((first & 0x7f) >> MARK_BITS) + (rest << FIRST_BITS);
    this.wasmOffset = (this.wasmOffset + this.stream.sleb()) | 0;
    const more = this.mark === Mark.CallWithMore;
    this.landingPad = more ? this.stream.uleb() - 1 : -1;
    this.stackMap = more ? this.stream.uleb() - 1 : -1;
    this.argumentBytes = more ? this.stream.uleb() : 0;
    return true;
  }
}

/**
 * Wasm offset of what happens at `codeOffset` in the function of `row`: of the trap there, or of the call whose bytes
 * it is in; elsewhere (a signal from outside) of the last record before; -1 if there is none.
 */
export function wasmOffsetOf(tables: CodeTables, row: IndexRow, codeOffset: number): number {
  const reader = new RecordReader(tables, row);
  let found = -1;
  while (reader.next()) {
    const { offset, wasmOffset } = reader;
    if (offset > codeOffset) return isCallNear(reader, codeOffset) ? wasmOffset : found;
    found = wasmOffset;
    if (offset === codeOffset && reader.mark === Mark.Trap) break;
  }
  return found;
}

function isCallNear(reader: RecordReader, codeOffset: number): boolean {
  return reader.mark !== Mark.Trap && reader.offset - codeOffset <= MOST_CALL_BYTES;
}

/** The call site of `row`'s function whose return address is `returnOffset` in it, or null. */
export function findCallSite(tables: CodeTables, row: IndexRow, returnOffset: number): CallSite | null {
  const reader = new RecordReader(tables, row);
  while (reader.next() && reader.offset <= returnOffset) {
    if (reader.offset !== returnOffset || reader.mark === Mark.Trap) continue;
    const { wasmOffset, landingPad, stackMap, argumentBytes } = reader;
    return { returnOffset, wasmOffset, landingPad, stackMap, argumentBytes };
  }
  return null;
}
