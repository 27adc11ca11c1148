// Goldens of machine code (kernels.ts), and the unwind rows against what the instructions do to stack pointer, frame pointer
// and saved registers.
import assert from 'node:assert/strict';
import { CallSiteRow, FixupRow } from '../../../src/emit/function_code.ts';
import type { CompiledFunction } from '../../../src/isa/contract.ts';
import { Unwind, UNWIND_ROW } from '../../../src/isa/frame.ts';
import { kernelSuite } from '../kernels.ts';
import type { Line } from '../kernels.ts';

/** Distance of stack and frame pointer from the CFA, and of the places of saved registers. */
interface State {
  sp: number;
  /** NaN: the caller's. */
  fp: number;
  saved: Map<number, number>;
}

const dwarfOf = (name: string): number => Number(name.slice(1)) + (name.startsWith('d') ? 64 : 0);
const isPreserved = (name: string): boolean => /^(x(19|2[0-6]|29|30)|d([89]|1[0-5]))$/.test(name);

function step(state: State, text: string): void {
  const pair =
    /^(stp|ldp|str|ldr) ([xd]\d+)(?:, ([xd]\d+))?, \[(sp|x29)(?:, #(-?\d+))?\](!)?(?:, #(\d+))?$/.exec(text);
  if (pair !== null) {
    const [, mnemonic, first, second, base, disp = '0', pre, post = '0'] = pair;
    if (pre !== undefined) state.sp -= Number(disp);
    const at = (base === 'sp' ? -state.sp : -state.fp) + (pre === undefined ? Number(disp) : 0);
    [first, second].forEach((name, k) => {
      if (name === undefined || !isPreserved(name)) return;
      const reg = dwarfOf(name);
      if (mnemonic.startsWith('st')) {
        if (!state.saved.has(reg)) state.saved.set(reg, at + 8 * k);
      } else if (state.saved.get(reg) === at + 8 * k) {
        state.saved.delete(reg);
        if (name === 'x29') state.fp = NaN;
      }
    });
    state.sp -= Number(post);
    return;
  }
  const adjust = /^(add|sub) sp, sp, #0x([0-9a-f]+)(, lsl #12)?$/.exec(text);
  if (adjust !== null) {
    const size = parseInt(adjust[2], 16) * (adjust[3] === undefined ? 1 : 4096);
    state.sp += adjust[1] === 'sub' ? size : -size;
  } else if (text === 'mov x29, sp') state.fp = state.sp;
  else if (text === 'mov sp, x29') state.sp = state.fp;
}

function checkUnwind(compiled: CompiledFunction, lines: readonly Line[]): void {
  const { unwind, frameBytes, stackArgBytes, prologueBytes } = compiled.frame;
  const { callSites, fixups } = compiled.code;
  const state: State = { sp: stackArgBytes, fp: NaN, saved: new Map() };
  let body: State = { ...state, saved: new Map() };
  let row = 0;
  let cfa = { isFrame: false, offset: 0 };
  const saved = new Map<number, number>();
  let prologue = true;
  lines.forEach(({ offset, text }, index) => {
    for (; row < unwind.length && unwind[row] <= offset; row += UNWIND_ROW) {
      const [, kind, a, b] = unwind.subarray(row, row + UNWIND_ROW);
      if ((kind as Unwind) === Unwind.CfaOffset) cfa = { isFrame: false, offset: a };
      else if ((kind as Unwind) === Unwind.CfaRegister) cfa = { isFrame: true, offset: b };
      else if ((kind as Unwind) === Unwind.Saved) saved.set(a, b);
      else saved.delete(a);
    }
    const where = `at ${offset.toString(16)}: ${text}`;
    // The frame pointer carries the CFA as long as it is this function's.
    assert.equal(cfa.offset, cfa.isFrame ? state.fp : state.sp, `CFA ${where}`);
    const sorted = (map: Map<number, number>): number[][] => [...map].sort((x, y) => x[0] - y[0]);
    // Stores of the prologue come in pairs, their rows behind the last of them.
    const isSaving =
      prologue && /^st[pr] .*\[x29/.test(lines[index - 1]?.text ?? '') && /^st[pr] .*\[x29/.test(text);
    if (!isSaving && !/^ld[pr] .*\[x29/.test(lines[index - 1]?.text ?? ''))
      assert.deepEqual(sorted(saved), sorted(state.saved), `saved registers ${where}`);
    step(state, text);
    if (
      prologue &&
      state.sp === stackArgBytes + frameBytes &&
      (frameBytes === 0 || !Number.isNaN(state.fp)) &&
      !/^st[pr] /.test(lines[index + 1]?.text ?? '')
    ) {
      prologue = false;
      assert.ok(prologueBytes <= offset + 4, 'bytes of the prologue');
      body = { ...state, saved: new Map(state.saved) };
    }
    for (let k = 0; k < callSites.length; k += CallSiteRow.Size)
      if (callSites[k] === offset + 4) state.sp -= callSites[k + CallSiteRow.ArgumentBytes];
    let leaves = text === 'ret' || /^br x17$/.test(text);
    for (let k = 0; k < fixups.length; k += FixupRow.Size)
      leaves ||= fixups[k] === offset && /^b /.test(text);
    if (leaves) Object.assign(state, { ...body, saved: new Map(body.saved) });
  });
  // What restores the rows behind the last return may stand behind the code.
  const end = (lines.at(-1)?.offset ?? 0) + 4;
  for (; row < unwind.length; row += UNWIND_ROW) assert.equal(unwind[row], end, 'row behind the code');
}

kernelSuite({
  isa: 'aarch64',
  folder: 'aarch64',
  objdump: 'aarch64-linux-gnu-objdump',
  machine: ['aarch64'],
  checkUnwind,
});
