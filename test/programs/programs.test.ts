// Real programs of several languages, built from registries, compiled by the command and run: same output, exit
// status and files as in V8 with Node's own WASI; and the C programs as their native build.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { PROGRAMS, type Program, type ProgramRun } from './programs.ts';

interface Outcome {
  readonly stdout: string;
  readonly status: number | null;
  /** Files of the working directory afterwards. */
  readonly files: Readonly<Record<string, string>>;
}

/** Runs a command in a fresh working directory with the run's files. */
function execute(work: string, program: Program, spec: ProgramRun, command: readonly string[]): Outcome {
  const cwd = mkdtempSync(path.join(work, 'cwd-'));
  for (const [name, content] of Object.entries(spec.files ?? {}))
    writeFileSync(path.join(cwd, name), content());
  const child = spawnSync(command[0], command.slice(1), {
    cwd,
    input: spec.stdin?.() ?? Buffer.alloc(0),
    maxBuffer: 1 << 28,
    timeout: 100_000,
  });
  assert.equal(child.error, undefined, String(child.error));
  const stdout = child.stdout.toString('latin1');
  const files = Object.fromEntries(
    readdirSync(cwd).map((name) => [name, readFileSync(path.join(cwd, name), 'latin1')]),
  );
  return { stdout: program.normalise?.(stdout) ?? stdout, status: child.status, files };
}

describe('real programs', () => {
  const compiler = fromRoot('bin/wasm2native');
  const reference = fromRoot('test/programs/v8_reference.mjs');
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
          const expected = execute(work, program, spec, [
            process.execPath,
            reference,
            wasm,
            spec.invoke ?? '',
            ...spec.args,
          ]);
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
