// Natural loops: a loop for each header (target of an edge from a block that it dominates), nested by containment.
//
// Input: a computed Cfg and Dominators. Output: columns indexed by loop (outer loops have smaller numbers than the
// loops inside them) and the innermost loop of each block. Edges that enter a cycle elsewhere than at a dominating
// header (irreducible flow, which WebAssembly itself cannot express) form no loop; `irreducible` tells of them.
import { IntColumn } from '../support/int_column.ts';
import type { Cfg } from './cfg.ts';
import { room } from './cfg.ts';
import type { Dominators } from './dominators.ts';
import type { Block } from './func.ts';
import { NONE } from './func.ts';

export class Loops {
  count = 0;
  /** Header block, loop around it or NONE, nesting depth (1 for outermost); indexed by loop. */
  readonly header = new IntColumn(16);
  readonly parent = new IntColumn(16);
  readonly depth = new IntColumn(16);
  /** Innermost loop or NONE, indexed by block. */
  loopOf: Int32Array = new Int32Array(64);
  /** Some retreating edge's target does not dominate its source. */
  irreducible = false;

  private stack = new IntColumn(64);

  compute(numBlocks: number, cfg: Cfg, doms: Dominators): void {
    this.loopOf = room(this.loopOf, numBlocks);
    this.loopOf.fill(NONE, 0, numBlocks);
    this.header.clear();
    this.irreducible = false;
    const { rpo, rpoLength, rpoIndex, predStart, predBlock } = cfg;
    for (let i = 0; i < rpoLength; i++) {
      const b = rpo[i];
      let isHeader = false;
      for (let k = predStart[b]; k < predStart[b + 1]; k++) {
        if (rpoIndex[predBlock[k]] < i) continue;
        if (doms.dominates(b, predBlock[k])) isHeader = true;
        else this.irreducible = true;
      }
      if (isHeader) this.header.push(b);
    }
    const count = (this.count = this.header.length);
    this.parent.clear();
    this.parent.resize(count, NONE);
    this.depth.clear();
    this.depth.resize(count, 0);
    for (let l = count - 1; l >= 0; l--) this.collect(l, cfg, doms);
    for (let l = 0; l < count; l++) {
      const up = this.parent.data[l];
      this.depth.data[l] = up === NONE ? 1 : this.depth.data[up] + 1;
    }
  }

  /** Nesting depth of a block, 0 outside of loops. */
  blockDepth(block: Block): number {
    const l = this.loopOf[block];
    return l === NONE ? 0 : this.depth.data[l];
  }

  /** Is the block in loop `loop` (or in one inside it)? */
  contains(loop: number, block: Block): boolean {
    let l = this.loopOf[block];
    // Inner loops have greater numbers, so the search stops early.
    while (l > loop) l = this.parent.data[l];
    return l === loop;
  }

  /** Walks backwards from the latches; loops found earlier (inner ones) are entered at their outermost header. */
  private collect(loop: number, cfg: Cfg, doms: Dominators): void {
    const { predStart, predBlock } = cfg;
    const { loopOf, stack } = this;
    const parent = this.parent.data;
    const header = this.header.data;
    const head = header[loop];
    stack.clear();
    for (let k = predStart[head]; k < predStart[head + 1]; k++) {
      if (doms.dominates(head, predBlock[k])) stack.push(predBlock[k]);
    }
    while (stack.length > 0) {
      const b = stack.data[--stack.length];
      let inner = loopOf[b];
      let at = b;
      if (inner === NONE) {
        loopOf[b] = loop;
        if (b === head) continue;
      } else {
        while (parent[inner] !== NONE && inner !== loop) inner = parent[inner];
        if (inner === loop) continue;
        parent[inner] = loop;
        at = header[inner];
        if (at === head) continue;
      }
      for (let k = predStart[at]; k < predStart[at + 1]; k++) {
        const p = predBlock[k];
        if (cfg.rpoIndex[p] >= 0 && doms.dominates(head, p)) stack.push(p);
      }
    }
    loopOf[head] = loop;
  }
}
