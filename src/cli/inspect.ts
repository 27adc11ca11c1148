// `wasm2native inspect FILE`: what a module, an object or an executable holds, as text on stdout.
import { readFileSync } from 'node:fs';
import { Header, HeaderFlag, IsaCode, MAGIC, Section, SPAN_BYTES } from '../abi/layout.ts';
import { isElf, readElf } from '../elf/reader.ts';
import { decodeModule } from '../frontend/decode.ts';
import { WasmError } from '../frontend/errors.ts';
import { PROPOSAL_NAMES } from '../frontend/features.ts';
import type { Module } from '../frontend/module.ts';
import { ExternKind } from '../frontend/module.ts';
import type { MachOFile } from '../macho/reader.ts';
import { isMachO, readMachO } from '../macho/reader.ts';
import { describeWasmError, UserError } from './diagnostics.ts';
import { kindOf } from './inputs.ts';

const KINDS = ['function', 'table', 'memory', 'global', 'tag'] as const;
const SPANS = [
  'types',
  'imports',
  'functions',
  'exports',
  'globals',
  'memories',
  'tables',
  'elements',
  'data',
  'exprs',
  'code records',
  'code index',
  'names',
  'config',
] as const;

export function inspect(file: string): void {
  const bytes = readFileSync(file);
  process.stdout.write(`${describe(file, bytes).join('\n')}\n`);
}

function describe(file: string, bytes: Buffer): string[] {
  if (kindOf(file, bytes) === 'wasm') {
    try {
      return describeModule(decodeModule(bytes));
    } catch (error) {
      if (error instanceof WasmError) throw describeWasmError(file, error);
      throw error;
    }
  }
  try {
    if (isElf(bytes)) return describeElf(bytes);
    if (isMachO(bytes)) return describeMachO(bytes);
  } catch (error) {
    throw new UserError(`${file}: cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new UserError(`${file}: byte 0 (0x0): neither a WebAssembly module, nor ELF, nor Mach-O`);
}

function describeModule(module: Module): string[] {
  const used = PROPOSAL_NAMES.filter((_, proposal) => proposal > 0 && ((module.used >> proposal) & 1) === 1);
  const lines = [
    `WebAssembly module, ${module.bytes.length} bytes`,
    `functions: ${module.funcCount}, imported ${module.importedFuncs}`,
    `types: ${module.types.count}, tables: ${module.tables.length}, memories: ${module.memories.length}, globals: ${module.globalType.length}`,
    `proposals outside of bodies: ${used.length === 0 ? 'none' : used.join(' ')}`,
  ];
  for (const memory of module.memories)
    lines.push(`memory: ${memory.min} pages, ${memory.max < 0 ? 'no limit' : `at most ${memory.max}`}`);
  for (const entry of module.imports)
    lines.push(`import ${KINDS[entry.kind]} ${JSON.stringify(entry.module)} ${JSON.stringify(entry.name)}`);
  for (const entry of module.exports) lines.push(`export ${KINDS[entry.kind]} ${JSON.stringify(entry.name)}`);
  const start = module.exports.some((e) => e.kind === ExternKind.Func && e.name === '_start');
  lines.push(start ? 'a command: exports _start' : 'a library: exports no _start');
  return lines;
}

function describeElf(bytes: Buffer): string[] {
  const elf = readElf(bytes);
  const lines = [`ELF64, machine ${elf.machine}, type ${elf.type}`];
  for (const section of elf.sections.slice(1)) {
    const flags = `${section.isWritable ? 'w' : '-'}${section.isExecutable ? 'x' : '-'}`;
    lines.push(`section ${section.name} ${flags} ${section.size} bytes`);
  }
  lines.push(`symbols: ${elf.symbols.length}, relocations: ${elf.relocations.length}`);
  const text = elf.sections.find((section) => section.name === 'w2n_text');
  return text === undefined ? lines : [...lines, ...describeText(text.data)];
}

function describeMachO(bytes: Buffer): string[] {
  const macho = readMachO(bytes);
  const lines = [`Mach-O, CPU type 0x${macho.cpuType.toString(16)}, type ${macho.fileType}`];
  for (const section of macho.sections)
    lines.push(
      `section ${section.segment},${section.name} ${section.size} bytes, ${section.relocations.length} relocations`,
    );
  lines.push(`symbols: ${macho.symbols.length}`);
  const text = macho.sections.find((section) => section.name === 'w2n_text')?.data ?? mergedText(macho);
  return text === undefined ? lines : [...lines, ...describeText(text)];
}

/** Compiled text inside `__text`: some linkers join all sections of instructions. It is aligned to 64 bytes. */
function mergedText(macho: MachOFile): Buffer | undefined {
  const ALIGN = 64;
  const text = macho.sections.find((section) => section.segment === '__TEXT' && section.name === '__text');
  if (text === undefined) return undefined;
  for (let at = -text.address & (ALIGN - 1); at + Header.Size <= text.data.length; at += ALIGN) {
    const bytes = text.data.subarray(at);
    if (
      bytes.readUInt32LE(Header.Magic) === MAGIC &&
      bytes.readUInt32LE(Header.HeaderBytes) === Number(Header.Size)
    )
      return bytes;
  }
  return undefined;
}

/** The header at the start of compiled text (docs/abi.md, "Header"). */
function describeText(text: Buffer): string[] {
  if (text.length < Number(Header.Size) || text.readUInt32LE(Header.Magic) !== MAGIC)
    return ['w2n_text: no header of this version'];
  const flags = text.readUInt32LE(Header.Flags);
  const isa = (flags >> HeaderFlag.IsaShift) & 0xff;
  const names: string[] = [isa === Number(IsaCode.X86_64) ? 'x86_64' : 'aarch64'];
  if ((flags & HeaderFlag.Closed) !== 0) names.push('closed');
  names.push((flags & HeaderFlag.Checked) !== 0 ? 'bounds=checked' : 'bounds=guard');
  if ((flags & HeaderFlag.Gs) !== 0) names.push('memory-base=gs');
  const lines = [
    `module: ABI version ${text.readUInt32LE(Header.AbiVersion)}, ${names.join(', ')}`,
    `text: ${text.readBigUInt64LE(Header.TextBytes)} bytes, instance: ${text.readUInt32LE(Header.InstanceBytes)} bytes`,
  ];
  for (let section = 0; section < Number(Section.Count); section++) {
    const at = Header.Sections + section * SPAN_BYTES;
    lines.push(`${SPANS[section]}: ${text.readBigUInt64LE(at + 8)}`);
  }
  const config = Header.Sections + Section.Config * SPAN_BYTES;
  const from = Number(text.readBigUInt64LE(config));
  const words = text.toString('utf8', from, from + Number(text.readBigUInt64LE(config + 8))).split('\0');
  for (let i = 0; i + 1 < words.length; i += 2)
    lines.push(`setting ${words[i]} ${JSON.stringify(words[i + 1])}`);
  return lines;
}
