// One function of a module from wasm bytes to machine code: translate, optimise, lower, allocate, emit.
// The unit of work of the main thread and of each worker: made once, it compiles any number of functions with one
// set of buffers. The same function gives the same code whatever was compiled before.
import type { PassTimes } from './compile_times.ts';
import type { ModuleLayout } from './frontend/layout.ts';
import type { Module } from './frontend/module.ts';
import { Translator } from './frontend/translate.ts';
import { Func } from './ir/func.ts';
import { assertValid } from './ir/verifier.ts';
import type { CompiledFunction, FunctionCompiler } from './isa/contract.ts';
import { Optimiser, PASSES } from './opt/pipeline.ts';
import type { CompileOptions } from './options.ts';

export class FunctionPipeline {
  private readonly func = new Func();
  private readonly optimiser = new Optimiser();
  private readonly translator: Translator;
  private readonly layout: ModuleLayout;
  private readonly compiler: FunctionCompiler;
  private readonly options: CompileOptions;
  private readonly verify: boolean;
  private readonly times: PassTimes | null;

  /** `verify`: the IR verifier runs after translation and after every pass. `times`: passes are timed. */
  constructor(
    module: Module,
    layout: ModuleLayout,
    compiler: FunctionCompiler,
    options: CompileOptions,
    verify: boolean,
    times: PassTimes | null,
  ) {
    this.translator = new Translator(module, layout);
    this.layout = layout;
    this.compiler = compiler;
    this.options = options;
    this.verify = verify;
    this.times = times;
    this.optimiser.timing = times !== null;
  }

  /** Compiles function `index`. Throws WasmError if its body is invalid. */
  compile(index: number): CompiledFunction {
    const { compiler, times } = this;
    const func = this.optimised(index);
    return times === null
      ? compiler.compileFunction(func)
      : times.timeBackEnd(() => compiler.compileFunction(func));
  }

  /** The function's IR as the back end gets it, valid until the next call. */
  optimised(index: number): Func {
    const { func, layout, options, verify } = this;
    if (this.times === null) this.translator.translate(index, func);
    else this.times.time('translate', () => this.translator.translate(index, func));
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

  /** Adds the times of the optimiser's passes so far. */
  reportOptimiser(times: PassTimes): void {
    PASSES.forEach((pass, k) => times.add(`opt ${pass.name}`, this.optimiser.nanoseconds[k] / 1e6));
  }
}
