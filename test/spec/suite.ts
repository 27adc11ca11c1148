// Defines the tests that run one part of the archive core under one set of options. Scripts are dealt out to `parts`
// files so that they run in parallel.
import assert from 'node:assert/strict';
import { readSpecScript, specScriptNames } from '../support/spec.ts';
import { TestHost, type HostIsa } from '../support/host.ts';
import { needIsa } from '../support/need.ts';
import { runScript, Tally, type MakeObject } from './runner.ts';

export function specSuite(title: string, isa: HostIsa, make: MakeObject, part: number, parts: number): void {
  describe(`specification, ${title}, part ${part + 1} of ${parts}`, () => {
    const tally = new Tally();
    let host: TestHost | null = null;
    before(async function () {
      needIsa(this, isa);
      host = await TestHost.start(isa);
    });
    after(async () => {
      if (host === null) return;
      await host.close();
      console.log(`# ${title}: ${tally.summary()}`);
    });
    const names = specScriptNames('core').filter((_, i) => i % parts === part);
    for (const name of names) {
      it(name, async () => {
        assert.ok(host !== null);
        const before = tally.failures.length;
        await runScript(readSpecScript('core', name), make, host, tally);
        assert.deepEqual(tally.failures.slice(before), []);
      });
    }
  });
}
