// The cache on disk: compiled stubs and, for `run`, finished executables, keyed by digests of everything that matters.
// Folder: --cache-dir, WASM2NATIVE_CACHE_DIR, XDG_CACHE_HOME/wasm2native, HOME/.cache/wasm2native, else a private one
// below TMPDIR; then v<VERSION>/KIND/DIGEST. A folder is used only if it is this user's and closed to others. Entries
// are folders that are filled beside their place and renamed: two builds at once both succeed, the first one stays.
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { temporaryFolder } from './output.ts';

declare const W2N_VERSION: string;
const PRIVATE_MODE = 0o700;

/** A digest, in hexadecimal, of parts; no two lists of parts join to the same bytes. */
export function digest(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    hash.update(`${bytes.length}:`).update(bytes);
  }
  return hash.digest('hex');
}

export interface Cache {
  /**
   * Folder of the entry, filled by `fill` if it is not there. `fill` gets an empty folder; if it throws, nothing
   * stays.
   */
  entry(kind: 'stub' | 'run', key: string, fill: (folder: string) => Promise<void>): Promise<string>;
}

/** No cache: each entry is made anew in a temporary folder. */
const noCache: Cache = {
  async entry(_kind, _key, fill) {
    const folder = temporaryFolder();
    await fill(folder);
    return folder;
  },
};

/** Opens the cache. `folder` is --cache-dir or undefined; without a usable folder nothing is kept. */
export function openCache(folder: string | undefined, isOff: boolean): Cache {
  if (isOff) return noCache;
  for (const candidate of candidates(folder)) {
    if (isUsable(candidate)) return new DiskCache(path.join(candidate, `v${W2N_VERSION}`));
  }
  return noCache;
}

function candidates(folder: string | undefined): string[] {
  const { WASM2NATIVE_CACHE_DIR: own, XDG_CACHE_HOME: xdg, HOME: home } = process.env;
  if (folder !== undefined) return [path.resolve(folder)];
  if (own !== undefined && own !== '') return [path.resolve(own)];
  const found: string[] = [];
  // The XDG base directory specification has relative paths ignored.
  if (xdg !== undefined && path.isAbsolute(xdg)) found.push(path.join(xdg, 'wasm2native'));
  else if (home !== undefined && path.isAbsolute(home)) found.push(path.join(home, '.cache', 'wasm2native'));
  found.push(path.join(tmpdir(), `wasm2native-${process.getuid?.() ?? 0}`));
  return found;
}

/** Makes the folder if need be; whether it is a folder of this user's that nobody else may enter, and writable. */
function isUsable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: PRIVATE_MODE });
    const stat = lstatSync(folder);
    if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) return false;
    rmSync(mkdtempSync(path.join(folder, 'probe-')), { recursive: true });
    return true;
  } catch {
    return false;
  }
}

class DiskCache implements Cache {
  private readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  async entry(kind: 'stub' | 'run', key: string, fill: (folder: string) => Promise<void>): Promise<string> {
    const parent = path.join(this.root, kind);
    const entry = path.join(parent, key);
    if (existsSync(entry)) return entry;
    mkdirSync(parent, { recursive: true, mode: PRIVATE_MODE });
    const made = mkdtempSync(path.join(parent, '.new-'));
    try {
      await fill(made);
      renameSync(made, entry);
    } catch (error) {
      rmSync(made, { recursive: true, force: true });
      // Another build was faster: its entry is as good.
      if (isTaken(error) && statSync(entry, { throwIfNoEntry: false })?.isDirectory() === true) return entry;
      throw error;
    }
    return entry;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST');
}
