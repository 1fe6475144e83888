// Calls that PyTorch refuses, found by spoiling one argument of calls that it takes: each is refused here, too, with an
// error that names the function and what was wrong.
import {
  ArgumentError,
  DTypeError,
  IndexError,
  interpreter,
  ShapeError,
  UnsupportedError,
  use,
} from '@nn/core';
import { describe, expect, it } from 'vitest';
import {
  asStrided,
  asStridedScatter,
  bucketize,
  cdist,
  clone,
  complex,
  diagonalScatter,
  flip,
  indexAdd,
  indexCopy,
  maskedScatter,
  nanquantile,
  narrowCopy,
  polar,
  put,
  quantile,
  rand,
  randn,
  rsub,
  searchsorted,
  selectScatter,
  sliceScatter,
  sub,
  sumToSize,
  type Tensor,
  takeAlongDim,
  tensor,
  tensordot,
  trilIndices,
  triuIndices,
  zeros,
} from '../src/index.ts';

use(interpreter());

const x = tensor([
  [1, 2, 3],
  [4, 5, 6],
]).float();
const vector = tensor([1, 2, 3]).float();
const bools = tensor([true, false, true]);
const number = 2 as unknown as Tensor;

type ErrorClass = new (message: string) => Error;
const refused: [string, ErrorClass, RegExp, () => unknown][] = [
  ['fewer strides than sizes', ShapeError, /1 strides for 2 dim/, () => asStrided(x, [1, 1], [1])],
  ['more strides than sizes', ShapeError, /2 strides for 1 dim/, () => asStrided(x, [1], [1, 1])],
  ['a diagonal of one number', ShapeError, /src has shape \[\].*\[2\]/, () => diagonalScatter(x, tensor(1))],
  [
    'a slice that would broadcast',
    ShapeError,
    /selectScatter/,
    () => selectScatter(x, tensor([1]).float(), 0, 0),
  ],
  ['a range that would broadcast', ShapeError, /sliceScatter/, () => sliceScatter(x, vector, 0, 0, 2)],
  [
    'a strided part of one number',
    ShapeError,
    /asStridedScatter/,
    () => asStridedScatter(x, tensor(1), [2], [1]),
  ],
  ['negative tensordot dims', ArgumentError, /dims must be.*-1/, () => tensordot(x, x, -1)],
  ['an index beyond all elements', IndexError, /index 6 /, () => takeAlongDim(x, tensor([6]))],
  [
    'an unknown compute mode',
    ArgumentError,
    /computeMode/,
    () => cdist(x, x, 2, { computeMode: 'mm' as never }),
  ],
  [
    'several slices of a number',
    ShapeError,
    /indexAdd/,
    () => indexAdd(tensor(1).float(), 0, tensor([0]), vector),
  ],
  [
    'several values for a number',
    ShapeError,
    /indexCopy/,
    () => indexCopy(tensor(1).float(), 0, tensor([0]), vector),
  ],
  ['a percentage', ArgumentError, /percentages/, () => quantile(x, 50)],
  ['a fraction below 0', ArgumentError, /-0.5/, () => nanquantile(x, [0.5, -0.5])],
  ['a fraction in a tensor', ArgumentError, /1.5/, () => quantile(x, tensor([1.5]))],
  ['more dimensions than there are', ShapeError, /sumToSize/, () => sumToSize(vector, [2, 3])],
  ['sizes that do not expand', ShapeError, /sumToSize/, () => sumToSize(x, [2])],
  ['positions as floats', DTypeError, /int32 or int64/, () => trilIndices(2, 2, 0, { dtype: 'float32' })],
  ['positions as bools', DTypeError, /int32 or int64/, () => triuIndices(2, 2, 0, { dtype: 'bool' })],
  ['normal integers', DTypeError, /randint/, () => randn([2], { dtype: 'int32' })],
  ['uniform integers', DTypeError, /randint/, () => rand([2], { dtype: 'int64' })],
  ['boundaries in a matrix', ShapeError, /bucketize/, () => bucketize(vector, x)],
  ['lines that do not match', ShapeError, /searchsorted/, () => searchsorted(x, vector)],
  ['a number for several lines', ShapeError, /searchsorted/, () => searchsorted(x, 2)],
  ['a sorter of floats', IndexError, /integer/, () => searchsorted(vector, vector, { sorter: vector })],
  ['a short sorter', ShapeError, /sorter/, () => searchsorted(vector, vector, { sorter: tensor([0, 1]) })],
  ['a short source', ShapeError, /2 true.*only 1/, () => maskedScatter(vector, bools, tensor([1]).float())],
  ['a source for each row', ShapeError, /4 true.*only 3/, () => maskedScatter(x, bools, vector)],
  ['a bool to subtract', DTypeError, /logicalNot/, () => sub(vector, bools)],
  ['a bool to subtract from', DTypeError, /logicalNot/, () => rsub(bools, 1)],
  ['a number to copy', ArgumentError, /clone: expected a tensor, got number/, () => clone(number)],
  ['a number to flip', ArgumentError, /flip: expected/, () => flip(number, 0)],
  ['a number to narrow', ArgumentError, /narrowCopy: expected/, () => narrowCopy(number, 0, 0, 1)],
  ['a number to write into', ArgumentError, /put: expected/, () => put(number, tensor([0]), vector)],
  ['a number as a real part', ArgumentError, /complex: real/, () => complex(number, vector)],
  ['integers as imaginary parts', DTypeError, /imag/, () => complex(vector, tensor([1, 2, 3]))],
  ['angles that do not broadcast', ShapeError, /polar/, () => polar(vector, zeros([2]))],
  ['complex numbers', UnsupportedError, /last dimension/, () => complex(vector, vector)],
];

describe('refused calls', () => {
  it.each(refused)('%s', (_, errorClass, message, call) => {
    expect(call).toThrow(errorClass);
    expect(call).toThrow(message);
  });
});

describe('the calls beside them', () => {
  it('are taken', async () => {
    expect(await selectScatter(x, zeros([3]), 0, 0).toArray()).toEqual([
      [0, 0, 0],
      [4, 5, 6],
    ]);
    expect(await sliceScatter(x, zeros([2, 1]), 1, 1, 2).toArray()).toEqual([
      [1, 0, 3],
      [4, 0, 6],
    ]);
    expect(await takeAlongDim(x, tensor([5, -6])).toArray()).toEqual([6, 1]);
    expect(await quantile(x, [0, 1]).toArray()).toEqual([1, 6]);
    expect(await sumToSize(x, [1, 3]).toArray()).toEqual([[5, 7, 9]]);
    expect(await maskedScatter(vector, bools, zeros([2])).toArray()).toEqual([0, 2, 0]);
    expect(await searchsorted(x, tensor([[2], [5]])).toArray()).toEqual([[1], [1]]);
    expect(await tensordot(vector, vector, 0).toArray()).toEqual([
      [1, 2, 3],
      [2, 4, 6],
      [3, 6, 9],
    ]);
  });
});
