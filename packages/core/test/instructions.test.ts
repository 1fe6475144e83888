// Every scalar instruction on every dtype it takes, against an oracle that shares nothing with the interpreter:
// BigInt arithmetic for integers, typed arrays for roundings.
import { describe, expect, it } from 'vitest';
import {
  bfloat16ToNumber,
  type DType,
  dtypes,
  float16ToNumber,
  mathOps,
  numberToBfloat16,
  numberToFloat16,
} from '../src/index.ts';
import { greaterBigint, lesserBigint } from '../src/interpreter/element.ts';
import { erf, erfc } from '../src/interpreter/erf.ts';
import { compute } from './programs.ts';

type Value = number | bigint;

const integerBits = { uint8: 8, int8: 8, int16: 16, int32: 32, int64: 64 } as const;
type Integer = keyof typeof integerBits;
const integers = Object.keys(integerBits) as Integer[];
const floats = ['float16', 'bfloat16', 'float32', 'float64'] as const;
type Float = (typeof floats)[number];

/** Wraps an exact integer to the dtype. */
function wrap(dtype: Integer, value: bigint): Value {
  const bits = integerBits[dtype];
  const wrapped = dtype === 'uint8' ? BigInt.asUintN(8, value) : BigInt.asIntN(bits, value);
  return dtype === 'int64' ? wrapped : Number(wrapped);
}

function integerSamples(dtype: Integer): Value[] {
  const top = 1n << BigInt(integerBits[dtype] - 1);
  const exact = [
    0n,
    1n,
    2n,
    3n,
    7n,
    -1n,
    -2n,
    -7n,
    100n,
    -100n,
    top - 1n,
    top - 2n,
    -top,
    -top + 1n,
    top / 3n,
  ];
  return exact.map((value) => wrap(dtype, value));
}

/** A float's value from how the host holds it, and back with one rounding. */
const codecs: { readonly [D in Float]: readonly [(held: number) => number, (value: number) => number] } = {
  float16: [float16ToNumber, numberToFloat16],
  bfloat16: [bfloat16ToNumber, numberToBfloat16],
  float32: [(held) => held, Math.fround],
  float64: [(held) => held, (value) => value],
};

const floatSamples: readonly number[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  3,
  -7.25,
  0.1,
  -0.3,
  1e-3,
  1e-8,
  65504,
  -300.7,
  1e10,
  1e38,
  -1e38,
  3.4e38,
  1e300,
  1e-40,
  2 ** -24,
  5e-324,
  Infinity,
  -Infinity,
  NaN,
  2251799813685249.5,
  -88,
  89,
];

/** All pairs of two lists, as two lists. */
function pairs<T>(values: readonly T[]): [T[], T[]] {
  return [values.flatMap((x) => values.map(() => x)), values.flatMap(() => [...values])];
}

const exactBinaries: { [op: string]: (x: bigint, y: bigint, bits: bigint) => bigint } = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => (y === 0n ? 0n : x / y),
  rem: (x, y) => (y === 0n ? 0n : x % y),
  min: lesserBigint,
  max: greaterBigint,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shiftLeft: (x, y, bits) => x << BigInt.asUintN(64, y & (bits - 1n)),
  shiftRight: (x, y, bits) => x >> (y & (bits - 1n)),
  shiftRightUnsigned: (x, y, bits) => BigInt.asUintN(Number(bits), x) >> (y & (bits - 1n)),
};

describe.each(integers)('on %s', (dtype) => {
  const samples = integerSamples(dtype);
  const [left, right] = pairs(samples);
  const bits = BigInt(integerBits[dtype]);

  it.each(Object.keys(exactBinaries))('%s', (op) => {
    const expected = left.map((x, i) => wrap(dtype, exactBinaries[op](BigInt(x), BigInt(right[i]), bits)));
    expect(compute(op, dtype, [dtype, left], [dtype, right])).toEqual(expected);
  });

  it('neg, abs, not', () => {
    const exact = samples.map(BigInt);
    expect(compute('neg', dtype, [dtype, samples])).toEqual(exact.map((x) => wrap(dtype, -x)));
    expect(compute('abs', dtype, [dtype, samples])).toEqual(exact.map((x) => wrap(dtype, x < 0n ? -x : x)));
    expect(compute('not', dtype, [dtype, samples])).toEqual(exact.map((x) => wrap(dtype, ~x)));
  });

  it('eq, ne, lt, le', () => {
    const compared = (op: string) => compute(op, 'bool', [dtype, left], [dtype, right]);
    expect(compared('eq')).toEqual(left.map((x, i) => Number(x === right[i])));
    expect(compared('ne')).toEqual(left.map((x, i) => Number(x !== right[i])));
    expect(compared('lt')).toEqual(left.map((x, i) => Number(x < right[i])));
    expect(compared('le')).toEqual(left.map((x, i) => Number(x <= right[i])));
  });

  it('where and fma', () => {
    const condition = left.map((_, i) => i % 2);
    expect(compute('where', dtype, ['bool', condition], [dtype, left], [dtype, right])).toEqual(
      left.map((x, i) => (i % 2 === 1 ? x : right[i])),
    );
    expect(compute('fma', dtype, [dtype, left], [dtype, right], [dtype, left])).toEqual(
      left.map((x, i) => wrap(dtype, BigInt(x) * BigInt(right[i]) + BigInt(x))),
    );
  });
});

const floatBinaries: { [op: string]: (x: number, y: number) => number } = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  rem: (x, y) => x % y,
  min: Math.min,
  max: Math.max,
  atan2: Math.atan2,
};

/** To nearest, halves to even, in words. */
function halfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  const even = low % 2 === 0 ? low : low + 1;
  return even === 0 && x < 0 ? -0 : even;
}

const floatUnaries: { [op: string]: (x: number) => number } = {
  neg: (x) => -x,
  abs: Math.abs,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: halfEven,
  sqrt: Math.sqrt,
  exp2: (x) => 2 ** x,
  erf,
  erfc,
  ...Object.fromEntries(mathOps.filter((op) => op in Math).map((op) => [op, Math[op as 'exp']])),
};

describe.each(floats)('on %s', (dtype) => {
  const [decode, encode] = codecs[dtype];
  const held = floatSamples.map(encode);
  const [left, right] = pairs(held);
  const canonical = (value: number) => encode(value);

  it.each(Object.keys(floatBinaries))('%s', (op) => {
    const expected = left.map((x, i) => canonical(floatBinaries[op](decode(x), decode(right[i]))));
    // Zeros of either sign are equal here.
    expect(compute(op, dtype, [dtype, left], [dtype, right]).map((x) => decode(x as number) + 0)).toEqual(
      expected.map((x) => decode(x) + 0),
    );
  });

  it.each(Object.keys(floatUnaries))('%s', (op) => {
    expect(compute(op, dtype, [dtype, held])).toEqual(
      held.map((x) => canonical(floatUnaries[op](decode(x)))),
    );
  });

  it('covers every math function', () => {
    expect(mathOps.filter((op) => !(op in floatUnaries))).toEqual([]);
  });

  it('pow follows C where JavaScript does not', () => {
    const result = compute(
      'pow',
      dtype,
      [dtype, [1, 1, -1, -1, -1, 2, 0, NaN, -8].map(encode)],
      [dtype, [NaN, Infinity, Infinity, -Infinity, NaN, 3, 0, 0, 1 / 3].map(encode)],
    );
    expect(result.map((x) => decode(x as number))).toEqual([1, 1, 1, 1, NaN, 8, 1, 1, NaN]);
  });

  it('eq, ne, lt, le: NaN is unordered', () => {
    const compared = (op: string) => compute(op, 'bool', [dtype, left], [dtype, right]);
    const expected = (compare: (x: number, y: number) => boolean) =>
      left.map((x, i) => Number(compare(decode(x), decode(right[i]))));
    expect(compared('eq')).toEqual(expected((x, y) => x === y));
    expect(compared('ne')).toEqual(expected((x, y) => x !== y));
    expect(compared('lt')).toEqual(expected((x, y) => x < y));
    expect(compared('le')).toEqual(expected((x, y) => x <= y));
  });

  it('where passes NaN through, fma is a * b + c', () => {
    expect(
      compute(
        'where',
        dtype,
        ['bool', [1, 0]],
        [dtype, [NaN, 1].map(encode)],
        [dtype, [2, NaN].map(encode)],
      ).map((x) => decode(x as number)),
    ).toEqual([NaN, NaN]);
    expect(compute('fma', dtype, [dtype, [encode(2)]], [dtype, [encode(3)]], [dtype, [encode(-5)]])).toEqual([
      encode(1),
    ]);
  });
});

describe('on bool', () => {
  const x = [0, 0, 1, 1];
  const y = [0, 1, 0, 1];
  it.each([
    ['and', [0, 0, 0, 1]],
    ['or', [0, 1, 1, 1]],
    ['xor', [0, 1, 1, 0]],
    ['max', [0, 1, 1, 1]],
    ['min', [0, 0, 0, 1]],
    ['eq', [1, 0, 0, 1]],
    ['lt', [0, 1, 0, 0]],
  ])('%s', (op, expected) => {
    expect(compute(op, 'bool', ['bool', x], ['bool', y])).toEqual(expected);
  });

  it('not', () => {
    expect(compute('not', 'bool', ['bool', [0, 1]])).toEqual([1, 0]);
  });
});

describe('cast', () => {
  it('from float to integer truncates and saturates, NaN to 0', () => {
    const values = [1.9, -1.9, 300, -300, 1e30, -1e30, NaN, Infinity, -Infinity, -0.5];
    const from = (dtype: DType) => compute('cast', dtype, ['float64', values]);
    const [int32, int64] = [2147483647, 9223372036854775807n];
    expect(from('uint8')).toEqual([1, 0, 255, 0, 255, 0, 0, 255, 0, 0]);
    expect(from('int8')).toEqual([1, -1, 127, -128, 127, -128, 0, 127, -128, 0]);
    expect(from('int16')).toEqual([1, -1, 300, -300, 32767, -32768, 0, 32767, -32768, 0]);
    expect(from('int32')).toEqual([1, -1, 300, -300, int32, -int32 - 1, 0, int32, -int32 - 1, 0]);
    expect(from('int64')).toEqual([1n, -1n, 300n, -300n, int64, -int64 - 1n, 0n, int64, -int64 - 1n, 0n]);
    expect(from('bool')).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  });

  it.each(integers)('from %s to another integer wraps', (from) => {
    const samples = integerSamples(from);
    for (const to of integers)
      expect(compute('cast', to, [from, samples])).toEqual(samples.map((x) => wrap(to, BigInt(x))));
    expect(compute('cast', 'bool', [from, samples])).toEqual(samples.map((x) => Number(BigInt(x) !== 0n)));
  });

  it('from int64 rounds once to every float', () => {
    const value = (1n << 60n) + (1n << 36n) + 1n;
    // Halfway between two float32 values but for the last bit, which float64 cannot hold.
    expect(compute('cast', 'float32', ['int64', [value, -value]])).toEqual([
      2 ** 60 + 2 ** 37,
      -(2 ** 60) - 2 ** 37,
    ]);
    expect(compute('cast', 'float64', ['int64', [(1n << 53n) + 1n]])).toEqual([2 ** 53]);
    expect(compute('cast', 'float16', ['int64', [65519n, 65520n]])).toEqual([0x7bff, 0x7c00]);
  });

  it('between floats rounds to nearest', () => {
    expect(compute('cast', 'float32', ['float64', [0.1, 1e300, 1e-50]])).toEqual([
      Math.fround(0.1),
      Infinity,
      0,
    ]);
    expect(compute('cast', 'float16', ['float32', [0.5, 1e6]])).toEqual([0x3800, 0x7c00]);
    expect(compute('cast', 'bfloat16', ['float32', [1, Math.fround(1e38)]])).toEqual([0x3f80, 0x7e96]);
    expect(compute('cast', 'float64', ['bfloat16', [0x3f80]])).toEqual([1]);
  });

  it.each(dtypes)('from bool to %s and back', (dtype) => {
    expect(compute('cast', 'bool', [dtype, compute('cast', dtype, ['bool', [0, 1]])])).toEqual([0, 1]);
  });
});

describe('bitcast', () => {
  it.each([
    ['float32', 'int32', [1, -0], [0x3f800000, -0x80000000]],
    ['float64', 'int64', [1, -2], [0x3ff0000000000000n, -0x4000000000000000n]],
    ['float16', 'int16', [0x3c00, 0x8000], [0x3c00, -0x8000]],
    ['bfloat16', 'float16', [0x3f80], [0x3f80]],
    ['uint8', 'int8', [255], [-1]],
  ] as const)('%s and %s', (a, b, from, to) => {
    expect(compute('bitcast', b, [a, from])).toEqual(to);
    expect(compute('bitcast', a, [b, to])).toEqual(from);
  });
});

describe('erf and erfc', () => {
  // Values from mpmath with 40 digits.
  it.each([
    [1e-300, 1.1283791670955126e-300, 1],
    [0.1, 0.1124629160182849, 0.8875370839817152],
    [0.5, 0.5204998778130465, 0.4795001221869535],
    [0.9, 0.7969082124228322, 0.20309178757716786],
    [1, 0.8427007929497149, 0.15729920705028513],
    [3, 0.9999779095030014, 2.209049699858544e-5],
    [5.5, 0.9999999999999927, 7.357847917974398e-15],
    [10, 1, 2.088487583762545e-45],
    [26, 1, 5.663192408856143e-296],
    [-0.3, -0.3286267594591274, 1.3286267594591274],
    [-2, -0.9953222650189527, 1.9953222650189528],
    [Infinity, 1, 0],
    [-Infinity, -1, 2],
  ])('at %f', (x, expectedErf, expectedErfc) => {
    expect(Math.abs(erf(x) - expectedErf)).toBeLessThanOrEqual(Math.abs(expectedErf) * 1e-15);
    expect(Math.abs(erfc(x) - expectedErfc)).toBeLessThanOrEqual(expectedErfc * 1e-15);
  });

  it('keep the sign of zero, and NaN', () => {
    expect(erf(-0)).toBe(-0);
    expect(erf(NaN)).toBeNaN();
    expect(erfc(NaN)).toBeNaN();
  });
});
