// @nn/compiler: from a graph of nodes to a program of fused kernels. Knows no device.
export { buffersRead, buffersWritten } from './buffers.ts';
export { type CacheOptions, PlanCache, type Prepared, type Updated } from './cache.ts';
export type { CompileOptions } from './compile.ts';
export { costOf, type KernelCost } from './cost.ts';
export {
  type ExplainedBuffer,
  type ExplainedKernel,
  type ExplainOptions,
  Explanation,
  explain,
} from './explain.ts';
export { type Footprint, footprintOf } from './footprint.ts';
export { kindOf, opsOf, walkOf } from './inspect.ts';
export type { BufferReason } from './reason.ts';
export { type Column, countNames, formatBytes, formatTable } from './table.ts';
export { type ProgramVerifier, setProgramVerifier } from './verification.ts';
export { verifyProgram } from './verify.ts';
