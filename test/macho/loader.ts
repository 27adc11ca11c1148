// Builds the loader that runs executables for macOS on Linux (linux/load.c).
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { output } from '../support/command.ts';
import { need, skipBecause } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

/** Builds it into `folder` and gives the command, to be followed by the program and its arguments. */
export function macLoader(
  context: Mocha.Context,
  isa: 'x86_64' | 'aarch64',
  folder: string,
): readonly [string, ...string[]] {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    skipBecause(context, 'the loader is built for x86_64 Linux and for qemu there');
  need(context, ...(isa === 'x86_64' ? ['gcc'] : ['aarch64-linux-gnu-gcc', 'qemu-aarch64']));
  const loader = path.join(folder, 'load');
  const sources = fromRoot('test/macho/linux');
  const files = readdirSync(sources).filter((file) => file.endsWith('.c'));
  const cc: readonly [string, ...string[]] =
    isa === 'x86_64' ? ['gcc'] : ['aarch64-linux-gnu-gcc', '-static'];
  const flags = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror'];
  const inputs = files.map((file) => path.join(sources, file));
  assert.equal(output(cc[0], ...cc.slice(1), ...flags, ...inputs, '-o', loader), '');
  return isa === 'x86_64' ? [loader] : ['qemu-aarch64', loader];
}
