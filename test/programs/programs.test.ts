// Real programs of several languages, built from registries, compiled by the command and run: same output, exit
// status and files as in V8 with Node's own WASI; and the C programs as their native build.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { execute, reference } from './outcome.ts';
import { PROGRAMS } from './programs.ts';

describe('real programs', () => {
  const compiler = fromRoot('bin/wasm2native');
  let work = '';
  before(() => {
    mkdirSync(fromRoot('build/programs'), { recursive: true });
    work = mkdtempSync(fromRoot('build/programs', 'work-'));
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  for (const program of PROGRAMS) {
    for (const level of ['-O0', '-O2']) {
      it(`${program.name} ${level}`, function () {
        need(this, ...program.needs);
        this.timeout(900_000);
        const wasm = program.wasm();
        const exe = path.join(work, `${program.name}${level}`);
        if (program.test.some((spec) => spec.invoke === undefined)) {
          const build = spawnSync(compiler, [wasm, '-o', exe, level, '--dir', '.::/'], { encoding: 'utf8' });
          assert.equal(build.status, 0, build.stderr);
          assert.equal(build.stdout + build.stderr, '');
        }
        for (const spec of program.test) {
          const expected = reference(work, program, spec, wasm);
          const command =
            spec.invoke === undefined
              ? [exe, ...spec.args]
              : [compiler, 'run', level, '--invoke', spec.invoke, wasm, ...spec.args];
          assert.deepEqual(execute(work, program, spec, command), expected, JSON.stringify(spec.args));
        }
      });
    }
  }
});
