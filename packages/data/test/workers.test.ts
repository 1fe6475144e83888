// Loaders with worker threads, in Node: what is delivered, what goes wrong, and that no thread stays.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ArgumentError } from '@nn/core';
import {
  ConcatDataset,
  DataLoader,
  Dataset,
  randomSplit,
  StackDataset,
  Subset,
  TensorDataset,
  WorkerError,
} from '@nn/data';
import { arange, Generator, interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import './fixtures/compile-cache.ts';
import { pictures } from './fixtures/pictures.ts';
import { counted, echo, type Square, squares } from './fixtures/squares.ts';

beforeAll(() => use(interpreter()));

/** Worker threads that run. */
function threadCount(): number {
  Object.assign(process.report, { excludeNetwork: true });
  return (process.report.getReport() as unknown as { workers: unknown[] }).workers.length;
}
afterEach(async () => {
  // A thread that is told to end takes a moment.
  for (let left = 50; left > 0 && threadCount() > 0; left--)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(threadCount()).toBe(0);
});

async function read(value: unknown): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map(read));
  if (typeof value !== 'object' || value === null) return value;
  if ('toArray' in value) return (value as Tensor).toArray();
  const entries = Object.entries(value).map(async ([key, each]) => [key, await read(each)]);
  return Object.fromEntries(await Promise.all(entries));
}

async function collect(source: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const each of source) all.push(await read(each));
  return all;
}

async function failure(source: AsyncIterable<unknown>): Promise<WorkerError> {
  try {
    for await (const _ of source);
  } catch (error) {
    return error as WorkerError;
  }
  throw new Error('the loop ended well');
}

/** Runs a program of its own. */
const run = (mode: string): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(
    process.execPath,
    ['--conditions=@nn/source', fileURLToPath(new URL('./fixtures/program.ts', import.meta.url)), mode],
    { timeout: 60_000 },
  );

describe('workers deliver', () => {
  it('the same batches, order and random numbers for any number of them', async () => {
    const epochs = async (numWorkers: number): Promise<unknown[][]> => {
      const loader = new DataLoader(squares({ length: 23, noise: true }), {
        batchSize: 4,
        shuffle: true,
        generator: new Generator(11),
        numWorkers,
        persistentWorkers: numWorkers > 0,
      });
      const all = [await collect(loader), await collect(loader)];
      await loader.close();
      return all;
    };
    const [first, second] = await epochs(0);
    expect(first).toHaveLength(6);
    expect(first).not.toEqual(second);
    expect(await epochs(1)).toEqual([first, second]);
    expect(await epochs(3)).toEqual([first, second]);
  });

  it('parts, sums and stacks of datasets, and tensors', async () => {
    const data = squares({ length: 6 });
    const [part] = randomSplit(data, [0.5, 0.5], { generator: new Generator(4) });
    const all = new StackDataset({
      a: new ConcatDataset([part, new Subset(data, [5, 0])]),
      b: new TensorDataset(arange(10).reshape(5, 2)),
    });
    const options = { batchSize: 2, collateFn: (samples: readonly unknown[]): unknown => samples };
    const here = await collect(new DataLoader(all, options));
    expect(await collect(new DataLoader(all, { ...options, numWorkers: 2 }))).toEqual(here);
    const rows = new TensorDataset(arange(6).reshape(3, 2), arange(3).to('bool'));
    const loader = new DataLoader(rows, { batchSize: 2, numWorkers: 1 });
    for await (const [x, y] of loader) expect([x.dtype, y.dtype]).toEqual(['int32', 'bool']);
    expect(await collect(loader)).toEqual(await collect(new DataLoader(rows, { batchSize: 2 })));
  });

  it('what datasets make with tensors, from tensors among their options', async () => {
    const data = pictures({ length: 6, brightness: tensor([1, 2, 3, 4]) });
    const options = { batchSize: 4, shuffle: true };
    const batches = (numWorkers: number): Promise<unknown[]> =>
      collect(new DataLoader(data, { ...options, numWorkers, generator: new Generator(2) }));
    expect(await batches(2)).toEqual(await batches(0));
  });

  it('streams: each worker its own part, batches in turn', async () => {
    const batches = async (numWorkers: number): Promise<unknown[]> =>
      collect(new DataLoader(counted(11), { batchSize: 2, numWorkers }));
    expect(await batches(1)).toEqual([[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10]]);
    expect(await batches(2)).toEqual([[0, 2], [1, 3], [4, 6], [5, 7], [8, 10], [9]]);
    // The third worker's part is shorter.
    expect(await batches(3)).toEqual([[0, 3], [1, 4], [2, 5], [6, 9], [7, 10], [8]]);
  });

  it('out of order when asked, whichever is ready first', async () => {
    const loader = new DataLoader(squares({ length: 8 }), { batchSize: 2, numWorkers: 2, inOrder: false });
    const seen: unknown[] = [];
    for await (const { name } of loader) {
      expect(() => loader.stateDict()).toThrow(/inOrder/);
      seen.push(...name);
    }
    expect(seen.sort()).toEqual(['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7']);
  });

  it('from memory that they share, with workerInitFn called', async () => {
    const table = Float64Array.of(1, 2, 3, 4);
    const loader = new DataLoader(echo({ table }), { numWorkers: 2, persistentWorkers: true });
    type Seen = { value: number; isShared: boolean; worker: number; ready: string };
    const epoch = async (): Promise<Seen[]> => (await collect(loader)).flat() as Seen[];
    expect((await epoch()).map(({ value }) => value)).toEqual([101, 102, 103, 104]);
    const again = await epoch();
    expect(again.map(({ value }) => value)).toEqual([201, 202, 203, 204]);
    for (const { worker, ready, isShared } of again)
      expect([ready, isShared]).toEqual([`worker ${worker}`, true]);
    expect([...table]).toEqual([1, 2, 3, 4]);
    await loader.close();
  });

  it('as many batches ahead as they are told, and no more', async () => {
    const made = new Int32Array(new SharedArrayBuffer(4));
    const loader = new DataLoader(squares({ length: 40, made }), { numWorkers: 2, prefetchFactor: 3 });
    let delivered = 0;
    for await (const _ of loader) {
      const expected = Math.min(40, ++delivered + 2 * 3);
      while (Atomics.load(made, 0) < expected) await new Promise((resolve) => setTimeout(resolve, 5));
      if (delivered % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(made[0]).toBe(expected);
    }
  });
});

describe('what goes wrong in a worker', () => {
  const troubled = (what: string, options: object = {}): DataLoader<Square> =>
    new DataLoader(squares({ length: 12, trouble: [5, what] }), { batchSize: 2, numWorkers: 2, ...options });

  it('is thrown where the batch is due, with the original stack, the position and the cause', async () => {
    const got: unknown[] = [];
    const loader = troubled('throw');
    const error = await (async () => {
      for await (const { name } of loader) got.push(name);
    })().catch((thrown) => thrown);
    expect(got).toEqual([
      ['s0', 's1'],
      ['s2', 's3'],
    ]);
    expect(error).toBeInstanceOf(WorkerError);
    expect(error.message).toMatch(
      /^DataLoader: worker \d failed at sample 5: RangeError: this sample is broken$/,
    );
    expect(error).toMatchObject({ index: 5, code: 'NN_WORKER', name: 'WorkerError' });
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'this sample is broken' });
    // Its own stack leads to the loop.
    expect(error.stack).toMatch(/workers\.test\.ts/);
    expect(error.cause.stack).toMatch(/makeTrouble .*squares\.ts:\d+/);
    expect(error.cause.cause.message).toBe('the file is torn');
    expect((await failure(troubled('throw text'))).message).toMatch(/sample 5: Error: just text/);
  });

  it('process.exit ends the loop, not the program', async () => {
    const error = await failure(troubled('exit'));
    expect(error).toBeInstanceOf(WorkerError);
    expect(error.message).toMatch(/worker \d ended with exit code 7 while it made samples 4, 5\. Did/);
  });

  it('an error that nobody catches', async () => {
    const error = await failure(troubled('crash'));
    expect(error.message).toMatch(
      /worker \d broke down while it made samples 4, 5: Error: nobody catches this/,
    );
    expect((error.cause as Error).stack).toMatch(/squares\.ts/);
  });

  it('a message that is none of ours', async () => {
    expect((await failure(troubled('garbage'))).message).toMatch(
      /worker \d sent 'garbage', which is no message/,
    );
  });

  it('a batch that never comes, with a timeout', async () => {
    const error = await failure(troubled('hang', { timeout: 1500 }));
    expect(error.message).toMatch(
      /no batch within 1500 ms, waiting for worker \d while it made samples 4, 5/,
    );
  });

  it('samples that cannot be sent, by their path', async () => {
    const raw = { collateFn: (samples: readonly unknown[]): unknown => samples };
    expect((await failure(troubled('function', raw))).message).toMatch(
      /a function \(name\) at \[1\]\.name\. Numbers, strings/,
    );
    expect((await failure(troubled('class', raw))).message).toMatch(
      /an instance of Odd, which would arrive without/,
    );
    expect((await failure(troubled('class'))).message).toMatch(/different forms, string and Odd at \.name/);
  });

  it('a dataset that differs from the one here', async () => {
    expect((await failure(troubled('length'))).message).toMatch(
      /has 1 samples in worker \d, but here it has 12/,
    );
  });

  it('leaves a loader that works again', async () => {
    const loader = troubled('throw', { persistentWorkers: true });
    for (const _ of [1, 2]) expect((await failure(loader)).index).toBe(5);
    await loader.close();
  });
});

describe('what cannot be made in a worker', () => {
  class Here extends Dataset<number> {
    readonly length = 3;
    get(index: number): number {
      return index;
    }
  }

  it('is refused at once, with the cure', () => {
    expect(() => new DataLoader(new Here(), { numWorkers: 1 })).toThrow(ArgumentError);
    expect(() => new DataLoader(new Subset(new Here(), [1]), { numWorkers: 1 })).toThrow(
      /Here lives in this thread, .*workerDataset\(\(options\) => new Here\(options\), import\.meta\.url\)/,
    );
  });

  it('options with functions in them, by their path', async () => {
    const data = echo({ table: new Float64Array(4), extra: { transform: (x: number) => x } });
    expect((await failure(new DataLoader(data, { numWorkers: 1 }))).message).toMatch(
      /the options of the worker's dataset cannot be sent between threads: a function \(transform\) at \.extra\.transform/,
    );
  });

  it('a module that offers no dataset, or does not exist', async () => {
    const { workerDataset } = await import('@nn/data');
    const none = workerDataset(() => new Here(), new URL('./fixtures/nothing.ts', import.meta.url), {
      name: 'x',
    });
    expect((await failure(new DataLoader(none({}), { numWorkers: 1 }))).message).toMatch(
      /worker 0 ended with exit code 0\. Does its module call workerDataset/,
    );
    const gone = workerDataset(() => new Here(), new URL('./fixtures/gone.ts', import.meta.url), {
      name: 'x',
    });
    expect((await failure(new DataLoader(gone({}), { numWorkers: 1 }))).message).toMatch(
      /worker 0 broke down: Error: Cannot find module/,
    );
  });

  it('a program that is its own worker: no worker starts workers', async () => {
    const { stdout, stderr } = await run('recursive').catch((error) => error);
    expect(stdout + stderr).toMatch(/a worker of a loader must not start workers\. Does the module/);
  });

  it('options about workers without any', () => {
    expect(() => new DataLoader(new Here(), { timeout: 5 })).toThrow(
      /timeout is about workers, and numWorkers is 0/,
    );
    expect(() => new DataLoader(squares({ length: 1 }), { numWorkers: 1, prefetchFactor: 0 })).toThrow(
      /at least 1/,
    );
    expect(() => new DataLoader(squares({ length: 1 }), { numWorkers: -1 })).toThrow(/numWorkers must be/);
    expect(() => [...new DataLoader(squares({ length: 1 }), { numWorkers: 1 })]).toThrow(/Use: for await/);
  });
});

describe('a loop left early', () => {
  const make = (options: object = {}): DataLoader<Square> =>
    new DataLoader(squares({ length: 100, wait: 1 }), { batchSize: 2, numWorkers: 2, ...options });

  it('by break, return or throw ends the workers', async () => {
    for await (const _ of make()) {
      expect(threadCount()).toBe(2);
      break;
    }
    expect(threadCount()).toBe(0);
    await (async () => {
      for await (const _ of make()) return;
    })();
    const thrown = (async () => {
      for await (const _ of make()) throw new Error('of the loop');
    })();
    await expect(thrown).rejects.toThrow('of the loop');
    const iterator = make()[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return(undefined);
  });

  it('leaves persistent workers idle: the next epoch is whole', async () => {
    const loader = make({ persistentWorkers: true });
    for await (const _ of loader) break;
    const all = (await collect(loader)) as { name: string[] }[];
    expect(all.flatMap(({ name }) => name)).toEqual(Array.from({ length: 100 }, (_, i) => `s${i}`));
    await loader.close();
  });

  it('and a loop or a loader that nobody ended goes with the garbage', async () => {
    await (async () => {
      await make()[Symbol.asyncIterator]().next();
      const loader = make({ persistentWorkers: true });
      for await (const _ of loader) break;
      // The first loop may be collected by now.
      expect(threadCount()).toBeGreaterThanOrEqual(2);
      expect(loader.numWorkers).toBe(2);
    })();
    for (let left = 500; left > 0 && threadCount() > 0; left--) {
      globalThis.gc!();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(threadCount()).toBe(0);
  });

  it('by a signal', async () => {
    const controller = new AbortController();
    const loader = new DataLoader(squares({ length: 3, trouble: [1, 'hang'] }), {
      numWorkers: 1,
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Error('the user left')), 1500);
    expect((await failure(loader)).message).toBe('the user left');
    expect((await failure(loader)).message).toBe('the user left');
    const local = new DataLoader(squares({ length: 3, trouble: [1, 'hang'] }), {
      signal: AbortSignal.timeout(50),
    });
    expect((await failure(local)).name).toBe('TimeoutError');
  });
});

describe('a program', () => {
  // A thread that stayed would keep it from ending; the time limit would.
  it.each(['whole', 'break', 'persistent', 'abandoned', 'throw', 'exit'])(
    'ends by itself: %s',
    async (mode) => {
      expect((await run(mode)).stdout.trim()).toBe(`${mode} done`);
    },
  );
});
