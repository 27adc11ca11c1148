// Random functions: the interpreter sees the same results, traps, memory, instance and calls before and after each
// pass, and the verifier is content. WASM2NATIVE_OPT_CASES=N runs N functions instead of the ordinary number,
// WASM2NATIVE_OPT_SEED=N begins at another seed.
import assert from 'node:assert/strict';
import type { Func } from '../../src/ir/func.ts';
import { printFunc, printSignatures } from '../../src/ir/printer.ts';
import { parseModule } from '../../src/ir/parser.ts';
import { verify } from '../../src/ir/verifier.ts';
import { Optimiser, PASSES } from '../../src/opt/pipeline.ts';
import type { Observation } from './random_func.ts';
import { observe, randomFunc } from './random_func.ts';

const CASES = Number(process.env['WASM2NATIVE_OPT_CASES'] ?? 500);
const SEED = Number(process.env['WASM2NATIVE_OPT_SEED'] ?? 1);
const WORLDS = 4;

const observations = (f: Func): Observation[] =>
  Array.from({ length: WORLDS }, (_, k) => observe(f, 1000 + k));

describe('optimiser on random functions', () => {
  it('builds valid functions, most of which run to a result', () => {
    const kinds = { return: 0, trap: 0, steps: 0 };
    for (let seed = 1; seed <= 200; seed++) {
      const { f, sigs } = randomFunc(seed, 60);
      assert.deepEqual(verify(f, sigs), [], `seed ${seed}`);
      const text = printFunc(f);
      assert.equal(printFunc(parseModule(text).funcs[0]), text);
      for (const o of observations(f)) kinds[o.outcome.kind]++;
    }
    assert.ok(kinds.return > 200 && kinds.trap > 100 && kinds.steps === 0, JSON.stringify(kinds));
  });

  it(`keeps what ${CASES} functions do, pass by pass`, function () {
    this.timeout(3_600_000);
    const optimiser = new Optimiser();
    const changes = new Map(PASSES.map((p) => [p.name, 0]));
    for (let seed = SEED; seed < SEED + CASES; seed++) {
      const { f, sigs } = randomFunc(seed, 20 + (seed % 7) * 15);
      const want = observations(f);
      let before = printFunc(f);
      optimiser.run(f, sigs, {
        level: 2,
        verify: true,
        after(pass) {
          const after = printFunc(f);
          if (after === before) return;
          changes.set(pass, (changes.get(pass) ?? 0) + 1);
          const message = `seed ${seed} after ${pass}:\n${printSignatures(sigs)}${before}--- became\n${after}`;
          assert.deepEqual(observations(f), want, message);
          before = after;
        },
      });
    }
    for (const [pass, count] of changes) assert.ok(count > 0, `${pass} never changed anything`);
  });

  it('is right with any amount of fuel', () => {
    const optimiser = new Optimiser();
    for (let seed = 1; seed <= 20; seed++) {
      const make = () => randomFunc(seed, 40);
      const { f, sigs } = make();
      const want = observations(f);
      const total = optimiser.run(f, sigs, { level: 2 });
      for (let fuel = 0; fuel <= total; fuel += 1 + (total >> 4)) {
        const limited = make().f;
        assert.ok(optimiser.run(limited, sigs, { level: 2, fuel, verify: true }) <= fuel);
        assert.deepEqual(observations(limited), want, `seed ${seed} fuel ${fuel}`);
      }
    }
  });

  it('gives the same function each time, whatever was optimised before', () => {
    const shared = new Optimiser();
    for (let seed = 1; seed <= 50; seed++) {
      const a = randomFunc(seed, 60);
      const b = randomFunc(seed, 60);
      shared.run(a.f, a.sigs, { level: 2 });
      new Optimiser().run(b.f, b.sigs, { level: 2 });
      assert.equal(printFunc(a.f), printFunc(b.f), `seed ${seed}`);
    }
  });
});
