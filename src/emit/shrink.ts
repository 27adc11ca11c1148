// Shortens forward branches at the end of a function whose labels are all known: a branch was given its longest form
// because its target was not bound. Shortening one branch never lengthens the distance of another, so the pass starts
// from long forms and shortens what fits until nothing changes (or a few rounds have passed: the result is right after
// each). Then the code is moved together, and everything that names an offset with it: labels, fixups, records.
//
// Preconditions: no islands and no alignment inside the code, no constants written yet, everything settled. Fixups that
// were patched before are patched again, since distances have changed; they have only become shorter, so all fit.
import type { CodeBuffer } from './code_buffer.ts';
import { fits } from './fixup_kinds.ts';
import type { BranchForm, FixupIsa } from './fixup_kinds.ts';
import { FixupState } from './fixup_list.ts';
import { CallSiteRow, LocationRow, TrapRow } from './function_code.ts';

const MAX_ROUNDS = 4;

function formsOf(isa: FixupIsa, cond: number): readonly BranchForm[] {
  return cond < 0 ? isa.jumpForms : isa.condForms(cond);
}

/** Runs the pass; returns the number of branches that became shorter. */
export function shrinkBranches(buffer: CodeBuffer): number {
  const { isa, labels, fixups, branches } = buffer;
  const count = branches.siteCount;
  const starts = branches.siteStart;
  // removed[s]: bytes removed from all sites before s. behind[s]: sites that start before the target of s.
  const removed = new Int32Array(count + 1);
  const behind = new Int32Array(count);
  const targets = new Int32Array(count);
  const chosen = branches.siteForm.slice(0, count);
  for (let s = 0; s < count; s++) {
    targets[s] = labels.resolve(fixups.label[branches.siteFixup[s]]);
    behind[s] = targets[s] < 0 ? 0 : sitesBefore(starts, count, targets[s]);
  }
  let shrunk = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let changed = 0;
    for (let s = 0; s < count; s++) {
      buffer.work++;
      if (targets[s] < 0 || chosen[s] === 0) continue;
      const forms = formsOf(isa, branches.siteCond[s]);
      const from = starts[s] - removed[s];
      // The site itself lies before a forward target, and what it loses is not yet in `removed`.
      const target = targets[s] - removed[behind[s]];
      for (let f = 0; f < chosen[s]; f++) {
        const form = forms[f];
        const own = targets[s] > starts[s] ? forms[chosen[s]].size - form.size : 0;
        if (!fits(isa.kinds[form.kind], target - own + form.addend - (from + form.fixupOffset))) continue;
        chosen[s] = f;
        changed++;
        break;
      }
    }
    if (changed === 0) break;
    shrunk += changed;
    for (let s = 0; s < count; s++) {
      const forms = formsOf(isa, branches.siteCond[s]);
      removed[s + 1] = removed[s] + forms[branches.siteForm[s]].size - forms[chosen[s]].size;
    }
  }
  if (shrunk > 0) moveCode(buffer, chosen, removed);
  return shrunk;
}

/** Number of sites that start before `offset`. */
function sitesBefore(starts: Int32Array, count: number, offset: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function moveCode(buffer: CodeBuffer, chosen: Int32Array, removed: Int32Array): void {
  const { isa, labels, fixups, branches, bytes } = buffer;
  const count = branches.siteCount;
  const starts = branches.siteStart;
  const length = buffer.length;

  for (let l = 0; l < labels.offset.length; l++) {
    const offset = labels.offset.data[l];
    if (offset >= 0) labels.offset.data[l] = offset - removed[sitesBefore(starts, count, offset)];
  }
  moveColumn(fixups.offset, fixups.length, 1, 0, starts, count, removed);
  moveRows(buffer.trapRows, TrapRow.Size, TrapRow.Offset, starts, count, removed);
  moveRows(buffer.callSiteRows, CallSiteRow.Size, CallSiteRow.ReturnOffset, starts, count, removed);
  moveRows(buffer.locationRows, LocationRow.Size, LocationRow.Offset, starts, count, removed);
  moveRows(buffer.marks, 1, 0, starts, count, removed);

  let to = starts[0];
  let s = 0;
  while (s < count) {
    const cond = branches.siteCond[s];
    const forms = formsOf(isa, cond);
    const oldForm = forms[branches.siteForm[s]];
    const form = forms[chosen[s]];
    const i = branches.siteFixup[s];
    if (form !== oldForm) {
      if (cond < 0) isa.writeJump(bytes, to, chosen[s]);
      else isa.writeCond(bytes, to, cond, chosen[s]);
      fixups.kind[i] = form.kind;
      fixups.addend[i] = form.addend;
      fixups.offset[i] = to + form.fixupOffset;
      fixups.state[i] = FixupState.Open;
    } else {
      bytes.copyWithin(to, starts[s], starts[s] + form.size);
      fixups.offset[i] = to + form.fixupOffset;
    }
    const from = starts[s] + oldForm.size;
    const end = s + 1 < count ? starts[s + 1] : length;
    branches.siteStart[s] = to;
    branches.siteForm[s] = chosen[s];
    to += form.size;
    if (from !== to) bytes.copyWithin(to, from, end);
    to += end - from;
    s++;
  }
  buffer.length = to;
  for (let i = 0; i < fixups.length; i++) {
    if (fixups.state[i] !== FixupState.Done) continue;
    const offset = fixups.offset[i];
    const displacement = labels.resolve(fixups.label[i]) + fixups.addend[i] - offset;
    isa.kinds[fixups.kind[i]].patch(bytes, offset, displacement);
  }
}

function moveRows(
  rows: { data: Int32Array; length: number },
  size: number,
  field: number,
  starts: Int32Array,
  count: number,
  removed: Int32Array,
): void {
  moveColumn(rows.data, rows.length, size, field, starts, count, removed);
}

/** Maps old offsets, which rise from row to row, to new ones. */
function moveColumn(
  data: Int32Array,
  length: number,
  size: number,
  field: number,
  starts: Int32Array,
  count: number,
  removed: Int32Array,
): void {
  let s = 0;
  for (let row = field; row < length; row += size) {
    const offset = data[row];
    while (s < count && starts[s] < offset) s++;
    data[row] = offset - removed[s];
  }
}
