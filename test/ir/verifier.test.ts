// Each item of the verifier's catalogue, violated once.
import assert from 'node:assert/strict';
import type { Func } from '../../src/ir/func.ts';
import { Op } from '../../src/ir/opcodes.ts';
import { parseModule } from '../../src/ir/parser.ts';
import { Type } from '../../src/ir/types.ts';
import { assertValid, verify } from '../../src/ir/verifier.ts';

const SIGS = 'sig 0 (i32) -> (i32)\nsig 1 (i32) -> (i32, i64)\nsig 2 () -> ()\n';
const load = (body: string) => parseModule(`${SIGS}func 0 sig 0 {\nblock0(v0: i32):\n${body}}\n`);

/** Verifies a body; `breakIt` damages what text cannot say. */
function problems(body: string, breakIt: (f: Func) => void = () => undefined): string {
  const { sigs, funcs } = load(body);
  breakIt(funcs[0]);
  return verify(funcs[0], sigs).join('\n');
}

const OK = ' v1: i32 = iconst 1\n v2: i32 = iadd v0, v1\n jump block1(v2)\nblock1(v3: i32):\n return v3\n';

describe('verifier', () => {
  it('accepts a good function', () => {
    assert.equal(problems(OK), '');
  });

  it('list: broken links', () => {
    assert.match(
      problems(OK, (f) => (f.prev[2] = -1)),
      /^list: prev of v2/m,
    );
    assert.match(
      problems(OK, (f) => (f.block[1] = 1)),
      /^list: v1 in block0 claims block1/m,
    );
    assert.match(
      problems(OK, (f) => (f.blockLast[0] = 1)),
      /^list: blockLast/m,
    );
    assert.match(
      problems(OK, (f) => (f.op[1] = Op.Nop)),
      /^list: v1 is a nop/m,
    );
  });

  it('entry: parameters of the signature, no edges to it', () => {
    assert.match(
      problems(OK, (f) => (f.sig = 2)),
      /^entry: 1 parameters, the signature has 0/m,
    );
    assert.match(
      problems(OK, (f) => (f.type[0] = Type.F32)),
      /^entry: parameter 0/m,
    );
    assert.match(
      problems(OK, (f) => (f.edgeTo[0] = 0)),
      /^entry: an edge leads to the entry/m,
    );
  });

  it('terminator: one, at the end', () => {
    assert.match(problems(' v1: i32 = iconst 1\n'), /^terminator/m);
    assert.match(problems(' return v0\n return v0\n'), /^terminator/m);
  });

  it('edges: count, range, owner, target', () => {
    assert.match(problems(' brif v0, block1\nblock1:\n return v0\n'), /^edges: brif/m);
    assert.match(
      problems(OK, (f) => (f.edgeTo[0] = 7)),
      /^edges: block0 leads to block7/m,
    );
    const two = ' brif v0, block1, block2\nblock1:\n jump block2\nblock2:\n return v0\n';
    assert.match(
      problems(two, (f) => (f.imm[f.blockLast[1]] = 0)),
      /^edges: edge 0 has two owners/m,
    );
  });

  it('edge-args: count and types', () => {
    assert.match(problems(' jump block1\nblock1(v3: i32):\n return v3\n'), /^edge-args: 0 arguments for 1/m);
    assert.match(
      problems(' jump block1(v0)\nblock1(v3: i64):\n return v0\n'),
      /^edge-args: v0 is not of type i64/m,
    );
  });

  it('params: block and index', () => {
    assert.match(
      problems(OK, (f) => (f.imm2[3] = 1)),
      /^params: parameter 0 of block1/m,
    );
    assert.match(
      problems(OK, (f) => (f.block[3] = 0)),
      /^params/m,
    );
  });

  it('operands: number and existence', () => {
    assert.match(problems(' v1: i32 = iadd v0\n return v1\n'), /^operands: takes 2 operands, has 1/m);
    assert.match(problems(' v1: i32 = iadd v0, v9\n return v1\n'), /^operands: v9 does not exist/m);
    assert.match(
      problems(' v1 = call 0 sig 1 (v0)\n v2: i32 = proj v1 0\n return v1\n'),
      /^operands: v1 has no value/m,
    );
  });

  const types = [
    ' v1: i64 = iadd v0, v0\n',
    ' v1: f32 = iadd v0, v0\n',
    ' v1: i32 = fadd v0, v0\n',
    ' v1: i64 = icmp eq v0, v0\n',
    ' v1: i64 = wrap v0\n',
    ' v1: i32 = sext v0\n',
    ' v1: i32 = sext32 v0\n',
    ' v1: i64 = clz v0\n',
    ' v1: f32 = demote v0\n',
    ' v1: i32 = convert_s v0\n',
    ' v1: f64 = bitcast v0\n',
    ' v1: i64 = select v0, v0, v0\n',
    ' v1: i64 = iconst 0\n v2: i32 = load v1 +0 memory0\n',
    ' v1: i32 = nload v0 +0 memory0\n',
    ' v1: i64 = iconst 0\n trapif v1 trap 0\n',
    ' v1: i32 = ctxaddr +0\n',
    ' v1: i64 = iconst 0\n brif v1, block1, block1\nblock1:\n',
  ];
  it('types: each kind of operation', () => {
    for (const body of types) assert.match(problems(`${body} return v0\n`), /^types: /m, body);
  });

  it('imm: conditions, accesses, constants, regions, signatures', () => {
    assert.match(problems(' v1: i32 = load.s32 v0 +0 memory0\n return v0\n'), /^imm: a s32 access of i32/m);
    assert.match(problems(' v1: i32 = load v0 +0 global0\n return v0\n'), /^imm: not a memory region/m);
    assert.match(problems(' ctxstore:i32 v0 +0 const0\n return v0\n'), /^imm: stores to a constant region/m);
    assert.match(problems(' v1: i32 = call 0 sig 9 (v0)\n return v0\n'), /^imm: no signature 9/m);
    assert.match(
      problems(OK, (f) => (f.imm2[1] = 5)),
      /^imm: i32/m,
    );
    assert.match(
      problems(' v1: i32 = icmp eq v0, v0\n return v1\n', (f) => (f.imm[1] = 10)),
      /^imm: no such condition/m,
    );
    assert.match(
      problems(' v1: v128 = vconst 0x1\n return v0\n', (f) => (f.imm[1] = 1)),
      /^imm: no such 128-bit/m,
    );
  });

  it('proj: place, index, type', () => {
    const call = ' v1 = call 0 sig 1 (v0)\n';
    assert.equal(problems(`${call} v2: i64 = proj v1 1\n v3: i32 = proj v1 0\n return v3\n`), '');
    const apart = ` v1 = call 0 sig 1 (v0)\n v3: i32 = proj v1 0\n v4: i32 = iconst 1\n v2: i64 = proj v1 1\n return v0\n`;
    assert.match(problems(apart), /^proj: not right behind/m);
    assert.match(problems(`${call} v2: i64 = proj v1 0\n return v0\n`), /^proj: no such result/m);
    assert.match(problems(`${call} v2: i64 = proj v1 2\n return v0\n`), /^proj: no such result/m);
    assert.match(
      problems(`${call} v2: i32 = proj v1 0\n v3: i32 = proj v1 0\n return v0\n`),
      /^proj: the same/m,
    );
  });

  it('call: arguments and result', () => {
    assert.match(problems(' v1: i32 = call 0 sig 0 ()\n return v1\n'), /^call: arguments/m);
    assert.match(problems(' v1: i64 = call 0 sig 0 (v0)\n return v0\n'), /^call: the result must be i32/m);
    assert.match(problems(' v1: i32 = call_ref sig 0 (v0, v0)\n return v0\n'), /^call: arguments/m);
  });

  it('return: values, tail calls', () => {
    assert.match(problems(' return\n'), /^return: does not give/m);
    assert.match(problems(' return_call 0 sig 2 ()\n'), /^return: signature 2/m);
  });

  it('dominance: in a block, across blocks, on edges', () => {
    assert.match(problems(' v1: i32 = iadd v2, v0\n v2: i32 = iconst 1\n return v1\n'), /^dominance: v2/m);
    const across =
      ' brif v0, block1, block2\nblock1:\n v1: i32 = iconst 1\n jump block2\nblock2:\n return v1\n';
    assert.match(problems(across), /^dominance: v1/m);
    const edge =
      ' brif v0, block1, block2(v1)\nblock1:\n v1: i32 = iconst 1\n jump block2(v1)\nblock2(v2: i32):\n return v2\n';
    assert.match(problems(edge), /^dominance: v1/m);
  });

  it('assertValid shows the problems and the function', () => {
    const { sigs, funcs } = load(' return\n');
    assert.throws(() => assertValid(funcs[0], sigs, 'gvn'), /malformed after gvn:\nreturn: [^]*func 0 sig 0/);
  });
});
