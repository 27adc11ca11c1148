// Mutations of WebAssembly binaries: byte changes, truncations, LEB128 changes and splices, either anywhere in the file
// or inside a section or function body whose sizes are made right again, so that the change reaches the checks behind.
import type { Random } from './random.ts';

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Section extends Span {
  readonly id: number;
}

const CODE = 10;
const INTERESTING = [
  0x00, 0x01, 0x02, 0x3f, 0x40, 0x41, 0x60, 0x63, 0x64, 0x6f, 0x70, 0x7b, 0x7c, 0x7f, 0x80, 0xff,
];
const OPERATORS = [
  0x00, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x1a, 0x1b, 0x1c, 0x20, 0x21,
  0x22, 0x23, 0x24, 0x25, 0x28, 0x36, 0x3f, 0x41, 0x42, 0x43, 0x44, 0x45, 0x6a, 0x7c, 0x92, 0xa0, 0xa7, 0xc0,
  0xd0, 0xd1, 0xd2, 0xfc, 0xfd, 0xfe,
];

/** The mutant of `base`; `other` lends the bytes of splices. */
export function mutate(random: Random, base: Uint8Array, other: Uint8Array): Uint8Array {
  let bytes: Uint8Array = base;
  for (let n = random.below(3) === 0 ? 3 : 1; n > 0; n--) bytes = mutateOnce(random, bytes, other);
  return bytes;
}

function mutateOnce(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const sections = readSections(bytes);
  if (sections.length === 0 || random.below(8) === 0) return edit(random, bytes, other);
  const code = sections.find((candidate) => candidate.id === CODE);
  const section = code !== undefined && random.below(2) === 0 ? code : random.pick(sections);
  let content: Uint8Array = bytes.slice(section.start, section.end);
  if (section.id === CODE && random.below(8) !== 0) content = mutateBody(random, content, other);
  else content = edit(random, content, other);
  return join(
    bytes.slice(0, headerStart(bytes, section)),
    [section.id],
    leb(content.length),
    content,
    bytes.slice(section.end),
  );
}

/** Edits one function body of a code section and its size. */
function mutateBody(random: Random, content: Uint8Array, other: Uint8Array): Uint8Array {
  const bodies = readBodies(content);
  if (bodies.length === 0) return edit(random, content, other);
  const index = random.below(bodies.length);
  const body = bodies[index];
  const before = index === 0 ? lebEnd(content, 0) : bodies[index - 1].end;
  const edited = edit(random, content.slice(body.start, body.end), other);
  return join(content.slice(0, before), leb(edited.length), edited, content.slice(body.end));
}

function edit(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  const copy = bytes.slice();
  switch (random.below(10)) {
    case 0:
      if (at < copy.length) copy[at] = copy[at] ^ (1 << random.below(8));
      return copy;
    case 1:
      if (at < copy.length) copy[at] = random.below(256);
      return copy;
    case 2:
      if (at < copy.length) copy[at] = random.pick(INTERESTING);
      return copy;
    case 3:
      if (at < copy.length) copy[at] = random.pick(OPERATORS);
      return copy;
    case 4:
      return bytes.slice(0, at);
    case 5:
      return join(bytes.slice(0, at), [random.pick(OPERATORS)], bytes.slice(at));
    case 6:
      return join(bytes.slice(0, at), bytes.slice(Math.min(bytes.length, at + 1 + random.below(4))));
    case 7: {
      const from = random.below(other.length + 1);
      const piece = other.slice(from, from + 1 + random.below(24));
      const cut = random.below(2) === 0 ? 0 : piece.length;
      return join(bytes.slice(0, at), piece, bytes.slice(Math.min(bytes.length, at + cut)));
    }
    case 8:
      return changeLeb(random, bytes, at);
    default:
      if (at < copy.length) copy[at] = (copy[at] + (random.below(2) === 0 ? 1 : 255)) & 0xff;
      return copy;
  }
}

/** Lengthens the LEB128 at `at` by redundant or wrong bytes, or puts a large one there. */
function changeLeb(random: Random, bytes: Uint8Array, at: number): Uint8Array {
  if (at >= bytes.length) return bytes.slice();
  const end = lebEnd(bytes, at);
  const old = bytes.slice(at, end);
  if (random.below(3) === 0) return join(bytes.slice(0, at), leb(random.bits()), bytes.slice(end));
  const last = old.length - 1;
  const fill = random.below(3) === 0 ? 0x7f : 0;
  old[last] = old[last] | 0x80;
  const more = random.below(6);
  const padding = new Uint8Array(more).fill(fill | 0x80);
  return join(bytes.slice(0, at), old, padding, [fill], bytes.slice(end));
}

function readSections(bytes: Uint8Array): Section[] {
  const sections: Section[] = [];
  let pos = 8;
  while (pos < bytes.length) {
    const id = bytes[pos];
    const size = readLeb(bytes, pos + 1);
    const start = lebEnd(bytes, pos + 1);
    if (start + size > bytes.length) break;
    sections.push({ id, start, end: start + size });
    pos = start + size;
  }
  return sections;
}

function readBodies(content: Uint8Array): Span[] {
  const bodies: Span[] = [];
  const count = readLeb(content, 0);
  let pos = lebEnd(content, 0);
  for (let i = 0; i < count && pos < content.length; i++) {
    const start = lebEnd(content, pos);
    const end = start + readLeb(content, pos);
    if (end > content.length) break;
    bodies.push({ start, end });
    pos = end;
  }
  return bodies;
}

function headerStart(bytes: Uint8Array, section: Section): number {
  let pos = 8;
  for (;;) {
    const start = lebEnd(bytes, pos + 1);
    if (start === section.start) return pos;
    pos = start + readLeb(bytes, pos + 1);
  }
}

function lebEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end < bytes.length && bytes[end] >= 0x80 && end < at + 10) end++;
  return Math.min(end + 1, bytes.length);
}

function readLeb(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let pos = at, scale = 1; pos < bytes.length && pos < at + 5; pos++, scale *= 128) {
    value += (bytes[pos] & 0x7f) * scale;
    if (bytes[pos] < 0x80) break;
  }
  return value;
}

function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return out;
}

function join(...parts: (Uint8Array | readonly number[])[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
