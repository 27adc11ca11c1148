// zig, from PyPI's package `ziglang`, for tests that cross-compile: a C compiler with the libraries of many targets.
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { pythonPackage } from '../programs/sources.ts';
import { need } from './need.ts';
import { fromRoot } from './paths.ts';

const VERSION = '0.17.1';

/** Folder of the package `ziglang`, with the program `zig` and the folder `lib`. */
export function zigFolder(context: Mocha.Context): string {
  need(context, 'python3');
  const folder = path.join(pythonPackage('ziglang', VERSION), 'ziglang');
  chmodSync(path.join(folder, 'zig'), 0o755); // unpacking forgets it
  return folder;
}

/** Environment in which `python3 -m ziglang` works, keeping what it builds of its libraries. */
export function zigEnvironment(context: Mocha.Context): NodeJS.ProcessEnv {
  return {
    PYTHONPATH: path.dirname(zigFolder(context)),
    ZIG_GLOBAL_CACHE_DIR: fromRoot('build/programs/zig-cache'),
  };
}
