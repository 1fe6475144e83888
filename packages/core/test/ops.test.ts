// The op table: what it refuses, and what its expressions compute.
import { describe, expect, it } from 'vitest';
import {
  type DType,
  DTypeError,
  definitionOf,
  ExpressionBuilder,
  type OpName,
  opNames,
  ops,
  ShapeError,
} from '../src/index.ts';
import { at, host, input, loop, output, program, runProgram } from './programs.ts';

const meta = (shape: readonly number[], dtype: DType = 'float32') => ({ shape, dtype });

describe('infer', () => {
  it('every op has a known kind', () => {
    const kinds = ['scalar', 'generator', 'movement', 'reduction', 'heavy', 'composite', 'leaf'];
    for (const name of opNames) expect(kinds).toContain(definitionOf(name).kind);
  });

  it('elementwise ops broadcast', () => {
    expect(ops.add.infer([meta([2, 1]), meta([3])], {})).toEqual(meta([2, 3]));
    expect(ops.lt.infer([meta([2]), meta([])], {})).toEqual(meta([2], 'bool'));
    expect(ops.where.infer([meta([2], 'bool'), meta([1]), meta([])], {})).toEqual(meta([2]));
    expect(ops.cast.infer([meta([2])], { dtype: 'int8' })).toEqual(meta([2], 'int8'));
  });

  it.each<[string, () => unknown, typeof ShapeError, string]>([
    [
      'mixed dtypes',
      () => ops.add.infer([meta([2]), meta([2], 'int32')], {}),
      DTypeError,
      'add: inputs are float32 and int32; cast one of them',
    ],
    [
      'a dtype it does not take',
      () => ops.exp.infer([meta([2], 'int32')], {}),
      DTypeError,
      'exp: does not take int32; it takes float tensors',
    ],
    [
      'bool arithmetic',
      () => ops.mul.infer([meta([2], 'bool'), meta([2], 'bool')], {}),
      DTypeError,
      'mul: does not take bool; it takes integer and float tensors',
    ],
    [
      'shapes that do not broadcast',
      () => ops.mul.infer([meta([2]), meta([3])], {}),
      ShapeError,
      'mul: cannot broadcast [2] with [3]',
    ],
    [
      'a condition that is no bool',
      () => ops.where.infer([meta([2]), meta([2]), meta([2])], {}),
      DTypeError,
      'where: the condition must be bool, got float32',
    ],
    [
      'sides that differ',
      () => ops.where.infer([meta([2], 'bool'), meta([2]), meta([2], 'int8')], {}),
      DTypeError,
      'where: the two sides are float32 and int8; cast one of them',
    ],
    [
      'another element count',
      () => ops.reshape.infer([meta([2, 3])], { shape: [4] }),
      ShapeError,
      'reshape: [2, 3] cannot become [4]: the element counts differ',
    ],
    [
      'an expansion that does not fit',
      () => ops.expand.infer([meta([2])], { shape: [3] }),
      ShapeError,
      'expand: [2] does not expand to [3]',
    ],
    [
      'a window that is too large',
      () => ops.window.infer([meta([3])], { kernel: [2], stride: [1], dilation: [3] }),
      ShapeError,
      'window: a kernel of 2 with dilation 3 does not fit into a dimension of size 3',
    ],
    [
      'a greatest of nothing',
      () => ops.max.infer([meta([2, 0])], { dims: [1], keepDims: false }),
      ShapeError,
      'max: cannot reduce [2, 0] over an empty dimension: it has no identity',
    ],
    [
      'a sum of bool',
      () => ops.sum.infer([meta([2], 'bool')], { dims: [0], keepDims: false }),
      DTypeError,
      'sum: does not take bool; cast it first',
    ],
    [
      'inner sizes that differ',
      () => ops.dot.infer([meta([2, 3]), meta([4, 5])], { batchRank: 0, innerRank: 1 }),
      ShapeError,
      'dot: cannot contract [2, 3] with [4, 5]',
    ],
    [
      'an index that is not int32',
      () => ops.take.infer([meta([3]), meta([2])], {}),
      DTypeError,
      'take: the index must be int32, got float32',
    ],
    [
      'a look-up in nothing',
      () => ops.take.infer([meta([0]), meta([2], 'int32')], {}),
      ShapeError,
      'take: cannot look up elements of an empty tensor',
    ],
    [
      'an assignment outside',
      () => ops.assign.infer([meta([4]), meta([3])], { strides: [2], offset: 0 }),
      ShapeError,
      'assign: [3] reaches outside of [4]',
    ],
    [
      'a softmax of integers',
      () => ops.softmax.infer([meta([2], 'int32')], { dim: 0 }),
      DTypeError,
      'softmax: does not take int32; it takes float tensors',
    ],
  ])('refuses %s', (_, call, errorClass, message) => {
    expect(call).toThrow(errorClass);
    expect(call).toThrow(message);
  });

  it('movements, reductions and contractions', () => {
    expect(ops.permute.infer([meta([2, 3, 4])], { order: [2, 0, 1] }).shape).toEqual([4, 2, 3]);
    expect(ops.pad.infer([meta([2])], { before: [1], after: [3], value: 0 }).shape).toEqual([6]);
    expect(ops.window.infer([meta([2, 7])], { kernel: [3], stride: [2], dilation: [1] }).shape).toEqual([
      2, 3, 3,
    ]);
    expect(ops.sum.infer([meta([2, 3, 4])], { dims: [0, 2], keepDims: false }).shape).toEqual([3]);
    expect(ops.sum.infer([meta([2, 3, 4])], { dims: [0, 2], keepDims: true }).shape).toEqual([1, 3, 1]);
    expect(ops.argmax.infer([meta([2, 3])], { dims: [1], keepDims: false })).toEqual(meta([2], 'int32'));
    expect(ops.max.infer([meta([0], 'bool')], { dims: [0], keepDims: false })).toEqual(meta([], 'bool'));
    expect(ops.dot.infer([meta([5, 2, 3]), meta([5, 3, 4])], { batchRank: 1, innerRank: 1 }).shape).toEqual([
      5, 2, 4,
    ]);
  });
});

/** What an elementwise op of the table computes on the interpreter. */
function evaluate(
  name: OpName,
  dtype: DType,
  inputs: readonly (readonly (number | bigint)[])[],
  attributes: object = {},
): (number | bigint)[] {
  const definition = definitionOf(name);
  if (definition.kind !== 'scalar') throw new Error(`${name} is no elementwise op`);
  const builder = new ExpressionBuilder();
  const loads = inputs.map((_, i) => builder.add({ op: 'load', dtype, access: at(i, [1]) }));
  const value = definition.expression(builder, loads, attributes as never);
  const { length } = inputs[0];
  const kernel = loop({
    extents: [length],
    epilogue: builder.instructions,
    stores: [{ access: at(inputs.length, [1]), value }],
  });
  const buffers = [...inputs.map(() => input(dtype, length)), output(builder.dtypeOf(value), length)];
  return runProgram(
    program(buffers, [kernel]),
    inputs.map((values) => host(dtype, values)),
  )[0];
}

describe('expressions', () => {
  const integers = [-7, -1, 0, 1, 6, 7];
  const x = integers.flatMap((value) => integers.map(() => value));
  const y = integers.flatMap(() => integers);

  it.each(['int32', 'int64', 'int8'] as const)('%s division and remainder agree with Python', (dtype) => {
    const quotients = evaluate('floorDivide', dtype, [x, y]).map(Number);
    const remainders = evaluate('remainder', dtype, [x, y]).map(Number);
    x.forEach((dividend, i) => {
      if (y[i] === 0) return;
      // Adding 0 turns -0, which integers do not have, into 0.
      expect(quotients[i]).toBe(Math.floor(dividend / y[i]) + 0);
      expect(remainders[i]).toBe(dividend - Math.floor(dividend / y[i]) * y[i] + 0);
    });
  });

  it('float division and remainder agree with each other', () => {
    const [a, b] = [
      [7, -7, 7, -7, 0.3, 1e10, Infinity, 5, -0.5, 5],
      [2, 2, -2, -2, 0.1, 0.1, 2, Infinity, Infinity, 0],
    ];
    // Python: 0.3 // 0.1 is 2.0, 1e10 // 0.1 is 99999999999.0; PyTorch: x // 0 is x / 0.
    expect(evaluate('floorDivide', 'float64', [a, b])).toEqual([
      3,
      -4,
      -4,
      3,
      2,
      99999999999,
      NaN,
      0,
      -1,
      Infinity,
    ]);
    const remainders = evaluate('remainder', 'float64', [a, b]) as number[];
    expect(remainders.slice(0, 4)).toEqual([1, 1, -1, -1]);
    expect(remainders[4]).toBeCloseTo(0.1, 12);
    expect(remainders[7]).toBe(5);
  });

  it('integerPow', () => {
    expect(
      evaluate('integerPow', 'int32', [
        [2, 3, -2, 0, 7, 2, -1, 1],
        [10, 5, 3, 0, 0, -1, -3, -9],
      ]),
    ).toEqual([1024, 243, -8, 1, 1, 0, -1, 1]);
  });

  it('sign', () => {
    expect(evaluate('sign', 'float32', [[-3, 0, 5, Infinity]])).toEqual([-1, 0, 1, 1]);
    expect(evaluate('sign', 'int64', [[-3n, 0n, 5n]])).toEqual([-1n, 0n, 1n]);
  });

  it('comparisons that are swapped', () => {
    expect(
      evaluate('gt', 'float32', [
        [1, 2, NaN],
        [2, 1, 1],
      ]),
    ).toEqual([0, 1, 0]);
    expect(
      evaluate('ge', 'float32', [
        [1, 2, 2],
        [2, 1, 2],
      ]),
    ).toEqual([0, 1, 1]);
  });

  // Formulas in their plain form, away from where they would overflow.
  const points = [-4, -1.5, -0.25, 0, 0.25, 1, 3];
  it.each<[OpName, object, (x: number) => number]>([
    ['sigmoid', {}, (v) => 1 / (1 + Math.exp(-v))],
    ['silu', {}, (v) => v / (1 + Math.exp(-v))],
    ['mish', {}, (v) => v * Math.tanh(Math.log(1 + Math.exp(v)))],
    ['logSigmoid', {}, (v) => Math.log(1 / (1 + Math.exp(-v)))],
    ['relu', {}, (v) => Math.max(v, 0)],
    ['celu', { alpha: 2 }, (v) => Math.max(v, 0) + Math.min(0, 2 * (Math.exp(v / 2) - 1))],
    ['elu', { alpha: 2 }, (v) => (v > 0 ? v : 2 * (Math.exp(v) - 1))],
    ['leakyRelu', { negativeSlope: 0.1 }, (v) => (v > 0 ? v : 0.1 * v)],
    ['softplus', { beta: 2, threshold: 20 }, (v) => Math.log(1 + Math.exp(2 * v)) / 2],
    ['rsqrt', {}, (v) => 1 / Math.sqrt(v)],
    ['reciprocal', {}, (v) => 1 / v],
    ['square', {}, (v) => v * v],
  ])('%s %j', (name, attributes, formula) => {
    const found = evaluate(name, 'float64', [points], attributes) as number[];
    points.forEach((point, i) => {
      const expected = formula(point);
      if (Number.isFinite(expected)) expect(found[i]).toBeCloseTo(expected, 14);
      else expect(found[i]).toBe(expected);
    });
  });

  it('gelu in both forms', () => {
    // Values of torch.nn.functional.gelu in float64.
    const exact = evaluate('gelu', 'float64', [[-1, 0.5, 2]], { approximate: 'none' }) as number[];
    const tanh = evaluate('gelu', 'float64', [[-1, 0.5, 2]], { approximate: 'tanh' }) as number[];
    [-0.15865525393145707, 0.34573123063700656, 1.9544997361036416].forEach((expected, i) => {
      expect(exact[i]).toBeCloseTo(expected, 15);
    });
    [-0.15880800939172324, 0.34571400982514394, 1.954597694087775].forEach((expected, i) => {
      expect(tanh[i]).toBeCloseTo(expected, 14);
    });
  });

  it('activations survive extreme arguments', () => {
    const far = [-1e4, 1e4, -Infinity, Infinity];
    expect(evaluate('sigmoid', 'float32', [far])).toEqual([0, 1, 0, 1]);
    expect(evaluate('mish', 'float32', [far])).toEqual([-0, 1e4, NaN, Infinity]);
    expect(evaluate('logSigmoid', 'float32', [far])).toEqual([-1e4, 0, -Infinity, 0]);
    expect(evaluate('softplus', 'float32', [far], { beta: 1, threshold: 20 })).toEqual([0, 1e4, 0, Infinity]);
    expect(evaluate('celu', 'float32', [far], { alpha: 1 })).toEqual([-1, 1e4, -1, Infinity]);
    expect(evaluate('relu', 'float32', [[NaN, -1]])).toEqual([NaN, 0]);
  });
});
