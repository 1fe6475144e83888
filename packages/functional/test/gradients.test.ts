// First and second derivatives against finite differences, in float64.
import { gradcheck, gradgradcheck } from '@nn/autograd';
import * as F from '@nn/functional';
import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { describe, expect, it } from 'vitest';

use(interpreter());

/** Values that differ, away from joints and ties. */
function values(shape: readonly number[], shift = 0, scale = 1): Tensor {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const data = Float64Array.from(
    { length: count },
    (_, i) => scale * Math.sin(1.3 * i * i + 0.7 * i + 0.5 + shift),
  );
  return tensor(data, { shape: [...shape], dtype: 'float64', requiresGrad: true });
}

/** Probabilities or variances. */
const positive = (shape: readonly number[], shift = 0): Tensor =>
  values(shape, shift).detach().mul(0.4).add(0.5).requiresGrad_();

const targets = (shape: readonly number[]): Tensor => values(shape, 2).detach();

type Sample = readonly [fn: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]];

const first = ([x]: readonly [Tensor, ...unknown[]]): Tensor => x;

const samples = (): { readonly [title: string]: Sample } => ({
  gelu: [(x) => F.gelu(x), values([5])],
  'gelu by tanh': [(x) => F.gelu(x, { approximate: 'tanh' }), values([5])],
  celu: [(x) => F.celu(x, 0.5), values([5])],
  elu: [(x) => F.elu(x, 0.5), values([5])],
  selu: [(x) => F.selu(x), values([5])],
  silu: [(x) => F.silu(x), values([5])],
  mish: [(x) => F.mish(x), values([5])],
  softplus: [(x) => F.softplus(x, { beta: 2 }), values([5])],
  logSigmoid: [F.logSigmoid, values([5])],
  softsign: [F.softsign, values([5])],
  tanhshrink: [F.tanhshrink, values([5])],
  glu: [(x) => F.glu(x, 0), values([4, 2])],
  hardswish: [(x) => F.hardswish(x), values([5], 0, 4)],
  leakyRelu: [(x) => F.leakyRelu(x), values([5])],
  prelu: [F.prelu, values([2, 3, 2]), values([3])],
  rrelu: [(x) => F.rrelu(x), values([5])],
  softmax: [(x) => F.softmax(x, 1), values([2, 3])],
  softmin: [(x) => F.softmin(x, 0), values([2, 3])],
  logSoftmax: [(x) => F.logSoftmax(x, 1), values([2, 3])],

  softMarginLoss: [(x) => F.softMarginLoss(x, tensor([1, -1, 1])), values([3])],
  marginRankingLoss: [
    (x, y) => F.marginRankingLoss(x, y, tensor([1, -1, 1]), { margin: 0.3 }),
    values([3]),
    values([3], 1),
  ],
  hingeEmbeddingLoss: [(x) => F.hingeEmbeddingLoss(x, tensor([1, -1, 1])), values([3])],
  cosineEmbeddingLoss: [
    (x, y) => F.cosineEmbeddingLoss(x, y, tensor([1, -1]), { margin: -0.9 }),
    values([2, 3]),
    values([2, 3], 1),
  ],
  'multiMarginLoss, squared': [
    (x, weight) => F.multiMarginLoss(x, tensor([2, 0]), { p: 2, weight }),
    values([2, 3]),
    positive([3]).detach(),
  ],
  multilabelMarginLoss: [
    (x) =>
      F.multilabelMarginLoss(
        x,
        tensor([
          [1, 2, -1],
          [0, -1, 1],
        ]),
      ),
    values([2, 3]),
  ],
  multilabelSoftMarginLoss: [
    (x) =>
      F.multilabelSoftMarginLoss(
        x,
        tensor([
          [1, 0, 1],
          [0, 1, 1],
        ]),
      ),
    values([2, 3]),
  ],
  tripletMarginLoss: [
    (a, p, n) => F.tripletMarginLoss(a, p, n, { swap: true, margin: 3 }),
    values([2, 3]),
    values([2, 3], 1),
    values([2, 3], 2),
  ],
  tripletMarginWithDistanceLoss: [
    (a, p, n) =>
      F.tripletMarginWithDistanceLoss(a, p, n, {
        distanceFunction: (x, y) => x.sub(y).square().sum(-1),
        margin: 3,
      }),
    values([2, 3]),
    values([2, 3], 1),
    values([2, 3], 2),
  ],
  poissonNllLoss: [(x) => F.poissonNllLoss(x, targets([4]).abs(), { full: true }), values([4])],
  'poissonNllLoss of rates': [(x) => F.poissonNllLoss(x, targets([4]), { logInput: false }), positive([4])],
  gaussianNllLoss: [
    (x, t, v) => F.gaussianNllLoss(x, t, v, { full: true }),
    values([2, 3]),
    values([2, 3], 1),
    positive([2, 1]),
  ],
  smoothL1Loss: [(x, y) => F.smoothL1Loss(x, y, { beta: 0.7 }), values([4]), values([4], 1)],
  huberLoss: [(x, y) => F.huberLoss(x, y, { delta: 0.7 }), values([4]), values([4], 1)],
  klDiv: [(x, t) => F.klDiv(x, t, { reduction: 'batchmean' }), values([2, 3]), positive([2, 3])],
  binaryCrossEntropy: [(x) => F.binaryCrossEntropy(x, positive([4], 1).detach()), positive([4])],
  binaryCrossEntropyWithLogits: [(x, t) => F.binaryCrossEntropyWithLogits(x, t), values([4]), positive([4])],
  crossEntropy: [(x) => F.crossEntropy(x, tensor([2, 0]), { labelSmoothing: 0.2 }), values([2, 3])],
  'ctcLoss of any numbers': [
    (x) =>
      F.ctcLoss(
        x,
        tensor([
          [1, 1],
          [2, 1],
        ]),
        [4, 3],
        [2, 2],
        { reduction: 'sum' },
      ),
    values([4, 2, 3]),
  ],
  'ctcLoss of logSoftmax': [
    (x) =>
      F.ctcLoss(
        F.logSoftmax(x, -1),
        tensor([
          [1, 2],
          [2, 1],
        ]),
        [3, 3],
        [2, 1],
      ),
    values([3, 2, 3]),
  ],

  cosineSimilarity: [(x, y) => F.cosineSimilarity(x, y), values([2, 3]), values([2, 3], 1)],
  pairwiseDistance: [(x, y) => F.pairwiseDistance(x, y), values([2, 3]), values([2, 3], 1)],
  pdist: [(x) => F.pdist(x), values([3, 2])],
  'pdist, p = 3': [(x) => F.pdist(x, 3), values([3, 2])],
  normalize: [(x) => F.normalize(x, { p: 3 }), values([2, 3])],

  layerNorm: [
    (x, weight, bias) => F.layerNorm(x, 3, { weight, bias }),
    values([2, 3]),
    values([3]),
    values([3]),
  ],
  nativeLayerNorm: [(x) => F.nativeLayerNorm(x, 3).reduce((sum, part) => sum.add(part)), values([2, 3])],
  nativeBatchNorm: [
    (x, weight) => first(F.nativeBatchNorm(x, null, null, { weight, training: true })),
    values([3, 2]),
    values([2]),
  ],
  rmsNorm: [(x, weight) => F.rmsNorm(x, 3, { weight }), values([2, 3]), values([3])],
  groupNorm: [(x) => F.groupNorm(x, 2), values([1, 4, 2])],
  instanceNorm: [(x) => F.instanceNorm(x), values([1, 2, 3])],
  localResponseNorm: [(x) => F.localResponseNorm(x, 2, { alpha: 1 }), values([1, 3, 2])],

  lpPool1d: [(x) => F.lpPool1d(x, 3, 2, { stride: 1 }), positive([1, 4])],
  lpPool2d: [(x) => F.lpPool2d(x, 2, 2), values([1, 2, 4])],
  maxUnpool2d: [
    (x) =>
      F.maxUnpool2d(
        x,
        tensor([
          [
            [0, 3],
            [9, 14],
          ],
        ]),
        2,
      ),
    values([1, 2, 2]),
  ],
  fractionalMaxPool2d: [
    (x) => F.fractionalMaxPool2d(x, 2, { outputSize: 2, randomSamples: tensor([[[0.3, 0.8]]]).double() }),
    values([1, 4, 5]),
  ],
  fold: [(x) => F.fold(x, [3, 4], 2, { padding: 1, stride: 2 }).square(), values([4, 6])],
  'fold of tiles': [(x) => F.fold(x, [5, 4], 2, { stride: 2 }).square(), values([4, 4])],
  unfold: [(x) => F.unfold(x, 2, { dilation: 2 }).square(), values([1, 3, 4])],
  pixelShuffle: [(x) => F.pixelShuffle(x, 2).square(), values([4, 1, 2])],
  pixelUnshuffle: [(x) => F.pixelUnshuffle(x, 2).square(), values([1, 2, 2])],
  channelShuffle: [(x) => F.channelShuffle(x, 2).square(), values([1, 4, 2])],
  'interpolate linear': [(x) => F.interpolate(x, { size: 5, mode: 'linear' }).square(), values([1, 1, 3])],
  'interpolate linear by phases': [
    (x) => F.interpolate(x, { size: 9, mode: 'linear' }).square(),
    values([1, 1, 6]),
  ],
  'interpolate bicubic by phases': [
    (x) => F.interpolate(x, { scaleFactor: [2, 0.5], mode: 'bicubic' }).square(),
    values([1, 1, 2, 4]),
  ],
  'interpolate bicubic': [
    (x) => F.interpolate(x, { size: [2, 3], mode: 'bicubic', antialias: true }).square(),
    values([1, 1, 3, 4]),
  ],
  'gridSample bilinear': [(x, y) => F.gridSample(x, y), values([1, 2, 3, 3]), values([1, 2, 2, 2], 1, 0.8)],
  'gridSample bicubic': [
    (x, grid) => F.gridSample(x, grid, { mode: 'bicubic', paddingMode: 'reflection' }),
    values([1, 1, 3, 3]),
    values([1, 2, 1, 2], 1, 0.8),
  ],
  affineGrid: [(theta) => F.affineGrid(theta, [1, 1, 2, 2]).square(), values([1, 2, 3])],

  embeddingBag: [
    (weight, perSampleWeights) =>
      F.embeddingBag(tensor([0, 2, 2, 1]), weight, {
        offsets: tensor([0, 1]),
        mode: 'sum',
        perSampleWeights,
      }),
    values([3, 2]),
    values([4]),
  ],
  scaledDotProductAttention: [
    (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true, scale: 0.7 }),
    values([2, 2]),
    values([3, 2], 1),
    values([3, 2], 2),
  ],
  multiHeadAttentionForward: [
    (x, inProjWeight, outProjWeight, biasK, biasV) =>
      first(
        F.multiHeadAttentionForward(x, x, x, 2, {
          inProjWeight,
          outProjWeight,
          biasK,
          biasV,
          addZeroAttn: true,
        }),
      ),
    values([2, 1, 2]),
    values([6, 2], 1),
    values([2, 2], 2),
    values([1, 1, 2], 3),
    values([1, 1, 2], 4),
  ],
});

describe('derivatives', () => {
  it.each(Object.keys(samples()))('%s', async (title) => {
    const [fn, ...inputs] = samples()[title];
    expect(await gradcheck(fn, inputs)).toBe(true);
    expect(await gradgradcheck(fn, inputs)).toBe(true);
  });
});
