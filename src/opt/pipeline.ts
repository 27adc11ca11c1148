// The optimiser: one list of passes, run in order on one function at a time.
//
// Input: a verified Func as the front end built it, the level, options. Output: the same Func, rewritten in place; its
// results, traps, memory contents and calls are the same. What must stand before what is written down in ORDER and
// asserted by a test. Level 0 compiles as fast as it can and only removes what the back end should not see.
import { Func } from '../ir/func.ts';
import { Signatures } from '../ir/signatures.ts';
import { assertValid } from '../ir/verifier.ts';
import { simplifyBranches } from './branches.ts';
import { OptContext } from './context.ts';
import { removeDeadCode } from './dce.ts';
import { reuseTested } from './edge_constants.ts';
import { numberValues } from './gvn.ts';
import { convertIfs } from './ifconvert.ts';
import { moveInvariants } from './licm.ts';
import { optimiseMemory } from './memory.ts';
import { removeRedundantParams } from './params.ts';
import { simplify } from './simplify.ts';
import { removeUnreachable } from './unreachable.ts';

export interface Pass {
  /** Unique; a repeated pass has a number behind its name. */
  readonly name: string;
  readonly run: (c: OptContext) => void;
  /** Lowest optimisation level that runs it: 0 or 2. */
  readonly level: 0 | 2;
}

export const PASSES: readonly Pass[] = [
  { name: 'unreachable', run: removeUnreachable, level: 0 },
  { name: 'params', run: removeRedundantParams, level: 0 },
  { name: 'simplify', run: simplify, level: 2 },
  { name: 'branches', run: simplifyBranches, level: 2 },
  { name: 'gvn', run: numberValues, level: 2 },
  { name: 'dce', run: removeDeadCode, level: 2 },
  { name: 'memory', run: optimiseMemory, level: 2 },
  { name: 'licm', run: moveInvariants, level: 2 },
  { name: 'simplify2', run: simplify, level: 2 },
  { name: 'branches2', run: simplifyBranches, level: 2 },
  { name: 'ifconvert', run: convertIfs, level: 2 },
  { name: 'edgeconstants', run: reuseTested, level: 2 },
  { name: 'branches3', run: simplifyBranches, level: 2 },
  { name: 'params2', run: removeRedundantParams, level: 2 },
  { name: 'gvn2', run: numberValues, level: 2 },
  { name: 'dce2', run: removeDeadCode, level: 2 },
];

/** [a, b, why]: pass a stands before pass b. */
export const ORDER: readonly (readonly [string, string, string])[] = [
  ['unreachable', 'params', 'edges from unreachable blocks would keep parameters'],
  ['params', 'simplify', 'rules look at definitions, not through parameters'],
  ['simplify', 'gvn', 'canonical operands make equal expressions look equal'],
  ['gvn', 'memory', 'addresses are compared by value number'],
  ['dce', 'memory', 'unused loads are told by their use counts'],
  ['memory', 'licm', 'a load that goes leaves its users free to move'],
  ['gvn', 'branches2', 'known conditions become constants that branches fold'],
  ['simplify2', 'branches2', 'constant conditions fold'],
  ['branches2', 'ifconvert', 'diamonds show when empty blocks are threaded'],
  ['ifconvert', 'branches3', 'the join merges with the block before'],
  ['ifconvert', 'gvn2', 'both sides may compute the same'],
  ['ifconvert', 'edgeconstants', 'a select of a constant is better than one of the value'],
  ['edgeconstants', 'branches3', 'both edges of a branch may pass the same then'],
  ['edgeconstants', 'params2', 'a parameter may get one value on all edges'],
  ['gvn2', 'dce2', 'replaced values leave dead operands'],
];

export interface OptOptions {
  /** 0 or 2. */
  readonly level: number;
  /** Rewrites allowed in each function (`--x-opt-fuel`). */
  readonly fuel?: number;
  /** Verify after every pass. */
  readonly verify?: boolean;
  /** Names of passes to leave out, for bisection. */
  readonly skip?: readonly string[];
  /** Called after each pass that ran, for dumps. */
  readonly after?: (pass: string, f: Func) => void;
}

/** Optimises functions one after another; memory is reused from function to function. */
export class Optimiser {
  /** Nanoseconds spent in each pass so far, in the order of PASSES; counted if `timing`. */
  readonly nanoseconds = new Float64Array(PASSES.length);
  timing = false;
  private readonly context = new OptContext(new Func(), new Signatures());

  /** Runs the passes of the level on `f`; returns the number of rewrites. */
  run(f: Func, sigs: Signatures, options: OptOptions): number {
    const c = this.context;
    c.start(f, sigs, options.fuel);
    for (let k = 0; k < PASSES.length; k++) {
      const pass = PASSES[k];
      if (pass.level > options.level || options.skip?.includes(pass.name) === true) continue;
      const start = this.timing ? performance.now() : 0;
      pass.run(c);
      if (this.timing) this.nanoseconds[k] += (performance.now() - start) * 1e6;
      if (options.verify === true) assertValid(f, sigs, pass.name);
      options.after?.(pass.name, f);
    }
    return c.rewrites;
  }
}
