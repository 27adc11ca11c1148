// Random programs through code buffer and text layout, executed: the trace of the machine code must be that of the
// program, in every mode of stress; and every veneer must have been needed.
import assert from 'node:assert/strict';
import { CodeBuffer } from '../../src/emit/code_buffer.ts';
import type { FixupIsa } from '../../src/emit/fixup_kinds.ts';
import { DataRangeRow, TrapRow } from '../../src/emit/function_code.ts';
import type { FunctionCode } from '../../src/emit/function_code.ts';
import { LayoutRandom, layoutOrder } from '../../src/emit/layout_order.ts';
import { TextLayout } from '../../src/emit/text_layout.ts';
import type { TextImage } from '../../src/emit/text_layout.ts';
import { Op, Trace, cisc, decode, execute, risc } from './toy_isa.ts';
import { emit, randomProgram, run } from './toy_program.ts';
import type { End, ProgramShape, Step, ToyFunction } from './toy_program.ts';
import { buildCodeTables, findCallSite, findFunction, wasmOffsetOf } from './code_tables.ts';

const TRACE = 400;

interface Built {
  readonly codes: FunctionCode[];
  readonly image: TextImage;
  readonly bytes: Uint8Array;
  readonly largestIsland: number;
  readonly largestLayoutIsland: number;
  readonly islands: number;
  readonly cleared: number;
  readonly shrunk: number;
}

interface Stress {
  readonly forceBuffer?: boolean;
  readonly forceLayout?: boolean;
  readonly shrink?: boolean;
  readonly padFunctions?: number;
  readonly seed?: number;
}

function flatten(image: TextImage, fill: number): Uint8Array {
  const bytes = new Uint8Array(image.size).fill(fill);
  for (const run of image.runs) for (const chunk of run.chunks) bytes.set(chunk.bytes, chunk.offset);
  return bytes;
}

function build(isa: FixupIsa, program: readonly ToyFunction[], stress: Stress): Built {
  const buffer = new CodeBuffer(isa, { forceVeneers: stress.forceBuffer, shrink: stress.shrink });
  let largestIsland = 0;
  let islands = 0;
  let shrunk = 0;
  const codes = program.map((fn, f) => {
    buffer.reset(f);
    const code = emit(buffer, fn);
    largestIsland = Math.max(largestIsland, buffer.largestIsland);
    islands += buffer.islandCount;
    shrunk += buffer.shrunkCount;
    return code;
  });
  const layout = new TextLayout(isa, {
    forceVeneers: stress.forceLayout,
    padFunctions: stress.padFunctions,
    layoutSeed: stress.seed,
  });
  for (const f of layoutOrder(codes.length, stress.seed ?? 0)) layout.append(codes[f], f);
  const image = layout.finish();
  const bytes = flatten(image, isa.fillByte);
  return {
    codes,
    image,
    bytes,
    largestIsland,
    largestLayoutIsland: layout.largestIsland,
    islands,
    cleared: layout.clearedCount,
    shrunk,
  };
}

/** The offset of symbol's function that contains `offset`. */
function functionAt(built: Built, offset: number): number {
  return built.image.symbolOffset.findIndex(
    (start, s) => start <= offset && offset < start + built.image.symbolSize[s],
  );
}

function checkExecution(isa: FixupIsa, program: readonly ToyFunction[], built: Built): void {
  const expected = new Trace(TRACE);
  run(program, expected);
  const actual = new Trace(TRACE);
  const tables = buildCodeTables(
    built.codes.map((code, f) => ({
      code,
      offset: built.image.symbolOffset[f],
      functionIndex: f,
      frame: { frameBytes: 0, savedMask: 0, prologueBytes: 0, stackArgBytes: 0 },
    })),
  );
  execute(isa, built.bytes, built.image.symbolOffset[0], actual, (pc, returns) => {
    const f = functionAt(built, pc);
    const rows = built.codes[f].traps;
    const local = pc - built.image.symbolOffset[f];
    let row = 0;
    while (row < rows.length && rows[row + TrapRow.Offset] !== local) row += TrapRow.Size;
    assert.ok(row < rows.length, 'the trapping instruction has a record');
    assert.equal(rows[row + TrapRow.Kind], built.bytes[pc + 1]);
    const wasm = rows[row + TrapRow.WasmOffset];
    const block = program[f][(wasm - 1) >>> 16];
    const step: Step | End = (block.steps as (Step | undefined)[])[(wasm - 1) & 0xffff] ?? block.end;
    assert.ok((step.op === 'trapIf' || step.op === 'trap') && step.kind === built.bytes[pc + 1]);
    const index = findFunction(tables, pc);
    assert.ok(index !== null && index.functionIndex === f);
    assert.equal(wasmOffsetOf(tables, index, local), wasm);
    for (const address of returns) {
      const caller = findFunction(tables, address - 1);
      assert.ok(caller !== null);
      const site = findCallSite(tables, caller, address - caller.offset);
      assert.ok(site !== null, 'each return address has a call site');
      const call =
        program[caller.functionIndex][(site.wasmOffset - 1) >>> 16].steps[(site.wasmOffset - 1) & 0xffff];
      assert.equal(call.op, 'call');
    }
  });
  assert.deepEqual(actual.entries, expected.entries);
}

/** Ranges of data in a function, as a predicate to walk its instructions. */
function* instructionsOf(
  isa: FixupIsa,
  bytes: Uint8Array,
  start: number,
  code: FunctionCode,
): Generator<number> {
  let at = start;
  const end = start + code.bytes.length;
  let range = 0;
  while (at < end) {
    const rows = code.dataRanges;
    if (range < rows.length && at >= start + rows[range + DataRangeRow.Start]) {
      at = start + rows[range + DataRangeRow.End];
      range += DataRangeRow.Size;
      continue;
    }
    if (bytes[at] === isa.fillByte) {
      at++;
      continue;
    }
    yield at;
    at += decode(isa, bytes, at).size;
  }
}

function isVeneer(op: Op): boolean {
  return op >= Op.Veneer12 && op <= Op.VeneerFull;
}

const REACH = new Map<Op, string>([
  [Op.Jump, 'jump16'],
  [Op.Call, 'call11'],
  [Op.Veneer12, 'jump12'],
  [Op.Veneer16, 'jump16'],
]);

/**
 * Every veneer was needed. Where no label can be threaded to another place (`strict`), also: no veneer leads to a place
 * in front of it that was known, and no two veneers of one island lead to the same place. Returns their number.
 */
function checkVeneers(isa: FixupIsa, built: Built, strict: boolean): number {
  const { bytes, image, codes } = built;
  const places: number[] = [];
  for (let f = 0; f < codes.length; f++) {
    places.push(...instructionsOf(isa, bytes, image.symbolOffset[f], codes[f]));
  }
  for (let v = 0; v < image.veneerOffset.length; v++) places.push(image.veneerOffset[v]);
  places.sort((a, b) => a - b);
  const seen = new Set<string>();
  let count = 0;
  let threaded = 0;
  // A veneer may serve later users too: one of them must have needed it when it was written.
  const needed = new Map<number, boolean>();
  for (const at of places) {
    const instruction = decode(isa, bytes, at);
    if (instruction.field < 0 || !isVeneer(bytes[instruction.target]) || instruction.op === Op.Load) continue;
    if (instruction.op === Op.Table || instruction.op === Op.VeneerFull) continue;
    let final = instruction.target;
    while (isVeneer(bytes[final])) final = decode(isa, bytes, final).target;
    const name =
      instruction.op === Op.Cond
        ? ((bytes[at + 1] >> 1) & 1) === 0
          ? 'cond8'
          : 'cond10'
        : REACH.get(instruction.op);
    const kind = isa.kinds.find((k) => k.name === name);
    assert.ok(kind !== undefined);
    const f = functionAt(built, instruction.field);
    const start = f < 0 ? -1 : image.symbolOffset[f];
    const end = f < 0 ? -1 : start + image.symbolSize[f];
    const inside = final >= start && final < end;
    const veneerInside = instruction.target >= start && instruction.target < end;
    const slack = veneerInside ? built.largestIsland : built.largestLayoutIsland;
    const back = final < instruction.field && instruction.field - final > kind.backward - slack;
    const late = instruction.target - instruction.field > kind.forward - slack;
    needed.set(instruction.target, back || late || needed.get(instruction.target) === true);
    // What was behind the island when the veneer was written may since have been threaded to a place before it. A
    // function that calls another one knows only that the other does not lie inside itself.
    if (!back && final < instruction.target && (inside || !veneerInside)) threaded++;
    count++;
  }
  const between = new Set(image.veneerOffset);
  for (const [at, isNeeded] of needed) {
    if (built.cleared === 0 || !between.has(at))
      assert.ok(isNeeded, `the veneer at ${at} came before any deadline`);
  }
  // One veneer a target and island.
  let previousEnd = -1;
  const starts = new Set(image.symbolOffset);
  let previousFunction = -1;
  for (const at of places) {
    const instruction = decode(isa, bytes, at);
    if (!isVeneer(instruction.op)) continue;
    // A function that ends with veneers may be followed by an island.
    const f = functionAt(built, at);
    if (at !== previousEnd || f !== previousFunction) seen.clear();
    previousFunction = f;
    previousEnd = at + instruction.size;
    const key = `${instruction.op} ${instruction.target}`;
    // Calls of a function and branches to its first block are two targets in one place.
    const isStart = starts.has(instruction.target);
    assert.ok(!strict || isStart || !seen.has(key), `two veneers to ${instruction.target} in one island`);
    seen.add(key);
  }
  assert.ok(!strict || threaded === 0, `${threaded} veneers for targets before them`);
  return count;
}

const SMALL: ProgramShape = {
  functions: 6,
  maxBlocks: 12,
  maxSteps: 9,
  bigBlockOdds: 12,
  bigBlockSteps: 150,
  emptyBlocks: true,
};
const LARGE: ProgramShape = {
  functions: 12,
  maxBlocks: 60,
  maxSteps: 30,
  bigBlockOdds: 20,
  bigBlockSteps: 1200,
  emptyBlocks: true,
};

describe('random layouts', () => {
  it('executes 400 programs with veneers, each veneer needed', () => {
    let veneers = 0;
    let islands = 0;
    let cleared = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const emptyBlocks = seed % 3 === 0;
      const shape = { ...(seed % 8 === 0 ? LARGE : SMALL), emptyBlocks };
      const program = randomProgram(new LayoutRandom(seed), shape);
      const built = build(risc, program, {});
      checkExecution(risc, program, built);
      veneers += checkVeneers(risc, built, !emptyBlocks);
      islands += built.islands;
      if (built.cleared > 0) cleared++;
    }
    assert.ok(cleared < 70, `${cleared} programs with functions too long for their calls`);
    assert.ok(veneers > 1000 && islands > 1000, `${veneers} veneers, ${islands} islands`);
  });

  it('executes 200 programs with forced veneers, paddings and permuted functions', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const program = randomProgram(new LayoutRandom(seed + 1000), SMALL);
      const forceBuffer = (seed & 1) !== 0;
      const forceLayout = (seed & 2) !== 0;
      const padFunctions = (seed & 4) !== 0 ? 5000 : 0;
      const built = build(risc, program, { forceBuffer, forceLayout, padFunctions, seed });
      checkExecution(risc, program, built);
    }
  });

  it('executes 400 programs with two sizes of branches, shrunk and not, never longer when shrunk', () => {
    let shorter = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const program = randomProgram(new LayoutRandom(seed + 2000), seed % 16 === 0 ? LARGE : SMALL);
      const long = build(cisc, program, { seed: seed & 1 });
      const short = build(cisc, program, { shrink: true, seed: seed & 1 });
      checkExecution(cisc, program, long);
      checkExecution(cisc, program, short);
      shorter += short.shrunk;
      for (let f = 0; f < program.length; f++) {
        // The end of the constants is aligned to 64 bytes.
        assert.ok(short.codes[f].bytes.length <= long.codes[f].bytes.length + 64);
        assert.equal(short.codes[f].callSites.length, long.codes[f].callSites.length);
      }
    }
    assert.ok(shorter > 2000, `${shorter} branches became shorter`);
  });

  it('notices a broken patch: the harness is able to fail', () => {
    const broken: FixupIsa = {
      ...risc,
      kinds: risc.kinds.map((kind, k) =>
        k <= 3
          ? { ...kind, patch: (bytes: Uint8Array, at: number, d: number) => kind.patch(bytes, at, d + 4) }
          : kind,
      ),
    };
    let caught = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const program = randomProgram(new LayoutRandom(seed), SMALL);
      try {
        checkExecution(broken, program, build(broken, program, {}));
      } catch {
        caught++;
      }
    }
    assert.ok(caught >= 12, `only ${caught} of 20 broken programs were noticed`);
  });
});
