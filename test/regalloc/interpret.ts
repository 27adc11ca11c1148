// An executing oracle, independent of the checker: runs the SSA input with symbolic values (every definition yields a number made
// of its instruction, operand and inputs) and beside it the allocated code on a machine of registers and slot units; every
// use must read the same number on both sides, along one seeded path.
import { Operand, RegClass, REMAT_BASE, SLOT_BASE } from '../../src/regalloc/door.ts';
import type { RegallocInput, RegallocOutput } from '../../src/regalloc/door.ts';

function mix(a: number, b: number): number {
  let h = Math.imul(a ^ (b + 0x9e3779b9 + (a << 6) + (a >>> 2)), 0x85ebca6b);
  h ^= h >>> 13;
  return Math.imul(h, 0xc2b2ae35) ^ (h >>> 16);
}

/** @throws Error at the first use that reads a wrong value. Returns the number of uses compared. */
export function execute(
  input: RegallocInput,
  output: RegallocOutput,
  seed: number,
  maxSteps: number,
): number {
  const values = new Int32Array(input.numVRegs);
  // Each location has a low and a high half; a slot unit has only the low one.
  const low = new Int32Array(SLOT_BASE + output.numSlots + 1);
  const high = new Int32Array(SLOT_BASE);
  let garbage = seed;
  const write = (location: number, value: number, cls: number): void => {
    garbage = mix(garbage, location);
    low[location] = value;
    if (location < SLOT_BASE) high[location] = cls === RegClass.Vec ? ~value : garbage;
    else if (cls === RegClass.Vec) low[location + 1] = ~value;
  };
  const transfer = (from: number, to: number, cls: number): void => {
    const value = low[from];
    const upper = cls !== RegClass.Vec ? ++garbage : from < SLOT_BASE ? high[from] : low[from + 1];
    low[to] = value;
    if (to < SLOT_BASE) high[to] = upper;
    else if (cls === RegClass.Vec) low[to + 1] = upper;
  };
  const constantOf = (v: number): number => mix(mix(input.vregRemat[v], 0), 17);
  let edit = 0;
  const runEdits = (point: number): void => {
    for (; edit < output.numEdits && output.editPoint[edit] === point; edit++) {
      const from = output.editFrom[edit];
      if (from >= REMAT_BASE)
        write(output.editTo[edit], constantOf(from - REMAT_BASE), output.editClass[edit]);
      else transfer(from, output.editTo[edit], output.editClass[edit]);
    }
  };
  const seekEdits = (point: number): void => {
    let a = 0;
    let b = output.numEdits;
    while (a < b) {
      const middle = (a + b) >> 1;
      if (output.editPoint[middle] < point) a = middle + 1;
      else b = middle;
    }
    edit = a;
  };
  let block = 0;
  let compared = 0;
  let steps = 0;
  let path = seed;
  for (;;) {
    const end = input.blockStart[block + 1];
    seekEdits(2 * input.blockStart[block]);
    for (let i = input.blockStart[block]; i < end; i++) {
      runEdits(2 * i);
      const first = input.operandStart[i];
      const stop = input.operandStart[i + 1];
      let hash = mix(i, 0);
      for (let k = first; k < stop; k++) {
        if ((input.operandInfo[k] & Operand.Def) !== 0) continue;
        const v = input.operandVReg[k];
        const at = output.operandLoc[k];
        const isVec = input.vregClass[v] === RegClass.Vec;
        const upper = !isVec ? ~values[v] : at < SLOT_BASE ? high[at] : low[at + 1];
        if (low[at] !== values[v] || upper !== ~values[v]) {
          throw new Error(`instruction ${i} operand ${k - first}: %${v} in location ${at} has a wrong value`);
        }
        compared++;
        hash = mix(hash, values[v]);
      }
      const set = input.instClobber[i];
      for (let r = 0; r < SLOT_BASE; r++) {
        if ((input.clobberMasks[2 * set + (r >> 5)] >> (r & 31)) & 1)
          write(r, mix(r, ++garbage), RegClass.Float);
      }
      for (let k = first; k < stop; k++) {
        if ((input.operandInfo[k] & Operand.Def) === 0) continue;
        const v = input.operandVReg[k];
        const isMove = (input.instFlags[i] & 1) !== 0;
        const source = isMove ? input.operandVReg[k === first ? first + 1 : first] : -1;
        values[v] = isMove
          ? values[source]
          : input.vregRemat[v] === i
            ? constantOf(v)
            : mix(hash, 17 + k - first);
        if (output.operandLoc[k] >= 0) write(output.operandLoc[k], values[v], input.vregClass[v]);
      }
      runEdits(2 * i + 1);
      steps++;
    }
    const numSuccs = input.succStart[block + 1] - input.succStart[block];
    if (numSuccs === 0 || steps > maxSteps) return compared;
    path = mix(path, block);
    const next = input.succs[input.succStart[block] + ((path >>> 3) % numSuccs)];
    const args: number[] = [];
    for (let k = input.argStart[block]; k < input.argStart[block + 1]; k++) args.push(values[input.args[k]]);
    for (let k = 0; k < args.length; k++) values[input.params[input.paramStart[next] + k]] = args[k];
    block = next;
  }
}
