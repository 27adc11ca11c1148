// The C compiler for a target: --cc, CC for this machine's own target, or the first one found that makes programs for the
// target: the system's own cross compiler, zig (a program, or the Python package `ziglang`), clang where it finds the
// target's C library. Only looked for, never run on sources: a compiler that fails tells why itself.
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { Target } from '../options.ts';
import type { Compiler } from './cc.ts';
import { UserError } from './diagnostics.ts';
import { hostTarget, targetName } from './target.ts';

/** clang and the names that distributions give to its versions, newest first. */
const CLANGS = ['clang', ...[22, 21, 20, 19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`)];

/** The compiler for `target`; `chosen` is --cc. Throws UserError with what to install if there is none. */
export function findCompiler(
  target: Target,
  chosen: readonly string[] | undefined,
  verbose: boolean,
): Compiler {
  const [program, ...rest] = chosen ?? defaultCompiler(target);
  if (program === undefined) throw new UserError('--cc is empty');
  return { words: [program, ...rest], verbose };
}

function defaultCompiler(target: Target): readonly string[] {
  const host = hostTarget();
  const isHostIsa = target.isa === host.isa;
  if (target.os === host.os) {
    if (target.os === 'macos') return ['cc', '-arch', target.isa === 'aarch64' ? 'arm64' : 'x86_64'];
    if (isHostIsa) {
      const own = process.env.CC;
      return own === undefined || own.trim() === '' ? ['cc'] : own.trim().split(/\s+/);
    }
  }
  const found = systemCompiler(target, isHostIsa && host.os === 'linux') ?? zig(target) ?? crossClang(target);
  if (found !== undefined) return found;
  throw new UserError(
    `no C compiler for ${targetName(target)} found: ${advice(target, isHostIsa)}, or name one with --cc`,
  );
}

/** The compilers that systems install for one target. */
function systemCompiler(target: Target, isHostIsa: boolean): readonly string[] | undefined {
  const { isa, os } = target;
  if (os === 'macos') return undefined;
  const names =
    os === 'linux'
      ? [`${isa}-linux-gnu-gcc`, `${isa}-unknown-linux-gnu-gcc`]
      : [...(isHostIsa ? ['musl-gcc'] : []), `${isa}-linux-musl-gcc`, `${isa}-unknown-linux-musl-gcc`];
  const name = names.find(isOnPath);
  return name === undefined ? undefined : [name];
}

function zig(target: Target): readonly string[] | undefined {
  const abi = { linux: 'linux-gnu', 'linux-musl': 'linux-musl', macos: 'macos' }[target.os];
  const words = ['cc', '-target', `${target.isa}-${abi}`];
  if (isOnPath('zig')) return ['zig', ...words];
  const find = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("ziglang") is None)';
  return isOnPath('python3') && succeeds('python3', ['-c', find])
    ? ['python3', '-m', 'ziglang', ...words]
    : undefined;
}

/** clang makes code for every target, but links only where the target's C library is: its start file, or Apple's SDK. */
function crossClang(target: Target): readonly string[] | undefined {
  const clang = CLANGS.find(isOnPath);
  if (clang === undefined) return undefined;
  if (target.os === 'macos') {
    const sdk = process.env.SDKROOT;
    const triple = `${target.isa === 'aarch64' ? 'arm64' : 'x86_64'}-apple-macos11`;
    return sdk === undefined || sdk === '' ? undefined : [clang, `--target=${triple}`, '-fuse-ld=lld'];
  }
  // It takes glibc's files for musl's.
  if (target.os === 'linux-musl') return undefined;
  const words = [clang, `--target=${target.isa}-linux-gnu`];
  const start = printed(clang, [words[1], '-print-file-name=crt1.o']);
  // Without a path: not found.
  return start !== undefined && start.includes(`${target.isa}-linux-gnu`) ? words : undefined;
}

function advice(target: Target, isHostIsa: boolean): string {
  const zigAdvice = 'zig (pip install ziglang)';
  if (target.os === 'macos') return `install ${zigAdvice}`;
  const { isa } = target;
  if (target.os === 'linux')
    return `install ${isa}-linux-gnu-gcc (Debian: gcc-${debian(isa)}-linux-gnu) or ${zigAdvice}`;
  return isHostIsa
    ? `install musl-gcc (Debian: musl-tools) or ${zigAdvice}`
    : `install ${zigAdvice} or ${isa}-linux-musl-gcc`;
}

const debian = (isa: string): string => isa.replace('_', '-');

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const succeeds = (program: string, args: readonly string[]): boolean => printed(program, args) !== undefined;

/** What a program prints, undefined if it fails. */
function printed(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
