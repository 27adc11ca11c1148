// The compiler of functions, the same for every ISA: selection, register allocation, emission, one function after another
// with one set of buffers. What an ISA brings to it is a BackEnd.
import { CodeBuffer } from '../emit/code_buffer.ts';
import type { FixupIsa } from '../emit/fixup_kinds.ts';
import type { Func } from '../ir/func.ts';
import type { MachineEnv } from '../regalloc/door.ts';
import type { CompiledFunction, FunctionCompiler, IsaOptions, Thunks } from './contract.ts';
import type { Emitter, FrameNeeds } from './emitter.ts';
import { printVCode } from './vcode.ts';
import type { VCode } from './vcode.ts';

/** Instruction selection, as lower.ts does it with an ISA's rules. */
export interface Selection extends FrameNeeds {
  readonly vcode: VCode;
  /** Selects the machine code of a function into `vcode`; the needs of its frame are known then. */
  run(func: Func): void;
}

/** The parts of a compiler that know the instruction set. `emitter` and `thunks` write into one buffer. */
export interface BackEnd {
  /** FunctionCompiler.level */
  readonly level: number;
  readonly selection: Selection;
  readonly env: MachineEnv;
  readonly emitter: Emitter;
  readonly thunks: Thunks;
  /** Name of an opcode of VCode. */
  readonly opcodeName: (op: number) => string;
}

/** The buffer that a back end writes into. */
export function codeBuffer(fixupIsa: FixupIsa, options: IsaOptions): CodeBuffer {
  return new CodeBuffer(fixupIsa, { forceVeneers: options.forceVeneers, shrink: options.optLevel > 0 });
}

export function functionCompiler(backEnd: BackEnd, options: IsaOptions): FunctionCompiler {
  const { level, selection, env, emitter, thunks, opcodeName } = backEnd;
  const { allocator, checkAllocation } = options;
  const { vcode } = selection;
  return {
    level,
    thunks,

    compileFunction(func: Func): CompiledFunction {
      selection.run(func);
      const allocation = allocator(vcode, env);
      checkAllocation?.(vcode, allocation, env);
      return emitter.emit(vcode, allocation, selection);
    },

    printVCode: () => printVCode(vcode, opcodeName),
  };
}
