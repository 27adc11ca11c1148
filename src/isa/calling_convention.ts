// Where parameters and results of wasm functions travel, for every signature of a module, computed once each.
//
// Integers and references take the integer registers of the convention in order, floats and vectors the vector
// registers; what is left goes to 8-byte slots (v128: 16, aligned) in order. Both areas are multiples of 16 bytes: stack
// arguments begin at the callee's incoming area, results beyond registers right behind them.
import type { Signatures } from '../ir/signatures.ts';
import { Type } from '../ir/types.ts';
import { IntColumn } from '../support/int_column.ts';

/** Registers of a calling convention, in order; physical numbers as in regalloc's door. */
export interface ConventionRegs {
  readonly intArgs: readonly number[];
  readonly vecArgs: readonly number[];
  readonly intResults: readonly number[];
  readonly vecResults: readonly number[];
}

/** Locations: a physical register, or STACK + byte offset in its area. */
export const STACK = 1 << 20;

export class CallingConvention {
  /** Location of each entry of signatures.types. */
  private readonly locations = new IntColumn(64);
  private readonly argBytes = new IntColumn(16);
  private readonly resultBytes = new IntColumn(16);

  constructor(
    private readonly signatures: Signatures,
    private readonly regs: ConventionRegs,
  ) {}

  /** Register, or STACK + offset in the stack arguments, of parameter k. */
  param(sig: number, k: number): number {
    if (sig >= this.argBytes.length) this.extend();
    return this.locations.data[this.signatures.paramStart.data[sig] + k];
  }

  /** Register, or STACK + offset in the result area, of result k. */
  result(sig: number, k: number): number {
    if (sig >= this.argBytes.length) this.extend();
    return this.locations.data[this.signatures.resultStart.data[sig] + k];
  }

  /** Bytes of stack arguments, a multiple of 16. */
  stackArgBytes(sig: number): number {
    if (sig >= this.argBytes.length) this.extend();
    return this.argBytes.data[sig];
  }

  /** Bytes of the result area, a multiple of 16. */
  stackResultBytes(sig: number): number {
    if (sig >= this.argBytes.length) this.extend();
    return this.resultBytes.data[sig];
  }

  private extend(): void {
    const { signatures, regs } = this;
    for (let sig = this.argBytes.length; sig < signatures.count; sig++) {
      const start = signatures.paramStart.data[sig];
      const middle = signatures.resultStart.data[sig];
      const end = signatures.paramStart.data[sig + 1];
      this.argBytes.push(this.assign(start, middle, regs.intArgs, regs.vecArgs));
      this.resultBytes.push(this.assign(middle, end, regs.intResults, regs.vecResults));
    }
  }

  private assign(from: number, to: number, ints: readonly number[], vecs: readonly number[]): number {
    const types = this.signatures.types.data;
    let nextInt = 0;
    let nextVec = 0;
    let offset = 0;
    for (let i = from; i < to; i++) {
      const type = types[i];
      if (type === Type.I32 || type === Type.I64 || type === Type.Ref) {
        if (nextInt < ints.length) {
          this.locations.push(ints[nextInt++]);
          continue;
        }
      } else if (nextVec < vecs.length) {
        this.locations.push(vecs[nextVec++]);
        continue;
      }
      if (type === Type.V128) offset = (offset + 15) & -16;
      this.locations.push(STACK + offset);
      offset += type === Type.V128 ? 16 : 8;
    }
    return (offset + 15) & -16;
  }
}
