// Instruction set extensions that code may use: from `-march`, a level of the x86-64 psABI or a list of names.

export interface X64Features {
  readonly popcnt: boolean;
  readonly lzcnt: boolean;
  readonly bmi1: boolean;
  readonly bmi2: boolean;
  readonly sse41: boolean;
  /** Level 1 to 4 of the psABI that contains all of them: the header's flag. */
  readonly level: number;
}

const LEVELS: readonly string[] = ['', 'x86-64', 'x86-64-v2', 'x86-64-v3', 'x86-64-v4'];
const NAMES: readonly string[] = ['popcnt', 'lzcnt', 'bmi1', 'bmi2', 'sse4.1'];

/**
 * Features of `-march=TEXT`: '', a psABI level (x86-64-v3), or names after a level or alone: `x86-64-v2,bmi2`.
 * Throws RangeError for anything else.
 */
export function parseMarch(text: string): X64Features {
  let base = 1;
  const extra: string[] = [];
  for (const word of text.split(',').filter((w) => w !== '')) {
    const level = LEVELS.indexOf(word);
    if (level > 0) base = level;
    else if (NAMES.includes(word)) extra.push(word);
    else
      throw new RangeError(
        `-march: unknown ${word}; known: ${LEVELS.slice(1).join(', ')}, ${NAMES.join(', ')}`,
      );
  }
  const has = (name: string, level: number): boolean => base >= level || extra.includes(name);
  const features = {
    popcnt: has('popcnt', 2),
    sse41: has('sse4.1', 2),
    lzcnt: has('lzcnt', 3),
    bmi1: has('bmi1', 3),
    bmi2: has('bmi2', 3),
  };
  const level =
    features.lzcnt || features.bmi1 || features.bmi2 ? 3 : features.popcnt || features.sse41 ? 2 : 1;
  return { ...features, level: Math.max(level, base) };
}
