// Thunks across the C border with random signatures, against the C compiler: a generated C program maps the text, is
// called by compiled code through import thunks, and calls export thunks; each side checks every argument and result.
// The functions across the border are in a file of their own, which another compiler may have turned into assembly.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { TextLayout } from '../../src/emit/text_layout.ts';
import { Func } from '../../src/ir/func.ts';
import { Op } from '../../src/ir/opcodes.ts';
import { Signatures } from '../../src/ir/signatures.ts';
import { Type } from '../../src/ir/types.ts';
import type { Isa } from '../../src/isa/contract.ts';
import { Random } from '../opt/random_func.ts';
import { PLAIN_ISA_OPTIONS } from './native.ts';
import { fromRoot } from '../support/paths.ts';

const CASES = 40;
const HEAD = 128;
const TYPES = [Type.I32, Type.I64, Type.F32, Type.F64, Type.Ref, Type.V128];
const C_TYPES: Readonly<Record<number, string>> = {
  [Type.I32]: 'int32_t',
  [Type.I64]: 'int64_t',
  [Type.F32]: 'float',
  [Type.F64]: 'double',
  [Type.Ref]: 'void *',
  [Type.V128]: 'const w2n_v128 *',
};

interface Constant {
  readonly type: number;
  /** Words, least significant first. */
  readonly words: readonly number[];
}

const member = (type: number): string => (type === Type.V128 ? 'w2n_v128' : C_TYPES[type]);
const words = (c: Constant): string =>
  `(uint32_t[4]){${c.words.map((w) => `0x${(w >>> 0).toString(16)}u`).join(', ')}}`;
const bytesOf = (type: number): number =>
  type === Type.I32 || type === Type.F32 ? 4 : type === Type.V128 ? 16 : 8;

function constants(r: Random, types: readonly number[]): Constant[] {
  return types.map((type) => {
    const count = bytesOf(type) / 4;
    // Finite floats, negative integers now and then.
    const word = (): number =>
      (type === Type.F32 || type === Type.F64
        ? r.int(0x7f000000)
        : r.int(2 ** 31) * (r.chance(50) ? -2 : 1)) | 0;
    return { type, words: Array.from({ length: 4 }, (_, k) => (k < count ? word() : 0)) };
  });
}

function constValue(f: Func, c: Constant): number {
  let v: number;
  if (c.type === Type.V128) {
    const first = f.v128.length / 4;
    for (const w of c.words) f.v128.push(w);
    v = f.newInst(Op.VConst, c.type, first);
  } else if (c.type === Type.F32 || c.type === Type.F64)
    v = f.newInst(Op.FConst, c.type, c.words[0], c.words[1]);
  else v = f.newInst(Op.IConst, c.type, c.words[0], c.type === Type.I32 ? c.words[0] >> 31 : c.words[1]);
  f.append(0, v);
  return v;
}

const SHARED = `#include <stdint.h>
typedef struct { uint8_t bytes[16]; } w2n_v128;
extern int failures;
extern uint8_t *text, instance[1 << 16];
void expect(const char *what, int k, const void *got, const void *want, __SIZE_TYPE__ n);
void *memcpy(void *, const void *, __SIZE_TYPE__);
`;
const PRELUDE = `#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
${SHARED}
typedef struct { _Alignas(16) uint8_t b[16]; } value;
int failures;
static int calls;
uint8_t *text;
uint8_t instance[1 << 16] __attribute__((aligned(16)));
void expect(const char *what, int k, const void *got, const void *want, size_t n) {
  calls++;
  if (memcmp(got, want, n)) { failures++; if (failures < 20) printf("%s, value %d differs\\n", what, k); }
}
typedef uint32_t enter_fn(void *, const void *, void *, const void *, void *, void **);
`;

/**
 * Checks the thunks of random signatures; `compiler` with its first flags, `runner`: what runs the program, if anything.
 * `toAssembly`: makes assembly for `compiler` of the functions that follow macOS's variant of C's convention.
 */
export function checkThunks(
  isa: Isa,
  seed: number,
  compiler: readonly string[],
  runner: readonly string[],
  toAssembly?: (source: string) => string,
): void {
  const r = new Random(seed);
  const sigs = new Signatures();
  const list = (max: number): number[] => Array.from({ length: r.int(max) }, () => r.pick(TYPES));
  const cases = Array.from({ length: CASES }, () => {
    const params = list(r.chance(30) ? 40 : 10);
    const results = list(r.chance(30) ? 11 : 3);
    return {
      params: constants(r, params),
      results: constants(r, results),
      sig: sigs.add(params, results),
      caller: sigs.add([], results),
    };
  });
  const compile = isa.compiler(
    {
      signatures: sigs,
      functionSig: new Int32Array(CASES * 2),
      functionFlags: new Uint8Array(CASES * 2),
      helperSymbol: new Int32Array(32),
    },
    { ...PLAIN_ISA_OPTIONS, os: toAssembly === undefined ? 'linux' : 'macos' },
  );
  const text = new TextLayout(isa.fixupIsa, { padFunctions: 0, forceVeneers: false, layoutSeed: 0 });
  let symbol = 0;
  const place = (code: Parameters<TextLayout['append']>[0]): number => {
    text.append(code, symbol);
    return symbol++;
  };
  const enter = place(compile.thunks.enter().code);
  const placed = cases.map((c, k) => {
    const f = new Func();
    f.reset(k, c.caller);
    f.newBlock();
    const args = c.params.map((p) => constValue(f, p));
    const single = c.results.length === 1;
    const call = f.newInst(Op.CallImport, single ? c.results[0].type : Type.None, k, HEAD + 32 * k, c.sig);
    f.setArgs(call, Int32Array.from(args), 0, args.length);
    f.append(0, call);
    const results = single
      ? [call]
      : c.results.map((result, i) => {
          const p = f.newInst(Op.Proj, result.type, i);
          f.setArgs1(p, call);
          f.append(0, p);
          return p;
        });
    const ret = f.newInst(Op.Return, Type.None);
    f.setArgs(ret, Int32Array.from(results), 0, results.length);
    f.append(0, ret);
    return {
      func: place(compile.compileFunction(f).code),
      callThunk: place(compile.thunks.callThunk(c.caller).code),
      importThunk: place(compile.thunks.importThunk(k, c.sig).code),
      exportThunk: place(compile.thunks.exportThunk(c.sig, HEAD + 32 * k).code),
    };
  });
  const image = text.finish();
  const offset = (s: number): number => image.symbolOffset[s];
  const code = Buffer.alloc(image.size, isa.fixupIsa.fillByte);
  for (const run of image.runs) for (const chunk of run.chunks) code.set(chunk.bytes, chunk.offset);

  const parts: string[] = [PRELUDE];
  const across: string[] = [SHARED];
  cases.forEach((c, k) => {
    const many = c.results.length > 1;
    if (many || c.results.some((x) => x.type === Type.V128)) {
      across.push(`struct ret_${k} { ${c.results.map((x, i) => `${member(x.type)} m${i};`).join(' ')} };`);
    }
    const params = (forExport: boolean): string[] => [
      'void *inst',
      ...c.params.map((p, i) => `${C_TYPES[p.type]} p${i}`),
      ...(many || (forExport && c.results[0]?.type === Type.V128) ? [`struct ret_${k} *ret`] : []),
    ];
    const returns = many || c.results.length === 0 ? 'void' : C_TYPES[c.results[0].type];
    const body = c.params.map(
      (p, i) =>
        `  expect("import ${k}", ${i}, ${p.type === Type.V128 ? '' : '&'}p${i}, ${words(p)}, ${bytesOf(p.type)});`,
    );
    if (many)
      c.results.forEach((x, i) => body.push(`  memcpy(&ret->m${i}, ${words(x)}, ${bytesOf(x.type)});`));
    else if (c.results.length === 1) {
      body.push(
        `  static ${member(c.results[0].type)} out;`,
        `  memcpy(&out, ${words(c.results[0])}, ${bytesOf(c.results[0].type)});`,
      );
      body.push(c.results[0].type === Type.V128 ? '  return &out;' : '  return out;');
    }
    parts.push(`void import_${k}(void);\nvoid call_export_${k}(void);`);
    across.push(
      `${returns} import_${k}(${params(false).join(', ')}) {\n  if (inst != instance) failures++;\n${body.join('\n')}\n}`,
    );
    // The export thunk calls this through the helper table.
    const vals = c.params.map(
      (p, i) =>
        `  expect("export ${k}", ${i}, &vals[${i}], ${words(p)}, ${p.type === Type.I32 || p.type === Type.F32 || p.type === Type.V128 ? 16 : 8});`,
    );
    c.results.forEach((x, i) => vals.push(`  memcpy(&vals[${i}], ${words(x)}, 16);`));
    parts.push(`static void exported_${k}(value *vals) {\n${vals.join('\n')}\n  (void)vals;\n}`);
    const asStruct = many || c.results[0]?.type === Type.V128;
    const call: string[] = [];
    c.params.forEach((p, i) =>
      call.push(`  ${member(p.type)} a${i}; memcpy(&a${i}, ${words(p)}, ${bytesOf(p.type)});`),
    );
    const args = [
      'instance',
      ...c.params.map((p, i) => (p.type === Type.V128 ? `&a${i}` : `a${i}`)),
      ...(asStruct ? ['&ret'] : []),
    ].join(', ');
    const type = `${asStruct ? 'void' : returns} (*)(${params(true).join(', ')})`;
    const target = `((${type})(uintptr_t)(text + ${offset(placed[k].exportThunk)}))(${args})`;
    if (asStruct) {
      call.push(`  struct ret_${k} ret; ${target};`);
      c.results.forEach((x, i) =>
        call.push(`  expect("exported ${k}", ${i}, &ret.m${i}, ${words(x)}, ${bytesOf(x.type)});`),
      );
    } else if (c.results.length === 1) {
      call.push(
        `  ${returns} ret = ${target}; expect("exported ${k}", 0, &ret, ${words(c.results[0])}, ${bytesOf(c.results[0].type)});`,
      );
    } else call.push(`  ${target};`);
    across.push(`void call_export_${k}(void) {\n${call.join('\n')}\n}`);
    const check = c.results.map(
      (x, i) =>
        `  expect("wasm ${k}", ${i}, &vals[${i}], ${words(x)}, ${x.type === Type.I32 || x.type === Type.F32 ? 16 : bytesOf(x.type)});`,
    );
    parts.push(`static void call_wasm_${k}(void *f, value *vals, void *stack) {
  void *sp;
  memset(vals, 0xa5, 64 * sizeof *vals);
  enter_fn *enter = (enter_fn *)(uintptr_t)(text + ${offset(enter)});
  void *func[4] = {text + ${offset(placed[k].func)}, 0, instance, 0};
  if (enter(instance, func, vals, text + ${offset(placed[k].callThunk)}, stack, &sp)) failures++;
  (void)f;
${check.join('\n')}
}`);
  });
  const all = (f: (k: number) => string): string => cases.map((_, k) => f(k)).join('\n');
  parts.push(`static void call_export(void *inst, const void *slot, value *vals) {
  long k = ((const uint8_t *)slot - (instance + ${HEAD})) / 32;
  if (inst != instance) failures++;
  switch (k) {
${all((k) => `  case ${k}: exported_${k}(vals); break;`)}
  default: failures++;
  }
}
int main(int argc, char **argv) {
  static value vals[64];
  static uint8_t stack[1 << 18] __attribute__((aligned(16)));
  FILE *file = fopen(argv[argc - 1], "rb");
  text = mmap(0, ${code.length}, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!file || text == MAP_FAILED || fread(text, 1, ${code.length}, file) != ${code.length}) return 2;
  mprotect(text, ${code.length}, PROT_READ | PROT_EXEC);
  static void *imports[${CASES}] = {${all((k) => `(void *)(uintptr_t)import_${k},`)}};
  static void *module[5];
  static void *helpers[16];
  module[3] = imports;
  helpers[1] = (void *)(uintptr_t)call_export;
  *(void **)(void *)(instance + 40) = helpers;
  *(void **)(void *)(instance + 48) = module;
${all((k) => `  *(void **)(void *)(instance + ${HEAD + 32 * k}) = text + ${offset(placed[k].importThunk)};\n  *(void **)(void *)(instance + ${HEAD + 32 * k + 16}) = instance;`)}
${all((k) => `  call_wasm_${k}(0, vals, stack + sizeof stack);\n  call_export_${k}();`)}
  printf("%d checked, %d failures\\n", calls, failures);
  return failures != 0;
}`);
  const dir = fromRoot('build/test/isa');
  mkdirSync(dir, { recursive: true });
  const name = `${dir}/thunks-${process.pid}`;
  writeFileSync(`${name}.text`, code);
  writeFileSync(`${name}.c`, `${parts.join('\n')}\n`);
  const other = `${name}-across.${toAssembly === undefined ? 'c' : 's'}`;
  const functions = `${across.join('\n')}\n`;
  writeFileSync(other, toAssembly === undefined ? functions : toAssembly(functions));
  const built = spawnSync(
    compiler[0],
    [
      ...compiler.slice(1),
      '-std=gnu11',
      '-O1',
      '-Wall',
      '-Wextra',
      '-Wno-missing-braces',
      `${name}.c`,
      other,
      '-o',
      name,
    ],
    { encoding: 'utf8' },
  );
  assert.equal(built.status, 0, built.error?.message ?? built.stderr.slice(0, 3000));
  const command = [...runner, name, `${name}.text`];
  const ran = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  assert.equal(ran.status, 0, `seed ${seed}: ${ran.stdout}${ran.stderr} ${ran.signal ?? ''}`);
  assert.match(ran.stdout, /^[1-9]\d+ checked, 0 failures$/m);
  spawnSync('rm', ['-f', name, `${name}.c`, other, `${name}.text`]);
}
