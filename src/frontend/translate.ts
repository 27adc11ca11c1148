// Translates one validated function body to SSA: decoding, validation and translation are one pass, driven from
// here. Input: module tables, layout, function index. Output: ir.Func (src/ir/func.ts), not optimised.
//
// The translator mirrors the validator's frames and keeps its own operand stack of values. Code that cannot run is
// validated and not translated: `ssa.current` is NONE there. Control is in translate_control.ts, memory accesses
// and bulk operations in translate_memory.ts, tables and references in translate_table.ts, calls in
// translate_call.ts; here are the driver, locals, globals, constants and numeric operators.
import type { TrapKind } from '../abi/layout.ts';
import { Op } from '../ir/opcodes.ts';
import { IntCC, Region, Type } from '../ir/types.ts';
import { NONE, type Func, type Value } from '../ir/func.ts';
import { IntColumn } from '../support/int_column.ts';
import { InstBuilder } from './inst_builder.ts';
import { irType, type ModuleLayout } from './layout.ts';
import type { Module } from './module.ts';
import { ACCESS_KIND, EQZ_FORM, NUMERIC_FORM, NUMERIC_IMM, NUMERIC_OP, NUMERIC_TYPE } from './numeric.ts';
import { Op as Wasm } from './opcodes.ts';
import { SsaBuilder } from './ssa_builder.ts';
import { translateCall } from './translate_call.ts';
import { ControlFrames, translateControl } from './translate_control.ts';
import { translateAccess, translateMemoryOp } from './translate_memory.ts';
import { translateTableOp } from './translate_table.ts';
import { FuncValidator } from './validate.ts';

/** Everything that the parts of the translation share. One for many functions; memory is reused. */
export class Translator {
  readonly module: Module;
  readonly layout: ModuleLayout;
  readonly validator: FuncValidator;
  readonly ssa = new SsaBuilder();
  readonly build: InstBuilder;
  readonly frames = new ControlFrames();
  func!: Func;
  /** Operand stack: values[0 .. height). */
  readonly values = new IntColumn(256);
  /** Space for argument lists. */
  readonly list = new IntColumn(64);
  private varTypes = new Int32Array(64);

  constructor(module: Module, layout: ModuleLayout) {
    this.module = module;
    this.layout = layout;
    this.validator = new FuncValidator(module);
    this.build = new InstBuilder(this.ssa);
  }

  /** Translates function `index` (a defined one) into `func`. Throws WasmError when the body is invalid. */
  translate(index: number, func: Func): void {
    const v = this.validator;
    const { ssa, build } = this;
    func.reset(index, this.module.funcType.data[index]);
    this.func = func;
    build.func = func;
    build.loc = -1;
    this.values.clear();
    v.begin(index);
    this.beginLocals();
    this.frames.begin();
    while (v.step()) {
      build.loc = v.opOffset;
      const op = v.op;
      if (translateControl(this, op)) continue;
      if (ssa.current !== NONE) this.translateOperator(op);
    }
    build.loc = v.opOffset;
    translateControl(this, Wasm.End);
    ssa.finish();
  }

  push(value: Value): void {
    this.values.push(value);
  }

  pop(): Value {
    return this.values.data[--this.values.length];
  }

  /** Ends the current block for good: what follows is unreachable. */
  trap(kind: TrapKind): void {
    this.build.append(Op.Unreachable, Type.None, kind);
    this.ssa.leave();
  }

  private beginLocals(): void {
    const { validator: v, ssa, build, func } = this;
    const count = v.localCount;
    if (this.varTypes.length < count) this.varTypes = new Int32Array(count * 2);
    for (let i = 0; i < count; i++) this.varTypes[i] = irType(v.localType[i]);
    ssa.begin(func, count, this.varTypes);
    const entry = ssa.newBlock();
    ssa.seal(entry);
    ssa.switchTo(entry);
    const params = this.layout.signatures.numParams(func.sig);
    this.list.clear();
    for (let i = 0; i < params; i++) {
      const param = func.newInst(Op.Param, this.varTypes[i], entry, i);
      this.list.push(param);
      ssa.setVar(i, param);
    }
    func.setParams(entry, this.list.data, 0, params);
    // One zero for each type serves all locals: it is a constant and costs nothing where unused.
    const zeros = [NONE, NONE, NONE, NONE, NONE, NONE, NONE];
    for (let i = params; i < count; i++) {
      const type = this.varTypes[i];
      if (zeros[type] === NONE) zeros[type] = build.zero(type);
      ssa.setVar(i, zeros[type]);
    }
  }

  private translateOperator(op: number): void {
    const form = NUMERIC_FORM[op];
    if (form !== 0) {
      this.translateNumeric(op, form);
      return;
    }
    if (ACCESS_KIND[op] !== 0) {
      translateAccess(this, op);
      return;
    }
    const { validator: v, build, ssa } = this;
    switch (op) {
      case Wasm.LocalGet:
        this.push(ssa.getVar(v.imm0));
        break;
      case Wasm.LocalSet:
        ssa.setVar(v.imm0, this.pop());
        break;
      case Wasm.LocalTee:
        ssa.setVar(v.imm0, this.values.data[this.values.length - 1]);
        break;
      case Wasm.I32Const:
        this.push(build.iconst(Type.I32, v.lo));
        break;
      case Wasm.I64Const:
        this.push(build.iconst(Type.I64, v.lo, v.hi));
        break;
      case Wasm.F32Const:
        this.push(build.append(Op.FConst, Type.F32, v.lo, 0));
        break;
      case Wasm.F64Const:
        this.push(build.append(Op.FConst, Type.F64, v.lo, v.hi));
        break;
      case Wasm.GlobalGet:
        this.push(this.globalGet(v.imm0));
        break;
      case Wasm.GlobalSet:
        this.globalSet(v.imm0, this.pop());
        break;
      case Wasm.Drop:
        this.values.length--;
        break;
      case Wasm.Select:
      case Wasm.SelectT: {
        const condition = this.pop();
        const otherwise = this.pop();
        const then = this.pop();
        const inst = build.append(Op.Select, this.func.type[then]);
        this.func.setArgs3(inst, condition, then, otherwise);
        this.push(inst);
        break;
      }
      default:
        if (translateCall(this, op) || translateMemoryOp(this, op) || translateTableOp(this, op)) break;
        throw new Error(`no translation for operator 0x${op.toString(16)}`);
    }
  }

  private translateNumeric(op: number, form: number): void {
    const { build, values } = this;
    const irOp: Op = NUMERIC_OP[op];
    const type: Type = NUMERIC_TYPE[op];
    const top = values.length - 1;
    if (form === 1) {
      values.data[top] = build.unary(irOp, type, values.data[top]);
    } else if (form === EQZ_FORM) {
      const value = values.data[top];
      values.data[top] = build.icmp(IntCC.Eq, value, build.iconst(this.func.type[value], 0));
    } else {
      values.length = top;
      values.data[top - 1] = build.binary(
        irOp,
        type,
        values.data[top - 1],
        values.data[top],
        NUMERIC_IMM[op],
      );
    }
  }

  private globalGet(global: number): Value {
    const { module, layout, build } = this;
    const type = irType(module.globalType.data[global]);
    const offset = layout.globalOffset[global];
    const mutable = module.globalMutable.data[global] !== 0;
    const region = mutable ? Region.Global | (global << Region.IndexShift) : Region.Const;
    if (global < module.importedGlobals)
      return build.nload(type, build.ctxConst(Type.I64, offset), 0, region);
    return build.ctxLoad(type, offset, region);
  }

  private globalSet(global: number, value: Value): void {
    const { module, layout, build } = this;
    const type = irType(module.globalType.data[global]);
    const region = Region.Global | (global << Region.IndexShift);
    const offset = layout.globalOffset[global];
    if (global < module.importedGlobals)
      build.nstore(type, build.ctxConst(Type.I64, offset), 0, region, value);
    else build.ctxStore(type, offset, region, value);
  }
}
