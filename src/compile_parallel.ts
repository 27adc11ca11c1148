// The pipeline on several threads: the same object as compile.ts makes, sooner.
//
// Functions are dealt out in batches of about equal size; this thread and the workers each take the next batch until
// none is left (an atomic counter). A worker decodes the module by itself and sends back finished code; layout and
// everything behind it happen here. A worker costs some 50 ms to start and has to warm up, so small modules stay on
// one thread. Which fault of several is reported does not depend on the threads: it is that of the first function.
import { availableParallelism } from 'node:os';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { compile, firstWorld, ModuleCompiler, type CompileHooks } from './compile.ts';
import type { ObjectFile } from './emit/object_file.ts';
import { WorldNeeded, type World } from './frontend/closed_world.ts';
import { decodeModule } from './frontend/decode.ts';
import { WasmError, type WasmErrorKind } from './frontend/errors.ts';
import type { Module } from './frontend/module.ts';
import type { CompiledFunction } from './isa/contract.ts';
import type { CompileOptions } from './options.ts';

/** Bytes of function bodies in a batch. */
const BATCH_BYTES = 16384;
/** Bytes of function bodies that make one more thread worth its start: each warms up for itself. */
const BYTES_PER_THREAD = 1_000_000;

/** What a worker is started with. */
interface WorkerTask {
  readonly bytes: Uint8Array;
  readonly options: CompileOptions;
  readonly world: World;
  /** One int32: the next batch to take. */
  readonly counter: Int32Array;
}

/** A fault as it crosses threads. */
interface Fault {
  readonly func: number;
  /** What WorldNeeded asks for. */
  readonly world: World | null;
  readonly wasm: { readonly kind: WasmErrorKind; readonly offset: number; readonly proposal: string } | null;
  readonly message: string;
  readonly stack: string;
}

/** What a worker sends: a finished batch, or the fault that ended it. */
interface BatchMessage {
  readonly batch: number;
  readonly compiled: readonly CompiledFunction[];
}
type Message = BatchMessage | { readonly fault: Fault };

/** As `compile`, with as many threads as pay. `script` is the URL of a file that calls `compileWorker` in a thread. */
export async function compileParallel(
  bytes: Uint8Array,
  options: CompileOptions,
  script: URL,
  hooks: CompileHooks = {},
  bytesPerThread = BYTES_PER_THREAD,
): Promise<ObjectFile> {
  const module = decodeModule(bytes);
  const threads = Math.min(availableParallelism(), 8, Math.ceil(codeBytes(module) / bytesPerThread));
  if (threads < 2) return compile(bytes, options, hooks);
  for (let world = firstWorld(options); ;) {
    try {
      return await compileOnThreads(module, options, world, script, threads - 1, hooks);
    } catch (error) {
      if (!(error instanceof WorldNeeded)) throw error;
      world = error.world;
    }
  }
}

/** The life of a worker thread: takes batches until none is left. */
export function compileWorker(): void {
  const port = parentPort;
  if (port === null) throw new Error('not in a worker');
  const { bytes, options, world, counter } = workerData as WorkerTask;
  const module = decodeModule(bytes);
  const compiler = new ModuleCompiler(module, options, world, {});
  takeBatches(batchStarts(module), counter, compiler, (message) => port.postMessage(message));
}

async function compileOnThreads(
  module: Module,
  options: CompileOptions,
  world: World,
  script: URL,
  workers: number,
  hooks: CompileHooks,
): Promise<ObjectFile> {
  const shared = new Uint8Array(new SharedArrayBuffer(module.bytes.length));
  shared.set(module.bytes);
  const counter = new Int32Array(new SharedArrayBuffer(4));
  const task: WorkerTask = { bytes: shared, options, world, counter };
  const total = module.funcCount - module.importedFuncs;
  const batches: (readonly CompiledFunction[])[] = [];
  const faults: Fault[] = [];
  const starts = batchStarts(module);
  let reached = 0;
  const receive = (message: Message): void => {
    if ('fault' in message) {
      faults.push(message.fault);
      return;
    }
    batches[message.batch] = message.compiled;
    // Other threads' batches arrive when this thread is idle, so how far the dealing has come stands for what is done.
    reached = Math.max(reached, starts[message.batch + 1] - module.importedFuncs);
    hooks.progress?.(reached, total);
  };
  const ends = Array.from({ length: workers }, () => {
    const worker = new Worker(script, { workerData: task });
    return new Promise<void>((resolve, reject) => {
      worker.on('message', receive);
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  });
  const compiler = new ModuleCompiler(module, options, world, hooks);
  takeBatches(starts, counter, compiler, receive);
  await Promise.all(ends);
  faults.sort((a, b) => a.func - b.func);
  if (faults.length > 0) throw errorOf(faults[0]);
  return compiler.link(batches.flat());
}

/** Compiles batch after batch. A fault ends the taking everywhere; batches under way are finished. */
function takeBatches(
  starts: readonly number[],
  counter: Int32Array,
  compiler: ModuleCompiler,
  send: (message: Message) => void,
): void {
  for (;;) {
    const batch = Atomics.add(counter, 0, 1);
    if (batch >= starts.length - 1) return;
    const compiled: CompiledFunction[] = [];
    let func = starts[batch];
    try {
      for (; func < starts[batch + 1]; func++) compiled.push(compiler.compileFunction(func));
    } catch (error) {
      Atomics.store(counter, 0, starts.length);
      send({ fault: faultOf(error, func) });
      return;
    }
    send({ batch, compiled });
  }
}

function codeBytes(module: Module): number {
  let bytes = 0;
  for (let i = 0; i < module.bodyStart.length; i++)
    bytes += module.bodyEnd.data[i] - module.bodyStart.data[i];
  return bytes;
}

/** First function of each batch, and the end of the last one. */
function batchStarts(module: Module): number[] {
  const { bodyStart, bodyEnd, importedFuncs, funcCount } = module;
  const starts: number[] = [];
  let room = 0;
  for (let f = importedFuncs; f < funcCount; f++) {
    if (room <= 0) {
      starts.push(f);
      room = BATCH_BYTES;
    }
    room -= bodyEnd.data[f - importedFuncs] - bodyStart.data[f - importedFuncs] + 16;
  }
  starts.push(funcCount);
  return starts;
}

function faultOf(error: unknown, func: number): Fault {
  const known = error instanceof Error ? error : new Error(String(error));
  return {
    func,
    world: error instanceof WorldNeeded ? error.world : null,
    wasm:
      error instanceof WasmError
        ? { kind: error.kind, offset: error.offset, proposal: error.proposal }
        : null,
    message: known.message,
    stack: known.stack ?? '',
  };
}

function errorOf(fault: Fault): Error {
  if (fault.world !== null) return new WorldNeeded(fault.world);
  const { wasm, message } = fault;
  const error =
    wasm === null ? new Error(message) : new WasmError(wasm.kind, wasm.offset, message, wasm.proposal);
  error.stack = fault.stack;
  return error;
}
