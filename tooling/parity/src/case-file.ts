// The cases as they lie in the files: one JSON object a line, gzipped or not.
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { DType } from '@nn/tensor';

export const kinds = ['ops', 'linalg', 'errors', 'modules', 'optim', 'sched', 'dist'] as const;
export type Kind = (typeof kinds)[number];

export type JsonNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export interface TensorValue {
  readonly tensor: DType;
  readonly shape: readonly number[];
  /** Row-major, whatever the stride. */
  readonly data: readonly (JsonNumber | boolean)[];
  readonly stride?: readonly number[];
  /** A leaf that requires gradient: the position of its gradient among `grads`. */
  readonly grad?: number;
}

/** A value as it stands in the file; `decode` in values.ts gives what it stands for. */
export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | TensorValue
  | { readonly [key: string]: Value | undefined };

interface Arguments {
  readonly args: readonly Value[];
  readonly kwargs: { readonly [name: string]: Value };
}

interface Gradients {
  /** Gradients of the outputs at the positions `cotangent_of`. */
  readonly cotangents?: readonly TensorValue[];
  readonly cotangent_of?: readonly number[];
  /** One for each leaf; null: PyTorch gives it none. */
  readonly grads?: readonly (TensorValue | null)[];
}

export interface OperatorCase extends Arguments, Gradients {
  readonly op: string;
  /** Which of PyTorch's tests of the operator it comes from; mostly ''. */
  readonly variant: string;
  /** The dtype that the case is made for. */
  readonly dtype: string;
  readonly out: readonly TensorValue[];
}

export interface ErrorCase extends Arguments {
  readonly op: string;
  /** PyTorch's exception and its message. */
  readonly error: readonly [string, string];
}

export type State = Readonly<Record<string, TensorValue>>;

export interface ModuleCase extends Arguments, Gradients {
  readonly module: string;
  readonly ctor_args: readonly Value[];
  readonly ctor_kwargs: { readonly [name: string]: Value };
  readonly training: boolean;
  readonly state: State;
  readonly out: readonly TensorValue[];
  readonly param_grads: Readonly<Record<string, TensorValue | null>>;
  readonly state_after: State;
}

export interface OptimizerCase {
  readonly optimizer: string;
  readonly kwargs: { readonly [name: string]: Value };
  readonly A: TensorValue;
  readonly b: TensorValue;
  readonly x0: TensorValue;
  readonly c0: TensorValue;
  readonly loss: readonly JsonNumber[];
  readonly x: readonly TensorValue[];
  readonly c: readonly TensorValue[];
}

export interface SchedulerCase {
  readonly scheduler: string;
  readonly kwargs: { readonly [name: string]: Value };
  readonly base_lr: number;
  readonly lr: readonly number[];
  readonly momentum?: readonly number[];
  readonly metrics?: readonly number[];
}

/** A distribution, a divergence of two, or a transform. */
export interface DistributionCase {
  readonly distribution?: string;
  readonly kl?: readonly [string, string];
  readonly transform?: string;
}

export type Case = OperatorCase | ErrorCase | ModuleCase | OptimizerCase | SchedulerCase | DistributionCase;

/** The lines of a file of cases. */
export async function readLines(path: string): Promise<string[]> {
  const bytes = await readFile(path);
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = (gzipped ? await promisify(gunzip)(bytes) : bytes).toString('utf8');
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** What a case tests, by what it holds; null for an object that is no case. */
export function kindOf(test: Case): Exclude<Kind, 'linalg'> | null {
  if ('error' in test) return 'errors';
  if ('op' in test) return 'ops';
  if ('module' in test) return 'modules';
  if ('optimizer' in test) return 'optim';
  if ('scheduler' in test) return 'sched';
  return 'distribution' in test || 'kl' in test || 'transform' in test ? 'dist' : null;
}

/** The name that a case's result is listed under: PyTorch's. */
export function operatorOf(test: Case): string {
  if ('op' in test) return test.op;
  if ('module' in test) return test.module;
  if ('optimizer' in test) return test.optimizer;
  if ('scheduler' in test) return test.scheduler;
  const { distribution, kl, transform } = test as DistributionCase;
  return distribution ?? transform ?? `kl(${kl?.join(', ') ?? ''})`;
}
