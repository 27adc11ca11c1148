// The command line: options, their checks, help. Input: words; output: a Request. Nothing is read or written here.
import path from 'node:path';
import yargs from 'yargs';
import type { CompileOptions, ConfigPair, StressOptions, Target } from '../options.ts';
import { defaultOptions } from '../options.ts';
import { UsageError } from './diagnostics.ts';
import { hostTarget, parseTarget } from './target.ts';
import { splitWords } from './words.ts';

export type Emit = 'exe' | 'obj' | 'asm' | 'ir' | 'header' | 'shared' | 'static-lib';
const EMITS: readonly Emit[] = ['exe', 'obj', 'asm', 'ir', 'header', 'shared', 'static-lib'];

export interface Request {
  readonly command: 'build' | 'run' | 'inspect';
  readonly files: readonly string[];
  /** run: what belongs to the program. */
  readonly programArguments: readonly string[];
  /** run: the export to call instead of `_start`. */
  readonly invoke: string | undefined;
  readonly output: string | undefined;
  readonly emit: Emit;
  /** --name, or undefined: from the input's name. */
  readonly name: string | undefined;
  /** Everything of CompileOptions but the name. */
  readonly compile: Omit<CompileOptions, 'name'>;
  readonly cc: readonly string[] | undefined;
  readonly cflags: readonly string[];
  readonly ldflags: readonly string[];
  readonly isStatic: boolean;
  readonly strip: boolean;
  readonly cacheFolder: string | undefined;
  readonly noCache: boolean;
  readonly verbose: boolean;
  readonly timePasses: boolean;
  readonly stats: boolean;
}

const USAGE = `wasm2native [build] INPUTS... [-o OUT]     compile and link
wasm2native run [options] app.wasm [args]  compile, run; what follows the module is the program's
wasm2native inspect FILE                   show what a module, object or executable holds

INPUTS: one WebAssembly module; C sources, objects and archives that supply its imports or hold main.`;

function parser(words: readonly string[]) {
  return yargs([...words])
    .scriptName('wasm2native')
    .usage(USAGE)
    .parserConfiguration({
      'boolean-negation': false,
      'short-option-groups': false,
      'dot-notation': false,
      'camel-case-expansion': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'duplicate-arguments-array': true,
    })
    .option('o', { type: 'string', requiresArg: true, describe: 'output file' })
    .option('emit', { choices: EMITS, default: 'exe' as const, describe: 'kind of output' })
    .option('name', { type: 'string', requiresArg: true, describe: 'module name in symbols' })
    .option('target', {
      type: 'string',
      requiresArg: true,
      describe: '{x86_64,aarch64}-{linux,linux-musl,macos}',
    })
    .option('O', { type: 'string', requiresArg: true, default: '2', describe: 'optimisation level: 0 or 2' })
    .option('march', { type: 'string', requiresArg: true, default: '', describe: 'CPU level' })
    .option('cf-protection', {
      choices: ['none', 'branch'] as const,
      default: 'none' as const,
      describe: 'x86_64: endbr64 where indirect branches land',
    })
    .option('branch-protection', {
      choices: BRANCH_PROTECTIONS,
      default: 'none' as const,
      describe: 'aarch64: bti where indirect branches land, signed return addresses, or both',
    })
    .option('bounds', { choices: ['guard', 'checked'] as const, default: 'guard' as const })
    .option('memory-base', { choices: ['register', 'gs'] as const, default: 'register' as const })
    .option('stack-size', { type: 'string', requiresArg: true, describe: 'bytes of wasm stack; K, M, G' })
    .option('max-memory', { type: 'string', requiresArg: true, describe: 'limit of each memory; K, M, G' })
    .option('max-table-elements', { type: 'string', requiresArg: true, describe: 'limit of each table' })
    .option('max-open-files', { type: 'string', requiresArg: true, describe: 'limit of open descriptors' })
    .option('timeout', {
      type: 'string',
      requiresArg: true,
      describe: 'wall-clock limit that ends in a trap: seconds, or with unit ms, s, m, h',
    })
    .option('seccomp', { type: 'boolean', describe: 'Linux: drop to the system calls that the grants need' })
    .option('allow-devices', {
      type: 'boolean',
      describe: 'device nodes and procfs below granted directories',
    })
    .option('clock', {
      type: 'string',
      requiresArg: true,
      describe: 'fixed clock: START[/STEP], ns since 1970 and ns a reading (1000)',
    })
    .option('seed', { type: 'string', requiresArg: true, describe: 'random numbers from this seed' })
    .option('argv0', { type: 'string', requiresArg: true, describe: "the program's own name, argument 0" })
    .option('listen', {
      type: 'string',
      array: true,
      requiresArg: true,
      nargs: 1,
      describe: 'grant a socket that listens on ADDR:PORT',
    })
    .option('dir', {
      type: 'string',
      array: true,
      requiresArg: true,
      nargs: 1,
      describe: 'grant HOST[::GUEST]',
    })
    .option('env', {
      type: 'string',
      array: true,
      requiresArg: true,
      nargs: 1,
      describe: 'NAME=VALUE, or NAME to pass on',
    })
    .option('inherit-env', { type: 'boolean', describe: 'pass the whole environment on' })
    .option('fixed-grants', { type: 'boolean', describe: 'ignore WASM2NATIVE_OPTS at run time' })
    .option('invoke', {
      type: 'string',
      requiresArg: true,
      describe: 'run: call this export with the arguments, print its results',
    })
    .option('cc', {
      type: 'string',
      requiresArg: true,
      describe: 'C compiler, with arguments: "zig cc -target ..."',
    })
    .option('cflags', {
      type: 'string',
      array: true,
      requiresArg: true,
      nargs: 1,
      describe: 'for C inputs and the stub',
    })
    .option('ldflags', {
      type: 'string',
      array: true,
      requiresArg: true,
      nargs: 1,
      describe: 'for the link, behind all',
    })
    .option('static', { type: 'boolean', describe: 'link statically' })
    .option('strip', { type: 'boolean', describe: 'no symbols in the output' })
    .option('cache-dir', { type: 'string', requiresArg: true })
    .option('cache', { type: 'boolean', default: true, hidden: true })
    .option('no-cache', { type: 'boolean', describe: 'keep nothing for the next build' })
    .option('time-passes', { type: 'boolean', describe: 'print the time of each phase' })
    .option('stats', { type: 'boolean', describe: 'print counts and sizes' })
    .option('verbose', { type: 'boolean', describe: 'print the commands that are run' })
    .option('x-pad-functions', { type: 'string', requiresArg: true, hidden: true })
    .option('x-pad-blocks', { type: 'string', requiresArg: true, hidden: true })
    .option('x-reach', { type: 'string', array: true, requiresArg: true, nargs: 1, hidden: true })
    .option('x-force-veneers', { type: 'boolean', hidden: true })
    .option('x-layout-seed', { type: 'string', requiresArg: true, hidden: true })
    .option('x-regs', { type: 'string', requiresArg: true, hidden: true })
    .option('x-opt-fuel', { type: 'string', requiresArg: true, hidden: true })
    .option('x-opt-func', { type: 'string', requiresArg: true, hidden: true })
    .option('x-walk', { type: 'boolean', hidden: true })
    .wrap(100)
    .version(false)
    .help('help')
    .strictOptions()
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw new UsageError(message ?? error?.message ?? 'bad arguments');
    });
}

/** Reads the words behind `wasm2native`. Prints the help and gives null if it was asked for. Throws UsageError. */
export function parseArguments(argv: readonly string[]): Request | null {
  const [first] = argv;
  const isCommand = first === 'build' || first === 'run' || first === 'inspect';
  const command = isCommand ? first : 'build';
  const { words, rest } = normalise(argv.slice(isCommand ? 1 : 0), command === 'run');
  const args = parser(words).parseSync();
  if (args.help === true) return null;
  for (const name of [
    'o',
    'name',
    'invoke',
    'target',
    'O',
    'cc',
    'march',
    'stack-size',
    'max-memory',
    'max-table-elements',
    'max-open-files',
    'timeout',
    'clock',
    'seed',
    'argv0',
    'cache-dir',
  ] as const)
    if (Array.isArray(args[name]))
      throw new UsageError(`${name.length > 1 ? '--' : '-'}${name} is given twice`);
  const files = args._.map(String);
  if (files.length === 0) throw new UsageError('no input file');
  if (command === 'inspect' && files.length > 1) throw new UsageError('inspect takes one file');
  if (args.invoke !== undefined && command !== 'run') throw new UsageError('--invoke belongs to run');
  const target = args.target === undefined ? hostTarget() : parseTarget(args.target);
  const list = (values: readonly string[] | undefined, what: string): string[] =>
    (values ?? []).flatMap((text) => splitWords(text, what));
  return {
    command,
    files,
    programArguments: rest,
    invoke: args.invoke,
    output: args.o,
    emit: args.emit,
    name: args.name,
    compile: compileOptions(target, {
      ...args,
      march: args.march,
      stress: stressOptions(args),
      config: configPairs(args),
    }),
    cc: args.cc === undefined ? undefined : nonEmpty(splitWords(args.cc, '--cc'), '--cc'),
    cflags: list(args.cflags, '--cflags'),
    ldflags: list(args.ldflags, '--ldflags'),
    isStatic: args.static === true,
    strip: args.strip === true,
    cacheFolder: args['cache-dir'],
    noCache: args['no-cache'] === true,
    verbose: args.verbose === true,
    timePasses: args['time-passes'] === true,
    stats: args.stats === true,
  };
}

/** As C compilers call them; `standard` is both. */
const BRANCH_PROTECTIONS = ['none', 'bti', 'pac-ret', 'standard'] as const;

/** Options with a value, which may begin with a dash: `--cflags -g`. */
const WITH_VALUE = new Set(
  (
    '-o --emit --name --target -O --march --cf-protection --branch-protection --bounds --memory-base --stack-size --max-memory --dir --env --cc --cflags --invoke ' +
    '--max-table-elements --max-open-files --timeout --clock --seed --argv0 --listen ' +
    '--ldflags --cache-dir --x-pad-functions --x-pad-blocks --x-reach --x-layout-seed --x-regs --x-opt-fuel --x-opt-func'
  ).split(' '),
);

/** Ties values to their options, and for `run` cuts off what belongs to the program: all behind the first input. */
function normalise(
  argv: readonly string[],
  isRun: boolean,
): { readonly words: string[]; readonly rest: string[] } {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i];
    if (word === '--') return { words: [...words, ...argv.slice(i)], rest: [] };
    if (WITH_VALUE.has(word) && i + 1 < argv.length) words.push(`${word}=${argv[++i]}`);
    else if (/^-O[^=]/.test(word)) words.push(`-O=${word.slice(2)}`);
    else words.push(word);
    if (isRun && !word.startsWith('-')) return { words, rest: argv.slice(i + 1) };
  }
  return { words, rest: [] };
}

/** The module name of an input file: its base name without `.wasm`. */
export function moduleName(file: string): string {
  return path.basename(file).replace(/\.wasm$/, '');
}

function nonEmpty(words: string[], what: string): string[] {
  if (words.length === 0) throw new UsageError(`${what} is empty`);
  return words;
}

function compileOptions(
  target: Target,
  args: {
    readonly O: string;
    readonly march: string;
    readonly bounds: 'guard' | 'checked';
    readonly 'memory-base': 'register' | 'gs';
    readonly 'cf-protection': 'none' | 'branch';
    readonly 'branch-protection': (typeof BRANCH_PROTECTIONS)[number];
    readonly config: readonly ConfigPair[];
    readonly stress: StressOptions;
  },
): Omit<CompileOptions, 'name'> {
  if (args.O !== '0' && args.O !== '2') throw new UsageError(`-O${args.O}: levels are -O0 and -O2`);
  if (args['memory-base'] === 'gs' && (target.isa !== 'x86_64' || target.os === 'macos'))
    throw new UsageError('--memory-base=gs exists on x86_64 Linux only');
  const protection = args['branch-protection'];
  if (args['cf-protection'] !== 'none' && (target.isa !== 'x86_64' || target.os === 'macos'))
    throw new UsageError('--cf-protection exists for x86_64 Linux only');
  if (protection !== 'none' && (target.isa !== 'aarch64' || target.os === 'macos'))
    throw new UsageError('--branch-protection exists for aarch64 Linux only');
  return {
    ...defaultOptions('', target),
    optLevel: args.O === '0' ? 0 : 2,
    march: args.march,
    bounds: args.bounds,
    memoryBase: args['memory-base'],
    landingPads: args['cf-protection'] !== 'none' || protection === 'bti' || protection === 'standard',
    signReturns: protection === 'pac-ret' || protection === 'standard',
    config: args.config,
    stress: args.stress,
  };
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** A number of bytes, with an optional unit, as the stub reads it: decimal. */
function bytes(text: string, what: string): string {
  const match = /^(\d+)([kmgt]?)(?:i?b)?$/i.exec(text);
  const value = match === null ? NaN : Number(match[1]) * UNITS[match[2].toLowerCase()];
  if (!Number.isSafeInteger(value)) throw new UsageError(`--${what}=${text}: not a number of bytes`);
  return String(value);
}

/** A decimal number below 2^64, as the stub reads it. */
function natural(text: string, what: string): string {
  if (!/^\d+$/.test(text) || BigInt(text) >= 1n << 64n)
    throw new UsageError(`--${what}=${text}: not a number below 2^64`);
  return text;
}

const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, '': 1000, m: 60_000, h: 3_600_000 };

/** A duration in milliseconds, rounded up. */
function milliseconds(text: string, what: string): string {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text);
  const value = match === null ? NaN : Math.ceil(Number(match[1]) * DURATIONS[match[2]]);
  if (!Number.isSafeInteger(value) || value === 0)
    throw new UsageError(`--${what}=${text}: not a duration above 0 (5, 1.5s, 200ms, 3m, 1h)`);
  return String(value);
}

/** START[/STEP] in nanoseconds. */
function fixedClock(text: string): string {
  const parts = text.split('/');
  if (parts.length > 2) throw new UsageError(`--clock=${text}: must be START[/STEP]`);
  return parts.map((part) => natural(part, 'clock')).join('/');
}

function configPairs(args: {
  readonly listen?: readonly string[];
  readonly 'max-table-elements'?: string;
  readonly 'max-open-files'?: string;
  readonly timeout?: string;
  readonly seccomp?: boolean;
  readonly 'allow-devices'?: boolean;
  readonly clock?: string;
  readonly seed?: string;
  readonly argv0?: string;
  readonly dir?: readonly string[];
  readonly env?: readonly string[];
  readonly 'inherit-env'?: boolean;
  readonly 'fixed-grants'?: boolean;
  readonly 'stack-size'?: string;
  readonly 'max-memory'?: string;
  readonly 'x-walk'?: boolean;
}): ConfigPair[] {
  const pairs: ConfigPair[] = [];
  const add = (key: string, value: string): void => {
    if (value.includes('\0')) throw new UsageError(`--${key}: holds a NUL`);
    pairs.push({ key, value });
  };
  for (const dir of args.dir ?? []) {
    if (dir === '' || dir.startsWith('::')) throw new UsageError(`--dir=${dir}: names no directory`);
    add('dir', dir);
  }
  for (const env of args.env ?? []) {
    if (env === '' || env.startsWith('=')) throw new UsageError(`--env=${env}: names no variable`);
    add('env', env);
  }
  if (args['inherit-env'] === true) add('inherit-env', '');
  if (args['stack-size'] !== undefined) add('stack-size', bytes(args['stack-size'], 'stack-size'));
  if (args['max-memory'] !== undefined) add('max-memory', bytes(args['max-memory'], 'max-memory'));
  for (const address of args.listen ?? []) {
    if (!/:\d+$/.test(address)) throw new UsageError(`--listen=${address}: must be ADDR:PORT`);
    add('listen', address);
  }
  if (args['max-table-elements'] !== undefined)
    add('max-table-elements', natural(args['max-table-elements'], 'max-table-elements'));
  if (args['max-open-files'] !== undefined)
    add('max-open-files', natural(args['max-open-files'], 'max-open-files'));
  if (args.timeout !== undefined) add('timeout', milliseconds(args.timeout, 'timeout'));
  if (args.clock !== undefined) add('clock', fixedClock(args.clock));
  if (args.seed !== undefined) add('seed', natural(args.seed, 'seed'));
  if (args.argv0 !== undefined) add('arg0', args.argv0);
  if (args['allow-devices'] === true) add('allow-devices', '');
  if (args.seccomp === true) add('seccomp', '');
  if (args['x-walk'] === true) add('x-walk', '');
  if (args['fixed-grants'] === true) add('fixed-grants', '');
  return pairs;
}

function count(text: string | undefined, what: string, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw new UsageError(`--${what}=${text}: not a number`);
  return value;
}

function stressOptions(args: {
  readonly 'x-pad-functions'?: string;
  readonly 'x-pad-blocks'?: string;
  readonly 'x-reach'?: readonly string[];
  readonly 'x-force-veneers'?: boolean;
  readonly 'x-layout-seed'?: string;
  readonly 'x-regs'?: string;
  readonly 'x-opt-fuel'?: string;
  readonly 'x-opt-func'?: string;
  readonly 'x-walk'?: boolean;
}): StressOptions {
  const reach: Record<string, number> = {};
  for (const text of args['x-reach'] ?? []) {
    const match = /^([\w.-]+):(\d+)$/.exec(text);
    if (match === null) throw new UsageError(`--x-reach=${text}: must be KIND:BITS`);
    reach[match[1]] = Number(match[2]);
  }
  const range = args['x-opt-func'] === undefined ? null : /^(\d*)\.\.(\d*)$/.exec(args['x-opt-func']);
  if (args['x-opt-func'] !== undefined && range === null)
    throw new UsageError(`--x-opt-func=${args['x-opt-func']}: must be FIRST..LAST`);
  return {
    padFunctions: count(args['x-pad-functions'], 'x-pad-functions', 0),
    padBlocks: count(args['x-pad-blocks'], 'x-pad-blocks', 0),
    reach,
    forceVeneers: args['x-force-veneers'] === true,
    layoutSeed: count(args['x-layout-seed'], 'x-layout-seed', 0),
    regs: count(args['x-regs'], 'x-regs', 0),
    optFuel: count(args['x-opt-fuel'], 'x-opt-fuel', -1),
    optFuncFirst: count(range?.[1] === '' ? undefined : range?.[1], 'x-opt-func', 0),
    optFuncLast: count(range?.[2] === '' ? undefined : range?.[2], 'x-opt-func', -1),
  };
}
