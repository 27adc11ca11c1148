// The real programs for aarch64, by gcc's cross compiler, under qemu: same output, exit status and files as in V8.
import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { execute, reference } from './outcome.ts';
import type { Program, ProgramRun } from './programs.ts';
import { PROGRAMS } from './programs.ts';

/** C that calls an export with one number for each argument and prints its result: there is no `run` for a foreign ISA. */
function caller(spec: ProgramRun): string {
  return `#include <stdio.h>
#include "program.h"
int main(void) {
  w2n_instance *inst;
  if (w2n_instantiate(&w2n_module_program, 0, &inst)) return 1;
  printf("%.17g\\n", (double)w2n_program__${spec.invoke ?? ''}(inst, ${spec.args.join(', ')}));
  return 0;
}
`;
}

describe('real programs on aarch64', function () {
  this.timeout(900_000);
  let work = '';
  const at = (name: string): string => path.join(work, name);
  before(function () {
    need(this, 'aarch64-linux-gnu-gcc', 'qemu-aarch64');
    mkdirSync(fromRoot('build/programs'), { recursive: true });
    work = mkdtempSync(fromRoot('build/programs', 'work-'));
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  function build(args: readonly string[]): void {
    const { stdout, stderr, status } = wasm2native(['--target', 'aarch64-linux', ...args], { cwd: work });
    assert.deepEqual([stdout, stderr, status], ['', '', 0]);
  }

  function check(program: Program, wasm: string, spec: ProgramRun, exe: string): void {
    const expected = reference(work, program, spec, wasm);
    const args = spec.invoke === undefined ? spec.args : [];
    const got = execute(work, program, spec, ['qemu-aarch64', exe, ...args]);
    if (spec.invoke === undefined) assert.deepEqual(got, expected, JSON.stringify(spec.args));
    else assert.deepEqual([got.status, Number(got.stdout)], [0, Number(expected.stdout)], spec.invoke);
  }

  for (const program of PROGRAMS) {
    it(program.name, function () {
      need(this, ...program.needs);
      const wasm = program.wasm();
      const exe = at(program.name);
      if (program.test.some((spec) => spec.invoke === undefined))
        build([wasm, '-o', exe, '--static', '--dir', '.::/']);
      for (const spec of program.test) {
        if (spec.invoke !== undefined) {
          const named = ['--name', 'program', wasm];
          build([...named, '--emit', 'header', '-o', at('program.h')]);
          writeFileSync(at('caller.c'), caller(spec));
          build([...named, at('caller.c'), '--cflags', `-I${work}`, '--static', '-o', exe]);
        }
        check(program, wasm, spec, exe);
      }
    });
  }
});
