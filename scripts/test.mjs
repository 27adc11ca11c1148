// Runs the tests: bundles every test/**/*.test.ts into build/test (so that enums are inlined exactly as in the
// shipped command) and runs each bundle in a mocha process of its own, two at a time: a file that does not bundle,
// crashes or hangs fails alone.
//   node scripts/test.mjs [WORD...] [-MOCHA-OPTION...]
// runs only the files whose path contains one of the words; a word that is the path of another .ts file runs that one
// (test files that need what no registry carries have other names). Output: one line a file, then each failure in full, the
// skips counted by reason, and `N passed, N failed`. Lines that a test prints with `# ` at their start (figures,
// counts of what was left out) stand below its line. Exit status 1 if anything failed or nothing ran.
// WASM2NATIVE_TEST_ALL=1 makes a skip a failure. WASM2NATIVE_TEST_JOBS sets the number of processes.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { buildCommand, buildEntries, root } from './build.mjs';

const FILE_TIMEOUT_MS = 30 * 60 * 1000;
const LAST_OUTPUT_BYTES = 8000;

function testFiles(dir) {
  return readdirSync(path.join(root, dir), { withFileTypes: true }).flatMap((entry) => {
    const name = `${dir}/${entry.name}`;
    if (entry.isDirectory()) return testFiles(name);
    return entry.name.endsWith('.test.ts') ? [name] : [];
  });
}

/** Bundles `files`; those that cannot be bundled come back with their message. */
async function bundle(files) {
  try {
    await buildEntries(files, 'silent');
    return [];
  } catch {
    const broken = [];
    for (const file of files) {
      try {
        await buildEntries([file], 'silent');
      } catch (error) {
        broken.push({ file, text: error.message });
      }
    }
    return broken;
  }
}

/** Runs one bundled file; resolves to its counts, failures and skips. Never rejects. */
function runFile(file, mochaArgs) {
  return new Promise((resolve) => {
    const result = { file, passed: 0, failures: [], skips: [], notes: [], ms: 0 };
    const built = `build/${file.replace(/\.ts$/, '.js')}`;
    const mocha = path.join(root, 'node_modules/mocha/bin/mocha.js');
    const reporter = path.join(root, 'scripts/test_reporter.cjs');
    const start = Date.now();
    const child = spawn(
      process.execPath,
      ['--enable-source-maps', mocha, '--reporter', reporter, ...mochaArgs, built],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      },
    );
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-LAST_OUTPUT_BYTES);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('# ')) result.notes.push(line.slice(2));
    });
    child.stderr.setEncoding('utf8').on('data', keep);
    let ended = false;
    createInterface({ input: child.stdio[3] }).on('line', (line) => {
      const event = JSON.parse(line);
      if (event.type === 'pass') result.passed++;
      else if (event.type === 'skip') result.skips.push(event);
      else if (event.type === 'fail') result.failures.push(event);
      else if (event.type === 'end') ended = true;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), FILE_TIMEOUT_MS);
    child.on('error', (error) => keep(`\n${error.message}`));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      result.ms = Date.now() - start;
      if (!ended || (code !== 0 && result.failures.length === 0)) {
        const how = signal === null ? `exit status ${code}` : `signal ${signal}`;
        result.failures.push({ title: `${file} did not run to its end (${how})`, text: output });
      }
      resolve(result);
    });
  });
}

function report(result) {
  const skipped = result.skips.length > 0 ? `, ${result.skips.length} skipped` : '';
  const failed = result.failures.length > 0 ? `, ${result.failures.length} FAILED` : '';
  const seconds = (result.ms / 1000).toFixed(1);
  console.log(`${result.file}: ${result.passed} passed${skipped}${failed} (${seconds} s)`);
  for (const note of result.notes) console.log(`  ${note}`);
}

function summary(results) {
  for (const result of results) {
    for (const failure of result.failures)
      console.log(`\nFAILED ${result.file}: ${failure.title}\n${failure.text}`);
  }
  const all = (pick) => results.reduce((sum, result) => sum + pick(result), 0);
  const reasons = new Map();
  for (const result of results)
    for (const skip of result.skips) reasons.set(skip.reason, (reasons.get(skip.reason) ?? 0) + 1);
  console.log('');
  for (const [reason, count] of reasons) console.log(`${count} skipped: ${reason}`);
  const failed = all((result) => result.failures.length);
  console.log(`${all((result) => result.passed)} passed, ${failed} failed`);
  return failed;
}

const words = process.argv.slice(2).filter((a) => !a.startsWith('-'));
const mochaArgs = process.argv.slice(2).filter((a) => a.startsWith('-'));
const files = testFiles('test').filter((f) => words.length === 0 || words.some((w) => f.includes(w)));
files.push(...words.filter((w) => w.endsWith('.ts') && !files.includes(w) && existsSync(path.join(root, w))));
if (files.length === 0) {
  console.error(`no test file matches: ${words.join(' ')}`);
  process.exit(1);
}
if (words.length === 0) {
  rmSync(path.join(root, 'build/test'), { recursive: true, force: true });
  await buildCommand();
}
const broken = await bundle(files);
const results = broken.map(({ file, text }) => ({
  file,
  passed: 0,
  failures: [{ title: 'does not bundle', text }],
  skips: [],
  notes: [],
  ms: 0,
}));
results.forEach(report);
const queue = files.filter((file) => !broken.some((b) => b.file === file));
async function work() {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const result = await runFile(file, mochaArgs);
    report(result);
    results.push(result);
  }
}
const jobs = Number(process.env.WASM2NATIVE_TEST_JOBS ?? 2);
await Promise.all(Array.from({ length: jobs }, work));
process.exit(summary(results) > 0 ? 1 : 0);
