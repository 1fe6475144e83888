// Elementwise functions at NaN, infinities, zeros of both signs, subnormals and the largest numbers, and special
// functions over wide ranges, against PyTorch's values (made by golden/extremes.py).
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { cpu } from '@nn/cpu';
import { type Tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import type { OperatorCase, TensorValue } from '../src/case-file.ts';
import { flatten } from '../src/kinds/gradients.ts';
import { rowOf } from '../src/table/operators.ts';
import { Decoder, toNumber } from '../src/values.ts';

beforeAll(async () => {
  use(await cpu());
});

interface Point {
  readonly dtype: string;
  readonly inputs: readonly number[];
  readonly expected: number;
  readonly actual: number;
}

interface Divergence {
  readonly operators: readonly string[];
  /** Why nn's value stands, as docs/divergences.md has it. */
  readonly why: string;
  readonly covers: (point: Point) => boolean;
}

const isFar = (x: number): boolean => Math.abs(x) >= 1e6;
const isInfinite = (x: number): boolean => Math.abs(x) === Number.POSITIVE_INFINITY;
const greatest = (dtype: string): number => (dtype === 'float32' ? 3.4028234663852886e38 : Number.MAX_VALUE);
const leastNormal = (dtype: string): number => (dtype === 'float32' ? 2 ** -126 : 2 ** -1022);
const cylinders = ['bessel_j0', 'bessel_j1', 'bessel_y0', 'bessel_y1'].map((name) => `special.${name}`);
const oscillating = [...cylinders, 'special.airy_ai'];
const growing = ['i0', 'special.i1', 'special.modified_bessel_i0', 'special.modified_bessel_i1'];
const secondKind = ['modified_bessel_k0', 'modified_bessel_k1'].flatMap((name) => [
  `special.${name}`,
  `special.scaled_${name}`,
]);
const exponentialUnits = ['elu', 'celu', 'selu'].map((name) => `nn.functional.${name}`);
const shiftedPolynomials = ['t', 'u', 'v', 'w'].map((kind) => `special.shifted_chebyshev_polynomial_${kind}`);

const divergences: readonly Divergence[] = [
  {
    operators: [
      'maximum',
      'minimum',
      ...['relu', 'relu6', 'gelu', 'hardswish'].map((n) => `nn.functional.${n}`),
    ],
    why: 'the sign of a zero is not promised where PyTorch itself has either',
    covers: ({ expected, actual }) => expected === 0 && actual === 0,
  },
  {
    operators: ['fmod', 'remainder', 'floor_divide'],
    why: "C's remainder is exact where the quotient overflows",
    covers: ({ dtype, inputs: [a, b], expected, actual }) =>
      Number.isNaN(expected) && Math.abs(a / b) > greatest(dtype) && (a % b === actual || isInfinite(actual)),
  },
  {
    operators: [...growing, ...cylinders],
    why: 'limits at infinity exist',
    covers: ({ inputs: [x], expected, actual }) =>
      isInfinite(x) && Number.isNaN(expected) && !Number.isNaN(actual),
  },
  {
    operators: oscillating,
    why: 'no digit of the phase of so large an argument is known',
    covers: ({ inputs: [x], actual }) => isFar(x) && Math.abs(actual) < 0.1,
  },
  {
    operators: ['log1p'],
    why: 'the logarithm of the largest number is finite',
    covers: ({ dtype, inputs: [x], actual }) =>
      x === greatest(dtype) && Math.abs(actual / Math.log(x) - 1) < 1e-6,
  },
  {
    operators: ['pow', 'float_power'],
    why: 'x to the power of 1 is x',
    covers: ({ inputs: [x, y], actual }) => y === 1 && actual === x,
  },
  {
    operators: exponentialUnits,
    why: 'expm1 is not 0 left of 0',
    covers: ({ inputs: [x], actual }) => x <= 0 && x > -1e-7 && Math.abs(actual) <= 1.8 * Math.abs(x),
  },
  {
    operators: ['nn.functional.hardswish'],
    why: 'nothing overflows between',
    covers: ({ dtype, inputs: [x], actual }) =>
      (x === greatest(dtype) && actual === x) || (isInfinite(x) && actual === Math.max(x, 0)),
  },
  {
    operators: ['special.ndtr'],
    why: 'the left tail is not 0',
    covers: ({ inputs: [x], actual }) => x === -30 && Math.abs(actual / 4.906713927148187e-198 - 1) < 1e-10,
  },
  {
    operators: secondKind,
    why: 'K0 is about -log x where x / 2 is 0, and K1 1 / x',
    covers: ({ inputs: [x], actual }) =>
      x > 0 &&
      x < 2e-45 &&
      (actual === Number.POSITIVE_INFINITY || Math.abs(actual + Math.log(x) - 0.1159) < 1e-3),
  },
  {
    operators: ['special.airy_ai'],
    why: 'in float32 the phase ⅔ |x|^(3/2) has no more than 7 digits',
    covers: ({ dtype, inputs: [x], expected, actual }) =>
      dtype === 'float32' && x < -100 && Math.abs(actual - expected) < 1e-7 * Math.abs(x) ** 1.5,
  },
  {
    operators: ['digamma'],
    why: 'beside a pole PyTorch rounds πx',
    covers: ({ inputs: [x], actual }) => Math.abs(actual * (x + 1) + 1) < 1e-6,
  },
  {
    operators: ['igamma', 'igammac'],
    why: 'the first argument may be subnormal, or as large as it gets',
    covers: ({ dtype, inputs: [a], actual }) =>
      (a <= leastNormal(dtype) || a === greatest(dtype)) && actual >= 0 && actual <= 1,
  },
  {
    operators: ['special.zeta'],
    why: 'the sum tends to 0 with its terms',
    covers: ({ dtype, inputs: [s, q], actual }) =>
      actual === 0 && (s >= greatest(dtype) || q >= greatest(dtype)),
  },
  {
    operators: shiftedPolynomials,
    why: 'overflow is infinite',
    covers: ({ inputs: [x, n], expected, actual }) =>
      Math.abs(x) === 8 && n === 30 && Number.isNaN(expected) && isInfinite(actual),
  },
];

/** PyTorch's own error in float64, where it is above 1e-9: see tensor's special.test.ts for nearer references. */
const loose = new Set([...oscillating, 'igamma', 'igammac']);

/** How far a result may be off; extremes have no absolute tolerance but one subnormal step. */
function isClose({ dtype, expected, actual }: Point, { op, variant }: OperatorCase): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (!Number.isFinite(expected)) return actual === expected;
  if (expected === 0 && actual === 0) return Object.is(expected, actual);
  const isSingle = dtype === 'float32';
  const relative = isSingle ? 1e-4 : loose.has(op) ? 1e-6 : 1e-9;
  const near = isSingle ? 2e-6 : loose.has(op) ? 1e-6 : 1e-13;
  const step = isSingle ? 2 ** -148 : 2 ** -1073;
  const absolute = variant === 'range' ? near : step;
  return Math.abs(actual - expected) <= absolute + relative * Math.abs(expected);
}

const file = new URL('../golden/extremes.jsonl.gz', import.meta.url);
const cases: readonly OperatorCase[] = gunzipSync(readFileSync(file))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const numbers = async (x: Tensor): Promise<number[]> =>
  Array.from((await x.data()) as ArrayLike<number | bigint>, Number);

const show = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

/** What each divergence accounted for. */
const used = new Set<Divergence>();

async function differences(given: OperatorCase): Promise<string[]> {
  const decoder = new Decoder();
  const args = decoder.decodeAll(given.args) as Tensor[];
  const results = flatten(await rowOf(given.op)!({ args, kwargs: {} })) as Tensor[];
  const allowed = divergences.filter(({ operators }) => operators.includes(given.op));
  const found: string[] = [];
  for (const [o, out] of (given.out as TensorValue[]).entries()) {
    const actual = await numbers(results[o]);
    const inputs = await Promise.all(args.map((arg) => numbers(arg.expand([...out.shape]).contiguous())));
    for (const [i, value] of out.data.entries()) {
      const point = {
        dtype: given.dtype,
        inputs: inputs.map((each) => each[i]),
        expected: Number(toNumber(value)),
        actual: actual[i],
      };
      if (isClose(point, given)) continue;
      const divergence = allowed.find(({ covers }) => covers(point));
      if (divergence !== undefined) used.add(divergence);
      else found.push(`(${point.inputs.map(show)}): ${show(point.expected)}, got ${show(point.actual)}`);
    }
  }
  return found;
}

describe('extreme values and wide ranges', () => {
  for (const given of cases) {
    test(`${given.op} ${given.dtype}, ${given.variant}`, async () => {
      expect(await differences(given)).toEqual([]);
    });
  }

  test('every divergence that is listed is there', () => {
    expect(divergences.filter((divergence) => !used.has(divergence)).map(({ why }) => why)).toEqual([]);
  });
});
