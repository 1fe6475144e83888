// Each function against PyTorch's values and gradients.
import { grad } from '@nn/autograd';
import * as F from '@nn/functional';
import { interpreter, setFusion, type Tensor, tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Given, references } from './pytorch-values.ts';

const calls: { readonly [title: string]: (...inputs: Tensor[]) => Tensor } = {
  'conv1d in groups, same padding': (x, w, b) =>
    F.conv1d(x, w, b, { padding: 'same', groups: 2, dilation: 2 }),
  'conv1d with stride and padding': (x, w, b) => F.conv1d(x, w, b, { stride: 2, padding: 2 }),
  convTranspose1d: (x, w, b) =>
    F.convTranspose1d(x, w, b, { stride: 2, padding: 1, outputPadding: 1, dilation: 2 }),
  'maxPool1d with ceil': (x) => F.maxPool1d(x, 3, { stride: 2, ceilMode: true, padding: 1 }),
  maxPool2d: (x) => F.maxPool2d(x, 3, { stride: 2, ceilMode: true, padding: 1 }),
  'avgPool1d with ceil': (x) => F.avgPool1d(x, 6, { stride: 3, padding: 2, ceilMode: true }),
  batchNorm: (x, mean, variance, weight, bias) =>
    F.batchNorm(x, mean, variance, { weight, bias, training: true }),
  layerNorm: (x, weight, bias) => F.layerNorm(x, [1, 2, 3], { weight, bias, eps: 0.5 }),
  groupNorm: (x, weight, bias) => F.groupNorm(x, 2, { weight, bias, eps: 0.5 }),
  instanceNorm: (x, runningMean, runningVar, weight, bias) =>
    F.instanceNorm(x, { runningMean, runningVar, weight, bias, momentum: -1.2 }),
  'nllLoss weighted': (x, target, weight) => F.nllLoss(x, target, { weight }),
  'bce with logits': (x, target, posWeight) => F.binaryCrossEntropyWithLogits(x, target, { posWeight }),
  klDiv: (x, target) => F.klDiv(x, target, { reduction: 'batchmean', logTarget: true }),
  huberLoss: (x, target) => F.huberLoss(x, target, { reduction: 'none', delta: 5.339559853273152 }),
  smoothL1Loss: (x, target) => F.smoothL1Loss(x, target, { beta: 5 }),
  binaryCrossEntropy: (x, target) => F.binaryCrossEntropy(x, target),
  celu: (x) => F.celu(x),
  selu: (x) => F.selu(x),
  mish: (x) => F.mish(x),
  softplus: (x) => F.softplus(x, { beta: 3, threshold: 0.2 }),
  hardsigmoid: (x) => F.hardsigmoid(x),
  elu: (x) => F.elu(x),
  silu: (x) => F.silu(x),
  logsigmoid: (x) => F.logSigmoid(x),
  glu: (x) => F.glu(x, 0),
  cosineSimilarity: (x, y) => F.cosineSimilarity(x, y, { dim: 0, eps: 0.5 }),
  prelu: (x, weight) => F.prelu(x, weight),
};

const numbers = (text: string): number[] => text.split(' ').map(Number);

const given = ({ shape, data, dtype }: Given): Tensor =>
  dtype === undefined
    ? tensor(numbers(data), { shape, dtype: 'float32' })
    : tensor(numbers(data).map(BigInt), { shape, dtype });

/** float32 sums differ in their order: PyTorch's own tolerance. */
async function expectClose(actual: Tensor, text: string): Promise<void> {
  const expected = numbers(text);
  const values = Array.from(await actual.data(), Number);
  expect(values.length).toBe(expected.length);
  values.forEach((value, i) => {
    expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(1e-5 + 1e-4 * Math.abs(expected[i]));
  });
}

describe.each([true, false])('against PyTorch, fusion %s', (fusion) => {
  let former = true;
  beforeAll(() => {
    use(interpreter());
    former = setFusion(fusion);
  });
  afterAll(() => {
    setFusion(former);
  });

  it.each(Object.keys(references))('%s', async (title) => {
    const { inputs, output, cotangent, gradients } = references[title];
    const tensors = inputs.map(given);
    const leaves = tensors.filter((x, i) => gradients[i] !== null && x.requiresGrad_());
    const result = calls[title](...tensors);
    expect(result.shape).toEqual(output.shape);
    await expectClose(result, output.data);
    const gradOutputs = tensor(numbers(cotangent), { shape: output.shape, dtype: 'float32' });
    const found = grad(result, leaves, { gradOutputs });
    const expected = gradients.filter((each) => each !== null);
    for (const [i, each] of found.entries()) await expectClose(each, expected[i]);
  });
});
