// Constants among the code that look like the sequence of Cortex-A53 erratum 843419 (adrp in the last two words of a page,
// a load, a load through the adrp's register) survive linkers that look for it: mapping symbols say that they are data.
// The same words as code are rewritten, so that the test is able to fail.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, output, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { leb, moduleOf, name, section } from '../frontend/binary.ts';

const COUNT = 2048;
/** ldr x1, [x0] */
const LOAD = 0xf9400001;
/** adrp x0 of the i-th of distances that differ. */
const adrp = (i: number): number => (0x90000000 | ((i & 3) << 29) | ((i >> 2) << 5)) >>> 0;

function constant(i: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, adrp(i), true);
  view.setUint32(4, LOAD, true);
  return bytes;
}

/** `_start` adds all constants and traps if the sum is not `sum`. */
function module(sum: Uint8Array): Uint8Array {
  // global.get 0, which is 0; then f64.const; f64.add for each; i64.reinterpret; i64 of the sum; i64.ne; if unreachable end; end
  const code: number[] = [0x23, 0];
  for (let i = 0; i < COUNT; i++) code.push(0x44, ...constant(i), 0xa0);
  code.push(0xbd, 0x44, ...sum, 0xbd, 0x52, 0x04, 0x40, 0x00, 0x0b, 0x0b);
  const body = [0, ...code];
  return moduleOf(
    section(1, [1, 0x60, 0, 0]),
    section(3, [1, 0]),
    section(6, [1, 0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b]),
    section(7, [2, ...name('_start'), 0, 0, ...name('zero'), 3, 0]),
    section(10, [1, ...leb(body.length), ...body]),
  );
}

/** Words of the text section of a file, with its address. */
function textOf(file: string, folder: string): { address: number; words: Uint32Array } {
  const line = output('readelf', '-SW', file)
    .split('\n')
    .find((text) => / (w2n_text|\.probe) +PROGBITS/.test(text));
  const match = /(w2n_text|\.probe) +PROGBITS +([0-9a-f]{16})/.exec(line ?? '');
  assert.ok(match !== null, line);
  const raw = path.join(folder, 'raw');
  output('llvm-objcopy-19', '-O', 'binary', `--only-section=${match[1]}`, file, raw);
  const bytes = new Uint8Array(readFileSync(raw));
  return { address: parseInt(match[2], 16), words: new Uint32Array(bytes.buffer, 0, bytes.length >> 2) };
}

/** Number of places where the sequence lies as the erratum has it. */
function sequences({ address, words }: { address: number; words: Uint32Array }): number {
  let count = 0;
  for (let w = 0; w + 3 < words.length; w++) {
    const isLate = ((address + 4 * w) & 0xff8) === 0xff8;
    const isAdrp = (words[w] & 0x9f00001f) >>> 0 === 0x90000000;
    if (isLate && isAdrp && words[w + 1] === LOAD && words[w + 3] === LOAD) count++;
  }
  return count;
}

/** All constants lie in a row. */
function assertAllThere(words: Uint32Array): void {
  let first = 0;
  while (first < words.length && (words[first] !== adrp(0) || words[first + 1] !== LOAD)) first++;
  const found = Array.from(words.subarray(first, first + 2 * COUNT));
  assert.deepEqual(
    found,
    Array.from({ length: 2 * COUNT }, (_, w) => (w % 2 === 0 ? adrp(w / 2) : LOAD)),
  );
}

describe('constants like erratum 843419', function () {
  this.timeout(60_000);
  let folder = '';
  const at = (file: string): string => path.join(folder, file);
  const GNU = ['aarch64-linux-gnu-gcc', '-Wl,--fix-cortex-a53-843419'];
  const LLD = ['ld.lld-19', '-shared', '--fix-cortex-a53-843419'];

  before(function () {
    need(this, 'aarch64-linux-gnu-gcc', 'ld.lld-19', 'llvm-objcopy-19', 'readelf', 'qemu-aarch64');
    folder = emptyFolder('erratum');
    let sum = 0;
    for (let i = 0; i < COUNT; i++) sum += new DataView(constant(i).buffer).getFloat64(0, true);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, sum, true);
    writeFileSync(at('constants.wasm'), module(bytes));
    const words = Array.from({ length: COUNT }, (_, i) => `.inst ${adrp(i)}, ${LOAD}`);
    const head = '.section .probe,"ax"\n.global probe\n.p2align 12\nprobe:\n';
    writeFileSync(at('probe.s'), `${head}${words.join('\n')}\nret\n`);
    output('aarch64-linux-gnu-gcc', '-c', at('probe.s'), '-o', at('probe.o'));
  });

  it('as code, both linkers rewrite them', () => {
    for (const [linker, ...flags] of [[...GNU, '-shared', '-nostdlib'], LLD]) {
      output(linker, ...flags, at('probe.o'), '-o', at('probe.so'));
      const before = sequences(textOf(at('probe.o'), folder));
      assert.ok(before >= 3, `${before} sequences`);
      assert.ok(sequences(textOf(at('probe.so'), folder)) < before, linker);
    }
  });

  for (const [title, flags] of [
    ['by default', []],
    ['with --fix-cortex-a53-843419', ['--ldflags', '-Wl,--fix-cortex-a53-843419']],
  ] as const) {
    it(`as constants they survive GNU ld ${title}, and the program runs`, () => {
      const target = ['--target', 'aarch64-linux'];
      for (const [emit, file] of [
        ['obj', 'constants.o'],
        ['exe', 'constants'],
      ]) {
        const made = wasm2native([...target, ...flags, '--emit', emit, at('constants.wasm'), '-o', at(file)]);
        assert.deepEqual([made.stderr, made.status], ['', 0]);
      }
      const linked = textOf(at('constants'), folder);
      assert.ok(sequences(linked) >= 3, `${sequences(linked)} sequences`);
      assertAllThere(linked.words);
      const run = execute('qemu-aarch64', ['-L', '/usr/aarch64-linux-gnu', at('constants')]);
      assert.deepEqual(run, { status: 0, signal: null, stdout: '', stderr: '' });
    });
  }

  it('as constants they survive lld', () => {
    const [linker, ...flags] = LLD;
    output(linker, ...flags, at('constants.o'), '-o', at('constants.so'));
    const linked = textOf(at('constants.so'), folder);
    assert.ok(sequences(linked) >= 3, `${sequences(linked)} sequences`);
    assertAllThere(linked.words);
  });
});
