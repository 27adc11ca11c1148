// Reads 64-bit Mach-O objects for `inspect` and for tests, through a description of the format for the package
// binary-parser. Input: the whole file; output: plain records. Throws Error for what is no such file.
import { Parser } from 'binary-parser';
import { LoadCommand, MAGIC_64 } from './constants.ts';

export interface MachOSection {
  readonly name: string;
  readonly segment: string;
  readonly address: number;
  readonly size: number;
  readonly offset: number;
  readonly alignLog2: number;
  readonly flags: number;
  readonly data: Buffer;
  /** As stored. */
  readonly relocations: readonly MachORelocation[];
}

export interface MachORelocation {
  readonly address: number;
  readonly symbol: number;
  readonly isPcRelative: boolean;
  readonly lengthLog2: number;
  readonly isExternal: boolean;
  readonly type: number;
}

export interface MachOSymbol {
  readonly name: string;
  readonly type: number;
  readonly section: number;
  readonly value: number;
}

export interface MachOFile {
  readonly cpuType: number;
  readonly fileType: number;
  readonly flags: number;
  readonly commands: readonly number[];
  readonly sections: readonly MachOSection[];
  readonly symbols: readonly MachOSymbol[];
  /** [local, defined external, undefined] as LC_DYSYMTAB counts them. */
  readonly symbolCounts: readonly [number, number, number];
  readonly dataInCode: readonly { readonly offset: number; readonly length: number; readonly kind: number }[];
}

/** Whether `bytes` begin like a little-endian 64-bit Mach-O file. */
export function isMachO(bytes: Uint8Array): boolean {
  return bytes[0] === 0xcf && bytes[1] === 0xfa && bytes[2] === 0xed && bytes[3] === 0xfe;
}

interface HeaderRecord {
  readonly cpuType: number;
  readonly fileType: number;
  readonly flags: number;
  readonly commands: readonly { readonly command: number; readonly body: Buffer }[];
}

interface SectionRecord extends Omit<MachOSection, 'data' | 'relocations'> {
  readonly relocationOffset: number;
  readonly relocationCount: number;
}

interface SymtabRecord {
  readonly symbolOffset: number;
  readonly symbolCount: number;
  readonly stringOffset: number;
  readonly stringBytes: number;
}

interface NlistRecord {
  readonly name: number;
  readonly type: number;
  readonly section: number;
  readonly value: number;
}

interface DysymtabRecord {
  readonly localCount: number;
  readonly externalCount: number;
  readonly undefinedCount: number;
}

const asNumber = { formatter: (value: bigint): number => Number(value) };
const fixedName = { length: 16, stripNull: true } as const;
const little = (): Parser => new Parser().endianness('little');

const headerFormat = little()
  .uint32('magic', { assert: MAGIC_64 })
  .uint32('cpuType')
  .uint32('cpuSubtype')
  .uint32('fileType')
  .uint32('commandCount')
  .uint32('commandBytes')
  .uint32('flags')
  .uint32('reserved')
  .array('commands', {
    length: 'commandCount',
    type: little()
      .uint32('command')
      .uint32('size')
      .buffer('body', {
        length(this: { size: number }): number {
          return this.size - 8;
        },
      }),
  });

const relocationFormat = little().int32('address').uint32('word');

const segmentFormat = little()
  .string('name', fixedName)
  .uint64('address', asNumber)
  .uint64('bytes', asNumber)
  .uint64('fileOffset', asNumber)
  .uint64('fileBytes', asNumber)
  .uint32('maxProtection')
  .uint32('protection')
  .uint32('sectionCount')
  .uint32('flags')
  .array('sections', {
    length: 'sectionCount',
    type: little()
      .string('name', fixedName)
      .string('segment', fixedName)
      .uint64('address', asNumber)
      .uint64('size', asNumber)
      .uint32('offset')
      .uint32('alignLog2')
      .uint32('relocationOffset')
      .uint32('relocationCount')
      .uint32('flags')
      .seek(12),
  });

const symtabFormat = little()
  .uint32('symbolOffset')
  .uint32('symbolCount')
  .uint32('stringOffset')
  .uint32('stringBytes');
const nlistFormat = little()
  .uint32('name')
  .uint8('type')
  .uint8('section')
  .uint16('description')
  .uint64('value', asNumber);
const dysymtabFormat = little()
  .uint32('localFirst')
  .uint32('localCount')
  .uint32('externalFirst')
  .uint32('externalCount')
  .uint32('undefinedFirst')
  .uint32('undefinedCount');
const linkeditFormat = little().uint32('offset').uint32('size');
const dataInCodeFormat = little().uint32('offset').uint16('length').uint16('kind');

/** Parses `count` records of `recordBytes` at `offset`. */
function records<T>(
  file: Buffer,
  offset: number,
  count: number,
  recordBytes: number,
  one: (bytes: Buffer) => T,
): T[] {
  return Array.from({ length: count }, (_, i) => {
    const at = offset + i * recordBytes;
    return one(file.subarray(at, at + recordBytes));
  });
}

export function readMachO(file: Buffer): MachOFile {
  const header = headerFormat.parse(file) as HeaderRecord;
  const bodies = (wanted: LoadCommand): Buffer[] =>
    header.commands.filter((entry) => entry.command === Number(wanted)).map((entry) => entry.body);
  const body = (wanted: LoadCommand): Buffer => {
    const [found] = bodies(wanted);
    if (found === undefined) throw new Error(`Mach-O file without load command ${wanted}`);
    return found;
  };
  // Objects have one segment, executables several.
  const sections = bodies(LoadCommand.Segment64).flatMap((bytes) => {
    const segment = segmentFormat.parse(bytes) as { readonly sections: readonly SectionRecord[] };
    return segment.sections;
  });
  const symtab = symtabFormat.parse(body(LoadCommand.Symtab)) as SymtabRecord;
  const dysymtab = dysymtabFormat.parse(body(LoadCommand.Dysymtab)) as DysymtabRecord;
  const dataInCode = bodies(LoadCommand.DataInCode).map(
    (bytes) => linkeditFormat.parse(bytes) as { readonly offset: number; readonly size: number },
  );
  const strings = file.subarray(symtab.stringOffset, symtab.stringOffset + symtab.stringBytes);
  return {
    cpuType: header.cpuType,
    fileType: header.fileType,
    flags: header.flags,
    commands: header.commands.map((entry) => entry.command),
    sections: sections.map((section) => ({
      name: section.name,
      segment: section.segment,
      address: section.address,
      size: section.size,
      offset: section.offset,
      alignLog2: section.alignLog2,
      flags: section.flags,
      data: isZeroFill(section.flags)
        ? Buffer.alloc(0)
        : file.subarray(section.offset, section.offset + section.size),
      relocations: records(file, section.relocationOffset, section.relocationCount, 8, (bytes) => {
        const { address, word } = relocationFormat.parse(bytes) as { address: number; word: number };
        return {
          address,
          symbol: word & 0xffffff,
          isPcRelative: ((word >>> 24) & 1) === 1,
          lengthLog2: (word >>> 25) & 3,
          isExternal: ((word >>> 27) & 1) === 1,
          type: word >>> 28,
        };
      }),
    })),
    symbols: records(file, symtab.symbolOffset, symtab.symbolCount, 16, (bytes) => {
      const { name, type, section, value } = nlistFormat.parse(bytes) as NlistRecord;
      return { name: strings.toString('utf8', name, strings.indexOf(0, name)), type, section, value };
    }),
    symbolCounts: [dysymtab.localCount, dysymtab.externalCount, dysymtab.undefinedCount],
    dataInCode: dataInCode.flatMap(({ offset, size }) =>
      records(
        file,
        offset,
        size / 8,
        8,
        (bytes) => dataInCodeFormat.parse(bytes) as { offset: number; length: number; kind: number },
      ),
    ),
  };
}

/** Whether the file holds no bytes of the section: S_ZEROFILL, S_GB_ZEROFILL, S_THREAD_LOCAL_ZEROFILL. */
function isZeroFill(flags: number): boolean {
  const type = flags & 0xff;
  return type === 1 || type === 0xc || type === 0x12;
}
