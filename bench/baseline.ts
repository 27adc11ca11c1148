// Recorded figures (bench/baseline.json) that must not get worse by more than a tenth. Only figures that do not depend on
// the machine are recorded: compile time over that of wasm2c + gcc for the same module, bytes of text for an operator,
// start-up over that of the native twin. A figure is compared only where what it was measured with is the same.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface Figure {
  /** Less is better. */
  readonly value: number;
  /** Digest of the module and versions of the tools that it depends on. */
  readonly basis: string;
}

/** `compile/lua` -> its figure. */
export type Figures = Readonly<Record<string, Figure>>;

export interface Comparison {
  /** One line for each figure that got worse by more than the tolerance. */
  readonly worse: readonly string[];
  /** One line for each recorded figure that could not be compared. */
  readonly apart: readonly string[];
  readonly compared: number;
}

const TOLERANCE = 0.1;

export function compareFigures(recorded: Figures, measured: Figures): Comparison {
  const worse: string[] = [];
  const apart: string[] = [];
  let compared = 0;
  for (const [name, now] of Object.entries(measured)) {
    const then = recorded[name];
    if (then === undefined) apart.push(`${name}: ${now.value.toPrecision(4)}, nothing is recorded`);
    else if (then.basis !== now.basis) apart.push(`${name}: recorded with ${then.basis}, now ${now.basis}`);
    else {
      compared++;
      const change = now.value / then.value - 1;
      if (change > TOLERANCE)
        worse.push(
          `${name}: ${then.value.toPrecision(4)} became ${now.value.toPrecision(4)} (+${(100 * change).toFixed(1)} %)`,
        );
    }
  }
  return { worse, apart, compared };
}

export function readFigures(file: string): Figures {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Figures) : {};
}

/** Records `measured`, keeping what other runs recorded of other programs. */
export function recordFigures(file: string, measured: Figures): void {
  const merged = { ...readFigures(file), ...measured };
  const sorted = Object.fromEntries(Object.entries(merged).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
}
