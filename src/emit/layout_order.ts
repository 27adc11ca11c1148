// The order of functions in the text and random paddings between them, for the stress mode `--x-layout-seed`. The
// same seed gives the same layout on every machine.

/** Small deterministic random numbers: xorshift of 32 bits (Marsaglia 2003, "Xorshift RNGs"). */
export class LayoutRandom {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x5bd1e995) | 0 || 1;
  }

  /** An integer in [0, bound), bound <= 2^31. */
  below(bound: number): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return (x >>> 0) % bound;
  }

  /** Bytes of padding behind a function: mostly none, sometimes a page, rarely 64 KiB. */
  padding(): number {
    const dice = this.below(64);
    if (dice === 0) return this.below(1 << 16);
    if (dice < 8) return this.below(4096);
    return 0;
  }
}

/** The order in which functions 0..count-1 are laid out: rising for seed 0, else a permutation chosen by the seed. */
export function layoutOrder(count: number, seed: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  if (seed === 0) return order;
  const random = new LayoutRandom(seed);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const other = order[j];
    order[j] = order[i];
    order[i] = other;
  }
  return order;
}
