// Text symbols: the numbers by which code names places in w2n_text. Function i is symbol i; then come the helper
// thunks, the header with its tables, `enter`, `unwind`, the thunks of types, and the C thunks of exports.
import { Helper } from '../abi/layout.ts';
import { ExternKind, type Module } from '../frontend/module.ts';
import { TypeKind } from '../frontend/types.ts';

export class TextSymbols {
  /** By Helper. */
  readonly helper: Int32Array;
  readonly header: number;
  readonly enter: number;
  readonly unwind: number;
  /**
   * By type index, one for all equal types; -1: none. Only types of functions that escape have call thunks, and only
   * those of imported functions host thunks.
   */
  readonly callThunk: Int32Array;
  readonly hostThunk: Int32Array;
  /** C thunk of each exported function, in the order of `exports`. */
  readonly exports: readonly { readonly name: string; readonly func: number; readonly symbol: number }[];
  readonly count: number;

  /**
   * `escapes`: by function, whether it can be called from outside (ModuleLayout). Of the thunks, `host`: imports come
   * as array functions; `exports`: C callers call exports by symbol.
   */
  constructor(
    module: Module,
    escapes: Uint8Array,
    thunks: { readonly host: boolean; readonly exports: boolean },
  ) {
    let next = module.funcCount;
    this.helper = Int32Array.from({ length: Helper.Count }, () => next++);
    this.header = next++;
    this.enter = next++;
    this.unwind = next++;
    const { kind, canonical, count } = module.types;
    this.callThunk = new Int32Array(count).fill(-1);
    this.hostThunk = new Int32Array(count).fill(-1);
    const called = new Uint8Array(count);
    const hosted = new Uint8Array(count);
    for (let f = 0; f < module.funcCount; f++) {
      const type = canonical.data[module.funcType.data[f]];
      if (escapes[f] !== 0) called[type] = 1;
      if (thunks.host && f < module.importedFuncs) hosted[type] = 1;
    }
    for (let t = 0; t < count; t++) {
      if (kind.data[t] !== TypeKind.Func) continue;
      const first = canonical.data[t];
      if (called[first] !== 0) this.callThunk[t] = first === t ? next++ : this.callThunk[first];
      if (hosted[first] !== 0) this.hostThunk[t] = first === t ? next++ : this.hostThunk[first];
    }
    const functions = thunks.exports ? module.exports.filter((e) => e.kind === ExternKind.Func) : [];
    this.exports = functions.map((e) => ({ name: e.name, func: e.index, symbol: next++ }));
    this.count = next;
  }
}
