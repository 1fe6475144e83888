// Activations made of straight pieces. Comparisons are written so that NaN stays NaN, and so that the derivative
// at the joints is PyTorch's.
import { ArgumentError, checkOptions, formatShape, ShapeError } from '@nn/core';
import { apply, rand, requireTensor, type Tensor, relu as tensorRelu, where } from '@nn/tensor';
import { finish, type InplaceOptions, requireFloat } from './arguments.ts';

/** max(0, x). */
export function relu(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptions('relu', options, ['inplace']);
  return finish('relu', x, tensorRelu(x), options);
}

export interface HardtanhOptions extends InplaceOptions {
  /** Default -1. */
  readonly minVal?: number;
  /** Default 1. */
  readonly maxVal?: number;
}

/** x limited to [minVal, maxVal]. */
export function hardtanh(x: Tensor, options: HardtanhOptions = {}): Tensor {
  checkOptions('hardtanh', options, ['minVal', 'maxVal', 'inplace']);
  const { minVal = -1, maxVal = 1 } = options;
  return finish('hardtanh', requireTensor('hardtanh', x), limited(x, minVal, maxVal), options);
}

/** Flat at the bounds themselves; a minimum above the maximum gives the maximum, as in PyTorch. */
function limited(x: Tensor, low: number, high: number): Tensor {
  const raised = where(x.le(low), low, x);
  return where(x.ge(high), high, low > high ? raised.clamp(null, high) : raised).to(x.dtype);
}

/** x limited to [0, 6]. */
export function relu6(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptions('relu6', options, ['inplace']);
  return finish('relu6', x, limited(requireTensor('relu6', x), 0, 6), options);
}

/** (x + 3) / 6, limited to [0, 1]. */
export function hardsigmoid(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptions('hardsigmoid', options, ['inplace']);
  return finish('hardsigmoid', x, limited(requireFloat('hardsigmoid', x).add(3), 0, 6).div(6), options);
}

/** x (x + 3) / 6 between -3 and 3, 0 below, x above (Howard et al. 2019). */
export function hardswish(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptions('hardswish', options, ['inplace']);
  const middle = requireFloat('hardswish', x).mul(x.add(3)).div(6);
  return finish('hardswish', x, where(x.lt(-3), 0, where(x.gt(3), x, middle)), options);
}

/** x above 0, negativeSlope * x below. */
export function leakyRelu(x: Tensor, negativeSlope: number = 0.01, options: InplaceOptions = {}): Tensor {
  checkOptions('leakyRelu', options, ['inplace']);
  return finish(
    'leakyRelu',
    x,
    apply('leakyRelu', [requireFloat('leakyRelu', x)], { negativeSlope }),
    options,
  );
}

/**
 * x above 0, weight * x below, with a weight for all or one for each channel (dimension 1).
 *
 * @throws {ShapeError} when the weights do not match the channels.
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  requireFloat('prelu', x);
  requireFloat('prelu', weight);
  if (weight.numel() === 1) return where(x.gt(0), x, x.mul(weight.reshape([])));
  const channels = x.ndim > 1 ? x.shape[1] : 1;
  if (x.ndim === 0 || weight.ndim !== 1 || weight.numel() !== channels) {
    throw new ShapeError(
      `prelu: a weight of shape ${formatShape(weight.shape)} does not fit an input of shape ${formatShape(x.shape)}: ` +
        `it needs one element, or one for each of ${channels} channels`,
    );
  }
  return where(x.gt(0), x, x.mul(weight.reshape([channels, ...new Array<number>(x.ndim - 2).fill(1)])));
}

export interface RReluOptions extends InplaceOptions {
  /** Default 1/8. */
  readonly lower?: number;
  /** Default 1/3. */
  readonly upper?: number;
  /** Whether slopes are drawn; else they are the mean of the bounds. Default false. */
  readonly training?: boolean;
}

/** Leaky ReLU with a slope drawn for each element while training. */
export function rrelu(x: Tensor, options: RReluOptions = {}): Tensor {
  checkOptions('rrelu', options, ['lower', 'upper', 'training', 'inplace']);
  const { lower = 1 / 8, upper = 1 / 3, training = false } = options;
  if (lower > upper) throw new ArgumentError(`rrelu: lower ${lower} is above upper ${upper}`);
  requireFloat('rrelu', x);
  const slope = training
    ? rand(x.shape, { device: x.device, dtype: x.dtype })
        .mul(upper - lower)
        .add(lower)
    : (lower + upper) / 2;
  return finish('rrelu', x, where(x.gt(0), x, x.mul(slope)), options);
}

/** x above the threshold, else the value. */
export function threshold(x: Tensor, limit: number, value: number, options: InplaceOptions = {}): Tensor {
  checkOptions('threshold', options, ['inplace']);
  return finish(
    'threshold',
    x,
    where(requireTensor('threshold', x).le(limit), value, x).to(x.dtype),
    options,
  );
}

/**
 * x moved towards 0 by lambda, 0 where it is nearer.
 *
 * @throws {ArgumentError} for a negative lambda.
 */
export function softshrink(x: Tensor, lambda: number = 0.5): Tensor {
  if (!(lambda >= 0)) throw new ArgumentError(`softshrink: lambda must be at least 0, got ${lambda}`);
  requireFloat('softshrink', x);
  return where(x.gt(lambda), x.sub(lambda), where(x.lt(-lambda), x.add(lambda), 0));
}

/** x where it lies outside of [-lambda, lambda], else 0. */
export function hardshrink(x: Tensor, lambda: number = 0.5): Tensor {
  requireFloat('hardshrink', x);
  return where(x.ge(-lambda).logicalAnd(x.le(lambda)), 0, x);
}
