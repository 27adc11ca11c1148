// Unreachable code: empties the blocks that no path from the entry reaches. Their values become nops; they can
// have no uses elsewhere, since a definition dominates its uses.
import type { Block, Func } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Op } from '../ir/opcodes.ts';
import { Type } from '../ir/types.ts';
import type { OptContext } from './context.ts';

/** Removes the contents and the parameters of a block to which no edge leads any more. */
export function emptyBlock(f: Func, b: Block): void {
  for (let i = f.blockFirst[b]; i !== NONE;) {
    const next = f.next[i];
    f.remove(i);
    i = next;
  }
  for (let k = 0; k < f.paramCount[b]; k++) dropParam(f, f.param(b, k));
  f.paramCount[b] = 0;
}

/** Makes a parameter that is in no list any more a nop. */
export function dropParam(f: Func, v: number): void {
  f.op[v] = Op.Nop;
  f.type[v] = Type.None;
  f.block[v] = NONE;
}

export function removeUnreachable(c: OptContext): void {
  const { f, cfg } = c;
  let changed = false;
  for (let b = 0; b < f.numBlocks; b++) {
    if (cfg.rpoIndex[b] >= 0 || f.blockFirst[b] === NONE) continue;
    // No rewrite that could be wrong on its own, so no fuel: unreachable code is of no use to the back end.
    emptyBlock(f, b);
    changed = true;
  }
  if (changed) c.flowChanged();
}
