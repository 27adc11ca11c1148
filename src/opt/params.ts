// Redundant block parameters: a parameter whose arguments on all edges are one value x, or itself, is x.
//
// (The trivial phis of Braun et al., "Simple and Efficient Construction of SSA Form", 2013; construction leaves some,
// other passes make more.) Sweeps in reverse postorder until nothing changes, at most MAX_SWEEPS times. x dominates
// the block: it dominates all predecessors outside of the cycle of the parameter itself.
import { NONE } from '../ir/func.ts';
import type { OptContext } from './context.ts';
import { dropParam } from './unreachable.ts';

const MAX_SWEEPS = 8;

/** Removes parameter k of block b and its argument on each edge; the caller has replaced or buried its uses. */
export function removeParam(c: OptContext, b: number, k: number): void {
  const { f, cfg } = c;
  const data = f.pool.data;
  dropParam(f, f.param(b, k));
  const start = f.paramStart[b];
  const last = --f.paramCount[b];
  for (let j = k; j < last; j++) {
    const v = data[start + j + 1];
    data[start + j] = v;
    f.imm2[v] = j;
  }
  for (let p = cfg.predStart[b]; p < cfg.predStart[b + 1]; p++) {
    const e = cfg.predEdge[p];
    const from = f.edgeArgStart[e];
    f.edgeArgCount[e] = last;
    for (let j = k; j < last; j++) data[from + j] = data[from + j + 1];
  }
}

export function removeRedundantParams(c: OptContext): void {
  const { f, cfg } = c;
  for (let sweep = 0, changed = true; changed && sweep < MAX_SWEEPS; sweep++) {
    changed = false;
    for (let r = 1; r < cfg.rpoLength; r++) {
      const b = cfg.rpo[r];
      for (let k = f.paramCount[b] - 1; k >= 0; k--) {
        const v = f.param(b, k);
        let only = NONE;
        let redundant = true;
        for (let p = cfg.predStart[b]; p < cfg.predStart[b + 1]; p++) {
          const arg = c.resolve(f.edgeArg(cfg.predEdge[p], k));
          if (arg === v || arg === only) continue;
          if (only !== NONE) {
            redundant = false;
            break;
          }
          only = arg;
        }
        if (!redundant || only === NONE || !c.spend()) continue;
        c.replace(v, only);
        removeParam(c, b, k);
        changed = true;
      }
    }
  }
  c.flush();
}
