// Functions as large as they come, executed on both instruction sets: 200,000 constants in one block with short
// branches across them, a br_table of 65,520 entries, blocks blown up until a function is longer than any branch reaches.
import assert from 'node:assert/strict';
import { compile } from '../../src/compile.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { SectionRole } from '../../src/emit/object_file.ts';
import { defaultOptions, NO_STRESS, type StressOptions } from '../../src/options.ts';
import { TrapKind } from '../../src/abi/layout.ts';
import { leb, moduleOf, name, section } from '../frontend/binary.ts';
import { bits, f64, i32, i64, LinkStatus, TestHost, type HostIsa } from '../support/host.ts';
import { needIsa } from '../support/need.ts';

const ISAS = ['x86_64', 'aarch64'] as const;
const I32 = 0x7f;
const I64 = 0x7e;
const F64 = 0x7c;

/** Instructions of a body; grows without spreading. */
class Code {
  readonly bytes: number[] = [];

  put(...bytes: number[]): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }
}

/** A module of functions {type as bytes from 0x60 on, locals, code}, all exported under their number. */
function moduleWith(functions: readonly { type: number[]; locals: number[]; code: Code }[]): Uint8Array {
  const bodies: number[] = leb(functions.length);
  for (const { locals, code } of functions) {
    for (const byte of leb(locals.length + code.bytes.length)) bodies.push(byte);
    for (const byte of locals) bodies.push(byte);
    for (const byte of code.bytes) bodies.push(byte);
  }
  const count = functions.length;
  return moduleOf(
    section(1, [count, ...functions.flatMap(({ type }) => type)]),
    section(3, [count, ...functions.map((_, i) => i)]),
    section(7, [count, ...functions.flatMap((_, i) => [...name(String(i)), 0, ...leb(i)])]),
    codeSection(bodies),
  );
}

/** `section` for contents too long to be spread into arguments. */
function codeSection(content: readonly number[]): number[] {
  return [10, ...leb(content.length)].concat(content);
}

/** Signed LEB128. */
function sleb(value: bigint): number[] {
  const out: number[] = [];
  for (let rest = value; ;) {
    const low = Number(rest & 127n);
    rest >>= 7n;
    if ((rest === 0n && low < 64) || (rest === -1n && low >= 64)) return [...out, low];
    out.push(low | 128);
  }
}

const hash = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 0;

async function withModule(
  isa: HostIsa,
  optLevel: 0 | 2,
  stress: Partial<StressOptions>,
  bytes: Uint8Array,
  work: (host: TestHost, instance: number, textBytes: number) => Promise<void>,
): Promise<void> {
  const object = compile(bytes, {
    ...defaultOptions('large', { isa, os: 'linux' } as const),
    optLevel,
    imports: 'instantiate',
    mainModule: false,
    stress: { ...NO_STRESS, ...stress },
  });
  const text = object.sections.filter((s) => s.role === SectionRole.Text);
  const host = await TestHost.start(isa);
  try {
    const loaded = await host.load(
      writeElf(object, isa).toBytes(),
      text.map((s) => s.textOffset),
    );
    const { status, instance, why } = await host.instantiate(loaded);
    assert.equal(status, LinkStatus.Ok, why);
    await work(
      host,
      instance,
      text.reduce((sum, s) => sum + s.size, 0),
    );
  } finally {
    await host.close();
  }
}

const COUNT = 200_000;

/** f64 constants: added to the parameter one by one; 53 random bits each, so that none is a short immediate. */
const floatConstant = (i: number): number => (hash(i) + hash(i + COUNT) / 2 ** 21) / 1024;
const wordConstant = (i: number): bigint => BigInt.asIntN(64, (BigInt(hash(i)) << 32n) | BigInt(hash(~i)));

/**
 * Functions 0 (f64) and 1 (i64): fold all constants into the second parameter, unless the first is odd; then the second
 * comes back as it is. In the middle lies a division by the first parameter.
 */
function constantsModule(): Uint8Array {
  const float = new Uint8Array(8);
  const view = new DataView(float.buffer);
  return moduleWith(
    [F64, I64].map((type) => {
      const code = new Code();
      // block; local.get 0; i32.const 1; i32.and; br_if 0
      code.put(0x02, 0x40, 0x20, 0, 0x41, 1, 0x71, 0x0d, 0, 0x20, 1);
      for (let i = 0; i < COUNT; i++) {
        if (type === F64) {
          view.setFloat64(0, floatConstant(i), true);
          code.put(0x44, ...float, 0xa0);
        } else code.put(0x42, ...sleb(wordConstant(i)), i % 2 === 0 ? 0x85 : 0x7c);
        // local.get 0; local.get 0; i32.div_u; drop
        if (i === COUNT / 2) code.put(0x20, 0, 0x20, 0, 0x6e, 0x1a);
      }
      // local.set 1; end; local.get 1; end
      code.put(0x21, 1, 0x0b, 0x20, 1, 0x0b);
      return { type: [0x60, 2, I32, type, 1, type], locals: [0], code };
    }),
  );
}

/** A function of `entries` table entries: entry i leads to block hash(i) % blocks, which returns its number. */
function tableModule(entries: number, blocks: number): Uint8Array {
  const code = new Code();
  for (let b = 0; b <= blocks; b++) code.put(0x02, 0x40);
  code.put(0x20, 0, 0x0e, ...leb(entries));
  for (let i = 0; i < entries; i++) code.put(...leb(hash(i) % blocks));
  code.put(...leb(blocks));
  for (let b = 0; b <= blocks; b++) code.put(0x0b, 0x41, ...sleb(BigInt(b)), 0x0f);
  code.put(0x0b);
  return moduleWith([{ type: [0x60, 1, I32, 1, I32], locals: [0], code }]);
}

/**
 * Function 0 counts its parameter down through a loop of several blocks with calls of function 1 in each, forward and
 * back: sum over n of (n odd ? 3 n : 5 n).
 */
function loopModule(): Uint8Array {
  const loop = new Code();
  // loop; local.get 0; i32.const 1; i32.and; if
  loop.put(0x03, 0x40, 0x20, 0, 0x41, 1, 0x71, 0x04, 0x40);
  for (const factor of [3, 5]) {
    // local.get 1; local.get 0; i32.const factor; call 1; i32.add; local.set 1; else / end
    loop.put(0x20, 1, 0x20, 0, 0x41, factor, 0x10, 1, 0x6a, 0x21, 1, factor === 3 ? 0x05 : 0x0b);
  }
  // local.get 0; i32.const 1; i32.sub; local.tee 0; br_if 0; end; local.get 1; local.get 0; i32.add; end
  loop.put(0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 1, 0x20, 0, 0x6a, 0x0b);
  // if local.get 0 is 0: call 0 with 1 (never); else local.get 0 * local.get 1
  const times = new Code();
  times.put(0x20, 0, 0x45, 0x04, I32, 0x41, 1, 0x10, 0, 0x05, 0x20, 0, 0x20, 1, 0x6c, 0x0b, 0x0b);
  return moduleWith([
    { type: [0x60, 1, I32, 1, I32], locals: [1, 1, I32], code: loop },
    { type: [0x60, 2, I32, I32, 1, I32], locals: [0], code: times },
  ]);
}

function loopResult(n: number): bigint {
  let sum = 0;
  for (let i = n; i > 0; i--) sum += i % 2 === 1 ? 3 * i : 5 * i;
  return BigInt(sum);
}

describe('large functions, executed', function () {
  this.timeout(120_000);
  let constants: Uint8Array;
  let floatSum = 0.5;
  let wordSum = 77n;
  before(() => {
    constants = constantsModule();
    for (let i = 0; i < COUNT; i++) {
      floatSum += floatConstant(i);
      wordSum = BigInt.asIntN(64, i % 2 === 0 ? wordSum ^ wordConstant(i) : wordSum + wordConstant(i));
    }
  });

  for (const isa of ISAS) {
    for (const optLevel of [0, 2] as const) {
      it(`${isa} -O${optLevel}: 200,000 constants in one block, with branches and a trap across them`, async function () {
        needIsa(this, isa);
        await withModule(isa, optLevel, {}, constants, async (host, instance, textBytes) => {
          assert.ok(textBytes > COUNT * 20, `${textBytes} bytes of text`);
          const answers = await Promise.all([
            host.invoke(instance, '0', [i32(2), f64(0.5)]),
            host.invoke(instance, '0', [i32(1), f64(0.5)]),
            host.invoke(instance, '0', [i32(0), f64(0.5)]),
            host.invoke(instance, '1', [i32(2), i64(77n)]),
            host.invoke(instance, '1', [i32(3), i64(77n)]),
            host.invoke(instance, '1', [i32(0), i64(77n)]),
          ]);
          assert.deepEqual(
            answers.map(({ trap, results }) => (trap === 0 ? results[0] : trap)),
            [
              f64(floatSum),
              f64(0.5),
              TrapKind.IntegerDivideByZero,
              bits(I64, BigInt.asUintN(64, wordSum)),
              i64(77n),
              TrapKind.IntegerDivideByZero,
            ],
          );
        });
      });
    }

    const cut: Partial<StressOptions> =
      isa === 'aarch64'
        ? { reach: { test14: 10, cond19: 11, branch26: 12, call26: 12, literal19: 12, adr21: 14 } }
        : { reach: { call32: 16 } };
    for (const [title, stress] of [
      ['', {}],
      [', reaches cut short', cut],
      [', veneers forced', { forceVeneers: true }],
      [', reaches cut short and veneers forced', { ...cut, forceVeneers: true, layoutSeed: 5 }],
    ] as const) {
      it(`${isa}: a br_table of 65,520 entries${title}`, async function () {
        needIsa(this, isa);
        const [entries, blocks] = [65_520, 1500];
        await withModule(isa, 2, stress, tableModule(entries, blocks), async (host, instance) => {
          const indices = [0, 1, entries - 1, entries, entries + 1, 0x7fffffff, 0xffffffff];
          for (let i = 0; i < 1000; i++) indices.push(hash(i) % entries);
          const answers = await Promise.all(indices.map((i) => host.invoke(instance, '0', [i32(i)])));
          answers.forEach(({ trap, results }, k) => {
            const block = indices[k] < entries ? hash(indices[k]) % blocks : blocks;
            assert.deepEqual([trap, results[0]], [0, i32(block)], `index ${indices[k]}`);
          });
        });
      });
    }
  }

  it('aarch64: a function of more than 128 MiB, blown up by --x-pad-blocks', async function () {
    needIsa(this, 'aarch64');
    await withModule(
      'aarch64',
      2,
      { padBlocks: 30 * 2 ** 20 },
      loopModule(),
      async (host, instance, text) => {
        assert.ok(text > 160 * 2 ** 20, `${text} bytes of text`);
        for (const n of [1, 2, 7, 12]) {
          const { trap, results } = await host.invoke(instance, '0', [i32(n)]);
          assert.deepEqual([trap, results[0]?.lo], [0, loopResult(n)]);
        }
      },
    );
  });
});
