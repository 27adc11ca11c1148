// x86_64 as the compiler sees it: the Isa value, and the parts that its compiler is made of.
import { CallingConvention } from '../calling_convention.ts';
import type { Isa } from '../contract.ts';
import { codeBuffer, functionCompiler } from '../function_compiler.ts';
import { Lowering } from '../lower.ts';
import { VCode } from '../vcode.ts';
import { X64Emitter } from './emit.ts';
import { parseMarch } from './features.ts';
import { X64_FIXUPS } from './fixups.ts';
import { X64_LOWER } from './lower.ts';
import type { X64Target } from './machine.ts';
import { opcodeName } from './printer.ts';
import { CLOBBER_MASKS, DWARF_REG, DWARF_RETURN_ADDRESS, machineEnv, Reg, WASM_REGS } from './registers.ts';
import { X64Thunks } from './thunks.ts';

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
  compiler(context, options, fixupIsa = X64_FIXUPS) {
    const features = parseMarch(options.march);
    const target: X64Target = {
      features,
      gs: options.memoryBase === 'gs',
      module: context,
      convention: new CallingConvention(context.signatures, WASM_REGS),
    };
    const buffer = codeBuffer(fixupIsa, options);
    const backEnd = {
      level: features.level,
      selection: new Lowering(X64_LOWER, target, new VCode(CLOBBER_MASKS)),
      env: machineEnv(options.regs),
      emitter: new X64Emitter(buffer, options),
      thunks: new X64Thunks(buffer, target, options),
      opcodeName,
    };
    return functionCompiler(backEnd, options);
  },
};
