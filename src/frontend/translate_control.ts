// Control flow: wasm's structured frames become blocks and edges.
//
// A `block` costs nothing until a branch goes to its label; then it gets an end block whose parameters are its
// results. A `loop` is a header block, sealed at its `end`. A branch to the function's label is a return.
// Frames are kept for unreachable code as well, so that they stay parallel to the validator's.
import { TrapKind } from '../abi/layout.ts';
import { Op } from '../ir/opcodes.ts';
import { IntCC, Type } from '../ir/types.ts';
import { NONE, type Block, type Value } from '../ir/func.ts';
import { IntColumn } from '../support/int_column.ts';
import { irType } from './layout.ts';
import { Op as Wasm } from './opcodes.ts';
import type { Translator } from './translate.ts';

const enum Kind {
  Func,
  Block,
  Loop,
  /** The then-part of an `if` whose else block is still to be filled. */
  If,
  Else,
}

/** Columns by frame; the innermost is the last. */
export class ControlFrames {
  depth = 0;
  readonly kind = new IntColumn();
  /** Block behind the frame's `end` (for a loop: its header), NONE until a branch needs it. */
  readonly target = new IntColumn();
  /** Block of the else-part of an If, NONE if the `if` was unreachable. */
  readonly elseBlock = new IntColumn();
  /** Operand stack height below the frame's parameters. */
  readonly height = new IntColumn();
  /** Ranges of module.types.pool. */
  readonly firstParam = new IntColumn();
  readonly paramCount = new IntColumn();
  readonly firstResult = new IntColumn();
  readonly resultCount = new IntColumn();
  /** Values of the parameters of an If, for its else-part: start in `saved`. */
  readonly savedStart = new IntColumn();
  readonly saved = new IntColumn();

  begin(): void {
    this.depth = 0;
    this.saved.clear();
  }

  /** Sets the length of all columns to depth + 1 and returns the new frame's index. */
  push(kind: Kind, height: number): number {
    const f = this.depth++;
    this.kind.resize(this.depth);
    this.target.resize(this.depth);
    this.elseBlock.resize(this.depth);
    this.height.resize(this.depth);
    this.firstParam.resize(this.depth);
    this.paramCount.resize(this.depth);
    this.firstResult.resize(this.depth);
    this.resultCount.resize(this.depth);
    this.savedStart.resize(this.depth);
    this.kind.data[f] = kind;
    this.target.data[f] = NONE;
    this.elseBlock.data[f] = NONE;
    this.height.data[f] = height;
    this.savedStart.data[f] = this.saved.length;
    return f;
  }
}

/** Translates an operator of control flow; false if it is none. Called in unreachable code too. */
export function translateControl(t: Translator, op: number): boolean {
  const { ssa, validator: v } = t;
  if (op > Wasm.Return && op !== Wasm.BrOnNull && op !== Wasm.BrOnNonNull) return false;
  const live = ssa.current !== NONE;
  switch (op) {
    case Wasm.Block:
      pushFrame(t, Kind.Block);
      return true;
    case Wasm.Loop:
      beginLoop(t, live);
      return true;
    case Wasm.If:
      beginIf(t, live);
      return true;
    case Wasm.Else:
      beginElse(t);
      return true;
    case Wasm.End:
      endFrame(t);
      return true;
    default:
      break;
  }
  if (!live) return true;
  switch (op) {
    case Wasm.Unreachable:
      t.trap(TrapKind.Unreachable);
      return true;
    case Wasm.Br:
      branch(t, v.imm0);
      return true;
    case Wasm.BrIf: {
      const condition = t.pop();
      conditionalBranch(t, condition, v.imm0);
      return true;
    }
    case Wasm.BrTable:
      branchTable(t);
      return true;
    case Wasm.Return:
      returnValues(t);
      return true;
    case Wasm.BrOnNull: {
      const ref = t.pop();
      conditionalBranch(t, isNull(t, ref), v.imm0);
      t.push(ref);
      return true;
    }
    case Wasm.BrOnNonNull: {
      const ref = t.values.data[t.values.length - 1];
      conditionalBranch(t, t.build.icmp(IntCC.Ne, ref, t.build.iconst(Type.Ref, 0)), v.imm0);
      t.pop();
      return true;
    }
    default:
      return op === Wasm.Nop;
  }
}

/** Whether a reference is null, as I32. */
export function isNull(t: Translator, ref: Value): Value {
  return t.build.icmp(IntCC.Eq, ref, t.build.iconst(Type.Ref, 0));
}

function pushFrame(t: Translator, kind: Kind): number {
  const { frames, validator: v } = t;
  // The validator has pushed its frame already.
  const inner = v.depth - 1;
  const params = v.ctlParamCount[inner];
  const f = frames.push(kind, Math.max(t.values.length - params, 0));
  frames.firstParam.data[f] = v.ctlParamFirst[inner];
  frames.paramCount.data[f] = params;
  frames.firstResult.data[f] = v.ctlResultFirst[inner];
  frames.resultCount.data[f] = v.ctlResultCount[inner];
  return f;
}

/** Adds explicit parameters of the types pool[first .. first + count) to a block. */
function addParams(t: Translator, block: Block, first: number, count: number): void {
  for (let i = 0; i < count; i++) t.ssa.addParam(block, irType(t.module.types.pool.data[first + i]));
}

/** Replaces the operand stack above `height` by the explicit parameters of a block. */
function pushParams(t: Translator, firstValue: Value, height: number, count: number): void {
  t.values.length = height;
  for (let i = 0; i < count; i++) t.push(firstValue + i);
}

function beginLoop(t: Translator, live: boolean): void {
  const { frames, ssa, func } = t;
  const f = pushFrame(t, Kind.Loop);
  if (!live) return;
  const count = frames.paramCount.data[f];
  const header = ssa.newBlock();
  frames.target.data[f] = header;
  const firstValue = func.numInsts;
  addParams(t, header, frames.firstParam.data[f], count);
  jump(t, header, count);
  ssa.switchTo(header);
  pushParams(t, firstValue, frames.height.data[f], count);
}

function beginIf(t: Translator, live: boolean): void {
  const { frames, ssa, values } = t;
  const condition = live ? t.pop() : NONE;
  const f = pushFrame(t, Kind.If);
  if (!live) return;
  const params = frames.paramCount.data[f];
  for (let i = 0; i < params; i++) frames.saved.push(values.data[values.length - params + i]);
  const thenBlock = ssa.newBlock();
  const elseBlock = ssa.newBlock();
  frames.elseBlock.data[f] = elseBlock;
  branchIf(t, condition, thenBlock, elseBlock);
  ssa.seal(thenBlock);
  ssa.seal(elseBlock);
  ssa.switchTo(thenBlock);
}

function beginElse(t: Translator): void {
  const { frames, ssa } = t;
  const f = frames.depth - 1;
  if (ssa.current !== NONE) jumpToEnd(t, f);
  frames.kind.data[f] = Kind.Else;
  const elseBlock = frames.elseBlock.data[f];
  if (elseBlock === NONE) return;
  ssa.switchTo(elseBlock);
  restoreParams(t, f);
}

/** Puts the parameters of an If back on the stack for its else-part. */
function restoreParams(t: Translator, f: number): void {
  const { frames } = t;
  t.values.length = frames.height.data[f];
  const start = frames.savedStart.data[f];
  for (let i = 0; i < frames.paramCount.data[f]; i++) t.push(frames.saved.data[start + i]);
  frames.saved.length = start;
}

function endFrame(t: Translator): void {
  const { frames, ssa } = t;
  if (frames.depth === 0) {
    // The function's own end.
    if (ssa.current !== NONE) returnValues(t);
    return;
  }
  const f = frames.depth - 1;
  const kind: Kind = frames.kind.data[f];
  frames.depth = f;
  if (kind === Kind.Loop) {
    const header = frames.target.data[f];
    if (header !== NONE) ssa.seal(header);
    return;
  }
  if (kind === Kind.If && frames.elseBlock.data[f] !== NONE) {
    // No else: the parameters are the results.
    if (ssa.current !== NONE) jumpToEnd(t, f);
    ssa.switchTo(frames.elseBlock.data[f]);
    restoreParams(t, f);
  }
  const end = frames.target.data[f];
  if (end === NONE) return;
  if (ssa.current !== NONE) jumpToEnd(t, f);
  ssa.seal(end);
  ssa.switchTo(end);
  const count = frames.resultCount.data[f];
  const firstValue = ssa.firstParam(end);
  pushParams(t, firstValue, frames.height.data[f], count);
}

/** The block that a branch to frame f goes to. */
function targetOf(t: Translator, f: number): Block {
  const { frames, ssa } = t;
  let block = frames.target.data[f];
  if (block === NONE) {
    block = ssa.newBlock();
    frames.target.data[f] = block;
    addParams(t, block, frames.firstResult.data[f], frames.resultCount.data[f]);
  }
  return block;
}

function jumpToEnd(t: Translator, f: number): void {
  jump(t, targetOf(t, f), t.frames.resultCount.data[f]);
}

/** Number of values that a branch to frame f carries. */
function arity(t: Translator, f: number): number {
  const { frames } = t;
  return frames.kind.data[f] === Kind.Loop ? frames.paramCount.data[f] : frames.resultCount.data[f];
}

/** Ends the current block with a jump that carries the top `count` values. */
function jump(t: Translator, to: Block, count: number): void {
  const inst = t.build.append(Op.Jump, Type.None);
  t.func.imm[inst] = t.ssa.newEdge(to, t.values.data, t.values.length - count, count);
  t.func.imm2[inst] = 1;
  t.ssa.leave();
}

function branchIf(t: Translator, condition: Value, then: Block, otherwise: Block): void {
  const inst = t.build.unary(Op.BrIf, Type.None, condition);
  t.func.imm[inst] = t.ssa.newEdge(then, t.values.data, 0, 0);
  t.ssa.newEdge(otherwise, t.values.data, 0, 0);
  t.func.imm2[inst] = 2;
  t.ssa.leave();
}

/** Index of the frame of a label, -1 for the function's. */
function frameOfLabel(t: Translator, label: number): number {
  return t.frames.depth - 1 - label;
}

function branch(t: Translator, label: number): void {
  const f = frameOfLabel(t, label);
  if (f < 0) returnValues(t);
  else jump(t, targetOf(t, f), arity(t, f));
}

function returnValues(t: Translator): void {
  const count = t.layout.signatures.numResults(t.func.sig);
  const inst = t.build.append(Op.Return, Type.None);
  t.func.setArgs(inst, t.values.data, t.values.length - count, count);
  t.ssa.leave();
}

/** Fills a block that returns the top values; all its edges come from the block just ended. */
function fillReturnBlock(t: Translator, block: Block): void {
  t.ssa.seal(block);
  t.ssa.switchTo(block);
  returnValues(t);
}

function conditionalBranch(t: Translator, condition: Value, label: number): void {
  const { ssa, values, func } = t;
  const f = frameOfLabel(t, label);
  const next = ssa.newBlock();
  const inst = t.build.unary(Op.BrIf, Type.None, condition);
  func.imm2[inst] = 2;
  if (f < 0) {
    const ret = ssa.newBlock();
    func.imm[inst] = ssa.newEdge(ret, values.data, 0, 0);
    ssa.newEdge(next, values.data, 0, 0);
    fillReturnBlock(t, ret);
  } else {
    const to = targetOf(t, f);
    const count = arity(t, f);
    func.imm[inst] = ssa.newEdge(to, values.data, values.length - count, count);
    ssa.newEdge(next, values.data, 0, 0);
  }
  ssa.seal(next);
  ssa.switchTo(next);
}

function branchTable(t: Translator): void {
  const { ssa, values, func, validator: v } = t;
  const index = t.pop();
  const inst = t.build.unary(Op.BrTable, Type.None, index);
  const count = v.imm0 + 1;
  func.imm[inst] = func.numEdges;
  func.imm2[inst] = count;
  let ret = NONE;
  for (let i = 0; i < count; i++) {
    const f = frameOfLabel(t, v.labels.data[i]);
    if (f < 0) {
      if (ret === NONE) ret = ssa.newBlock();
      ssa.newEdge(ret, values.data, 0, 0);
    } else {
      const to = targetOf(t, f);
      const n = arity(t, f);
      ssa.newEdge(to, values.data, values.length - n, n);
    }
  }
  if (ret === NONE) ssa.leave();
  else fillReturnBlock(t, ret);
}
