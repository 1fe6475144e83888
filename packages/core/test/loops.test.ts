// Loop kernels: accesses, guards, reductions and dots.
import { describe, expect, it } from 'vitest';
import type { DType, Instruction, ReduceOp } from '../src/index.ts';
import { at, guarded, host, input, loop, output, program, runProgram } from './programs.ts';

const load = (dtype: DType, access: ReturnType<typeof at>): Instruction => ({ op: 'load', dtype, access });
const result = (dtype: DType, index: number = 0): Instruction => ({ op: 'result', dtype, index });

/** 0, 1, 2, ... */
const counting = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** Copies from one access to another over the extents. */
function move(
  extents: readonly number[],
  from: ReturnType<typeof at>,
  to: ReturnType<typeof at>,
  lengths: readonly [number, number],
  dtype: DType = 'int32',
): (number | bigint)[] {
  const kernel = loop({ extents, epilogue: [load(dtype, from)], stores: [{ access: to, value: 0 }] });
  const tested = program([input(dtype, lengths[0]), output(dtype, lengths[1])], [kernel]);
  return runProgram(tested, [host(dtype, counting(lengths[0]))])[0];
}

describe('accesses', () => {
  it('transpose', () => {
    expect(move([3, 2], at(0, [1, 3]), at(1, [2, 1]), [6, 6])).toEqual([0, 3, 1, 4, 2, 5]);
  });

  it('negative strides', () => {
    expect(move([4], at(0, [-2], 7), at(1, [1]), [8, 4])).toEqual([7, 5, 3, 1]);
    expect(move([4], at(0, [1]), at(1, [-1], 3), [4, 4])).toEqual([3, 2, 1, 0]);
  });

  it('stride 0 repeats', () => {
    expect(move([2, 3], at(0, [1, 0]), at(1, [3, 1]), [2, 6])).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('no dimensions: one element', () => {
    expect(move([], at(0, [], 2), at(1, [], 1), [3, 2])).toEqual([0, 2]);
  });

  it('an empty extent does nothing', () => {
    expect(move([3, 0, 2], at(0, [9, 9, 9]), at(1, [9, 9, 9]), [1, 1])).toEqual([0]);
  });

  it('more coordinates than a block holds', () => {
    const size = 7 * 11 * 13;
    const found = move([7, 11, 13], at(0, [1, 7, 77]), at(1, [143, 13, 1]), [size, size]);
    for (let i = 0; i < 7; i++)
      for (let j = 0; j < 11; j++)
        for (let k = 0; k < 13; k++) expect(found[i * 143 + j * 13 + k]).toBe(i + 7 * j + 77 * k);
  });

  it('outside of the buffer is an internal error', () => {
    expect(() => move([4], at(0, [1], 1), at(1, [1]), [4, 4])).toThrow('load: element 4 lies outside');
    expect(() => move([4], at(0, [1]), at(1, [-1], 2), [4, 4])).toThrow('store: element -1 lies outside');
  });

  it('guards: a load gives 0 where one fails, a store writes nothing', () => {
    const inside = [{ offset: -1, strides: [1], size: 3 }];
    expect(move([5], guarded(0, [1], -1, inside), at(1, [1]), [3, 5])).toEqual([0, 0, 1, 2, 0]);
    expect(move([5], at(0, [1]), guarded(1, [1], -1, inside), [5, 3])).toEqual([1, 2, 3]);
    const both = [...inside, { offset: 3, strides: [-1], size: 9 }];
    expect(move([5], guarded(0, [1], -1, both), at(1, [1]), [3, 5])).toEqual([0, 0, 1, 2, 0]);
  });

  it.each(['int64', 'float16', 'bool', 'float64'] as const)('guarded %s', (dtype) => {
    const inside = [{ offset: -1, strides: [1], size: 2 }];
    const found = move([4], guarded(0, [1], -1, inside), at(1, [1]), [2, 4], dtype);
    expect(found.map(Number)).toEqual([0, 0, 1, 0]);
  });

  it('gather clamps the index', () => {
    const kernel = loop({
      extents: [5],
      epilogue: [
        load('int32', at(1, [1])),
        { op: 'gather', dtype: 'float32', access: at(0, [0], 1), size: 3, args: [0] },
      ],
      stores: [{ access: at(2, [1]), value: 1 }],
    });
    const tested = program([input('float32', 5), input('int32', 5), output('float32', 5)], [kernel]);
    expect(runProgram(tested, [host('float32', counting(5)), host('int32', [0, 2, 1, -7, 99])])[0]).toEqual([
      1, 3, 2, 1, 3,
    ]);
  });

  it('index, inside, const and param', () => {
    const kernel = loop({
      extents: [2, 3],
      epilogue: [
        { op: 'index', dtype: 'int64', affine: { offset: -4, strides: [3, 1] } },
        { op: 'inside', dtype: 'bool', guards: [{ offset: 0, strides: [0, 1], size: 2 }] },
        { op: 'const', dtype: 'float32', value: 0.1 },
        { op: 'param', dtype: 'int8', index: 0 },
      ],
      stores: [0, 1, 2, 3].map((value) => ({ access: at(value, [3, 1]), value })),
    });
    const outputs = (['int64', 'bool', 'float32', 'int8'] as const).map((dtype) => output(dtype, 6));
    const found = runProgram(program(outputs, [kernel], ['int8']), [], [300]);
    expect(found[0]).toEqual([-4n, -3n, -2n, -1n, 0n, 1n]);
    expect(found[1]).toEqual([1, 1, 0, 1, 1, 0]);
    expect(found[2]).toEqual(new Array(6).fill(Math.fround(0.1)));
    expect(found[3]).toEqual(new Array(6).fill(44));
  });
});

/** Reduces [outer, inner] over inner. */
function reduce(
  ops: readonly ReduceOp[],
  dtype: DType,
  values: readonly (number | bigint)[],
  inner: number,
): (number | bigint)[][] {
  const outer = inner === 0 ? 2 : values.length / inner;
  const dtypeOf = (op: ReduceOp): DType => (op.startsWith('arg') ? 'int32' : dtype);
  const kernel = loop({
    extents: [outer],
    producer: {
      kind: 'reduce',
      extents: [inner],
      body: [load(dtype, at(0, [inner, 1]))],
      accumulators: ops.map((op) => ({ op, value: 0, dtype: dtypeOf(op) })),
    },
    epilogue: ops.map((op, i) => result(dtypeOf(op), i)),
    stores: ops.map((_, i) => ({ access: at(1 + i, [1]), value: i })),
  });
  const outputs = ops.map((op) => output(dtypeOf(op), outer));
  return runProgram(program([input(dtype, values.length), ...outputs], [kernel]), [host(dtype, values)]);
}

const everyReduction = ['sum', 'prod', 'max', 'min', 'argmax', 'argmin'] as const;

describe('reductions', () => {
  it.each(['int8', 'int32', 'int64', 'float32', 'float64'] as const)('all at once on %s', (dtype) => {
    const values = [3, -1, 2, 5, 5, -7].map((x) => (dtype === 'int64' ? BigInt(x) : x));
    const found = reduce(everyReduction, dtype, values, 3).map((list) => list.map(Number));
    expect(found).toEqual([
      [4, 3],
      [-6, -175 + (dtype === 'int8' ? 256 : 0)],
      [3, 5],
      [-1, -7],
      [0, 0],
      [1, 2],
    ]);
  });

  it('the first of equal values is located', () => {
    expect(reduce(['argmax', 'argmin'], 'int32', [1, 7, 7, 0, 0, 3], 6)).toEqual([[1], [3]]);
  });

  it('NaN wins, and the first one is located', () => {
    const values = [1, NaN, -Infinity, NaN, 2, Infinity];
    expect(reduce(['max', 'min', 'argmax', 'argmin', 'sum'], 'float32', values, 6)).toEqual([
      [NaN],
      [NaN],
      [1],
      [1],
      [NaN],
    ]);
  });

  it('infinities are located too', () => {
    expect(reduce(['argmax'], 'float32', [-Infinity, -Infinity], 2)).toEqual([[0]]);
    expect(reduce(['argmin'], 'float64', [NaN, 1, Infinity, Infinity], 2)).toEqual([[0, 0]]);
  });

  it('on bool: max is or, min is and', () => {
    expect(reduce(['max', 'min'], 'bool', [0, 0, 0, 1, 1, 1], 2)).toEqual([
      [0, 1, 1],
      [0, 0, 1],
    ]);
  });

  it('over nothing gives the identity', () => {
    expect(reduce(['sum', 'prod', 'max', 'min'], 'float32', [], 0)).toEqual([
      [0, 0],
      [1, 1],
      [-Infinity, -Infinity],
      [Infinity, Infinity],
    ]);
    expect(reduce(['sum', 'prod', 'max', 'min'], 'int64', [], 0).map((list) => list[0])).toEqual([
      0n,
      1n,
      -(2n ** 63n),
      2n ** 63n - 1n,
    ]);
    expect(reduce(['max', 'min'], 'uint8', [], 0).map((list) => list[0])).toEqual([0, 255]);
  });

  it('integers wrap', () => {
    expect(reduce(['sum'], 'int32', [2147483647, 1, 2147483647, 1], 4)).toEqual([[0]]);
    expect(reduce(['sum'], 'uint8', [200, 100], 2)).toEqual([[44]]);
    expect(reduce(['prod'], 'int32', [65537, 65537], 2)).toEqual([[131073]]);
    expect(reduce(['sum', 'prod'], 'int64', [2n ** 62n, 2n ** 62n], 2)).toEqual([[-(2n ** 63n)], [0n]]);
  });

  it.each([1, 2, 3, 511, 512, 513, 1025, 5000])('runs of %i cross the blocks', (inner) => {
    const outer = 7;
    const values = counting(outer * inner).map((i) => (i * 7919) % 1009);
    const rows = counting(outer).map((row) => values.slice(row * inner, (row + 1) * inner));
    const [sum, max, argmax] = reduce(['sum', 'max', 'argmax'], 'float64', values, inner);
    expect(sum).toEqual(rows.map((row) => row.reduce((a, b) => a + b, 0)));
    expect(max).toEqual(rows.map((row) => Math.max(...row)));
    expect(argmax).toEqual(rows.map((row) => row.indexOf(Math.max(...row))));
  });

  it('more results than a block holds', () => {
    const values = counting(3000);
    expect(reduce(['sum'], 'int32', values, 2)[0]).toEqual(counting(1500).map((i) => 4 * i + 1));
  });

  it('sums stay accurate', () => {
    const values = new Array<number>(1_000_003).fill(Math.fround(0.1));
    expect(reduce(['sum'], 'float32', values, values.length)[0]).toEqual([
      Math.fround(Math.fround(0.1) * values.length),
    ]);
    // 1, then many values that are lost one by one.
    const tiny = [1, ...new Array<number>(1000).fill(2 ** -54), -1];
    expect(reduce(['sum'], 'float64', tiny, tiny.length)[0]).toEqual([1000 * 2 ** -54]);
    expect(reduce(['sum'], 'float16', new Array(4096).fill(0x3c00), 4096)[0]).toEqual([0x6c00]);
  });

  it('an infinite sum is no NaN', () => {
    expect(reduce(['sum'], 'float64', [1, Infinity, 2, 1e308, 1e308, 1], 3)).toEqual([[Infinity, Infinity]]);
  });

  it('over two dimensions with a computed body, then an epilogue', () => {
    // mean((x + i)²) over dimensions 0 and 2 of [2, 3, 2], where i is the kept coordinate.
    const access = at(0, [2, 6, 1]);
    const kernel = loop({
      extents: [3],
      producer: {
        kind: 'reduce',
        extents: [2, 2],
        body: [
          load('float32', access),
          { op: 'index', dtype: 'float32', affine: { offset: 0, strides: [1, 0, 0] } },
          { op: 'add', dtype: 'float32', args: [0, 1] },
          { op: 'mul', dtype: 'float32', args: [2, 2] },
        ],
        accumulators: [{ op: 'sum', value: 3, dtype: 'float32' }],
      },
      epilogue: [
        result('float32'),
        { op: 'const', dtype: 'float32', value: 0.25 },
        { op: 'mul', dtype: 'float32', args: [0, 1] },
      ],
      stores: [{ access: at(1, [1]), value: 2 }],
    });
    const found = runProgram(program([input('float32', 12), output('float32', 3)], [kernel]), [
      host('float32', counting(12)),
    ]);
    const expected = counting(3).map((i) => {
      const cells = [0, 1, 6, 7].map((base) => base + 2 * i + i);
      return cells.reduce((total, x) => total + x * x, 0) / 4;
    });
    expect(found[0]).toEqual(expected);
  });

  it('a guarded body counts zeros', () => {
    // Sums of three neighbours, with a border of zeros.
    const guards = [{ offset: -1, strides: [1, 1], size: 4 }];
    const kernel = loop({
      extents: [4],
      producer: {
        kind: 'reduce',
        extents: [3],
        body: [load('int32', guarded(0, [1, 1], -1, guards))],
        accumulators: [{ op: 'sum', value: 0, dtype: 'int32' }],
      },
      epilogue: [result('int32')],
      stores: [{ access: at(1, [1]), value: 0 }],
    });
    const tested = program([input('int32', 4), output('int32', 4)], [kernel]);
    expect(runProgram(tested, [host('int32', [1, 2, 3, 4])])[0]).toEqual([3, 6, 9, 7]);
  });
});

describe('dots', () => {
  function matmul(dtype: DType, [rows, depth, columns]: readonly number[], transposed: boolean): number[] {
    const kernel = loop({
      extents: [rows, columns],
      producer: {
        kind: 'dot',
        dtype,
        batchRank: 0,
        rowRank: 1,
        inner: [depth],
        left: { buffer: 0, offset: 0, strides: transposed ? [1, 0, rows] : [depth, 0, 1] },
        right: { buffer: 1, offset: 0, strides: transposed ? [0, depth, 1] : [0, 1, columns] },
      },
      epilogue: [result(dtype)],
      stores: [{ access: at(2, [columns, 1]), value: 0 }],
    });
    const integer = dtype === 'int64';
    const values = (length: number) => counting(length).map((i) => (integer ? BigInt(i % 5) : i % 5));
    const sizes = [rows * depth, depth * columns, rows * columns];
    const buffers = [input(dtype, sizes[0]), input(dtype, sizes[1]), output(dtype, sizes[2])];
    const inputs = [host(dtype, values(sizes[0])), host(dtype, values(sizes[1]))];
    return runProgram(program(buffers, [kernel]), inputs)[0].map(Number);
  }

  it.each([
    [[2, 3, 4], false],
    [[2, 3, 4], true],
    [[33, 65, 17], false],
    [[1, 700, 1], true],
    [[5, 0, 2], false],
    [[0, 3, 2], false],
  ] as const)('matrices of %j, transposed: %s', (sizes, transposed) => {
    const [rows, depth, columns] = sizes;
    const expected: number[] = [];
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < depth; k++) {
          const left = transposed ? k * rows + i : i * depth + k;
          const right = transposed ? j * depth + k : k * columns + j;
          sum += (left % 5) * (right % 5);
        }
        expected.push(sum);
      }
    expect(matmul('float64', sizes, transposed)).toEqual(expected);
    expect(matmul('float32', sizes, transposed)).toEqual(expected);
    expect(matmul('int32', sizes, transposed)).toEqual(expected);
    expect(matmul('int64', sizes, transposed)).toEqual(expected);
  });

  it('batched', () => {
    const kernel = loop({
      extents: [2, 2, 1],
      producer: {
        kind: 'dot',
        dtype: 'float32',
        batchRank: 1,
        rowRank: 1,
        inner: [2],
        left: { buffer: 0, offset: 0, strides: [4, 2, 0, 1] },
        right: { buffer: 1, offset: 0, strides: [2, 0, 0, 1] },
      },
      epilogue: [result('float32')],
      stores: [{ access: at(2, [2, 1, 0]), value: 0 }],
    });
    const tested = program([input('float32', 8), input('float32', 4), output('float32', 4)], [kernel]);
    const inputs = [host('float32', counting(8)), host('float32', [1, 2, 3, 4])];
    expect(runProgram(tested, inputs)[0]).toEqual([2, 8, 32, 46]);
  });

  it('overlapping strides make a convolution, an epilogue adds a bias', () => {
    const kernel = loop({
      extents: [4],
      producer: {
        kind: 'dot',
        dtype: 'float32',
        batchRank: 0,
        rowRank: 1,
        inner: [3],
        left: { buffer: 0, offset: 0, strides: [1, 1] },
        right: { buffer: 1, offset: 2, strides: [0, -1] },
      },
      epilogue: [
        result('float32'),
        { op: 'const', dtype: 'float32', value: 10 },
        { op: 'add', dtype: 'float32', args: [0, 1] },
      ],
      stores: [{ access: at(2, [1]), value: 2 }],
    });
    const tested = program([input('float32', 6), input('float32', 3), output('float32', 4)], [kernel]);
    const inputs = [host('float32', [1, 2, 3, 4, 5, 6]), host('float32', [1, 0, -1])];
    expect(runProgram(tested, inputs)[0]).toEqual([12, 12, 12, 12]);
  });

  it('wraps narrow integers and rounds short floats once', () => {
    const dot = (dtype: DType, left: number[], right: number[]) => {
      const factor = (buffer: number) => ({ buffer, offset: 0, strides: [1] });
      const kernel = loop({
        producer: {
          kind: 'dot',
          dtype,
          batchRank: 0,
          rowRank: 0,
          inner: [left.length],
          left: factor(0),
          right: factor(1),
        },
        epilogue: [result(dtype)],
        stores: [{ access: at(2, []), value: 0 }],
      });
      const tested = program(
        [input(dtype, left.length), input(dtype, left.length), output(dtype, 1)],
        [kernel],
      );
      return runProgram(tested, [host(dtype, left), host(dtype, right)])[0][0];
    };
    expect(dot('int8', [100, 100], [100, 1])).toBe(116);
    expect(dot('int32', [65537, 1], [65537, 1])).toBe(131074);
    expect(dot('float16', [0x3c00, 0x1000], [0x3c00, 0x1000])).toBe(0x3c00);
    expect(dot('bfloat16', [0x3f80, 0x3b00], [0x3f80, 0x3f80])).toBe(0x3f80);
  });
});
