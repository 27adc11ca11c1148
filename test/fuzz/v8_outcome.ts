// The V8 side of the comparison: runs a plan's calls in this process. A call that runs on is interrupted by vm's timeout,
// which also stops WebAssembly code.
import vm from 'node:vm';
import {
  EXHAUSTED,
  F32,
  F64,
  I32,
  I64,
  LOG_BYTES,
  LOG_MODULE,
  logModule,
  logText,
  TOO_LONG,
  valueText,
  type Argument,
  type CallOutcome,
  type Outcome,
  type Plan,
} from './outcome.ts';

// TypeScript's lib without the DOM has no WebAssembly; Node has.
type WasmFunction = (...args: unknown[]) => unknown;
interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Record<string, object>) => WasmInstance;
  RuntimeError: new () => Error;
};

/** Words in V8's messages -> trap class: what V8 does not tell apart is one class. */
const CLASSES: readonly (readonly [RegExp, string])[] = [
  [/^unreachable/, 'unreachable'],
  [/^memory access out of bounds|^data segment/, 'memory'],
  [/^table (index|access)|^element segment|^table index is out/, 'table'],
  [/^null function or function signature/, 'indirect call'],
  [/by zero/, 'divide by zero'],
  [/^divide result unrepresentable/, 'overflow'],
  [/^float unrepresentable/, 'conversion'],
  [/^dereferencing a null/, 'null'],
];

const TIMEOUT_MS = 10_000;
const view = new DataView(new ArrayBuffer(8));
const context = vm.createContext({ call: null as unknown });
const script = new vm.Script('call()');

function trapClass(error: unknown): string {
  // Errors of another realm: instanceof does not tell.
  const { name, message, code } = error as Error & { code?: string };
  if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return TOO_LONG;
  if (name === 'RangeError' && message.includes('call stack')) return EXHAUSTED;
  const found = CLASSES.find(([words]) => words.test(message));
  if (found === undefined) throw new Error(`V8 reports '${name}: ${message}'`);
  return found[1];
}

function toNumber({ type, bits }: Argument): unknown {
  view.setBigUint64(0, BigInt.asUintN(64, bits));
  switch (type) {
    case I32:
      return view.getInt32(4);
    case I64:
      return view.getBigInt64(0);
    case F32:
      return view.getFloat32(4);
    case F64:
      return view.getFloat64(0);
    default:
      return null;
  }
}

function textOf(type: number, value: unknown): string {
  view.setBigUint64(0, 0n);
  if (type === I32) view.setInt32(4, value as number);
  else if (type === I64) view.setBigInt64(0, value as bigint);
  else if (type === F32) view.setFloat32(4, value as number);
  else if (type === F64) view.setFloat64(0, value as number);
  else return value === null ? 'null' : 'ref';
  return valueText(type, view.getBigUint64(0));
}

/** Size and digest of a memory, as the test host computes them. */
export function memoryText(bytes: number, hash: bigint): string {
  return `${bytes} bytes ${hash.toString(16)}`;
}

/** FNV-1a over little-endian 64-bit words (the size of a memory is a multiple of 8), in 32-bit halves. */
export function digestOf(memory: ArrayBuffer): bigint {
  const words = new Uint32Array(memory);
  let lo = 0x84222325;
  let hi = 0xcbf29ce4;
  for (let i = 0; i < words.length; i += 2) {
    lo = (lo ^ words[i]) >>> 0;
    hi = (hi ^ words[i + 1]) >>> 0;
    // Times 2^40 + 0x1b3.
    const low = lo * 0x1b3;
    hi = (hi * 0x1b3 + Math.floor(low / 0x100000000) + lo * 0x100) % 0x100000000;
    lo = low % 0x100000000;
  }
  return (BigInt(hi) << 32n) | BigInt(lo);
}

const logCode = new WebAssembly.Module(logModule());

/** Runs the plan. Throws when V8 refuses the module or reports something unknown. */
export function runInV8(bytes: Uint8Array, plan: Plan): Outcome {
  const log = new WebAssembly.Instance(logCode, {}).exports as Record<string, object>;
  const logMemory = log.log as { buffer: ArrayBuffer };
  const calls: CallOutcome[] = [];
  const stopped = (why: string): Outcome => ({
    instantiation: 'ok',
    calls,
    log: '',
    memories: [],
    globals: [],
    stopped: why,
  });
  const timed = (run: () => unknown): unknown => {
    context.call = run;
    return script.runInContext(context, { timeout: TIMEOUT_MS });
  };
  const code = new WebAssembly.Module(bytes);
  let instance: WasmInstance;
  try {
    instance = timed(() => new WebAssembly.Instance(code, { [LOG_MODULE]: log })) as WasmInstance;
  } catch (error) {
    return { ...stopped('instantiation'), instantiation: trapClass(error) };
  }
  const { exports } = instance;
  for (const { name, args } of plan.calls) {
    const f = exports[name] as WasmFunction;
    const numbers = args.map(toNumber);
    try {
      const value = timed(() => f(...numbers));
      const types = plan.results[name];
      const list = types.length === 0 ? [] : types.length === 1 ? [value] : [...(value as unknown[])];
      calls.push({ trap: '', results: types.map((type, i) => textOf(type, list[i])) });
    } catch (error) {
      const trap = trapClass(error);
      if (trap === TOO_LONG || trap === EXHAUSTED) return stopped(trap);
      calls.push({ trap, results: [] });
    }
  }
  return {
    instantiation: 'ok',
    calls,
    log: logText(Buffer.from(logMemory.buffer, 0, LOG_BYTES)),
    memories: plan.memories.map((name) => {
      const { buffer } = exports[name] as { buffer: ArrayBuffer };
      return memoryText(buffer.byteLength, digestOf(buffer));
    }),
    globals: plan.globals.map(({ name, type }) => textOf(type, (exports[name] as { value: unknown }).value)),
    stopped: '',
  };
}
