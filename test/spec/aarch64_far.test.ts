// Calls over distances that no bl reaches: mutually recursive functions 140 MiB apart, forward and backward, and thunks
// as far from their functions, in the test host's address space.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { compile } from '../../src/compile.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { SectionRole } from '../../src/emit/object_file.ts';
import { defaultOptions, NO_STRESS } from '../../src/options.ts';
import { i32, LinkStatus, TestHost } from '../support/host.ts';
import { readSpecScript } from '../support/spec.ts';

describe('aarch64 calls over more than 128 MiB', function () {
  this.timeout(60000);
  let host: TestHost;
  before(async () => {
    host = await TestHost.start('aarch64');
  });
  after(() => host.close());
  it('forward and backward', async () => {
    const { dir, commands } = readSpecScript('core', 'forward');
    const [module] = commands;
    assert.ok(module.type === 'module');
    const object = compile(readFileSync(path.join(dir, module.filename)), {
      ...defaultOptions('far', { isa: 'aarch64', os: 'linux' } as const),
      imports: 'instantiate' as const,
      mainModule: false,
      stress: { ...NO_STRESS, padFunctions: 140 * 2 ** 20 },
    });
    const runs = object.sections.filter((s) => s.role === SectionRole.Text).map((s) => s.textOffset);
    assert.ok(runs.length > 4 && runs[3] - runs[2] > 128 * 2 ** 20, runs.join());
    const loaded = await host.load(writeElf(object, 'aarch64').toBytes(), runs);
    const { status, instance, why } = await host.instantiate(loaded);
    assert.equal(status, LinkStatus.Ok, why);
    for (const [name, n, expected] of [
      ['even', 13, 0n],
      ['even', 20, 1n],
      ['odd', 13, 1n],
      ['odd', 20, 0n],
    ] as const) {
      const { trap, results } = await host.invoke(instance, name, [i32(n)]);
      assert.deepEqual([trap, results[0]?.lo], [0, expected], `${name} ${n}`);
    }
  });
});
