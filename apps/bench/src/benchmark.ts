// What a case is: data. The work in the words of each implementation, its inputs, the answer to expect, what it costs.
import type { Tensor } from '@nn/tensor';
import type { Network } from './networks/network.ts';

export const groups = ['cpu', 'overhead', 'train', 'webgpu'] as const;
export type Group = (typeof groups)[number];

/** Some implementations finish at once, others are waited for; waiting for nothing would cost the fast ones. */
export type Awaitable = void | Promise<void>;

export type Values = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

export interface Input {
  readonly values: Values;
  readonly shape: readonly number[];
  /** In PyTorch's order of dimensions; for implementations that want another one. */
  readonly layout?: Layout;
}

/** [batch, channels, height, width]; [outputs, inputs, height, width]; [channels, 1, height, width]. */
export type Layout = 'images' | 'kernel' | 'depthwise kernel';

export type Jax = typeof import('@jax-js/jax');
export type JaxArray = import('@jax-js/jax').numpy.Array;
export type Tfjs = typeof import('@tensorflow/tfjs');
export type TfTensor = import('@tensorflow/tfjs').Tensor;

/** One result or several, from the inputs. */
export type Computation<T> = (...inputs: T[]) => T | readonly T[];

/** The same operation as each implementation's own users write it; missing where an implementation cannot. */
export interface Versions {
  readonly nn: Computation<Tensor>;
  /** Goes through `jit`, and so must use each input once; `.ref` makes for another use. */
  readonly jax?: (jax: Jax) => Computation<JaxArray>;
  readonly tfjs?: (tf: Tfjs) => Computation<TfTensor>;
  /** An expression of Python over the inputs a, b, c … or all of them, `inputs`, and torch and F. */
  readonly torch?: string;
}

/** Work with a state: made once from the inputs, then repeated. What it gives stays its own. */
export interface StatefulVersions {
  readonly nn: (...inputs: Tensor[]) => () => readonly Tensor[];
  readonly jax?: (jax: Jax) => (...inputs: JaxArray[]) => () => readonly JaxArray[];
  readonly tfjs?: (tf: Tfjs) => (...inputs: TfTensor[]) => () => readonly TfTensor[];
  /** Statements of Python that define `run` from `inputs`. */
  readonly torch?: string;
}

/** Values at some positions of the results, from plain float64 arithmetic or from another implementation. */
export interface Expected {
  readonly positions: readonly number[];
  readonly values: readonly number[];
}

/** How far a result may be off. */
export interface Tolerance {
  readonly absolute: number;
  /** Of the expected value's size. Default 0. */
  readonly relative?: number;
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

interface Case {
  readonly group: Group;
  /** Cases that are shown together. */
  readonly subject: string;
  readonly name: string;
  readonly cost: Cost;
  readonly tolerance: Tolerance;
  /** Equal parts of a run; times are given for one part. Default 1. */
  readonly parts?: number;
  /** Implementations that can do it in reasonable time; the others are left out. Default: all. */
  readonly suits?: (implementation: string) => boolean;
  /** Undefined where implementations are compared with each other. */
  readonly expected?: () => Expected;
}

/** Operations on tensors that stay: computed, not read, and freed. */
export interface Operation extends Case {
  readonly kind: 'operation';
  readonly inputs: () => readonly Input[];
  /** Of the first result, for implementations that have another. */
  readonly resultLayout?: Layout;
  readonly versions: Versions;
  /** Whether calls are measured that nothing prepared: one by one, not compiled. Default false. */
  readonly eager?: boolean;
  /** Whether only recording is measured, and nothing computed. Default false. */
  readonly recordOnly?: boolean;
}

export interface StatefulOperation extends Case {
  readonly kind: 'stateful';
  readonly inputs: () => readonly Input[];
  readonly versions: StatefulVersions;
}

/** A step of training (forward, backward, update), or a forward pass. */
export interface Training extends Case {
  readonly kind: 'training';
  readonly pass: 'step' | 'forward';
  readonly network: () => Network;
}

export type Benchmark = Operation | StatefulOperation | Training;

/** Work that is ready to be repeated. */
export interface Prepared {
  /** Repeats it so many times; milliseconds of all. What is computed is computed when it is over. */
  time(count: number): Promise<number>;
  /** The results at some positions, or all; of several one after the other. Work with a state goes on by a run or more. */
  results(positions: readonly number[] | undefined): Promise<ArrayLike<number>>;
  dispose(): Awaitable;
}

/** The time of so many runs, and of `settle`, which waits for what goes on behind the last one. */
export async function timeRuns(
  run: () => Awaitable,
  count: number,
  settle: () => Awaitable = () => {},
): Promise<number> {
  const start = performance.now();
  for (let at = 0; at < count; at++) {
    const done = run();
    if (done !== undefined) await done;
  }
  await settle();
  return performance.now() - start;
}
