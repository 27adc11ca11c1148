// The stub compiles for macOS without a warning. What runs of its WASI code there is run here by the build `portable`
// (native.ts), as macOS's programs are not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fromRoot } from '../support/paths.ts';
import { zigEnvironment } from '../support/zig.ts';
import { emptyDirectory } from './tree.ts';

describe('the stub for macOS', function () {
  this.timeout(600000);
  for (const isa of ['aarch64', 'x86_64'])
    it(`compiles without a warning for ${isa}`, function () {
      const env = { ...process.env, ...zigEnvironment(this) };
      const folder = fromRoot('build/wasi-macos', isa);
      emptyDirectory(folder);
      const sources = readdirSync(fromRoot('runtime-stub')).filter((name) => name.endsWith('.c'));
      assert.ok(sources.length > 30);
      const flags = ['-target', `${isa}-macos`, '-std=c11', '-O1', '-Wall', '-Wextra', '-Werror', '-c'];
      const compile = (...more: string[]): { status: number | null; stderr: string } =>
        spawnSync(
          'python3',
          [
            '-m',
            'ziglang',
            'cc',
            ...flags,
            ...sources.map((name) => fromRoot('runtime-stub', name)),
            ...more,
          ],
          { cwd: folder, env, encoding: 'utf8' },
        );
      const { status, stderr } = compile();
      assert.deepEqual([stderr, status], ['', 0]);
      // So would a warning look.
      const wrong = path.join(folder, 'wrong.c');
      writeFileSync(wrong, 'int f(void);\nint f(void) { int unused; return 0; }\n');
      assert.match(compile(wrong).stderr, /wrong\.c:2:.*unused/);
    });
});
