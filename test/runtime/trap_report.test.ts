// What a linked program says when it traps: the kind, and function and offset of every frame, compared with the
// disassembly by wasm-objdump; exit status 134; output written before stays. One program does all; the environment
// variable CASE says how it ends.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { emptyFolder, execute, wasm2native } from '../support/command.ts';
import type { Outcome } from '../support/command.ts';
import { need } from '../support/need.ts';

interface Case {
  /** Function of the module that traps, called by $middle. */
  readonly name: string;
  readonly message: string;
  /** The operator that traps, as wasm-objdump prints it. */
  readonly operator: string;
  readonly body: string;
}

const CASES: readonly Case[] = [
  { name: 'f_unreachable', message: 'unreachable', operator: 'unreachable', body: '(unreachable)' },
  {
    name: 'f_load',
    message: 'out of bounds memory access',
    operator: 'i32.load',
    body: '(i32.load offset=65533 (local.get 0))',
  },
  {
    name: 'f_far_store',
    message: 'out of bounds memory access',
    operator: 'i64.store',
    body: '(i64.store offset=0xfffffffc (i32.sub (local.get 0) (i32.const 1000)) (i64.const 1)) (i32.const 0)',
  },
  {
    name: 'f_fill',
    message: 'out of bounds memory access',
    operator: 'memory.fill',
    body: '(memory.fill (i32.const 65530) (i32.const 1) (local.get 0)) (i32.const 0)',
  },
  {
    name: 'f_table',
    message: 'out of bounds table access',
    operator: 'table.get',
    body: '(ref.is_null (table.get 0 (local.get 0)))',
  },
  {
    name: 'f_null',
    message: 'uninitialized element',
    operator: 'call_indirect',
    body: '(call_indirect (param i32) (result i32) (i32.const 1) (i32.sub (local.get 0) (i32.const 5)))',
  },
  {
    name: 'f_beyond',
    message: 'undefined element',
    operator: 'call_indirect',
    body: '(call_indirect (param i32) (result i32) (i32.const 1) (local.get 0))',
  },
  {
    name: 'f_type',
    message: 'indirect call type mismatch',
    operator: 'call_indirect',
    body: '(call_indirect (result i32) (i32.sub (local.get 0) (i32.const 7)))',
  },
  {
    name: 'f_overflow',
    message: 'integer overflow',
    operator: 'i32.div_s',
    body: '(i32.div_s (i32.shl (local.get 0) (i32.const 31)) (i32.sub (local.get 0) (i32.const 8)))',
  },
  {
    name: 'f_divide',
    message: 'integer divide by zero',
    operator: 'i64.rem_u',
    body: '(i32.wrap_i64 (i64.rem_u (i64.const 5) (i64.extend_i32_u (i32.sub (local.get 0) (i32.const 7)))))',
  },
  {
    name: 'f_large',
    message: 'integer overflow',
    operator: 'i32.trunc_f64_u',
    body: '(i32.trunc_f64_u (f64.mul (f64.convert_i32_s (local.get 0)) (f64.const 1e9)))',
  },
  {
    name: 'f_nan',
    message: 'invalid conversion to integer',
    operator: 'i64.trunc_f32_s',
    body: '(i32.wrap_i64 (i64.trunc_f32_s (f32.sqrt (f32.convert_i32_s (i32.sub (i32.const 0) (local.get 0))))))',
  },
  {
    name: 'f_host',
    message: 'host trap',
    operator: 'call',
    body: '(call $trap (i32.const 12)) (i32.const 0)',
  },
];

const SAVING = '(local.set $a (call $which)) (local.set $b (call $which)) (local.set $c (call $which))';
/** $middle keeps values over the call, and is called with stack arguments. */
const MODULE = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "env" "which" (func $which (result i32)))
  (import "env" "trap" (func $trap (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\07\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00before\\0a")
  (table 7 funcref)
  (elem (i32.const 0) $f_unreachable)
${CASES.map(({ name, body }) => `  (func $${name} (param i32) (result i32) ${body})`).join('\n')}
  (func $deep (param i32) (result i32)
    (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func $ESC0_ (param i32) (result i32) (unreachable))
  (func $${'l'.repeat(500)} (param i32) (result i32) (call $ESC0_ (local.get 0)))
  (func $middle (param $case i32) (param $seven i32) (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $a i32) (local $b i32) (local $c i32)
    ${SAVING}
${CASES.map(
  ({ name }, i) => `    (if (i32.eq (local.get $case) (i32.const ${i}))
      (then (return (i32.add (local.get $b) (call $${name} (local.get $seven))))))`,
).join('\n')}
    (if (i32.eq (local.get $case) (i32.const 100)) (then (return (call $deep (i32.const 0)))))
    (if (i32.eq (local.get $case) (i32.const 101)) (then (return (call $${'l'.repeat(500)} (i32.const 0)))))
    (i32.add (local.get $a) (i32.mul (local.get $b) (local.get $c))))
  (func $_start (export "_start") (local $n i32)
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
    (drop (call $middle (call $which) (i32.const 7) (local.get 0) (local.get 0) (local.get 0) (local.get 0)
      (local.get 0) (local.get 0) (local.get 0) (local.get 0)))))`;

const HOST = `#include <stdlib.h>
#include "wasm2native.h"
int32_t env__which(w2n_instance *caller);
void env__trap(w2n_instance *caller, int32_t kind);
int32_t env__which(w2n_instance *caller) { (void)caller; return atoi(getenv("CASE")); }
void env__trap(w2n_instance *caller, int32_t kind) { (void)caller; w2n_trap((uint32_t)kind); }
`;

/** Offsets of operators by function, from wasm-objdump. */
class Disassembly {
  private readonly functions = new Map<string, { offset: number; text: string }[]>();

  constructor(text: string) {
    let lines: { offset: number; text: string }[] = [];
    for (const line of text.split('\n')) {
      const head = /^[0-9a-f]+ func\[\d+\] <(.*)>:$/.exec(line);
      if (head !== null) this.functions.set(head[1], (lines = []));
      const operator = /^ ([0-9a-f]+): [^|]*\| +(\S.*)$/.exec(line);
      if (operator !== null) lines.push({ offset: parseInt(operator[1], 16), text: operator[2] });
    }
  }

  /** The line of a report for the only operator of `name` whose text begins with the words of `operator`. */
  frame(name: string, operator: string): string {
    const lines = this.functions.get(name) ?? [];
    const found = lines.filter(({ text }) => `${text} `.startsWith(`${operator} `));
    assert.equal(found.length, 1, `${operator} in ${name}`);
    return `    at ${name} (traps, wasm offset 0x${found[0].offset.toString(16)})\n`;
  }

  /** The line for the call of `callee` in `name`. */
  call(name: string, callee: string): string {
    const index = [...this.functions.keys()].indexOf(callee) + IMPORTS;
    return this.frame(name, `call ${index} <${callee}>`);
  }
}
const IMPORTS = 3;

describe('trap reports', function () {
  let folder = '';
  let code: Disassembly;
  const at = (name: string): string => path.join(folder, name);
  const ended = (program: string, which: number): Outcome =>
    execute(at(program), [], { env: { ...process.env, CASE: String(which) } });
  before(function () {
    need(this, 'cc', 'wat2wasm', 'wasm-objdump');
    folder = emptyFolder('trap-report');
    writeFileSync(at('traps.wat'), MODULE);
    writeFileSync(at('host.c'), HOST);
    const made = execute('wat2wasm', ['--debug-names', at('traps.wat'), '-o', at('plain.wasm')]);
    assert.deepEqual([made.stderr, made.status], ['', 0]);
    code = new Disassembly(execute('wasm-objdump', ['-d', at('plain.wasm')]).stdout);
    const bytes = readFileSync(at('plain.wasm'));
    const place = bytes.indexOf('ESC0_');
    assert.ok(place > 0 && bytes.indexOf('ESC0_', place + 1) < 0);
    bytes.write('\x1b[0m\n', place, 'latin1');
    writeFileSync(at('traps.wasm'), bytes);
  });

  for (const options of [['-O2'], ['-O0'], ['-O2', '--bounds', 'checked']]) {
    describe(options.join(' '), () => {
      before(() => {
        const args = [...options, at('traps.wasm'), at('host.c'), '-o', at('traps')];
        const built = wasm2native(args);
        assert.deepEqual([built.stderr, built.status], ['', 0]);
      });

      it('ends well without a trap', () => {
        assert.deepEqual(ended('traps', 99), { status: 0, signal: null, stdout: 'before\n', stderr: '' });
      });

      CASES.forEach(({ name, message, operator }, i) => {
        it(`${message}: ${operator}`, () => {
          const frames =
            (operator === 'call' ? code.frame(name, 'call 2 <trap>') : code.frame(name, operator)) +
            code.call('middle', name) +
            code.call('_start', 'middle');
          const stderr = `wasm trap: ${message}\n${frames}`;
          assert.deepEqual(ended('traps', i), { status: 134, signal: null, stdout: 'before\n', stderr });
        });
      });

      it('call stack exhausted: first and last frames', () => {
        const { status, stdout, stderr } = ended('traps', 100);
        assert.deepEqual([status, stdout], [134, 'before\n']);
        const lines = stderr.split(/(?<=\n)/);
        assert.equal(lines.shift(), 'wasm trap: call stack exhausted\n');
        assert.equal(lines.length, 48 + 1 + 16);
        // The innermost one faults in its prologue or at its call.
        assert.match(lines[0], /^ {4}at deep \(traps, wasm offset 0x[0-9a-f]+\)\n$/);
        const deep = code.call('deep', 'deep');
        for (const line of [...lines.slice(1, 48), ...lines.slice(49, -2)]) assert.equal(line, deep);
        const more = /^ {4}\.\.\. (\d+) more\n$/.exec(lines[48]);
        assert.ok(more !== null && Number(more[1]) > 50_000, lines[48]);
        assert.deepEqual(lines.slice(-2), [code.call('middle', 'deep'), code.call('_start', 'middle')]);
      });

      it('escapes names and cuts long ones', () => {
        const { status, stderr } = ended('traps', 101);
        assert.equal(status, 134);
        const lines = stderr.split('\n');
        assert.match(lines[1], /^ {4}at \\x1b\[0m\\x0a \(traps, wasm offset 0x[0-9a-f]+\)$/);
        assert.match(lines[2], /^ {4}at l{160}\.\.\. \(traps, wasm offset 0x[0-9a-f]+\)$/);
        assert.equal(lines.length, 6);
      });
    });
  }
});
