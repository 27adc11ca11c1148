// Times of the phases of a build, for --time-passes.

export class Phases {
  readonly isWanted: boolean;
  private readonly times: { readonly name: string; readonly ms: number }[] = [];

  constructor(isWanted: boolean) {
    this.isWanted = isWanted;
  }

  add(name: string, ms: number): void {
    this.times.push({ name, ms });
  }

  /** Runs `work` and counts its time under `name`. */
  time<T>(name: string, work: () => T): T {
    const start = performance.now();
    const result = work();
    this.add(name, performance.now() - start);
    return result;
  }

  /** The same for work that ends later. */
  async timeAsync<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.add(name, performance.now() - start);
    return result;
  }

  print(): void {
    if (!this.isWanted) return;
    for (const { name, ms } of this.times)
      process.stderr.write(`${name.padEnd(18)} ${ms.toFixed(1).padStart(9)} ms\n`);
  }
}
