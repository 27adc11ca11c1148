// Runs commands side by side through bench/runner.c and collects their samples.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from '../test/support/paths.ts';
import type { Sample } from './statistics.ts';

const MARK = '\u0001';

export interface MeasureOptions {
  readonly cwd: string;
  /** File that every run gets as its standard input. */
  readonly stdin: string;
  /** Timed rounds; one more is run before and not counted. */
  readonly rounds: number;
  /** A command that has taken this many seconds in all sits out the remaining rounds. */
  readonly budget: number;
  /** Rounds per start of the runner: more for short commands. */
  readonly batch?: number;
}

/** Compiles the runner unless it is there and newer than its source. */
export function buildRunner(): string {
  const source = fromRoot('bench/runner.c');
  const exe = fromRoot('build/bench/runner');
  if (existsSync(exe) && statSync(exe).mtimeMs >= statSync(source).mtimeMs) return exe;
  mkdirSync(path.dirname(exe), { recursive: true });
  const fresh = `${exe}.${process.pid}.tmp`;
  execFileSync('cc', ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-o', fresh, source]);
  renameSync(fresh, exe);
  return exe;
}

/**
 * Samples of each command, in the order of `commands`, from rounds in which each runs once. Throws when a command does
 * not exit with 0.
 */
export function measure(commands: readonly (readonly string[])[], options: MeasureOptions): Sample[][] {
  const runner = buildRunner();
  const samples: Sample[][] = commands.map(() => []);
  const batch = options.batch ?? 1;
  const round = (active: readonly number[], rounds: number): Sample[][] => {
    const args = active.flatMap((i) => [MARK, ...commands[i]]);
    const child = spawnSync(runner, [String(rounds), options.cwd, options.stdin, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    if (child.status !== 0) throw new Error(`the runner failed: ${child.error?.message ?? child.stderr}`);
    const taken: Sample[][] = active.map(() => []);
    for (const line of child.stdout.trim().split('\n')) {
      const [number, status, wall, cpu, peak] = line.split(' ').map(Number);
      if (status !== 0) throw new Error(`wait status ${status}: ${commands[active[number]].join(' ')}`);
      taken[number].push({ wall: wall / 1e9, cpu: cpu / 1e6, peak });
    }
    return taken;
  };
  const all = commands.map((_, i) => i);
  const spent = round(all, 1).map((warmUp) => warmUp[0].wall);
  for (let done = 0; done < options.rounds; done += batch) {
    const active = all.filter((i) => samples[i].length === 0 || spent[i] < options.budget);
    if (active.length === 0) break;
    round(active, Math.min(batch, options.rounds - done)).forEach((taken, n) => {
      samples[active[n]].push(...taken);
      for (const sample of taken) spent[active[n]] += sample.wall;
    });
  }
  return samples;
}
