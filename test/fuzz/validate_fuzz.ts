// The long run of mutated binaries: node build/test/fuzz/validate_fuzz.js [--count N] [--seed N] [FILE.wasm...]
// (built by `node scripts/build.mjs test/fuzz/validate_fuzz.ts`). FILEs join the specification's modules as a corpus.
// Writes each mutant with differing verdicts to build/fuzz/ and exits with 1 if there are any.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fromRoot } from '../support/paths.ts';
import { emptyCounts, fuzzValidation, specCorpus } from './validate_run.ts';

const { values, positionals } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const count = Number(values.count);
const seed = Number(values.seed);
if (!Number.isInteger(count) || !Number.isInteger(seed)) throw new Error('--count and --seed take integers');
const corpus = specCorpus();
for (const file of positionals)
  corpus.push({ name: path.basename(file), bytes: new Uint8Array(readFileSync(file)), valid: true });

const STEP = 50000;
const counts = emptyCounts();
const start = Date.now();
for (let from = 0; from < count; from += STEP) {
  const to = Math.min(count, from + STEP);
  fuzzValidation(corpus, seed, from, to, counts);
  console.log(
    `${to} of ${count}: ${counts.differences.length} differences, ${Math.round((Date.now() - start) / 1000)} s`,
  );
}
const apart = [...counts.apart].map(([why, n]) => `${why} ${n}`).join(', ');
console.log(`seed ${seed}: ${counts.valid} valid, ${counts.refused} refused by both; apart: ${apart}`);
for (const [i, difference] of counts.differences.entries()) {
  const file = fromRoot('build/fuzz', `validate-${seed}-${i}.wasm`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, difference.bytes);
  console.log(`${difference.how}\n  ${file}`);
}
process.exitCode = counts.differences.length > 0 ? 1 : 0;
