// WebAssembly proposals as a bit set: what a run accepts (`FeatureSet`) and what a module uses (`Module.used`).
// To enable a proposal, add its bit to SUPPORTED: operators, types and flags ask this set and nothing else.
import { WasmError } from './errors.ts';

/** One proposal; `1 << proposal` is its bit in a FeatureSet. */
export const enum Proposal {
  Mvp,
  SignExtension,
  SaturatingConversion,
  MultiValue,
  BulkMemory,
  ReferenceTypes,
  ExtendedConst,
  MultiMemory,
  FunctionReferences,
  /** Type definitions of GC: rec, sub, struct, array, the abstract heap types; and constant global.get of own globals. */
  GcTypes,
  TailCall,
  /** 64-bit memories and tables. */
  Memory64,
  Simd,
  RelaxedSimd,
  Exceptions,
  Threads,
  /** Instructions of GC. */
  Gc,
  LegacyExceptions,
  CustomPageSizes,
  WideArithmetic,
}

/** Names by Proposal, as the proposals' repositories spell them. */
export const PROPOSAL_NAMES: readonly string[] = [
  'mvp',
  'sign-extension-ops',
  'nontrapping-float-to-int-conversions',
  'multi-value',
  'bulk-memory-operations',
  'reference-types',
  'extended-const',
  'multi-memory',
  'function-references',
  'gc-types',
  'tail-call',
  'memory64',
  'simd',
  'relaxed-simd',
  'exception-handling',
  'threads',
  'gc',
  'legacy-exceptions',
  'custom-page-sizes',
  'wide-arithmetic',
];

/** A set of proposals: bit `1 << Proposal`. */
export type FeatureSet = number;

/** What the compiler accepts: decoded, validated, translated. */
export const SUPPORTED: FeatureSet =
  (1 << Proposal.Mvp) |
  (1 << Proposal.SignExtension) |
  (1 << Proposal.SaturatingConversion) |
  (1 << Proposal.MultiValue) |
  (1 << Proposal.BulkMemory) |
  (1 << Proposal.ReferenceTypes) |
  (1 << Proposal.ExtendedConst) |
  (1 << Proposal.MultiMemory) |
  (1 << Proposal.FunctionReferences) |
  (1 << Proposal.GcTypes);

/** What the validator can check, including proposals that nothing behind it translates yet. */
export const VALIDATED: FeatureSet =
  SUPPORTED |
  (1 << Proposal.TailCall) |
  (1 << Proposal.Memory64) |
  (1 << Proposal.Simd) |
  (1 << Proposal.RelaxedSimd) |
  (1 << Proposal.Exceptions) |
  (1 << Proposal.Threads) |
  (1 << Proposal.CustomPageSizes) |
  (1 << Proposal.WideArithmetic);

/** Throws the fault for a construct `what` of a proposal that is not enabled. */
export function unsupported(proposal: Proposal, offset: number, what: string): never {
  const name = PROPOSAL_NAMES[proposal] ?? 'unknown';
  throw new WasmError(
    'unsupported',
    offset,
    `${what} needs the proposal ${name}, which is not supported`,
    name,
  );
}
