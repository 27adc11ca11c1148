// Blocks that are copied into what jumps to them: inside a loop, a short block that ends in a jump through a table, and the
// short blocks that lead to it. Such is the head of an interpreter's loop: with a fetch and a dispatch of its own at the
// end of each operation, a jump less is made, and the processor predicts each dispatch by the operation before it (Ertl,
// Gregg, "The Structure and Performance of Efficient Interpreters", Journal of Instruction-Level Parallelism 5, 2003).
//
// It is done when code is written: registers are allocated and moves are known by then, so a block means the same wherever
// it stands, and nothing has to be repaired.
import { IntColumn } from '../support/int_column.ts';
import { Pseudo } from './pseudo.ts';
import { numSuccs } from './vcode.ts';
import type { VCode } from './vcode.ts';

/** Instructions of VCode from the beginning of a copy to the jump through the table. */
const MOST_INSTRUCTIONS = 24;
/** Successors that make a jump through a table worth copies. */
const LEAST_SUCCESSORS = 8;

export class DispatchBlocks {
  /** By block: number of instructions up to the jump through the table if the block is to be copied, else 0. */
  length = new Uint8Array(64);
  private readonly work = new IntColumn(16);

  /** Looks for the blocks of a function; marks none unless `isWanted`. */
  compute(vcode: VCode, isWanted: boolean): void {
    const { numBlocks, blockStart, preds, predStart, loopDepth } = vcode;
    if (this.length.length < numBlocks) this.length = new Uint8Array(numBlocks * 2);
    const { length, work } = this;
    length.fill(0, 0, numBlocks);
    if (!isWanted || vcode.targets.length < LEAST_SUCCESSORS) return;
    work.clear();
    for (let b = 0; b < numBlocks; b++) {
      const size = blockStart[b + 1] - blockStart[b];
      if (loopDepth[b] === 0 || size > MOST_INSTRUCTIONS || !isDispatch(vcode, b)) continue;
      length[b] = size;
      work.push(b);
    }
    for (let w = 0; w < work.length; w++) {
      const b = work.data[w];
      for (let k = predStart[b]; k < predStart[b + 1]; k++) {
        const p = preds[k];
        const size = length[b] + blockStart[p + 1] - blockStart[p];
        if (length[p] > 0 || loopDepth[p] === 0 || size > MOST_INSTRUCTIONS) continue;
        // A block with one predecessor is where that predecessor goes on: nothing else would have it as its copy.
        if (numSuccs(vcode, p) > 1 || predStart[p + 1] - predStart[p] < 2) continue;
        length[p] = size;
        work.push(p);
      }
    }
  }
}

function isDispatch(vcode: VCode, b: number): boolean {
  const last = vcode.order[vcode.blockStart[b + 1] - 1];
  return vcode.op[last] === Pseudo.JumpTable && numSuccs(vcode, b) >= LEAST_SUCCESSORS;
}
