import { describe, expect, it } from 'vitest';
import {
  ArgumentError,
  broadcastShapes,
  contiguousStrides,
  formatShape,
  IndexError,
  inferShape,
  isContiguous,
  normalizeDim,
  normalizeDims,
  ShapeError,
  sameShape,
  sizeOf,
} from '../src/index.ts';

describe('sizes and strides', () => {
  it('sizeOf', () => {
    expect([sizeOf([]), sizeOf([2, 3]), sizeOf([2, 0, 3])]).toEqual([1, 6, 0]);
  });

  it('sameShape and formatShape', () => {
    expect(sameShape([2, 3], [2, 3])).toBe(true);
    expect(sameShape([2, 3], [3, 2])).toBe(false);
    expect(sameShape([2], [2, 1])).toBe(false);
    expect(formatShape([2, 3])).toBe('[2, 3]');
    expect(formatShape([])).toBe('[]');
  });

  it('contiguousStrides are row-major', () => {
    expect(contiguousStrides([2, 3, 4])).toEqual([12, 4, 1]);
    expect(contiguousStrides([2, 0, 4])).toEqual([4, 4, 1]);
    expect(contiguousStrides([])).toEqual([]);
  });

  it('isContiguous lets dimensions of size 1 have any stride', () => {
    expect(isContiguous([2, 3], [3, 1])).toBe(true);
    expect(isContiguous([2, 1, 3], [3, 99, 1])).toBe(true);
    expect(isContiguous([2, 3], [1, 2])).toBe(false);
    expect(isContiguous([3, 0], [7, 7])).toBe(true);
  });
});

describe('broadcastShapes', () => {
  it('aligns at the end', () => {
    expect(broadcastShapes('add', [2, 1, 3], [4, 1], [])).toEqual([2, 4, 3]);
    expect(broadcastShapes('add', [1], [0])).toEqual([0]);
    expect(broadcastShapes('add')).toEqual([]);
  });

  it('names the dimension that does not fit', () => {
    expect(() => broadcastShapes('add', [2, 3], [4, 3])).toThrow(ShapeError);
    expect(() => broadcastShapes('add', [2, 3], [4, 3])).toThrow(
      'add: cannot broadcast [2, 3] with [4, 3]: the sizes 2 and 4 at dimension -2 differ and neither is 1',
    );
    expect(() => broadcastShapes('add', [0], [2])).toThrow(ShapeError);
  });
});

describe('dimensions', () => {
  it('count from the end when negative', () => {
    expect([normalizeDim('sum', -1, 3), normalizeDim('sum', 2, 3), normalizeDim('sum', -1, 0)]).toEqual([
      2, 2, 0,
    ]);
  });

  it('are refused outside of the range', () => {
    expect(() => normalizeDim('sum', 3, 3)).toThrow(IndexError);
    expect(() => normalizeDim('sum', 3, 3)).toThrow(
      'sum: dimension 3 is out of range for a tensor of 3 dimensions (-3 to 2)',
    );
    expect(() => normalizeDim('sum', 1, 0)).toThrow('out of range for a tensor of 0 dimensions (-1 to 0)');
    expect(() => normalizeDim('sum', 0.5, 3)).toThrow(ArgumentError);
  });

  it('are all of them when none are given', () => {
    expect(normalizeDims('sum', undefined, 3)).toEqual([0, 1, 2]);
    expect(normalizeDims('sum', -1, 3)).toEqual([2]);
    expect(normalizeDims('sum', [0, -1], 3)).toEqual([0, 2]);
    expect(normalizeDims('sum', -1, 0)).toEqual([]);
  });

  it('are refused when named twice', () => {
    expect(() => normalizeDims('sum', [0, -2], 2)).toThrow('sum: dimensions [0, 0] name one dimension twice');
  });
});

describe('inferShape', () => {
  it('finds the size that is -1', () => {
    expect(inferShape('reshape', [2, -1], 6)).toEqual([2, 3]);
    expect(inferShape('reshape', [-1], 0)).toEqual([0]);
    expect(inferShape('reshape', [], 1)).toEqual([]);
    expect(inferShape('reshape', [0, 5], 0)).toEqual([0, 5]);
  });

  it('says why none fits', () => {
    const message = (shape: readonly number[], size: number) => {
      try {
        return `${inferShape('reshape', shape, size)}`;
      } catch (error) {
        expect(error).toBeInstanceOf(ShapeError);
        return (error as Error).message;
      }
    };
    expect(message([4, -1], 6)).toBe('reshape: cannot fit 6 elements into [4, -1]');
    expect(message([0, -1], 0)).toBe('reshape: cannot fit 0 elements into [0, -1]');
    expect(message([-1, -1], 6)).toBe('reshape: only one dimension of [-1, -1] may be -1');
    expect(message([2, -3], 6)).toBe('reshape: [2, -3] is not a shape: sizes are integers of at least 0');
    expect(message([2, 2], 6)).toBe('reshape: shape [2, 2] holds 4 elements, but the tensor has 6');
  });
});
