// A minute of random calls under the sanitizers, half of it in each way of resolving paths. A file of its own, so that the
// others need not wait for it.
import assert from 'node:assert/strict';
import path from 'node:path';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { build, GCC_ASAN } from './native.ts';
import { randomCalls } from './random_calls.ts';

const work = fromRoot('build/wasi-random');
const MS = 30000;

describe('WASI, random calls for a minute', function () {
  this.timeout(600000);
  const folder = path.join(work, GCC_ASAN.name);
  before(function () {
    need(this, GCC_ASAN.cc);
    build(folder, GCC_ASAN, ['random']);
  });
  for (const mode of ['openat2', 'walk'])
    it(mode, () => {
      const { made, good } = randomCalls(folder, GCC_ASAN, path.join(work, mode), mode === 'walk', MS);
      console.log(`# ${mode}: ${made} calls, ${good} of them successful`);
      assert.ok(made > 10000, String(made));
    });
});
