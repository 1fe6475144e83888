// The kernels that are not loops.
import { describe, expect, it } from 'vitest';
import type { DType, ScanOp, ScatterMode } from '../src/index.ts';
import { host, input, output, program, runProgram } from './programs.ts';

describe('copy', () => {
  it.each(['bool', 'int64', 'float16', 'float64'] as const)('%s', (dtype) => {
    const values = [1, 0, 1].map((x) => (dtype === 'int64' ? BigInt(x) : x));
    const tested = program(
      [input(dtype, 3), output(dtype, 3)],
      [{ kind: 'copy', name: 'copy', source: 0, target: 1 }],
    );
    expect(runProgram(tested, [host(dtype, values)])[0]).toEqual(values);
  });
});

describe('scatter', () => {
  function scatter(mode: ScatterMode, dtype: DType, base: number[], index: number[], source: number[]) {
    const tested = program(
      [
        input(dtype, base.length),
        input('int32', index.length),
        input(dtype, source.length),
        output(dtype, base.length),
      ],
      [
        { kind: 'copy', name: 'base', source: 0, target: 3 },
        {
          kind: 'scatter',
          name: 'scatter',
          mode,
          count: index.length,
          targetSize: base.length,
          index: 1,
          source: 2,
          target: 3,
        },
      ],
    );
    return runProgram(tested, [host(dtype, base), host('int32', index), host(dtype, source)])[0];
  }

  it('combines in order; the last of a set wins', () => {
    const index = [1, 1, 0, 1];
    const source = [5, 7, 2, 6];
    expect(scatter('set', 'int32', [9, 9, 9], index, source)).toEqual([2, 6, 9]);
    expect(scatter('sum', 'float32', [1, 1, 1], index, source)).toEqual([3, 19, 1]);
    expect(scatter('prod', 'float32', [1, 2, 3], index, source)).toEqual([2, 420, 3]);
    expect(scatter('max', 'int32', [4, 4, 4], index, source)).toEqual([4, 7, 4]);
    expect(scatter('min', 'int32', [4, 8, 4], index, source)).toEqual([2, 5, 4]);
  });

  it('ignores indices outside', () => {
    expect(scatter('set', 'float32', [1, 2], [-1, 2, 1, 2147483647], [7, 7, 8, 7])).toEqual([1, 8]);
  });

  it('wraps integers, rounds floats after each step, and NaN wins', () => {
    expect(scatter('sum', 'uint8', [250], [0, 0], [5, 5])).toEqual([4]);
    expect(scatter('sum', 'float32', [16777216], [0, 0], [1, 1])).toEqual([16777216]);
    expect(scatter('max', 'float64', [1], [0, 0], [NaN, 2])).toEqual([NaN]);
  });
});

describe('scan', () => {
  function scan(
    op: ScanOp,
    dtype: DType,
    [outer, length, inner]: readonly number[],
    values: readonly (number | bigint)[],
  ) {
    const tested = program(
      [input(dtype, values.length), output(dtype, values.length)],
      [{ kind: 'scan', name: 'scan', op, outer, length, inner, source: 0, target: 1 }],
    );
    return runProgram(tested, [host(dtype, values)])[0];
  }

  it('runs along the middle', () => {
    const values = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    expect(scan('sum', 'int32', [2, 3, 2], values)).toEqual([1, 2, 4, 6, 9, 12, 7, 8, 16, 18, 27, 30]);
    expect(scan('prod', 'float32', [1, 4, 1], [1, 2, 3, 4])).toEqual([1, 2, 6, 24]);
    expect(scan('max', 'int64', [1, 3, 1], [1n, 5n, 2n])).toEqual([1n, 5n, 5n]);
    expect(scan('min', 'float64', [1, 4, 1], [3, 1, NaN, 0])).toEqual([3, 1, NaN, NaN]);
  });

  it('wraps integers and keeps float32 sums accurate', () => {
    expect(scan('sum', 'int8', [1, 2, 1], [127, 1])).toEqual([127, -128]);
    const sums = scan('sum', 'float32', [1, 3, 1], [16777216, 1, 1]);
    expect(sums).toEqual([16777216, 16777216, 16777218]);
  });

  it('over nothing does nothing', () => {
    expect(scan('sum', 'float32', [2, 0, 3], [])).toEqual([]);
  });
});

describe('argsort', () => {
  function argsort(
    dtype: DType,
    descending: boolean,
    [outer, length, inner]: readonly number[],
    values: (number | bigint)[],
    count: number = length,
  ) {
    const tested = program(
      [input(dtype, values.length), output('int32', outer * count * inner)],
      [{ kind: 'argsort', name: 'argsort', descending, outer, length, inner, count, source: 0, target: 1 }],
    );
    return runProgram(tested, [host(dtype, values)])[0];
  }

  it('is stable in both directions', () => {
    expect(argsort('int32', false, [1, 6, 1], [3, 1, 3, 1, 2, 3])).toEqual([1, 3, 4, 0, 2, 5]);
    expect(argsort('int32', true, [1, 6, 1], [3, 1, 3, 1, 2, 3])).toEqual([0, 2, 5, 4, 1, 3]);
  });

  it('NaN is greatest', () => {
    expect(argsort('float32', false, [1, 5, 1], [NaN, 1, Infinity, NaN, -1])).toEqual([4, 1, 2, 0, 3]);
    expect(argsort('float32', true, [1, 5, 1], [NaN, 1, Infinity, NaN, -1])).toEqual([0, 3, 2, 1, 4]);
  });

  it('sorts along the middle', () => {
    expect(argsort('int64', false, [2, 2, 2], [4n, 1n, 3n, 2n, 5n, 8n, 6n, 7n])).toEqual([
      1, 0, 0, 1, 0, 1, 1, 0,
    ]);
  });

  it('gives the first of the order alone where only these are wanted', () => {
    expect(argsort('int32', true, [1, 6, 1], [3, 1, 3, 1, 2, 3], 2)).toEqual([0, 2]);
    expect(argsort('int32', false, [2, 3, 2], [4, 1, 3, 2, 5, 0, 6, 7, 9, 7, 0, 8], 2)).toEqual([
      1, 2, 0, 0, 2, 0, 0, 1,
    ]);
    expect(argsort('int32', false, [2, 2, 1], [1, 2, 3, 4], 0)).toEqual([]);
  });

  it('zeros of either sign are equal', () => {
    expect(argsort('float64', false, [1, 3, 1], [0, -0, -1])).toEqual([2, 0, 1]);
  });
});
