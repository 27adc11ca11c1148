// Small binaries for tests of the front end: sections and LEB128 numbers put together by hand.

/** Unsigned LEB128. */
export function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return out;
}

/** A section with its size. */
export function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

/** A name with its length. */
export function name(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  return [...leb(bytes.length), ...bytes];
}

/** A module of the sections. */
export function moduleOf(...sections: readonly number[][]): Uint8Array {
  const bytes = new Uint8Array(8 + sections.reduce((sum, s) => sum + s.length, 0));
  bytes.set([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  let at = 8;
  for (const s of sections) {
    bytes.set(s, at);
    at += s.length;
  }
  return bytes;
}

/** Type and function sections for one function of `type` (bytes from 0x60 on), and its body's code with locals. */
export function oneFunction(
  type: readonly number[],
  locals: readonly number[],
  code: readonly number[],
): Uint8Array {
  const body = [...locals, ...code];
  return moduleOf(
    section(1, [1, ...type]),
    section(3, [1, 0]),
    section(10, [1, ...leb(body.length), ...body]),
  );
}
