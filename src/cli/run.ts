// `wasm2native run`: compiles a module, or takes the executable of the last time from the cache, and runs it with this
// process's standard streams. Exit status and signals are the program's. With --invoke the executable calls the export that
// its first argument names (runtime-stub/invoke.c).
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import type { Target } from '../options.ts';
import type { Request } from './arguments.ts';
import { digest, openCache } from './cache.ts';
import { Linker } from './build.ts';
import type { ErrorContext } from './diagnostics.ts';
import { UsageError, UserError } from './diagnostics.ts';
import { readInputs } from './inputs.ts';
import { Phases } from './phases.ts';
import { hostTarget, targetName } from './target.ts';

/** Passed on to the program; it gets what the terminal sends (SIGINT, SIGQUIT, SIGTSTP) by itself. */
const FORWARDED = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const FROM_TERMINAL = ['SIGINT', 'SIGQUIT'] as const;

/** Runs the module; gives the exit status. */
export async function run(request: Request, context: ErrorContext): Promise<number> {
  const inputs = readInputs(request.files);
  if (inputs.wasm === null) throw new UsageError(`${request.files[0]}: run takes a WebAssembly module`);
  requireRunnable(request.compile.target);
  const cache = openCache(request.cacheFolder, request.noCache);
  const linker = new Linker(request, cache);
  const key = digest([
    inputs.wasm.bytes,
    path.basename(inputs.wasm.file),
    JSON.stringify([
      request.invoke !== undefined,
      request.name,
      request.compile,
      request.isStatic,
      request.strip,
      request.ldflags,
    ]),
    await linker.key(),
  ]);
  const folder = await cache.entry('run', key, async (into) => {
    const phases = new Phases(request.timePasses);
    await linker.link(inputs, path.join(into, 'app'), context, phases);
    phases.print();
  });
  const own = request.invoke === undefined ? [] : [request.invoke];
  return execute(path.join(folder, 'app'), inputs.wasm.file, [...own, ...request.programArguments]);
}

/** Throws UserError for programs that this machine does not run; the system would take them for shell scripts. */
function requireRunnable(target: Target): void {
  const host = hostTarget();
  const isSameSystem = (target.os === 'macos') === (host.os === 'macos');
  // Linux runs what an emulator is registered for.
  const isEmulated = host.os === 'linux' && existsSync(`/proc/sys/fs/binfmt_misc/qemu-${target.isa}`);
  if (isSameSystem && (target.isa === host.isa || isEmulated)) return;
  throw new UserError(
    `run: this machine does not run programs for ${targetName(target)}; build without "run" makes them`,
  );
}

function execute(program: string, name: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { argv0: name, stdio: 'inherit' });
    for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
    for (const signal of FROM_TERMINAL) process.on(signal, () => undefined);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal]);
    });
  });
}
