// The fast allocator: one forward pass, for -O0 and for functions too large for bundles.ts.
//
// Within a block (or a chain of blocks where each is the only successor-by-fallthrough's only predecessor) registers are a
// cache. A value that another block needs ("global": used outside its block, a block parameter) has a slot of its own and is
// stored there once, right after its definition; all edges exchange values through slots. A value of one block
// ("local") is stored only when it is evicted, into a slot that is reused after its last use. Constants with
// vregRemat are never stored: their definition emits nothing and each use re-emits it unless a register still has it.
//
// Order of work for an instruction: uses in slots, fixed uses, uses that live to the late point, early defs, other uses, then what clobbers
// and late defs destroy is saved. Edits are executed in order, so no parallel moves arise except on edges.
// Cost: linear in operands, clobbered registers and edges.
import { IntColumn } from '../support/int_column.ts';
import { InstFlag, NO_LOCATION, Operand, RegClass, REMAT_BASE, SLOT_BASE, VEC_BASE } from './door.ts';
import type { Allocator, Location, MachineEnv, RegallocInput, RegallocOutput } from './door.ts';
import { collectRegsWritten, EditList, fileOf, SlotCounter } from './edits.ts';
import { MoveResolver } from './parallel_moves.ts';

const UNASSIGNED = -2;

class FastAllocator {
  private readonly edits = new EditList();
  private readonly slots = new SlotCounter();
  private readonly moves = new MoveResolver();
  private operandLoc = new Int32Array(0);
  private readonly regsWritten = new Uint8Array(64);

  /** Per vreg: uses not yet seen; register that caches it or -1; its slot or -1; flags. */
  private usesLeft = new Int32Array(0);
  private regOf = new Int32Array(0);
  private slotOf = new Int32Array(0);
  private slotValid = new Uint8Array(0);
  private global = new Uint8Array(0);
  /** Per vreg: the last instruction (+ 1) that used it: protects operands of the current instruction. */
  private usedBy = new Int32Array(0);
  private defBlock = new Int32Array(0);

  /** Per register: the vreg in it or -1, and the time of its last use. */
  private readonly holds = new Int32Array(64);
  private readonly lastUse = new Int32Array(64);
  private clock = 0;
  /** Slots of dead locals, per size (0: 8 bytes, 1: 16 bytes). */
  private readonly freeSlots = [new IntColumn(), new IntColumn()];

  // Of the current instruction: [integer file, vector file] masks.
  private readonly early = new Int32Array(2);
  private readonly late = new Int32Array(2);
  /** Registers that fixed operands will need and other operands avoid: at the early point, at the late point. */
  private readonly fixedEarly = new Int32Array(2);
  private readonly fixedLate = new Int32Array(2);
  private readonly clobber = new Int32Array(2);
  private readonly allocatable = new Int32Array(2);
  private inst = 0;

  private input!: RegallocInput;
  private env!: MachineEnv;

  run(input: RegallocInput, env: MachineEnv): RegallocOutput {
    this.input = input;
    this.env = env;
    this.prepare();
    for (let b = 0; b < input.numBlocks; b++) this.block(b);
    collectRegsWritten(input, this.operandLoc, this.edits, this.regsWritten);
    return {
      operandLoc: this.operandLoc,
      numEdits: this.edits.length,
      editPoint: this.edits.point.data,
      editFrom: this.edits.from.data,
      editTo: this.edits.to.data,
      editClass: this.edits.cls,
      numSlots: this.slots.units,
      regsWritten: this.regsWritten,
    };
  }

  private prepare(): void {
    const input = this.input;
    const numVRegs = input.numVRegs;
    if (this.usesLeft.length < numVRegs) {
      const capacity = numVRegs + (numVRegs >> 1);
      this.usesLeft = new Int32Array(capacity);
      this.regOf = new Int32Array(capacity);
      this.slotOf = new Int32Array(capacity);
      this.slotValid = new Uint8Array(capacity);
      this.global = new Uint8Array(capacity);
      this.usedBy = new Int32Array(capacity);
      this.defBlock = new Int32Array(capacity);
    }
    this.usesLeft.fill(0, 0, numVRegs);
    this.regOf.fill(-1, 0, numVRegs);
    this.slotOf.fill(-1, 0, numVRegs);
    this.slotValid.fill(0, 0, numVRegs);
    this.global.fill(0, 0, numVRegs);
    this.usedBy.fill(0, 0, numVRegs);
    this.defBlock.fill(-1, 0, numVRegs);
    this.holds.fill(-1);
    this.lastUse.fill(0);
    this.clock = 0;
    this.edits.clear();
    this.moves.reset();
    this.slots.reset();
    this.freeSlots[0].clear();
    this.freeSlots[1].clear();
    for (let f = 0; f < 2; f++) {
      this.allocatable[f] = 0;
      const order = this.env.order[f];
      for (let k = 0; k < order.length; k++) this.allocatable[f] |= 1 << (order[k] & 31);
    }
    const numOperands = input.operandStart[input.numInsts];
    if (this.operandLoc.length < numOperands)
      this.operandLoc = new Int32Array(numOperands + (numOperands >> 1));

    const { operandVReg, operandInfo, operandStart, blockStart, params, paramStart, args, argStart } = input;
    for (let b = 0; b < input.numBlocks; b++) {
      for (let k = paramStart[b]; k < paramStart[b + 1]; k++) {
        this.defBlock[params[k]] = b;
        this.global[params[k]] = 1;
      }
      const end = operandStart[blockStart[b + 1]];
      for (let k = operandStart[blockStart[b]]; k < end; k++) {
        if ((operandInfo[k] & Operand.Def) !== 0) this.defBlock[operandVReg[k]] = b;
      }
    }
    for (let b = 0; b < input.numBlocks; b++) {
      for (let k = argStart[b]; k < argStart[b + 1]; k++) {
        this.usesLeft[args[k]]++;
        if (this.defBlock[args[k]] !== b) this.global[args[k]] = 1;
      }
      const end = operandStart[blockStart[b + 1]];
      for (let k = operandStart[blockStart[b]]; k < end; k++) {
        if ((operandInfo[k] & Operand.Def) !== 0) continue;
        const v = operandVReg[k];
        this.usesLeft[v]++;
        if (this.defBlock[v] !== b) this.global[v] = 1;
      }
    }
    // A global is in its slot wherever it is live, except at constants, which need none.
    for (let v = 0; v < numVRegs; v++)
      if (this.global[v] !== 0 && input.vregRemat[v] < 0) this.slotValid[v] = 1;
  }

  private block(b: number): void {
    const input = this.input;
    const { paramStart, predStart, preds, argStart } = input;
    const inherits =
      b > 0 &&
      predStart[b + 1] - predStart[b] === 1 &&
      preds[predStart[b]] === b - 1 &&
      paramStart[b] === paramStart[b + 1];
    if (!inherits) this.forgetRegisters();
    const end = input.blockStart[b + 1];
    for (let i = input.blockStart[b]; i < end - 1; i++) this.instruction(i);
    if (argStart[b] !== argStart[b + 1]) this.edge(b);
    this.instruction(end - 1);
  }

  private forgetRegisters(): void {
    for (let r = 0; r < SLOT_BASE; r++) {
      if (this.holds[r] >= 0) {
        this.regOf[this.holds[r]] = -1;
        this.holds[r] = -1;
      }
    }
  }

  /** Moves the branch arguments of block b into the slots of its successor's parameters. */
  private edge(b: number): void {
    const { argStart, args, paramStart, params, succs, succStart, vregClass, vregRemat, blockStart } =
      this.input;
    const to = succs[succStart[b]];
    const count = argStart[b + 1] - argStart[b];
    for (let k = 0; k < count; k++) {
      const v = args[argStart[b] + k];
      let from = this.regOf[v];
      if (from < 0) from = vregRemat[v] >= 0 ? REMAT_BASE + v : this.homeSlot(v);
      this.moves.add(from, this.homeSlot(params[paramStart[to] + k]), vregClass[v]);
    }
    const point = 2 * (blockStart[b + 1] - 1);
    this.moves.resolve(
      point,
      this.allocatable[0],
      this.allocatable[1],
      this.env.order[0].length > 0 ? this.env.order[0][0] : -1,
      this.env.order[1].length > 0 ? this.env.order[1][0] : -1,
      this.edits,
      this.slots,
    );
    this.forgetRegisters();
    for (let k = 0; k < count; k++) this.release(args[argStart[b] + k]);
  }

  private instruction(i: number): void {
    const input = this.input;
    const { operandStart, operandInfo, operandVReg } = input;
    const first = operandStart[i];
    const end = operandStart[i + 1];
    const loc = this.operandLoc;
    this.inst = i;
    this.clock++;
    this.early.fill(0);
    this.late.fill(0);
    this.fixedEarly.fill(0);
    this.fixedLate.fill(0);
    this.clobber[0] = input.clobberMasks[2 * input.instClobber[i]];
    this.clobber[1] = input.clobberMasks[2 * input.instClobber[i] + 1];
    const isMove = (input.instFlags[i] & InstFlag.Move) !== 0;

    // Which use is reused, which registers are fixed; uses are counted off, so that usesLeft means "after this".
    let reused = -1;
    let reusing = -1;
    let special = isMove;
    for (let k = first; k < end; k++) {
      const info = operandInfo[k];
      const constraint = info & Operand.ConstraintMask;
      loc[k] = UNASSIGNED;
      if (constraint === Operand.Reuse) {
        reused = first + (info >> Operand.PayloadShift);
        reusing = k;
        special = true;
      } else if (constraint >= Operand.Fixed) special = true;
    }
    for (let k = first; k < end; k++) {
      const info = operandInfo[k];
      if ((info & Operand.Def) === 0) {
        this.usesLeft[operandVReg[k]]--;
        this.usedBy[operandVReg[k]] = i + 1;
        const at = this.regOf[operandVReg[k]];
        if (at >= 0) this.lastUse[at] = this.clock;
      }
      if (special && (info & Operand.ConstraintMask) === Operand.Fixed) {
        const reg = info >> Operand.PayloadShift;
        const bit = 1 << (reg & 31);
        const file = reg < VEC_BASE ? 0 : 1;
        const isDef = (info & Operand.Def) !== 0;
        const isLate = (info & Operand.Late) !== 0;
        if (!isDef || !isLate) this.fixedEarly[file] |= bit;
        if (isDef || isLate || (reused >= 0 && k !== reused)) this.fixedLate[file] |= bit;
      }
    }
    if (isMove) {
      this.copy(first, end);
      this.finish(first, end);
      return;
    }
    const reusedVReg = reused >= 0 ? operandVReg[reused] : -1;
    if (special) {
      for (let k = first; k < end; k++) {
        const info = operandInfo[k];
        if ((info & Operand.Def) !== 0) continue;
        const constraint = info & Operand.ConstraintMask;
        if (constraint === Operand.Stack) this.useSlot(k);
        // A use that outlives the reused one of the same value is read from the slot.
        else if (constraint === Operand.Any && (info & Operand.Late) !== 0 && operandVReg[k] === reusedVReg)
          this.useSlot(k);
      }
      for (let k = first; k < end; k++) {
        if ((operandInfo[k] & (Operand.ConstraintMask | Operand.Def)) === Operand.Fixed) this.fixedUse(k);
      }
    }
    // Operands that must have a register, the ones with the smallest choice first: register needed at both points, ...
    for (let k = first; k < end; k++) {
      const info = operandInfo[k];
      if ((info & (Operand.ConstraintMask | Operand.Def)) !== Operand.Reg || k === reused) continue;
      if ((info & Operand.Late) !== 0 || (reused >= 0 && operandVReg[k] !== reusedVReg)) this.use(k, true);
    }
    for (let k = first; k < end; k++) {
      const info = operandInfo[k];
      if (
        (info & (Operand.Def | Operand.Late)) === Operand.Def &&
        (info & Operand.ConstraintMask) !== Operand.Any
      )
        this.define(k);
    }
    // ... at the early point only, ...
    for (let k = first; k < end; k++) {
      if ((operandInfo[k] & (Operand.ConstraintMask | Operand.Def)) !== Operand.Reg || k === reused) continue;
      if (loc[k] === UNASSIGNED) this.use(k, false);
    }
    if (reused >= 0) this.reuse(reusing, reused);
    let unplaced = false;
    for (let k = first; k < end; k++) {
      const info = operandInfo[k];
      if (loc[k] !== UNASSIGNED || (info & Operand.Def) !== 0) continue;
      if (operandVReg[k] === reusedVReg) loc[k] = loc[reused];
      else if (reused < 0 && (info & Operand.Late) === 0) this.use(k, false);
      else unplaced = true;
    }
    this.releaseRegisters(first, end);
    if ((this.clobber[0] | this.clobber[1]) !== 0) {
      this.saveFile(this.clobber[0], 0);
      this.saveFile(this.clobber[1], VEC_BASE);
    }
    // ... and at the late point only. Operands that may be in memory take what is left.
    for (let k = first; k < end; k++) {
      if (
        loc[k] === UNASSIGNED &&
        (operandInfo[k] & (Operand.ConstraintMask | Operand.Def)) === (Operand.Fixed | Operand.Def)
      ) {
        this.define(k);
      }
    }
    for (let k = first; k < end; k++) {
      const info = operandInfo[k];
      if (
        loc[k] === UNASSIGNED &&
        (info & Operand.Def) !== 0 &&
        (info & Operand.ConstraintMask) !== Operand.Any
      )
        this.define(k);
    }
    if (unplaced) {
      for (let k = first; k < end; k++) {
        if (loc[k] === UNASSIGNED && (operandInfo[k] & Operand.Def) === 0) this.use(k, true);
      }
    }
    for (let k = first; k < end; k++) if (loc[k] === UNASSIGNED) this.define(k);
    this.finish(first, end);
  }

  /** Values that die here give up their registers to late defs, except those that an operand without a place still needs. */
  private releaseRegisters(first: number, end: number): void {
    const { operandInfo, operandVReg } = this.input;
    for (let k = first; k < end; k++) {
      if ((operandInfo[k] & Operand.Def) === 0) this.usedBy[operandVReg[k]] = 0;
    }
    for (let k = first; k < end; k++) {
      if ((operandInfo[k] & Operand.Def) === 0 && this.operandLoc[k] === UNASSIGNED) {
        this.usedBy[operandVReg[k]] = this.inst + 1;
      }
    }
    for (let k = first; k < end; k++) {
      const v = operandVReg[k];
      if ((operandInfo[k] & Operand.Def) !== 0 || this.usesLeft[v] !== 0) continue;
      if (this.usedBy[v] !== this.inst + 1) this.dropRegister(v);
    }
  }

  /** A Move: the definition takes over the location of its source when that dies here, else gets a copy. */
  private copy(first: number, end: number): void {
    const { operandInfo } = this.input;
    let use = first;
    let def = first;
    for (let k = first; k < end; k++) {
      if ((operandInfo[k] & Operand.Def) !== 0) def = k;
      else use = k;
    }
    this.reuse(def, use);
  }

  /** Stores definitions that need it and gives back what belongs to dead values. */
  private finish(first: number, end: number): void {
    const { operandInfo, operandVReg, vregClass } = this.input;
    for (let k = first; k < end; k++) {
      const v = operandVReg[k];
      if ((operandInfo[k] & Operand.Def) !== 0) {
        const at = this.operandLoc[k];
        const needsSlot = this.global[v] !== 0 || (this.regOf[v] !== at && this.usesLeft[v] > 0);
        if (at >= 0 && at < SLOT_BASE && needsSlot && this.input.vregRemat[v] < 0) {
          this.edits.push(2 * this.inst + 1, at, this.homeSlot(v), vregClass[v]);
          this.slotValid[v] = 1;
        }
        if (this.usesLeft[v] === 0) this.dead(v);
      } else if (this.usesLeft[v] === 0) this.dead(v);
    }
  }

  private dropRegister(v: number): void {
    const reg = this.regOf[v];
    if (reg < 0) return;
    this.holds[reg] = -1;
    this.regOf[v] = -1;
  }

  /** A branch argument was used. */
  private release(v: number): void {
    if (--this.usesLeft[v] === 0) this.dead(v);
  }

  private dead(v: number): void {
    this.dropRegister(v);
    if (this.global[v] === 0 && this.slotOf[v] >= 0) {
      this.freeSlots[this.input.vregClass[v] === 2 ? 1 : 0].push(this.slotOf[v]);
      this.slotOf[v] = -1;
    }
  }

  private homeSlot(v: number): Location {
    let slot = this.slotOf[v];
    if (slot >= 0) return slot;
    const regClass = this.input.vregClass[v];
    const free = this.freeSlots[regClass === 2 ? 1 : 0];
    slot = this.global[v] === 0 && free.length > 0 ? free.data[--free.length] : this.slots.allocate(regClass);
    this.slotOf[v] = slot;
    return slot;
  }

  /** Makes sure that the value of v survives the loss of its register: edits before the current instruction. */
  private store(v: number): void {
    if (this.slotValid[v] !== 0 || this.input.vregRemat[v] >= 0) return;
    this.edits.push(2 * this.inst, this.regOf[v], this.homeSlot(v), this.input.vregClass[v]);
    this.slotValid[v] = 1;
  }

  /** Empties a register for something else. */
  private evict(reg: Location): void {
    const v = this.holds[reg];
    if (v < 0) return;
    // A use of this instruction that is not placed yet is still needed, even if it is the last one.
    if (this.usesLeft[v] > 0 || this.usedBy[v] === this.inst + 1) this.store(v);
    this.dropRegister(v);
  }

  private saveFile(mask: number, base: number): void {
    for (let rest = mask; rest !== 0; rest &= rest - 1) {
      const reg = base + 31 - Math.clz32(rest & -rest);
      if (this.holds[reg] >= 0) this.evict(reg);
    }
  }

  private noRegister(file: number): Error {
    return new Error(`instruction ${this.inst}: no register of file ${file} is left for its constraints`);
  }

  /** A register of the file outside the mask, emptied; the least recently used one if all are taken; -1 if none. */
  private tryTake(file: number, avoid: number): Location {
    const order = this.env.order[file];
    let best = -1;
    for (let k = 0; k < order.length; k++) {
      const reg = order[k];
      if (((avoid >> (reg & 31)) & 1) !== 0) continue;
      if (this.holds[reg] < 0) return reg;
      if (best < 0 || this.lastUse[reg] < this.lastUse[best]) best = reg;
    }
    if (best >= 0) this.evict(best);
    return best;
  }

  /** Puts the value of v into a register that is already empty. */
  private load(v: number, reg: Location): void {
    let from = this.regOf[v];
    if (from === reg) return;
    if (from < 0) from = this.input.vregRemat[v] >= 0 ? REMAT_BASE + v : this.homeSlot(v);
    this.edits.push(2 * this.inst, from, reg, this.input.vregClass[v]);
  }

  private cache(v: number, reg: Location): void {
    this.dropRegister(v);
    this.holds[reg] = v;
    this.regOf[v] = reg;
    this.lastUse[reg] = this.clock;
  }

  private isAllocatable(reg: Location): boolean {
    return ((this.allocatable[reg < VEC_BASE ? 0 : 1] >> (reg & 31)) & 1) !== 0;
  }

  private fixedUse(k: number): void {
    const v = this.input.operandVReg[k];
    const info = this.input.operandInfo[k];
    const reg = info >> Operand.PayloadShift;
    const file = reg < VEC_BASE ? 0 : 1;
    const bit = 1 << (reg & 31);
    if (this.regOf[v] !== reg) {
      this.evict(reg);
      this.load(v, reg);
      if (this.regOf[v] < 0 && this.isAllocatable(reg)) this.cache(v, reg);
    }
    this.early[file] |= bit;
    if ((this.fixedLate[file] & bit) !== 0) this.late[file] |= bit;
    this.operandLoc[k] = reg;
  }

  /** A use without a fixed register; late: the register must also survive the late point. */
  private use(k: number, late: boolean): void {
    const v = this.input.operandVReg[k];
    const constraint = this.input.operandInfo[k] & Operand.ConstraintMask;
    const file = fileOf(this.input.vregClass[v]);
    const lateAvoid = late ? this.clobber[file] | this.fixedLate[file] : 0;
    const reg = this.regOf[v];
    if (reg >= 0 && ((lateAvoid >> (reg & 31)) & 1) === 0) {
      this.lock(k, reg, file, late);
      return;
    }
    if (constraint === Operand.Any && this.slotValid[v] !== 0) {
      this.operandLoc[k] = this.homeSlot(v);
      return;
    }
    const to = this.tryTake(file, this.early[file] | this.late[file] | this.fixedEarly[file] | lateAvoid);
    if (to < 0) {
      if (constraint !== Operand.Any) throw this.noRegister(file);
      this.useSlot(k);
      return;
    }
    this.load(v, to);
    this.cache(v, to);
    this.lock(k, to, file, late);
  }

  private useSlot(k: number): void {
    const v = this.input.operandVReg[k];
    if (this.slotValid[v] === 0) this.materialise(v, fileOf(this.input.vregClass[v]));
    this.operandLoc[k] = this.homeSlot(v);
  }

  private lock(k: number, reg: Location, file: number, late: boolean): void {
    this.early[file] |= 1 << (reg & 31);
    if (late) this.late[file] |= 1 << (reg & 31);
    this.lastUse[reg] = this.clock;
    this.operandLoc[k] = reg;
  }

  /** Gives v, which is in a register or a constant, a valid slot before the instruction. */
  private materialise(v: number, file: number): void {
    const { vregClass, vregRemat } = this.input;
    const point = 2 * this.inst;
    let reg = this.regOf[v];
    if (reg < 0) {
      reg = this.tryTake(file, this.early[file] | this.late[file]);
      if (reg < 0) {
        // All registers hold operands: borrow one.
        reg = this.env.order[file][0];
        const cls = file === 0 ? RegClass.Int : RegClass.Vec;
        const keep = this.slots.emergencySlot(cls, 0);
        this.edits.push(point, reg, keep, cls);
        this.edits.push(point, REMAT_BASE + v, reg, vregClass[v]);
        this.edits.push(point, reg, this.homeSlot(v), vregClass[v]);
        this.edits.push(point, keep, reg, cls);
        return;
      }
      this.load(v, reg);
      // Not remembered there if the instruction is going to destroy it.
      if ((((this.clobber[file] | this.fixedLate[file]) >> (reg & 31)) & 1) === 0) this.cache(v, reg);
    }
    this.edits.push(point, reg, this.homeSlot(v), vregClass[v]);
    if (vregRemat[v] < 0) this.slotValid[v] = 1;
  }

  /**
   * A def that reuses the register of a use: both get one register, which nothing else occupies at the late point.
   * Other early uses of the same value are placed already and may share it.
   */
  private reuse(k: number, useIndex: number): void {
    const v = this.input.operandVReg[useIndex];
    const file = fileOf(this.input.vregClass[v]);
    let reg = this.operandLoc[useIndex];
    if (reg < 0) {
      const avoid = this.late[file] | this.clobber[file] | this.fixedLate[file];
      const own = this.regOf[v];
      if (own >= 0 && ((avoid >> (own & 31)) & 1) !== 0) reg = -1;
      else reg = own;
      if (reg < 0 || this.usesLeft[v] > 0) {
        const other = this.tryTake(file, avoid | this.early[file] | this.fixedEarly[file]);
        if (other >= 0) {
          this.load(v, other);
          reg = other;
        } else if (reg < 0) throw this.noRegister(file);
      }
      this.operandLoc[useIndex] = reg;
    }
    if (this.regOf[v] === reg) {
      if (this.usesLeft[v] > 0) this.store(v);
      this.dropRegister(v);
    }
    this.early[file] |= 1 << (reg & 31);
    this.late[file] |= 1 << (reg & 31);
    this.operandLoc[k] = reg;
    if (this.isAllocatable(reg)) this.cache(this.input.operandVReg[k], reg);
  }

  /** Places a definition that reuses nothing. */
  private define(k: number): void {
    const v = this.input.operandVReg[k];
    const info = this.input.operandInfo[k];
    const constraint = info & Operand.ConstraintMask;
    const file = fileOf(this.input.vregClass[v]);
    if (this.input.vregRemat[v] === this.inst) {
      this.operandLoc[k] = NO_LOCATION;
      return;
    }
    let reg: Location;
    if (constraint === Operand.Stack) reg = -1;
    else if (constraint === Operand.Fixed) {
      reg = info >> Operand.PayloadShift;
      this.evict(reg);
    } else {
      let avoid = this.late[file] | this.clobber[file] | this.fixedLate[file];
      if ((info & Operand.Late) === 0) avoid |= this.early[file] | this.fixedEarly[file];
      reg = this.tryTake(file, avoid);
      if (reg < 0 && constraint !== Operand.Any) throw this.noRegister(file);
    }
    if (reg < 0) {
      this.operandLoc[k] = this.homeSlot(v);
      this.slotValid[v] = 1;
      return;
    }
    this.early[file] |= 1 << (reg & 31);
    this.late[file] |= 1 << (reg & 31);
    this.operandLoc[k] = reg;
    if (this.isAllocatable(reg)) this.cache(v, reg);
  }
}

const shared = new FastAllocator();

/** Allocates in one pass; see the head of this file. Throws if an instruction's constraints need more registers than there are. */
export const allocateFast: Allocator = (input, env) => shared.run(input, env);
