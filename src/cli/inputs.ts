// Inputs, told apart by what is in them: one WebAssembly module, C sources, objects and archives, in any order.
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import { isElf } from '../elf/reader.ts';
import { isMachO } from '../macho/reader.ts';
import { UsageError, UserError } from './diagnostics.ts';

export interface Inputs {
  /** The module, or null: then objects made before are linked. */
  readonly wasm: { readonly file: string; readonly bytes: Uint8Array } | null;
  /** C sources, objects, archives, shared libraries: passed to the C compiler in their order. */
  readonly others: readonly string[];
  readonly hasObjects: boolean;
}

type Kind = 'wasm' | 'component' | 'c' | 'object' | 'text-wasm' | 'unknown';

const HEAD_BYTES = 4096;

function head(file: string): Buffer {
  const fd = openSync(file, 'r');
  try {
    if (fstatSync(fd).isDirectory()) throw new UserError(`${file}: is a directory`);
    const buffer = Buffer.alloc(HEAD_BYTES);
    return buffer.subarray(0, readSync(fd, buffer, 0, HEAD_BYTES, null));
  } finally {
    closeSync(fd);
  }
}

/** What the first bytes of a file say. A C source has no mark: it is text, and its name ends in .c, .i or .S. */
export function kindOf(file: string, bytes: Buffer): Kind {
  if (bytes.length >= 4 && bytes.readUInt32BE(0) === 0x0061736d) {
    // Layer 1 in the upper half of the version is a component.
    return bytes.length >= 8 && bytes.readUInt16LE(6) === 1 ? 'component' : 'wasm';
  }
  if (isElf(bytes) || isMachO(bytes)) return 'object';
  const start = bytes.toString('latin1', 0, 8);
  if (start === '!<arch>\n' || start === '!<thin>\n') return 'object';
  if (/^[\s;(]*\(\s*(module|component)\b/.test(bytes.toString('latin1'))) return 'text-wasm';
  const isText = !bytes.includes(0);
  return isText && /\.(c|i|s|S)$/.test(path.extname(file)) ? 'c' : 'unknown';
}

/** Reads and sorts `files`. Throws UserError for what cannot be an input, UsageError for two modules or none at all. */
export function readInputs(files: readonly string[]): Inputs {
  let wasm: string | null = null;
  let hasObjects = false;
  const others: string[] = [];
  for (const file of files) {
    const kind = kindOf(file, head(file));
    switch (kind) {
      case 'wasm':
        if (wasm !== null) throw new UsageError(`two modules: ${wasm} and ${file}; one at a time`);
        wasm = file;
        break;
      case 'c':
      case 'object':
        others.push(file);
        hasObjects ||= kind === 'object';
        break;
      case 'component':
        throw new UserError(`${file}: is a component; only core modules are compiled`);
      case 'text-wasm':
        throw new UserError(`${file}: is the text format; make a module of it with wat2wasm`);
      default:
        throw new UserError(
          `${file}: byte 0 (0x0): neither a WebAssembly module nor C, an object or an archive`,
        );
    }
  }
  return {
    wasm: wasm === null ? null : { file: wasm, bytes: readFileSync(wasm) },
    others,
    hasObjects,
  };
}
