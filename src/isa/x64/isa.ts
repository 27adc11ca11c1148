// x86_64 as the compiler sees it: the Isa value and the FunctionCompiler that runs selection, allocation, emission.
import { CodeBuffer } from '../../emit/code_buffer.ts';
import type { FixupIsa } from '../../emit/fixup_kinds.ts';
import type { Func } from '../../ir/func.ts';
import type { MachineEnv } from '../../regalloc/door.ts';
import { CallingConvention } from '../calling_convention.ts';
import type { CompiledFunction, FunctionCompiler, Isa, IsaOptions, ModuleContext } from '../contract.ts';
import { Lowering } from '../lower.ts';
import { printVCode, VCode } from '../vcode.ts';
import { X64Emitter } from './emit.ts';
import { parseMarch } from './features.ts';
import { X64_FIXUPS } from './fixups.ts';
import { X64_LOWER } from './lower.ts';
import type { X64Target } from './machine.ts';
import { opcodeName } from './printer.ts';
import { CLOBBER_MASKS, DWARF_REG, DWARF_RETURN_ADDRESS, machineEnv, Reg, WASM_REGS } from './registers.ts';
import { X64Thunks } from './thunks.ts';

class X64Compiler implements FunctionCompiler {
  readonly level: number;
  private readonly vcode = new VCode(CLOBBER_MASKS);
  private readonly buffer: CodeBuffer;
  private readonly lowering: Lowering<X64Target>;
  private readonly emitter: X64Emitter;
  private readonly thunks: X64Thunks;
  private readonly env: MachineEnv;
  private readonly target: X64Target;

  constructor(
    context: ModuleContext,
    private readonly options: IsaOptions,
    fixupIsa: FixupIsa,
  ) {
    const gs = options.memoryBase === 'gs';
    const features = parseMarch(options.march);
    this.level = features.level;
    this.target = {
      features,
      gs,
      module: context,
      convention: new CallingConvention(context.signatures, WASM_REGS),
    };
    this.buffer = new CodeBuffer(fixupIsa, {
      forceVeneers: options.forceVeneers,
      shrink: options.optLevel > 0,
    });
    this.lowering = new Lowering(X64_LOWER, this.target, this.vcode);
    this.emitter = new X64Emitter(this.buffer, gs, options.landingPads);
    this.thunks = new X64Thunks(this.buffer, this.target, options.landingPads);
    this.env = machineEnv(options.regs);
  }

  compileFunction(func: Func): CompiledFunction {
    const { options, vcode, lowering, buffer } = this;
    lowering.run(func);
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
      options.padBlocks,
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

export const x64: Isa = {
  name: 'x86_64',
  fixupIsa: X64_FIXUPS,
  guardedFixupIsa: X64_FIXUPS,
  dwarf: {
    stackPointer: DWARF_REG[Reg.Rsp],
    returnAddress: DWARF_RETURN_ADDRESS,
    codeAlign: 1,
    dataAlign: -8,
    entryCfaOffset: 8,
    returnAddressOffset: -8,
  },
  compiler: (context, options, fixupIsa = X64_FIXUPS) => new X64Compiler(context, options, fixupIsa),
};
