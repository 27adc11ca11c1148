// The listing of a function (`--emit asm`): its machine instructions before register allocation as the ISA prints them,
// then its bytes, a line for each source location. Input: finished code; output: text.
import { DataRangeRow, FixupRow, LocationRow, TrapRow, type FunctionCode } from './function_code.ts';

/** Bytes in a line of the dump. */
const LINE_BYTES = 16;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

/** `name` may hold anything; `instructions` is the ISA's text. */
export function functionListing(
  index: number,
  name: string | undefined,
  code: FunctionCode,
  frame: { readonly frameBytes: number; readonly savedMask: number },
  instructions: string,
): string {
  const title = name === undefined ? '' : ` ${JSON.stringify(name)}`;
  const saved = `saved registers 0x${frame.savedMask.toString(16)}`;
  const lines = [
    `function ${index}${title}: ${code.bytes.length} bytes, frame ${frame.frameBytes} bytes, ${saved}`,
    instructions.trimEnd(),
    ...dump(code),
  ];
  return `${lines.join('\n')}\n`;
}

function dump(code: FunctionCode): string[] {
  const notes = new Map<number, string>();
  const note = (offset: number, text: string): void => {
    const before = notes.get(offset);
    notes.set(offset, before === undefined ? text : `${before}, ${text}`);
  };
  const { locations, traps, fixups, dataRanges } = code;
  for (let at = 0; at < locations.length; at += LocationRow.Size)
    note(locations[at + LocationRow.Offset], `wasm 0x${locations[at + LocationRow.WasmOffset].toString(16)}`);
  for (let at = 0; at < dataRanges.length; at += DataRangeRow.Size) {
    note(dataRanges[at + DataRangeRow.Start], 'data');
    note(dataRanges[at + DataRangeRow.End], 'code');
  }
  for (let at = 0; at < traps.length; at += TrapRow.Size) {
    const kind = traps[at + TrapRow.Kind];
    note(traps[at + TrapRow.Offset], kind < 0 ? 'traps by address' : `trap ${kind}`);
  }
  for (let at = 0; at < fixups.length; at += FixupRow.Size)
    note(fixups[at + FixupRow.Offset], `-> symbol ${fixups[at + FixupRow.Symbol]}`);
  const starts = [...new Set([0, ...notes.keys()])]
    .filter((at) => at < code.bytes.length)
    .sort((a, b) => a - b);
  const lines: string[] = [];
  starts.forEach((start, i) => {
    const end = starts[i + 1] ?? code.bytes.length;
    for (let at = start; at < end; at += LINE_BYTES) {
      const bytes = [...code.bytes.subarray(at, Math.min(at + LINE_BYTES, end))].map((byte) => hex(byte, 2));
      const text = at === start ? notes.get(start) : undefined;
      const line = `  ${hex(at, 6)}  ${bytes.join(' ')}`;
      lines.push(text === undefined ? line : `${line.padEnd(10 + LINE_BYTES * 3)}; ${text}`);
    }
  });
  return lines;
}
