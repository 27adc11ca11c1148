// Defines the tests that run a part of the thousand random modules; the parts are files of their own, so that they run
// in parallel. A module that differs is kept as build/fuzz/module-SEED.wasm; test/fuzz/reduce.ts makes it small.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { ModuleGenerator } from './generate_module.ts';
import { ModuleComparer, ModuleCounts } from './module_run.ts';

const STEP = 50;

/** Keeps a module that differs; its path. */
export function keepModule(seed: number, bytes: Uint8Array): string {
  const file = fromRoot('build/fuzz', `module-${seed}.wasm`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

/** Tests over the modules of seeds [from, to). */
export function randomModuleSuite(from: number, to: number): void {
  describe(`random modules, seeds ${from} to ${to - 1}, in V8 and compiled`, function () {
    this.timeout(600_000);
    const counts = new ModuleCounts();
    let generator: ModuleGenerator;
    let comparer: ModuleComparer;
    before(async function () {
      need(this, 'wasm-opt', 'cc');
      generator = new ModuleGenerator();
      comparer = await ModuleComparer.start();
    });
    after(async () => {
      if (comparer === undefined) return;
      console.log(`# ${counts.summary()}; ${generator.invalid} invalid ones of wasm-opt left out`);
      generator.close();
      await comparer.close();
    });
    for (let first = from; first < to; first += STEP) {
      const last = Math.min(to, first + STEP);
      it(`seeds ${first} to ${last - 1}`, async () => {
        const before = counts.differences.length;
        for (let seed = first; seed < last; seed++) {
          const bytes = generator.make(seed);
          const verdict = await comparer.compare(bytes, seed);
          counts.add(verdict);
          if (verdict.difference !== null)
            counts.differences.push(`${keepModule(seed, bytes)}: ${verdict.difference}`);
        }
        assert.deepEqual(counts.differences.slice(before), []);
      });
    }
    it('the calls are worth comparing', () => {
      assert.equal(counts.modules, to - from);
      assert.ok(counts.calls > 8 * counts.modules, `${counts.calls} calls`);
      assert.ok(counts.traps > counts.modules / 10, `${counts.traps} traps`);
      assert.ok(counts.traps < counts.calls / 2, `${counts.traps} of ${counts.calls} calls trap`);
    });
  });
}
