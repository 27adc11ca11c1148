// VCode: machine instructions over virtual registers, in flat columns; what lowering writes, the register allocator
// reads and the emitter walks. Knows no instruction set: opcodes and the meaning of immediates are the ISA's, but for those
// of pseudo.ts.
//
// Lowering visits blocks and instructions backwards. It writes *raw* instructions in groups: a group is the machine
// code of one IR instruction, forward inside, while groups and blocks come in reverse. `finish` brings everything
// into layout order: the columns of RegallocInput are written in final order, the others stay where they are and
// are reached through `order` (final index -> raw index).
//
// Memory operand of an instruction: `mem` packs Mem fields, `disp` is the displacement (or the constant's label for
// Mem.Const); base and index registers are operands of the instruction, named by their operand index.
import type { RegallocInput } from '../regalloc/door.ts';
import { InstFlag, Operand } from '../regalloc/door.ts';
import { IntColumn } from '../support/int_column.ts';

/** Kinds of memory operands: the low bits of the packed value. */
export const enum Mem {
  /** The instruction has none. */
  None = 0,
  /** Base register operand + disp. */
  Base = 1,
  /** Memory 0 + disp (pinned register or segment). */
  Memory0 = 2,
  /** Instance + disp. */
  Instance = 3,
  /** Constant of the pool: disp indexes VCode.constants. */
  Const = 4,
  /** Outgoing area of the frame + disp. */
  Outgoing = 5,
  /** Own stack arguments and result area + disp. */
  Incoming = 6,
  /** No base: index * scale + disp. */
  NoBase = 7,
}

/** Fields of a packed memory operand. */
export const enum MemField {
  KindMask = 15,
  /** log2 of the index's scale. */
  ScaleShift = 4,
  ScaleMask = 3,
  /** Operand number of the base register (kind Base). */
  BaseShift = 8,
  /** 1 + operand number of the index register, 0: no index. */
  IndexShift = 16,
  OperandMask = 255,
}

/** Trap column: values above are trap kinds. */
export const enum Trap {
  None = 0,
  /** The memory operand may be out of bounds. */
  Address = -1,
}

/** Flags of raw instructions. */
export const enum RawFlag {
  Move = InstFlag.Move,
  Terminator = InstFlag.Terminator,
  /** Defines one register from nothing: may be re-emitted anywhere. */
  Remat = 4,
}

export class VCode implements RegallocInput {
  // --- Raw instructions ---
  numRaw = 0;
  op = new Int32Array(1024);
  imm = new Int32Array(1024);
  imm2 = new Int32Array(1024);
  aux = new Int32Array(1024);
  mem = new Int32Array(1024);
  disp = new Int32Array(1024);
  loc = new Int32Array(1024);
  trap = new Int32Array(1024);
  flags = new Uint8Array(1024);
  clobber = new Int32Array(1024);
  rawOperand = new Int32Array(1024);
  readonly rawVReg = new IntColumn(4096);
  readonly rawInfo = new IntColumn(4096);
  /** Constants of the pool: words, and {first word, count} for each. */
  readonly constantWords = new IntColumn(64);
  readonly constants = new IntColumn(64);
  /** Targets of jump tables (vcode blocks): slices named by instructions. */
  readonly targets = new IntColumn(64);

  // --- Groups: first raw instruction of each; blocks are runs of groups ---
  private readonly groupStart = new IntColumn(1024);

  // --- Blocks, in layout order ---
  numBlocks = 0;
  /** Runs of groups of each block: [from, to) in order of writing. */
  groupFrom = new Int32Array(64);
  groupTo = new Int32Array(64);
  /** IR block, or -1 for a block made from an edge. */
  irBlock = new Int32Array(64);
  blockStart = new Int32Array(64);
  succStart = new Int32Array(64);
  succs = new Int32Array(64);
  predStart = new Int32Array(64);
  preds = new Int32Array(64);
  loopDepth = new Int32Array(64);
  blockFreq = new Float32Array(64);
  paramStart = new Int32Array(64);
  params = new Int32Array(64);
  argStart = new Int32Array(64);
  args = new Int32Array(64);

  // --- Final columns ---
  numInsts = 0;
  order = new Int32Array(1024);
  instFlags = new Uint8Array(1024);
  instClobber = new Int32Array(1024);
  operandStart = new Int32Array(1024);
  operandVReg = new Int32Array(4096);
  operandInfo = new Int32Array(4096);

  numVRegs = 0;
  vregClass = new Uint8Array(1024);
  vregRemat = new Int32Array(1024);

  constructor(readonly clobberMasks: Int32Array) {}

  reset(): void {
    this.numRaw = 0;
    this.rawVReg.clear();
    this.rawInfo.clear();
    this.constantWords.clear();
    this.constants.clear();
    this.targets.clear();
    this.groupStart.clear();
    this.numBlocks = 0;
    this.numInsts = 0;
    this.numVRegs = 0;
  }

  newVReg(regClass: number): number {
    const v = this.numVRegs++;
    if (v === this.vregClass.length) {
      const grown = new Uint8Array(v * 2);
      grown.set(this.vregClass);
      this.vregClass = grown;
      this.vregRemat = grow(this.vregRemat, v * 2);
    }
    this.vregClass[v] = regClass;
    this.vregRemat[v] = -1;
    return v;
  }

  /** Begins a group; returns its number. */
  beginGroup(): number {
    return this.groupStart.push(this.numRaw);
  }

  get numGroups(): number {
    return this.groupStart.length;
  }

  /** True if the current group has no instruction yet. */
  groupIsEmpty(): boolean {
    return this.groupStart.data[this.groupStart.length - 1] === this.numRaw;
  }

  /** Appends a raw instruction to the current group; operands follow by `use` and `def`. */
  inst(op: number, imm: number, loc: number): number {
    const i = this.numRaw++;
    if (i + 1 >= this.op.length) this.growRaw();
    this.op[i] = op;
    this.imm[i] = imm;
    this.imm2[i] = 0;
    this.aux[i] = 0;
    this.mem[i] = 0;
    this.disp[i] = 0;
    this.loc[i] = loc;
    this.trap[i] = 0;
    this.flags[i] = 0;
    this.clobber[i] = 0;
    this.rawOperand[i] = this.rawVReg.length;
    return i;
  }

  /** Adds an operand to the last instruction; returns its number in the instruction. */
  operand(vreg: number, info: number): number {
    this.rawInfo.push(info);
    return this.rawVReg.push(vreg) - this.rawOperand[this.numRaw - 1];
  }

  /** Enters a constant of `count` words taken from constantWords[first..]; returns its index. */
  constant(first: number, count: number): number {
    this.constants.push(first);
    return (this.constants.push(count) - 1) >> 1;
  }

  /** Sizes the block columns. */
  reserveBlocks(count: number, edges: number): void {
    if (this.groupFrom.length <= count) {
      const n = Math.max(count + 2, this.groupFrom.length * 2);
      this.groupFrom = new Int32Array(n);
      this.groupTo = new Int32Array(n);
      this.irBlock = new Int32Array(n);
      this.blockStart = new Int32Array(n);
      this.succStart = new Int32Array(n);
      this.predStart = new Int32Array(n);
      this.loopDepth = new Int32Array(n);
      this.blockFreq = new Float32Array(n);
      this.paramStart = new Int32Array(n);
      this.argStart = new Int32Array(n);
    }
    if (this.succs.length < edges) {
      this.succs = new Int32Array(edges * 2);
      this.preds = new Int32Array(edges * 2);
    }
    this.numBlocks = count;
  }

  /** Brings instructions into layout order. Block columns but blockStart are complete. */
  finish(): void {
    const numRaw = this.numRaw;
    const groups = this.groupStart;
    this.rawOperand[numRaw] = this.rawVReg.length;
    groups.push(numRaw);
    if (this.order.length < numRaw + 1) {
      const n = this.op.length;
      this.order = new Int32Array(n);
      this.instFlags = new Uint8Array(n);
      this.instClobber = new Int32Array(n);
      this.operandStart = new Int32Array(n);
    }
    if (this.operandVReg.length < this.rawVReg.length) {
      this.operandVReg = new Int32Array(this.rawVReg.data.length);
      this.operandInfo = new Int32Array(this.rawVReg.data.length);
    }
    const {
      order,
      operandVReg,
      operandInfo,
      operandStart,
      instFlags,
      instClobber,
      rawOperand,
      flags,
      vregRemat,
    } = this;
    const rawVReg = this.rawVReg.data;
    const rawInfo = this.rawInfo.data;
    const start = groups.data;
    let at = 0;
    let operand = 0;
    for (let b = 0; b < this.numBlocks; b++) {
      this.blockStart[b] = at;
      for (let g = this.groupTo[b] - 1; g >= this.groupFrom[b]; g--) {
        for (let i = start[g]; i < start[g + 1]; i++) {
          order[at] = i;
          const flag = flags[i];
          instFlags[at] = flag & 3;
          instClobber[at] = this.clobber[i];
          operandStart[at] = operand;
          for (let k = rawOperand[i]; k < rawOperand[i + 1]; k++) {
            operandVReg[operand] = rawVReg[k];
            operandInfo[operand++] = rawInfo[k];
          }
          if ((flag & RawFlag.Remat) !== 0) vregRemat[rawVReg[rawOperand[i]]] = at;
          at++;
        }
      }
    }
    this.blockStart[this.numBlocks] = at;
    operandStart[at] = operand;
    this.numInsts = at;
  }

  private growRaw(): void {
    const n = this.op.length * 2;
    this.op = grow(this.op, n);
    this.imm = grow(this.imm, n);
    this.imm2 = grow(this.imm2, n);
    this.aux = grow(this.aux, n);
    this.mem = grow(this.mem, n);
    this.disp = grow(this.disp, n);
    this.loc = grow(this.loc, n);
    this.trap = grow(this.trap, n);
    this.clobber = grow(this.clobber, n);
    this.rawOperand = grow(this.rawOperand, n);
    const flags = new Uint8Array(n);
    flags.set(this.flags);
    this.flags = flags;
  }
}

const grow = (column: Int32Array, capacity: number): Int32Array<ArrayBuffer> => {
  const grown = new Int32Array(capacity);
  grown.set(column);
  return grown;
};

/** Operand flags that all back ends use. */
export const enum Opnd {
  /** Use in a register, read before results are written. */
  Use = Operand.Use | Operand.Early | Operand.Reg,
  /** Use in a register or a spill slot. */
  UseAny = Operand.Use | Operand.Early | Operand.Any,
  /** Use that must not share a register with a result or a clobbered register. */
  UseLate = Operand.Use | Operand.Late | Operand.Reg,
  Def = Operand.Def | Operand.Late | Operand.Reg,
  /** Def in a register or a spill slot. */
  DefAny = Operand.Def | Operand.Late | Operand.Any,
  /** Def that must not share a register with a use. */
  DefEarly = Operand.Def | Operand.Early | Operand.Reg,
  UseFixed = Operand.Use | Operand.Early | Operand.Fixed,
  DefFixed = Operand.Def | Operand.Late | Operand.Fixed,
  /** Def in the register of the use with the operand number in the payload. */
  DefReuse = Operand.Def | Operand.Late | Operand.Reuse,
  PayloadShift = Operand.PayloadShift,
}

const OPERAND_NAMES = ['', ':late'];

/** The instructions of finished VCode as text: for debugging and goldens. `name` prints an opcode. */
export function printVCode(vcode: VCode, name: (op: number) => string): string {
  const lines: string[] = [];
  const list = (data: Int32Array, from: number, to: number, prefix: string): string =>
    Array.from(data.subarray(from, to), (x) => `${prefix}${x}`).join(', ');
  for (let b = 0; b < vcode.numBlocks; b++) {
    const params = list(vcode.params, vcode.paramStart[b], vcode.paramStart[b + 1], '%');
    const args = list(vcode.args, vcode.argStart[b], vcode.argStart[b + 1], '%');
    const succs = list(vcode.succs, vcode.succStart[b], vcode.succStart[b + 1], 'b');
    lines.push(`b${b}(${params}): -> ${succs}${args === '' ? '' : `(${args})`}`);
    for (let i = vcode.blockStart[b]; i < vcode.blockStart[b + 1]; i++) {
      const raw = vcode.order[i];
      const operands: string[] = [];
      for (let k = vcode.operandStart[i]; k < vcode.operandStart[i + 1]; k++) {
        const info = vcode.operandInfo[k];
        const constraint = (info & Operand.ConstraintMask) as Operand;
        const payload = info >> Operand.PayloadShift;
        const where =
          constraint === Operand.Fixed
            ? `@${payload}`
            : constraint === Operand.Reuse
              ? `=${payload}`
              : constraint === Operand.Any
                ? '?'
                : '';
        const late = (info & Operand.Late) !== 0 ? 1 : 0;
        const isDef = (info & Operand.Def) !== 0;
        operands.push(
          `${isDef ? 'def ' : ''}%${vcode.operandVReg[k]}${where}${OPERAND_NAMES[isDef ? 0 : late]}`,
        );
      }
      const mem = vcode.mem[raw] === 0 ? '' : ` mem ${vcode.mem[raw].toString(16)}+${vcode.disp[raw]}`;
      const imm = vcode.imm[raw] === 0 ? '' : ` #${vcode.imm[raw]}`;
      lines.push(`  ${i}: ${name(vcode.op[raw])} ${operands.join(', ')}${imm}${mem}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** `aux` of a call instruction. */
export const enum CallFlag {
  /** The pinned registers may have changed: reload them. */
  RestoreInstance = 1,
}

/** Number of successors of a block. */
export const numSuccs = (vcode: VCode, b: number): number => vcode.succStart[b + 1] - vcode.succStart[b];
