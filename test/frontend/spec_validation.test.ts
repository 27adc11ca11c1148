// Every module of the specification archives against the validator: modules that must validate, that are invalid,
// that are malformed. Modules of proposals that are not enabled are counted by proposal and reported.
import assert from 'node:assert/strict';
import { checkModule } from '../../src/frontend/decode.ts';
import { SUPPORTED, VALIDATED } from '../../src/frontend/features.ts';
import type { FeatureSet } from '../../src/frontend/features.ts';
import { isFileCommand, specModule, specScripts } from '../support/spec.ts';
import type { SpecArchive, SpecFileCommand } from '../support/spec.ts';

interface Tally {
  passed: number;
  text: number;
  /** Modules beyond an implementation limit that the script, which never instantiates them, takes for valid. */
  limit: number;
  /** Demands that a later edition of the specification dropped. */
  obsolete: number;
  readonly byProposal: Map<string, number>;
  readonly failures: string[];
}

// The threads scripts are of the edition before several tables and memories.
const OBSOLETE: readonly string[] = ['multiple tables', 'multiple memories'];

function expectedKind(command: SpecFileCommand): 'valid' | 'invalid' | 'malformed' {
  if (command.type === 'assert_invalid') return 'invalid';
  return command.type === 'assert_malformed' ? 'malformed' : 'valid';
}

function checkArchive(archive: SpecArchive, features: FeatureSet): Tally {
  const tally: Tally = { passed: 0, text: 0, limit: 0, obsolete: 0, byProposal: new Map(), failures: [] };
  for (const script of specScripts(archive)) {
    for (const command of script.commands) {
      if (!isFileCommand(command)) continue;
      if (command.module_type === 'text') {
        tally.text++;
        continue;
      }
      const { error } = checkModule(specModule(script, command), features);
      const kind = error?.kind ?? 'valid';
      if (error?.kind === 'unsupported')
        tally.byProposal.set(error.proposal, (tally.byProposal.get(error.proposal) ?? 0) + 1);
      else if (kind === expectedKind(command)) tally.passed++;
      else if (kind === 'limit' && command.type === 'module_definition') tally.limit++;
      else if (kind === 'valid' && archive === 'threads' && OBSOLETE.includes(command.text ?? ''))
        tally.obsolete++;
      else
        tally.failures.push(
          `${command.filename} (${script.name}:${command.line}): ${command.type} ${command.text ?? ''}, found ${kind} ${error?.message ?? ''} at ${error?.offset ?? 0}`,
        );
    }
  }
  return tally;
}

function report(tally: Tally, what: string): void {
  const counts = [...tally.byProposal].sort().map(([name, count]) => `${name} ${count}`);
  console.log(
    `# ${what}: ${tally.passed} as demanded; by proposal not enabled: ${counts.join(', ') || 'none'}; ` +
      `${tally.limit} beyond a limit, ${tally.obsolete} obsolete; ${tally.text} in text form apart`,
  );
}

describe('specification archives: validation', () => {
  it('core with the supported features', () => {
    const tally = checkArchive('core', SUPPORTED);
    report(tally, 'core, supported features');
    assert.deepEqual(tally.failures, []);
    assert.ok(tally.passed > 2500);
    assert.equal(tally.limit, 1);
  });

  it('core with all that the validator knows', () => {
    const tally = checkArchive('core', VALIDATED);
    report(tally, 'core, all features of the validator');
    assert.deepEqual(tally.failures, []);
    assert.deepEqual([...tally.byProposal.keys()], ['gc']);
  });

  for (const archive of ['threads', 'custom-page-sizes', 'wide-arithmetic'] as const)
    it(archive, () => {
      const tally = checkArchive(archive, VALIDATED);
      report(tally, archive);
      assert.deepEqual(tally.failures, []);
      assert.ok(tally.passed > 0);
      assert.equal(tally.obsolete, archive === 'threads' ? 8 : 0);
      assert.equal(tally.byProposal.size, 0);
    });
});
