// Runs compiled objects: builds the test host (test/host, linked with the runtime stub) once for each ISA and drives it
// over a pipe. Requests are answered in order; all that are made before control returns to the event loop travel in one
// write, so make many and await them together:
//     const host = await TestHost.start('x86_64');
//     const module = await host.load(object);
//     const { instance } = await host.instantiate(module);
//     const answers = await Promise.all(calls.map((c) => host.invoke(instance, c.name, c.args)));
//     await host.close();
// A crash or a hang of the host rejects the requests under way with HostCrash; the next request starts a new, empty one.
import { spawn, execFile } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { TRAP_MESSAGES } from '../../src/abi/layout.ts';
import { isOwnIsa } from './need.ts';
import { fromRoot } from './paths.ts';

export type HostIsa = 'x86_64' | 'aarch64';

/** A value by its bits. `type` is the code of the binary format (0x7f i32 ...); 32-bit types have 32 bits of `lo`. */
export interface HostValue {
  readonly type: number;
  readonly lo: bigint;
  /** Upper half of a v128, else 0. */
  readonly hi: bigint;
}

export const enum LinkStatus {
  Ok = 0,
  UnknownImport = 1,
  IncompatibleImport = 2,
  Trapped = 3,
  NoReservation = 4,
  NoMemory = 5,
  BadModule = 6,
}

export interface InstantiateResult {
  readonly status: LinkStatus;
  /** Trap kind if status is Trapped. */
  readonly trap: number;
  /** Number of the instance, -1 if there is none. It exists after a trap, too. */
  readonly instance: number;
  /** Message, '' if all is well. */
  readonly why: string;
}

export interface InvokeResult {
  /** Trap kind, 0: returned. */
  readonly trap: number;
  readonly results: readonly HostValue[];
}

/** The host has died or hung; what it held is gone. */
export class HostCrash extends Error {}
/** The host refused a request. */
export class HostRefusal extends Error {}

export interface HostOptions {
  /** Milliseconds without an answer after which a host counts as hung. */
  readonly timeoutMs?: number;
  /** C compiler and flags instead of the ISA's own; the host is then run directly. */
  readonly cc?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const run = promisify(execFile);

function compilerFor(isa: HostIsa): readonly string[] {
  if (isOwnIsa(isa)) return ['cc'];
  return [`${isa}-linux-gnu-gcc`, '-static'];
}

/** C sources of the stub that a program without WASI and without the stub's main needs. */
export function stubSources(): string[] {
  const dir = fromRoot('runtime-stub');
  const own = readdirSync(dir).filter((f) => f.endsWith('.c') && !/^(main|options|wasi_.*)\.c$/.test(f));
  return own.sort().map((f) => path.join(dir, f));
}

/** Builds a C program with the stub into build/host, unless it is there; the name holds a digest of all that matters. */
export async function buildWithStub(
  name: string,
  sources: readonly string[],
  cc: readonly string[],
): Promise<string> {
  const all = [...sources, ...stubSources()];
  const dirs = [...new Set([fromRoot('runtime-stub'), ...sources.map((s) => path.dirname(s))])];
  const hash = createHash('sha256').update(cc.join('\0'));
  for (const dir of dirs)
    for (const file of readdirSync(dir).sort())
      if (/\.[chS]$/.test(file)) hash.update(file).update(readFileSync(path.join(dir, file)));
  const dir = fromRoot('build/host');
  const exe = path.join(dir, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(exe)) return exe;
  mkdirSync(dir, { recursive: true });
  const made = `${exe}.${process.pid}.tmp`;
  const flags = [
    '-std=c11',
    '-O1',
    '-g',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-pthread',
    ...dirs.map((d) => `-I${d}`),
  ];
  await run(cc[0], [...cc.slice(1), ...flags, ...all, '-o', made]);
  renameSync(made, exe); // Others may do the same at the same time: the last one wins, all are equal.
  return exe;
}

/** Builds the host for an ISA and gives the command that runs it. */
export async function hostCommand(isa: HostIsa, cc?: readonly string[]): Promise<readonly string[]> {
  const dir = fromRoot('test/host');
  const sources = readdirSync(dir).filter((f) => f.endsWith('.c'));
  const compiler = cc ?? compilerFor(isa);
  const exe = await buildWithStub(
    `host-${isa}`,
    sources.sort().map((f) => path.join(dir, f)),
    compiler,
  );
  return cc === undefined && compiler.length > 1 ? [`qemu-${isa}`, exe] : [exe];
}

interface Pending {
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: Error) => void;
}

const enum Request {
  Load = 1,
  Instantiate,
  Register,
  Invoke,
  Global,
  Read,
  Digest,
  Reset,
  Write,
  Report,
  Describe,
}

export class TestHost {
  private readonly command: readonly string[];
  private readonly options: HostOptions;
  private child: ChildProcessWithoutNullStreams | null = null;
  private pending: Pending[] = [];
  private answered = 0;
  private outgoing: Buffer[] = [];
  private isFlushing = false;
  private incoming: Buffer[] = [];
  private incomingBytes = 0;
  private stderr = '';
  private timer: NodeJS.Timeout | null = null;
  private hung = false;
  /** How often the host was started: after a crash everything that was loaded is gone. */
  starts = 0;

  private constructor(command: readonly string[], options: HostOptions) {
    this.command = command;
    this.options = options;
  }

  static async start(isa: HostIsa, options: HostOptions = {}): Promise<TestHost> {
    return new TestHost(await hostCommand(isa, options.cc), options);
  }

  /** Loads an object; `runOffsets` says where w2n_text, w2n_text1, ... lie if there are several. Its number. */
  async load(object: Uint8Array, runOffsets: readonly number[] = []): Promise<number> {
    const head = Buffer.alloc(5 + 8 * runOffsets.length);
    head[0] = Request.Load;
    head.writeUInt32LE(runOffsets.length, 1);
    runOffsets.forEach((offset, i) => head.writeBigUInt64LE(BigInt(offset), 5 + 8 * i));
    return (await this.request(head, object)).readUInt32LE(0);
  }

  async instantiate(module: number): Promise<InstantiateResult> {
    const a = await this.request(numbers(Request.Instantiate, module));
    return {
      status: a.readUInt32LE(0),
      trap: a.readUInt32LE(4),
      instance: a.readInt32LE(8),
      why: a.toString('utf8', 16, 16 + a.readUInt32LE(12)),
    };
  }

  /** Makes an instance's exports importable under a module name. */
  async register(instance: number, name: string | Uint8Array): Promise<void> {
    await this.request(numbers(Request.Register, instance), named(name));
  }

  async invoke(
    instance: number,
    name: string | Uint8Array,
    args: readonly HostValue[],
  ): Promise<InvokeResult> {
    const tail = Buffer.alloc(4 + 16 * args.length);
    tail.writeUInt32LE(args.length, 0);
    args.forEach((v, i) => {
      tail.writeBigUInt64LE(BigInt.asUintN(64, v.lo), 4 + 16 * i);
      tail.writeBigUInt64LE(BigInt.asUintN(64, v.hi), 12 + 16 * i);
    });
    const a = await this.request(numbers(Request.Invoke, instance), named(name), tail);
    const count = a.readUInt32LE(4);
    const results: HostValue[] = [];
    for (let i = 0; i < count; i++) results.push(valueAt(a, 8 + 17 * i));
    return { trap: a.readUInt32LE(0), results };
  }

  async global(instance: number, name: string | Uint8Array): Promise<HostValue> {
    return valueAt(await this.request(numbers(Request.Global, instance), named(name)), 0);
  }

  /** Bytes of a memory, by export name or '' for memory 0; shorter where the memory ends. */
  async readMemory(instance: number, name: string, offset: number, bytes: number): Promise<Buffer> {
    return this.request(numbers(Request.Read, instance), named(name), long(offset), long(bytes));
  }

  async writeMemory(instance: number, name: string, offset: number, bytes: Uint8Array): Promise<void> {
    await this.request(numbers(Request.Write, instance), named(name), long(offset), bytes);
  }

  /** Size in bytes and FNV-1a over the little-endian 64-bit words (then single bytes) of a memory. */
  async digest(instance: number, name = ''): Promise<{ bytes: number; hash: bigint }> {
    const a = await this.request(numbers(Request.Digest, instance), named(name));
    return { bytes: Number(a.readBigUInt64LE(0)), hash: a.readBigUInt64LE(8) };
  }

  /** The report of the last trap, as an executable prints it. */
  async report(): Promise<string> {
    return (await this.request(numbers(Request.Report))).toString('utf8');
  }

  /** Kind of an export (src/abi/layout.ts, ExternKind) and, for functions, the codes of parameters and results. */
  async describe(
    instance: number,
    name: string,
  ): Promise<{ kind: number; params: number[]; results: number[] }> {
    const a = await this.request(numbers(Request.Describe, instance), named(name));
    const params = a.readUInt32LE(1);
    return { kind: a[0], params: [...a.subarray(5, 5 + params)], results: [...a.subarray(9 + params)] };
  }

  /**
   * Forgets all modules, instances and names, and makes spectest anew. An emulated host is started anew: qemu-user
   * keeps bookkeeping for every page that was ever reserved, gigabytes after some hundred instances.
   */
  async reset(): Promise<void> {
    if (this.command.length > 1) await this.close();
    else await this.request(numbers(Request.Reset));
  }

  /** Ends the host. The next request would start another. */
  async close(): Promise<void> {
    const { child } = this;
    if (child === null) return;
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.stdin.end();
    await ended;
  }

  private request(...parts: Uint8Array[]): Promise<Buffer> {
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes, 0);
    this.outgoing.push(head, ...(parts as Buffer[]));
    if (!this.isFlushing) {
      this.isFlushing = true;
      setImmediate(() => this.flush());
    }
    return new Promise((resolve, reject) => this.pending.push({ resolve, reject }));
  }

  private flush(): void {
    this.isFlushing = false;
    const child = this.child ?? this.spawn();
    const bytes = Buffer.concat(this.outgoing);
    this.outgoing = [];
    child.stdin.write(bytes);
    this.watch();
  }

  private spawn(): ChildProcessWithoutNullStreams {
    const [program, ...args] = this.command;
    const child = spawn(program, args, { env: { ...process.env, ...this.options.env } });
    this.child = child;
    this.starts++;
    this.stderr = '';
    this.hung = false;
    this.incoming = [];
    this.incomingBytes = 0;
    child.stdin.on('error', () => undefined); // The `close` event tells what happened.
    child.stdout.on('data', (data: Buffer) => this.receive(data));
    child.stderr.on(
      'data',
      (data: Buffer) => (this.stderr = (this.stderr + data.toString('utf8')).slice(0, 8192)),
    );
    child.on('error', (error) => this.fail(error.message));
    child.on('close', (code, signal) => this.fail(this.hung ? 'hung' : `ended with ${signal ?? code}`));
    return child;
  }

  /** Rejects all requests that have no answer. */
  private fail(what: string): void {
    this.child = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const lost = this.pending.slice(this.answered);
    this.pending = [];
    this.answered = 0;
    this.outgoing = [];
    const error = new HostCrash(
      `the test host ${what}${this.stderr === '' ? '' : `: ${this.stderr.trim()}`}`,
    );
    for (const { reject } of lost) reject(error);
  }

  private watch(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.answered === this.pending.length) return;
    this.timer = setTimeout(() => {
      this.hung = true;
      this.child?.kill('SIGKILL');
    }, this.options.timeoutMs ?? 60_000);
  }

  private receive(data: Buffer): void {
    this.incoming.push(data);
    this.incomingBytes += data.length;
    if (this.incomingBytes < 4) return;
    let all = this.incoming.length === 1 ? this.incoming[0] : null;
    const length = all?.readUInt32LE(0) ?? -1;
    // Large answers arrive in many pieces: join them once.
    if (all === null || this.incomingBytes < 4 + length) {
      if (this.incoming.length > 1 && this.incoming[0].length >= 4) {
        if (this.incomingBytes < 4 + this.incoming[0].readUInt32LE(0)) return;
      }
      all = Buffer.concat(this.incoming);
    }
    let at = 0;
    while (at + 4 <= all.length) {
      const bytes = all.readUInt32LE(at);
      if (at + 4 + bytes > all.length) break;
      this.answer(all.subarray(at + 4, at + 4 + bytes));
      at += 4 + bytes;
    }
    this.incoming = at < all.length ? [all.subarray(at)] : [];
    this.incomingBytes = all.length - at;
    if (this.answered === this.pending.length) {
      this.pending = [];
      this.answered = 0;
    }
    this.watch();
  }

  private answer(payload: Buffer): void {
    const { resolve, reject } = this.pending[this.answered++];
    if (payload[0] === 0) resolve(payload.subarray(1));
    else reject(new HostRefusal(payload.toString('utf8', 1)));
  }
}

function numbers(request: Request, ...fields: number[]): Buffer {
  const bytes = Buffer.alloc(1 + 4 * fields.length);
  bytes[0] = request;
  fields.forEach((field, i) => bytes.writeUInt32LE(field >>> 0, 1 + 4 * i));
  return bytes;
}

function named(name: string | Uint8Array): Buffer {
  const bytes = Buffer.from(name);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(bytes.length, 0);
  return Buffer.concat([head, bytes]);
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value), 0);
  return bytes;
}

function valueAt(bytes: Buffer, at: number): HostValue {
  const type = bytes[at];
  const lo = bytes.readBigUInt64LE(at + 1);
  const isNarrow = type === 0x7f || type === 0x7d;
  return {
    type,
    lo: isNarrow ? lo & 0xffffffffn : lo,
    hi: type === 0x7b ? bytes.readBigUInt64LE(at + 9) : 0n,
  };
}

const scratch = new DataView(new ArrayBuffer(8));

export const i32 = (value: number): HostValue => ({ type: 0x7f, lo: BigInt(value >>> 0), hi: 0n });
export const i64 = (value: bigint): HostValue => ({ type: 0x7e, lo: BigInt.asUintN(64, value), hi: 0n });
/** By value; a NaN's payload does not survive: use `bits`. */
export function f32(value: number): HostValue {
  scratch.setFloat32(0, value);
  return { type: 0x7d, lo: BigInt(scratch.getUint32(0)), hi: 0n };
}
/** By value; a NaN's payload does not survive: use `bits`. */
export function f64(value: number): HostValue {
  scratch.setFloat64(0, value);
  return { type: 0x7c, lo: scratch.getBigUint64(0), hi: 0n };
}
/** A value of any type by its bits. References are addresses; 0 is null. */
export const bits = (type: number, lo: bigint, hi = 0n): HostValue => ({ type, lo, hi });

/** The words of a trap kind. */
export const trapMessage = (kind: number): string => TRAP_MESSAGES[kind] ?? `unknown trap ${kind}`;
