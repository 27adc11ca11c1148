// The rules of docs/architecture.md and CONTRIBUTING.md that can be read off the sources: which folder imports which,
// length of files, comments at their heads, words and constructs that do not appear.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from './support/paths.ts';

/** Folder or file of src/ -> what it may import besides itself. Nothing above cli; `compile` stands for compile*.ts. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  support: [],
  abi: [],
  options: [],
  ir: ['support'],
  regalloc: ['support'],
  emit: ['support', 'abi'],
  frontend: ['support', 'ir', 'abi'],
  opt: ['support', 'ir', 'abi'],
  isa: ['support', 'ir', 'regalloc', 'emit', 'abi'],
  dwarf: ['support', 'emit', 'isa'],
  elf: ['support', 'emit'],
  macho: ['support', 'emit'],
  module: ['support', 'abi', 'options', 'emit', 'isa', 'frontend', 'dwarf', 'ir'],
  compile: 'support abi options ir frontend opt isa regalloc emit dwarf module elf macho'.split(' '),
  cli: 'support abi options ir frontend emit dwarf module elf macho compile'.split(' '),
};

const LONGEST = 1000;
/** Generated or plain tables: one row a line. */
const TABLES = new Set([
  'src/frontend/operator_rows.ts',
  'src/frontend/opcodes.ts',
  'src/isa/x64/instructions.ts',
]);

// Spelt in two parts, so that this file may be checked too.
const FORBIDDEN = [
  'TO' + 'DO',
  'FIX' + 'ME',
  'XX' + 'X',
  'HA' + 'CK',
  'place' + 'holder',
  'not imple' + 'mented',
].map((word) => new RegExp(`\\b${word}\\b`, word === word.toUpperCase() ? '' : 'i'));
const HOLES = [
  '@ts-' + 'ignore',
  '@ts-' + 'nocheck',
  'eslint-' + 'disable',
  'as ' + 'any\\b',
  ': ' + 'any\\b',
].map((text) => new RegExp(text));

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(fromRoot(folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return filesBelow(name, pattern);
    return pattern.test(entry.name) ? [name] : [];
  });
}

const text = (file: string): string => readFileSync(fromRoot(file), 'utf8');

const withoutComments = (code: string): string => code.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, '');

/** The part of src/ that a file belongs to: its folder, or its name up to an underscore for files of src/ itself. */
function partOf(file: string): string {
  const [, first, second] = file.split('/');
  return second === undefined ? first.replace(/\.ts$/, '').replace(/_.*$/, '') : first;
}

describe('architecture', () => {
  const sources = filesBelow('src', /\.ts$/);
  const stub = filesBelow('runtime-stub', /\.[ch]$/);
  const tests = filesBelow('test', /\.ts$/);

  it('has sources to look at', () => {
    assert.ok(sources.length > 60, `${sources.length} files in src`);
    assert.ok(stub.length > 20, `${stub.length} files in runtime-stub`);
  });

  it('imports in one direction', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const part = partOf(file);
      const allowed = MAY_IMPORT[part];
      assert.ok(allowed !== undefined, `${file}: ${part} has no place in the architecture`);
      for (const match of text(file).matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)) {
        const target = path.posix.join(path.posix.dirname(file), match[1]);
        assert.match(target, /^src\/.*\.ts$/, `${file} imports ${match[1]}`);
        const other = partOf(target);
        if (other !== part && !allowed.includes(other)) wrong.push(`${file} imports ${target}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('keeps one ISA out of the other, and both out of the contract', () => {
    const wrong = sources.filter((file) => {
      const [, part, isa] = file.split('/');
      if (part !== 'isa') return false;
      const others = ['x64', 'aarch64'].filter((name) => name !== isa);
      return others.some((name) => new RegExp(`from '[^']*/${name}/`).test(text(file)));
    });
    assert.deepEqual(wrong, []);
  });

  it('needs packages in the command and the readers only', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      if (['cli', 'elf', 'macho'].includes(partOf(file))) continue;
      for (const match of text(file).matchAll(/from '([^.'][^']*)'/g))
        if (!match[1].startsWith('node:')) wrong.push(`${file} imports ${match[1]}`);
    }
    assert.deepEqual(wrong, []);
  });

  it('keeps files short', () => {
    const lines = (file: string): number => text(file).split('\n').length;
    const long = [...sources, ...stub, ...tests].filter((file) => !TABLES.has(file) && lines(file) > LONGEST);
    assert.deepEqual(long, []);
  });

  it('opens each file with a comment', () => {
    const bare = [...sources, ...stub].filter((file) => !/^\/[/*]/.test(text(file)));
    assert.deepEqual(bare, []);
  });

  it('leaves nothing open and no hole in the types', () => {
    const wrong: string[] = [];
    for (const file of [
      ...sources,
      ...stub,
      ...tests,
      ...filesBelow('bench', /\.ts$/),
      'Makefile',
      'README.md',
    ]) {
      const content = text(file);
      for (const pattern of FORBIDDEN) if (pattern.test(content)) wrong.push(`${file}: ${pattern.source}`);
      if (file.endsWith('.ts'))
        for (const pattern of HOLES)
          if (pattern.test(withoutComments(content))) wrong.push(`${file}: ${pattern.source}`);
    }
    assert.deepEqual(wrong, []);
  });

  it('exports by name only', () => {
    const wrong = sources.filter((file) => !file.endsWith('.d.ts') && /^export default/m.test(text(file)));
    assert.deepEqual(wrong, []);
  });
});
