// aarch64 instructions as text that GNU as and llvm-mc accept; opcode names for printed VCode. Derived from the table.
import { Pseudo, pseudoName } from '../pseudo.ts';
import { decodeFloatImm, decodeLogicalImm } from './immediates.ts';
import { A, CC_NAMES, Extend, Fmt, Kind, ROWS } from './instructions.ts';
import type { Row } from './instructions.ts';

/** Name of a physical register in a field of a kind; 31 is the stack pointer if `stack`. */
export function registerName(kind: Kind, reg: number, stack = false): string {
  const r = reg & 31;
  switch (kind) {
    case Kind.W:
      return r === 31 ? (stack ? 'wsp' : 'wzr') : `w${r}`;
    case Kind.X:
      return r === 31 ? (stack ? 'sp' : 'xzr') : `x${r}`;
    case Kind.S:
      return `s${r}`;
    case Kind.D:
      return `d${r}`;
    case Kind.Q:
      return `q${r}`;
    case Kind.B:
      return `b${r}`;
    case Kind.V8b:
      return `v${r}.8b`;
    case Kind.V16b:
      return `v${r}.16b`;
    case Kind.V2d:
      return `v${r}.2d`;
    case Kind.V2s:
      return `v${r}.2s`;
    default:
      return '';
  }
}

export function rowOf(x: number): Row {
  const row = ROWS[x];
  if (row === null || row === undefined) throw new Error(`no instruction ${x}`);
  return row;
}

const SHIFTS = ['lsl', 'lsr', 'asr', 'ror'];
const EXTENDS = ['uxtb', 'uxth', 'uxtw', 'uxtx', 'sxtb', 'sxth', 'sxtw', 'sxtx'];
const shiftText = (imm: number): string => (imm === 0 ? '' : `, ${SHIFTS[imm >> 6]} #${imm & 63}`);
const imm12Text = (imm: number): string => `#${imm & 0xfff}${imm > 0xfff ? ', lsl #12' : ''}`;

/** Text of an instruction of row `x` that is no memory access. */
export function instructionText(x: number, d: number, n: number, m: number, a: number, imm: number): string {
  const row = rowOf(x);
  const D = registerName(row.kinds[0], d, row.stackD);
  const N = registerName(row.kinds[1], n, row.stackN);
  const M = registerName(row.kinds[2], m);
  const bits = row.kinds[1] === Kind.X ? 64 : 32;
  const extended = (): string => {
    const option = imm >> 3;
    const kind = bits === 64 && (option & 3) === Extend.Uxtx ? Kind.X : Kind.W;
    return `${registerName(kind, m)}, ${EXTENDS[option]} #${imm & 7}`;
  };
  const logical = (): string => `#0x${decodeLogicalImm(imm, bits).toString(16)}`;
  const list = (): string[] => {
    switch (row.fmt) {
      case Fmt.DnmShift:
        return [D, N, `${M}${shiftText(imm)}`];
      case Fmt.DmShift:
        return x === A.Mov || x === A.Mov + 1
          ? [D, registerName(row.kinds[1], 31), `${M}${shiftText(imm)}`]
          : [D, `${M}${shiftText(imm)}`];
      case Fmt.NmShift:
        return [N, `${M}${shiftText(imm)}`];
      case Fmt.DnmExt:
        return [D, N, extended()];
      case Fmt.NmExt:
        return [N, extended()];
      case Fmt.DnImm12:
        return [D, N, imm12Text(imm)];
      case Fmt.NImm12:
        return [N, imm12Text(imm)];
      case Fmt.DnLogical:
        // Of these the destination may be the stack pointer.
        return [registerName(row.kinds[0], d, true), N, logical()];
      case Fmt.NLogical:
        return [N, logical()];
      case Fmt.DImm16:
        return [D, `#${imm & 0xffff}, lsl #${(imm >> 16) * 16}`];
      case Fmt.DnBits:
        return [D, N, `#${imm >> 6}`, `#${imm & 63}`];
      case Fmt.DnmLsb:
        return [D, N, M, `#${imm}`];
      case Fmt.Dnma:
        return [D, N, M, registerName(row.kinds[3], a)];
      case Fmt.Dnm:
        return [D, N, M];
      case Fmt.Dn:
        if (x >= A.UshrSign && x < A.SliSign + 2) return [D, N, `#${row.kinds[0] === Kind.D ? 63 : 31}`];
        return [D, N];
      case Fmt.DnmCond:
        return [D, N, M, CC_NAMES[imm]];
      case Fmt.DCond:
        return [D, CC_NAMES[imm]];
      case Fmt.NmCcmp:
        return [N, M, `#${(imm >> 4) & 15}`, CC_NAMES[imm & 15]];
      case Fmt.NCcmp:
        return [N, `#${imm >> 8}`, `#${(imm >> 4) & 15}`, CC_NAMES[imm & 15]];
      case Fmt.Nm:
        return [N, M];
      case Fmt.N:
        return x === A.Fcmp0 || x === A.Fcmp0 + 1 ? [N, '#0.0'] : [N];
      case Fmt.D:
        if (x === A.MrsFpcr) return [D, 'fpcr'];
        if (x === A.MsrFpcr) return ['fpcr', D];
        return [D, '#0'];
      case Fmt.DFloat:
        return [D, `#${decodeFloatImm(imm)}`];
      default:
        return [];
    }
  };
  return `${row.mnemonic} ${list().join(', ')}`.trimEnd();
}

/** Text of an access at [n, disp]: scaled if that fits, else unscaled. */
export function memoryText(x: number, t: number, n: number, disp: number): string {
  const row = rowOf(x);
  const bytes = 1 << row.scale;
  const isUnscaled = disp < 0 || disp % bytes !== 0;
  const mnemonic = isUnscaled ? row.mnemonic.replace(/^(ld|st)/, '$1u') : row.mnemonic;
  return `${mnemonic} ${registerName(row.kinds[0], t)}, [${registerName(Kind.X, n, true)}, #${disp}]`;
}

/** Text of an access at [n, m, extend]. */
export function indexedText(
  x: number,
  t: number,
  n: number,
  m: number,
  extend: Extend,
  scaled: boolean,
): string {
  const row = rowOf(x);
  const wide = (extend & 3) === Extend.Uxtx;
  const amount = scaled ? ` #${row.scale}` : '';
  const how = extend === Extend.Uxtx ? (scaled ? `, lsl${amount}` : '') : `, ${EXTENDS[extend]}${amount}`;
  const index = registerName(wide ? Kind.X : Kind.W, m);
  return `${row.mnemonic} ${registerName(row.kinds[0], t)}, [${registerName(Kind.X, n, true)}, ${index}${how}]`;
}

/** Text of a pair: modes as in the table, offset, pre-index, post-index. */
export function pairText(x: number, mode: number, t: number, t2: number, n: number, disp: number): string {
  const row = rowOf(x);
  const base = registerName(Kind.X, n, true);
  const where =
    mode === 0 ? `[${base}, #${disp}]` : mode === 1 ? `[${base}, #${disp}]!` : `[${base}], #${disp}`;
  return `${row.mnemonic} ${registerName(row.kinds[0], t)}, ${registerName(row.kinds[2], t2)}, ${where}`;
}

const P_NAMES = 'const float_const32 float_const64 vec_const instance_address memory_base vec_select'.split(
  ' ',
);

/** Name of an opcode of VCode. */
export function opcodeName(op: number): string {
  if (op >= Pseudo.First) return pseudoName(op);
  if (op >= A.FirstPseudo) return P_NAMES[op - A.FirstPseudo];
  const row = rowOf(op);
  return row.kinds[0] === Kind.X || row.kinds[1] === Kind.X ? `${row.mnemonic}.64` : row.mnemonic;
}
