// Instruction set level that code may use, from `-march`.

export interface A64Features {
  /** n of ARMv8.n: the header's flag. */
  readonly level: number;
}

/**
 * Features of `-march=TEXT`: '' or armv8-a is the baseline, armv8.1-a to armv8.9-a are accepted as levels that the
 * program asks for at its start. Throws RangeError for anything else.
 */
export function parseMarch(text: string): A64Features {
  if (text === '' || text === 'armv8-a') return { level: 0 };
  const match = /^armv8\.([1-9])-a$/.exec(text);
  if (match === null) throw new RangeError(`-march: unknown ${text}; known: armv8-a, armv8.1-a to armv8.9-a`);
  return { level: Number(match[1]) };
}
