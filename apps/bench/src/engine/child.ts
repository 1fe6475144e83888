// Looks at one model's step in a process of its own, so that the first step is a first step and memory is its own.
import { type Backend, removeBackend } from '@nn/core';
import { cpu } from '@nn/cpu';
import { compile, observe, Runtime, runtimeOf, setFusion, type Tensor, use } from '@nn/tensor';
import { type CountingBackend, countingBackend } from './counting-backend.ts';
import { makeTraining } from './models.ts';
import type { Findings, Mode, Outcome, Task } from './row.ts';

/** Steps whose losses are compared: a wrong gradient or update shows from the second on. */
const comparedSteps = 5;
/** Milliseconds and steps of each measurement. */
const budget = { milliseconds: 1500, least: 12, most: 400 };

type Step = () => Tensor;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const heapBytes = (): number => process.memoryUsage().heapUsed;

class Looker {
  readonly #backend: CountingBackend;
  readonly #step: Step;
  readonly #mode: Mode;
  /** Whether a step's programs are over when its calls return, but for the end of the last one. */
  readonly #synchronous: boolean;

  constructor(backend: CountingBackend, { model, mode }: Task) {
    this.#backend = backend;
    this.#step = stepOf(model, mode);
    this.#mode = mode;
    this.#synchronous = backend.capabilities.synchronousRead;
  }

  async look(): Promise<Findings> {
    const firstOps = { count: 0 };
    const losses: number[] = [];
    const times: number[] = [];
    for (let at = 0; at < 10; at++) {
      const counting = at === 0 ? countOps(this.#backend.name, firstOps) : null;
      const start = performance.now();
      const loss = this.#step();
      await this.#finish();
      times.push(performance.now() - start);
      counting?.[Symbol.dispose]();
      if (at < comparedSteps) losses.push(await loss.item());
    }
    const timed = await this.#time();
    const planUs = this.#mode === 'compiled' ? 0 : await this.#timePlanning();
    const counted = await this.#count();
    return {
      firstOps: firstOps.count,
      losses,
      firstMs: times[0],
      tenthMs: times[9],
      planUs,
      garbageBytes: await this.#garbage(),
      ...counted,
      ...timed,
      recordUs: Math.max(0, timed.recordUs - planUs),
    };
  }

  async #finish(): Promise<void> {
    await this.#backend.synchronize();
  }

  async #repeat(each: () => Promise<void> | void): Promise<void> {
    const start = performance.now();
    for (let steps = 0; steps < budget.most; steps++) {
      if (steps >= budget.least && performance.now() - start > budget.milliseconds) break;
      await each();
    }
  }

  /** Times without anybody looking on. */
  async #time(): Promise<Pick<Findings, 'stepMs' | 'hostUs' | 'recordUs'>> {
    const { counts } = this.#backend;
    const steps: number[] = [];
    const hosts: number[] = [];
    const records: number[] = [];
    await this.#repeat(async () => {
      this.#backend.reset();
      const start = performance.now();
      this.#step();
      const called = performance.now();
      await this.#finish();
      steps.push(performance.now() - start);
      hosts.push(called - start - (this.#synchronous ? counts.runMs : 0));
      records.push(counts.firstCall - start);
    });
    return { stepMs: median(steps), hostUs: median(hosts) * 1000, recordUs: median(records) * 1000 };
  }

  /** The time from asking for values to having their program, by one who looks on. */
  async #timePlanning(): Promise<number> {
    const times: number[] = [];
    let planning = 0;
    const looking = observe({
      planned: (_prepared, _device, start) => {
        planning += performance.now() - start;
      },
    });
    await this.#repeat(async () => {
      planning = 0;
      this.#step();
      times.push(planning);
      await this.#finish();
    });
    looking[Symbol.dispose]();
    return median(times) * 1000;
  }

  async #count(): Promise<
    Pick<
      Findings,
      | 'ops'
      | 'kernels'
      | 'programs'
      | 'peakBytes'
      | 'keptBytes'
      | 'requiredBytes'
      | 'arenaBytes'
      | 'arenaLeastBytes'
    >
  > {
    const ops = { count: 0 };
    this.#backend.reset();
    const counting = countOps(this.#backend.name, ops);
    this.#step();
    counting[Symbol.dispose]();
    await this.#finish();
    const { kernels, programs, peakBytes, arenaBytes, arenaLeastBytes } = this.#backend.counts;
    const held = runtimeOf(this.#backend.name).heldBytes();
    return {
      ops: ops.count,
      kernels,
      programs,
      peakBytes,
      keptBytes: held.transient + held.output,
      requiredBytes: held.value + held.upload + arenaLeastBytes,
      arenaBytes,
      arenaLeastBytes,
    };
  }

  /** The median: a collection in between makes some of them negative. */
  async #garbage(): Promise<number> {
    const bytes: number[] = [];
    for (let at = 0; at < 41; at++) {
      const before = heapBytes();
      this.#step();
      bytes.push(heapBytes() - before);
      await this.#finish();
    }
    return median(bytes);
  }
}

/** Counts the ops that the runtime is told of: an observer would stop compiled functions from replaying. */
function countOps(device: string, ops: { count: number }): Disposable {
  const runtime = runtimeOf(device);
  runtime.record = (node) => {
    ops.count++;
    Runtime.prototype.record.call(runtime, node);
  };
  return {
    [Symbol.dispose]() {
      Reflect.deleteProperty(runtime, 'record');
    },
  };
}

function stepOf(model: string, mode: Mode): Step {
  const { step, input, target } = makeTraining(model);
  const run = mode === 'compiled' ? compile(step) : step;
  return () => run(input, target);
}

async function open({ device, threads }: Task): Promise<Backend> {
  if (device === 'cpu') return cpu({ threads });
  const [{ webgpu }, { createDawn }] = await Promise.all([import('@nn/webgpu'), import('@nn/webgpu/node')]);
  return webgpu({ gpu: await createDawn({ software: 'fallback' }) });
}

async function look(task: Task): Promise<Outcome> {
  try {
    const backend = countingBackend(await open(task));
    use(backend);
    setFusion(task.mode !== 'unfused');
    const findings = await new Looker(backend, task).look();
    removeBackend(backend.name);
    return { findings };
  } catch (error) {
    return { error: error instanceof Error ? error.message.split('\n')[0] : String(error) };
  }
}

process.once('message', async (task: Task) => {
  const outcome = await look(task);
  process.send?.(outcome, () => process.disconnect());
});
