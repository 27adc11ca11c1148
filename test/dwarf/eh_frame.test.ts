import assert from 'node:assert/strict';
import { encodeEhFrame } from '../../src/dwarf/eh_frame.ts';
import { RelocationKind } from '../../src/emit/object_file.ts';
import { Unwind } from '../../src/isa/frame.ts';

const encode = (rows: number[], isa: 'x86_64' | 'aarch64' = 'x86_64') =>
  encodeEhFrame(isa, [{ symbol: 3, bytes: 0x30000, unwind: Int32Array.from(rows) }], 7, 4);

describe('call frame information', () => {
  it('encodes each distance and each rule (DWARF 5, section 6.4.2)', () => {
    const { bytes, relocations } = encode([
      ...[1, Unwind.CfaOffset, 16, 0],
      ...[0x51, Unwind.Saved, 6, -16],
      ...[0x251, Unwind.CfaRegister, 6, 16],
      ...[0x20000, Unwind.Restored, 6, 0],
      ...[0x20000, Unwind.CfaOffset, 300, 0],
      ...[0x20000, Unwind.Saved, 70, -8],
    ]);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const cie = 4 + view.getUint32(0, true);
    assert.equal(cie % 8, 0);
    assert.equal(view.getUint32(cie + 4, true), cie + 4, 'distance back to the CIE');
    assert.deepEqual(relocations, [
      { section: 7, offset: cie + 8, symbol: 3, kind: RelocationKind.Pc32, addend: 0 },
    ]);
    assert.equal(view.getUint32(cie + 12, true), 0x30000);
    const program = [...bytes.subarray(cie + 17)];
    const expected = [
      ...[0x41, 0x0e, 16], // advance 1, def_cfa_offset 16
      ...[0x02, 0x50, 0x86, 2], // advance1 0x50, offset r6 at cfa-16
      ...[0x03, 0x00, 0x02, 0x0c, 6, 16], // advance2 0x200, def_cfa r6+16
      ...[0x04, 0xaf, 0xfd, 0x01, 0x00, 0xc6], // advance4, restore r6
      ...[0x0c, 7, 0xac, 0x02], // the register changes back: def_cfa rsp+300
      ...[0x05, 70, 1], // offset_extended r70 at cfa-8
    ];
    assert.deepEqual(program.slice(0, expected.length), expected);
    assert.ok(
      program.slice(expected.length).every((byte) => byte === 0),
      'only DW_CFA_nop behind',
    );
    assert.equal(cie + 4 + view.getUint32(cie, true), bytes.length);
  });

  it('refuses rows that go back, lie inside an instruction, or save where nothing is', () => {
    assert.throws(() => encode([8, Unwind.CfaOffset, 16, 0, 4, Unwind.CfaOffset, 8, 0]), /not rising/);
    assert.throws(() => encode([2, Unwind.CfaOffset, 16, 0], 'aarch64'), /between two instructions/);
    assert.throws(() => encode([4, Unwind.Saved, 6, -12]), /CFA \+ -12/);
  });
});
