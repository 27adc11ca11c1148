// If-conversion: a brif whose two ways meet again at once becomes selects.
//
// Diamond (both edges lead to a block of their own that jumps to the join) or triangle (one edge leads to the join
// itself). The blocks between hold pure cheap operations only, at most MAX_OPS together, and the join gets different
// values for at most MAX_SELECTS parameters. Neither side is cold: a well predicted branch is cheaper than a select.
import { IntColumn } from '../support/int_column.ts';
import type { Block, Edge, Func, Value } from '../ir/func.ts';
import { BlockFlag, NONE } from '../ir/func.ts';
import { Op, OPS } from '../ir/opcodes.ts';
import { Type } from '../ir/types.ts';
import type { OptContext } from './context.ts';
import { emptyBlock } from './unreachable.ts';

const MAX_OPS = 3;
const MAX_SELECTS = 2;

/** Operations of about one cycle that may run in vain. */
const CHEAP: Uint8Array = new Uint8Array(OPS.length);
for (let op: number = Op.IAdd; op <= Op.Rotr; op++) CHEAP[op] = op >= Op.IMul && op <= Op.URem ? 0 : 1;
for (const op of [Op.ICmp, Op.Wrap, Op.SExt, Op.ZExt, Op.SExt8, Op.SExt16, Op.SExt32, Op.FAbs, Op.FNeg])
  CHEAP[op] = 1;

const scratch = new IntColumn(16);

/** Number of operations in block b if it can be run in vain, else MAX_OPS + 1. */
function cost(c: OptContext, b: Block): number {
  const { f } = c;
  const t = f.blockLast[b];
  if (f.op[t] !== Op.Jump || c.cfg.numPreds(b) !== 1 || f.paramCount[b] !== 0) return MAX_OPS + 1;
  if ((f.blockFlags[b] & BlockFlag.Cold) !== 0) return MAX_OPS + 1;
  let ops = 0;
  for (let i = f.blockFirst[b]; i !== t; i = f.next[i]) {
    if (f.op[i] === Op.IConst || f.op[i] === Op.FConst) continue;
    if (CHEAP[f.op[i]] === 0 || ++ops > MAX_OPS) return MAX_OPS + 1;
  }
  return ops;
}

/** The edge that ends the way along `e`: itself, or that of the block it leads to, if that block can go. */
function lastEdge(c: OptContext, e: Edge): Edge {
  const { f } = c;
  return cost(c, f.edgeTo[e]) <= MAX_OPS ? f.imm[f.blockLast[f.edgeTo[e]]] : e;
}

function moveAll(f: Func, from: Block, before: Value): void {
  for (let i = f.blockFirst[from]; i !== f.blockLast[from];) {
    const next = f.next[i];
    f.unlink(i);
    f.insertBefore(i, before);
    i = next;
  }
}

function convert(c: OptContext, t: Value): boolean {
  const { f } = c;
  const first = f.imm[t];
  const yes = f.edgeTo[first];
  const no = f.edgeTo[first + 1];
  let yesEdge = lastEdge(c, first);
  let noEdge = lastEdge(c, first + 1);
  if (f.edgeTo[yesEdge] !== f.edgeTo[noEdge]) {
    // A triangle whose join could itself be run in vain is no diamond.
    if (f.edgeTo[yesEdge] === no) noEdge = first + 1;
    else if (f.edgeTo[noEdge] === yes) yesEdge = first;
    else return false;
  }
  const join = f.edgeTo[yesEdge];
  const viaYes = yesEdge !== first;
  const viaNo = noEdge !== first + 1;
  if (join === f.block[t] || (viaYes && viaNo && yes === no)) return false;
  const ops = (viaYes ? cost(c, yes) : 0) + (viaNo ? cost(c, no) : 0);
  if (ops > MAX_OPS || ((f.blockFlags[yes] | f.blockFlags[no]) & BlockFlag.Cold) !== 0) return false;
  let selects = 0;
  for (let k = 0; k < f.edgeArgCount[yesEdge]; k++) {
    const v = f.edgeArg(yesEdge, k);
    if (v === f.edgeArg(noEdge, k)) continue;
    if (f.type[v] === Type.V128 || ++selects > MAX_SELECTS) return false;
  }
  if (!c.spend()) return false;
  if (viaYes) moveAll(f, yes, t);
  if (viaNo) moveAll(f, no, t);
  const cond = f.arg(t, 0);
  scratch.clear();
  for (let k = 0; k < f.edgeArgCount[yesEdge]; k++) {
    const a = f.edgeArg(yesEdge, k);
    const b = f.edgeArg(noEdge, k);
    if (a === b) {
      scratch.push(a);
      continue;
    }
    const s = f.newInst(Op.Select, f.type[a], 0, 0, 0, f.loc[t]);
    f.setArgs3(s, cond, a, b);
    f.insertBefore(s, t);
    scratch.push(s);
  }
  f.op[t] = Op.Jump;
  f.argCount[t] = 0;
  f.imm2[t] = 1;
  f.edgeTo[first] = join;
  f.setEdgeArgs(first, scratch.data, 0, scratch.length);
  if (viaYes) emptyBlock(f, yes);
  if (viaNo) emptyBlock(f, no);
  return true;
}

export function convertIfs(c: OptContext): void {
  const { f, cfg } = c;
  let changed = false;
  // Inner ones first: what they leave may be a side of an outer one after the next branch pass.
  for (let r = cfg.rpoLength - 1; r >= 0; r--) {
    const t = f.blockLast[cfg.rpo[r]];
    if (t !== NONE && f.op[t] === Op.BrIf && convert(c, t)) changed = true;
  }
  if (changed) c.flowChanged();
}
