// The one table of x86_64 instruction forms: encoding, operands, roles. Encoder, printer, emission and tests read it.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.
//
// Ids come in families: +0 is the 32-bit (or single precision) form, +1 the 64-bit (or double) form. An ALU family has
// six forms (AluForm). Ids from X.FirstPseudo on are pseudo instructions: emit.ts writes them as short sequences.

/** Forms of an ALU family; add 1 for 64 bits. */
export const enum AluForm {
  /** op r, r/m */
  Rm = 0,
  /** op r/m, r */
  Mr = 2,
  /** op r/m, imm */
  Imm = 4,
}

export const enum X {
  Add = 0,
  Or = 6,
  And = 12,
  Sub = 18,
  Xor = 24,
  Cmp = 30,
  /** test r/m, r */
  Test = 36,
  TestI = 38,
  Mov = 40,
  MovStore = 42,
  MovStore8 = 44,
  MovStore16 = 45,
  MovStoreI = 46,
  MovStoreI8 = 48,
  MovStoreI16 = 49,
  /** mov r32, imm32; mov r64, sign-extended imm32 */
  MovI = 50,
  /** mov r64, imm64 (imm low, imm2 high) */
  MovAbs = 52,
  Movzx8 = 53,
  Movzx16 = 54,
  Movsx8 = 55,
  Movsx16 = 57,
  Movsxd = 59,
  Lea = 60,
  Imul = 62,
  ImulI = 64,
  Neg = 66,
  Not = 68,
  Mul = 70,
  ImulWide = 72,
  Div = 74,
  Idiv = 76,
  /** cdq, cqo */
  Cdq = 78,
  ShlI = 80,
  ShrI = 82,
  SarI = 84,
  RolI = 86,
  RorI = 88,
  ShlCl = 90,
  ShrCl = 92,
  SarCl = 94,
  RolCl = 96,
  RorCl = 98,
  Shlx = 100,
  Shrx = 102,
  Sarx = 104,
  Rorx = 106,
  Bsf = 108,
  Bsr = 110,
  Tzcnt = 112,
  Lzcnt = 114,
  Popcnt = 116,
  /** setcc r/m8; imm: condition */
  Setcc = 118,
  /** cmovcc r, r/m; imm: condition */
  Cmovcc = 120,
  Push = 122,
  Pop = 123,
  Ret = 124,
  RetN = 125,
  CallM = 126,
  JmpM = 127,
  Ldmxcsr = 128,
  Stmxcsr = 129,
  Wrgsbase = 130,
  Rdgsbase = 131,
  /** movss, movsd load */
  MovsLoad = 132,
  MovsStore = 134,
  Movaps = 136,
  MovupsLoad = 137,
  MovupsStore = 138,
  /** movd x, r32; movq x, r64 */
  MovGprToXmm = 140,
  MovXmmToGpr = 142,
  Adds = 144,
  Subs = 146,
  Muls = 148,
  Divs = 150,
  Mins = 152,
  Maxs = 154,
  Sqrts = 156,
  Ucomis = 158,
  Andp = 160,
  Andnp = 162,
  Orp = 164,
  Xorp = 166,
  Cvtss2sd = 168,
  Cvtsd2ss = 169,
  /** r32 or r64 to float; +0/+1: 32, 64 bits to single; +2/+3 to double */
  Cvtsi2ss = 170,
  Cvtsi2sd = 172,
  Cvttss2si = 174,
  Cvttsd2si = 176,
  /** imm8: rounding mode */
  Rounds = 178,
  Ud2 = 180,
  Nop = 181,
  Bt = 182,
  Andn = 184,
  Blsr = 186,
  Adc = 188,
  Sbb = 190,
  /** imm8: predicate (Cmp8) */
  Cmps = 192,
  /** cmp, test m8, imm8 */
  CmpI8 = 196,
  TestI8 = 197,
  FirstPseudo = 200,
}

/** Operand arrangement in the bytes. */
export const enum Fmt {
  /** No operands. */
  None,
  /** ModRM.reg, ModRM.rm */
  Rm,
  /** ModRM.rm, ModRM.reg */
  Mr,
  /** ModRM.rm, opcode extension in ModRM.reg */
  M,
  /** Register in the opcode byte. */
  O,
  /** VEX: reg, rm, vvvv */
  Rmv,
  /** VEX: reg, vvvv, rm */
  Rvm,
  /** VEX: vvvv, rm with opcode extension */
  Vm,
}

/** Operands of a VCode instruction of the row, before those of its memory operand (`rm` is absent if that is memory). */
export const enum Role {
  None,
  /** def reg, use rm */
  DefRm,
  /** def reg (reuses 1), use reg, use rm */
  DefUseRm,
  /** use reg, use rm */
  UseRm,
  /** def rm, use reg */
  DefOfRm,
  /** def rm (reuses 1), use rm; immediate or cl. With memory: none. */
  Modify,
  /** use rm; with memory none */
  Use,
  /** def reg */
  Def,
  /** def reg, use rm, use vvvv */
  DefRmV,
  /** def reg, use vvvv, use rm */
  DefVRm,
}

/** Immediate of a row. */
export const enum ImmKind {
  None,
  /** One byte. */
  I8,
  /** Two bytes. */
  I16,
  /** Four bytes. */
  I32,
  /** One byte (opcode | 2) if it fits, else four. */
  I8or32,
  /** One byte, left out (opcode | 0x10) if it is 1. */
  Shift,
  /** Eight bytes. */
  I64,
  /** No bytes: the condition code is added to the opcode. */
  Condition,
}

/** Kind of register in a field, for names and for byte registers' REX. */
export const enum RegKind {
  None,
  G8,
  G16,
  G32,
  G64,
  Xmm,
}

export interface Row {
  readonly mnemonic: string;
  readonly fmt: Fmt;
  readonly role: Role;
  /** Mandatory prefix: 0, 0x66, 0xf2, 0xf3. */
  readonly prefix: number;
  /** Opcode map: 0 one byte, 1 0F, 2 0F38, 3 0F3A. */
  readonly map: number;
  readonly opcode: number;
  readonly w: number;
  /** ModRM.reg extension, or -1. */
  readonly digit: number;
  readonly imm: ImmKind;
  readonly reg: RegKind;
  readonly rm: RegKind;
  /** Bytes of a memory operand. */
  readonly memBytes: number;
  readonly vex: boolean;
  /** The register form exists; the memory form exists. */
  readonly hasReg: boolean;
  readonly hasMem: boolean;
}

/** Rows by id; ids without a row are null. */
export const ROWS: (Row | null)[] = new Array<Row | null>(X.FirstPseudo).fill(null);

interface Spec {
  fmt?: Fmt;
  role?: Role;
  p?: number;
  map?: number;
  w?: number;
  digit?: number;
  imm?: ImmKind;
  reg?: RegKind;
  rm?: RegKind;
  bytes?: number;
  vex?: boolean;
  only?: 'reg' | 'mem';
}

const kindBytes = [0, 1, 2, 4, 8, 16];

function set(id: number, mnemonic: string, opcode: number, spec: Spec): void {
  if (ROWS[id] !== null) throw new Error(`instruction ${id} (${mnemonic}) is defined twice`);
  const rm = spec.rm ?? RegKind.None;
  ROWS[id] = {
    mnemonic,
    opcode,
    fmt: spec.fmt ?? Fmt.Rm,
    role: spec.role ?? Role.None,
    prefix: spec.p ?? 0,
    map: spec.map ?? 0,
    w: spec.w ?? 0,
    digit: spec.digit ?? -1,
    imm: spec.imm ?? ImmKind.None,
    reg: spec.reg ?? RegKind.None,
    rm,
    memBytes: spec.bytes ?? kindBytes[rm],
    vex: spec.vex ?? false,
    hasReg: spec.only !== 'mem',
    hasMem: spec.only !== 'reg' && rm !== RegKind.None,
  };
}

/** Sets the 32-bit and the 64-bit row of a family; integer fields get their width. */
function both(id: number, mnemonic: string, opcode: number, spec: Spec): void {
  for (let w = 0; w < 2; w++) {
    const kind = w === 0 ? RegKind.G32 : RegKind.G64;
    const fmt = spec.fmt ?? Fmt.Rm;
    set(id + w, mnemonic, opcode, { reg: fmt === Fmt.M ? RegKind.None : kind, rm: kind, ...spec, w });
  }
}

/** Single and double precision rows, told apart by the prefix. */
function floats(id: number, mnemonic: string, opcode: number, spec: Spec): void {
  const scalar = { reg: RegKind.Xmm, rm: RegKind.Xmm, map: 1 };
  set(id, `${mnemonic}s`, opcode, { ...scalar, p: 0xf3, bytes: 4, ...spec });
  set(id + 1, `${mnemonic}d`, opcode, { ...scalar, p: 0xf2, bytes: 8, ...spec });
}

function packed(
  id: number,
  mnemonic: string,
  opcode: number,
  bytes: readonly [number, number],
  role: Role,
): void {
  set(id, `${mnemonic}s`, opcode, { map: 1, reg: RegKind.Xmm, rm: RegKind.Xmm, bytes: bytes[0], role });
  set(id + 1, `${mnemonic}d`, opcode, {
    map: 1,
    p: 0x66,
    reg: RegKind.Xmm,
    rm: RegKind.Xmm,
    bytes: bytes[1],
    role,
  });
}

function alu(id: number, mnemonic: string, digit: number): void {
  const compares = digit === 7;
  both(id + AluForm.Rm, mnemonic, digit * 8 + 3, { role: compares ? Role.UseRm : Role.DefUseRm });
  both(id + AluForm.Mr, mnemonic, digit * 8 + 1, { fmt: Fmt.Mr, role: Role.UseRm });
  both(id + AluForm.Imm, mnemonic, 0x81, {
    fmt: Fmt.M,
    role: compares ? Role.Use : Role.Modify,
    digit,
    imm: ImmKind.I8or32,
  });
}

alu(X.Add, 'add', 0);
alu(X.Or, 'or', 1);
alu(X.And, 'and', 4);
alu(X.Sub, 'sub', 5);
alu(X.Xor, 'xor', 6);
alu(X.Cmp, 'cmp', 7);
both(X.Adc, 'adc', 0x13, { role: Role.DefUseRm });
both(X.Sbb, 'sbb', 0x1b, { role: Role.DefUseRm });
both(X.Test, 'test', 0x85, { fmt: Fmt.Mr, role: Role.UseRm });
both(X.TestI, 'test', 0xf7, { fmt: Fmt.M, role: Role.Use, digit: 0, imm: ImmKind.I32 });
for (const [id, mnemonic, opcode, digit] of [
  [X.CmpI8, 'cmp', 0x80, 7],
  [X.TestI8, 'test', 0xf6, 0],
] as const)
  set(id, mnemonic, opcode, {
    fmt: Fmt.M,
    role: Role.Use,
    digit,
    imm: ImmKind.I8,
    rm: RegKind.G8,
    only: 'mem',
  });
both(X.Mov, 'mov', 0x8b, { role: Role.DefRm });
both(X.MovStore, 'mov', 0x89, { fmt: Fmt.Mr, role: Role.UseRm, only: 'mem' });
set(X.MovStore8, 'mov', 0x88, {
  fmt: Fmt.Mr,
  role: Role.UseRm,
  reg: RegKind.G8,
  rm: RegKind.G8,
  only: 'mem',
});
set(X.MovStore16, 'mov', 0x89, {
  fmt: Fmt.Mr,
  role: Role.UseRm,
  p: 0x66,
  reg: RegKind.G16,
  rm: RegKind.G16,
  only: 'mem',
});
both(X.MovStoreI, 'mov', 0xc7, { fmt: Fmt.M, role: Role.Use, digit: 0, imm: ImmKind.I32, only: 'mem' });
set(X.MovStoreI8, 'mov', 0xc6, {
  fmt: Fmt.M,
  role: Role.Use,
  digit: 0,
  imm: ImmKind.I8,
  rm: RegKind.G8,
  only: 'mem',
});
set(X.MovStoreI16, 'mov', 0xc7, {
  fmt: Fmt.M,
  role: Role.Use,
  digit: 0,
  imm: ImmKind.I16,
  p: 0x66,
  rm: RegKind.G16,
  only: 'mem',
});
set(X.MovI, 'mov', 0xb8, { fmt: Fmt.O, role: Role.Def, imm: ImmKind.I32, reg: RegKind.G32 });
set(X.MovI + 1, 'mov', 0xc7, {
  fmt: Fmt.M,
  role: Role.Def,
  digit: 0,
  w: 1,
  imm: ImmKind.I32,
  rm: RegKind.G64,
  only: 'reg',
});
set(X.MovAbs, 'movabs', 0xb8, { fmt: Fmt.O, role: Role.Def, w: 1, imm: ImmKind.I64, reg: RegKind.G64 });
set(X.Movzx8, 'movzx', 0xb6, { role: Role.DefRm, map: 1, reg: RegKind.G32, rm: RegKind.G8 });
set(X.Movzx16, 'movzx', 0xb7, { role: Role.DefRm, map: 1, reg: RegKind.G32, rm: RegKind.G16 });
both(X.Movsx8, 'movsx', 0xbe, { role: Role.DefRm, map: 1, rm: RegKind.G8 });
both(X.Movsx16, 'movsx', 0xbf, { role: Role.DefRm, map: 1, rm: RegKind.G16 });
set(X.Movsxd, 'movsxd', 0x63, { role: Role.DefRm, w: 1, reg: RegKind.G64, rm: RegKind.G32 });
both(X.Lea, 'lea', 0x8d, { role: Role.DefRm, only: 'mem', bytes: 0 });
both(X.Imul, 'imul', 0xaf, { role: Role.DefUseRm, map: 1 });
both(X.ImulI, 'imul', 0x69, { role: Role.DefRm, imm: ImmKind.I8or32 });
both(X.Neg, 'neg', 0xf7, { fmt: Fmt.M, role: Role.Modify, digit: 3 });
both(X.Not, 'not', 0xf7, { fmt: Fmt.M, role: Role.Modify, digit: 2 });
both(X.Mul, 'mul', 0xf7, { fmt: Fmt.M, digit: 4 });
both(X.ImulWide, 'imul', 0xf7, { fmt: Fmt.M, digit: 5 });
both(X.Div, 'div', 0xf7, { fmt: Fmt.M, digit: 6 });
both(X.Idiv, 'idiv', 0xf7, { fmt: Fmt.M, digit: 7 });
set(X.Cdq, 'cdq', 0x99, { fmt: Fmt.None });
set(X.Cdq + 1, 'cqo', 0x99, { fmt: Fmt.None, w: 1 });
for (const [id, mnemonic, digit] of [
  [0, 'shl', 4],
  [2, 'shr', 5],
  [4, 'sar', 7],
  [6, 'rol', 0],
  [8, 'ror', 1],
] as const) {
  both(X.ShlI + id, mnemonic, 0xc1, { fmt: Fmt.M, role: Role.Modify, digit, imm: ImmKind.Shift });
  both(X.ShlCl + id, mnemonic, 0xd3, { fmt: Fmt.M, role: Role.Modify, digit });
}
both(X.Shlx, 'shlx', 0xf7, { fmt: Fmt.Rmv, role: Role.DefRmV, p: 0x66, map: 2, vex: true });
both(X.Shrx, 'shrx', 0xf7, { fmt: Fmt.Rmv, role: Role.DefRmV, p: 0xf2, map: 2, vex: true });
both(X.Sarx, 'sarx', 0xf7, { fmt: Fmt.Rmv, role: Role.DefRmV, p: 0xf3, map: 2, vex: true });
both(X.Rorx, 'rorx', 0xf0, { role: Role.DefRm, p: 0xf2, map: 3, vex: true, imm: ImmKind.I8 });
both(X.Andn, 'andn', 0xf2, { fmt: Fmt.Rvm, role: Role.DefVRm, map: 2, vex: true });
both(X.Blsr, 'blsr', 0xf3, { fmt: Fmt.Vm, role: Role.DefRm, map: 2, vex: true, digit: 1 });
both(X.Bsf, 'bsf', 0xbc, { role: Role.DefRm, map: 1 });
both(X.Bsr, 'bsr', 0xbd, { role: Role.DefRm, map: 1 });
both(X.Tzcnt, 'tzcnt', 0xbc, { role: Role.DefRm, map: 1, p: 0xf3 });
both(X.Lzcnt, 'lzcnt', 0xbd, { role: Role.DefRm, map: 1, p: 0xf3 });
both(X.Popcnt, 'popcnt', 0xb8, { role: Role.DefRm, map: 1, p: 0xf3 });
both(X.Bt, 'bt', 0xa3, { fmt: Fmt.Mr, role: Role.UseRm, map: 1, only: 'reg' });
set(X.Setcc, 'set', 0x90, {
  fmt: Fmt.M,
  role: Role.Def,
  map: 1,
  digit: 0,
  imm: ImmKind.Condition,
  rm: RegKind.G8,
});
both(X.Cmovcc, 'cmov', 0x40, { role: Role.DefUseRm, map: 1, imm: ImmKind.Condition });
set(X.Push, 'push', 0x50, { fmt: Fmt.O, reg: RegKind.G64 });
set(X.Pop, 'pop', 0x58, { fmt: Fmt.O, reg: RegKind.G64 });
set(X.Ret, 'ret', 0xc3, { fmt: Fmt.None });
set(X.RetN, 'ret', 0xc2, { fmt: Fmt.None, imm: ImmKind.I16 });
set(X.CallM, 'call', 0xff, { fmt: Fmt.M, digit: 2, rm: RegKind.G64 });
set(X.JmpM, 'jmp', 0xff, { fmt: Fmt.M, digit: 4, rm: RegKind.G64 });
set(X.Ldmxcsr, 'ldmxcsr', 0xae, { fmt: Fmt.M, map: 1, digit: 2, rm: RegKind.G32, only: 'mem' });
set(X.Stmxcsr, 'stmxcsr', 0xae, { fmt: Fmt.M, map: 1, digit: 3, rm: RegKind.G32, only: 'mem' });
set(X.Wrgsbase, 'wrgsbase', 0xae, {
  fmt: Fmt.M,
  map: 1,
  p: 0xf3,
  w: 1,
  digit: 3,
  rm: RegKind.G64,
  only: 'reg',
});
set(X.Rdgsbase, 'rdgsbase', 0xae, {
  fmt: Fmt.M,
  map: 1,
  p: 0xf3,
  w: 1,
  digit: 1,
  rm: RegKind.G64,
  only: 'reg',
});
floats(X.MovsLoad, 'movs', 0x10, { role: Role.DefRm, only: 'mem' });
floats(X.MovsStore, 'movs', 0x11, { fmt: Fmt.Mr, role: Role.UseRm, only: 'mem' });
set(X.Movaps, 'movaps', 0x28, { role: Role.DefRm, map: 1, reg: RegKind.Xmm, rm: RegKind.Xmm });
set(X.MovupsLoad, 'movups', 0x10, { role: Role.DefRm, map: 1, reg: RegKind.Xmm, rm: RegKind.Xmm });
set(X.MovupsStore, 'movups', 0x11, {
  fmt: Fmt.Mr,
  role: Role.UseRm,
  map: 1,
  reg: RegKind.Xmm,
  rm: RegKind.Xmm,
  only: 'mem',
});
for (let w = 0; w < 2; w++) {
  const rm = w === 0 ? RegKind.G32 : RegKind.G64;
  const mnemonic = w === 0 ? 'movd' : 'movq';
  set(X.MovGprToXmm + w, mnemonic, 0x6e, {
    role: Role.DefRm,
    p: 0x66,
    map: 1,
    w,
    reg: RegKind.Xmm,
    rm,
    only: 'reg',
  });
  set(X.MovXmmToGpr + w, mnemonic, 0x7e, {
    fmt: Fmt.Mr,
    role: Role.DefOfRm,
    p: 0x66,
    map: 1,
    w,
    reg: RegKind.Xmm,
    rm,
    only: 'reg',
  });
  set(X.Cvtsi2ss + w, 'cvtsi2ss', 0x2a, { role: Role.DefRm, p: 0xf3, map: 1, w, reg: RegKind.Xmm, rm });
  set(X.Cvtsi2sd + w, 'cvtsi2sd', 0x2a, { role: Role.DefRm, p: 0xf2, map: 1, w, reg: RegKind.Xmm, rm });
  set(X.Cvttss2si + w, 'cvttss2si', 0x2c, {
    role: Role.DefRm,
    p: 0xf3,
    map: 1,
    w,
    reg: rm,
    rm: RegKind.Xmm,
    bytes: 4,
  });
  set(X.Cvttsd2si + w, 'cvttsd2si', 0x2c, {
    role: Role.DefRm,
    p: 0xf2,
    map: 1,
    w,
    reg: rm,
    rm: RegKind.Xmm,
    bytes: 8,
  });
}
floats(X.Adds, 'adds', 0x58, { role: Role.DefUseRm });
floats(X.Subs, 'subs', 0x5c, { role: Role.DefUseRm });
floats(X.Muls, 'muls', 0x59, { role: Role.DefUseRm });
floats(X.Divs, 'divs', 0x5e, { role: Role.DefUseRm });
floats(X.Mins, 'mins', 0x5d, { role: Role.DefUseRm });
floats(X.Maxs, 'maxs', 0x5f, { role: Role.DefUseRm });
floats(X.Sqrts, 'sqrts', 0x51, { role: Role.DefRm });
packed(X.Ucomis, 'ucomis', 0x2e, [4, 8], Role.UseRm);
packed(X.Andp, 'andp', 0x54, [16, 16], Role.DefUseRm);
packed(X.Andnp, 'andnp', 0x55, [16, 16], Role.DefUseRm);
packed(X.Orp, 'orp', 0x56, [16, 16], Role.DefUseRm);
packed(X.Xorp, 'xorp', 0x57, [16, 16], Role.DefUseRm);
set(X.Cvtss2sd, 'cvtss2sd', 0x5a, {
  role: Role.DefRm,
  p: 0xf3,
  map: 1,
  reg: RegKind.Xmm,
  rm: RegKind.Xmm,
  bytes: 4,
});
set(X.Cvtsd2ss, 'cvtsd2ss', 0x5a, {
  role: Role.DefRm,
  p: 0xf2,
  map: 1,
  reg: RegKind.Xmm,
  rm: RegKind.Xmm,
  bytes: 8,
});
for (let d = 0; d < 2; d++) {
  set(X.Rounds + d, d === 0 ? 'roundss' : 'roundsd', 0x0a + d, {
    role: Role.DefRm,
    p: 0x66,
    map: 3,
    reg: RegKind.Xmm,
    rm: RegKind.Xmm,
    bytes: d === 0 ? 4 : 8,
    imm: ImmKind.I8,
  });
}
floats(X.Cmps, 'cmps', 0xc2, { role: Role.DefUseRm, imm: ImmKind.I8 });
set(X.Ud2, 'ud2', 0x0b, { fmt: Fmt.None, map: 1 });
set(X.Nop, 'nop', 0x90, { fmt: Fmt.None });

const column = (f: (row: Row) => number): Int32Array =>
  Int32Array.from(ROWS, (row) => (row === null ? 0 : f(row)));
/** Columns of the table, for the encoder. */
export const FMT = column((r) => r.fmt);
export const ROLE = column((r) => r.role);
export const PREFIX = column((r) => r.prefix);
export const MAP = column((r) => r.map);
export const OPCODE = column((r) => r.opcode);
export const W = column((r) => r.w);
export const DIGIT = column((r) => r.digit);
export const IMM = column((r) => r.imm);
export const VEX = column((r) => (r.vex ? 1 : 0));
/** 1 for `op r, r/m` rows whose register form assemblers write as `op r/m, r` (opcode without bit 1). */
export const SWAPS = column((r) =>
  r.fmt === Fmt.Rm &&
  r.map === 0 &&
  r.prefix === 0 &&
  (r.opcode & 2) !== 0 &&
  (r.opcode < 0x40 || r.opcode === 0x8b)
    ? 1
    : 0,
);
/** Bit 0: ModRM.reg (or the opcode's register) is a byte register; bit 1: ModRM.rm is. */
export const BYTE_REGS = column((r) => (r.reg === RegKind.G8 ? 1 : 0) | (r.rm === RegKind.G8 ? 2 : 0));

/** Pseudo instructions. */
export const enum P {
  /** setcc r8; movzx r32, r8 */
  SetBool = 200,
  /** imm: condition (FloatNe allowed); def reuses 1, use, use: the second if the condition holds */
  FloatSelect,
  /** cdq/cqo; idiv: +1 for 64 bits */
  SignedDiv,
  UnsignedDiv = SignedDiv + 2,
  /** idiv without the overflow of MIN / -1 */
  SignedRem = UnsignedDiv + 2,
  /** Traps if the quotient of the operands overflows. */
  DivOverflow = SignedRem + 2,
  /** imm: 0 min, 1 max; +1 for double */
  MinMax = DivOverflow + 2,
  /** rdx:rax = rax * r: def rdx; +1 for 64 bits */
  MulHigh = MinMax + 2,
  MulHighS = MulHigh + 2,
  /** A register becomes zero, flags untouched (vector file). */
  ZeroVec = MulHighS + 2,
  /** xor r, r: flags are dead here */
  ZeroInt,
}

/** Conditions, the low 4 bits of setcc, cmovcc, jcc; a condition and its inverse differ in bit 0. */
export const enum CC {
  O = 0,
  NO = 1,
  B = 2,
  AE = 3,
  E = 4,
  NE = 5,
  BE = 6,
  A = 7,
  S = 8,
  NS = 9,
  P = 10,
  NP = 11,
  L = 12,
  GE = 13,
  LE = 14,
  G = 15,
  /** Equal and not unordered: float ==. Two flags, so handled by each user. */
  FloatEq = 16,
  /** Not equal or unordered: float !=. */
  FloatNe = 17,
}
export const CC_NAMES = 'o no b ae e ne be a s ns p np l ge le g'.split(' ');
