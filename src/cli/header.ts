// The C header of a module (`--emit header`): its record, typed exports, and prototypes of the C functions that it
// imports (docs/abi.md, "Names"). Input: a decoded module; output: text. Exports whose types C cannot spell are left out
// with a comment.
import { exportSymbol, importSymbol, mangle } from '../abi/mangle.ts';
import { ExternKind } from '../frontend/module.ts';
import type { Module } from '../frontend/module.ts';
import { HeapType, heapOf, isAbstractHeap, isRef, TypeBits, typeName, ValType } from '../frontend/types.ts';

const NUMERIC: Readonly<Record<number, string>> = {
  [ValType.I32]: 'int32_t',
  [ValType.I64]: 'int64_t',
  [ValType.F32]: 'float',
  [ValType.F64]: 'double',
  [ValType.V128]: 'const w2n_v128 *',
};

/** The C type of a value type: typed function references are functions, everything else is the host's. */
function cType(type: number): string {
  if (!isRef(type)) return NUMERIC[type] ?? 'void *';
  const heap = heapOf(type);
  const isFunction =
    !isAbstractHeap(heap) ||
    heap === (TypeBits.AbstractHeap | HeapType.Func) ||
    heap === (TypeBits.AbstractHeap | HeapType.NoFunc);
  return isFunction ? 'const w2n_func *' : 'void *';
}

const join = (type: string, name: string): string =>
  type.endsWith('*') ? `${type}${name}` : `${type} ${name}`;

/** Names become part of comments: what could end one or disturb a terminal is escaped. */
function quote(name: string): string {
  return JSON.stringify(name)
    .replaceAll('*/', '*\\/')
    .replaceAll('/*', '/\\*')
    .replace(/[^\x20-\x7e]/g, '?');
}

function prototype(module: Module, func: number, symbol: string, first: string): string[] {
  const { types } = module;
  const type = module.funcType.data[func];
  const list = (start: number, count: number): number[] => [
    ...types.pool.data.subarray(start, start + count),
  ];
  const params = list(types.first.data[type], types.paramCount.data[type]);
  const results = list(types.firstResult.data[type], types.resultCount.data[type]);
  const lines: string[] = [];
  const args = [`w2n_instance *${first}`, ...params.map((param, i) => join(cType(param), `a${i}`))];
  let returns = 'void';
  if (results.length === 1) returns = cType(results[0]);
  if (results.length > 1) {
    lines.push(`struct ${symbol}_ret {`);
    results.forEach((result, i) => lines.push(`  ${join(cType(result), `r${i}`)};`));
    lines.push('};');
    args.push(`struct ${symbol}_ret *results`);
  }
  lines.push(`${join(returns, symbol)}(${args.join(', ')});`);
  const signature = `(${params.map(typeName).join(' ')}) -> (${results.map(typeName).join(' ')})`;
  return [`/* ${signature} */`, ...lines];
}

/** The text of the header for a module named `name`. */
export function moduleHeader(module: Module, name: string): string {
  const mod = mangle(name);
  const lines = [
    `/* Typed C interface of the WebAssembly module ${quote(name)}. Made by wasm2native --emit header. */`,
    `#ifndef W2N_MODULE_${mod}_H`,
    `#define W2N_MODULE_${mod}_H`,
    '#include "wasm2native.h"',
    '#ifdef __cplusplus',
    'extern "C" {',
    '#endif',
    '',
    `extern const w2n_module w2n_module_${mod};`,
    '',
    '/* Exported functions. A trap leaves to the innermost w2n_try(), or reports and aborts. */',
  ];
  for (const entry of module.exports) {
    if (entry.kind !== ExternKind.Func) continue;
    lines.push('', `/* export ${quote(entry.name)} */`);
    lines.push(...prototype(module, entry.index, exportSymbol(mod, entry.name), 'self'));
  }
  lines.push('', '/* Imported functions: C code that is linked with the module defines them. */');
  const seen = new Set<string>();
  for (const entry of module.imports) {
    if (entry.kind !== ExternKind.Func) continue;
    const symbol = importSymbol(entry.module, entry.name);
    // WASI is the stub's; one name imported with two types has no one prototype.
    if (entry.module.startsWith('wasi_') || seen.has(symbol)) continue;
    seen.add(symbol);
    lines.push('', `/* import ${quote(entry.module)} ${quote(entry.name)} */`);
    lines.push(...prototype(module, entry.index, symbol, 'caller'));
  }
  lines.push('', '#ifdef __cplusplus', '}', '#endif', '#endif', '');
  return lines.join('\n');
}
