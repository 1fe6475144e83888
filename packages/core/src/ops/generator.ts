// Values from coordinates: iota and random bits.
import type { DType } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { GeneratorDefinition } from './definition.ts';

export interface GeneratorOps {
  /** The coordinate along `dim`. */
  readonly iota: GeneratorDefinition<{ readonly shape: Shape; readonly dim: number; readonly dtype: DType }>;
  /** (offset, key0, key1: int32 scalars): 32 random bits an element (int32), from Philox at the row-major position. */
  readonly randomBits: GeneratorDefinition<{ readonly shape: Shape }>;
}

export const generatorOps: GeneratorOps = {
  iota: {
    kind: 'generator',
    infer: (_, { shape, dtype }) => ({ shape, dtype }),
    expression: (_, coordinates, __, { dim, dtype }) => coordinates.along(dim, dtype),
  },
  randomBits: {
    kind: 'generator',
    infer: (_, { shape }) => ({ shape, dtype: 'int32' }),
    expression: (b, coordinates, [offset, key0, key1]) =>
      b.add({ op: 'philox', dtype: 'int32', args: [coordinates.position('int32'), offset, key0, key1] }),
  },
};
