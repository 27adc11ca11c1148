// Functions as stable text: the debugging interface, and the language of the file tests. src/ir/parser.ts reads it
// back; printing what it read gives the same text again.
//
//   sig 0 (i32, i64) -> (i32)
//   func 3 sig 0 {
//   block0(v0: i32, v1: i64):
//     v2: i32 = iconst 5
//     v3: i32 = iadd v0, v2
//     v4: i32 = load.u8 v3 +16 memory0
//     store.u32:i64 v3, v1 +0 memory0 @120
//     v6 = call 7 sig 1 (v3)
//     v7: i32 = proj v6 1
//     brif v7, block1(v3), block2
//   block1(v8: i32) cold:
//     return v8
//   block2:
//     unreachable trap 1
//   }
//
// Values are vN with N their id; results of type None are printed only for calls that have projections. I32
// constants are signed decimals, I64 ones decimal when they fit 32 bits and hexadecimal otherwise, float and vector
// constants hexadecimal bits. `@N` is the operator's offset in the wasm file. Blocks without instructions
// (unreachable ones) are left out.
import type { Func } from './func.ts';
import { BlockFlag, NONE } from './func.ts';
import { Imm, memAccess, memType, Op, OPS } from './opcodes.ts';
import type { Signatures } from './signatures.ts';
import {
  Access,
  ACCESS_NAMES,
  FLOAT_CC_NAMES,
  INT_CC_NAMES,
  Region,
  REGION_NAMES,
  Type,
  TYPE_NAMES,
} from './types.ts';

const hex32 = (x: number): string => (x >>> 0).toString(16).padStart(8, '0');

/** An alias region (column aux of memory instructions), like `memory0`. */
export const printRegion = (region: number): string =>
  `${REGION_NAMES[region & Region.KindMask] ?? `region${region & Region.KindMask}.`}${region >>> Region.IndexShift}`;

const values = (list: Int32Array, start: number, count: number): string => {
  let text = '';
  for (let i = 0; i < count; i++) text += `${i > 0 ? ', ' : ''}v${list[start + i]}`;
  return text;
};

/** An edge: its target with arguments, like `block2(v1, v2)`. */
function printEdge(f: Func, edge: number): string {
  const args = values(f.pool.data, f.edgeArgStart[edge], f.edgeArgCount[edge]);
  return `block${f.edgeTo[edge]}${args === '' ? '' : `(${args})`}`;
}

const signed = (x: number): string => (x < 0 ? ` ${x}` : ` +${x}`);

function constant(f: Func, inst: number): string {
  const low = f.imm[inst];
  const high = f.imm2[inst];
  const type = f.type[inst];
  if (type === Type.F32) return `0x${hex32(low)}`;
  if (type === Type.F64) return `0x${hex32(high)}${hex32(low)}`;
  return high === low >> 31 ? `${low}` : `0x${hex32(high)}${hex32(low)}`;
}

function v128(f: Func, inst: number): string {
  const at = f.imm[inst] * 4;
  const data = f.v128.data;
  return `0x${hex32(data[at + 3])}${hex32(data[at + 2])}${hex32(data[at + 1])}${hex32(data[at])}`;
}

/** What stands between the operation's name and its arguments, and behind them. */
function printImm(f: Func, inst: number, imm: Imm, args: string): string {
  switch (imm) {
    case Imm.None:
      return args === '' ? '' : ` ${args}`;
    case Imm.Param:
      return ` block${f.imm[inst]} ${f.imm2[inst]}`;
    case Imm.Index:
      return ` ${args} ${f.imm[inst]}`;
    case Imm.Const:
      return ` ${constant(f, inst)}`;
    case Imm.Const128:
      return ` ${v128(f, inst)}`;
    case Imm.IntCC:
      return ` ${INT_CC_NAMES[f.imm[inst]]} ${args}`;
    case Imm.FloatCC:
      return ` ${FLOAT_CC_NAMES[f.imm[inst]]} ${args}`;
    case Imm.Mem: {
      const access = memAccess(f.imm[inst]);
      const op = f.op[inst];
      const stores = f.type[inst] === Type.None;
      const narrow = access === Access.Full ? '' : `.${ACCESS_NAMES[access]}`;
      const offset = op === Op.Load || op === Op.Store ? ` +${f.imm2[inst] >>> 0}` : signed(f.imm2[inst]);
      const type = stores ? `:${TYPE_NAMES[memType(f.imm[inst])]}` : '';
      return `${narrow}${type}${args === '' ? '' : ` ${args}`}${offset} ${printRegion(f.aux[inst])}`;
    }
    case Imm.Offset:
      return signed(f.imm2[inst]);
    case Imm.Trap:
      return `${args === '' ? '' : ` ${args}`} trap ${f.imm[inst]}`;
    case Imm.Func: {
      const op = f.op[inst];
      const slot = op === Op.CallImport || op === Op.ReturnCallImport ? ` slot${signed(f.imm2[inst])}` : '';
      return ` ${f.imm[inst]} sig ${f.aux[inst]}${slot} (${args})`;
    }
    case Imm.Sig:
      return ` sig ${f.aux[inst]} (${args})`;
    case Imm.Helper:
      return ` ${f.imm[inst]} (${args})`;
    case Imm.Edges: {
      let text = args === '' ? ' ' : ` ${args}, `;
      for (let k = 0; k < f.imm2[inst]; k++) text += `${k > 0 ? ', ' : ''}${printEdge(f, f.imm[inst] + k)}`;
      return text;
    }
  }
}

/** One instruction, without indentation. */
export function printInst(f: Func, inst: number): string {
  const op = f.op[inst];
  const info = OPS[op];
  const args = values(f.pool.data, f.argStart[inst], f.argCount[inst]);
  let result = '';
  if (f.type[inst] !== Type.None) result = `v${inst}: ${TYPE_NAMES[f.type[inst]]} = `;
  else if (f.next[inst] !== NONE && f.op[f.next[inst]] === Op.Proj) result = `v${inst} = `;
  const loc = f.loc[inst] >= 0 ? ` @${f.loc[inst]}` : '';
  return `${result}${info.name}${printImm(f, inst, info.imm, args)}${loc}`;
}

/** A whole function. */
export function printFunc(f: Func): string {
  const lines = [`func ${f.index} sig ${f.sig} {`];
  for (let b = 0; b < f.numBlocks; b++) {
    if (f.blockFirst[b] === NONE) continue;
    let params = '';
    for (let k = 0; k < f.paramCount[b]; k++) {
      const v = f.param(b, k);
      params += `${k > 0 ? ', ' : ''}v${v}: ${TYPE_NAMES[f.type[v]]}`;
    }
    const cold = (f.blockFlags[b] & BlockFlag.Cold) !== 0 ? ' cold' : '';
    lines.push(`block${b}${params === '' ? '' : `(${params})`}${cold}:`);
    for (let i = f.blockFirst[b]; i !== NONE; i = f.next[i]) lines.push(`  ${printInst(f, i)}`);
  }
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

/** The signatures, one a line, numbered from 0. */
export function printSignatures(sigs: Signatures): string {
  let text = '';
  for (let s = 0; s < sigs.count; s++) {
    const params = Array.from({ length: sigs.numParams(s) }, (_, k) => TYPE_NAMES[sigs.param(s, k)]);
    const results = Array.from({ length: sigs.numResults(s) }, (_, k) => TYPE_NAMES[sigs.result(s, k)]);
    text += `sig ${s} (${params.join(', ')}) -> (${results.join(', ')})\n`;
  }
  return text;
}
