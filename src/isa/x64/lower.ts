// What selects the instructions of x86_64: its rules, by topic in lower_*.ts, and constants and entry.
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import type { LowerIsa } from '../lower.ts';
import { lowerUnreachable } from '../lower_common.ts';
import { ruleTable } from '../rule_table.ts';
import { Opnd, RawFlag } from '../vcode.ts';
import { P, X } from './instructions.ts';
import * as branch from './lower_branch.ts';
import { calls } from './lower_call.ts';
import * as convert from './lower_convert.ts';
import * as divide from './lower_divide.ts';
import * as float from './lower_float.ts';
import * as integer from './lower_integer.ts';
import * as memory from './lower_memory.ts';
import type { L, X64Target } from './machine.ts';
import { integerConst, Rm, unaryRm } from './machine.ts';

const rules = ruleTable<X64Target>(
  { lowerUnreachable, ...branch, ...convert, ...divide, ...float, ...integer, ...memory },
  calls.rules(),
);

const rm = new Rm();

export const X64_LOWER: LowerIsa<X64Target> = {
  rules,

  constant(l: L, value: number, to: number): void {
    const f = l.func;
    const type = f.type[value];
    const low = f.imm[value];
    const high = f.imm2[value];
    switch (f.op[value]) {
      case Op.IConst:
        integerConst(l, to, low, high, type);
        return;
      case Op.FConst: {
        const double = type === Type.F64;
        if (low === 0 && (!double || high === 0)) zero(l, to);
        else unaryRm(l, X.MovsLoad + (double ? 1 : 0), to, rm.setConst(l, low, high, double ? 2 : 1));
        break;
      }
      default: {
        const words = f.v128.data;
        const at = low * 4;
        if ((words[at] | words[at + 1] | words[at + 2] | words[at + 3]) === 0) zero(l, to);
        else
          unaryRm(
            l,
            X.MovupsLoad,
            to,
            rm.setConst16(l, words[at], words[at + 1], words[at + 2], words[at + 3]),
          );
      }
    }
    l.vcode.flags[l.vcode.numRaw - 1] = RawFlag.Remat;
  },

  entry: (l) => calls.entry(l),
};

function zero(l: L, to: number): void {
  l.vcode.inst(P.ZeroVec, 0, l.loc);
  l.vcode.operand(to, Opnd.Def);
}
