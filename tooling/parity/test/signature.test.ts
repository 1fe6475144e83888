import { interpreter, ones, type Tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { argumentsOf, parseSignature, tensor, toCamelCase } from '../src/signature.ts';

beforeAll(() => use(interpreter()));

const call = (signature: string, args: unknown[], kwargs: Record<string, unknown> = {}): unknown[] =>
  argumentsOf(parseSignature(signature), { args, kwargs });

describe('arguments by a signature', () => {
  test('what stands before the bar is positional, the rest are options in camel case', () => {
    expect(call('input kernel_size | stride ceil_mode', ['x', 3, 2, true])).toEqual([
      'x',
      3,
      { stride: 2, ceilMode: true },
    ]);
  });

  test('keyword arguments find their place', () => {
    expect(call('input dim | keepdim', ['x'], { keepdim: true, dim: 1 })).toEqual([
      'x',
      1,
      { keepdim: true },
    ]);
    expect(call('input dim | keepdim', ['x'], { keepdim: true })).toEqual([
      'x',
      undefined,
      { keepdim: true },
    ]);
  });

  test('None is null between arguments, nothing at their end, and an option left out', () => {
    expect(call('input min max', ['x', null, 2])).toEqual(['x', null, 2]);
    expect(call('input weight bias | groups', ['x', 'w', null], { groups: null })).toEqual(['x', 'w']);
  });

  test('unknown keyword arguments go to the function, for it to refuse; the device does not', () => {
    expect(call('input', ['x'], { out: 'y', device: 'cpu' })).toEqual(['x', { out: 'y' }]);
  });

  test('a star takes all positional arguments', () => {
    expect(call('*tensors | indexing', ['a', 'b', 'c'], { indexing: 'ij' })).toEqual([
      'a',
      'b',
      'c',
      { indexing: 'ij' },
    ]);
  });

  test('more arguments than names are an error', () => {
    expect(() => call('input', ['x', 1])).toThrow('takes 1 arguments');
  });
});

test.each([
  ['rounding_mode', 'roundingMode'],
  ['T_max', 'tMax'],
  ['lr', 'lr'],
  ['t0', 't0'],
])('%s becomes %s', (python, javascript) => expect(toCamelCase(python)).toBe(javascript));

test('a row calls the function, or the method where there is no function', async () => {
  const x = ones([2, 3]);
  const sum = tensor('sum', 'input dim | keepdim')({ args: [x, 1], kwargs: { keepdim: true } }) as Tensor;
  expect(sum.shape).toEqual([2, 1]);
  expect(() => tensor('noSuchFunction', 'input')({ args: [x], kwargs: {} })).toThrow(
    'neither @nn/tensor nor Tensor has noSuchFunction',
  );
});
