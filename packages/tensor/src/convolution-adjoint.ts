// The adjoint of a convolution by its input: its derivative there, and transposed convolution.
import { contiguousStrides, type Shape } from '@nn/core';
import { zeros } from './creation.ts';
import { apply } from './dispatch.ts';
import { stack } from './joining.ts';
import { permute, sliceView } from './movement.ts';
import type { Tensor } from './tensor.ts';

interface Steps {
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Zeros that the convolution puts in front of its input. */
  readonly before: readonly number[];
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Batch and groups in front, as the op takes its input: [batch, groups, channels, size...]. */
const batchFirst = (x: Tensor): Tensor => permute(x, [2, 0, 1, ...range(3, x.ndim)]);

const replaced = (list: Shape, at: number, value: number): number[] =>
  list.map((each, i) => (i === at ? value : each));

/** Zeros between neighbours of a dimension, so that a strided convolution's output stands where its windows started. */
function spread(x: Tensor, dim: number, step: number): Tensor {
  const shape = replaced(x.shape, dim, (x.shape[dim] - 1) * step + 1);
  const own = contiguousStrides(shape);
  const strides = replaced(own, dim, own[dim] * step);
  return apply('assign', [zeros(shape, { dtype: x.dtype, device: x.device }), x], { strides, offset: 0 });
}

/** A part of a dimension, and the zeros on both sides of it. */
interface Stretch {
  readonly start: number;
  readonly length: number;
  readonly front: number;
  readonly back: number;
}

/** The positions from `from` up to `to` of a dimension, beyond whose ends there are zeros. */
function stretch(extent: number, from: number, to: number): Stretch {
  const start = Math.min(Math.max(0, from), extent);
  const length = Math.max(0, Math.min(extent, to) - start);
  const front = Math.min(Math.max(0, -from), to - from - length);
  return { start, length, front, back: to - from - length - front };
}

/** Only what the stretches of its sizes have of a tensor. */
function cut(x: Tensor, stretches: readonly Stretch[]): Tensor {
  const starts = [0, 0, 0, ...stretches.map(({ start }) => start)];
  const shape = [...x.shape.slice(0, 3), ...stretches.map(({ length }) => length)];
  return sliceView(x, starts, ones(x.shape), shape);
}

const ones = (list: readonly unknown[]): number[] => list.map(() => 1);

/**
 * The convolution of the padded gradient with the kernel turned round (Dumoulin and Visin, "A guide to convolution
 * arithmetic for deep learning", 2016): one contraction, with no matrix of windows to be summed up.
 */
function dense(
  gradient: Tensor,
  weight: Tensor,
  dilation: readonly number[],
  stretches: readonly Stretch[],
): Tensor {
  const turned = sliceView(
    weight,
    weight.shape.map((extent, dim) => (dim < 3 ? 0 : extent - 1)),
    weight.shape.map((_, dim) => (dim < 3 ? 1 : -1)),
    weight.shape,
  );
  const swapped = permute(turned, [0, 2, 1, ...range(3, weight.ndim)]);
  const attributes = {
    stride: ones(dilation),
    dilation,
    before: stretches.map(({ front }) => front),
    after: stretches.map(({ back }) => back),
  };
  return batchFirst(apply('convolution', [cut(gradient, stretches), swapped], attributes));
}

/** Input elements along one dimension, a stride apart, that meet the same taps. */
interface Phase {
  /** The first of the taps; they are a stride apart too. */
  readonly first: number;
  readonly taps: number;
  /** The gradient's positions that they meet. */
  readonly from: number;
  readonly to: number;
}

function phasesOf(extent: number, kernel: number, step: number, dilation: number, before: number): Phase[] {
  return range(0, step).map((position) => {
    // Counted from where the zeros begin.
    const padded = position + before;
    const first = padded % step;
    const taps = Math.max(0, Math.ceil((kernel - first) / step));
    const start = Math.floor(padded / step);
    return {
      first,
      taps,
      from: start - dilation * Math.max(0, taps - 1),
      to: start + Math.ceil(extent / step),
    };
  });
}

/** Whether a dimension's windows start and end at whole strides: all input elements of a stride meet the same windows. */
function isWholeSteps(step: number, kernel: number, before: number): boolean {
  return step > 1 && kernel % step === 0 && before % step === 0;
}

/**
 * Along dimensions of whole steps, a stride's input elements are as good as channels of one element: a single
 * convolution without stride has the gradient of them all, and reads the output's gradient once.
 */
function inBlocks(
  gradient: Tensor,
  shape: Shape,
  weight: Tensor,
  { stride, dilation, before }: Steps,
): Tensor {
  const rank = stride.length;
  const block = stride.map((step, i) => (isWholeSteps(step, weight.shape[i + 3], before[i]) ? step : 1));
  const [groups, out, channels, ...kernel] = weight.shape;
  const inner = block.reduce((product, extent) => product * extent, 1);
  // [groups, out, channels, (taps, block)...] to [groups, out, channels and blocks, taps...].
  const parted = weight.reshape([
    groups,
    out,
    channels,
    ...kernel.flatMap((k, i) => [k / block[i], block[i]]),
  ]);
  const order = [0, 1, 2, ...range(0, rank).map((i) => 4 + 2 * i), ...range(0, rank).map((i) => 3 + 2 * i)];
  const taps = kernel.map((extent, i) => extent / block[i]);
  const wide = permute(parted, order).reshape([groups, out, channels * inner, ...taps]);
  const blocks = shape.slice(3).map((extent, i) => Math.ceil(extent / block[i]));
  const found = convolutionAdjoint(gradient, [shape[0], groups, channels * inner, ...blocks], wide, {
    stride: stride.map((step, i) => step / block[i]),
    dilation,
    before: before.map((zeros, i) => zeros / block[i]),
  });
  const back = [...[0, 1, 2], ...range(0, rank).flatMap((i) => [3 + rank + i, 3 + i])];
  const whole = permute(found.reshape([shape[0], groups, channels, ...block, ...blocks]), back).reshape([
    ...shape.slice(0, 3),
    ...blocks.map((extent, i) => extent * block[i]),
  ]);
  return sliceView(
    whole,
    shape.map(() => 0),
    ones(shape),
    shape,
  );
}

/**
 * What the op `convolution` with this weight of [groups, out, channels, kernel...] makes of a gradient of its output,
 * shaped [groups, out, batch, size...]: the gradient of its input, in the shape [batch, groups, channels, size...].
 *
 * With a stride, input elements whose positions leave the same rest meet the same part of the kernel's taps. Each rest
 * is a convolution of its own without stride, so that nothing is multiplied with zeros between elements.
 */
export function convolutionAdjoint(gradient: Tensor, shape: Shape, weight: Tensor, steps: Steps): Tensor {
  const { stride, dilation, before } = steps;
  const at = stride.findIndex((step, i) => step !== 1 && dilation[i] !== 1);
  if (at >= 0) {
    const unstrided = { ...steps, stride: replaced(stride, at, 1) };
    return convolutionAdjoint(spread(gradient, at + 3, stride[at]), shape, weight, unstrided);
  }
  if (stride.some((step, i) => isWholeSteps(step, weight.shape[i + 3], before[i])))
    return inBlocks(gradient, shape, weight, steps);
  const phases = stride.map((step, i) =>
    phasesOf(shape[i + 3], weight.shape[i + 3], step, dilation[i], before[i]),
  );
  const wide = batchFirst(gradient);
  // All that any of them meets: one padded gradient for all.
  const whole = phases.map((ofSize, i) => {
    const from = Math.min(...ofSize.map((phase) => phase.from));
    const to = Math.max(...ofSize.map((phase) => phase.to));
    return stretch(wide.shape[i + 3], from, to);
  });
  if (stride.every((step) => step === 1)) return dense(wide, weight, dilation, whole);
  const padded = apply('pad', [cut(wide, whole)], {
    before: [0, 0, 0, ...whole.map(({ front }) => front)],
    after: [0, 0, 0, ...whole.map(({ back }) => back)],
    value: 0,
  });
  const lengths = stride.map((step, i) => Math.ceil(shape[i + 3] / step));
  const partOf = (chosen: readonly Phase[]): Tensor => {
    if (chosen.some(({ taps }) => taps === 0)) {
      const partShape = [...shape.slice(0, 3), ...lengths];
      return zeros(partShape, { dtype: gradient.dtype, device: gradient.device });
    }
    const part = sliceView(
      weight,
      [0, 0, 0, ...chosen.map(({ first }) => first)],
      [1, 1, 1, ...stride],
      [...weight.shape.slice(0, 3), ...chosen.map(({ taps }) => taps)],
    );
    const met = chosen.map(({ from, to }, i) => {
      // Where the padded gradient has them.
      const { start, front } = whole[i];
      return stretch(padded.shape[i + 3], from + front - start, to + front - start);
    });
    return dense(padded, part, dilation, met);
  };
  const joined = (chosen: readonly Phase[]): Tensor => {
    const i = chosen.length;
    if (i === stride.length) return partOf(chosen);
    const parts = phases[i].map((phase) => joined([...chosen, phase]));
    if (parts.length === 1) return parts[0];
    const dim = i + 3;
    const length = lengths[i] * stride[i];
    return stack(parts, dim + 1)
      .reshape(replaced(parts[0].shape, dim, length))
      .narrow(dim, 0, shape[dim]);
  };
  return joined([]);
}
