// aarch64 as the compiler sees it: the Isa value and the FunctionCompiler that runs selection, allocation, emission.
import { CodeBuffer } from '../../emit/code_buffer.ts';
import type { FixupIsa } from '../../emit/fixup_kinds.ts';
import type { Func } from '../../ir/func.ts';
import { RegClass } from '../../regalloc/door.ts';
import type { MachineEnv } from '../../regalloc/door.ts';
import { CallingConvention } from '../calling_convention.ts';
import type { CompiledFunction, FunctionCompiler, Isa, IsaOptions, ModuleContext } from '../contract.ts';
import { Lowering } from '../lower.ts';
import { printVCode, VCode } from '../vcode.ts';
import { A64Emitter } from './emit.ts';
import { parseMarch } from './features.ts';
import { A64_FIXUPS, A64_GUARDED_FIXUPS } from './fixups.ts';
import { A64_LOWER } from './lower.ts';
import type { A64Target } from './machine.ts';
import { opcodeName } from './printer.ts';
import { clobberMasks, machineEnv, Reg, setVectorClobber, WASM_REGS } from './registers.ts';
import { SharedBases } from './shared_bases.ts';
import { A64Thunks } from './thunks.ts';

class A64Compiler implements FunctionCompiler {
  readonly level: number;
  private readonly vcode = new VCode(clobberMasks());
  private readonly buffer: CodeBuffer;
  private readonly lowering: Lowering<A64Target>;
  private readonly emitter: A64Emitter;
  private readonly thunks: A64Thunks;
  private readonly env: MachineEnv;
  private readonly target: A64Target;

  constructor(
    context: ModuleContext,
    private readonly options: IsaOptions,
    fixupIsa: FixupIsa,
  ) {
    if (options.memoryBase === 'gs') throw new RangeError('aarch64 has no segment registers');
    this.level = parseMarch(options.march).level;
    this.target = {
      module: context,
      convention: new CallingConvention(context.signatures, WASM_REGS),
      bases: options.optLevel === 0 ? null : new SharedBases(),
      packsStackArgs: options.os === 'macos',
    };
    this.buffer = new CodeBuffer(fixupIsa, {
      forceVeneers: options.forceVeneers,
    });
    this.lowering = new Lowering(A64_LOWER, this.target, this.vcode);
    this.emitter = new A64Emitter(this.buffer, options.landingPads, options.signReturns);
    this.thunks = new A64Thunks(this.buffer, this.target, options.landingPads, options.signReturns);
    this.env = machineEnv(options.regs);
  }

  compileFunction(func: Func): CompiledFunction {
    const { options, vcode, lowering, buffer } = this;
    this.target.bases?.prepare(func);
    lowering.run(func);
    setVectorClobber(vcode.clobberMasks, hasVectors(vcode));
    const out = options.allocator(vcode, this.env);
    if (options.checkAllocation !== null) options.checkAllocation(vcode, out, this.env);
    buffer.reset();
    const prologueBytes = this.emitter.emit(
      vcode,
      out,
      {
        outgoingBytes: lowering.outgoingBytes,
        hasCalls: lowering.hasCalls,
        savesInstance: lowering.savesInstance,
        stackArgBytes: this.target.convention.stackArgBytes(func.sig),
      },
      // Instructions are words.
      (options.padBlocks + 3) & -4,
    );
    const code = buffer.finish();
    return { code, frame: this.emitter.frame(prologueBytes) };
  }

  enter(): CompiledFunction {
    return this.thunks.enter();
  }

  unwind(): CompiledFunction {
    return this.thunks.unwind();
  }

  callThunk(sig: number): CompiledFunction {
    return this.thunks.callThunk(sig);
  }

  hostThunk(sig: number): CompiledFunction {
    return this.thunks.hostThunk(sig);
  }

  importThunk(index: number, sig: number): CompiledFunction {
    return this.thunks.importThunk(index, sig);
  }

  exportThunk(sig: number, slotOffset: number): CompiledFunction {
    return this.thunks.exportThunk(sig, slotOffset);
  }

  helperThunk(helper: number): CompiledFunction {
    return this.thunks.helperThunk(helper);
  }

  printVCode(): string {
    return printVCode(this.vcode, opcodeName);
  }
}

/** True if the function has 128-bit values. */
function hasVectors(vcode: VCode): boolean {
  for (let v = 0; v < vcode.numVRegs; v++) if (vcode.vregClass[v] === RegClass.Vec) return true;
  return false;
}

export const aarch64: Isa = {
  name: 'aarch64',
  fixupIsa: A64_FIXUPS,
  guardedFixupIsa: A64_GUARDED_FIXUPS,
  dwarf: {
    stackPointer: Reg.Sp,
    returnAddress: Reg.Lr,
    codeAlign: 4,
    dataAlign: -8,
    entryCfaOffset: 0,
    returnAddressOffset: 0,
  },
  compiler: (context, options, fixupIsa = A64_FIXUPS) => new A64Compiler(context, options, fixupIsa),
};
