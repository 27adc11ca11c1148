// The operator table: every member of Op has one row of the same name, and signatures unpack to what was written.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { checkModule } from '../../src/frontend/decode.ts';
import { PROPOSAL_NAMES, VALIDATED } from '../../src/frontend/features.ts';
import { OPERATOR_ROWS } from '../../src/frontend/operator_rows.ts';
import { isOperator, OP_OPERANDS, OP_RESULTS, OP_SIMPLE, opName } from '../../src/frontend/operators.ts';
import { fromRoot } from '../support/paths.ts';
import { oneFunction } from './binary.ts';

const LETTERS = '?iIfFv?????????a';

function unpack(packed: number): string {
  let text = '';
  for (let rest = packed >>> 0; rest !== 0; rest >>>= 4) text += LETTERS.charAt(rest & 15);
  return text;
}

describe('operator table', () => {
  it('has one row for every member of Op, under its name', () => {
    const source = readFileSync(fromRoot('src/frontend/opcodes.ts'), 'utf8');
    const members = new Map<number, string>();
    for (const [, member, code] of source.matchAll(/^ {2}(\w+) = 0x([0-9a-f]+),$/gm))
      members.set(parseInt(code ?? '', 16), member ?? '');
    assert.equal(OPERATOR_ROWS.length, members.size);
    assert.ok(members.size > 570);
    for (const [op, name] of OPERATOR_ROWS) {
      const camel = name.replace(/(^|[._ ])(\w)/g, (_, __, letter: string) => letter.toUpperCase());
      assert.equal(name === 'select' ? members.get(op)?.slice(0, 6) : members.get(op), camel);
      assert.ok(isOperator(op));
      assert.equal(opName(op), name);
    }
  });

  it('packs and unpacks signatures', () => {
    for (const [op, name, , signature] of OPERATOR_ROWS) {
      if (signature === '') {
        assert.equal(OP_SIMPLE[op], 0);
        continue;
      }
      const operands = unpack(OP_OPERANDS[op]).split('').reverse().join('');
      assert.equal(`${operands}:${unpack(OP_RESULTS[op])}`, signature, name);
    }
  });

  it('refuses each operator of a proposal that no set enables by its name, and each other code as illegal', () => {
    const known = new Set<number>(OPERATOR_ROWS.map(([op]) => op));
    const refused = new Map(OPERATOR_ROWS.map(([op, , , , proposal]) => [op as number, proposal]));
    const prefix = [0, 0xfb, 0xfc, 0xfe, 0xfd, 0xfd];
    for (let op = 0; op < 0x600; op++) {
      if (op >= 0xfb && op <= 0xfe) continue;
      const page = op >> 8;
      const number = page === 5 ? 0x100 + (op & 0xff) : op & 0xff;
      const code = page === 0 ? [op] : [prefix[page], (number & 0x7f) | 0x80, number >> 7];
      const { error } = checkModule(oneFunction([0x60, 0, 0], [0], [...code, 0x0b]), VALIDATED);
      if (!known.has(op))
        assert.deepEqual([error?.kind, error?.offset], ['malformed', 23], `0x${op.toString(16)}`);
      else if (((VALIDATED >> refused.get(op)!) & 1) === 0) {
        assert.equal(error?.proposal, PROPOSAL_NAMES[refused.get(op)!]);
        assert.equal(error?.offset, 23);
      }
    }
  });
});
