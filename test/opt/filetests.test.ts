// File tests: each test/opt/filetests/*.ir holds cases of options, input and golden output:
//
//   ;; NAME
//   ;; passes: PASS...          (or: level: 0 | 2)
//   SIGNATURES AND ONE FUNCTION
//   ;; ->
//   THE FUNCTION BEHIND THE PASSES
//
// `BLESS=1 node scripts/test.mjs filetests` writes the outputs anew; read the difference before you commit it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseModule } from '../../src/ir/parser.ts';
import { printFunc } from '../../src/ir/printer.ts';
import { assertValid } from '../../src/ir/verifier.ts';
import { Optimiser, PASSES } from '../../src/opt/pipeline.ts';
import { fromRoot } from '../support/paths.ts';

const folder = fromRoot('test/opt/filetests');
const bless = process.env['BLESS'] === '1';

interface Case {
  readonly name: string;
  readonly options: string;
  readonly input: string;
  output: string;
}

function parseCases(text: string): { head: string; cases: Case[] } {
  const parts = text.split(/^;; (?=.*\n;; (?:passes|level):)/m);
  const cases = parts.slice(1).map((part) => {
    const match = /^(.*)\n;; (.*)\n([^]*?)^;; ->\n([^]*)$/m.exec(part);
    assert.ok(match, `a case without '->': ${part.split('\n')[0]}`);
    return { name: match[1], options: match[2], input: match[3], output: match[4].trimEnd() + '\n' };
  });
  return { head: parts[0], cases };
}

function optimise(test: Case): string {
  const { sigs, funcs } = parseModule(test.input);
  assert.equal(funcs.length, 1, 'one function a case');
  assertValid(funcs[0], sigs, 'parsing');
  const [kind, rest] = test.options.split(': ');
  const names = rest.split(' ');
  if (kind === 'level') new Optimiser().run(funcs[0], sigs, { level: Number(rest), verify: true });
  else {
    for (const name of names)
      assert.ok(
        PASSES.some((p) => p.name === name),
        `no pass '${name}'`,
      );
    const skip = PASSES.map((p) => p.name).filter((n) => !names.includes(n));
    new Optimiser().run(funcs[0], sigs, { level: 2, skip, verify: true });
  }
  return printFunc(funcs[0]);
}

describe('optimiser file tests', () => {
  for (const file of readdirSync(folder).filter((n) => n.endsWith('.ir'))) {
    describe(file, () => {
      const at = path.join(folder, file);
      const { head, cases } = parseCases(readFileSync(at, 'utf8'));
      assert.ok(cases.length > 0, `${file} has no cases`);
      for (const test of cases) {
        it(test.name, () => {
          const got = optimise(test);
          if (bless) test.output = got;
          else assert.equal(got, test.output);
        });
      }
      after(() => {
        if (!bless) return;
        const body = cases.map((t) => `;; ${t.name}\n;; ${t.options}\n${t.input};; ->\n${t.output}`);
        writeFileSync(at, head + body.join('\n'));
      });
    });
  }
});
