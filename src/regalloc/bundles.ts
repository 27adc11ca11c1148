// The optimising allocator: live ranges in bundles, merged along copies, put into registers by weight with eviction and splitting.
// After regalloc2's main allocator (Bytecode Alliance, doc/ION.md) and LLVM's greedy one, with these choices:
// - Fixed operands do not bind a vreg's bundle: the register is reserved around the instruction (except for the vreg itself), the bundle is hinted
//   to it, and a move is made where the bundle ended up elsewhere. So bundles have one requirement only: register or anywhere.
// - Liveness by path exploration, no bit vectors; occupancy as bitmaps with lists only for conflicts.
// - A value is stored once at its definition, or where it leaves its register if that is cheaper.
// - Constants are re-emitted, never stored; one that is always re-emitted is not defined at all.
// Stages: liveness.ts, merge.ts, process.ts (with occupancy.ts and split.ts), recolour.ts (with range_index.ts), slots.ts, resolve.ts (with parallel_moves.ts), slot_order.ts; state.ts holds
// the columns. Functions whose live-in sets or conflicts grow out of proportion go to the fast allocator.
import type { Allocator, MachineEnv, RegallocInput, RegallocOutput } from './door.ts';
import { collectRegsWritten, EditList, SlotCounter } from './edits.ts';
import { allocateFast } from './fast.ts';
import { Liveness } from './liveness.ts';
import { Merger } from './merge.ts';
import { Processor } from './process.ts';
import { RangeIndex } from './range_index.ts';
import { Recolourer } from './recolour.ts';
import { Resolver } from './resolve.ts';
import { SlotOrder } from './slot_order.ts';
import { SlotAssigner } from './slots.ts';
import { State } from './state.ts';

/** Units of work per operand, and in any case, after which a function is given to the fast allocator. */
const WORK_PER_OPERAND = 2000;
const WORK_FREE = 20_000_000;

/** Counts of the last allocation, for tests and benchmarks. */
export interface BundleStatistics {
  /** 1 if the fast allocator had to do it. */
  fallback: number;
  work: number;
  evictions: number;
  splits: number;
  bundles: number;
  recoloured: number;
}

class BundleAllocator {
  readonly statistics: BundleStatistics = {
    fallback: 0,
    work: 0,
    evictions: 0,
    splits: 0,
    bundles: 0,
    recoloured: 0,
  };
  private readonly state = new State();
  private readonly liveness = new Liveness();
  private readonly merger = new Merger();
  private readonly processor = new Processor();
  private readonly slotAssigner = new SlotAssigner();
  private readonly ranges = new RangeIndex();
  private readonly recolourer = new Recolourer();
  private readonly resolver = new Resolver(this.ranges);
  private readonly slotOrder = new SlotOrder();
  private readonly slots = new SlotCounter();
  private readonly edits = new EditList();
  private readonly regsWritten = new Uint8Array(64);

  run(input: RegallocInput, env: MachineEnv): RegallocOutput {
    const done = this.assign(input, env);
    this.statistics.fallback = done ? 0 : 1;
    this.statistics.work = this.state.work;
    this.statistics.evictions = this.processor.evictions;
    this.statistics.splits = this.processor.splits;
    this.statistics.bundles = this.state.bundleFirst.length;
    if (!done) return allocateFast(input, env);
    this.edits.clear();
    this.slots.reset();
    this.ranges.build(this.state);
    this.recolourer.run(this.state, this.processor.occupancy, this.ranges);
    this.statistics.recoloured = this.recolourer.moved;
    this.slotAssigner.run(this.state, this.slots);
    this.resolver.run(this.state, this.processor.occupancy, this.edits, this.slots);
    const operandLoc = this.resolver.operandLoc;
    this.slotOrder.run(input, operandLoc, this.edits, this.slots, env.nearSlots);
    collectRegsWritten(input, operandLoc, this.edits, this.regsWritten);
    return {
      operandLoc,
      numEdits: this.edits.length,
      editPoint: this.edits.point.data,
      editFrom: this.edits.from.data,
      editTo: this.edits.to.data,
      editClass: this.edits.cls,
      numSlots: this.slots.units,
      regsWritten: this.regsWritten,
    };
  }

  private assign(input: RegallocInput, env: MachineEnv): boolean {
    const limit = WORK_FREE + WORK_PER_OPERAND * input.operandStart[input.numInsts];
    this.state.reset(input, env);
    if (!this.liveness.run(this.state, limit)) return false;
    this.merger.run(this.state);
    return this.processor.run(this.state, limit);
  }
}

const shared = new BundleAllocator();

/** Counts of the last call of allocateBundles. */
export const bundleStatistics: Readonly<BundleStatistics> = shared.statistics;

/** The optimising allocator; see the head of this file. */
export const allocateBundles: Allocator = (input, env) => shared.run(input, env);
