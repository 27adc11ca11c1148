// Cost of fixups and veneers, from a thousand to a million pending in one function, or between functions. Run with:
//   node scripts/build.mjs bench/fixups.ts && node build/bench/fixups.js
// Prints the least time of ROUNDS rounds, steps and veneers for each size, and the exponent that fits them; fails if
// one of the exponents of steps exceeds 1.1.
import { branchLoad, callLoad, fittedExponent, type LoadResult } from './fixup_load.ts';
import { formatTable, seconds } from './table.ts';

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const ROUNDS = 5;
const MOST = 1.1;

const loads: readonly (readonly [string, (count: number) => LoadResult])[] = [
  ['branches, aarch64', branchLoad],
  ['calls, aarch64', (count) => callLoad('aarch64', count)],
  ['calls, x86_64', (count) => callLoad('x86_64', count)],
];

for (const [name, load] of loads) {
  const rows = [[name, 'time', 'ns a fixup', 'steps a fixup', 'veneers']];
  const times: [number, number][] = [];
  const steps: [number, number][] = [];
  for (const size of SIZES) {
    const results = Array.from({ length: ROUNDS }, () => load(size));
    const time = Math.min(...results.map((result) => result.seconds));
    const { work, veneers } = results[0];
    times.push([size, time]);
    steps.push([size, work]);
    rows.push([
      String(size),
      seconds(time),
      ((time / size) * 1e9).toFixed(0),
      (work / size).toFixed(2),
      String(veneers),
    ]);
  }
  const exponent = fittedExponent(steps);
  console.log(formatTable(rows));
  // Small sizes are dominated by the compiler of JavaScript warming up: time is fitted from 10,000 on.
  console.log(`exponents: time ${fittedExponent(times.slice(1)).toFixed(3)}, steps ${exponent.toFixed(3)}\n`);
  if (exponent > MOST) process.exitCode = 1;
}
