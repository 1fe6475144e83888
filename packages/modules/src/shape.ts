// Layers that only change shapes, or nothing.
import { ArgumentError, formatShape, ShapeError, type Tensor } from '@nn/tensor';

import { Module } from './module.ts';
import { namedValues } from './representation.ts';

/** Gives its input. */
export class Identity<T = Tensor> extends Module<[T], T> {
  override forward(x: T): T {
    return x;
  }
}

/** Merges dimensions; by default all but the batch. */
export class Flatten extends Module<[Tensor], Tensor> {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim: number = 1, endDim: number = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  override forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }

  override extraRepr(): string {
    const { startDim, endDim } = this;
    return namedValues({ startDim, endDim });
  }
}

/** Splits a dimension into several. */
export class Unflatten extends Module<[Tensor], Tensor> {
  readonly dim: number;
  readonly unflattenedSize: readonly number[];

  constructor(dim: number, unflattenedSize: readonly number[]) {
    super();
    if (unflattenedSize.length === 0) throw new ArgumentError('Unflatten: unflattenedSize must not be empty');
    this.dim = dim;
    this.unflattenedSize = unflattenedSize;
  }

  override forward(x: Tensor): Tensor {
    const size = x.size(this.dim);
    const dim = this.dim < 0 ? this.dim + x.ndim : this.dim;
    const known = this.unflattenedSize.reduce((a, b) => (b === -1 ? a : a * b), 1);
    const fits = this.unflattenedSize.includes(-1) ? known > 0 && size % known === 0 : known === size;
    if (!fits) {
      throw new ShapeError(
        `Unflatten: dimension ${this.dim} of ${formatShape(x.shape)} cannot become ${formatShape(this.unflattenedSize)}`,
      );
    }
    const sizes = this.unflattenedSize.map((extent) => (extent === -1 ? size / known : extent));
    return x.reshape([...x.shape.slice(0, dim), ...sizes, ...x.shape.slice(dim + 1)]);
  }

  override extraRepr(): string {
    const { dim, unflattenedSize } = this;
    return namedValues({ dim, unflattenedSize });
  }
}
