// Loads for the emitter with any number of fixups, for the benchmark and for the test that cost is linear: branches of
// all kinds inside one function, and calls between functions, near, far, and to functions that come last, with reaches
// cut so short that many are given veneers; and the same with all of them waiting until the end. Each is a larger one of
// the same at every size from 10,000 on: cost for each fixup may not grow.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CodeBuffer } from '../src/emit/code_buffer.ts';
import { withReach } from '../src/emit/fixup_kinds.ts';
import { dataBlock, FixupRow, type FunctionCode } from '../src/emit/function_code.ts';
import { TextLayout } from '../src/emit/text_layout.ts';
import { A64_FIXUPS, Kind as A64Kind } from '../src/isa/aarch64/fixups.ts';
import { CC, Cond, CondField } from '../src/isa/aarch64/instructions.ts';
import { Kind as X64Kind, X64_FIXUPS } from '../src/isa/x64/fixups.ts';

export interface LoadResult {
  /** Steps of all loops over fixups. */
  readonly work: number;
  readonly veneers: number;
  /** Of processor time: other programs do not count, but for the cache that they take. */
  readonly seconds: number;
}

const NOP = 0xd503201f | 0;
const CONDS = [CC.Lt, Cond.Zero, Cond.Test | (3 << CondField.BitShift)] as const;
const SHORT = { branch26: 14, cond19: 13, test14: 12, literal19: 13 };
const FAR_LABELS = 500;
const FUNCTION_BYTES = 64;
const CALLS = 4;
const X64_BELOW = 2;
const X64_NOP = 0x90;
const LAST = dataBlock(new Uint8Array(16), 4);
const NO_ROWS = new Int32Array(0);
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const hash = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 0;

/** `count` branches, loads of constants and traps in one aarch64 function. */
export function branchLoad(count: number): LoadResult {
  // So short that ten thousand branches need as many kinds of veneers as a million.
  const isa = Object.entries(SHORT).reduce((kinds, [name, bits]) => withReach(kinds, name, bits), A64_FIXUPS);
  const buffer = new CodeBuffer(isa);
  collectGarbage();
  const start = process.cpuUsage();
  const far = Array.from({ length: FAR_LABELS }, () => buffer.newLabel());
  let near = buffer.newLabel();
  for (let i = 0; i < count; i++) {
    const dice = hash(i) & 15;
    if (dice === 0) {
      const label = buffer.constant(Int32Array.of(i, hash(i)), 0, 2);
      buffer.useLabelAt(buffer.length, label, A64Kind.Literal19, 0);
      buffer.put4(0x58000000);
    } else if (dice === 1) buffer.condJump(CC.Eq, buffer.deferTrap(1, i));
    else if (dice === 2) buffer.jump(near);
    else buffer.condJump(CONDS[i % 3], dice < 6 ? far[i % FAR_LABELS] : near);
    buffer.afterInstruction();
    buffer.put4(NOP);
    buffer.afterInstruction();
    if ((i & 31) === 31) {
      buffer.bindLabel(near);
      near = buffer.newLabel();
    }
  }
  buffer.bindLabel(near);
  for (const label of far) buffer.bindLabel(label);
  buffer.put4(NOP);
  buffer.finish();
  return { work: buffer.work, veneers: buffer.veneerCount, seconds: processorTime(start) };
}

/** `count` branches in one x86_64 function, a label for every two of them, all of which are bound at its end. */
export function pendingBranchLoad(count: number): LoadResult {
  const buffer = new CodeBuffer(X64_FIXUPS);
  collectGarbage();
  const start = process.cpuUsage();
  const labels = Math.ceil(count / 2);
  for (let l = 0; l < labels; l++) buffer.newLabel();
  for (let i = 0; i < count; i++) {
    buffer.condJump(X64_BELOW, i % labels);
    buffer.afterInstruction();
  }
  for (let l = 0; l < labels; l++) {
    buffer.bindLabel(l);
    buffer.put1(X64_NOP);
    buffer.afterInstruction();
  }
  buffer.finish();
  return { work: buffer.work, veneers: buffer.veneerCount, seconds: processorTime(start) };
}

/** `count` calls between functions with CALLS each. `pending`: all go to functions that come last, within reach. */
export function callLoad(isaName: 'aarch64' | 'x86_64', count: number, pending = false): LoadResult {
  const kind = isaName === 'aarch64' ? A64Kind.Call26 : X64Kind.Call32;
  const full = isaName === 'aarch64' ? A64_FIXUPS : X64_FIXUPS;
  const short = isaName === 'aarch64' ? withReach(full, 'call26', 16) : withReach(full, 'call32', 18);
  const addend = isaName === 'aarch64' ? 0 : -4;
  const layout = new TextLayout(pending ? full : short, { padFunctions: pending ? 0 : 1000 });
  const functions = Math.ceil(count / CALLS);
  // All functions in a few large arrays: the collector's share of the time is the layout's, not this load's.
  const bytes = new Uint8Array(functions * FUNCTION_BYTES);
  const rows = new Int32Array(functions * CALLS * FixupRow.Size);
  const codes: FunctionCode[] = [];
  for (let f = 0; f < functions; f++) {
    const first = f * CALLS * FixupRow.Size;
    for (let c = 0; c < CALLS; c++) {
      const row = first + c * FixupRow.Size;
      rows[row + FixupRow.Offset] = 8 * c + 4;
      rows[row + FixupRow.Symbol] = pending
        ? functions + (((f + (c * functions) / CALLS) | 0) % functions)
        : callee(f, c, functions);
      rows[row + FixupRow.Kind] = kind;
      rows[row + FixupRow.Addend] = addend;
    }
    const code = dataBlock(bytes.subarray(f * FUNCTION_BYTES, (f + 1) * FUNCTION_BYTES), 4);
    const fixups = rows.subarray(first, first + CALLS * FixupRow.Size);
    codes.push({ ...code, dataRanges: NO_ROWS, fixups });
  }
  const last = codes.map(() => LAST);
  collectGarbage();
  const start = process.cpuUsage();
  for (let f = 0; f < functions; f++) layout.append(codes[f], f);
  if (pending) for (let f = 0; f < functions; f++) layout.append(last[f], functions + f);
  const veneers = layout.finish().veneerOffset.length;
  return { work: layout.work, veneers, seconds: processorTime(start) };
}

function processorTime(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

function callee(f: number, call: number, functions: number): number {
  switch (call) {
    case 0:
      return (f + 1) % functions;
    case 1:
      return f >> 1;
    case 2:
      return (f + 200) % functions;
    default:
      return hash(f >> 4) % functions;
  }
}

/** All loads with their names. */
export const LOADS: readonly (readonly [string, (count: number) => LoadResult])[] = [
  ['branches inside a function, aarch64', branchLoad],
  ['branches that all wait, x86_64', pendingBranchLoad],
  ['calls between functions, aarch64', (count) => callLoad('aarch64', count)],
  ['calls between functions, x86_64', (count) => callLoad('x86_64', count)],
  ['calls that all wait, aarch64', (count) => callLoad('aarch64', count, true)],
];

/** Exponent e of the best fit y = c x^e (least squares of logarithms). */
export function fittedExponent(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length;
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
