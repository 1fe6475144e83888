// The transformations of Winograd's minimal filtering F(4 x 4, 3 x 3), as scalar instructions (Lavin and Gray 2016, "Fast
// algorithms for convolutional neural networks").
import type { ExpressionBuilder, Value } from '@nn/core';

/** Taps, results of a tile, and what a tile reads, along one dimension. */
export const taps = 3;
export const results = 4;
export const reads: number = taps + results - 1;
export const points: number = reads * reads;

/** Of what lies along one dimension. */
export type Transformation = (b: ExpressionBuilder, given: readonly Value[]) => Value[];

const scaled = (b: ExpressionBuilder, value: Value, by: number): Value =>
  b.binary('mul', value, b.constantLike(by, value));
/** a * by + c. */
const scaledSum = (b: ExpressionBuilder, a: Value, by: number, c: Value): Value =>
  b.binary('add', scaled(b, a, by), c);

/**
 * The polynomials are interpolated at 0, infinity and these, of both signs. With 1 and 2, the usual ones, errors
 * are twice as large, and the largest five times (Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd convolution").
 */
const near = 2 / 3;
const far = 3 / 2;
const [nearSquare, farSquare] = [near ** 2, far ** 2];
const bothSquares = nearSquare * farSquare;

/** Of what a tile reads. */
export const ofInput: Transformation = (b, [d0, d1, d2, d3, d4, d5]) => {
  const ends = (first: Value, middle: Value, last: Value): Value =>
    scaledSum(b, first, bothSquares, scaledSum(b, middle, -(nearSquare + farSquare), last));
  const pair = (point: number, otherSquare: number): Value[] => {
    const even = scaledSum(b, d2, -otherSquare, d4);
    const odd = scaledSum(b, d1, -otherSquare, d3);
    return [scaledSum(b, odd, point, even), scaledSum(b, odd, -point, even)];
  };
  return [ends(d0, d2, d4), ...pair(near, farSquare), ...pair(far, nearSquare), ends(d1, d3, d5)];
};

/** Of three taps. */
export const ofFilter: Transformation = (b, [g0, g1, g2]) => {
  const pair = (point: number, square: number, otherSquare: number): Value[] => {
    const weight = 1 / (2 * square * (square - otherSquare));
    const even = scaledSum(b, g0, weight, scaled(b, g2, weight * square));
    return [scaledSum(b, g1, weight * point, even), scaledSum(b, g1, -weight * point, even)];
  };
  return [
    scaled(b, g0, 1 / bothSquares),
    ...pair(near, nearSquare, farSquare),
    ...pair(far, farSquare, nearSquare),
    g2,
  ];
};

/** Of the products at six points, to four results. */
export const ofResult: Transformation = (b, [m0, m1, m2, m3, m4, m5]) => {
  const [nearEven, nearOdd] = [b.binary('add', m1, m2), b.binary('sub', m1, m2)];
  const [farEven, farOdd] = [b.binary('add', m3, m4), b.binary('sub', m3, m4)];
  const sum = (byNear: number, ofNear: Value, byFar: number, ofFar: Value): Value =>
    scaledSum(b, ofFar, byFar, scaled(b, ofNear, byNear));
  return [
    b.binary('add', b.binary('add', m0, nearEven), farEven),
    sum(near, nearOdd, far, farOdd),
    sum(nearSquare, nearEven, farSquare, farEven),
    b.binary('add', sum(near ** 3, nearOdd, far ** 3, farOdd), m5),
  ];
};

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** Along both dimensions of a square of `size`; gives the rows of the result. */
export function transformed(
  b: ExpressionBuilder,
  size: number,
  transform: Transformation,
  load: (y: number, x: number) => Value,
): Value[][] {
  const columns = numbers(size).map((x) =>
    transform(
      b,
      numbers(size).map((y) => load(y, x)),
    ),
  );
  return columns[0].map((_, y) =>
    transform(
      b,
      columns.map((column) => column[y]),
    ),
  );
}
