// Cost of fixups and veneers, from a thousand to a million pending in one function, or between functions. Run with:
//   node scripts/build.mjs bench/fixups.ts && node build/bench/fixups.js
// Prints the least time of many rounds, steps and veneers for each size, and the exponents that fit them; fails if one of
// them exceeds 1.1. Each load is warmed up before its first size, so that small sizes pay for no compiler; a size is
// repeated until LEAST_SECONDS or MOST_ROUNDS have passed. A load gets ATTEMPTS before it counts as too slow: another
// program on the machine makes the large sizes slower.
import { fittedExponent, LOADS, type LoadResult } from './fixup_load.ts';
import { formatTable, seconds } from './table.ts';

const SIZES = [1000, 10_000, 100_000, 1_000_000];
const LEAST_ROUNDS = 5;
const MOST_ROUNDS = 100;
const LEAST_SECONDS = 0.5;
const MOST = 1.1;
const ATTEMPTS = 3;

/** The quickest of enough rounds. */
function quickest(load: (count: number) => LoadResult, size: number): LoadResult {
  let best = load(size);
  let total = best.seconds;
  for (let round = 1; round < LEAST_ROUNDS || (total < LEAST_SECONDS && round < MOST_ROUNDS); round++) {
    const result = load(size);
    total += result.seconds;
    if (result.seconds < best.seconds) best = result;
  }
  return best;
}

/** Measures all sizes; whether both exponents are small enough. */
function measure(name: string, load: (count: number) => LoadResult): boolean {
  quickest(load, 100_000);
  const rows = [[name, 'time', 'ns a fixup', 'steps a fixup', 'veneers']];
  const times: [number, number][] = [];
  const steps: [number, number][] = [];
  for (const size of SIZES) {
    const { seconds: time, work, veneers } = quickest(load, size);
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
  console.log(formatTable(rows));
  // A thousand fixups hardly leave a function: few need veneers, and fewer steps each.
  const time = fittedExponent(times.slice(1));
  const work = fittedExponent(steps.slice(1));
  console.log(`exponents from 10,000 on: time ${time.toFixed(3)}, steps ${work.toFixed(3)}\n`);
  return time <= MOST && work <= MOST;
}

for (const [name, load] of LOADS) {
  let fine = false;
  for (let attempt = 0; attempt < ATTEMPTS && !fine; attempt++) fine = measure(name, load);
  if (!fine) process.exitCode = 1;
}
