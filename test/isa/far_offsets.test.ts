// Loads and stores at all kinds of distances, executed on both instruction sets: what is written at index + offset is read
// at a constant address and the other way round. aarch64 reaches each by another sequence.
import assert from 'node:assert/strict';
import { compile } from '../../src/compile.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { defaultOptions } from '../../src/options.ts';
import { leb, moduleOf, name, section } from '../frontend/binary.ts';
import { i32, LinkStatus, TestHost } from '../support/host.ts';
import { needIsa } from '../support/need.ts';

const PAGES = 300;
const DISTANCES = [
  ...[1, 255, 256, 257, 4095, 4096, 4097, 8190, 16380, 16384, 32760, 32767, 65535, 65536],
  ...[
    0x10ffe, 0x10fff, 0x11000, 0x14a67, 0x1fffd, 0xfff000, 0xffeffd, 0xffffff, 0x1000000, 0x1000004,
    0x1234567,
  ],
];
/** Bytes of an access, opcodes of its load (zero-extending) and store. */
const ACCESSES = [
  [1, 0x2d, 0x3a],
  [2, 0x2f, 0x3b],
  [4, 0x28, 0x36],
] as const;
const INDICES = [0, 3, 64];

/** Functions of an access at a distance: write and read at local 0 + distance, write and read there with index 0. */
function bodies(load: number, store: number, distance: number): number[][] {
  const at = [0, ...leb(distance)];
  const zero = [0x41, 0];
  const value = [0x20, 1];
  const index = [0x20, 0];
  return [
    [...index, ...value, store, ...at, ...value],
    [...index, load, ...at],
    [...zero, ...value, store, ...at, ...value],
    [...zero, load, ...at],
  ].map((code) => [0, ...code, 0x0b]);
}

describe('accesses at any distance', function () {
  this.timeout(60_000);
  const cases = ACCESSES.flatMap(([bytes, load, store]) =>
    DISTANCES.map((distance) => ({ bytes, distance, code: bodies(load, store, distance) })),
  );
  const all = cases.flatMap(({ code }) => code);
  const module = moduleOf(
    section(1, [1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f]),
    section(3, [...leb(all.length), ...all.map(() => 0)]),
    section(5, [1, 0, ...leb(PAGES)]),
    section(7, [...leb(all.length), ...all.flatMap((_, i) => [...name(String(i)), 0, ...leb(i)])]),
    section(10, [...leb(all.length), ...all.flatMap((body) => [...leb(body.length), ...body])]),
  );
  for (const isa of ['x86_64', 'aarch64'] as const) {
    it(isa, async function () {
      needIsa(this, isa);
      const host = await TestHost.start(isa);
      after(() => host.close());
      for (const optLevel of [0, 2] as const) {
        const options = { ...defaultOptions('far', { isa, os: 'linux' } as const), optLevel };
        const object = compile(module, { ...options, imports: 'instantiate', mainModule: false });
        const loaded = await host.load(writeElf(object, isa).toBytes());
        const { instance, status } = await host.instantiate(loaded);
        assert.equal(status, LinkStatus.Ok);
        const call = async (func: number, index: number, value = 0): Promise<unknown> => {
          const { trap, results } = await host.invoke(instance, String(func), [i32(index), i32(value)]);
          assert.equal(trap, 0);
          return results[0];
        };
        let value = 0x1234567;
        for (const [k, { bytes, distance }] of cases.entries()) {
          const mask = 2 ** (8 * bytes) - 1;
          // Others at the same sum as a distance with an index write and read it, too.
          for (const index of INDICES) {
            value = (Math.imul(value, 1103515245) + 12345) & 0x7fffffff;
            await call(4 * k, index, value);
            const message = `${bytes} bytes at ${index} + ${distance}, -O${optLevel}`;
            assert.deepEqual(await call(4 * k + 1, index), i32(value & mask), message);
            if (index === 0)
              assert.deepEqual(await call(4 * k + 3, 0), i32(value & mask), `${message}, constant`);
          }
          await call(4 * k + 2, 0, ~value);
          assert.deepEqual(
            await call(4 * k + 1, 0),
            i32(~value & mask),
            `${bytes} bytes at ${distance}, written`,
          );
        }
      }
    });
  }
});
