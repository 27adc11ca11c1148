// Symbolic checker of register allocation: proves that one output computes what its input says, or throws.
//
// Lattice: at each program point a set of demands (location, vreg): "this location must hold this vreg here". The
// analysis runs backward: a use demands its vreg in its location; an edit turns a demand on its destination into one on its
// source; a definition meets the demand for its vreg in its location and contradicts every other demand there; a clobber
// contradicts every demand on its register; a block parameter becomes the branch argument; sets are
// joined by union over successors until nothing changes. A demand that reaches the entry, or passes the
// definition of its vreg, fails. This is the dual of the forward analysis of regalloc2 (location -> set of vregs, meet =
// intersection, src/checker.rs): a use is valid there on all paths exactly if no demand fails here; the sets are sparse,
// so that functions of 100k instructions are checked in the ordinary tests.
//
// Besides: each operand's constraint, register files, allocatable registers, order and form of edits, slot bounds and alignment.
import { IntColumn } from '../support/int_column.ts';
import { InstFlag, NO_LOCATION, Operand, RegClass, REMAT_BASE, SLOT_BASE, VEC_BASE } from './door.ts';
import type { Location, MachineEnv, RegallocInput, RegallocOutput } from './door.ts';
import { constraintOf, fileOf, isReg, isSlot, locationName, payloadOf } from './edits.ts';

/** Demands of one block's start: triples location, vreg, operand index that asks (or -1 - block for a branch argument). */
const TRIPLE = 3;

class Checker {
  /** Current set: per location a list of demands (cells), per vreg their number. */
  private readonly head: Int32Array;
  private readonly cellNext = new IntColumn(256);
  private readonly cellVReg = new IntColumn(256);
  private readonly cellAsker = new IntColumn(256);
  private freeCells = -1;
  private readonly demandsOf: Int32Array;
  /** Locations that may have demands, for collecting and clearing; a flag per location keeps it free of duplicates. */
  private readonly touched = new IntColumn(256);
  private readonly isTouched: Uint8Array;
  private readonly blockIn: (Int32Array | null)[];
  private readonly allocatable = new Uint8Array(64);
  private readonly editStart: Int32Array;

  constructor(
    private readonly input: RegallocInput,
    env: MachineEnv,
    private readonly output: RegallocOutput,
  ) {
    const locations = SLOT_BASE + output.numSlots;
    this.head = new Int32Array(locations).fill(-1);
    this.isTouched = new Uint8Array(locations);
    this.demandsOf = new Int32Array(input.numVRegs);
    this.blockIn = new Array<Int32Array | null>(input.numBlocks).fill(null);
    for (let f = 0; f < 2; f++) {
      const order = env.order[f];
      for (let k = 0; k < order.length; k++) this.allocatable[order[k]] = 1;
    }
    this.editStart = new Int32Array(2 * input.numInsts + 1);
    this.checkEdits();
    for (let i = 0; i < input.numInsts; i++) this.checkOperands(i);
  }

  run(): void {
    const { numBlocks, preds, predStart } = this.input;
    const queued = new Uint8Array(numBlocks).fill(1);
    const queue = new IntColumn(numBlocks);
    for (let b = 0; b < numBlocks; b++) queue.push(b);
    while (queue.length > 0) {
      const b = queue.data[--queue.length];
      queued[b] = 0;
      if (!this.transfer(b)) continue;
      for (let k = predStart[b]; k < predStart[b + 1]; k++) {
        const p = preds[k];
        if (queued[p] === 0) {
          queued[p] = 1;
          queue.push(p);
        }
      }
    }
    const entry = this.blockIn[0];
    if (entry !== null && entry.length > 0) {
      const [location, v, asker] = entry;
      this.fail(0, `%${v} is expected in ${locationName(location)} on entry${this.because(asker)}`);
    }
  }

  private fail(inst: number, message: string): never {
    throw new Error(`register allocation is wrong at instruction ${inst}: ${message}`);
  }

  private because(asker: number): string {
    if (asker < 0) return ` (for a branch argument of block ${-1 - asker})`;
    const { operandStart, numInsts } = this.input;
    let low = 0;
    let high = numInsts;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (operandStart[middle] <= asker) low = middle;
      else high = middle;
    }
    return ` (for operand ${asker - operandStart[low]} of instruction ${low})`;
  }

  /** Form of all edits; fills editStart (first edit of each point). */
  private checkEdits(): void {
    const { numEdits, editPoint, editFrom, editTo, editClass } = this.output;
    const points = 2 * this.input.numInsts;
    let next = 0;
    for (let e = 0; e < numEdits; e++) {
      const point = editPoint[e];
      const inst = point >> 1;
      if (point < 0 || point >= points) this.fail(inst, `edit ${e} has point ${point} outside the function`);
      if (e > 0 && point < editPoint[e - 1]) this.fail(inst, `edit ${e} is out of order`);
      while (next <= point) this.editStart[next++] = e;
      const from = editFrom[e];
      const to = editTo[e];
      const cls = editClass[e];
      const name = `edit ${e} (${locationName(to)} <- ${locationName(from)})`;
      if (cls > RegClass.Vec) this.fail(inst, `${name} has class ${cls}`);
      if (!isReg(to) && !isReg(from)) this.fail(inst, `${name} moves memory to memory`);
      this.checkLocation(inst, to, cls, name);
      if (from < REMAT_BASE) this.checkLocation(inst, from, cls, name);
      else {
        const v = from - REMAT_BASE;
        if (v >= this.input.numVRegs || this.input.vregRemat[v] < 0) this.fail(inst, `${name}: no constant`);
        if (this.input.vregClass[v] !== cls) this.fail(inst, `${name} has the class ${cls}`);
      }
      if (isReg(to) && this.allocatable[to] === 0 && !this.hasFixed(inst, to, 0, point & 1)) {
        this.fail(inst, `${name} writes a register that is not allocatable`);
      }
      if (
        isReg(from) &&
        this.allocatable[from] === 0 &&
        !this.hasFixed(inst, from, Operand.Def, (point & 1) ^ 1)
      ) {
        this.fail(inst, `${name} reads a register that is not allocatable`);
      }
    }
    while (next <= points) this.editStart[next++] = numEdits;
  }

  /** True if the instruction has a fixed use (def) of the register; forbidden: nonzero if the edit is on the wrong side. */
  private hasFixed(inst: number, reg: Location, kind: number, forbidden: number): boolean {
    if (forbidden !== 0) return false;
    const { operandStart, operandInfo } = this.input;
    for (let k = operandStart[inst]; k < operandStart[inst + 1]; k++) {
      const info = operandInfo[k];
      if ((info & Operand.Def) === kind && constraintOf(info) === Operand.Fixed && payloadOf(info) === reg)
        return true;
    }
    return false;
  }

  /** A register of the right file or a slot within bounds. */
  private checkLocation(inst: number, location: Location, regClass: number, name: string): void {
    if (isReg(location)) {
      if ((location < VEC_BASE ? 0 : 1) !== fileOf(regClass))
        this.fail(inst, `${name}: register of the wrong file`);
    } else if (isSlot(location)) {
      const unit = location - SLOT_BASE;
      const size = regClass === RegClass.Vec ? 2 : 1;
      if (unit + size > this.output.numSlots) this.fail(inst, `${name}: slot outside the frame`);
      if (size === 2 && (unit & 1) !== 0) this.fail(inst, `${name}: 16-byte slot is not aligned`);
    } else this.fail(inst, `${name}: no location`);
  }

  /** Constraints of the operands of one instruction and conflicts between them. */
  private checkOperands(i: number): void {
    const { operandStart, operandInfo, operandVReg, vregClass, vregRemat, instClobber, clobberMasks } =
      this.input;
    const loc = this.output.operandLoc;
    const first = operandStart[i];
    const end = operandStart[i + 1];
    for (let k = first; k < end; k++) {
      const info = operandInfo[k];
      const v = operandVReg[k];
      const at = loc[k];
      const isDef = (info & Operand.Def) !== 0;
      if (isDef && at === NO_LOCATION && vregRemat[v] === i) continue;
      const name = `operand ${k - first} (%${v} in ${locationName(at)})`;
      this.checkLocation(i, at, vregClass[v], name);
      const constraint = constraintOf(info);
      if (constraint === Operand.Fixed) {
        if (at !== payloadOf(info)) this.fail(i, `${name} is fixed to ${locationName(payloadOf(info))}`);
      } else if (constraint === Operand.Reg || constraint === Operand.Reuse) {
        if (!isReg(at)) this.fail(i, `${name} must be in a register`);
      } else if (constraint === Operand.Stack && !isSlot(at)) this.fail(i, `${name} must be in a slot`);
      if (constraint === Operand.Reuse) {
        const other = loc[first + payloadOf(info)];
        if (at !== other) this.fail(i, `${name} reuses operand ${payloadOf(info)} in ${locationName(other)}`);
      } else if (isReg(at) && constraint !== Operand.Fixed && this.allocatable[at] === 0) {
        // A use that a def reuses may itself be fixed; every other register is the allocator's choice.
        this.fail(i, `${name}: register is not allocatable`);
      }
      const mask = isReg(at) ? clobberMasks[2 * instClobber[i] + (at < VEC_BASE ? 0 : 1)] : 0;
      const clobbered = ((mask >> (at & 31)) & 1) !== 0;
      const late = (info & Operand.Late) !== 0;
      const mayBeClobbered = isDef ? late && constraint === Operand.Fixed : !late;
      if (clobbered && !mayBeClobbered) this.fail(i, `${name} is destroyed by the clobbers`);
      if (isDef) this.checkDefConflicts(i, k, name);
    }
  }

  /** No other def, no late use, and for an early def no use at all may lie in the location of def k. */
  private checkDefConflicts(i: number, k: number, name: string): void {
    const { operandStart, operandInfo, operandVReg } = this.input;
    const loc = this.output.operandLoc;
    const first = operandStart[i];
    const earlyDef = (operandInfo[k] & Operand.Late) === 0;
    for (let j = first; j < operandStart[i + 1]; j++) {
      if (j === k || loc[j] < 0 || !this.overlap(loc[j], operandVReg[j], loc[k], operandVReg[k])) continue;
      const info = operandInfo[j];
      if ((info & Operand.Def) !== 0 || (info & Operand.Late) !== 0 || earlyDef) {
        this.fail(i, `${name} conflicts with operand ${j - first} (%${operandVReg[j]})`);
      }
    }
  }

  private overlap(a: Location, va: number, b: Location, vb: number): boolean {
    if (a === b) return true;
    if (!isSlot(a) || !isSlot(b)) return false;
    const sizeA = this.input.vregClass[va] === RegClass.Vec ? 2 : 1;
    const sizeB = this.input.vregClass[vb] === RegClass.Vec ? 2 : 1;
    return a < b + sizeB && b < a + sizeA;
  }

  private demand(location: Location, v: number, asker: number): void {
    for (let c = this.head[location]; c >= 0; c = this.cellNext.data[c])
      if (this.cellVReg.data[c] === v) return;
    let cell = this.freeCells;
    if (cell >= 0) this.freeCells = this.cellNext.data[cell];
    else {
      cell = this.cellNext.push(-1);
      this.cellVReg.push(0);
      this.cellAsker.push(0);
    }
    this.cellNext.data[cell] = this.head[location];
    this.cellVReg.data[cell] = v;
    this.cellAsker.data[cell] = asker;
    this.head[location] = cell;
    this.demandsOf[v]++;
    if (this.isTouched[location] === 0) {
      this.isTouched[location] = 1;
      this.touched.push(location);
    }
  }

  /** Takes the list of demands off a location. The caller frees the cells by freeCell. */
  private takeList(location: Location): number {
    const list = this.head[location];
    this.head[location] = -1;
    return list;
  }

  private freeCell(cell: number): number {
    const next = this.cellNext.data[cell];
    this.demandsOf[this.cellVReg.data[cell]]--;
    this.cellNext.data[cell] = this.freeCells;
    this.freeCells = cell;
    return next;
  }

  /** Slots that a write of the class at a location overlaps without being it: any demand there is contradicted. */
  private checkPartial(inst: number, location: Location, regClass: number, what: string): void {
    if (!isSlot(location)) return;
    if (regClass === RegClass.Vec) this.checkNoDemand(inst, location + 1, what, false);
    else {
      const even = ((location - SLOT_BASE) & ~1) + SLOT_BASE;
      if (even !== location) this.checkNoDemand(inst, even, what, true);
    }
  }

  private checkNoDemand(inst: number, location: Location, what: string, onlyVec: boolean): void {
    for (let c = this.head[location]; c >= 0; c = this.cellNext.data[c]) {
      const v = this.cellVReg.data[c];
      if (onlyVec && this.input.vregClass[v] !== RegClass.Vec) continue;
      this.fail(
        inst,
        `${what} destroys %${v} in ${locationName(location)}${this.because(this.cellAsker.data[c])}`,
      );
    }
  }

  private edit(e: number): void {
    const { editPoint, editFrom, editTo, editClass } = this.output;
    const from = editFrom[e];
    const to = editTo[e];
    const cls = editClass[e];
    const inst = editPoint[e] >> 1;
    const name = `edit ${e} (${locationName(to)} <- ${locationName(from)})`;
    this.checkPartial(inst, to, cls, name);
    const { vregClass } = this.input;
    for (let c = this.takeList(to); c >= 0;) {
      const v = this.cellVReg.data[c];
      const asker = this.cellAsker.data[c];
      c = this.freeCell(c);
      if (fileOf(vregClass[v]) !== fileOf(cls) || (vregClass[v] === RegClass.Vec && cls !== RegClass.Vec)) {
        this.fail(inst, `${name} of class ${cls} is too narrow for %${v}${this.because(asker)}`);
      }
      if (from < REMAT_BASE) this.demand(from, v, asker);
      else if (from - REMAT_BASE !== v) {
        this.fail(inst, `${name}: %${v} is expected there${this.because(asker)}`);
      }
    }
  }

  private instruction(i: number): void {
    const { operandStart, operandInfo, operandVReg, vregClass, instFlags, instClobber, clobberMasks } =
      this.input;
    const loc = this.output.operandLoc;
    const first = operandStart[i];
    const end = operandStart[i + 1];
    const isMove = (instFlags[i] & InstFlag.Move) !== 0 && end - first === 2 && loc[first] === loc[first + 1];
    const copied = isMove ? operandVReg[(operandInfo[first] & Operand.Def) !== 0 ? first + 1 : first] : -1;
    for (let k = first; k < end; k++) {
      if ((operandInfo[k] & Operand.Def) === 0) continue;
      const v = operandVReg[k];
      const at = loc[k];
      if (at >= 0) {
        const name = `the definition of %${v}`;
        if (!isMove) this.checkPartial(i, at, vregClass[v], name);
        let keepAsker = -1;
        let keep = false;
        for (let c = this.takeList(at); c >= 0;) {
          const expected = this.cellVReg.data[c];
          const asker = this.cellAsker.data[c];
          c = this.freeCell(c);
          if (expected === copied) {
            keep = true;
            keepAsker = asker;
          } else if (expected !== v) {
            this.fail(
              i,
              `${name} is in ${locationName(at)}, but %${expected} is expected there${this.because(asker)}`,
            );
          }
        }
        if (keep) this.demand(at, copied, keepAsker);
      }
      if (this.demandsOf[v] > 0) this.failElsewhere(i, v, at);
    }
    const set = 2 * instClobber[i];
    this.clobber(i, clobberMasks[set], 0);
    this.clobber(i, clobberMasks[set + 1], VEC_BASE);
    for (let k = first; k < end; k++) {
      if ((operandInfo[k] & Operand.Def) === 0) this.demand(loc[k], operandVReg[k], k);
    }
  }

  private clobber(i: number, mask: number, base: number): void {
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const reg = base + 31 - Math.clz32(rest & -rest);
      const c = this.head[reg];
      if (c >= 0) {
        const v = this.cellVReg.data[c];
        this.fail(i, `clobbers %${v} in ${locationName(reg)}${this.because(this.cellAsker.data[c])}`);
      }
    }
  }

  private failElsewhere(inst: number, v: number, at: Location): never {
    for (let t = 0; t < this.touched.length; t++) {
      const location = this.touched.data[t];
      for (let c = this.head[location]; c >= 0; c = this.cellNext.data[c]) {
        if (this.cellVReg.data[c] !== v) continue;
        const where = `%${v} is defined in ${locationName(at)} but expected in ${locationName(location)}`;
        this.fail(inst, where + this.because(this.cellAsker.data[c]));
      }
    }
    this.fail(inst, `%${v} is expected before its definition`);
  }

  /** Recomputes the demands at the start of block b; true if they grew. */
  private transfer(b: number): boolean {
    const { succs, succStart, paramStart, params, args, argStart, blockStart } = this.input;
    for (let s = succStart[b]; s < succStart[b + 1]; s++) {
      const to = succs[s];
      const facts = this.blockIn[to];
      if (facts === null) continue;
      const numParams = paramStart[to + 1] - paramStart[to];
      for (let k = 0; k < facts.length; k += TRIPLE) {
        let v = facts[k + 1];
        if (v < 0) v = args[argStart[b] + -1 - v];
        this.demand(facts[k], v, numParams > 0 && facts[k + 1] < 0 ? -1 - b : facts[k + 2]);
      }
    }
    const start = blockStart[b];
    for (let i = blockStart[b + 1] - 1; i >= start; i--) {
      for (let e = this.editStart[2 * i + 2] - 1; e >= this.editStart[2 * i + 1]; e--) this.edit(e);
      this.instruction(i);
      for (let e = this.editStart[2 * i + 1] - 1; e >= this.editStart[2 * i]; e--) this.edit(e);
    }
    return this.collect(b, params, paramStart[b], paramStart[b + 1]);
  }

  /** Moves the current set into blockIn[b]; parameters are written as -1 - their index. */
  private collect(b: number, params: Int32Array, firstParam: number, endParam: number): boolean {
    const paramIndex = this.paramIndex;
    for (let k = firstParam; k < endParam; k++) paramIndex.set(params[k], k - firstParam);
    const facts = new IntColumn(64);
    for (let t = 0; t < this.touched.length; t++) {
      const location = this.touched.data[t];
      this.isTouched[location] = 0;
      for (let c = this.takeList(location); c >= 0;) {
        const v = this.cellVReg.data[c];
        const index = paramIndex.get(v);
        facts.push(location);
        facts.push(index === undefined ? v : -1 - index);
        facts.push(this.cellAsker.data[c]);
        c = this.freeCell(c);
      }
    }
    this.touched.clear();
    paramIndex.clear();
    // The set only grows from visit to visit, so its size tells whether it changed.
    const before = this.blockIn[b];
    if (before !== null && before.length === facts.length) return false;
    this.blockIn[b] = facts.data.slice(0, facts.length);
    return before !== null || facts.length > 0;
  }

  private readonly paramIndex = new Map<number, number>();
}

/**
 * Checks an allocation.
 * @throws Error that names the instruction, what was found and what was expected, if the output is not a correct
 *   allocation of the input.
 */
export function checkAllocation(input: RegallocInput, env: MachineEnv, output: RegallocOutput): void {
  new Checker(input, env, output).run();
}
