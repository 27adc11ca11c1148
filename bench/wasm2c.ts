// What wasm2c leaves to its user, prepared once a module and not timed: a library of wasm2c's own runtime, this
// project's WASI functions and adapters between the two naming schemes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from '../test/support/paths.ts';

const RUNTIME = '/usr/share/wabt/wasm2c';
const PROTOTYPE = /^(u32|void) Z_wasi_snapshot_preview1Z_(\w+)\(struct \w+\*(?:, )?([^)]*)\);$/gm;

/** C code that defines each WASI import of wasm2c's header by calling ours. */
export function wasiAdapters(header: string): string {
  const lines = ['#include "app.h"', '#include "w2n_abi.h"', 'extern w2n_instance *const wasi_caller;'];
  for (const [, result, name, list] of header.matchAll(PROTOTYPE)) {
    const types = list === '' ? [] : list.split(', ');
    const params = types.map((type, i) => `, ${type} p${i}`).join('');
    const args = types.map((_, i) => `, p${i}`).join('');
    lines.push(
      `${result} wasi_snapshot_preview1__${name}(w2n_instance *caller${params});`,
      `${result} Z_wasi_snapshot_preview1Z_${name}(struct Z_wasi_snapshot_preview1_instance_t *unused${params}) {`,
      `  (void)unused;`,
      `  ${result === 'void' ? '' : 'return '}wasi_snapshot_preview1__${name}(wasi_caller${args});`,
      '}',
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Makes the library for a module, in a folder beside `out`. */
export function prepareWasm2c(wasm: string, out: string): { include: string[]; library: string } {
  const dir = `${out}.wasm2c`;
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const cc = (flags: readonly string[], source: string): string => {
    const object = path.join(dir, `${path.basename(source, '.c')}.o`);
    execFileSync('gcc', [
      '-O2',
      ...flags,
      ...include.map((folder) => `-I${folder}`),
      '-c',
      '-o',
      object,
      source,
    ]);
    return object;
  };
  const stub = fromRoot('runtime-stub');
  const include = [dir, RUNTIME, stub];
  execFileSync('wasm2c', [wasm, '-n', 'app', '-o', path.join(dir, 'app.c')]);
  const adapters = path.join(dir, 'adapters.c');
  writeFileSync(adapters, wasiAdapters(readFileSync(path.join(dir, 'app.h'), 'utf8')));
  const wasi = readdirSync(stub).filter((file) => /^wasi_.*\.c$/.test(file));
  const objects = [
    cc(['-Wall', '-Wextra', '-Werror'], fromRoot('bench/wasm2c/host.c')),
    cc(['-Wall', '-Wextra', '-Werror'], adapters),
    cc(['-w'], path.join(RUNTIME, 'wasm-rt-impl.c')),
    ...wasi.map((file) => cc(['-std=c11', '-w'], path.join(stub, file))),
  ];
  const library = path.join(dir, 'libhost.a');
  execFileSync('ar', ['rcs', library, ...objects]);
  return { include, library };
}
