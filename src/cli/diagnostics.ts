// What the command says when it does not succeed: one line that names file, place and reason, and the exit status.
// 1: bad input, unresolved import, failing C compiler. 2: usage. 70: a fault of the compiler itself.
import { closeSync, openSync, writeSync } from 'node:fs';
import pc from 'picocolors';
import type { WasmError } from '../frontend/errors.ts';

export const enum ExitStatus {
  Ok = 0,
  Failure = 1,
  Usage = 2,
  Internal = 70,
}

/** Something the user can mend. `detail` is printed below the line, such as what the C compiler said. */
export class UserError extends Error {
  readonly detail: string;

  constructor(message: string, detail = '') {
    super(message);
    this.name = 'UserError';
    this.detail = detail;
  }
}

/** The command line is wrong. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** `file` with the WasmError that its bytes gave, as the user sees it. */
export function describeWasmError(file: string, error: WasmError): UserError {
  return new UserError(`${file}: byte ${error.offset} (0x${error.offset.toString(16)}): ${error.message}`);
}

/** Where an internal error happened, for its message; the error itself names the function. */
export interface ErrorContext {
  file?: string;
}

/** Prints `error` to stderr and gives the exit status. */
export function report(error: unknown, context: ErrorContext): ExitStatus {
  // Only at a terminal, whatever a CI's environment asks for: the lines are read by programs elsewhere.
  const isColored = process.stderr.isTTY && process.stderr.hasColors();
  const prefix = pc.createColors(isColored === true).red('wasm2native:');
  if (error instanceof UsageError) {
    print(`${prefix} ${oneLine(error.message)} (see wasm2native --help)`);
    return ExitStatus.Usage;
  }
  if (error instanceof UserError) {
    print(`${prefix} ${oneLine(error.message)}`);
    if (error.detail !== '') print(error.detail.trimEnd());
    return ExitStatus.Failure;
  }
  if (isSystemError(error)) {
    print(`${prefix} ${oneLine(error.message)}`);
    return ExitStatus.Failure;
  }
  const message = error instanceof Error ? error.message : String(error);
  const file = context.file === undefined ? '' : ` while compiling ${context.file}`;
  print(`${prefix} internal error${file}: ${oneLine(message)} (WASM2NATIVE_TRACE=1 shows the trace)`);
  if (process.env.WASM2NATIVE_TRACE === '1' && error instanceof Error) print(error.stack ?? '');
  return ExitStatus.Internal;
}

/** Control characters of file names and module names must not reach the terminal. */
function oneLine(text: string): string {
  // C0, DEL and C1.
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** An error of a file operation: ENOENT, EACCES, ENOSPC. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error && 'path' in error;
}

/** To stderr at once: process.exit must not cut it off. */
function print(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  try {
    writeSync(2, bytes);
  } catch {
    // stderr is non-blocking and full, or closed: the exit status still tells.
    try {
      const fd = openSync('/dev/stderr', 'w');
      writeSync(fd, bytes);
      closeSync(fd);
    } catch {
      return;
    }
  }
}
