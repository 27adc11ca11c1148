// The pipeline: WebAssembly bytes and options in, a relocatable object out. Pure: no files, no processes.
//
//   decode -> module tables -> layout of the instance
//     -> each function: validate + translate -> optimise -> lower -> allocate -> emit   (compile_functions.ts)
//     -> thunks -> text layout: every call resolved, islands, veneers                   (emit/text_layout.ts)
//     -> header and tables                                                              (module/tables.ts)
//     -> object: text, initial memory, module record, unwind data                       (module/object.ts)
//
// `compile` does it all on this thread. `ModuleCompiler` is the same in steps, for compile_parallel.ts: functions
// may be compiled anywhere and in any order, the object comes out the same.
import { Header, HeaderFlag, IsaCode } from './abi/layout.ts';
import { FunctionPipeline } from './compile_functions.ts';
import type { PassTimes } from './compile_times.ts';
import { withReach } from './emit/fixup_kinds.ts';
import { dataBlock, FixupRow } from './emit/function_code.ts';
import type { ObjectFile } from './emit/object_file.ts';
import { buildCodeTables, NO_FUNCTION, type PlacedFunction } from './emit/tables.ts';
import { TextLayout } from './emit/text_layout.ts';
import { functionListing } from './emit/listing.ts';
import { OpenWorldNeeded } from './frontend/closed_world.ts';
import { decodeModule } from './frontend/decode.ts';
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
import { buildObject, type PlacedCode } from './module/object.ts';
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
  return inClosedWorld(options, (closed) => {
    const compiler = new ModuleCompiler(module, options, closed, hooks);
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
  return inClosedWorld(options, (closed) => {
    const compiler = new ModuleCompiler(module, options, closed, {});
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
  return inClosedWorld(options, (closed) => {
    const compiler = new ModuleCompiler(module, options, closed, {});
    const parts = [printSignatures(compiler.layout.signatures)];
    for (let f = module.importedFuncs; f < module.funcCount; f++)
      parts.push(printFunc(compiler.pipeline.optimised(f)));
    return parts.join('\n');
  });
}

/** Runs `work` with the assumption that tables are closed where that can be, and again without if it does not hold. */
export function inClosedWorld<T>(options: CompileOptions, work: (closed: boolean) => T): T {
  if (!mayBeClosed(options)) return work(false);
  try {
    return work(true);
  } catch (error) {
    if (!(error instanceof OpenWorldNeeded)) throw error;
    return work(false);
  }
}

/** Whether nothing outside the module can see its tables: an executable whose only other code are C functions. */
export function mayBeClosed(options: CompileOptions): boolean {
  return options.mainModule && options.imports === 'link' && !options.exportThunks;
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
  private readonly placed: PlacedCode[] = [];
  /** By text symbol: whether placed code refers to it. */
  private readonly used: Uint8Array;

  constructor(module: Module, options: CompileOptions, closed: boolean, hooks: CompileHooks) {
    this.module = module;
    this.options = options;
    this.layout = new ModuleLayout(module, options.bounds, closed);
    this.symbols = new TextSymbols(module, this.layout.escapes, {
      host: options.imports === 'instantiate',
      exports: options.exportThunks,
    });
    this.used = new Uint8Array(this.symbols.count);
    this.isa = isaOf(options);
    const { stress } = options;
    const allocator = options.optLevel === 0 ? allocateFast : allocateBundles;
    const fixupIsa = Object.entries(stress.reach).reduce(
      (kinds, [name, bits]) => withReach(kinds, name, bits),
      this.isa.fixupIsa,
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

  /** Compiles function `index` (a defined one). Throws WasmError if its body is invalid, OpenWorldNeeded. */
  compileFunction(index: number): CompiledFunction {
    return this.pipeline.compile(index);
  }

  /** The instructions of the function compiled last, before allocation. */
  printVCode(): string {
    return this.compiler.printVCode();
  }

  /** Lays out the text and makes the object; `compiled` holds all defined functions in order. */
  link(compiled: readonly CompiledFunction[]): ObjectFile {
    const { module, text, symbols } = this;
    const header = new Uint8Array(Header.Size);
    text.append(dataBlock(header, 16), symbols.header);
    this.placeThunks();
    compiled.forEach((code, i) => this.place(code, module.importedFuncs + i, module.importedFuncs + i));
    this.placeExportThunks();
    this.placeHelperThunks();

    const names = readNames(module);
    const image = buildImage(module, this.options.target);
    const utf8 = new TextEncoder();
    const facts = {
      imageMerged: image.merged,
      config: this.options.config,
      names: Array.from({ length: module.funcCount }, (_, f) => utf8.encode(names.functions.get(f) ?? '')),
    };
    const code = this.codeMap();
    // The size of the tables depends neither on where they lie nor on the size of the text.
    const block = buildModuleTables(module, this.layout, facts, code, 0).tables.slice();
    const at = text.append(dataBlock(block, 64), symbols.tables);
    const image2 = text.finish();
    const final = buildModuleTables(module, this.layout, facts, { ...code, textBytes: image2.size }, at);
    block.set(final.tables);
    header.set(final.header);
    return buildObject({
      module,
      names,
      symbols,
      options: this.options,
      isa: this.isa,
      text: image2,
      placed: this.placed,
      image,
    });
  }

  private place(compiled: CompiledFunction, symbol: number, functionIndex: number): void {
    const offset = this.text.append(compiled.code, symbol);
    const { fixups } = compiled.code;
    for (let at: number = FixupRow.Symbol; at < fixups.length; at += FixupRow.Size) this.used[fixups[at]] = 1;
    this.placed.push({ code: compiled.code, frame: compiled.frame, offset, functionIndex, symbol });
  }

  private placeThunks(): void {
    const { module, compiler, symbols } = this;
    this.place(compiler.enter(), symbols.enter, NO_FUNCTION);
    this.place(compiler.unwind(), symbols.unwind, NO_FUNCTION);
    for (let type = 0; type < module.types.count; type++) {
      if (module.types.canonical.data[type] !== type) continue;
      if (symbols.callThunk[type] >= 0)
        this.place(compiler.callThunk(type), symbols.callThunk[type], NO_FUNCTION);
      if (symbols.hostThunk[type] >= 0)
        this.place(compiler.hostThunk(type), symbols.hostThunk[type], NO_FUNCTION);
    }
    if (this.options.imports === 'instantiate') return;
    for (let f = 0; f < module.importedFuncs; f++)
      this.place(compiler.importThunk(f, module.funcType.data[f]), f, NO_FUNCTION);
  }

  /** Thunks of the helpers that placed code calls. They stand last, when all such code has been seen. */
  private placeHelperThunks(): void {
    const { compiler, symbols } = this;
    symbols.helper.forEach((symbol, helper) => {
      if (this.used[symbol] !== 0) this.place(compiler.helperThunk(helper), symbol, NO_FUNCTION);
    });
  }

  private placeExportThunks(): void {
    const { module, compiler, layout, symbols } = this;
    for (const e of symbols.exports)
      this.place(
        compiler.exportThunk(module.funcType.data[e.func], layout.slotOffset[e.func]),
        e.symbol,
        NO_FUNCTION,
      );
  }

  /** Where all code has come to lie. */
  private codeMap(): CodeMap {
    const { module, text, symbols, placed } = this;
    const offsetsOf = (list: Int32Array): Float64Array =>
      Float64Array.from(list, (symbol) => (symbol < 0 ? 0 : text.offsetOf(symbol)));
    const tables = buildCodeTables(placed.map(tableEntry));
    const n = module.funcCount;
    const map = {
      flags: this.headerFlags(),
      textBytes: 0,
      enter: text.offsetOf(symbols.enter),
      unwind: text.offsetOf(symbols.unwind),
      callThunk: offsetsOf(symbols.callThunk),
      hostThunk: offsetsOf(symbols.hostThunk),
      codeOffset: new Float64Array(n),
      codeBytes: new Float64Array(n),
      frameBytes: new Int32Array(n),
      savedMask: new Int32Array(n),
      stackArgBytes: new Int32Array(n),
      prologueBytes: new Int32Array(n),
      locations: tables.index,
      callSites: tables.stream,
    };
    for (const { symbol: f, offset, code, frame } of placed) {
      if (f >= n) continue;
      map.codeOffset[f] = offset;
      map.codeBytes[f] = code.bytes.length;
      map.frameBytes[f] = frame.frameBytes;
      map.savedMask[f] = frame.savedMask;
      map.stackArgBytes[f] = frame.stackArgBytes;
      map.prologueBytes[f] = frame.prologueBytes;
    }
    return map;
  }

  private headerFlags(): number {
    const { target, bounds, memoryBase } = this.options;
    const isa = target.isa === 'x86_64' ? IsaCode.X86_64 : IsaCode.Aarch64;
    const closed = this.layout.closedTable.includes(1) ? HeaderFlag.Closed : 0;
    const checked = bounds === 'checked' ? HeaderFlag.Checked : 0;
    const gs = memoryBase === 'gs' ? HeaderFlag.Gs : 0;
    return closed | checked | gs | (isa << HeaderFlag.IsaShift);
  }
}

function isaOf(options: CompileOptions): Isa {
  return options.target.isa === 'x86_64' ? x64 : aarch64;
}

function tableEntry(placed: PlacedCode): PlacedFunction {
  return {
    code: placed.code,
    offset: placed.offset,
    functionIndex: placed.functionIndex,
    frameBytes: placed.frame.frameBytes,
    savedMask: placed.frame.savedMask,
  };
}
