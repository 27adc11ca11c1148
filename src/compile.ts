// The pipeline: WebAssembly bytes and options in, a relocatable object out. Pure: no files, no processes.
//
//   decode -> module tables -> layout of the instance
//     -> each function: validate + translate -> optimise -> lower -> allocate -> emit   (compile_functions.ts)
//     -> thunks -> text layout: every call resolved, islands, veneers                   (emit/text_layout.ts)
//     -> header and tables, in front of the code                                        (module/tables.ts)
//     -> object: text, initial memory, module record, unwind data                       (module/object.ts)
//
// `compile` does it all on this thread. `ModuleCompiler` is the same in steps, for compile_parallel.ts: functions
// may be compiled anywhere and in any order, the object comes out the same.
import { HeaderFlag, IsaCode } from './abi/layout.ts';
import { FunctionPipeline } from './compile_functions.ts';
import type { PassTimes } from './compile_times.ts';
import { withReach } from './emit/fixup_kinds.ts';
import { dataBlock, FixupRow } from './emit/function_code.ts';
import type { ObjectFile } from './emit/object_file.ts';
import { layoutOrder } from './emit/layout_order.ts';
import { buildCodeIndex, NO_FUNCTION, writeCodeRecords } from './emit/tables.ts';
import { TextLayout } from './emit/text_layout.ts';
import { functionListing } from './emit/listing.ts';
import { World, WorldNeeded } from './frontend/closed_world.ts';
import { decodeModule } from './frontend/decode.ts';
import { WasmError } from './frontend/errors.ts';
import { ModuleLayout } from './frontend/layout.ts';
import type { Module } from './frontend/module.ts';
import { readNames } from './frontend/names.ts';
import { printFunc, printSignatures } from './ir/printer.ts';
import {
  FunctionFlag,
  type CompiledFunction,
  type FunctionCompiler,
  type Isa,
  type IsaOptions,
} from './isa/contract.ts';
import { aarch64 } from './isa/aarch64/isa.ts';
import { x64 } from './isa/x64/isa.ts';
import { buildImage } from './module/image.ts';
import { buildObject, type CodeUnit, type PlacedCode } from './module/object.ts';
import { TextSymbols } from './module/symbols.ts';
import { buildModuleTables, type CodeMap } from './module/tables.ts';
import type { CompileOptions } from './options.ts';
import { allocateBundles } from './regalloc/bundles.ts';
import { allocateFast } from './regalloc/fast.ts';

/** What a caller can watch and check. */
export interface CompileHooks {
  /** Called now and then with the number of functions done and of all. */
  readonly progress?: (done: number, total: number) => void;
  /** Verifies every allocation (tests). */
  readonly checkAllocation?: IsaOptions['checkAllocation'];
  /** Times of all passes are added here (--time-passes). */
  readonly times?: PassTimes;
  /** Verifies the IR after every pass (tests). */
  readonly verifyIr?: boolean;
}

/** Compiles a module. Throws WasmError for bad input, RangeError for an option the ISA does not know. */
export function compile(bytes: Uint8Array, options: CompileOptions, hooks: CompileHooks = {}): ObjectFile {
  const module = decodeModule(bytes);
  return inBestWorld(options, (world) => {
    const compiler = new ModuleCompiler(module, options, world, hooks);
    const compiled: CompiledFunction[] = [];
    const { importedFuncs, funcCount } = module;
    for (let f = importedFuncs; f < funcCount; f++) {
      compiled.push(compiler.compileFunction(f));
      if ((f & 63) === 0) hooks.progress?.(f - importedFuncs, funcCount - importedFuncs);
    }
    const { times } = hooks;
    if (times === undefined) return compiler.link(compiled);
    compiler.pipeline.reportOptimiser(times);
    return times.time('layout', () => compiler.link(compiled));
  });
}

/** The code of all functions as text (`--emit asm`): for each its instructions and its bytes. Throws as `compile`. */
export function compileToAsm(bytes: Uint8Array, options: CompileOptions): string {
  const module = decodeModule(bytes);
  const names = readNames(module);
  return inBestWorld(options, (world) => {
    const compiler = new ModuleCompiler(module, options, world, {});
    const parts: string[] = [];
    for (let f = module.importedFuncs; f < module.funcCount; f++) {
      const { code, frame } = compiler.compileFunction(f);
      parts.push(functionListing(f, names.functions.get(f), code, frame, compiler.printVCode()));
    }
    return parts.join('\n');
  });
}

/** The IR of all functions as the back end gets it, as text (`--emit ir`). Throws as `compile` does. */
export function compileToIr(bytes: Uint8Array, options: CompileOptions): string {
  const module = decodeModule(bytes);
  return inBestWorld(options, (world) => {
    const compiler = new ModuleCompiler(module, options, world, {});
    const parts = [printSignatures(compiler.layout.signatures)];
    for (let f = module.importedFuncs; f < module.funcCount; f++)
      parts.push(printFunc(compiler.pipeline.optimised(f)));
    return parts.join('\n');
  });
}

/** Runs `work` with as much taken for granted about tables as can be, and again with less when it asks for that. */
function inBestWorld<T>(options: CompileOptions, work: (world: World) => T): T {
  for (let world = firstWorld(options); ;) {
    try {
      return work(world);
    } catch (error) {
      if (!(error instanceof WorldNeeded)) throw error;
      world = error.world;
    }
  }
}

/** Tables may be closed in an executable whose only other code are C functions: nothing outside the module sees them. */
export function firstWorld(options: CompileOptions): World {
  return options.mainModule && options.imports === 'link' && !options.exportThunks
    ? World.Closed
    : World.Open;
}

/** One module on its way: compiles its functions one by one, then links them with everything else. */
export class ModuleCompiler {
  readonly module: Module;
  private readonly options: CompileOptions;
  readonly layout: ModuleLayout;
  private readonly symbols: TextSymbols;
  private readonly isa: Isa;
  private readonly compiler: FunctionCompiler;
  readonly pipeline: FunctionPipeline;
  private readonly text: TextLayout;

  constructor(module: Module, options: CompileOptions, world: World, hooks: CompileHooks) {
    this.module = module;
    this.options = options;
    this.layout = new ModuleLayout(module, options.bounds, world);
    this.symbols = new TextSymbols(module, this.layout.escapes, {
      host: options.imports === 'instantiate',
      exports: options.exportThunks,
    });
    this.isa = isaOf(options);
    const { stress } = options;
    const allocator = options.optLevel === 0 ? allocateFast : allocateBundles;
    const fixupIsa = Object.entries(stress.reach).reduce(
      (kinds, [name, bits]) => withReach(kinds, name, bits),
      options.landingPads ? this.isa.guardedFixupIsa : this.isa.fixupIsa,
    );
    const functionFlags = new Uint8Array(module.funcCount);
    functionFlags.fill(FunctionFlag.Imported, 0, module.importedFuncs);
    this.compiler = this.isa.compiler(
      {
        signatures: this.layout.signatures,
        functionSig: module.funcType.data.slice(0, module.funcCount),
        functionFlags,
        helperSymbol: this.symbols.helper,
      },
      {
        os: options.target.os,
        optLevel: options.optLevel,
        march: options.march,
        memoryBase: options.memoryBase,
        landingPads: options.landingPads,
        signReturns: options.signReturns,
        regs: stress.regs,
        forceVeneers: stress.forceVeneers,
        padBlocks: stress.padBlocks,
        allocator: hooks.times?.wrap(allocator) ?? allocator,
        checkAllocation: hooks.checkAllocation ?? null,
      },
      fixupIsa,
    );
    this.pipeline = new FunctionPipeline(
      module,
      this.layout,
      this.compiler,
      options,
      hooks.verifyIr === true,
      hooks.times ?? null,
    );
    this.text = new TextLayout(fixupIsa, {
      padFunctions: stress.padFunctions,
      forceVeneers: stress.forceVeneers,
      layoutSeed: stress.layoutSeed,
    });
  }

  /**
   * Compiles function `index` (a defined one). Throws WasmError if its body is invalid, WorldNeeded; the message of any
   * other error, a fault of ours, begins with the function's index.
   */
  compileFunction(index: number): CompiledFunction {
    try {
      return this.pipeline.compile(index);
    } catch (error) {
      if (error instanceof Error && !(error instanceof WasmError) && !(error instanceof WorldNeeded))
        error.message = `function ${index}: ${error.message}`;
      throw error;
    }
  }

  /** The instructions of the function compiled last, before allocation. */
  printVCode(): string {
    return this.compiler.printVCode();
  }

  /** Lays out the text and makes the object; `compiled` holds all defined functions in order. Throws WorldNeeded. */
  link(compiled: readonly CompiledFunction[]): ObjectFile {
    const { module, text, symbols, options } = this;
    const units = this.units(compiled);
    const names = readNames(module);
    const image = buildImage(module, options.target);
    const utf8 = new TextEncoder();
    const facts = {
      imageMerged: image.merged,
      isImagePaged: image.isPaged,
      config: options.config,
      names: Array.from({ length: module.funcCount }, (_, f) => utf8.encode(names.functions.get(f) ?? '')),
    };
    // The tables stand before the code, so that the 32-bit offsets in them reach, however long the text is. Their
    // size does not depend on where anything lies.
    const { stream, starts } = writeCodeRecords(units);
    const unplaced = this.codeMap(
      units.map((unit) => ({ ...unit, offset: 0, records: 0 })),
      stream,
    );
    const { length } = buildModuleTables(module, this.layout, facts, unplaced);
    const block = new Uint8Array(length);
    text.append(dataBlock(block, 64), symbols.header);
    const placed: PlacedCode[] = [];
    for (const k of layoutOrder(units.length, options.stress.layoutSeed)) {
      const offset = text.append(units[k].code, units[k].symbol);
      placed.push({ ...units[k], offset, records: starts[k] });
    }
    const textImage = text.finish();
    const code = { ...this.codeMap(placed, stream), textBytes: textImage.size };
    block.set(buildModuleTables(module, this.layout, facts, code));
    return buildObject({
      module,
      names,
      symbols,
      options,
      isa: this.isa,
      text: textImage,
      placed,
      image,
    });
  }

  /** All code of the text in its ordinary order: thunks, functions, thunks that only some modules need. */
  private units(compiled: readonly CompiledFunction[]): CodeUnit[] {
    const { module, layout, symbols } = this;
    const { thunks } = this.compiler;
    const units: CodeUnit[] = [];
    const add = ({ code, frame }: CompiledFunction, symbol: number, functionIndex = NO_FUNCTION): void => {
      units.push({ code, frame, symbol, functionIndex });
    };
    add(thunks.enter(), symbols.enter);
    add(thunks.unwind(), symbols.unwind);
    for (let type = 0; type < module.types.count; type++) {
      if (module.types.canonical.data[type] !== type) continue;
      if (symbols.callThunk[type] >= 0) add(thunks.callThunk(type), symbols.callThunk[type]);
      if (symbols.hostThunk[type] >= 0) add(thunks.hostThunk(type), symbols.hostThunk[type]);
    }
    if (this.options.imports === 'link')
      for (let f = 0; f < module.importedFuncs; f++) add(thunks.importThunk(f, module.funcType.data[f]), f);
    compiled.forEach((code, i) => add(code, module.importedFuncs + i, module.importedFuncs + i));
    for (const e of symbols.exports)
      add(thunks.exportThunk(module.funcType.data[e.func], layout.slotOffset[e.func]), e.symbol);
    const used = this.usedSymbols(units);
    symbols.helper.forEach((symbol, helper) => {
      if (used[symbol] !== 0) add(thunks.helperThunk(helper), symbol);
    });
    return units;
  }

  /** By text symbol: 1 if code of `units` refers to it. */
  private usedSymbols(units: readonly CodeUnit[]): Uint8Array {
    const used = new Uint8Array(this.symbols.count);
    for (const { code } of units)
      for (let at: number = FixupRow.Symbol; at < code.fixups.length; at += FixupRow.Size)
        used[code.fixups[at]] = 1;
    return used;
  }

  /** Where all code has come to lie, but for the size of the text. */
  private codeMap(placed: readonly PlacedCode[], codeRecords: Uint8Array): CodeMap {
    const { module, symbols } = this;
    const offsets = new Float64Array(symbols.count);
    for (const { symbol, offset } of placed) offsets[symbol] = offset;
    const offsetsOf = (list: Int32Array): Float64Array =>
      Float64Array.from(list, (symbol) => (symbol < 0 ? 0 : offsets[symbol]));
    const n = module.funcCount;
    return {
      flags: this.headerFlags(),
      textBytes: 0,
      enter: offsets[symbols.enter],
      unwind: offsets[symbols.unwind],
      callThunk: offsetsOf(symbols.callThunk),
      hostThunk: offsetsOf(symbols.hostThunk),
      codeOffset: offsets.slice(0, n),
      codeIndex: buildCodeIndex(placed),
      codeRecords,
    };
  }

  private headerFlags(): number {
    const { target, bounds, memoryBase } = this.options;
    const isa = target.isa === 'x86_64' ? IsaCode.X86_64 : IsaCode.Aarch64;
    const closed = this.layout.closedTable.includes(1) ? HeaderFlag.Closed : 0;
    const checked = bounds === 'checked' ? HeaderFlag.Checked : 0;
    const gs = memoryBase === 'gs' ? HeaderFlag.Gs : 0;
    return (
      closed | checked | gs | (isa << HeaderFlag.IsaShift) | (this.compiler.level << HeaderFlag.LevelShift)
    );
  }
}

function isaOf(options: CompileOptions): Isa {
  return options.target.isa === 'x86_64' ? x64 : aarch64;
}
