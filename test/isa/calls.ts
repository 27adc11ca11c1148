// Calls with random signatures: arguments and results in registers and on the stack, values that live across, tail
// calls between functions with stack arguments of different sizes; direct, through w2n_funcs, through code addresses.
import assert from 'node:assert/strict';
import { Func } from '../../src/ir/func.ts';
import { interpret, Space } from '../../src/ir/interpreter.ts';
import type { Environment } from '../../src/ir/interpreter.ts';
import { memImm, Op } from '../../src/ir/opcodes.ts';
import { Signatures } from '../../src/ir/signatures.ts';
import { Access, Region, Type } from '../../src/ir/types.ts';
import { verify } from '../../src/ir/verifier.ts';
import { allocateBundles } from '../../src/regalloc/bundles.ts';
import { Random } from '../opt/random_func.ts';
import { NativeModule, UNOPTIMIZED } from './native.ts';
import type { NativeCall, NativeIsa, NativeOptions, Slot } from './native.ts';
import { needIsa } from '../support/need.ts';

const TYPES = [Type.I32, Type.I64, Type.F32, Type.F64, Type.I64, Type.V128];
const HEAD = 128;
const CASES = 60;
/** Functions of a case: leaf, tail caller of it, caller of both. */
const PER_CASE = 3;

class Builder {
  readonly f = new Func();
  private readonly live: number[][] = Array.from({ length: 8 }, () => []);

  constructor(
    index: number,
    sig: number,
    private readonly sigs: Signatures,
    private readonly r: Random,
  ) {
    this.f.reset(index, sig);
    const entry = this.f.newBlock();
    const params = Array.from({ length: sigs.numParams(sig) }, (_, k) =>
      this.f.newInst(Op.Param, sigs.param(sig, k)),
    );
    this.f.setParams(entry, Int32Array.from(params), 0, params.length);
    for (const v of params) this.live[this.f.type[v]].push(v);
  }

  add(op: Op, type: Type, args: readonly number[], imm = 0, imm2 = 0, aux = 0): number {
    const v = this.f.newInst(op, type, imm, imm2, aux);
    this.f.setArgs(v, Int32Array.from(args), 0, args.length);
    this.f.append(0, v);
    return v;
  }

  /** A value of the type: one at hand (older or newer), sometimes a constant. */
  value(type: Type): number {
    const { r } = this;
    const list = this.live[type];
    if (list.length > 0 && r.chance(80)) return list[r.int(list.length)];
    const bits = r.int(2 ** 30);
    if (type === Type.V128) {
      const words = this.f.v128;
      for (let k = 0; k < 4; k++) words.push(r.int(2 ** 31));
      return this.add(Op.VConst, type, [], words.length / 4 - 1);
    }
    if (type === Type.F32 || type === Type.F64)
      return this.add(Op.FConst, type, [], bits, type === Type.F64 ? r.int(2 ** 30) : 0);
    return this.add(Op.IConst, type, [], bits, type === Type.I64 ? r.int(2 ** 31) : bits >> 31);
  }

  values(sig: number): number[] {
    return Array.from({ length: this.sigs.numParams(sig) }, (_, k) => this.value(this.sigs.param(sig, k)));
  }

  /** Calls function `callee` in one of three ways; remembers the results. */
  call(callee: number, sig: number, slot: number): void {
    const results = this.sigs.numResults(sig);
    const type = results === 1 ? this.sigs.result(sig, 0) : Type.None;
    const args = this.values(sig);
    const v = this.target(callee, sig, slot, args, type, [Op.Call, Op.CallRef, Op.CallCode, Op.CallImport]);
    if (results === 1) this.live[type].push(v);
    for (let k = 0; k < results && results > 1; k++) {
      const t = this.sigs.result(sig, k);
      this.live[t].push(this.add(Op.Proj, t, [v], k));
    }
  }

  tailCall(callee: number, sig: number, slot: number): void {
    const args = this.values(sig);
    this.target(callee, sig, slot, args, Type.None, [
      Op.ReturnCall,
      Op.ReturnCallRef,
      Op.ReturnCallCode,
      Op.ReturnCallImport,
    ]);
  }

  private target(
    callee: number,
    sig: number,
    slot: number,
    args: number[],
    type: Type,
    ops: readonly Op[],
  ): number {
    const offset = HEAD + 32 * slot;
    switch (this.r.int(4)) {
      case 0:
        return this.add(ops[0], type, args, callee, 0, sig);
      case 1:
        return this.add(ops[1], type, [this.add(Op.CtxAddr, Type.Ref, [], 0, offset), ...args], 0, 0, sig);
      case 2: {
        const code = this.add(Op.CtxLoad, Type.Ref, [], memImm(Access.Full, Type.Ref), offset, Region.Const);
        return this.add(ops[2], type, [code, ...args], 0, 0, sig);
      }
      default:
        return this.add(ops[3], type, args, callee, offset, sig);
    }
  }

  finish(): void {
    const { sigs, f } = this;
    const results = Array.from({ length: sigs.numResults(f.sig) }, (_, k) =>
      this.value(sigs.result(f.sig, k)),
    );
    this.add(Op.Return, Type.None, results);
    verify(f, sigs);
  }
}

function check(seed: number, options: NativeOptions): void {
  const r = new Random(seed);
  const sigs = new Signatures();
  const list = (max: number): Type[] => Array.from({ length: r.int(max) }, () => r.pick(TYPES));
  const funcs: Func[] = [];
  const functionSig = new Int32Array(CASES * PER_CASE);
  for (let c = 0; c < CASES; c++) {
    const results = list(r.chance(30) ? 14 : 3);
    const max = r.chance(50) ? 30 : 9;
    const leafSig = sigs.add(list(max), results);
    const tailSig = sigs.add(list(max), results);
    const callerSig = sigs.add(list(12), list(12));
    const first = c * PER_CASE;
    [leafSig, tailSig, callerSig].forEach((s, k) => (functionSig[first + k] = s));
    const leaf = new Builder(first, leafSig, sigs, r);
    leaf.finish();
    const tail = new Builder(first + 1, tailSig, sigs, r);
    if (r.chance(40)) tail.call(first, leafSig, first);
    tail.tailCall(first, leafSig, first);
    verify(tail.f, sigs);
    const caller = new Builder(first + 2, callerSig, sigs, r);
    for (let n = 1 + r.int(3); n > 0; n--) {
      if (r.chance(50)) caller.call(first, leafSig, first);
      else caller.call(first + 1, tailSig, first + 1);
    }
    caller.finish();
    funcs.push(leaf.f, tail.f, caller.f);
  }
  // In the interpreter's instance the code field of each w2n_func holds the function's index.
  const instance = new Uint8Array(32 * funcs.length);
  const view = new DataView(instance.buffer);
  funcs.forEach((_, i) => view.setBigUint64(32 * i, Space.code + BigInt(i), true));
  const env: Environment = {
    memory: new Uint8Array(0),
    instance,
    instanceBias: -HEAD,
    call(op, imm, _aux, args) {
      let callee = imm;
      let rest = args;
      if (op === Op.CallRef || op === Op.ReturnCallRef) {
        callee = Number(args[0] - Space.instance - BigInt(HEAD)) / 32;
        rest = args.slice(1);
      } else if (op === Op.CallCode || op === Op.ReturnCallCode) {
        callee = Number(args[0] - Space.code);
        rest = args.slice(1);
      }
      const outcome = interpret(funcs[callee], env, rest);
      if (outcome.kind !== 'return') throw new Error(`call of ${callee} did not return`);
      return outcome.values;
    },
  };
  const calls: NativeCall[] = [];
  const expected: string[] = [];
  funcs.forEach((f, func) => {
    const args = Array.from({ length: sigs.numParams(f.sig) }, (_, k) => {
      const bits = BigInt(r.int(2 ** 30));
      const type = sigs.param(f.sig, k);
      return type === Type.I32 || type === Type.F32
        ? bits
        : type === Type.V128
          ? (bits << 90n) + BigInt(r.int(2 ** 31))
          : (bits << 31n) + BigInt(r.int(99));
    });
    const outcome = interpret(f, env, args);
    assert.equal(outcome.kind, 'return');
    calls.push({ func, args });
    expected.push(outcome.kind === 'return' ? outcome.values.map((v) => v.toString(16)).join() : '');
  });
  const native = new NativeModule(sigs, funcs.length, options, functionSig);
  // A function that leaves through slots may change the pinned registers of its direct callers.
  native.functionFlags.fill(2);
  funcs.forEach((f, i) => native.add(f, i));
  const slots: Slot[] = funcs.map((_, func) => ({ func }));
  const results = native.run(calls, new Uint8Array(16), new Uint8Array(0), slots);
  results.forEach((result, i) => {
    assert.equal(result.trap, 0, `seed ${seed}, function ${i} traps`);
    assert.equal(result.values.map((v) => v.toString(16)).join(), expected[i], `seed ${seed}, function ${i}`);
  });
}

/** Shifts all seeds: `WASM2NATIVE_SEED=100000` runs other functions. */
const SEED = Number(process.env.WASM2NATIVE_SEED ?? 0);

export function callSuite(isa: NativeIsa): void {
  describe(`${isa} calls with random signatures`, function () {
    this.timeout(60000);
    before(function () {
      needIsa(this, isa);
    });
    for (let k = 0; k < 6; k++) {
      it(`fast allocator, ${k}`, () => check(SEED + k, { ...UNOPTIMIZED, isa, regs: k % 2 === 0 ? 0 : 6 }));
      it(`bundles, ${k}`, () =>
        check(SEED + 100 + k, {
          ...UNOPTIMIZED,
          isa,
          allocator: allocateBundles,
          regs: k % 2 === 0 ? 0 : 6,
          optLevel: 2,
        }));
    }
    it('landing pads and signed return addresses', () => {
      const protect = { ...UNOPTIMIZED, isa, isProtected: true };
      for (let k = 0; k < 3; k++)
        check(SEED + 200 + k, { ...protect, allocator: allocateBundles, optLevel: 2 });
    });
  });
}
