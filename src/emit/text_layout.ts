// The whole module's text: finished functions (and blocks of data) one behind the other, every use of a function's
// start resolved. Offsets are Float64, from the start of the text; a function's bytes are kept by reference and
// patched in place, never copied.
//
// A fixup whose target is not placed yet waits, in the queue of its kind (deadlines rise within a kind) and in the
// list of its target's uses; when the target is placed, its uses are patched. An island of veneers is written between
// two functions when a deadline could be missed. Invariant, before a function of n bytes is appended behind a gap:
//     start + n + the largest island that could be needed then <= soonest deadline, its own fixups included.
// The largest island counts each target that is waited for once, because the uses of one target share a veneer: there
// is one veneer for each target and island, and a later use takes an earlier veneer that it reaches. Only fixups with a
// deadline inside the threshold get one; a veneer's own fixup, of a longer kind, waits in turn (aarch64: 26 bits, then
// full range). A call back to a target out of reach waits for a veneer in the same way. Each fixup is looked at a
// bounded number of times, so the cost is linear.
//
// A gap of a MiB or more starts a new run, which the object writer makes a section of its own. No gap is materialised.
import { IntColumn } from '../support/int_column.ts';
import { fits, islandCosts, veneerTo } from './fixup_kinds.ts';
import type { FixupIsa } from './fixup_kinds.ts';
import { FixupRow } from './function_code.ts';
import type { FunctionCode } from './function_code.ts';
import { LayoutRandom } from './layout_order.ts';
import { TextBlocks } from './text_blocks.ts';
import type { TextChunk } from './text_blocks.ts';
import { Waiting, WaitingFixups } from './waiting_fixups.ts';

/** A gap of at least this many bytes starts a new run. */
export const RUN_GAP = 1 << 20;
/** Alignment of every run but the first: the largest page size. */
export const RUN_ALIGN = 1 << 16;

export interface TextLayoutOptions {
  /** Bytes of empty space behind each function (`--x-pad-functions`). */
  readonly padFunctions?: number;
  /** Every call goes through a veneer (`--x-force-veneers`). */
  readonly forceVeneers?: boolean;
  /** Seed of random paddings (`--x-layout-seed`); 0: none. */
  readonly layoutSeed?: number;
}

/** Contiguous text. Between chunks lie holes of less than RUN_GAP, to be filled with the ISA's fill byte. */
export interface TextRun {
  readonly offset: number;
  readonly size: number;
  /** By rising offset; made anew by each iteration, so that a text of a million islands needs no list of them. */
  readonly chunks: Iterable<TextChunk>;
}

export interface TextImage {
  /** End of the last run. */
  readonly size: number;
  readonly runs: readonly TextRun[];
  /** By symbol: offset from the start of the text (-1 if nothing was appended under it) and bytes. */
  readonly symbolOffset: Float64Array;
  readonly symbolSize: Float64Array;
  /** Veneers in the islands between functions, by rising offset: offset, bytes, the symbol that it leads to. */
  readonly veneerOffset: Float64Array;
  readonly veneerSize: Int32Array;
  readonly veneerSymbol: Int32Array;
  /** Pairs [start, end) of data among the code, from the start of the text, rising. */
  readonly dataRanges: Float64Array;
}

/** What the layout knows of a symbol. */
const enum SymbolRow {
  /** From the start of the text; -1: not placed. */
  Offset,
  Bytes,
  /** Offset of the last veneer for it, or -1, and the kind of that veneer's own fixup. */
  Veneer,
  VeneerKind,
  Size,
}

export class TextLayout {
  /** Islands written, and steps of all loops over fixups (for tests that the cost is linear). */
  islandCount = 0;
  work = 0;
  /** Islands that took everything that waited, because a function was nearly too long for its own calls. */
  clearedCount = 0;
  /** Largest island that might have had to be written when one was, with the function to come before the next one. */
  largestIsland = 0;

  private readonly costs: Int32Array;
  private readonly maxCost: number;
  private readonly costlyKinds: number[];
  private readonly padFunctions: number;
  private readonly force: boolean;
  private readonly random: LayoutRandom | null;

  private end = 0;
  private readonly blocks = new TextBlocks();
  /** First block of each run. */
  private readonly runBlock: number[] = [0];

  /** By symbol: a row of SymbolRow. One row is what the layout of a large text reads at random, of one line of the cache. */
  private symbols = new Float64Array(1024 * SymbolRow.Size);
  private symbolCount = 0;

  private readonly waiting: WaitingFixups;
  /** The symbol about to be placed, at an offset of at most `nextReached`: its uses that reach so far need no veneer. */
  private nextSymbol = -1;
  private nextReached = 0;

  private readonly veneerOffset: number[] = [];
  private readonly veneerSize = new IntColumn(64);
  private readonly veneerSymbol = new IntColumn(64);

  constructor(
    readonly isa: FixupIsa,
    options: TextLayoutOptions = {},
  ) {
    this.costs = islandCosts(isa);
    this.maxCost = this.costs.reduce((a, b) => Math.max(a, b), 0);
    this.costlyKinds = isa.kinds.map((_, k) => k).filter((k) => this.costs[k] > 0);
    this.costlyKinds.sort((a, b) => isa.kinds[b].forward - isa.kinds[a].forward);
    this.padFunctions = options.padFunctions ?? 0;
    this.force = options.forceVeneers === true;
    this.random = options.layoutSeed ? new LayoutRandom(options.layoutSeed) : null;
    this.waiting = new WaitingFixups(this.costs);
  }

  /** Offset of the first byte behind everything appended so far. */
  get size(): number {
    return this.end;
  }

  /** Offset of `symbol` in the text, or -1 while it is not placed. */
  offsetOf(symbol: number): number {
    return symbol < this.symbolCount ? this.symbols[symbol * SymbolRow.Size + SymbolRow.Offset] : -1;
  }

  /**
   * Appends `code` under the symbol index `symbol` and returns its offset. `code.bytes` is patched in place, until
   * `finish`. Throws if the symbol is placed already, or if a function is so long, for the reach of its own fixups,
   * that no island behind it could be reached.
   */
  append(code: FunctionCode, symbol: number): number {
    this.growSymbols(symbol);
    if (this.offsetOf(symbol) >= 0) throw new Error(`symbol ${symbol} is placed twice`);
    const start = this.makeRoom(code, symbol);
    if (start - this.end >= RUN_GAP && this.blocks.count > 0) this.runBlock.push(this.blocks.count);
    const block = this.blocks.push(start, code.bytes, code.dataRanges);
    const symbolRow = symbol * SymbolRow.Size;
    this.symbols[symbolRow + SymbolRow.Offset] = start;
    this.symbols[symbolRow + SymbolRow.Bytes] = code.bytes.length;
    this.end = start + code.bytes.length;
    this.patchUses(symbol, start);
    const rows = code.fixups;
    for (let row = 0; row < rows.length; row += FixupRow.Size) {
      this.use(
        block,
        rows[row + FixupRow.Offset],
        rows[row + FixupRow.Symbol],
        rows[row + FixupRow.Kind],
        rows[row + FixupRow.Addend],
        Waiting.Open,
      );
    }
    return start;
  }

  /** Ends the text. Throws if a symbol that is used was never placed. */
  finish(): TextImage {
    const { waiting } = this;
    if (waiting.forced > 0) this.writeIsland(-Infinity, true);
    for (let k = 0; k < waiting.head.length; k++) {
      for (let i = waiting.head[k]; i >= 0; i = waiting.next[i]) {
        const symbol = waiting.symbol[i];
        if (this.offsetOf(symbol) < 0) throw new Error(`symbol ${symbol} is used and was never placed`);
      }
    }
    while (waiting.count > 0) {
      if (!this.writeIsland(Infinity, false))
        throw new Error(`${waiting.count} fixups cannot reach their targets`);
    }
    return this.image();
  }

  // ---- Placing ----

  /** Writes the islands that must come before `code`; returns where it will start. */
  private makeRoom(code: FunctionCode, symbol: number): number {
    let pad = this.blocks.count > 0 ? this.padFunctions : 0;
    if (this.random !== null && this.blocks.count > 0) pad += this.random.padding();
    if (this.waiting.forced > 0) this.writeIsland(-Infinity, true);
    const rows = code.fixups;
    let ownDeadline = Infinity;
    let ownCost = 0;
    for (let row = 0; row < rows.length; row += FixupRow.Size) {
      const kindIndex = rows[row + FixupRow.Kind];
      if (this.costs[kindIndex] === 0) continue;
      const kind = this.isa.kinds[kindIndex];
      const offset = rows[row + FixupRow.Offset];
      const addend = rows[row + FixupRow.Addend];
      const target = this.offsetOf(rows[row + FixupRow.Symbol]);
      if (target >= 0 && !this.force) {
        // Far enough from its reach that islands and gaps before the function do not matter.
        const slack = pad + RUN_ALIGN + code.align + (this.waiting.distinct + rows.length) * this.maxCost;
        if (target + addend - (this.end + offset + slack) >= -kind.backward) continue;
      }
      ownCost += this.costs[kindIndex];
      ownDeadline = Math.min(ownDeadline, offset + kind.forward - addend);
    }
    for (;;) {
      const start = this.placeAfter(pad, code.align);
      const island = this.waiting.distinct * this.maxCost + ownCost + 64;
      const limit = start + code.bytes.length + island;
      this.nextSymbol = symbol;
      this.nextReached = start + island;
      const soonest = this.soonestDeadline();
      if (soonest >= limit && start + ownDeadline >= limit) {
        this.nextSymbol = -1;
        return start;
      }
      this.largestIsland = Math.max(this.largestIsland, limit - this.end);
      if (soonest >= limit) this.clearedCount++;
      if (!this.writeIsland(soonest < limit ? limit : Infinity, false)) {
        throw new Error(
          `a function of ${code.bytes.length} bytes is out of reach of its own fixups' veneers`,
        );
      }
    }
  }

  private placeAfter(pad: number, align: number): number {
    const start = alignUp(this.end + pad, align);
    return start - this.end >= RUN_GAP && this.blocks.count > 0
      ? alignUp(start, Math.max(align, RUN_ALIGN))
      : start;
  }

  private growSymbols(symbol: number): void {
    if (symbol < this.symbolCount) return;
    const count = symbol + 1;
    if (count * SymbolRow.Size > this.symbols.length) {
      const grown = new Float64Array(Math.max(count * SymbolRow.Size, this.symbols.length * 2));
      grown.set(this.symbols);
      this.symbols = grown;
    }
    for (let row = this.symbolCount * SymbolRow.Size; row < count * SymbolRow.Size; row += SymbolRow.Size) {
      this.symbols[row + SymbolRow.Offset] = -1;
      this.symbols[row + SymbolRow.Veneer] = -1;
    }
    this.waiting.growSymbols(count);
    this.symbolCount = count;
  }

  // ---- Fixups ----

  /** Patches a use of `symbol` at `local` from the start of `block`, or lets it wait. */
  private use(
    block: number,
    local: number,
    symbol: number,
    kindIndex: number,
    addend: number,
    state: Waiting,
  ): void {
    this.work++;
    this.growSymbols(symbol);
    const kind = this.isa.kinds[kindIndex];
    const target = this.symbols[symbol * SymbolRow.Size + SymbolRow.Offset];
    const offset = this.blocks.offset[block] + local;
    const forced = this.force && state === Waiting.Open && kind.veneer !== null;
    if (target >= 0 && !forced) {
      const displacement = target + addend - offset;
      if (fits(kind, displacement)) {
        this.blocks.patch(kind, block, local, displacement);
        return;
      }
      if (kind.veneer === null) throw new Error(`${kind.name} at ${offset} cannot reach ${target}`);
    }
    this.waiting.add(block, local, offset, symbol, kindIndex, addend, forced ? Waiting.Forced : state);
  }

  /** `symbol` has been placed: patches what waits for it. */
  private patchUses(symbol: number, target: number): void {
    const { waiting } = this;
    for (let i = waiting.firstUse(symbol); i >= 0;) {
      this.work++;
      const following = waiting.nextUse[i];
      if (waiting.state[i] !== Waiting.Forced) this.patch(i, target);
      i = following;
    }
  }

  /** Patches the waiting fixup `i` to go to `target`, which must be in reach; it waits no longer. */
  private patch(i: number, target: number): void {
    const { waiting } = this;
    const kind = this.isa.kinds[waiting.kind[i]];
    const offset = waiting.offset[i];
    const displacement = target + waiting.addend[i] - offset;
    if (!fits(kind, displacement)) throw new Error(`${kind.name} at ${offset} cannot reach ${target}`);
    this.blocks.patch(kind, waiting.block[i], waiting.local[i], displacement);
    waiting.remove(i);
  }

  private deadline(i: number): number {
    const { waiting } = this;
    return waiting.offset[i] + this.isa.kinds[waiting.kind[i]].forward - waiting.addend[i];
  }

  /** True if the function about to be placed is the target of `i` and will be in its reach. */
  private isReached(i: number): boolean {
    const { waiting } = this;
    if (waiting.symbol[i] !== this.nextSymbol || waiting.state[i] === Waiting.Forced) return false;
    return this.deadline(i) >= this.nextReached;
  }

  private soonestDeadline(): number {
    let soonest = Infinity;
    const { waiting } = this;
    for (let k = 0; k < waiting.head.length; k++) {
      let i = waiting.head[k];
      while (i >= 0 && this.isReached(i)) {
        this.work++;
        i = waiting.next[i];
      }
      if (i >= 0) soonest = Math.min(soonest, this.deadline(i));
    }
    return soonest;
  }

  // ---- Islands ----

  /**
   * Writes an island behind the last block: veneers for the waiting fixups with a deadline before `threshold`, and
   * for forced ones if `force`. Longer kinds come first, so that shorter ones can share their veneers. False if there
   * was none of them.
   */
  private writeIsland(threshold: number, force: boolean): boolean {
    const { waiting } = this;
    const blocks = this.blocks.count;
    let any = false;
    for (let again = true; again;) {
      again = false;
      for (let k = 0; k < this.costlyKinds.length; k++) {
        for (let i = waiting.head[this.costlyKinds[k]]; i >= 0;) {
          this.work++;
          const following = waiting.next[i];
          const late = this.deadline(i) < threshold;
          if (!late && !force) break;
          if ((late || waiting.state[i] === Waiting.Forced) && !this.isReached(i)) {
            this.veneerFor(i, blocks, threshold);
            again = true;
            any = true;
          }
          i = following;
        }
      }
    }
    if (this.blocks.count > blocks) this.islandCount++;
    return any;
  }

  /** Sends fixup `i` to a veneer in reach, or to a new one in the island whose block is `island`. */
  private veneerFor(i: number, island: number, threshold: number): void {
    const { waiting } = this;
    const kind = this.isa.kinds[waiting.kind[i]];
    const symbol = waiting.symbol[i];
    const { symbols, blocks } = this;
    const row = symbol * SymbolRow.Size;
    const known = symbols[row + SymbolRow.Veneer];
    if (known >= 0 && this.isa.kinds[symbols[row + SymbolRow.VeneerKind]].forward > kind.forward) {
      if (fits(kind, known + waiting.addend[i] - waiting.offset[i])) {
        this.patch(i, known);
        return;
      }
    }
    const veneer = veneerTo(this.isa, kind, this.end, symbols[row + SymbolRow.Offset], threshold);
    const at = alignUp(this.end, veneer.align);
    if (blocks.count === island) blocks.pushIsland(at);
    const local = at - blocks.offset[island];
    const bytes = blocks.growIsland(local + veneer.size, this.isa.fillByte);
    veneer.write(bytes, blocks.islandStart + local);
    this.end = at + veneer.size;
    this.patch(i, at);
    symbols[row + SymbolRow.Veneer] = at;
    symbols[row + SymbolRow.VeneerKind] = veneer.kind;
    this.veneerOffset.push(at);
    this.veneerSize.push(veneer.size);
    this.veneerSymbol.push(symbol);
    this.use(island, local + veneer.fixupOffset, symbol, veneer.kind, veneer.addend, Waiting.InVeneer);
  }

  // ---- Result ----

  private image(): TextImage {
    const { blocks, symbols, symbolCount } = this;
    const runs: TextRun[] = [];
    for (let r = 0; r < this.runBlock.length; r++) {
      const first = this.runBlock[r];
      const behind = r + 1 < this.runBlock.length ? this.runBlock[r + 1] : blocks.count;
      if (first === behind) continue;
      const offset = blocks.offset[first];
      const chunks = { [Symbol.iterator]: () => blocks.chunks(first, behind) };
      runs.push({ offset, size: blocks.endOf(behind - 1) - offset, chunks });
    }
    const symbolOffset = new Float64Array(symbolCount);
    const symbolSize = new Float64Array(symbolCount);
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      symbolOffset[symbol] = symbols[symbol * SymbolRow.Size + SymbolRow.Offset];
      symbolSize[symbol] = symbols[symbol * SymbolRow.Size + SymbolRow.Bytes];
    }
    const veneers = this.veneerOffset.length;
    return {
      size: this.end,
      runs,
      symbolOffset,
      symbolSize,
      veneerOffset: Float64Array.from(this.veneerOffset),
      veneerSize: this.veneerSize.data.slice(0, veneers),
      veneerSymbol: this.veneerSymbol.data.slice(0, veneers),
      dataRanges: blocks.dataRanges(),
    };
  }
}

function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
