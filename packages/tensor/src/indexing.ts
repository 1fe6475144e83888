// x.at(...) and x.setAt_(...): PyTorch's indexing.
import type { Scalar } from './dispatch.ts';
import { select } from './movement.ts';
import type { Tensor } from './tensor.ts';

/** `slice(start, stop, step)`. */
export interface Slice {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;
}
export type Index = number | null | ':' | '...' | Slice | boolean | Tensor | readonly number[];

export function at(x: Tensor, indices: readonly Index[]): Tensor {
  return indices.reduce<Tensor>((y, index) => select(y, 0, index as number), x);
}

export function setAt(x: Tensor, indices: readonly Index[], value: Tensor | Scalar): Tensor {
  return at(x, indices).fill_(value as Scalar);
}
