// Loop-invariant code motion: inner loops first, so that what leaves one loop can leave the next.
//
// Target is the end of the header's immediate dominator (the preheader), if that block lies in no deeper loop than the
// one around; other loops are left alone. What stands in a block that runs less often than the preheader stays: a loop
// around a switch would else compute what its rare cases need each time it is entered, and keep it in registers or
// slots. Moved are, when all operands are defined outside of the loop:
//   pure operations and reads of the instance's Const fields, from anywhere in the loop;
//   operations that may trap or read memory, from the header only, as long as nothing with an effect stands before
//   them there, and only if the preheader jumps straight to the header: then they execute anyway, and first. Reads
//   also need a loop that neither writes their region nor calls. Reads through native pointers count among these,
//   since the check that makes a pointer valid may stand in the loop.
import { IntColumn } from '../support/int_column.ts';
import { Frequencies } from '../ir/frequency.ts';
import type { Block, Func, Value } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Effect, Op, OP_EFFECTS, OPS } from '../ir/opcodes.ts';
import { Region } from '../ir/types.ts';
import type { OptContext } from './context.ts';

/** Loops in preorder of their tree: `place` of each loop, and how many loops its subtree has. */
const place = new IntColumn(16);
const size = new IntColumn(16);
const free = new IntColumn(16);
/** Blocks sorted by the place of their innermost loop; those of a loop and the loops in it stand together. */
const members = new IntColumn(64);
const memberStart = new IntColumn(16);
/** Regions written in the loop at hand; a call writes all. */
const written = new IntColumn(16);
let calls = false;
const frequencies = new Frequencies();

/** Constants stay where they are used: the back end places them. */
const MOVABLE: Uint8Array = Uint8Array.from(OPS, (_, op) => {
  const constant = op === Op.IConst || op === Op.FConst;
  return constant || op === Op.Nop || op === Op.Param || op === Op.Proj || op === Op.TrapIf ? 0 : 1;
});

function invariant(c: OptContext, loop: number, i: Value): boolean {
  const { f, loops } = c;
  const data = f.pool.data;
  const end = f.argStart[i] + f.argCount[i];
  for (let k = f.argStart[i]; k < end; k++) {
    const v = data[k];
    if (f.op[v] === Op.IConst || f.op[v] === Op.FConst) continue;
    if (loops.contains(loop, f.block[v])) return false;
  }
  return true;
}

function isWritten(region: number): boolean {
  if ((region & Region.KindMask) === Region.Const) return false;
  if (calls) return true;
  for (let k = 0; k < written.length; k++) if (written.data[k] === region) return true;
  return false;
}

/** Moves `i` to the end of `to`, and copies of its constant operands with it. */
function move(f: Func, i: Value, to: Block): void {
  const before = f.blockLast[to];
  f.unlink(i);
  for (let k = 0; k < f.argCount[i]; k++) {
    const v = f.arg(i, k);
    if (f.op[v] !== Op.IConst && f.op[v] !== Op.FConst) continue;
    const copy = f.newInst(f.op[v], f.type[v], f.imm[v], f.imm2[v], 0, f.loc[v]);
    f.insertBefore(copy, before);
    f.setArg(i, k, copy);
  }
  f.insertBefore(i, before);
}

function moveFrom(c: OptContext, loop: number, b: Block, to: Block, first: boolean): void {
  const { f } = c;
  // Nothing with an effect has happened since the preheader.
  let clear = first;
  for (let i = f.blockFirst[b]; i !== NONE;) {
    const next = f.next[i];
    const op = f.op[i];
    const effects = OP_EFFECTS[op];
    let moved = false;
    if (MOVABLE[op] === 1 && (effects & ~(Effect.Trap | Effect.Read)) === 0 && invariant(c, loop, i)) {
      const always = op === Op.CtxLoad && (f.aux[i] & Region.KindMask) === Region.Const;
      const anywhere = effects === Effect.None || always;
      const allowed = anywhere || (clear && ((effects & Effect.Read) === 0 || !isWritten(f.aux[i])));
      if (allowed && c.spend()) {
        move(f, i, to);
        moved = true;
      }
    }
    if (!moved && (effects & ~Effect.Read) !== 0) clear = false;
    i = next;
  }
}

function collectMembers(c: OptContext): void {
  const { cfg, loops } = c;
  const parent = loops.parent.data;
  size.clear();
  size.resize(loops.count, 1);
  for (let l = loops.count - 1; l >= 0; l--) if (parent[l] !== NONE) size.data[parent[l]] += size.data[l];
  // free[l + 1]: the next place among the loops in l; free[0] for the outermost.
  free.clear();
  free.resize(loops.count + 1, 0);
  place.clear();
  place.resize(loops.count);
  for (let l = 0; l < loops.count; l++) {
    const at = free.data[parent[l] + 1];
    free.data[parent[l] + 1] += size.data[l];
    place.data[l] = at;
    free.data[l + 1] = at + 1;
  }
  memberStart.clear();
  memberStart.resize(loops.count + 2, 0);
  const start = memberStart.data;
  let total = 0;
  for (let r = 0; r < cfg.rpoLength; r++) {
    const l = loops.loopOf[cfg.rpo[r]];
    if (l === NONE) continue;
    start[place.data[l] + 2]++;
    total++;
  }
  for (let k = 0; k < loops.count; k++) start[k + 2] += start[k + 1];
  members.clear();
  members.resize(total);
  // start[k + 1] is the fill position of place k while the lists are written, its end afterwards.
  for (let r = 0; r < cfg.rpoLength; r++) {
    const l = loops.loopOf[cfg.rpo[r]];
    if (l !== NONE) members.data[start[place.data[l] + 1]++] = cfg.rpo[r];
  }
}

function collectWrites(f: Func, b: Block): void {
  for (let i = f.blockFirst[b]; i !== NONE; i = f.next[i]) {
    const effects = OP_EFFECTS[f.op[i]];
    if ((effects & Effect.Call) !== 0) calls = true;
    else if ((effects & Effect.Write) !== 0 && !isWritten(f.aux[i])) written.push(f.aux[i]);
  }
}

export function moveInvariants(c: OptContext): void {
  const { f, loops, doms } = c;
  if (loops.count === 0 || loops.irreducible) return;
  frequencies.compute(f, c.cfg, loops);
  const { frequency } = frequencies;
  collectMembers(c);
  for (let l = loops.count - 1; l >= 0; l--) {
    const header = loops.header.data[l];
    const to = doms.idom[header];
    if (to === NONE || loops.loopOf[to] !== loops.parent.data[l]) continue;
    const from = memberStart.data[place.data[l]];
    const end = memberStart.data[place.data[l] + size.data[l]];
    written.clear();
    calls = false;
    for (let m = from; m < end; m++) collectWrites(f, members.data[m]);
    const direct = f.op[f.blockLast[to]] === Op.Jump;
    for (let m = from; m < end; m++) {
      const b = members.data[m];
      if (frequency[b] >= frequency[to]) moveFrom(c, l, b, to, direct && b === header);
    }
  }
}
