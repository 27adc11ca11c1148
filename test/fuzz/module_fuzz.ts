// The long run of random modules: node build/test/fuzz/module_fuzz.js [--count N] [--seed N] [--level -O0|-O2]
//                                                                     [--calls N] [FILE.wasm...]
// (built by `node scripts/build.mjs test/fuzz/module_fuzz.ts`). FILEs are compared instead of random modules, under the
// calls of seed --calls (a random module's calls come from its own seed). Writes each module that differs to
// build/fuzz/ and exits with 1 if there are any.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ModuleGenerator } from './generate_module.ts';
import { ModuleComparer, ModuleCounts } from './module_run.ts';
import { keepModule } from './random_modules.ts';

const { values, positionals } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1000' },
    level: { type: 'string', multiple: true, default: ['-O0', '-O2'] },
    calls: { type: 'string', default: '0' },
  },
  allowPositionals: true,
});
const REPORT_EVERY = 1000;

const count = Number(values.count);
const first = Number(values.seed);
if (!Number.isInteger(count) || !Number.isInteger(first) || !Number.isInteger(Number(values.calls)))
  throw new Error('--count, --seed and --calls take integers');
const comparer = await ModuleComparer.start(values.level);
const counts = new ModuleCounts();

async function compare(label: string, bytes: Uint8Array, seed: number): Promise<boolean> {
  const verdict = await comparer.compare(bytes, seed);
  counts.add(verdict);
  if (verdict.difference === null) return true;
  counts.differences.push(label);
  console.log(`${label}: ${verdict.difference}`);
  return false;
}

if (positionals.length > 0) {
  for (const file of positionals)
    await compare(file, new Uint8Array(readFileSync(file)), Number(values.calls));
} else {
  const generator = new ModuleGenerator();
  for (let seed = first; seed < first + count; seed++) {
    const bytes = generator.make(seed);
    if (!(await compare(`seed ${seed}`, bytes, seed))) console.log(`  ${keepModule(seed, bytes)}`);
    if ((seed - first + 1) % REPORT_EVERY === 0) console.log(counts.summary());
  }
  generator.close();
}
console.log(counts.summary());
await comparer.close();
process.exitCode = counts.differences.length > 0 ? 1 : 0;
