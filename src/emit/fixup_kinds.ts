// What an instruction set tells the emitter about its branches, literal loads and veneers. The emitter knows nothing
// else of the machine: every byte that it writes by itself (veneers, jumps around islands, trap stubs, fill) comes
// from the functions described here.
//
// Displacement. A fixup is a field in the code at `offset` that names a target. Its displacement is
//     D = target + addend - offset
// as in ELF's S + A - P: `offset` is where the field's patch function starts writing (aarch64: the instruction;
// x86_64: the rel8/rel32 field, so a rel32 at the end of its instruction has addend -4, and with an n-byte immediate
// behind it -4 - n). A displacement fits when -backward <= D <= forward and D is a multiple of `align`.
//
// Invariants: a kind that has a veneer, or whose reach is below UNLIMITED_REACH, is used with addends <= 0 only, so
// that deadlines of one kind rise with the offsets; following `veneer.kind` from any kind ends at an unlimited one.

/** A kind that reaches this many bytes forward never misses a target inside one function (offsets are int32). */
export const UNLIMITED_REACH = 2 ** 31 - 2 ** 20;

/** A piece of code that goes on to a target that its user cannot reach. */
export interface Veneer {
  /** Bytes of the veneer. */
  readonly size: number;
  /** Alignment of its first byte, a power of two. */
  readonly align: number;
  /** Writes the veneer's bytes at `offset`, its own fixup with displacement zero. */
  write(bytes: Uint8Array, offset: number): void;
  /** Where the veneer's own fixup lies, from the veneer's first byte. */
  readonly fixupOffset: number;
  /** The veneer's own fixup: the kind that this one promotes to (an index into `FixupIsa.kinds`), of longer reach. */
  readonly kind: number;
  /** Addend of the veneer's own fixup. */
  readonly addend: number;
}

/** One way in which code or data names a place. */
export interface FixupKind {
  /** Name for `--x-reach` and for messages, e.g. `branch26`. */
  readonly name: string;
  /** Largest displacement, in bytes. */
  readonly forward: number;
  /** Largest negative displacement, as a positive number of bytes. */
  readonly backward: number;
  /** A displacement is a multiple of this, a power of two. */
  readonly align: number;
  /** Replaces (does not merge into) the displacement stored at `offset`. The caller has checked the reach. */
  patch(bytes: Uint8Array, offset: number, displacement: number): void;
  /** How to go further; null for loads and data, whose target must come into reach by itself. */
  readonly veneer: Veneer | null;
}

/** One encoding of a branch to a label. */
export interface BranchForm {
  /** Bytes of the instruction. */
  readonly size: number;
  /** Where its fixup lies, from the instruction's first byte. */
  readonly fixupOffset: number;
  /** Kind of its fixup. */
  readonly kind: number;
  /** Addend of its fixup. */
  readonly addend: number;
}

/**
 * The emitter's view of an instruction set. A condition is an int32 >= 0 whose meaning is the ISA's own: it may hold a
 * condition code, or also a register and a bit number (aarch64 cbz, tbz). A plain object, not an instance of a class:
 * `withReach` copies its properties.
 */
export interface FixupIsa {
  readonly name: string;
  readonly kinds: readonly FixupKind[];
  /** Encodings of an unconditional jump, shortest first. The last one is taken where the target is not yet known. */
  readonly jumpForms: readonly BranchForm[];
  /** Encodings of a conditional branch, shortest first; must return the same array for the same condition. */
  condForms(cond: number): readonly BranchForm[];
  /** Writes `jumpForms[form]` at `offset` with displacement zero. */
  writeJump(bytes: Uint8Array, offset: number, form: number): void;
  /** Writes `condForms(cond)[form]` at `offset` with displacement zero. */
  writeCond(bytes: Uint8Array, offset: number, cond: number, form: number): void;
  /** The opposite condition, of the same forms; -1 if there is none. */
  invertCond(cond: number): number;
  /** Kind of a 32-bit little-endian data word that holds its displacement: jump table entries. Unlimited reach. */
  readonly data32Kind: number;
  /** Bytes of an out-of-line trap. */
  readonly trapSize: number;
  /** Writes an instruction of `trapSize` bytes that traps with `trapKind`. */
  writeTrap(bytes: Uint8Array, offset: number, trapKind: number): void;
  /** Fills [from, to) so that it may be executed: nops. */
  writeNops(bytes: Uint8Array, from: number, to: number): void;
  /** Byte for space that is never executed: between functions, before constants. */
  readonly fillByte: number;
  /** Alignment of an instruction: 1 or 4. */
  readonly codeAlign: number;
  /** Alignment of a function. */
  readonly functionAlign: number;
  /** Alignment of the start of a constant pool, and (if over 16) of its end: x86_64 keeps constants on cache lines of their own. */
  readonly poolAlign: number;
  /** Largest number of code bytes written between two calls of `CodeBuffer.afterInstruction`. */
  readonly maxInstructionSize: number;
  /** Largest number of bytes by which an island grows between two such calls: veneers of the fixups made, traps, constants. */
  readonly maxInstructionGrowth: number;
}

/** True if a displacement fits a kind. */
export function fits(kind: FixupKind, displacement: number): boolean {
  return displacement <= kind.forward && displacement >= -kind.backward && displacement % kind.align === 0;
}

/**
 * The veneer for a fixup of kind `kind`, to be written at `at`: the first of the chain that reaches the target, which
 * lies at `target`; where that is not known (-1), the first whose own deadline is not before `threshold`. Throws if the
 * kind has no veneer.
 */
export function veneerTo(
  isa: FixupIsa,
  kind: FixupKind,
  at: number,
  target: number,
  threshold: number,
): Veneer {
  let next: FixupKind = kind;
  for (;;) {
    const { veneer } = next;
    if (veneer === null) throw new Error(`${isa.name}: ${next.name} misses its deadline and has no veneer`);
    next = isa.kinds[veneer.kind];
    if (next.veneer === null) return veneer;
    const field = Math.ceil(at / veneer.align) * veneer.align + veneer.fixupOffset;
    const isEnough =
      target >= 0
        ? fits(next, target + veneer.addend - field)
        : field + next.forward - veneer.addend >= threshold;
    if (isEnough) return veneer;
  }
}

/**
 * For each kind the largest number of island bytes that one fixup of it can ever cost: its veneer, the veneer of its
 * veneer and so on, with alignment. Zero for kinds without a veneer.
 */
export function islandCosts(isa: FixupIsa): Int32Array {
  const costs = new Int32Array(isa.kinds.length);
  for (let k = 0; k < costs.length; k++) {
    let cost = 0;
    let steps = 0;
    for (let v = isa.kinds[k].veneer; v !== null; v = isa.kinds[v.kind].veneer) {
      cost += v.size + v.align - 1;
      if (++steps > isa.kinds.length)
        throw new Error(`${isa.name}: veneers of ${isa.kinds[k].name} promote in a circle`);
    }
    costs[k] = cost;
  }
  return costs;
}

/**
 * The same ISA with the kind called `name` cut down to `bits` signed bits, counted in units of the kind's alignment as
 * the manuals count them (branch26:12 means +/-2 KiB on 4-byte instructions): `--x-reach=KIND:BITS`.
 * Throws RangeError for an unknown name, a reach that is not shorter, or one too short to place a veneer.
 */
export function withReach(isa: FixupIsa, name: string, bits: number): FixupIsa {
  const index = isa.kinds.findIndex((kind) => kind.name === name);
  if (index < 0) {
    throw new RangeError(
      `no fixup kind ${name}; ${isa.name} has ${isa.kinds.map((kind) => kind.name).join(', ')}`,
    );
  }
  const kind = isa.kinds[index];
  const forward = (2 ** (bits - 1) - 1) * kind.align;
  const backward = 2 ** (bits - 1) * kind.align;
  if (!(forward <= kind.forward && backward <= kind.backward)) {
    throw new RangeError(`${name}:${bits}: the kind reaches only ${kind.forward} bytes`);
  }
  const least = 4 * (isa.maxInstructionSize + isa.maxInstructionGrowth);
  if (forward < least)
    throw new RangeError(`${name}:${bits}: islands need a reach of at least ${least} bytes`);
  const kinds = isa.kinds.slice();
  kinds[index] = { ...kind, forward, backward };
  return { ...isa, kinds };
}
