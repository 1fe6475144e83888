// Smooth activations: one fused expression each.
import { checkOptions, formatShape, ShapeError } from '@nn/core';
import { apply, requireTensor, type Tensor, sigmoid as tensorSigmoid, tanh as tensorTanh } from '@nn/tensor';
import { checkChoice, finish, type InplaceOptions, requireFloat } from './arguments.ts';

export interface GeluOptions {
  /** 'tanh' is faster and differs by at most 5e-4. Default 'none': by the error function. */
  readonly approximate?: 'none' | 'tanh';
}

/**
 * x Φ(x), with Φ the normal distribution's cumulative function (Hendrycks and Gimpel 2016).
 *
 * @throws {DTypeError} unless x is a float tensor.
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkOptions('gelu', options, ['approximate']);
  const approximate = checkChoice('gelu', 'approximate', options.approximate ?? 'none', ['none', 'tanh']);
  return apply('gelu', [requireFloat('gelu', x)], { approximate });
}

/**
 * max(0, x) + min(0, α expm1(x / α)): ELU with a continuous derivative (Barron 2017).
 *
 * @throws {DTypeError} unless x is a float tensor.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await F.celu(tensor([-1, 0, 2.5]), 0.5).toArray());
 * ```
 */
export function celu(x: Tensor, alpha: number = 1, options: InplaceOptions = {}): Tensor {
  checkOptions('celu', options, ['inplace']);
  return finish('celu', x, apply('celu', [requireFloat('celu', x)], { alpha }), options);
}

/** x above 0, α expm1(x) below. */
export function elu(x: Tensor, alpha: number = 1, options: InplaceOptions = {}): Tensor {
  checkOptions('elu', options, ['inplace']);
  return finish('elu', x, apply('elu', [requireFloat('elu', x)], { alpha }), options);
}

// The fixed point that keeps mean 0 and variance 1 (Klambauer et al. 2017).
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** ELU with the scale and α for which activations normalise themselves. */
export function selu(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptions('selu', options, ['inplace']);
  const scaled = apply('elu', [requireFloat('selu', x)], { alpha: seluAlpha }).mul(seluScale);
  return finish('selu', x, scaled, options);
}

/** x sigmoid(x), also called swish. */
export function silu(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptions('silu', options, ['inplace']);
  return finish('silu', x, apply('silu', [requireFloat('silu', x)], {}), options);
}

/** x tanh(softplus(x)). */
export function mish(x: Tensor, options: InplaceOptions = {}): Tensor {
  checkOptions('mish', options, ['inplace']);
  return finish('mish', x, apply('mish', [requireFloat('mish', x)], {}), options);
}

export interface SoftplusOptions {
  /** Default 1. */
  readonly beta?: number;
  /** Above x * beta of this the function is x itself. Default 20. */
  readonly threshold?: number;
}

/** log(1 + exp(β x)) / β. */
export function softplus(x: Tensor, options: SoftplusOptions = {}): Tensor {
  checkOptions('softplus', options, ['beta', 'threshold']);
  const { beta = 1, threshold = 20 } = options;
  return apply('softplus', [requireFloat('softplus', x)], { beta, threshold });
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(x: Tensor): Tensor {
  return tensorSigmoid(x);
}

export function tanh(x: Tensor): Tensor {
  return tensorTanh(x);
}

/** log(sigmoid(x)), without overflow. */
export function logSigmoid(x: Tensor): Tensor {
  return apply('logSigmoid', [requireFloat('logSigmoid', x)], {});
}

/** x / (1 + |x|). */
export function softsign(x: Tensor): Tensor {
  return requireTensor('softsign', x).div(x.abs().add(1));
}

/** x - tanh(x). */
export function tanhshrink(x: Tensor): Tensor {
  return requireTensor('tanhshrink', x).sub(x.tanh());
}

/**
 * Splits the dimension into halves a and b: a sigmoid(b) (Dauphin et al. 2016).
 *
 * @throws {ShapeError} when the dimension's size is odd.
 */
export function glu(x: Tensor, dim: number = -1): Tensor {
  requireFloat('glu', x);
  if (x.ndim === 0) throw new ShapeError('glu: takes tensors of at least one dimension, got shape []');
  const size = x.size(dim);
  if (size % 2 !== 0) {
    throw new ShapeError(
      `glu: dimension ${dim} of ${formatShape(x.shape)} has the odd size ${size} and cannot be halved`,
    );
  }
  return x.narrow(dim, 0, size / 2).mul(x.narrow(dim, size / 2, size / 2).sigmoid());
}
