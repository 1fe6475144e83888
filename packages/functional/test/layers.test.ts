// Losses over alignments, attention and pooling against PyTorch's values and gradients.
import { grad } from '@nn/autograd';
import * as F from '@nn/functional';
import { cat, interpreter, setFusion, type Tensor, tensor, use } from '@nn/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Given, references } from './layer-values.ts';

type Call = (...inputs: Tensor[]) => Tensor | readonly (Tensor | null)[];

const ctc =
  (inputLengths: F.Lengths, targetLengths: F.Lengths, options: F.CtcLossOptions = {}): Call =>
  (x, targets) =>
    F.ctcLoss(F.logSoftmax(x, -1), targets, inputLengths, targetLengths, options);

const calls: { readonly [title: string]: Call } = {
  'ctc padded': ctc([8, 6, 7], [3, 2, 3], { reduction: 'none' }),
  'ctc mean': (x, targets) => F.ctcLoss(F.logSoftmax(x, -1), targets, tensor([8, 6, 7]), tensor([3, 2, 3])),
  'ctc concatenated': ctc([8, 6, 2], [3, 2, 1], { reduction: 'sum' }),
  'ctc infeasible': ctc([4, 5], [3, 2], { zeroInfinity: true }),
  'ctc blank and no labels': ctc([6, 6], [0, 2], { blank: 3 }),
  'ctc without batch': ctc(6, 3),
  'attention packed, causal and padded': (
    query,
    key,
    value,
    outProjWeight,
    outProjBias,
    inProjWeight,
    inProjBias,
    attnMask,
    keyPaddingMask,
  ) =>
    F.multiHeadAttentionForward(query, key, value, 2, {
      outProjWeight,
      outProjBias,
      inProjWeight,
      inProjBias,
      attnMask,
      keyPaddingMask,
      embedDimToCheck: 4,
    }),
  'attention separate, bias and zero': (
    query,
    key,
    value,
    outProjWeight,
    outProjBias,
    qProjWeight,
    kProjWeight,
    vProjWeight,
    inProjBias,
    biasK,
    biasV,
    attnMask,
  ) =>
    F.multiHeadAttentionForward(query, key, value, 2, {
      outProjWeight,
      outProjBias,
      qProjWeight,
      kProjWeight,
      vProjWeight,
      inProjBias,
      biasK,
      biasV,
      attnMask,
      addZeroAttn: true,
      averageAttnWeights: false,
    }),
  'attention without batch, float and bool masks': (
    query,
    key,
    value,
    outProjWeight,
    outProjBias,
    inProjWeight,
    inProjBias,
    attnMask,
    keyPaddingMask,
  ) =>
    F.multiHeadAttentionForward(query, key, value, 2, {
      outProjWeight,
      outProjBias,
      inProjWeight,
      inProjBias,
      attnMask,
      keyPaddingMask,
    }),
  'attention with static keys': (
    query,
    key,
    value,
    outProjWeight,
    outProjBias,
    inProjWeight,
    inProjBias,
    staticK,
    staticV,
  ) =>
    F.multiHeadAttentionForward(query, key, value, 2, {
      outProjWeight,
      outProjBias,
      inProjWeight,
      inProjBias,
      staticK,
      staticV,
      addZeroAttn: true,
    }),
  'fractional 2d': (x, randomSamples) =>
    F.fractionalMaxPool2d(x, [2, 3], { outputSize: [4, 3], returnIndices: true, randomSamples }),
  'fractional 3d': (x, randomSamples) =>
    F.fractionalMaxPool3d(x, 2, { outputSize: [2, 3, 1], returnIndices: true, randomSamples }),
  lpPool1d: (x) => F.lpPool1d(x, 3, 3, { ceilMode: true }),
  lpPool2d: (x) => F.lpPool2d(x, 2, [2, 3], { stride: [1, 2] }),
  'lpPool2d of sums': (x) => F.lpPool2d(x, 1, 2, { ceilMode: true }),
  rmsNorm: (x, weight) => F.rmsNorm(x, [2, 3], { weight, eps: 0.5 }),
  'grouped queries': (query, key, value) =>
    F.scaledDotProductAttention(query, key, value, { enableGqa: true }),
};

const numbers = (text: string): number[] => text.split(' ').map(Number);

const given = ({ shape, dtype, data }: Given): Tensor =>
  tensor(numbers(data), { shape, dtype: 'float64' }).to(dtype);

/** float64, given with twelve digits. */
async function expectClose(actual: Tensor, text: string): Promise<void> {
  const expected = numbers(text);
  const values = Array.from(await actual.data(), Number);
  expect(values.length).toBe(expected.length);
  values.forEach((value, i) => {
    expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(expected[i])));
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
    const { inputs, outputs, gradients } = references[title];
    const tensors = inputs.map(given);
    const leaves = tensors.filter((x) => x.dtype === 'float64').map((x) => x.requiresGrad_());
    const result = calls[title](...tensors);
    const results = (Array.isArray(result) ? result : [result]) as Tensor[];
    expect(results.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
    for (const [i, each] of results.entries()) await expectClose(each, outputs[i].data);
    const flat = cat(results.map((x) => x.double().reshape(-1)));
    const gradOutputs = tensor(Float64Array.from({ length: flat.numel() }, (_, i) => Math.cos(i)));
    const found = grad(flat, leaves, { gradOutputs, allowUnused: true });
    for (const [i, each] of found.entries()) {
      const expected = gradients[i];
      if (expected === null) expect(each).toBe(null);
      else await expectClose(each!, expected);
    }
  });
});
