// What a test needs from the machine. `need(this, 'clang-19')` at the start of a test or of a `before` hook goes on if
// every tool is there; else the test (or the suite of the hook) is skipped, its reason printed and counted, or fails
// under WASM2NATIVE_TEST_ALL=1, which continuous integration sets.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { hostTarget } from '../../src/cli/target.ts';
import type { Isa } from '../../src/options.ts';

/** Tool -> how to get it on Debian. */
const PACKAGES: Readonly<Record<string, string>> = {
  'clang-19': 'clang-19',
  'ld.lld-19': 'lld-19',
  'llvm-readobj-19': 'llvm-19',
  'llvm-objcopy-19': 'llvm-19',
  'llvm-objdump-19': 'llvm-19',
  'llvm-mc-19': 'llvm-19',
  'llvm-nm-19': 'llvm-19',
  'llvm-otool-19': 'llvm-19',
  'ld64.lld-19': 'lld-19',
  'wasm-ld-19': 'lld-19',
  make: 'make',
  'wasm-opt': 'binaryen',
  wat2wasm: 'wabt',
  wasm2c: 'wabt',
  'wasm-objdump': 'wabt',
  cc: 'gcc libc6-dev',
  'c++': 'g++',
  gcc: 'gcc libc6-dev',
  as: 'binutils',
  ld: 'binutils',
  readelf: 'binutils',
  objdump: 'binutils',
  'musl-gcc': 'musl-tools',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
  'aarch64-linux-gnu-ld': 'binutils-aarch64-linux-gnu',
  'aarch64-linux-gnu-objdump': 'binutils-aarch64-linux-gnu',
  'qemu-aarch64': 'qemu-user',
  'qemu-x86_64': 'qemu-user',
  strace: 'strace',
  script: 'bsdutils',
  gdb: 'gdb',
  perf: 'linux-perf',
  valgrind: 'valgrind',
  go: 'golang-go',
  rustc: 'rustc libstd-rust-dev-wasm32',
};

/** Whether `tool` is a program on PATH (or a path of one). */
export function has(tool: string): boolean {
  const dirs = tool.includes('/') ? [''] : (process.env.PATH ?? '').split(':');
  return dirs.some((dir) => {
    try {
      accessSync(path.join(dir, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const reasonsKey = Symbol.for('wasm2native.skip-reasons');
type Reasons = WeakMap<object, string>;
const holder = globalThis as typeof globalThis & { [reasonsKey]?: Reasons };
const reasons: Reasons = (holder[reasonsKey] ??= new WeakMap<object, string>());

function subject(context: Mocha.Context): object {
  const runnable: (Mocha.Runnable & { type?: string }) | undefined = context.test;
  if (runnable === undefined) throw new Error('need() is called outside a test and outside a hook');
  if (runnable.type !== 'hook') return runnable;
  const isEach = runnable.title.startsWith('"before each"');
  return (isEach ? context.currentTest : runnable.parent) ?? runnable;
}

/** Skips the test or the hook's suite for `reason`; fails instead under WASM2NATIVE_TEST_ALL=1. */
export function skipBecause(context: Mocha.Context, reason: string): never {
  if (process.env.WASM2NATIVE_TEST_ALL === '1')
    throw new Error(`${reason} (WASM2NATIVE_TEST_ALL=1: a skip is a failure)`);
  reasons.set(subject(context), reason);
  context.skip();
}

/** Goes on if all of `tools` are programs on PATH; else skips, telling what is missing and how to get it. */
export function need(context: Mocha.Context, ...tools: string[]): void {
  const missing = tools.filter((tool) => !has(tool));
  if (missing.length === 0) return;
  const packages = missing.map((tool) => PACKAGES[tool] ?? tool).join(' ');
  skipBecause(context, `no ${missing.join(', ')} (Debian: apt-get install ${packages})`);
}

/** Whether code of `isa` runs here without an emulator. */
export const isOwnIsa = (isa: Isa): boolean => isa === hostTarget().isa;

/** Goes on if programs for `isa` can be built and run here: this machine's own, or by a cross compiler and qemu. */
export function needIsa(context: Mocha.Context, isa: Isa): void {
  if (isOwnIsa(isa)) need(context, 'cc');
  else need(context, `${isa}-linux-gnu-gcc`, `qemu-${isa}`);
}
