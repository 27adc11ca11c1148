// The validator beside V8: every module of the specification archives, and 20,000 mutants of them; the verdict must be
// the same for modules that use only proposals both know. What is apart is counted and reported by reason.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { VALIDATED } from '../../src/frontend/features.ts';
import { emptyCounts, countComparison, fuzzValidation, specCorpus } from '../fuzz/validate_run.ts';
import type { FuzzCounts } from '../fuzz/validate_run.ts';
import { proposalNames, SHARED } from '../fuzz/v8_verdict.ts';
import { fromRoot } from '../support/paths.ts';

const MUTANTS = 20000;
const SEED = 20260617;

function report(what: string, counts: FuzzCounts): void {
  const apart = [...counts.apart]
    .sort(([, a], [, b]) => b - a)
    .map(([why, count]) => `${why} ${count}`)
    .join(', ');
  console.log(
    `# ${what}: ${counts.valid} valid and ${counts.refused} refused by both; not compared: ${apart || 'none'}`,
  );
}

describe('validator beside V8', () => {
  const corpus = specCorpus();
  corpus.push({
    name: 'hello.wasm',
    bytes: new Uint8Array(readFileSync(fromRoot('fixtures/hello.wasm'))),
    valid: true,
  });

  it('agrees on the modules of the specification archives', () => {
    const counts = emptyCounts();
    for (const module of corpus) countComparison(counts, module.name, module.bytes);
    console.log(`# this V8 lacks: ${proposalNames(VALIDATED & ~SHARED).join(', ')}`);
    report('specification modules', counts);
    assert.deepEqual(
      counts.differences.map((difference) => difference.how),
      [],
    );
    assert.ok(counts.valid > 1000 && counts.refused > 2000);
  });

  it(`agrees on ${MUTANTS} mutants and never crashes`, () => {
    const counts = emptyCounts();
    fuzzValidation(corpus, SEED, 0, MUTANTS, counts);
    report(`${MUTANTS} mutants, seed ${SEED}`, counts);
    assert.deepEqual(
      counts.differences.map((difference) => difference.how),
      [],
    );
    assert.ok(counts.valid > MUTANTS / 50 && counts.refused > MUTANTS / 4);
  });
});
