// Learning-rate schedulers: twenty values of the rate, and of momentum where the case lists it.
import { tensor } from '@nn/tensor';
import { callMethod, construct, readProperty } from '../api.ts';
import type { SchedulerCase } from '../case-file.ts';
import { Difference } from '../compare.ts';
import { argumentsOf, parseSignature, withCamelCaseValues } from '../signature.ts';
import { schedulerRows } from '../table/schedules.ts';
import { Decoder } from '../values.ts';

/** Rates are float64 in both. */
const relativeTolerance = 1e-7;

/** @throws {Difference} unless the rates are PyTorch's. */
export async function runSchedulerCase(test: SchedulerCase): Promise<void> {
  const row = schedulerRows[test.scheduler];
  if (row === undefined) throw new Difference(`the table has no row for ${test.scheduler}`);
  const parameter = tensor([1, 2], { dtype: 'float32', requiresGrad: true });
  parameter.grad = tensor([0, 0], { dtype: 'float32' });
  const withMomentum = test.momentum === undefined ? {} : { momentum: 0.9 };
  const optimizer = construct('@nn/optim', 'SGD', [[parameter], { lr: test.base_lr, ...withMomentum }]);
  const kwargs = withCamelCaseValues(new Decoder().decodeNamed(test.kwargs));
  const given = argumentsOf(parseSignature(row), { args: [], kwargs });
  const scheduler = construct('@nn/optim', test.scheduler, [optimizer, ...given]);
  for (const [i, rate] of test.lr.entries()) {
    // A rate that follows a metric is listed after the step with it, any other one before the step.
    if (test.metrics !== undefined) await step(optimizer, scheduler, [test.metrics[i]]);
    check(`rate ${i}`, groupValue(optimizer, 'lr'), rate);
    if (test.momentum !== undefined)
      check(`momentum ${i}`, groupValue(optimizer, 'momentum'), test.momentum[i]);
    if (test.metrics === undefined) await step(optimizer, scheduler, []);
  }
}

async function step(optimizer: object, scheduler: object, args: readonly number[]): Promise<void> {
  await callMethod(optimizer, 'step', []);
  callMethod(scheduler, 'step', args);
}

function groupValue(optimizer: object, name: string): unknown {
  const groups = readProperty(optimizer, 'paramGroups') as readonly Record<string, unknown>[];
  return groups[0][name];
}

function check(what: string, actual: unknown, expected: number): void {
  const near =
    typeof actual === 'number' && Math.abs(actual - expected) <= relativeTolerance * Math.abs(expected);
  if (!near) throw new Difference(`${what}: expected ${expected}, got ${String(actual)}`);
}
