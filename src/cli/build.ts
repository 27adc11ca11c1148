// `wasm2native [build]`: from inputs to one output file. The output appears whole or not at all.
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { importSymbol } from '../abi/mangle.ts';
import { compile, compileToAsm, compileToIr } from '../compile.ts';
import { compileParallel } from '../compile_parallel.ts';
import { PassTimes } from '../compile_times.ts';
import { writeArchive } from '../elf/archive.ts';
import { textSectionName, writeElf } from '../elf/writer.ts';
import type { ObjectFile } from '../emit/object_file.ts';
import { SectionRole } from '../emit/object_file.ts';
import { decodeModule } from '../frontend/decode.ts';
import { WasmError } from '../frontend/errors.ts';
import type { Module } from '../frontend/module.ts';
import { ExternKind } from '../frontend/module.ts';
import { writeMachO } from '../macho/writer.ts';
import type { CompileOptions, Isa } from '../options.ts';
import type { FileImage } from '../support/file_image.ts';
import type { Emit, Request } from './arguments.ts';
import { moduleName } from './arguments.ts';
import { openCache } from './cache.ts';
import type { Cache } from './cache.ts';
import type { Compiler } from './cc.ts';
import { compilerIdentity, isZig, runCompiler } from './cc.ts';
import type { ErrorContext } from './diagnostics.ts';
import { describeWasmError, UsageError, UserError } from './diagnostics.ts';
import { findCompiler } from './find_compiler.ts';
import { levelFlags } from './level.ts';
import type { Inputs } from './inputs.ts';
import { readInputs } from './inputs.ts';
import { besideOf, keep, moveInto, temporaryFolder, writeAtomically } from './output.ts';
import { Phases } from './phases.ts';
import { Progress } from './progress.ts';
import type { Stub } from './stub.ts';
import { prepareStub, stubFolder } from './stub.ts';

/** Where run 0 of the text is placed when more than one run must keep its distance; above any executable's own base. */
const TEXT_BASE = 0x10000000;

/** Files of the stub that libraries go without. */
const ONLY_IN_EXECUTABLES: ReadonlySet<string> = new Set(['main', 'invoke']);

/** A file name as an argument that is no option. */
const asArgument = (file: string): string => (file.startsWith('-') ? `./${file}` : file);

export async function build(request: Request, context: ErrorContext): Promise<void> {
  const inputs = readInputs(request.files);
  const output = outputFile(request, inputs);
  const phases = new Phases(request.timePasses);
  if (inputs.wasm === null && request.emit !== 'exe' && request.emit !== 'shared')
    throw new UsageError(`--emit ${request.emit} needs a WebAssembly module among the inputs`);
  if (request.emit === 'header' || request.emit === 'ir' || request.emit === 'asm') {
    const text = await (request.emit === 'header' ? headerText(request, inputs) : listing(request, inputs));
    writeAtomically(output, (fd) => writeFileSync(fd, text));
    return;
  }
  if (request.emit === 'obj') {
    const image = (await compileInput(request, inputs, context, phases)).image;
    phases.time('write', () => writeAtomically(output, (fd) => image.writeTo(fd)));
    phases.print();
    return;
  }
  const cache = openCache(request.cacheFolder, request.noCache);
  const builder = new Linker(request, cache);
  if (request.emit === 'static-lib') await builder.archive(inputs, output, context, phases);
  else await builder.link(inputs, output, context, phases);
  phases.print();
}

function baseName(request: Request, inputs: Inputs): string {
  return moduleName(inputs.wasm?.file ?? request.files[0]).replace(
    inputs.wasm === null ? /\.[^.]+$/ : /$^/,
    '',
  );
}

function outputFile(request: Request, inputs: Inputs): string {
  const base = baseName(request, inputs);
  const shared = request.compile.target.os === 'macos' ? '.dylib' : '.so';
  const names: Readonly<Record<Emit, string>> = {
    exe: base,
    obj: `${base}.o`,
    asm: `${base}.asm`,
    ir: `${base}.ir`,
    header: `${base}.h`,
    shared: `lib${base}${shared}`,
    'static-lib': `lib${base}.a`,
  };
  const output = request.output ?? names[request.emit];
  if (existsSync(output)) {
    if (statSync(output).isDirectory()) throw new UserError(`${output}: is a directory; -o names the output`);
    const real = realpathSync(output);
    const same = request.files.find((file) => realpathSync(file) === real);
    if (same !== undefined)
      throw new UsageError(`the output ${output} would replace the input; -o names another`);
  }
  return output;
}

async function headerText(request: Request, inputs: Inputs): Promise<string> {
  const { moduleHeader } = await import('./header.ts');
  const { file, bytes } = moduleInput(inputs);
  const module = await explained(file, () => decodeModule(bytes));
  return moduleHeader(module, request.name ?? moduleName(file));
}

/** The text of `--emit ir` and `--emit asm`. */
function listing(request: Request, inputs: Inputs): Promise<string> {
  const { file, bytes } = moduleInput(inputs);
  const compileToText = request.emit === 'ir' ? compileToIr : compileToAsm;
  return explained(file, () => compileToText(bytes, compileOptions(request, inputs)));
}

function moduleInput(inputs: Inputs): NonNullable<Inputs['wasm']> {
  if (inputs.wasm === null) throw new UsageError('no WebAssembly module among the inputs');
  return inputs.wasm;
}

/** Runs `work`; a fault of the module becomes the user's error. */
async function explained<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WasmError) throw describeWasmError(file, error);
    throw error;
  }
}

interface Compiled {
  readonly object: ObjectFile;
  readonly image: FileImage;
}

function compileOptions(request: Request, inputs: Inputs): CompileOptions {
  const isAlone = request.emit === 'exe' && inputs.others.length === 0;
  return {
    ...request.compile,
    name: request.name ?? baseName(request, inputs),
    mainModule: request.emit === 'exe',
    exportThunks: !isAlone,
  };
}

async function compileInput(
  request: Request,
  inputs: Inputs,
  context: ErrorContext,
  phases: Phases,
): Promise<Compiled> {
  const { file, bytes } = moduleInput(inputs);
  context.file = file;
  const progress = new Progress();
  const options = compileOptions(request, inputs);
  try {
    const hooks = { progress: (done: number, total: number) => progress.update(done, total) };
    const object = phases.isWanted
      ? await compileTimed(file, bytes, options, phases)
      : await phases.timeAsync('compile', () =>
          explained(file, () => compileParallel(bytes, options, launcher, hooks)),
        );
    const { isa, os } = options.target;
    const image = os === 'macos' ? machO(file, object, isa) : writeElf(object, isa);
    if (request.stats) printStats(file, bytes, object, image);
    return { object, image };
  } finally {
    progress.stop();
  }
}

/** Offsets in a Mach-O object have 32 bits, and all runs of the text lie in one section: paddings can be too much. */
function machO(file: string, object: ObjectFile, isa: Isa): FileImage {
  try {
    return writeMachO(object, isa);
  } catch (error) {
    throw error instanceof RangeError ? new UserError(`${file}: ${error.message}`) : error;
  }
}

/** What compile threads are started from, as seen from the bundle. */
const launcher = new URL('../bin/wasm2native', import.meta.url);

/** Compiles on one thread, where the passes can be told apart. */
async function compileTimed(
  file: string,
  bytes: Uint8Array,
  options: CompileOptions,
  phases: Phases,
): Promise<ObjectFile> {
  const times = new PassTimes();
  const object = await explained(file, () => compile(bytes, options, { times }));
  for (const [name, ms] of times.entries()) phases.add(name, ms);
  return object;
}

function printStats(file: string, bytes: Uint8Array, object: ObjectFile, image: FileImage): void {
  const text = object.sections.filter((section) => section.role === SectionRole.Text);
  const size = text.reduce((sum, section) => sum + section.size, 0);
  const lines = [
    `${file}: ${bytes.length} bytes`,
    `text: ${size} bytes in ${text.length} ${text.length === 1 ? 'run' : 'runs'}`,
    `symbols: ${object.symbols.length}, relocations: ${object.relocations.length}`,
    `object: ${image.length} bytes`,
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

/**
 * Links executables and libraries with one compiler and its stub. The stub is prepared from the start on: what the C
 * compiler says of itself, and its work where the cache has no stub, goes on while the module is compiled.
 */
export class Linker {
  private readonly request: Request;
  private readonly compiler: Compiler;
  private readonly prepared: Promise<Stub>;

  /** Throws UsageError or UserError where no compiler can be named; what goes wrong with it is told by what waits for it. */
  constructor(request: Request, cache: Cache) {
    const { target } = request.compile;
    if (request.isStatic && target.os === 'macos')
      throw new UsageError('--static: programs for macOS are linked with its libSystem.dylib');
    this.request = request;
    this.compiler = findCompiler(target, request.cc, request.verbose);
    this.prepared = this.prepare(cache);
    this.prepared.catch(() => undefined);
  }

  private async prepare(cache: Cache): Promise<Stub> {
    const { request, compiler } = this;
    const identity = await compilerIdentity(compiler);
    const flags = [...protectionFlags(request.compile), ...request.cflags];
    const { target, march } = request.compile;
    return prepareStub(cache, compiler, identity, target, march, flags);
  }

  /** Returns at once, or throws if the compiler cannot even be started: then nothing needs to be compiled. */
  private async requireStarted(): Promise<void> {
    await Promise.race([this.prepared, new Promise((resolve) => setImmediate(resolve))]);
  }

  /** Of everything that decides the linked file but the module: compiler, stub, flags. */
  async key(): Promise<string> {
    return (await this.prepared).key;
  }

  /** `--emit static-lib`: the module and the stub without its main. */
  async archive(inputs: Inputs, output: string, context: ErrorContext, phases: Phases): Promise<void> {
    if (this.request.compile.target.os === 'macos')
      throw new UserError('--emit static-lib is for ELF targets; on macOS use --emit obj');
    await this.requireStarted();
    const { image } = await compileInput(this.request, inputs, context, phases);
    const stub = await this.prepared;
    const name = moduleName(inputs.wasm?.file ?? output);
    const folder = temporaryFolder();
    const members = [{ name: `${name}.o`, bytes: Buffer.from(image.toBytes()) }];
    for (const file of inputs.others.filter((other) => !isLinkerInput(other))) {
      const object = path.join(folder, `${path.basename(file)}.o`);
      await runCompiler(this.compiler, [...this.cFlags(), '-fPIC', '-c', asArgument(file), '-o', object]);
      members.push({ name: path.basename(object), bytes: readFileSync(object) });
    }
    for (const [source, file] of stub.objects)
      if (!ONLY_IN_EXECUTABLES.has(source))
        members.push({ name: path.basename(file), bytes: readFileSync(file) });
    const bytes = writeArchive(members);
    writeAtomically(output, (fd) => {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    });
  }

  async link(inputs: Inputs, output: string, context: ErrorContext, phases: Phases): Promise<void> {
    const files: string[] = [];
    let module: Module | null = null;
    let placement: string[] = [];
    await this.requireStarted();
    if (inputs.wasm !== null) {
      const { file, bytes } = inputs.wasm;
      module = await explained(file, () => decodeModule(bytes));
      const isProgram = this.request.emit === 'exe' && inputs.others.length === 0;
      if (isProgram && this.request.invoke === undefined) requireStart(file, module);
      const { object, image } = await compileInput(this.request, inputs, context, phases);
      const folder = temporaryFolder();
      if (this.request.verbose) keep(folder); // the printed command names it
      placement = [...this.placement(object, folder), ...this.wantedByName()];
      const objectFile = path.join(folder, `${baseName(this.request, inputs).replace(/[^\w.-]/g, '_')}.o`);
      phases.time('write', () => writeAtomically(objectFile, (fd) => image.writeTo(fd)));
      files.push(objectFile);
    }
    files.push(...inputs.others.map(asArgument));
    const stub = await this.prepared;
    const made = besideOf(output);
    const command = (to: string): string[] => [
      ...this.cFlags(),
      ...this.linkFlags(output),
      ...placement,
      ...files,
      ...this.stubFiles(stub, inputs, module),
      '-pthread',
      ...this.request.ldflags,
      '-o',
      asArgument(to),
    ];
    const start = performance.now();
    try {
      await runCompiler(this.compiler, command(made), command(output));
    } catch (error) {
      throw module !== null && error instanceof UserError ? explainLink(error, inputs, module) : error;
    }
    phases.add('link', performance.now() - start);
    moveInto(made, output);
  }

  private cFlags(): string[] {
    const { target, march } = this.request.compile;
    return [
      ...['-O2', `-I${stubFolder()}`, ...levelFlags(this.compiler, target, march)],
      ...protectionFlags(this.request.compile),
      ...this.request.cflags,
    ];
  }

  private linkFlags(output: string): string[] {
    const flags: string[] = [];
    const isMac = this.request.compile.target.os === 'macos';
    if (this.request.emit === 'shared') {
      flags.push('-shared', '-fPIC');
      // The output is made beside its place, under another name.
      if (isMac) flags.push(`-Wl,-install_name,@rpath/${path.basename(output)}`);
    } else flags.push(isMac ? '-Wl,-dead_strip' : '-Wl,--gc-sections');
    if (this.request.isStatic) flags.push('-static');
    if (this.request.strip) flags.push(isMac ? '-Wl,-x' : '-s');
    return flags;
  }

  private stubFiles(stub: Stub, inputs: Inputs, module: Module | null): readonly string[] {
    const { emit, invoke, compile: options } = this.request;
    if (emit !== 'shared' && options.target.os !== 'macos') return stub.files;
    // A library exports the stub's functions, all but what belongs to an executable. Without an archive, what main
    // refers to weakly is there only if it is wanted, and main itself where there is a module to run.
    const isAlone = module !== null && inputs.others.length === 0;
    const hasWasi = !isAlone || this.wantsWasi(module);
    const isLeftOut = (name: string): boolean =>
      emit === 'shared'
        ? ONLY_IN_EXECUTABLES.has(name)
        : (name === 'invoke' && invoke === undefined) ||
          (name === 'main' && module === null) ||
          (name.startsWith('wasi_') && !hasWasi);
    return [...stub.objects].filter(([name]) => !isLeftOut(name)).map(([, file]) => file);
  }

  private wantsWasi(module: Module): boolean {
    return this.isLimited() || module.imports.some((entry) => isWasi(entry.module));
  }

  /** Limits of the process are set up with WASI, whatever the module imports. */
  private isLimited(): boolean {
    return this.request.compile.config.some(({ key }) => key === 'timeout' || key === 'seccomp');
  }

  /**
   * The stub's main refers weakly to the setup of WASI and to --invoke: whoever needs them from an archive asks by name,
   * but WASI functions bring their setup along.
   */
  private wantedByName(): string[] {
    if (this.request.compile.target.os === 'macos') return [];
    const names: string[] = [];
    if (this.request.emit === 'exe' && this.isLimited()) names.push('w2n_wasi_setup');
    if (this.request.invoke !== undefined) names.push('w2n_invoke');
    return names.map((name) => `-Wl,-u,${name}`);
  }

  private linksByLld(): boolean {
    const words = [...this.compiler.words, ...this.request.cflags, ...this.request.ldflags];
    return isZig(this.compiler) || words.some((word) => /^-fuse-ld=(.*\/)?(ld\.)?lld/.test(word));
  }

  /** Options that keep the runs of the text at their distances; a file that they name is written into `folder`. */
  private placement(object: ObjectFile, folder: string): string[] {
    const runs = object.sections.filter((section) => section.role === SectionRole.Text);
    if (runs.length < 2 || this.request.compile.target.os === 'macos') return [];
    const places = runs.map(
      (run) => [textSectionName(run.index), `0x${(TEXT_BASE + run.textOffset).toString(16)}`] as const,
    );
    if (!this.linksByLld()) return places.map(([name, at]) => `-Wl,--section-start=${name}=${at}`);
    // lld moves what stands behind a section that the option places, and zig refuses the option. By a script, GNU ld would
    // move what the script does not name.
    const script = path.join(folder, 'runs.ld');
    const lines = places.map(([name, at]) => `  ${name} ${at} : { *(${name}) }\n`);
    writeFileSync(script, `SECTIONS {\n${lines.join('')}} INSERT AFTER .bss;\n`);
    return ['-T', script];
  }
}

/** What makes C code carry the same protection as ours. */
function protectionFlags({ landingPads, signReturns, target }: Request['compile']): string[] {
  if (!landingPads && !signReturns) return [];
  if (target.isa === 'x86_64') return ['-fcf-protection=branch'];
  return [`-mbranch-protection=${!signReturns ? 'bti' : landingPads ? 'standard' : 'pac-ret'}`];
}

function isLinkerInput(file: string): boolean {
  return !/\.(c|i|s|S)$/.test(file);
}

const isWasi = (module: string): boolean => module === 'wasi_snapshot_preview1' || module === 'wasi_unstable';

/** An executable runs `_start` or `_initialize`; a module without them needs a C file with main. */
function requireStart(file: string, module: Module): void {
  const has = (name: string): boolean =>
    module.exports.some((entry) => entry.kind === ExternKind.Func && entry.name === name);
  if (has('_start') || has('_initialize')) return;
  throw new UserError(
    `${file}: exports neither _start nor _initialize: add a C file with main, call an export with run --invoke, or make an object with --emit obj`,
  );
}

/** Says which imports of the module nobody defines, if that is why the link failed. */
function explainLink(error: UserError, inputs: Inputs, module: Module): UserError {
  const missing = new Set<string>();
  for (const match of error.detail.matchAll(/(?:undefined (?:reference to|symbol:) |^ *")[`'"]?_?(\w+)/gm))
    missing.add(match[1]);
  const imports = module.imports.filter(
    (entry) => entry.kind === ExternKind.Func && missing.has(importSymbol(entry.module, entry.name)),
  );
  if (imports.length === 0) return error;
  const names = imports.map(
    (entry) =>
      `${JSON.stringify(entry.module)} ${JSON.stringify(entry.name)} (C function ${importSymbol(entry.module, entry.name)})`,
  );
  const [first] = imports;
  return new UserError(
    `${inputs.wasm?.file ?? ''}: byte ${first.offset} (0x${first.offset.toString(16)}): unresolved import ${names.join(', ')}: no input defines it`,
  );
}
