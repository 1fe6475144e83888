// @nn/data: datasets, samplers, batches and file readers.
export { type Collated, defaultCollate } from './collate.ts';
export { ChainDataset, ConcatDataset, randomSplit, StackDataset, Subset } from './combined.ts';
export { type AnyDataset, Dataset, IterableDataset } from './dataset.ts';
export { decodeIdx, type IdxArray, readIdx } from './idx.ts';
export { DataLoader, type DataLoaderState } from './loader.ts';
export type { BatchOrder, DataLoaderOptions } from './loader-options.ts';
export {
  BatchSampler,
  DistributedSampler,
  type DistributedSamplerOptions,
  RandomSampler,
  type RandomSamplerOptions,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
  type WeightedRandomSamplerOptions,
} from './sampler.ts';
export type { Source } from './source.ts';
export { TensorDataset } from './tensor-dataset.ts';
export { type WorkerDatasetOptions, workerDataset } from './worker/definition.ts';
export { WorkerError } from './worker/errors.ts';
export { getWorkerInfo, type WorkerInfo } from './worker/info.ts';
export type { Recipe, WorkerLike, WorkerModule } from './worker/recipe.ts';
