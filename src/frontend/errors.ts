// The one error of the front end: what is wrong with a module, where, and of which class. The command prints it
// as one line: file, byte offset, reason.

/**
 * The class of a fault: `malformed` (the bytes are no module: specification, chapter 5), `invalid` (a module
 * that breaks a validation rule: chapter 3), `unsupported` (a proposal that is not enabled), `limit` (beyond the
 * implementation limits of the JavaScript API specification).
 */
export type WasmErrorKind = 'malformed' | 'invalid' | 'unsupported' | 'limit';

/** A fault of the input. `offset` is absolute in the file; `proposal` is its name if kind is `unsupported`, else ''. */
export class WasmError extends Error {
  readonly offset: number;
  readonly kind: WasmErrorKind;
  readonly proposal: string;

  constructor(kind: WasmErrorKind, offset: number, message: string, proposal = '') {
    super(message);
    this.name = 'WasmError';
    this.kind = kind;
    this.offset = offset;
    this.proposal = proposal;
  }
}

/** Throws a `malformed` fault. */
export function malformed(offset: number, message: string): never {
  throw new WasmError('malformed', offset, message);
}

/** Throws an `invalid` fault. */
export function invalid(offset: number, message: string): never {
  throw new WasmError('invalid', offset, message);
}

/** Throws a `limit` fault. */
export function beyondLimit(offset: number, message: string): never {
  throw new WasmError('limit', offset, message);
}
