// The pipeline: WebAssembly bytes and options in, a relocatable object out. Pure: no files, no processes.
//
//   decode -> module tables -> layout of the instance
//     -> each function: validate + translate -> optimise -> lower -> allocate -> emit   (compile_functions.ts)
//     -> thunks -> text layout: every call resolved, islands, veneers                   (emit/text_layout.ts)
//     -> header and tables                                                              (module/tables.ts)
//     -> object: text, initial memory, module record, unwind data                       (module/object.ts)
import { Header, HeaderFlag, IsaCode } from './abi/layout.ts';
import { withReach } from './emit/fixup_kinds.ts';
import { dataBlock } from './emit/function_code.ts';
import type { ObjectFile } from './emit/object_file.ts';
import { buildCodeTables, NO_FUNCTION, type PlacedFunction } from './emit/tables.ts';
import { TextLayout } from './emit/text_layout.ts';
import { FunctionPipeline } from './compile_functions.ts';
import { OpenWorldNeeded } from './frontend/closed_world.ts';
import { decodeModule } from './frontend/decode.ts';
import { ModuleLayout } from './frontend/layout.ts';
import type { Module } from './frontend/module.ts';
import { readNames } from './frontend/names.ts';
import {
  FunctionFlag,
  type CompiledFunction,
  type Isa,
  type IsaOptions,
  type ModuleContext,
} from './isa/contract.ts';
import { x64 } from './isa/x64/isa.ts';
import { buildImage } from './module/image.ts';
import { buildObject, type PlacedCode } from './module/object.ts';
import { TextSymbols } from './module/symbols.ts';
import { buildModuleTables } from './module/tables.ts';
import type { CompileOptions } from './options.ts';
import { allocateFast } from './regalloc/fast.ts';

/** A compiled module. */
export interface CompileResult {
  readonly object: ObjectFile;
  readonly module: Module;
}

/** What a caller can watch and check. */
export interface CompileHooks {
  /** Called now and then with the number of functions done and of all. */
  readonly progress?: (done: number, total: number) => void;
  /** Verifies every allocation (tests). */
  readonly checkAllocation?: IsaOptions['checkAllocation'];
}

/** Compiles a module. Throws WasmError for bad input, RangeError for an option the ISA does not know. */
export function compile(bytes: Uint8Array, options: CompileOptions, hooks: CompileHooks = {}): CompileResult {
  const module = decodeModule(bytes);
  if (isClosed(options)) {
    try {
      return compileModule(module, options, true, hooks);
    } catch (error) {
      if (!(error instanceof OpenWorldNeeded)) throw error;
    }
  }
  return compileModule(module, options, false, hooks);
}

/** Whether nothing outside the module can see its tables: an executable whose imports are C functions. */
function isClosed(options: CompileOptions): boolean {
  return options.mainModule && options.imports === 'link' && !options.exportThunks;
}

function compileModule(
  module: Module,
  options: CompileOptions,
  closed: boolean,
  hooks: CompileHooks,
): CompileResult {
  const layout = new ModuleLayout(module, options.bounds, closed);
  const symbols = new TextSymbols(module, options.imports === 'instantiate', options.exportThunks);
  const isa = isaOf(options);
  const fixupIsa = Object.entries(options.stress.reach).reduce(
    (kinds, [name, bits]) => withReach(kinds, name, bits),
    isa.fixupIsa,
  );
  const compiler = isa.compiler(
    moduleContext(module, layout, symbols),
    {
      optLevel: options.optLevel,
      march: options.march,
      memoryBase: options.memoryBase,
      regs: options.stress.regs,
      forceVeneers: options.stress.forceVeneers,
      padBlocks: options.stress.padBlocks,
      allocator: allocateFast,
      checkAllocation: hooks.checkAllocation ?? null,
    },
    fixupIsa,
  );
  const pipeline = new FunctionPipeline(module, layout, compiler, options);

  const text = new TextLayout(fixupIsa, {
    padFunctions: options.stress.padFunctions,
    forceVeneers: options.stress.forceVeneers,
    layoutSeed: options.stress.layoutSeed,
  });
  const header = new Uint8Array(Header.Size);
  text.append(dataBlock(header, 16), symbols.header);

  const placed: PlacedCode[] = [];
  const place = (compiled: CompiledFunction, symbol: number, functionIndex: number): void => {
    const offset = text.append(compiled.code, symbol);
    placed.push({ ...compiled, offset, functionIndex, symbol });
  };
  place(compiler.enter(), symbols.enter, NO_FUNCTION);
  place(compiler.unwind(), symbols.unwind, NO_FUNCTION);
  symbols.helper.forEach((symbol, helper) => place(compiler.helperThunk(helper), symbol, NO_FUNCTION));
  module.types.canonical.data.subarray(0, module.types.count).forEach((first, type) => {
    if (first !== type || symbols.callThunk[type] < 0) return;
    place(compiler.callThunk(type), symbols.callThunk[type], NO_FUNCTION);
    if (symbols.hostThunk[type] >= 0) place(compiler.hostThunk(type), symbols.hostThunk[type], NO_FUNCTION);
  });
  for (let f = 0; f < module.importedFuncs && options.imports === 'link'; f++)
    place(compiler.importThunk(f, module.funcType.data[f]), f, NO_FUNCTION);
  for (let f = module.importedFuncs; f < module.funcCount; f++) {
    place(pipeline.compile(f), f, f);
    if ((f & 63) === 0) hooks.progress?.(f, module.funcCount);
  }
  for (const e of symbols.exports)
    place(
      compiler.exportThunk(module.funcType.data[e.func], layout.slotOffset[e.func]),
      e.symbol,
      NO_FUNCTION,
    );

  return { module, object: finish(module, layout, symbols, options, isa, text, placed, header) };
}

/** Everything behind the last function: tables, header, object. */
function finish(
  module: Module,
  layout: ModuleLayout,
  symbols: TextSymbols,
  options: CompileOptions,
  isa: Isa,
  text: TextLayout,
  placed: readonly PlacedCode[],
  header: Uint8Array,
): ObjectFile {
  const names = readNames(module);
  const image = buildImage(module);
  const codeTables = buildCodeTables(placed.map(tableEntry));
  const offsetsOf = (list: Int32Array): Float64Array =>
    Float64Array.from(list, (symbol) => (symbol < 0 ? 0 : text.offsetOf(symbol)));
  const functions = functionColumns(module, placed);
  const tablesOffset = Math.ceil(text.size / 64) * 64;
  const utf8 = new TextEncoder();
  const code = {
    flags: headerFlags(options, layout),
    textBytes: 0,
    enter: text.offsetOf(symbols.enter),
    unwind: text.offsetOf(symbols.unwind),
    callThunk: offsetsOf(symbols.callThunk),
    hostThunk: offsetsOf(symbols.hostThunk),
    ...functions,
    locations: codeTables.index,
    callSites: codeTables.stream,
  };
  const facts = {
    imageMerged: image.length > 0,
    config: options.config,
    names: Array.from({ length: module.funcCount }, (_, f) => utf8.encode(names.functions.get(f) ?? '')),
  };
  // The size of the tables does not depend on where they lie, nor on the size of the text.
  const sized = buildModuleTables(module, layout, facts, code, tablesOffset);
  const block = sized.tables.slice();
  const at = text.append(dataBlock(block, 64), symbols.tables);
  const textImage = text.finish();
  const final = buildModuleTables(module, layout, facts, { ...code, textBytes: textImage.size }, at);
  block.set(final.tables);
  header.set(final.header);
  return buildObject({ module, names, symbols, options, isa, text: textImage, placed, image });
}

function isaOf(options: CompileOptions): Isa {
  if (options.target.isa === 'x86_64') return x64;
  throw new RangeError(`no code generator for ${options.target.isa}`);
}

function moduleContext(module: Module, layout: ModuleLayout, symbols: TextSymbols): ModuleContext {
  const functionFlags = new Uint8Array(module.funcCount);
  functionFlags.fill(FunctionFlag.Imported, 0, module.importedFuncs);
  return {
    signatures: layout.signatures,
    functionSig: module.funcType.data.slice(0, module.funcCount),
    functionFlags,
    helperSymbol: symbols.helper,
  };
}

function headerFlags(options: CompileOptions, layout: ModuleLayout): number {
  const isa = options.target.isa === 'x86_64' ? IsaCode.X86_64 : IsaCode.Aarch64;
  const checked = options.bounds === 'checked' ? HeaderFlag.Checked : 0;
  const gs = options.memoryBase === 'gs' ? HeaderFlag.Gs : 0;
  const closed = layout.closedTable.includes(1) ? HeaderFlag.Closed : 0;
  return closed | checked | gs | (isa << HeaderFlag.IsaShift);
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

/** Columns by function index of what the function table says. */
function functionColumns(module: Module, placed: readonly PlacedCode[]) {
  const n = module.funcCount;
  const columns = {
    codeOffset: new Float64Array(n),
    codeBytes: new Float64Array(n),
    frameBytes: new Int32Array(n),
    savedMask: new Int32Array(n),
    stackArgBytes: new Int32Array(n),
    prologueBytes: new Int32Array(n),
  };
  for (const p of placed) {
    const f = p.symbol;
    if (f >= n) continue;
    columns.codeOffset[f] = p.offset;
    columns.codeBytes[f] = p.code.bytes.length;
    columns.frameBytes[f] = p.frame.frameBytes;
    columns.savedMask[f] = p.frame.savedMask;
    columns.stackArgBytes[f] = p.frame.stackArgBytes;
    columns.prologueBytes[f] = p.frame.prologueBytes;
  }
  return columns;
}
