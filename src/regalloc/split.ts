// Splitting of bundles that got no register. Four ways, tried in this order, each strictly finer than the last:
// - by loops: one piece for each loop inside the bundle and for each stretch between them. If all of that lies in a loop
//   itself, the stretches stay one piece: the value keeps its register around the outer loop;
// - by coldness: if calls on unlikely paths are what stands in the way, the value is in memory there and the rest is one piece;
// - at a conflict: what lies before the point up to which some register is free, and the rest;
// - per use: pieces of one instruction for uses that must have a register, everything else in memory.
// Pieces are cut down to the stretch from their first to their last use entry, except at loops, where the value stays in its
// register around the loop; what is cut off lives in the slot. A cut lies at an even point (before an instruction), or,
// where the value goes to memory, also between the points of an instruction.
import { IntColumn } from '../support/int_column.ts';
import type { State } from './state.ts';

/** Splits of one spill set after which its bundles are taken apart per use. */
const MAX_SPLITS = 40;

export class Splitter {
  /** Bundles made by the last split; they are summarised and want a register. */
  readonly pieces = new IntColumn(16);

  /** Splits a bundle; blockedAt is the furthest point up to which a register is free for it, hint that register, or -1. */
  split(state: State, bundle: number, blockedAt: number, hint: number): void {
    this.pieces.clear();
    const set = state.bundleSet.data[bundle];
    const splits = state.setSplits.data[set]++;
    const first = state.bundleFirst.data[bundle];
    this.forgetConstants(state, first);
    const oneInstruction =
      state.rangeFrom.data[first] >> 1 === (state.rangeTo.data[state.bundleLast.data[bundle]] - 1) >> 1;
    if (splits >= MAX_SPLITS || oneInstruction) this.perUse(state, bundle);
    else if (!this.byLoops(state, bundle) && !this.byColdness(state, bundle))
      this.atConflict(state, bundle, blockedAt, hint);
  }

  /** Pieces of a constant begin at its uses: its definition emits nothing and takes no place. */
  private forgetConstants(state: State, list: number): void {
    for (let r = list; r >= 0; r = state.rangeNext.data[r]) {
      const v = state.rangeVReg.data[r];
      const use = state.rangeUse.data[r];
      if (state.vregRemat[v] === 0 || use === state.rangeUseEnd.data[r]) continue;
      if (state.usePoint[use] === state.vregDef[v]) state.rangeUse.data[r] = use + 1;
    }
  }

  /** A piece that holds a constant from its definition on takes the definition back. */
  private rememberConstants(state: State, list: number): void {
    for (let r = list; r >= 0; r = state.rangeNext.data[r]) {
      const v = state.rangeVReg.data[r];
      const use = state.rangeUse.data[r];
      const def = state.vregDef[v];
      if (state.vregRemat[v] === 0 || state.rangeFrom.data[r] !== def) continue;
      if (use === state.rangeUseEnd.data[r] || state.usePoint[use] !== def) state.rangeUse.data[r] = use - 1;
    }
  }

  /** Ends the making of a piece: without entries it lives in memory. */
  private finish(state: State, piece: number, hint: number): void {
    if (state.bundleFirst.data[piece] < 0) return;
    state.summarise(piece);
    if (state.bundleHint.data[piece] < 0) state.bundleHint.data[piece] = hint;
    this.pieces.push(piece);
  }

  private spillFrom(state: State, range: number): void {
    for (let r = range; r >= 0;) {
      const after = state.rangeNext.data[r];
      state.rangeBundle.data[r] = -1;
      state.rangeNext.data[r] = -1;
      r = after;
    }
  }

  /** Cuts a range at a point inside it; returns the second part, linked behind the first. */
  private cut(state: State, range: number, point: number): number {
    let low = state.rangeUse.data[range];
    let high = state.rangeUseEnd.data[range];
    const end = high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (state.usePoint[middle] < point) low = middle + 1;
      else high = middle;
    }
    const rest = state.newRange(point, state.rangeTo.data[range], state.rangeVReg.data[range], low, end);
    state.rangeTo.data[range] = point;
    state.rangeUseEnd.data[range] = low;
    state.rangeNext.data[rest] = state.rangeNext.data[range];
    state.rangeNext.data[range] = rest;
    state.rangeBundle.data[rest] = state.rangeBundle.data[range];
    return rest;
  }

  /** Makes a bundle of a list of ranges, cut down to its entries if trim is set; what is left over is spilled. */
  private make(state: State, set: number, list: number, trim: boolean, hint: number): void {
    const { rangeUse, rangeUseEnd, rangeNext, rangeFrom, rangeTo } = state;
    let firstUsed = -1;
    let lastUsed = -1;
    for (let r = list; r >= 0; r = rangeNext.data[r]) {
      if (rangeUse.data[r] === rangeUseEnd.data[r]) continue;
      if (firstUsed < 0) firstUsed = r;
      lastUsed = r;
    }
    if (firstUsed < 0) {
      this.spillFrom(state, list);
      return;
    }
    if (trim) {
      const end = this.lastNeeded(state, lastUsed);
      if (end < rangeTo.data[lastUsed]) this.cut(state, lastUsed, end);
      const behind = rangeNext.data[lastUsed];
      rangeNext.data[lastUsed] = -1;
      this.spillFrom(state, behind);
      for (let r = list; r !== firstUsed;) {
        const after = rangeNext.data[r];
        rangeNext.data[r] = -1;
        state.rangeBundle.data[r] = -1;
        r = after;
      }
      const start = state.usePoint[rangeUse.data[firstUsed]] & ~1;
      if (start > rangeFrom.data[firstUsed]) {
        const rest = this.cut(state, firstUsed, start);
        state.rangeBundle.data[firstUsed] = -1;
        rangeNext.data[firstUsed] = -1;
        firstUsed = rest;
      }
      list = firstUsed;
    }
    this.rememberConstants(state, list);
    const piece = state.newBundle(set);
    for (let r = list; r >= 0;) {
      const after = rangeNext.data[r];
      state.append(piece, r);
      r = after;
    }
    this.finish(state, piece, hint);
  }

  /** The end of the last need of a range: entries of its last instruction may end differently. */
  private lastNeeded(state: State, range: number): number {
    const first = state.rangeUse.data[range];
    let end = 0;
    let inst = -1;
    for (let u = state.rangeUseEnd.data[range] - 1; u >= first; u--) {
      if (inst >= 0 && state.usePoint[u] >> 1 !== inst) break;
      inst = state.usePoint[u] >> 1;
      end = Math.max(end, state.entryEnd(u));
    }
    return end;
  }

  /** True if the bundle was split at the borders of the loops inside it. */
  private byLoops(state: State, bundle: number): boolean {
    const { loopDepth, blockStart } = state.input;
    const { instBlock, loopHeader, rangeFrom, rangeTo, rangeNext } = state;
    const set = state.bundleSet.data[bundle];
    const head = state.bundleFirst.data[bundle];
    let least = 0x7fffffff;
    let most = -1;
    for (let r = head; r >= 0; r = rangeNext.data[r]) {
      const last = instBlock[(rangeTo.data[r] - 1) >> 1];
      state.work += last - instBlock[rangeFrom.data[r] >> 1] + 1;
      for (let b = instBlock[rangeFrom.data[r] >> 1]; b <= last; b++) {
        least = Math.min(least, loopDepth[b]);
        most = Math.max(most, loopDepth[b]);
      }
    }
    if (least === most) return false;
    const outside = least;
    let outerFirst = -1;
    let outerLast = -1;
    // Cut at the borders; then collect runs.
    let runList = -1;
    let runLast = -1;
    let runInside = false;
    let open = false;
    for (let r = head; r >= 0;) {
      let b = instBlock[rangeFrom.data[r] >> 1];
      const inside = loopDepth[b] > outside;
      const startsLoop = loopDepth[b] === outside + 1 && loopHeader[b] !== 0;
      const atStart = rangeFrom.data[r] === 2 * blockStart[b];
      if (open && (inside !== runInside || (startsLoop && atStart))) {
        rangeNext.data[runLast] = -1;
        if (runInside || outside === 0) this.make(state, set, runList, !runInside, -1);
        else {
          if (outerFirst < 0) outerFirst = runList;
          else rangeNext.data[outerLast] = runList;
          outerLast = runLast;
        }
        open = false;
      }
      const last = instBlock[(rangeTo.data[r] - 1) >> 1];
      for (b++; b <= last; b++) {
        const other =
          loopDepth[b] > outside !== inside || (loopDepth[b] === outside + 1 && loopHeader[b] !== 0);
        if (other) break;
      }
      if (b <= last) this.cut(state, r, 2 * blockStart[b]);
      if (!open) {
        open = true;
        runList = r;
        runInside = inside;
      }
      runLast = r;
      r = rangeNext.data[r];
    }
    if (runInside || outside === 0) this.make(state, set, runList, !runInside, -1);
    else if (outerFirst < 0) outerFirst = runList;
    else rangeNext.data[outerLast] = runList;
    if (outerFirst >= 0) this.make(state, set, outerFirst, false, -1);
    return true;
  }

  /** True if blocks on unlikely paths with clobbers were split off. */
  private byColdness(state: State, bundle: number): boolean {
    const { loopDepth, blockStart } = state.input;
    const { instBlock, coldness, blockClobbers, rangeFrom, rangeTo, rangeNext } = state;
    const set = state.bundleSet.data[bundle];
    const head = state.bundleFirst.data[bundle];
    let least = 0x7fffffff;
    let mostClobbered = -1;
    for (let r = head; r >= 0; r = rangeNext.data[r]) {
      const last = instBlock[(rangeTo.data[r] - 1) >> 1];
      state.work += last - instBlock[rangeFrom.data[r] >> 1] + 1;
      for (let b = instBlock[rangeFrom.data[r] >> 1]; b <= last; b++) {
        least = Math.min(least, coldness[b]);
        if (blockClobbers[b] !== 0) mostClobbered = Math.max(mostClobbered, coldness[b]);
      }
    }
    if (mostClobbered <= least) return false;
    const trim = loopDepth[instBlock[rangeFrom.data[head] >> 1]] === 0;
    let warmFirst = -1;
    let warmLast = -1;
    let coldFirst = -1;
    let coldLast = -1;
    for (let r = head; r >= 0;) {
      let b = instBlock[rangeFrom.data[r] >> 1];
      const isCold = coldness[b] > least;
      const last = instBlock[(rangeTo.data[r] - 1) >> 1];
      for (b++; b <= last; b++) if (coldness[b] > least !== isCold) break;
      if (b <= last) this.cut(state, r, 2 * blockStart[b]);
      const after = rangeNext.data[r];
      rangeNext.data[r] = -1;
      if (!isCold) {
        if (warmFirst < 0) warmFirst = r;
        else rangeNext.data[warmLast] = r;
        warmLast = r;
        // What is cold before and after it is no piece together.
        if (coldFirst >= 0) this.make(state, set, coldFirst, true, -1);
        coldFirst = -1;
      } else {
        if (coldFirst < 0) coldFirst = r;
        else rangeNext.data[coldLast] = r;
        coldLast = r;
      }
      r = after;
    }
    if (coldFirst >= 0) this.make(state, set, coldFirst, true, -1);
    this.make(state, set, warmFirst, trim, -1);
    return true;
  }

  /** Splits at a point; the part before it takes the hint. */
  private atConflict(state: State, bundle: number, blockedAt: number, hint: number): void {
    const { rangeFrom, rangeTo, rangeNext, rangeUse, rangeUseEnd, usePoint } = state;
    const set = state.bundleSet.data[bundle];
    const head = state.bundleFirst.data[bundle];
    let point = blockedAt;
    let firstUsed = head;
    while (firstUsed >= 0 && rangeUse.data[firstUsed] === rangeUseEnd.data[firstUsed])
      firstUsed = rangeNext.data[firstUsed];
    if (firstUsed < 0) {
      this.spillFrom(state, head);
      return;
    }
    const firstEntry = rangeUse.data[firstUsed];
    let usable = point;
    if ((point & 1) !== 0 && this.hasLateEntry(state, bundle, point)) usable = point - 1;
    if (usable <= usePoint[firstEntry]) {
      // Nothing is free even for the first use: it stands alone, the rest begins after it.
      point = (usePoint[firstEntry] | 1) + 1;
      hint = -1;
    } else point = usable;
    let before = -1;
    let r = head;
    while (r >= 0 && rangeTo.data[r] <= point) {
      before = r;
      r = rangeNext.data[r];
    }
    let rest = r;
    if (r >= 0 && rangeFrom.data[r] < point) {
      rest = this.cut(state, r, point);
      before = r;
    }
    if (before < 0 || rest < 0) {
      this.perUse(state, bundle);
      return;
    }
    rangeNext.data[before] = -1;
    this.make(state, set, head, true, hint);
    this.make(state, set, rest, true, -1);
  }

  /** True if the vreg that is live in the bundle at a late point has an entry there that is not its definition's beginning. */
  private hasLateEntry(state: State, bundle: number, point: number): boolean {
    for (let r = state.bundleFirst.data[bundle]; r >= 0; r = state.rangeNext.data[r]) {
      if (state.rangeTo.data[r] <= point) continue;
      if (state.rangeFrom.data[r] >= point) return false;
      for (let u = state.rangeUse.data[r]; u < state.rangeUseEnd.data[r] && state.usePoint[u] <= point; u++) {
        if (state.usePoint[u] === point || (state.entryEnd(u) > point && state.usePoint[u] === point - 1))
          return true;
      }
      return false;
    }
    return false;
  }

  /** Takes a bundle apart into pieces of one instruction. */
  private perUse(state: State, bundle: number): void {
    const { rangeFrom, rangeTo, rangeNext, rangeUse, rangeUseEnd, usePoint, useNeedsReg } = state;
    const set = state.bundleSet.data[bundle];
    for (let r = state.bundleFirst.data[bundle]; r >= 0;) {
      const after = rangeNext.data[r];
      rangeNext.data[r] = -1;
      state.rangeBundle.data[r] = -1;
      let range = r;
      for (let u = rangeUse.data[r], end = rangeUseEnd.data[r]; u < end;) {
        const inst = usePoint[u] >> 1;
        const from = Math.max(usePoint[u] & ~1, rangeFrom.data[range]);
        let to = 0;
        let needs = 0;
        for (; u < end && usePoint[u] >> 1 === inst; u++) {
          if (useNeedsReg[u] === 0) continue;
          needs = 1;
          to = Math.max(to, state.entryEnd(u));
        }
        state.work++;
        if (needs === 0) continue;
        if (from > rangeFrom.data[range]) range = this.cut(state, range, from);
        const use = range;
        if (to < rangeTo.data[range]) range = this.cut(state, range, to);
        rangeNext.data[use] = -1;
        const piece = state.newBundle(set);
        state.append(piece, use);
        this.finish(state, piece, -1);
        if (to >= rangeTo.data[range] && range === use) break;
      }
      r = after;
    }
  }
}
