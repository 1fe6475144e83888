// Random graphs of ops of all kinds.
import { type Node, type Shape, sameShape, sizeOf } from '@nn/core';
import { data, dot, expand, generator, node, permute, random, reshape, scalar } from './run.ts';

type Pick = <T>(list: readonly T[]) => T;

/** One more node from those there are, or null when the choice does not fit. */
function grow(pool: readonly Node[], next: () => number, scale: number): Node | null {
  const integer = (below: number): number => Math.floor(next() * below);
  const pick: Pick = (list) => list[integer(list.length)];
  const x = pick(pool);
  const rank = x.shape.length;
  switch (integer(17)) {
    case 0:
    case 1:
      return node(pick(['neg', 'abs', 'relu', 'square', 'tanh', 'sigmoid'] as const), [x]);
    case 2:
    case 3:
    case 4: {
      const others = pool.filter(({ shape }) => sameShape(shape, x.shape) || sizeOf(shape) === 1);
      return node(pick(['add', 'sub', 'mul', 'maximum'] as const), [x, pick(others)]);
    }
    case 5:
    case 6: {
      const order = x.shape.map((_, d) => d).sort(() => next() - 0.5);
      return permute(x, order);
    }
    case 7:
      return reshape(x, factor(sizeOf(x.shape), integer));
    case 8: {
      if (rank === 0) return null;
      const steps = x.shape.map(() => pick([1, 1, 2, -1]));
      const shape = x.shape.map((extent, d) =>
        Math.max(1, Math.floor(extent / Math.abs(steps[d])) - integer(2)),
      );
      const starts = x.shape.map((extent, d) =>
        steps[d] < 0 ? extent - 1 : extent - 1 - (shape[d] - 1) * steps[d],
      );
      return node('slice', [x], { starts, steps, shape });
    }
    case 9: {
      if (sizeOf(x.shape) > 100 * scale) return null;
      const before = x.shape.map(() => integer(2));
      return node('pad', [x], { before, after: x.shape.map(() => integer(2)), value: pick([0, 0, 1.5]) });
    }
    case 10:
      return sizeOf(x.shape) > 100 * scale ? null : expand(x, [pick([2, 3]), ...x.shape]);
    case 11:
    case 12: {
      const dims = x.shape.map((_, d) => d).filter(() => next() < 0.5);
      return node(pick(['sum', 'max', 'min'] as const), [x], { dims, keepDims: next() < 0.4 });
    }
    case 13: {
      if (rank === 0) return null;
      const [inner] = x.shape.slice(-1);
      const right = pool.filter(({ shape }) => shape.length === 2 && shape[0] === inner);
      return dot(x, right.length > 0 ? pick(right) : random([inner, 3], integer(99)));
    }
    case 14: {
      if (rank === 0 || (x.shape[rank - 1] ?? 0) < 2) return null;
      return node('window', [x], { kernel: [2], stride: [pick([1, 2])], dilation: [1] });
    }
    case 15: {
      if (sizeOf(x.shape) < 4) return null;
      const value = pick(
        pool.filter(({ shape }) => sizeOf(shape) <= 2 && shape.length === 1).concat(random([2], 3)),
      );
      return node('assign', [x, value], { strides: [pick([1, 2, 3])], offset: 0 });
    }
    default: {
      if (rank === 0) return null;
      const flat = reshape(x, [sizeOf(x.shape)]);
      const index = data([0, 2, 5, 1], [2, 2], 'int32');
      if (next() < 0.5) return node('take', [flat, index]);
      return node('scatter', [flat, index, random([2, 2], integer(9))], {
        mode: pick(['sum', 'max'] as const),
      });
    }
  }
}

function factor(size: number, integer: (below: number) => number): Shape {
  const shape: number[] = [];
  let rest = size;
  while (rest > 1 && shape.length < 3) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => d > 1 && rest % d === 0);
    const divisor = divisors[integer(divisors.length)];
    shape.push(divisor);
    rest /= divisor;
  }
  return rest > 1 ? [...shape, rest] : shape;
}

/**
 * Some roots over three inputs; the same for the same seed.
 *
 * @param scale of the sizes: small graphs become one group of a single row.
 */
export function randomGraph(seed: number, scale: number): Node[] {
  const next = generator(seed);
  const pool: Node[] = [
    random([4 * scale, 6], seed),
    random([2 * scale, 3, 4], seed + 1),
    random([6], seed + 2),
    scalar(0.5),
  ];
  while (pool.length < 18) {
    const added = grow(pool, next, scale);
    if (added !== null && sizeOf(added.shape) <= 400 * scale && added.shape.length <= 6) pool.push(added);
  }
  const roots = pool.slice(-1);
  for (const candidate of pool.slice(4, -1)) if (next() < 0.2) roots.push(candidate);
  return [...new Set(roots)];
}
