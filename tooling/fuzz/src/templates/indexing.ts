// Looking up and writing at index tensors.
import { isInteger } from '@nn/core';
import { join, total } from '../domain.ts';
import { call, type Growth, type Known, oneOf, type Template, v } from '../growth.ts';

/** Integers of some shape that are positions in [0, extent). */
function indexFor(growth: Growth, extent: number, rank: (known: Known) => boolean): Known | null {
  return growth.find(
    (known) =>
      isInteger(known.tensor.dtype) &&
      known.domain.low >= 0 &&
      known.domain.high < extent &&
      known.tensor.numel() > 0 &&
      rank(known),
  );
}

interface Place {
  readonly x: Known;
  readonly dim: number;
  readonly index: Known;
}

/** A tensor and an index of one dimension along one of its own. */
function listed(growth: Growth): Place | null {
  const x = growth.find(({ tensor }) => tensor.ndim > 0);
  if (x === null) return null;
  const dim = growth.random.chance(0.6) ? 0 : growth.random.integer(0, x.tensor.ndim);
  const index = indexFor(growth, x.tensor.shape[dim], ({ tensor }) => tensor.ndim === 1);
  return index === null ? null : { x, dim, index };
}

/** A tensor and an index that fits it everywhere but along the dimension. */
function along(growth: Growth): Place | null {
  const x = growth.find(({ tensor }) => tensor.ndim > 0);
  if (x === null) return null;
  const dim = growth.random.chance(0.6) ? 0 : growth.random.integer(0, x.tensor.ndim);
  const index = indexFor(
    growth,
    x.tensor.shape[dim],
    ({ tensor }) =>
      tensor.ndim === x.tensor.ndim &&
      tensor.shape.every((extent, i) => i === dim || extent <= x.tensor.shape[i]),
  );
  return index === null ? null : { x, dim, index };
}

const select: Template = (growth) => {
  const place = listed(growth);
  if (place === null) return null;
  const { x, dim, index } = place;
  return growth.random.chance(0.5)
    ? call(x, 'indexSelect', [dim, v(index)], x.domain)
    : call(x, 'at', [...new Array<string>(dim).fill(':'), v(index)], x.domain);
};

const gather: Template = (growth) => {
  const place = along(growth);
  return place === null ? null : call(place.x, 'gather', [place.dim, v(place.index)], place.x.domain);
};

const take: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.numel() > 0);
  const index = x === null ? null : indexFor(growth, x.tensor.numel(), () => true);
  return x === null || index === null ? null : call(x, 'take', [v(index)], x.domain);
};

const slices: Template = (growth) => {
  const place = listed(growth);
  if (place === null || place.x.tensor.dtype === 'bool') return null;
  const { x, dim, index } = place;
  const shape = x.tensor.shape.toSpliced(dim, 1, index.tensor.numel());
  const source = growth.find(
    ({ tensor }) => tensor.dtype === x.tensor.dtype && tensor.shape.join() === shape.join(),
  );
  if (source === null) return null;
  const name = growth.random.pick(['indexAdd', 'indexCopy']);
  const domain = name === 'indexAdd' ? total(oneOf(x, source), index.tensor.numel() + 1) : oneOf(x, source);
  return inPlaceOrNot(growth, x, name, [dim, v(index), v(source)], domain);
};

const scatter: Template = (growth) => {
  const place = along(growth);
  if (place === null || place.x.tensor.dtype === 'bool') return null;
  const { x, dim, index } = place;
  const source = growth.find(
    ({ tensor }) =>
      tensor.dtype === x.tensor.dtype &&
      tensor.ndim === x.tensor.ndim &&
      tensor.shape.every((extent, i) => extent >= index.tensor.shape[i]),
  );
  if (source === null) return null;
  const sum = total(oneOf(x, source), index.tensor.shape[dim] + 1);
  const choice = growth.random.integer(0, 3);
  if (choice === 0) return inPlaceOrNot(growth, x, 'scatterAdd', [dim, v(index), v(source)], sum);
  if (choice === 1) return inPlaceOrNot(growth, x, 'scatter', [dim, v(index), v(source)], oneOf(x, source));
  const reduce = growth.random.pick(['amax', 'amin', 'sum']);
  if (reduce !== 'sum' && (x.tensor.requiresGrad || source.tensor.requiresGrad)) return null;
  return inPlaceOrNot(
    growth,
    x,
    'scatterReduce',
    [dim, v(index), v(source), reduce],
    reduce === 'sum' ? sum : oneOf(x, source),
  );
};

const embedding: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.ndim === 2 && tensor.dtype === 'float32');
  const index = x === null ? null : indexFor(growth, x.tensor.shape[0], ({ tensor }) => tensor.ndim <= 2);
  return x === null || index === null ? null : call(null, 'embedding', [v(index), v(x)], x.domain);
};

function inPlaceOrNot(
  growth: Growth,
  x: Known,
  name: string,
  args: Parameters<typeof call>[2],
  domain: Parameters<typeof call>[3],
): ReturnType<typeof call> {
  const isLeaf = x.tensor.root.requiresGrad && x.tensor.root.isLeaf;
  const strides = x.tensor.strides();
  const distinct = x.tensor.isContiguous() || strides.every((stride) => stride !== 0);
  if (x.tensor.viewInfo?.op === 'asStrided' || !distinct || growth.random.chance(0.5))
    return call(x, name, args, domain);
  const both = domain === undefined ? x.domain : join(domain, x.domain);
  return call(x, `${name}_`, args, both, isLeaf ? { noGrad: true } : {});
}

export const indexing: readonly (readonly [number, Template])[] = [
  [3, select],
  [3, gather],
  [1.5, take],
  [3, slices],
  [3, scatter],
  [1, embedding],
];
