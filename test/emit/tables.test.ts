import assert from 'node:assert/strict';
import {
  NO_FUNCTION,
  buildCodeTables,
  findCallSite,
  findFunction,
  readRow,
  wasmOffsetOf,
} from '../../src/emit/tables.ts';
import type { PlacedFunction } from '../../src/emit/tables.ts';

function placed(
  offset: number,
  size: number,
  rows: Partial<Record<'traps' | 'callSites' | 'locations', number[]>>,
): PlacedFunction {
  return {
    code: {
      bytes: new Uint8Array(size),
      traps: Int32Array.from(rows.traps ?? []),
      callSites: Int32Array.from(rows.callSites ?? []),
      locations: Int32Array.from(rows.locations ?? []),
    },
    offset,
    functionIndex: offset === 64 ? NO_FUNCTION : offset,
    frame: { frameBytes: 48, savedMask: 0x8000_0001 },
  };
}

describe('code tables', () => {
  const far = 5 * 2 ** 32 + 128;
  const tables = buildCodeTables([
    placed(far, 1000, {
      locations: [0, 7_000_000, 20, 7_000_010, 300, 6_999_000, 700, 2_000_000_000],
      traps: [20, 3, 7_000_011, 24, -1, 7_000_012, 900, 4, 5],
      callSites: [100, 7_000_020, -1, -1, 0, 356, 10, 700, 2, 160],
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
  });

  it('answers the wasm offset of every code offset', () => {
    const row = readRow(tables, 1);
    const expected = (at: number): number => {
      if (at >= 900) return 5;
      if (at >= 700) return 2_000_000_000;
      if (at >= 300) return 6_999_000;
      if (at >= 24) return 7_000_012;
      return at >= 20 ? 7_000_011 : 7_000_000;
    };
    for (let at = 0; at < 1000; at++) assert.equal(wasmOffsetOf(tables, row, at), expected(at), `${at}`);
    assert.equal(wasmOffsetOf(tables, readRow(tables, 0), 3), -1);
  });

  it('finds call sites by exact return address', () => {
    const row = readRow(tables, 1);
    assert.deepEqual(findCallSite(tables, row, 100), {
      returnOffset: 100,
      wasmOffset: 7_000_020,
      landingPad: -1,
      stackMap: -1,
      argumentBytes: 0,
    });
    assert.deepEqual(findCallSite(tables, row, 356), {
      returnOffset: 356,
      wasmOffset: 10,
      landingPad: 700,
      stackMap: 2,
      argumentBytes: 160,
    });
    assert.equal(findCallSite(tables, row, 101), null);
    assert.equal(findCallSite(tables, readRow(tables, 0), 0), null);
  });

  it('is empty for an empty module', () => {
    const empty = buildCodeTables([]);
    assert.equal(empty.index.length, 0);
    assert.equal(findFunction(empty, 0), null);
  });
});
