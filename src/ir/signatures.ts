// Function signatures as the IR and the back ends see them: parameter and result Types in CSR columns, one entry
// for each function type of the module (indexed by the module's type index) and any that the compiler adds.
import { IntColumn } from '../support/int_column.ts';

export class Signatures {
  count = 0;
  /** Slices of `types`: parameters are [paramStart[s], resultStart[s]), results [resultStart[s], paramStart[s + 1]). */
  readonly paramStart = new IntColumn(16);
  readonly resultStart = new IntColumn(16);
  readonly types = new IntColumn(64);

  constructor() {
    this.paramStart.push(0);
  }

  /** Adds a signature of Types; returns its index. */
  add(params: ArrayLike<number>, results: ArrayLike<number>): number {
    for (let i = 0; i < params.length; i++) this.types.push(params[i]);
    this.resultStart.push(this.types.length);
    for (let i = 0; i < results.length; i++) this.types.push(results[i]);
    this.paramStart.push(this.types.length);
    return this.count++;
  }

  numParams(sig: number): number {
    return this.resultStart.data[sig] - this.paramStart.data[sig];
  }

  numResults(sig: number): number {
    return this.paramStart.data[sig + 1] - this.resultStart.data[sig];
  }

  param(sig: number, k: number): number {
    return this.types.data[this.paramStart.data[sig] + k];
  }

  result(sig: number, k: number): number {
    return this.types.data[this.resultStart.data[sig] + k];
  }
}
