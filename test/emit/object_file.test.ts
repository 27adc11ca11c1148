import assert from 'node:assert/strict';
import { SectionRole, plainSection, sectionBytes, writeSection } from '../../src/emit/object_file.ts';

describe('object file', () => {
  it('writes chunks with filled holes between and behind', () => {
    const section = {
      ...plainSection(SectionRole.Text, new Uint8Array(0), 16),
      size: 10,
      fill: 0xcc,
      chunks: [
        { offset: 1, bytes: Uint8Array.of(1, 2) },
        { offset: 6, bytes: Uint8Array.of(3) },
      ],
    };
    assert.deepEqual([...sectionBytes(section)], [0xcc, 1, 2, 0xcc, 0xcc, 0xcc, 3, 0xcc, 0xcc, 0xcc]);
  });

  it('rejects chunks that overlap or leave the section', () => {
    const section = { ...plainSection(SectionRole.Record, Uint8Array.of(1, 2, 3), 8), size: 2 };
    assert.throws(() => sectionBytes(section));
    const chunk = { offset: 0, bytes: Uint8Array.of(1, 2) };
    const overlapping = { ...section, size: 8, chunks: [chunk, { offset: 1, bytes: chunk.bytes }] };
    assert.throws(() => {
      writeSection(overlapping, () => undefined);
    }, /overlap/);
  });
});
