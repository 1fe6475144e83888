// Results of an operator or module, and the gradients of its leaves.
import { grad } from '@nn/autograd';
import { isTensor, type Tensor } from '@nn/tensor';
import type { TensorValue } from '../case-file.ts';
import { type Comparison, compare, Difference, describe } from '../compare.ts';
import { decodeTensor } from '../values.ts';

/** Tensors and numbers of nested arrays and objects, in order. */
export function flatten(result: unknown): unknown[] {
  if (result === null || result === undefined) return [];
  if (isTensor(result) || typeof result !== 'object') return [result];
  return Object.values(result).flatMap(flatten);
}

export interface ResultOptions extends Omit<Comparison, 'isIndex'> {
  /** Positions of the results that are indices. */
  readonly indexOutputs?: readonly number[];
}

/** @throws {Difference} unless the results are the expected ones, one by one. */
export async function compareResults(
  results: readonly unknown[],
  expected: readonly TensorValue[],
  { tolerances, indexOutputs = [] }: ResultOptions,
): Promise<void> {
  if (results.length !== expected.length) {
    const got = results.map(describe).join(', ') || 'none';
    throw new Difference(`expected ${expected.length} outputs, got ${results.length}: ${got}`);
  }
  for (const [i, value] of expected.entries()) {
    const what = expected.length === 1 ? 'output' : `output ${i}`;
    await compare(what, results[i], value, { tolerances, isIndex: indexOutputs.includes(i) });
  }
}

export interface GradientCase {
  readonly cotangents?: readonly TensorValue[];
  readonly cotangent_of?: readonly number[];
}

/** Gradients of the results' leaves for the case's cotangents. */
export function gradientsOf(
  results: readonly unknown[],
  leaves: readonly Tensor[],
  { cotangents = [], cotangent_of = [] }: GradientCase,
): (Tensor | null)[] {
  if (leaves.length === 0) return [];
  const outputs = cotangent_of.map((position) => {
    const output = results[position];
    if (!isTensor(output)) throw new Difference(`output ${position} is no tensor: ${describe(output)}`);
    return output;
  });
  const roots = outputs.map((output, i) => ({ output, cotangent: decodeTensor(cotangents[i]) }));
  // An output without a record has no leaves behind it.
  const recorded = roots.filter(({ output }) => output.requiresGrad);
  return grad(
    recorded.map(({ output }) => output),
    leaves,
    { gradOutputs: recorded.map(({ cotangent }) => cotangent), allowUnused: true },
  );
}

/** @throws {Difference} unless the gradient is the expected one; null stands for no gradient. */
export async function compareGradient(
  what: string,
  gradient: Tensor | null,
  expected: TensorValue | null,
  options: Comparison,
): Promise<void> {
  if (expected === null && gradient === null) return;
  if (expected === null) throw new Difference(`${what}: expected none, got ${describe(gradient)}`);
  if (gradient === null)
    throw new Difference(`${what}: expected ${expected.tensor} [${expected.shape.join(', ')}], got none`);
  await compare(what, gradient, expected, options);
}
