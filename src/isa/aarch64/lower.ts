// The rule table of aarch64: for each IR operation the function that selects its instructions, by topic in lower_*.ts.
import { Op } from '../../ir/opcodes.ts';
import { Type } from '../../ir/types.ts';
import type { LowerIsa, LowerRule } from '../lower.ts';
import { RawFlag } from '../vcode.ts';
import { P } from './instructions.ts';
import * as branch from './lower_branch.ts';
import * as call from './lower_call.ts';
import * as convert from './lower_convert.ts';
import * as divide from './lower_divide.ts';
import * as float from './lower_float.ts';
import * as integer from './lower_integer.ts';
import * as memory from './lower_memory.ts';
import type { L, A64Target } from './machine.ts';
import { defConst, defFloat, defVector, writeAllBases, writeBases } from './machine.ts';

const rules: (LowerRule<A64Target> | null)[] = new Array<LowerRule<A64Target> | null>(Op.Count).fill(null);
rules[Op.IAdd] = integer.lowerAdd;
rules[Op.ISub] = integer.lowerSub;
rules[Op.IMul] = integer.lowerMul;
rules[Op.SDiv] = divide.lowerSDiv;
rules[Op.UDiv] = divide.lowerUDiv;
rules[Op.SRem] = divide.lowerSRem;
rules[Op.URem] = divide.lowerURem;
rules[Op.And] = integer.lowerAnd;
rules[Op.Or] = integer.lowerOr;
rules[Op.Xor] = integer.lowerXor;
rules[Op.Shl] = integer.lowerShl;
rules[Op.SShr] = integer.lowerSShr;
rules[Op.UShr] = integer.lowerUShr;
rules[Op.Rotl] = integer.lowerRotl;
rules[Op.Rotr] = integer.lowerRotr;
rules[Op.Clz] = integer.lowerClz;
rules[Op.Ctz] = integer.lowerCtz;
rules[Op.Popcnt] = integer.lowerPopcnt;
rules[Op.ICmp] = branch.lowerCompare;
rules[Op.FCmp] = branch.lowerCompare;
rules[Op.Wrap] = integer.lowerWrap;
rules[Op.SExt] = integer.lowerSExt;
rules[Op.SExt8] = integer.lowerSExt8;
rules[Op.SExt16] = integer.lowerSExt16;
rules[Op.SExt32] = integer.lowerSExt32;
rules[Op.FAdd] = float.lowerFAdd;
rules[Op.FSub] = float.lowerFSub;
rules[Op.FMul] = float.lowerFMul;
rules[Op.FDiv] = float.lowerFDiv;
rules[Op.FMin] = float.lowerFMin;
rules[Op.FMax] = float.lowerFMax;
rules[Op.FCopysign] = float.lowerFCopysign;
rules[Op.FAbs] = float.lowerFAbs;
rules[Op.FNeg] = float.lowerFNeg;
rules[Op.FSqrt] = float.lowerFSqrt;
rules[Op.FCeil] = float.lowerFCeil;
rules[Op.FFloor] = float.lowerFFloor;
rules[Op.FTrunc] = float.lowerFTrunc;
rules[Op.FNearest] = float.lowerFNearest;
rules[Op.TruncS] = convert.lowerTruncS;
rules[Op.TruncU] = convert.lowerTruncU;
rules[Op.TruncSatS] = convert.lowerTruncSatS;
rules[Op.TruncSatU] = convert.lowerTruncSatU;
rules[Op.ConvertS] = convert.lowerConvertS;
rules[Op.ConvertU] = convert.lowerConvertU;
rules[Op.Demote] = convert.lowerDemote;
rules[Op.Promote] = convert.lowerPromote;
rules[Op.Bitcast] = convert.lowerBitcast;
rules[Op.Select] = branch.lowerSelect;
rules[Op.Load] = memory.lowerLoad;
rules[Op.NLoad] = memory.lowerLoad;
rules[Op.CtxLoad] = memory.lowerLoad;
rules[Op.Store] = memory.lowerStore;
rules[Op.NStore] = memory.lowerStore;
rules[Op.CtxStore] = memory.lowerStore;
rules[Op.CtxAddr] = memory.lowerCtxAddr;
rules[Op.MemBase] = memory.lowerMemBase;
rules[Op.CodeBase] = memory.lowerCodeBase;
rules[Op.TrapIf] = branch.lowerTrapIf;
rules[Op.Call] = call.lowerCall;
rules[Op.CallImport] = call.lowerCallImport;
rules[Op.CallRef] = call.lowerCallRef;
rules[Op.CallCode] = call.lowerCallCode;
rules[Op.CallHelper] = call.lowerCallHelper;
rules[Op.BrIf] = branch.lowerBrIf;
rules[Op.BrTable] = branch.lowerBrTable;
rules[Op.Return] = call.lowerReturn;
rules[Op.Unreachable] = branch.lowerUnreachable;
rules[Op.ReturnCall] = call.lowerReturnCall;
rules[Op.ReturnCallImport] = call.lowerReturnCallImport;
rules[Op.ReturnCallRef] = call.lowerReturnCallRef;
rules[Op.ReturnCallCode] = call.lowerReturnCallCode;

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

  entry: call.lowerEntry,
  before: writeBases,
  blockStart: writeAllBases,

  jump(l: L, to: number): void {
    const i = l.vcode.inst(P.Jump, 0, l.loc);
    l.vcode.imm2[i] = to;
    l.vcode.flags[i] = RawFlag.Terminator;
  },
};
