// All cases, in the order in which they run.
import type { Benchmark } from '../benchmark.ts';
import { activations } from './activations.ts';
import { attentionCases } from './attention.ts';
import { convolutions } from './convolutions.ts';
import { fullSizes, type Sizes } from './data.ts';
import { chains, elementwiseCases, elementwiseOnGpu } from './elementwise.ts';
import { matrixProducts, matrixProductsOnGpu } from './matrix-products.ts';
import { optimizerCases } from './optimizers.ts';
import { overheadCases } from './overhead.ts';
import { poolings } from './pooling.ts';
import { reductionCases } from './reductions.ts';
import { rowCases } from './rows.ts';
import { selections } from './selection.ts';
import { trainingCases } from './training.ts';

export function benchmarks(sizes: Sizes = fullSizes): Benchmark[] {
  return [
    ...matrixProducts(sizes),
    ...elementwiseCases(sizes),
    ...chains(sizes),
    ...reductionCases(sizes),
    ...rowCases(sizes),
    ...convolutions(sizes),
    ...poolings(sizes),
    ...attentionCases(sizes),
    ...selections(sizes),
    ...activations(sizes),
    ...overheadCases(),
    ...optimizerCases(sizes),
    ...trainingCases(sizes),
    ...matrixProductsOnGpu(sizes),
    ...elementwiseOnGpu(sizes),
  ];
}
