// The benchmark's tables on the terminal: columns aligned, figures short.
import type { Spread } from './statistics.ts';

/** Rows of cells as lines; the first column to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

/** Seconds in a fitting unit. */
export function seconds(value: number): string {
  if (value >= 1) return `${value.toFixed(2)} s`;
  return value >= 0.01 ? `${(value * 1e3).toFixed(0)} ms` : `${(value * 1e3).toFixed(2)} ms`;
}

export const kibibytes = (bytes: number): string => `${(bytes / 1024).toFixed(0)} KiB`;

/** A ratio, with its least and greatest pair behind it. */
export const ratioOf = ({ median, min, max }: Spread): string =>
  `${shortRatio(median)} (${shortRatio(min)}-${shortRatio(max)})`;

export const shortRatio = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(value < 0.1 ? 3 : 2);
