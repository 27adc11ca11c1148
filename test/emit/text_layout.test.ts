import assert from 'node:assert/strict';
import { dataBlock } from '../../src/emit/function_code.ts';
import type { FunctionCode } from '../../src/emit/function_code.ts';
import { layoutOrder } from '../../src/emit/layout_order.ts';
import { RUN_ALIGN, RUN_GAP, TextLayout } from '../../src/emit/text_layout.ts';
import type { TextImage } from '../../src/emit/text_layout.ts';
import { SectionRole, sectionBytes, textSections } from '../../src/emit/object_file.ts';
import { Kind, Op, get32, risc } from './toy_isa.ts';

/** A function of `size` bytes with calls of `symbols` at its start. */
function calls(size: number, symbols: readonly number[], kind = Kind.Call11): FunctionCode {
  const bytes = new Uint8Array(size);
  for (let c = 0; c < symbols.length; c++) bytes[c * 8] = Op.Call;
  return {
    ...dataBlock(bytes, 4),
    dataRanges: new Int32Array(0),
    fixups: Int32Array.from(symbols.flatMap((symbol, c) => [c * 8 + 4, symbol, kind, 0])),
  };
}

function byteAt(image: TextImage, offset: number): { bytes: Uint8Array; at: number } {
  for (const run of image.runs) {
    for (const { offset: start, bytes } of run.chunks) {
      if (offset >= start && offset < start + bytes.length) return { bytes, at: offset - start };
    }
  }
  throw new Error(`nothing at ${offset}`);
}

/** Where the field at `offset` leads through any veneers, and how many there are. */
function follow(image: TextImage, field: number): { target: number; veneers: number } {
  for (let veneers = 0; ; veneers++) {
    const { bytes, at } = byteAt(image, field);
    const target = field + get32(bytes, at);
    const next = byteAt(image, target);
    if (next.bytes[next.at] < Op.Veneer12) return { target, veneers };
    field = target + 4;
  }
}

describe('text layout', () => {
  it('resolves calls forward and back without veneers while they reach', () => {
    const layout = new TextLayout(risc);
    layout.append(calls(100, [0, 1, 2]), 0);
    layout.append(calls(1000, [0, 1, 2]), 1);
    layout.append(calls(100, [0, 1, 2]), 2);
    const image = layout.finish();
    assert.equal(image.veneerOffset.length, 0);
    for (let f = 0; f < 3; f++) {
      for (let c = 0; c < 3; c++) {
        const { target, veneers } = follow(image, image.symbolOffset[f] + 8 * c + 4);
        assert.deepEqual([target, veneers], [image.symbolOffset[c], 0]);
      }
    }
  });

  it('chains veneers three levels deep, forward', () => {
    const layout = new TextLayout(risc);
    layout.append(calls(100, [300]), 0);
    for (let f = 1; f <= 299; f++) layout.append(calls(1000, []), f);
    layout.append(calls(16, []), 300);
    const image = layout.finish();
    assert.deepEqual(follow(image, 4), { target: image.symbolOffset[300], veneers: 3 });
    assert.deepEqual([...image.veneerSymbol], [300, 300, 300]);
  });

  it('gives one veneer to all calls of a function that lies too far back', () => {
    const layout = new TextLayout(risc);
    layout.append(calls(16, []), 0);
    layout.append(calls(20_000, []), 1);
    layout.append(calls(100, [0, 0, 0]), 2);
    layout.append(calls(100, [0]), 3);
    const image = layout.finish();
    for (const field of [4, 12, 20]) {
      assert.equal(follow(image, image.symbolOffset[2] + field).target, 0);
    }
    assert.equal(follow(image, image.symbolOffset[3] + 4).target, 0);
    // One of 16 bits: one of 12 could not reach 20,000 bytes back.
    assert.equal(image.veneerOffset.length, 1);
  });

  it('needs no veneer for the function that is placed next, however long it is', () => {
    const layout = new TextLayout(risc);
    layout.append(calls(100, [1]), 0);
    layout.append(calls(50_000, []), 1);
    assert.equal(layout.finish().veneerOffset.length, 0);
  });

  it('never materialises padding, and starts a run behind a large gap', () => {
    const pad = 2 ** 32;
    const layout = new TextLayout(risc, { padFunctions: pad });
    layout.append(calls(64, [1]), 0);
    // 32 bits are the longest reach of the toy: this far only data goes.
    const far = new TextLayout(risc, { padFunctions: 3 * RUN_GAP });
    far.append(calls(64, [1]), 0);
    far.append(calls(64, [0]), 1);
    far.append(dataBlock(new Uint8Array(8), 8), 2);
    const image = far.finish();
    assert.equal(image.runs.length, 3);
    assert.ok(image.runs.reduce((sum, run) => sum + run.size, 0) < 1000);
    for (const run of image.runs) assert.equal(run.offset % RUN_ALIGN, 0);
    assert.equal(follow(image, 4).target, image.symbolOffset[1]);
    assert.equal(follow(image, image.symbolOffset[1] + 4).target, 0);
    const sections = textSections(image, 64, 0);
    assert.deepEqual(
      sections.map((section) => [section.role, section.index, section.textOffset]),
      image.runs.map((run, k) => [SectionRole.Text, k, run.offset]),
    );
    assert.equal(sectionBytes(sections[1]).length, image.runs[1].size);
    assert.deepEqual([...sections[2].dataRanges], [0, 8]);
    assert.throws(() => layout.finish(), /symbol 1 is used and was never placed/);
  });

  it('sends every call through a veneer when told to', () => {
    const layout = new TextLayout(risc, { forceVeneers: true });
    layout.append(calls(100, [0, 1, 1]), 0);
    layout.append(calls(100, [0]), 1);
    const image = layout.finish();
    for (const [field, symbol] of [
      [4, 0],
      [12, 1],
      [20, 1],
      [image.symbolOffset[1] + 4, 0],
    ]) {
      const { target, veneers } = follow(image, field);
      assert.equal(target, image.symbolOffset[symbol]);
      assert.ok(veneers >= 1);
    }
  });

  it('rejects a symbol placed twice and a function too long for its own calls', () => {
    const layout = new TextLayout(risc);
    layout.append(calls(16, []), 0);
    assert.throws(() => layout.append(calls(16, []), 0), /placed twice/);
    assert.throws(() => layout.append(calls(10_000, [5]), 1), /out of reach of its own/);
  });

  it('costs a number of steps that is linear in the calls', () => {
    const steps = (count: number): number => {
      // Each function of 64 bytes calls four others: near, far, not placed for long.
      const functions = count / 4;
      const layout = new TextLayout(risc, { padFunctions: 1000 });
      for (let f = 0; f < functions; f++) {
        const a = Math.imul(f, 0x9e3779b1) >>> 0;
        layout.append(
          calls(64, [(f + 1) % functions, f >> 1, (f + 40) % functions, a % functions], Kind.Jump16),
          f,
        );
      }
      const image = layout.finish();
      assert.ok(image.veneerOffset.length > count / 8);
      return layout.work;
    };
    const exponent = Math.log(steps(1_000_000) / steps(10_000)) / Math.log(100);
    assert.ok(exponent <= 1.1, `exponent ${exponent}`);
  });

  it('permutes by seed, always the same way', () => {
    assert.deepEqual([...layoutOrder(5, 0)], [0, 1, 2, 3, 4]);
    const order = layoutOrder(1000, 7);
    assert.deepEqual(order, layoutOrder(1000, 7));
    assert.notDeepEqual(order, layoutOrder(1000, 8));
    assert.deepEqual(
      [...order].sort((a, b) => a - b),
      [...layoutOrder(1000, 0)],
    );
  });
});
