// Text symbols: the numbers by which code names places in w2n_text. Function i is symbol i; then come the helper
// thunks, the header, the block of tables, `enter`, `unwind`, the thunks of types, and the C thunks of exports.
import { Helper } from '../abi/layout.ts';
import { ExternKind, type Module } from '../frontend/module.ts';
import { TypeKind } from '../frontend/types.ts';

export class TextSymbols {
  /** By Helper. */
  readonly helper: Int32Array;
  readonly header: number;
  readonly tables: number;
  readonly enter: number;
  readonly unwind: number;
  /** By type index: the type that stands for all equal ones has its thunk's symbol, the others the same one; -1: none. */
  readonly callThunk: Int32Array;
  readonly hostThunk: Int32Array;
  /** C thunk of each exported function, in the order of `exports`. */
  readonly exports: readonly { readonly name: string; readonly func: number; readonly symbol: number }[];
  readonly count: number;

  /** `hostThunks`: imports come as array functions; `exportThunks`: C callers call exports by symbol. */
  constructor(module: Module, hostThunks: boolean, exportThunks: boolean) {
    let next = module.funcCount;
    this.helper = Int32Array.from({ length: Helper.Count }, () => next++);
    this.header = next++;
    this.tables = next++;
    this.enter = next++;
    this.unwind = next++;
    const { kind, canonical, count } = module.types;
    this.callThunk = new Int32Array(count).fill(-1);
    this.hostThunk = new Int32Array(count).fill(-1);
    for (let t = 0; t < count; t++) {
      if (kind.data[t] !== TypeKind.Func) continue;
      const first = canonical.data[t];
      this.callThunk[t] = first === t ? next++ : this.callThunk[first];
      if (hostThunks) this.hostThunk[t] = first === t ? next++ : this.hostThunk[first];
    }
    const functions = exportThunks ? module.exports.filter((e) => e.kind === ExternKind.Func) : [];
    this.exports = functions.map((e) => ({ name: e.name, func: e.index, symbol: next++ }));
    this.count = next;
  }
}
