// What the compiler hands to a backend: a program is a list of kernels over numbered buffers.
//
// One idea covers almost all of them: a kernel walks `extents`; at each coordinate a *producer* (nothing, a
// reduction, a dot product) yields values, then an *epilogue* of scalar instructions computes from them and from
// loads what is stored. Movement never costs a kernel: it is in the accesses.
import type { DType } from './dtype.ts';
import type { Access, Affine, Instruction, Value } from './scalar.ts';

export type ReduceOp =
  | 'sum'
  | 'prod'
  /** NaN wins. On bool: or. */
  | 'max'
  /** NaN wins. On bool: and. */
  | 'min'
  /** Row-major position within the reduced extents of the first maximum (the first NaN wins); dtype int32. */
  | 'argmax'
  | 'argmin';

export interface Accumulator {
  readonly op: ReduceOp;
  /** Index into the reduction's body. */
  readonly value: Value;
  /** The result's dtype: the value's own, int32 for argmax and argmin. */
  readonly dtype: DType;
}

/** Accumulates over `extents` (walked inside the kernel's extents; an empty range gives the identity). */
export interface Reduction {
  readonly kind: 'reduce';
  readonly extents: readonly number[];
  readonly body: readonly Instruction[];
  readonly accumulators: readonly Accumulator[];
}

/** One factor of a dot: its affine function takes the kernel's extents followed by the dot's inner extents. */
export interface DotOperand extends Affine {
  readonly buffer: number;
}

/**
 * result[c] = Σ_k left[c, k] * right[c, k]. The kernel's extents are batch, then row, then column coordinates
 * (`batchRank`, `rowRank`, the rest); left does not depend on columns nor right on rows. Convolution is this with
 * overlapping strides.
 */
export interface Dot {
  readonly kind: 'dot';
  readonly dtype: DType;
  readonly batchRank: number;
  readonly rowRank: number;
  readonly inner: readonly number[];
  readonly left: DotOperand;
  readonly right: DotOperand;
}

/**
 * Writes instruction `value` to the buffer at every coordinate (distinct coordinates go to distinct elements, as do
 * several stores into one buffer). A kernel may load from a buffer that it stores to, without guards and at exactly the
 * element that it stores at that coordinate: an update in place.
 */
export interface Store {
  readonly access: Access;
  readonly value: Value;
}

export interface LoopKernel {
  readonly kind: 'loop';
  /** Short, and readable. */
  readonly name: string;
  /** The ops that it computes, in order and in full, for those who look into a program. Devices ignore it. */
  readonly ops?: readonly string[];
  readonly extents: readonly number[];
  readonly producer: Reduction | Dot | null;
  /** Sees the kernel's extents and the producer's results. */
  readonly epilogue: readonly Instruction[];
  readonly stores: readonly Store[];
}

/**
 * Loops over the same rows, in order: softmax is a maximum, a sum and a quotient. At each row a step reads of what
 * another step writes only what that writes at this row. So a device may finish row after row, while a row's data is
 * near, or step after step.
 */
export interface RowsKernel {
  readonly kind: 'rows';
  readonly name: string;
  /** The rows: every step's extents begin with these. */
  readonly extents: readonly number[];
  /** Without dots. */
  readonly steps: readonly LoopKernel[];
}

/**
 * Loops that have nothing to do with each other, so that a device may run them in any order, or side by side: an
 * optimizer's updates of all parameters. None writes an element that another one reads or writes; several may write
 * different parts of one buffer.
 */
export interface ParallelKernel {
  readonly kind: 'parallel';
  readonly name: string;
  /** Without dots. */
  readonly parts: readonly LoopKernel[];
}

/** Plain copy of a whole buffer to another of the same dtype and length. */
export interface CopyKernel {
  readonly kind: 'copy';
  readonly name: string;
  readonly source: number;
  readonly target: number;
}

export type ScatterMode = 'set' | 'sum' | 'prod' | 'max' | 'min';

/**
 * For every i in order: target[index[i]] = combine(target[index[i]], source[i]), where source and target are contiguous
 * rows of `width` elements: `count` of them and `targetSize`. index is int32; indices outside [0, targetSize) are
 * ignored. With 'set' the last wins.
 */
export interface ScatterKernel {
  readonly kind: 'scatter';
  readonly name: string;
  readonly mode: ScatterMode;
  readonly count: number;
  readonly targetSize: number;
  /** Default: 1. */
  readonly width?: number;
  readonly index: number;
  readonly source: number;
  readonly target: number;
}

export type ScanOp = 'sum' | 'prod' | 'max' | 'min';

/** Inclusive scan along the middle of contiguous [outer, length, inner] from source to target. */
export interface ScanKernel {
  readonly kind: 'scan';
  readonly name: string;
  readonly op: ScanOp;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly source: number;
  readonly target: number;
}

/**
 * Stable argsort along the middle of contiguous [outer, length, inner]: target (int32), [outer, count, inner], holds
 * positions in [0, length): of the sorted order, `count` from place `start` on. NaN is greater than every number.
 */
export interface ArgsortKernel {
  readonly kind: 'argsort';
  readonly name: string;
  readonly descending: boolean;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  /** Default: 0. */
  readonly start?: number;
  /** At most `length - start`: finding a few is less work than sorting. */
  readonly count: number;
  readonly source: number;
  readonly target: number;
}

export type Kernel =
  | LoopKernel
  | RowsKernel
  | ParallelKernel
  | CopyKernel
  | ScatterKernel
  | ScanKernel
  | ArgsortKernel;

export interface BufferSpec {
  readonly dtype: DType;
  /** Elements. */
  readonly length: number;
  /**
   * Inputs and outputs are bound at each run, in the order of their appearance; temporaries lie in the arena. What is
   * 'updated' is an input, bound among the inputs, that the program writes over.
   */
  readonly role: 'input' | 'updated' | 'output' | 'temporary';
  /** Byte offset in the arena, for temporaries; 256-byte aligned. */
  readonly offset: number;
}

/** A whole flush. Kernels run in order, each seeing what earlier ones wrote. */
export interface Program {
  readonly buffers: readonly BufferSpec[];
  readonly params: readonly DType[];
  readonly kernels: readonly Kernel[];
  readonly arenaBytes: number;
}
