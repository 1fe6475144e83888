// Operators: outputs, gradients for given cotangents, and calls that must be refused.
import { NnError } from '@nn/core';
import { isTensor } from '@nn/tensor';
import type { ErrorCase, OperatorCase } from '../case-file.ts';
import { Difference, describe, type Tolerances } from '../compare.ts';
import type { Row } from '../signature.ts';
import { indexOutputs, rowOf } from '../table/operators.ts';
import { Decoder } from '../values.ts';
import { compareGradient, compareResults, flatten, gradientsOf } from './gradients.ts';

function requireRow(operator: string): Row {
  const row = rowOf(operator);
  if (row === undefined) throw new Difference(`the table has no row for ${operator}`);
  return row;
}

/** @throws {Difference} unless outputs and gradients are PyTorch's; and what the project throws. */
export async function runOperatorCase(test: OperatorCase, tolerances: Tolerances): Promise<void> {
  const row = requireRow(test.op);
  const decoder = new Decoder();
  const given = { args: decoder.decodeAll(test.args), kwargs: decoder.decodeNamed(test.kwargs) };
  const results = flatten(await row(given));
  // Recorded before anything is read, as a user would: values and gradients then come from one graph.
  const gradients = test.cotangents === undefined ? [] : gradientsOf(results, decoder.leaves, test);
  await compareResults(results, test.out, { tolerances, indexOutputs: indexOutputs[test.op] });
  for (const [i, gradient] of gradients.entries())
    await compareGradient(`gradient ${i}`, gradient, test.grads?.[i] ?? null, { tolerances });
}

/** @throws {Difference} unless the call throws one of the project's typed errors, at once or when it is read. */
export async function runErrorCase(test: ErrorCase): Promise<void> {
  const row = requireRow(test.op);
  const decoder = new Decoder();
  const given = { args: decoder.decodeAll(test.args), kwargs: decoder.decodeNamed(test.kwargs) };
  let results: unknown[];
  try {
    results = flatten(await row(given));
    for (const result of results) if (isTensor(result)) await result.data();
  } catch (error) {
    if (error instanceof NnError && error.message !== '') return;
    throw error;
  }
  const got = results.map(describe).join(', ') || 'nothing';
  throw new Difference(`must be refused (${test.error[1].split('\n')[0]}), but gave ${got}`);
}
