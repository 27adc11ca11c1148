// Random valid modules: binaryen's `wasm-opt --translate-to-fuzz --denan` makes one from random bytes. Its NaNs are made
// zero as they arise, so that results do not depend on which NaN an operation gives; calls are bounded by a counter, the
// global that the export `hangLimitInitializer` resets. A part of the modules goes through binaryen's optimiser, as the
// shapes that this leaves are those of real programs. All globals are exported here, so that they can be compared.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { decodeModule } from '../../src/frontend/decode.ts';
import { leb, name } from '../frontend/binary.ts';
import { Random } from './random.ts';

declare const WebAssembly: { validate(bytes: Uint8Array): boolean };

/** Flags of binaryen's tools for what is compared; reference types vary. */
export const FEATURES: readonly string[] = [
  '--enable-sign-ext',
  '--enable-nontrapping-float-to-int',
  '--enable-multivalue',
  '--enable-mutable-globals',
  '--enable-bulk-memory',
  ...'simd threads exception-handling tail-call gc memory64 typed-function-references relaxed-simd extended-const'
    .split(' ')
    .map((feature) => `--disable-${feature}`),
];
/** Ways through binaryen's optimiser; most modules stay as they are made. */
const PASSES: readonly (readonly string[])[] = [
  [],
  [],
  [],
  ['-O1'],
  ['-O3'],
  ['-Os'],
  ['--fuzz-passes'],
  ['--flatten', '--local-cse', '--simplify-locals', '--coalesce-locals'],
  ['--dae', '--inlining-optimizing'],
];
const MAX_INPUT = 40_000;
/** Old versions of wasm-opt make some invalid modules (types of the typed references that are disabled). */
const TRIES = 40;

/** Makes modules in a folder of its own; `close` removes it. */
export class ModuleGenerator {
  private readonly dir = mkdtempSync(path.join(os.tmpdir(), 'w2n-modules-'));
  /** Modules that wasm-opt made and V8 refused. */
  invalid = 0;

  /** The module of a seed: the same for the same version of wasm-opt. */
  make(seed: number): Uint8Array {
    const random = new Random(seed);
    const input = path.join(this.dir, 'input');
    const output = path.join(this.dir, 'output.wasm');
    for (let i = 0; i < TRIES; i++) {
      const bytes = new Uint8Array(
        1 + (random.below(4) === 0 ? random.below(MAX_INPUT) : random.below(4000)),
      );
      for (let at = 0; at < bytes.length; at++) bytes[at] = random.bits();
      writeFileSync(input, bytes);
      const references = random.below(3) === 0 ? '--enable-reference-types' : '--disable-reference-types';
      const args = [input, '-ttf', '--denan', '-o', output, ...FEATURES, references, ...random.pick(PASSES)];
      const child = spawnSync('wasm-opt', args, { encoding: 'utf8', timeout: 60_000 });
      if (child.error !== undefined) throw child.error;
      if (child.status === 0) {
        const module = new Uint8Array(readFileSync(output));
        if (WebAssembly.validate(module)) return exportGlobals(module);
      }
      this.invalid++;
    }
    throw new Error(`seed ${seed}: wasm-opt made ${TRIES} invalid modules in a row`);
  }

  close(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const EXPORT_SECTION = 7;

/** The module with each defined global exported as `global N`, N its index, if it is not exported under that name. */
export function exportGlobals(bytes: Uint8Array): Uint8Array {
  const module = decodeModule(bytes);
  const taken = new Set(module.exports.map((entry) => entry.name));
  const added: number[] = [];
  let count = 0;
  for (let g = module.importedGlobals; g < module.globalType.length; g++) {
    if (taken.has(`global ${g}`)) continue;
    added.push(...name(`global ${g}`), 3, ...leb(g));
    count++;
  }
  if (count === 0) return bytes;
  for (let at = 8; at < bytes.length;) {
    const [size, start] = readLeb(bytes, at + 1);
    if (bytes[at] === EXPORT_SECTION) {
      const [exports, first] = readLeb(bytes, start);
      const content = [...leb(exports + count), ...bytes.subarray(first, start + size), ...added];
      return Uint8Array.from([
        ...bytes.subarray(0, at),
        EXPORT_SECTION,
        ...leb(content.length),
        ...content,
        ...bytes.subarray(start + size),
      ]);
    }
    at = start + size;
  }
  return bytes;
}

/** An unsigned LEB128 number and the offset behind it. */
function readLeb(bytes: Uint8Array, at: number): [number, number] {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at];
    scale *= 128;
  }
}
