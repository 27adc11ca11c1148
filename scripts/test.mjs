// Runs the tests: bundles every test/**/*.test.ts into build/test (so that enums are inlined exactly as in the
// shipped command) and hands the bundles to mocha, which runs the files in parallel.
// `node scripts/test.mjs emit regalloc/moves` runs only the files whose path contains one of the words;
// arguments that begin with `-` go to mocha.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { buildEntries, root } from './build.mjs';

function testFiles(dir) {
  return readdirSync(path.join(root, dir), { withFileTypes: true }).flatMap((entry) => {
    const name = `${dir}/${entry.name}`;
    if (entry.isDirectory()) return testFiles(name);
    return entry.name.endsWith('.test.ts') ? [name] : [];
  });
}

const words = process.argv.slice(2).filter((a) => !a.startsWith('-'));
const mochaArgs = process.argv.slice(2).filter((a) => a.startsWith('-'));
const files = testFiles('test').filter((f) => words.length === 0 || words.some((w) => f.includes(w)));
if (files.length === 0) {
  console.error(`no test file matches: ${words.join(' ')}`);
  process.exit(1);
}
if (words.length === 0) rmSync(path.join(root, 'build/test'), { recursive: true, force: true });
await buildEntries(files);
const built = files.map((f) => `build/${f.replace(/\.ts$/, '.js')}`);
const mocha = path.join(root, 'node_modules/mocha/bin/mocha.js');
const result = spawnSync(process.execPath, [mocha, ...mochaArgs, ...built], { cwd: root, stdio: 'inherit' });
process.exit(result.status ?? 1);
