// IR whose operands a back end may fold into one instruction: shifts, bit fields and extensions below arithmetic, changed
// operands of selections, indices of jump tables with and without a known bound, the wraps of 64-bit values. Part of
// operations.ts.
import { Type } from '../../src/ir/types.ts';

/** A function of one operation: types of parameters and result, and its IR behind the head of block 0. */
export interface Tested {
  readonly name: string;
  readonly params: readonly number[];
  readonly result: number;
  readonly body: string;
  /** Values of the first parameter are every so many of all. */
  readonly stride?: number;
}

/** Values v10, of v1 and constants from v20 on. */
function narrowed(t: 'i32' | 'i64'): [name: string, body: string][] {
  const k = (v: number, value: bigint): string =>
    `v${v}: ${t} = iconst ${t === 'i32' ? BigInt.asIntN(32, value) : `0x${BigInt.asUintN(64, value).toString(16)}`}\n`;
  const list: [string, string][] = [];
  const masks = [
    0xff0n,
    0x3fcn,
    0xffn,
    0xffffn,
    0xff00n,
    0x7fff8000n,
    0x80000000n,
    0xff8n,
    0xf0f0n,
    1n << 40n,
  ];
  for (const shift of ['shl', 'ushr', 'sshr'])
    for (const count of [1n, 4n, 20n, 31n])
      for (const mask of masks)
        list.push([
          `(${shift} ${count}) & 0x${mask.toString(16)}`,
          `${k(20, count)}${k(21, mask)}v22: ${t} = ${shift} v1, v20\nv10: ${t} = and v22, v21\n`,
        ]);
  const extensions = ['sext8 v1', 'sext16 v1', ...(t === 'i64' ? ['sext32 v1', 'sext v23', 'zext v23'] : [])];
  const wrap = t === 'i64' ? 'v23: i32 = wrap v1\n' : '';
  for (const from of [...extensions, 'and v1, v21', 'and v1, v22'])
    for (const count of [0n, 1n, 4n, 5n]) {
      const constants = k(20, count) + k(21, 0xffn) + k(22, 0xffffn);
      list.push([
        `${from} << ${count}`,
        `${constants}${wrap}v24: ${t} = ${from}\nv10: ${t} = ${count === 0n ? 'or v24, v20' : 'shl v24, v20'}\n`,
      ]);
    }
  return list;
}

/** Operands of a selection by v0 < v1: constants, and sums and complements of the parameters. */
const CHANGED = ['v0', 'v20', 'v21', 'v22', 'iadd v1, v21', 'xor v1, v22', 'isub v20, v1', 'iadd v0, v21'];

export function foldedOperations(): Tested[] {
  const list: Tested[] = [];
  for (const [t, type] of [
    ['i32', Type.I32],
    ['i64', Type.I64],
  ] as const) {
    const params = [type, type];
    const add = (name: string, body: string): void => {
      list.push({ name: `${t} ${name}`, params, result: type, body, stride: 13 });
    };
    for (const [name, body] of narrowed(t)) {
      add(name, `${body}return v10`);
      for (const op of ['iadd', 'isub', 'or'])
        add(`${op} x, ${name}`, `${body}v9: ${t} = ${op} v0, v10\nreturn v9`);
      add(`${name} + x`, `${body}v9: ${t} = iadd v10, v0\nreturn v9`);
      add(`${name} - x`, `${body}v9: ${t} = isub v10, v0\nreturn v9`);
    }
    for (const factor of [1, 3, 4, 6, 7, 12, 17, 20, 24, 40, 100, 65537, -1, -5]) {
      const text = t === 'i32' ? String(factor) : `0x${BigInt.asUintN(64, BigInt(factor)).toString(16)}`;
      const product = `v20: ${t} = iconst ${text}\nv10: ${t} = imul v1, v20\n`;
      for (const sum of ['iadd v0, v10', 'iadd v10, v0', 'isub v0, v10', 'isub v10, v0'])
        add(`${sum}, v10 = v1 * ${factor}`, `${product}v9: ${t} = ${sum}\nreturn v9`);
    }
    const constants = [0, 1, -1].map((c, i) => {
      const text = t === 'i32' ? String(c) : `0x${BigInt.asUintN(64, BigInt(c)).toString(16)}`;
      return `v${20 + i}: ${t} = iconst ${text}\n`;
    });
    const place = (v: number, text: string): [string, string] =>
      text.includes(' ') ? [`v${v}: ${t} = ${text}\n`, `v${v}`] : ['', text];
    for (const yes of CHANGED)
      for (const no of CHANGED) {
        const [one, first] = place(11, yes);
        const [two, second] = place(12, no);
        add(
          `select ${yes}, ${no}`,
          `${constants.join('')}v13: i32 = icmp lt_s v0, v1\n${one}${two}v14: ${t} = select v13, ${first}, ${second}\nreturn v14`,
        );
      }
  }
  list.push(...tables(), ...wrapped());
  return list;
}

const BINARY = 'iadd isub imul sdiv udiv srem urem and or xor shl sshr ushr rotl rotr';

/**
 * 32-bit operations on the low halves of v0 and v1, which a back end may take from the 64-bit registers. The result is
 * looked at with 64 bits: an address would be, too.
 */
function wrapped(): Tested[] {
  const list: Tested[] = [];
  const add = (name: string, params: number, body: string): void => {
    const wraps = 'v7: i32 = wrap v0\n' + (params === 2 ? 'v8: i32 = wrap v1\n' : '');
    list.push({
      name: `${name} of wraps`,
      params: Array<number>(params).fill(Type.I64),
      result: Type.I64,
      body: `${wraps}${body}v12: i64 = zext v11\nreturn v12`,
      stride: params === 2 ? 5 : 1,
    });
  };
  for (const op of BINARY.split(' ')) {
    add(op, 2, `v11: i32 = ${op} v7, v8\n`);
    for (const k of [0, 1, 2, 3, 7, 31, 32, 255, -1, -2, -7, -2147483648]) {
      add(`${op} by ${k}`, 1, `v9: i32 = iconst ${k}\nv11: i32 = ${op} v7, v9\n`);
      add(`${op} of ${k}`, 1, `v9: i32 = iconst ${k}\nv11: i32 = ${op} v9, v7\n`);
    }
  }
  for (const op of ['clz', 'ctz', 'popcnt', 'sext8', 'sext16']) add(op, 1, `v11: i32 = ${op} v7\n`);
  add('select', 2, 'v10: i32 = icmp lt_s v7, v8\nv11: i32 = select v10, v7, v8\n');
  return list;
}

function tables(): Tested[] {
  const ways = (index: string): string =>
    `brtable ${index}, block1, block2, block1, block3\nblock1:\nv30: i32 = iconst 10\nreturn v30\n` +
    `block2:\nv31: i32 = iconst 20\nreturn v31\nblock3:\nv32: i32 = iconst 30\nreturn v32`;
  const one = (name: string, body: string): Tested => ({
    name: `brtable ${name}`,
    params: [Type.I32],
    result: Type.I32,
    body,
  });
  return [
    one('of any index', ways('v0')),
    ...[0, 1, 2, 3, 4, 7].map((mask) =>
      one(`of x & ${mask}`, `v20: i32 = iconst ${mask}\nv21: i32 = and v0, v20\n${ways('v21')}`),
    ),
    one('of x - 31', `v20: i32 = iconst 31\nv21: i32 = isub v0, v20\n${ways('v21')}`),
  ];
}
