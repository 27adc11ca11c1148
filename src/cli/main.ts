// Entry of the command: reads the command line, does what it asks, reports what went wrong. The launcher
// bin/wasm2native answers --version before this is loaded. In a worker thread it compiles functions instead.
import { isMainThread } from 'node:worker_threads';
import { compileWorker } from '../compile_parallel.ts';
import { parseArguments } from './arguments.ts';
import { build } from './build.ts';
import type { ErrorContext } from './diagnostics.ts';
import { report } from './diagnostics.ts';
import { inspect } from './inspect.ts';
import { run } from './run.ts';

const context: ErrorContext = {};

async function main(argv: readonly string[]): Promise<number> {
  const request = parseArguments(argv);
  if (request === null) return 0;
  if (request.command === 'run') return run(request, context);
  if (request.command === 'inspect') inspect(request.files[0]);
  else await build(request, context);
  return 0;
}

if (isMainThread) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.exitCode = report(error, context);
  }
} else {
  compileWorker();
}
