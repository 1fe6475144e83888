// Values that are given.
import type { DType } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { LeafDefinition } from './definition.ts';

export interface LeafOps {
  /** Data on the host or on a device. */
  readonly data: LeafDefinition<{ readonly shape: Shape; readonly dtype: DType }>;
  /** A number, handed to the program at each run: another value compiles nothing new. */
  readonly scalar: LeafDefinition<{ readonly dtype: DType }>;
}

export const leafOps: LeafOps = {
  data: { kind: 'leaf', infer: (_, { shape, dtype }) => ({ shape, dtype }) },
  scalar: { kind: 'leaf', infer: (_, { dtype }) => ({ shape: [], dtype }) },
};
