// Validation of function bodies and constant expressions (specification 3.4 and appendix A.3), as a cursor that a
// translator drives: decode, validate and translate are one pass.
//
//   const v = new FuncValidator(module);          // one for many functions; all memory is reused
//   v.begin(func);                                // locals decoded, function frame pushed
//   while (v.step()) {                            // decodes and validates ONE operator
//     if (!v.wasReachable) continue;              // (keep count of frames: see below)
//     switch (v.op) { ... }                       // translate from the fields
//   }                                             // false: the final `end` has been passed, body consumed
//
// After step():
//   op, opOffset       the operator and its absolute byte offset
//   imm0 imm1 imm2     immediates, lo hi words labels: see Imm in immediates.ts, by OP_IMM[op]
//   wasReachable       whether the operator can execute (state BEFORE it): translate nothing where false
//   reachable          whether what follows can execute (state AFTER it): by control flow, so after the `end` of a
//                      block that no reachable branch targets and whose body does not fall through it is false
//   stack, height      types of the operand stack AFTER the operator (int32 value types, Bottom in unreachable code)
//   block*             of block, loop, if, try_table: ranges of module.types.pool, first index and count
//   depth              number of frames AFTER the operator; frame 0 is the function body, depth - 1 the innermost
//   ctl*               columns by frame. Label l of an operator is frame depth - 1 - l (frameOfLabel). `block`,
//                      `loop`, `if` push their frame; `else` renews the innermost one in place; `end` pops: its
//                      entries stay readable at index depth until the next push. Frames are pushed and popped in
//                      unreachable code too (ctlEntryReachable is then 0), so a translator's own frame stack stays parallel.
//   ctlHeight          height of the operand stack below the block's parameters
//   ctlParam/ctlResult types: ranges of module.types.pool: first index and count
//   labelFirst(l), labelCount(l)  types that a branch to label l carries (a loop's parameters, else the results)
//
//   localType, localCount, paramCount   types of all locals, parameters first
//
// At an `end` or `else` reached from unreachable code (`wasReachable` false) the stack holds the block's results (or
// parameters) again. Functions are independent: each worker decodes the module itself and takes a range of functions.
import { IntColumn } from '../support/int_column.ts';
import { validateControl } from './validate_control.ts';
import { decodeImmediates } from './decode_immediates.ts';
import { invalid, malformed } from './errors.ts';
import { unsupported } from './features.ts';
import { Imm } from './immediates.ts';
import { checkLimit, Limit } from './limits.ts';
import type { Module } from './module.ts';
import { OP_LIMIT, Op } from './opcodes.ts';
import {
  ADDRESS_TYPE,
  OP_IMM,
  OP_OPERANDS,
  OP_PROPOSAL,
  OP_RESULTS,
  OP_SIMPLE,
  opName,
} from './operators.ts';
import { Reader } from './reader.ts';
import { isDefaultable, isRef, typeName, ValType } from './types.ts';
import type { TypeTable } from './types.ts';
import { readValueType } from './value_type.ts';
import { validateVariable } from './validate_variable.ts';

/** Cursor and type checker over one function body or constant expression at a time; see the top of the file. */
export class FuncValidator {
  readonly module: Module;
  readonly types: TypeTable;
  /** The body; `r.pos` is where the next operator starts. */
  readonly r: Reader;

  op: Op = Op.Nop;
  opOffset = 0;
  imm0 = 0;
  imm1 = 0;
  imm2 = 0;
  lo = 0;
  hi = 0;
  readonly words = new Int32Array(4);
  readonly labels = new IntColumn();
  blockParamFirst = 0;
  blockParamCount = 0;
  blockResultFirst = 0;
  blockResultCount = 0;
  /** Address type of the memory or table that the operator names first. */
  addressType: number = ValType.I32;

  wasReachable = true;
  reachable = true;
  stack: Int32Array = new Int32Array(1024);
  height = 0;
  /** ctlHeight of the innermost frame: operands below it belong to outer frames. */
  base = 0;
  /** Whether the innermost frame's operand stack is polymorphic (after an unconditional branch). */
  polymorphic = false;

  depth = 0;
  ctlOp: Int32Array = new Int32Array(64);
  ctlHeight: Int32Array = new Int32Array(64);
  ctlParamFirst: Int32Array = new Int32Array(64);
  ctlParamCount: Int32Array = new Int32Array(64);
  ctlResultFirst: Int32Array = new Int32Array(64);
  ctlResultCount: Int32Array = new Int32Array(64);
  /** 1 if the block's first operator can execute. */
  ctlEntryReachable: Int32Array = new Int32Array(64);
  /** 1 if something reachable leads to the block's end other than falling through from where the cursor is. */
  ctlTargeted: Int32Array = new Int32Array(64);
  ctlPolymorphic: Int32Array = new Int32Array(64);
  ctlInitHeight: Int32Array = new Int32Array(64);

  /** The function, or -1 in a constant expression. */
  func = -1;
  localType: Int32Array = new Int32Array(256);
  localCount = 0;
  paramCount = 0;
  /** Whether some local has no default value, so that `localSet` counts. */
  tracksInit = false;
  /** By local: 1 if it has a value here. */
  localSet: Uint8Array = new Uint8Array(256);
  /** Locals set since, innermost last; frames remember its length in ctlInitHeight. */
  readonly initStack = new IntColumn();

  /** By index in types.pool: the series of checkOnce that checked the list starting there. */
  private checkedBy: Int32Array = new Int32Array(0);
  private checkSerial = 0;

  constructor(module: Module) {
    this.module = module;
    this.types = module.types;
    this.r = new Reader(module.bytes);
  }

  /** Starts the body of a defined function (an index of the function space): reads its locals, pushes its frame. */
  begin(func: number): void {
    const m = this.module;
    const body = func - m.importedFuncs;
    const type = m.funcType.data[func];
    const t = this.types;
    this.func = func;
    this.r.pos = m.bodyStart.data[body]!;
    this.r.end = m.bodyEnd.data[body]!;
    this.opOffset = this.r.pos;
    this.localCount = 0;
    this.tracksInit = false;
    this.paramCount = t.paramCount.data[type]!;
    const first = t.first.data[type];
    for (let i = 0; i < this.paramCount; i++) this.addLocals(1, t.pool.data[first + i], 1);
    this.readLocals();
    this.start(t.firstResult.data[type], t.resultCount.data[type]);
  }

  /** Starts a constant expression at byte `pos` that gives one value of `type`; step() to its `end`. */
  beginConst(pos: number, end: number, type: number): void {
    this.func = -1;
    this.r.pos = pos;
    this.r.end = end;
    this.opOffset = pos;
    this.localCount = 0;
    this.paramCount = 0;
    this.tracksInit = false;
    this.start(this.types.single(type), 1);
  }

  private start(resultFirst: number, resultCount: number): void {
    this.height = 0;
    this.depth = 0;
    this.initStack.clear();
    this.reachable = true;
    this.op = Op.Block;
    this.pushFrame(0, 0, resultFirst, resultCount);
  }

  private readLocals(): void {
    const r = this.r;
    const offset = r.pos;
    const groups = r.u32();
    let total = this.localCount;
    for (let g = 0; g < groups; g++) {
      const count = r.u32();
      const type = readValueType(this.module, r);
      total += count;
      if (total <= Limit.Locals) this.addLocals(count, type, isDefaultable(type) ? 1 : 0);
    }
    if (total - this.paramCount > 0xffffffff) malformed(offset, 'too many locals');
    checkLimit(total, Limit.Locals, offset, 'locals');
  }

  private addLocals(count: number, type: number, isSet: number): void {
    const from = this.localCount;
    const to = from + count;
    if (to > this.localType.length) {
      const types = new Int32Array(Math.max(to, this.localType.length * 2));
      types.set(this.localType);
      this.localType = types;
      const sets = new Uint8Array(types.length);
      sets.set(this.localSet);
      this.localSet = sets;
    }
    this.localType.fill(type, from, to);
    this.localSet.fill(isSet, from, to);
    if (isSet === 0 && count > 0) this.tracksInit = true;
    this.localCount = to;
  }

  /** Decodes and validates the next operator; false once the final `end` has been passed. */
  step(): boolean {
    const r = this.r;
    const start = r.pos;
    this.opOffset = start;
    if (start >= r.end) malformed(start, 'unexpected end: END opcode expected');
    let op = r.bytes[start];
    r.pos = start + 1;
    if (op >= 0xfb) op = this.prefixed(op);
    this.op = op;
    this.wasReachable = this.reachable;
    const imm = OP_IMM[op];
    if (imm !== Imm.None) {
      if (imm === Imm.Unassigned) malformed(start, `illegal opcode 0x${op.toString(16)}`);
      if (OP_PROPOSAL[op] !== 0) this.useOperator(op);
      decodeImmediates(this, imm);
    } else if (OP_PROPOSAL[op] !== 0) this.useOperator(op);
    if (OP_SIMPLE[op] === 1) {
      let operands = OP_OPERANDS[op];
      while (operands !== 0) {
        const type = operands & 15;
        this.pop(type === ADDRESS_TYPE ? this.addressType : type);
        operands >>>= 4;
      }
      let results = OP_RESULTS[op];
      while (results !== 0) {
        this.push(results & 15);
        results >>>= 4;
      }
      return true;
    }
    if (op >= Op.LocalGet) {
      validateVariable(this, op);
      return true;
    }
    return validateControl(this, op);
  }

  /** The operator code of a prefix byte and the u32 that follows. */
  private prefixed(prefix: number): number {
    const code = this.r.u32();
    let op = OP_LIMIT;
    if (prefix === 0xfb && code < 0x100) op = 0x100 + code;
    else if (prefix === 0xfc && code < 0x100) op = 0x200 + code;
    else if (prefix === 0xfe && code < 0x100) op = 0x300 + code;
    else if (prefix === 0xfd && code < 0x200) op = 0x400 + code;
    if (op === OP_LIMIT || OP_IMM[op] === Imm.Unassigned)
      malformed(this.opOffset, `illegal opcode 0x${prefix.toString(16)} 0x${code.toString(16)}`);
    return op;
  }

  private useOperator(op: number): void {
    const proposal = OP_PROPOSAL[op];
    this.module.used |= 1 << proposal;
    if (((this.module.features >> proposal) & 1) === 0)
      unsupported(proposal, this.opOffset, `the operator ${opName(op)}`);
  }

  /** Pushes an operand type. */
  push(type: number): void {
    const h = this.height;
    if (h === this.stack.length) this.stack = grown(this.stack);
    this.stack[h] = type;
    this.height = h + 1;
  }

  /** Pops an operand that must match `expected`; returns its type (Bottom if the stack is polymorphic there). */
  pop(expected: number): number {
    const h = this.height - 1;
    if (h < this.base) return this.popPolymorphic(expected);
    const type = this.stack[h];
    this.height = h;
    if (type !== expected && !this.types.isSubtype(type, expected)) this.mismatch(expected, type);
    return type;
  }

  private popPolymorphic(expected: number): number {
    if (!this.polymorphic)
      invalid(
        this.opOffset,
        `type mismatch: ${opName(this.op)} needs ${typeName(expected)} but the stack is empty`,
      );
    return ValType.Bottom;
  }

  /** Pops an operand of any type. */
  popAny(): number {
    const h = this.height - 1;
    if (h < this.base) {
      if (!this.polymorphic)
        invalid(this.opOffset, `type mismatch: ${opName(this.op)} needs an operand but the stack is empty`);
      return ValType.Bottom;
    }
    this.height = h;
    return this.stack[h];
  }

  /** Pops a reference (or Bottom). */
  popRef(): number {
    const type = this.popAny();
    if (type !== ValType.Bottom && !isRef(type))
      invalid(this.opOffset, `type mismatch: ${opName(this.op)} needs a reference, found ${typeName(type)}`);
    return type;
  }

  /** Pops operands that match types.pool[first, first + count), the last on top. */
  popList(first: number, count: number): void {
    for (let i = first + count - 1; i >= first; i--) this.pop(this.types.pool.data[i]);
  }

  /** Pushes types.pool[first, first + count). */
  pushList(first: number, count: number): void {
    for (let i = first; i < first + count; i++) this.push(this.types.pool.data[i]);
  }

  /** Checks that the topmost operands match the list without popping them. */
  checkList(first: number, count: number): void {
    const pool = this.types.pool.data;
    let h = this.height;
    for (let i = first + count - 1; i >= first; i--) {
      h--;
      if (h < this.base) {
        this.popPolymorphic(pool[i]);
        continue;
      }
      const type = this.stack[h];
      if (type !== pool[i] && !this.types.isSubtype(type, pool[i])) this.mismatch(pool[i], type);
    }
  }

  /** Starts a series of checkOnce. */
  beginChecks(): void {
    const size = this.types.pool.length;
    if (this.checkedBy.length < size) this.checkedBy = new Int32Array(size * 2);
    this.checkSerial++;
  }

  /** checkList, but at most once for a list in a series: a br_table may name 65,520 labels of 1,000 types each. */
  checkOnce(first: number, count: number): void {
    if (this.checkedBy[first] === this.checkSerial) return;
    this.checkedBy[first] = this.checkSerial;
    this.checkList(first, count);
  }

  private mismatch(expected: number, found: number): never {
    invalid(
      this.opOffset,
      `type mismatch: ${opName(this.op)} needs ${typeName(expected)}, found ${typeName(found)}`,
    );
  }

  /** Index in the ctl columns of the frame that a label names (immediates are checked when decoded: label < depth). */
  frameOfLabel(label: number): number {
    return this.depth - 1 - label;
  }

  /** First index in types.pool of the types that a branch to the label carries. */
  labelFirst(label: number): number {
    const frame = this.frameOfLabel(label);
    return this.ctlOp[frame] === Op.Loop ? this.ctlParamFirst[frame] : this.ctlResultFirst[frame];
  }

  /** Number of values that a branch to the label carries. */
  labelCount(label: number): number {
    const frame = this.frameOfLabel(label);
    return this.ctlOp[frame] === Op.Loop ? this.ctlParamCount[frame] : this.ctlResultCount[frame];
  }

  /** Notes a branch from the current operator to the label. */
  target(label: number): void {
    if (this.reachable) this.ctlTargeted[this.frameOfLabel(label)] = 1;
  }

  /** Pushes a frame for the current operator, its parameters already popped, and the parameters in it. */
  pushFrame(paramFirst: number, paramCount: number, resultFirst: number, resultCount: number): void {
    const d = this.depth;
    if (d === this.ctlOp.length) this.growFrames();
    if (d > 0) this.ctlPolymorphic[d - 1] = this.polymorphic ? 1 : 0;
    this.depth = d + 1;
    this.ctlOp[d] = this.op;
    this.ctlHeight[d] = this.height;
    this.ctlParamFirst[d] = paramFirst;
    this.ctlParamCount[d] = paramCount;
    this.ctlResultFirst[d] = resultFirst;
    this.ctlResultCount[d] = resultCount;
    this.ctlEntryReachable[d] = this.reachable ? 1 : 0;
    this.ctlTargeted[d] = 0;
    this.ctlInitHeight[d] = this.initStack.length;
    this.base = this.height;
    this.polymorphic = false;
    this.pushList(paramFirst, paramCount);
  }

  /** Checks that the innermost block's results, and nothing else, are on the stack; pops its frame. */
  popFrame(): void {
    const d = this.depth - 1;
    this.popList(this.ctlResultFirst[d], this.ctlResultCount[d]);
    if (this.height !== this.base)
      invalid(
        this.opOffset,
        `type mismatch: ${this.height - this.base} values remain on the stack at the end of a block`,
      );
    if (this.tracksInit) this.forgetLocals(this.ctlInitHeight[d]);
    this.depth = d;
    if (d > 0) {
      this.base = this.ctlHeight[d - 1]!;
      this.polymorphic = this.ctlPolymorphic[d - 1] === 1;
    }
  }

  private forgetLocals(height: number): void {
    for (let i = this.initStack.length - 1; i >= height; i--) this.localSet[this.initStack.data[i]] = 0;
    this.initStack.length = height;
  }

  /** The rest of the block cannot execute: its operand stack becomes polymorphic. */
  setUnreachable(): void {
    this.height = this.base;
    this.polymorphic = true;
    this.reachable = false;
  }

  /** After the final `end`: nothing may follow. */
  finish(): false {
    if (this.func >= 0 && this.r.pos !== this.r.end)
      malformed(this.r.pos, 'section size mismatch: bytes after the end of the function');
    return false;
  }

  private growFrames(): void {
    this.ctlOp = grown(this.ctlOp);
    this.ctlHeight = grown(this.ctlHeight);
    this.ctlParamFirst = grown(this.ctlParamFirst);
    this.ctlParamCount = grown(this.ctlParamCount);
    this.ctlResultFirst = grown(this.ctlResultFirst);
    this.ctlResultCount = grown(this.ctlResultCount);
    this.ctlEntryReachable = grown(this.ctlEntryReachable);
    this.ctlTargeted = grown(this.ctlTargeted);
    this.ctlPolymorphic = grown(this.ctlPolymorphic);
    this.ctlInitHeight = grown(this.ctlInitHeight);
  }
}

function grown(column: Int32Array): Int32Array {
  const larger = new Int32Array(column.length * 2);
  larger.set(column);
  return larger;
}

/** Validates the bodies of defined functions [from, to) (indices of the function space). */
export function validateFunctions(m: Module, from = m.importedFuncs, to = m.funcCount): void {
  const v = new FuncValidator(m);
  for (let func = from; func < to; func++) {
    v.begin(func);
    while (v.step());
  }
}
