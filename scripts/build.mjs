// Builds the command: one bundle, dist/wasm2native.cjs, from src/cli/main.ts; its last line is a comment with the hash of
// the rest. bin/wasm2native runs it as a script, for only scripts can be given their bytecode; hence CommonJS. The
// bytecode is made here.
// With arguments, builds those TypeScript entry points instead, each into the same place below build/
// (test/emit/buffer.test.ts -> build/test/emit/buffer.test.js). Used by scripts/test.mjs and by `make bench`.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
  define: { W2N_VERSION: JSON.stringify(version) },
};

export async function buildCommand() {
  const { outputFiles } = await build({
    ...common,
    format: 'cjs',
    define: { ...common.define, 'import.meta.url': 'w2nBundleUrl' },
    banner: { js: "const w2nBundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    charset: 'ascii',
    entryPoints: ['src/cli/main.ts'],
    outfile: 'dist/wasm2native.cjs',
    write: false,
  });
  const dist = path.join(root, 'dist');
  mkdirSync(dist, { recursive: true });
  for (const name of readdirSync(dist))
    if (name.endsWith('.cache')) rmSync(path.join(dist, name), { force: true });
  for (const { path: file, text } of outputFiles) {
    const hash = createHash('sha256').update(text).digest('hex');
    writeFileSync(`${file}.new`, file.endsWith('.cjs') ? `${text}// ${hash}\n` : text);
    renameSync(`${file}.new`, file);
  }
  keepBytecode(dist);
}

/** Compiles a module once, so that bin/wasm2native finds the bytecode of what that takes. */
function keepBytecode(dist) {
  const object = path.join(dist, `hello-${process.pid}.o`);
  const args = [
    path.join(root, 'bin/wasm2native'),
    '--emit',
    'obj',
    path.join(root, 'fixtures/hello.wasm'),
    '-o',
    object,
  ];
  execFileSync(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, WASM2NATIVE_KEEP_BYTECODE: '1' },
  });
  rmSync(object);
}

export async function buildEntries(entryPoints, logLevel = 'warning') {
  await build({
    ...common,
    format: 'esm',
    // Bundled CommonJS packages call require() for Node's own modules.
    banner: {
      js: "import { createRequire as w2nCreateRequire } from 'node:module'; const require = w2nCreateRequire(import.meta.url);",
    },
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
