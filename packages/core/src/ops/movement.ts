// Movement ops: the same elements, looked up elsewhere.
import { ShapeError } from '../errors.ts';
import { formatShape, type Shape, sizeOf } from '../shape.ts';
import type { MovementDefinition, NoAttributes } from './definition.ts';

/** Elements in front of each dimension and behind it, and their value. */
export interface PadAttributes {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}

export interface MovementOps {
  /** Row-major reinterpretation. */
  readonly reshape: MovementDefinition<{ readonly shape: Shape }>;
  /** result dimension i is the input's dimension order[i]. */
  readonly permute: MovementDefinition<{ readonly order: readonly number[] }>;
  /** Repeats dimensions of size 1, and adds leading ones, without copies. */
  readonly expand: MovementDefinition<{ readonly shape: Shape }>;
  /** result[i] = input[start + i * step] in each dimension, `shape[d]` of them; steps may be negative, not 0. */
  readonly slice: MovementDefinition<{
    readonly starts: readonly number[];
    readonly steps: readonly number[];
    readonly shape: Shape;
  }>;
  /** `before` and `after` elements of `value` around each dimension (counts of at least 0). */
  readonly pad: MovementDefinition<PadAttributes> /**
   * Sliding windows over the last `kernel.length` dimensions: [..., in...] to [..., out..., kernel...] with
   * result[..., o, k] = input[..., o * stride + k * dilation] and out = floor((in - dilation * (kernel - 1) - 1) / stride) + 1.
   */;
  readonly window: MovementDefinition<{
    readonly kernel: readonly number[];
    readonly stride: readonly number[];
    readonly dilation: readonly number[];
  }>;
  /** Any strided look-up in the input's row-major elements. */
  readonly asStrided: MovementDefinition<{
    readonly shape: Shape;
    readonly strides: readonly number[];
    readonly offset: number;
  }>;
  /**
   * (x, after): x, but not before `after` is there, and not the same as x: what is computed from the result is computed
   * anew, and later (recomputation in backward). No kernel and no copy.
   */
  readonly barrier: MovementDefinition<NoAttributes>;
}

export const movementOps: MovementOps = {
  reshape: {
    kind: 'movement',
    infer([x], { shape }) {
      if (sizeOf(shape) !== sizeOf(x.shape)) {
        throw new ShapeError(
          `reshape: ${formatShape(x.shape)} cannot become ${formatShape(shape)}: the element counts differ`,
        );
      }
      return { shape, dtype: x.dtype };
    },
  },
  permute: {
    kind: 'movement',
    infer: ([x], { order }) => ({ shape: order.map((dim) => x.shape[dim]), dtype: x.dtype }),
  },
  expand: {
    kind: 'movement',
    infer([x], { shape }) {
      const lead = shape.length - x.shape.length;
      const fits = lead >= 0 && x.shape.every((extent, i) => extent === 1 || extent === shape[lead + i]);
      if (!fits)
        throw new ShapeError(`expand: ${formatShape(x.shape)} does not expand to ${formatShape(shape)}`);
      return { shape, dtype: x.dtype };
    },
  },
  slice: { kind: 'movement', infer: ([x], { shape }) => ({ shape, dtype: x.dtype }) },
  pad: {
    kind: 'movement',
    infer: ([x], { before, after }) => ({
      shape: x.shape.map((extent, i) => before[i] + extent + after[i]),
      dtype: x.dtype,
    }),
  },
  window: {
    kind: 'movement',
    infer([x], { kernel, stride, dilation }) {
      const lead = x.shape.length - kernel.length;
      const outer = x.shape.slice(lead).map((extent, i) => {
        const out = Math.floor((extent - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1;
        if (out < 1) {
          throw new ShapeError(
            `window: a kernel of ${kernel[i]} with dilation ${dilation[i]} does not fit into a dimension of size ${extent}`,
          );
        }
        return out;
      });
      return { shape: [...x.shape.slice(0, lead), ...outer, ...kernel], dtype: x.dtype };
    },
  },
  asStrided: { kind: 'movement', infer: ([x], { shape }) => ({ shape, dtype: x.dtype }) },
  barrier: { kind: 'movement', infer: ([x]) => x },
};
