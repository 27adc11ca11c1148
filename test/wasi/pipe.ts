// Pipes for the WASI tests.
import { execFileSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import path from 'node:path';

/** A pipe that never has anything to read nor ends: a FIFO in `dir`, opened for both. */
export function silentPipe(dir: string): number {
  const fifo = path.join(dir, 'silent');
  if (!existsSync(fifo)) execFileSync('mkfifo', [fifo]);
  return openSync(fifo, 'r+');
}
