// Both allocators on thousands of random functions: the checker proves each output, and the executing oracle runs it.
import assert from 'node:assert/strict';
import { allocateBundles, bundleStatistics } from '../../src/regalloc/bundles.ts';
import { checkAllocation } from '../../src/regalloc/checker.ts';
import type { Allocator, MachineEnv, RegallocInput } from '../../src/regalloc/door.ts';
import { allocateFast } from '../../src/regalloc/fast.ts';
import { printRegalloc } from '../../src/regalloc/printer.ts';
import { verifyRegallocInput } from '../../src/regalloc/verify_input.ts';
import { generate, makeEnv } from './generate.ts';
import type { GenerateOptions } from './generate.ts';
import { execute } from './interpret.ts';

/** The lines of the printed input around the instruction that a message names. */
function excerpt(input: RegallocInput, message: string): string {
  const lines = printRegalloc(input).split('\n');
  const inst = /instruction (\d+)/.exec(message)?.[1];
  const at = lines.findIndex((line) => line.startsWith(`  ${inst}:`));
  return lines.slice(Math.max(0, at - 8), at + 4).join('\n');
}

const allocators: [string, Allocator][] = [
  ['fast', allocateFast],
  ['bundle', allocateBundles],
];

const shapes: [string, MachineEnv, Omit<GenerateOptions, 'env'>, number][] = [
  ['tiny functions, 3 registers', makeEnv(3, 3), { size: 12 }, 2000],
  ['2 and 1 registers', makeEnv(2, 1), { size: 30 }, 1000],
  ['4 registers', makeEnv(4, 3), { size: 60 }, 600],
  ['4 registers, shuffled layout', makeEnv(4, 4), { size: 80, shuffle: true, branchiness: 0.6 }, 200],
  ['13 registers, many calls', makeEnv(13, 15), { size: 200, calls: 0.3 }, 60],
  ['13 registers, loops', makeEnv(13, 15), { size: 300, branchiness: 0.6 }, 60],
  ['straight line', makeEnv(6, 6), { size: 400, branchiness: 0 }, 30],
];

for (const [name, allocate] of allocators) {
  describe(`${name} allocator on random functions`, () => {
    for (const [title, env, options, count] of shapes) {
      it(title, function () {
        this.timeout(60_000);
        let compared = 0;
        for (let seed = 1; seed <= count; seed++) {
          const input = generate(seed, { env, ...options });
          verifyRegallocInput(input);
          try {
            const output = allocate(input, env);
            if (allocate === allocateBundles) assert.equal(bundleStatistics.fallback, 0, 'fell back');
            checkAllocation(input, env, output);
            compared += execute(input, output, seed, 2000);
          } catch (error) {
            throw new Error(`seed ${seed}: ${String(error)}\n${excerpt(input, String(error))}`, {
              cause: error,
            });
          }
        }
        assert.ok(compared > count, 'the functions compare values');
      });
    }
  });
}
