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
import { ByteWriter } from '../support/byte_writer.ts';
import { CallSiteRow, TrapRow } from './function_code.ts';
import type { FunctionCode } from './function_code.ts';

/** Function index of code that belongs to no wasm function. */
export const NO_FUNCTION = 0xffffffff;
/** Prologues and stack arguments are counted in 16 bits. */
const MAX_U16 = 0xffff;

/** What a record is of. */
export const enum Mark {
  End = 0,
  Trap = 1,
  /** A call without landing pad, stack map and stack arguments. */
  Call = 2,
  CallWithMore = 3,
}
/** Code offsets are multiplied by this to make room for the mark. */
export const MARKS = 4;

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

/** Writes the stream: what happens in functions does not depend on where they are placed. Throws RangeError beyond 4 GiB. */
export function writeCodeRecords(functions: readonly Pick<PlacedFunction, 'code'>[]): CodeRecords {
  const stream = new ByteWriter(1 << 16);
  const starts = new Float64Array(functions.length);
  stream.uleb(Mark.End);
  for (let f = 0; f < functions.length; f++) {
    const { traps, callSites } = functions[f].code;
    if (traps.length === 0 && callSites.length === 0) continue;
    starts[f] = stream.length;
    writeRecords(stream, traps, callSites);
  }
  if (stream.length >= 2 ** 32) throw new RangeError('the records of code offsets exceed 4 GiB');
  return { stream: stream.bytes(), starts };
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

function writeRecords(stream: ByteWriter, traps: Int32Array, calls: Int32Array): void {
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
    stream.uleb((next - offset) * MARKS + mark); // may have more than 32 bits
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
