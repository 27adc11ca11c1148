// A finished function (or block of data) as it travels from a worker to the text layout: typed arrays only, so that
// it can be transferred between threads. Tables are flat Int32Array columns of fixed-size rows; code offsets count
// from the function's first byte.

/** Row of `FunctionCode.fixups`: a use of another function's start, to be resolved by the text layout. */
export const enum FixupRow {
  /** Where the fixup lies; rows rise in this. */
  Offset,
  /** Symbol index of the target. */
  Symbol,
  /** Kind, an index into `FixupIsa.kinds`. */
  Kind,
  Addend,
  Size,
}

/** Row of `FunctionCode.traps`: an instruction that may trap. */
export const enum TrapRow {
  /** Offset of the trapping instruction's first byte; rows rise in this. */
  Offset,
  /** Trap kind, or -1 for an access that traps by its address. */
  Kind,
  /** Byte offset in the wasm module. */
  WasmOffset,
  Size,
}

/** Row of `FunctionCode.callSites`: a return address. */
export const enum CallSiteRow {
  /** Offset of the instruction behind the call; rows rise in this. */
  ReturnOffset,
  WasmOffset,
  /** Code offset of the landing pad, or -1. */
  LandingPad,
  /** Index of the stack map, or -1. */
  StackMap,
  /** Bytes of stack arguments that the callee pops. */
  ArgumentBytes,
  Size,
}

/** Row of `FunctionCode.locations`: from this code offset on, code belongs to this wasm offset. */
export const enum LocationRow {
  Offset,
  WasmOffset,
  Size,
}

/** Row of `FunctionCode.dataRanges`: [Start, End) holds constants or jump tables, not instructions. */
export const enum DataRangeRow {
  Start,
  End,
  Size,
}

export interface FunctionCode {
  /** Machine code, constants and jump tables. Patched in place by the text layout. */
  readonly bytes: Uint8Array;
  /** Alignment of the first byte, a power of two. */
  readonly align: number;
  readonly fixups: Int32Array;
  readonly traps: Int32Array;
  readonly callSites: Int32Array;
  readonly locations: Int32Array;
  readonly dataRanges: Int32Array;
}

const NO_ROWS = new Int32Array(0);

/** Bytes without any fixup or record, e.g. a table, as a block for the text layout. */
export function dataBlock(bytes: Uint8Array, align: number): FunctionCode {
  return {
    bytes,
    align,
    fixups: NO_ROWS,
    traps: NO_ROWS,
    callSites: NO_ROWS,
    locations: NO_ROWS,
    dataRanges: Int32Array.of(0, bytes.length),
  };
}
