// The pipeline on several threads makes the same object as on one, reports the first function's fault, and falls back
// from the closed world as one thread does. The command's launcher serves as the worker.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { compile } from '../../src/compile.ts';
import { compileParallel } from '../../src/compile_parallel.ts';
import { writeElf } from '../../src/elf/writer.ts';
import { WasmError } from '../../src/frontend/errors.ts';
import { defaultOptions, type CompileOptions } from '../../src/options.ts';
import { ByteWriter } from '../../src/support/byte_writer.ts';
import { fromRoot } from '../support/paths.ts';

const FUNCTIONS = 600;
/** The module is several times as large, so that threads are started. */
const BYTES_PER_THREAD = 100_000;
const I32 = 0x7f;

/** A section with its id and length. */
function section(id: number, content: (w: ByteWriter) => void): Uint8Array {
  const body = new ByteWriter();
  content(body);
  const out = new ByteWriter();
  out.u8(id);
  out.uleb(body.length);
  out.put(body.bytes());
  return out.bytes();
}

/** One function: some arithmetic that differs from function to function, a load, and a call of the next one. */
function body(index: number, broken: boolean): Uint8Array {
  const code = new ByteWriter();
  code.uleb(0);
  code.put(Uint8Array.of(0x20, 0));
  for (let k = 0; k < 120; k++) {
    code.u8(0x41);
    code.uleb((index * 7 + k) & 63);
    code.u8(k % 3 === 0 ? 0x6c : k % 3 === 1 ? 0x6a : 0x73);
    code.put(Uint8Array.of(0x20, 0, 0x28, 2, 4, 0x6a));
  }
  if (broken) code.u8(0x45 + 0x50);
  if (index + 1 < FUNCTIONS) {
    code.u8(0x10);
    code.uleb(index + 1);
  }
  code.u8(0x0b);
  const out = new ByteWriter();
  out.uleb(code.length);
  out.put(code.bytes());
  return out.bytes();
}

/** A module of FUNCTIONS functions, those in `broken` invalid; with a table that function 0 changes if `open`. */
function bigModule(broken: readonly number[], open = false): Uint8Array {
  const out = new ByteWriter();
  out.put(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  out.put(section(1, (w) => w.put(Uint8Array.of(1, 0x60, 1, I32, 1, I32))));
  out.put(
    section(3, (w) => {
      w.uleb(FUNCTIONS);
      for (let f = 0; f < FUNCTIONS; f++) w.u8(0);
    }),
  );
  out.put(section(4, (w) => w.put(Uint8Array.of(1, 0x70, 0, 2))));
  out.put(section(5, (w) => w.put(Uint8Array.of(1, 0, 1))));
  out.put(section(7, (w) => w.put(Uint8Array.of(1, 1, 0x66, 0, 0))));
  out.put(section(9, (w) => w.put(Uint8Array.of(1, 0, 0x41, 0, 0x0b, 1, 3))));
  out.put(
    section(10, (w) => {
      w.uleb(FUNCTIONS);
      for (let f = 0; f < FUNCTIONS; f++) {
        w.put(
          open && f === 500
            ? Uint8Array.of(10, 0, 0x41, 1, 0xd0, 0x70, 0x26, 0, 0x20, 0, 0x0b)
            : body(f, broken.includes(f)),
        );
      }
    }),
  );
  return out.bytes().slice();
}

describe('compileParallel', () => {
  const script = pathToFileURL(fromRoot('bin/wasm2native'));
  const options: CompileOptions = defaultOptions('big', { isa: 'x86_64', os: 'linux' });
  const elf = (object: Parameters<typeof writeElf>[0]): Buffer =>
    Buffer.from(writeElf(object, 'x86_64').toBytes());

  before(() => assert.ok(existsSync(script), 'the command is not built: npm run build'));

  for (const open of [false, true]) {
    it(`makes the same object as one thread${open ? ', in the open world' : ''}`, async () => {
      const bytes = bigModule([], open);
      const alone = elf(compile(bytes, options));
      let calls = 0;
      const together = elf(
        await compileParallel(bytes, options, script, { progress: () => calls++ }, BYTES_PER_THREAD),
      );
      assert.ok(alone.equals(together));
      assert.ok(calls > 0);
    });
  }

  it('reports the fault of the first invalid function', async () => {
    const bytes = bigModule([599, 41, 333]);
    let expected: unknown;
    try {
      compile(bytes, options);
    } catch (error) {
      expected = error;
    }
    assert.ok(expected instanceof WasmError);
    const { offset, kind } = expected;
    await assert.rejects(compileParallel(bytes, options, script, {}, BYTES_PER_THREAD), {
      name: 'WasmError',
      offset,
      kind,
    });
  });

  it('names the function in which the compiler itself fails', () => {
    let functions = 0;
    const checkAllocation = (): void => {
      if (functions++ === 3) throw new Error('two values in one register');
    };
    assert.throws(() => compile(bigModule([]), options, { checkAllocation }), {
      message: /^function \d+: two values in one register$/,
    });
  });
});
