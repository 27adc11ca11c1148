// Builds the command: one bundle, dist/wasm2native.js, from src/cli/main.ts.
// With arguments, builds those TypeScript entry points instead, each into the same place below build/
// (test/emit/buffer.test.ts -> build/test/emit/buffer.test.js). Used by scripts/test.mjs and by `make bench`.
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  sourcemap: true,
  logLevel: 'warning',
  define: { W2N_VERSION: JSON.stringify(version) },
  // Bundled CommonJS packages (yargs) call require() for Node's own modules.
  banner: {
    js: "import { createRequire as w2nCreateRequire } from 'node:module'; const require = w2nCreateRequire(import.meta.url);",
  },
};

export async function buildCommand() {
  await build({
    ...common,
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/wasm2native.js',
  });
}

export async function buildEntries(entryPoints, logLevel = 'warning') {
  await build({
    ...common,
    logLevel,
    entryPoints,
    outdir: 'build',
    outbase: '.',
    packages: 'external',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const entries = process.argv.slice(2);
  await (entries.length > 0 ? buildEntries(entries) : buildCommand());
}
