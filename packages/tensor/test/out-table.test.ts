// The option `out` of every function that has it: the same values, in the tensor that was given.
import '@nn/autograd';
import { AutogradError, type DType, DTypeError } from '@nn/core';
import { cpu } from '@nn/cpu';
import * as nn from '@nn/tensor';
import { interpreter, manualSeed, special, Tensor, tensor, use, zeros } from '@nn/tensor';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

type Case = readonly [name: string, args: () => readonly unknown[], options?: object];
type Results = Tensor | Readonly<Record<string, Tensor>>;

const float = (data: nn.TensorData): Tensor => tensor(data, { dtype: 'float32' });
const x = (): Tensor =>
  float([
    [0.5, 0.25, 0.75],
    [0.125, 0.9, 0.3],
  ]);
const y = (): Tensor =>
  float([
    [1.5, 2.25, 1],
    [3, 0.5, 4],
  ]);
const vector = (): Tensor => float([0.5, -1.5, 2]);
const whole = (): Tensor =>
  tensor([
    [12, 7, 3],
    [5, 6, 40],
  ]);
const factor = (): Tensor =>
  tensor([
    [8, 14, 2],
    [1, 4, 6],
  ]);
const truth = (): Tensor =>
  tensor([
    [true, false, true],
    [false, false, true],
  ]);
const square = (): Tensor =>
  float([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 10],
  ]);
const batch = (): Tensor =>
  float([
    [
      [1, 2],
      [3, 4],
    ],
    [
      [5, 6],
      [7, 8],
    ],
  ]);
const list = (): Tensor => tensor([2, 0]);

const unary =
  'abs acos angle asin asinh atan atanh ceil conjPhysical cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 ' +
  'floor frac i0 lgamma log log10 log1p log2 logicalNot logit nanToNum neg rad2deg reciprocal relu round rsqrt sgn ' +
  'sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc isposinf isneginf bernoulli msort tril triu ' +
  'nonzero nonzeroSync special.airyAi special.besselJ0 special.besselJ1 special.besselY0 special.besselY1 ' +
  'special.entr special.erfcx special.expit special.gammaln special.i0e special.i1 special.i1e special.logNdtr ' +
  'special.modifiedBesselI0 special.modifiedBesselI1 special.modifiedBesselK0 special.modifiedBesselK1 ' +
  'special.ndtr special.ndtri special.psi special.scaledModifiedBesselK0 special.scaledModifiedBesselK1 ' +
  'special.sphericalBesselJ0 special.logit special.sinc special.round diff median nanmedian sort topk';
const binary =
  'add atan2 clampMax clampMin copysign div eq floatPower floorDivide fmax fmin fmod ge gt heaviside hypot igamma ' +
  'igammac ldexp le logaddexp logaddexp2 logicalAnd logicalOr logicalXor lt max maximum min minimum mul ne nextafter ' +
  'pow remainder rsub sub xlogy isin special.xlog1py special.xlogy special.gammainc special.gammaincc special.zeta ' +
  'clip clamp';
const polynomials =
  'chebyshevPolynomialT chebyshevPolynomialU chebyshevPolynomialV chebyshevPolynomialW hermitePolynomialH ' +
  'hermitePolynomialHe laguerrePolynomialL legendrePolynomialP shiftedChebyshevPolynomialT ' +
  'shiftedChebyshevPolynomialU shiftedChebyshevPolynomialV shiftedChebyshevPolynomialW';
const reductions =
  'sum prod mean nansum nanmean amax amin argmax argmin any all std var logsumexp cumsum cumprod logcumsumexp cummax ' +
  'cummin max min median nanmedian mode sort';
const needArguments = new Set(['median', 'nanmedian', 'topk']);

const cases: readonly Case[] = [
  ...unary
    .split(' ')
    .filter((name) => !needArguments.has(name))
    .map(
      (name): Case => [
        name,
        () =>
          name === 'logit'
            ? [x(), 0.1]
            : name === 'special.logit'
              ? [x(), null]
              : name === 'tril' || name === 'triu'
                ? [square(), 0]
                : name === 'sort'
                  ? [x(), -1]
                  : [x()],
      ],
    ),
  ...binary
    .split(' ')
    .map((name): Case => [name, () => (name === 'clip' || name === 'clamp' ? [x(), 0.2, y()] : [x(), y()])]),
  ...polynomials.split(' ').map((name): Case => [`special.${name}`, () => [x(), 3]]),
  ...reductions.split(' ').map((name): Case => [name, () => [x(), 1]]),
  ...['bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'bitwiseLeftShift', 'bitwiseRightShift', 'gcd', 'lcm'].map(
    (name): Case => [name, () => [whole(), factor()]],
  ),
  ['bitwiseNot', () => [whole()]],
  ['acosh', () => [y()]],
  ['mvlgamma', () => [y(), 1]],
  ['polygamma', () => [2, y()]],
  ['special.polygamma', () => [1, y()]],
  ['lerp', () => [x(), y(), 0.3]],
  ['where', () => [truth(), x(), y()]],
  ['addcmul', () => [x(), x(), y()], { value: 2 }],
  ['addcdiv', () => [x(), x(), y()], { value: 2 }],
  ['frexp', () => [y()]],
  ['matmul', () => [x(), square()]],
  ['mm', () => [x(), square()]],
  ['mv', () => [x(), vector()]],
  ['bmm', () => [batch(), batch()]],
  ['dot', () => [vector(), vector()]],
  ['vdot', () => [vector(), vector()]],
  ['inner', () => [x(), y()]],
  ['outer', () => [vector(), vector()]],
  ['tensordot', () => [x(), y(), 2]],
  ['cross', () => [x(), y()]],
  ['addmm', () => [x(), x(), square()], { beta: 2 }],
  ['addmv', () => [float([1, 2]), x(), vector()]],
  ['addr', () => [square(), vector(), vector()]],
  ['baddbmm', () => [batch(), batch(), batch()]],
  [
    'addbmm',
    () => [
      float([
        [1, 2],
        [3, 4],
      ]),
      batch(),
      batch(),
    ],
  ],
  ['cat', () => [[x(), y()], 1]],
  ['concat', () => [[x(), y()], 0]],
  ['stack', () => [[x(), y()], 1]],
  ['hstack', () => [[x(), y()]]],
  ['vstack', () => [[x(), y()]]],
  ['dstack', () => [[x(), y()]]],
  ['columnStack', () => [[x(), y()]]],
  ['diag', () => [vector(), 1]],
  ['gather', () => [x(), 1, tensor([[2], [0]])]],
  ['takeAlongDim', () => [x(), tensor([[2], [0]]), 1]],
  ['take', () => [x(), list()]],
  ['indexSelect', () => [x(), 1, list()]],
  ['narrowCopy', () => [x(), 1, 1, 2]],
  ['maskedSelect', () => [x(), truth()]],
  ['maskedSelectSync', () => [x(), truth()]],
  ['scatter', () => [x(), 1, tensor([[2], [0]]), 7]],
  ['scatterAdd', () => [x(), 1, tensor([[2], [0]]), y()]],
  ['scatterReduce', () => [x(), 1, tensor([[2], [0]]), y(), 'amax']],
  [
    'indexAdd',
    () => [
      x(),
      1,
      list(),
      float([
        [1, 2],
        [3, 4],
      ]),
    ],
    { alpha: 2 },
  ],
  [
    'indexCopy',
    () => [
      x(),
      1,
      list(),
      float([
        [1, 2],
        [3, 4],
      ]),
    ],
  ],
  [
    'indexReduce',
    () => [
      x(),
      1,
      list(),
      float([
        [1, 2],
        [3, 4],
      ]),
      'prod',
    ],
  ],
  ['renorm', () => [x(), 2, 0, 0.5]],
  ['norm', () => [x(), 3, 1]],
  ['quantile', () => [x(), [0.2, 0.6]], { dim: 1 }],
  ['nanquantile', () => [x(), 0.4]],
  ['histc', () => [x()], { bins: 4 }],
  ['histogram', () => [x(), 3]],
  ['histogram', () => [x(), float([0, 0.5, 1])]],
  ['searchsorted', () => [float([0.2, 0.4, 0.6]), x()]],
  ['bucketize', () => [x(), float([0.2, 0.4, 0.6])]],
  ['topk', () => [x(), 2, 1]],
  ['kthvalue', () => [x(), 2, 1]],
  ['aminmax', () => [x()], { dim: 1 }],
  ['diff', () => [x()], { n: 2 }],
  ['multinomial', () => [x(), 2]],
];

const creations: readonly Case[] = [
  ['zeros', () => [[2, 3]]],
  ['ones', () => [[2, 3]]],
  ['empty', () => [[2, 3]]],
  ['full', () => [[2, 3], 7]],
  ['arange', () => [1, 6, 2]],
  ['linspace', () => [0, 1, 4]],
  ['logspace', () => [0, 3, 4, 2]],
  ['eye', () => [2, 3]],
  ['rand', () => [[2, 3]]],
  ['randn', () => [[2, 3]]],
  ['randint', () => [0, 9, [2, 3]]],
  ['randperm', () => [6]],
];

function called([name, args, options]: Case, more: object): Promise<Results> {
  const [scope, key] = name.startsWith('special.') ? [special, name.slice(8)] : [nn, name];
  const call = (scope as unknown as Readonly<Record<string, (...args: readonly unknown[]) => Results>>)[key];
  manualSeed(1);
  return Promise.resolve(call(...args(), { ...options, ...more }));
}

const parts = (results: Results): [string, Tensor][] =>
  results instanceof Tensor ? [['', results]] : Object.entries(results);
/** Tensors of the results' form. */
const like = (results: Results, make: (each: Tensor) => Tensor): Results =>
  results instanceof Tensor
    ? make(results)
    : Object.fromEntries(parts(results).map(([key, each]) => [key, make(each)]));
const values = (results: Results): Promise<unknown[]> =>
  Promise.all(parts(results).map(([, each]) => each.toArray()));

const lower: { readonly [D in DType]?: DType } = {
  float32: 'int32',
  float64: 'int32',
  int32: 'bool',
  int64: 'bool',
};

describe.each(['interpreter', 'cpu'])('out on %s', (device) => {
  beforeAll(() => {
    use(device === 'cpu' ? cpu({ threads: 1 }) : interpreter());
  });
  beforeEach(() => void manualSeed(1));

  describe.each([...cases, ...creations])('%s', (...given) => {
    const one = given as unknown as Case;

    it('takes the result and is returned', async () => {
      const expected = await called(one, {});
      const out = like(expected, ({ shape, dtype }) => zeros(shape, { dtype }));
      expect(await called(one, { out })).toBe(out);
      expect(await values(out)).toEqual(await values(expected));
      expect(parts(out).map(([, each]) => each.shape)).toEqual(parts(expected).map(([, each]) => each.shape));
    });

    it('may be a view', async () => {
      const expected = await called(one, {});
      const bases = like(expected, ({ shape, dtype }) => zeros([...shape, 2], { dtype }));
      await called(one, { out: like(bases, (base) => base.select(-1, 1)) });
      expect(await values(like(bases, (base) => base.select(-1, 1)))).toEqual(await values(expected));
      expect(await values(like(bases, (base) => base.select(-1, 0).ne(0).any()))).toEqual(
        parts(bases).map(() => false),
      );
    });

    it('is refused where it cannot take the result', async () => {
      const expected = await called(one, {});
      const requiring = like(expected, ({ shape }) => zeros(shape, { requiresGrad: true }));
      await expect(async () => called(one, { out: requiring })).rejects.toThrow(
        one[0] === 'multinomial' ? DTypeError : AutogradError,
      );
      const isCreation = creations.includes(one) || creations.some(([name]) => name === one[0]);
      const narrow = parts(expected).every(([, each]) => lower[each.dtype] !== undefined);
      if (!isCreation && !narrow) return;
      const wrong = like(expected, ({ shape, dtype }) =>
        zeros(shape, { dtype: isCreation ? 'int16' : lower[dtype] }),
      );
      const dtype = isCreation ? { dtype: 'float32' } : {};
      await expect(async () => called(one, { out: wrong, ...dtype })).rejects.toThrow(DTypeError);
    });
  });

  it('is refused where a part of several is missing, or of another shape', () => {
    const indices = zeros([2, 3], { dtype: 'int32' });
    expect(() => nn.sort(x(), 1, { out: { indices } as never })).toThrow(/out\.values: expected a tensor/);
    expect(() => nn.sort(x(), 1, { out: { values: zeros([3, 2]), indices } })).toThrow(
      /values: out has shape/,
    );
  });

  it('brings dtype and device to what creates', async () => {
    const out = zeros([3], { dtype: 'float64' });
    expect(nn.arange(3, { out }).dtype).toBe('float64');
    expect(nn.ones([3], { out, requiresGrad: true })).toBe(out);
    expect(out.requiresGrad).toBe(true);
  });

  it('is a plain write inside a compiled function', async () => {
    const out = zeros([2, 3]);
    const step = nn.compile((a: Tensor, b: Tensor) => nn.hypot(a, b, { out }).sum());
    for (let i = 0; i < 4; i++) await step(x(), y()).item();
    expect(await out.toArray()).toEqual(await nn.hypot(x(), y()).toArray());
  });
});
