// Losses over alignments, attention and pooling against PyTorch's values and gradients.
import * as F from '@nn/functional';
import { tensor } from '@nn/tensor';
import { againstPyTorch, type Call } from './against-pytorch.ts';

const ctc =
  (inputLengths: F.Lengths, targetLengths: F.Lengths, options: F.CtcLossOptions = {}): Call =>
  (x, targets) =>
    F.ctcLoss(F.logSoftmax(x, -1), targets, inputLengths, targetLengths, options);

/** Attention with two heads; `names` says which options the tensors after query, key and value are. */
const attention =
  (names: string, options: Partial<F.MultiHeadAttentionOptions> = {}): Call =>
  (query, key, value, ...rest) =>
    F.multiHeadAttentionForward(query, key, value, 2, {
      ...(Object.fromEntries(
        names.split(' ').map((name, i) => [name, rest[i]]),
      ) as unknown as F.MultiHeadAttentionOptions),
      ...options,
    });

againstPyTorch({
  'ctc padded': ctc([8, 6, 7], [3, 2, 3], { reduction: 'none' }),
  'ctc mean': (x, targets) => F.ctcLoss(F.logSoftmax(x, -1), targets, tensor([8, 6, 7]), tensor([3, 2, 3])),
  'ctc concatenated': ctc([8, 6, 2], [3, 2, 1], { reduction: 'sum' }),
  'ctc infeasible': ctc([4, 5], [3, 2], { zeroInfinity: true }),
  'ctc blank and no labels': ctc([6, 6], [0, 2], { blank: 3 }),
  'ctc without batch': ctc(6, 3),
  'attention packed, causal and padded': attention(
    'outProjWeight outProjBias inProjWeight inProjBias attnMask keyPaddingMask',
    { embedDimToCheck: 4 },
  ),
  'attention separate, bias and zero': attention(
    'outProjWeight outProjBias qProjWeight kProjWeight vProjWeight inProjBias biasK biasV attnMask',
    { addZeroAttn: true, averageAttnWeights: false },
  ),
  'attention without batch, float and bool masks': attention(
    'outProjWeight outProjBias inProjWeight inProjBias attnMask keyPaddingMask',
  ),
  'attention with static keys': attention(
    'outProjWeight outProjBias inProjWeight inProjBias staticK staticV',
    { addZeroAttn: true },
  ),
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
});
