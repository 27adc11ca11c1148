// The progress bar: only at a terminal, only after a second, drawn ten times a second at most, gone at the end.
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { Progress } from '../../src/cli/progress.ts';

/** A stream that says it is a terminal or not, and a clock that the test moves. */
function stage(isTTY: boolean): { progress: Progress; written: () => string; at: (ms: number) => void } {
  const stream = new PassThrough();
  let now = 5000;
  let text = '';
  stream.on('data', (data: Buffer) => (text += data.toString('utf8')));
  const terminal = Object.assign(stream, { isTTY, columns: 100 }) as unknown as WriteStream;
  const progress = new Progress(terminal, () => now);
  return {
    progress,
    written: () => {
      const last = text + String(stream.read() ?? '');
      text = '';
      return last;
    },
    at: (ms) => (now = 5000 + ms),
  };
}

describe('progress bar', () => {
  it('appears at a terminal after a second, moves, and is gone at the end', () => {
    const { progress, written, at } = stage(true);
    at(999);
    progress.update(10, 400);
    assert.equal(written(), '');
    at(1000);
    progress.update(100, 400);
    assert.match(written(), /25% 100\/400 functions/);
    at(1050);
    progress.update(101, 400);
    assert.equal(written(), '', 'drawn again within a tenth of a second');
    at(1100);
    progress.update(200, 400);
    assert.match(written(), /50% 200\/400 functions/);
    progress.stop();
    assert.ok(written().endsWith('\x1b[1G\x1b[2K'), 'the line is not cleared');
  });

  it('writes nothing where there is no terminal', () => {
    const { progress, written, at } = stage(false);
    at(60_000);
    progress.update(100, 400);
    progress.stop();
    assert.equal(written(), '');
  });

  it('writes nothing when all is done within a second', () => {
    const { progress, written, at } = stage(true);
    at(400);
    progress.update(400, 400);
    progress.stop();
    assert.equal(written(), '');
  });
});
