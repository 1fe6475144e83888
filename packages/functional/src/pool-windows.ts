// The windows that pooling looks at.
import { ArgumentError, checkOptions, formatShape, ShapeError } from '@nn/core';
import { apply, type Tensor } from '@nn/tensor';
import { requireSpatial, type Sizes, spatialSizes } from './arguments.ts';
import { padSides } from './zero-padding.ts';

export interface PoolOptions {
  /** Default: the kernel's size. */
  readonly stride?: Sizes | null;
  /** On both sides, at most half of the kernel. Default 0. */
  readonly padding?: Sizes;
  /** Whether a window that starts inside may reach past the end. Default false. */
  readonly ceilMode?: boolean;
}

export interface PoolGeometry {
  readonly rank: number;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  /** Padding behind, so that the last window fits. */
  readonly after: readonly number[];
  /** Sizes of the input and of the output. */
  readonly input: readonly number[];
  readonly output: readonly number[];
}

/**
 * Checks a pooling call.
 *
 * @throws {ArgumentError | ShapeError} for sizes that make no windows.
 */
export function poolGeometry(
  name: string,
  rank: number,
  x: Tensor,
  kernelSize: Sizes,
  options: PoolOptions & { readonly dilation?: Sizes },
  optionNames: readonly string[],
): PoolGeometry {
  checkOptions(name, options, ['stride', 'padding', 'ceilMode', ...optionNames]);
  requireSpatial(name, x, rank);
  const kernel = spatialSizes(name, 'kernelSize', kernelSize, rank, 1);
  const given = options.stride ?? kernel;
  const stride =
    typeof given === 'object' && given.length === 0 ? kernel : spatialSizes(name, 'stride', given, rank, 1);
  const padding = spatialSizes(name, 'padding', options.padding ?? 0, rank, 0);
  const dilation = spatialSizes(name, 'dilation', options.dilation ?? 1, rank, 1);
  if (padding.some((extent, i) => extent > kernel[i] / 2)) {
    throw new ArgumentError(
      `${name}: padding ${formatShape(padding)} must be at most half of the kernel ${formatShape(kernel)}`,
    );
  }
  const input = x.shape.slice(-rank);
  if (x.shape.slice(-rank - 1).includes(0)) {
    throw new ShapeError(
      `${name}: only the batch may be empty, got an input of shape ${formatShape(x.shape)}`,
    );
  }
  const reach = kernel.map((extent, i) => dilation[i] * (extent - 1) + 1);
  const output = input.map((extent, i) => {
    const steps = (extent + 2 * padding[i] - reach[i]) / stride[i];
    const count = (options.ceilMode === true ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // A window that starts in the padding behind does not count.
    return options.ceilMode === true && (count - 1) * stride[i] >= extent + padding[i] ? count - 1 : count;
  });
  if (output.some((extent) => extent < 1)) {
    throw new ShapeError(
      `${name}: a kernel of ${formatShape(kernel)} does not fit into an input of ${formatShape(input)}`,
    );
  }
  const after = output.map((extent, i) =>
    Math.max((extent - 1) * stride[i] + reach[i] - input[i] - padding[i], 0),
  );
  return { rank, kernel, stride, padding, dilation, after, input, output };
}

/** [..., in...] to [..., out..., kernel...], the outside filled with `value`. */
export function poolWindows(x: Tensor, geometry: PoolGeometry, value: number): Tensor {
  const { kernel, stride, dilation, padding, after } = geometry;
  return apply('window', [padSides(x, padding, after, value)], { kernel, stride, dilation });
}

/** The kernel's dimensions of windows. */
export function kernelDims(windows: Tensor, rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => windows.ndim - rank + i);
}
