// What the pipeline (src/compile.ts) is asked to do, as plain data: the command fills it from its options, tests and
// the benchmark fill it by hand, workers receive it by structured clone. A leaf: it imports nothing.
// Invariant: everything here may change the object, so all of it enters the cache keys; nothing else does.

/** Instruction set of the code. */
export type Isa = 'x86_64' | 'aarch64';
/** Operating system with its C library: decides the object format (`macos`: Mach-O, else ELF) and the link. */
export type Os = 'linux' | 'linux-musl' | 'macos';

export interface Target {
  readonly isa: Isa;
  readonly os: Os;
}

/** One setting baked into the header's `config` list; the stub reads it at start. Order is kept. */
export interface ConfigPair {
  /** What runtime-stub/options.c knows: `dir` (HOST::GUEST), `env` (NAME=VALUE, or NAME to pass through), `inherit-env`, `fixed-grants`, `stack-size`, `max-memory`, `max-table-elements`. */
  readonly key: string;
  readonly value: string;
}

/** Switches that make rare paths reachable with small inputs, or bisect a fault (`--x-...`; docs/stress-options.md). */
export interface StressOptions {
  /** Bytes of unused code space behind every function. */
  readonly padFunctions: number;
  /** Bytes of unused code space behind every block. */
  readonly padBlocks: number;
  /** Fixup kind (its name in the ISA's table) -> number of bits that its displacement is taken to have. */
  readonly reach: Readonly<Record<string, number>>;
  /** Every fixup that can take a veneer takes one. */
  readonly forceVeneers: boolean;
  /** Seed of a random order of functions and of random paddings between them; 0: none. */
  readonly layoutSeed: number;
  /** Registers of each class that the allocator may use; 0 for all. */
  readonly regs: number;
  /** Optimisations that may still happen; -1 for all. */
  readonly optFuel: number;
  /** Functions (index space, imports counted) that are optimised: first and last inclusive; last -1 for all. */
  readonly optFuncFirst: number;
  readonly optFuncLast: number;
}

export interface CompileOptions {
  /** Module name; symbols take `mangle(name)` as MOD. */
  readonly name: string;
  readonly target: Target;
  /** `-march` level, e.g. `x86-64-v3`; '' for the baseline of the ISA. */
  readonly march: string;
  readonly optLevel: 0 | 2;
  /** How memory 0 is kept in bounds: by reserved address space, or by compares. */
  readonly bounds: 'guard' | 'checked';
  readonly memoryBase: 'register' | 'gs';
  /** Landing pads at all targets of indirect branches (x86_64 endbr64, aarch64 bti), and the note that says so. */
  readonly landingPads: boolean;
  /** aarch64: return addresses are signed while they lie on the stack, and the note says so. */
  readonly signReturns: boolean;
  /**
   * `link`: imported functions are undefined C symbols `MODULE__FIELD`, resolved by the linker.
   * `instantiate`: nothing undefined, every import is provided to `w2n_instantiate`.
   */
  readonly imports: 'link' | 'instantiate';
  /** Also define `w2n_main_module`, the name that the stub's `main` asks for. */
  readonly mainModule: boolean;
  /** Export thunks `w2n_MOD__NAME` for C callers. */
  readonly exportThunks: boolean;
  readonly config: readonly ConfigPair[];
  readonly stress: StressOptions;
}

/** No stress: what a build without `--x-` options uses. */
export const NO_STRESS: StressOptions = {
  padFunctions: 0,
  padBlocks: 0,
  reach: {},
  forceVeneers: false,
  layoutSeed: 0,
  regs: 0,
  optFuel: -1,
  optFuncFirst: 0,
  optFuncLast: -1,
};

/** Defaults for `target`: what `wasm2native app.wasm` compiles with. */
export function defaultOptions(name: string, target: Target): CompileOptions {
  return {
    name,
    target,
    march: '',
    optLevel: 2,
    bounds: 'guard',
    memoryBase: 'register',
    landingPads: false,
    signReturns: false,
    imports: 'link',
    mainModule: true,
    exportThunks: false,
    config: [],
    stress: NO_STRESS,
  };
}
