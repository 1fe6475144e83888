// Depthwise convolution is written out as a sum over its taps: against contractions of one group after the other.
import { isDepthwise } from '@nn/core';
import { apply, cat, type DType, randn, type Tensor } from '@nn/tensor';
import { describe, expect, test } from 'vitest';
import { grad, gradcheck, gradgradcheck } from '../src/index.ts';
import { onEveryDevice, withFloat64 } from './devices.ts';

interface Case {
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly stride?: readonly number[];
  readonly dilation?: readonly number[];
  readonly padding?: number;
  readonly groups?: number;
}

const cases: Readonly<Record<string, Case>> = {
  'one dimension': { size: [11], kernel: [3], padding: 1 },
  'two dimensions': { size: [9, 6], kernel: [3, 3], padding: 1 },
  'three dimensions': { size: [4, 3, 5], kernel: [2, 3, 2], padding: 1 },
  'one tap': { size: [4, 5], kernel: [1, 1] },
  'as large as the input': { size: [3, 4], kernel: [3, 4] },
  stride: { size: [9, 8], kernel: [3, 3], stride: [2, 3], padding: 1 },
  dilation: { size: [9, 10], kernel: [3, 2], dilation: [2, 3], padding: 2 },
  'stride and dilation': { size: [10, 9], kernel: [2, 3], stride: [2, 2], dilation: [3, 2], padding: 1 },
  'most taps': { size: [9, 8], kernel: [7, 7], padding: 3, groups: 2 },
};

const ones = (list: readonly number[]): number[] => list.map(() => 1);

function operands({ size, kernel, groups = 3 }: Case, dtype: DType): [Tensor, Tensor] {
  return [
    randn([2, groups, 1, ...size], { dtype, requiresGrad: true }),
    randn([groups, 1, 1, ...kernel], { dtype, requiresGrad: true }),
  ];
}

function convolve(x: Tensor, weight: Tensor, given: Case): Tensor {
  const { padding = 0, kernel, stride = ones(kernel), dilation = ones(kernel) } = given;
  const sides = kernel.map(() => padding);
  return apply('convolution', [x, weight], { stride, dilation, before: sides, after: sides });
}

/** A single group is no depthwise convolution. */
function groupByGroup(x: Tensor, weight: Tensor, given: Case): Tensor {
  const groups = Array.from({ length: weight.shape[0] }, (_, at) =>
    convolve(x.narrow(1, at, 1), weight.narrow(0, at, 1), given),
  );
  return cat(groups, 0);
}

async function distance(a: Tensor, b: Tensor): Promise<number> {
  expect(a.shape).toEqual(b.shape);
  expect(a.dtype).toBe(b.dtype);
  return Number(await a.sub(b).abs().max().item());
}

onEveryDevice((device) => {
  const dtypes: DType[] = device === 'webgpu' ? ['float32'] : ['float32', 'float64', 'bfloat16'];
  const tolerance = { float32: 2e-5, float64: 1e-12, bfloat16: 0.13 } as Record<DType, number>;

  test.each(Object.entries(cases))('%s: values and gradients', async (_, given) => {
    for (const dtype of dtypes) {
      const inputs = operands(given, dtype);
      expect(isDepthwise(inputs[1].shape)).toBe(true);
      const [own, expected] = [convolve(...inputs, given), groupByGroup(...inputs, given)];
      expect(await distance(own, expected)).toBeLessThan(tolerance[dtype]);
      const gradOutputs = randn(own.shape, { dtype });
      const ownGradients = grad(own, inputs, { gradOutputs });
      const gradients = grad(expected, inputs, { gradOutputs });
      for (const [at, one] of ownGradients.entries())
        expect(await distance(one as Tensor, gradients[at] as Tensor)).toBeLessThan(4 * tolerance[dtype]);
    }
  });

  test('half precision is rounded once', async () => {
    const [x, weight] = operands(cases['most taps'], 'bfloat16');
    const exact = convolve(x.to('float32'), weight.to('float32'), cases['most taps']);
    expect(await distance(convolve(x, weight, cases['most taps']), exact.to('bfloat16'))).toBeLessThan(1e-6);
  });
});

describe('what is depthwise', () => {
  test.each([
    [[2, 1, 1, 3, 3], true],
    [[2, 1, 1, 7, 7], true],
    [[2, 1, 1, 5, 10], false],
    [[2, 1, 1, 3, 0], false],
    [[1, 1, 1, 3, 3], false],
    [[2, 2, 1, 3, 3], false],
    [[2, 1, 2, 3, 3], false],
  ])('a weight of %j: %s', (shape, expected) => {
    expect(isDepthwise(shape)).toBe(expected);
  });
});

describe('first and second derivatives', () => {
  onEveryDevice(() => {
    test.each(['stride', 'dilation', 'three dimensions'])('%s', async (name) => {
      const given = cases[name];
      const inputs = operands({ ...given, groups: 2 }, 'float64');
      const run = (x: Tensor, weight: Tensor): Tensor => convolve(x, weight, given);
      expect(await gradcheck(run, inputs)).toBe(true);
      expect(await gradgradcheck(run, inputs)).toBe(true);
    });
  }, withFloat64);
});
