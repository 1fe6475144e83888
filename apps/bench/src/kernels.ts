// `--kernels`: where the time of a case goes, kernel by kernel. Kernels are timed one by one for that, so that a run
// takes a little longer than else; what is left is recording, planning and binding.
import { cpu } from '@nn/cpu';
import { profile } from '@nn/tensor';
import type { Benchmark } from './benchmark.ts';
import { Preparer } from './libraries/library.ts';
import { Nn } from './libraries/nn.ts';

/** Milliseconds; and runs. */
const budget = { warmUp: 300, measure: 1500, leastRuns: 10, mostRuns: 2000 };

/** Repeats until the time is over; the median time of a run. */
async function repeat(run: () => Promise<number>, milliseconds: number): Promise<number> {
  const start = performance.now();
  const times: number[] = [];
  while (performance.now() - start < milliseconds || times.length < budget.leastRuns) times.push(await run());
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)];
}

/** Prints the kernels of each case, the longest first. */
export async function showKernels(benchmarks: readonly Benchmark[], threads: number): Promise<void> {
  for (const benchmark of benchmarks) {
    if (benchmark.group === 'webgpu') continue;
    const library = new Nn({ backend: cpu({ threads }), device: 'cpu', threads });
    const preparer = new Preparer(library);
    const prepared = preparer.prepare(benchmark);
    const run = (): Promise<number> => prepared.time(1);
    await repeat(run, budget.warmUp);
    const whole = await repeat(run, budget.measure);
    const runs = Math.min(budget.mostRuns, Math.max(budget.leastRuns, Math.ceil(budget.measure / whole)));
    const result = await profile(run, { warmUp: 1, runs });
    console.log(
      `\n${benchmark.name}, ${threads} threads: ${whole.toFixed(3)} ms a run, ` +
        `${(result.totals.wallMs / runs).toFixed(3)} ms kernel by kernel\n\n${result.table()}`,
    );
    await prepared.dispose();
    preparer.dispose();
    library.dispose();
  }
}
