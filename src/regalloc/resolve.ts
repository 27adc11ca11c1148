// Stage 6: operand locations and edits. Each move that is needed becomes a record (point, group, from, to); the records are
// sorted by a packed key and each group is resolved as one set of parallel moves. Groups at an even point, in
// order: moves of the edge into the block that begins here; moves between pieces of a vreg; fixups of the instruction (fixed and reused
// uses, copies); moves of the edge out of the block that ends here. At an odd point: fixed defs and stores of definitions.
//
// Stores: a value with pieces in memory is stored either once at its definition, its slot then being valid for all its life (SSA), or
// wherever it passes from a register to memory, if that is cheaper by block frequency.
import { IntColumn } from '../support/int_column.ts';
import { NO_LOCATION, Operand, REMAT_BASE, SLOT_BASE } from './door.ts';
import type { Location } from './door.ts';
import type { EditList, SlotCounter } from './edits.ts';
import type { Occupancy } from './occupancy.ts';
import { MoveResolver } from './parallel_moves.ts';
import type { RangeIndex } from './range_index.ts';
import { Entry } from './state.ts';
import type { State } from './state.ts';

const enum Group {
  EdgeIn = 0,
  Pieces = 1,
  Fixup = 2,
  EdgeOut = 3,
}

const KEY_SCALE = 67108864;

export class Resolver {
  private readonly moves = new MoveResolver();
  private readonly point = new IntColumn(256);
  private readonly group = new IntColumn(256);
  private readonly from = new IntColumn(256);
  private readonly to = new IntColumn(256);
  /** The vreg moved: gives the class. */
  private readonly vreg = new IntColumn(256);
  /** 1 for a store that is not needed if the vreg is stored by its definition. */
  private readonly store = new IntColumn(256);
  private storeCost = new Float32Array(0);
  private readonly index: RangeIndex;
  operandLoc = new Int32Array(0);

  /** `index`: rebuilt for each function before `run`. */
  constructor(index: RangeIndex) {
    this.index = index;
  }

  run(state: State, occupancy: Occupancy, edits: EditList, slots: SlotCounter): void {
    this.moves.reset();
    this.point.clear();
    this.group.clear();
    this.from.clear();
    this.to.clear();
    this.vreg.clear();
    this.store.clear();
    const { numVRegs } = state.input;
    if (this.storeCost.length < numVRegs) this.storeCost = new Float32Array(numVRegs + (numVRegs >> 1));
    this.storeCost.fill(0, 0, numVRegs);
    this.operands(state);
    this.copies(state);
    this.pieces(state);
    this.arguments(state);
    this.stores(state);
    this.emit(state, occupancy, edits, slots);
  }

  private record(point: number, group: Group, from: Location, to: Location, v: number, store: number): void {
    if (from === to) return;
    this.point.push(point);
    this.group.push(group);
    this.from.push(from);
    this.to.push(to);
    this.vreg.push(v);
    this.store.push(store);
  }

  /** The location of a range: register, slot, or re-emission for a constant. */
  private locationOf(state: State, range: number): Location {
    const bundle = state.rangeBundle.data[range];
    if (bundle >= 0) return state.bundleReg.data[bundle];
    const v = state.rangeVReg.data[range];
    if (state.vregRemat[v] !== 0) return REMAT_BASE + v;
    return state.setSlot.data[state.vregSet[v]];
  }

  /** The location of vreg v at a point of its life; NO_LOCATION if it does not live there. */
  private locationAt(state: State, v: number, point: number): Location {
    const range = this.index.at(state, v, point);
    return range < 0 ? NO_LOCATION : this.locationOf(state, range);
  }

  /** Locations of all operands, and the moves that fixed ones need. */
  private operands(state: State): void {
    const { input, info, usePoint, useOperand } = state;
    const numOperands = input.operandStart[input.numInsts];
    if (this.operandLoc.length < numOperands)
      this.operandLoc = new Int32Array(numOperands + (numOperands >> 1));
    const operandLoc = this.operandLoc;
    operandLoc.fill(NO_LOCATION, 0, numOperands);
    const count = state.rangeFrom.length;
    for (let r = 0; r < count; r++) {
      const at = this.locationOf(state, r);
      const v = state.rangeVReg.data[r];
      const end = state.rangeUseEnd.data[r];
      for (let u = state.rangeUse.data[r]; u < end; u++) {
        const k = useOperand[u];
        if (k < 0) continue;
        const flags = info[k];
        const constraint = flags & Operand.ConstraintMask;
        const inst = usePoint[u] >> 1;
        if (constraint === Operand.Fixed) {
          const reg = flags >> Operand.PayloadShift;
          operandLoc[k] = reg;
          if ((flags & Operand.Def) !== 0) this.record(2 * inst + 1, Group.EdgeIn, reg, at, v, 0);
          else this.record(2 * inst, Group.Fixup, at, reg, v, 0);
        } else if (constraint === Operand.Stack) {
          const slot = state.setSlot.data[state.vregSet[v]];
          operandLoc[k] = slot;
          if ((flags & Operand.Def) !== 0) this.record(2 * inst + 1, Group.EdgeIn, slot, at, v, 0);
        } else {
          if (constraint !== Operand.Any && at >= SLOT_BASE && at < REMAT_BASE) {
            throw new Error(`instruction ${inst}: %${v} needs a register but lives in memory`);
          }
          operandLoc[k] = at >= REMAT_BASE && (flags & Operand.Def) !== 0 ? NO_LOCATION : at;
        }
      }
    }
  }

  /** Moves and reused inputs: the use is copied into the location of the def before the instruction. */
  private copies(state: State): void {
    const { operandStart, operandInfo, operandVReg, numInsts } = state.input;
    const { info } = state;
    const operandLoc = this.operandLoc;
    for (let i = 0; i < numInsts; i++) {
      const first = operandStart[i];
      const end = operandStart[i + 1];
      const isMove = state.isMove(i);
      for (let k = first; k < end; k++) {
        const flags = operandInfo[k];
        let use: number;
        if (isMove && (flags & Operand.Def) !== 0) use = k === first ? first + 1 : first;
        else if ((flags & Operand.ConstraintMask) === Operand.Reuse) {
          if ((info[k] & Operand.ConstraintMask) === Operand.Fixed) continue;
          use = first + (flags >> Operand.PayloadShift);
        } else continue;
        this.record(2 * i, Group.Fixup, operandLoc[use], operandLoc[k], operandVReg[use], 0);
        operandLoc[use] = operandLoc[k];
      }
    }
  }

  /** Moves between the pieces of each vreg that has several locations: within blocks and on edges. */
  private pieces(state: State): void {
    const { numVRegs, blockFreq } = state.input;
    const { instBlock } = state;
    const { start: vregStart, ranges: vregRange } = this.index;
    const blockStart = state.input.blockStart;
    for (let v = 0; v < numVRegs; v++) {
      const first = vregStart[v];
      const end = vregStart[v + 1];
      if (end - first < 2) continue;
      const home = this.locationOf(state, vregRange[first]);
      let uniform = true;
      for (let n = first + 1; n < end && uniform; n++)
        uniform = this.locationOf(state, vregRange[n]) === home;
      if (uniform) continue;
      for (let n = first + 1; n < end; n++) {
        const before = vregRange[n - 1];
        const after = vregRange[n];
        const point = state.rangeFrom.data[after];
        if (state.rangeTo.data[before] !== point) continue;
        const block = instBlock[point >> 1];
        if (point === 2 * blockStart[block]) continue;
        const from = this.locationOf(state, before);
        const to = this.locationOf(state, after);
        if (from === to || to >= REMAT_BASE) continue;
        if (to < SLOT_BASE) {
          this.record(point, Group.Pieces, from, to, v, 0);
          continue;
        }
        // To memory. A piece of one instruction that was just loaded from there is there still.
        const inst = (point - 1) >> 1;
        if ((point & 1) !== 0 && state.rangeFrom.data[before] === point - 1 && n - 2 >= first) {
          const earlier = vregRange[n - 2];
          const contiguous = state.rangeTo.data[earlier] === point - 1 && blockStart[block] !== inst;
          if (contiguous && this.locationOf(state, earlier) === to) continue;
        }
        this.storeCost[v] += blockFreq[block];
        if ((point & 1) === 0) this.record(point, Group.Pieces, from, to, v, 1);
        else this.record(point - 1, Group.Fixup, from, to, v, 1);
      }
      for (let n = first; n < end; n++) this.edges(state, v, vregRange[n]);
    }
  }

  /** Moves on the edges into the blocks at whose start a range lives. */
  private edges(state: State, v: number, range: number): void {
    const { blockStart, preds, predStart, succStart, blockFreq, numBlocks } = state.input;
    const from = state.rangeFrom.data[range];
    const to = state.rangeTo.data[range];
    const there = this.locationOf(state, range);
    let b = state.instBlock[from >> 1];
    if (2 * blockStart[b] < from || state.vregDef[v] === 2 * blockStart[b]) b++;
    for (; b < numBlocks && 2 * blockStart[b] < to; b++) {
      if (state.vregDef[v] === 2 * blockStart[b]) continue;
      if (there < SLOT_BASE && predStart[b + 1] - predStart[b] > 1) {
        const everywhere = this.commonMemory(state, v, b);
        if (everywhere !== NO_LOCATION) {
          this.record(2 * blockStart[b], Group.EdgeIn, everywhere, there, v, 0);
          continue;
        }
      }
      for (let k = predStart[b]; k < predStart[b + 1]; k++) {
        const p = preds[k];
        const last = 2 * (blockStart[p + 1] - 1);
        // Nearly always the same range lives at both ends.
        if (last >= from && last < to) continue;
        const here = this.locationAt(state, v, last);
        if (here === there || there >= REMAT_BASE) continue;
        const store = there >= SLOT_BASE ? 1 : 0;
        const single = succStart[p + 1] - succStart[p] === 1;
        if (store !== 0) this.storeCost[v] += single ? blockFreq[p] : blockFreq[b];
        if (single) this.record(last, Group.EdgeOut, here, there, v, store);
        else this.record(2 * blockStart[b], Group.EdgeIn, here, there, v, store);
      }
    }
  }

  /**
   * The slot or constant that vreg v is in at the end of all predecessors of a block, or NO_LOCATION. Such a value is
   * loaded once, at the start of the block, so that its edges stay empty.
   */
  private commonMemory(state: State, v: number, block: number): Location {
    const { blockStart, preds, predStart } = state.input;
    let common = NO_LOCATION;
    for (let k = predStart[block]; k < predStart[block + 1]; k++) {
      const here = this.locationAt(state, v, 2 * (blockStart[preds[k] + 1] - 1));
      if (here < SLOT_BASE || (common !== NO_LOCATION && here !== common)) return NO_LOCATION;
      common = here;
    }
    return common;
  }

  private arguments(state: State): void {
    const { numBlocks, blockStart, args, argStart, params, paramStart, succs, succStart } = state.input;
    for (let b = 0; b < numBlocks; b++) {
      if (argStart[b] === argStart[b + 1]) continue;
      const target = succs[succStart[b]];
      const last = 2 * (blockStart[b + 1] - 1);
      for (let k = argStart[b]; k < argStart[b + 1]; k++) {
        const to = this.locationAt(
          state,
          params[paramStart[target] + k - argStart[b]],
          2 * blockStart[target],
        );
        if (to === NO_LOCATION) continue;
        this.record(last, Group.EdgeOut, this.locationAt(state, args[k], last), to, args[k], 0);
      }
    }
  }

  /** Decides where each value with pieces in memory is stored, and stores at definitions. */
  private stores(state: State): void {
    const { numVRegs, blockFreq } = state.input;
    const { operandLoc } = this;
    const vregStart = this.index.start;
    for (let v = 0; v < numVRegs; v++) {
      if (vregStart[v] === vregStart[v + 1] || state.vregRemat[v] !== 0) continue;
      const cost = this.storeCost[v];
      if (cost === 0 && state.vregInSlot[v] === 0) continue;
      const def = state.vregDef[v];
      const block = state.instBlock[def >> 1];
      if (state.vregInSlot[v] === 0 && cost < blockFreq[block]) continue;
      state.vregInSlot[v] = 1;
      const slot = state.setSlot.data[state.vregSet[v]];
      if (this.locationAt(state, v, def) === slot) continue;
      let entry = state.useStart[v];
      while (state.usePoint[entry] !== def) entry++;
      const k = state.useOperand[entry];
      if (k === Entry.Parameter) this.record(def, Group.Pieces, this.locationAt(state, v, def), slot, v, 0);
      else this.record(def | 1, Group.EdgeIn, operandLoc[k], slot, v, 0);
    }
  }

  private emit(state: State, occupancy: Occupancy, edits: EditList, slots: SlotCounter): void {
    const { vregClass } = state.input;
    let count = 0;
    const keys = new Float64Array(this.point.length);
    for (let m = 0; m < this.point.length; m++) {
      if (this.store.data[m] !== 0 && state.vregInSlot[this.vreg.data[m]] !== 0) continue;
      keys[count++] = (this.point.data[m] * 4 + this.group.data[m]) * KEY_SCALE + m;
    }
    const sorted = keys.subarray(0, count).sort();
    for (let n = 0; n < count;) {
      const where = Math.floor(sorted[n] / KEY_SCALE);
      for (; n < count; n++) {
        const m = sorted[n] - where * KEY_SCALE;
        if (m >= KEY_SCALE) break;
        this.moves.add(this.from.data[m], this.to.data[m], vregClass[this.vreg.data[m]]);
      }
      this.flush(state, occupancy, where, edits, slots);
    }
  }

  private flush(
    state: State,
    occupancy: Occupancy,
    where: number,
    edits: EditList,
    slots: SlotCounter,
  ): void {
    const point = where >> 2;
    const order = state.env.order;
    let freeInt = 0;
    let freeVec = 0;
    if (this.moves.mayNeedFree()) {
      freeInt = occupancy.freeAround(0, point);
      freeVec = occupancy.freeAround(1, point);
      const other = this.otherEnd(state, point, where & 3);
      if (other >= 0) {
        freeInt &= occupancy.freeAround(0, other);
        freeVec &= occupancy.freeAround(1, other);
      }
    }
    const saveInt = order[0].length > 0 ? order[0][0] : NO_LOCATION;
    const saveVec = order[1].length > 0 ? order[1][0] : NO_LOCATION;
    this.moves.resolve(point, freeInt, freeVec, saveInt, saveVec, edits, slots);
  }

  /** For the moves of an edge, the point at its other end. */
  private otherEnd(state: State, point: number, group: Group): number {
    if ((point & 1) !== 0) return -1;
    const { blockStart, preds, predStart, succs, succStart } = state.input;
    const block = state.instBlock[point >> 1];
    if (group === Group.EdgeOut) return 2 * blockStart[succs[succStart[block]]];
    if (group === Group.EdgeIn) return 2 * (blockStart[preds[predStart[block]] + 1] - 1);
    return -1;
  }
}
