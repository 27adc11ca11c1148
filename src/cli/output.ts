// Files that appear whole or not at all: written beside their place and renamed. Whatever is temporary is removed when
// the command ends, by an error or a signal too.
import { closeSync, mkdtempSync, openSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const temporary = new Set<string>();
let isWatching = false;
let counter = 0;

function removeAll(): void {
  for (const file of temporary) rmSync(file, { recursive: true, force: true });
  temporary.clear();
}

function watch(): void {
  if (isWatching) return;
  isWatching = true;
  process.on('exit', removeAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      removeAll();
      // No handler is left: the signal ends the process as the caller expects.
      process.kill(process.pid, signal);
    });
  }
}

/** A new private folder, removed at the end unless kept by `keep`. */
export function temporaryFolder(): string {
  watch();
  const folder = mkdtempSync(path.join(tmpdir(), 'wasm2native-'));
  temporary.add(folder);
  return folder;
}

/** Leaves a temporary file or folder where it is. */
export function keep(file: string): void {
  temporary.delete(file);
}

/** A name beside `target`, in the same folder and so the same file system; removed at the end unless renamed. */
export function besideOf(target: string): string {
  watch();
  const name = `.${path.basename(target)}.${process.pid}-${counter++}.tmp`;
  const file = path.join(path.dirname(target), name);
  temporary.add(file);
  return file;
}

/** Puts `file`, made by besideOf, in the place of `target`. */
export function moveInto(file: string, target: string): void {
  renameSync(file, target);
  temporary.delete(file);
}

/** Makes `target` with what `write` writes to a file descriptor. */
export function writeAtomically(target: string, write: (fd: number) => void, mode = 0o666): void {
  const file = besideOf(target);
  const fd = openSync(file, 'wx', mode);
  try {
    write(fd);
  } finally {
    closeSync(fd);
  }
  moveInto(file, target);
}
