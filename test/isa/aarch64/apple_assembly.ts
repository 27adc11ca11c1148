// C as clang compiles it for macOS on aarch64, as assembly for an ELF target: the code is the same, instruction by
// instruction, and so is its calling convention; names, relocations and sections are written in ELF's way. So macOS's
// variant of the convention can be executed on Linux. Input: freestanding C; output: GNU assembly.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const FLAGS = [
  ...['--target=arm64-apple-macos11', '-O1', '-S', '-x', 'c', '-', '-o', '-'],
  ...[
    '-ffreestanding',
    '-fno-builtin',
    '-fno-stack-protector',
    '-fno-verbose-asm',
    '-fno-asynchronous-unwind-tables',
  ],
  ...['-Wall', '-Wextra', '-Werror', '-mllvm', '-aarch64-neon-syntax=generic'],
];

/** Directives that say nothing about the code. */
const DROPPED = /^\s*\.(build_version|subsections_via_symbols|loh|cfi_\w+|private_extern)\b/;

export function appleAssembly(source: string): string {
  const made = spawnSync('clang-19', FLAGS, { input: source, encoding: 'utf8', maxBuffer: 1 << 26 });
  assert.equal(made.status, 0, made.error?.message ?? made.stderr.slice(0, 3000));
  const lines = made.stdout
    .replace(/;.*$/gm, '')
    .split('\n')
    .filter((line) => !DROPPED.test(line))
    .map(elfLine);
  return `${lines.join('\n')}\n.section .note.GNU-stack,"",%progbits\n`;
}

function elfLine(line: string): string {
  const section = /^\s*\.section\s+__(\w+),(\w+)/.exec(line);
  if (section !== null) {
    const [, segment, name] = section;
    if (name === '__text') return '.text';
    return segment === 'TEXT' ? '.section .rodata' : '.data';
  }
  const zero = /^\s*\.zerofill\s+\w+,\w+,([\w.$]+),(\d+)(?:,(\d+))?/.exec(line);
  if (zero !== null) return `.bss\n.p2align ${zero[3] ?? '0'}\n${cName(zero[1])}: .zero ${zero[2]}\n.text`;
  return line
    .replace(/([\w.$]+)@GOTPAGEOFF\b/g, ':got_lo12:$1')
    .replace(/([\w.$]+)@GOTPAGE\b/g, ':got:$1')
    .replace(/([\w.$]+)@PAGEOFF\b/g, ':lo12:$1')
    .replace(/([\w.$]+)@PAGE\b/g, '$1')
    .replace(/(?<![\w.$])_\w+/g, cName);
}

/** Mach-O's names of C objects have an underscore in front. */
const cName = (name: string): string => name.replace(/^_/, '');
