// `--kernels`: where the time of a case goes, kernel by kernel. Kernels are run one at a time for that, so that a step
// takes a little longer than else; what is left is recording, planning and binding.

import type { Kernel } from '@nn/core';
import { cpu } from '@nn/cpu';
import type { Benchmark } from './benchmark.ts';
import { Nn } from './libraries/nn.ts';
import { type KernelTime, timedBackend } from './libraries/timed-backend.ts';

/** Milliseconds; and runs at least. */
const budget = { warmUp: 300, measure: 1500, runs: 10 };

function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function describe(kernel: Kernel): string {
  if (kernel.kind !== 'loop') return `${kernel.name} (${kernel.kind})`;
  const { producer, extents } = kernel;
  const inner =
    producer === null ? '' : ` x [${producer.kind === 'dot' ? producer.inner : producer.extents}]`;
  return `${kernel.name} (${producer?.kind ?? 'loop'} [${extents}]${inner})`;
}

function line({ kernel, flops, bytes, times }: KernelTime, runs: number, total: number): string {
  const one = median(times);
  const perRun = (one * times.length) / runs;
  return [
    `${(perRun * 1000).toFixed(1)} µs`.padStart(12),
    `${(Math.min(...times) * 1000).toFixed(1)} µs`.padStart(12),
    `${((100 * perRun) / total).toFixed(1)}%`.padStart(8),
    (flops === 0 ? '' : `${(flops / one / 1e6).toFixed(1)} GFLOP/s`).padStart(15),
    `${(bytes / one / 1e6).toFixed(1)} GB/s`.padStart(12),
    `  ${describe(kernel)}`,
  ].join('');
}

/** Repeats until the time is over; the median time of a run, and how many there were. */
async function repeat(run: () => void | Promise<void>, milliseconds: number): Promise<[number, number]> {
  const start = performance.now();
  const times: number[] = [];
  while (performance.now() - start < milliseconds || times.length < budget.runs) {
    const before = performance.now();
    await run();
    times.push(performance.now() - before);
  }
  return [median(times), times.length];
}

async function wholeTime(benchmark: Benchmark, threads: number): Promise<number> {
  const library = new Nn({ backend: cpu({ threads }), device: 'cpu', threads });
  const prepared = benchmark.prepare(library);
  await repeat(() => prepared.run(), budget.warmUp);
  const [time] = await repeat(() => prepared.run(), budget.measure);
  prepared.dispose();
  library.dispose();
  return time;
}

/** Prints the kernels of each case, the longest first. */
export async function showKernels(benchmarks: readonly Benchmark[], threads: number): Promise<void> {
  for (const benchmark of benchmarks) {
    if (benchmark.group === 'webgpu') continue;
    const whole = await wholeTime(benchmark, threads);
    const backend = timedBackend(cpu({ threads }), 'cpu:timed');
    const library = new Nn({ backend, device: 'cpu', threads });
    const prepared = benchmark.prepare(library);
    await repeat(() => prepared.run(), budget.warmUp);
    backend.reset();
    const [timed, runs] = await repeat(() => prepared.run(), budget.measure);
    const perRun = (time: KernelTime): number => (median(time.times) * time.times.length) / runs;
    const sorted = [...backend.kernelTimes].sort((a, b) => perRun(b) - perRun(a));
    const inKernels = sorted.reduce((sum, time) => sum + perRun(time), 0);
    console.log(
      `\n${benchmark.name}, ${threads} threads: ${whole.toFixed(2)} ms a run. ` +
        `By kernel: ${timed.toFixed(2)} ms, ${inKernels.toFixed(2)} ms of it in ${sorted.length} kernels\n` +
        `${'median'.padStart(11)}${'best'.padStart(12)}${'part'.padStart(9)}${'at the median'.padStart(27)}`,
    );
    for (const time of sorted) console.log(line(time, runs, inKernels));
    prepared.dispose();
    library.dispose();
  }
}
