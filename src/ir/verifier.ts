// Checks that a function is well formed. Runs after every pass in tests and under a flag, never in production.
//
// Input: a Func and the module's signatures. Output: a list of problems, empty when all is well; each names the
// rule below, the block and the instruction as printed. The catalogue:
//
//   list        next, prev, blockFirst and blockLast agree; `block` names the holder; nothing stands twice
//   entry       block 0 exists, is not empty, no edge leads to it; its parameters are those of the signature
//   terminator  each non-empty block ends in its only terminator
//   edges       1 for jump, 2 for brif, at least 1 for brtable; in range; owned by one terminator only;
//               targets are non-empty blocks
//   edge-args   one argument for each parameter of the target, of its type
//   params      values of op param, with the right block and index, in no list and in one parameter list only
//   operands    as many as the operation takes; existing values that have a type
//   types       operands and result have types that the operation allows
//   imm         conditions, accesses, constants, alias regions, signatures lie in their ranges
//   proj        stands in a run right behind a call with two or more results; index in range, none twice
//   call        arguments and results are those of the signature
//   return      values are those of the function's signature; a tail call's results equal the function's
//   dominance   the definition of each operand and edge argument dominates its use (reachable blocks only)
import { Cfg, edgeCount, firstEdge, OP_HAS_EDGES } from './cfg.ts';
import { Dominators } from './dominators.ts';
import type { Func } from './func.ts';
import { NONE } from './func.ts';
import { Effect, Imm, memAccess, memType, Op, OP_EFFECTS, OPS } from './opcodes.ts';
import { printFunc, printInst, printRegion } from './printer.ts';
import type { Signatures } from './signatures.ts';
import {
  Access,
  ACCESS_NAMES,
  accessBytes,
  FLOAT_CC_NAMES,
  INT_CC_NAMES,
  NUM_TYPES,
  Region,
  REGION_NAMES,
  Type,
  TYPE_BYTES,
  TYPE_NAMES,
} from './types.ts';

const isInt = (t: number): boolean => t === Type.I32 || t === Type.I64;
const isFloat = (t: number): boolean => t === Type.F32 || t === Type.F64;
/** Native pointers are computed with as I64 and held as Ref. */
const isPointer = (t: number): boolean => t === Type.I64 || t === Type.Ref;

class Verifier {
  readonly problems: string[] = [];
  private readonly cfg = new Cfg();
  private readonly doms = new Dominators();
  /** Position of each instruction in its block, -1 for what stands in no block. */
  private readonly position: Int32Array;

  constructor(
    private readonly f: Func,
    private readonly sigs: Signatures,
  ) {
    this.position = new Int32Array(f.numInsts).fill(-1);
  }

  run(): string[] {
    const { f } = this;
    if (f.numBlocks === 0 || f.blockFirst[0] === NONE) this.problem('entry', 'block 0 is missing or empty');
    for (let b = 0; b < f.numBlocks; b++) this.list(b);
    for (let b = 0; b < f.numBlocks; b++) this.params(b);
    if (this.problems.length > 0) return this.problems;
    this.entry();
    this.edges();
    if (this.problems.length > 0) return this.problems;
    this.cfg.compute(f);
    this.doms.compute(f.numBlocks, this.cfg);
    for (let b = 0; b < f.numBlocks; b++) {
      for (let i = f.blockFirst[b]; i !== NONE; i = f.next[i]) {
        if (this.operands(i)) this.inst(i);
        if (OP_HAS_EDGES[f.op[i]] === 1) this.edgeArgs(b);
      }
    }
    return this.problems;
  }

  private problem(rule: string, message: string, inst = NONE): void {
    const { f } = this;
    const where = inst === NONE ? '' : ` [block${f.block[inst]}: ${printInst(f, inst)}]`;
    this.problems.push(`${rule}: ${message}${where}`);
  }

  private check(ok: boolean, rule: string, message: string, inst: number): void {
    if (!ok) this.problem(rule, message, inst);
  }

  private list(b: number): void {
    const { f, position } = this;
    let prev = NONE;
    let count = 0;
    for (let i = f.blockFirst[b]; i !== NONE; prev = i, i = f.next[i]) {
      if (i < 0 || i >= f.numInsts)
        return this.problem('list', `block${b} holds instruction ${i}, out of range`);
      if (position[i] >= 0) return this.problem('list', `v${i} stands twice (block${f.block[i]}, block${b})`);
      position[i] = count++;
      if (f.block[i] !== b) return this.problem('list', `v${i} in block${b} claims block${f.block[i]}`);
      if (f.prev[i] !== prev) return this.problem('list', `prev of v${i} is ${f.prev[i]}, not ${prev}`);
      const terminates = (OP_EFFECTS[f.op[i]] & Effect.Terminator) !== 0;
      if (terminates !== (f.next[i] === NONE)) {
        return this.problem('terminator', `block${b} must end in its only terminator`, i);
      }
      if (f.op[i] === Op.Param) return this.problem('params', `v${i} is a parameter and stands in a list`, i);
      if (f.op[i] === Op.Nop) return this.problem('list', `v${i} is a nop and stands in a list`);
    }
    if (f.blockLast[b] !== prev)
      this.problem('list', `blockLast of block${b} is ${f.blockLast[b]}, not ${prev}`);
  }

  private params(b: number): void {
    const { f } = this;
    for (let k = 0; k < f.paramCount[b]; k++) {
      const v = f.param(b, k);
      const good =
        v >= 0 &&
        v < f.numInsts &&
        f.op[v] === Op.Param &&
        f.block[v] === b &&
        f.imm[v] === b &&
        f.imm2[v] === k &&
        f.type[v] > Type.None &&
        f.type[v] < NUM_TYPES;
      if (!good) this.problem('params', `parameter ${k} of block${b}, v${v}, is not its parameter`);
    }
  }

  private entry(): void {
    const { f, sigs } = this;
    if (f.sig < 0 || f.sig >= sigs.count)
      return this.problem('imm', `function of unknown signature ${f.sig}`);
    if (f.paramCount[0] !== sigs.numParams(f.sig)) {
      return this.problem(
        'entry',
        `${f.paramCount[0]} parameters, the signature has ${sigs.numParams(f.sig)}`,
      );
    }
    for (let k = 0; k < f.paramCount[0]; k++) {
      const type = f.type[f.param(0, k)];
      if (type !== sigs.param(f.sig, k)) this.problem('entry', `parameter ${k} has type ${TYPE_NAMES[type]}`);
    }
  }

  private edges(): void {
    const { f } = this;
    const owned = new Uint8Array(f.numEdges);
    for (let b = 0; b < f.numBlocks; b++) {
      const t = f.blockLast[b];
      if (t === NONE || OP_HAS_EDGES[f.op[t]] === 0) continue;
      const op = f.op[t];
      const count = f.imm2[t];
      const first = f.imm[t];
      const right = op === Op.Jump ? count === 1 : op === Op.BrIf ? count === 2 : count >= 1;
      if (!right || first < 0 || first + count > f.numEdges) {
        this.problem('edges', `${OPS[op].name} of block${b} has edges ${first} to ${first + count}`);
        continue;
      }
      for (let e = first; e < first + count; e++) {
        const to = f.edgeTo[e];
        if (owned[e] === 1) this.problem('edges', `edge ${e} has two owners`, t);
        owned[e] = 1;
        if (to === 0) this.problem('entry', 'an edge leads to the entry', t);
        if (to < 0 || to >= f.numBlocks || f.blockFirst[to] === NONE) {
          this.problem('edges', `block${b} leads to block${to}, which does not exist or is empty`);
        }
      }
    }
  }

  private edgeArgs(b: number): void {
    const { f } = this;
    const t = f.blockLast[b];
    const first = firstEdge(f, b);
    for (let e = first; e < first + edgeCount(f, b); e++) {
      const to = f.edgeTo[e];
      if (f.edgeArgCount[e] !== f.paramCount[to]) {
        this.problem(
          'edge-args',
          `${f.edgeArgCount[e]} arguments for ${f.paramCount[to]} parameters of block${to}`,
          t,
        );
        continue;
      }
      for (let k = 0; k < f.edgeArgCount[e]; k++) {
        const v = f.edgeArg(e, k);
        if (!this.value(v, t, 'edge-args')) continue;
        const want = f.type[f.param(to, k)];
        this.check(f.type[v] === want, 'edge-args', `v${v} is not of type ${TYPE_NAMES[want]}`, t);
        this.dominance(v, t);
      }
    }
  }

  private value(v: number, inst: number, rule: string): boolean {
    const { f } = this;
    if (v < 0 || v >= f.numInsts || f.op[v] === Op.Nop || f.block[v] === NONE) {
      this.problem(rule, `v${v} does not exist`, inst);
      return false;
    }
    if (f.op[v] === Op.Param) {
      const b = f.imm[v];
      if (f.imm2[v] >= f.paramCount[b] || f.param(b, f.imm2[v]) !== v) {
        this.problem('params', `v${v} is no parameter of block${b}`, inst);
        return false;
      }
    } else if (f.type[v] === Type.None && f.op[inst] !== Op.Proj) {
      this.problem(rule, `v${v} has no value`, inst);
      return false;
    }
    return true;
  }

  private dominance(v: number, use: number): void {
    const { f, position, cfg, doms } = this;
    const from = f.block[v];
    const to = f.block[use];
    if (!cfg.reachable(to)) return;
    const good = from === to ? position[v] < position[use] : doms.dominates(from, to);
    this.check(good, 'dominance', `v${v} does not dominate its use`, use);
  }

  private operands(i: number): boolean {
    const { f } = this;
    const arity = OPS[f.op[i]].arity;
    if (arity >= 0 && f.argCount[i] !== arity) {
      this.problem('operands', `takes ${arity} operands, has ${f.argCount[i]}`, i);
      return false;
    }
    for (let k = 0; k < f.argCount[i]; k++) {
      if (!this.value(f.arg(i, k), i, 'operands')) return false;
      this.dominance(f.arg(i, k), i);
    }
    return true;
  }

  private arg(i: number, k: number): number {
    return this.f.type[this.f.arg(i, k)];
  }

  private types(ok: boolean, i: number): void {
    const { f } = this;
    if (ok) return;
    const list = Array.from({ length: f.argCount[i] }, (_, k) => TYPE_NAMES[this.arg(i, k)]).join(', ');
    this.problem('types', `(${list}) -> ${TYPE_NAMES[f.type[i]]} is not allowed`, i);
  }

  private inst(i: number): void {
    const { f } = this;
    const t = f.type[i];
    if (t < 0 || t >= NUM_TYPES) return this.problem('types', `type ${t} does not exist`, i);
    switch (f.op[i]) {
      case Op.Proj:
        return this.proj(i);
      case Op.IConst:
        this.types(isInt(t) || t === Type.Ref, i);
        return this.check(
          t !== Type.I32 || f.imm2[i] === f.imm[i] >> 31,
          'imm',
          'i32: imm2 is not the sign of imm',
          i,
        );
      case Op.FConst:
        return this.types(isFloat(t), i);
      case Op.VConst:
        this.types(t === Type.V128, i);
        return this.check(
          f.imm[i] >= 0 && f.imm[i] * 4 + 4 <= f.v128.length,
          'imm',
          'no such 128-bit constant',
          i,
        );
      case Op.Clz:
      case Op.Ctz:
      case Op.Popcnt:
      case Op.SExt8:
      case Op.SExt16:
        return this.types(isInt(t) && this.arg(i, 0) === t, i);
      case Op.SExt32:
        return this.types(t === Type.I64 && this.arg(i, 0) === t, i);
      case Op.ICmp:
        this.check(f.imm[i] >= 0 && f.imm[i] < INT_CC_NAMES.length, 'imm', 'no such condition', i);
        return this.types(
          t === Type.I32 &&
            this.arg(i, 0) === this.arg(i, 1) &&
            (isInt(this.arg(i, 0)) || this.arg(i, 0) === Type.Ref),
          i,
        );
      case Op.FCmp:
        this.check(f.imm[i] >= 0 && f.imm[i] < FLOAT_CC_NAMES.length, 'imm', 'no such condition', i);
        return this.types(t === Type.I32 && isFloat(this.arg(i, 0)) && this.arg(i, 0) === this.arg(i, 1), i);
      case Op.Wrap:
        return this.types(t === Type.I32 && this.arg(i, 0) === Type.I64, i);
      case Op.SExt:
      case Op.ZExt:
        return this.types(t === Type.I64 && this.arg(i, 0) === Type.I32, i);
      case Op.TruncS:
      case Op.TruncU:
      case Op.TruncSatS:
      case Op.TruncSatU:
        return this.types(isInt(t) && isFloat(this.arg(i, 0)), i);
      case Op.ConvertS:
      case Op.ConvertU:
        return this.types(isFloat(t) && isInt(this.arg(i, 0)), i);
      case Op.Demote:
        return this.types(t === Type.F32 && this.arg(i, 0) === Type.F64, i);
      case Op.Promote:
        return this.types(t === Type.F64 && this.arg(i, 0) === Type.F32, i);
      case Op.Bitcast:
        return this.types(
          t !== Type.None &&
            t !== Type.V128 &&
            t !== this.arg(i, 0) &&
            TYPE_BYTES[t] === TYPE_BYTES[this.arg(i, 0)],
          i,
        );
      case Op.Select:
        return this.types(
          t !== Type.None && this.arg(i, 0) === Type.I32 && this.arg(i, 1) === t && this.arg(i, 2) === t,
          i,
        );
      case Op.Load:
      case Op.Store:
      case Op.NLoad:
      case Op.NStore:
      case Op.CtxLoad:
      case Op.CtxStore:
        return this.memory(i);
      case Op.CtxAddr:
      case Op.MemBase:
      case Op.CodeBase:
        return this.types(isPointer(t), i);
      case Op.TrapIf:
        return this.types(t === Type.None && this.arg(i, 0) === Type.I32, i);
      case Op.Jump:
      case Op.Unreachable:
        return this.types(t === Type.None, i);
      case Op.BrIf:
      case Op.BrTable:
        return this.types(t === Type.None && this.arg(i, 0) === Type.I32, i);
      case Op.Return:
        return this.results(i, f.sig, 'return');
      case Op.CallHelper:
        return;
      default:
        if ((OP_EFFECTS[f.op[i]] & Effect.Call) !== 0) return this.call(i);
        return this.arithmetic(i);
    }
  }

  /** Operations whose operands and result share one type. */
  private arithmetic(i: number): void {
    const { f } = this;
    const t = f.type[i];
    let ok = f.op[i] >= Op.IAdd && f.op[i] <= Op.Rotr ? isInt(t) : isFloat(t);
    for (let k = 0; k < f.argCount[i]; k++) ok &&= this.arg(i, k) === t;
    this.types(ok, i);
  }

  private memory(i: number): void {
    const { f } = this;
    const op = f.op[i];
    const stores = (OP_EFFECTS[op] & Effect.Write) !== 0;
    const access = memAccess(f.imm[i]);
    const type = memType(f.imm[i]);
    const region = f.aux[i];
    if (ACCESS_NAMES[access] === undefined || type <= Type.None || type >= NUM_TYPES) {
      return this.problem('imm', `access ${f.imm[i]}`, i);
    }
    if (access !== Access.Full) {
      this.check(
        isInt(type) && accessBytes(access, type) < TYPE_BYTES[type],
        'imm',
        `a ${ACCESS_NAMES[access]} access of ${TYPE_NAMES[type]}`,
        i,
      );
    }
    this.check(
      REGION_NAMES[region & Region.KindMask] !== undefined,
      'imm',
      `region ${printRegion(region)}`,
      i,
    );
    this.check(
      !stores || (region & Region.KindMask) !== Region.Const,
      'imm',
      'stores to a constant region',
      i,
    );
    if (op === Op.Load || op === Op.Store) {
      this.check((region & Region.KindMask) === Region.Memory, 'imm', 'not a memory region', i);
    }
    const value = f.argCount[i] - 1;
    let ok = stores ? f.type[i] === Type.None && this.arg(i, value) === type : f.type[i] === type;
    if (op === Op.Load || op === Op.Store) ok &&= this.arg(i, 0) === Type.I32;
    if (op === Op.NLoad || op === Op.NStore) ok &&= isPointer(this.arg(i, 0));
    this.types(ok, i);
  }

  private results(i: number, sig: number, rule: string): void {
    const { f, sigs } = this;
    const count = sigs.numResults(sig);
    let ok = f.type[i] === Type.None && f.argCount[i] === count;
    for (let k = 0; ok && k < count; k++) ok = this.arg(i, k) === sigs.result(sig, k);
    this.check(ok, rule, `does not give the results of signature ${sig}`, i);
  }

  private call(i: number): void {
    const { f, sigs } = this;
    const sig = f.aux[i];
    if (sig < 0 || sig >= sigs.count) return this.problem('imm', `no signature ${sig}`, i);
    const from = OPS[f.op[i]].imm === Imm.Sig ? 1 : 0;
    let ok = f.argCount[i] === from + sigs.numParams(sig) && (from === 0 || isPointer(this.arg(i, 0)));
    for (let k = 0; ok && k < sigs.numParams(sig); k++) ok = this.arg(i, from + k) === sigs.param(sig, k);
    this.check(ok, 'call', `arguments are not those of signature ${sig}`, i);
    if ((OP_EFFECTS[f.op[i]] & Effect.Terminator) === 0) {
      const want = sigs.numResults(sig) === 1 ? sigs.result(sig, 0) : Type.None;
      return this.check(f.type[i] === want, 'call', `the result must be ${TYPE_NAMES[want]}`, i);
    }
    const count = sigs.numResults(sig);
    let same = f.type[i] === Type.None && count === sigs.numResults(f.sig);
    for (let k = 0; same && k < count; k++) same = sigs.result(sig, k) === sigs.result(f.sig, k);
    this.check(same, 'return', `signature ${sig} does not give this function's results`, i);
  }

  private proj(i: number): void {
    const { f, sigs } = this;
    const call = f.arg(i, 0);
    const k = f.imm[i];
    let at = f.prev[i];
    for (; at !== NONE && f.op[at] === Op.Proj; at = f.prev[at]) {
      if (f.imm[at] === k) return this.problem('proj', 'the same result twice', i);
    }
    if (at !== call || (OP_EFFECTS[f.op[call]] & Effect.Call) === 0 || f.type[call] !== Type.None) {
      return this.problem('proj', 'not right behind a call with several results', i);
    }
    if (k < 0 || f.type[i] === Type.None) return this.problem('proj', 'no such result', i);
    if (f.op[call] === Op.CallHelper) return;
    const sig = f.aux[call];
    if (sig < 0 || sig >= sigs.count) return;
    const count = sigs.numResults(sig);
    const good = count >= 2 && k < count && f.type[i] === sigs.result(sig, k);
    this.check(good, 'proj', 'no such result, or not of that type', i);
  }
}

/** All problems of a function (shape: one line each); empty when it is well formed. */
export function verify(f: Func, sigs: Signatures): string[] {
  return new Verifier(f, sigs).run();
}

/** Throws an Error that lists the problems and shows the function, if there are any. */
export function assertValid(f: Func, sigs: Signatures, after: string): void {
  const problems = verify(f, sigs);
  if (problems.length > 0) {
    throw new Error(
      `function ${f.index} is malformed after ${after}:\n${problems.join('\n')}\n${printFunc(f)}`,
    );
  }
}
