// Branch simplification. In order, for each block:
//   brif on a constant, brif or brtable whose edges all do the same -> jump
//   brif on x == 0 or x != 0 -> brif on x, with swapped edges or not
//   an edge to a block that holds a jump alone -> an edge to that jump's target (not past a loop's preheader)
//   a jump to a block with no other predecessor -> the two blocks become one
// and blocks that lose their last predecessor are emptied. Analyses are as of the start of the pass; predecessor
// counts are kept up to date here.
import { IntColumn } from '../support/int_column.ts';
import { edgeCount, firstEdge } from '../ir/cfg.ts';
import type { Block, Edge, Func, Value } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Op } from '../ir/opcodes.ts';
import { IntCC } from '../ir/types.ts';
import type { OptContext } from './context.ts';
import { testedForZero } from './rules/select.ts';
import { dropParam, removeUnreachable } from './unreachable.ts';

/** Number of edges from reachable blocks to each block. */
let preds = new Int32Array(64);
const scratch = new IntColumn(16);

/** Threading through a chain stops after so many blocks; a cycle of empty blocks would never end. */
const MAX_CHAIN = 8;

function sameEdges(f: Func, a: Edge, b: Edge): boolean {
  if (f.edgeTo[a] !== f.edgeTo[b]) return false;
  for (let k = 0; k < f.edgeArgCount[a]; k++) if (f.edgeArg(a, k) !== f.edgeArg(b, k)) return false;
  return true;
}

/** Makes terminator `t` a jump along edge number k of its own; the others disappear. */
function becomeJump(f: Func, t: Value, k: number): void {
  for (let j = 0; j < f.imm2[t]; j++) if (j !== k) preds[f.edgeTo[f.imm[t] + j]]--;
  f.op[t] = Op.Jump;
  f.imm[t] += k;
  f.imm2[t] = 1;
  f.argCount[t] = 0;
}

function simplifyTerminator(c: OptContext, t: Value): boolean {
  const { f } = c;
  const op = f.op[t];
  if (op !== Op.BrIf && op !== Op.BrTable) return false;
  const first = f.imm[t];
  const count = f.imm2[t];
  const cond = f.arg(t, 0);
  let k = NONE;
  if (c.isConst(cond)) {
    const value = f.imm[cond] >>> 0;
    k = op === Op.BrIf ? (value !== 0 ? 0 : 1) : Math.min(value, count - 1);
  } else {
    let same = true;
    for (let e = first + 1; same && e < first + count; e++) same = sameEdges(f, first, e);
    if (same) k = 0;
  }
  if (k !== NONE) {
    if (!c.spend()) return false;
    becomeJump(f, t, k);
    return true;
  }
  const x = op === Op.BrIf ? testedForZero(c, cond) : NONE;
  if (x === NONE || !c.spend()) return false;
  if (f.imm[cond] === IntCC.Eq) swapEdges(f, first, first + 1);
  f.setArg(t, 0, x);
  // The value itself may be a comparison.
  simplifyTerminator(c, t);
  return true;
}

function swapEdges(f: Func, a: Edge, b: Edge): void {
  const to = f.edgeTo[a];
  const start = f.edgeArgStart[a];
  const count = f.edgeArgCount[a];
  f.edgeTo[a] = f.edgeTo[b];
  f.edgeArgStart[a] = f.edgeArgStart[b];
  f.edgeArgCount[a] = f.edgeArgCount[b];
  f.edgeTo[b] = to;
  f.edgeArgStart[b] = start;
  f.edgeArgCount[b] = count;
}

/** Is `b` a jump alone whose parameters serve that jump only? Then edges to it can go straight to its target. */
function threadable(c: OptContext, b: Block): boolean {
  const { f, loops } = c;
  const t = f.blockFirst[b];
  if (b === 0 || f.op[t] !== Op.Jump) return false;
  const e = f.imm[t];
  const to = f.edgeTo[e];
  // Loop headers keep a preheader of their own where there is one: the place for what moves out of the loop.
  const l = loops.loopOf[to];
  if (to === b || (l !== NONE && loops.header.data[l] === to && !loops.contains(l, b))) return false;
  // Use counts belong to resolved values.
  c.resolveEdge(e);
  for (let k = 0; k < f.paramCount[b]; k++) {
    const v = f.param(b, k);
    let here = 0;
    for (let j = 0; j < f.edgeArgCount[e]; j++) if (f.edgeArg(e, j) === v) here++;
    if (c.uses[v] !== here) return false;
  }
  return true;
}

function threadEdge(c: OptContext, e: Edge): boolean {
  const { f } = c;
  let changed = false;
  for (let step = 0; step < MAX_CHAIN; step++) {
    const b = f.edgeTo[e];
    if (!threadable(c, b) || !c.spend()) break;
    const out = f.imm[f.blockFirst[b]];
    scratch.clear();
    for (let j = 0; j < f.edgeArgCount[out]; j++) {
      const v = f.edgeArg(out, j);
      const mine = f.op[v] === Op.Param && f.block[v] === b;
      scratch.push(mine ? f.edgeArg(e, f.imm2[v]) : v);
    }
    for (let k = 0; k < f.edgeArgCount[e]; k++) c.uses[f.edgeArg(e, k)]--;
    for (let j = 0; j < scratch.length; j++) c.uses[scratch.data[j]]++;
    f.setEdgeArgs(e, scratch.data, 0, scratch.length);
    f.edgeTo[e] = f.edgeTo[out];
    preds[b]--;
    preds[f.edgeTo[e]]++;
    changed = true;
    if (preds[b] === 0) release(c, b);
  }
  return changed;
}

/** A block of one jump that no edge reaches any more. */
function release(c: OptContext, b: Block): void {
  const { f } = c;
  const e = f.imm[f.blockFirst[b]];
  preds[f.edgeTo[e]]--;
  for (let j = 0; j < f.edgeArgCount[e]; j++) c.uses[f.edgeArg(e, j)]--;
  f.remove(f.blockFirst[b]);
  for (let k = 0; k < f.paramCount[b]; k++) dropParam(f, f.param(b, k));
  f.paramCount[b] = 0;
}

/** Appends the only successor of `b` to it, if `b` is that block's only predecessor. */
function mergeNext(c: OptContext, b: Block): boolean {
  const { f } = c;
  const t = f.blockLast[b];
  if (f.op[t] !== Op.Jump) return false;
  const e = f.imm[t];
  const to = f.edgeTo[e];
  if (preds[to] !== 1 || to === b || to === 0 || !c.spend()) return false;
  for (let k = 0; k < f.paramCount[to]; k++) {
    const v = f.param(to, k);
    const by = c.resolve(f.edgeArg(e, k));
    c.replace(v, by);
    c.uses[by] += c.uses[v] - 1;
    dropParam(f, v);
  }
  f.paramCount[to] = 0;
  f.remove(t);
  const first = f.blockFirst[to];
  const last = f.blockLast[b];
  for (let i = first; i !== NONE; i = f.next[i]) f.block[i] = b;
  f.prev[first] = last;
  if (last === NONE) f.blockFirst[b] = first;
  else f.next[last] = first;
  f.blockLast[b] = f.blockLast[to];
  f.blockFirst[to] = NONE;
  f.blockLast[to] = NONE;
  return true;
}

export function simplifyBranches(c: OptContext): void {
  const { f, cfg } = c;
  c.countUses();
  if (preds.length < f.numBlocks) preds = new Int32Array(f.numBlocks * 2);
  for (let b = 0; b < f.numBlocks; b++) preds[b] = cfg.numPreds(b);
  // Loops are asked for below: computed here, before anything changes.
  let changed = c.loops.count < 0;
  for (let r = 0; r < cfg.rpoLength; r++) {
    const b = cfg.rpo[r];
    let threadings = 0;
    for (let again = f.blockFirst[b] !== NONE; again;) {
      const t = f.blockLast[b];
      c.resolveArgs(t);
      again = simplifyTerminator(c, t);
      const count = edgeCount(f, b);
      for (let k = 0; k < count; k++) {
        const e = firstEdge(f, b) + k;
        c.resolveEdge(e);
        // Empty blocks that jump in a circle would be threaded for ever.
        if (threadings < 2 * count + MAX_CHAIN && threadEdge(c, e)) {
          threadings++;
          again = true;
        }
      }
      if (mergeNext(c, b)) again = true;
      changed ||= again;
    }
  }
  c.flush();
  if (changed) {
    c.flowChanged();
    removeUnreachable(c);
  }
}
