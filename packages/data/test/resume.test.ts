// Going on in the middle of an epoch, and the form of loops without waiting.
import { ArgumentError } from '@nn/core';
import {
  BatchSampler,
  DataLoader,
  type DataLoaderState,
  Dataset,
  DistributedSampler,
  IterableDataset,
  RandomSampler,
  type Sampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from '@nn/data';
import { defaultGenerator, Generator, interpreter, manualSeed, rand, type Tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';
import './fixtures/compile-cache.ts';
import { counted, squares } from './fixtures/squares.ts';

beforeAll(() => use(interpreter()));

/** Each position, with a number that the sample's own generator drew. */
class Noisy extends Dataset<[number, number]> {
  readonly length: number;
  constructor(length: number) {
    super();
    this.length = length;
  }
  get(index: number, generator?: Generator): [number, number] {
    return [index, generator!.next().key0];
  }
}

class Counting extends IterableDataset<number> {
  override *[Symbol.iterator](): IterableIterator<number> {
    for (let i = 0; i < 7; i++) yield i;
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    for (const i of this[Symbol.iterator]()) yield i;
  }
}

type Loader = DataLoader<unknown, unknown>;

async function read(batch: unknown): Promise<unknown> {
  if (Array.isArray(batch)) return Promise.all(batch.map(read));
  if (typeof batch === 'object' && batch !== null && 'noise' in batch)
    return read([(batch as unknown as { x: unknown }).x, batch.noise]);
  return (batch as Tensor).toArray();
}

/** What `epochs` epochs deliver; with a state taken behind each batch, as JSON. */
async function run(
  loader: Loader,
  epochs: number,
): Promise<{ batches: unknown[]; states: { loader: string; random: bigint; draws: number }[] }> {
  const batches: unknown[] = [];
  const states: { loader: string; random: bigint; draws: number }[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const batch of loader) {
      batches.push([epoch, await read(batch)]);
      // The loop draws from the same generator, as a model with dropout does.
      await rand([1]).item();
      const { seed, draws } = defaultGenerator.getState();
      states.push({ loader: JSON.stringify(loader.stateDict()), random: seed, draws });
    }
  }
  await loader.close();
  return { batches, states };
}

const loaders: Record<string, () => Loader> = {
  sequential: () => new DataLoader(new Noisy(7), { batchSize: 2 }) as Loader,
  shuffled: () => new DataLoader(new Noisy(7), { batchSize: 2, shuffle: true }) as Loader,
  'with a generator of its own': () =>
    new DataLoader(new Noisy(7), { batchSize: 2, shuffle: true, generator: new Generator(9) }) as Loader,
  weighted: () => {
    const sampler = new WeightedRandomSampler([1, 2, 3, 4, 5, 6, 7], 9);
    return new DataLoader(new Noisy(7), { batchSize: 2, sampler }) as Loader;
  },
  'of a subset': () =>
    new DataLoader(new Noisy(7), { batchSize: 2, sampler: new SubsetRandomSampler([1, 3, 5]) }) as Loader,
  'with batches of its own': () => {
    const sampler = new RandomSampler({ length: 7 }, { replacement: true, numSamples: 11 });
    return new DataLoader(new Noisy(7), { batchSampler: new BatchSampler(sampler, 3) }) as Loader;
  },
  'a stream': () => new DataLoader(new Counting(), { batchSize: 2 }) as Loader,
  'two workers': () =>
    new DataLoader(squares({ length: 7, noise: true }), {
      batchSize: 2,
      shuffle: true,
      numWorkers: 2,
      persistentWorkers: true,
    }) as Loader,
  'a stream of two workers': () =>
    new DataLoader(counted(7), { batchSize: 2, numWorkers: 2, persistentWorkers: true }) as Loader,
};

describe('a state', () => {
  it.each(Object.keys(loaders))(
    'makes another loader go on: %s',
    async (name) => {
      const make = loaders[name];
      manualSeed(3);
      const { batches, states } = await run(make(), 3);
      const perEpoch = batches.length / 3;
      const isSlow = name.includes('workers');
      // After each batch of the second epoch: its first, middle and last among them.
      for (let at = perEpoch; at < 2 * perEpoch; at += isSlow ? perEpoch - 1 : 1) {
        // As in a new process: another seed, then what the checkpoint says.
        manualSeed(1000 + at);
        const resumed = make();
        defaultGenerator.setState({ seed: states[at].random, draws: states[at].draws });
        resumed.loadStateDict(JSON.parse(states[at].loader) as DataLoaderState);
        expect(resumed.stateDict()).toEqual(JSON.parse(states[at].loader));
        const { batches: rest } = await run(resumed, 2);
        expect(rest.map((each) => (each as unknown[])[1])).toEqual(
          batches.slice(at + 1).map((each) => (each as unknown[])[1]),
        );
      }
    },
    120_000,
  );

  it('between epochs goes on with the next', async () => {
    const make = loaders['with a generator of its own'];
    const first = make();
    await run(first, 1);
    const state = first.stateDict();
    expect(state).toMatchObject({ epoch: 1, batches: 0 });
    const second = make();
    second.loadStateDict(state);
    expect((await run(second, 2)).batches).toEqual((await run(first, 2)).batches);
  });

  it('of something else is refused', () => {
    for (const wrong of [undefined, {}, { epoch: 1 }, { epoch: 0.5, batches: 0, seed: '1', order: {} }])
      expect(() => loaders.sequential().loadStateDict(wrong as never)).toThrow(
        /takes what stateDict\(\) gave/,
      );
  });
});

describe("samples' own random numbers", () => {
  it('differ from sample to sample and from epoch to epoch, and follow from the seed', async () => {
    manualSeed(5);
    const { batches } = await run(loaders.sequential(), 2);
    const drawn = (batches as [number, [number[], number[]]][]).flatMap(([, [, noise]]) => noise);
    expect(new Set(drawn).size).toBe(14);
    manualSeed(5);
    expect((await run(loaders.sequential(), 2)).batches).toEqual(batches);
    manualSeed(6);
    expect((await run(loaders.sequential(), 2)).batches).not.toEqual(batches);
  });

  it('take nothing from the generator: a loop over test data leaves training as it was', async () => {
    manualSeed(5);
    const before = defaultGenerator.getState();
    for await (const _ of loaders.sequential());
    expect(defaultGenerator.getState()).toEqual(before);
  });
});

describe('for … of', () => {
  it('gives what for await gives', async () => {
    for (const name of ['sequential', 'shuffled', 'weighted', 'a stream']) {
      manualSeed(8);
      const waited: unknown[] = [];
      for await (const batch of loaders[name]()) waited.push(await read(batch));
      manualSeed(8);
      const direct = await Promise.all([...loaders[name]()].map(read));
      expect(direct).toEqual(waited);
    }
  });

  it('counts for the state', () => {
    const loader = new DataLoader(new Noisy(6), { batchSize: 2 });
    for (const _ of loader) if (loader.stateDict().batches === 2) break;
    expect(loader.stateDict()).toMatchObject({ epoch: 1, batches: 0 });
  });

  it('refuses to wait, with the cure', () => {
    class Later extends Dataset<number> {
      readonly length = 2;
      async get(index: number): Promise<number> {
        return index;
      }
    }
    class Stream extends IterableDataset<number> {
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        yield 1;
      }
    }
    expect(() => [...new DataLoader(new Later())]).toThrow(/gave a promise\. Use: for await/);
    expect(() => [...new DataLoader(new Stream())]).toThrow(/has no \[Symbol\.iterator\]/);
    const collateFn = async (): Promise<number> => 1;
    expect(() => [...new DataLoader(new Noisy(1), { collateFn })]).toThrow(ArgumentError);
  });
});

describe('DistributedSampler', () => {
  const parts = (options: object): number[][] =>
    [0, 1, 2].map((rank) => [
      ...new DistributedSampler({ length: 10 }, { numReplicas: 3, rank, ...options }),
    ]);

  it('shares all positions out, and repeats or drops what is left over', () => {
    expect(parts({ shuffle: false })).toEqual([
      [0, 3, 6, 9],
      [1, 4, 7, 0],
      [2, 5, 8, 1],
    ]);
    expect(parts({ shuffle: false, dropLast: true })).toEqual([
      [0, 3, 6],
      [1, 4, 7],
      [2, 5, 8],
    ]);
    const shuffled = parts({});
    expect(new Set(shuffled.flat()).size).toBe(10);
    expect(parts({})).toEqual(shuffled);
    expect(parts({ seed: 1 })).not.toEqual(shuffled);
  });

  it('orders each epoch anew', () => {
    const sampler = new DistributedSampler({ length: 10 }, { numReplicas: 1, rank: 0 });
    const first = [...sampler];
    sampler.setEpoch(1);
    expect([...sampler]).not.toEqual(first);
    sampler.loadStateDict({ epoch: 0 });
    expect([...sampler]).toEqual(first);
    expect(() => sampler.setEpoch(-1)).toThrow(ArgumentError);
    expect(() => new DistributedSampler({ length: 1 }, { numReplicas: 2, rank: 2 })).toThrow(
      /from 0 to 1, got 2/,
    );
  });
});

describe('WeightedRandomSampler without replacement', () => {
  it('draws each at most once, the heavy ones first', () => {
    const generator = new Generator(3);
    const options = { replacement: false, generator };
    let heavyFirst = 0;
    for (let i = 0; i < 300; i++) {
      const drawn = [...new WeightedRandomSampler([1, 0, 8, 1], 3, options)];
      expect([...drawn].sort()).toEqual([0, 2, 3]);
      heavyFirst += drawn[0] === 2 ? 1 : 0;
    }
    // 8 of 10: 240 ± 4 standard deviations.
    expect(Math.abs(heavyFirst - 240)).toBeLessThan(28);
    expect(() => new WeightedRandomSampler([1, 0], 2, options)).toThrow(
      /cannot draw 2 samples without replacement/,
    );
  });
});

it('a sampler of the user needs no state', async () => {
  const sampler: Sampler = { length: 3, [Symbol.iterator]: () => [2, 0, 1][Symbol.iterator]() };
  const loader = new DataLoader(new Noisy(3), { sampler });
  for await (const _ of loader) break;
  expect(loader.stateDict().order).toEqual({ before: null, now: null });
});
