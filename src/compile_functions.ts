// One function of a module from wasm bytes to machine code: translate, optimise, lower, allocate, emit.
// The unit of work of the main thread and of each worker: made once, it compiles any number of functions with one
// set of buffers. The same function gives the same code whatever was compiled before.
import type { ModuleLayout } from './frontend/layout.ts';
import type { Module } from './frontend/module.ts';
import { Translator } from './frontend/translate.ts';
import { Func } from './ir/func.ts';
import { assertValid } from './ir/verifier.ts';
import type { CompiledFunction, FunctionCompiler } from './isa/contract.ts';
import { Optimiser } from './opt/pipeline.ts';
import type { CompileOptions } from './options.ts';

export class FunctionPipeline {
  private readonly func = new Func();
  private readonly optimiser = new Optimiser();
  private readonly translator: Translator;
  private readonly layout: ModuleLayout;
  private readonly compiler: FunctionCompiler;
  private readonly options: CompileOptions;
  private readonly verify: boolean;

  /** `verify`: the IR verifier runs after translation and after every pass. */
  constructor(
    module: Module,
    layout: ModuleLayout,
    compiler: FunctionCompiler,
    options: CompileOptions,
    verify: boolean,
  ) {
    this.translator = new Translator(module, layout);
    this.layout = layout;
    this.compiler = compiler;
    this.options = options;
    this.verify = verify;
  }

  /** Compiles function `index`. Throws WasmError if its body is invalid. */
  compile(index: number): CompiledFunction {
    return this.compiler.compileFunction(this.optimised(index));
  }

  /** The function's IR as the back end gets it, valid until the next call. */
  optimised(index: number): Func {
    const { func, layout, options, verify } = this;
    this.translator.translate(index, func);
    if (verify) assertValid(func, layout.signatures, 'translation');
    const { optFuel, optFuncFirst, optFuncLast } = options.stress;
    const selected = index >= optFuncFirst && (optFuncLast < 0 || index <= optFuncLast);
    this.optimiser.run(func, layout.signatures, {
      level: selected ? options.optLevel : 0,
      fuel: optFuel < 0 ? Infinity : optFuel,
      verify,
    });
    return func;
  }
}
