// Random functions (control flow, memory that traps, calls, globals) compiled with both allocators, executed, and
// compared with the interpreter: results, traps, memory, instance.
import assert from 'node:assert/strict';
import type { Func } from '../../src/ir/func.ts';
import { NONE } from '../../src/ir/func.ts';
import { interpret, Trap } from '../../src/ir/interpreter.ts';
import type { Environment } from '../../src/ir/interpreter.ts';
import { Op } from '../../src/ir/opcodes.ts';
import type { Signatures } from '../../src/ir/signatures.ts';
import { FloatCC, Type } from '../../src/ir/types.ts';
import { verify } from '../../src/ir/verifier.ts';
import { allocateBundles } from '../../src/regalloc/bundles.ts';
import { Random, randomFunc } from '../opt/random_func.ts';
import { canonical, NativeModule, UNOPTIMIZED } from './native.ts';
import type { NativeCall, NativeIsa, NativeOptions } from './native.ts';
import { needIsa } from '../support/need.ts';

const HEAD = 128;
const MEMORY_BYTES = 120;
const INSTANCE_BYTES = 96;
const FUNCTIONS = 250;
const SLOTS = Array.from({ length: 15 }, (_, k) => ({ index: Math.floor(k / 3), sig: 1 + (k % 3) }));
const MASK = (1n << 64n) - 1n;

/** What native_host.c does when function `slot` of signature `sig` is called. */
function callee(env: Environment, count: number, slot: number, args: readonly bigint[]): bigint[] {
  const index = BigInt(SLOTS[slot].index);
  let hash = (index * 0x9e3779b97f4a7c15n + BigInt(count)) & MASK;
  for (const a of args) hash = ((hash ^ a) * 0xbf58476d1ce4e5b9n) & MASK;
  hash ^= hash >> 29n;
  if (index !== 0n) {
    env.memory[Number(hash % BigInt(MEMORY_BYTES))] ^= Number((hash >> 32n) & 255n);
    env.instance[Number((hash >> 8n) % 64n)] ^= Number((hash >> 40n) & 255n);
  }
  if (index === 4n && (hash >> 50n) % 3n === 0n) throw new Trap(12);
  return [(hash >> 16n) & 0xffffffffn, 0x3f800000n + (hash >> 44n)];
}

/** Results whose NaN has no bits that both sides agree on. */
const makesNaN = (op: number): boolean =>
  (op >= Op.FAdd && op <= Op.FMax) ||
  (op >= Op.FSqrt && op <= Op.FNearest) ||
  op === Op.Demote ||
  op === Op.Promote;

/**
 * Fits a random function to the native world: instance offsets behind the head, calls through slots, one NaN, no
 * native address as a number.
 */
function adapt(f: Func): void {
  const replace = (from: number, to: number, isAddress: boolean, except: readonly number[]): void => {
    for (let i = 0; i < f.numInsts; i++) {
      if (except.includes(i) || f.op[i] === Op.Nop) continue;
      for (let k = 0; k < f.argCount[i]; k++) {
        if (isAddress && k === 0 && (f.op[i] === Op.NLoad || f.op[i] === Op.NStore)) continue;
        if (f.arg(i, k) === from) f.setArg(i, k, to);
      }
    }
    for (let e = 0; e < f.numEdges; e++) {
      for (let k = 0; k < f.edgeArgCount[e]; k++) {
        if (f.edgeArg(e, k) === from) f.pool.data[f.edgeArgStart[e] + k] = to;
      }
    }
  };
  const total = f.numInsts;
  for (let i = 0; i < total; i++) {
    const op = f.op[i];
    if (f.block[i] === NONE) continue;
    if (op === Op.CtxLoad || op === Op.CtxStore || op === Op.CtxAddr) f.imm2[i] += HEAD;
    if (op === Op.Call) {
      const slot = f.imm[i] * 3 + f.aux[i] - 1;
      f.op[i] = Op.CallImport;
      f.imm[i] = slot;
      f.imm2[i] = HEAD + INSTANCE_BYTES + 32 * slot;
    }
    if (op === Op.CtxAddr || op === Op.MemBase) {
      const number = f.newInst(Op.IConst, Type.I64, 77, 0);
      f.insertBefore(number, i);
      replace(i, number, true, []);
    }
    if (makesNaN(op)) {
      const type = f.type[i];
      const nan = f.newInst(
        Op.FConst,
        type,
        type === Type.F32 ? 0x7fc00000 : 0,
        type === Type.F32 ? 0 : 0x7ff80000,
      );
      const is = f.newInst(Op.FCmp, Type.I32, FloatCC.Ne);
      f.setArgs2(is, i, i);
      const chosen = f.newInst(Op.Select, type);
      f.setArgs3(chosen, is, nan, i);
      const next = f.next[i];
      f.insertBefore(nan, next);
      f.insertBefore(is, next);
      f.insertBefore(chosen, next);
      replace(i, chosen, false, [is, chosen]);
    }
  }
}

const TRAP_KINDS: Readonly<Record<number, number>> = { [-1]: 2, [-2]: 7, [-3]: 6, [-4]: 8 };

const RESULT_TYPES = [Type.I32, Type.I64, Type.F64];

/** Runs seeds `first..` with the options; returns how many cases trapped and how many returned. */
function check(first: number, options: NativeOptions): { returned: number; trapped: number } {
  const r = new Random(first);
  const memory = Uint8Array.from({ length: MEMORY_BYTES }, () => r.int(256));
  const instance = Uint8Array.from({ length: INSTANCE_BYTES }, () => r.int(256));
  const funcs: Func[] = [];
  let sigs: Signatures | null = null;
  const calls: NativeCall[] = [];
  const expected: string[] = [];
  let trapped = 0;
  let returned = 0;
  for (let i = 0; i < FUNCTIONS; i++) {
    const made = randomFunc(first + i, 10 + r.int(60));
    sigs ??= made.sigs;
    adapt(made.f);
    verify(made.f, made.sigs);
    funcs.push(made.f);
    for (let n = 0; n < 4; n++) {
      const args = [
        BigInt(r.int(2 ** 31) * (n & 1)),
        BigInt(r.int(300) - 100) & MASK,
        BigInt(r.int(2 ** 30)),
        BigInt(0x3ff00000 + r.int(2 ** 22)) << 32n,
      ];
      let count = 0;
      const env: Environment = {
        memory: memory.slice(),
        instance: instance.slice(),
        instanceBias: -HEAD,
        call: (_op, imm, _aux, list) => callee(env, ++count, imm, list),
      };
      const outcome = interpret(made.f, env, args, 20000);
      if (outcome.kind === 'steps') continue;
      if (outcome.kind === 'trap') trapped++;
      else returned++;
      const shown =
        outcome.kind === 'trap'
          ? `trap ${TRAP_KINDS[outcome.trap] ?? outcome.trap}`
          : outcome.values.map((v, k) => canonical(RESULT_TYPES[k], v).toString(16)).join();
      calls.push({ func: i, args });
      expected.push(
        `${shown} ${Buffer.from(env.memory).toString('hex')} ${Buffer.from(env.instance).toString('hex')}`,
      );
    }
  }
  assert.ok(sigs !== null);
  const native = new NativeModule(sigs, FUNCTIONS, options);
  funcs.forEach((f, i) => native.add(f, i));
  const results = native.run(calls, memory, instance, SLOTS);
  results.forEach((result, i) => {
    const shown =
      result.trap !== 0
        ? `trap ${result.trap}`
        : result.values.map((v, k) => canonical(RESULT_TYPES[k], v).toString(16)).join();
    const all = `${shown} ${result.memory.toString('hex')} ${result.instance.toString('hex')}`;
    assert.equal(all, expected[i], `seed ${first + calls[i].func}, arguments ${calls[i].args.join(', ')}`);
  });
  return { returned, trapped };
}

/** Shifts all seeds: `WASM2NATIVE_SEED=100000` runs other functions. */
const SEED = Number(process.env.WASM2NATIVE_SEED ?? 0);

export function randomSuite(isa: NativeIsa): void {
  describe(`${isa} random functions against the interpreter`, function () {
    this.timeout(120000);
    before(function () {
      needIsa(this, isa);
    });
    const run = (name: string, seed: number, options: NativeOptions): void => {
      it(name, () => {
        const { returned, trapped } = check(seed + SEED, options);
        assert.ok(
          returned > FUNCTIONS / 4 && trapped > FUNCTIONS / 20,
          `${returned} returned, ${trapped} trapped`,
        );
      });
    };
    run('fast allocator', 1000, { ...UNOPTIMIZED, isa });
    run('fast allocator, few registers', 2000, { ...UNOPTIMIZED, isa, regs: 6 });
    run('bundles, short branches', 3000, { ...UNOPTIMIZED, isa, allocator: allocateBundles, optLevel: 2 });
    run('bundles, few registers, newer instructions', 4000, {
      ...UNOPTIMIZED,
      isa,
      allocator: allocateBundles,
      regs: 6,
      march: isa === 'x86_64' ? 'x86-64-v3' : '',
    });
    run('padded blocks', 5000, { ...UNOPTIMIZED, isa, allocator: allocateBundles, padBlocks: 200 });
    if (isa === 'x86_64')
      run('memory base in gs', 6000, {
        ...UNOPTIMIZED,
        isa,
        allocator: allocateBundles,
        gs: true,
        optLevel: 2,
      });
  });
}
