// x18 belongs to the platform: no instruction compiled from the specification's modules names it, at any level, with few
// registers and under protection flags. Each different instruction word is disassembled once.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { compile } from '../../../src/compile.ts';
import { sectionBytes, SectionRole } from '../../../src/emit/object_file.ts';
import { checkModule } from '../../../src/frontend/decode.ts';
import { defaultOptions, NO_STRESS, type CompileOptions } from '../../../src/options.ts';
import { emptyFolder, execute } from '../../support/command.ts';
import { need } from '../../support/need.ts';
import { isFileCommand, readSpecScript, specModule, specScriptNames } from '../../support/spec.ts';

const BASE: CompileOptions = {
  ...defaultOptions('words', { isa: 'aarch64', os: 'linux' } as const),
  imports: 'instantiate',
  mainModule: false,
};
const VARIANTS: readonly Partial<CompileOptions>[] = [
  { optLevel: 2, exportThunks: true },
  { optLevel: 0, bounds: 'checked' },
  { optLevel: 2, landingPads: true, signReturns: true, stress: { ...NO_STRESS, regs: 6 } },
];
const MOV_X18_X0 = 0xaa0003f2;

/** Adds the instructions of an object's text, data left out. */
function collect(words: Set<number>, bytes: Uint8Array, options: CompileOptions): void {
  for (const section of compile(bytes, options).sections) {
    if (section.role !== SectionRole.Text) continue;
    const text = sectionBytes(section);
    const view = new DataView(text.buffer, text.byteOffset, text.byteLength);
    const { dataRanges } = section;
    let range = 0;
    for (let at = 0; at + 4 <= text.length; at += 4) {
      while (range < dataRanges.length && at >= dataRanges[range + 1]) range += 2;
      if (range < dataRanges.length && at >= dataRanges[range]) continue;
      words.add(view.getUint32(at, true));
    }
  }
}

/** The disassembled words that name x18 or w18. */
function namingX18(words: readonly number[]): string[] {
  const file = path.join(emptyFolder('platform-register'), 'words');
  const bytes = new DataView(new ArrayBuffer(words.length * 4));
  words.forEach((word, w) => bytes.setUint32(4 * w, word, true));
  writeFileSync(file, Buffer.from(bytes.buffer));
  const args = ['-D', '-z', '-b', 'binary', '-m', 'aarch64', file];
  const { status, stdout } = execute('aarch64-linux-gnu-objdump', args);
  assert.equal(status, 0);
  const lines = stdout.split('\n').filter((line) => /^ +[0-9a-f]+:\t/.test(line));
  assert.equal(lines.length, words.length);
  return lines.filter((line) => /\b[wx]18\b/.test(line));
}

describe('aarch64 platform register', function () {
  this.timeout(120_000);
  it('is named by no instruction of the specification modules', function () {
    need(this, 'aarch64-linux-gnu-objdump');
    const words = new Set<number>();
    let modules = 0;
    for (const name of specScriptNames('core')) {
      const script = readSpecScript('core', name);
      for (const command of script.commands) {
        if (command.type !== 'module' || !isFileCommand(command) || command.module_type === 'text') continue;
        const bytes = specModule(script, command);
        if (checkModule(bytes).error !== null) continue;
        for (const variant of VARIANTS) collect(words, bytes, { ...BASE, ...variant });
        modules++;
      }
    }
    assert.ok(modules > 1000 && words.size > 10_000, `${modules} modules, ${words.size} words`);
    assert.deepEqual(namingX18([...words]), []);
    assert.equal(namingX18([...words, MOV_X18_X0]).length, 1, 'the search finds one where there is one');
    console.log(`# ${modules} modules, ${words.size} different instruction words`);
  });
});
