// The door of register allocation: what goes in (RegallocInput, MachineEnv), what comes out (RegallocOutput).
//
// The allocator knows no IR and no ISA. Input is SSA over virtual registers, with block parameters, in flat
// columns; output is one location per operand plus moves ("edits") at program points. The input is never changed.
//
// Input invariants (checked by verifyRegallocInput):
// - blocks are numbered in layout order, block 0 is the entry, their instruction ranges are contiguous and cover
//   all instructions; the last instruction of a block is its only terminator;
// - every vreg has exactly one definition (a def operand or a block parameter) that dominates its uses;
// - only a block with exactly one successor passes branch arguments (critical edges are split); such a terminator
//   has no operands of its own;
// - a fixed def or use names a register of the right file, which may be outside the allocatable set only if no
//   vreg's lifetime there exceeds the operand (the allocator moves values in and out next to the instruction);
// - the terminator has no def operands;
// - the entry has neither predecessors nor parameters; the terminator of a block with one successor has no operands and no
//   clobbers (the moves of its edge stand before it);
// - at most one def of an instruction reuses a use, which is early and not Stack. The other uses of that instruction, except
//   those of the same vreg, keep out of the def's register.
//
// Guarantees of the output beyond the operands' constraints: both operands of a Move get one location (a copy that remains is an
// edit, so a Move itself emits nothing); the def of an instruction named by vregRemat gets NO_LOCATION if nothing
// reads it from there, and the instruction then emits nothing.
//
// Program points: instruction i has an early point 2*i and a late point 2*i+1. A use at early lives until early,
// a use at late until late; a def at late starts at late, a def at early starts at early (it then conflicts with
// all uses of the instruction); clobbered registers are destroyed at the late point, so early uses may be in
// them, defs at late may be in them only when fixed to them.
// The model is that of regalloc2 (Bytecode Alliance, doc/GENERAL.md).

/** Register classes of virtual registers. Float and Vec share the vector register file; they differ in spill size. */
export const enum RegClass {
  /** 64-bit integer registers, 8-byte slots. */
  Int = 0,
  /** Scalar floats in vector registers, 8-byte slots. */
  Float = 1,
  /** 128-bit vectors in vector registers, 16-byte slots (two slot units, even-aligned). */
  Vec = 2,
}

/** Operand flags, packed into one int32: kind, position, constraint and payload. */
export const enum Operand {
  Use = 0,
  Def = 1,
  /** Position bit. A use is usually Early, a def usually Late. */
  Early = 0,
  Late = 2,
  /** Constraint field (mask ConstraintMask). */
  Any = 0 << 2,
  Reg = 1 << 2,
  /** In the physical register given by the payload. */
  Fixed = 2 << 2,
  /** Def only: in the same register as the use operand (of this instruction) whose index is the payload. */
  Reuse = 3 << 2,
  /** In a spill slot. */
  Stack = 4 << 2,
  ConstraintMask = 7 << 2,
  PayloadShift = 8,
}

/** A location: a physical register (0..31 integer file, 32..63 vector file), or a spill slot, or none. */
export type Location = number;
/** No location (an operand or value that needs none). */
export const NO_LOCATION: Location = -1;
/** First physical register of the vector file. */
export const VEC_BASE = 32;
/** Locations from here on are spill slots, in units of 8 bytes; below it are physical registers. */
export const SLOT_BASE = 64;
/** As the source of an edit: re-emit the definition of vreg (from - REMAT_BASE) into the destination register. */
export const REMAT_BASE = 0x40000000;

/** Flags of an instruction (column instFlags). */
export const enum InstFlag {
  None = 0,
  /** A copy: exactly one use and one def of the same class, both Any; emits nothing if both get one location. */
  Move = 1,
  /** Ends its block. */
  Terminator = 2,
}

/** The allocatable registers of a target. */
export interface MachineEnv {
  /**
   * Allocatable physical registers of the integer and the vector file, in order of preference (caller-saved
   * first). Registers not named are never chosen by the allocator, only by fixed constraints.
   */
  readonly order: readonly [Int32Array, Int32Array];
  /** 64 flags: 1 for a register whose first use costs a save and a restore in the frame. */
  readonly calleeSaved: Uint8Array;
  /** Number of slot units, from the first on, that instructions name in fewer bytes than others; 0: no difference. */
  readonly nearSlots: number;
}

/** A function to allocate. CSR columns: the entries of x are [start[x], start[x + 1]). All arrays may be longer than used. */
export interface RegallocInput {
  numVRegs: number;
  /** RegClass of each vreg. */
  vregClass: Uint8Array;
  /**
   * Instruction whose sole def is this vreg and which may be re-emitted anywhere (a constant: no uses, no
   * effects, does not touch flags), or -1.
   */
  vregRemat: Int32Array;

  numBlocks: number;
  /** numBlocks + 1 entries: first instruction of each block. */
  blockStart: Int32Array;
  succStart: Int32Array;
  succs: Int32Array;
  predStart: Int32Array;
  preds: Int32Array;
  /** Loop depth of each block, 0 outside loops. */
  loopDepth: Int32Array;
  /** Relative frequency of each block (entry = 1): the weight of a use there. */
  blockFreq: Float32Array;
  /** Block parameters (vregs). */
  paramStart: Int32Array;
  params: Int32Array;
  /** Branch arguments (vregs) of the block's terminator for its single successor. */
  argStart: Int32Array;
  args: Int32Array;

  numInsts: number;
  instFlags: Uint8Array;
  /** Index into clobberMasks of each instruction; 0 is the empty set. */
  instClobber: Int32Array;
  /** Pairs of int32 masks: [integer file, vector file] for each clobber set. */
  clobberMasks: Int32Array;
  /** Operands of each instruction. */
  operandStart: Int32Array;
  operandVReg: Int32Array;
  /** Packed Operand flags. */
  operandInfo: Int32Array;
}

/** The result. Arrays may be longer than used. */
export interface RegallocOutput {
  /** Location of each operand, parallel to RegallocInput.operandVReg. */
  operandLoc: Int32Array;
  /**
   * Moves, sorted by point, to be done in the given order: at point 2*i before instruction i, at 2*i+1 after it.
   * Each is register <- register, register <- slot, slot <- register, or register <- remat; never slot <- slot;
   * cycles are already broken. Moves for edges stand before the terminator of a predecessor with one successor
   * or before the first instruction of a successor with one predecessor, or of one that finds the value in the same
   * slot whichever way it is reached.
   */
  numEdits: number;
  editPoint: Int32Array;
  editFrom: Int32Array;
  editTo: Int32Array;
  /** RegClass of the moved value: gives the width of the move. */
  editClass: Uint8Array;
  /** Number of 8-byte slot units used. */
  numSlots: number;
  /** 64 flags: 1 for each register written by an operand or an edit (clobbers not counted). */
  regsWritten: Uint8Array;
}

/** An allocator: reuses its own memory from call to call; the output is valid until the next call. */
export type Allocator = (input: RegallocInput, env: MachineEnv) => RegallocOutput;
