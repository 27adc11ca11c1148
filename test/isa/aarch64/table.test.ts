// Every row of the aarch64 table, in each of its forms, with register extremes and immediate limits: our words are
// those that the system's assemblers make of our printed text. Also the immediates' encoders against brute force, and
// the words that the fixup kinds write.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { CodeBuffer } from '../../../src/emit/code_buffer.ts';
import {
  encAddImm,
  encConst,
  indexedWord,
  memoryWord,
  pairWord,
  word,
} from '../../../src/isa/aarch64/encoder.ts';
import { A64_FIXUPS, branchWord, Kind as Fixup } from '../../../src/isa/aarch64/fixups.ts';
import {
  arithmeticImm,
  decodeFloatImm,
  decodeLogicalImm,
  floatImm32,
  floatImm64,
  logicalImm,
} from '../../../src/isa/aarch64/immediates.ts';
import {
  A,
  CC_NAMES,
  Cond,
  CondField,
  Extend,
  Fmt,
  Kind,
  LITERALS,
  ROWS,
} from '../../../src/isa/aarch64/instructions.ts';
import type { Row } from '../../../src/isa/aarch64/instructions.ts';
import {
  indexedText,
  instructionText,
  memoryText,
  pairText,
  registerName,
} from '../../../src/isa/aarch64/printer.ts';
import { need } from '../../support/need.ts';
import { fromRoot } from '../../support/paths.ts';

let seed = 12345;
/** A random integer in [0, n). */
function random(n: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return (seed >> 8) % n;
}

const REGS = [0, 1, 15, 16, 29, 30, 31];
const regs = (row: Row): number[] => row.kinds.map(() => REGS[random(REGS.length)]);
const bitsOf = (row: Row): number => (row.kinds[0] === Kind.X || row.kinds[1] === Kind.X ? 64 : 32);

/** All logical immediates of a width that the manual's decoder knows, by element size, ones, rotation. */
function logicalFields(bits: number): number[] {
  const fields: number[] = [];
  for (let size = 2; size <= bits; size *= 2)
    for (let ones = 1; ones < size; ones++)
      for (let rotation = 0; rotation < size; rotation++) {
        const imms = size === 64 ? ones - 1 : (~(2 * size - 1) & 63) | (ones - 1);
        fields.push((size === 64 ? 0x1000 : 0) | (rotation << 6) | imms);
      }
  return fields;
}
const some = (list: readonly number[]): number[] => list.filter((_, k) => k % 61 === 0);

/** Values of imm that show its field's limits. */
function immsOf(row: Row): number[] {
  const bits = bitsOf(row);
  const top = bits - 1;
  switch (row.fmt) {
    case Fmt.DnmShift:
    case Fmt.DmShift:
    case Fmt.NmShift: {
      const isLogical = ['and', 'bic', 'orr', 'orn', 'eor', 'eon', 'tst', 'mvn'].includes(row.mnemonic);
      const kinds = isLogical ? [0, 1, 2, 3] : [0, 1, 2];
      return [0, ...kinds.flatMap((k) => [(k << 6) | 1, (k << 6) | top])];
    }
    case Fmt.DnmExt:
    case Fmt.NmExt: {
      const options = [0, 1, 2, 3, 4, 5, 6, 7];
      return options.flatMap((o) => [o << 3, (o << 3) | 4]);
    }
    case Fmt.DnImm12:
    case Fmt.NImm12:
      return [0, 1, 0xfff, 0x1001, 0x1fff];
    case Fmt.DnLogical:
    case Fmt.NLogical:
      return some(logicalFields(bits));
    case Fmt.DImm16:
      return (bits === 64 ? [0, 1, 2, 3] : [0, 1]).flatMap((hw) => [
        (hw << 16) | 1,
        (hw << 16) | 0xffff,
        (hw << 16) | 0xabc,
      ]);
    case Fmt.DnBits:
      return [0, (1 << 6) | 0, top << 6, (top << 6) | top, 7, top, (3 << 6) | 5, (20 << 6) | 9];
    case Fmt.DnmLsb:
      return [0, 1, top];
    case Fmt.DnmCond:
    case Fmt.DCond:
      return CC_NAMES.map((_, k) => k);
    case Fmt.NmCcmp:
      return [0, 0xf0, 0x5d, 0xa3];
    case Fmt.NCcmp:
      return [0, 0x1ff0, 0x105d, 0xa3];
    case Fmt.DFloat:
      return Array.from({ length: 256 }, (_, k) => k);
    default:
      return [0];
  }
}

interface Case {
  readonly text: string;
  readonly word: number;
}

function tableCases(): Case[] {
  const cases: Case[] = [];
  ROWS.forEach((row, x) => {
    if (row === null) return;
    if (row.fmt === Fmt.Mem) {
      memoryCases(cases, x, row);
      return;
    }
    if (row.fmt === Fmt.Pair) {
      const mode = (x - A.Stp) % 3;
      for (const disp of [-512, -8, 0, 8, 504])
        for (const [t, t2, n] of [
          [0, 1, 2],
          [30, 29, 31],
          [15, 31, 0],
        ])
          cases.push({ text: pairText(x, mode, t, t2, n, disp), word: pairWord(x, t, t2, n, disp) });
      return;
    }
    for (const imm of immsOf(row)) {
      for (let k = 0; k < 7; k++) {
        const [d, n, m, a] = k < 4 ? regs(row).map((r, i) => (i === k ? 31 : r)) : regs(row);
        cases.push({ text: instructionText(x, d, n, m, a, imm), word: word(x, d, n, m, a, imm) });
      }
    }
  });
  return cases;
}

function memoryCases(cases: Case[], x: number, row: Row): void {
  const bytes = 1 << row.scale;
  for (const disp of [0, bytes, 4095 * bytes, -1, -256, 255, bytes + 1, -bytes]) {
    if (disp > 255 && disp % bytes !== 0) continue;
    for (const [t, n] of [
      [0, 31],
      [31, 0],
      [17, 30],
    ])
      cases.push({ text: memoryText(x, t, n, disp), word: memoryWord(x, t, n, disp) });
  }
  for (const extend of [Extend.Uxtw, Extend.Uxtx, Extend.Sxtw, Extend.Sxtx])
    for (const scaled of [false, true])
      for (const [t, n, m] of [
        [0, 31, 1],
        [31, 27, 30],
        [15, 16, 31],
      ]) {
        // A byte's scale of zero is written out only with the bit set, in a way of its own.
        if (scaled && row.scale === 0) continue;
        cases.push({
          text: indexedText(x, t, n, m, extend, scaled),
          word: indexedWord(x, t, n, m, extend, scaled),
        });
      }
}

/** Branches and literals by their fixup kinds, at their reach. */
function fixupCases(): Case[] {
  const cases: Case[] = [];
  const patched = (start: number, kind: number, displacement: number): number => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, start, true);
    A64_FIXUPS.kinds[kind].patch(bytes, 0, displacement);
    return new DataView(bytes.buffer).getInt32(0, true);
  };
  const reach = (kind: number): number[] => {
    const { forward, backward, align } = A64_FIXUPS.kinds[kind];
    return [0, align, -align, forward, -backward];
  };
  const at = (displacement: number): string => `. ${displacement < 0 ? '-' : '+'} ${Math.abs(displacement)}`;
  for (const d of reach(Fixup.Branch26)) {
    cases.push({ text: `b ${at(d)}`, word: patched(0x14000000, Fixup.Branch26, d) });
    cases.push({ text: `bl ${at(d)}`, word: patched(0x94000000 | 0, Fixup.Call26, d) });
  }
  for (const d of reach(Fixup.Cond19)) {
    CC_NAMES.forEach((name, cc) =>
      cases.push({ text: `b.${name} ${at(d)}`, word: patched(branchWord(cc), Fixup.Cond19, d) }),
    );
    for (const reg of [0, 30, 31])
      for (const sense of [0, 1])
        for (const wide of [0, Cond.Wide]) {
          const name = registerName(wide === 0 ? Kind.W : Kind.X, reg);
          const start = branchWord(Cond.Zero | wide | sense | (reg << CondField.RegShift));
          cases.push({
            text: `cb${sense === 1 ? 'n' : ''}z ${name}, ${at(d)}`,
            word: patched(start, Fixup.Cond19, d),
          });
        }
    for (const [x, start] of LITERALS) {
      const row = ROWS[x];
      if (row === null) throw new Error(`literal of row ${x}`);
      const name = registerName(row.kinds[0], 30);
      cases.push({
        text: `${row.mnemonic} ${name}, ${at(d)}`,
        word: patched(start | 30, Fixup.Literal19, d),
      });
    }
  }
  for (const d of reach(Fixup.Test14))
    for (const bit of [0, 31, 32, 63])
      for (const sense of [0, 1]) {
        const start = branchWord(
          Cond.Test | sense | (17 << CondField.RegShift) | (bit << CondField.BitShift),
        );
        const name = registerName(bit > 31 ? Kind.X : Kind.W, 17);
        cases.push({
          text: `tb${sense === 1 ? 'n' : ''}z ${name}, #${bit}, ${at(d)}`,
          word: patched(start, Fixup.Test14, d),
        });
      }
  for (const d of [...reach(Fixup.Adr21), 2, -3])
    cases.push({ text: `adr x9, ${at(d)}`, word: patched(0x10000009, Fixup.Adr21, d) });
  const trap = new Uint8Array(4);
  A64_FIXUPS.writeTrap(trap, 0, 9);
  cases.push({ text: 'udf #9', word: new DataView(trap.buffer).getInt32(0, true) });
  return cases;
}

/** Assembles one instruction a word; returns the words. */
function assemble(command: string, args: string[], cases: readonly Case[], name: string): Int32Array {
  const dir = fromRoot('build/test/isa');
  mkdirSync(dir, { recursive: true });
  const source = `${dir}/${name}.s`;
  const object = `${dir}/${name}.o`;
  const raw = `${dir}/${name}.bin`;
  writeFileSync(source, `.text\n${cases.map((c) => c.text).join('\n')}\n`);
  const assembled = spawnSync(command, [...args, '-o', object, source], { encoding: 'utf8' });
  assert.equal(assembled.status, 0, assembled.stderr.slice(0, 2000));
  const copied = spawnSync('aarch64-linux-gnu-objcopy', ['-O', 'binary', '-j', '.text', object, raw], {
    encoding: 'utf8',
  });
  assert.equal(copied.status, 0, copied.stderr);
  const bytes = readFileSync(raw);
  assert.equal(bytes.length, 4 * cases.length);
  return Int32Array.from(cases, (_, k) => bytes.readInt32LE(4 * k));
}

function compare(cases: readonly Case[], words: Int32Array): void {
  const hex = (w: number): string => (w >>> 0).toString(16).padStart(8, '0');
  const wrong = cases.flatMap((c, k) =>
    c.word === words[k] ? [] : [`${c.text}: ours ${hex(c.word)}, assembler ${hex(words[k])}`],
  );
  assert.equal(
    wrong.length,
    0,
    `${wrong.length} of ${cases.length} differ\n${wrong.slice(0, 20).join('\n')}`,
  );
}

describe('aarch64 instruction table', () => {
  const cases = [...tableCases(), ...fixupCases()];

  it('has rows in every family and thousands of cases', () => {
    for (const x of [
      A.Add,
      A.Eon + 1,
      A.CmpExt + 1,
      A.Extr + 1,
      A.Fcvtzu + 3,
      A.SliSign + 1,
      A.LdrQ,
      A.LdpF + 2,
    ])
      assert.notEqual(ROWS[x], null, `row ${x}`);
    assert.ok(cases.length > 5000, `${cases.length} cases`);
  });

  it('encodes as GNU as does', function () {
    this.timeout(60000);
    need(this, 'aarch64-linux-gnu-as');
    compare(cases, assemble('aarch64-linux-gnu-as', ['-march=armv8-a'], cases, 'a64-gas'));
  });

  it('encodes as llvm-mc does', function () {
    this.timeout(60000);
    need(this, 'llvm-mc-19');
    need(this, 'aarch64-linux-gnu-objcopy');
    compare(cases, assemble('llvm-mc-19', ['-triple=aarch64-linux-gnu', '-filetype=obj'], cases, 'a64-llvm'));
  });

  it('assembles veneers', function () {
    need(this, 'aarch64-linux-gnu-as');
    const text = [
      'movz x16, #0x5678',
      'movk x16, #0x1234, lsl #16',
      'movk x16, #0x7, lsl #32',
      'adr x17, .',
      'add x16, x16, x17',
      'br x16',
    ];
    const back = [
      'movn x16, #0xa987',
      'movk x16, #0x1234, lsl #16',
      'movk x16, #0xfff7, lsl #32',
      ...text.slice(3),
    ];
    const veneer = A64_FIXUPS.kinds[Fixup.Call26].veneer;
    assert.ok(veneer !== null);
    for (const [lines, displacement] of [
      [text, 0x712345678],
      [back, -0x8edcba988],
    ] as const) {
      const bytes = new Uint8Array(veneer.size);
      veneer.write(bytes, 0);
      A64_FIXUPS.kinds[veneer.kind].patch(bytes, veneer.fixupOffset, displacement);
      const view = new DataView(bytes.buffer);
      const expected = lines.map((t, k) => ({ text: t, word: view.getInt32(4 * k, true) }));
      compare(expected, assemble('aarch64-linux-gnu-as', [], expected, 'a64-veneer'));
    }
  });
});

describe('aarch64 immediates', () => {
  const low = (v: bigint): number => Number(BigInt.asIntN(32, v));
  const high = (v: bigint): number => Number(BigInt.asIntN(32, v >> 32n));

  it('logical: all that exist are found, and nothing else', () => {
    for (const bits of [32, 64]) {
      const known = new Map(logicalFields(bits).map((f) => [decodeLogicalImm(f, bits), f]));
      assert.equal(known.size, bits === 64 ? 5334 : 1302);
      for (const [value, field] of known) {
        const found = logicalImm(low(value), high(value), bits);
        assert.ok(found >= 0, `${value.toString(16)} of ${bits} bits`);
        assert.equal(decodeLogicalImm(found, bits), value, `field ${field}`);
        for (const other of [value ^ 1n, value ^ (1n << BigInt(random(bits)))])
          assert.equal(logicalImm(low(other), high(other), bits) >= 0, known.has(other), other.toString(16));
      }
      for (const none of [0n, (1n << BigInt(bits)) - 1n])
        assert.equal(logicalImm(low(none), high(none), bits), -1);
    }
  });

  it('floats: the 256 that exist', () => {
    const view = new DataView(new ArrayBuffer(8));
    for (let imm = 0; imm < 256; imm++) {
      const value = decodeFloatImm(imm);
      view.setFloat32(0, value, true);
      assert.equal(floatImm32(view.getInt32(0, true)), imm);
      assert.equal(floatImm32(view.getInt32(0, true) ^ (1 << random(19))), -1);
      view.setFloat64(0, value, true);
      assert.equal(floatImm64(view.getInt32(0, true), view.getInt32(4, true)), imm);
      assert.equal(floatImm64(1, view.getInt32(4, true)), -1);
    }
    assert.equal(floatImm32(0), -1);
    assert.equal(floatImm64(0, 0), -1);
  });

  it('arithmetic', () => {
    assert.deepEqual(
      [0, 4095, 4096, 0xfff000, 4097, 0x1000000, -1].map(arithmeticImm),
      [0, 4095, 0x1001, 0x1fff, -1, -1, -1],
    );
  });

  /** Runs movz, movn, movk, orr, add, sub of immediates. */
  function execute(buffer: CodeBuffer, start: bigint): bigint {
    const regsNow = new Map<number, bigint>([
      [31, 0n],
      [1, start],
    ]);
    const view = new DataView(buffer.bytes.buffer);
    for (let at = 0; at < buffer.length; at += 4) {
      const w = view.getUint32(at, true);
      const wide = w >>> 31 === 1;
      const [d, n] = [w & 31, (w >>> 5) & 31];
      const shift = BigInt(((w >>> 21) & 3) * 16);
      const part = BigInt((w >>> 5) & 0xffff) << shift;
      const opcode = (w >>> 23) & 0x3f;
      let value: bigint;
      if (opcode === 0x25 && ((w >>> 29) & 3) === 0) value = ~part;
      else if (opcode === 0x25 && ((w >>> 29) & 3) === 2) value = part;
      else if (opcode === 0x25) value = ((regsNow.get(d) ?? 0n) & ~(0xffffn << shift)) | part;
      else if (opcode === 0x24)
        value = (regsNow.get(n) ?? 0n) | decodeLogicalImm((w >>> 10) & 0x1fff, wide ? 64 : 32);
      else if (((w >>> 24) & 0x1f) === 0x11) {
        const imm = BigInt((w >>> 10) & 0xfff) << ((w >>> 22) & 1 ? 12n : 0n);
        value = (regsNow.get(n) ?? 0n) + ((w >>> 30) & 1 ? -imm : imm);
      } else if (((w >>> 21) & 0xff) === 0x59) {
        const m = regsNow.get((w >>> 16) & 31) ?? 0n;
        value = (regsNow.get(n) ?? 0n) + ((w >>> 30) & 1 ? -m : m);
      } else throw new Error(`word ${w.toString(16)}`);
      regsNow.set(d, BigInt.asUintN(wide ? 64 : 32, value));
    }
    return regsNow.get(0) ?? -1n;
  }

  it('constants are built from moves', () => {
    const parts = [0n, 1n, 0xffffn, 0x8000n, 0x5555n];
    const buffer = new CodeBuffer(A64_FIXUPS);
    for (let k = 0; k < 625; k++) {
      const value = [1, 5, 25, 125].reduce(
        (sum, step, i) => sum | (parts[Math.floor(k / step) % 5] << BigInt(16 * i)),
        0n,
      );
      for (const v of [value, value & 0xffffffffn]) {
        buffer.reset();
        encConst(buffer, 0, low(v), high(v));
        assert.equal(execute(buffer, 0n), v, v.toString(16));
        assert.ok(buffer.length <= (v < 2n ** 32n ? 8 : 16), v.toString(16));
      }
    }
  });

  it('additions of any int32', () => {
    const buffer = new CodeBuffer(A64_FIXUPS);
    for (const imm of [
      0, 1, -1, 4095, -4095, 4096, 0xabcdef, -0xabcdef, 0x1000000, 0x7fffffff, -0x80000000,
    ]) {
      buffer.reset();
      encAddImm(buffer, 0, 1, imm);
      assert.equal(execute(buffer, 1n << 40n), (1n << 40n) + BigInt(imm), String(imm));
    }
  });
});
