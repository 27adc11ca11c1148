// The cursor that a translator drives: operators, immediates, offsets, reachability and frames after each step.
import assert from 'node:assert/strict';
import { decodeModule } from '../../src/frontend/decode.ts';
import { Op } from '../../src/frontend/opcodes.ts';
import { opName } from '../../src/frontend/operators.ts';
import { ValType } from '../../src/frontend/types.ts';
import { FuncValidator } from '../../src/frontend/validate.ts';
import { oneFunction } from './binary.ts';

interface Step {
  readonly name: string;
  readonly was: boolean;
  readonly now: boolean;
  readonly height: number;
  readonly depth: number;
}

function run(type: readonly number[], code: readonly number[], at?: (v: FuncValidator) => void): Step[] {
  const v = new FuncValidator(decodeModule(oneFunction(type, [0], code)));
  const steps: Step[] = [];
  v.begin(0);
  for (let more = true; more;) {
    more = v.step();
    at?.(v);
    steps.push({
      name: opName(v.op),
      was: v.wasReachable,
      now: v.reachable,
      height: v.height,
      depth: v.depth,
    });
  }
  return steps;
}

const flow = (code: readonly number[]): string =>
  run([0x60, 0, 0], code)
    .map((step) => `${step.name}${step.was ? '' : '-'}`)
    .join(' ');

describe('operator cursor', () => {
  it('tells by control flow which operators can execute', () => {
    // block br 0 nop end nop: the branch makes the end reachable, not the nop before it.
    assert.equal(flow([0x02, 0x40, 0x0c, 0, 0x01, 0x0b, 0x01, 0x0b]), 'block br nop- end- nop end');
    // A block that only returns has no way out; nor has a loop that only repeats.
    assert.equal(flow([0x02, 0x40, 0x0f, 0x0b, 0x01, 0x0b]), 'block return end- nop- end-');
    assert.equal(flow([0x03, 0x40, 0x0c, 0, 0x0b, 0x01, 0x0b]), 'loop br end- nop- end-');
    // if: the false condition reaches the end without else; with else both arms must end.
    assert.equal(flow([0x41, 0, 0x04, 0x40, 0, 0x0b, 0x01, 0x0b]), 'i32.const if unreachable end- nop end');
    assert.equal(
      flow([0x41, 0, 0x04, 0x40, 0, 0x05, 0, 0x0b, 0x01, 0x0b]),
      'i32.const if unreachable else- unreachable end- nop- end-',
    );
    assert.equal(
      flow([0x41, 0, 0x04, 0x40, 0x05, 0, 0x0b, 0x01, 0x0b]),
      'i32.const if else unreachable end- nop end',
    );
    // Branches in code that cannot execute reach nothing; frames are still pushed there.
    assert.equal(
      flow([0x02, 0x40, 0, 0x02, 0x40, 0x0c, 1, 0x0b, 0x0b, 0x01, 0x0b]),
      'block unreachable block- br- end- end- nop- end-',
    );
  });

  it('shows frames and the types that labels carry', () => {
    const seen: unknown[] = [];
    // (func (param i32) (result i32) local.get 0 (loop (type 0) (br_if 0 ...)))
    const code = [0x20, 0, 0x03, 0, 0x41, 1, 0x0d, 0, 0x0b, 0x0b];
    run([0x60, 1, 0x7f, 1, 0x7f], code, (v) => {
      if (v.op === Op.Loop) seen.push(v.opOffset, v.ctlHeight[1], v.ctlParamCount[1], v.stack[0]);
      if (v.op === Op.BrIf)
        seen.push(v.imm0, v.labelCount(0), v.types.pool.data[v.labelFirst(0)], v.labelCount(1));
      if (v.op === Op.End) seen.push(v.depth, v.ctlOp[v.depth], v.height);
    });
    assert.deepEqual(seen, [27, 0, 1, ValType.I32, 0, 1, ValType.I32, 1, 1, Op.Loop, 1, 0, Op.Block, 1]);
  });

  it('leaves constants as bits, signalling NaNs included', () => {
    const seen: number[][] = [];
    const code = [
      ...[0x43, 0x01, 0x00, 0xa0, 0x7f, 0x1a],
      ...[0x44, 0x01, 0, 0, 0, 0, 0, 0xf4, 0x7f, 0x1a],
      ...[0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, 0x1a, 0x0b],
    ];
    run([0x60, 0, 0], code, (v) => {
      if (v.op !== Op.Drop && v.op !== Op.End) seen.push([v.lo, v.op === Op.F32Const ? 0 : v.hi]);
    });
    assert.deepEqual(seen, [
      [0x7fa00001, 0],
      [1, 0x7ff40000],
      [0, -0x80000000],
    ]);
  });
});
