// torch.nn.functional: losses and distances.
import { functional, type Row } from '../signature.ts';

export const losses: Readonly<Record<string, Row>> = {
  'nn.functional.l1_loss': functional('l1Loss', 'input target | reduction'),
  'nn.functional.mse_loss': functional('mseLoss', 'input target | reduction'),
  'nn.functional.smooth_l1_loss': functional('smoothL1Loss', 'input target | reduction beta'),
  'nn.functional.huber_loss': functional('huberLoss', 'input target | reduction delta'),
  'nn.functional.cross_entropy': functional(
    'crossEntropy',
    'input target | weight ignore_index reduction label_smoothing',
  ),
  'nn.functional.nll_loss': functional('nllLoss', 'input target | weight ignore_index reduction'),
  'nn.functional.binary_cross_entropy': functional('binaryCrossEntropy', 'input target | weight reduction'),
  'nn.functional.binary_cross_entropy_with_logits': functional(
    'binaryCrossEntropyWithLogits',
    'input target | weight reduction pos_weight',
  ),
  'nn.functional.kl_div': functional('klDiv', 'input target | reduction log_target'),
  'nn.functional.poisson_nll_loss': functional(
    'poissonNllLoss',
    'input target | log_input full eps reduction',
  ),
  'nn.functional.gaussian_nll_loss': functional('gaussianNllLoss', 'input target var | full eps reduction'),
  'nn.functional.ctc_loss': functional(
    'ctcLoss',
    'log_probs targets input_lengths target_lengths | blank reduction zero_infinity',
  ),
  'nn.functional.soft_margin_loss': functional('softMarginLoss', 'input target | reduction'),
  'nn.functional.margin_ranking_loss': functional(
    'marginRankingLoss',
    'input1 input2 target | margin reduction',
  ),
  'nn.functional.multi_margin_loss': functional(
    'multiMarginLoss',
    'input target | p margin weight reduction',
  ),
  'nn.functional.multilabel_margin_loss': functional('multilabelMarginLoss', 'input target | reduction'),
  'nn.functional.multilabel_soft_margin_loss': functional(
    'multilabelSoftMarginLoss',
    'input target | weight reduction',
  ),
  'nn.functional.hinge_embedding_loss': functional('hingeEmbeddingLoss', 'input target | margin reduction'),
  'nn.functional.cosine_embedding_loss': functional(
    'cosineEmbeddingLoss',
    'input1 input2 target | margin reduction',
  ),
  'nn.functional.triplet_margin_loss': functional(
    'tripletMarginLoss',
    'anchor positive negative | margin p eps swap reduction',
  ),
  'nn.functional.triplet_margin_with_distance_loss': functional(
    'tripletMarginWithDistanceLoss',
    'anchor positive negative | distance_function margin swap reduction',
  ),
  'nn.functional.cosine_similarity': functional('cosineSimilarity', 'x1 x2 | dim eps'),
  'nn.functional.pairwise_distance': functional('pairwiseDistance', 'x1 x2 | p eps keepdim'),
  'nn.functional.pdist': functional('pdist', 'input p'),
};
