// Both tables of code offsets at once, and a reader of them that does what the stub's locate.c does, for tests.
import { CodeRow } from '../../src/abi/layout.ts';
import { buildCodeIndex, Mark, MARKS, writeCodeRecords } from '../../src/emit/tables.ts';
import type { PlacedFunction } from '../../src/emit/tables.ts';

export interface CodeTables {
  /** `CodeRow.Size` bytes for each function. */
  readonly index: Uint8Array;
  readonly stream: Uint8Array;
}

/** Builds the tables of `functions`, which come in any order. */
export function buildCodeTables(functions: readonly Omit<PlacedFunction, 'records'>[]): CodeTables {
  const { stream, starts } = writeCodeRecords(functions);
  return { index: buildCodeIndex(functions.map((f, k) => ({ ...f, records: starts[k] }))), stream };
}

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

/** A call instruction has no more bytes than this on any ISA (x86_64, a call through memory). */
const MOST_CALL_BYTES = 8;

class StreamReader {
  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
  ) {}

  /** May have more than 32 bits. */
  uleb(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
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
    const head = this.stream.uleb();
    this.mark = head % MARKS;
    if (this.mark === Mark.End) return false;
    this.offset += (head - this.mark) / MARKS;
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
