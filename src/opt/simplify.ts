// Constant folding and algebraic rules: tries the rules of each instruction's operation, definitions before uses, until
// none applies. The rules stand in src/opt/rules, by topic; rules/rule.ts states their laws. Constants of commutative
// operations go to the right first, so that rules look for them in one place.
import type { Value } from '../ir/func.ts';
import { NONE } from '../ir/func.ts';
import { edgeCount, firstEdge } from '../ir/cfg.ts';
import { Op, OPS } from '../ir/opcodes.ts';
import type { OptContext } from './context.ts';
import { OP_COMMUTATIVE } from './context.ts';
import * as address from './rules/address.ts';
import * as bitwise from './rules/bitwise.ts';
import * as compare from './rules/compare.ts';
import * as extension from './rules/extension.ts';
import * as float from './rules/float.ts';
import * as integer from './rules/integer.ts';
import type { Rule } from './rules/rule.ts';
import { select } from './rules/select.ts';

const none: Rule = () => NONE;
const RULES: Rule[] = OPS.map(() => none);
const add = (rule: Rule, ...ops: Op[]): void => {
  for (const op of ops) RULES[op] = rule;
};
add(integer.iadd, Op.IAdd);
add(integer.isub, Op.ISub);
add(integer.imul, Op.IMul);
add(integer.udiv, Op.UDiv);
add(integer.urem, Op.URem);
add(integer.sdiv, Op.SDiv);
add(integer.srem, Op.SRem);
add(bitwise.and, Op.And);
add(bitwise.or, Op.Or);
add(bitwise.xor, Op.Xor);
add(bitwise.shift, Op.Shl, Op.SShr, Op.UShr, Op.Rotl, Op.Rotr);
add(bitwise.count, Op.Clz, Op.Ctz, Op.Popcnt);
add(compare.icmp, Op.ICmp);
add(compare.fcmp, Op.FCmp);
add(extension.wrap, Op.Wrap);
add(extension.extend32, Op.SExt, Op.ZExt);
add(extension.extendNarrow, Op.SExt8, Op.SExt16, Op.SExt32);
add(select, Op.Select);
add(float.binary, Op.FAdd, Op.FSub, Op.FMul, Op.FDiv, Op.FMin, Op.FMax, Op.FCopysign);
add(
  float.unary,
  Op.FAbs,
  Op.FNeg,
  Op.FSqrt,
  Op.FCeil,
  Op.FFloor,
  Op.FTrunc,
  Op.FNearest,
  Op.Demote,
  Op.Promote,
);
add(float.convert, Op.ConvertS, Op.ConvertU);
add(float.truncate, Op.TruncS, Op.TruncU, Op.TruncSatS, Op.TruncSatU);
add(float.bitcast, Op.Bitcast);
add(address.load, Op.Load);
add(address.store, Op.Store, Op.NStore, Op.CtxStore);

/** Rules that apply to one instruction in a row; more would mean two rules that undo each other. */
const MAX_STEPS = 16;

function simplifyInst(c: OptContext, i: Value): void {
  const { f } = c;
  for (let step = 0; step < MAX_STEPS; step++) {
    const op = f.op[i];
    if (OP_COMMUTATIVE[op] === 1) {
      const a = f.arg(i, 0);
      const b = f.arg(i, 1);
      const swap =
        f.op[a] === Op.IConst ? f.op[b] !== Op.IConst : f.op[a] === Op.FConst && f.op[b] !== Op.FConst;
      if (swap && c.spend()) {
        f.setArg(i, 0, b);
        f.setArg(i, 1, a);
      }
    }
    const by = RULES[op](c, i);
    if (by === NONE) return;
    if (by !== i) {
      c.replace(i, by);
      f.remove(i);
      return;
    }
  }
}

export function simplify(c: OptContext): void {
  const { f, cfg } = c;
  for (let r = 0; r < cfg.rpoLength; r++) {
    const b = cfg.rpo[r];
    for (let i = f.blockFirst[b]; i !== NONE;) {
      const next = f.next[i];
      c.resolveArgs(i);
      if (RULES[f.op[i]] !== none) simplifyInst(c, i);
      i = next;
    }
    const count = edgeCount(f, b);
    for (let k = 0; k < count; k++) c.resolveEdge(firstEdge(f, b) + k);
  }
  // Only arguments of back edges can still name replaced values.
  c.flush();
}
