// One function of a module from wasm bytes to machine code: translate, optimise, lower, allocate, emit.
// The unit of work of the main thread and of each worker: made once, it compiles any number of functions with one
// set of buffers. The same function gives the same code whatever was compiled before.
import type { ModuleLayout } from './frontend/layout.ts';
import type { Module } from './frontend/module.ts';
import { Translator } from './frontend/translate.ts';
import { Func } from './ir/func.ts';
import type { CompiledFunction, FunctionCompiler } from './isa/contract.ts';
import type { CompileOptions } from './options.ts';

export class FunctionPipeline {
  private readonly func = new Func();
  private readonly translator: Translator;
  readonly compiler: FunctionCompiler;
  private readonly options: CompileOptions;

  constructor(module: Module, layout: ModuleLayout, compiler: FunctionCompiler, options: CompileOptions) {
    this.translator = new Translator(module, layout);
    this.compiler = compiler;
    this.options = options;
  }

  /** Compiles function `index`. Throws WasmError if its body is invalid. */
  compile(index: number): CompiledFunction {
    return this.compiler.compileFunction(this.optimised(index));
  }

  /** The function's IR as the back end gets it, valid until the next call. */
  optimised(index: number): Func {
    this.translator.translate(index, this.func);
    return this.func;
  }
}
