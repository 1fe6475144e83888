// Sorting and searching, running sums, and reading and adding at indices.
import { zeros } from '@nn/tensor';
import type { Input, JaxArray, Operation, Tfjs, TfTensor, Versions } from '../benchmark.ts';
import { integers } from '../random.ts';
import { expectedAt, random, type Sizes, shared } from './data.ts';

interface Selection {
  readonly name: string;
  readonly inputs: () => readonly Input[];
  readonly bytes: number;
  readonly length: number;
  readonly versions: Versions;
  readonly reference: (inputs: readonly Input[], position: number) => number;
  /** Of the value. Default 1e-5. */
  readonly relative?: number;
}

/** It has no function for it: the best n of n, from the other end. */
const tfSort = (tf: Tfjs, x: TfTensor): TfTensor =>
  tf.tidy(() => tf.neg(tf.topk(tf.neg(x), x.shape[x.rank - 1]).values));

function rowOf({ values, shape }: Input, position: number): Float32Array {
  const width = shape[shape.length - 1];
  const row = Math.floor(position / width);
  return values.subarray(row * width, (row + 1) * width) as Float32Array;
}

/** Each sampled row is sorted once. */
function sortedRows(): (input: Input, row: number) => Float32Array {
  let known: { readonly input: Input; readonly row: number; readonly sorted: Float32Array } | undefined;
  return (input, row) => {
    if (known?.input !== input || known.row !== row) {
      const width = input.shape[input.shape.length - 1];
      known = {
        input,
        row,
        sorted: rowOf(input, row * width)
          .slice()
          .sort(),
      };
    }
    return known.sorted;
  };
}

function sorting(name: string, shape: readonly number[]): Selection {
  const inputs = shared(() => [random(shape)]);
  const length = shape.reduce((product, size) => product * size, 1);
  const width = shape[shape.length - 1];
  const sorted = sortedRows();
  return {
    name,
    inputs,
    bytes: 8 * length,
    length,
    versions: {
      nn: (x) => x.sort(-1).values,
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.sort(x, -1),
      tfjs: (tf) => (x) => tfSort(tf, x),
      torch: 'torch.sort(a, -1).values',
    },
    reference: ([x], position) => sorted(x, Math.floor(position / width))[position % width],
  };
}

function topK(name: string, shape: readonly number[], k: number): Selection {
  const inputs = shared(() => [random(shape)]);
  const width = shape[shape.length - 1];
  const rows = shape.length === 1 ? 1 : shape[0];
  const sorted = sortedRows();
  return {
    name,
    inputs,
    bytes: 4 * rows * (width + 2 * k),
    length: rows * k,
    versions: {
      nn: (x) => x.topk(k).values,
      jax:
        ({ lax }) =>
        (x) => {
          const [values, indices] = lax.topK(x, k);
          indices.dispose();
          return values;
        },
      tfjs: (tf) => (x) => tf.tidy(() => tf.topk(x, k).values),
      torch: `torch.topk(a, ${k}).values`,
    },
    reference: ([x], position) => sorted(x, Math.floor(position / k))[width - 1 - (position % k)],
  };
}

function runningSum(name: string, shape: readonly number[], dim: number): Selection {
  const inputs = shared(() => [random(shape, { low: 0 })]);
  const length = shape.reduce((product, size) => product * size, 1);
  const width = shape[shape.length - 1];
  return {
    name,
    inputs,
    bytes: 8 * length,
    length,
    // Who adds a million numbers one by one in float32 is off by up to this.
    relative: 1e-3,
    versions: {
      nn: (x) => x.cumsum(dim),
      jax:
        ({ numpy: np }) =>
        (x) =>
          np.cumsum(x, dim),
      tfjs: (tf) => (x) => tf.cumsum(x, dim),
      torch: `torch.cumsum(a, ${dim})`,
    },
    reference: ([{ values }], position) => {
      const along = dim === shape.length - 1;
      const step = along ? 1 : width;
      const first = along ? Math.floor(position / width) * width : position % width;
      let sum = 0;
      for (let at = first; at <= position; at += step) sum += values[at];
      return sum;
    },
  };
}

function gathering(name: string, [rows, columns]: readonly number[]): Selection {
  const inputs = shared(() => [
    random([rows, columns]),
    { values: integers(rows * columns, columns, 2), shape: [rows, columns] },
  ]);
  return {
    name,
    inputs,
    bytes: 12 * rows * columns,
    length: rows * columns,
    versions: {
      nn: (x, index) => x.gather(1, index),
      jax:
        ({ numpy: np }) =>
        (x, index) =>
          np.takeAlongAxis(x, index, 1),
      tfjs: (tf) => (x, index) =>
        tf.tidy(() =>
          tf.gather(
            tf.reshape(x, [-1]),
            tf.range(0, rows, 1, 'int32').mul(columns).reshape([-1, 1]).add(index).toInt(),
          ),
        ),
      torch: 'torch.gather(a, 1, b.long())',
    },
    reference: ([x, index], position) => rowOf(x, position)[index.values[position]],
  };
}

function scatterAdding(name: string, length: number): Selection {
  const inputs = shared(() => [random([length]), { values: integers(length, length, 2), shape: [length] }]);
  return {
    name,
    inputs,
    bytes: 12 * length,
    length,
    versions: {
      nn: (x, index) => zeros([length]).scatterAdd(0, index, x),
      // The derivative of taking from indices, as it has no function for it.
      jax:
        ({ numpy: np, vjp }) =>
        (x, index) => {
          const [taken, back] = vjp((from: JaxArray) => np.take(from, index, 0), [np.zeros([length])]);
          taken.dispose();
          const [sums] = back(x) as [JaxArray];
          back.dispose();
          return sums;
        },
      tfjs: (tf) => (x, index) =>
        tf.unsortedSegmentSum(x, index as import('@tensorflow/tfjs').Tensor1D, length),
      torch: `torch.zeros(${length}).scatter_add(0, b.long(), a)`,
    },
    reference: ([x, index], position) => {
      let sum = 0;
      for (let at = index.values.indexOf(position); at >= 0; at = index.values.indexOf(position, at + 1))
        sum += x.values[at];
      return sum;
    },
  };
}

export function selections(sizes: Sizes): Operation[] {
  const million = sizes(2 ** 20);
  const side = sizes(1024);
  const [rows, width] = [sizes(256), sizes(50257)];
  const all = [
    sorting('sort 1M', [million]),
    sorting('sort rows 1024 x 1024', [side, side]),
    topK('top-k 10 of [256, 50257]', [rows, width], Math.min(10, width)),
    topK('top-k 100 of 1M', [million], Math.min(100, million)),
    runningSum('cumsum 1M', [million], 0),
    runningSum('cumsum rows 1024 x 1024', [side, side], 1),
    runningSum('cumsum columns 1024 x 1024', [side, side], 0),
    gathering('gather 1024 x 1024', [side, side]),
    scatterAdding('scatter-add 1M', million),
  ];
  return all.map(({ name, inputs, bytes, length, versions, reference, relative = 1e-5 }) => ({
    kind: 'operation',
    group: 'cpu',
    subject: 'sort, scan, gather, scatter',
    name,
    cost: { bytes },
    tolerance: { absolute: 1e-5, relative },
    inputs,
    versions,
    expected: () => {
      const made = inputs();
      return expectedAt(length, (position) => reference(made, position));
    },
  }));
}
