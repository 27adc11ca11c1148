// The numbers of src/abi/layout.ts against the C structures of runtime-stub/w2n_abi.h: a C program made from the
// TypeScript file itself (so that no field can be forgotten) prints what the C compiler says.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import {
  ABI_VERSION,
  MAGIC,
  SPAN_BYTES,
  TRAP_MESSAGES,
  TrapKind,
  VALUE_BYTES,
} from '../../src/abi/layout.ts';
import { exportSymbol, importSymbol, mangle } from '../../src/abi/mangle.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';

/** C structure behind each enum of offsets. */
const STRUCTS: Record<string, string> = {
  Header: 'w2n_header',
  ModuleRecord: 'struct w2n_module',
  TypeRow: 'w2n_type_row',
  FunctionRow: 'w2n_function_row',
  CodeRow: 'w2n_code_row',
  ExportRow: 'w2n_export_row',
  ImportRow: 'w2n_import_row',
  MemoryRow: 'w2n_memory_row',
  TableRow: 'w2n_table_row',
  GlobalRow: 'w2n_global_row',
  ElementRow: 'w2n_element_row',
  DataRow: 'w2n_data_row',
  ExprRow: 'w2n_expr_op',
  Instance: 'w2n_instance',
  HostObject: 'w2n_host_object',
  Func: 'w2n_func',
  Memory: 'w2n_memory',
  Table: 'w2n_table',
};

/** Prefix of the C constants behind each enum of numbers. */
const CONSTANTS: Record<string, string> = {
  HeaderFlag: 'W2N_FLAG_',
  IsaCode: 'W2N_ISA_',
  Section: 'W2N_S_',
  ExternKind: 'W2N_',
  MemoryFlag: 'W2N_MEM_',
  TableFlag: 'W2N_TABLE_',
  GlobalFlag: 'W2N_GLOBAL_',
  SegmentMode: 'W2N_SEG_',
  ElementItems: 'W2N_ITEMS_',
  ExprOp: 'W2N_X_',
  Helper: 'W2N_H_',
  TrapKind: 'W2N_TRAP_',
};

/** Where the C name is not the TypeScript name in the other spelling. */
const RENAMED: Record<string, string> = {
  'Section.Count': 'W2N_SECTIONS',
  'Helper.Count': 'W2N_HELPERS',
  'TrapKind.Count': 'W2N_TRAP_KINDS',
  'MemoryFlag.Memory64': 'W2N_MEM_64',
  'TableFlag.Table64': 'W2N_TABLE_64',
  'ExprOp.I32Add': 'W2N_X_I32_ADD',
  'IsaCode.X86_64': 'W2N_ISA_X86_64',
};

/** Fields whose C name is not the TypeScript name in the other spelling. */
const FIELDS: Record<string, string> = { 'Table.Count': 'size' };

function snake(name: string): string {
  return name.replace(/(?<=[a-z0-9])[A-Z]/g, (c) => `_${c}`).toLowerCase();
}

interface Member {
  readonly key: string;
  readonly value: number;
  readonly c: string;
}

/** All members of all enums of layout.ts with the C expression that must have the same value. */
function members(): Member[] {
  const source = readFileSync(fromRoot('src/abi/layout.ts'), 'utf8').replace(/\/\*\*[^]*?\*\//g, '');
  const found: Member[] = [];
  for (const [, name, body] of source.matchAll(/export const enum (\w+) \{([^}]*)\}/g)) {
    let next = 0;
    for (const raw of body.split(',')) {
      const text = raw.replace(/\/\/.*/g, '').trim();
      if (text === '') continue;
      const match = /^(\w+)(?: = (\d+))?$/.exec(text);
      assert.ok(match !== null, `${name}: ${text}`);
      const value = match[2] === undefined ? next : Number(match[2]);
      next = value + 1;
      const key = `${name}.${match[1]}`;
      if (name === 'ClosedEntry' || name === 'FarClosedEntry') continue;
      if (name in STRUCTS) {
        const type = STRUCTS[name];
        const c =
          match[1] === 'Size' ? `sizeof(${type})` : `offsetof(${type}, ${FIELDS[key] ?? snake(match[1])})`;
        found.push({ key, value, c });
      } else {
        assert.ok(name in CONSTANTS, `enum ${name} has no C side`);
        const c = RENAMED[key] ?? CONSTANTS[name] + snake(match[1]).toUpperCase();
        found.push({ key, value, c });
      }
    }
  }
  return found;
}

describe('abi/layout', () => {
  it('agrees with the C structures and constants in every number', () => {
    const list = members();
    assert.ok(list.length > 200, `only ${list.length} members found`);
    list.push({ key: 'ABI_VERSION', value: ABI_VERSION, c: 'W2N_ABI_VERSION' });
    list.push({ key: 'MAGIC', value: MAGIC, c: 'W2N_MAGIC' });
    list.push({ key: 'SPAN_BYTES', value: SPAN_BYTES, c: 'sizeof(w2n_span)' });
    list.push({ key: 'VALUE_BYTES', value: VALUE_BYTES, c: 'sizeof(w2n_value)' });
    const dir = fromRoot('build/abi');
    mkdirSync(dir, { recursive: true });
    const lines = list.map((m) => `  printf("%lld\\n", (long long)(${m.c}));`);
    const source = path.join(dir, 'layout.c');
    writeFileSync(
      source,
      `#include <stdio.h>\n#include "w2n_abi.h"\nint main(void) {\n${lines.join('\n')}\n  return 0;\n}\n`,
    );
    const exe = path.join(dir, 'layout');
    execFileSync('cc', ['-std=c11', '-Wall', '-Wextra', '-I', fromRoot('runtime-stub'), source, '-o', exe]);
    const printed = execFileSync(exe, { encoding: 'utf8' }).trim().split('\n').map(Number);
    assert.deepEqual(
      list.map((m, i) => `${m.key} = ${printed[i]}`),
      list.map((m) => `${m.key} = ${m.value}`),
    );
  });

  it('has a message for each trap kind', () => {
    assert.equal(TRAP_MESSAGES.length, TrapKind.Count);
    assert.equal(new Set(TRAP_MESSAGES).size, TRAP_MESSAGES.length);
  });

  it('gives a public header that C++ accepts and C accepts with all warnings', function () {
    need(this, 'cc', 'c++');
    const header = fromRoot('runtime-stub/wasm2native.h');
    execFileSync('cc', [
      '-std=c99',
      '-pedantic',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-fsyntax-only',
      '-x',
      'c',
      header,
    ]);
    execFileSync('c++', ['-std=c++11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', '-x', 'c++', header]);
  });
});

describe('abi/mangle', () => {
  it('spells the documented examples', () => {
    assert.equal(mangle('log'), 'log');
    assert.equal(mangle('wasi_snapshot_preview1'), 'wasi_snapshot_preview1');
    assert.equal(mangle('_start'), 'Z5Fstart');
    assert.equal(mangle('a__b_'), 'aZ5FZ5FbZ5F');
    assert.equal(mangle('4Zü\0'), 'Z34Z5AZC3ZBCZ00');
    assert.equal(mangle('x4'), 'x4');
    assert.equal(importSymbol('env', 'log'), 'env__log');
    assert.equal(exportSymbol('app', 'run'), 'w2n_app__run');
  });

  it('gives C identifiers from which the name can be read back', () => {
    const unmangle = (s: string): string =>
      Buffer.from(
        s.replace(/Z([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
        'latin1',
      ).toString('utf8');
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.string({ unit: fc.constantFrom('_', 'Z', 'a', '0', 'F') }),
        (a, b) => {
          for (const name of [a, b]) {
            const mangled = mangle(name);
            assert.match(mangled, /^([A-Za-z][A-Za-z0-9_]*)?$/);
            assert.doesNotMatch(mangled, /__|^_|_$/);
            assert.equal(unmangle(mangled), name);
          }
        },
      ),
    );
  });
});
