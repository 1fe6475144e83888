// @nn/data: datasets, samplers, batches and file readers.
export { defaultCollate } from './collate.ts';
export { ConcatDataset, Dataset, IterableDataset, randomSplit, Subset, TensorDataset } from './dataset.ts';
export { decodeIdx, type IdxArray, readIdx } from './idx.ts';
export { DataLoader, type DataLoaderOptions } from './loader.ts';
export {
  BatchSampler,
  RandomSampler,
  type RandomSamplerOptions,
  type Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from './sampler.ts';
export type { Source } from './source.ts';
