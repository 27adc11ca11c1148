// x86_64 instructions as Intel syntax text that GNU as (`.intel_syntax noprefix`) and llvm-mc accept; opcode names for
// printed VCode. Derived from the table.
import { Pseudo, pseudoName } from '../pseudo.ts';
import { CC_NAMES, Fmt, ImmKind, RegKind, ROWS, X } from './instructions.ts';
import type { Row } from './instructions.ts';
import { NAMES16, NAMES32, NAMES64, NAMES8 } from './registers.ts';

/** Name of a physical register in a field of a kind. */
export function registerName(kind: RegKind, reg: number): string {
  switch (kind) {
    case RegKind.G8:
      return NAMES8[reg];
    case RegKind.G16:
      return NAMES16[reg];
    case RegKind.G32:
      return NAMES32[reg];
    case RegKind.Xmm:
      return `xmm${reg & 15}`;
    default:
      return NAMES64[reg];
  }
}

const MEM_NAMES: Readonly<Record<number, string>> = {
  0: '',
  1: 'byte ptr ',
  2: 'word ptr ',
  4: 'dword ptr ',
  8: 'qword ptr ',
  16: 'xmmword ptr ',
};

/** Text of a memory operand [base + index * scale + disp]. */
export function memoryText(bytes: number, base: number, index: number, scale: number, disp: number): string {
  const parts: string[] = [];
  if (base >= 0) parts.push(NAMES64[base]);
  if (index >= 0) parts.push(base < 0 || scale > 0 ? `${NAMES64[index]}*${1 << scale}` : NAMES64[index]);
  const sum = parts.join(' + ');
  const tail =
    sum === '' ? String(disp) : disp === 0 ? sum : `${sum} ${disp < 0 ? '-' : '+'} ${Math.abs(disp)}`;
  return `${MEM_NAMES[bytes]}[${tail}]`;
}

/** Text of an instruction of row `x`: names of its fields as far as it has them, `rm` a register or memory text. */
export function instructionText(
  x: number,
  reg: string,
  rm: string,
  v: string,
  imm: number,
  immHigh = 0,
): string {
  const row = rowOf(x);
  let mnemonic = row.mnemonic;
  const operands: string[] = [];
  switch (row.fmt) {
    case Fmt.Rm:
      operands.push(reg, rm);
      break;
    case Fmt.Mr:
      operands.push(rm, reg);
      break;
    case Fmt.M:
      operands.push(rm);
      break;
    case Fmt.O:
      operands.push(reg);
      break;
    case Fmt.Rmv:
      operands.push(reg, rm, v);
      break;
    case Fmt.Rvm:
      operands.push(reg, v, rm);
      break;
    case Fmt.Vm:
      operands.push(reg, rm);
      break;
    case Fmt.None:
      break;
  }
  if (x >= X.ShlCl && x < X.RorCl + 2) operands.push('cl');
  switch (row.imm) {
    case ImmKind.Condition:
      mnemonic += CC_NAMES[imm];
      break;
    case ImmKind.I64:
      operands.push(`0x${(immHigh >>> 0).toString(16)}${(imm >>> 0).toString(16).padStart(8, '0')}`);
      break;
    case ImmKind.None:
      break;
    default:
      operands.push(String(imm));
  }
  return operands.length === 0 ? mnemonic : `${mnemonic} ${operands.join(', ')}`;
}

export function rowOf(x: number): Row {
  const row = ROWS[x];
  if (row === null || row === undefined) throw new Error(`no instruction ${x}`);
  return row;
}

const P_NAMES: readonly string[] = (
  'set_bool float_select sdiv32 sdiv64 udiv32 udiv64 srem32 srem64 div_overflow32 div_overflow64 minmax32 minmax64 ' +
  'mulhigh32 mulhigh64 mulhighs32 mulhighs64 zero_vec zero_int'
).split(' ');

/** Name of an opcode of VCode. */
export function opcodeName(op: number): string {
  if (op >= Pseudo.First) return pseudoName(op);
  if (op >= X.FirstPseudo) return P_NAMES[op - X.FirstPseudo];
  const row = rowOf(op);
  return row.reg === RegKind.G64 || row.rm === RegKind.G64 ? `${row.mnemonic}.64` : row.mnemonic;
}
