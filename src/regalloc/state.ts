// State of the optimising allocator, shared by its stages (liveness, merge, process, slots, resolve): flat columns over
// use entries, live ranges, bundles and spill sets. See bundles.ts for the algorithm.
//
// - A use entry is an operand, a branch argument or a block parameter; the entries of a vreg are sorted by point.
// - A range [from, to) of points belongs to one vreg and one bundle and owns the entries of its vreg whose points lie in it.
//   The ranges of a vreg tile its lifetime at all times; splitting only cuts them.
// - A bundle is a list of disjoint ranges, sorted by point, that shall get one register. Ranges in no bundle (-1) live in
//   the slot of their vreg's spill set (or are re-emitted where they are used, if the vreg is a constant).
// - A spill set is what the pieces of one original bundle share: slot and hint.
import { IntColumn } from '../support/int_column.ts';
import { InstFlag, Operand } from './door.ts';
import type { MachineEnv, RegallocInput } from './door.ts';

/** What a use entry is, in useOperand, besides operand indices. */
export const enum Entry {
  Argument = -1,
  Parameter = -2,
}

/** Weight of pieces of one instruction that must have a register: those needed at one point, those needed at both. */
export const MINIMAL_WEIGHT = 1e30;

/** A successor of two that runs less often than this is unlikely. */
const UNLIKELY = 0.35;
const MAX_COLDNESS = 255;

export class State {
  input!: RegallocInput;
  env!: MachineEnv;

  /** Block of each instruction. */
  instBlock = new Int32Array(0);
  /** 1 for a block that a later (or the same) block in layout order jumps to. */
  loopHeader = new Uint8Array(0);
  /** 1 for a block with an instruction that clobbers registers. */
  blockClobbers = new Uint8Array(0);
  /** Number of unlikely branches on the likeliest way from the entry to the block. */
  coldness = new Uint8Array(0);
  /** Operand flags with reuse made explicit: see normalise(). */
  info = new Int32Array(0);

  // Use entries, CSR by vreg.
  useStart = new Int32Array(0);
  usePoint = new Int32Array(0);
  useOperand = new Int32Array(0);
  /** What it costs per second of the function if the value is not in a register here. */
  useWeight = new Float32Array(0);
  /** 1 if the entry must have a register. */
  useNeedsReg = new Uint8Array(0);

  // Vregs.
  /** Point of the definition of each vreg, -1 if it does not occur; the spill set; 1 if its constant is re-emitted. */
  vregDef = new Int32Array(0);
  vregSet = new Int32Array(0);
  vregRemat = new Uint8Array(0);
  /** 1 if the slot must hold the value from the definition on. */
  vregInSlot = new Uint8Array(0);

  // Ranges: as many as rangeFrom is long; the other columns have room for them.
  readonly rangeFrom = new IntColumn(256);
  readonly rangeTo = new IntColumn(256);
  readonly rangeVReg = new IntColumn(256);
  readonly rangeUse = new IntColumn(256);
  readonly rangeUseEnd = new IntColumn(256);
  readonly rangeNext = new IntColumn(256);
  readonly rangeBundle = new IntColumn(256);

  // Bundles: as many as bundleFirst is long, likewise.
  readonly bundleFirst = new IntColumn(256);
  readonly bundleLast = new IntColumn(256);
  readonly bundleSet = new IntColumn(256);
  readonly bundleReg = new IntColumn(256);
  readonly bundleHint = new IntColumn(256);
  /** Total length in points. */
  readonly bundleLength = new IntColumn(256);
  readonly bundleEvictions = new IntColumn(256);
  bundleWeight = new Float32Array(256);
  /** Sum of the weights of its entries. */
  bundleBenefit = new Float32Array(256);

  // Spill sets.
  readonly setHint = new IntColumn(256);
  readonly setSplits = new IntColumn(256);
  readonly setClass = new IntColumn(256);
  readonly setSlot = new IntColumn(256);

  /** Work done, in units that grow linearly with time: range tests, list steps. For guards and scaling tests. */
  work = 0;

  private readonly hintWeight = new Float32Array(64);
  /** 0, 1, 2, ... */
  private readonly identity = new IntColumn(256);

  reset(input: RegallocInput, env: MachineEnv): void {
    this.input = input;
    this.env = env;
    this.work = 0;
    this.rangeFrom.clear();
    this.bundleFirst.clear();
    this.setHint.clear();
    this.setSplits.clear();
    this.setClass.clear();
    this.setSlot.clear();
    this.normalise();
  }

  /**
   * Copies the operand flags and makes the consequences of reuse explicit: other uses of another vreg become late; a def that reuses
   * a fixed use becomes fixed to the same register.
   */
  private normalise(): void {
    const { operandStart, operandInfo, operandVReg, numInsts, numBlocks, blockStart } = this.input;
    const count = operandStart[numInsts];
    if (this.info.length < count) this.info = new Int32Array(count + (count >> 1));
    if (this.instBlock.length < numInsts) this.instBlock = new Int32Array(numInsts + (numInsts >> 1));
    if (this.loopHeader.length < numBlocks) {
      const capacity = numBlocks + (numBlocks >> 1);
      this.loopHeader = new Uint8Array(capacity);
      this.blockClobbers = new Uint8Array(capacity);
      this.coldness = new Uint8Array(capacity);
    }
    const { preds, predStart } = this.input;
    for (let b = 0; b < numBlocks; b++) {
      let isHeader = 0;
      for (let k = predStart[b]; k < predStart[b + 1]; k++) if (preds[k] >= b) isHeader = 1;
      this.loopHeader[b] = isHeader;
    }
    this.findCold();
    const info = this.info;
    for (let k = 0; k < count; k++) info[k] = operandInfo[k];
    for (let b = 0; b < numBlocks; b++) this.instBlock.fill(b, blockStart[b], blockStart[b + 1]);
    for (let i = 0; i < numInsts; i++) {
      const first = operandStart[i];
      const end = operandStart[i + 1];
      for (let k = first; k < end; k++) {
        if ((operandInfo[k] & Operand.ConstraintMask) !== Operand.Reuse) continue;
        const reused = first + (operandInfo[k] >> Operand.PayloadShift);
        for (let j = first; j < end; j++) {
          if ((operandInfo[j] & Operand.Def) === 0 && operandVReg[j] !== operandVReg[reused])
            info[j] |= Operand.Late;
        }
        if ((operandInfo[reused] & Operand.ConstraintMask) === Operand.Fixed)
          info[k] = operandInfo[reused] | 3;
        else info[reused] &= ~Operand.ConstraintMask;
      }
    }
  }

  /** Follows unlikely branches, forwards only. */
  private findCold(): void {
    const { numBlocks, blockStart, preds, predStart, blockFreq, instClobber } = this.input;
    const { coldness, blockClobbers } = this;
    for (let b = 0; b < numBlocks; b++) {
      let least = b === 0 ? 0 : MAX_COLDNESS;
      const single = predStart[b + 1] - predStart[b] === 1;
      for (let k = predStart[b]; k < predStart[b + 1]; k++) {
        const p = preds[k];
        if (p >= b) continue;
        const { succStart } = this.input;
        const isBranch = single && succStart[p + 1] - succStart[p] === 2;
        const unlikely = isBranch && blockFreq[b] < UNLIKELY * blockFreq[p] ? 1 : 0;
        least = Math.min(least, coldness[p] + unlikely);
      }
      coldness[b] = least;
      let clobbers = 0;
      for (let i = blockStart[b]; i < blockStart[b + 1]; i++) if (instClobber[i] !== 0) clobbers = 1;
      blockClobbers[b] = clobbers;
    }
  }

  isMove(inst: number): boolean {
    return (this.input.instFlags[inst] & InstFlag.Move) !== 0;
  }

  newRange(from: number, to: number, v: number, use: number, useEnd: number): number {
    const range = this.rangeFrom.push(from);
    if (range >= this.rangeBundle.data.length) this.reserveRanges(range + 1);
    this.rangeTo.data[range] = to;
    this.rangeVReg.data[range] = v;
    this.rangeUse.data[range] = use;
    this.rangeUseEnd.data[range] = useEnd;
    this.rangeNext.data[range] = -1;
    this.rangeBundle.data[range] = -1;
    return range;
  }

  private reserveRanges(count: number): void {
    this.rangeTo.reserve(count);
    this.rangeVReg.reserve(count);
    this.rangeUse.reserve(count);
    this.rangeUseEnd.reserve(count);
    this.rangeNext.reserve(count);
    this.rangeBundle.reserve(count);
  }

  /** An empty bundle for each vreg, in a spill set of its own: all three have one number. */
  bundleVRegs(): void {
    const { numVRegs, vregClass } = this.input;
    while (this.identity.length < numVRegs) this.identity.push(this.identity.length);
    const identity = this.identity.data.subarray(0, numVRegs);
    this.vregSet.set(identity);
    this.setHint.resize(numVRegs, -1);
    this.setSplits.resize(numVRegs, 0);
    this.setClass.resize(numVRegs);
    this.setClass.data.set(vregClass.subarray(0, numVRegs));
    this.setSlot.resize(numVRegs, -1);
    this.bundleFirst.resize(numVRegs, -1);
    this.reserveBundles(numVRegs);
    this.bundleLast.data.fill(-1, 0, numVRegs);
    this.bundleSet.data.set(identity);
    this.bundleReg.data.fill(-1, 0, numVRegs);
    this.bundleHint.data.fill(-1, 0, numVRegs);
    this.bundleLength.data.fill(0, 0, numVRegs);
    this.bundleEvictions.data.fill(0, 0, numVRegs);
  }

  newBundle(set: number): number {
    const bundle = this.bundleFirst.push(-1);
    if (bundle >= this.bundleWeight.length) this.reserveBundles(bundle + 1);
    this.bundleLast.data[bundle] = -1;
    this.bundleSet.data[bundle] = set;
    this.bundleReg.data[bundle] = -1;
    this.bundleHint.data[bundle] = -1;
    this.bundleLength.data[bundle] = 0;
    this.bundleEvictions.data[bundle] = 0;
    return bundle;
  }

  private reserveBundles(count: number): void {
    if (count <= this.bundleWeight.length) return;
    this.bundleLast.reserve(count * 2);
    this.bundleSet.reserve(count * 2);
    this.bundleReg.reserve(count * 2);
    this.bundleHint.reserve(count * 2);
    this.bundleLength.reserve(count * 2);
    this.bundleEvictions.reserve(count * 2);
    const weight = new Float32Array(count * 2);
    weight.set(this.bundleWeight);
    this.bundleWeight = weight;
    const benefit = new Float32Array(count * 2);
    benefit.set(this.bundleBenefit);
    this.bundleBenefit = benefit;
  }

  /** Appends a range, which begins after all ranges of the bundle. */
  append(bundle: number, range: number): void {
    const last = this.bundleLast.data[bundle];
    if (last < 0) this.bundleFirst.data[bundle] = range;
    else this.rangeNext.data[last] = range;
    this.bundleLast.data[bundle] = range;
    this.rangeNext.data[range] = -1;
    this.rangeBundle.data[range] = bundle;
  }

  /** The point up to which entry u needs its value. */
  entryEnd(u: number): number {
    const point = this.usePoint[u];
    const k = this.useOperand[u];
    if (k < 0) return point + 1;
    return (this.info[k] & (Operand.Late | Operand.Def)) !== 0 ? (point | 1) + 1 : point + 1;
  }

  /** Computes length, weight and hint of a bundle from its ranges. */
  summarise(bundle: number): void {
    const { usePoint, useOperand, useWeight, info, hintWeight } = this;
    let length = 0;
    let benefit = 0;
    let neededEnd = -1;
    let best = -1;
    const first = this.bundleFirst.data[bundle];
    for (let r = first; r >= 0; r = this.rangeNext.data[r]) {
      length += this.rangeTo.data[r] - this.rangeFrom.data[r];
      const end = this.rangeUseEnd.data[r];
      this.work += end - this.rangeUse.data[r] + 1;
      for (let u = this.rangeUse.data[r]; u < end; u++) {
        benefit += useWeight[u];
        if (this.useNeedsReg[u] !== 0) neededEnd = Math.max(neededEnd, this.entryEnd(u));
        const k = useOperand[u];
        if (k >= 0 && (info[k] & Operand.ConstraintMask) === Operand.Fixed) {
          const reg = info[k] >> Operand.PayloadShift;
          hintWeight[reg] += this.input.blockFreq[this.instBlock[usePoint[u] >> 1]];
          if (best < 0 || hintWeight[reg] > hintWeight[best]) best = reg;
        }
      }
    }
    if (best >= 0) hintWeight.fill(0);
    this.bundleHint.data[bundle] = best;
    this.bundleLength.data[bundle] = length;
    this.bundleBenefit[bundle] = benefit;
    const from = this.rangeFrom.data[first];
    const to = this.rangeTo.data[this.bundleLast.data[bundle]];
    if (neededEnd >= 0 && from >> 1 === (to - 1) >> 1) {
      // What can still be taken apart or cut gives way to what cannot.
      const single = first === this.bundleLast.data[bundle] && to <= neededEnd;
      this.bundleWeight[bundle] = MINIMAL_WEIGHT * (single ? to - from : 0.5);
    } else this.bundleWeight[bundle] = benefit / length;
  }
}
