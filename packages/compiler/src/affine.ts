// Arithmetic on affine functions of loop coordinates. Inside the compiler, missing trailing strides are 0.
import type { Affine, Bound } from '@nn/core';

export const zero: Affine = { offset: 0, strides: [] };

/** `offset + Σ factor * affine`. */
export function combine(
  offset: number,
  terms: readonly (readonly [factor: number, affine: Affine])[],
): Affine {
  let rank = 0;
  for (const [, affine] of terms) rank = Math.max(rank, affine.strides.length);
  const strides = new Array<number>(rank).fill(0);
  let total = offset;
  for (const [factor, affine] of terms) {
    total += factor * affine.offset;
    for (let i = 0; i < affine.strides.length; i++) strides[i] += factor * affine.strides[i];
  }
  return { offset: total, strides };
}

/** Σ strides[d] * dims[d] + offset: the element of a strided layout. */
export function linear(dims: readonly Affine[], strides: readonly number[], offset: number = 0): Affine {
  let rank = 0;
  for (const dim of dims) rank = Math.max(rank, dim.strides.length);
  const result = new Array<number>(rank).fill(0);
  let total = offset;
  for (let d = 0; d < dims.length; d++) {
    const stride = strides[d];
    if (stride === 0) continue;
    const dim = dims[d];
    total += stride * dim.offset;
    for (let i = 0; i < dim.strides.length; i++) result[i] += stride * dim.strides[i];
  }
  return { offset: total, strides: result };
}

/** Lowest and highest value over all coordinates. */
export function rangeOf(affine: Affine, extents: readonly number[]): readonly [low: number, high: number] {
  let low = affine.offset;
  let high = affine.offset;
  for (let i = 0; i < affine.strides.length; i++) {
    const reach = affine.strides[i] * (extents[i] - 1);
    if (reach < 0) low += reach;
    else high += reach;
  }
  return [low, high];
}

export function affineKey({ offset, strides }: Affine): string {
  let rank = strides.length;
  while (rank > 0 && strides[rank - 1] === 0) rank--;
  let key = String(offset);
  for (let i = 0; i < rank; i++) key += `,${strides[i]}`;
  return key;
}

export function boundKey(bound: Bound): string {
  return `${affineKey(bound)}<${bound.size}`;
}

/** What a guard is over all coordinates: one that always holds can go, one that never does decides. */
export function decide(bound: Bound, extents: readonly number[]): 'always' | 'never' | 'sometimes' {
  const [low, high] = rangeOf(bound, extents);
  if (low >= 0 && high < bound.size) return 'always';
  if (high < 0 || low >= bound.size) return 'never';
  return 'sometimes';
}
