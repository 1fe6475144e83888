// Convolutions, pooling, normalisation, losses and activations against PyTorch's values and gradients.
import * as F from '@nn/functional';
import { againstPyTorch } from './against-pytorch.ts';

againstPyTorch({
  'conv1d in groups, same padding': (x, w, b) =>
    F.conv1d(x, w, b, { padding: 'same', groups: 2, dilation: 2 }),
  'conv1d with stride and padding': (x, w, b) => F.conv1d(x, w, b, { stride: 2, padding: 2 }),
  'conv2d in groups': (x, w) => F.conv2d(x, w, null, { stride: [2, 1], padding: [0, 2], groups: 2 }),
  convTranspose1d: (x, w, b) =>
    F.convTranspose1d(x, w, b, { stride: 2, padding: 1, outputPadding: 1, dilation: 2 }),
  'maxPool1d with ceil': (x) => F.maxPool1d(x, 3, { stride: 2, ceilMode: true, padding: 1 }),
  maxPool2d: (x) => F.maxPool2d(x, 3, { stride: 2, ceilMode: true, padding: 1 }),
  'avgPool1d with ceil': (x) => F.avgPool1d(x, 6, { stride: 3, padding: 2, ceilMode: true }),
  batchNorm: (x, mean, variance, weight, bias) =>
    F.batchNorm(x, mean.detach().clone(), variance.detach().clone(), { weight, bias, training: true }),
  layerNorm: (x, weight, bias) => F.layerNorm(x, [2, 3], { weight, bias, eps: 0.5 }),
  groupNorm: (x, weight, bias) => F.groupNorm(x, 2, { weight, bias, eps: 0.5 }),
  instanceNorm: (x, mean, variance, weight, bias) => {
    const [runningMean, runningVar] = [mean.detach().clone(), variance.detach().clone()];
    return F.instanceNorm(x, { runningMean, runningVar, weight, bias, momentum: -1.2 });
  },
  'nllLoss weighted': (x, target, weight) => F.nllLoss(x, target, { weight: weight.detach() }),
  'bce with logits': (x, target, posWeight) =>
    F.binaryCrossEntropyWithLogits(x, target, { posWeight: posWeight.detach() }),
  klDiv: (x, target) => F.klDiv(x, target, { reduction: 'batchmean', logTarget: true }),
  huberLoss: (x, target) => F.huberLoss(x, target, { reduction: 'none', delta: 0.7 }),
  smoothL1Loss: (x, target) => F.smoothL1Loss(x, target, { beta: 0.8 }),
  binaryCrossEntropy: (x, target) => F.binaryCrossEntropy(x, target.detach()),
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
});
