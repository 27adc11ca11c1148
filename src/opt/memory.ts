// Redundant loads, store-to-load forwarding, redundant and dead stores.
//
// Memory is seen by alias regions; each region that the function touches has a slot, and each slot a version that
// changes with every store to it and every call. A location is (kind of base, base, offset); two accesses from one base
// with disjoint ranges do not meet, everything else in a slot may. The walk goes over the dominator tree:
//
//   load     the same bytes were loaded or stored by a dominating access, and the slot's version is the same, not
//            counting stores in between that are disjoint: the value is at hand, and the load cannot trap
//   store    the location holds the value already (by the same argument): the store goes
//   store    dead: the same block stores to all its bytes again before anything can trap, call, read or grow, and the
//            later store is proven in bounds, be it by the first. If only the first itself proves that it does not
//            trap, no other store may stand in between: it would be seen when the later one traps in its place
//   load     without a use: goes if an access from the same base that reaches as far dominates it (memory never
//            shrinks)
//
// Versions at block entry: that of the only or of all predecessors if they agree; at a loop header that of the
// entry, if nothing in the loop writes the slot; otherwise a new one.
import { IntColumn } from '../support/int_column.ts';
import { edgeCount, firstEdge, room } from '../ir/cfg.ts';
import type { Block, Func, Value } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { Effect, Imm, memAccess, memType, Op, OP_EFFECTS, OPS } from '../ir/opcodes.ts';
import { Access, accessBytes, Region, Type } from '../ir/types.ts';
import type { OptContext } from './context.ts';

/** Regions with slots of their own; the last slot is shared by all others. */
const MAX_SLOTS = 24;
/** Stores that a lookup steps over. */
const MAX_WALK = 6;
/** Stores of one block that may yet turn out dead. */
const MAX_PENDING = 8;

/** Bases that are no values: constant addresses, the instance. Native pointers are told from indices by a bit. */
const ABSOLUTE = -2;
const INSTANCE = -3;

const IS_MEMORY: Uint8Array = Uint8Array.from(OPS, (o) => (o.imm === Imm.Mem ? 1 : 0));

const slots = new IntColumn(MAX_SLOTS);
let numSlots = 0;
/** Current version of each slot. */
const current = new Int32Array(MAX_SLOTS);
/** Version of each slot at the start and the end of each block: [block * numSlots + slot]. */
let atStart: Int32Array = new Int32Array(256);
let atEnd: Int32Array = new Int32Array(256);
/** The version that a store makes, the first of the numSlots versions that a call makes; by instruction. */
let versionOf: Int32Array = new Int32Array(256);
/** Slots that a loop writes, one bit each. */
const loopWrites = new IntColumn(16);
/** The store that made a version, or NONE, and the version before it. */
const versionStore = new IntColumn(256);
const versionBefore = new IntColumn(256);

/** Hash table of available locations: entry columns, chained, undone in reverse order. */
let heads: Int32Array = new Int32Array(256);
let mask = 255;
const entryAccess = new IntColumn(256);
const entryVersion = new IntColumn(256);
const entryNext = new IntColumn(256);
const entryBucket = new IntColumn(256);

/** End of the bytes proven in bounds from each base value, and from address 0; with what to undo. */
let proven = new Float64Array(256);
let provenAbsolute = 0;
const undoBase = new IntColumn(64);
let undoEnd = new Float64Array(64);

/** Pending stores, and whether each may trap as far as accesses before it tell. */
const pending = new IntColumn(MAX_PENDING);
const pendingTraps = new IntColumn(MAX_PENDING);
let scopes: Int32Array = new Int32Array(64);

function slotOf(region: number): number {
  for (let s = 0; s < numSlots; s++) if (slots.data[s] === region) return s;
  return MAX_SLOTS - 1;
}

function collectSlots(c: OptContext): boolean {
  const { f, cfg } = c;
  slots.clear();
  numSlots = 0;
  for (let r = 0; r < cfg.rpoLength; r++) {
    for (let i = f.blockFirst[cfg.rpo[r]]; i !== NONE; i = f.next[i]) {
      if (IS_MEMORY[f.op[i]] === 0 || (f.aux[i] & Region.KindMask) === Region.Const) continue;
      if (slotOf(f.aux[i]) !== MAX_SLOTS - 1 || numSlots === MAX_SLOTS) continue;
      slots.push(numSlots === MAX_SLOTS - 1 ? -1 : f.aux[i]);
      numSlots++;
    }
  }
  return numSlots > 0;
}

const newVersion = (store: Value, before: number): number => {
  versionStore.push(store);
  return versionBefore.push(before);
};

function collectLoopWrites(c: OptContext): void {
  const { f, cfg, loops } = c;
  loopWrites.clear();
  loopWrites.resize(loops.count, 0);
  const writes = loopWrites.data;
  for (let r = 0; r < cfg.rpoLength; r++) {
    const b = cfg.rpo[r];
    const l = loops.loopOf[b];
    if (l === NONE) continue;
    for (let i = f.blockFirst[b]; i !== NONE; i = f.next[i]) {
      const effects = OP_EFFECTS[f.op[i]];
      if ((effects & Effect.Call) !== 0) writes[l] = -1;
      else if ((effects & Effect.Write) !== 0) writes[l] |= 1 << slotOf(f.aux[i]);
    }
  }
  for (let l = loops.count - 1; l >= 0; l--) {
    const up = loops.parent.data[l];
    if (up !== NONE) writes[up] |= writes[l];
  }
}

/** Versions at the start and the end of every block and of every store and call, in reverse postorder. */
function numberVersions(c: OptContext): void {
  const { f, cfg } = c;
  atStart = room(atStart, f.numBlocks * numSlots);
  atEnd = room(atEnd, f.numBlocks * numSlots);
  versionOf = room(versionOf, f.numInsts);
  versionStore.clear();
  versionBefore.clear();
  for (let r = 0; r < cfg.rpoLength; r++) {
    const b = cfg.rpo[r];
    enterVersions(c, b);
    for (let s = 0; s < numSlots; s++) atStart[b * numSlots + s] = current[s];
    for (let i = f.blockFirst[b]; i !== NONE; i = f.next[i]) {
      const effects = OP_EFFECTS[f.op[i]];
      if ((effects & Effect.Call) !== 0) {
        versionOf[i] = versionStore.length;
        for (let s = 0; s < numSlots; s++) newVersion(NONE, NONE);
      } else if ((effects & Effect.Write) !== 0) {
        versionOf[i] = newVersion(i, current[slotOf(f.aux[i])]);
      }
      effect(f, i);
    }
    for (let s = 0; s < numSlots; s++) atEnd[b * numSlots + s] = current[s];
  }
}

/** Sets `current` to the versions at the start of block b; its forward predecessors are numbered. */
function enterVersions(c: OptContext, b: Block): void {
  const { cfg, loops } = c;
  const l = loops.loopOf[b];
  const isHeader = l !== NONE && loops.header.data[l] === b;
  const from = cfg.predStart[b];
  const to = cfg.predStart[b + 1];
  for (let s = 0; s < numSlots; s++) {
    let version = NONE;
    let agree = !(isHeader && (loopWrites.data[l] & (1 << s)) !== 0);
    for (let p = from; agree && p < to; p++) {
      const pred = cfg.predBlock[p];
      if (cfg.rpoIndex[pred] >= cfg.rpoIndex[b]) {
        // An irreducible cycle; a natural one was looked at above.
        if (!isHeader || loops.irreducible) agree = false;
        continue;
      }
      const v = atEnd[pred * numSlots + s];
      if (version === NONE) version = v;
      else if (version !== v) agree = false;
    }
    current[s] = agree && version !== NONE ? version : newVersion(NONE, NONE);
  }
}

/** Applies the writes of an instruction, whose versions are known, to `current`. */
function effect(f: Func, i: Value): void {
  const effects = OP_EFFECTS[f.op[i]];
  if ((effects & Effect.Call) !== 0) {
    for (let s = 0; s < numSlots; s++) current[s] = versionOf[i] + s;
  } else if ((effects & Effect.Write) !== 0) {
    current[slotOf(f.aux[i])] = versionOf[i];
  }
}

/** Base of an access: a value, ABSOLUTE or INSTANCE; native pointers come as -4 - value. */
function baseOf(f: Func, i: Value): number {
  const op = f.op[i];
  if (op === Op.CtxLoad || op === Op.CtxStore) return INSTANCE;
  const v = f.arg(i, 0);
  if (op === Op.NLoad || op === Op.NStore) return -4 - v;
  return f.op[v] === Op.IConst ? ABSOLUTE : v;
}

/** Offset from the base: up to 2^33 for linear memory, signed otherwise. */
function offsetOf(f: Func, i: Value): number {
  const op = f.op[i];
  if (op !== Op.Load && op !== Op.Store) return f.imm2[i];
  const v = f.arg(i, 0);
  return (f.imm2[i] >>> 0) + (f.op[v] === Op.IConst ? f.imm[v] >>> 0 : 0);
}

const bytesOf = (f: Func, i: Value): number => accessBytes(memAccess(f.imm[i]), memType(f.imm[i]));

function disjoint(f: Func, a: Value, b: Value): boolean {
  if (baseOf(f, a) !== baseOf(f, b)) return false;
  const x = offsetOf(f, a);
  const y = offsetOf(f, b);
  return x + bytesOf(f, a) <= y || y + bytesOf(f, b) <= x;
}

function bucketOf(version: number, base: number, offset: number): number {
  const h = Math.imul(version, 0x9e3779b1) ^ Math.imul(base, 0x85ebca6b) ^ Math.imul(offset | 0, 0xc2b2ae35);
  return (h ^ (h >>> 15)) & mask;
}

/** Version under which the access that `lookup` did not find is to be entered. */
let landed = 0;
/** The latest dominating access of exactly the bytes of `i` whose contents are still there, or NONE. */
function lookup(f: Func, i: Value, version: number): Value {
  const base = baseOf(f, i);
  const offset = offsetOf(f, i);
  const bytes = bytesOf(f, i);
  landed = version;
  for (let step = 0; step <= MAX_WALK; step++) {
    for (let e = heads[bucketOf(landed, base, offset)]; e !== NONE; e = entryNext.data[e]) {
      if (entryVersion.data[e] !== landed) continue;
      const a = entryAccess.data[e];
      if (f.op[a] === Op.Nop) continue;
      if (
        f.aux[a] === f.aux[i] &&
        baseOf(f, a) === base &&
        offsetOf(f, a) === offset &&
        bytesOf(f, a) === bytes
      )
        return a;
    }
    const store = versionStore.data[landed];
    // A removed store changed nothing that anyone reads.
    if (store === NONE || (f.op[store] !== Op.Nop && !disjoint(f, store, i))) return NONE;
    landed = versionBefore.data[landed];
  }
  return NONE;
}

function enter(f: Func, i: Value, version: number): void {
  const bucket = bucketOf(version, baseOf(f, i), offsetOf(f, i));
  entryAccess.push(i);
  entryVersion.push(version);
  entryNext.push(heads[bucket]);
  heads[bucket] = entryBucket.push(bucket);
}

const isStore = (f: Func, i: Value): boolean => (OP_EFFECTS[f.op[i]] & Effect.Write) !== 0;
const storedValue = (f: Func, i: Value): Value => f.arg(i, f.argCount[i] - 1);

/** What load `i` gives, made from the access `a` of the same bytes; NONE if that takes more than one operation. */
function valueFrom(c: OptContext, a: Value, i: Value): Value {
  const { f } = c;
  const type = f.type[i];
  const access = memAccess(f.imm[i]);
  const from = memType(f.imm[a]);
  const stored = isStore(f, a);
  const value = stored ? c.resolve(storedValue(f, a)) : a;
  if (access === Access.Full) {
    if (memAccess(f.imm[a]) !== Access.Full) return NONE;
    if (from === type) return c.spend() ? value : NONE;
    if (type === Type.Ref || from === Type.Ref || !c.spend()) return NONE;
    return c.unary(i, Op.Bitcast, type, value);
  }
  if (from !== type || memAccess(f.imm[a]) === Access.Full) return NONE;
  if (!stored && memAccess(f.imm[a]) === access) return c.spend() ? value : NONE;
  if (!c.spend()) return NONE;
  switch (access) {
    case Access.S8:
      return c.unary(i, Op.SExt8, type, value);
    case Access.S16:
      return c.unary(i, Op.SExt16, type, value);
    case Access.S32:
      return c.unary(i, Op.SExt32, type, value);
    default: {
      const bits = access === Access.U8 ? 0xff : access === Access.U16 ? 0xffff : -1;
      return c.binary(i, Op.And, type, value, c.constant(i, type, bits, 0));
    }
  }
}

/** End of the bytes from the base of `i` that are proven in bounds; 0 for accesses that are not to linear memory. */
function provenEnd(f: Func, i: Value): number {
  const base = baseOf(f, i);
  if (base === ABSOLUTE) return provenAbsolute;
  return base >= 0 ? proven[base] : 0;
}

const endOf = (f: Func, i: Value): number => offsetOf(f, i) + bytesOf(f, i);

function prove(f: Func, i: Value): void {
  const end = endOf(f, i);
  const old = provenEnd(f, i);
  if (end <= old) return;
  const base = baseOf(f, i);
  if (undoBase.length === undoEnd.length) {
    const grown = new Float64Array(undoEnd.length * 2);
    grown.set(undoEnd);
    undoEnd = grown;
  }
  undoEnd[undoBase.push(base)] = old;
  if (base === ABSOLUTE) provenAbsolute = end;
  else proven[base] = end;
}

/** May instruction `i`, a Load or Store, trap? */
const mayTrap = (f: Func, i: Value): boolean => endOf(f, i) > provenEnd(f, i);

function visitLoad(c: OptContext, i: Value): void {
  const { f } = c;
  const linear = f.op[i] === Op.Load;
  const version = current[slotOf(f.aux[i])];
  if (linear && c.uses[i] === 0 && !mayTrap(f, i) && c.spend()) return f.remove(i);
  const a = lookup(f, i, version);
  if (a !== NONE) {
    const by = valueFrom(c, a, i);
    if (by === NONE) {
      enter(f, i, landed);
    } else {
      c.replace(i, by);
      c.uses[by] += c.uses[i];
      return f.remove(i);
    }
  } else {
    enter(f, i, landed);
  }
  keepPending(f, i, linear && mayTrap(f, i));
  if (linear) prove(f, i);
}

/** Forgets pending stores: all if something may trap here, else those that the bytes of read `i` may meet. */
function keepPending(f: Func, i: Value, traps: boolean): void {
  if (traps) clearPending();
  for (let k = pending.length - 1; k >= 0; k--) {
    const s = pending.data[k];
    if (slotOf(f.aux[s]) !== slotOf(f.aux[i]) || disjoint(f, s, i)) continue;
    dropPending(k);
  }
}

function dropPending(k: number): void {
  const last = --pending.length;
  pending.data[k] = pending.data[last];
  pendingTraps.data[k] = pendingTraps.data[--pendingTraps.length];
}

function clearPending(): void {
  pending.clear();
  pendingTraps.clear();
}

function visitStore(c: OptContext, i: Value): void {
  const { f } = c;
  const linear = f.op[i] === Op.Store;
  const s = slotOf(f.aux[i]);
  const a = lookup(f, i, current[s]);
  if (a !== NONE && memType(f.imm[a]) === memType(f.imm[i]) && holds(c, a, i) && c.spend())
    return f.remove(i);
  const traps = linear && mayTrap(f, i);
  for (let k = pending.length - 1; k >= 0; k--) {
    const old = pending.data[k];
    if (f.aux[old] !== f.aux[i] || baseOf(f, old) !== baseOf(f, i)) continue;
    const covers = offsetOf(f, i) <= offsetOf(f, old) && endOf(f, i) >= endOf(f, old);
    if (!covers || traps || !c.spend()) continue;
    f.remove(old);
    dropPending(k);
  }
  // This store is an effect: it must not happen before the trap of a pending one, and no pending one may be missing
  // when it traps itself.
  for (let k = pending.length - 1; k >= 0; k--) if (traps || pendingTraps.data[k] === 1) dropPending(k);
  if (pending.length < MAX_PENDING) {
    pending.push(i);
    pendingTraps.push(traps ? 1 : 0);
  }
  current[s] = versionOf[i];
  enter(f, i, current[s]);
  if (linear) prove(f, i);
}

/** Do the bytes of access `a` hold what store `i` would write? */
function holds(c: OptContext, a: Value, i: Value): boolean {
  const { f } = c;
  const value = storedValue(f, i);
  const held = isStore(f, a) ? c.resolve(storedValue(f, a)) : a;
  return held === value;
}

function truncateEntries(entries: number): void {
  entryVersion.length = entries;
  entryNext.length = entries;
  entryBucket.length = entries;
}

function leave(entries: number, bounds: number): void {
  while (entryAccess.length > entries) {
    const e = --entryAccess.length;
    heads[entryBucket.data[e]] = entryNext.data[e];
  }
  truncateEntries(entries);
  while (undoBase.length > bounds) {
    const k = --undoBase.length;
    if (undoBase.data[k] === ABSOLUTE) provenAbsolute = undoEnd[k];
    else proven[undoBase.data[k]] = undoEnd[k];
  }
}

function visitBlock(c: OptContext, b: Block): void {
  const { f } = c;
  clearPending();
  for (let s = 0; s < numSlots; s++) current[s] = atStart[b * numSlots + s];
  for (let i = f.blockFirst[b]; i !== NONE;) {
    const next = f.next[i];
    c.resolveArgs(i);
    const effects = OP_EFFECTS[f.op[i]];
    if (IS_MEMORY[f.op[i]] === 1) {
      if ((f.aux[i] & Region.KindMask) !== Region.Const) {
        if (isStore(f, i)) visitStore(c, i);
        else visitLoad(c, i);
      }
    } else if ((effects & ~Effect.Terminator) !== 0) {
      clearPending();
      effect(f, i);
    }
    i = next;
  }
  const count = edgeCount(f, b);
  for (let k = 0; k < count; k++) c.resolveEdge(firstEdge(f, b) + k);
}

function prepare(c: OptContext): void {
  const { f, doms } = c;
  let size = 256;
  while (size < f.numInsts) size *= 2;
  if (heads.length < size) heads = new Int32Array(size);
  mask = size - 1;
  heads.fill(NONE, 0, size);
  // Forwarding makes at most two new values for each load, and these may be bases too.
  if (proven.length < f.numInsts * 3) proven = new Float64Array(f.numInsts * 6);
  proven.fill(0, 0, f.numInsts * 3);
  provenAbsolute = 0;
  scopes = room(scopes, 3 * doms.count);
  entryAccess.clear();
  truncateEntries(0);
  undoBase.clear();
}

export function optimiseMemory(c: OptContext): void {
  if (!collectSlots(c)) return;
  const { doms } = c;
  collectLoopWrites(c);
  numberVersions(c);
  prepare(c);
  c.countUses();
  let depth = 0;
  for (let at = 0; at < doms.count; at++) {
    const b = doms.preorder[at];
    while (depth > 0 && doms.leave[scopes[depth - 3]] <= at) {
      leave(scopes[depth - 2], scopes[depth - 1]);
      depth -= 3;
    }
    scopes[depth++] = b;
    scopes[depth++] = entryAccess.length;
    scopes[depth++] = undoBase.length;
    visitBlock(c, b);
  }
  c.flush();
}
