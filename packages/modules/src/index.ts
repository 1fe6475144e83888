// @nn/modules: layers, and what models are built from.
export * from './activation.ts';
export * from './adaptive-pooling.ts';
export * from './adaptive-softmax.ts';
export * from './averaged-model.ts';
export type { BackwardHook, BackwardPreHook, Gradients } from './backward-hooks.ts';
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormLayerOptions,
} from './batch-normalization.ts';
export { ModuleDict, ModuleList } from './containers.ts';
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  type ConvPaddingMode,
} from './convolution.ts';
export { deepcopy } from './deepcopy.ts';
export * from './distance.ts';
export * from './dropout.ts';
export { Embedding, type EmbeddingLayerOptions } from './embedding.ts';
export * from './embedding-bag.ts';
export * from './fold.ts';
export * from './fractional-max-pooling.ts';
export * from './functional-call.ts';
export { type FusibleLayer, fuseConvBnEval, fuseLinearBnEval } from './fusion.ts';
export {
  type AnyForwardHook,
  type AnyForwardPreHook,
  registerModuleForwardHook,
  registerModuleForwardPreHook,
  registerModuleFullBackwardHook,
  registerModuleFullBackwardPreHook,
} from './global-hooks.ts';
export type { HookOptions } from './hooks.ts';
export * as init from './init.ts';
export * from './instance-normalization.ts';
export * from './lazy.ts';
export * from './linear.ts';
export * from './loss.ts';
export * from './loss-likelihood.ts';
export * from './loss-margin.ts';
export * from './lp-pooling.ts';
export * from './max-unpooling.ts';
export { type AnyModule, type ForwardHook, type ForwardPreHook, Module } from './module.ts';
export { isModule, ModuleBase } from './module-base.ts';
export type { MoveTarget } from './moving.ts';
export * from './multihead-attention.ts';
export * from './normalization.ts';
export type { FactoryOptions } from './options.ts';
export {
  type BatchFirstOptions,
  isPackedSequence,
  type Lengths,
  PackedSequence,
  type PackOptions,
  type PadOptions,
  packPaddedSequence,
  packSequence,
  padPackedSequence,
  padSequence,
  type UnpackOptions,
  unpadSequence,
} from './packed-sequence.ts';
export * from './padding.ts';
export * from './parameter.ts';
export * from './parameter-containers.ts';
export * as parametrizations from './parametrizations.ts';
export * as parametrize from './parametrize.ts';
export * from './pixel-shuffle.ts';
export * from './plain-activation.ts';
export * from './pooling.ts';
export * as prune from './prune.ts';
export * from './pytorch-names.ts';
export * from './recurrent.ts';
export * from './recurrent-cells.ts';
export type { RecurrentOptions } from './recurrent-layer.ts';
export * from './sequential.ts';
export * from './shape.ts';
export type {
  LoadOptions,
  LoadPostHook,
  LoadPreHook,
  LoadResult,
  StateDict,
  StateDictHook,
  StateDictOptions,
  StateDictPreHook,
} from './state-dict.ts';
export { type LayerSummary, type ModelSummary, type SummaryOptions, summary } from './summary.ts';
export * from './sync-batch-normalization.ts';
export * from './transformer.ts';
export {
  type Activation,
  type DecoderLayerCallOptions,
  type EncoderLayerCallOptions,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformer-layers.ts';
export * from './transposed-convolution.ts';
export { isUninitialized, UninitializedBuffer, UninitializedParameter } from './uninitialized.ts';
export * from './upsampling.ts';
export * from './vector.ts';
