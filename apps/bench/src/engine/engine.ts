// The engine's table: what a step of training costs besides its kernels, with fusion, without, and compiled.
import { fork } from 'node:child_process';
import { modelNames } from './models.ts';
import { type EngineRow, modes, type Outcome, type Task } from './row.ts';
import { engineHead, engineLine } from './table.ts';

/** Of the losses: modes add in another order, and five steps of Adam make more of the difference. */
const tolerance = 2e-4;

function lookAt(task: Task): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = fork(new URL('child.ts', import.meta.url));
    child.once('message', (outcome) => resolve(outcome as Outcome));
    child.once('exit', (code) => resolve({ error: `the process ended with status ${code}` }));
    child.send(task);
  });
}

function agree(losses: readonly number[], reference: readonly number[]): boolean {
  return losses.every((loss, at) => Math.abs(loss - reference[at]) <= tolerance * Math.abs(reference[at]));
}

export interface EngineOptions {
  readonly only: string | undefined;
  readonly device: Task['device'];
  readonly threads: number;
}

export function engineModels(only: string | undefined): readonly string[] {
  return modelNames.filter((name) => only === undefined || name.includes(only));
}

/** Prints the table of each model; gives its rows. */
export async function showEngine({ only, device, threads }: EngineOptions): Promise<EngineRow[]> {
  const rows: EngineRow[] = [];
  for (const model of engineModels(only)) {
    console.log(
      `\n${model}: a step of training, ${threads} thread${threads === 1 ? '' : 's'}\n${engineHead()}`,
    );
    let reference: readonly number[] | null = null;
    for (const mode of modes) {
      const task: Task = { model, device, threads: device === 'cpu' ? threads : 1, mode };
      const outcome = await lookAt(task);
      const findings = 'findings' in outcome ? outcome.findings : null;
      reference ??= findings?.losses ?? null;
      const row: EngineRow = {
        group: 'overhead',
        ...task,
        findings,
        checked: findings === null || reference === null ? null : agree(findings.losses, reference),
        ...('error' in outcome ? { error: outcome.error } : {}),
      };
      console.log(engineLine(row));
      rows.push(row);
    }
  }
  return rows;
}
