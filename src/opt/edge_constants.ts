// Constants on the edges of branches that test for them: behind `brif v`, an argument of 0 on the edge for v = 0 is v,
// and so is c behind a comparison of v with c. v is in a register already, and the parameter may take that one over;
// a parameter that gets v on every edge is v. Values that a back end may compute inside the branch stay out.
import type { Edge, Func, Value } from '../ir/func.ts';
import { Op } from '../ir/opcodes.ts';
import { IntCC } from '../ir/types.ts';
import type { OptContext } from './context.ts';

/** Is a test of the value done by an instruction that does not give it? */
function isFolded(f: Func, v: Value): boolean {
  const op = f.op[v];
  return op === Op.ICmp || op === Op.FCmp || op === Op.And || op === Op.Or || op === Op.IConst;
}

/** Puts `v` for arguments of `edge` that are the constant low, high of its type. */
function useKnown(c: OptContext, edge: Edge, v: Value, low: number, high: number): void {
  const { f } = c;
  const data = f.pool.data;
  const end = f.edgeArgStart[edge] + f.edgeArgCount[edge];
  for (let k = f.edgeArgStart[edge]; k < end; k++) {
    const arg = data[k];
    if (f.op[arg] !== Op.IConst || f.type[arg] !== f.type[v]) continue;
    if (f.imm[arg] === low && f.imm2[arg] === high && c.spend()) data[k] = v;
  }
}

export function reuseTested(c: OptContext): void {
  const { f, cfg } = c;
  for (let r = 0; r < cfg.rpoLength; r++) {
    const t = f.blockLast[cfg.rpo[r]];
    if (f.op[t] !== Op.BrIf) continue;
    const cond = f.arg(t, 0);
    const yes = f.imm[t];
    if (f.op[cond] === Op.ICmp) {
      const x = f.arg(cond, 0);
      const constant = f.arg(cond, 1);
      const cc = f.imm[cond];
      if ((cc !== IntCC.Eq && cc !== IntCC.Ne) || !c.isConst(constant) || isFolded(f, x)) continue;
      useKnown(c, cc === IntCC.Eq ? yes : yes + 1, x, f.imm[constant], f.imm2[constant]);
    } else if (!isFolded(f, cond)) useKnown(c, yes + 1, cond, 0, 0);
  }
}
