// Registers of x86_64: numbers as in regalloc's door (0..15 integer file, 32..47 vector file), names, roles.
import type { MachineEnv } from '../../regalloc/door.ts';
import { SLOT_BASE, VEC_BASE } from '../../regalloc/door.ts';
import type { ConventionRegs } from '../calling_convention.ts';

export const enum Reg {
  Rax = 0,
  Rcx = 1,
  Rdx = 2,
  Rbx = 3,
  Rsp = 4,
  Rbp = 5,
  Rsi = 6,
  Rdi = 7,
  R8 = 8,
  R9 = 9,
  R10 = 10,
  R11 = 11,
  R12 = 12,
  R13 = 13,
  /** Base of memory 0. */
  R14 = 14,
  /** The instance. */
  R15 = 15,
  Xmm0 = 32,
}

export const NAMES64 = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
export const NAMES32 = 'eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d'.split(' ');
export const NAMES16 = 'ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w'.split(' ');
export const NAMES8 = 'al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b'.split(' ');

/** DWARF numbers of the integer registers (System V psABI for AMD64, figure 3.36), indexed by Reg. */
export const DWARF_REG: readonly number[] = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
export const DWARF_RETURN_ADDRESS = 16;

/** Where wasm functions pass values (docs/abi.md). */
export const WASM_REGS: ConventionRegs = {
  intArgs: [Reg.Rdi, Reg.Rsi, Reg.Rdx, Reg.Rcx, Reg.R8, Reg.R9, Reg.Rax],
  vecArgs: [32, 33, 34, 35, 36, 37, 38, 39],
  intResults: [Reg.Rax, Reg.Rdx, Reg.Rcx, Reg.Rsi, Reg.Rdi, Reg.R8, Reg.R9],
  vecResults: [32, 33, 34, 35, 36, 37, 38, 39],
};

/** Integer arguments of C functions (System V psABI). */
export const C_INT_ARGS: readonly number[] = [Reg.Rdi, Reg.Rsi, Reg.Rdx, Reg.Rcx, Reg.R8, Reg.R9];
export const C_VEC_ARGS: readonly number[] = WASM_REGS.vecArgs;

/** Registers that wasm functions preserve, in the order in which they are pushed. */
export const CALLEE_SAVED: readonly number[] = [Reg.Rbx, Reg.Rbp, Reg.R12, Reg.R13];

/** What a call destroys: everything but the saved and the pinned registers and the stack pointer. */
const CALL_INT_MASK =
  0xffff &
  ~(
    (1 << Reg.Rbx) |
    (1 << Reg.Rbp) |
    (1 << Reg.R12) |
    (1 << Reg.R13) |
    (1 << Reg.Rsp) |
    (1 << Reg.R14) |
    (1 << Reg.R15)
  );

/** Indices into CLOBBER_MASKS. */
export const enum Clobber {
  None = 0,
  Call = 1,
  Rdx = 2,
  Rax = 3,
  Rcx = 4,
  R11 = 5,
  RaxRdx = 6,
}
export const CLOBBER_MASKS: Int32Array<ArrayBuffer> = Int32Array.of(
  0,
  0,
  CALL_INT_MASK,
  0xffff,
  1 << Reg.Rdx,
  0,
  1 << Reg.Rax,
  0,
  1 << Reg.Rcx,
  0,
  1 << Reg.R11,
  0,
  (1 << Reg.Rax) | (1 << Reg.Rdx),
  0,
);

/** Fewest registers of a file that every instruction's constraints can be met with. */
const FEWEST = 6;
/** Slots that a displacement of one byte reaches, if no outgoing area lies below them. */
const NEAR_SLOTS = 16;

/** The allocatable registers; `limit` > 0 keeps only so many of each file (stress). */
export function machineEnv(limit: number): MachineEnv {
  const ints = [0, 1, 2, 6, 7, 8, 9, 10, 11, 3, 12, 13, 5];
  const vecs = Array.from({ length: 16 }, (_, k) => VEC_BASE + k);
  const keep = limit > 0 ? Math.max(limit, FEWEST) : 64;
  const calleeSaved = new Uint8Array(SLOT_BASE);
  for (const r of CALLEE_SAVED) calleeSaved[r] = 1;
  return {
    order: [Int32Array.from(ints.slice(0, keep)), Int32Array.from(vecs.slice(0, keep))],
    calleeSaved,
    nearSlots: NEAR_SLOTS,
  };
}
