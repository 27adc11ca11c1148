// What selects the instructions of aarch64: its rules, by topic in lower_*.ts, and constants and entry.
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import { RegClass } from '../../regalloc/door.ts';
import type { LowerIsa } from '../lower.ts';
import { lowerUnreachable } from '../lower_common.ts';
import { ruleTable } from '../rule_table.ts';
import type { VCode } from '../vcode.ts';
import * as branch from './lower_branch.ts';
import { calls } from './lower_call.ts';
import * as convert from './lower_convert.ts';
import * as divide from './lower_divide.ts';
import * as float from './lower_float.ts';
import * as integer from './lower_integer.ts';
import * as memory from './lower_memory.ts';
import type { L, A64Target } from './machine.ts';
import { defConst, defFloat, defVector, writeBases, writeFirstBases } from './machine.ts';
import { setVectorClobber } from './registers.ts';

const rules = ruleTable<A64Target>(
  { lowerUnreachable, ...branch, ...convert, ...divide, ...float, ...integer, ...memory },
  calls.rules(),
);

/** True if the function has 128-bit values. */
function hasVectors(vcode: VCode): boolean {
  for (let v = 0; v < vcode.numVRegs; v++) if (vcode.vregClass[v] === RegClass.Vec) return true;
  return false;
}

export const A64_LOWER: LowerIsa<A64Target> = {
  rules,

  constant(l: L, value: number, to: number): void {
    const f = l.func;
    const type = f.type[value];
    switch (f.op[value]) {
      case Op.IConst:
        defConst(l, to, f.imm[value], type === Type.I32 ? 0 : f.imm2[value]);
        return;
      case Op.FConst:
        if (type === Type.F64) defFloat(l, to, 1, f.imm[value], f.imm2[value]);
        else defFloat(l, to, 0, f.imm[value], 0);
        return;
      default:
        defVector(l, to, f.v128.data, f.imm[value] * 4);
    }
  },

  entry: (l) => calls.entry(l),
  prepare: (l) => l.target.bases?.prepare(l.func, l.blocks),
  before: writeBases,
  blockStart: writeFirstBases,
  finish: (l) => setVectorClobber(l.vcode.clobberMasks, hasVectors(l.vcode)),
};
