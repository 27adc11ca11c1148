// The rule table: which rule selects the instructions of which operation. An ISA gives the rules by their names
// (x64/lower_*.ts, aarch64/lower_*.ts); a name that is missing does not compile.
import { Op } from '../ir/opcodes.ts';
import type { LowerRule, LowerTarget } from './lower.ts';

const OPS = {
  lowerAdd: [Op.IAdd],
  lowerSub: [Op.ISub],
  lowerMul: [Op.IMul],
  lowerSDiv: [Op.SDiv],
  lowerUDiv: [Op.UDiv],
  lowerSRem: [Op.SRem],
  lowerURem: [Op.URem],
  lowerAnd: [Op.And],
  lowerOr: [Op.Or],
  lowerXor: [Op.Xor],
  lowerShl: [Op.Shl],
  lowerSShr: [Op.SShr],
  lowerUShr: [Op.UShr],
  lowerRotl: [Op.Rotl],
  lowerRotr: [Op.Rotr],
  lowerClz: [Op.Clz],
  lowerCtz: [Op.Ctz],
  lowerPopcnt: [Op.Popcnt],
  lowerCompare: [Op.ICmp, Op.FCmp],
  lowerWrap: [Op.Wrap],
  lowerSExt: [Op.SExt],
  lowerSExt8: [Op.SExt8],
  lowerSExt16: [Op.SExt16],
  lowerSExt32: [Op.SExt32],
  lowerFAdd: [Op.FAdd],
  lowerFSub: [Op.FSub],
  lowerFMul: [Op.FMul],
  lowerFDiv: [Op.FDiv],
  lowerFMin: [Op.FMin],
  lowerFMax: [Op.FMax],
  lowerFCopysign: [Op.FCopysign],
  lowerFAbs: [Op.FAbs],
  lowerFNeg: [Op.FNeg],
  lowerFSqrt: [Op.FSqrt],
  lowerFCeil: [Op.FCeil],
  lowerFFloor: [Op.FFloor],
  lowerFTrunc: [Op.FTrunc],
  lowerFNearest: [Op.FNearest],
  lowerTruncS: [Op.TruncS],
  lowerTruncU: [Op.TruncU],
  lowerTruncSatS: [Op.TruncSatS],
  lowerTruncSatU: [Op.TruncSatU],
  lowerConvertS: [Op.ConvertS],
  lowerConvertU: [Op.ConvertU],
  lowerDemote: [Op.Demote],
  lowerPromote: [Op.Promote],
  lowerBitcast: [Op.Bitcast],
  lowerSelect: [Op.Select],
  lowerLoad: [Op.Load, Op.NLoad, Op.CtxLoad],
  lowerStore: [Op.Store, Op.NStore, Op.CtxStore],
  lowerCtxAddr: [Op.CtxAddr],
  lowerMemBase: [Op.MemBase],
  lowerCodeBase: [Op.CodeBase],
  lowerTrapIf: [Op.TrapIf],
  lowerBrIf: [Op.BrIf],
  lowerBrTable: [Op.BrTable],
  lowerUnreachable: [Op.Unreachable],
} as const;

/** The rules of an ISA but those of calls (lower_call.ts). */
export type RuleSet<T extends LowerTarget> = Readonly<Record<keyof typeof OPS, LowerRule<T>>>;

/** By operation; null for values without code of their own (constants, Proj, ZExt ...). */
export function ruleTable<T extends LowerTarget>(
  set: RuleSet<T>,
  calls: Readonly<Partial<Record<Op, LowerRule<T>>>>,
): readonly (LowerRule<T> | null)[] {
  const table = new Array<LowerRule<T> | null>(Op.Count).fill(null);
  for (const [name, ops] of Object.entries(OPS))
    for (const op of ops) table[op] = set[name as keyof typeof OPS];
  for (const [op, rule] of Object.entries(calls)) table[Number(op)] = rule;
  return table;
}
