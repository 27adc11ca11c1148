// The validator's verdict beside that of V8's WebAssembly.validate, for modules that use only what both know.
// What this V8 knows is found by probing with one small module a proposal, after its flags for standard proposals are set.
import { setFlagsFromString } from 'node:v8';
import { checkModule } from '../../src/frontend/decode.ts';
import { PROPOSAL_NAMES, Proposal, VALIDATED } from '../../src/frontend/features.ts';
import type { FeatureSet } from '../../src/frontend/features.ts';

// TypeScript's lib without the DOM has no WebAssembly; Node has.
declare const WebAssembly: { validate(bytes: Uint8Array): boolean };

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const FUNC = [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0];
const body = (...code: number[]): number[] => [
  ...FUNC,
  10,
  code.length + 5,
  1,
  code.length + 3,
  0,
  ...code,
  0x1a,
  0x0b,
];
const V128 = [0xfd, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/** A valid module of each proposal that a V8 may lack. */
const PROBES: readonly (readonly [Proposal, readonly number[]])[] = [
  [Proposal.ExtendedConst, [6, 9, 1, 0x7f, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b]],
  [Proposal.MultiMemory, [5, 5, 2, 0, 1, 0, 1]],
  [Proposal.FunctionReferences, body(0xd0, 0)],
  [Proposal.GcTypes, [1, 6, 1, 0x4e, 1, 0x60, 0, 0]],
  [Proposal.TailCall, body(0x12, 0, 0x41, 0)],
  [Proposal.Memory64, [4, 4, 1, 0x70, 4, 1, 5, 3, 1, 4, 1]],
  [Proposal.Simd, body(...V128)],
  [Proposal.RelaxedSimd, body(...V128, ...V128, 0xfd, 0x80, 0x02)],
  [Proposal.Exceptions, body(0x1f, 0x40, 0, 0x0b, 0x41, 0)],
  [Proposal.Threads, [5, 4, 1, 3, 1, 1]],
  [Proposal.CustomPageSizes, [5, 4, 1, 8, 1, 0]],
  [Proposal.WideArithmetic, body(0x42, 0, 0x42, 0, 0xfc, 0x15, 0x1a)],
];

function probe(): FeatureSet {
  setFlagsFromString('--experimental-wasm-extended-const');
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  let shared = VALIDATED;
  for (const [proposal, bytes] of PROBES)
    if (!WebAssembly.validate(Uint8Array.from([...HEADER, ...bytes]))) shared &= ~(1 << proposal);
  return shared;
}

/** The proposals that both the validator and this V8 know. */
export const SHARED: FeatureSet = probe();

/** Names of the proposals in a set. */
export function proposalNames(set: FeatureSet): string[] {
  return PROPOSAL_NAMES.filter((_, proposal) => ((set >> proposal) & 1) !== 0);
}

// Where V8 takes what we refuse: words of our message, and the reason.
const LAXITIES: readonly (readonly [string, string])[] = [
  ['initial table entries', 'V8 holds initial table entries against the limit when it instantiates'],
  [
    'atomic alignment must be natural',
    'V8 takes atomic accesses of smaller alignment (the threads proposal does not)',
  ],
  ['malformed reference type', 'V8 takes any value type for an element segment without entries'],
  ['more than one byte', 'V8 takes one-byte type codes as long LEB128 (specification 5.4.1 does not)'],
];

/** `apart`: not compared, for the named reason; `differs`: says how. */
export type Comparison =
  | { readonly kind: 'both-valid' }
  | { readonly kind: 'both-refuse' }
  | { readonly kind: 'apart'; readonly why: string }
  | { readonly kind: 'differs'; readonly how: string };

/**
 * Compares the verdicts. A module is apart if ours met a proposal (while reading as far as it did) that V8 or we do not
 * know. Exceptions other than WasmError pass: they are crashes of the validator.
 */
export function compareWithV8(bytes: Uint8Array): Comparison {
  const { error, module } = checkModule(bytes, VALIDATED);
  const alien = module.used & ~SHARED;
  if (alien !== 0) return { kind: 'apart', why: proposalNames(alien).join('+') };
  if (error?.kind === 'unsupported') return { kind: 'apart', why: error.proposal };
  const theirs = WebAssembly.validate(bytes);
  const laxity =
    theirs && error !== null ? LAXITIES.find(([words]) => error.message.includes(words)) : undefined;
  if (laxity !== undefined) return { kind: 'apart', why: laxity[1] };
  if (theirs !== (error === null)) {
    const ours = error === null ? 'valid' : `${error.kind} at ${error.offset}: ${error.message}`;
    return { kind: 'differs', how: `ours ${ours}; V8 ${theirs ? 'valid' : 'refuses'}` };
  }
  return { kind: error === null ? 'both-valid' : 'both-refuse' };
}
