// `--march` for the C code of a program: the stub's and the user's files are compiled for the level that the module is. The
// stub's check of the processor runs before any of that: the files in BEFORE_CHECK are compiled for every processor.
import type { Target } from '../options.ts';
import type { Compiler } from './cc.ts';
import { isZig } from './cc.ts';

/** Sources of the stub that run before the check and in it (main.c, to where it refuses). */
export const BEFORE_CHECK: ReadonlySet<string> = new Set(['main.c', 'cpu.c', 'write.c']);

/** Names of `--march` that C compilers call otherwise. */
const X64_NAMES: Readonly<Record<string, string>> = { bmi1: 'bmi' };
/** The last level whose name all compilers of the last years know (gcc 10, clang 11). */
const MOST_ARM = 6;

/**
 * Options of `compiler` for `march`, which the back end knows to be valid. None for macOS on aarch64: C is compiled there
 * for the first Apple processors, the least that there is.
 */
export function levelFlags(compiler: Compiler, { isa, os }: Target, march: string): string[] {
  if (isa === 'aarch64') {
    const level = Math.min(MOST_ARM, Number(/^armv8\.(\d)-a$/.exec(march)?.[1] ?? 0));
    if (level === 0 || os === 'macos') return [];
    return [isZig(compiler) ? `-mcpu=generic+v8_${level}a` : `-march=armv8.${level}-a`];
  }
  const words = march.split(',').filter((word) => word !== '');
  const base = words.filter((word) => word.startsWith('x86-64')).at(-1) ?? 'x86-64';
  const extra = words.filter((word) => !word.startsWith('x86-64')).map((word) => X64_NAMES[word] ?? word);
  if (isZig(compiler)) {
    const cpu = [base, ...extra].map((word) => word.replace(/[-.]/g, '_')).join('+');
    return words.length === 0 ? [] : [`-mcpu=${cpu}`];
  }
  return [...(base === 'x86-64' ? [] : [`-march=${base}`]), ...extra.map((word) => `-m${word}`)];
}
