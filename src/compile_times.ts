// Times of the passes over all functions, for --time-passes: milliseconds by name, in the order of first mention.
// A pass whose parts are timed from outside (lowering, allocation, emission) is told apart by wrapping the allocator.
import type { Allocator } from './regalloc/door.ts';

export class PassTimes {
  private readonly ms = new Map<string, number>();
  private allocationStart = 0;
  private allocationEnd = 0;

  add(name: string, ms: number): void {
    this.ms.set(name, (this.ms.get(name) ?? 0) + ms);
  }

  /** Runs `work` and counts its time under `name`. */
  time<T>(name: string, work: () => T): T {
    const start = performance.now();
    const result = work();
    this.add(name, performance.now() - start);
    return result;
  }

  /** `allocator`, noting when it runs. */
  wrap(allocator: Allocator): Allocator {
    return (input, env) => {
      this.allocationStart = performance.now();
      const output = allocator(input, env);
      this.allocationEnd = performance.now();
      return output;
    };
  }

  /** Runs `work`, which calls a wrapped allocator once: what is before it is lowering, what is behind it emission. */
  timeBackEnd<T>(work: () => T): T {
    const start = performance.now();
    const result = work();
    this.add('lower', this.allocationStart - start);
    this.add('allocate', this.allocationEnd - this.allocationStart);
    this.add('emit', performance.now() - this.allocationEnd);
    return result;
  }

  entries(): Iterable<readonly [string, number]> {
    return this.ms;
  }
}
