// Mocha reporter for scripts/test.mjs: one JSON line an event on file descriptor 3, so that what a test prints itself
// cannot disturb it. Skips carry the reason that test/support/need.ts recorded.
'use strict';
const { writeSync } = require('node:fs');

const CHANNEL = 3;
const skipReasons = Symbol.for('wasm2native.skip-reasons');

function reasonOf(test) {
  const reasons = globalThis[skipReasons];
  for (let at = test; at !== undefined && reasons !== undefined; at = at.parent) {
    const reason = reasons.get(at);
    if (reason !== undefined) return reason;
  }
  return 'no reason given';
}

function send(event) {
  writeSync(CHANNEL, `${JSON.stringify(event)}\n`);
}

module.exports = class LineReporter {
  constructor(runner) {
    runner.on('pass', (test) => send({ type: 'pass', title: test.fullTitle(), ms: test.duration ?? 0 }));
    runner.on('pending', (test) => send({ type: 'skip', title: test.fullTitle(), reason: reasonOf(test) }));
    runner.on('fail', (test, error) => {
      const text = error?.stack ?? String(error?.message ?? error);
      send({ type: 'fail', title: test.fullTitle(), text });
    });
    runner.on('end', () => send({ type: 'end' }));
  }
};
