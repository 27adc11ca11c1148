// Objects that the command makes of real modules: no relocation in code, headers the same for elfy, readelf and LLVM,
// the same bytes each time; several of them in one process, as objects and as shared libraries.
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readElf } from '../../src/elf/reader.ts';
import type { ElfFile } from '../../src/elf/reader.ts';
import { PROGRAMS } from '../programs/programs.ts';
import { emptyFolder, execute, output, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { isFileCommand, readSpecScript, specModule } from '../support/spec.ts';

function silent(args: readonly string[], cwd?: string): void {
  const { stdout, stderr, status } = wasm2native(args, { cwd });
  assert.deepEqual([stdout, stderr, status], ['', '', 0], args.join(' '));
}

/** The first module of a script of the specification's tests. */
function specFirst(name: string): Uint8Array {
  const script = readSpecScript('core', name);
  const command = script.commands.filter(isFileCommand).find(({ type }) => type === 'module');
  assert.ok(command !== undefined, name);
  return specModule(script, command);
}

const BINDINGS = ['LOCAL', 'GLOBAL', 'WEAK'];
const TYPES = ['NOTYPE', 'OBJECT', 'FUNC', 'SECTION', 'FILE'];
const VISIBILITIES = ['DEFAULT', 'INTERNAL', 'HIDDEN', 'PROTECTED'];

/** elfy's view against readelf's: header, sections, symbols, relocations. Returns the number of lines compared. */
function compareWithReadelf(file: string, elf: ElfFile): number {
  const header = output('readelf', '-hW', file);
  assert.match(header, /Type: +REL /);
  assert.match(header, /Machine: +Advanced Micro Devices X86-64/);
  assert.deepEqual([elf.type, elf.machine], [1, 62]);
  const count = (what: RegExp): number => Number(what.exec(header)?.[1]);
  assert.equal(count(/Number of section headers: +(\d+)/), elf.sections.length);

  const row =
    /^ +\[ *(\d+)\] (\S*) +(\S+) +[0-9a-f]{16} ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+ +([A-Za-z]*) +(\d+) +(\d+) +\d+$/gm;
  const sections = [...output('readelf', '-SW', file).matchAll(row)].map((m) => m.slice(1));
  assert.deepEqual(
    sections.map(([number, name, , offset, size, flags, link, info]) => [
      ...[Number(number), name, parseInt(offset, 16), parseInt(size, 16)],
      ...[flags.includes('A'), flags.includes('W'), flags.includes('X'), Number(link), Number(info)],
    ]),
    elf.sections.map((s, i) => [
      ...[i, s.name, s.offset, s.size, s.isAlloc, s.isWritable, s.isExecutable, s.link, s.info],
    ]),
  );

  const line = /^ +(\d+): ([0-9a-f]{16}) +(\d+|0x[0-9a-f]+) (\w+) +(\w+) +(\w+) +(\w+)(?: (.*))?$/gm;
  const symbols = [...output('readelf', '-sW', file).matchAll(line)].map((m) => m.slice(1));
  assert.deepEqual(
    symbols.map(([number, value, size, type, binding, visibility, section, name]) => [
      ...[Number(number), parseInt(value, 16), Number(size), type, binding, visibility],
      ...[section === 'UND' ? 0 : Number(section), name ?? ''],
    ]),
    elf.symbols.map((s, i) => [
      ...[i, s.value, s.size, TYPES[s.type], BINDINGS[s.binding], VISIBILITIES[s.visibility], s.section],
      s.name === '' && TYPES[s.type] === 'SECTION' ? elf.sections[s.section].name : s.name,
    ]),
  );

  const relocations: number[][] = [];
  let section = -1;
  for (const text of output('readelf', '-rW', file).split('\n')) {
    const head = /^Relocation section '\.rela(\S+)' at/.exec(text);
    if (head !== null) section = elf.sections.findIndex((s) => s.name === head[1]);
    const entry = /^([0-9a-f]{16}) +([0-9a-f]{16}) R_X86_64_/.exec(text);
    if (entry === null) continue;
    const info = entry[2];
    relocations.push([section, ...[entry[1], info.slice(8), info.slice(0, 8)].map((n) => parseInt(n, 16))]);
  }
  assert.deepEqual(
    relocations,
    elf.relocations.map((r) => [r.section, r.offset, r.type, r.symbol]),
  );
  return sections.length + symbols.length + relocations.length;
}

interface LlvmFile {
  readonly Sections: readonly {
    readonly Section: {
      readonly Index: number;
      readonly Name: { readonly Name: string };
      readonly Flags: { readonly Value: number };
      readonly Info: number;
    };
  }[];
  readonly Relocations: readonly { readonly SectionIndex: number; readonly Relocs: readonly unknown[] }[];
}

/** By LLVM: numbers of relocations by the name of the section they apply to; none of those is executable. */
function llvmRelocations(file: string): Record<string, number> {
  const EXECUTABLE = 4;
  const args = ['--elf-output-style=JSON', '--sections', '--relocations', file];
  const [read] = JSON.parse(output('llvm-readobj-19', ...args)) as LlvmFile[];
  const sections = read.Sections.map(({ Section }) => Section);
  assert.ok(sections.some((s) => s.Name.Name === 'w2n_text' && (s.Flags.Value & EXECUTABLE) !== 0));
  return Object.fromEntries(
    read.Relocations.map(({ SectionIndex, Relocs }) => {
      const target = sections[sections[SectionIndex].Info];
      assert.equal(target.Flags.Value & EXECUTABLE, 0, target.Name.Name);
      return [target.Name.Name, Relocs.length];
    }),
  );
}

const MODULES: readonly { name: string; needs: readonly string[]; wasm: () => Uint8Array }[] = [
  { name: 'hello', needs: [], wasm: () => readFileSync(fromRoot('fixtures/hello.wasm')) },
  { name: 'call_indirect', needs: [], wasm: () => specFirst('call_indirect') },
  ...PROGRAMS.filter(({ name }) => name === 'lua').map((program) => ({
    name: program.name,
    needs: program.needs,
    wasm: (): Uint8Array => readFileSync(program.wasm()),
  })),
];

describe('compiled objects', () => {
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  before(() => {
    folder = emptyFolder('compiled-objects');
  });

  for (const { name, needs, wasm } of MODULES) {
    for (const level of ['-O0', '-O2']) {
      it(`${name} ${level}: no relocation in code, the same for all readers, the same bytes again`, function () {
        need(this, ...needs, 'readelf', 'llvm-readobj-19');
        this.timeout(300_000);
        writeFileSync(at(`${name}.wasm`), wasm());
        silent([level, '--emit', 'obj', '--no-cache', at(`${name}.wasm`), '-o', at(`${name}.o`)]);
        const bytes = readFileSync(at(`${name}.o`));
        const elf = readElf(bytes);
        assert.ok(compareWithReadelf(at(`${name}.o`), elf) > 30);
        assert.ok(elf.relocations.length > 3);
        assert.deepEqual(
          elf.relocations.filter((r) => elf.sections[r.section].isExecutable),
          [],
        );
        const byLlvm = llvmRelocations(at(`${name}.o`));
        assert.deepEqual(Object.keys(byLlvm).sort(), ['.data.rel.ro', '.eh_frame']);
        assert.equal(byLlvm['.data.rel.ro'] + byLlvm['.eh_frame'], elf.relocations.length);

        const elsewhere = at(`other-${name}`);
        mkdirSync(elsewhere, { recursive: true });
        copyFileSync(at(`${name}.wasm`), path.join(elsewhere, `${name}.wasm`));
        silent([level, '--emit', 'obj', `${name}.wasm`], elsewhere);
        assert.ok(readFileSync(path.join(elsewhere, `${name}.o`)).equals(bytes), 'from another folder');
      });
    }
  }
});

const counter = (step: number): string => `(module
  (memory (export "memory") 1)
  (data (i32.const 0) "\\${step.toString(16).padStart(2, '0')}")
  (global $count (mut i32) (i32.const 0))
  (func $add (export "add") (param i32) (result i32)
    (global.set $count (i32.add (global.get $count) (i32.mul (i32.load8_u (i32.const 0)) (local.get 0))))
    (i32.store offset=4 (i32.const 0) (global.get $count))
    (i32.load offset=4 (i32.const 0)))
  (func (export "trap") (param i32) (result i32) (i32.load (i32.shl (local.get 0) (i32.const 16)))))`;

/** The same checks for both ways: \`one\` counts by 1, \`two\` by 2; instances are apart; traps end in their own module. */
const USE = (module: string, prefix: string): string => `
static void fail_${module}(void *instance) { ${prefix}w2n_${module}__trap(instance, 1); }
static int use_${module}(int step) {
  w2n_instance *a, *b;
  if (${prefix}w2n_instantiate(&${prefix}w2n_module_${module}, 0, &a) || ${prefix}w2n_instantiate(&${prefix}w2n_module_${module}, 0, &b))
    return 1;
  for (int i = 1; i <= 10; i++) ${prefix}w2n_${module}__add(a, i);
  if (${prefix}w2n_${module}__add(b, 7) != 7 * step || ${prefix}w2n_${module}__add(a, 0) != 55 * step) return 2;
  if (${prefix}w2n_try(fail_${module}, a) != W2N_TRAP_MEMORY_OUT_OF_BOUNDS) return 3;
  if (${prefix}w2n_try(fail_${module}, b) != W2N_TRAP_MEMORY_OUT_OF_BOUNDS) return 4;
  if (${prefix}w2n_${module}__add(b, 1) != 8 * step) return 5;
  ${prefix}w2n_free(a);
  if (${prefix}w2n_${module}__add(b, 1) != 9 * step) return 6;
  ${prefix}w2n_free(b);
  return 0;
}
`;

const LINKED = `#include <stdio.h>
#include "one.h"
#include "two.h"
${USE('one', '')}${USE('two', '')}
int main(void) {
  for (int i = 0; i < 2; i++) printf("%d %d\\n", use_one(1), use_two(2));
  return 0;
}
`;

/** A struct of what a library exports stands for the names, so that each library's own stub is called. */
const LOADED_HEAD = `#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include "wasm2native.h"
typedef struct library {
  void *handle;
  const w2n_module *module;
  int (*instantiate)(const w2n_module *, const w2n_imports *, w2n_instance **);
  void (*release)(w2n_instance *);
  uint32_t (*attempt)(void (*)(void *), void *);
  int32_t (*add)(w2n_instance *, int32_t);
  int32_t (*trap)(w2n_instance *, int32_t);
} library;
static void *find(library *l, const char *name) {
  void *found = dlsym(l->handle, name);
  if (!found) printf("%s\\n", dlerror());
  return found;
}
static int load(library *l, const char *name) {
  char symbol[64];
  void *p;
  snprintf(symbol, sizeof symbol, "./lib%s.so", name);
  l->handle = dlopen(symbol, RTLD_NOW | RTLD_LOCAL);
  if (!l->handle) { printf("%s\\n", dlerror()); return 1; }
  snprintf(symbol, sizeof symbol, "w2n_module_%s", name);
  l->module = find(l, symbol);
#define GET(field, name) p = find(l, name), memcpy(&l->field, &p, sizeof p)
  GET(instantiate, "w2n_instantiate");
  GET(release, "w2n_free");
  GET(attempt, "w2n_try");
  snprintf(symbol, sizeof symbol, "w2n_%s__add", name);
  GET(add, symbol);
  snprintf(symbol, sizeof symbol, "w2n_%s__trap", name);
  GET(trap, symbol);
  return 0;
}
typedef struct failing { library *l; w2n_instance *i; } failing;
static void fail(void *arg) { failing *f = arg; f->l->trap(f->i, 1); }
static int use(library *l, int step) {
  w2n_instance *a, *b;
  if (l->instantiate(l->module, 0, &a) || l->instantiate(l->module, 0, &b)) return 1;
  for (int i = 1; i <= 10; i++) l->add(a, i);
  if (l->add(b, 7) != 7 * step || l->add(a, 0) != 55 * step) return 2;
  failing fa = {l, a}, fb = {l, b};
  if (l->attempt(fail, &fa) != W2N_TRAP_MEMORY_OUT_OF_BOUNDS) return 3;
  if (l->attempt(fail, &fb) != W2N_TRAP_MEMORY_OUT_OF_BOUNDS) return 4;
  l->release(a);
  if (l->add(b, 1) != 8 * step) return 5;
  l->release(b);
  return 0;
}
int main(void) {
  library one, two, again;
  if (load(&one, "one") || load(&again, "one") || load(&two, "two")) return 1;
  printf("%d %d %d %d\\n", use(&one, 1), use(&two, 2), use(&again, 1), one.module == two.module);
  /* One user of the library goes; the other, and then a new one, go on. */
  dlclose(one.handle);
  printf("%d %d\\n", use(&again, 1), use(&two, 2));
  dlclose(again.handle);
  printf("%d\\n", use(&two, 2));
  if (load(&one, "one")) return 1;
  printf("%d %d\\n", use(&one, 1), use(&two, 2));
  dlclose(two.handle);
  printf("%d\\n", use(&one, 1));
  return 0;
}
`;

describe('several modules in one process', () => {
  let folder = '';
  const at = (name: string): string => path.join(folder, name);
  before(function () {
    need(this, 'cc', 'wat2wasm');
    folder = emptyFolder('several-modules');
    for (const [name, step] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      writeFileSync(at(`${name}.wat`), counter(step));
      output('wat2wasm', at(`${name}.wat`), '-o', at(`${name}.wasm`));
    }
  });

  it('two objects in one C program, two instances each', () => {
    for (const name of ['one', 'two'])
      for (const emit of ['obj', 'header']) silent(['--emit', emit, `${name}.wasm`], folder);
    writeFileSync(at('linked.c'), LINKED);
    silent(['linked.c', 'one.o', 'two.o', '--cflags', '-I. -Wall -Wextra -Werror', '-o', 'linked'], folder);
    assert.equal(output(at('linked')), '0 0\n0 0\n');
  });

  it('two shared libraries, each with its own stub, opened, closed and opened again', () => {
    for (const name of ['one', 'two']) silent(['--emit', 'shared', `${name}.wasm`], folder);
    writeFileSync(at('loaded.c'), LOADED_HEAD);
    const include = ['-I', fromRoot('runtime-stub'), '-Wall', '-Wextra', '-Werror'];
    output('cc', ...include, at('loaded.c'), '-o', at('loaded'), '-ldl');
    const run = execute(at('loaded'), [], { cwd: folder });
    assert.deepEqual(run, { status: 0, signal: null, stderr: '', stdout: '0 0 0 0\n0 0\n0\n0 0\n0\n' });
  });
});
