// Padding as layers.

import * as F from '@nn/functional';
import { ArgumentError, formatShape, ShapeError, type Tensor } from '@nn/tensor';
import { Module } from './module.ts';
import { namedValues } from './representation.ts';

/** One amount for all sides, or before and after for the last dimension, then for the one before it, and so on. */
export type PaddingAmounts = number | readonly number[];

/** Pads the last `rank` dimensions of [batch, channels, ...] or [channels, ...]. Negative amounts cut off. */
abstract class PaddingLayer extends Module<[Tensor], Tensor> {
  /** Before and after, the last dimension first. */
  readonly padding: readonly number[];
  private readonly rank: number;
  private readonly options: F.PadOptions;

  constructor(rank: number, padding: PaddingAmounts, options: F.PadOptions) {
    super();
    this.padding = typeof padding === 'number' ? new Array<number>(2 * rank).fill(padding) : [...padding];
    this.rank = rank;
    this.options = options;
    if (this.padding.length !== 2 * rank || !this.padding.every(Number.isInteger)) {
      throw new ArgumentError(
        `${this.constructor.name}: padding must be an integer or ${2 * rank} of them, before and after for each ` +
          `dimension with the last one first, got ${formatShape(this.padding)}`,
      );
    }
  }

  override forward(x: Tensor): Tensor {
    const { rank, options } = this;
    const fits = options.mode === 'constant' ? x.ndim >= rank : x.ndim === rank + 1 || x.ndim === rank + 2;
    if (!fits) {
      throw new ShapeError(
        `${this.constructor.name}: takes ${rank + 1} or ${rank + 2} dimensions, got ${formatShape(x.shape)}`,
      );
    }
    return F.pad(x, this.padding, options);
  }

  override extraRepr(): string {
    return `[${this.padding.join(', ')}]`;
  }
}

abstract class ConstantPadding extends PaddingLayer {
  readonly value: number;

  constructor(rank: number, padding: PaddingAmounts, value: number) {
    super(rank, padding, { mode: 'constant', value });
    this.value = value;
  }

  override extraRepr(): string {
    const { padding, value } = this;
    return namedValues({ padding, value });
  }
}

/** Pads [..., length] with a value. */
export class ConstantPad1d extends ConstantPadding {
  constructor(padding: PaddingAmounts, value: number) {
    super(1, padding, value);
  }
}

/**
 * Pads [..., height, width] with a value.
 *
 * @example
 * ```ts
 * import { ConstantPad2d } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const padded = new ConstantPad2d([1, 0, 0, 1], 7)(ones([1, 1, 1]));
 * console.log(await padded.toArray()); // => [[[7, 1], [7, 7]]]
 * ```
 */
export class ConstantPad2d extends ConstantPadding {
  constructor(padding: PaddingAmounts, value: number) {
    super(2, padding, value);
  }
}

/** Pads [..., depth, height, width] with a value. */
export class ConstantPad3d extends ConstantPadding {
  constructor(padding: PaddingAmounts, value: number) {
    super(3, padding, value);
  }
}

/** Pads [..., length] with zeros. */
export class ZeroPad1d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(1, padding, { mode: 'constant' });
  }
}

/** Pads [..., height, width] with zeros. */
export class ZeroPad2d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(2, padding, { mode: 'constant' });
  }
}

/** Pads [..., depth, height, width] with zeros. */
export class ZeroPad3d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(3, padding, { mode: 'constant' });
  }
}

/** Pads [..., channels, length] with the input mirrored at its edges, which are not repeated. */
export class ReflectionPad1d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(1, padding, { mode: 'reflect' });
  }
}

/** Pads [..., channels, height, width] with the input mirrored at its edges, which are not repeated. */
export class ReflectionPad2d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(2, padding, { mode: 'reflect' });
  }
}

/** Pads [..., channels, depth, height, width] with the input mirrored at its edges, which are not repeated. */
export class ReflectionPad3d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(3, padding, { mode: 'reflect' });
  }
}

/** Pads [..., channels, length] with the elements at the edges. */
export class ReplicationPad1d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(1, padding, { mode: 'replicate' });
  }
}

/** Pads [..., channels, height, width] with the elements at the edges. */
export class ReplicationPad2d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(2, padding, { mode: 'replicate' });
  }
}

/** Pads [..., channels, depth, height, width] with the elements at the edges. */
export class ReplicationPad3d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(3, padding, { mode: 'replicate' });
  }
}

/** Pads [..., channels, length] with what stands at the other end. */
export class CircularPad1d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(1, padding, { mode: 'circular' });
  }
}

/** Pads [..., channels, height, width] with what stands at the other end. */
export class CircularPad2d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(2, padding, { mode: 'circular' });
  }
}

/** Pads [..., channels, depth, height, width] with what stands at the other end. */
export class CircularPad3d extends PaddingLayer {
  constructor(padding: PaddingAmounts) {
    super(3, padding, { mode: 'circular' });
  }
}
