// What the benchmark compiles and runs: the C programs of the tests, and hello for start-up.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { decodeModule } from '../src/frontend/decode.ts';
import { FuncValidator } from '../src/frontend/validate.ts';
import { PROGRAMS, type Program } from '../test/programs/programs.ts';
import { fromRoot } from '../test/support/paths.ts';

/** C programs with a native twin and a longer run. */
export const BENCH_PROGRAMS: readonly Program[] = PROGRAMS.filter(
  (program) => program.nativeBuild !== undefined && program.bench !== undefined,
);

export const HELLO: Program = {
  name: 'hello',
  needs: ['clang-19'],
  wasm: () => fromRoot('fixtures/hello.wasm'),
  nativeBuild: (out) => ({
    dir: fromRoot('fixtures'),
    command: ['clang-19', '-O2', '-w', '-o', out, 'hello.c'],
  }),
  test: [{ args: [] }],
  bench: { args: [] },
};

/** What is said of a module beside the measurements. */
export interface ModuleFacts {
  readonly bytes: number;
  readonly operators: number;
  /** First digits of its SHA-256. */
  readonly digest: string;
}

export function moduleFacts(wasm: string): ModuleFacts {
  const bytes = readFileSync(wasm);
  const module = decodeModule(bytes);
  const cursor = new FuncValidator(module);
  let operators = 0;
  for (let f = module.importedFuncs; f < module.funcCount; f++) {
    cursor.begin(f);
    do operators++;
    while (cursor.step());
  }
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return { bytes: bytes.length, operators, digest };
}
