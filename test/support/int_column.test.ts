import assert from 'node:assert/strict';
import { IntColumn } from '../../src/support/int_column.ts';

describe('IntColumn', () => {
  it('keeps its values while it grows', () => {
    const column = new IntColumn(1);
    for (let i = 0; i < 1000; i++) assert.equal(column.push(i * 3), i);
    assert.equal(column.length, 1000);
    for (let i = 0; i < 1000; i++) assert.equal(column.data[i], i * 3);
  });

  it('fills what a resize adds', () => {
    const column = new IntColumn(2);
    column.push(7);
    column.resize(5, -1);
    assert.deepEqual([...column.data.subarray(0, 5)], [7, -1, -1, -1, -1]);
    column.clear();
    assert.equal(column.length, 0);
  });
});
