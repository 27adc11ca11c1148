// The benchmark (`make bench`): the C programs and hello by each compiler, as a table and as JSON.
//   node build/bench/main.js [--programs a,b] [--variants a,b] [--only run,compile,size,startup,wasi] [--rounds N]
//                            [--budget SECONDS] [--json FILE] [--record]
// Exit status 1 when a figure recorded in bench/baseline.json got worse by over 10 % or outputs differ; --record records.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { has } from '../test/support/need.ts';
import { fromRoot } from '../test/support/paths.ts';
import type { Program, ProgramRun } from '../test/programs/programs.ts';
import { compareFigures, readFigures, recordFigures, type Figure } from './baseline.ts';
import { measure } from './measure.ts';
import { geometricMean, pairRatios, spread, type Sample, type Spread } from './statistics.ts';
import { BENCH_PROGRAMS, HELLO, moduleFacts, type ModuleFacts } from './subjects.ts';
import { formatTable, kibibytes, ratioOf, seconds, shortRatio } from './table.ts';
import { codeBytes, VARIANTS, type Variant } from './variants.ts';
import { benchmarkWasi, wasiTable, type WasiResults } from './wasi.ts';

const PHASES = ['run', 'compile', 'size', 'startup', 'wasi'] as const;
const DEFAULT_VARIANTS = 'native,wasm2native,wasm2c,wasmtime';
const START_BATCH = 50;

const { values: options } = parseArgs({
  options: {
    programs: { type: 'string', default: BENCH_PROGRAMS.map((program) => program.name).join(',') },
    variants: { type: 'string', default: DEFAULT_VARIANTS },
    only: { type: 'string', default: PHASES.join(',') },
    rounds: { type: 'string', default: '5' },
    budget: { type: 'string', default: '60' },
    json: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
});

/** Times of one variant beside the first one's. */
interface Timing {
  readonly rounds: number;
  readonly wall: Spread;
  readonly cpu: Spread;
  readonly peakKib: number;
  /** Pair by pair over the first variant. */
  readonly wallRatio: Spread;
  readonly cpuRatio: Spread;
}

interface Size {
  readonly file: number;
  readonly code: number;
}

/** Everything measured of one program: by variant name. */
interface Result {
  readonly module: ModuleFacts;
  readonly run: Record<string, Timing>;
  readonly compile: Record<string, Timing>;
  readonly size: Record<string, Size>;
}

function choose<T extends { readonly name: string }>(all: readonly T[], list: string, what: string): T[] {
  return list.split(',').map((name) => {
    const found = all.find((item) => item.name === name);
    if (found === undefined)
      throw new Error(`no ${what} ${name}; there are ${all.map((i) => i.name).join(', ')}`);
    return found;
  });
}

function timings(variants: readonly Variant[], samples: readonly Sample[][]): Record<string, Timing> {
  const walls = samples.map((list) => list.map((sample) => sample.wall));
  const cpus = samples.map((list) => list.map((sample) => sample.cpu));
  return Object.fromEntries(
    variants.map((variant, i) => [
      variant.name,
      {
        rounds: samples[i].length,
        wall: spread(walls[i]),
        cpu: spread(cpus[i]),
        peakKib: Math.max(...samples[i].map((sample) => sample.peak)),
        wallRatio: spread(pairRatios(walls[i], walls[0])),
        cpuRatio: spread(pairRatios(cpus[i], cpus[0])),
      },
    ]),
  );
}

/** Runs each variant once with its output captured; throws when one differs from the first. */
function compareOutputs(
  program: Program,
  run: ProgramRun,
  cwd: string,
  commands: readonly (readonly string[])[],
): void {
  let expected: string | null = null;
  for (const command of commands) {
    const child = spawnSync(command[0], command.slice(1), {
      cwd,
      input: run.stdin?.() ?? Buffer.alloc(0),
      maxBuffer: 1 << 30,
    });
    if (child.error !== undefined) throw child.error;
    const text = child.stdout.toString('latin1');
    const outcome = `status ${child.status}\n${program.normalise?.(text) ?? text}`;
    expected ??= outcome;
    if (child.status !== 0 || outcome !== expected)
      throw new Error(
        `${program.name}: ${command.join(' ')} ends with ${child.signal ?? child.status} and ${outcome === expected ? 'the same' : 'other'} output\n${child.stderr.toString('utf8').slice(0, 2000)}`,
      );
  }
}

function benchmark(program: Program, variants: readonly Variant[], phases: ReadonlySet<string>): Result {
  const rounds = Number(options.rounds);
  const budget = Number(options.budget);
  const isHello = program === HELLO;
  const cwd = fromRoot('build/bench', program.name);
  mkdirSync(cwd, { recursive: true });
  const wasm = path.join(cwd, 'module.wasm');
  copyFileSync(program.wasm(), wasm);
  const outs = variants.map((variant) => path.join(cwd, variant.name));
  const builds = variants.map((variant, i) => variant.compile(program, wasm, outs[i]));
  for (const { dir, command } of builds) {
    const child = spawnSync(command[0], command.slice(1), { cwd: dir, encoding: 'utf8' });
    if (child.status !== 0) throw new Error(`${command.join(' ')} failed\n${child.stderr}`);
  }
  const result: Result = { module: moduleFacts(wasm), run: {}, compile: {}, size: {} };
  variants.forEach((variant, i) => {
    result.size[variant.name] = { file: statSync(outs[i]).size, code: codeBytes(outs[i]) };
  });
  if (phases.has('compile') && !isHello) {
    // Builds name their folder by `cd`, as the runner has one for all.
    const inFolder = builds.map(({ dir, command }) => ['env', '-C', dir, ...command]);
    const samples = measure(inFolder, { cwd, stdin: '/dev/null', rounds, budget });
    Object.assign(result.compile, timings(variants, samples));
  }
  if (phases.has(isHello ? 'startup' : 'run')) {
    const run = program.bench;
    if (run === undefined) throw new Error(`${program.name} has no run for the benchmark`);
    const stdin = path.join(cwd, 'stdin');
    writeFileSync(stdin, run.stdin?.() ?? '');
    for (const [name, content] of Object.entries(run.files ?? {}))
      writeFileSync(path.join(cwd, name), content());
    const commands = variants.map((variant, i) => variant.run(outs[i], run.args));
    compareOutputs(program, run, cwd, commands);
    const many = isHello ? { rounds: rounds * START_BATCH, batch: START_BATCH } : { rounds };
    Object.assign(result.run, timings(variants, measure(commands, { cwd, stdin, budget, ...many })));
  }
  return result;
}

type Results = Readonly<Record<string, Result>>;

function timeTable(
  title: string,
  variants: readonly Variant[],
  results: Results,
  key: 'run' | 'compile',
): void {
  const unit = key === 'run' ? 'cpu' : 'wall';
  const ratio = key === 'run' ? 'cpuRatio' : 'wallRatio';
  const [first, ...others] = variants;
  const rows = [[title, first.name, ...others.flatMap((variant) => [variant.name, 'ratio (pairs)'])]];
  const names = Object.keys(results);
  for (const name of names) {
    const timing = results[name][key];
    const row = [name, seconds(timing[first.name][unit].median)];
    for (const { name: other } of others)
      row.push(seconds(timing[other][unit].median), ratioOf(timing[other][ratio]));
    rows.push(row);
  }
  if (names.length > 1) {
    const mean = (variant: Variant): string =>
      shortRatio(geometricMean(names.map((name) => results[name][key][variant.name][ratio].median)));
    rows.push(['geometric mean', '', ...others.flatMap((variant) => ['', mean(variant)])]);
  }
  console.log(`${formatTable(rows)}\n`);
}

function operatorTable(variants: readonly Variant[], results: Results): void {
  const rows = [['ns of compile time an operator', 'operators', ...variants.map((variant) => variant.name)]];
  for (const [name, { module, compile }] of Object.entries(results))
    rows.push([
      name,
      String(module.operators),
      ...variants.map((variant) => ((compile[variant.name].wall.median / module.operators) * 1e9).toFixed(0)),
    ]);
  console.log(`${formatTable(rows)}\n`);
}

function sizeTable(variants: readonly Variant[], results: Results): void {
  const rows = [['size: file / machine code', 'wasm', ...variants.map((variant) => variant.name)]];
  for (const [name, { module, size }] of Object.entries(results)) {
    const row = [name, kibibytes(module.bytes)];
    for (const variant of variants) {
      const { file, code } = size[variant.name];
      const over = variant === variants[0] ? '' : ` ${shortRatio(code / size[variants[0].name].code)}x`;
      row.push(`${kibibytes(file)} / ${kibibytes(code)}${over}`);
    }
    rows.push(row);
  }
  console.log(`${formatTable(rows)}\n`);
}

/** The figures that must not get worse: bench/baseline.ts says why these. */
function figures(results: Results, hello: Result | null, versions: Readonly<Record<string, string>>) {
  const measured: Record<string, Figure> = {};
  for (const [name, { module, compile, size }] of Object.entries(results)) {
    const { wasm2native, wasm2c } = compile;
    if (wasm2native !== undefined && wasm2c !== undefined)
      measured[`compile/${name}`] = {
        value: wasm2native.cpu.min / wasm2c.cpu.min,
        basis: `${module.digest}, ${versions.wasm2c}, Node ${process.versions.node}`,
      };
    if (size.wasm2native !== undefined)
      measured[`text/${name}`] = {
        value: size.wasm2native.code / module.operators,
        basis: module.digest,
      };
  }
  const start = hello?.run;
  if (start?.wasm2native !== undefined && start.native !== undefined)
    measured['startup/hello'] = { value: start.wasm2native.wallRatio.median, basis: versions.native };
  return measured;
}

function main(): number {
  const phases = new Set(options.only.split(','));
  for (const phase of phases)
    if (!(PHASES as readonly string[]).includes(phase))
      throw new Error(`no phase ${phase}; there are ${PHASES.join(', ')}`);
  const programs = choose(BENCH_PROGRAMS, options.programs, 'program').filter((program) => {
    const missing = program.needs.filter((tool) => !has(tool));
    if (missing.length > 0) console.log(`left out: ${program.name} (no ${missing.join(', ')})`);
    return missing.length === 0;
  });
  const variants = choose(VARIANTS, options.variants, 'variant').filter((variant) => {
    const why = variant.missing();
    if (why !== null) console.log(`left out: ${variant.name} (${why})`);
    return why === null;
  });
  if (variants.length === 0) throw new Error('nothing to measure');
  const versions = Object.fromEntries(variants.map((variant) => [variant.name, variant.version()]));
  for (const [name, version] of Object.entries(versions)) console.log(`${name}: ${version}`);
  console.log('');

  const results: Record<string, Result> = {};
  let failures = 0;
  const attempt = (program: Program): Result | null => {
    try {
      return benchmark(program, variants, phases);
    } catch (error) {
      failures++;
      console.log(`FAILED: ${program.name}: ${error instanceof Error ? error.message : String(error)}\n`);
      return null;
    }
  };
  const ofPrograms = ['run', 'compile', 'size'].some((phase) => phases.has(phase));
  for (const program of ofPrograms ? programs : []) {
    const result = attempt(program);
    if (result !== null) results[program.name] = result;
  }
  const hello = phases.has('startup') ? attempt(HELLO) : null;

  if (phases.has('run')) timeTable('run time (CPU)', variants, results, 'run');
  if (phases.has('compile')) {
    timeTable('compile time (wall)', variants, results, 'compile');
    operatorTable(variants, results);
  }
  if (phases.has('size')) sizeTable(variants, hello === null ? results : { ...results, hello });
  if (hello !== null) {
    const rows = [['start-up (wall, hello)', ...variants.map((variant) => variant.name)]];
    rows.push(['median', ...variants.map((variant) => seconds(hello.run[variant.name].wall.median))]);
    rows.push(['least', ...variants.map((variant) => seconds(hello.run[variant.name].wall.min))]);
    rows.push(['ratio', ...variants.map((variant) => shortRatio(hello.run[variant.name].wallRatio.median))]);
    rows.push(['peak memory', ...variants.map((variant) => `${hello.run[variant.name].peakKib} KiB`)]);
    console.log(`${formatTable(rows)}\n`);
  }

  let wasi: WasiResults | null = null;
  if (phases.has('wasi'))
    try {
      wasi = benchmarkWasi(variants, Number(options.rounds), Number(options.budget));
      console.log(`${wasiTable(variants, wasi)}\n`);
    } catch (error) {
      failures++;
      console.log(`FAILED: calls to the host: ${error instanceof Error ? error.message : String(error)}\n`);
    }

  const measured = figures(results, hello, versions);
  const file = fromRoot('bench/baseline.json');
  const comparison = compareFigures(readFigures(file), measured);
  if (options.json !== undefined)
    writeFileSync(
      options.json,
      `${JSON.stringify({ versions, results, hello, wasi, measured, comparison }, null, 2)}\n`,
    );
  if (options.record) {
    recordFigures(file, measured);
    console.log(`recorded ${Object.keys(measured).length} figures in bench/baseline.json`);
    return failures > 0 ? 1 : 0;
  }
  for (const line of comparison.apart) console.log(`not compared: ${line}`);
  for (const line of comparison.worse) console.log(`WORSE: ${line}`);
  console.log(
    `${comparison.compared} recorded figures compared, ${comparison.worse.length} got worse by over 10 %`,
  );
  return failures > 0 || comparison.worse.length > 0 ? 1 : 0;
}

process.exitCode = main();
