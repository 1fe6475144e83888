// All cases, in the order in which they run.
import type { Benchmark } from '../benchmark.ts';
import { elementwiseCases, elementwiseOnGpu } from './elementwise.ts';
import { matrixProducts, matrixProductsOnGpu } from './matrix-products.ts';
import { overheadCases } from './overhead.ts';
import { reductions } from './reductions.ts';
import { trainingCases } from './training.ts';

export const benchmarks: readonly Benchmark[] = [
  ...matrixProducts,
  ...elementwiseCases,
  ...reductions,
  ...overheadCases,
  ...trainingCases,
  ...matrixProductsOnGpu,
  ...elementwiseOnGpu,
];
