// One run of a real program: in a folder of its own, with the run's files; what it printed and left behind.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from '../support/paths.ts';
import type { Program, ProgramRun } from './programs.ts';

export interface Outcome {
  readonly stdout: string;
  readonly status: number | null;
  /** Files of the working directory afterwards. */
  readonly files: Readonly<Record<string, string>>;
}

/** Runs a command in a fresh working directory below `work` with the run's files. */
export function execute(
  work: string,
  program: Program,
  spec: ProgramRun,
  command: readonly string[],
): Outcome {
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

/** The same run in V8 with Node's own WASI. */
export function reference(work: string, program: Program, spec: ProgramRun, wasm: string): Outcome {
  const script = fromRoot('test/programs/v8_reference.mjs');
  return execute(work, program, spec, [process.execPath, script, wasm, spec.invoke ?? '', ...spec.args]);
}
