// The one table of aarch64 instruction forms: encoding, operands, roles. Encoder, printer, emission and tests read it.
// Source: Arm Architecture Reference Manual for A-profile (DDI 0487), chapter C4.
//
// Ids come in families: +0 is the 32-bit (or single precision) form, +1 the 64-bit (or double) form. Ids from
// FirstPseudo on are pseudo instructions: emit.ts writes them as short sequences.

export const enum A {
  /** Register forms: imm is a shift (Shift << 6 | amount). */
  Add = 0,
  Sub = 2,
  And = 4,
  Bic = 6,
  Orr = 8,
  Orn = 10,
  Eor = 12,
  Eon = 14,
  Adds = 16,
  Subs = 18,
  /** Without result: flags. */
  Cmp = 20,
  Cmn = 22,
  Tst = 24,
  Neg = 26,
  Mvn = 28,
  Mov = 30,
  /** Second operand extended: imm is Extend << 3 | left shift 0..4; the first may be the stack pointer. */
  AddExt = 32,
  SubExt = 34,
  CmpExt = 36,
  /** 12 bits, bit 12: shifted left by 12. */
  AddI = 40,
  SubI = 42,
  CmpI = 44,
  CmnI = 46,
  /** N:immr:imms */
  AndI = 48,
  OrrI = 50,
  EorI = 52,
  TstI = 54,
  /** hw << 16 | 16 bits */
  Movn = 56,
  Movz = 58,
  Movk = 60,
  /** immr << 6 | imms */
  Sbfm = 62,
  Bfm = 64,
  Ubfm = 66,
  /** lowest bit */
  Extr = 68,
  Madd = 70,
  Msub = 72,
  Mul = 74,
  Mneg = 76,
  Smaddl = 78,
  Umaddl = 79,
  Smull = 80,
  Umull = 81,
  Smulh = 82,
  Umulh = 83,
  Udiv = 84,
  Sdiv = 86,
  Lslv = 88,
  Lsrv = 90,
  Asrv = 92,
  Rorv = 94,
  Rbit = 96,
  Clz = 98,
  /** imm: condition */
  Csel = 100,
  Csinc = 102,
  Csinv = 104,
  Csneg = 106,
  Cset = 108,
  Csetm = 110,
  /** imm: flags << 4 | condition; immediate forms: number << 8 too */
  Ccmp = 112,
  CcmpI = 114,
  Ccmn = 116,
  CcmnI = 118,
  Fadd = 120,
  Fsub = 122,
  Fmul = 124,
  Fdiv = 126,
  Fmax = 128,
  Fmin = 130,
  Fmov = 132,
  Fabs = 134,
  Fneg = 136,
  Fsqrt = 138,
  Frintn = 140,
  Frintp = 142,
  Frintm = 144,
  Frintz = 146,
  Fcmp = 148,
  Fcmp0 = 150,
  Fcsel = 152,
  /** 8-bit float */
  FmovI = 154,
  /** single to double, double to single */
  FcvtSD = 156,
  FcvtDS = 157,
  /** +0/+1: from 32, 64 bits to single; +2/+3 to double */
  Scvtf = 158,
  Ucvtf = 162,
  /** +0/+1: to 32, 64 bits from single; +2/+3 from double */
  Fcvtzs = 166,
  Fcvtzu = 170,
  /** w to s, x to d */
  FmovToFloat = 174,
  FmovToInt = 176,
  /** cnt v.8b, v.8b */
  Cnt = 178,
  /** addv b, v.8b */
  Addv = 179,
  /** movi d, #0 */
  MoviZero = 180,
  /** movi v.2d, #0 */
  MoviZeroQ = 181,
  /** mov v.16b, v.16b */
  MovQ = 182,
  /** ushr by 31 or 63: the sign bit */
  UshrSign = 184,
  /** sli by 31 or 63: inserts the lowest bit as sign */
  SliSign = 186,
  Br = 188,
  Blr = 189,
  Ret = 190,
  Nop = 191,
  MrsFpcr = 192,
  MsrFpcr = 193,
  // Memory: the unsigned offset form; the other forms derive from it.
  Strb = 200,
  Ldrb = 201,
  /** +0 to 32 bits, +1 to 64 */
  Ldrsb = 202,
  Strh = 204,
  Ldrh = 205,
  Ldrsh = 206,
  Str = 208,
  Ldr = 210,
  Ldrsw = 212,
  /** single, double */
  StrF = 214,
  LdrF = 216,
  StrQ = 218,
  LdrQ = 219,
  /** Pairs of 64-bit registers: signed offset, pre-index, post-index */
  Stp = 220,
  Ldp = 223,
  StpF = 226,
  LdpF = 229,
  FirstPseudo = 240,
}

/** Pseudo instructions. */
export const enum P {
  /** r = imm2:imm, 64 bits */
  Const = 240,
  /** Single or double constant imm2:imm; +1: double */
  FloatConst,
  /** v128 constant of the pool; disp: its index */
  VecConst = FloatConst + 2,
  /** r = instance + imm */
  InstanceAddress,
  /** r = base of memory 0 {+ 32-bit index} */
  MemoryBase,
  /** def, use, use: the first if condition imm holds, else the second (128 bits) */
  VecSelect,
}

/** Where fields lie and what imm means. Letters: d n m a registers of bits 0, 5, 16, 10. */
export const enum Fmt {
  None,
  /** d, n, m{, shift} */
  DnmShift,
  DmShift,
  NmShift,
  DnmExt,
  NmExt,
  DnImm12,
  NImm12,
  DnLogical,
  NLogical,
  DImm16,
  DnBits,
  DnmLsb,
  Dnma,
  Dnm,
  Dn,
  DnmCond,
  DCond,
  NmCcmp,
  NCcmp,
  Nm,
  N,
  D,
  DFloat,
  Mem,
  Pair,
}

/** `aux` of instructions that read the zero register instead of an operand. */
export const enum Zero {
  /** Stores: what is stored. */
  T = 1,
  /** csel and its family */
  N = 2,
  M = 4,
}

/** Operands of a VCode instruction of the row. */
export const enum Role {
  None,
  /** def d */
  D,
  /** def d, use n */
  DN,
  /** def d, use m */
  DM,
  /** def d, use n, use m */
  DNM,
  /** def d, use n, use m, each unless aux makes it zero */
  Select,
  /** def d, use n, use m, use a */
  DNMA,
  /** def d (reuses 1), use d: movk */
  Modify,
  /** def d (reuses 1), use d, use n: bfm, sli */
  ModifyN,
  /** use n */
  N,
  /** use n, use m */
  NM,
  /** def t, then memory */
  Load,
  /** use t (unless aux makes it zero), then memory */
  Store,
}

/** Registers of a row, for names. */
export const enum Kind {
  None,
  W,
  X,
  S,
  D,
  Q,
  V8b,
  V16b,
  /** movi's destination */
  V2d,
  V2s,
  B,
}

export interface Row {
  readonly mnemonic: string;
  readonly fmt: Fmt;
  readonly role: Role;
  /** The instruction with all fields zero. */
  readonly word: number;
  /** Kinds of d (or t), n, m, a. */
  readonly kinds: readonly [Kind, Kind, Kind, Kind];
  /** Register 31 is the stack pointer in d, n. */
  readonly stackD: boolean;
  readonly stackN: boolean;
  /** log2 of the bytes of a memory access. */
  readonly scale: number;
  readonly load: boolean;
}

/** Rows by id; ids without a row are null. */
export const ROWS: (Row | null)[] = new Array<Row | null>(A.FirstPseudo).fill(null);

type Kinds = readonly [Kind, Kind?, Kind?, Kind?];
interface Extra {
  readonly stack?: 'n' | 'dn';
  readonly scale?: number;
  readonly load?: boolean;
}

function set(
  id: number,
  mnemonic: string,
  word: number,
  fmt: Fmt,
  role: Role,
  kinds: Kinds,
  extra: Extra = {},
): void {
  if (ROWS[id] !== null) throw new Error(`instruction ${id} (${mnemonic}) is defined twice`);
  ROWS[id] = {
    mnemonic,
    fmt,
    role,
    word: word | 0,
    kinds: [kinds[0], kinds[1] ?? Kind.None, kinds[2] ?? Kind.None, kinds[3] ?? Kind.None],
    stackD: extra.stack === 'dn',
    stackN: extra.stack !== undefined,
    scale: extra.scale ?? 0,
    load: extra.load ?? false,
  };
}

/** The 32-bit and the 64-bit row of a family whose fields are all of that width; `more`: further bits of the latter. */
function both(
  id: number,
  mnemonic: string,
  word: number,
  fmt: Fmt,
  role: Role,
  extra: Extra = {},
  more = 0,
): void {
  set(id, mnemonic, word, fmt, role, [Kind.W, Kind.W, Kind.W, Kind.W], extra);
  set(id + 1, mnemonic, word | (1 << 31) | more, fmt, role, [Kind.X, Kind.X, Kind.X, Kind.X], extra);
}

/** Single and double precision rows. */
function floats(id: number, mnemonic: string, word: number, fmt: Fmt, role: Role): void {
  set(id, mnemonic, word, fmt, role, [Kind.S, Kind.S, Kind.S]);
  set(id + 1, mnemonic, word | (1 << 22), fmt, role, [Kind.D, Kind.D, Kind.D]);
}

const N31 = 31 << 5;
const A31 = 31 << 10;

for (const [id, mnemonic, word] of [
  [A.Add, 'add', 0x0b000000],
  [A.Sub, 'sub', 0x4b000000],
  [A.And, 'and', 0x0a000000],
  [A.Bic, 'bic', 0x0a200000],
  [A.Orr, 'orr', 0x2a000000],
  [A.Orn, 'orn', 0x2a200000],
  [A.Eor, 'eor', 0x4a000000],
  [A.Eon, 'eon', 0x4a200000],
  [A.Adds, 'adds', 0x2b000000],
  [A.Subs, 'subs', 0x6b000000],
] as const) {
  both(id, mnemonic, word, Fmt.DnmShift, Role.DNM);
}
both(A.Cmp, 'cmp', 0x6b00001f, Fmt.NmShift, Role.NM);
both(A.Cmn, 'cmn', 0x2b00001f, Fmt.NmShift, Role.NM);
both(A.Tst, 'tst', 0x6a00001f, Fmt.NmShift, Role.NM);
both(A.Neg, 'neg', 0x4b000000 | N31, Fmt.DmShift, Role.DM);
both(A.Mvn, 'mvn', 0x2a200000 | N31, Fmt.DmShift, Role.DM);
both(A.Mov, 'orr', 0x2a000000 | N31, Fmt.DmShift, Role.DM);
both(A.AddExt, 'add', 0x0b200000, Fmt.DnmExt, Role.DNM, { stack: 'dn' });
both(A.SubExt, 'sub', 0x4b200000, Fmt.DnmExt, Role.DNM, { stack: 'dn' });
both(A.CmpExt, 'cmp', 0x6b20001f, Fmt.NmExt, Role.NM, { stack: 'n' });
both(A.AddI, 'add', 0x11000000, Fmt.DnImm12, Role.DN, { stack: 'dn' });
both(A.SubI, 'sub', 0x51000000, Fmt.DnImm12, Role.DN, { stack: 'dn' });
both(A.CmpI, 'cmp', 0x7100001f, Fmt.NImm12, Role.N, { stack: 'n' });
both(A.CmnI, 'cmn', 0x3100001f, Fmt.NImm12, Role.N, { stack: 'n' });
both(A.AndI, 'and', 0x12000000, Fmt.DnLogical, Role.DN);
both(A.OrrI, 'orr', 0x32000000, Fmt.DnLogical, Role.DN);
both(A.EorI, 'eor', 0x52000000, Fmt.DnLogical, Role.DN);
both(A.TstI, 'tst', 0x7200001f, Fmt.NLogical, Role.N);
both(A.Movn, 'movn', 0x12800000, Fmt.DImm16, Role.D);
both(A.Movz, 'movz', 0x52800000, Fmt.DImm16, Role.D);
both(A.Movk, 'movk', 0x72800000, Fmt.DImm16, Role.Modify);
both(A.Sbfm, 'sbfm', 0x13000000, Fmt.DnBits, Role.DN, {}, 0x400000);
both(A.Bfm, 'bfm', 0x33000000, Fmt.DnBits, Role.ModifyN, {}, 0x400000);
both(A.Ubfm, 'ubfm', 0x53000000, Fmt.DnBits, Role.DN, {}, 0x400000);
both(A.Extr, 'extr', 0x13800000, Fmt.DnmLsb, Role.DNM, {}, 0x400000);
both(A.Madd, 'madd', 0x1b000000, Fmt.Dnma, Role.DNMA);
both(A.Msub, 'msub', 0x1b008000, Fmt.Dnma, Role.DNMA);
both(A.Mul, 'mul', 0x1b000000 | A31, Fmt.Dnm, Role.DNM);
both(A.Mneg, 'mneg', 0x1b008000 | A31, Fmt.Dnm, Role.DNM);
set(A.Smaddl, 'smaddl', 0x9b200000, Fmt.Dnma, Role.DNMA, [Kind.X, Kind.W, Kind.W, Kind.X]);
set(A.Umaddl, 'umaddl', 0x9ba00000, Fmt.Dnma, Role.DNMA, [Kind.X, Kind.W, Kind.W, Kind.X]);
set(A.Smull, 'smull', 0x9b200000 | A31, Fmt.Dnm, Role.DNM, [Kind.X, Kind.W, Kind.W]);
set(A.Umull, 'umull', 0x9ba00000 | A31, Fmt.Dnm, Role.DNM, [Kind.X, Kind.W, Kind.W]);
set(A.Smulh, 'smulh', 0x9b407c00, Fmt.Dnm, Role.DNM, [Kind.X, Kind.X, Kind.X]);
set(A.Umulh, 'umulh', 0x9bc07c00, Fmt.Dnm, Role.DNM, [Kind.X, Kind.X, Kind.X]);
both(A.Udiv, 'udiv', 0x1ac00800, Fmt.Dnm, Role.DNM);
both(A.Sdiv, 'sdiv', 0x1ac00c00, Fmt.Dnm, Role.DNM);
both(A.Lslv, 'lsl', 0x1ac02000, Fmt.Dnm, Role.DNM);
both(A.Lsrv, 'lsr', 0x1ac02400, Fmt.Dnm, Role.DNM);
both(A.Asrv, 'asr', 0x1ac02800, Fmt.Dnm, Role.DNM);
both(A.Rorv, 'ror', 0x1ac02c00, Fmt.Dnm, Role.DNM);
both(A.Rbit, 'rbit', 0x5ac00000, Fmt.Dn, Role.DN);
both(A.Clz, 'clz', 0x5ac01000, Fmt.Dn, Role.DN);
both(A.Csel, 'csel', 0x1a800000, Fmt.DnmCond, Role.Select);
both(A.Csinc, 'csinc', 0x1a800400, Fmt.DnmCond, Role.Select);
both(A.Csinv, 'csinv', 0x5a800000, Fmt.DnmCond, Role.Select);
both(A.Csneg, 'csneg', 0x5a800400, Fmt.DnmCond, Role.Select);
both(A.Cset, 'cset', 0x1a9f07e0, Fmt.DCond, Role.D);
both(A.Csetm, 'csetm', 0x5a9f03e0, Fmt.DCond, Role.D);
both(A.Ccmp, 'ccmp', 0x7a400000, Fmt.NmCcmp, Role.NM);
both(A.CcmpI, 'ccmp', 0x7a400800, Fmt.NCcmp, Role.N);
both(A.Ccmn, 'ccmn', 0x3a400000, Fmt.NmCcmp, Role.NM);
both(A.CcmnI, 'ccmn', 0x3a400800, Fmt.NCcmp, Role.N);
for (const [id, mnemonic, word] of [
  [A.Fadd, 'fadd', 0x1e202800],
  [A.Fsub, 'fsub', 0x1e203800],
  [A.Fmul, 'fmul', 0x1e200800],
  [A.Fdiv, 'fdiv', 0x1e201800],
  [A.Fmax, 'fmax', 0x1e204800],
  [A.Fmin, 'fmin', 0x1e205800],
] as const) {
  floats(id, mnemonic, word, Fmt.Dnm, Role.DNM);
}
for (const [id, mnemonic, word] of [
  [A.Fmov, 'fmov', 0x1e204000],
  [A.Fabs, 'fabs', 0x1e20c000],
  [A.Fneg, 'fneg', 0x1e214000],
  [A.Fsqrt, 'fsqrt', 0x1e21c000],
  [A.Frintn, 'frintn', 0x1e244000],
  [A.Frintp, 'frintp', 0x1e24c000],
  [A.Frintm, 'frintm', 0x1e254000],
  [A.Frintz, 'frintz', 0x1e25c000],
] as const) {
  floats(id, mnemonic, word, Fmt.Dn, Role.DN);
}
floats(A.Fcmp, 'fcmp', 0x1e202000, Fmt.Nm, Role.NM);
floats(A.Fcmp0, 'fcmp', 0x1e202008, Fmt.N, Role.N);
floats(A.Fcsel, 'fcsel', 0x1e200c00, Fmt.DnmCond, Role.DNM);
floats(A.FmovI, 'fmov', 0x1e201000, Fmt.DFloat, Role.D);
set(A.FcvtSD, 'fcvt', 0x1e22c000, Fmt.Dn, Role.DN, [Kind.D, Kind.S]);
set(A.FcvtDS, 'fcvt', 0x1e624000, Fmt.Dn, Role.DN, [Kind.S, Kind.D]);
for (let d = 0; d < 2; d++) {
  const float = d === 0 ? Kind.S : Kind.D;
  for (let w = 0; w < 2; w++) {
    const int = w === 0 ? Kind.W : Kind.X;
    const bits = (d << 22) | (w << 31);
    set(A.Scvtf + 2 * d + w, 'scvtf', 0x1e220000 | bits, Fmt.Dn, Role.DN, [float, int]);
    set(A.Ucvtf + 2 * d + w, 'ucvtf', 0x1e230000 | bits, Fmt.Dn, Role.DN, [float, int]);
    set(A.Fcvtzs + 2 * d + w, 'fcvtzs', 0x1e380000 | bits, Fmt.Dn, Role.DN, [int, float]);
    set(A.Fcvtzu + 2 * d + w, 'fcvtzu', 0x1e390000 | bits, Fmt.Dn, Role.DN, [int, float]);
  }
}
set(A.FmovToFloat, 'fmov', 0x1e270000, Fmt.Dn, Role.DN, [Kind.S, Kind.W]);
set(A.FmovToFloat + 1, 'fmov', 0x9e670000, Fmt.Dn, Role.DN, [Kind.D, Kind.X]);
set(A.FmovToInt, 'fmov', 0x1e260000, Fmt.Dn, Role.DN, [Kind.W, Kind.S]);
set(A.FmovToInt + 1, 'fmov', 0x9e660000, Fmt.Dn, Role.DN, [Kind.X, Kind.D]);
set(A.Cnt, 'cnt', 0x0e205800, Fmt.Dn, Role.DN, [Kind.V8b, Kind.V8b]);
set(A.Addv, 'addv', 0x0e31b800, Fmt.Dn, Role.DN, [Kind.B, Kind.V8b]);
set(A.MoviZero, 'movi', 0x2f00e400, Fmt.D, Role.D, [Kind.D]);
set(A.MoviZeroQ, 'movi', 0x6f00e400, Fmt.D, Role.D, [Kind.V2d]);
set(A.MovQ, 'mov', 0x4ea01c00, Fmt.Dn, Role.DN, [Kind.V16b, Kind.V16b]);
set(A.UshrSign, 'ushr', 0x2f210400, Fmt.Dn, Role.DN, [Kind.V2s, Kind.V2s]);
set(A.UshrSign + 1, 'ushr', 0x7f410400, Fmt.Dn, Role.DN, [Kind.D, Kind.D]);
set(A.SliSign, 'sli', 0x2f3f5400, Fmt.Dn, Role.ModifyN, [Kind.V2s, Kind.V2s]);
set(A.SliSign + 1, 'sli', 0x7f7f5400, Fmt.Dn, Role.ModifyN, [Kind.D, Kind.D]);
set(A.Br, 'br', 0xd61f0000, Fmt.N, Role.N, [Kind.None, Kind.X]);
set(A.Blr, 'blr', 0xd63f0000, Fmt.N, Role.N, [Kind.None, Kind.X]);
set(A.Ret, 'ret', 0xd65f03c0, Fmt.None, Role.None, [Kind.None]);
set(A.Nop, 'nop', 0xd503201f, Fmt.None, Role.None, [Kind.None]);
set(A.MrsFpcr, 'mrs', 0xd53b4400, Fmt.D, Role.None, [Kind.X]);
set(A.MsrFpcr, 'msr', 0xd51b4400, Fmt.D, Role.None, [Kind.X]);

function memory(id: number, mnemonic: string, word: number, kind: Kind, scale: number, load: boolean): void {
  set(id, mnemonic, word, Fmt.Mem, load ? Role.Load : Role.Store, [kind, Kind.X], {
    stack: 'n',
    scale,
    load,
  });
}
memory(A.Strb, 'strb', 0x39000000, Kind.W, 0, false);
memory(A.Ldrb, 'ldrb', 0x39400000, Kind.W, 0, true);
memory(A.Ldrsb, 'ldrsb', 0x39c00000, Kind.W, 0, true);
memory(A.Ldrsb + 1, 'ldrsb', 0x39800000, Kind.X, 0, true);
memory(A.Strh, 'strh', 0x79000000, Kind.W, 1, false);
memory(A.Ldrh, 'ldrh', 0x79400000, Kind.W, 1, true);
memory(A.Ldrsh, 'ldrsh', 0x79c00000, Kind.W, 1, true);
memory(A.Ldrsh + 1, 'ldrsh', 0x79800000, Kind.X, 1, true);
memory(A.Str, 'str', 0xb9000000, Kind.W, 2, false);
memory(A.Str + 1, 'str', 0xf9000000, Kind.X, 3, false);
memory(A.Ldr, 'ldr', 0xb9400000, Kind.W, 2, true);
memory(A.Ldr + 1, 'ldr', 0xf9400000, Kind.X, 3, true);
memory(A.Ldrsw, 'ldrsw', 0xb9800000, Kind.X, 2, true);
memory(A.StrF, 'str', 0xbd000000, Kind.S, 2, false);
memory(A.StrF + 1, 'str', 0xfd000000, Kind.D, 3, false);
memory(A.LdrF, 'ldr', 0xbd400000, Kind.S, 2, true);
memory(A.LdrF + 1, 'ldr', 0xfd400000, Kind.D, 3, true);
memory(A.StrQ, 'str', 0x3d800000, Kind.Q, 4, false);
memory(A.LdrQ, 'ldr', 0x3dc00000, Kind.Q, 4, true);
for (const [id, mnemonic, word, kind] of [
  [A.Stp, 'stp', 0xa9000000, Kind.X],
  [A.Ldp, 'ldp', 0xa9400000, Kind.X],
  [A.StpF, 'stp', 0x6d000000, Kind.D],
  [A.LdpF, 'ldp', 0x6d400000, Kind.D],
] as const) {
  for (const [mode, bits] of [0, 0x00800000, -0x00800000].entries()) {
    set(id + mode, mnemonic, word + bits, Fmt.Pair, Role.None, [kind, Kind.X, kind], {
      stack: 'n',
      scale: 3,
    });
  }
}

/** Literal forms of the loads that have one: opcode words by row, 0 for none. */
export const LITERALS: ReadonlyMap<number, number> = new Map([
  [A.Ldr, 0x18000000],
  [A.Ldr + 1, 0x58000000],
  [A.Ldrsw, 0x98000000 | 0],
  [A.LdrF, 0x1c000000],
  [A.LdrF + 1, 0x5c000000],
  [A.LdrQ, 0x9c000000 | 0],
]);

const column = (f: (row: Row) => number): Int32Array =>
  Int32Array.from(ROWS, (row) => (row === null ? 0 : f(row)));
/** Columns of the table. */
export const FMT = column((r) => r.fmt);
export const ROLE = column((r) => r.role);
export const WORD = column((r) => r.word);
export const SCALE = column((r) => r.scale);
export const LITERAL: Int32Array = Int32Array.from(ROWS, (_, x) => LITERALS.get(x) ?? 0);

/** Shifts of the DnmShift forms, above their amount of 6 bits. */
export const enum Shift {
  Lsl = 0,
  Lsr = 1 << 6,
  Asr = 2 << 6,
  Ror = 3 << 6,
}

/** Extensions of the DnmExt forms (above the shift of 3 bits) and of addresses. */
export const enum Extend {
  Uxtb = 0,
  Uxth = 1,
  Uxtw = 2,
  Uxtx = 3,
  Sxtb = 4,
  Sxth = 5,
  Sxtw = 6,
  Sxtx = 7,
}

/** Conditions; a condition and its inverse differ in bit 0. Behind fcmp: Mi less, Ls less or equal, Gt, Ge ordered. */
export const enum CC {
  Eq = 0,
  Ne = 1,
  Hs = 2,
  Lo = 3,
  Mi = 4,
  Pl = 5,
  Vs = 6,
  Vc = 7,
  Hi = 8,
  Ls = 9,
  Ge = 10,
  Lt = 11,
  Gt = 12,
  Le = 13,
}
export const CC_NAMES = 'eq ne hs lo mi pl vs vc hi ls ge lt gt le'.split(' ');

/**
 * Conditions of branches: a CC, or a test of a register (bits 16-20). Bit 0 is the sense of all of them.
 * Test: bit 0 set means taken if the bit (24-29) is one; Zero: bit 0 set means taken if not zero.
 */
export const enum Cond {
  Zero = 0x100,
  Test = 0x200,
  /** cbz of 64 bits */
  Wide = 0x10,
}

/** Fields of a Cond that tests a register. */
export const enum CondField {
  RegShift = 16,
  BitShift = 24,
}
