// The printer and the parser: what was printed is read back to the same text; errors name their line.
import assert from 'node:assert/strict';
import { Func } from '../../src/ir/func.ts';
import { memImm, Op, OPS } from '../../src/ir/opcodes.ts';
import { parseModule } from '../../src/ir/parser.ts';
import { printFunc, printSignatures } from '../../src/ir/printer.ts';
import { Access, Type } from '../../src/ir/types.ts';
import { verify } from '../../src/ir/verifier.ts';

const SAMPLE = `sig 0 (i32, i64) -> (i32)
sig 1 (i32) -> (i32, f64)
func 3 sig 0 {
block0(v0: i32, v1: i64):
  v2: i32 = iconst -5
  v3: i64 = iconst 0x8000000000000001
  v4: f32 = fconst 0x7fa00001
  v5: f64 = fconst 0xfff8000000000000
  v6: v128 = vconst 0x000102030405060708090a0b0c0d0e0f
  v7: i32 = iadd v0, v2 @17
  v8: i32 = load.u8 v7 +4294967295 memory0 @20
  store.u32:i64 v7, v3 +0 memory0
  v10: i64 = ctxload +16 const0
  ctxstore:i64 v1 -8 global12
  v12: ref = ctxaddr +64
  v13: i32 = nload v12 -4 tablemeta1
  v14 = call 9 sig 1 (v0) @33
  v15: i32 = proj v14 0
  v16: f64 = proj v14 1
  v17: i32 = fcmp lt v16, v5
  v18: i32 = call_import 2 sig 0 slot +72 (v0, v1)
  v19: i32 = call_ref sig 0 (v12, v0, v1)
  v20: i64 = call_helper 4 (v0)
  trapif v17 trap 6
  v22: i32 = select v17, v18, v19
  brif v22, block1(v22, v3), block2
block1(v23: i32, v24: i64):
  brtable v23, block1(v23, v24), block3, block2
block2 cold:
  unreachable trap 1
block3:
  return v0
}
`;

describe('IR text', () => {
  it('is read back to the same text', () => {
    const { sigs, funcs } = parseModule(SAMPLE);
    assert.equal(printSignatures(sigs) + printFunc(funcs[0]), SAMPLE);
    assert.deepEqual(verify(funcs[0], sigs), []);
  });

  it('keeps gaps in the numbers of values and blocks', () => {
    const text = 'func 0 sig 0 {\nblock0(v7: i32):\n  jump block4\nblock4:\n  return v7\n}\n';
    assert.equal(printFunc(parseModule(text).funcs[0]), text);
  });

  it('covers every operation', () => {
    const f = new Func();
    f.reset(0, 0);
    const b = f.newBlock();
    const mem = memImm(Access.Full, Type.I32);
    OPS.forEach((row, op) => {
      if (op === Op.Param || op === Op.Nop) return;
      const isMem = /load|store/.test(row.name);
      const i = f.newInst(
        op,
        /store|call|jump|br|return|unreach|trapif/.test(row.name) ? Type.None : Type.I64,
        isMem ? mem : 0,
        0,
      );
      if (/^(jump|br)/.test(row.name)) {
        f.imm[i] = f.newEdge(b);
        f.imm2[i] = 1;
      }
      const count = Math.max(0, row.arity);
      f.setArgs(i, new Int32Array(count), 0, count);
      f.append(b, i);
    });
    // Memory operations give the type of their access; v0 is the first instruction.
    for (let i = 0; i < f.numInsts; i++) if (/load/.test(OPS[f.op[i]].name)) f.type[i] = Type.I32;
    f.v128.resize(4);
    const text = printFunc(f);
    assert.equal(printFunc(parseModule(text).funcs[0]), text);
    for (const row of OPS)
      if (!/^(nop|param)$/.test(row.name)) assert.match(text, new RegExp(`\\b${row.name}\\b`));
  });

  const bad: [string, string, RegExp][] = [
    ['an unknown operation', 'v0: i32 = frob v0', /line 3: unknown operation 'frob'/],
    ['an unknown type', 'v0: i33 = iconst 1', /line 3: expected a type/],
    ['a double definition', 'v0: i32 = iconst 1\n v0: i32 = iconst 2', /line 4: v0 is defined twice/],
    ['a constant too wide', 'v0: i64 = iconst 9999999999', /line 3: a decimal constant must fit/],
    ['a stray character', 'v0: i32 = iconst #', /line 3: unexpected character "#"/],
    ['an unknown region', 'v0: i32 = load v0 +0 heap0', /line 3: unknown alias region/],
    ['a missing end', 'v0: i32 = iconst 1', /expected '}'/],
  ];
  for (const [what, body, message] of bad) {
    it(`refuses ${what}`, () => {
      const end = what === 'a missing end' ? '' : '\n}\n';
      assert.throws(() => parseModule(`func 0 sig 0 {\nblock0:\n  ${body}${end}`), message);
    });
  }
});
