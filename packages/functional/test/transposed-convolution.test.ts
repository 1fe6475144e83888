// Transposed convolution, and the derivative of strided convolution, against their definition.
import { grad } from '@nn/autograd';
import * as F from '@nn/functional';
import { interpreter, manualSeed, randn, type Tensor, tensor, use } from '@nn/tensor';
import { beforeEach, describe, expect, test } from 'vitest';

beforeEach(() => {
  use(interpreter());
  manualSeed(5);
});

interface Case {
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly padding?: readonly [number, number];
  readonly extra?: readonly [number, number];
  readonly groups?: number;
}

const cases: readonly Case[] = [
  { size: [4, 5], kernel: [3, 3], stride: [2, 2] },
  { size: [4, 5], kernel: [3, 4], stride: [2, 3], padding: [1, 2], extra: [1, 2] },
  { size: [3, 3], kernel: [2, 1], stride: [3, 2], extra: [2, 1] },
  { size: [3, 4], kernel: [3, 2], stride: [2, 2], dilation: [2, 1], padding: [1, 0] },
  { size: [3, 4], kernel: [3, 3], stride: [1, 2], dilation: [3, 3] },
  { size: [3, 4], kernel: [5, 5], stride: [2, 2], padding: [3, 4], groups: 2 },
  { size: [1, 1], kernel: [1, 1], stride: [4, 4] },
  { size: [3, 4], kernel: [2, 6], stride: [2, 3], extra: [1, 2], groups: 2 },
  { size: [4, 3], kernel: [4, 2], stride: [2, 2], padding: [2, 1], extra: [0, 1] },
  { size: [4, 3], kernel: [4, 3], stride: [2, 1], dilation: [1, 2], padding: [4, 1] },
];

/** Each input element adds its multiple of the kernel where its window starts. */
async function byDefinition(x: Tensor, weight: Tensor, given: Case): Promise<Tensor> {
  const { stride, dilation = [1, 1], padding = [0, 0], extra = [0, 0], groups = 1 } = given;
  const [batch, channels, height, width] = x.shape;
  const [, perGroup, kernelHeight, kernelWidth] = weight.shape;
  const [rows, columns] = [0, 1].map(
    (i) =>
      (x.shape[i + 2] - 1) * stride[i] +
      dilation[i] * (weight.shape[i + 2] - 1) +
      1 +
      extra[i] -
      2 * padding[i],
  );
  const sums = new Float64Array(batch * groups * perGroup * rows * columns);
  const [xs, ws] = [await x.data(), await weight.data()];
  for (let b = 0; b < batch; b++)
    for (let c = 0; c < channels; c++)
      for (let h = 0; h < height; h++)
        for (let w = 0; w < width; w++)
          for (let o = 0; o < perGroup; o++)
            for (let i = 0; i < kernelHeight; i++)
              for (let j = 0; j < kernelWidth; j++) {
                const row = h * stride[0] + i * dilation[0] - padding[0];
                const column = w * stride[1] + j * dilation[1] - padding[1];
                if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
                const out = Math.floor((c * groups) / channels) * perGroup + o;
                sums[((b * groups * perGroup + out) * rows + row) * columns + column] +=
                  Number(xs[((b * channels + c) * height + h) * width + w]) *
                  Number(ws[((c * perGroup + o) * kernelHeight + i) * kernelWidth + j]);
              }
  return tensor(sums, { shape: [batch, groups * perGroup, rows, columns] });
}

describe.each(cases)('size $size, kernel $kernel, stride $stride', (given) => {
  const { size, kernel, stride, dilation = [1, 1], padding = [0, 0], extra = [0, 0], groups = 1 } = given;
  const make = (): [Tensor, Tensor] => [
    randn([2, 4, ...size], { dtype: 'float64' }),
    randn([4, 3, ...kernel], { dtype: 'float64' }),
  ];
  const options = { stride, dilation, padding, groups };

  test('transposed', async () => {
    const [x, weight] = make();
    const y = F.convTranspose2d(x, weight, null, { ...options, outputPadding: extra });
    const expected = await byDefinition(x, weight, given);
    expect(y.shape).toEqual(expected.shape);
    expect(await y.sub(expected).abs().max().item()).toBeLessThan(1e-12);
  });

  test('as the derivative of a convolution', async () => {
    const [x, weight] = make();
    const y = await byDefinition(x, weight, given);
    const input = randn(y.shape, { dtype: 'float64' }).requiresGrad_();
    const [gradient] = grad(F.conv2d(input, weight, null, options), input, { gradOutputs: x });
    expect(await gradient.sub(y).abs().max().item()).toBeLessThan(1e-12);
  });
});

test('nothing is left where padding takes all', () => {
  const [x, weight] = [randn([1, 1, 2, 2]), randn([1, 1, 2, 2])];
  expect(() => F.convTranspose2d(x, weight, null, { padding: 2 })).toThrow(
    'convTranspose2d: padding [2, 2] leaves nothing of an output of [3, 3]',
  );
});
