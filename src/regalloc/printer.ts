// Readable text of the input of register allocation, with its output where given, for debugging. One line an instruction; defs
// stand left, uses right: `%vreg:class constraint`, then `@location`; edits stand on lines of their own.
import { InstFlag, Operand } from './door.ts';
import type { RegallocInput, RegallocOutput } from './door.ts';
import { constraintOf, locationName, payloadOf } from './edits.ts';

const CLASS_NAMES = ['i', 'f', 'v'];

function constraintName(info: number): string {
  switch (constraintOf(info)) {
    case Operand.Any:
      return 'any';
    case Operand.Reg:
      return 'reg';
    case Operand.Fixed:
      return `fixed(${locationName(payloadOf(info))})`;
    case Operand.Reuse:
      return `reuse(${payloadOf(info)})`;
    case Operand.Stack:
      return 'stack';
    default:
      return '?';
  }
}

function operandText(input: RegallocInput, output: RegallocOutput | null, k: number): string {
  const info = input.operandInfo[k];
  const v = input.operandVReg[k];
  const isDef = (info & Operand.Def) !== 0;
  const usual = isDef === ((info & Operand.Late) !== 0);
  const position = usual ? '' : isDef ? ' early' : ' late';
  const at = output === null ? '' : ` @${locationName(output.operandLoc[k])}`;
  return `%${v}:${CLASS_NAMES[input.vregClass[v]]} ${constraintName(info)}${position}${at}`;
}

function maskText(mask: number, prefix: string): string[] {
  const names: string[] = [];
  for (let r = 0; r < 32; r++) if (((mask >> r) & 1) !== 0) names.push(`${prefix}${r}`);
  return names;
}

function instructionText(input: RegallocInput, output: RegallocOutput | null, i: number): string {
  const defs: string[] = [];
  const uses: string[] = [];
  for (let k = input.operandStart[i]; k < input.operandStart[i + 1]; k++) {
    ((input.operandInfo[k] & Operand.Def) !== 0 ? defs : uses).push(operandText(input, output, k));
  }
  const flags = input.instFlags[i];
  const name = (flags & InstFlag.Terminator) !== 0 ? 'branch' : (flags & InstFlag.Move) !== 0 ? 'move' : 'op';
  const set = 2 * input.instClobber[i];
  const clobbers = [...maskText(input.clobberMasks[set], 'r'), ...maskText(input.clobberMasks[set + 1], 'v')];
  const tail = clobbers.length > 0 ? ` clobbers ${clobbers.join(' ')}` : '';
  return `${i}: ${defs.join(', ')}${defs.length > 0 ? ' = ' : ''}${name} ${uses.join(', ')}${tail}`;
}

const vregList = (list: Int32Array, from: number, to: number): string =>
  Array.from(list.subarray(from, to), (v) => `%${v}`).join(', ');

/** The input as text; with an output, also locations and edits. */
export function printRegalloc(input: RegallocInput, output: RegallocOutput | null = null): string {
  const lines: string[] = [];
  let edit = 0;
  const edits = (point: number): void => {
    if (output === null) return;
    for (; edit < output.numEdits && output.editPoint[edit] <= point; edit++) {
      const cls = CLASS_NAMES[output.editClass[edit]];
      lines.push(`    ${locationName(output.editTo[edit])} <-${cls} ${locationName(output.editFrom[edit])}`);
    }
  };
  for (let b = 0; b < input.numBlocks; b++) {
    const params = vregList(input.params, input.paramStart[b], input.paramStart[b + 1]);
    const preds = Array.from(input.preds.subarray(input.predStart[b], input.predStart[b + 1])).join(' ');
    lines.push(`block ${b}(${params}) depth ${input.loopDepth[b]} freq ${input.blockFreq[b]} preds ${preds}`);
    for (let i = input.blockStart[b]; i < input.blockStart[b + 1]; i++) {
      edits(2 * i);
      lines.push(`  ${instructionText(input, output, i)}`);
      edits(2 * i + 1);
    }
    const succs = Array.from(input.succs.subarray(input.succStart[b], input.succStart[b + 1])).join(' ');
    lines.push(`  -> ${succs} (${vregList(input.args, input.argStart[b], input.argStart[b + 1])})`);
  }
  return lines.join('\n');
}
