// The whole module's text: finished functions (and blocks of data) one behind the other, every use of a function's
// start resolved. Offsets are Float64, from the start of the text; a function's bytes are kept by reference and
// patched in place, never copied.
//
// A fixup whose target is not placed yet waits in the queue of its kind, in which deadlines rise; it is patched when it
// comes to the front and its target is placed. An island of veneers is written between two functions when a deadline
// could be missed. Invariant, before a function of n bytes is appended behind a gap:
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
import { FixupQueue, FixupUse, QueueRow } from './fixup_queue.ts';
import { FixupRow } from './function_code.ts';
import type { FunctionCode } from './function_code.ts';
import { LayoutRandom } from './layout_order.ts';
import { TextBlocks } from './text_blocks.ts';
import type { TextChunk } from './text_blocks.ts';

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

/** What the layout knows of a symbol: one line of the cache, for a large text reads these rows at random. */
const enum SymbolRow {
  /** From the start of the text; -1: not placed. */
  Offset,
  /** Fixups with a veneer that wait for it. */
  Waiting,
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

  /** By symbol: rows of SymbolRow, and bytes. */
  private symbols = new Float64Array(1024 * SymbolRow.Size);
  private symbolBytes = new Float64Array(1024);
  private symbolCount = 0;

  /** By kind. */
  private readonly queues: readonly FixupQueue[];
  /** Forced fixups; symbols that a fixup with a veneer waits for. */
  private forced = 0;
  private distinct = 0;
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
    this.queues = isa.kinds.map(() => new FixupQueue());
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
    this.place(symbol, start, code.bytes.length);
    this.end = start + code.bytes.length;
    const rows = code.fixups;
    for (let row = 0; row < rows.length; row += FixupRow.Size) {
      this.use(
        block,
        rows[row + FixupRow.Offset],
        rows[row + FixupRow.Symbol],
        rows[row + FixupRow.Kind],
        rows[row + FixupRow.Addend],
        FixupUse.Open,
      );
    }
    return start;
  }

  /** Ends the text. Throws if a symbol that is used was never placed. */
  finish(): TextImage {
    if (this.forced > 0) this.writeIsland(-Infinity, true);
    for (const { rows, first, end } of this.queues) {
      for (let row = first; row < end; row += QueueRow.Size) {
        const symbol = rows[row + QueueRow.Symbol];
        if (this.offsetOf(symbol) < 0 && rows[row + QueueRow.Use] !== FixupUse.Done)
          throw new Error(`symbol ${symbol} is used and was never placed`);
      }
    }
    for (;;) {
      let waiting = 0;
      for (let k = 0; k < this.queues.length; k++) {
        this.patchFront(k);
        waiting += (this.queues[k].end - this.queues[k].first) / QueueRow.Size;
      }
      if (waiting === 0) break;
      if (!this.writeIsland(Infinity, false)) throw new Error(`${waiting} fixups cannot reach their targets`);
    }
    return this.image();
  }

  // ---- Placing ----

  /** Writes the islands that must come before `code`; returns where it will start. */
  private makeRoom(code: FunctionCode, symbol: number): number {
    let pad = this.blocks.count > 0 ? this.padFunctions : 0;
    if (this.random !== null && this.blocks.count > 0) pad += this.random.padding();
    if (this.forced > 0) this.writeIsland(-Infinity, true);
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
        const slack = pad + RUN_ALIGN + code.align + (this.distinct + rows.length) * this.maxCost;
        if (target + addend - (this.end + offset + slack) >= -kind.backward) continue;
      }
      ownCost += this.costs[kindIndex];
      ownDeadline = Math.min(ownDeadline, offset + kind.forward - addend);
    }
    for (;;) {
      const start = this.placeAfter(pad, code.align);
      const island = this.distinct * this.maxCost + ownCost + 64;
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
      const bytes = new Float64Array(grown.length / SymbolRow.Size);
      bytes.set(this.symbolBytes);
      this.symbolBytes = bytes;
    }
    for (let row = this.symbolCount * SymbolRow.Size; row < count * SymbolRow.Size; row += SymbolRow.Size) {
      this.symbols[row + SymbolRow.Offset] = -1;
      this.symbols[row + SymbolRow.Veneer] = -1;
    }
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
    use: FixupUse,
  ): void {
    this.work++;
    this.growSymbols(symbol);
    const kind = this.isa.kinds[kindIndex];
    const symbolRow = symbol * SymbolRow.Size;
    const target = this.symbols[symbolRow + SymbolRow.Offset];
    const forced = this.force && use === FixupUse.Open && kind.veneer !== null;
    if (target >= 0 && !forced) {
      const offset = this.blocks.offset[block] + local;
      if (fits(kind, target + addend - offset)) {
        this.blocks.patch(kind, block, local, target + addend - offset);
        return;
      }
      if (kind.veneer === null) throw new Error(`${kind.name} at ${offset} cannot reach ${target}`);
    }
    this.queues[kindIndex].push(block, local, symbol, addend, forced ? FixupUse.Forced : use);
    if (forced) this.forced++;
    if (this.costs[kindIndex] > 0 && this.symbols[symbolRow + SymbolRow.Waiting]++ === 0) this.distinct++;
  }

  /** `symbol` lies at `offset`. What waited for it needs no veneer any more: none of that is forced here. */
  private place(symbol: number, offset: number, bytes: number): void {
    const row = symbol * SymbolRow.Size;
    this.symbols[row + SymbolRow.Offset] = offset;
    this.symbolBytes[symbol] = bytes;
    if (this.symbols[row + SymbolRow.Waiting] === 0) return;
    this.symbols[row + SymbolRow.Waiting] = 0;
    this.distinct--;
  }

  private offsetOfFixup(rows: Int32Array, row: number): number {
    return this.blocks.offset[rows[row + QueueRow.Block]] + rows[row + QueueRow.Local];
  }

  /** Patches what stands at the front of the queue of kind `k` and has its target in reach. */
  private patchFront(k: number): void {
    const queue = this.queues[k];
    for (; queue.first < queue.end; queue.first += QueueRow.Size) {
      const { rows, first } = queue;
      this.work++;
      if (rows[first + QueueRow.Use] === FixupUse.Done) continue;
      if (!this.hasTarget(k, rows, first)) return;
      this.patch(k, rows, first, this.offsetOf(rows[first + QueueRow.Symbol]));
    }
  }

  private patch(k: number, rows: Int32Array, row: number, target: number): void {
    const displacement = target + rows[row + QueueRow.Addend] - this.offsetOfFixup(rows, row);
    const kind = this.isa.kinds[k];
    if (!fits(kind, displacement)) throw new Error(`${kind.name} cannot reach ${target} (${displacement})`);
    this.blocks.patch(kind, rows[row + QueueRow.Block], rows[row + QueueRow.Local], displacement);
  }

  /** True if the target is placed and in reach, and no veneer is asked for. */
  private hasTarget(k: number, rows: Int32Array, row: number): boolean {
    if (rows[row + QueueRow.Use] === FixupUse.Forced) return false;
    const target = this.symbols[rows[row + QueueRow.Symbol] * SymbolRow.Size + SymbolRow.Offset];
    if (target < 0) return false;
    const displacement = target + rows[row + QueueRow.Addend] - this.offsetOfFixup(rows, row);
    if (fits(this.isa.kinds[k], displacement)) return true;
    // Backward it waits for a veneer. Forward it would have had one.
    if (displacement > 0)
      throw new Error(`${this.isa.kinds[k].name} cannot reach ${target} (${displacement})`);
    return false;
  }

  private deadline(k: number, rows: Int32Array, row: number): number {
    return this.offsetOfFixup(rows, row) + this.isa.kinds[k].forward - rows[row + QueueRow.Addend];
  }

  /** True if the function about to be placed is the target and will be in reach. */
  private isReached(k: number, rows: Int32Array, row: number): boolean {
    if (rows[row + QueueRow.Symbol] !== this.nextSymbol) return false;
    return rows[row + QueueRow.Use] !== FixupUse.Forced && this.deadline(k, rows, row) >= this.nextReached;
  }

  /** True if the fixup needs no veneer: it has one, or its target, or will have it. */
  private isSettled(k: number, rows: Int32Array, row: number): boolean {
    if (rows[row + QueueRow.Use] === FixupUse.Done) return true;
    return this.isReached(k, rows, row) || this.hasTarget(k, rows, row);
  }

  private soonestDeadline(): number {
    let soonest = Infinity;
    for (let k = 0; k < this.queues.length; k++) {
      this.patchFront(k);
      const { rows, first, end } = this.queues[k];
      let row = first;
      for (; row < end && this.isSettled(k, rows, row); row += QueueRow.Size) this.work++;
      if (row < end) soonest = Math.min(soonest, this.deadline(k, rows, row));
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
    const blocks = this.blocks.count;
    let any = false;
    for (let again = true; again;) {
      again = false;
      for (let c = 0; c < this.costlyKinds.length; c++) {
        const k = this.costlyKinds[c];
        // A veneer's own fixup goes to the queue of another kind: this one stays as it is.
        const { rows, first, end } = this.queues[k];
        for (let row = first; row < end; row += QueueRow.Size) {
          this.work++;
          const late = this.deadline(k, rows, row) < threshold;
          if (!late && !force) break;
          if (!late && rows[row + QueueRow.Use] !== FixupUse.Forced) continue;
          if (this.isSettled(k, rows, row)) continue;
          this.veneerFor(k, rows, row, blocks, threshold);
          again = true;
          any = true;
        }
      }
    }
    if (this.blocks.count > blocks) this.islandCount++;
    return any;
  }

  /** Sends a fixup of kind `k` to a veneer in reach, or to a new one in the island whose block is `island`. */
  private veneerFor(k: number, rows: Int32Array, row: number, island: number, threshold: number): void {
    const { symbols, blocks } = this;
    const kind = this.isa.kinds[k];
    const symbol = rows[row + QueueRow.Symbol];
    const symbolRow = symbol * SymbolRow.Size;
    if (rows[row + QueueRow.Use] === FixupUse.Forced) this.forced--;
    rows[row + QueueRow.Use] = FixupUse.Done;
    if (--symbols[symbolRow + SymbolRow.Waiting] === 0) this.distinct--;
    const known = symbols[symbolRow + SymbolRow.Veneer];
    if (known >= 0 && this.isa.kinds[symbols[symbolRow + SymbolRow.VeneerKind]].forward > kind.forward) {
      if (fits(kind, known + rows[row + QueueRow.Addend] - this.offsetOfFixup(rows, row))) {
        this.patch(k, rows, row, known);
        return;
      }
    }
    const veneer = veneerTo(this.isa, kind, this.end, symbols[symbolRow + SymbolRow.Offset], threshold);
    const at = alignUp(this.end, veneer.align);
    if (blocks.count === island) blocks.pushIsland(at);
    const local = at - blocks.offset[island];
    const bytes = blocks.growIsland(local + veneer.size, this.isa.fillByte);
    veneer.write(bytes, blocks.islandStart + local);
    this.end = at + veneer.size;
    this.patch(k, rows, row, at);
    symbols[symbolRow + SymbolRow.Veneer] = at;
    symbols[symbolRow + SymbolRow.VeneerKind] = veneer.kind;
    this.veneerOffset.push(at);
    this.veneerSize.push(veneer.size);
    this.veneerSymbol.push(symbol);
    this.use(island, local + veneer.fixupOffset, symbol, veneer.kind, veneer.addend, FixupUse.InVeneer);
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
    for (let symbol = 0; symbol < symbolCount; symbol++)
      symbolOffset[symbol] = symbols[symbol * SymbolRow.Size + SymbolRow.Offset];
    const veneers = this.veneerOffset.length;
    return {
      size: this.end,
      runs,
      symbolOffset,
      symbolSize: this.symbolBytes.slice(0, symbolCount),
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
