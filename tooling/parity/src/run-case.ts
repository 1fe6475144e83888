// Runs one case and says how it went.
import { UnsupportedError } from '@nn/core';
import { MissingApiError } from './api.ts';
import {
  type Case,
  type ErrorCase,
  kindOf,
  type ModuleCase,
  type OperatorCase,
  type OptimizerCase,
  operatorOf,
  type SchedulerCase,
} from './case-file.ts';
import { Difference, type Tolerances } from './compare.ts';
import { runModuleCase } from './kinds/modules.ts';
import { runErrorCase, runOperatorCase } from './kinds/operators.ts';
import { runOptimizerCase } from './kinds/optimizers.ts';
import { runSchedulerCase } from './kinds/schedulers.ts';

export type Status = 'passed' | 'failed' | 'skipped';

export interface Outcome {
  /** PyTorch's name, followed by its kind for kinds whose names would clash: `add (errors)`. */
  readonly operator: string;
  readonly status: Status;
  /** The first difference, or why the case was skipped. */
  readonly message?: string;
}

export interface DeviceUnderTest {
  readonly tolerances: Tolerances;
  /** Dtypes that the device states it lacks. Cases that need one are skipped: they cannot be run there. */
  readonly lacks: ReadonlySet<string>;
}

/** The name that results are listed under. */
export function labelOf(test: Case): string {
  return 'error' in test ? `${test.op} (errors)` : operatorOf(test);
}

export async function runCase(test: Case, device: DeviceUnderTest): Promise<Outcome> {
  const operator = labelOf(test);
  const fitted = fitToDevice(test, device.lacks);
  const missing = [...device.lacks].find((dtype) => JSON.stringify(fitted).includes(`"${dtype}"`));
  if (missing !== undefined) return { operator, status: 'skipped', message: `the device has no ${missing}` };
  try {
    await runByKind(fitted, device.tolerances);
    return { operator, status: 'passed' };
  } catch (error) {
    return { operator, status: 'failed', message: messageOf(error) };
  }
}

/** Where a device has no int64, int32 takes its place, as it does for integers from JavaScript numbers. */
function fitToDevice(test: Case, lacks: ReadonlySet<string>): Case {
  if (!lacks.has('int64')) return test;
  return JSON.parse(JSON.stringify(test).replaceAll('"int64"', '"int32"'));
}

async function runByKind(test: Case, tolerances: Tolerances): Promise<void> {
  switch (kindOf(test)) {
    case 'errors':
      return runErrorCase(test as ErrorCase);
    case 'ops':
      return runOperatorCase(test as OperatorCase, tolerances);
    case 'modules':
      return runModuleCase(test as ModuleCase, tolerances);
    case 'optim':
      return runOptimizerCase(test as OptimizerCase, tolerances);
    case 'sched':
      return runSchedulerCase(test as SchedulerCase);
    case 'dist':
      throw new MissingApiError('the project has no distributions yet');
    default:
      throw new Error('parity: not a case of a known kind');
  }
}

/** One line. Errors that are no statement of the library's say so: they are crashes. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `crash: ${String(error)}`;
  const line = error.message.replaceAll(/\s+/g, ' ').slice(0, 300);
  if (error instanceof Difference || error instanceof MissingApiError) return line;
  const where = error instanceof UnsupportedError || 'code' in error ? '' : placeOf(error);
  return `${error.name}: ${line}${where}`;
}

/** Where an unexpected error was thrown. */
function placeOf(error: Error): string {
  const frame = /\(?((?:file:\/\/)?\/[^\s()]+:\d+:\d+)\)?/.exec(error.stack ?? '')?.[1];
  return frame === undefined ? '' : ` (${frame.replace(/.*\/(packages|tooling)\//, '$1/')})`;
}
