// Goldens of machine code (kernels.ts), and the unwind rows against what the instructions do to the stack pointer.
import assert from 'node:assert/strict';
import { CallSiteRow, FixupRow } from '../../../src/emit/function_code.ts';
import type { CompiledFunction } from '../../../src/isa/contract.ts';
import { Unwind, UNWIND_ROW } from '../../../src/isa/frame.ts';
import { kernelSuite } from '../kernels.ts';
import type { Line } from '../kernels.ts';

/** Follows the stack pointer through the code and compares the CFA with the unwind rows. */
function checkUnwind(compiled: CompiledFunction, lines: readonly Line[]): void {
  const { unwind, frameBytes, stackArgBytes, prologueBytes } = compiled.frame;
  const body = 8 + stackArgBytes + frameBytes;
  const cfaAt = (offset: number): number => {
    let cfa = 8;
    for (let k = 0; k < unwind.length && unwind[k] <= offset; k += UNWIND_ROW) {
      if ((unwind[k + 1] as Unwind) === Unwind.CfaOffset) cfa = unwind[k + 2];
    }
    return cfa;
  };
  let depth = 8 + stackArgBytes;
  let checked = 0;
  for (const { offset, text } of lines) {
    assert.equal(cfaAt(offset), depth, `CFA at ${offset.toString(16)}: ${text}`);
    if (offset === prologueBytes) assert.equal(depth, body, 'CFA behind the prologue');
    checked++;
    const adjust = /^(add|sub) rsp,0x([0-9a-f]+)$/.exec(text);
    if (adjust !== null) depth += (adjust[1] === 'sub' ? 1 : -1) * parseInt(adjust[2], 16);
    else if (text.startsWith('push')) depth += 8;
    else if (text.startsWith('pop ')) depth -= 8;
    else if (text.startsWith('ret')) depth = body;
    else if (text.startsWith('call')) {
      const sites = compiled.code.callSites;
      for (let k = 0; k < sites.length; k += CallSiteRow.Size) {
        const next = lines.find((l) => l.offset > offset)?.offset;
        if (sites[k] === next) depth -= sites[k + CallSiteRow.ArgumentBytes];
      }
    } else if (text.startsWith('jmp')) {
      const fixups = compiled.code.fixups;
      for (let k = 0; k < fixups.length; k += FixupRow.Size) if (fixups[k] === offset + 1) depth = body;
    }
  }
  assert.ok(checked > 0);
}

kernelSuite({
  isa: 'x86_64',
  folder: 'x64',
  objdump: 'objdump',
  machine: ['i386:x86-64', '-M', 'intel'],
  filler: 'int3',
  checkUnwind,
});
