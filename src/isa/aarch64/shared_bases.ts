// Sums `base of memory 0 + index` that several accesses of one block share: aarch64 has no address of base, index and
// offset, so that each access at an offset needs the sum in a register.
//
// Sharing goes over a stretch of a block without calls, so that the sum need not live over one. `prepare` finds the
// accesses whose stretch has another one with the same index. While a block is lowered backwards, the first of them to
// be seen asks for the sum; it is written at the start of the stretch: behind the index's definition, the last call, or
// the block's start.
import type { Func, Value } from '../../ir/func.ts';
import { NONE } from '../../ir/func.ts';
import { memAccess, memType, Effect, Op, OP_EFFECTS } from '../../ir/opcodes.ts';
import { accessBytes } from '../../ir/types.ts';
import { IntColumn } from '../../support/int_column.ts';

/** True if a load or store of `bytes` bytes can hold the offset. */
export const isShortOffset = (offset: number, bytes: number): boolean =>
  offset <= 255 || (offset <= 4095 * bytes && offset % bytes === 0);

export class SharedBases {
  /** 1 for each access that may share. */
  private isShared = new Uint8Array(0);
  /** Last access in its stretch by index, and the number of that stretch. */
  private lastAccess = new Int32Array(0);
  private stretchOf = new Int32Array(0);
  /** VReg of the sum by index, or -1. */
  private sums = new Int32Array(0);
  /** Indices whose sums are asked for and not yet written. */
  private readonly asked = new IntColumn(16);

  /** Finds what may be shared in the function. */
  prepare(f: Func): void {
    const n = f.numInsts;
    if (this.isShared.length < n) {
      this.isShared = new Uint8Array(2 * n);
      this.lastAccess = new Int32Array(2 * n);
      this.stretchOf = new Int32Array(2 * n);
      this.sums = new Int32Array(2 * n);
    }
    this.isShared.fill(0, 0, n);
    this.stretchOf.fill(0, 0, n);
    this.sums.fill(-1, 0, n);
    this.asked.clear();
    let stretch = 0;
    for (let b = 0; b < f.numBlocks; b++) {
      stretch++;
      for (let inst = f.blockFirst[b]; inst !== NONE; inst = f.next[inst]) {
        const op = f.op[inst];
        if ((OP_EFFECTS[op] & Effect.Call) !== 0) stretch++;
        if (op !== Op.Load && op !== Op.Store) continue;
        const offset = f.imm2[inst] >>> 0;
        if (offset === 0 || !isShortOffset(offset, accessBytes(memAccess(f.imm[inst]), memType(f.imm[inst]))))
          continue;
        const index = f.arg(inst, 0);
        if (f.op[index] === Op.IConst) continue;
        if (this.stretchOf[index] === stretch) {
          this.isShared[inst] = 1;
          this.isShared[this.lastAccess[index]] = 1;
        }
        this.stretchOf[index] = stretch;
        this.lastAccess[index] = inst;
      }
    }
  }

  /** True if the sum for the access `inst` is to be shared. */
  has(inst: Value): boolean {
    return this.isShared[inst] === 1;
  }

  /** VReg of the sum for `index`, or -1 if nobody asked since it was written last. */
  sum(index: Value): number {
    return this.sums[index];
  }

  ask(index: Value, vreg: number): void {
    this.sums[index] = vreg;
    this.asked.push(index);
  }

  get isEmpty(): boolean {
    return this.asked.length === 0;
  }

  /** Some index that waits for its sum. */
  last(): Value {
    return this.asked.data[this.asked.length - 1];
  }

  /** The sum of `index` has been written. */
  done(index: Value): void {
    const { data, length } = this.asked;
    let k = length - 1;
    while (data[k] !== index) k--;
    data[k] = data[length - 1];
    this.asked.length--;
    this.sums[index] = -1;
  }
}
