// Whole executables for macOS, linked on Linux by zig and by LLVM's ld64.lld: what LLVM's tools read of them without a
// warning, code as it was in the object, no relocation in it, unwind data, code signature.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readMachO } from '../../src/macho/reader.ts';
import { emptyFolder, output, wasm2native } from '../support/command.ts';
import { need } from '../support/need.ts';
import { fromRoot } from '../support/paths.ts';
import { zigEnvironment, zigFolder } from '../support/zig.ts';

const ISAS = ['x86_64', 'aarch64'] as const;
type Isa = (typeof ISAS)[number];
const APPLE: Readonly<Record<Isa, string>> = { x86_64: 'x86_64', aarch64: 'arm64' };
const hello = fromRoot('fixtures/hello.wasm');

let folder = '';
const at = (name: string): string => path.join(folder, name);

/** Builds, and leaves nothing in the working directory. */
function build(args: readonly string[], env: NodeJS.ProcessEnv): void {
  const cwd = at('empty');
  mkdirSync(cwd, { recursive: true });
  const { stdout, stderr, status } = wasm2native(args, { env, cwd });
  assert.deepEqual([stdout, stderr, status], ['', '', 0], args.join(' '));
  assert.deepEqual(readdirSync(cwd), []);
}

/** Everything that LLVM's tools print; each must succeed and have nothing to say on standard error. */
function readByLlvm(file: string): void {
  for (const options of [['-h'], ['-l', '-v'], ['-L'], ['-G'], ['-I']])
    output('llvm-otool-19', ...options, file);
  output('llvm-otool-19', '-t', '-v', file);
  assert.ok(output('llvm-objdump-19', '-d', file).includes('<_w2n_hello__Z5Fstart>:'));
  for (const option of [
    ...['--private-headers', '--syms', '--exports-trie', '--rebase', '--bind', '--lazy-bind', '--weak-bind'],
    ...['--data-in-code', '--function-starts', '--indirect-symbols', '--dylibs-used'],
  ])
    output('llvm-objdump-19', '--macho', option, file);
}

/** Names of load commands. */
const commands = (file: string): string[] =>
  [...output('llvm-otool-19', '-l', file).matchAll(/^ +cmd (\w+)$/gm)].map((match) => match[1]);

const symbols = (file: string): Map<string, number> =>
  new Map(
    output('llvm-nm-19', '--defined-only', file)
      .trim()
      .split('\n')
      .map((line) => [line.slice(19), parseInt(line, 16)]),
  );

interface Placed {
  readonly name: string;
  readonly address: number;
  readonly bytes: Buffer;
}

/** The segment's contents, by LLVM's list of segments. */
function segment(file: string, wanted: string): Placed {
  const text = output('llvm-otool-19', '-l', file);
  const pattern =
    /cmd LC_SEGMENT_64\n +cmdsize \d+\n +segname (\w+)\n +vmaddr (\w+)\n +vmsize \w+\n +fileoff (\d+)\n +filesize (\d+)/g;
  for (const [, name, address, offset, size] of text.matchAll(pattern))
    if (name === wanted) {
      const start = Number(offset);
      return {
        name,
        address: Number(address),
        bytes: readFileSync(file).subarray(start, start + Number(size)),
      };
    }
  assert.fail(`no segment ${wanted}`);
}

/** The executable's code is the object's, byte for byte, and the loader changes nothing in it. */
function checkCode(program: string, object: string): void {
  const { sections } = readMachO(readFileSync(object));
  const [text] = sections;
  const alignLog2 = sections.find(({ name }) => name === 'w2n_image')?.alignLog2;
  assert.equal(text.name, 'w2n_text');
  const placed = symbols(program);
  const header = placed.get('_w2n_header_hello');
  assert.ok(header !== undefined);
  const { address, bytes } = segment(program, '__TEXT');
  assert.equal((header - address) % 64, 0);
  assert.ok(bytes.subarray(header - address, header - address + text.size).equals(text.data));
  for (const { name, value, section } of readMachO(readFileSync(object)).symbols)
    if (section === 1) assert.equal(placed.get(name), header + value, name);

  let fixed = 0;
  for (const table of ['--rebase', '--bind', '--lazy-bind', '--weak-bind', '--chained-fixups', '--dyld-info'])
    for (const [, place] of output('llvm-objdump-19', '--macho', table, program).matchAll(
      /^(__\w+) +\w+ +0x/gm,
    )) {
      assert.match(place, /^__(DATA|DATA_CONST|AUTH|AUTH_CONST)$/, table);
      fixed++;
    }
  assert.ok(fixed > 20, `${fixed} pointers`);
  const image = placed.get('_w2n_image_hello');
  assert.ok(alignLog2 !== undefined && image !== undefined);
  assert.equal(image % 2 ** alignLog2, 0, 'the image has the alignment that it asks for');
}

/** `inspect` finds the module, whether the linker kept its section or merged it with others. */
function checkInspect(program: string, isa: Isa): void {
  const { stdout, status } = wasm2native(['inspect', program]);
  assert.equal(status, 0);
  assert.match(stdout, /^section __DATA,w2n_image \d+ bytes/m);
  assert.match(stdout, new RegExp(`^module: ABI version \\d+, ${isa}, bounds=guard$`, 'm'));
  assert.match(stdout, /^exports: 2$/m);
}

/** Every function of the module has unwind data, and the index for the unwinder tells where. */
function checkUnwind(program: string, object: string): void {
  const frames = output('llvm-objdump-19', '--dwarf=frames', program);
  const index = output('llvm-objdump-19', '--macho', '--unwind-info', program);
  const base = segment(program, '__TEXT').address;
  const placed = symbols(program);
  const indexed = new Map(
    [...index.matchAll(/function offset=(0x[0-9a-f]+), encoding(?:\[\d+\])?=(0x[0-9a-f]+)/g)].map((match) => [
      Number(match[1]),
      Number(match[2]),
    ]),
  );
  // Mode "as __eh_frame says" in bits 24-27: 4 on x86_64, 3 on arm64 (mach-o/compact_unwind_encoding.h).
  const byEhFrame = readMachO(readFileSync(program)).cpuType === 0x1000007 ? 4 : 3;
  const own = readMachO(readFileSync(object)).symbols.filter(
    ({ name, section }) =>
      section === 1 && /^_w2n\.(enter|call|import)|^_wasm_function_|^_w2n_hello__/.test(name),
  );
  assert.ok(own.length > 15, `${own.length} functions`);
  for (const { name } of own) {
    const start = placed.get(name) ?? 0;
    const pc = start.toString(16).padStart(8, '0');
    assert.ok(frames.includes(` pc=${pc}...`), name);
    assert.equal(((indexed.get(start - base) ?? 0) >> 24) & 15, byEhFrame, name);
  }
}

/** Small text-based stub of libSystem: what a program linked by zig takes from it, and what clang adds. */
function writeTbd(file: string, isa: Isa, program: string, whole: string): void {
  const names = output('llvm-nm-19', '-u', '-j', program).trim().split('\n');
  names.push('___stack_chk_fail', '___stack_chk_guard', '___memcpy_chk');
  // zig has these of its own.
  names.push('_memcmp', '_memcpy', '_memmove', '_memset', '_strlen');
  const all = new Set(whole.match(/[\w$]+/g));
  const used = [...new Set(names)].filter((name) => all.has(name));
  assert.ok(used.length > 40, used.join(' '));
  const target = `${APPLE[isa]}-macos`;
  const lines = [
    ...['--- !tapi-tbd', 'tbd-version: 4', `targets: [ ${target} ]`],
    ...["install-name: '/usr/lib/libSystem.B.dylib'", 'exports:', `  - targets: [ ${target} ]`],
    ...[`    symbols: [ ${used.join(', ')} ]`, '...', ''],
  ];
  writeFileSync(file, lines.join('\n'));
}

/** What Apple's compiler-rt has for __builtin_cpu_supports. */
const CPU_MODEL = `
struct { unsigned vendor, type, subtype, features[1]; } __cpu_model;
int __cpu_indicator_init(void) { return 0; }
`;

for (const isa of ISAS) {
  describe(`macOS executables, ${isa}`, function () {
    this.timeout(300_000);
    before(function () {
      need(this, 'llvm-otool-19', 'llvm-objdump-19', 'llvm-nm-19');
      folder = emptyFolder(`macos-${isa}`);
      // A second input, so that the module has its typed exports, as the object of --emit obj has.
      writeFileSync(at('other.c'), 'int other;\n');
    });

    it('link with zig', function () {
      const env = zigEnvironment(this);
      const target = ['--target', `${isa}-macos`];
      build([...target, '--emit', 'obj', hello, '-o', at('hello.o')], env);
      build(
        [
          ...target,
          '--cc',
          `python3 -m ziglang cc -target ${isa}-macos`,
          hello,
          at('other.c'),
          '-o',
          at('hello'),
        ],
        env,
      );
      readByLlvm(at('hello'));
      checkUnwind(at('hello'), at('hello.o'));
      checkCode(at('hello'), at('hello.o'));
      checkInspect(at('hello'), isa);
      const found = commands(at('hello'));
      for (const command of ['LC_MAIN', 'LC_BUILD_VERSION', 'LC_DATA_IN_CODE', 'LC_UUID'])
        assert.ok(found.includes(command), command);
      if (isa === 'aarch64') assert.ok(found.includes('LC_CODE_SIGNATURE'));
      assert.deepEqual(
        [...output('llvm-otool-19', '-L', at('hello')).matchAll(/^\t(\S+)/gm)].map((match) => match[1]),
        ['/usr/lib/libSystem.B.dylib'],
      );
    });

    it('are smaller where the module needs no WASI, and stripped', function () {
      need(this, 'wat2wasm');
      const env = zigEnvironment(this);
      writeFileSync(at('bare.wat'), '(module (func (export "_start")))');
      output('wat2wasm', at('bare.wat'), '-o', at('bare.wasm'));
      build(['--target', `${isa}-macos`, '--strip', at('bare.wasm'), '-o', at('bare')], env);
      build(['--target', `${isa}-macos`, hello, '-o', at('hello')], env);
      const size = (name: string): number => readFileSync(at(name)).length;
      assert.ok(size('bare') < size('hello') * 0.8, `${size('bare')} of ${size('hello')}`);
      assert.doesNotMatch(output('llvm-nm-19', at('hello')), /w2n_has_invoke__|invoke_export/);
      assert.doesNotMatch(output('llvm-nm-19', '--defined-only', at('bare')), /wasi_snapshot/);
    });

    it('libraries have their name and export the module', function () {
      const env = zigEnvironment(this);
      build(['--target', `${isa}-macos`, '--emit', 'shared', hello, '-o', at('libhello.dylib')], env);
      const id = output('llvm-objdump-19', '--macho', '--dylib-id', at('libhello.dylib'));
      assert.match(id, /^@rpath\/libhello\.dylib$/m);
      const exported = output('llvm-objdump-19', '--macho', '--exports-trie', at('libhello.dylib'));
      for (const name of ['_w2n_module_hello', '_w2n_instantiate', '_w2n_hello__Z5Fstart'])
        assert.ok(exported.includes(`  ${name}\n`), name);
      assert.ok(!symbols(at('libhello.dylib')).has('_main'));
    });

    it('link with ld64.lld', function () {
      need(this, 'clang-19', 'ld64.lld-19');
      const env = zigEnvironment(this);
      const target = ['--target', `${isa}-macos`];
      build([...target, '--emit', 'obj', hello, '-o', at('hello.o')], env);
      build([...target, hello, '-o', at('by-zig')], env);
      // Headers of the package ziglang, the library a stub of our own.
      const libc = path.join(zigFolder(this), 'lib/libc');
      mkdirSync(at('sdk/usr/lib'), { recursive: true });
      symlinkSync(path.join(libc, 'include/any-darwin-any'), at('sdk/usr/include'));
      const whole = readFileSync(path.join(libc, 'darwin/libSystem.tbd'), 'utf8');
      writeTbd(at('sdk/usr/lib/libSystem.tbd'), isa, at('by-zig'), whole);
      const cc = ['clang-19', `--target=${APPLE[isa]}-apple-macos11`];
      writeFileSync(at('cpu_model.c'), CPU_MODEL);
      output(...(cc as [string, string]), '-c', at('cpu_model.c'), '-o', at('cpu_model.o'));
      const words = [...cc, '-isysroot', at('sdk'), '-fuse-ld=lld'].join(' ');
      build(
        [...target, '--cc', words, '--ldflags', at('cpu_model.o'), hello, at('other.c'), '-o', at('by-lld')],
        env,
      );
      readByLlvm(at('by-lld'));
      checkUnwind(at('by-lld'), at('hello.o'));
      checkCode(at('by-lld'), at('hello.o'));
      checkInspect(at('by-lld'), isa);
      const found = commands(at('by-lld'));
      assert.ok(found.includes('LC_MAIN') && found.includes('LC_DATA_IN_CODE'));
      if (isa === 'aarch64') assert.ok(found.includes('LC_CODE_SIGNATURE'));
    });
  });
}
