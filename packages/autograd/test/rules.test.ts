// Every rule against finite differences in float64, first and second derivatives.
import { gradcheck, gradgradcheck } from '@nn/autograd';
import { type AttributesOf, type OpName, opNames } from '@nn/core';
import { apply, interpreter, scalarFunction, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import { rules } from '../src/rules/table.ts';

beforeAll(() => use(interpreter()));

/** Values in (low, high), well apart, the same in every run. */
function values(shape: readonly number[], low: number, high: number, seed: number = 0): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = Float64Array.from(
    { length: size },
    (_, i) => low + (high - low) * (((i * 0.6180339887 + seed * 0.37 + 0.21) % 1) * 0.96 + 0.02),
  );
  return tensor(data, { shape, requiresGrad: true });
}
const index = (data: number[], shape: number[]): Tensor => tensor(Int32Array.from(data), { shape });

interface Sample<N extends OpName> {
  readonly inputs: readonly Tensor[];
  readonly attributes: AttributesOf<N>;
}
type Samples = { readonly [N in OpName]?: () => readonly Sample<N>[] };

const unary = (low: number, high: number) => () => [
  { inputs: [values([2, 3], low, high)], attributes: {} as never },
];
const binary = (low: number, high: number) => () => [
  { inputs: [values([2, 3], low, high), values([2, 3], low, high, 1)], attributes: {} as never },
  { inputs: [values([2, 1, 3], low, high), values([4, 1], low, high, 1)], attributes: {} as never },
];
const reduce = () => [
  { inputs: [values([2, 3, 2], 0.5, 2)], attributes: { dims: [1], keepDims: false } },
  { inputs: [values([2, 3, 2], 0.5, 2)], attributes: { dims: [0, 2], keepDims: true } },
];

/** a x y, which brings its own derivative. */
const scaledProduct = scalarFunction({
  name: 'test.scaledProduct',
  expression: (b, [x, y], [a]) => b.binary('mul', b.constantLike(a, x), b.binary('mul', x, y)),
  derivative: ({ gradient, inputs: [x, y], constants: [a], needs }) => [
    needs[0] ? gradient.mul(y).mul(a) : null,
    needs[1] ? gradient.mul(x).mul(a) : null,
  ],
});

const samples: Samples = {
  scalarFunction: () => {
    const inputs = [values([2, 3], -2, 2), values([2, 1], -2, 2, 1)];
    scaledProduct(inputs, [3]);
    return [{ inputs, attributes: { name: 'test.scaledProduct', constants: [3] } }];
  },
  barrier: () => [{ inputs: [values([2, 3], -2, 2), values([1], -2, 2, 1).detach()], attributes: {} }],
  neg: unary(-2, 2),
  abs: unary(0.2, 2),
  sign: unary(0.2, 2),
  square: unary(-2, 2),
  relu: unary(0.2, 2),
  floor: unary(1.1, 1.9),
  ceil: unary(1.1, 1.9),
  trunc: unary(1.1, 1.9),
  round: unary(1.6, 1.9),
  sqrt: unary(0.5, 3),
  rsqrt: unary(0.5, 3),
  reciprocal: unary(0.5, 3),
  exp: unary(-2, 2),
  log: unary(0.5, 3),
  expm1: unary(-2, 2),
  log1p: unary(-0.5, 3),
  exp2: unary(-2, 2),
  log2: unary(0.5, 3),
  log10: unary(0.5, 3),
  sin: unary(-3, 3),
  cos: unary(-3, 3),
  tan: unary(-1, 1),
  asin: unary(-0.8, 0.8),
  acos: unary(-0.8, 0.8),
  atan: unary(-3, 3),
  sinh: unary(-2, 2),
  cosh: unary(-2, 2),
  tanh: unary(-2, 2),
  asinh: unary(-2, 2),
  erfinv: unary(-0.8, 0.8),
  xlogy: binary(0.5, 2),
  xlog1py: binary(0.5, 2),
  cat: () => [{ inputs: [values([2, 3], -2, 2), values([1, 3], -2, 2, 1)], attributes: { dim: 0 } }],
  acosh: unary(1.5, 3),
  atanh: unary(-0.8, 0.8),
  erf: unary(-2, 2),
  erfc: unary(-2, 2),
  sigmoid: unary(-3, 3),
  silu: unary(-3, 3),
  mish: unary(-3, 3),
  logSigmoid: unary(-3, 3),
  add: binary(-2, 2),
  sub: binary(-2, 2),
  mul: binary(-2, 2),
  div: binary(0.5, 2),
  truncDivide: binary(2, 2.4),
  floorDivide: binary(2, 2.4),
  remainder: binary(2, 2.4),
  fmod: binary(2, 2.4),
  pow: binary(0.5, 2),
  atan2: binary(0.5, 2),
  maximum: binary(-2, 2),
  minimum: binary(-2, 2),
  gelu: () =>
    (['none', 'tanh'] as const).map((approximate) => ({
      inputs: [values([2, 3], -2, 2)],
      attributes: { approximate },
    })),
  celu: () => [{ inputs: [values([2, 3], -2, 2)], attributes: { alpha: 0.7 } }],
  elu: () => [{ inputs: [values([2, 3], -2, 2)], attributes: { alpha: 0.7 } }],
  leakyRelu: () => [{ inputs: [values([2, 3], -2, 2)], attributes: { negativeSlope: 0.1 } }],
  softplus: () => [{ inputs: [values([2, 3], -2, 2)], attributes: { beta: 2, threshold: 1 } }],
  where: () => [
    {
      inputs: [tensor([[true, false, true]]), values([2, 3], -2, 2), values([2, 1], -2, 2, 1)],
      attributes: {} as never,
    },
  ],
  cast: () => [{ inputs: [values([3], -2, 2)], attributes: { dtype: 'float64' } }],
  reshape: () => [{ inputs: [values([2, 6], -2, 2)], attributes: { shape: [3, 4] } }],
  permute: () => [{ inputs: [values([2, 3, 4], -2, 2)], attributes: { order: [2, 0, 1] } }],
  expand: () => [{ inputs: [values([2, 1], -2, 2)], attributes: { shape: [3, 2, 4] } }],
  slice: () => [
    { inputs: [values([4, 5], -2, 2)], attributes: { starts: [1, 0], steps: [1, 1], shape: [2, 3] } },
    { inputs: [values([4, 5], -2, 2)], attributes: { starts: [0, 4], steps: [2, -2], shape: [2, 3] } },
  ],
  pad: () => [{ inputs: [values([2, 3], -2, 2)], attributes: { before: [1, 0], after: [0, 2], value: 3 } }],
  window: () => [
    { inputs: [values([2, 6, 7], -2, 2)], attributes: { kernel: [2, 2], stride: [2, 2], dilation: [1, 1] } },
    { inputs: [values([2, 6, 7], -2, 2)], attributes: { kernel: [3, 2], stride: [1, 2], dilation: [2, 1] } },
    { inputs: [values([1, 9], -2, 2)], attributes: { kernel: [3], stride: [2], dilation: [1] } },
    { inputs: [values([10], -2, 2)], attributes: { kernel: [2], stride: [3], dilation: [2] } },
  ],
  asStrided: () => [
    { inputs: [values([8], -2, 2)], attributes: { shape: [3, 3], strides: [2, 1], offset: 1 } },
  ],
  sum: reduce,
  prod: reduce,
  max: reduce,
  min: reduce,
  dot: () => [
    { inputs: [values([3, 4], -2, 2), values([4, 2], -2, 2, 1)], attributes: { batchRank: 0, innerRank: 1 } },
    {
      inputs: [values([2, 3, 2, 2], -2, 2), values([2, 2, 2, 3, 2], -2, 2, 1)],
      attributes: { batchRank: 1, innerRank: 2 },
    },
  ],
  take: () => [{ inputs: [values([5], -2, 2), index([0, 3, 3, 1], [2, 2])], attributes: {} as never }],
  scatter: () => [
    {
      inputs: [values([5], 0.5, 2), index([0, 3, 1], [3]), values([3], 0.5, 2, 1)],
      attributes: { mode: 'set' },
    },
    ...(['sum', 'max', 'min'] as const).map((mode) => ({
      inputs: [values([5], 0.5, 2), index([0, 3, 3], [3]), values([3], 0.5, 2, 1)],
      attributes: { mode },
    })),
    {
      inputs: [values([5], 0.5, 2), index([0, 3, 3], [3]), values([3], 0.5, 2, 1)],
      attributes: { mode: 'prod' },
    },
  ],
  assign: () => [
    { inputs: [values([4, 4], -2, 2), values([2, 2], -2, 2, 1)], attributes: { strides: [4, 2], offset: 1 } },
  ],
  scan: () =>
    (['sum', 'prod', 'max', 'min'] as const).map((op) => ({
      inputs: [values([2, 4, 3], 0.5, 2)],
      attributes: { dim: 1, op },
    })),
  softmax: () => [{ inputs: [values([2, 4], -2, 2)], attributes: { dim: 1 } }],
  convolution: () => [
    {
      inputs: [values([2, 1, 2, 5, 4], -2, 2), values([1, 3, 2, 2, 3], -2, 2, 1)],
      attributes: { stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] },
    },
    {
      inputs: [values([1, 2, 2, 8], -2, 2), values([2, 1, 2, 3], -2, 2, 1)],
      attributes: { stride: [2], dilation: [1], before: [1], after: [0] },
    },
    {
      inputs: [values([1, 1, 1, 9, 7], -2, 2), values([1, 2, 1, 2, 2], -2, 2, 1)],
      attributes: { stride: [3, 2], dilation: [2, 3], before: [0, 1], after: [1, 2] },
    },
    {
      // More zeros than the kernel reaches: outputs that no element of the input meets.
      inputs: [values([1, 1, 1, 2, 3], -2, 2), values([1, 1, 1, 2, 1], -2, 2, 1)],
      attributes: { stride: [1, 2], dilation: [1, 1], before: [3, 3], after: [2, 0] },
    },
  ],
  logSoftmax: () => [{ inputs: [values([2, 4], -2, 2)], attributes: { dim: 0 } }],
};

describe('derivatives', () => {
  it('are all checked, first and second ones', () => {
    const differentiable = opNames.filter((op) => rules[op] !== 'not differentiable');
    expect(differentiable.filter((op) => samples[op] === undefined)).toEqual([]);
    expect(differentiable.length).toBeGreaterThanOrEqual(80);
  });

  for (const op of opNames) {
    if (rules[op] === 'not differentiable') continue;
    it(`of ${op}, and theirs, agree with differences`, async () => {
      const list = (samples[op] as (() => readonly Sample<OpName>[]) | undefined)?.();
      expect(list, `no sample for ${op}`).toBeDefined();
      for (const { inputs, attributes } of list!) {
        const fn = (...given: Tensor[]): Tensor => apply(op, given, attributes as never);
        await gradcheck(fn, inputs);
        await gradgradcheck(fn, inputs);
      }
    });
  }
});
