// Writes `ar` archives of ELF objects in the System V / GNU shape: magic, symbol index `/`, long names `//`, members on
// even offsets. Times, owners and modes are fixed, so equal members give equal archives.
import { ByteWriter } from '../support/byte_writer.ts';
import { Binding } from './constants.ts';
import { readElf } from './reader.ts';

export interface Member {
  readonly name: string;
  readonly bytes: Buffer;
}

const HEADER_BYTES = 60;
const LONGEST_SHORT_NAME = 15;

function header(out: ByteWriter, name: string, size: number, mode = '100644'): void {
  out.fixedString(name.padEnd(16), 16);
  out.fixedString('0'.padEnd(12), 12);
  out.fixedString('0'.padEnd(6) + '0'.padEnd(6) + mode.padEnd(8), 20);
  out.fixedString(String(size).padEnd(10), 10);
  out.fixedString('`\n', 2);
}

function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The archive of `members`, indexed by the global symbols that they define. */
export function writeArchive(members: readonly Member[]): Uint8Array {
  const longNames = new ByteWriter();
  const names = members.map(({ name }) => {
    if (name.length <= LONGEST_SHORT_NAME) return `${name}/`;
    const at = longNames.length;
    longNames.put(Buffer.from(`${name}/\n`));
    return `/${at}`;
  });
  const symbols = members.map((member) =>
    readElf(member.bytes)
      .symbols.filter((s) => s.section !== 0 && s.binding !== Number(Binding.Local))
      .map((s) => s.name),
  );
  const even = (size: number): number => size + (size & 1);
  const strings = symbols.flat().reduce((sum, name) => sum + Buffer.byteLength(name) + 1, 0);
  const indexBytes = 4 + 4 * symbols.flat().length + strings;
  const longBytes = longNames.length === 0 ? 0 : HEADER_BYTES + even(longNames.length);
  let at = 8 + HEADER_BYTES + even(indexBytes) + longBytes;
  const offsets = members.map((member) => {
    const offset = at;
    at += HEADER_BYTES + even(member.bytes.length);
    return offset;
  });

  const out = new ByteWriter(at);
  const content = (name: string, bytes: Uint8Array): void => {
    header(out, name, bytes.length);
    out.put(bytes);
    if ((bytes.length & 1) === 1) out.u8(0x0a);
  };
  out.fixedString('!<arch>\n', 8);
  const index = new ByteWriter(indexBytes);
  index.put(bigEndian(symbols.flat().length));
  symbols.forEach((list, i) => list.forEach(() => index.put(bigEndian(offsets[i]))));
  for (const name of symbols.flat()) index.cstring(name);
  content('/', index.bytes());
  if (longNames.length > 0) content('//', longNames.bytes());
  members.forEach((member, i) => content(names[i], member.bytes));
  return out.bytes();
}
