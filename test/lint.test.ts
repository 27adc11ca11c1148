// The sources are well typed, clean by eslint's rules and formatted: what `make lint` asserts.
import assert from 'node:assert/strict';
import { execute } from './support/command.ts';
import { fromRoot } from './support/paths.ts';

describe('sources', function () {
  this.timeout(600_000);
  for (const [tool, ...args] of [
    ['tsc', '--noEmit', '-p', '.'],
    ['eslint', '.'],
    ['prettier', '--check', '.'],
  ])
    it(`pass ${tool}`, () => {
      const outcome = execute(fromRoot('node_modules/.bin', tool), args, { cwd: fromRoot() });
      assert.equal(outcome.status, 0, outcome.stdout + outcome.stderr);
    });
});
