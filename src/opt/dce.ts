// Dead code elimination: marks what effects need, removes the rest, block parameters included.
//
// Roots are instructions that write, call, end a block, or may trap: an unused load or division stays, as its trap
// is an effect (the memory pass removes loads that another access proves in bounds). Reads of the instance and
// through native pointers cannot trap and go. A parameter is needed if its value is; only then are its arguments.
// The whole pass is one rewrite: half of a dead chain cannot stay.
import { IntColumn } from '../support/int_column.ts';
import { NONE } from '../ir/func.ts';
import { Effect, Op, OP_EFFECTS } from '../ir/opcodes.ts';
import type { OptContext } from './context.ts';
import { removeParam } from './params.ts';

const ROOT = Effect.Trap | Effect.Write | Effect.Call | Effect.Terminator;

let live = new Uint8Array(256);
const work = new IntColumn(256);

function mark(v: number): void {
  if (live[v] === 1) return;
  live[v] = 1;
  work.push(v);
}

export function removeDeadCode(c: OptContext): void {
  if (!c.spend()) return;
  const { f, cfg } = c;
  if (live.length < f.numInsts) live = new Uint8Array(f.numInsts * 2);
  live.fill(0, 0, f.numInsts);
  work.clear();
  const data = f.pool.data;
  for (let r = 0; r < cfg.rpoLength; r++) {
    for (let i = f.blockFirst[cfg.rpo[r]]; i !== NONE; i = f.next[i]) {
      if ((OP_EFFECTS[f.op[i]] & ROOT) !== 0) mark(i);
    }
  }
  while (work.length > 0) {
    const v = work.data[--work.length];
    if (f.op[v] === Op.Param) {
      const b = f.imm[v];
      const k = f.imm2[v];
      for (let p = cfg.predStart[b]; p < cfg.predStart[b + 1]; p++) mark(f.edgeArg(cfg.predEdge[p], k));
    } else {
      const end = f.argStart[v] + f.argCount[v];
      for (let k = f.argStart[v]; k < end; k++) mark(data[k]);
    }
  }
  for (let r = 0; r < cfg.rpoLength; r++) {
    const b = cfg.rpo[r];
    for (let i = f.blockFirst[b]; i !== NONE;) {
      const next = f.next[i];
      if (live[i] === 0) f.remove(i);
      i = next;
    }
  }
  for (let r = 1; r < cfg.rpoLength; r++) {
    const b = cfg.rpo[r];
    for (let k = f.paramCount[b] - 1; k >= 0; k--) {
      if (live[f.param(b, k)] === 0) removeParam(c, b, k);
    }
  }
}
