// Every row of the x86_64 table, in each of its forms, with random and extreme operands: our bytes are those that the
// system's assemblers make of our printed text.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { CodeBuffer } from '../../../src/emit/code_buffer.ts';
import { encNone, encO, encRM, encRR } from '../../../src/isa/x64/encoder.ts';
import { X64_FIXUPS } from '../../../src/isa/x64/fixups.ts';
import { Fmt, ImmKind, RegKind, ROWS, X } from '../../../src/isa/x64/instructions.ts';
import type { Row } from '../../../src/isa/x64/instructions.ts';
import { instructionText, memoryText, registerName } from '../../../src/isa/x64/printer.ts';
import { fromRoot } from '../../support/paths.ts';
import { need } from '../../support/need.ts';

const SLOT = 16;

let seed = 12345;
/** A random integer in [0, n). */
function random(n: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
  return (seed >> 8) % n;
}

const REGS = [0, 1, 3, 4, 5, 7, 8, 12, 13, 15];
const DISPS = [0, 1, -1, 127, 128, -128, -129, 0x7fffffff, -0x80000000, 0x12345678];

const regOf = (kind: RegKind): number => (kind === RegKind.Xmm ? 32 : 0) + REGS[random(REGS.length)];

function immsOf(row: Row): number[] {
  switch (row.imm) {
    case ImmKind.None:
      return [0];
    case ImmKind.I8:
      return [0, 1, 3, 7];
    case ImmKind.Shift:
      return [1, 2, 31];
    case ImmKind.I16:
      return [0, 16, 0x7ff0];
    case ImmKind.Condition:
      return Array.from({ length: 16 }, (_, k) => k);
    default:
      return [0, 1, -1, 127, 128, -128, -129, 0x7fffffff, -0x80000000, 0x1234];
  }
}

interface Case {
  readonly text: string;
  readonly bytes: Uint8Array;
}

function allCases(): Case[] {
  const buffer = new CodeBuffer(X64_FIXUPS);
  const cases: Case[] = [];
  const take = (text: string): void => {
    cases.push({ text, bytes: buffer.bytes.slice(0, buffer.length) });
    buffer.reset();
  };
  ROWS.forEach((row, x) => {
    if (row === null) return;
    for (const imm of immsOf(row)) {
      for (let n = 0; n < 12; n++) {
        const reg =
          n < REGS.length && row.reg !== RegKind.None
            ? (row.reg === RegKind.Xmm ? 32 : 0) + REGS[n]
            : regOf(row.reg);
        const v = row.fmt === Fmt.Rmv || row.fmt === Fmt.Rvm ? regOf(row.rm) : 0;
        const regName = row.fmt === Fmt.Vm ? registerName(row.rm, reg) : registerName(row.reg, reg);
        const vName = registerName(row.rm, v);
        if (row.fmt === Fmt.None) {
          encNone(buffer, x, imm);
          take(instructionText(x, '', '', '', imm));
          continue;
        }
        if (row.fmt === Fmt.O) {
          const high = random(0x7fffffff) | 1;
          encO(buffer, x, reg, imm, high);
          take(instructionText(x, regName, '', '', imm, high));
          continue;
        }
        if (row.hasReg) {
          const rm = n === 0 && row.rm !== RegKind.Xmm ? 0 : regOf(row.rm);
          encRR(buffer, x, reg, rm, imm, v);
          take(instructionText(x, regName, registerName(row.rm, rm), vName, imm));
        }
        if (!row.hasMem) continue;
        const base = n === 11 ? -1 : REGS[n % REGS.length];
        let index = random(2) === 0 ? -1 : REGS[random(REGS.length)];
        if (index === 4) index = -1;
        const scale = index < 0 ? 0 : base < 0 ? 1 + random(3) : random(4);
        const disp = DISPS[random(DISPS.length)];
        encRM(buffer, x, reg, base, index, scale, disp, imm, v);
        take(instructionText(x, regName, memoryText(row.memBytes, base, index, scale, disp), vName, imm));
      }
    }
  });
  return cases;
}

/** Assembles one instruction a slot; returns the slots' bytes. */
function assemble(
  command: string,
  args: string[],
  header: string,
  cases: readonly Case[],
  name: string,
): Uint8Array {
  const dir = fromRoot('build/test/isa');
  mkdirSync(dir, { recursive: true });
  const source = `${dir}/${name}.s`;
  const object = `${dir}/${name}.o`;
  const raw = `${dir}/${name}.bin`;
  const lines = cases.map((c) => `${c.text}\n.balign ${SLOT}, 0xcc`);
  writeFileSync(source, `${header}\n${lines.join('\n')}\n`);
  const assembled = spawnSync(command, [...args, '-o', object, source], { encoding: 'utf8' });
  assert.equal(assembled.status, 0, assembled.stderr.slice(0, 2000));
  const copied = spawnSync('objcopy', ['-O', 'binary', '-j', '.text', object, raw], { encoding: 'utf8' });
  assert.equal(copied.status, 0, copied.stderr);
  return readFileSync(raw);
}

function compare(cases: readonly Case[], bytes: Uint8Array): void {
  const wrong: string[] = [];
  cases.forEach((c, i) => {
    const expected = Buffer.from(bytes.subarray(i * SLOT, i * SLOT + SLOT)).toString('hex');
    const ours = Buffer.from(c.bytes)
      .toString('hex')
      .padEnd(SLOT * 2, 'c');
    if (ours !== expected) wrong.push(`${c.text}: ours ${ours}, assembler ${expected}`);
  });
  assert.equal(
    wrong.length,
    0,
    `${wrong.length} of ${cases.length} differ\n${wrong.slice(0, 20).join('\n')}`,
  );
}

describe('x86_64 instruction table', () => {
  const cases = allCases();

  it('has a row for every family', () => {
    const missing = [
      X.Add,
      X.Cmp + 5,
      X.Mov + 1,
      X.MovStoreI16,
      X.Rorx + 1,
      X.Rdgsbase,
      X.Cmps + 1,
      X.Cvttsd2si + 1,
    ];
    for (const x of missing) assert.notEqual(ROWS[x], null, `row ${x}`);
  });

  it('encodes as GNU as does', function () {
    this.timeout(60000);
    compare(cases, assemble('as', ['--64'], '.intel_syntax noprefix\n.text', cases, 'table-gas'));
  });

  it('encodes as llvm-mc does', function () {
    this.timeout(60000);
    need(this, 'llvm-mc-19');
    const args = [
      '-triple=x86_64-linux-gnu',
      '-filetype=obj',
      '-mattr=+popcnt,+lzcnt,+bmi,+bmi2,+sse4.1,+fsgsbase',
    ];
    compare(cases, assemble('llvm-mc-19', args, '.intel_syntax noprefix\n.text', cases, 'table-llvm'));
  });

  it('never exceeds the longest instruction', () => {
    for (const c of cases) assert.ok(c.bytes.length <= 15, c.text);
  });
});
