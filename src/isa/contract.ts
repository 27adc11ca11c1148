// What the rest of the compiler sees of an instruction set: one value of type Isa an ISA (src/isa/x64/isa.ts,
// src/isa/aarch64/isa.ts), and a FunctionCompiler made from it for each worker.
//
// A FunctionCompiler turns one IR function, or the description of a thunk, into bytes with fixups and tables
// (FunctionCode of src/emit) and the facts about its frame. Symbols are opaque numbers of the text layout: function
// index i is symbol i (an imported function's symbol is its C thunk), the others are given in ModuleContext.
// Invariant: the same function, context and options give the same result, whatever was compiled before.
import type { FixupIsa } from '../emit/fixup_kinds.ts';
import type { FunctionCode } from '../emit/function_code.ts';
import type { Func } from '../ir/func.ts';
import type { Signatures } from '../ir/signatures.ts';
import type { Allocator, MachineEnv, RegallocInput, RegallocOutput } from '../regalloc/door.ts';
import type { FrameInfo } from './frame.ts';

/** Properties of a function of the module (ModuleContext.functionFlags). */
export const enum FunctionFlag {
  None = 0,
  Imported = 1,
  /** May return with another instance in the pinned registers: a tail call out of the module is reachable. */
  ClobbersInstance = 2,
}

/** The facts about a module that code depends on. Plain data: it is cloned into workers. */
export interface ModuleContext {
  readonly signatures: Signatures;
  /** Signature of each function, imports first. */
  readonly functionSig: Int32Array;
  /** FunctionFlag bits of each function. */
  readonly functionFlags: Uint8Array;
  /** Text symbol of each helper's thunk, indexed by Helper (src/abi/layout.ts). */
  readonly helperSymbol: Int32Array;
}

/** Options of code generation. */
export interface IsaOptions {
  readonly optLevel: 0 | 2;
  /** Decides the variant of C's calling convention (c_signature.ts). */
  readonly os: 'linux' | 'linux-musl' | 'macos';
  /** Level or feature list of `-march`; '' is the baseline. */
  readonly march: string;
  /** How compiled code reaches memory 0. */
  readonly memoryBase: 'register' | 'gs';
  /** Every target of an indirect branch begins with a landing pad. */
  readonly landingPads: boolean;
  /** aarch64: return addresses are signed (pointer authentication) while they lie on the stack. */
  readonly signReturns: boolean;
  /** Registers of each class that the allocator may use; 0: all. */
  readonly regs: number;
  readonly forceVeneers: boolean;
  /** Bytes of nops behind every block. */
  readonly padBlocks: number;
  readonly allocator: Allocator;
  /** Verifies input and result of each allocation (tests); null: not done. Throws when something is wrong. */
  readonly checkAllocation: ((input: RegallocInput, output: RegallocOutput, env: MachineEnv) => void) | null;
}

/** A compiled function or thunk. */
export interface CompiledFunction {
  readonly code: FunctionCode;
  readonly frame: FrameInfo;
}

/** Writes the thunks of a module. */
export interface Thunks {
  /** C -> wasm: `uint32_t enter(inst, func, vals, call_thunk, stack_top, entry_sp)`. */
  enter(): CompiledFunction;
  /** `void unwind(void *entry_sp, uint32_t kind)`: leaves the `enter` that stored entry_sp, which returns kind. */
  unwind(): CompiledFunction;
  /** enter -> wasm function of signature `sig` with arguments and results in w2n_values. */
  callThunk(sig: number): CompiledFunction;
  /** wasm -> array function of the host. */
  hostThunk(sig: number): CompiledFunction;
  /** wasm -> typed C function `module->cimports[index]`. */
  importThunk(index: number, sig: number): CompiledFunction;
  /** Typed C call -> `helpers->call_export(inst, slot, vals)`; `slotOffset`: the w2n_func in the instance. */
  exportThunk(sig: number, slotOffset: number): CompiledFunction;
  /** wasm -> runtime helper, an index of the helper table. */
  helperThunk(helper: number): CompiledFunction;
}

/** Compiles functions one after another with one set of buffers. */
export interface FunctionCompiler {
  /** Instruction set level that the code needs (`-march`), as the header has it: of the x86-64 psABI, or n of ARMv8.n. */
  readonly level: number;
  readonly thunks: Thunks;
  compileFunction(func: Func): CompiledFunction;
  /** The machine instructions of the function compiled last, before register allocation, as text. */
  printVCode(): string;
}

export interface Isa {
  readonly name: string;
  readonly fixupIsa: FixupIsa;
  /** The same for code with landing pads: its veneers lead to places without one. */
  readonly guardedFixupIsa: FixupIsa;
  /** DWARF register numbers: stack pointer, return address column; alignment factors of the CIE. */
  readonly dwarf: {
    readonly stackPointer: number;
    readonly returnAddress: number;
    readonly codeAlign: number;
    readonly dataAlign: number;
    /** Canonical frame address at a function's first instruction: stack pointer + this. */
    readonly entryCfaOffset: number;
    /** Where the return address lies at entry, from the CFA; 0 if in a register. */
    readonly returnAddressOffset: number;
  };
  /** Throws RangeError for an unknown `-march`. */
  compiler(context: ModuleContext, options: IsaOptions, fixupIsa?: FixupIsa): FunctionCompiler;
}
