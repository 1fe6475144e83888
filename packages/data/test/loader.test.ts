// Datasets, samplers and the loader.
import { ArgumentError, IndexError } from '@nn/core';
import {
  BatchSampler,
  ConcatDataset,
  DataLoader,
  Dataset,
  defaultCollate,
  IterableDataset,
  RandomSampler,
  randomSplit,
  SequentialSampler,
  Subset,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} from '@nn/data';
import { arange, Generator, interpreter, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));

class Squares extends Dataset<number> {
  readonly length: number;
  constructor(length: number) {
    super();
    this.length = length;
  }
  get(index: number): number {
    return index * index;
  }
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}
const arrays = async (loader: AsyncIterable<unknown>): Promise<unknown[]> =>
  Promise.all((await collect(loader)).map((batch) => (batch as Tensor).toArray()));

describe('DataLoader', () => {
  it('makes batches, with and without the last', async () => {
    expect(await arrays(new DataLoader(new Squares(5), { batchSize: 2 }))).toEqual([[0, 1], [4, 9], [16]]);
    expect(await arrays(new DataLoader(new Squares(5), { batchSize: 2, dropLast: true }))).toEqual([
      [0, 1],
      [4, 9],
    ]);
    expect(new DataLoader(new Squares(5), { batchSize: 2 }).length).toBe(3);
    expect(await arrays(new DataLoader(new Squares(0)))).toEqual([]);
  });

  it('shuffles: every sample once, another order each epoch, the same for the same seed', async () => {
    const epochs = async (): Promise<unknown[][]> => {
      const loader = new DataLoader(new Squares(50), {
        batchSize: 50,
        shuffle: true,
        generator: new Generator(3),
      });
      return [await arrays(loader), await arrays(loader)];
    };
    const [first, second] = await epochs();
    expect(first).not.toEqual(second);
    expect([...(first[0] as number[])].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, i) => i * i),
    );
    expect(await epochs()).toEqual([first, second]);
  });

  it('takes rows of tensors', async () => {
    const data = new TensorDataset(arange(6).reshape(3, 2), tensor([10, 20, 30]));
    const [[x, y], [z]] = await collect(new DataLoader<[Tensor, Tensor]>(data, { batchSize: 2 }));
    expect([await x.toArray(), await y.toArray(), await z.toArray()]).toEqual([
      [
        [0, 1],
        [2, 3],
      ],
      [10, 20],
      [[4, 5]],
    ]);
  });

  it('takes a collate of the user, asynchronous samples, samplers and batch samplers', async () => {
    class Slow extends Dataset<string> {
      readonly length = 3;
      async get(index: number): Promise<string> {
        await new Promise((resolve) => setTimeout(resolve, 3 - index));
        return `s${index}`;
      }
    }
    const collate = (samples: readonly string[]): string => samples.join('+');
    expect(
      await collect(new DataLoader<string, string>(new Slow(), { batchSize: 2, collateFn: collate })),
    ).toEqual(['s0+s1', 's2']);
    const sampler = new SequentialSampler({ length: 2 });
    expect(
      await collect(new DataLoader<string, string>(new Slow(), { sampler, collateFn: collate })),
    ).toEqual(['s0', 's1']);
    expect(
      await collect(
        new DataLoader<string, string>(new Slow(), { batchSampler: [[2, 0]], collateFn: collate }),
      ),
    ).toEqual(['s2+s0']);
  });

  it('streams an IterableDataset', async () => {
    class Stream extends IterableDataset<number> {
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        for (let i = 0; i < 5; i++) yield i;
      }
    }
    expect(await arrays(new DataLoader(new Stream(), { batchSize: 2 }))).toEqual([[0, 1], [2, 3], [4]]);
    expect(() => new DataLoader(new Stream(), { shuffle: true })).toThrow(/its own order/);
    expect(() => new DataLoader(new Stream()).length).toThrow(ArgumentError);
  });

  it('makes batches ahead, and none after the loop was left', async () => {
    const seen: number[] = [];
    class Watched extends Squares {
      override get(index: number): number {
        seen.push(index);
        return index;
      }
    }
    for await (const _ of new DataLoader(new Watched(100), { prefetchFactor: 3 })) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      break;
    }
    expect(seen).toEqual([0, 1, 2, 3]);
  });

  it('passes errors of a dataset on', async () => {
    class Broken extends Squares {
      override get(index: number): number {
        if (index === 2) throw new Error('sample 2 is broken');
        return index;
      }
    }
    await expect(collect(new DataLoader(new Broken(5)))).rejects.toThrow('sample 2 is broken');
  });

  it('refuses what is no dataset', () => {
    for (const wrong of [[1, 2], undefined, arange(3)])
      expect(() => new DataLoader(wrong as never)).toThrow(/DataLoader: expected a Dataset/);
  });

  it('refuses options that exclude each other or do not exist', () => {
    const data = new Squares(3);
    expect(() => new DataLoader(data, { shuffle: true, sampler: new SequentialSampler(data) })).toThrow(
      /not both/,
    );
    expect(() => new DataLoader(data, { batchSampler: [[1]], batchSize: 2 })).toThrow(
      /batchSampler excludes/,
    );
    expect(() => new DataLoader(data, { batchSize: 0 })).toThrow(/at least 1/);
    expect(() => new DataLoader(data, { batchSize: null as never })).toThrow(/single samples/);
    expect(() => new DataLoader(data, { batchsize: 2 } as never)).toThrow(/Did you mean 'batchSize'/);
  });
});

describe('datasets', () => {
  it('split, join and pick', async () => {
    const parts = randomSplit(new Squares(10), [0.75, 0.25], { generator: new Generator(1) });
    expect(parts.map((part) => part.length)).toEqual([8, 2]);
    const both = new ConcatDataset(parts);
    const values = await Promise.all(Array.from({ length: 10 }, (_, i) => both.get(i)));
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i * i));
    expect(await new Subset(new Squares(5), [4, 1]).get(-1)).toBe(1);
    expect(() => randomSplit(new Squares(5), [2, 2])).toThrow(/add up to 4/);
    expect(() => new Subset(new Squares(5), [5])).toThrow(IndexError);
    expect(() => new TensorDataset(arange(2), arange(3))).toThrow(/\[2\], \[3\]/);
  });
});

describe('samplers', () => {
  it('draw as they say', () => {
    const generator = new Generator(5);
    const some = [...new RandomSampler({ length: 4 }, { numSamples: 10, generator })];
    expect(some.slice(0, 4).sort()).toEqual([0, 1, 2, 3]);
    expect(some).toHaveLength(10);
    const replaced = [...new RandomSampler({ length: 3 }, { replacement: true, numSamples: 300, generator })];
    for (const i of [0, 1, 2]) expect(replaced.filter((x) => x === i).length).toBeGreaterThan(60);
    expect([...new SubsetRandomSampler([7, 9], { generator })].sort()).toEqual([7, 9]);
    const weighted = [...new WeightedRandomSampler([0, 3, 1], 400, { generator })];
    expect(weighted).not.toContain(0);
    expect(weighted.filter((x) => x === 1).length).toBeGreaterThan(250);
    expect([...new BatchSampler(new SequentialSampler({ length: 5 }), 2, true)]).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(() => new WeightedRandomSampler([0, 0], 3)).toThrow(ArgumentError);
  });
});

describe('defaultCollate', () => {
  it('follows the form of the samples', async () => {
    const batch = defaultCollate([
      { x: [1, 'a'], y: tensor([1, 2]) },
      { x: [2, 'b'], y: tensor([3, 4]) },
    ]) as {
      x: [Tensor, string[]];
      y: Tensor;
    };
    expect([await batch.x[0].toArray(), batch.x[1], await batch.y.toArray()]).toEqual([
      [1, 2],
      ['a', 'b'],
      [
        [1, 2],
        [3, 4],
      ],
    ]);
    expect(() => defaultCollate([[1], [1, 2]])).toThrow(/different lengths/);
    expect(() => defaultCollate([undefined])).toThrow(ArgumentError);
  });

  it('takes a collateFn whose samples are a mutable array', async () => {
    const collateFn = (samples: number[]): number => samples.reverse()[0];
    const loader = new DataLoader(new Squares(4), { batchSize: 2, collateFn });
    expect(await Array.fromAsync(loader)).toEqual([1, 9]);
  });
});
