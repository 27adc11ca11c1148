// Cost of fixups and veneers by counted steps, which do not depend on the machine: linear up to a million pending.
import assert from 'node:assert/strict';
import { branchLoad, callLoad, fittedExponent, type LoadResult } from '../../bench/fixup_load.ts';

const LOADS: readonly (readonly [string, (count: number) => LoadResult])[] = [
  ['branches inside a function, aarch64', branchLoad],
  ['calls between functions, aarch64', (count) => callLoad('aarch64', count)],
  ['calls between functions, x86_64', (count) => callLoad('x86_64', count)],
];

describe('cost of fixups', function () {
  this.timeout(60_000);
  it('the fit finds exponents', () => {
    const points = (exponent: number): [number, number][] => [1, 10, 100].map((x) => [x, 3 * x ** exponent]);
    for (const exponent of [1, 1.5, 2])
      assert.ok(Math.abs(fittedExponent(points(exponent)) - exponent) < 1e-9);
  });
  for (const [name, load] of LOADS) {
    it(`${name}: linear to a million`, () => {
      const results = [10_000, 100_000, 1_000_000].map((count) => [count, load(count)] as const);
      const exponent = fittedExponent(results.map(([count, { work }]) => [count, work]));
      assert.ok(exponent <= 1.1 && exponent > 0.9, `exponent ${exponent}`);
      for (const [count, { veneers }] of results.slice(1))
        assert.ok(veneers > count / 100, `${veneers} veneers for ${count} fixups`);
    });
  }
});
