import { interpreter, type Tensor, use } from '@nn/tensor';
import '@nn/autograd';
import { beforeAll, describe, expect, test } from 'vitest';
import { Decoder, decodeTensor, isTuple } from '../src/values.ts';

beforeAll(() => use(interpreter()));

describe('tensors', () => {
  test('row-major data of every dtype', async () => {
    const x = decodeTensor({ tensor: 'float64', shape: [3], data: [1.5, 'NaN', '-Infinity'] });
    expect([x.dtype, await x.toArray()]).toEqual(['float64', [1.5, Number.NaN, Number.NEGATIVE_INFINITY]]);
    expect(await decodeTensor({ tensor: 'bool', shape: [2], data: [true, false] }).toArray()).toEqual([
      true,
      false,
    ]);
    expect(await decodeTensor({ tensor: 'int64', shape: [], data: [-3] }).toArray()).toBe(-3n);
  });

  test.each([
    { stride: [1, 2], why: 'transposed' },
    { stride: [12, 3], why: 'with gaps' },
  ])('laid out as given: $why', async ({ stride }) => {
    const x = decodeTensor({ tensor: 'float32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6], stride });
    expect(x.strides()).toEqual(stride);
    expect(await x.toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  test('repeated elements and dimensions of size 1', async () => {
    const x = decodeTensor({ tensor: 'float32', shape: [2, 1, 2], data: [1, 2, 1, 2], stride: [0, 4, 1] });
    expect(x.stride(0)).toBe(0);
    expect(await x.toArray()).toEqual([[[1, 2]], [[1, 2]]]);
  });
});

test('leaves are collected in the order of their gradients', () => {
  const decoder = new Decoder();
  const leaf = (grad: number): object => ({ tensor: 'float32', shape: [1], data: [grad], grad });
  const [second, first] = decoder.decodeAll([leaf(1), leaf(0)] as never[]) as Tensor[];
  expect(decoder.leaves).toEqual([first, second]);
  expect(first.requiresGrad).toBe(true);
});

test('Python values', () => {
  const decoder = new Decoder();
  const [float, dtype, tuple, dict, list] = decoder.decodeAll([
    { float: 'Infinity' },
    { dtype: 'int64' },
    { tuple: [1, { tuple: [] }] },
    { dict: { a: { float: 2 } } },
    [true, null, 'text'],
  ]);
  expect([float, dtype, tuple, dict, list]).toEqual([
    Number.POSITIVE_INFINITY,
    'int64',
    [1, []],
    { a: 2 },
    [true, null, 'text'],
  ]);
  expect([isTuple(tuple), isTuple(list)]).toEqual([true, false]);
});
