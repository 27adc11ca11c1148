import assert from 'node:assert/strict';
import { CodeBuffer } from '../../src/emit/code_buffer.ts';
import type { FixupIsa } from '../../src/emit/fixup_kinds.ts';
import { withReach } from '../../src/emit/fixup_kinds.ts';
import { CallSiteRow, FixupRow, LocationRow, TrapRow } from '../../src/emit/function_code.ts';
import { Kind, Op, Trace, cisc, decode, execute, get32, risc } from './toy_isa.ts';

const COND8 = 0;
const COND10 = 2;

/** Condition `variable` of a kind (COND8, COND10). */
function cond(variable: number, kind: number): number {
  return (variable << 2) | kind;
}

function visit(buffer: CodeBuffer, id: number): void {
  buffer.put4(Op.Visit | (id << 8));
  buffer.afterInstruction();
}

function visits(buffer: CodeBuffer, count: number): void {
  for (let i = 0; i < count; i++) visit(buffer, 1);
}

function ret(buffer: CodeBuffer): void {
  if (buffer.isa.codeAlign === 4) buffer.put4(Op.Ret);
  else buffer.put1(Op.Ret);
  buffer.afterInstruction();
}

function load(buffer: CodeBuffer, words: readonly number[]): number {
  const label = buffer.constant(Int32Array.from(words), 0, words.length);
  const at = buffer.length;
  buffer.useLabelAt(at + 4, label, Kind.Load12, buffer.isa === cisc ? -4 : 0);
  buffer.put4(Op.Load | (words.length << 8));
  buffer.put4(0);
  buffer.afterInstruction();
  return at;
}

function opcodes(isa: FixupIsa, bytes: Uint8Array, end: number): Op[] {
  const ops: Op[] = [];
  for (let at = 0; at < end; at += decode(isa, bytes, at).size) ops.push(decode(isa, bytes, at).op);
  return ops;
}

describe('code buffer: branch peephole', () => {
  it('removes a jump to what follows', () => {
    const buffer = new CodeBuffer(risc);
    const next = buffer.newLabel();
    visit(buffer, 1);
    buffer.jump(next);
    buffer.bindLabel(next);
    ret(buffer);
    const { bytes } = buffer.finish();
    assert.deepEqual(opcodes(risc, bytes, bytes.length), [Op.Visit, Op.Ret]);
    assert.equal(buffer.offsetOf(next), 4);
  });

  it('inverts a branch over a jump', () => {
    const buffer = new CodeBuffer(risc);
    const [then, other] = [buffer.newLabel(), buffer.newLabel()];
    buffer.condJump(cond(3, COND10), then);
    buffer.jump(other);
    buffer.bindLabel(then);
    visit(buffer, 1);
    buffer.bindLabel(other);
    ret(buffer);
    const { bytes } = buffer.finish();
    assert.deepEqual(opcodes(risc, bytes, bytes.length), [Op.Cond, Op.Visit, Op.Ret]);
    assert.equal(bytes[1], 3, 'negated, same kind');
    assert.equal(decode(risc, bytes, 0).target, 12);
  });

  it('does not invert what would no longer reach', () => {
    const buffer = new CodeBuffer(risc);
    const [head, exit] = [buffer.newLabel(), buffer.newLabel()];
    buffer.bindLabel(head);
    visits(buffer, 1000);
    const at = buffer.length;
    buffer.condJump(cond(0, COND8), exit);
    buffer.jump(head);
    buffer.bindLabel(exit);
    ret(buffer);
    const { bytes } = buffer.finish();
    assert.deepEqual([bytes[at], bytes[at + 8]], [Op.Cond, Op.Jump]);
    assert.equal(buffer.veneerCount, 0);
  });

  it('makes one short branch of the end of a loop', () => {
    const buffer = new CodeBuffer(cisc);
    const [head, exit] = [buffer.newLabel(), buffer.newLabel()];
    buffer.bindLabel(head);
    visit(buffer, 1);
    buffer.condJump(cond(0, 0), exit);
    buffer.jump(head);
    buffer.bindLabel(exit);
    ret(buffer);
    const { bytes } = buffer.finish();
    assert.deepEqual(opcodes(cisc, bytes, bytes.length), [Op.Visit, Op.ShortCond, Op.Ret]);
    assert.equal(decode(cisc, bytes, 4).target, 0);
  });

  it('threads jumps through a chain of empty blocks', () => {
    const buffer = new CodeBuffer(risc);
    const labels = Array.from({ length: 500 }, () => buffer.newLabel());
    const end = buffer.newLabel();
    buffer.condJump(cond(0, COND10), labels[0]);
    visit(buffer, 7);
    ret(buffer);
    for (let i = 0; i < 500; i++) {
      buffer.bindLabel(labels[i]);
      buffer.jump(i + 1 < 500 ? labels[i + 1] : end);
    }
    visit(buffer, 8);
    buffer.bindLabel(end);
    ret(buffer);
    const { bytes } = buffer.finish();
    for (let i = 0; i < 500; i++) {
      const offset = buffer.offsetOf(labels[i]);
      assert.ok(offset === buffer.offsetOf(end) || bytes[offset] === Op.Jump);
    }
    assert.ok(bytes.length < 24 + 8 * 8, `${bytes.length} bytes for 500 empty blocks`);
    assert.ok(buffer.work < 500 * 120, `${buffer.work} steps`);
  });

  it('survives cycles of empty blocks', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ]) {
      const buffer = new CodeBuffer(risc);
      const labels = [buffer.newLabel(), buffer.newLabel(), buffer.newLabel()];
      buffer.condJump(cond(0, COND10), labels[0]);
      ret(buffer);
      for (const i of order) {
        buffer.bindLabel(labels[i]);
        buffer.jump(labels[(i + 1) % 3]);
      }
      const { bytes } = buffer.finish();
      // What the labels stand for must be a jump to itself, or a circle of jumps.
      let at = decode(risc, bytes, 0).target;
      for (let i = 0; i < 10; i++) {
        assert.equal(bytes[at], Op.Jump);
        at = decode(risc, bytes, at).target;
      }
    }
  });

  it('keeps an endless loop that a branch jumps over', () => {
    const buffer = new CodeBuffer(risc);
    const [loop, out] = [buffer.newLabel(), buffer.newLabel()];
    buffer.condJump(cond(0, COND10), out);
    buffer.bindLabel(loop);
    buffer.jump(loop);
    buffer.bindLabel(out);
    ret(buffer);
    const { bytes } = buffer.finish();
    assert.deepEqual(opcodes(risc, bytes, bytes.length), [Op.Cond, Op.Jump, Op.Ret]);
    assert.equal(decode(risc, bytes, 8).target, 8);
    assert.equal(decode(risc, bytes, 0).target, 16);
  });

  it('removes a jump that nothing reaches', () => {
    const buffer = new CodeBuffer(risc);
    const [a, b] = [buffer.newLabel(), buffer.newLabel()];
    buffer.bindLabel(a);
    visit(buffer, 1);
    buffer.jump(a);
    buffer.jump(b);
    buffer.bindLabel(b);
    ret(buffer);
    const { bytes } = buffer.finish();
    assert.deepEqual(opcodes(risc, bytes, bytes.length), [Op.Visit, Op.Jump, Op.Ret]);
  });

  it('moves the source locations of a removed jump', () => {
    const buffer = new CodeBuffer(risc);
    const next = buffer.newLabel();
    buffer.setLocation(1);
    visit(buffer, 1);
    buffer.setLocation(2);
    buffer.jump(next);
    buffer.setLocation(3);
    buffer.bindLabel(next);
    buffer.setLocation(4);
    ret(buffer);
    const { locations } = buffer.finish();
    const rows: number[][] = [];
    for (let r = 0; r < locations.length; r += LocationRow.Size) rows.push([locations[r], locations[r + 1]]);
    assert.deepEqual(rows, [
      [0, 1],
      [4, 4],
    ]);
  });

  it('rejects labels bound twice or never', () => {
    const buffer = new CodeBuffer(risc);
    const label = buffer.newLabel();
    buffer.bindLabel(label);
    assert.throws(() => buffer.bindLabel(label), /bound twice/);
    buffer.reset();
    buffer.jump(buffer.newLabel());
    assert.throws(() => buffer.finish(), /never bound/);
  });
});

describe('code buffer: islands', () => {
  it('puts a veneer in the middle of one huge block', () => {
    const buffer = new CodeBuffer(risc);
    const far = buffer.newLabel();
    buffer.condJump(cond(0, COND8), far);
    buffer.afterInstruction();
    visits(buffer, 100_000);
    buffer.bindLabel(far);
    ret(buffer);
    const { bytes } = buffer.finish();
    // 508 bytes to a veneer, 8 KiB to the next, 128 KiB to the last, which has the full range.
    const chain: Op[] = [];
    let at = decode(risc, bytes, 0).target;
    for (; bytes[at] >= Op.Veneer12; at = decode(risc, bytes, at).target) chain.push(bytes[at]);
    assert.deepEqual(chain, [Op.Veneer12, Op.Veneer16, Op.VeneerFull]);
    assert.equal(at, bytes.length - 4);
    assert.equal(buffer.islandCount, 3);
  });

  it('writes 200,000 constants in one block with one short branch among them', () => {
    const buffer = new CodeBuffer(risc);
    const far = buffer.newLabel();
    const loads: number[] = [];
    for (let i = 0; i < 200_000; i++) {
      loads.push(load(buffer, [i, i + 1]));
      if (i === 1000) {
        buffer.condJump(cond(0, COND8), far);
        buffer.afterInstruction();
      }
    }
    buffer.bindLabel(far);
    ret(buffer);
    const { bytes } = buffer.finish();
    for (let i = 0; i < loads.length; i++) {
      const { target } = decode(risc, bytes, loads[i]);
      assert.ok(get32(bytes, target) === i && get32(bytes, target + 4) === i + 1, `constant ${i}`);
    }
    assert.ok(buffer.work < 200_000 * 12, `${buffer.work} steps`);
  });

  it('shares constants, and copies them when the first is behind', () => {
    const buffer = new CodeBuffer(risc);
    const first = load(buffer, [5, 6]);
    const second = load(buffer, [5, 6]);
    visits(buffer, 3000);
    const third = load(buffer, [5, 6]);
    ret(buffer);
    const { bytes } = buffer.finish();
    assert.equal(decode(risc, bytes, first).target, decode(risc, bytes, second).target);
    assert.notEqual(decode(risc, bytes, first).target, decode(risc, bytes, third).target);
    assert.equal(decode(risc, bytes, first).target % 8, 0);
  });

  it('aligns constants of all sizes and the function', () => {
    for (const isa of [risc, cisc]) {
      const buffer = new CodeBuffer(isa);
      const loads = [1, 8, 2, 4, 1].map((n, i) =>
        load(
          buffer,
          Array.from({ length: n }, (_, w) => i * 100 + w),
        ),
      );
      ret(buffer);
      const code = buffer.finish();
      assert.equal(code.align, isa === risc ? 32 : 64);
      [1, 8, 2, 4, 1].forEach((n, i) => {
        const { target } = decode(isa, code.bytes, loads[i]);
        assert.equal(target % (n * 4), 0);
        assert.equal(get32(code.bytes, target + 4 * (n - 1)), i * 100 + n - 1);
      });
    }
  });

  it('gives a call in a long function a veneer, whose fixup is the external one', () => {
    const buffer = new CodeBuffer(risc);
    for (let i = 0; i < 3; i++) {
      buffer.externalAt(buffer.length + 4, 9, Kind.Call11, 0);
      buffer.put4(Op.Call);
      buffer.put4(0);
      buffer.addCallSite(77, -1, 5, 16);
      buffer.afterInstruction();
    }
    visits(buffer, 2000);
    ret(buffer);
    const { bytes, fixups, callSites } = buffer.finish();
    const veneer = decode(risc, bytes, 0).target;
    assert.equal(bytes[veneer], Op.Veneer12);
    assert.equal(decode(risc, bytes, 16).target, veneer, 'one veneer for all three');
    assert.equal(fixups.length, FixupRow.Size);
    assert.deepEqual([...fixups], [veneer + 4, 9, Kind.Jump12, 0]);
    assert.deepEqual([...callSites.subarray(0, CallSiteRow.Size)], [8, 77, -1, 5, 16]);
  });

  it('leaves a call in reach of what follows alone, and resolves calls of the function itself', () => {
    const buffer = new CodeBuffer(risc);
    buffer.reset(4);
    for (const symbol of [4, 5]) {
      buffer.externalAt(buffer.length + 4, symbol, Kind.Call11, 0);
      buffer.put4(Op.Call);
      buffer.put4(0);
      buffer.afterInstruction();
    }
    ret(buffer);
    const { bytes, fixups } = buffer.finish();
    assert.deepEqual([...fixups], [12, 5, Kind.Call11, 0]);
    assert.equal(decode(risc, bytes, 0).target, 0);
  });

  it('writes traps out of line with their records', () => {
    for (const shrink of [false, true]) {
      const buffer = new CodeBuffer(shrink ? cisc : risc, { shrink });
      buffer.condJump(cond(0, COND8), buffer.deferTrap(3, 1234));
      buffer.afterInstruction();
      buffer.condJump(cond(1, COND8), buffer.deferTrap(4, 99));
      buffer.afterInstruction();
      ret(buffer);
      const { bytes, traps } = buffer.finish();
      assert.equal(traps.length, 2 * TrapRow.Size);
      for (let t = 0; t < 2; t++) {
        const offset = traps[t * TrapRow.Size + TrapRow.Offset];
        assert.equal(bytes[offset], Op.Trap);
        assert.equal(bytes[offset + 1], t === 0 ? 3 : 4);
        assert.equal(traps[t * TrapRow.Size + TrapRow.WasmOffset], t === 0 ? 1234 : 99);
      }
      assert.equal(decode(buffer.isa, bytes, 0).target, traps[0]);
    }
  });

  it('is as good as new after a reset', () => {
    const buffer = new CodeBuffer(risc);
    const emit = (): Uint8Array => {
      const far = buffer.newLabel();
      buffer.condJump(cond(0, COND8), far);
      load(buffer, [1, 2]);
      buffer.externalAt(buffer.length + 4, 3, Kind.Call11, 0);
      buffer.put4(Op.Call);
      buffer.put4(0);
      visits(buffer, 500);
      buffer.bindLabel(far);
      ret(buffer);
      return buffer.finish().bytes;
    };
    const first = emit();
    buffer.reset();
    assert.deepEqual(emit(), first);
  });

  it('costs a number of steps that is linear in the fixups', () => {
    const steps = (count: number): number => {
      const buffer = new CodeBuffer(risc);
      const far = Array.from({ length: 8 }, () => buffer.newLabel());
      let near = buffer.newLabel();
      for (let i = 0; i < count; i++) {
        buffer.condJump(cond(i & 1023, i & 2), (i & 7) === 0 ? far[(i >> 3) & 7] : near);
        buffer.afterInstruction();
        if ((i & 31) === 31) {
          buffer.bindLabel(near);
          near = buffer.newLabel();
        }
      }
      buffer.bindLabel(near);
      for (const label of far) buffer.bindLabel(label);
      ret(buffer);
      buffer.finish();
      return buffer.work;
    };
    const exponent = Math.log(steps(1_000_000) / steps(10_000)) / Math.log(100);
    assert.ok(exponent <= 1.1, `exponent ${exponent}`);
  });
});

describe('code buffer: shrink pass', () => {
  it('shortens forward branches and moves all records', () => {
    const build = (shrink: boolean) => {
      const buffer = new CodeBuffer(cisc, { shrink });
      const [near, pad, far] = [buffer.newLabel(), buffer.newLabel(), buffer.newLabel()];
      buffer.condJump(cond(0, 0), near);
      buffer.condJump(cond(1, 0), far);
      visit(buffer, 1);
      buffer.externalAt(buffer.length + 4, 2, Kind.Call11, -4);
      buffer.put4(Op.Call);
      buffer.put4(0);
      buffer.addCallSite(10, pad, -1, 0);
      const table = buffer.jumpTable(Int32Array.of(near, pad, far), 0, 3);
      buffer.useLabelAt(buffer.length + 4, table, Kind.Load12, -4);
      buffer.put4(Op.Table | (3 << 8));
      buffer.put4(0);
      buffer.bindLabel(near);
      buffer.setLocation(11);
      const constant = load(buffer, [42]);
      visits(buffer, 40);
      buffer.bindLabel(pad);
      buffer.addTrap(buffer.length, 6, 12);
      visit(buffer, 2);
      buffer.bindLabel(far);
      ret(buffer);
      const code = buffer.finish();
      const offsets = [near, pad, far].map((label) => buffer.offsetOf(label));
      return { code, offsets, shrunk: buffer.shrunkCount, constant };
    };
    const long = build(false);
    const short = build(true);
    assert.equal(short.shrunk, 1, 'the second branch spans more than 127 bytes');
    assert.deepEqual(
      short.offsets,
      long.offsets.map((offset) => offset - 3),
    );
    const { bytes, callSites, traps, locations, fixups } = short.code;
    assert.equal(decode(cisc, bytes, 0).target, short.offsets[0]);
    assert.equal(decode(cisc, bytes, 5).target, short.offsets[2]);
    assert.equal(callSites[CallSiteRow.LandingPad], short.offsets[1]);
    assert.equal(callSites[CallSiteRow.ReturnOffset], long.code.callSites[CallSiteRow.ReturnOffset] - 3);
    assert.equal(fixups[FixupRow.Offset], long.code.fixups[FixupRow.Offset] - 3);
    assert.equal(traps[TrapRow.Offset], short.offsets[1]);
    assert.equal(locations[LocationRow.Offset], short.offsets[0]);
    const table = decode(cisc, bytes, callSites[CallSiteRow.ReturnOffset]).target;
    for (let e = 0; e < 3; e++) assert.equal(table + get32(bytes, table + 4 * e), short.offsets[e]);
    assert.equal(get32(bytes, decode(cisc, bytes, short.constant - 3).target), 42);
  });

  it('comes close to a relaxing assembler that starts from short forms', () => {
    let actual = 0;
    let best = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const buffer = new CodeBuffer(cisc, { shrink: true });
      const labels = Array.from({ length: 80 }, () => buffer.newLabel());
      for (let b = 0; b < 80; b++) {
        buffer.bindLabel(labels[b]);
        visits(buffer, 1 + ((b * seed) % 9));
        buffer.condJump(cond(b, 0), labels[(b * 7 + seed * 13) % 80]);
      }
      ret(buffer);
      const { bytes } = buffer.finish();
      const relaxed = relax(bytes);
      assert.ok(relaxed <= bytes.length, 'the oracle is the least fixpoint');
      actual += bytes.length;
      best += relaxed;
    }
    assert.ok(actual <= best * 1.002, `${actual} bytes, oracle ${best}`);
  });

  it('leaves functions with alignment alone', () => {
    const buffer = new CodeBuffer(cisc, { shrink: true });
    const next = buffer.newLabel();
    buffer.condJump(cond(0, 0), next);
    visit(buffer, 1);
    buffer.alignCode(16);
    buffer.bindLabel(next);
    ret(buffer);
    const { bytes } = buffer.finish();
    assert.equal(buffer.shrunkCount, 0);
    assert.equal(decode(cisc, bytes, 0).target, 16);
    const trace = new Trace(10);
    execute(cisc, bytes, 0, trace);
    assert.ok(trace.entries.length <= 1);
  });
});

/** Naive relaxing assembler: decodes toy-cisc code, makes all branches short, lengthens what does not fit; its size. */
function relax(bytes: Uint8Array): number {
  const at: number[] = [];
  const size: number[] = [];
  const target: number[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const instruction = decode(cisc, bytes, offset);
    const branch = instruction.op === Op.Cond || instruction.op === Op.ShortCond;
    at.push(offset);
    size.push(branch ? 5 : instruction.size);
    target.push(branch ? instruction.target : -1);
    offset += instruction.size;
  }
  const index = new Map(at.map((offset, i) => [offset, i]));
  for (let changed = true; changed;) {
    changed = false;
    const place: number[] = [0];
    for (let i = 0; i < size.length; i++) place.push(place[i] + size[i]);
    for (let i = 0; i < size.length; i++) {
      if (target[i] < 0 || size[i] !== 5) continue;
      const to = index.get(target[i]);
      assert.ok(to !== undefined);
      const distance = place[to] - place[i + 1];
      if (distance >= -128 && distance <= 127) continue;
      size[i] = 8;
      changed = true;
    }
  }
  return size.reduce((a, b) => a + b, 0);
}

describe('fixup kinds', () => {
  it('cuts a reach down and refuses what cannot work', () => {
    const cut = withReach(risc, 'jump16', 13);
    assert.equal(cut.kinds[Kind.Jump16].forward, 4095 * 4);
    assert.equal(risc.kinds[Kind.Jump16].forward, 32767 * 4);
    assert.throws(() => withReach(risc, 'branch99', 8), /no fixup kind branch99; toy-risc has cond8, /);
    assert.throws(() => withReach(risc, 'cond8', 12), /reaches only 508/);
    assert.throws(() => withReach(risc, 'cond8', 3), /at least/);
  });
});
