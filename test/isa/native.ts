// Compiles IR functions and runs them in a C process (native_host.c), for comparison with the interpreter.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import type { Func } from '../../src/ir/func.ts';
import type { Signatures } from '../../src/ir/signatures.ts';
import { Type } from '../../src/ir/types.ts';
import { TextLayout } from '../../src/emit/text_layout.ts';
import type { CompiledFunction, FunctionCompiler, Isa, IsaOptions } from '../../src/isa/contract.ts';
import { aarch64 } from '../../src/isa/aarch64/isa.ts';
import { x64 } from '../../src/isa/x64/isa.ts';
import { allocateBundles } from '../../src/regalloc/bundles.ts';
import { checkAllocation } from '../../src/regalloc/checker.ts';
import type { Allocator } from '../../src/regalloc/door.ts';
import { allocateFast } from '../../src/regalloc/fast.ts';
import { verifyRegallocInput } from '../../src/regalloc/verify_input.ts';
import { isOwnIsa } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

export type NativeIsa = 'x86_64' | 'aarch64';

export interface NativeOptions {
  /** Default: x86_64. */
  readonly isa?: NativeIsa;
  readonly allocator: Allocator;
  readonly march: string;
  readonly gs: boolean;
  readonly regs: number;
  readonly padBlocks: number;
  readonly optLevel: 0 | 2;
  /** With landing pads and signed return addresses. */
  readonly isProtected?: boolean;
}

/** What tests start from: as at -O0, nothing else asked for. */
export const UNOPTIMIZED: NativeOptions = {
  allocator: allocateFast,
  march: '',
  gs: false,
  regs: 0,
  padBlocks: 0,
  optLevel: 0,
};

/** Code generation as by default, at -O2. */
export const PLAIN_ISA_OPTIONS: IsaOptions = {
  os: 'linux',
  optLevel: 2,
  march: '',
  landingPads: false,
  signReturns: false,
  memoryBase: 'register',
  regs: 0,
  forceVeneers: false,
  padBlocks: 0,
  allocator: allocateBundles,
  checkAllocation: null,
};

export interface NativeCall {
  readonly func: number;
  readonly args: readonly bigint[];
}

export interface NativeResult {
  /** Trap kind, 0: none. */
  readonly trap: number;
  readonly values: bigint[];
  readonly memory: Buffer;
  readonly instance: Buffer;
}

/** A callee: its number, which decides what it does (native_host.c), and its signature; or a function of the module. */
export type Slot = { readonly index: number; readonly sig: number } | { readonly func: number };

/** Directory of generated files. */
const dir = fromRoot('build/test/isa');
const hosts = new Map<NativeIsa, readonly string[]>();

/** Builds the C process once; returns the command that runs it. */
function hostProgram(isa: NativeIsa): readonly string[] {
  const known = hosts.get(isa);
  if (known !== undefined) return known;
  mkdirSync(dir, { recursive: true });
  const source = fromRoot('test/isa/native_host.c');
  const program = `${dir}/native_host-${isa}-${process.pid}`;
  const isOwn = isOwnIsa(isa);
  const cc = isOwn ? ['cc'] : [`${isa}-linux-gnu-gcc`, '-static'];
  const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O1'];
  const built = spawnSync(cc[0], [...cc.slice(1), ...flags, source, '-o', program], { encoding: 'utf8' });
  assert.equal(built.status, 0, built.error?.message ?? built.stderr);
  assert.ok(statSync(program).size > 0);
  process.on('exit', () => spawnSync('rm', ['-f', program]));
  const command = isOwn ? [program] : [`qemu-${isa}`, program];
  hosts.set(isa, command);
  return command;
}

/** A set of functions that are compiled together: function i is symbol i; callees are slots of the instance. */
export class NativeModule {
  private readonly isaName: NativeIsa;
  private readonly isa: Isa;
  private readonly compiler: FunctionCompiler;
  /** FunctionFlag bits of each function, to be set before the first `add`. */
  readonly functionFlags: Uint8Array;
  readonly compiled: CompiledFunction[] = [];
  readonly text: TextLayout;
  private readonly sigs: Signatures;
  private readonly sigOf: number[] = [];
  private nextSymbol: number;
  private readonly callThunks = new Map<number, number>();
  private readonly hostThunks = new Map<number, number>();
  private readonly enterSymbol: number;
  private readonly unwindSymbol: number;

  constructor(
    sigs: Signatures,
    numFuncs: number,
    options: NativeOptions,
    functionSig: Int32Array = new Int32Array(numFuncs),
  ) {
    this.sigs = sigs;
    this.nextSymbol = numFuncs;
    this.functionFlags = new Uint8Array(numFuncs);
    this.isaName = options.isa ?? 'x86_64';
    this.isa = this.isaName === 'aarch64' ? aarch64 : x64;
    this.compiler = this.isa.compiler(
      { signatures: sigs, functionSig, functionFlags: this.functionFlags, helperSymbol: new Int32Array(32) },
      {
        ...PLAIN_ISA_OPTIONS,
        optLevel: options.optLevel,
        march: options.march,
        landingPads: options.isProtected === true,
        signReturns: options.isProtected === true,
        memoryBase: options.gs ? 'gs' : 'register',
        regs: options.regs,
        padBlocks: options.padBlocks,
        allocator: options.allocator,
        checkAllocation: (input, output, env) => {
          verifyRegallocInput(input);
          checkAllocation(input, env, output);
        },
      },
    );
    this.text = new TextLayout(this.isa.fixupIsa, { padFunctions: 0, forceVeneers: false, layoutSeed: 0 });
    this.enterSymbol = this.nextSymbol++;
    this.unwindSymbol = this.nextSymbol++;
    this.text.append(this.compiler.thunks.enter().code, this.enterSymbol);
    this.text.append(this.compiler.thunks.unwind().code, this.unwindSymbol);
  }

  /** Compiles a function as symbol `symbol`. */
  add(func: Func, symbol: number): CompiledFunction {
    const compiled = this.compiler.compileFunction(func);
    this.sigOf[symbol] = func.sig;
    this.compiled[symbol] = compiled;
    this.text.append(compiled.code, symbol);
    if (!this.callThunks.has(func.sig)) {
      const thunk = this.nextSymbol++;
      this.callThunks.set(func.sig, thunk);
      this.text.append(this.compiler.thunks.callThunk(func.sig).code, thunk);
    }
    return compiled;
  }

  /** The host thunk for a signature: what calls through the instance's slots reach. */
  hostThunk(sig: number): number {
    let symbol = this.hostThunks.get(sig);
    if (symbol === undefined) {
      symbol = this.nextSymbol++;
      this.hostThunks.set(sig, symbol);
      this.text.append(this.compiler.thunks.hostThunk(sig).code, symbol);
    }
    return symbol;
  }

  vcode(): string {
    return this.compiler.printVCode();
  }

  /**
   * Runs calls, each in a fresh world: memory and instance (behind its head) begin as given. The w2n_funcs of `slots`
   * lie behind the instance's bytes.
   */
  run(
    calls: readonly NativeCall[],
    memory: Uint8Array,
    instance: Uint8Array,
    slots: readonly Slot[] = [],
  ): NativeResult[] {
    const thunks = slots.map((slot) => ('func' in slot ? slot.func : this.hostThunk(slot.sig)));
    const image = this.text.finish();
    const code = Buffer.alloc(image.size, this.isa.fixupIsa.fillByte);
    for (const run of image.runs) for (const chunk of run.chunks) code.set(chunk.bytes, chunk.offset);
    const offset = (symbol: number): number => image.symbolOffset[symbol];
    const parts: Buffer[] = [
      Buffer.from(
        Uint32Array.of(
          calls.length,
          offset(this.enterSymbol),
          offset(this.unwindSymbol),
          memory.length,
          instance.length,
          slots.length,
          0,
          0,
        ).buffer,
      ),
      Buffer.from(
        Uint32Array.from(
          slots.flatMap((slot, k) => [
            offset(thunks[k]),
            'func' in slot
              ? -1
              : slot.index | (this.sigs.numParams(slot.sig) << 8) | (this.sigs.numResults(slot.sig) << 16),
          ]),
        ).buffer,
      ),
      Buffer.from(instance),
      Buffer.from(memory),
    ];
    const counts: number[] = [];
    for (const call of calls) {
      const sig = this.sigOf[call.func];
      const count = Math.max(this.sigs.numParams(sig), this.sigs.numResults(sig));
      counts.push(count);
      const record = Buffer.alloc(16 + 16 * count);
      record.writeUInt32LE(offset(call.func), 0);
      record.writeUInt32LE(offset(this.callThunks.get(sig) ?? -1), 4);
      record.writeUInt32LE(count, 8);
      call.args.forEach((a, k) => {
        record.writeBigUInt64LE(BigInt.asUintN(64, a), 16 + 16 * k);
        record.writeBigUInt64LE(a >> 64n, 24 + 16 * k);
      });
      parts.push(record);
    }
    const name = `${dir}/native-${process.pid}`;
    const [program, ...first] = hostProgram(this.isaName);
    writeFileSync(`${name}.text`, code);
    writeFileSync(`${name}.calls`, Buffer.concat(parts));
    const ran = spawnSync(program, [...first, `${name}.text`, `${name}.calls`], { maxBuffer: 1 << 30 });
    assert.equal(ran.status, 0, `${ran.stderr.toString()}${ran.signal ?? ''} (${name}.text)`);
    spawnSync('rm', ['-f', `${name}.text`, `${name}.calls`]);
    let at = 0;
    return calls.map((call, i) => {
      const sig = this.sigOf[call.func];
      const trap = ran.stdout.readUInt32LE(at);
      const values: bigint[] = [];
      for (let k = 0; k < this.sigs.numResults(sig) && trap === 0; k++) {
        const low = ran.stdout.readBigUInt64LE(at + 8 + 16 * k);
        const type = this.sigs.result(sig, k);
        values.push(type === Type.V128 ? low | (ran.stdout.readBigUInt64LE(at + 16 + 16 * k) << 64n) : low);
      }
      at += 8 + 16 * counts[i];
      const mem = ran.stdout.subarray(at, at + memory.length);
      at += memory.length;
      const inst = ran.stdout.subarray(at, at + instance.length);
      at += instance.length;
      return { trap, values, memory: mem, instance: inst };
    });
  }
}

/** Bits of a value with every NaN replaced by one. */
export function canonical(type: number, bits: bigint): bigint {
  if (type === Type.F32 && (bits & 0x7fffffffn) > 0x7f800000n) return 0x7fc00000n;
  if (type === Type.F64 && (bits & 0x7fffffffffffffffn) > 0x7ff0000000000000n) return 0x7ff8000000000000n;
  return bits;
}
