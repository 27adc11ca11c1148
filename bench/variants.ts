// The ways of making a native program that the benchmark compares. Each says what it needs, how its compilation is
// called, how its result is run, and how many bytes of machine code the result has.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { readElf } from '../src/elf/reader.ts';
import type { BuildCommand, Program } from '../test/programs/programs.ts';
import { has } from '../test/support/need.ts';
import { fromRoot } from '../test/support/paths.ts';
import { prepareWasm2c } from './wasm2c.ts';

export interface Variant {
  readonly name: string;
  /** Why it cannot take part, or null. */
  missing(): string | null;
  /** Version of its tool, one line. */
  version(): string;
  /**
   * The compilation of `program`, whose wasm file is `wasm`, into the file `out`. What is prepared here is not timed; nor
   * is a first call, after which the stub is in the cache, as wasm2c's runtime is a library.
   */
  compile(program: Program, wasm: string, out: string): BuildCommand;
  /** Runs the result in the folder it may read and write. */
  run(out: string, args: readonly string[]): readonly [string, ...string[]];
}

/** Bytes of the executable sections of an ELF file (a module compiled by wasmtime is one, too). */
export function codeBytes(file: string): number {
  const { sections } = readElf(readFileSync(file));
  return sections.reduce(
    (sum, section) => sum + (section.isExecutable || section.name === '.text' ? section.size : 0),
    0,
  );
}

const firstLine = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8' }).split('\n')[0];
const lacking = (...tools: string[]): string | null => {
  const missing = tools.filter((tool) => !has(tool));
  return missing.length === 0 ? null : `no ${missing.join(', ')}`;
};

const native: Variant = {
  name: 'native',
  missing: () => lacking('clang-19'),
  version: () => firstLine('clang-19', '--version'),
  compile: (program, _wasm, out) => {
    if (program.nativeBuild === undefined) throw new Error(`${program.name} has no native build`);
    return program.nativeBuild(out);
  },
  run: (out, args) => [out, ...args],
};

const compiler = fromRoot('bin/wasm2native');

function wasm2native(name: string, level: string): Variant {
  return {
    name,
    missing: () => (spawnSync(compiler, ['--version']).status === 0 ? null : 'bin/wasm2native does not run'),
    version: () => `wasm2native ${firstLine(compiler, '--version')}`,
    compile: (_program, wasm, out) => ({
      dir: path.dirname(out),
      command: [compiler, wasm, '-o', out, level, '--dir', '.::/'],
    }),
    run: (out, args) => [out, ...args],
  };
}

const wasm2c: Variant = {
  name: 'wasm2c',
  missing: () => lacking('wasm2c', 'gcc'),
  version: () => `wasm2c ${firstLine('wasm2c', '--version')} + ${firstLine('gcc', '--version')}`,
  compile: (_program, wasm, out) => {
    const { include, library } = prepareWasm2c(wasm, out);
    const flags = include.map((dir) => `-I${dir}`).join(' ');
    const script = `wasm2c "$0" -n app -o "$1.c" && gcc -O2 -w ${flags} -o "$1" "$1.c" -Wl,-u,w2n_wasi_setup "$2" -lm -pthread`;
    return { dir: path.dirname(out), command: ['sh', '-c', script, wasm, out, library] };
  },
  run: (out, args) => [out, ...args],
};

const wasmtimeCommand = process.env.WASMTIME ?? 'wasmtime';
const wasmtime: Variant = {
  name: 'wasmtime',
  missing: () => (has(wasmtimeCommand) ? null : 'no wasmtime on PATH (or in WASMTIME)'),
  version: () => firstLine(wasmtimeCommand, '--version'),
  compile: (_program, wasm, out) => ({
    dir: path.dirname(out),
    command: [wasmtimeCommand, 'compile', '-o', out, wasm],
  }),
  run: (out, args) => [wasmtimeCommand, 'run', '--allow-precompiled', '--dir', '.::/', out, ...args],
};

/** All of them; the first is what the others are compared with. */
export const VARIANTS: readonly Variant[] = [
  native,
  wasm2native('wasm2native', '-O2'),
  wasm2native('wasm2native-O0', '-O0'),
  wasm2c,
  wasmtime,
];
