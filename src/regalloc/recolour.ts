// Stage 4: recolouring. Bundles that a move joins and that lie in different registers are put into one where that can be
// done: the pieces of a split value, arguments and parameters, copies, and operands that are fixed to a register. A
// bundle moves to a register if it is free for it, or if those few that are in its way find another one and all of
// them together lose less than it gains. When bundles were placed, what they are joined to had often no register yet;
// now everything has. (In the spirit of the recolouring of copies in Park and Moon, "Optimistic Register Coalescing",
// 1998, and of broken hints in LLVM's greedy allocator.)
// What is gained is counted in moves by the frequency of their blocks. Every step gains, so it ends; work is bounded.
import { IntColumn } from '../support/int_column.ts';
import { Operand } from './door.ts';
import type { Location } from './door.ts';
import { fileOf } from './edits.ts';
import type { Occupancy } from './occupancy.ts';
import type { RangeIndex } from './range_index.ts';
import type { State } from './state.ts';

const PASSES = 3;
/** Bundles in the way of one that still are tried. */
const MAX_VICTIMS = 6;
/** Weights are frequencies in these units, between 1 and MAX_WEIGHT. */
const WEIGHT_UNIT = 1024;
const MAX_WEIGHT = 0x3fffffff;
/** Sort keys hold a weight above this many numbers for a bundle. */
const KEY_BUNDLES = 2 ** 21;
const KEY_WEIGHTS = 2 ** 31;
/** Work for each pair after which it stops. */
const WORK_PER_PAIR = 200;

export class Recolourer {
  /** Joined bundles: a, b, weight; b below 0: the register -1 - b. */
  private readonly pairs = new IntColumn(256);
  /** The same by bundle: neighbour (or -1 - register) and weight, CSR. */
  private start = new Int32Array(0);
  private readonly neighbour = new IntColumn(256);
  private readonly weight = new IntColumn(256);
  /** By bundle: 1 if a neighbour has moved since it was looked at. */
  private stale = new Uint8Array(0);
  /** Bundle of each operand, or -1. */
  private operandBundle = new Int32Array(0);
  private readonly gains = new Float64Array(64);
  private readonly victimGains = new Float64Array(64);
  private readonly victims = new IntColumn(MAX_VICTIMS);
  /** Bundles in each register. */
  private readonly population = new Int32Array(64);
  /** Bundles that moved in the last run, for tests and benchmarks. */
  moved = 0;

  run(state: State, occupancy: Occupancy, index: RangeIndex): void {
    const count = state.bundleFirst.length;
    this.moved = 0;
    if (count >= KEY_BUNDLES) return;
    this.collectPairs(state, index);
    if (this.pairs.length === 0) return;
    const order = this.sortPairs(state, count);
    this.population.fill(0);
    for (let b = 0; b < count; b++) if (isPlaced(state, b)) this.population[state.bundleReg.data[b]]++;
    const limit = state.work + WORK_PER_PAIR * this.pairs.length;
    for (let pass = 0; pass < PASSES; pass++) {
      const before = this.moved;
      for (let k = order.length - 1; k >= 0 && state.work < limit; k--) {
        const bundle = order[k] % KEY_BUNDLES;
        if (this.stale[bundle] === 0) continue;
        this.stale[bundle] = 0;
        this.improve(state, occupancy, bundle);
      }
      if (this.moved === before) break;
    }
  }

  /** Weight of all moves between joined bundles in different registers, in the last run's pairs; for tests. */
  cost(state: State): number {
    const pairs = this.pairs.data;
    const reg = state.bundleReg.data;
    let sum = 0;
    for (let p = 0; p < this.pairs.length; p += 3) {
      const other = pairs[p + 1];
      if (reg[pairs[p]] !== (other >= 0 ? reg[other] : -1 - other)) sum += pairs[p + 2];
    }
    return sum;
  }

  // ---- Which bundles are joined ----

  /** The first half of `run`; alone for tests. */
  collectPairs(state: State, index: RangeIndex): void {
    this.pairs.clear();
    this.joinArguments(state, index);
    this.joinPieces(state, index);
    this.joinOperands(state);
  }

  private join(state: State, a: number, b: number, frequency: number): void {
    if (a < 0 || a === b || !isPlaced(state, a) || (b >= 0 && !isPlaced(state, b))) return;
    this.pairs.push(a);
    this.pairs.push(b);
    this.pairs.push(Math.min(MAX_WEIGHT, Math.ceil(frequency * WEIGHT_UNIT)));
  }

  private joinArguments(state: State, index: RangeIndex): void {
    const { numBlocks, blockFreq, blockStart, args, argStart, params, paramStart, succs, succStart } =
      state.input;
    for (let b = 0; b < numBlocks; b++) {
      if (argStart[b] === argStart[b + 1]) continue;
      const target = succs[succStart[b]];
      const shift = paramStart[target] - argStart[b];
      for (let k = argStart[b]; k < argStart[b + 1]; k++) {
        const from = index.bundleAt(state, args[k], 2 * (blockStart[b + 1] - 1));
        const to = index.bundleAt(state, params[shift + k], 2 * blockStart[target]);
        if (from >= 0 && to >= 0) this.join(state, from, to, blockFreq[b]);
      }
    }
  }

  /** Pieces of one vreg: within a block and over edges. */
  private joinPieces(state: State, index: RangeIndex): void {
    const { numVRegs, blockFreq, blockStart } = state.input;
    const { rangeBundle, rangeFrom, rangeTo, instBlock } = state;
    const { start, ranges } = index;
    for (let v = 0; v < numVRegs; v++) {
      const first = start[v];
      if (this.isWhole(state, index, v)) continue;
      for (let n = first; n < start[v + 1]; n++) {
        const range = ranges[n];
        const bundle = rangeBundle.data[range];
        if (bundle < 0) continue;
        const from = rangeFrom.data[range];
        const block = instBlock[from >> 1];
        if (n > first && from !== 2 * blockStart[block]) {
          const before = ranges[n - 1];
          if (rangeTo.data[before] === from && rangeBundle.data[before] >= 0)
            this.join(state, rangeBundle.data[before], bundle, blockFreq[block]);
        }
        this.joinEdges(state, index, v, range, bundle);
      }
    }
  }

  /** Whether all of a vreg lies in one bundle, as nearly every one does. */
  private isWhole(state: State, index: RangeIndex, v: number): boolean {
    const { start, ranges } = index;
    const bundleOf = state.rangeBundle.data;
    for (let n = start[v] + 1; n < start[v + 1]; n++)
      if (bundleOf[ranges[n]] !== bundleOf[ranges[n - 1]]) return false;
    return true;
  }

  private joinEdges(state: State, index: RangeIndex, v: number, range: number, bundle: number): void {
    const { numBlocks, blockFreq, blockStart, preds, predStart } = state.input;
    const from = state.rangeFrom.data[range];
    const to = state.rangeTo.data[range];
    let b = state.instBlock[from >> 1];
    if (2 * blockStart[b] < from || state.vregDef[v] === 2 * blockStart[b]) b++;
    for (; b < numBlocks && 2 * blockStart[b] < to; b++) {
      for (let k = predStart[b]; k < predStart[b + 1]; k++) {
        const p = preds[k];
        const last = 2 * (blockStart[p + 1] - 1);
        if (last >= from && last < to) continue;
        const other = index.bundleAt(state, v, last);
        if (other >= 0) this.join(state, other, bundle, Math.min(blockFreq[p], blockFreq[b]));
      }
    }
  }

  /** Copies, reused inputs, and fixed registers. */
  private joinOperands(state: State): void {
    const { blockFreq, numInsts, operandInfo, operandStart } = state.input;
    const { info, instBlock } = state;
    this.findOperands(state);
    const bundleOf = this.operandBundle;
    for (let i = 0; i < numInsts; i++) {
      const first = operandStart[i];
      const end = operandStart[i + 1];
      const isMove = state.isMove(i);
      for (let k = first; k < end; k++) {
        if (bundleOf[k] < 0) continue;
        const flags = operandInfo[k];
        const isReuse = (flags & Operand.ConstraintMask) === Operand.Reuse;
        if ((info[k] & Operand.ConstraintMask) === Operand.Fixed)
          this.join(state, bundleOf[k], -1 - (info[k] >> Operand.PayloadShift), blockFreq[instBlock[i]]);
        if (!isReuse && !(isMove && (flags & Operand.Def) !== 0)) continue;
        const use = isReuse ? first + (flags >> Operand.PayloadShift) : k === first ? first + 1 : first;
        if (bundleOf[use] >= 0) this.join(state, bundleOf[k], bundleOf[use], blockFreq[instBlock[i]]);
      }
    }
  }

  private findOperands(state: State): void {
    const { operandStart, numInsts } = state.input;
    const { rangeFrom, rangeBundle, rangeUse, rangeUseEnd, useOperand } = state;
    const numOperands = operandStart[numInsts];
    if (this.operandBundle.length < numOperands)
      this.operandBundle = new Int32Array(numOperands + (numOperands >> 1));
    this.operandBundle.fill(-1, 0, numOperands);
    for (let r = 0; r < rangeFrom.length; r++) {
      const bundle = rangeBundle.data[r];
      if (bundle < 0) continue;
      for (let u = rangeUse.data[r]; u < rangeUseEnd.data[r]; u++)
        if (useOperand[u] >= 0) this.operandBundle[useOperand[u]] = bundle;
    }
  }

  /** Fills the lists by bundle; returns keys of the bundles with neighbours in other registers, the dearest last. */
  private sortPairs(state: State, count: number): Float64Array {
    if (this.start.length < count + 2) {
      this.start = new Int32Array(count + (count >> 1) + 2);
      this.stale = new Uint8Array(count + (count >> 1));
    }
    this.stale.fill(1, 0, count);
    const { start } = this;
    const pairs = this.pairs.data;
    start.fill(0, 0, count + 2);
    for (let p = 0; p < this.pairs.length; p += 3) {
      start[pairs[p] + 2]++;
      if (pairs[p + 1] >= 0) start[pairs[p + 1] + 2]++;
    }
    for (let b = 0; b < count; b++) start[b + 2] += start[b + 1];
    this.neighbour.resize(start[count + 1]);
    this.weight.resize(start[count + 1]);
    const neighbour = this.neighbour.data;
    const weight = this.weight.data;
    // start[b + 1] is the fill position of b while the lists are written, its end afterwards.
    for (let p = 0; p < this.pairs.length; p += 3) {
      const a = pairs[p];
      const b = pairs[p + 1];
      neighbour[start[a + 1]] = b;
      weight[start[a + 1]++] = pairs[p + 2];
      if (b < 0) continue;
      neighbour[start[b + 1]] = a;
      weight[start[b + 1]++] = pairs[p + 2];
    }
    const reg = state.bundleReg.data;
    const keys = new Float64Array(count);
    let used = 0;
    for (let b = 0; b < count; b++) {
      const own = reg[b];
      let moves = 0;
      for (let n = start[b]; n < start[b + 1]; n++) {
        const other = neighbour[n];
        if ((other >= 0 ? reg[other] : -1 - other) !== own) moves += weight[n];
      }
      if (moves > 0) keys[used++] = Math.min(moves, KEY_WEIGHTS) * KEY_BUNDLES + b;
    }
    return keys.subarray(0, used).sort();
  }

  // ---- Moving ----

  /** Adds up what a bundle gains in each register, as its neighbours lie now. */
  private collect(state: State, bundle: number, gains: Float64Array): void {
    const neighbour = this.neighbour.data;
    const weight = this.weight.data;
    const reg = state.bundleReg.data;
    gains.fill(0);
    for (let n = this.start[bundle]; n < this.start[bundle + 1]; n++) {
      const other = neighbour[n];
      const at = other >= 0 ? reg[other] : -1 - other;
      if (at >= 0) gains[at] += weight[n];
    }
  }

  /** Moves a bundle to the register that saves the most, if there is one that it can have. */
  private improve(state: State, occupancy: Occupancy, bundle: number): void {
    const { gains } = this;
    this.collect(state, bundle, gains);
    const own = state.bundleReg.data[bundle];
    const order = state.env.order[fileOf(state.setClass.data[state.bundleSet.data[bundle]])];
    for (;;) {
      let best = own;
      for (let k = 0; k < order.length; k++) if (gains[order[k]] > gains[best]) best = order[k];
      if (best === own) return;
      if (this.isSaved(state, best)) {
        if (occupancy.isFree(state, bundle, best)) {
          this.lift(state, occupancy, bundle);
          this.put(state, occupancy, bundle, best);
          this.noteMove(bundle);
          return;
        }
        if (this.exchange(state, occupancy, bundle, best, gains[best] - gains[own])) return;
      }
      gains[best] = -1;
    }
  }

  /** Whether a bundle may use the register without a new save and restore in the frame. */
  private isSaved(state: State, reg: Location): boolean {
    return state.env.calleeSaved[reg] === 0 || this.population[reg] > 0;
  }

  /** Moves a bundle to a register and those in its way to others, if all of them lose less than `gain`. */
  private exchange(state: State, occupancy: Occupancy, bundle: number, reg: Location, gain: number): boolean {
    if (occupancy.conflicts(state, bundle, reg, Infinity) === Infinity) return false;
    const { victims } = this;
    const { found } = occupancy;
    if (found.length > MAX_VICTIMS) return false;
    victims.clear();
    for (let k = 0; k < found.length; k++) victims.push(found.data[k]);
    if (!this.mayPay(state, reg, gain)) return false;
    const own = state.bundleReg.data[bundle];
    this.lift(state, occupancy, bundle);
    for (let k = 0; k < victims.length; k++) this.lift(state, occupancy, victims.data[k]);
    this.put(state, occupancy, bundle, reg);
    let left = gain;
    let placed = 0;
    while (placed < victims.length) {
      const victim = victims.data[placed];
      this.collect(state, victim, this.victimGains);
      const to = this.elsewhere(state, occupancy, victim, reg);
      if (to < 0) break;
      left -= this.victimGains[reg] - this.victimGains[to];
      if (left <= 0) break;
      this.put(state, occupancy, victim, to);
      placed++;
    }
    if (placed === victims.length) {
      this.noteMove(bundle);
      for (let k = 0; k < placed; k++) this.noteMove(victims.data[k]);
      return true;
    }
    for (let k = 0; k < placed; k++) this.lift(state, occupancy, victims.data[k]);
    this.lift(state, occupancy, bundle);
    this.put(state, occupancy, bundle, own);
    for (let k = 0; k < victims.length; k++) this.put(state, occupancy, victims.data[k], reg);
    return false;
  }

  /** Whether the victims lose less than `gain` if each gets the register that it likes best. */
  private mayPay(state: State, reg: Location, gain: number): boolean {
    const { victims, victimGains } = this;
    for (let k = 0; k < victims.length && gain > 0; k++) {
      this.collect(state, victims.data[k], victimGains);
      let most = 0;
      for (let r = 0; r < victimGains.length; r++) if (r !== reg) most = Math.max(most, victimGains[r]);
      gain -= victimGains[reg] - most;
    }
    return gain > 0;
  }

  /** The register but `reg` in which a bundle gains the most, or -1 if none is free for it. */
  private elsewhere(state: State, occupancy: Occupancy, bundle: number, reg: Location): Location {
    const gains = this.victimGains;
    const order = state.env.order[fileOf(state.setClass.data[state.bundleSet.data[bundle]])];
    let best = -1;
    for (let k = 0; k < order.length; k++) {
      const to = order[k];
      if (to === reg || (best >= 0 && gains[to] <= gains[best]) || !this.isSaved(state, to)) continue;
      if (occupancy.isFree(state, bundle, to)) best = to;
    }
    return best;
  }

  private noteMove(bundle: number): void {
    const neighbour = this.neighbour.data;
    this.moved++;
    for (let n = this.start[bundle]; n < this.start[bundle + 1]; n++)
      if (neighbour[n] >= 0) this.stale[neighbour[n]] = 1;
  }

  /** Takes a bundle out of its register; `put` follows. */
  private lift(state: State, occupancy: Occupancy, bundle: number): void {
    const reg = state.bundleReg.data[bundle];
    occupancy.remove(state, bundle, reg);
    state.bundleReg.data[bundle] = -1;
    this.population[reg]--;
  }

  private put(state: State, occupancy: Occupancy, bundle: number, reg: Location): void {
    state.bundleReg.data[bundle] = reg;
    occupancy.add(state, bundle, reg);
    this.population[reg]++;
  }
}

function isPlaced(state: State, bundle: number): boolean {
  return state.bundleFirst.data[bundle] >= 0 && state.bundleReg.data[bundle] >= 0;
}
