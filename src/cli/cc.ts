// Running the C compiler. Its name may carry arguments ("zig cc -target aarch64-linux-musl").
import path from 'node:path';
import { execa, ExecaError } from 'execa';
import { UserError } from './diagnostics.ts';
import { temporaryFolder } from './output.ts';
import { shellQuote } from './words.ts';

export interface Compiler {
  /** Program and the arguments that are part of its name. */
  readonly words: readonly [string, ...string[]];
  readonly verbose: boolean;
}

/** Whether the compiler is zig's, by its words: `zig cc`, `python3 -m ziglang cc`. */
export function isZig({ words }: Compiler): boolean {
  return words.some((word) => ['zig', 'ziglang'].includes(path.basename(word)));
}

/** What identifies the compiler in cache keys: its words and what it says of its version. */
export async function compilerIdentity(compiler: Compiler): Promise<string> {
  const [program, ...rest] = compiler.words;
  // zig writes an object as well, into the working directory.
  const file = program.includes('/') ? path.resolve(program) : program;
  const result = await start(compiler, [file, ...rest, '--version'], temporaryFolder());
  return `${shellQuote(compiler.words)}\n${result}`;
}

/**
 * Runs the compiler with `args`. With --verbose prints the line first, as `shown` if that is given. Throws UserError
 * with what it wrote if it fails.
 */
export async function runCompiler(
  compiler: Compiler,
  args: readonly string[],
  shown: readonly string[] = args,
): Promise<void> {
  const [program, ...rest] = compiler.words;
  if (compiler.verbose) process.stderr.write(`${shellQuote([program, ...rest, ...shown])}\n`);
  await start(compiler, [program, ...rest, ...args]);
}

async function start(
  compiler: Compiler,
  command: readonly [string, ...string[]],
  cwd = process.cwd(),
): Promise<string> {
  const [program, ...args] = command;
  try {
    const result = await execa(program, args, { all: true, stdin: 'ignore', cleanup: true, cwd });
    return result.all;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const name = shellQuote(compiler.words);
    if (error.code === 'ENOENT' || error.code === 'EACCES')
      throw new UserError(
        `the C compiler ${name} cannot be run (${error.code}): install it, or name another with --cc or CC`,
      );
    const how =
      error.signal === undefined ? `exit status ${error.exitCode ?? '?'}` : `signal ${error.signal}`;
    const said = typeof error.all === 'string' ? error.all : '';
    throw new UserError(
      `the C compiler ${name} failed (${how}); --cc names another, --verbose shows the command`,
      said,
    );
  }
}
