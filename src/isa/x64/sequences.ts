// Sequences of x86_64 code with jumps inside that pseudo instructions stand for. The jumps are written by hand where nothing
// between them goes through the buffer's branches (which may be shortened later); otherwise they use labels.
import type { CodeBuffer } from '../../emit/code_buffer.ts';
import { encNone, encRR } from './encoder.ts';
import { AluForm, CC, X } from './instructions.ts';
import { Reg } from './registers.ts';

/** A short jump whose distance `land` fills in. Returns the place of the distance. */
function shortJump(b: CodeBuffer, opcode: number): number {
  b.put1(opcode);
  b.put1(0);
  return b.length - 1;
}

function land(b: CodeBuffer, at: number): void {
  b.bytes[at] = b.length - at - 1;
}

/** rdx = rdx:rax modulo divisor, with 0 for -1, where MIN would overflow. */
export function signedRem(b: CodeBuffer, w: number, divisor: number): void {
  encRR(b, X.Cmp + AluForm.Imm + w, 0, divisor, -1);
  const divides = shortJump(b, 0x70 | CC.NE);
  encRR(b, X.Xor, Reg.Rdx, Reg.Rdx);
  const done = shortJump(b, 0xeb);
  land(b, divides);
  encNone(b, X.Cdq + w);
  encRR(b, X.Idiv + w, 0, divisor);
  land(b, done);
}

/** dst = min or max of dst and other as WebAssembly defines them: NaN wins, -0 < +0. */
export function minMax(b: CodeBuffer, d: number, max: number, dst: number, other: number): void {
  encRR(b, X.Ucomis + d, dst, other);
  const different = shortJump(b, 0x70 | CC.NE);
  const unordered = shortJump(b, 0x70 | CC.P);
  // Equal: zeros of different sign, or the same bits.
  encRR(b, max === 1 ? X.Andp : X.Orp, dst, other);
  const done = shortJump(b, 0xeb);
  land(b, unordered);
  encRR(b, X.Adds + d, dst, other);
  const doneToo = shortJump(b, 0xeb);
  land(b, different);
  encRR(b, (max === 1 ? X.Maxs : X.Mins) + d, dst, other);
  land(b, done);
  land(b, doneToo);
}

/** dst = other if the condition holds. */
export function floatSelect(b: CodeBuffer, cc: number, dst: number, other: number): void {
  if (cc === CC.FloatNe) {
    const take = shortJump(b, 0x70 | CC.NE);
    const skip = shortJump(b, 0x70 | CC.NP);
    land(b, take);
    encRR(b, X.Movaps, dst, other);
    land(b, skip);
    return;
  }
  const skip = shortJump(b, 0x70 | (cc ^ 1));
  encRR(b, X.Movaps, dst, other);
  land(b, skip);
}

/** To `trap` if n / divisor overflows: MIN / -1, and only MIN - 1 overflows. */
export function divOverflow(b: CodeBuffer, w: number, n: number, divisor: number, trap: number): void {
  const fine = b.newLabel();
  encRR(b, X.Cmp + AluForm.Imm + w, 0, divisor, -1);
  b.condJump(CC.NE, fine);
  encRR(b, X.Cmp + AluForm.Imm + w, 0, n, 1);
  b.condJump(CC.O, trap);
  b.bindLabel(fine);
}
