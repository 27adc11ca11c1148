// Time of the optimiser for each IR instruction, pass by pass, on random functions. Run with:
//   node scripts/build.mjs bench/opt_speed.ts && node build/bench/opt_speed.js
// Prints the median of ROUNDS rounds after a warm-up.
import { parseModule } from '../src/ir/parser.ts';
import { printFunc } from '../src/ir/printer.ts';
import { Optimiser, PASSES } from '../src/opt/pipeline.ts';
import { randomFunc } from '../test/opt/random_func.ts';

const FUNCTIONS = 150;
const STATEMENTS = 600;
const ROUNDS = 9;

const cases = Array.from({ length: FUNCTIONS }, (_, seed) => randomFunc(seed + 1, STATEMENTS));
const texts = cases.map((c) => printFunc(c.f));
const sigs = cases[0].sigs;
const optimiser = new Optimiser();
optimiser.timing = true;
const totals: number[] = [];
let insts = 0;
for (let round = 0; round < ROUNDS + 3; round++) {
  const funcs = texts.map((t) => parseModule(t).funcs[0]);
  insts = funcs.reduce((sum, f) => sum + f.numInsts, 0);
  if (round === 3) optimiser.nanoseconds.fill(0);
  const start = performance.now();
  for (const f of funcs) optimiser.run(f, sigs, { level: 2 });
  if (round >= 3) totals.push(((performance.now() - start) * 1e6) / insts);
}
totals.sort((a, b) => a - b);
console.log(`${insts} instructions in ${FUNCTIONS} functions`);
PASSES.forEach((p, k) =>
  console.log(`${p.name.padEnd(12)} ${(optimiser.nanoseconds[k] / insts / ROUNDS).toFixed(0)} ns`),
);
console.log(`all passes   ${totals[ROUNDS >> 1].toFixed(0)} ns an instruction`);
