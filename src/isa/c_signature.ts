// How C sees a wasm signature (docs/abi.md): one result is returned, several go through a pointer to
// `struct w2n_MOD__f_ret`, the last parameter. The same on every instruction set. And where parameters beyond the
// registers lie on the stack.
import type { Signatures } from '../ir/signatures.ts';
import { Type } from '../ir/types.ts';
import { STACK } from './calling_convention.ts';
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

/** Where a C function finds its arguments behind the first, the instance. */
export interface CArguments {
  /** Register, or STACK + offset in the stack arguments, of each parameter; of the struct's address at last. */
  readonly places: readonly number[];
  readonly stackBytes: number;
}

/**
 * The places of C's arguments in the order of registers `ints` and `vecs`; vectors are passed by address. Stack arguments
 * lie in 8-byte slots, or packed: each at its natural alignment, as on macOS on aarch64 ("Writing ARM64 code for Apple
 * platforms", Pass arguments to functions correctly).
 */
export function cArguments(
  signatures: Signatures,
  sig: number,
  asStruct: boolean,
  ints: readonly number[],
  vecs: readonly number[],
  isPacked: boolean,
): CArguments {
  const params = signatures.numParams(sig);
  const places: number[] = [];
  let nextInt = 1;
  let nextVec = 0;
  let stackBytes = 0;
  for (let k = 0; k < (asStruct ? params + 1 : params); k++) {
    const type = k < params ? signatures.param(sig, k) : Type.I64;
    const isFloat = type === Type.F32 || type === Type.F64;
    if (isFloat && nextVec < vecs.length) places.push(vecs[nextVec++]);
    else if (!isFloat && nextInt < ints.length) places.push(ints[nextInt++]);
    else {
      const size = isPacked && (type === Type.I32 || type === Type.F32) ? 4 : 8;
      const offset = alignUp(stackBytes, size);
      places.push(STACK + offset);
      stackBytes = offset + size;
    }
  }
  return { places, stackBytes };
}

/** True if the C function returns through a pointer: it has several results, or an export has a vector to give away. */
export function returnsStruct(signatures: Signatures, sig: number, isExport: boolean): boolean {
  const results = signatures.numResults(sig);
  return results > 1 || (isExport && results === 1 && signatures.result(sig, 0) === Type.V128);
}
