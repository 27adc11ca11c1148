// Opcodes of VCode that every ISA has: entry and exit of functions, copies, calls, control flow. emitter.ts writes them
// with the ISA's help; an ISA's own rows and pseudo instructions lie below.
export const enum Pseudo {
  First = 512,
  /** Parameters in their registers at the function's entry. */
  Args = First,
  /** Copy between registers of one class: def, use. */
  Copy,
  /** Call of symbol imm; imm2: bytes of stack arguments; aux: CallFlag. */
  Call,
  /** Call of the w2n_func in the instance at imm. */
  CallSlot,
  /** Call of the w2n_func that the last operand points to. */
  CallRef,
  /** Call of the address in the last operand. */
  CallCode,
  TailCall,
  TailCallSlot,
  TailCallRef,
  TailCallCode,
  Return,
  /** Trap of kind `trap`. */
  Trap,
  /** The same on condition imm; aarch64: the operand is the register that it tests, if it does. */
  TrapIf,
  /** To block imm2. */
  Jump,
  /** Condition as TrapIf: to block imm2, else to block aux. */
  Branch,
  /** Register <- address of the jump table targets[imm..imm + imm2). */
  TableAddress,
  /** Through a jump table; how is the ISA's. */
  JumpTable,
}

/** Kinds of callees, as they count from Pseudo.Call and Pseudo.TailCall; from Ref on the callee is a value. */
export const enum Callee {
  Symbol = 0,
  Slot = 1,
  Ref = 2,
  Code = 3,
}

const NAMES: readonly string[] = (
  'args copy call call_slot call_ref call_code tail_call tail_call_slot tail_call_ref tail_call_code return trap trap_if ' +
  'jump branch table_address jump_table'
).split(' ');

/** Printed name of one of these opcodes. */
export const pseudoName = (op: number): string => NAMES[op - Pseudo.First];
