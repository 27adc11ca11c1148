// Global value numbering: an instruction that computes what a dominating one has computed is replaced by it.
//
// A walk of the dominator tree with one hash table, whose entries are undone when the walk leaves a subtree. Numbered
// are pure operations; divisions and conversions that may trap (the dominating one did not); reads of Const regions;
// and trapif (a condition that did not trap before will not trap now). The walk also knows which conditions are zero
// or not: behind a trapif, and in a block that only one edge of a brif reaches.
// Operands are compared resolved; those of commutative operations in either order.
import { IntColumn } from '../support/int_column.ts';
import { room } from '../ir/cfg.ts';
import type { Block, Func, Value } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Effect, Imm, Op, OPS } from '../ir/opcodes.ts';
import { IntCC, Region, Type } from '../ir/types.ts';
import { edgeCount, firstEdge } from '../ir/cfg.ts';
import type { OptContext } from './context.ts';
import { OP_COMMUTATIVE } from './context.ts';
import { testedForZero } from './rules/select.ts';

const enum Kind {
  /** Never numbered. */
  No,
  Yes,
  /** Numbered if the region is Const. */
  Read,
}

const KINDS: Uint8Array = Uint8Array.from(OPS, (o, op) => {
  if (op === Op.Nop || op === Op.Param || op === Op.Proj) return Kind.No;
  if (o.imm === Imm.Mem) return o.effects === Effect.Read ? Kind.Read : Kind.No;
  return o.effects === Effect.None || o.effects === Effect.Trap ? Kind.Yes : Kind.No;
});

const enum Fact {
  None,
  Zero,
  NotZero,
}

let heads: Int32Array = new Int32Array(1024);
let mask = 1023;
/** Next entry of the bucket, indexed by instruction. */
let chain: Int32Array = new Int32Array(256);
let facts = new Uint8Array(256);
let scopes: Int32Array = new Int32Array(64);
/** What to undo: bucket and its old head, or -1 - value of a fact (and the old fact). */
const undo = new IntColumn(256);

/** May the instruction be numbered? Also what loop-invariant motion calls "the same wherever it stands". */
function numbered(f: Func, i: Value): boolean {
  const kind = KINDS[f.op[i]];
  return kind === Kind.Yes || (kind === Kind.Read && (f.aux[i] & Region.KindMask) === Region.Const);
}

function hash(f: Func, i: Value): number {
  const data = f.pool.data;
  const op = f.op[i];
  let h = Math.imul(op, 0x9e3779b1) ^ Math.imul(f.type[i], 0x85ebca6b);
  h = Math.imul(h ^ f.imm[i], 0xc2b2ae35) ^ (h >>> 15);
  h = Math.imul(h ^ f.imm2[i], 0x27d4eb2f) ^ (h >>> 13);
  const start = f.argStart[i];
  if (OP_COMMUTATIVE[op] === 1) {
    h = Math.imul(h ^ (data[start] + data[start + 1]), 0x165667b1);
  } else {
    for (let k = start; k < start + f.argCount[i]; k++) h = Math.imul(h ^ data[k], 0x9e3779b1) ^ (h >>> 14);
  }
  return (h ^ (h >>> 16)) & mask;
}

function equal(f: Func, a: Value, b: Value): boolean {
  const op = f.op[a];
  if (op !== f.op[b] || f.type[a] !== f.type[b] || f.argCount[a] !== f.argCount[b]) return false;
  // The kind of a trapif does not matter: the second one cannot trap.
  if (op !== Op.TrapIf && (f.imm[a] !== f.imm[b] || f.imm2[a] !== f.imm2[b])) return false;
  const data = f.pool.data;
  const x = f.argStart[a];
  const y = f.argStart[b];
  let same = true;
  for (let k = 0; k < f.argCount[a]; k++) same &&= data[x + k] === data[y + k];
  if (same) return true;
  return OP_COMMUTATIVE[op] === 1 && data[x] === data[y + 1] && data[x + 1] === data[y];
}

function learn(v: Value, fact: Fact): void {
  if (facts[v] === fact) return;
  undo.push(-1 - v);
  undo.push(facts[v]);
  facts[v] = fact;
}

/** What it means that condition `cond` is zero or not. */
function learnCondition(c: OptContext, cond: Value, zero: boolean): void {
  learn(cond, zero ? Fact.Zero : Fact.NotZero);
  const x = testedForZero(c, cond);
  if (x !== NONE) learn(x, (c.f.imm[cond] === IntCC.Eq) === zero ? Fact.NotZero : Fact.Zero);
}

/** Facts from the only edge that leads to a block. */
function enterBlock(c: OptContext, b: Block): void {
  const { f, cfg } = c;
  const at = cfg.predStart[b];
  if (cfg.numPreds(b) !== 1) return;
  const t = f.blockLast[cfg.predBlock[at]];
  if (f.op[t] === Op.BrIf) learnCondition(c, c.resolve(f.arg(t, 0)), cfg.predEdge[at] !== f.imm[t]);
}

/** Puts a constant where a known condition stood; answers whether the condition is known. */
function useFact(c: OptContext, i: Value): void {
  const { f } = c;
  const cond = f.arg(i, 0);
  const fact = facts[cond];
  if (fact === Fact.None || c.isConst(cond) || !c.spend()) return;
  f.setArg(i, 0, c.constant(i, Type.I32, fact === Fact.Zero ? 0 : 1, 0));
}

function visit(c: OptContext, i: Value): void {
  const { f } = c;
  const op = f.op[i];
  if (op === Op.BrIf || op === Op.Select) useFact(c, i);
  else if (op === Op.TrapIf) {
    const cond = f.arg(i, 0);
    const never = facts[cond] === Fact.Zero || c.isInt32(cond, 0);
    if (never && c.spend()) return f.remove(i);
    learnCondition(c, cond, true);
  }
  if (!numbered(f, i)) return;
  const bucket = hash(f, i);
  for (let k = heads[bucket]; k !== NONE; k = chain[k]) {
    if (!equal(f, k, i)) continue;
    if (!c.spend()) return;
    if (f.type[i] !== Type.None) c.replace(i, k);
    return f.remove(i);
  }
  undo.push(bucket);
  undo.push(heads[bucket]);
  chain[i] = heads[bucket];
  heads[bucket] = i;
}

function leave(to: number): void {
  while (undo.length > to) {
    const old = undo.data[undo.length - 1];
    const what = undo.data[undo.length - 2];
    undo.length -= 2;
    if (what < 0) facts[-1 - what] = old;
    else heads[what] = old;
  }
}

export function numberValues(c: OptContext): void {
  const { f, doms } = c;
  let size = 256;
  while (size < f.numInsts) size *= 2;
  if (heads.length < size) heads = new Int32Array(size);
  mask = size - 1;
  heads.fill(NONE, 0, size);
  // Constants for known conditions are made on the way, at most one for each instruction.
  const values = f.numInsts * 2;
  chain = room(chain, values);
  if (facts.length < values) facts = new Uint8Array(values * 2);
  facts.fill(Fact.None, 0, values);
  scopes = room(scopes, 2 * doms.count);
  undo.clear();
  let depth = 0;
  for (let at = 0; at < doms.count; at++) {
    const b = doms.preorder[at];
    while (depth > 0 && doms.leave[scopes[depth - 2]] <= at) {
      leave(scopes[depth - 1]);
      depth -= 2;
    }
    scopes[depth++] = b;
    scopes[depth++] = undo.length;
    enterBlock(c, b);
    for (let i = f.blockFirst[b]; i !== NONE;) {
      const next = f.next[i];
      c.resolveArgs(i);
      visit(c, i);
      i = next;
    }
    const count = edgeCount(f, b);
    for (let k = 0; k < count; k++) c.resolveEdge(firstEdge(f, b) + k);
  }
  c.flush();
}
