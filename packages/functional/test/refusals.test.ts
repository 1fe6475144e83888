// Calls that PyTorch refuses, found by spoiling one argument of calls that it takes.
import { ArgumentError, DTypeError, interpreter, ShapeError, use } from '@nn/core';
import { type Tensor, tensor, zeros } from '@nn/tensor';
import { describe, expect, it } from 'vitest';
import * as F from '../src/index.ts';

use(interpreter());

const x = zeros([2, 3, 5]);
const number = 2 as unknown as Tensor;

type ErrorClass = new (message: string) => Error;
const refused: [string, ErrorClass, RegExp, () => unknown][] = [
  ['a kernel without elements', ShapeError, /without elements/, () => F.conv1d(x, zeros([4, 3, 0]))],
  ['the same, transposed', ShapeError, /without elements/, () => F.convTranspose1d(x, zeros([3, 4, 0]))],
  ['a number as bias', ArgumentError, /conv1d: expected/, () => F.conv1d(x, zeros([4, 3, 2]), number)],
  ['a bias of another size', ShapeError, /\[4\]/, () => F.bilinear(x, x, zeros([4, 5, 5]), zeros([3]))],
  ['integers as dtype', DTypeError, /softmax/, () => F.softmax(x, 0, { dtype: 'int32' })],
  ['bools as dtype', DTypeError, /logSoftmax/, () => F.logSoftmax(x, 0, { dtype: 'bool' })],
  ['a number as mean', ArgumentError, /batchNorm/, () => F.batchNorm(x, number, zeros([3]))],
  ['a number as weight', ArgumentError, /layerNorm/, () => F.layerNorm(x, 5, { weight: number })],
  ['a number as group weight', ArgumentError, /groupNorm/, () => F.groupNorm(x, 3, { weight: number })],
  ['a number to normalise', ArgumentError, /localResponseNorm/, () => F.localResponseNorm(number, 2)],
  [
    'a number as class weights',
    ArgumentError,
    /nllLoss/,
    () => F.nllLoss(zeros([2, 3]), tensor([0, 1]), { weight: number }),
  ],
  [
    'a number as offsets',
    ArgumentError,
    /embeddingBag/,
    () => F.embeddingBag(tensor([0]), zeros([2, 2]), { offsets: number }),
  ],
];

describe('refused calls', () => {
  it.each(refused)('%s', (_, errorClass, message, call) => {
    expect(call).toThrow(errorClass);
    expect(call).toThrow(message);
  });
});
