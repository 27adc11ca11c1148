// Entry of the command: reads the command line, does what it asks, reports what went wrong. The launcher
// bin/wasm2native calls it, and compileWorker in the threads that compile functions.
import { parseArguments } from './arguments.ts';
import { build } from './build.ts';
import type { ErrorContext } from './diagnostics.ts';
import { report } from './diagnostics.ts';
import { inspect } from './inspect.ts';
import { run } from './run.ts';

export { compileWorker } from '../compile_parallel.ts';

/** Runs the command with the arguments `argv` and gives its exit status. Prints what went wrong; never rejects. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const context: ErrorContext = {};
  try {
    const request = parseArguments(argv);
    if (request === null) return 0;
    if (request.command === 'run') return await run(request, context);
    if (request.command === 'inspect') inspect(request.files[0]);
    else await build(request, context);
    return 0;
  } catch (error) {
    return report(error, context);
  }
}
