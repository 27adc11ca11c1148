// The runtime stub as an archive: runtime-stub/*.c compiled once for each compiler, target, version and flags, each
// function in a section of its own, kept in the cache.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeArchive } from '../elf/archive.ts';
import type { Target } from '../options.ts';
import type { Cache } from './cache.ts';
import { digest } from './cache.ts';
import type { Compiler } from './cc.ts';
import { runCompiler } from './cc.ts';
import { UserError } from './diagnostics.ts';
import { BEFORE_CHECK, levelFlags } from './level.ts';
import { targetName } from './target.ts';

/** Flags of the stub's own; the user's come behind. -fPIC serves executables of each kind and shared libraries. */
const STUB_FLAGS = ['-std=c11', '-Os', '-fPIC', '-ffunction-sections', '-fdata-sections', '-pthread'];
const PARALLEL = 2;

/** Folder of the stub's sources and of wasm2native.h: beside the bundle's folder. */
export function stubFolder(): string {
  const here = path.dirname(fileURLToPath(import.meta.url));
  for (let dir = here; dir !== path.dirname(dir); dir = path.dirname(dir)) {
    const folder = path.join(dir, 'runtime-stub');
    if (existsSync(path.join(folder, 'wasm2native.h'))) return folder;
  }
  throw new UserError(`the folder runtime-stub is missing from the installation above ${here}`);
}

export interface Stub {
  /** Files for the link: one archive on ELF, all objects on Mach-O. */
  readonly files: readonly string[];
  /** All objects, by source name without `.c`. */
  readonly objects: ReadonlyMap<string, string>;
  /** What the stub was made from, for the keys of what is made from it. */
  readonly key: string;
}

/** The compiled stub for `target` and the level `march`, made if the cache has none. */
export async function prepareStub(
  cache: Cache,
  compiler: Compiler,
  identity: string,
  target: Target,
  march: string,
  cflags: readonly string[],
): Promise<Stub> {
  const folder = stubFolder();
  const names = readdirSync(folder).filter((name) => /\.[ch]$/.test(name));
  names.sort();
  const sources = names.filter((name) => name.endsWith('.c'));
  const level = levelFlags(compiler, target, march);
  const flagsOf = (source: string): readonly string[] => [
    ...STUB_FLAGS,
    ...(BEFORE_CHECK.has(source) ? [] : level),
    ...cflags,
  ];
  const contents = names.flatMap((name) => [name, readFileSync(path.join(folder, name))]);
  const key = digest([identity, targetName(target), ...flagsOf(''), ...contents]);
  const isMachO = target.os === 'macos';
  const entry = await cache.entry('stub', key, async (into) => {
    // Not shown by --verbose: these commands write where the cache is being filled, and cannot be pasted.
    const quiet = { ...compiler, verbose: false };
    const queue = [...sources];
    const work = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        const object = path.join(into, objectName(name));
        await runCompiler(quiet, [...flagsOf(name), '-c', path.join(folder, name), '-o', object]);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    if (isMachO) return;
    const members = sources.map((name) => ({
      name: objectName(name),
      bytes: readFileSync(path.join(into, objectName(name))),
    }));
    writeFileSync(path.join(into, 'libw2nstub.a'), writeArchive(members));
  });
  const objects = new Map(
    sources.map((name) => [name.replace(/\.c$/, ''), path.join(entry, objectName(name))]),
  );
  return { files: isMachO ? [...objects.values()] : [path.join(entry, 'libw2nstub.a')], objects, key };
}

function objectName(source: string): string {
  return `w2n_${source.replace(/\.c$/, '.o')}`;
}
