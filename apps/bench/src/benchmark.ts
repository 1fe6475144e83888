// What a case is: work that every implementation does in its own way, the answer to expect, and what it costs.
import type { Awaitable, Library } from './libraries/library.ts';

export const groups = ['cpu', 'overhead', 'train', 'webgpu'] as const;
export type Group = (typeof groups)[number];

/** Work that is ready to be repeated. */
export interface Prepared {
  /** Once; what it computed is computed when it returns, or when its promise resolves. */
  run(): Awaitable;
  /** The results to compare with the expected ones, without disturbing later runs. */
  results(): Promise<ArrayLike<number>>;
  dispose(): void;
}

/** Values at some positions of the results, from plain float64 arithmetic. */
export interface Expected {
  readonly positions: readonly number[];
  readonly values: readonly number[];
  /** How far a result may be off. */
  readonly tolerance: number;
}

/** What a run costs at least, from which the limit follows. */
export interface Cost {
  /** Float32 operations; a multiplication and an addition are two. */
  readonly flops?: number;
  /** Each input read once and each output written once. */
  readonly bytes?: number;
  /** Whether results are as large as inputs, or small. Default 'copy'. */
  readonly access?: 'copy' | 'read';
}

export interface Benchmark {
  readonly group: Group;
  readonly name: string;
  readonly cost: Cost;
  /** Equal parts of a run; times are given for one part. Default 1. */
  readonly parts?: number;
  /** Which implementations can do it; the others are left out. Default: all. */
  readonly suits?: <T>(library: Library<T>) => boolean;
  prepare<T>(library: Library<T>): Prepared;
  /** Null where there are no results. */
  expected(): Expected | null;
}
