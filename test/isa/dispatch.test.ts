// Interpreters: loops around a jump through a table. Their dispatch is copied behind each operation (dispatch_blocks.ts),
// and the copies do what the one did: random programs of a small machine, executed on both instruction sets and under
// stress, against the same machine here; a fetch behind the end of memory traps in each copy.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { TrapKind } from '../../src/abi/layout.ts';
import { compile } from '../../src/compile.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { SectionRole } from '../../src/emit/object_file.ts';
import type { ObjectFile } from '../../src/emit/object_file.ts';
import { defaultOptions, NO_STRESS } from '../../src/options.ts';
import type { CompileOptions, StressOptions } from '../../src/options.ts';
import { Random } from '../fuzz/random.ts';
import { output } from '../support/command.ts';
import { i32, LinkStatus, TestHost } from '../support/host.ts';
import { need, needIsa } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

const PAGE = 65536;
const PROGRAMS = 60;
const PROGRAM_BYTES = 400;

interface Machine {
  pc: number;
  acc: number;
  other: number;
}

/** An operation: what it does here and as WebAssembly text, with its operand byte. */
interface Operation {
  readonly run: (m: Machine, operand: number) => void;
  readonly wat: string;
}

const OPERATIONS: readonly Operation[] = [
  {
    run: (m, x) => (m.acc = (m.acc + x) | 0),
    wat: '(local.set $acc (i32.add (local.get $acc) (local.get $x)))',
  },
  {
    run: (m) => (m.acc = (m.acc - m.other) | 0),
    wat: '(local.set $acc (i32.sub (local.get $acc) (local.get $other)))',
  },
  {
    run: (m, x) => (m.acc = Math.imul(m.acc, x | 1)),
    wat: '(local.set $acc (i32.mul (local.get $acc) (i32.or (local.get $x) (i32.const 1))))',
  },
  { run: (m) => (m.other ^= m.acc), wat: '(local.set $other (i32.xor (local.get $other) (local.get $acc)))' },
  {
    run: (m) => ([m.acc, m.other] = [m.other, m.acc]),
    wat: '(local.get $acc) (local.set $acc (local.get $other)) (local.set $other)',
  },
  {
    run: (m, x) => (m.pc += m.acc & 1 ? 2 * (x & 7) : 0),
    wat: '(if (i32.and (local.get $acc) (i32.const 1)) (then (local.set $pc (i32.add (local.get $pc) (i32.shl (i32.and (local.get $x) (i32.const 7)) (i32.const 1))))))',
  },
  {
    run: (m, x) => (m.acc = (m.acc << (x % 32)) | (m.acc >>> ((32 - (x % 32)) % 32))),
    wat: '(local.set $acc (i32.rotl (local.get $acc) (local.get $x)))',
  },
  { run: (m) => (m.other = Math.clz32(m.other)), wat: '(local.set $other (i32.clz (local.get $other)))' },
  {
    run: (m, x) => (m.acc = (m.acc / (x + 3)) | 0),
    wat: '(local.set $acc (i32.div_s (local.get $acc) (i32.add (local.get $x) (i32.const 3))))',
  },
  {
    run: (m, x) => (m.other = (m.other + 3 * x) | 0),
    wat: '(local.set $other (i32.add (local.get $other) (call $triple (local.get $x))))',
  },
];
/** Any other operation ends the program. */
const END = 255;

function source(memory: Uint8Array): string {
  const names = OPERATIONS.map((_, k) => `$op${k}`);
  let body = `(br_table ${names.join(' ')} $end (local.get $op))`;
  OPERATIONS.forEach(({ wat }, k) => {
    body = `(block ${names[k]} ${body})\n${wat} (br $next)\n`;
  });
  const data = [...memory].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
  return `(module (memory 1) (data (i32.const 0) "${data}")
    (func $triple (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
    (func (export "run") (param $pc i32) (param $acc i32) (result i32) (local $op i32) (local $x i32) (local $other i32)
      (block $end (loop $next
        (local.set $op (i32.load8_u (local.get $pc)))
        (local.set $x (i32.load8_u offset=1 (local.get $pc)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 2)))
        ${body}))
      (i32.xor (local.get $acc) (local.get $other))))`;
}

/** Programs one behind another, then operations without an end up to the end of memory. */
function memoryOfPrograms(random: Random): Uint8Array {
  const memory = new Uint8Array(PAGE);
  for (let at = 0; at < PAGE; at += 2) {
    const isLast = at < PROGRAMS * PROGRAM_BYTES && at % PROGRAM_BYTES >= PROGRAM_BYTES - 16;
    memory[at] = isLast ? END : random.below(OPERATIONS.length);
    memory[at + 1] = random.below(256);
  }
  return memory;
}

/** Result of the program at `pc`, or null if it leaves the memory. */
function interpret(memory: Uint8Array, pc: number, acc: number): number | null {
  const m: Machine = { pc, acc, other: 0 };
  while (m.pc + 1 < PAGE) {
    const operation = OPERATIONS.at(memory[m.pc]);
    const operand = memory[m.pc + 1];
    m.pc += 2;
    if (operation === undefined) return m.acc ^ m.other;
    operation.run(m, operand);
  }
  return null;
}

/** Jumps through registers in the text: those of jump tables and a constant number of others. */
function indirectJumps(object: ObjectFile, isa: 'x86_64' | 'aarch64'): number {
  let count = 0;
  for (const section of object.sections) {
    if (section.role !== SectionRole.Text) continue;
    for (const { bytes } of section.chunks) {
      if (isa === 'x86_64') {
        for (let at = 0; at + 2 < bytes.length; at++)
          if (bytes[at] === 0x41 && bytes[at + 1] === 0xff && bytes[at + 2] === 0xe3) count++;
      } else {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        for (let at = 0; at + 3 < bytes.length; at += 4)
          if ((view.getUint32(at, true) & 0xfffffc1f) >>> 0 === 0xd61f0000) count++;
      }
    }
  }
  return count;
}

describe('dispatch of interpreters', function () {
  this.timeout(60_000);
  for (const isa of ['x86_64', 'aarch64'] as const) {
    const stresses: readonly (readonly [string, Partial<StressOptions>])[] = [
      ['', {}],
      [', padded blocks', { padBlocks: 300 }],
      [', veneers everywhere', { forceVeneers: true }],
      [', few registers', { regs: 6 }],
      isa === 'aarch64'
        ? [', short reach', { reach: { adr21: 12, cond19: 11 } }]
        : [', short reach', { reach: { rel32: 13, data32: 13 } }],
    ];
    const random = new Random(5);
    const memory = memoryOfPrograms(random);
    const wasm = (): Uint8Array => {
      const folder = fromRoot('build/test/isa');
      mkdirSync(folder, { recursive: true });
      const file = `${folder}/dispatch-${isa}`;
      writeFileSync(`${file}.wat`, source(memory));
      output('wat2wasm', `${file}.wat`, '-o', `${file}.wasm`);
      return readFileSync(`${file}.wasm`);
    };
    const options = (optLevel: 0 | 2, stress: Partial<StressOptions>): CompileOptions => ({
      ...defaultOptions('dispatch', { isa, os: 'linux' }),
      ...{ optLevel, imports: 'instantiate', mainModule: false, stress: { ...NO_STRESS, ...stress } },
    });

    it(`${isa}: one copy for each operation, none at -O0`, function () {
      need(this, 'wat2wasm');
      const bytes = wasm();
      const copies = indirectJumps(compile(bytes, options(2, {})), isa);
      const alone = indirectJumps(compile(bytes, options(0, {})), isa);
      assert.ok(copies - alone >= OPERATIONS.length - 1, `${copies} and ${alone}`);
    });

    for (const [title, stress] of stresses) {
      it(`${isa}${title}`, async function () {
        need(this, 'wat2wasm');
        needIsa(this, isa);
        const bytes = wasm();
        const host = await TestHost.start(isa);
        try {
          for (const optLevel of [0, 2] as const) {
            const object = compile(bytes, options(optLevel, stress));
            const { instance, status } = await host.instantiate(
              await host.load(writeElf(object, isa).toBytes()),
            );
            assert.equal(status, LinkStatus.Ok);
            let trapped = 0;
            for (let k = 0; k < PROGRAMS + 20; k++) {
              // The last ones run off the end of memory, from different operations.
              const pc = k < PROGRAMS ? k * PROGRAM_BYTES : PAGE - 2 * (k - PROGRAMS + 1) - (k & 1);
              const acc = Math.imul(k + 1, 0x9e3779b1);
              const expected = interpret(memory, pc, acc);
              const { trap, results } = await host.invoke(instance, 'run', [i32(pc), i32(acc)]);
              if (expected === null) {
                assert.equal(trap, TrapKind.MemoryOutOfBounds, `program at ${pc}`);
                trapped++;
              } else assert.deepEqual([trap, results[0]], [0, i32(expected)], `program at ${pc}`);
            }
            assert.ok(trapped >= 10, `${trapped} programs left the memory`);
          }
        } finally {
          await host.close();
        }
      });
    }
  }
});
