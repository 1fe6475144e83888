/** Loop coordinates and linear functions of them, as WGSL. */
import type { Affine, Bound } from '@nn/core';
import type { SizeTable } from './sizes.ts';

/**
 * `offset + sum of strides * coordinates`. Offsets of 0 and strides of 0 and 1 shape the code; other numbers
 * are read at run time.
 */
export function emitAffine(
  { offset, strides }: Affine,
  coordinates: readonly string[],
  sizes: SizeTable,
): string {
  const terms: string[] = [];
  strides.forEach((stride, dim) => {
    if (stride === 1) terms.push(coordinates[dim]);
    else if (stride !== 0) terms.push(`${coordinates[dim]} * ${sizes.integer(stride)}`);
  });
  if (offset !== 0) terms.unshift(sizes.integer(offset));
  if (terms.length === 0) return '0';
  return terms.length === 1 ? terms[0] : `(${terms.join(' + ')})`;
}

/** Whether all bounds hold. */
export function emitGuards(
  guards: readonly Bound[],
  coordinates: readonly string[],
  sizes: SizeTable,
): string {
  if (guards.length === 0) return 'true';
  return guards
    .map((guard) => {
      const at = emitAffine(guard, coordinates, sizes);
      // One comparison serves both ends: below zero is large when unsigned.
      return `(u32(${at}) < u32(${sizes.integer(guard.size)}))`;
    })
    .join(' && ');
}

export interface EmittedCoordinates {
  /** The statements that compute them. */
  readonly lines: readonly string[];
  readonly names: readonly string[];
}

/** The coordinates of the row-major position `flat` (a name) in `extents`; `prefix` begins their names. */
export function emitCoordinates(
  flat: string,
  extents: readonly number[],
  prefix: string,
  sizes: SizeTable,
): EmittedCoordinates {
  if (extents.length === 1) return { lines: [], names: [flat] };
  const names = extents.map((_, dim) => `${prefix}${dim}`);
  const lines: string[] = [];
  let rest = flat;
  for (let dim = extents.length - 1; dim > 0; dim--) {
    const extent = sizes.integer(extents[dim]);
    const quotient = dim === 1 ? names[0] : `${prefix}_over${dim}`;
    lines.push(`let ${quotient} = ${rest} / ${extent};`);
    lines.push(`let ${names[dim]} = ${rest} - ${quotient} * ${extent};`);
    rest = quotient;
  }
  return { lines, names };
}

export function sizeOfExtents(extents: readonly number[]): number {
  return extents.reduce((size, extent) => size * extent, 1);
}
