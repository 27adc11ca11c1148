// The list of passes: its ordering constraints, its levels, fuel, timing; and that time grows with size only.
import assert from 'node:assert/strict';
import { printFunc } from '../../src/ir/printer.ts';
import { parseModule } from '../../src/ir/parser.ts';
import { verify } from '../../src/ir/verifier.ts';
import { Optimiser, ORDER, PASSES } from '../../src/opt/pipeline.ts';
import { randomFunc } from './random_func.ts';

describe('pipeline', () => {
  it('keeps its ordering constraints', () => {
    const names = PASSES.map((p) => p.name);
    assert.equal(new Set(names).size, names.length);
    for (const [before, behind, why] of ORDER) {
      assert.ok(names.includes(before) && names.includes(behind), `${before}, ${behind} are passes`);
      assert.ok(names.indexOf(before) < names.indexOf(behind), `${before} before ${behind}: ${why}`);
    }
  });

  it('runs the passes of the level, leaves out the skipped ones, reports each', () => {
    const ran = (level: number, skip: string[]): string[] => {
      const { f, sigs } = randomFunc(3, 30);
      const list: string[] = [];
      new Optimiser().run(f, sigs, { level, skip, after: (pass) => list.push(pass) });
      return list;
    };
    assert.deepEqual(ran(0, []), ['unreachable', 'params']);
    assert.deepEqual(
      ran(2, ['gvn', 'licm']),
      PASSES.map((p) => p.name).filter((n) => n !== 'gvn' && n !== 'licm'),
    );
  });

  it('counts rewrites and stops at the fuel', () => {
    const { f, sigs } = randomFunc(5, 60);
    const text = printFunc(f);
    const optimiser = new Optimiser();
    const total = optimiser.run(f, sigs, { level: 2 });
    assert.ok(total > 5);
    const again = parseModule(text).funcs[0];
    assert.equal(optimiser.run(again, sigs, { level: 2, fuel: 3 }), 3);
  });

  it('reports a malformed result with the name of the pass', () => {
    const { sigs, funcs } = parseModule('sig 0 () -> (i32)\nfunc 0 sig 0 {\nblock0:\n  return\n}\n');
    assert.throws(
      () => new Optimiser().run(funcs[0], sigs, { level: 0, verify: true }),
      /malformed after unreachable:\nreturn: /,
    );
  });

  it('times each pass', () => {
    const { f, sigs } = randomFunc(7, 200);
    const optimiser = new Optimiser();
    optimiser.timing = true;
    optimiser.run(f, sigs, { level: 2 });
    assert.ok(optimiser.nanoseconds.every((t) => t >= 0) && optimiser.nanoseconds.some((t) => t > 0));
  });

  it('stays near-linear on shapes that invite quadratic time', function () {
    this.timeout(60_000);
    const n = 6000;
    const head = 'sig 0 (i32) -> (i32)\nfunc 0 sig 0 {\nblock0(v0: i32):\n';
    const ids = Array.from({ length: n }, (_, k) => k + 1);
    const shapes: Record<string, string> = {
      'a long chain of additions': `${head}${ids.map((k) => `  v${k}: i32 = iadd v${k - 1}, v0\n`).join('')}  return v${n}\n}\n`,
      'a chain of empty blocks': `${head}  jump block1\n${ids.map((k) => `block${k}:\n  jump block${k + 1}\n`).join('')}block${n + 1}:\n  return v0\n}\n`,
      'stores and loads from one base': `${head}${ids.map((k) => `  store:i32 v0, v0 +${k * 4} memory0\n  v${k}: i32 = load v0 +${(k >> 1) * 4} memory0\n`).join('')}  return v${n}\n}\n`,
      'a switch of many ways': `${head}  brtable v0, ${ids.map((k) => `block${k}`).join(', ')}\n${ids.map((k) => `block${k}:\n  v${k}: i32 = iconst ${k}\n  jump block${n + 1}(v${k})\n`).join('')}block${n + 1}(v${n + 1}: i32):\n  return v${n + 1}\n}\n`,
      'many globals': `${head}${ids.map((k) => `  v${k}: i32 = ctxload +${k * 8} global${k}\n  ctxstore:i32 v${k} +${k * 8} global${k}\n`).join('')}  return v${n}\n}\n`,
      'loops one after another': `${head}  jump block1\n${ids.map((k) => `block${k}:\n  v${k}: i32 = iadd v0, v0\n  brif v${k}, block${k}, block${k + 1}\n`).join('')}block${n + 1}:\n  return v0\n}\n`,
    };
    const optimiser = new Optimiser();
    for (const [name, text] of Object.entries(shapes)) {
      const { sigs, funcs } = parseModule(text);
      const start = performance.now();
      optimiser.run(funcs[0], sigs, { level: 2 });
      const ms = performance.now() - start;
      assert.deepEqual(verify(funcs[0], sigs), [], name);
      // Quadratic work would take some 10^8 steps; linear work takes milliseconds, with a wide margin for a busy machine.
      assert.ok(ms < 2000, `${name}: ${ms.toFixed(0)} ms`);
    }
  });
});
