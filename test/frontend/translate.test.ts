// Translation to SSA: every function of every specification module that validates gives a function that the IR
// verifier accepts, in guarded and in checked mode; and the shapes that small functions take.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { World, WorldNeeded } from '../../src/frontend/closed_world.ts';
import { checkModule } from '../../src/frontend/decode.ts';
import { ModuleLayout, type Bounds } from '../../src/frontend/layout.ts';
import { Translator } from '../../src/frontend/translate.ts';
import { Func } from '../../src/ir/func.ts';
import { printFunc } from '../../src/ir/printer.ts';
import { verify } from '../../src/ir/verifier.ts';
import { readSpecScript, specScriptNames } from '../support/spec.ts';

/** Translates all functions of a module and returns what the verifier says of them. */
function complaints(bytes: Uint8Array, bounds: Bounds, world: World): string[] {
  const { module, error } = checkModule(bytes);
  if (error !== null) return [];
  const layout = new ModuleLayout(module, bounds, world);
  const translator = new Translator(module, layout);
  const func = new Func();
  const found: string[] = [];
  for (let f = module.importedFuncs; f < module.funcCount; f++) {
    try {
      translator.translate(f, func);
    } catch (e) {
      if (e instanceof WorldNeeded && world !== World.Open) return complaints(bytes, bounds, e.world);
      throw e;
    }
    const messages = verify(func, layout.signatures);
    if (messages.length > 0) found.push(`function ${f}: ${messages[0]}\n${printFunc(func)}`);
  }
  return found;
}

describe('translation of the specification modules', () => {
  for (const [bounds, world, title] of [
    ['guard', World.Open, 'open tables'],
    ['guard', World.Closed, 'closed tables'],
    ['guard', World.ClosedFar, 'closed tables of far code'],
    ['checked', World.Closed, 'closed tables'],
  ] as const) {
    it(`gives valid SSA with bounds ${bounds}, ${title}`, () => {
      let modules = 0;
      for (const name of specScriptNames('core')) {
        const script = readSpecScript('core', name);
        for (const command of script.commands) {
          if (command.type !== 'module' && command.type !== 'module_definition') continue;
          const bytes = readFileSync(path.join(script.dir, command.filename));
          const found = complaints(bytes, bounds, world);
          assert.deepEqual(found, [], `${command.filename}`);
          modules++;
        }
      }
      assert.ok(modules > 1000, `${modules} modules`);
    });
  }
});
