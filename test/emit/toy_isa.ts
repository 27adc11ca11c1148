// Two made-up instruction sets with very short reaches, and an interpreter that executes their bytes. `risc` has one
// form of each branch, veneers that promote three levels deep, and loads of constants that have no veneer; `cisc` has
// short and long forms of branches, like x86_64, and calls of limited reach.
//
// All instructions are multiples of 4 bytes in risc and of 1 byte in cisc. First byte: the opcode below.
//   Visit id24 | Jump disp | Cond flags, var16, disp | Load words8, disp | Trap kind24 | Call disp | Ret | Table n8,
//   var16, disp | Nop | veneers of each level with their displacement
// A displacement is relative to the field that holds it, in bytes. Condition: (variable << 2) | (kind << 1) | negated.
import { UNLIMITED_REACH } from '../../src/emit/fixup_kinds.ts';
import type { BranchForm, FixupIsa, FixupKind, Veneer } from '../../src/emit/fixup_kinds.ts';

export const enum Op {
  Fill = 0,
  Visit = 1,
  Jump,
  Cond,
  Load,
  Trap,
  Call,
  Ret,
  Table,
  Nop,
  ShortJump,
  ShortCond,
  Veneer12 = 0x20,
  Veneer16,
  VeneerFull,
}

export const enum Kind {
  Cond8,
  Cond10,
  Jump12,
  Jump16,
  Full,
  Load12,
  Data32,
  Call11,
  /** cisc only. */
  Rel8,
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >> 8;
  bytes[at + 2] = value >> 16;
  bytes[at + 3] = value >> 24;
}

export function get32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function veneer(op: Op, kind: Kind): Veneer {
  return {
    size: 8,
    align: 4,
    write(bytes, at) {
      bytes.fill(0, at, at + 8);
      bytes[at] = op;
    },
    fixupOffset: 4,
    kind,
    addend: 0,
  };
}

function kind(name: string, bits: number, align: number, next: Veneer | null): FixupKind {
  const forward = bits === 32 ? 2 ** 31 - 1 : (2 ** (bits - 1) - 1) * align;
  return {
    name,
    forward,
    backward: bits === 32 ? 2 ** 31 : 2 ** (bits - 1) * align,
    align,
    patch: put32,
    veneer: next,
  };
}

const to12 = veneer(Op.Veneer12, Kind.Jump12);
const to16 = veneer(Op.Veneer16, Kind.Jump16);
const toFull = veneer(Op.VeneerFull, Kind.Full);

function writeNops(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += 4) {
    bytes.fill(0, at, at + 4);
    bytes[at] = Op.Nop;
  }
}

function writeTrap(bytes: Uint8Array, at: number, trapKind: number): void {
  put32(bytes, at, Op.Trap | (trapKind << 8));
}

function condOpcode(bytes: Uint8Array, at: number, op: Op, cond: number): void {
  bytes[at] = op;
  bytes[at + 1] = cond & 3;
  bytes[at + 2] = cond >> 2;
  bytes[at + 3] = cond >> 10;
}

const riscJump: readonly BranchForm[] = [{ size: 8, fixupOffset: 4, kind: Kind.Jump16, addend: 0 }];
const riscCond: readonly (readonly BranchForm[])[] = [
  [{ size: 8, fixupOffset: 4, kind: Kind.Cond8, addend: 0 }],
  [{ size: 8, fixupOffset: 4, kind: Kind.Cond10, addend: 0 }],
];

/** Reaches: Cond8 508 bytes, Cond10 2 KiB, Call11 4 KiB, Jump12 and Load12 8 KiB, Jump16 128 KiB. */
export const risc: FixupIsa = {
  name: 'toy-risc',
  kinds: [
    kind('cond8', 8, 4, to12),
    kind('cond10', 10, 4, to12),
    kind('jump12', 12, 4, to16),
    kind('jump16', 16, 4, toFull),
    kind('full', 32, 4, null),
    kind('load12', 12, 4, null),
    kind('data32', 32, 1, null),
    kind('call11', 11, 4, to12),
  ],
  jumpForms: riscJump,
  condForms: (cond) => riscCond[(cond >> 1) & 1],
  writeJump(bytes, at) {
    bytes.fill(0, at, at + 8);
    bytes[at] = Op.Jump;
  },
  writeCond(bytes, at, cond) {
    bytes.fill(0, at, at + 8);
    condOpcode(bytes, at, Op.Cond, cond);
  },
  invertCond: (cond) => cond ^ 1,
  data32Kind: Kind.Data32,
  trapSize: 4,
  writeTrap,
  writeNops,
  fillByte: 0,
  codeAlign: 4,
  functionAlign: 4,
  poolAlign: 4,
  maxInstructionSize: 8,
  maxInstructionGrowth: 56,
};

const ciscJump: readonly BranchForm[] = [
  { size: 2, fixupOffset: 1, kind: Kind.Rel8, addend: -1 },
  { size: 5, fixupOffset: 1, kind: Kind.Full, addend: -4 },
];
const ciscCond: readonly BranchForm[] = [
  { size: 5, fixupOffset: 4, kind: Kind.Rel8, addend: -1 },
  { size: 8, fixupOffset: 4, kind: Kind.Full, addend: -4 },
];
const ciscFull = kind('rel32', 32, 1, null);
const ciscVeneer: Veneer = { ...toFull, align: 1 };

/** rel8 and rel32 relative to the end of the field; calls reach 4 KiB and have a veneer. */
export const cisc: FixupIsa = {
  ...risc,
  name: 'toy-cisc',
  kinds: [
    kind('unused0', 32, 1, null),
    kind('unused1', 32, 1, null),
    kind('unused2', 32, 1, null),
    kind('unused3', 32, 1, null),
    ciscFull,
    kind('load32', 32, 1, null),
    kind('data32', 32, 1, null),
    kind('call13', 13, 1, ciscVeneer),
    {
      name: 'rel8',
      forward: 127,
      backward: 128,
      align: 1,
      patch(bytes, at, displacement) {
        bytes[at] = displacement;
      },
      veneer: null,
    },
  ],
  jumpForms: ciscJump,
  condForms: () => ciscCond,
  writeJump(bytes, at, form) {
    bytes.fill(0, at, at + ciscJump[form].size);
    bytes[at] = form === 0 ? Op.ShortJump : Op.Jump;
  },
  writeCond(bytes, at, cond, form) {
    bytes.fill(0, at, at + ciscCond[form].size);
    condOpcode(bytes, at, form === 0 ? Op.ShortCond : Op.Cond, cond);
  },
  codeAlign: 1,
  functionAlign: 16,
  poolAlign: 64,
  writeNops: (bytes, from, to) => bytes.fill(Op.Nop, from, to),
  maxInstructionSize: 16,
  maxInstructionGrowth: 128,
};

/** How the toy interpreter reads one instruction. */
export interface Decoded {
  readonly op: Op;
  readonly size: number;
  /** Where the fixup's field lies, or -1; and where it points. */
  readonly field: number;
  readonly target: number;
}

/** Decodes the instruction at `at`. Throws if there is none. */
export function decode(isa: FixupIsa, bytes: Uint8Array, at: number): Decoded {
  const wide = isa.name === risc.name;
  const op: Op = bytes[at];
  const of = (size: number, offset: number, short: boolean): Decoded => {
    const field = at + offset;
    const target = short
      ? field + 1 + ((bytes[field] << 24) >> 24)
      : field + get32(bytes, field) + (wide ? 0 : 4);
    return { op, size, field, target };
  };
  const plain = (size: number): Decoded => ({ op, size, field: -1, target: -1 });
  switch (op) {
    case Op.Visit:
    case Op.Trap:
      return plain(4);
    case Op.Ret:
    case Op.Nop:
      return plain(wide ? 4 : 1);
    case Op.Jump:
      return wide ? of(8, 4, false) : of(5, 1, false);
    case Op.Call:
    case Op.Cond:
    case Op.Load:
    case Op.Table:
      return of(8, 4, false);
    case Op.ShortJump:
      return of(2, 1, true);
    case Op.ShortCond:
      return of(5, 4, true);
    case Op.Veneer12:
    case Op.Veneer16:
    case Op.VeneerFull: {
      const field = at + 4;
      return { op, size: 8, field, target: field + get32(bytes, field) };
    }
    default:
      throw new Error(`no instruction at ${at}: ${op}`);
  }
}

/** The outcome of condition variable `variable` at its n-th evaluation: what both executions agree on. */
export function outcome(variable: number, n: number): number {
  let x = Math.imul(variable + 1, 0x9e3779b1) ^ Math.imul(n + 1, 0x85ebca6b);
  x ^= x >>> 15;
  x = Math.imul(x, 0x2c1b3c6d);
  return (x ^ (x >>> 13)) >>> 0;
}

/** What has been seen: visits (id), loads (a digest of the constant), traps. Stops at `limit` entries. */
export class Trace {
  readonly entries: number[] = [];
  private readonly evaluations = new Map<number, number>();

  constructor(readonly limit: number) {}

  get full(): boolean {
    return this.entries.length >= this.limit;
  }

  evaluate(variable: number): number {
    const n = this.evaluations.get(variable) ?? 0;
    this.evaluations.set(variable, n + 1);
    return outcome(variable, n);
  }

  visit(id: number): void {
    this.entries.push(id);
  }

  load(words: readonly number[]): void {
    let digest = 0x1000000;
    for (const word of words) digest = (Math.imul(digest, 31) + word) | 0;
    this.entries.push(digest);
  }

  trap(kind: number): void {
    this.entries.push(-1000 - kind);
  }
}

/**
 * Executes toy code from `start` until it returns, traps or the trace is full. Throws if control leaves the code.
 * `onTrap` sees the offset of a trapping instruction.
 */
export function execute(
  isa: FixupIsa,
  bytes: Uint8Array,
  start: number,
  trace: Trace,
  onTrap: (offset: number, returns: readonly number[]) => void = () => undefined,
): void {
  const returns: number[] = [];
  let pc = start;
  for (let steps = 0; steps < 200_000 && !trace.full; steps++) {
    const { op, size, target } = decode(isa, bytes, pc);
    let next = pc + size;
    switch (op) {
      case Op.Visit:
        trace.visit(get32(bytes, pc) >>> 8);
        break;
      case Op.Jump:
      case Op.ShortJump:
      case Op.Veneer12:
      case Op.Veneer16:
      case Op.VeneerFull:
        next = target;
        break;
      case Op.Cond:
      case Op.ShortCond: {
        const flags = bytes[pc + 1];
        const variable = bytes[pc + 2] | (bytes[pc + 3] << 8);
        if (((trace.evaluate(variable) ^ flags) & 1) !== 0) next = target;
        break;
      }
      case Op.Load: {
        const words: number[] = [];
        for (let w = 0; w < bytes[pc + 1]; w++) words.push(get32(bytes, target + 4 * w));
        trace.load(words);
        break;
      }
      case Op.Table: {
        const variable = bytes[pc + 2] | (bytes[pc + 3] << 8);
        next = target + get32(bytes, target + 4 * (trace.evaluate(variable) % bytes[pc + 1]));
        break;
      }
      case Op.Trap:
        trace.trap(get32(bytes, pc) >>> 8);
        onTrap(pc, returns);
        return;
      case Op.Call:
        if (returns.length === 200) return;
        returns.push(next);
        next = target;
        break;
      case Op.Ret: {
        const caller = returns.pop();
        if (caller === undefined) return;
        next = caller;
        break;
      }
      default:
        break;
    }
    pc = next;
  }
}

if (UNLIMITED_REACH > ciscFull.forward)
  throw new Error('the toy kinds of 32 bits must be unlimited inside a function');
