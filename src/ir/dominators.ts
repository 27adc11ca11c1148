// Dominator tree by the iteration of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm", 2001).
//
// Input: a computed Cfg. Output: immediate dominators, the tree as first child / next sibling, a preorder of it,
// and constant-time dominance of blocks. Unreachable blocks have idom NONE and dominate nothing.
import type { Cfg } from './cfg.ts';
import { room } from './cfg.ts';
import type { Block } from './func.ts';
import { NONE } from './func.ts';

export class Dominators {
  /** Immediate dominator, NONE for the entry and for unreachable blocks; indexed by block. */
  idom: Int32Array = new Int32Array(64);
  firstChild: Int32Array = new Int32Array(64);
  nextSibling: Int32Array = new Int32Array(64);
  /** Blocks in preorder of the tree (children in reverse postorder): preorder[0 .. count). */
  preorder: Int32Array = new Int32Array(64);
  count = 0;
  /** Interval of each block's subtree in preorder; indexed by block, -1 when unreachable. */
  enter: Int32Array = new Int32Array(64);
  leave: Int32Array = new Int32Array(64);

  private stack: Int32Array = new Int32Array(64);

  compute(numBlocks: number, cfg: Cfg): void {
    this.idom = room(this.idom, numBlocks);
    this.firstChild = room(this.firstChild, numBlocks);
    this.nextSibling = room(this.nextSibling, numBlocks);
    this.preorder = room(this.preorder, numBlocks);
    this.enter = room(this.enter, numBlocks);
    this.leave = room(this.leave, numBlocks);
    this.stack = room(this.stack, numBlocks);
    this.idom.fill(NONE, 0, numBlocks);
    this.firstChild.fill(NONE, 0, numBlocks);
    this.enter.fill(-1, 0, numBlocks);
    this.leave.fill(-1, 0, numBlocks);
    this.count = 0;
    if (cfg.rpoLength === 0) return;
    this.iterate(cfg);
    this.number(cfg);
  }

  /** Does `a` dominate `b` (reflexive)? Both must be reachable, else false. */
  dominates(a: Block, b: Block): boolean {
    const at = this.enter[b];
    return at >= 0 && this.enter[a] >= 0 && at >= this.enter[a] && at < this.leave[a];
  }

  private iterate(cfg: Cfg): void {
    const { idom } = this;
    const { rpo, rpoLength, rpoIndex, predStart, predBlock } = cfg;
    const entry = rpo[0];
    idom[entry] = entry;
    for (let changed = true; changed;) {
      changed = false;
      for (let i = 1; i < rpoLength; i++) {
        const b = rpo[i];
        let best = NONE;
        for (let k = predStart[b]; k < predStart[b + 1]; k++) {
          const p = predBlock[k];
          if (idom[p] === NONE) continue;
          if (best === NONE) {
            best = p;
            continue;
          }
          let x = p;
          while (x !== best) {
            if (rpoIndex[x] > rpoIndex[best]) x = idom[x];
            else best = idom[best];
          }
        }
        if (idom[b] !== best) {
          idom[b] = best;
          changed = true;
        }
      }
    }
    idom[entry] = NONE;
  }

  private number(cfg: Cfg): void {
    const { idom, firstChild, nextSibling, preorder, enter, leave, stack } = this;
    for (let i = cfg.rpoLength - 1; i > 0; i--) {
      const b = cfg.rpo[i];
      nextSibling[b] = firstChild[idom[b]];
      firstChild[idom[b]] = b;
    }
    nextSibling[cfg.rpo[0]] = NONE;
    let depth = 0;
    let count = 0;
    for (let b = cfg.rpo[0]; ;) {
      enter[b] = count;
      preorder[count++] = b;
      stack[depth++] = b;
      let next = firstChild[b];
      while (next === NONE && depth > 0) {
        const done = stack[--depth];
        leave[done] = count;
        next = nextSibling[done];
      }
      if (next === NONE) break;
      b = next;
    }
    this.count = count;
  }
}
