// Random signatures across the border between C and compiled code, in one linked program: C calls an export through
// its typed function (--emit header), the export passes its arguments on to an import, which is a C function, and
// returns the import's results. Both C sides compare every value bit for bit; the upper halves of registers and slots
// that hold 32-bit integers are garbage, and the module reports whether it ever saw them.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, output, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { zigEnvironment } from '../support/zig.ts';
import { Random } from '../fuzz/random.ts';
import { macLoader } from '../macho/loader.ts';

const TYPES = ['i32', 'i64', 'f32', 'f64'] as const;
type Type = (typeof TYPES)[number];
interface Signature {
  readonly params: readonly Type[];
  readonly results: readonly Type[];
}

const COUNT = 100;
const MOST_PARAMS = 40;
const MOST_RESULTS = 10;

/** Fixed corners first, then random ones. */
function signatures(seed: number): Signature[] {
  const random = new Random(seed);
  const types = (count: number): Type[] => Array.from({ length: count }, () => TYPES[random.below(4)]);
  const same = (type: Type, params: number, results: number): Signature => ({
    params: Array<Type>(params).fill(type),
    results: Array<Type>(results).fill(type),
  });
  const list = [
    same('i32', 0, 0),
    ...TYPES.flatMap((type) => [same(type, 1, 1), same(type, 9, 2), same(type, MOST_PARAMS, MOST_RESULTS)]),
  ];
  while (list.length < COUNT)
    list.push({
      params: types(random.below(MOST_PARAMS + 1)),
      results: types(random.below(MOST_RESULTS + 1)),
    });
  return list;
}

/** Each export adds up its i32 parameters and the import's i32 results as unsigned 64-bit values in $seen. */
function moduleText(list: readonly Signature[]): string {
  const types = ({ params, results }: Signature): string =>
    [params.map((type) => `(param ${type})`), results.map((type) => `(result ${type})`)].flat().join(' ');
  const see = (local: number): string =>
    `(global.set $seen (i64.add (global.get $seen) (i64.extend_i32_u (local.get ${local}))))`;
  const functions = list.map((signature, i) => {
    const { params, results } = signature;
    const n = params.length;
    const locals = results.map((type) => `(local ${type})`).join(' ');
    const own = params.flatMap((type, k) => (type === 'i32' ? [see(k)] : []));
    const sets = results.map((_, k) => `(local.set ${n + results.length - 1 - k})`);
    const theirs = results.flatMap((type, k) => (type === 'i32' ? [see(n + k)] : []));
    const gets = (first: number, count: number): string =>
      Array.from({ length: count }, (_, k) => `(local.get ${first + k})`).join(' ');
    return `  (func (export "f${i}") ${types(signature)} ${locals} ${own.join(' ')}
    ${gets(0, n)} (call $i${i}) ${sets.join(' ')}
    ${theirs.join(' ')} ${gets(n, results.length)})`;
  });
  const imports = list.map((s, i) => `  (import "env" "f${i}" (func $i${i} ${types(s)}))`);
  return `(module\n${imports.join('\n')}
  (global $seen (mut i64) (i64.const 0))
  (func (export "seen") (result i64) (global.get $seen) (global.set $seen (i64.const 0)))
${functions.join('\n')})\n`;
}

/** Random bits; floats are numbers, so that C may copy them through any register. */
function valueOf(type: Type, random: Random): string {
  const word = (): string => `0x${random.bits().toString(16)}u`;
  switch (type) {
    case 'i32':
      return `(int32_t)${word()}`;
    case 'i64':
      return `(int64_t)((uint64_t)${word()} << 32 | ${word()})`;
    case 'f32':
      return `${random.below(1 << 24) - (1 << 23)}.0f / 1024`;
    default:
      return `${random.bits()}.0 / -3`;
  }
}
const C_TYPES = { i32: 'int32_t', i64: 'int64_t', f32: 'float', f64: 'double' };

/**
 * The program: a call for each signature, and the imports. GARBAGE: i32 values travel as int64_t with set upper halves;
 * not with packed stack arguments, where that would be another place.
 */
function program(list: readonly Signature[], seed: number, isPacked: boolean): string {
  const random = new Random(seed);
  const lines = [
    '#include <inttypes.h>',
    '#include <stdio.h>',
    '#include "border.h"',
    'static int failures, reached;',
    '#define CHECK(a, b) do { if ((a) != (b)) { failures++; printf("%s:%d %s\\n", __func__, __LINE__, #a); } } while (0)',
    isPacked
      ? '#define GARBAGE(v) (v)'
      : '#define GARBAGE(v) ((int64_t)(uint32_t)(v) | (int64_t)0xdeadbeef << 32)',
  ];
  const calls: string[] = [];
  list.forEach(({ params, results }, i) => {
    const args = params.map((type) => valueOf(type, random));
    const gives = results.map((type) => valueOf(type, random));
    const several = results.length > 1;
    const returns = results.length === 1 ? C_TYPES[results[0]] : 'void';
    const cParams = [
      'w2n_instance *caller',
      ...params.map((type, k) => `${C_TYPES[type]} a${k}`),
      ...(several ? [`struct env__f${i}_ret *results`] : []),
    ].join(', ');
    lines.push(`${returns} env__f${i}(${cParams}) {`, '  (void)caller;', '  reached++;');
    args.forEach((value, k) => lines.push(`  CHECK(a${k}, ${value});`));
    if (several) gives.forEach((value, k) => lines.push(`  results->r${k} = ${value};`));
    else if (results.length === 1) lines.push(`  return ${gives[0]};`);
    lines.push('}');

    // The call: 32-bit integers as 64-bit ones with garbage above, by a pointer of that type.
    const loose = (type: Type): string => (type === 'i32' && !isPacked ? 'int64_t' : C_TYPES[type]);
    const pointer = `${returns} (*f)(${[
      'w2n_instance *',
      ...params.map(loose),
      ...(several ? [`struct w2n_border__f${i}_ret *`] : []),
    ].join(', ')})`;
    const passed = [
      'inst',
      ...params.map((type, k) => (type === 'i32' ? `GARBAGE(${args[k]})` : args[k])),
      ...(several ? ['&results'] : []),
    ].join(', ');
    lines.push(`static void call${i}(w2n_instance *inst) {`);
    lines.push(`  ${pointer} = (void *)w2n_border__f${i};`);
    if (several) lines.push(`  struct w2n_border__f${i}_ret results;`, `  f(${passed});`);
    else lines.push(`  ${results.length === 1 ? `${returns} r0 = ` : ''}f(${passed});`);
    gives.forEach((value, k) => lines.push(`  CHECK(${several ? 'results.' : ''}r${k}, ${value});`));
    const seen = [...params.map((type, k) => [type, args[k]]), ...results.map((type, k) => [type, gives[k]])]
      .filter(([type]) => type === 'i32')
      .map(([, value]) => ` + (uint64_t)(uint32_t)(${value})`);
    lines.push(`  CHECK((uint64_t)w2n_border__seen(inst), (uint64_t)0${seen.join('')});`, '}');
    calls.push(`  call${i}(inst);`);
  });
  lines.push(
    'int main(void) {',
    '  w2n_instance *inst;',
    '  if (w2n_instantiate(&w2n_module_border, 0, &inst)) return 1;',
    ...calls,
    '  w2n_free(inst);',
    '  printf("reached %d, failures %d\\n", reached, failures);',
    '  return failures != 0;',
    '}',
    '',
  );
  return lines.join('\n');
}

describe('random signatures across the C border', () => {
  const seed = Number(process.env.WASM2NATIVE_SEED ?? 7);
  const cases: readonly { target: string; level: string; cc: string }[] = [
    { target: '', level: '-O2', cc: 'gcc' },
    { target: '', level: '-O0', cc: 'clang-19' },
    { target: 'aarch64-linux', level: '-O2', cc: 'aarch64-linux-gnu-gcc' },
    { target: 'aarch64-macos', level: '-O2', cc: 'python3' },
  ];
  for (const { target, level, cc } of cases) {
    it(`${COUNT} signatures, ${target} ${level}, ${cc} (seed ${seed})`, function () {
      this.timeout(300_000);
      need(this, cc, 'wat2wasm');
      const folder = emptyFolder(`c-border${target}${level}`);
      const isMac = target === 'aarch64-macos';
      const env = isMac ? zigEnvironment(this) : {};
      let runner: readonly string[] = [];
      if (isMac) runner = macLoader(this, 'aarch64', folder);
      else if (target !== '') {
        need(this, 'qemu-aarch64');
        runner = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'];
      }
      const list = signatures(seed);
      writeFileSync(path.join(folder, 'border.wat'), moduleText(list));
      writeFileSync(path.join(folder, 'main.c'), program(list, seed + 1, isMac));
      output('wat2wasm', path.join(folder, 'border.wat'), '-o', path.join(folder, 'border.wasm'));
      const options = target === '' ? ['--cc', cc] : ['--target', target];
      const cflags = `-I. ${level} -Wall -Wextra -Werror`;
      for (const args of [
        ['--emit', 'header', 'border.wasm'],
        [level, 'border.wasm', 'main.c', ...options, '--cflags', cflags, '-o', 'border'],
      ]) {
        const { stdout, stderr, status } = wasm2native(args, { cwd: folder, env });
        assert.deepEqual([stdout, stderr, status], ['', '', 0]);
      }
      const [file, ...args] = [...runner, path.join(folder, 'border')];
      const { stdout, status } = execute(file, args);
      assert.deepEqual([stdout, status], [`reached ${COUNT}, failures 0\n`, 0]);
    });
  }
});
