// Images of memory 0: what is copied, what is moved, and what is left to instantiation.
import assert from 'node:assert/strict';
import { decodeModule } from '../../src/frontend/decode.ts';
import { buildImage } from '../../src/module/image.ts';
import type { Target } from '../../src/options.ts';
import { leb, moduleOf, section } from '../frontend/binary.ts';

const LINUX: Target = { isa: 'x86_64', os: 'linux' };
const COPIED = 16 << 10;

/** A module with 4 pages of memory and active segments {offset, bytes}. */
function withSegments(...segments: (readonly [number, number[]])[]): ReturnType<typeof decodeModule> {
  const sleb = (value: number): number[] => [...leb(value | 0x8000000).slice(0, 3), (value >> 21) & 0x3f];
  const entries = segments.flatMap(([at, bytes]) => [
    0,
    0x41,
    ...sleb(at),
    0x0b,
    ...leb(bytes.length),
    ...bytes,
  ]);
  return decodeModule(moduleOf(section(5, [1, 0, 4]), section(11, [...leb(segments.length), ...entries])));
}

describe('memory image', () => {
  it('has just the bytes that are not zero if it is small', () => {
    const image = buildImage(withSegments([0x1001, [0, 0, 7]], [0x1010, [9, 0]]), LINUX);
    assert.deepEqual([image.merged, image.isPaged, image.offset, image.align], [true, false, 0x1003, 16]);
    assert.deepEqual([...image.bytes], [7, ...new Array<number>(12).fill(0), 9]);
  });

  it('consists of whole pages if it is large', () => {
    const most = buildImage(withSegments([0x1001, [1]], [0x1001 + COPIED - 1, [2]]), LINUX);
    assert.deepEqual([most.isPaged, most.offset, most.bytes.length], [false, 0x1001, COPIED]);
    const paged = withSegments([0x1001, [1]], [0x1001 + COPIED, [2]]);
    for (const [target, page] of [
      [LINUX, 0x1000],
      [{ isa: 'aarch64', os: 'linux' }, 0x10000],
      [{ isa: 'aarch64', os: 'macos' }, 0x4000],
    ] as const) {
      const image = buildImage(paged, target);
      assert.deepEqual([image.merged, image.isPaged, image.align], [true, true, page]);
      assert.equal(image.offset, 0x1001 - (0x1001 % page));
      assert.equal(image.bytes.length % page, 0);
      assert.deepEqual(
        [image.bytes[0x1001 - image.offset], image.bytes[0x1001 + COPIED - image.offset]],
        [1, 2],
      );
    }
  });

  it('is empty where all is zero, and not made where a segment is out of bounds', () => {
    const zero = buildImage(withSegments([5, [0, 0]]), LINUX);
    assert.deepEqual([zero.merged, zero.offset, zero.bytes.length], [true, 0, 0]);
    assert.equal(buildImage(withSegments([4 * 0x10000 - 1, [1, 2]]), LINUX).merged, false);
  });
});
