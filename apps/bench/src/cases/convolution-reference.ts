// Single values of convolutions and of their derivatives, in float64.
import type { Values } from '../benchmark.ts';
import type { ConvolutionSizes } from './convolution-shapes.ts';
import { indicesOf } from './data.ts';

export interface Extents extends ConvolutionSizes {
  readonly groups: number;
  /** Height and width of the output. */
  readonly reach: number;
}

export interface Operands {
  readonly x: Values;
  readonly weight: Values;
  readonly gradient: Values;
}

const range = (length: number): number[] => Array.from({ length }, (_, at) => at);

/** [batch, inputs, size, size], zero outside. */
function pixel(
  { inputs, size }: Extents,
  x: Values,
  image: number,
  channel: number,
  row: number,
  column: number,
): number {
  if (row < 0 || column < 0 || row >= size || column >= size) return 0;
  return x[((image * inputs + channel) * size + row) * size + column];
}

/** [outputs, inputs / groups, window, window]. */
function tap({ inputs, groups, window }: Extents, weight: Values, indices: readonly number[]): number {
  const [output, channel, row, column] = indices;
  return weight[((output * (inputs / groups) + channel) * window + row) * window + column];
}

/** The output at a position of [batch, outputs, reach, reach]. */
export function convolutionAt(extents: Extents, { x, weight }: Operands, position: number): number {
  const { batch, outputs, reach, inputs, groups, window, stride, padding } = extents;
  const [image, output, row, column] = indicesOf(position, [batch, outputs, reach, reach]);
  const channels = inputs / groups;
  const first = Math.floor(output / (outputs / groups)) * channels;
  let sum = 0;
  for (const channel of range(channels)) {
    for (const y of range(window)) {
      for (const z of range(window)) {
        const [from, to] = [row * stride + y - padding, column * stride + z - padding];
        sum +=
          pixel(extents, x, image, first + channel, from, to) * tap(extents, weight, [output, channel, y, z]);
      }
    }
  }
  return sum;
}

/** The input's gradient at a position of [batch, inputs, size, size]. */
export function inputGradientAt(extents: Extents, { weight, gradient }: Operands, position: number): number {
  const { batch, outputs, reach, inputs, groups, window, stride, padding, size } = extents;
  const [image, channel, row, column] = indicesOf(position, [batch, inputs, size, size]);
  const channels = inputs / groups;
  const filters = outputs / groups;
  const first = Math.floor(channel / channels) * filters;
  let sum = 0;
  for (const filter of range(filters)) {
    for (const y of range(window)) {
      for (const z of range(window)) {
        const [top, left] = [row + padding - y, column + padding - z];
        if (top % stride !== 0 || left % stride !== 0) continue;
        const [oy, ox] = [top / stride, left / stride];
        if (oy < 0 || ox < 0 || oy >= reach || ox >= reach) continue;
        const output = first + filter;
        const slope = gradient[((image * outputs + output) * reach + oy) * reach + ox];
        sum += slope * tap(extents, weight, [output, channel % channels, y, z]);
      }
    }
  }
  return sum;
}

/** The weight's gradient at a position of [outputs, inputs / groups, window, window]. */
export function weightGradientAt(extents: Extents, { x, gradient }: Operands, position: number): number {
  const { batch, outputs, reach, inputs, groups, window, stride, padding } = extents;
  const channels = inputs / groups;
  const [output, channel, y, z] = indicesOf(position, [outputs, channels, window, window]);
  const first = Math.floor(output / (outputs / groups)) * channels;
  let sum = 0;
  for (const image of range(batch)) {
    for (const row of range(reach)) {
      for (const column of range(reach)) {
        const slope = gradient[((image * outputs + output) * reach + row) * reach + column];
        const [from, to] = [row * stride + y - padding, column * stride + z - padding];
        sum += slope * pixel(extents, x, image, first + channel, from, to);
      }
    }
  }
  return sum;
}
