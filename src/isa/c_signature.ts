// How C sees a wasm signature (docs/abi.md): one result is returned, several go through a pointer to
// `struct w2n_MOD__f_ret`, the last parameter. The same on every instruction set. And where parameters beyond the
// registers lie on the stack.
import type { Signatures } from '../ir/signatures.ts';
import { Type } from '../ir/types.ts';
import { alignUp } from './frame.ts';

/** Offsets of the members of `struct w2n_MOD__f_ret`; the last entry is its size. */
export function structOffsets(signatures: Signatures, sig: number): number[] {
  const offsets: number[] = [];
  let at = 0;
  for (let k = 0; k < signatures.numResults(sig); k++) {
    const type = signatures.result(sig, k);
    const size = type === Type.I32 || type === Type.F32 ? 4 : type === Type.V128 ? 16 : 8;
    // w2n_v128 is an array of bytes.
    at = type === Type.V128 ? at : alignUp(at, size);
    offsets.push(at);
    at += size;
  }
  offsets.push(alignUp(at, 8));
  return offsets;
}

/**
 * Offsets of C's stack arguments, handed out in order. In 8-byte slots, or packed: each at its natural alignment, as on
 * macOS on aarch64 ("Writing ARM64 code for Apple platforms", Pass arguments to functions correctly).
 */
export class CStackArguments {
  /** Bytes so far. */
  bytes = 0;
  private readonly isPacked: boolean;

  constructor(isPacked: boolean) {
    this.isPacked = isPacked;
  }

  /** Offset of the next argument, of an IR type; vectors are passed by address. */
  next(type: number): number {
    const size = this.isPacked && (type === Type.I32 || type === Type.F32) ? 4 : 8;
    const offset = alignUp(this.bytes, size);
    this.bytes = offset + size;
    return offset;
  }
}

/** True if the C function returns through a pointer: it has several results, or an export has a vector to give away. */
export function returnsStruct(signatures: Signatures, sig: number, isExport: boolean): boolean {
  const results = signatures.numResults(sig);
  return results > 1 || (isExport && results === 1 && signatures.result(sig, 0) === Type.V128);
}
