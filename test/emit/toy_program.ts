// Random abstract programs for the toy instruction sets: functions of blocks, their direct execution, and their
// emission through CodeBuffer. Executing what was emitted must give the same trace.
import type { CodeBuffer } from '../../src/emit/code_buffer.ts';
import type { FunctionCode } from '../../src/emit/function_code.ts';
import type { LayoutRandom } from '../../src/emit/layout_order.ts';
import type { Trace } from './toy_isa.ts';
import { Kind, Op, risc } from './toy_isa.ts';

export type Step =
  | { readonly op: 'visit'; readonly id: number }
  | { readonly op: 'load'; readonly words: readonly number[] }
  | { readonly op: 'call'; readonly callee: number }
  | { readonly op: 'trapIf'; readonly cond: number; readonly kind: number };

export type End =
  | { readonly op: 'jump'; readonly to: number }
  | { readonly op: 'branch'; readonly cond: number; readonly to: number; readonly other: number }
  | { readonly op: 'table'; readonly variable: number; readonly to: readonly number[] }
  | { readonly op: 'ret' }
  | { readonly op: 'trap'; readonly kind: number };

export interface ToyBlock {
  readonly steps: readonly Step[];
  readonly end: End;
}

export type ToyFunction = readonly ToyBlock[];

/** The wasm offset that emission gives to step `step` of block `block` (its end: step = number of steps). */
export function wasmOffsetOfStep(block: number, step: number): number {
  return block * 65536 + step + 1;
}

export interface ProgramShape {
  readonly functions: number;
  readonly maxBlocks: number;
  readonly maxSteps: number;
  /** One block in this many is long. */
  readonly bigBlockOdds: number;
  readonly bigBlockSteps: number;
  /** A third of the blocks has no steps, so that the branch peephole finds work; else each begins with a visit. */
  readonly emptyBlocks: boolean;
}

/** A random program; function 0 is its entry. */
export function randomProgram(random: LayoutRandom, shape: ProgramShape): ToyFunction[] {
  let id = 0;
  let variable = 0;
  const cond = (): number => (variable++ << 2) | random.below(4);
  const makeStep = (): Step => {
    const dice = random.below(16);
    if (dice < 9) return { op: 'visit', id: id++ };
    if (dice < 12) {
      const length = 1 << random.below(4);
      return { op: 'load', words: Array.from({ length }, (_, i) => random.below(12) + i) };
    }
    if (dice < 14) return { op: 'call', callee: random.below(shape.functions) };
    return { op: 'trapIf', cond: cond() & ~1, kind: random.below(9) };
  };
  const makeEnd = (blocks: number): End => {
    const dice = random.below(16);
    if (dice < 5) return { op: 'jump', to: random.below(blocks) };
    if (dice < 12)
      return { op: 'branch', cond: cond(), to: random.below(blocks), other: random.below(blocks) };
    if (dice < 14) {
      const length = 1 + random.below(10);
      return { op: 'table', variable: variable++, to: Array.from({ length }, () => random.below(blocks)) };
    }
    return dice === 14 ? { op: 'ret' } : { op: 'trap', kind: random.below(9) };
  };
  return Array.from({ length: shape.functions }, () => {
    const blocks = 1 + random.below(shape.maxBlocks);
    return Array.from({ length: blocks }, () => {
      const big = random.below(shape.bigBlockOdds) === 0;
      const few = random.below(shape.maxSteps + 1) - (shape.emptyBlocks ? shape.maxSteps / 3 : 0);
      const length = big ? shape.bigBlockSteps : Math.max(0, Math.floor(few));
      const first: Step[] = shape.emptyBlocks ? [] : [{ op: 'visit', id: id++ }];
      return { steps: first.concat(Array.from({ length }, makeStep)), end: makeEnd(blocks) };
    });
  });
}

/** Executes the program itself. */
export function run(program: readonly ToyFunction[], trace: Trace): void {
  const returns: { fn: number; block: number; step: number }[] = [];
  let fn = 0;
  let block = 0;
  let step = 0;
  const taken = (cond: number): boolean => ((trace.evaluate(cond >> 2) ^ cond) & 1) !== 0;
  for (let count = 0; count < 50_000 && !trace.full; count++) {
    const { steps, end } = program[fn][block];
    if (step < steps.length) {
      const s = steps[step++];
      switch (s.op) {
        case 'visit':
          trace.visit(s.id);
          break;
        case 'load':
          trace.load(s.words);
          break;
        case 'call':
          if (returns.length === 200) return;
          returns.push({ fn, block, step });
          fn = s.callee;
          block = 0;
          step = 0;
          break;
        case 'trapIf':
          if (!taken(s.cond)) break;
          trace.trap(s.kind);
          return;
      }
      continue;
    }
    step = 0;
    switch (end.op) {
      case 'jump':
        block = end.to;
        break;
      case 'branch':
        block = taken(end.cond) ? end.to : end.other;
        break;
      case 'table':
        block = end.to[trace.evaluate(end.variable) % end.to.length];
        break;
      case 'ret': {
        const caller = returns.pop();
        if (caller === undefined) return;
        ({ fn, block, step } = caller);
        break;
      }
      case 'trap':
        trace.trap(end.kind);
        return;
    }
  }
}

/** Emits one function into an empty buffer. */
export function emit(buffer: CodeBuffer, fn: ToyFunction): FunctionCode {
  const wide = buffer.isa.name === risc.name;
  const addend = wide ? 0 : -4;
  const labels = fn.map(() => buffer.newLabel());
  const header = (op: Op, a: number, b: number): void => {
    buffer.put1(op);
    buffer.put1(a);
    buffer.put2(b);
  };
  const bare = (op: Op): void => {
    if (wide) buffer.put4(op);
    else buffer.put1(op);
    buffer.endFlow();
    buffer.afterInstruction();
  };
  for (let b = 0; b < fn.length; b++) {
    buffer.bindLabel(labels[b]);
    const { steps, end } = fn[b];
    for (let s = 0; s < steps.length; s++) {
      const step = steps[s];
      buffer.setLocation(wasmOffsetOfStep(b, s));
      switch (step.op) {
        case 'visit':
          buffer.put4(Op.Visit | (step.id << 8));
          break;
        case 'load': {
          const words = Int32Array.from(step.words);
          const label = buffer.constant(words, 0, words.length);
          buffer.useLabelAt(buffer.length + 4, label, Kind.Load12, addend);
          header(Op.Load, words.length, 0);
          buffer.put4(0);
          break;
        }
        case 'call':
          buffer.externalAt(buffer.length + 4, step.callee, Kind.Call11, addend);
          header(Op.Call, 0, 0);
          buffer.put4(0);
          buffer.addCallSite(wasmOffsetOfStep(b, s), labels[0], -1, 0);
          break;
        case 'trapIf':
          buffer.condJump(step.cond, buffer.deferTrap(step.kind, wasmOffsetOfStep(b, s)));
          break;
      }
      buffer.afterInstruction();
    }
    buffer.setLocation(wasmOffsetOfStep(b, steps.length));
    switch (end.op) {
      case 'jump':
        buffer.jump(labels[end.to]);
        buffer.afterInstruction();
        break;
      case 'branch':
        buffer.condJump(end.cond, labels[end.to]);
        buffer.afterInstruction();
        buffer.jump(labels[end.other]);
        buffer.afterInstruction();
        break;
      case 'table': {
        const targets = Int32Array.from(end.to, (t) => labels[t]);
        const table = buffer.jumpTable(targets, 0, targets.length);
        buffer.useLabelAt(buffer.length + 4, table, Kind.Load12, addend);
        header(Op.Table, targets.length, end.variable);
        buffer.put4(0);
        buffer.endFlow();
        buffer.afterInstruction();
        break;
      }
      case 'ret':
        bare(Op.Ret);
        break;
      case 'trap':
        buffer.addTrap(buffer.length, end.kind, wasmOffsetOfStep(b, steps.length));
        buffer.put4(Op.Trap | (end.kind << 8));
        buffer.endFlow();
        buffer.afterInstruction();
        break;
    }
  }
  return buffer.finish();
}
