// Verifier of the input of register allocation: checks the invariants that door.ts states, for tests and debugging of
// instruction selection. Cost: linear, plus the size of the live-in sets.
import { IntColumn } from '../support/int_column.ts';
import { InstFlag, Operand, RegClass, SLOT_BASE, VEC_BASE } from './door.ts';
import type { RegallocInput } from './door.ts';
import { constraintOf, fileOf, payloadOf } from './edits.ts';

function fail(message: string): never {
  throw new Error(`register allocation input: ${message}`);
}

/**
 * Checks an input.
 * @throws Error that names the block or instruction that breaks an invariant of RegallocInput.
 */
export function verifyRegallocInput(input: RegallocInput): void {
  verifyBlocks(input);
  const defInst = new Int32Array(input.numVRegs).fill(-1);
  const defBlock = new Int32Array(input.numVRegs).fill(-1);
  verifyDefinitions(input, defInst, defBlock);
  for (let i = 0; i < input.numInsts; i++) verifyOperands(input, i);
  verifyRemat(input);
  verifyDominance(input, defInst, defBlock);
}

function verifyBlocks(input: RegallocInput): void {
  const { numBlocks, blockStart, numInsts, succs, succStart, preds, predStart, args, argStart, paramStart } =
    input;
  if (numBlocks < 1 || blockStart[0] !== 0 || blockStart[numBlocks] !== numInsts)
    fail('blocks do not cover the code');
  if (predStart[0] !== predStart[1]) fail('the entry has predecessors');
  if (paramStart[0] !== paramStart[1]) fail('the entry has parameters');
  const edges = new Int32Array(numBlocks);
  for (let b = 0; b < numBlocks; b++) {
    if (blockStart[b + 1] <= blockStart[b]) fail(`block ${b} is empty`);
    for (let i = blockStart[b]; i < blockStart[b + 1]; i++) {
      const isLast = i === blockStart[b + 1] - 1;
      if (((input.instFlags[i] & InstFlag.Terminator) !== 0) !== isLast)
        fail(`block ${b}: terminator at ${i}`);
    }
    const numSuccs = succStart[b + 1] - succStart[b];
    const numArgs = argStart[b + 1] - argStart[b];
    const last = blockStart[b + 1] - 1;
    if (numSuccs === 1) {
      // Moves of the edge stand before this terminator, so it must neither read nor destroy anything.
      const clobber = 2 * input.instClobber[last];
      if (input.operandStart[last] !== input.operandStart[last + 1])
        fail(`block ${b}: its jump has operands`);
      if ((input.clobberMasks[clobber] | input.clobberMasks[clobber + 1]) !== 0)
        fail(`block ${b}: its jump clobbers`);
    }
    if (numArgs > 0 && numSuccs !== 1) fail(`block ${b} has arguments and ${numSuccs} successors`);
    for (let s = succStart[b]; s < succStart[b + 1]; s++) {
      const to = succs[s];
      if (to < 0 || to >= numBlocks) fail(`block ${b}: successor ${to}`);
      edges[to]++;
      const numParams = paramStart[to + 1] - paramStart[to];
      if (numParams !== numArgs)
        fail(`block ${b} passes ${numArgs} arguments to ${to}, which has ${numParams}`);
      for (let k = 0; k < numArgs; k++) {
        const from = fileOf(input.vregClass[args[argStart[b] + k]]);
        if (from !== fileOf(input.vregClass[input.params[paramStart[to] + k]]))
          fail(`block ${b}: class of argument ${k}`);
      }
      if (numSuccs > 1 && predStart[to + 1] - predStart[to] !== 1) fail(`edge ${b} -> ${to} is critical`);
    }
  }
  for (let b = 0; b < numBlocks; b++) {
    if (edges[b] !== predStart[b + 1] - predStart[b]) fail(`block ${b}: number of predecessors`);
    for (let k = predStart[b]; k < predStart[b + 1]; k++) {
      let found = false;
      for (let s = succStart[preds[k]]; s < succStart[preds[k] + 1]; s++) found ||= succs[s] === b;
      if (!found) fail(`block ${b}: ${preds[k]} is no predecessor`);
    }
  }
}

function verifyDefinitions(input: RegallocInput, defInst: Int32Array, defBlock: Int32Array): void {
  const define = (v: number, inst: number, block: number): void => {
    if (v < 0 || v >= input.numVRegs) fail(`instruction ${inst} defines %${v}`);
    if (defBlock[v] >= 0) fail(`%${v} has two definitions, the second in block ${block}`);
    defInst[v] = inst;
    defBlock[v] = block;
  };
  for (let b = 0; b < input.numBlocks; b++) {
    for (let k = input.paramStart[b]; k < input.paramStart[b + 1]; k++) define(input.params[k], -1, b);
    for (let i = input.blockStart[b]; i < input.blockStart[b + 1]; i++) {
      for (let k = input.operandStart[i]; k < input.operandStart[i + 1]; k++) {
        if ((input.operandInfo[k] & Operand.Def) !== 0) define(input.operandVReg[k], i, b);
      }
    }
  }
}

function verifyOperands(input: RegallocInput, i: number): void {
  const { operandStart, operandInfo, operandVReg, vregClass } = input;
  const first = operandStart[i];
  const end = operandStart[i + 1];
  const where = (k: number): string => `instruction ${i}, operand ${k - first}`;
  let reuses = 0;
  let uses = 0;
  for (let k = first; k < end; k++) {
    const info = operandInfo[k];
    const v = operandVReg[k];
    const isDef = (info & Operand.Def) !== 0;
    const constraint = constraintOf(info);
    if (v < 0 || v >= input.numVRegs) fail(`${where(k)}: %${v}`);
    if (vregClass[v] > RegClass.Vec) fail(`${where(k)}: class ${vregClass[v]}`);
    if (!isDef) uses++;
    else if ((input.instFlags[i] & InstFlag.Terminator) !== 0) fail(`${where(k)}: a terminator defines`);
    if (constraint === Operand.Reuse) {
      const used = first + payloadOf(info);
      reuses++;
      if (!isDef || (info & Operand.Late) === 0) fail(`${where(k)}: only a late def can reuse`);
      if (used >= end || used < first || (operandInfo[used] & Operand.Def) !== 0)
        fail(`${where(k)}: reuses no use`);
      if ((operandInfo[used] & Operand.Late) !== 0) fail(`${where(k)}: reuses a late use`);
      if (constraintOf(operandInfo[used]) === Operand.Stack) fail(`${where(k)}: reuses a slot`);
      if (fileOf(vregClass[operandVReg[used]]) !== fileOf(vregClass[v]))
        fail(`${where(k)}: reuses another file`);
    } else if (constraint === Operand.Fixed) {
      const reg = payloadOf(info);
      if (reg < 0 || reg >= SLOT_BASE || (reg < VEC_BASE ? 0 : 1) !== fileOf(vregClass[v]))
        fail(`${where(k)}: r${reg}`);
      const mask = input.clobberMasks[2 * input.instClobber[i] + (reg < VEC_BASE ? 0 : 1)];
      const survives = isDef === ((info & Operand.Late) !== 0);
      if (!survives && ((mask >> (reg & 31)) & 1) !== 0) fail(`${where(k)}: its fixed register is clobbered`);
      verifyFixedPair(input, i, k);
    } else if (constraint > Operand.Stack) fail(`${where(k)}: constraint ${constraint >> 2}`);
  }
  if (reuses > 1) fail(`instruction ${i}: ${reuses} defs reuse`);
  if ((input.instFlags[i] & InstFlag.Move) !== 0) {
    const sameClass = vregClass[operandVReg[first]] === vregClass[operandVReg[end - 1]];
    if (end - first !== 2 || uses !== 1 || !sameClass)
      fail(`instruction ${i}: a move needs one use and one def`);
    if (
      constraintOf(operandInfo[first]) !== Operand.Any ||
      constraintOf(operandInfo[first + 1]) !== Operand.Any
    ) {
      fail(`instruction ${i}: operands of a move are Any`);
    }
  }
}

/** Two operands may be fixed to one register only as an early use and a late def, or as two uses of one vreg. */
function verifyFixedPair(input: RegallocInput, i: number, k: number): void {
  const { operandStart, operandInfo, operandVReg } = input;
  const fixed = ~(Operand.Def | Operand.Late);
  for (let j = operandStart[i]; j < k; j++) {
    if ((operandInfo[j] & fixed) !== (operandInfo[k] & fixed)) continue;
    const a = operandInfo[j];
    const b = operandInfo[k];
    const bothUse = ((a | b) & Operand.Def) === 0;
    if (bothUse && operandVReg[j] === operandVReg[k]) continue;
    const use = (a & Operand.Def) === 0 ? a : b;
    const def = (a & Operand.Def) === 0 ? b : a;
    const passes =
      (use & (Operand.Def | Operand.Late)) === 0 &&
      (def & (Operand.Def | Operand.Late)) === (Operand.Def | Operand.Late);
    if (!passes) fail(`instruction ${i}: two operands are fixed to r${payloadOf(a)}`);
  }
}

function verifyRemat(input: RegallocInput): void {
  for (let v = 0; v < input.numVRegs; v++) {
    const i = input.vregRemat[v];
    if (i < 0) continue;
    const k = input.operandStart[i];
    const one = i < input.numInsts && input.operandStart[i + 1] === k + 1;
    const sole = one && input.operandVReg[k] === v && (input.operandInfo[k] & Operand.Def) !== 0;
    if (!sole) fail(`%${v} cannot be re-emitted by instruction ${i}`);
    if (constraintOf(input.operandInfo[k]) > Operand.Reg)
      fail(`%${v}: a constant is defined in any register`);
  }
}

/** Every use is reached by the definition on all paths: nothing may be live into the entry. */
function verifyDominance(input: RegallocInput, defInst: Int32Array, defBlock: Int32Array): void {
  const { numVRegs, operandStart, operandInfo, operandVReg, preds, predStart } = input;
  const useStart = new Int32Array(numVRegs + 1);
  const each = (visit: (v: number, block: number, k: number) => void): void => {
    for (let b = 0; b < input.numBlocks; b++) {
      for (let k = operandStart[input.blockStart[b]]; k < operandStart[input.blockStart[b + 1]]; k++) {
        if ((operandInfo[k] & Operand.Def) === 0) visit(operandVReg[k], b, k);
      }
      for (let k = input.argStart[b]; k < input.argStart[b + 1]; k++) visit(input.args[k], b, -1);
    }
  };
  const fill = new Int32Array(numVRegs + 1);
  each((v) => useStart[v + 1]++);
  for (let v = 0; v < numVRegs; v++) useStart[v + 1] += useStart[v];
  fill.set(useStart);
  const useBlock = new Int32Array(useStart[numVRegs]);
  each((v, block, k) => {
    if (defBlock[v] < 0) fail(`%${v} is used in block ${block} but never defined`);
    if (k >= 0 && defBlock[v] === block && defInst[v] >= 0 && operandStart[defInst[v] + 1] > k) {
      fail(`%${v} is used in block ${block} before or at its definition`);
    }
    useBlock[fill[v]++] = block;
  });
  const liveIn = new Int32Array(input.numBlocks).fill(-1);
  const stack = new IntColumn();
  for (let v = 0; v < numVRegs; v++) {
    for (let u = useStart[v]; u < useStart[v + 1]; u++) {
      stack.push(useBlock[u]);
      while (stack.length > 0) {
        const b = stack.data[--stack.length];
        if (b === defBlock[v] || liveIn[b] === v) continue;
        liveIn[b] = v;
        if (predStart[b] === predStart[b + 1])
          fail(`%${v} is used on a path from block ${b} without its definition`);
        for (let k = predStart[b]; k < predStart[b + 1]; k++) stack.push(preds[k]);
      }
    }
  }
}
