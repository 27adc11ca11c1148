// Registers of aarch64: numbers as in regalloc's door (0..31 integer file, 32..63 vector file), names, roles.
import type { MachineEnv } from '../../regalloc/door.ts';
import { SLOT_BASE, VEC_BASE } from '../../regalloc/door.ts';
import type { ConventionRegs } from '../calling_convention.ts';

export const enum Reg {
  X0 = 0,
  X1 = 1,
  X2 = 2,
  X3 = 3,
  X4 = 4,
  X5 = 5,
  X9 = 9,
  /** Scratch inside one instruction's code: large offsets and constants. Veneers change it. */
  X16 = 16,
  /** Callee of an indirect call. Veneers change it. */
  X17 = 17,
  X19 = 19,
  /** Base of memory 0. */
  X27 = 27,
  /** The instance. */
  X28 = 28,
  /** Frame record. */
  Fp = 29,
  /** Return address. */
  Lr = 30,
  Sp = 31,
  V0 = 32,
}

/** Scratch where no value is allocated: tail calls and thunks. */
export const SCRATCH_VEC = VEC_BASE + 31;

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, k) => from + k);

/** The zero register: whether 31 is it or the stack pointer depends on the instruction. */
export const ZR = 31;

/** DWARF numbers (DWARF for the Arm 64-bit Architecture, table 3): x0-x30, sp 31, v0 64. */
export const dwarfReg = (reg: number): number => (reg < VEC_BASE ? reg : reg - VEC_BASE + 64);

/** Where wasm functions pass values (docs/abi.md). */
export const WASM_REGS: ConventionRegs = {
  intArgs: range(0, 16),
  vecArgs: range(VEC_BASE, 8),
  intResults: range(0, 16),
  vecResults: range(VEC_BASE, 8),
};

/** Arguments of C functions (Procedure Call Standard for the Arm 64-bit Architecture, 6.8.2). */
export const C_INT_ARGS: readonly number[] = range(0, 8);
export const C_VEC_ARGS: readonly number[] = range(VEC_BASE, 8);

/** Integer and vector registers that wasm functions preserve, in the order of the frame; of vectors the low halves. */
export const SAVED_INTS: readonly number[] = range(Reg.X19, 8);
export const SAVED_VECS: readonly number[] = range(VEC_BASE + 8, 8);

/** Indices into clobber masks. */
export const enum Clobber {
  None = 0,
  Call = 1,
}

const CALL_INTS = 0x3ffff | (1 << Reg.Lr);

/**
 * What a call destroys. A function that holds 128-bit vectors cannot keep them in v8-v15 over calls, which preserve
 * only the low halves.
 */
export function clobberMasks(): Int32Array<ArrayBuffer> {
  return Int32Array.of(0, 0, CALL_INTS, ~0xff00);
}
export function setVectorClobber(masks: Int32Array, hasVectors: boolean): void {
  masks[2 * Clobber.Call + 1] = hasVectors ? -1 : ~0xff00;
}

/** Fewest registers of a file that every instruction's constraints can be met with. */
export const FEWEST = 6;

/** The allocatable registers; `limit` > 0 keeps only so many of each file (stress). x16-x18 are never among them. */
export function machineEnv(limit: number): MachineEnv {
  const ints = [...range(0, 16), ...SAVED_INTS];
  const vecs = [...range(VEC_BASE, 8), ...range(VEC_BASE + 16, 16), ...SAVED_VECS];
  const keep = limit > 0 ? Math.max(limit, FEWEST) : 64;
  const calleeSaved = new Uint8Array(SLOT_BASE);
  for (const r of SAVED_INTS) calleeSaved[r] = 1;
  for (const r of SAVED_VECS) calleeSaved[r] = 1;
  return {
    order: [Int32Array.from(ints.slice(0, keep)), Int32Array.from(vecs.slice(0, keep))],
    calleeSaved,
    nearSlots: 0,
  };
}
