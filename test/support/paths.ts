// Where things are, for tests: they run as bundles below build/test, so paths are found from the package root.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

function findRoot(): string {
  let dir = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(dir, 'package.json'))) dir = path.dirname(dir);
  return dir;
}

/** Absolute path of the project's root folder. */
export const root = findRoot();
/** Absolute path of a file of the project, given relative to its root. */
export const fromRoot = (...parts: string[]): string => path.join(root, ...parts);
