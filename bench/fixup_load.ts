// Loads for the emitter with any number of fixups, for the benchmark and for the test that cost is linear: branches of
// all kinds inside one function, and calls between functions, near, far, and to functions that come last. Reaches are
// cut short, so that most fixups wait and many are given veneers.
import { CodeBuffer } from '../src/emit/code_buffer.ts';
import { withReach, type FixupIsa } from '../src/emit/fixup_kinds.ts';
import { dataBlock } from '../src/emit/function_code.ts';
import { TextLayout } from '../src/emit/text_layout.ts';
import { A64_FIXUPS, Kind as A64Kind } from '../src/isa/aarch64/fixups.ts';
import { CC, Cond, CondField } from '../src/isa/aarch64/instructions.ts';
import { Kind as X64Kind, X64_FIXUPS } from '../src/isa/x64/fixups.ts';

export interface LoadResult {
  /** Steps of all loops over fixups. */
  readonly work: number;
  readonly veneers: number;
  readonly seconds: number;
}

const NOP = 0xd503201f | 0;
const CONDS = [CC.Lt, Cond.Zero, Cond.Test | (3 << CondField.BitShift)] as const;
const FAR_LABELS = 8;
const NO_ROWS = new Int32Array(0);
const hash = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 0;

/** `count` branches, loads of constants and traps in one aarch64 function. */
export function branchLoad(count: number): LoadResult {
  const isa = withReach(withReach(A64_FIXUPS, 'branch26', 18), 'test14', 12);
  const buffer = new CodeBuffer(isa);
  const start = performance.now();
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
  return { work: buffer.work, veneers: buffer.veneerCount, seconds: (performance.now() - start) / 1e3 };
}

/** `count` calls between functions with four each. */
export function callLoad(isaName: 'aarch64' | 'x86_64', count: number): LoadResult {
  const kind = isaName === 'aarch64' ? A64Kind.Call26 : X64Kind.Call32;
  const isa: FixupIsa =
    isaName === 'aarch64' ? withReach(A64_FIXUPS, 'call26', 16) : withReach(X64_FIXUPS, 'call32', 18);
  const addend = isaName === 'aarch64' ? 0 : -4;
  const layout = new TextLayout(isa, { padFunctions: 1000 });
  const functions = Math.ceil(count / 4);
  const codes = Array.from({ length: functions }, (_, f) => {
    const callees = [(f + 1) % functions, f >> 1, (f + 200) % functions, hash(f >> 4) % functions];
    const fixups = Int32Array.from(callees.flatMap((callee, c) => [8 * c + 4, callee, kind, addend]));
    return { ...dataBlock(new Uint8Array(64), 4), dataRanges: NO_ROWS, fixups };
  });
  const start = performance.now();
  for (let f = 0; f < functions; f++) layout.append(codes[f], f);
  const veneers = layout.finish().veneerOffset.length;
  return { work: layout.work, veneers, seconds: (performance.now() - start) / 1e3 };
}

/** Exponent e of the best fit y = c x^e (least squares of logarithms). */
export function fittedExponent(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length;
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
