// Both tables of code offsets at once, for tests.
import { buildCodeIndex, writeCodeRecords } from '../../src/emit/tables.ts';
import type { CodeTables, PlacedFunction } from '../../src/emit/tables.ts';

/** Builds the tables of `functions`, which come in any order. */
export function buildCodeTables(functions: readonly Omit<PlacedFunction, 'records'>[]): CodeTables {
  const { stream, starts } = writeCodeRecords(functions);
  return { index: buildCodeIndex(functions.map((f, k) => ({ ...f, records: starts[k] }))), stream };
}
