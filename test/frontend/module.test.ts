// Module tables: what decoding fills in, limits by name and offset, counts without bytes, lenient names, type ids.
import assert from 'node:assert/strict';
import { checkModule, decodeModule } from '../../src/frontend/decode.ts';
import { VALIDATED } from '../../src/frontend/features.ts';
import { CONST_OP_STRIDE, SegmentMode } from '../../src/frontend/module.ts';
import { readNames } from '../../src/frontend/names.ts';
import { Op } from '../../src/frontend/opcodes.ts';
import { FUNCREF, refTo, typeName, ValType } from '../../src/frontend/types.ts';
import { leb, moduleOf, name, oneFunction, section } from './binary.ts';

const VOID = [0x60, 0, 0];

function fault(bytes: Uint8Array): string {
  const { error } = checkModule(bytes);
  return error === null ? 'valid' : `${error.kind} ${error.offset}: ${error.message}`;
}

describe('module tables', () => {
  it('hold imports, tables, memories, globals, segments and constant expressions', () => {
    const m = decodeModule(
      moduleOf(
        section(1, [2, ...VOID, 0x60, 1, 0x7f, 2, 0x7e, 0x7d]),
        section(2, [2, ...name('m'), ...name('f'), 0, 1, ...name('m'), ...name('g'), 3, 0x7f, 0]),
        section(3, [1, 0]),
        section(4, [1, 0x70, 1, 2, 9]),
        section(5, [1, 1, 1, ...leb(65536)]),
        section(6, [1, 0x7e, 1, 0x42, 0x7f, 0x0b]),
        section(7, [1, ...name('run'), 0, 1]),
        section(9, [2, 0, 0x23, 0, 0x0b, 1, 1, 5, 0x70, 2, 0xd2, 0, 0x0b, 0xd0, 0x70, 0x0b]),
        section(10, [1, 2, 0, 0x0b]),
        section(11, [1, 0, 0x41, 8, 0x0b, 3, 1, 2, 3]),
      ),
    );
    assert.deepEqual(
      m.imports.map((i) => [i.module, i.name, i.kind, i.index]),
      [
        ['m', 'f', 0, 0],
        ['m', 'g', 3, 0],
      ],
    );
    assert.equal(m.importedFuncs, 1);
    assert.equal(m.funcCount, 2);
    assert.deepEqual(m.tables, [{ is64: false, min: 2, max: 9, element: FUNCREF, init: -1 }]);
    assert.equal(m.memories[0]?.max, 65536);
    assert.equal(m.globalType.data[1], ValType.I64);
    assert.equal(m.globalMutable.data[1], 1);
    const init = m.globalInit.data[1];
    const at = m.consts.first.data[init];
    assert.deepEqual([...m.consts.ops.data.slice(at, at + CONST_OP_STRIDE)], [Op.I64Const, -1, -1, 0, 0]);
    assert.deepEqual(
      m.elements.map((e) => [e.mode, e.table, [...e.items]]),
      [
        [SegmentMode.Active, 0, [1]],
        [SegmentMode.Passive, -1, [0, -1]],
      ],
    );
    assert.deepEqual([...m.funcDeclared.data.slice(0, 2)], [1, 1]);
    assert.deepEqual([...m.bytes.slice(m.data[0].start, m.data[0].end)], [1, 2, 3]);
    assert.equal(m.exports[0]?.name, 'run');
  });

  it('know the operators of constant expressions however many bytes their numbers have', () => {
    const vector = Array.from({ length: 16 }, (_, k) => k);
    for (const second of [[12], [0x8c, 0], [0x8c, 0x80, 0x80, 0x80, 0]]) {
      const bytes = moduleOf(section(6, [1, 0x7b, 0, 0xfd, ...second, ...vector, 0x0b]));
      const { error, module } = checkModule(bytes, VALIDATED);
      assert.equal(error, null);
      assert.equal(module.consts.ops.data[0], Op.V128Const);
    }
    const all = (...second: number[]): string | undefined =>
      checkModule(moduleOf(section(6, [1, 0x7b, 0, 0xfd, ...second, ...vector, 0x0b])), VALIDATED).error
        ?.message;
    assert.match(all(0x8c, 1) ?? '', /constant expression required/);
    assert.match(all(0x8c, 0x80, 0x80, 0x80, 0x80, 0) ?? '', /too long/);
  });

  it('gives equal structural types one canonical index and keeps rec groups apart', () => {
    const m = decodeModule(
      moduleOf(
        section(1, [
          5,
          ...VOID,
          ...[0x4e, 2, 0x60, 1, 0x64, 2, 0, 0x60, 1, 0x64, 1, 0],
          ...[0x4e, 2, 0x60, 1, 0x64, 4, 0, 0x60, 1, 0x64, 3, 0],
          ...VOID,
          ...[0x60, 0, 1, 0x64, 3],
        ]),
      ),
    );
    assert.deepEqual([...m.types.canonical.data.slice(0, m.types.count)], [0, 1, 2, 1, 2, 0, 6]);
    assert.equal(m.types.pool.data[m.types.firstResult.data[6]], refTo(1, false));
    assert.equal(typeName(refTo(1, true)), '(ref null 1)');
    assert.ok(m.types.isSubtype(refTo(1, false), FUNCREF));
    assert.ok(!m.types.isSubtype(refTo(1, true), refTo(1, false)));
    assert.ok(!m.types.isSubtype(FUNCREF, refTo(1, true)));
  });

  it('refuses what is beyond a limit, with the offset', () => {
    assert.equal(
      fault(moduleOf(section(1, leb(1000001)))),
      'limit 10: 1000001 types: more than the limit of 1000000',
    );
    const params = [1, 0x60, ...leb(1001), ...new Array<number>(1001).fill(0x7f), 0];
    assert.equal(
      fault(moduleOf(section(1, params))),
      'limit 12: 1001 parameters: more than the limit of 1000',
    );
    assert.match(fault(oneFunction(VOID, [1, ...leb(50001), 0x7f], [0x0b])), /^limit 22: 50001 locals/);
    assert.equal(fault(oneFunction(VOID, [1, ...leb(50000), 0x7f], [0x0b])), 'valid');
    assert.match(
      fault(oneFunction(VOID, [2, ...leb(0xffffffff), 0x7f, 1, 0x7e], [0x0b])),
      /^malformed 22: too many locals/,
    );
    assert.match(
      fault(moduleOf(section(4, [1, 0x70, 0, ...leb(10000001)]))),
      /^limit 12: 10000001 initial table entries/,
    );
    const targets = (n: number): number[] => [
      0x41,
      0,
      0x0e,
      ...leb(n),
      ...new Array<number>(n + 1).fill(0),
      0x0b,
    ];
    assert.match(fault(oneFunction(VOID, [0], targets(65521))), /^limit .*: 65521 br_table targets/);
    assert.equal(fault(oneFunction(VOID, [0], targets(65520))), 'valid');
    const size = 7654322;
    const head = [
      ...moduleOf(section(1, [1, ...VOID]), section(3, [1, 0])),
      10,
      ...leb(size + 5),
      1,
      ...leb(size),
    ];
    const large = new Uint8Array(head.length + size);
    large.set(head);
    assert.match(fault(large), /^limit 24: 7654322 bytes in a function body/);
  });

  it('allocates nothing from a count that no bytes back', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (const id of [1, 2, 3, 4, 5, 6, 7, 9, 10, 11]) {
      const count = id === 5 ? 100 : id === 4 || id === 11 ? 100000 : 1000000;
      assert.match(fault(moduleOf(section(id, leb(count)))), /^malformed/);
    }
    assert.match(
      fault(moduleOf(section(1, [1, 0x4e, ...leb(999999), 0x60]))),
      /^malformed .*length out of bounds/,
    );
    assert.match(
      fault(oneFunction(VOID, [0], [0x41, 0, 0x0e, ...leb(65520), 0x0b])),
      /^malformed .*unexpected end/,
    );
    assert.ok(process.memoryUsage().arrayBuffers - before < 4 << 20);
  });

  it('names the proposal and the offset of an operator that is not enabled', () => {
    const { error } = checkModule(oneFunction(VOID, [0], [0x12, 0, 0x0b]));
    assert.deepEqual([error?.kind, error?.proposal, error?.offset], ['unsupported', 'tail-call', 23]);
    assert.equal(checkModule(oneFunction(VOID, [0], [0x12, 0, 0x0b]), VALIDATED).error, null);
  });
});

describe('name section', () => {
  const read = (...content: number[]): ReturnType<typeof readNames> =>
    readNames(decodeModule(moduleOf(section(0, [...name('name'), ...content]))));
  const sub = (id: number, content: number[]): number[] => section(id, content);

  it('gives the names of all spaces', () => {
    const names = read(
      ...sub(0, name('mod')),
      ...sub(1, [2, 0, ...name('f'), 5, ...name('g')]),
      ...sub(2, [1, 5, 1, 2, ...name('x')]),
      ...sub(7, [1, 0, ...name('sp')]),
      ...sub(9, [1, 0, ...name('.rodata')]),
    );
    assert.equal(names.module, 'mod');
    assert.deepEqual(
      [...names.functions],
      [
        [0, 'f'],
        [5, 'g'],
      ],
    );
    assert.equal(names.locals.get(5)?.get(2), 'x');
    assert.equal(names.globals.get(0), 'sp');
    assert.equal(names.data.get(0), '.rodata');
  });

  it('never rejects a module: cut, overlong, unknown and ill-encoded parts give what can be read', () => {
    const bad = read(
      ...sub(3, [1, 2, 3]),
      ...sub(99, [0xff]),
      ...sub(1, [3, 0, 1, 0xff, 1, ...name('g'), 2, 0x7f]),
      ...sub(5, [1, 0, ...name('t')]),
    );
    assert.deepEqual([...bad.functions], [[1, 'g']]);
    assert.equal(bad.tables.get(0), 't');
    assert.deepEqual([...read(1, 0x7f, 1, 0, ...name('f')).functions], [[0, 'f']]);
    assert.deepEqual([...read(1, 0x80).functions], []);
    assert.equal(read().module, null);
  });
});
