import assert from 'node:assert/strict';
import { NO_FUNCTION } from '../../src/emit/tables.ts';
import type { PlacedFunction } from '../../src/emit/tables.ts';
import { buildCodeTables, findCallSite, findFunction, readRow, wasmOffsetOf } from './code_tables.ts';

function placed(
  offset: number,
  size: number,
  rows: Partial<Record<'traps' | 'callSites', number[]>>,
): Omit<PlacedFunction, 'records'> {
  return {
    code: {
      bytes: new Uint8Array(size),
      traps: Int32Array.from(rows.traps ?? []),
      callSites: Int32Array.from(rows.callSites ?? []),
    },
    offset,
    functionIndex: offset === 64 ? NO_FUNCTION : offset,
    frame: { frameBytes: 48, savedMask: 0x8000_0001, prologueBytes: 0xfff0, stackArgBytes: 16_000 },
  };
}

describe('code tables', () => {
  const far = 5 * 2 ** 32 + 128;
  const LARGE = 1_900_000_000;
  const tables = buildCodeTables([
    placed(far, 1000, {
      // Offset, kind, wasm offset.
      traps: [20, 3, 7_000_011, 24, -1, 7_000_012, 900, 4, 5],
      // Return address, wasm offset, landing pad, stack map, argument bytes.
      callSites: [24, 7_000_020, -1, -1, 0, 356, 10, 700, 2, 160, 901, 2_000_000_000, -1, -1, 8],
    }),
    placed(64, 64, {}),
  ]);

  it('finds the function of a code offset, beyond 4 GiB too', () => {
    assert.equal(findFunction(tables, 63), null);
    assert.equal(findFunction(tables, 64)?.functionIndex, NO_FUNCTION);
    assert.equal(findFunction(tables, 127)?.offset, 64);
    assert.equal(findFunction(tables, 128), null);
    assert.equal(findFunction(tables, far + 999)?.offset, far);
    assert.equal(findFunction(tables, far + 1000), null);
    const row = readRow(tables, 1);
    assert.deepEqual([row.size, row.frameBytes, row.savedMask], [1000, 48, 0x8000_0001]);
    assert.deepEqual([row.prologueBytes, row.stackArgBytes], [0xfff0, 16_000]);
  });

  it('answers the wasm offset of traps, of calls, and of what lies between', () => {
    const row = readRow(tables, 1);
    const expected = (at: number): number => {
      if (at >= 901) return 2_000_000_000;
      if (at === 900) return 5; // the trap itself
      if (at >= 348) return 10; // in the bytes of a call and behind it
      if (at >= 24) return 7_000_012; // the trap behind the call that returns here
      if (at > 20) return 7_000_020; // in the bytes of a call
      return at === 20 ? 7_000_011 : -1;
    };
    for (let at = 0; at < 1000; at++) assert.equal(wasmOffsetOf(tables, row, at), expected(at), `${at}`);
    assert.equal(wasmOffsetOf(tables, readRow(tables, 0), 3), -1);
  });

  it('finds call sites by exact return address', () => {
    const row = readRow(tables, 1);
    const site = (returnOffset: number, wasmOffset: number, more: number[]): object => {
      const [landingPad, stackMap, argumentBytes] = more;
      return { returnOffset, wasmOffset, landingPad, stackMap, argumentBytes };
    };
    assert.deepEqual(findCallSite(tables, row, 24), site(24, 7_000_020, [-1, -1, 0]));
    assert.deepEqual(findCallSite(tables, row, 356), site(356, 10, [700, 2, 160]));
    assert.deepEqual(findCallSite(tables, row, 901), site(901, 2_000_000_000, [-1, -1, 8]));
    assert.equal(findCallSite(tables, row, 20), null);
    assert.equal(findCallSite(tables, row, 900), null);
    assert.equal(findCallSite(tables, readRow(tables, 0), 0), null);
  });

  it('holds code offsets of any function', () => {
    const large = buildCodeTables([placed(0, 1, { traps: [31, 1, 7, 32, 1, 8, LARGE, 1, 9] })]);
    const row = readRow(large, 0);
    assert.deepEqual(
      [31, 32, LARGE - 1, LARGE].map((at) => wasmOffsetOf(large, row, at)),
      [7, 8, 8, 9],
    );
  });

  it('refuses frames that its rows cannot hold', () => {
    const frame = { frameBytes: 0, savedMask: 0, prologueBytes: 0x10000, stackArgBytes: 0 };
    assert.throws(() => buildCodeTables([{ ...placed(0, 1, {}), frame }]), RangeError);
  });

  it('is empty for an empty module', () => {
    const empty = buildCodeTables([]);
    assert.equal(empty.index.length, 0);
    assert.equal(findFunction(empty, 0), null);
  });
});
