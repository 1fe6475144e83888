// Shares the cases among worker processes, and goes on where one has died or hangs.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Options } from './options.ts';
import type { Outcome } from './run-case.ts';
import type { Report, Task } from './worker.ts';

/** A case that takes longer is given up. */
const secondsPerCase = 60;

/** Runs all cases; `onOutcome` hears of each one when it is done. */
export async function runAll(options: Options, onOutcome: (outcome: Outcome) => void): Promise<void> {
  const shares = Array.from({ length: options.workers }, (_, share) => share);
  await Promise.all(shares.map((share) => runShare(options, share, onOutcome)));
}

async function runShare(
  options: Options,
  share: number,
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  const { files, device, fusion, operators, workers: shares } = options;
  let from = 0;
  for (;;) {
    const end = await runWorker({ files, device, fusion, operators, shares, share, from }, onOutcome);
    if (end === 'done') return;
    if (end.running === null) throw new Error(`parity: a worker ended before its first case: ${end.reason}`);
    const { operator, index } = end.running;
    onOutcome({ operator, status: 'failed', message: `crash: ${end.reason}` });
    from = index + 1;
  }
}

type Started = Extract<Report, { type: 'started' }>;
type End = 'done' | { readonly reason: string; readonly running: Started | null };

/** One process, until it has run its share or ends before that. */
function runWorker(task: Task, onOutcome: (outcome: Outcome) => void): Promise<End> {
  const worker = fork(join(import.meta.dirname, 'worker.ts'), [JSON.stringify(task)], {
    execArgv: ['--conditions=@nn/source', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let running: Started | null = null;
  let reason = '';
  let errors = '';
  let timer: NodeJS.Timeout | undefined;
  worker.stderr?.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  worker.on('message', (message) => {
    const report = message as Report;
    clearTimeout(timer);
    if (report.type === 'finished') {
      running = null;
      onOutcome(report.outcome);
      return;
    }
    running = report;
    timer = setTimeout(() => {
      reason = `gave up after ${secondsPerCase} seconds`;
      worker.kill('SIGKILL');
    }, secondsPerCase * 1000);
  });
  stopWithParent(worker);
  // Reports may still be on their way when the process has ended: its channel closes after the last one.
  return Promise.all([once(worker, 'exit'), once(worker, 'disconnect')]).then(([[code, signal]]) => {
    clearTimeout(timer);
    if (code === 0 && running === null) return 'done';
    return { reason: reason || errorLine(errors) || `exit ${signal ?? code}`, running };
  });
}

function stopWithParent(worker: ChildProcess): void {
  const stop = (): void => void worker.kill();
  process.once('exit', stop);
  worker.once('exit', () => process.off('exit', stop));
}

/** The line of a process's last words that says most. */
function errorLine(text: string): string {
  const lines = text.trim().split('\n');
  return (lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? '').trim();
}
