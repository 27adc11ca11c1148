// aarch64 as the compiler sees it: the Isa value, and the parts that its compiler is made of.
import { CallingConvention } from '../calling_convention.ts';
import type { Isa } from '../contract.ts';
import { codeBuffer, functionCompiler } from '../function_compiler.ts';
import { Lowering } from '../lower.ts';
import { VCode } from '../vcode.ts';
import { A64Emitter } from './emit.ts';
import { parseMarch } from './features.ts';
import { A64_FIXUPS, A64_GUARDED_FIXUPS } from './fixups.ts';
import { A64_LOWER } from './lower.ts';
import type { A64Target } from './machine.ts';
import { opcodeName } from './printer.ts';
import { clobberMasks, machineEnv, Reg, WASM_REGS } from './registers.ts';
import { SharedBases } from './shared_bases.ts';
import { A64Thunks } from './thunks.ts';

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
  compiler(context, options, fixupIsa = A64_FIXUPS) {
    if (options.memoryBase === 'gs') throw new RangeError('aarch64 has no segment registers');
    const target: A64Target = {
      module: context,
      convention: new CallingConvention(context.signatures, WASM_REGS),
      bases: options.optLevel === 0 ? null : new SharedBases(),
    };
    const buffer = codeBuffer(fixupIsa, options);
    const backEnd = {
      level: parseMarch(options.march).level,
      selection: new Lowering(A64_LOWER, target, new VCode(clobberMasks())),
      env: machineEnv(options.regs),
      emitter: new A64Emitter(buffer, options),
      thunks: new A64Thunks(buffer, target, options),
      opcodeName,
    };
    return functionCompiler(backEnd, options);
  },
};
