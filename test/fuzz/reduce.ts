// Makes a module that differs small: node build/test/fuzz/reduce.js FILE.wasm --calls SEED [--name NAME]
// (built by `node scripts/build.mjs test/fuzz/reduce.ts`). First tells at which level it differs and, at -O2, which
// functions differ when they alone are optimised. Then binaryen's wasm-reduce takes away what it can while this program,
// called as its oracle with --oracle, says the same. The result goes to test/fixtures/wrong_code/NAME.SEED.wasm, which
// wrong_code.test.ts runs from then on.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { decodeModule } from '../../src/frontend/decode.ts';
import { run } from '../programs/sources.ts';
import { fromRoot } from '../support/paths.ts';
import { FEATURES } from './generate_module.ts';
import { differenceClass, ModuleComparer } from './module_run.ts';

const { values, positionals } = parseArgs({
  options: {
    calls: { type: 'string' },
    name: { type: 'string' },
    oracle: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const [file] = positionals;
const seed = Number(values.calls);
if (file === undefined || !Number.isInteger(seed))
  throw new Error('usage: reduce.js FILE.wasm --calls SEED [--name NAME]');

/** How the module differs, without what changes while it shrinks; 'agrees' if it does not. */
async function verdict(bytes: Uint8Array): Promise<string> {
  const comparer = await ModuleComparer.start();
  try {
    return differenceClass((await comparer.compare(bytes, seed)).difference);
  } catch {
    return 'refused by V8 or the front end'; // Steps of the reduction may be invalid.
  } finally {
    await comparer.close();
  }
}

/** Functions that differ when nothing else is optimised. */
async function guiltyFunctions(bytes: Uint8Array): Promise<number[]> {
  const module = decodeModule(bytes);
  const guilty: number[] = [];
  for (let f = module.importedFuncs; f < module.funcCount; f++) {
    const comparer = await ModuleComparer.start(['-O2'], { optFuncFirst: f, optFuncLast: f });
    if ((await comparer.compare(bytes, seed)).difference !== null) guilty.push(f);
    await comparer.close();
  }
  return guilty;
}

async function reduce(): Promise<void> {
  const bytes = new Uint8Array(readFileSync(file));
  const how = await verdict(bytes);
  console.log(`${file}: ${how}`);
  if (how === 'agrees') {
    process.exitCode = 1;
    return;
  }
  if (how.startsWith('-O2'))
    console.log(`optimised alone, these differ: ${(await guiltyFunctions(bytes)).join(', ')}`);
  const dir = fromRoot('build/fuzz/reduce', values.name ?? path.basename(file, '.wasm'));
  mkdirSync(dir, { recursive: true });
  const tested = path.join(dir, 'test.wasm');
  const working = path.join(dir, 'small.wasm');
  const oracle = `"${process.execPath}" "${fileURLToPath(import.meta.url)}" --oracle --calls ${seed} "${tested}"`;
  const binaries = path.dirname(run('sh', ['-c', 'command -v wasm-opt'], dir).trim());
  const features = [...FEATURES, '--enable-reference-types'];
  const paths = [file, `--command=${oracle}`, '-t', tested, '-w', working, '-b', binaries];
  const args = [...paths, '--denan', '--timeout', '30', '--extra-flags', features.join(' '), ...features];
  const child = spawnSync('wasm-reduce', args, { stdio: 'inherit' });
  if (child.status !== 0 || !existsSync(working)) throw new Error(`wasm-reduce ended with ${child.status}`);
  const small = await verdict(new Uint8Array(readFileSync(working)));
  if (small !== how) throw new Error(`the reduced module differs otherwise: ${small}`);
  const fixture = fromRoot(
    'test/fixtures/wrong_code',
    `${values.name ?? path.basename(file, '.wasm')}.${seed}.wasm`,
  );
  mkdirSync(path.dirname(fixture), { recursive: true });
  copyFileSync(working, fixture);
  console.log(`${fixture}: ${statSync(fixture).size} bytes of ${bytes.length}`);
}

if (values.oracle) console.log(await verdict(new Uint8Array(readFileSync(file))));
else await reduce();
