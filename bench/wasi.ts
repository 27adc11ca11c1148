// What calls to the host cost beside a native program: reading and writing 1 GiB in pieces of 64 KiB, a million readings of
// the clock (bench/wasi/calls.c).
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from '../test/support/paths.ts';
import type { Program } from '../test/programs/programs.ts';
import { measure } from './measure.ts';
import { pairRatios, spread, type Spread } from './statistics.ts';
import { formatTable, ratioOf, seconds, shortRatio } from './table.ts';
import type { Variant } from './variants.ts';

const folder = fromRoot('build/bench/wasi');
const source = fromRoot('bench/wasi/calls.c');

/** What is asked of wasm2native: at most this many times the processor time of the native program. */
const LIMITS: Readonly<Record<WasiRun, number>> = { write: 1 / 0.95, read: 1 / 0.95, clock: 2 };
const RUNS = ['write', 'read', 'clock'] as const;
type WasiRun = (typeof RUNS)[number];

const CALLS: Program = {
  name: 'wasi',
  needs: ['clang-19'],
  wasm: () => {
    const out = path.join(folder, 'calls.wasm');
    execFileSync('clang-19', ['--target=wasm32-wasi', '-O2', '-o', out, source]);
    return out;
  },
  nativeBuild: (out) => ({ dir: folder, command: ['clang-19', '-O2', '-o', out, source] }),
  test: [{ args: ['clock'] }],
};

/** Times of one variant, and their ratios, pair by pair, over the first one's. User and system time count, as with the
 * programs: the wall time of the disk's writing back is nobody's. */
interface WasiTiming {
  readonly wall: Spread;
  readonly cpu: Spread;
  readonly ratio: Spread;
}
export type WasiResults = Readonly<Record<WasiRun, Readonly<Record<string, WasiTiming>>>>;

/** Measures all runs; a variant that has used up `budget` seconds in one sits out its remaining rounds. */
export function benchmarkWasi(variants: readonly Variant[], rounds: number, budget: number): WasiResults {
  mkdirSync(folder, { recursive: true });
  const wasm = CALLS.wasm();
  const outs = variants.map((variant) => path.join(folder, variant.name));
  variants.forEach((variant, i) => {
    const { dir, command } = variant.compile(CALLS, wasm, outs[i]);
    execFileSync(command[0], command.slice(1), { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] });
  });
  const time = (run: WasiRun): Record<string, WasiTiming> => {
    const commands = variants.map((variant, i) =>
      variant.run(outs[i], run === 'clock' ? [run] : [run, 'data']),
    );
    const samples = measure(commands, { cwd: folder, stdin: '/dev/null', rounds, budget });
    const walls = samples.map((list) => list.map((sample) => sample.wall));
    const cpus = samples.map((list) => list.map((sample) => sample.cpu));
    return Object.fromEntries(
      variants.map(({ name }, i) => [
        name,
        { wall: spread(walls[i]), cpu: spread(cpus[i]), ratio: spread(pairRatios(cpus[i], cpus[0])) },
      ]),
    );
  };
  const results = { write: time('write'), read: time('read'), clock: time('clock') };
  rmSync(path.join(folder, 'data'));
  return results;
}

/** The results as a table, and a line for each limit that was not met. */
export function wasiTable(variants: readonly Variant[], results: WasiResults): string {
  const [first, ...others] = variants;
  const titles: Readonly<Record<WasiRun, string>> = {
    write: 'write 1 GiB in 64 KiB pieces',
    read: 'read 1 GiB in 64 KiB pieces',
    clock: 'a million clock readings',
  };
  const rows = [
    ['calls to the host (CPU)', first.name, ...others.flatMap(({ name }) => [name, 'ratio (pairs)'])],
  ];
  const missed: string[] = [];
  for (const run of RUNS) {
    const timing = results[run];
    rows.push([
      titles[run],
      seconds(timing[first.name].cpu.median),
      ...others.flatMap(({ name }) => [seconds(timing[name].cpu.median), ratioOf(timing[name].ratio)]),
    ]);
    const own = timing.wasm2native?.ratio.median ?? 0;
    if (first.name === 'native' && own > LIMITS[run])
      missed.push(
        `MISSED: ${titles[run]}: ${shortRatio(own)} times native, ${shortRatio(LIMITS[run])} is the limit`,
      );
  }
  return [formatTable(rows), ...missed].join('\n');
}
