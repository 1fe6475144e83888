// @nn/compiler: from a graph of nodes to a program of fused kernels. Knows no device.
export { type CacheOptions, PlanCache, type Prepared, type Updated } from './cache.ts';
export type { CompileOptions } from './compile.ts';
export { explain } from './explain.ts';
export { verifyProgram } from './verify.ts';
