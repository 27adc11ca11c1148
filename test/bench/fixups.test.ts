// Cost of fixups and veneers by counted steps, which do not depend on the machine: linear up to a million pending.
import assert from 'node:assert/strict';
import { fittedExponent, LOADS } from '../../bench/fixup_load.ts';

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
      if (name.includes('all wait')) return;
      for (const [count, { veneers }] of results.slice(1))
        assert.ok(veneers > count / 100, `${veneers} veneers for ${count} fixups`);
    });
  }
});
