// Small functions whose machine code is written down, for both ISAs: kernels/NAME.ir holds the IR (and `; march LEVEL`), then
// the disassembly as comments. `BLESS=1 node scripts/test.mjs isa/x64/kernels` (isa/aarch64/kernels) writes it anew. The
// unwind rows of each are checked at every instruction against what the instructions do to the frame.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseModule } from '../../src/ir/parser.ts';
import { verify } from '../../src/ir/verifier.ts';
import type { CompiledFunction } from '../../src/isa/contract.ts';
import { allocateBundles } from '../../src/regalloc/bundles.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { NativeModule, UNOPTIMIZED } from './native.ts';
import type { NativeIsa } from './native.ts';

/** A disassembled instruction. */
export interface Line {
  readonly offset: number;
  readonly text: string;
}

export interface KernelIsa {
  readonly isa: NativeIsa;
  /** Below test/isa, with the folder `kernels`. */
  readonly folder: string;
  readonly objdump: string;
  readonly machine: readonly string[];
  /** What fills code up; behind the end it is none of the function's. */
  readonly filler?: string;
  /** Compares the unwind rows with what the instructions do. */
  readonly checkUnwind: (compiled: CompiledFunction, lines: readonly Line[]) => void;
}

function disassemble(compiled: CompiledFunction, { isa, objdump, machine, filler }: KernelIsa): Line[] {
  const dir = fromRoot('build/test/isa');
  mkdirSync(dir, { recursive: true });
  const file = `${dir}/kernel-${isa}-${process.pid}.bin`;
  const { bytes, dataRanges } = compiled.code;
  writeFileSync(file, bytes.subarray(0, dataRanges.length > 0 ? dataRanges[0] : bytes.length));
  const args = ['-D', '-b', 'binary', '-m', ...machine, '--no-show-raw-insn', file];
  const ran = spawnSync(objdump, args, { encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stderr);
  rmSync(file);
  const lines: Line[] = [];
  for (const line of ran.stdout.split('\n')) {
    const match = /^\s*([0-9a-f]+):\t(.*)$/.exec(line);
    if (match === null) continue;
    const text = match[2]
      .replace(/\s+/g, ' ')
      .replace(/\/\/.*/, '')
      .trim();
    lines.push({ offset: parseInt(match[1], 16), text });
  }
  while (filler !== undefined && lines.at(-1)?.text === filler) lines.pop();
  return lines;
}

export function kernelSuite(kernels: KernelIsa): void {
  const { isa, folder, objdump, checkUnwind } = kernels;
  const mark = `; ---- ${isa}\n`;
  describe(`${isa} kernels`, () => {
    const dir = fromRoot(`test/isa/${folder}/kernels`);
    for (const name of readdirSync(dir)) {
      it(name, function () {
        need(this, objdump);
        const file = `${dir}/${name}`;
        const [source, golden = ''] = readFileSync(file, 'utf8').split(mark);
        const { sigs, funcs } = parseModule(source);
        verify(funcs[0], sigs);
        const native = new NativeModule(sigs, 1, {
          ...UNOPTIMIZED,
          isa,
          allocator: allocateBundles,
          march: /^; march (.*)$/m.exec(source)?.[1] ?? '',
          optLevel: 2,
        });
        const compiled = native.add(funcs[0], 0);
        const lines = disassemble(compiled, kernels);
        checkUnwind(compiled, lines);
        const text = lines.map((l) => `; ${l.offset.toString(16).padStart(4)}: ${l.text}\n`).join('');
        if (process.env.BLESS === '1') writeFileSync(file, `${source}${mark}${text}`);
        else assert.equal(text, golden);
      });
    }
  });
}
