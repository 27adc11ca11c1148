// Stage 1: use entries, live ranges and one bundle per vreg.
//
// Uses are counted, prefix-summed and filled in one forward scan, so the entries of each vreg are sorted. Liveness is found vreg by
// vreg by walking from each use up the predecessors to the definition (path exploration; Boissinot et al., "Computing
// Liveness Sets for SSA-Form Programs", 2011): the cost is the size of the live-in sets and there are no bit vectors.
import { IntColumn } from '../support/int_column.ts';
import { Operand } from './door.ts';
import { Entry } from './state.ts';
import type { State } from './state.ts';

/** Reusable memory of the stage. */
export class Liveness {
  private defBlock = new Int32Array(0);
  private cursor = new Int32Array(0);
  private stamp = new Int32Array(0);
  private liveEnd = new Int32Array(0);
  private readonly blocks = new IntColumn(64);

  /** Fills the use entries of the state and builds all ranges and bundles; false if the live-in sets exceed the limit. */
  run(state: State, limit: number): boolean {
    this.entries(state);
    return this.ranges(state, limit);
  }

  private entries(state: State): void {
    const { input, info } = state;
    const { numVRegs, numBlocks, numInsts, operandStart, operandVReg, blockStart, params, paramStart } =
      input;
    const { args, argStart, blockFreq, vregRemat } = input;
    if (state.vregDef.length < numVRegs + 1) {
      const capacity = numVRegs + (numVRegs >> 1) + 1;
      state.vregDef = new Int32Array(capacity);
      this.defBlock = new Int32Array(capacity);
      this.cursor = new Int32Array(capacity);
      state.useStart = new Int32Array(capacity);
      state.vregSet = new Int32Array(capacity);
      state.vregRemat = new Uint8Array(capacity);
      state.vregInSlot = new Uint8Array(capacity);
    }
    if (this.stamp.length < numBlocks) {
      this.stamp = new Int32Array(numBlocks + (numBlocks >> 1));
      this.liveEnd = new Int32Array(numBlocks + (numBlocks >> 1));
    }
    const { useStart } = state;
    state.vregDef.fill(-1, 0, numVRegs);
    useStart.fill(0, 0, numVRegs + 1);
    const numOperands = operandStart[numInsts];
    const numEntries = numOperands + paramStart[numBlocks] + argStart[numBlocks];
    for (let k = 0; k < numOperands; k++) useStart[operandVReg[k] + 1]++;
    for (let k = 0; k < paramStart[numBlocks]; k++) useStart[params[k] + 1]++;
    for (let k = 0; k < argStart[numBlocks]; k++) useStart[args[k] + 1]++;
    const cursor = this.cursor;
    for (let v = 0; v < numVRegs; v++) {
      cursor[v] = useStart[v];
      useStart[v + 1] += useStart[v];
      state.vregInSlot[v] = 0;
      state.vregRemat[v] = vregRemat[v] >= 0 ? 1 : 0;
    }
    for (let k = 0; k < numOperands; k++) {
      if ((info[k] & Operand.ConstraintMask) !== Operand.Stack) continue;
      // A value wanted in a slot is stored there by its definition, and then it is no constant any more.
      state.vregInSlot[operandVReg[k]] = 1;
      state.vregRemat[operandVReg[k]] = 0;
    }
    for (let i = 0; i < numInsts; i++) this.demoteConstants(state, i);
    if (state.usePoint.length < numEntries) {
      const capacity = numEntries + (numEntries >> 1);
      state.usePoint = new Int32Array(capacity);
      state.useOperand = new Int32Array(capacity);
      state.useWeight = new Float32Array(capacity);
      state.useNeedsReg = new Uint8Array(capacity);
    }
    const { usePoint, useOperand, useWeight, useNeedsReg } = state;
    for (let b = 0; b < numBlocks; b++) {
      const freq = blockFreq[b];
      const start = 2 * blockStart[b];
      for (let k = paramStart[b]; k < paramStart[b + 1]; k++) {
        const v = params[k];
        const u = cursor[v]++;
        usePoint[u] = start;
        useOperand[u] = Entry.Parameter;
        useWeight[u] = 0.5 * freq;
        useNeedsReg[u] = 0;
        state.vregDef[v] = start;
        this.defBlock[v] = b;
      }
      for (let i = blockStart[b]; i < blockStart[b + 1]; i++) {
        const isMove = state.isMove(i);
        // Uses before defs, and early before late, so that the entries of a vreg stay sorted.
        for (let pass = 0; pass < 2; pass++) {
          for (let k = operandStart[i]; k < operandStart[i + 1]; k++) {
            const flags = info[k];
            if (((flags & Operand.Late) !== 0 ? 1 : 0) !== pass) continue;
            const v = operandVReg[k];
            const u = cursor[v]++;
            const constraint = flags & Operand.ConstraintMask;
            const isDef = (flags & Operand.Def) !== 0;
            usePoint[u] = 2 * i + pass;
            useOperand[u] = k;
            let needs = constraint === Operand.Reg || constraint === Operand.Reuse;
            let weight = needs ? 1 : 0.5;
            if (isMove) weight = 0.5;
            else if (constraint === Operand.Stack) weight = 0;
            if (state.vregRemat[v] !== 0) {
              weight *= 0.5;
              if (isDef) {
                needs = false;
                weight = 0;
              } else if (constraint === Operand.Any && !isMove && !this.isReused(state, i, k)) needs = true;
            }
            useWeight[u] = weight * freq;
            useNeedsReg[u] = needs ? 1 : 0;
            if (isDef) {
              state.vregDef[v] = 2 * i + pass;
              this.defBlock[v] = b;
            }
          }
        }
      }
      const last = 2 * (blockStart[b + 1] - 1);
      for (let k = argStart[b]; k < argStart[b + 1]; k++) {
        const u = cursor[args[k]]++;
        usePoint[u] = last;
        useOperand[u] = Entry.Argument;
        useWeight[u] = 0.5 * freq;
        useNeedsReg[u] = 0;
      }
    }
  }

  /**
   * A constant has no slot, so where it may be in memory it must have a register after all. If the instruction might not have one to
   * spare, the value is treated as no constant.
   */
  private demoteConstants(state: State, inst: number): void {
    const { operandStart, operandVReg, instClobber, vregClass } = state.input;
    const { info, env } = state;
    const first = operandStart[inst];
    const end = operandStart[inst + 1];
    let wanted = false;
    let crowded = instClobber[inst] !== 0;
    for (let k = first; k < end; k++) {
      const constraint = info[k] & Operand.ConstraintMask;
      if (constraint === Operand.Fixed) crowded = true;
      else if (constraint === Operand.Any && state.vregRemat[operandVReg[k]] !== 0) wanted = true;
    }
    if (!wanted || state.isMove(inst)) return;
    for (let k = first; k < end; k++) {
      const v = operandVReg[k];
      if ((info[k] & Operand.ConstraintMask) !== Operand.Any || state.vregRemat[v] === 0) continue;
      const registers = env.order[vregClass[v] === 0 ? 0 : 1].length;
      if ((crowded || end - first > registers) && !this.isReused(state, inst, k)) state.vregRemat[v] = 0;
    }
  }

  private isReused(state: State, inst: number, operand: number): boolean {
    const { operandStart, operandInfo } = state.input;
    const first = operandStart[inst];
    for (let k = first; k < operandStart[inst + 1]; k++) {
      const flags = operandInfo[k];
      if (
        (flags & Operand.ConstraintMask) === Operand.Reuse &&
        first + (flags >> Operand.PayloadShift) === operand
      ) {
        return true;
      }
    }
    return false;
  }

  private ranges(state: State, limit: number): boolean {
    const { input, useStart, usePoint, useOperand, info, instBlock } = state;
    const { numVRegs, blockStart, preds, predStart } = input;
    const { stamp, liveEnd, blocks } = this;
    stamp.fill(-1, 0, input.numBlocks);
    state.bundleVRegs();
    for (let v = 0; v < numVRegs; v++) {
      const def = state.vregDef[v];
      const first = useStart[v];
      const end = useStart[v + 1];
      // No definition: the vreg does not occur. A parameter without uses needs no place.
      if (def < 0 || (end - first === 1 && useOperand[first] === Entry.Parameter)) continue;
      const home = this.defBlock[v];
      blocks.clear();
      let homeEnd = def + 1;
      for (let u = first; u < end; u++) {
        const point = usePoint[u];
        const k = useOperand[u];
        if (k === Entry.Parameter) continue;
        if (k >= 0 && (info[k] & Operand.Def) !== 0) {
          homeEnd = Math.max(homeEnd, (def | 1) + 1);
          continue;
        }
        const to = k >= 0 && (info[k] & Operand.Late) !== 0 ? (point | 1) + 1 : point + 1;
        const b = instBlock[point >> 1];
        if (b === home) {
          if (to > homeEnd) homeEnd = to;
        } else if (stamp[b] !== v) {
          stamp[b] = v;
          liveEnd[b] = to;
          blocks.push(b);
        } else if (to > liveEnd[b]) liveEnd[b] = to;
      }
      if (blocks.length > 0) {
        for (let n = 0; n < blocks.length; n++) {
          const b = blocks.data[n];
          for (let k = predStart[b]; k < predStart[b + 1]; k++) {
            const p = preds[k];
            const blockEnd = 2 * blockStart[p + 1];
            if (p === home) homeEnd = blockEnd;
            else {
              if (stamp[p] !== v) {
                stamp[p] = v;
                blocks.push(p);
              }
              liveEnd[p] = blockEnd;
            }
          }
        }
        state.work += blocks.length;
        if (state.work > limit) return false;
        blocks.push(home);
        this.sortBlocks(v, home);
      } else blocks.push(home);
      let u = first;
      for (let n = 0; n < blocks.length;) {
        let b = blocks.data[n++];
        const from = b === home ? def : 2 * blockStart[b];
        let to = b === home ? homeEnd : liveEnd[b];
        while (n < blocks.length && blocks.data[n] === b + 1 && to === 2 * blockStart[b + 1]) {
          // A layout may put the definition behind a block where the value lives.
          if (b + 1 === home) break;
          b = blocks.data[n++];
          to = liveEnd[b];
        }
        const use = u;
        while (u < end && usePoint[u] < to) u++;
        state.append(v, state.newRange(from, to, v, use, u));
      }
    }
    return true;
  }

  /** Sorts the list of blocks: by a scan over the stamps if they lie close together. */
  private sortBlocks(v: number, home: number): void {
    const { blocks, stamp } = this;
    const count = blocks.length;
    const list = blocks.data;
    let least = list[0];
    let most = list[0];
    for (let n = 1; n < count; n++) {
      if (list[n] < least) least = list[n];
      if (list[n] > most) most = list[n];
    }
    if (most - least > 8 * count) {
      list.subarray(0, count).sort();
      return;
    }
    let n = 0;
    for (let b = least; b <= most; b++) if (stamp[b] === v || b === home) list[n++] = b;
  }
}
