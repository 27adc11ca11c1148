// Facts about operators as columns indexed by Op, made once from operator_rows.ts: name, format of immediates,
// proposal, alignment, packed signature. A packed signature holds four bits a type (a numeric ValType code, or
// ADDRESS_TYPE), operands with the topmost in the lowest bits, results with the first in the lowest bits; 0 ends.
import { Imm } from './immediates.ts';
import { OP_LIMIT } from './opcodes.ts';
import type { Op } from './opcodes.ts';
import { OPERATOR_ROWS } from './operator_rows.ts';

/** Stands in a packed signature for the address type (i32 or i64) of the operator's memory. */
export const ADDRESS_TYPE = 15;

/** Format of the immediates (Imm) by Op; Unassigned where no operator is. */
export const OP_IMM = new Uint8Array(OP_LIMIT);
/** Proposal by Op. */
export const OP_PROPOSAL = new Uint8Array(OP_LIMIT);
/** log2 of the natural alignment (memory accesses) or of the lane count (lane operators) by Op. */
export const OP_ALIGN = new Uint8Array(OP_LIMIT);
/** 1 if the packed signature says all about the operator's types. */
export const OP_SIMPLE = new Uint8Array(OP_LIMIT);
/** Packed operand types by Op. */
export const OP_OPERANDS = new Int32Array(OP_LIMIT);
/** Packed result types by Op. */
export const OP_RESULTS = new Int32Array(OP_LIMIT);
const names: string[] = new Array<string>(OP_LIMIT).fill('');

const LETTERS = '?iIfFv';

function pack(letters: string): number {
  let packed = 0;
  for (let i = letters.length - 1; i >= 0; i--) {
    const letter = letters.charAt(i);
    packed = (packed << 4) | (letter === 'a' ? ADDRESS_TYPE : LETTERS.indexOf(letter));
  }
  return packed;
}

for (const [op, name, imm, signature, proposal, align] of OPERATOR_ROWS) {
  names[op] = name;
  OP_IMM[op] = imm;
  OP_PROPOSAL[op] = proposal;
  OP_ALIGN[op] = align;
  const colon = signature.indexOf(':');
  if (colon < 0) continue;
  OP_SIMPLE[op] = 1;
  OP_OPERANDS[op] = pack(signature.slice(0, colon).split('').reverse().join(''));
  OP_RESULTS[op] = pack(signature.slice(colon + 1));
}

/** The operator's name in the text format, e.g. `i32.add`. */
export function opName(op: Op | number): string {
  return names[op] || `operator 0x${op.toString(16)}`;
}

/** Whether the code names an operator of any known proposal. */
export function isOperator(op: number): boolean {
  return op < OP_LIMIT && OP_IMM[op] !== Imm.Unassigned;
}
