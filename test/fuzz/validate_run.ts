// A run of mutated binaries through the validator and V8, shared by the ordinary test and the long script.
import { isFileCommand, specModule, specScripts } from '../support/spec.ts';
import type { SpecArchive } from '../support/spec.ts';
import { mutate } from './mutate.ts';
import { Random } from './random.ts';
import { compareWithV8 } from './v8_verdict.ts';

/** Where a module comes from, and its bytes. */
export interface CorpusModule {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Whether its script demands that it validates. */
  readonly valid: boolean;
}

const ARCHIVES: readonly SpecArchive[] = ['core', 'threads', 'custom-page-sizes', 'wide-arithmetic'];

/** All binary modules of the specification archives, valid or not. */
export function specCorpus(): CorpusModule[] {
  const corpus: CorpusModule[] = [];
  for (const archive of ARCHIVES)
    for (const script of specScripts(archive))
      for (const command of script.commands)
        if (isFileCommand(command) && command.module_type === 'binary')
          corpus.push({
            name: `${archive}/${command.filename}`,
            bytes: specModule(script, command),
            valid: command.type === 'module',
          });
  return corpus;
}

/** Counts of a run. `differences` holds, for each, how it came about: enough to make it again. */
export interface FuzzCounts {
  valid: number;
  refused: number;
  readonly apart: Map<string, number>;
  readonly differences: { readonly how: string; readonly bytes: Uint8Array }[];
}

export function emptyCounts(): FuzzCounts {
  return { valid: 0, refused: 0, apart: new Map(), differences: [] };
}

/** Compares one binary and counts the outcome; a crash of the validator is a difference. */
export function countComparison(counts: FuzzCounts, name: string, bytes: Uint8Array): void {
  try {
    const result = compareWithV8(bytes);
    if (result.kind === 'both-valid') counts.valid++;
    else if (result.kind === 'both-refuse') counts.refused++;
    else if (result.kind === 'apart') counts.apart.set(result.why, (counts.apart.get(result.why) ?? 0) + 1);
    else counts.differences.push({ how: `${name}: ${result.how}`, bytes });
  } catch (error) {
    counts.differences.push({
      how: `${name}: CRASH ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      bytes,
    });
  }
}

/** Runs mutants `from` to `to` of the seed: mutant i depends on the seed, i and the corpus only. Most start from valid modules. */
export function fuzzValidation(
  corpus: readonly CorpusModule[],
  seed: number,
  from: number,
  to: number,
  counts: FuzzCounts,
): void {
  const valid = corpus.filter((module) => module.valid);
  for (let i = from; i < to; i++) {
    const random = new Random(Math.imul(seed, 0x85ebca6b) ^ Math.imul(i, 0xc2b2ae35));
    const base = random.pick(random.below(8) === 0 ? corpus : valid);
    const bytes = mutate(random, base.bytes, random.pick(corpus).bytes);
    countComparison(counts, `seed ${seed} mutant ${i} of ${base.name}`, bytes);
  }
}
