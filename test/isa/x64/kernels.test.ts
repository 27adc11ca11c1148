// Small functions whose machine code is written down: kernels/NAME.ir holds the IR (and `; march LEVEL`), then the
// disassembly as comments. `BLESS=1 node scripts/test.mjs isa/x64/kernels` writes it anew. The unwind rows of each are
// checked at every instruction against what the instructions do to the stack pointer.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseModule } from '../../../src/ir/parser.ts';
import { verify } from '../../../src/ir/verifier.ts';
import { Unwind, UNWIND_ROW } from '../../../src/isa/frame.ts';
import type { CompiledFunction } from '../../../src/isa/contract.ts';
import { FixupRow } from '../../../src/emit/function_code.ts';
import { allocateBundles } from '../../../src/regalloc/bundles.ts';
import { need } from '../../support/need.ts';
import { fromRoot } from '../../support/paths.ts';
import { NativeModule } from '../native.ts';

const MARK = '; ---- x86_64';

interface Line {
  readonly offset: number;
  readonly text: string;
}

function disassemble(compiled: CompiledFunction): Line[] {
  const dir = fromRoot('build/test/isa');
  mkdirSync(dir, { recursive: true });
  const file = `${dir}/kernel-${process.pid}.bin`;
  const { bytes, dataRanges } = compiled.code;
  const end = dataRanges.length > 0 ? dataRanges[0] : bytes.length;
  writeFileSync(file, bytes.subarray(0, end));
  const args = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--no-show-raw-insn', file];
  const ran = spawnSync('objdump', args, { encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stderr);
  spawnSync('rm', ['-f', file]);
  const lines: Line[] = [];
  for (const line of ran.stdout.split('\n')) {
    const match = /^\s*([0-9a-f]+):\t(.*)$/.exec(line);
    if (match === null) continue;
    lines.push({ offset: parseInt(match[1], 16), text: match[2].replace(/\s+/g, ' ').trim() });
  }
  while (lines.at(-1)?.text === 'int3') lines.pop();
  return lines;
}

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
      for (let k = 0; k < sites.length; k += 5) {
        const next = lines.find((l) => l.offset > offset)?.offset;
        if (sites[k] === next) depth -= sites[k + 4];
      }
    } else if (text.startsWith('jmp')) {
      const fixups = compiled.code.fixups;
      for (let k = 0; k < fixups.length; k += FixupRow.Size) if (fixups[k] === offset + 1) depth = body;
    }
  }
  assert.ok(checked > 0);
}

describe('x86_64 kernels', () => {
  const dir = fromRoot('test/isa/x64/kernels');
  for (const name of readdirSync(dir)) {
    it(name, function () {
      need(this, 'objdump');
      const file = `${dir}/${name}`;
      const [source, golden = ''] = readFileSync(file, 'utf8').split(`${MARK}\n`);
      const { sigs, funcs } = parseModule(source);
      verify(funcs[0], sigs);
      const march = /^; march (.*)$/m.exec(source)?.[1] ?? '';
      const native = new NativeModule(sigs, 1, {
        allocator: allocateBundles,
        march,
        gs: false,
        regs: 0,
        padBlocks: 0,
        optLevel: 2,
      });
      const compiled = native.add(funcs[0], 0);
      const lines = disassemble(compiled);
      checkUnwind(compiled, lines);
      const text = lines.map((l) => `; ${l.offset.toString(16).padStart(4)}: ${l.text}\n`).join('');
      if (process.env.BLESS === '1') writeFileSync(file, `${source}${MARK}\n${text}`);
      else assert.equal(text, golden);
    });
  }
});
