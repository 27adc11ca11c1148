import assert from 'node:assert/strict';
import { compile } from '../../src/compile.ts';
import { readElf } from '../../src/elf/reader.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { readMachO } from '../../src/macho/reader.ts';
import { writeMachO } from '../../src/macho/writer.ts';
import { symbolName } from '../../src/module/object.ts';
import { defaultOptions } from '../../src/options.ts';
import { leb, moduleOf, name, section } from '../frontend/binary.ts';

const HOSTILE = ['a\0b', 'line\nfeed\x1b[31m', '', '\x7f\u0085', 'naïve 𝛼', 'long'.repeat(10_000)];

/** A module with a function for each name, and an import whose names are hostile too. */
function moduleWithNames(names: readonly string[]): Uint8Array {
  const entries = names.flatMap((text, i) => [...leb(i + 1), ...name(text)]);
  const map = [...leb(names.length), ...entries];
  return moduleOf(
    section(1, [1, 0x60, 0, 0]),
    section(2, [1, ...name('m\0'), ...name('f\0\n'), 0, 0]),
    section(3, [names.length, ...names.map(() => 0)]),
    section(10, [names.length, ...names.flatMap(() => [2, 0, 0x0b])]),
    section(0, [...name('name'), 1, ...leb(map.length), ...map]),
  );
}

describe('object', () => {
  it('has symbols for functions whatever their names hold', () => {
    const bytes = moduleWithNames(HOSTILE);
    const object = compile(bytes, defaultOptions('m', { isa: 'x86_64', os: 'linux' }));
    const symbols = readElf(Buffer.from(writeElf(object, 'x86_64').toBytes())).symbols.map((s) => s.name);
    for (const wanted of ['a\\x00b', 'line\\x0afeed\\x1b[31m', 'wasm_function_3', '\\x7f\\x85', 'naïve 𝛼'])
      assert.ok(symbols.includes(wanted), `${JSON.stringify(wanted)} in ${JSON.stringify(symbols)}`);
    assert.ok(symbols.includes('w2n.import.m\\x00.f\\x00\\x0a'));
    assert.ok(symbols.includes('mZ00__fZ00Z0A'), 'the C function that is imported');
    assert.ok(symbols.every((symbol) => symbol.length < 1100));
    const mac = compile(bytes, defaultOptions('m', { isa: 'x86_64', os: 'macos' }));
    const macNames = readMachO(Buffer.from(writeMachO(mac, 'x86_64').toBytes())).symbols.map((s) => s.name);
    assert.ok(macNames.includes('_a\\x00b'), JSON.stringify(macNames));
  });

  it('cuts long names between characters', () => {
    const cut = symbolName(`${'x'.repeat(999)}𝛼rest`);
    assert.equal(cut, `${'x'.repeat(999)}\ufffd...`);
    assert.equal(symbolName('x'.repeat(1000)), 'x'.repeat(1000));
  });
});
