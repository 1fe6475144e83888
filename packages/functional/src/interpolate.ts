// Images of another size.
import { ArgumentError, checkOptions, formatShape, ShapeError } from '@nn/core';
import { cat, requireTensor, sliceDim, stack, type Tensor, tensor } from '@nn/tensor';
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from './adaptive-pooling.ts';
import { checkChoice, requireFloat, type Sizes } from './arguments.ts';
import {
  antialiased,
  cubic,
  type LineScale,
  linear,
  nearest,
  type Phases,
  phasesOf,
  type Resampling,
} from './resampling.ts';

export type InterpolateMode =
  | 'nearest'
  | 'nearest-exact'
  | 'linear'
  | 'bilinear'
  | 'bicubic'
  | 'trilinear'
  | 'area';

export interface InterpolateOptions {
  /** The spatial sizes of the result: one for all, or one for each. */
  readonly size?: Sizes | null;
  /** Or their ratio to the input's. */
  readonly scaleFactor?: Sizes | null;
  /** Default 'nearest'. */
  readonly mode?: InterpolateMode;
  /** For linear and cubic modes: whether the centers of the corner elements stay where they are. Default false. */
  readonly alignCorners?: boolean | null;
  /** With `scaleFactor`: whether coordinates are mapped by the ratio of the sizes, not by the factor. Default false. */
  readonly recomputeScaleFactor?: boolean | null;
  /** For 'bilinear' and 'bicubic': whether a shrunk image is smoothed. Default false. */
  readonly antialias?: boolean;
}

const modes: readonly InterpolateMode[] = [
  'nearest',
  'nearest-exact',
  'linear',
  'bilinear',
  'bicubic',
  'trilinear',
  'area',
];
/** The spatial dimensions of modes that work in one number of them only. */
const ranks: { readonly [M in InterpolateMode]?: number } = {
  linear: 1,
  bilinear: 2,
  bicubic: 2,
  trilinear: 3,
};

/**
 * [batch, channels, spatial...] with one to three spatial dimensions, resized.
 *
 * @throws {ArgumentError | ShapeError} for options that contradict each other or do not fit the input.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[[1, 3]]]).float();
 * console.log(await F.interpolate(x, { size: 4, mode: 'linear' }).toArray()); // => [[[1, 1.5, 2.5, 3]]]
 * ```
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  return resize('interpolate', x, options);
}

/** interpolate with mode 'nearest'. */
export function upsampleNearest(
  x: Tensor,
  options: Pick<InterpolateOptions, 'size' | 'scaleFactor'>,
): Tensor {
  checkOptions('upsampleNearest', options, ['size', 'scaleFactor']);
  return resize('upsampleNearest', x, { ...options, mode: 'nearest' });
}

/** interpolate with mode 'bilinear' and aligned corners. */
export function upsampleBilinear(
  x: Tensor,
  options: Pick<InterpolateOptions, 'size' | 'scaleFactor'>,
): Tensor {
  checkOptions('upsampleBilinear', options, ['size', 'scaleFactor']);
  return resize('upsampleBilinear', x, { ...options, mode: 'bilinear', alignCorners: true });
}

function resize(name: string, x: Tensor, options: InterpolateOptions): Tensor {
  const known = ['size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor', 'antialias'];
  checkOptions(name, options, known);
  requireTensor(name, x);
  requireFloat(name, x);
  const { mode = 'nearest', antialias = false } = options;
  checkChoice(name, 'mode', mode, modes);
  const rank = x.ndim - 2;
  if (rank < 1 || rank > 3 || rank !== (ranks[mode] ?? rank)) {
    const wanted = ranks[mode] === undefined ? 'one to three' : String(ranks[mode]);
    throw new ShapeError(
      `${name}: mode '${mode}' takes [batch, channels, spatial...] with ${wanted} spatial dimensions, got ${formatShape(x.shape)}`,
    );
  }
  if (antialias && mode !== 'bilinear' && mode !== 'bicubic')
    throw new ArgumentError(
      `${name}: antialias goes with the modes 'bilinear' and 'bicubic' only, got '${mode}'`,
    );
  if (options.alignCorners != null && ranks[mode] === undefined)
    throw new ArgumentError(`${name}: alignCorners goes with linear and cubic modes only, got '${mode}'`);
  const lines = linesOf(name, x.shape.slice(2), options);
  if (mode === 'area') {
    const pools = [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d];
    return pools[rank - 1](
      x,
      lines.map(({ output }) => output),
    );
  }
  return lines.reduce((y, line, i) => resizeAlong(y, i + 2, line, mode, antialias), x);
}

function linesOf(name: string, input: readonly number[], options: InterpolateOptions): LineScale[] {
  const { size, scaleFactor, recomputeScaleFactor } = options;
  if ((size == null) === (scaleFactor == null))
    throw new ArgumentError(
      `${name}: give either size or scaleFactor, got ${size == null ? 'neither' : 'both'}`,
    );
  if (recomputeScaleFactor === true && scaleFactor == null)
    throw new ArgumentError(`${name}: recomputeScaleFactor goes with scaleFactor only`);
  const given = size ?? (scaleFactor as Sizes);
  const each = typeof given === 'number' ? input.map(() => given) : given;
  if (each.length !== input.length) {
    throw new ArgumentError(
      `${name}: ${size == null ? 'scaleFactor' : 'size'} must be one number or ${input.length}, got ${formatShape(each)}`,
    );
  }
  const alignCorners = options.alignCorners === true;
  return input.map((extent, i) => {
    const output = size == null ? Math.floor(extent * each[i]) : each[i];
    if (!Number.isInteger(output) || output < 1 || extent < 1) {
      throw new ArgumentError(
        `${name}: sizes must be integers of at least 1, got ${formatShape(input)} to ${size == null ? `times ${formatShape(each)}` : formatShape(each)}`,
      );
    }
    const byFactor = size == null && recomputeScaleFactor !== true;
    const ratio = byFactor ? 1 / each[i] : extent / output;
    const scale = alignCorners ? (output > 1 ? (extent - 1) / (output - 1) : 0) : ratio;
    return { input: extent, output, scale, alignCorners };
  });
}

function resizeAlong(
  x: Tensor,
  dim: number,
  line: LineScale,
  mode: InterpolateMode,
  antialias: boolean,
): Tensor {
  const repeat = line.output / line.input;
  const isNearest = mode === 'nearest' || mode === 'nearest-exact';
  // As in PyTorch, factors that leave the size as it is move nothing, but for 'bicubic' and with `antialias`.
  const staysPut = mode !== 'bicubic' && !antialias;
  if (line.output === line.input && (line.scale === 1 || staysPut)) return x;
  if (isNearest && Number.isInteger(repeat) && line.scale === line.input / line.output)
    return repeated(x, dim, repeat);
  const phases = isNearest || antialias ? null : phasesOf(line, mode === 'bicubic' ? 'cubic' : 'linear');
  if (phases !== null) return resampleInPhases(x, dim, line.output, phases);
  return resampleAlong(x, dim, resamplingOf(line, mode, antialias));
}

function resamplingOf(line: LineScale, mode: InterpolateMode, antialias: boolean): Resampling {
  if (antialias) return antialiased(line, mode === 'bicubic' ? 'cubic' : 'linear');
  if (mode === 'nearest' || mode === 'nearest-exact') return nearest(line, mode === 'nearest-exact');
  return mode === 'bicubic' ? cubic(line) : linear(line);
}

/** Each element several times: a view, and nothing to compute. */
function repeated(x: Tensor, dim: number, times: number): Tensor {
  const { shape } = x;
  const spread = [...shape.slice(0, dim + 1), times, ...shape.slice(dim + 1)];
  const result = shape.map((extent, d) => (d === dim ? extent * times : extent));
  return x
    .unsqueeze(dim + 1)
    .expandTo(spread)
    .reshape(...result);
}

/** Each phase is a sum of shifted inputs, so that nothing is looked up, and derivatives scatter nothing. */
function resampleInPhases(x: Tensor, dim: number, output: number, { step, phases }: Phases): Tensor {
  const { dtype } = x;
  // As other sums of half precision.
  const wide = dtype === 'float16' || dtype === 'bfloat16' ? x.to('float32') : x;
  const count = Math.ceil(output / phases.length);
  const before = Math.max(0, ...phases.map(({ first }) => -first));
  const reach = Math.max(...phases.map(({ first, weights }) => first + weights.length));
  const after = Math.max(0, (count - 1) * step + reach - x.shape[dim]);
  const padded = withEdges(wide, dim, before, after);
  const parts = phases.map(({ first, weights }) =>
    weights
      .map((weight, tap) => sliceDim(padded, dim, before + first + tap, step, count).mul(weight))
      .reduce((sum, term) => sum.add(term)),
  );
  const joined = parts.length === 1 ? parts[0] : stack(parts, dim + 1).flatten(dim, dim + 1);
  return joined.narrow(dim, 0, output).to(dtype);
}

/** The outermost elements of a dimension repeated. */
function withEdges(x: Tensor, dim: number, before: number, after: number): Tensor {
  const edge = (at: number, times: number): Tensor[] =>
    times === 0
      ? []
      : [x.narrow(dim, at, 1).expandTo(x.shape.map((extent, d) => (d === dim ? times : extent)))];
  const parts = [...edge(0, before), x, ...edge(x.shape[dim] - 1, after)];
  return parts.length === 1 ? x : cat(parts, dim);
}

/** The elements of a dimension weighted and summed up as `resampling` says. */
export function resampleAlong(x: Tensor, dim: number, { taps, positions, weights }: Resampling): Tensor {
  const index = tensor(positions, { dtype: 'int32', device: x.device });
  const picked = x.indexSelect(dim, index);
  if (weights === null) return picked;
  const { shape } = x;
  const rest = shape.slice(dim + 1);
  const output = positions.length / taps;
  const factors = tensor(weights, { dtype: x.dtype, device: x.device });
  return picked
    .reshape(...shape.slice(0, dim), output, taps, ...rest)
    .mul(factors.reshape(output, taps, ...rest.map(() => 1)))
    .sum(dim + 1);
}
