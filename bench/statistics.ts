// Figures of repeated runs: medians, minima, ratios pair by pair, geometric means.

/** One run of a command: seconds from spawn to end, seconds of user and system time, peak resident KiB. */
export interface Sample {
  readonly wall: number;
  readonly cpu: number;
  readonly peak: number;
}

/** A measure with its spread over the rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * Ratios of runs that stood side by side: the round's figure of `a` over that of `b`, for the rounds that both have.
 * Interleaved pairs share the machine's slow moments, so that these vary less than the ratio of two medians.
 */
export function pairRatios(a: readonly number[], b: readonly number[]): number[] {
  return a.slice(0, Math.min(a.length, b.length)).map((value, round) => value / b[round]);
}

export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('geometric mean of nothing');
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
