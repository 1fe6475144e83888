// A process that runs a share of the cases and reports each one: a crash or an endless loop ends only this process.
import { type Case, operatorOf, readLines } from './case-file.ts';
import { prepareDevice } from './device.ts';
import type { DeviceName } from './options.ts';
import { labelOf, type Outcome, runCase } from './run-case.ts';

/** What a worker is told: the cases `index` with `index % shares === share`, from `from` on. */
export interface Task {
  readonly files: readonly string[];
  readonly device: DeviceName;
  readonly fusion: boolean;
  readonly operators: readonly string[] | null;
  readonly shares: number;
  readonly share: number;
  readonly from: number;
}

/** Cases are counted through all files. */
export type Report =
  | { readonly type: 'started'; readonly index: number; readonly operator: string }
  | { readonly type: 'finished'; readonly index: number; readonly outcome: Outcome };

/** Runs the task's cases one after the other. */
export async function runTask(task: Task, report: (message: Report) => void): Promise<void> {
  const device = await prepareDevice(task.device, task.fusion);
  let index = -1;
  for (const file of task.files) {
    for (const line of await readLines(file)) {
      index++;
      if (index < task.from || index % task.shares !== task.share) continue;
      const test: Case = JSON.parse(line);
      if (task.operators !== null && !task.operators.includes(operatorOf(test))) continue;
      report({ type: 'started', index, operator: labelOf(test) });
      report({ type: 'finished', index, outcome: await runCase(test, device) });
    }
  }
}

if (process.send !== undefined && process.argv[2] !== undefined) {
  await runTask(JSON.parse(process.argv[2]), (message) => process.send?.(message));
  process.disconnect();
}
