// Veneers of aarch64 as the code buffer and the text layout write them: every branch leads to its target, through chains
// 14 -> 26, 19 -> 26 -> full, mixed in one function; every veneer was needed, and no island has two for one target.
import assert from 'node:assert/strict';
import { CodeBuffer } from '../../src/emit/code_buffer.ts';
import { withReach, type FixupIsa } from '../../src/emit/fixup_kinds.ts';
import type { FunctionCode } from '../../src/emit/function_code.ts';
import { LayoutRandom, layoutOrder } from '../../src/emit/layout_order.ts';
import { TextLayout, type TextImage } from '../../src/emit/text_layout.ts';
import { A64_FIXUPS, Kind } from '../../src/isa/aarch64/fixups.ts';
import { CC, Cond, CondField } from '../../src/isa/aarch64/instructions.ts';

const NOP = 0xd503201f | 0;
const RET = 0xd65f03c0 | 0;
const BR_X16 = 0xd61f0200 | 0;

/** tbz x3, #40; cbz w5; b.lt */
const TEST = Cond.Test | (40 << CondField.BitShift) | (3 << CondField.RegShift);
const ZERO = Cond.Zero | (5 << CondField.RegShift);
const LESS = CC.Lt;
const CONDS = [TEST, ZERO, LESS] as const;

/** A branch, load or call that was written: where, of which kind, and what it names. */
interface Site {
  readonly at: number;
  readonly kind: Kind;
  readonly label: number;
  readonly symbol: number;
}

/** Where a function begins in the bytes of the text. */
class Text {
  readonly image: TextImage;

  constructor(image: TextImage) {
    this.image = image;
  }

  word(offset: number): number {
    for (const run of this.image.runs) {
      if (offset < run.offset || offset >= run.offset + run.size) continue;
      for (const { offset: start, bytes } of run.chunks) {
        if (offset < start || offset >= start + bytes.length) continue;
        const at = offset - start;
        return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
      }
    }
    throw new Error(`no text at ${offset}`);
  }
}

/** Signed field of `bits` at `shift`, in words. */
const field = (word: number, shift: number, bits: number): number =>
  4 * ((word << (32 - bits - shift)) >> (32 - bits));

/** Target of the branch, load or `adr` of a kind at `at`. */
function targetOf(text: Text, at: number, kind: Kind): number {
  const word = text.word(at);
  switch (kind) {
    case Kind.Test14:
      return at + field(word, 5, 14);
    case Kind.Cond19:
    case Kind.Literal19:
      return at + field(word, 5, 19);
    case Kind.Branch26:
    case Kind.Call26:
      return at + field(word, 0, 26);
    case Kind.Far48: {
      assert.equal(text.word(at + 12), 0x10000011, 'adr x17, .');
      assert.equal(text.word(at + 20), BR_X16);
      const isNegative = (word & 0x40000000) === 0;
      const low = isNegative ? ~(word >> 5) & 0xffff : (word >> 5) & 0xffff;
      const middle = (text.word(at + 4) >> 5) & 0xffff;
      const high = (text.word(at + 8) >> 5) & 0xffff;
      return at + 12 + low + middle * 2 ** 16 + (isNegative ? high - 0x10000 : high) * 2 ** 32;
    }
    default:
      throw new Error(`kind ${kind}`);
  }
}

/** Kind of the jump of the veneer at `at`. */
const veneerKind = (text: Text, at: number): Kind =>
  (text.word(at) & 0xfc000000) >>> 0 === 0x14000000 ? Kind.Branch26 : Kind.Far48;
const veneerSize = (kind: Kind): number => (kind === Kind.Branch26 ? 4 : 24);

/** The kinds of the veneers between a site and `target`; fails if it does not lead there. */
function chainOf(text: Text, at: number, kind: Kind, target: number): Kind[] {
  const chain: Kind[] = [];
  for (
    let next = targetOf(text, at, kind);
    next !== target;
    next = targetOf(text, next, chain[chain.length - 1])
  ) {
    assert.ok(chain.length < 5, `the ${A64_FIXUPS.kinds[kind].name} at ${at} does not lead to ${target}`);
    chain.push(veneerKind(text, next));
  }
  return chain;
}

function put(buffer: CodeBuffer, word: number): void {
  buffer.put4(word);
  buffer.afterInstruction();
}

/** A function with a site of each of `kinds` at its start, all to the label behind `distance` bytes. */
function across(
  isa: FixupIsa,
  kinds: readonly Kind[],
  distance: number,
): { text: Text; sites: Site[]; end: number } {
  const buffer = new CodeBuffer(isa);
  const label = buffer.newLabel();
  const sites: Site[] = [];
  for (const kind of kinds) {
    sites.push({ at: buffer.length, kind, label, symbol: -1 });
    if (kind === Kind.Branch26) buffer.jump(label);
    else buffer.condJump(kind === Kind.Test14 ? TEST : LESS, label);
    put(buffer, NOP);
  }
  const end = buffer.length + distance;
  // In pieces, as instructions come; the last one whole.
  while (buffer.length < end - 2 ** 21) buffer.pad(2 ** 20);
  while (buffer.length < end) put(buffer, NOP);
  buffer.bindLabel(label);
  put(buffer, RET);
  const layout = new TextLayout(isa);
  layout.append(buffer.finish(), 0);
  return { text: new Text(layout.finish()), sites, end: buffer.offsetOf(label) };
}

describe('promotion of veneers, aarch64', () => {
  const [b26, far] = [Kind.Branch26, Kind.Far48];
  for (const [title, distance, expected] of [
    ['in reach of all: no veneer', 30_000, [[], [], []]],
    ['beyond 32 KiB: 14 -> 26', 40_000, [[b26], [], []]],
    ['beyond 1 MiB: 14 and 19 -> 26, shared', 2 ** 20 + 40_000, [[b26], [b26], []]],
    ['beyond 128 MiB: 14 and 19 -> 26 -> full, 26 -> full', 130 * 2 ** 20, [[b26, far], [b26, far], [far]]],
  ] as const) {
    it(title, () => {
      const { text, sites, end } = across(A64_FIXUPS, [Kind.Test14, Kind.Cond19, Kind.Branch26], distance);
      assert.deepEqual(
        sites.map(({ at, kind }) => chainOf(text, at, kind, end)),
        expected,
      );
    });
  }

  it('the same with the reach of 26 cut short', () => {
    const cut = withReach(A64_FIXUPS, 'branch26', 20);
    const { text, sites, end } = across(cut, [Kind.Test14, Kind.Cond19, Kind.Branch26], 2 ** 22);
    for (const { at, kind } of sites) assert.equal(chainOf(text, at, kind, end).at(-1), far);
  });

  it('a call between functions 140 MiB apart is one full-range veneer, forward and back', () => {
    const layout = new TextLayout(A64_FIXUPS, { padFunctions: 140 * 2 ** 20 });
    const buffer = new CodeBuffer(A64_FIXUPS);
    for (let f = 0; f < 3; f++) {
      buffer.reset(f);
      for (let callee = 0; callee < 3; callee++) {
        buffer.externalAt(buffer.length, callee, Kind.Call26, 0);
        put(buffer, 0x94000000 | 0);
      }
      put(buffer, RET);
      layout.append(buffer.finish(), f);
    }
    const text = new Text(layout.finish());
    const { symbolOffset } = text.image;
    for (let f = 0; f < 3; f++)
      for (let callee = 0; callee < 3; callee++) {
        const chain = chainOf(text, symbolOffset[f] + 4 * callee, Kind.Call26, symbolOffset[callee]);
        assert.deepEqual(chain, f === callee ? [] : [far], `${f} calls ${callee}`);
      }
    // One for each pair of caller and callee: no island reaches a second function.
    assert.equal(text.image.veneerOffset.length, 6);
  });
});

interface Built {
  readonly isa: FixupIsa;
  readonly text: Text;
  readonly codes: readonly FunctionCode[];
  readonly sites: readonly (readonly Site[])[];
  /** By function: offset of each label. */
  readonly offsetOf: readonly ((label: number) => number)[];
  readonly constants: number;
  readonly largestIsland: number;
  readonly largestLayoutIsland: number;
  readonly cleared: number;
}

const FUNCTIONS = 8;

/** Random functions: branches of all kinds to labels before and behind, calls, constants, traps, tables, plain code. */
function build(seed: number): Built {
  const random = new LayoutRandom(seed);
  let isa: FixupIsa = A64_FIXUPS;
  const cuts = [
    ['test14', 10 + random.below(2)],
    ['cond19', 11 + random.below(2)],
    ['branch26', 13 + random.below(3)],
    ['call26', 13 + random.below(3)],
    ['literal19', 12],
  ] as const;
  for (const [name, bits] of cuts) isa = withReach(isa, name, bits);
  const buffer = new CodeBuffer(isa);
  const codes: FunctionCode[] = [];
  const sites: Site[][] = [];
  const offsetOf: ((label: number) => number)[] = [];
  let largestIsland = 0;
  let constants = 0;
  for (let f = 0; f < FUNCTIONS; f++) {
    buffer.reset(f);
    const own: Site[] = [];
    const labels = Array.from({ length: 24 }, () => buffer.newLabel());
    for (const label of labels) {
      // A nop on each side: the peephole finds nothing to do.
      buffer.bindLabel(label);
      put(buffer, NOP);
      const steps = random.below(10) === 0 ? 2000 : random.below(200);
      for (let s = 0; s < steps; s++) {
        const dice = random.below(40);
        const target = labels[random.below(labels.length)];
        const site = { at: buffer.length, label: target, symbol: -1 };
        if (dice < 6) {
          const cond = CONDS[dice >> 1];
          own.push({ ...site, kind: cond === TEST ? Kind.Test14 : Kind.Cond19 });
          buffer.condJump(cond ^ (dice & 1), target);
        } else if (dice === 6) {
          own.push({ ...site, kind: Kind.Branch26 });
          buffer.jump(target);
        } else if (dice === 7) {
          const symbol = random.below(FUNCTIONS);
          own.push({ ...site, kind: Kind.Call26, symbol });
          buffer.externalAt(buffer.length, symbol, Kind.Call26, 0);
          buffer.put4(0x94000000 | 0);
        } else if (dice === 8) {
          buffer.useLabelAt(
            buffer.length,
            buffer.constant(Int32Array.of(seed, constants++), 0, 2),
            Kind.Literal19,
            0,
          );
          buffer.put4(0x58000000);
        } else if (dice === 9) buffer.condJump(LESS, buffer.deferTrap(1, s));
        else buffer.put4(NOP);
        buffer.afterInstruction();
        // Branches one behind the other would be the peephole's.
        if (dice < 7 || dice === 9) put(buffer, NOP);
      }
    }
    put(buffer, RET);
    codes.push(buffer.finish());
    sites.push(own);
    const offsets = new Map(labels.map((label) => [label, buffer.offsetOf(label)]));
    offsetOf.push((label) => offsets.get(label) ?? -1);
    largestIsland = Math.max(largestIsland, buffer.largestIsland);
  }
  const layout = new TextLayout(isa, { layoutSeed: seed % 3 === 0 ? seed : 0 });
  for (const f of layoutOrder(FUNCTIONS, seed)) layout.append(codes[f], f);
  const text = new Text(layout.finish());
  const largestLayoutIsland = layout.largestIsland;
  const cleared = layout.clearedCount;
  return { isa, text, codes, sites, offsetOf, constants, largestIsland, largestLayoutIsland, cleared };
}

/** Follows every site and checks every veneer. Returns the numbers of veneers of each kind of chain. */
function check(built: Built): Map<string, number> {
  const { isa, text } = built;
  const { symbolOffset, symbolSize } = text.image;
  const counts = new Map<string, number>();
  /** Veneer -> what it leads to in the end, whether some user needed it. */
  const veneers = new Map<number, { kind: Kind; final: string; needed: boolean }>();
  built.sites.forEach((sites, f) => {
    const start = symbolOffset[f];
    const end = start + symbolSize[f];
    for (const site of sites) {
      const isCall = site.symbol >= 0;
      const target = isCall ? symbolOffset[site.symbol] : start + built.offsetOf[f](site.label);
      const chain = chainOf(text, start + site.at, site.kind, target);
      if (chain.length > 0) {
        const key = [site.kind, ...chain].map((k) => isa.kinds[k].name).join(' -> ');
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      let from = start + site.at;
      let kind = site.kind;
      for (const next of chain) {
        const veneer = targetOf(text, from, kind);
        const { forward, backward } = isa.kinds[kind];
        // Of a veneer within the function, the buffer decided; of others, the layout.
        const slack = veneer >= start && veneer < end ? built.largestIsland : built.largestLayoutIsland;
        const isBack = target < from && from - target > backward - slack;
        const isLate = veneer - from > forward - slack;
        const entry = veneers.get(veneer);
        const needed = isBack || isLate || entry?.needed === true;
        veneers.set(veneer, { kind: next, final: `${isCall ? 'f' : 'l'}${target}`, needed });
        from = veneer;
        kind = next;
      }
    }
  });
  const between = new Set(text.image.veneerOffset);
  let island = new Map<string, string>();
  let end = -1;
  let wasBetween = false;
  for (const [at, { kind, final, needed }] of [...veneers].sort(([a], [b]) => a - b)) {
    if (built.cleared === 0 || !between.has(at))
      assert.ok(needed, `the veneer at ${at} came before any deadline`);
    // A function that ends with veneers may be followed by an island.
    if (at !== end || between.has(at) !== wasBetween) island = new Map();
    assert.ok(
      !island.has(final),
      `two veneers to ${final} in one island: ${island.get(final)} and ${at} ${isa.kinds[kind].name}`,
    );
    island.set(final, `${at} ${isa.kinds[kind].name}`);
    wasBetween = between.has(at);
    end = at + veneerSize(kind);
  }
  return counts;
}

describe('random functions, aarch64, reaches cut short', function () {
  this.timeout(60_000);
  it('120 texts: every branch leads home, every veneer was needed, one for each target and island', () => {
    const counts = new Map<string, number>();
    let cleared = 0;
    for (let seed = 1; seed <= 120; seed++) {
      const built = build(seed);
      if (built.cleared > 0) cleared++;
      for (const [key, n] of check(built)) counts.set(key, (counts.get(key) ?? 0) + n);
      assert.ok(built.constants > 100);
    }
    console.log(`# ${[...counts].map(([key, n]) => `${key}: ${n}`).join(', ')}; ${cleared} texts cleared`);
    for (const key of [
      'test14 -> branch26',
      'cond19 -> branch26',
      'test14 -> branch26 -> far48',
      'cond19 -> branch26 -> far48',
      'branch26 -> far48',
      'call26 -> far48',
    ])
      assert.ok((counts.get(key) ?? 0) > 20, `${counts.get(key) ?? 0} times ${key}`);
  });
});
