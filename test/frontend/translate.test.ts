// Translation to SSA: every function of every specification module that validates gives a function that the IR
// verifier accepts, in guarded and in checked mode; and the shapes that small functions take.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { OpenWorldNeeded } from '../../src/frontend/closed_world.ts';
import { checkModule } from '../../src/frontend/decode.ts';
import { ModuleLayout, type Bounds } from '../../src/frontend/layout.ts';
import { Translator } from '../../src/frontend/translate.ts';
import { Func } from '../../src/ir/func.ts';
import { printFunc } from '../../src/ir/printer.ts';
import { verify } from '../../src/ir/verifier.ts';
import { readSpecScript, specScriptNames } from '../support/spec.ts';

/** Translates all functions of a module and returns what the verifier says of them. */
function complaints(bytes: Uint8Array, bounds: Bounds, closed: boolean): string[] {
  const { module, error } = checkModule(bytes);
  if (error !== null) return [];
  const layout = new ModuleLayout(module, bounds, closed);
  const translator = new Translator(module, layout);
  const func = new Func();
  const found: string[] = [];
  for (let f = module.importedFuncs; f < module.funcCount; f++) {
    try {
      translator.translate(f, func);
    } catch (e) {
      if (e instanceof OpenWorldNeeded && closed) return complaints(bytes, bounds, false);
      throw e;
    }
    const messages = verify(func, layout.signatures);
    if (messages.length > 0) found.push(`function ${f}: ${messages[0]}\n${printFunc(func)}`);
  }
  return found;
}

describe('translation of the specification modules', () => {
  for (const [bounds, closed] of [
    ['guard', false],
    ['guard', true],
    ['checked', true],
  ] as const) {
    it(`gives valid SSA with bounds ${bounds}${closed ? ', closed' : ''}`, () => {
      let modules = 0;
      for (const name of specScriptNames('core')) {
        const script = readSpecScript('core', name);
        for (const command of script.commands) {
          if (command.type !== 'module' && command.type !== 'module_definition') continue;
          const bytes = readFileSync(path.join(script.dir, command.filename));
          const found = complaints(bytes, bounds, closed);
          assert.deepEqual(found, [], `${command.filename}`);
          modules++;
        }
      }
      assert.ok(modules > 1000, `${modules} modules`);
    });
  }
});
