// Drawing from given probabilities.
import {
  ArgumentError,
  checkOptions,
  DTypeError,
  formatShape,
  isFloat,
  isInteger,
  type Shape,
  ShapeError,
} from '@nn/core';
import { castTo, describe, requireTensor } from './dispatch.ts';
import { deliver, type OutOptions } from './out.ts';
import { defaultGenerator, type Generator, randomBits, unitFloat } from './random.ts';
import { elementOf } from './reading.ts';
import { searchsorted, topk } from './sorting.ts';
import type { Tensor } from './tensor.ts';

export interface BernoulliOptions extends OutOptions {
  readonly generator?: Generator;
}

/**
 * `torch.bernoulli`: 1 with the probability in each element, else 0, in the probabilities' dtype.
 *
 * @throws {DTypeError} for integers; {ArgumentError} for values known to be no probabilities.
 */
export function bernoulli(probabilities: Tensor, options: BernoulliOptions = {}): Tensor {
  checkOptions('bernoulli', options, ['generator', 'out']);
  const { shape, device, dtype } = requireTensor('bernoulli', probabilities);
  if (!isFloat(dtype))
    throw new DTypeError(`bernoulli: takes float probabilities, got ${dtype}. Use float()`);
  checkKnown('bernoulli', probabilities, (value) => value >= 0 && value <= 1, 'in [0, 1]');
  const chance = unitFloat(randomBits(shape, device, options.generator ?? defaultGenerator));
  const drawn = castTo(chance.lt(probabilities.detach()), dtype);
  return deliver('bernoulli', drawn, options, [probabilities], { overwrites: true });
}

/** Checks values that are at hand; what a device computed is not read for it. */
function checkKnown(name: string, x: Tensor, fits: (value: number) => boolean, what: string): void {
  const host = x.node.state?.host;
  if (host === undefined) return;
  for (let i = 0; i < host.length; i++) {
    const value = Number(elementOf(host, i, x.dtype));
    if (!fits(value)) throw new ArgumentError(`${name}: probabilities must be ${what}, got ${value}`);
  }
}

export interface MultinomialOptions extends OutOptions {
  /** Whether a category may be drawn several times. Default false. */
  readonly replacement?: boolean;
  readonly generator?: Generator;
}

/**
 * `torch.multinomial`: `numSamples` categories (int32) drawn from each row of weights, which need not add up to 1.
 * Without replacement, categories of weight 0 come after all others.
 *
 * @throws {ShapeError} unless there are 1 or 2 dimensions; {DTypeError} for integers.
 * @throws {ArgumentError} for more samples than categories without replacement, and for weights that are known to be
 * negative, infinite, NaN, or all 0.
 * @example
 * ```ts
 * import { interpreter, multinomial, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const weights = tensor([0, 10, 0], { dtype: 'float32' });
 * console.log(await multinomial(weights, 4, { replacement: true }).toArray()); // => [1, 1, 1, 1]
 * ```
 */
export function multinomial(weights: Tensor, numSamples: number, options: MultinomialOptions = {}): Tensor {
  checkOptions('multinomial', options, ['replacement', 'generator', 'out']);
  checkWeights(weights, numSamples, options);
  const source = castTo(weights.detach(), weights.dtype === 'float64' ? 'float64' : 'float32');
  const generator = options.generator ?? defaultGenerator;
  const { device } = weights;
  const uniform = (shape: Shape): Tensor => unitFloat(randomBits(shape, device, generator));
  const drawn = options.replacement
    ? byDistribution(source, uniform([...source.shape.slice(0, -1), numSamples]))
    : byRace(source, uniform(source.shape), numSamples);
  return deliver('multinomial', drawn, options, [weights]);
}

/** Where the uniform numbers fall in the running sums of the weights. */
function byDistribution(weights: Tensor, uniform: Tensor): Tensor {
  const sums = weights.cumsum(-1);
  return searchsorted(sums, uniform.mul(sums.narrow(-1, sums.shape[sums.ndim - 1] - 1, 1)), { right: true });
}

/** Exponential waiting times at the weights' rates: the first to come are a draw without replacement. */
function byRace(weights: Tensor, uniform: Tensor, count: number): Tensor {
  const waiting = uniform
    .neg()
    .log1p()
    .neg()
    .clampMin(2 ** -25);
  return topk(weights.div(waiting), count).indices;
}

function checkWeights(weights: Tensor, numSamples: number, { replacement, out }: MultinomialOptions): void {
  if (![1, 2].includes(requireTensor('multinomial', weights).ndim)) {
    throw new ShapeError(`multinomial: takes 1 or 2 dimensions, got shape ${formatShape(weights.shape)}`);
  }
  if (!isFloat(weights.dtype))
    throw new DTypeError(`multinomial: takes float weights, got ${weights.dtype}. Use float()`);
  if (out != null && !isInteger(requireTensor('multinomial', out).dtype))
    throw new DTypeError(`multinomial: out must be an integer tensor, got ${out.dtype}`);
  if (!Number.isInteger(numSamples) || numSamples < 1)
    throw new ArgumentError(
      `multinomial: numSamples must be a positive integer, got ${describe(numSamples)}`,
    );
  const categories = weights.shape[weights.ndim - 1];
  if (categories === 0 || (!replacement && numSamples > categories)) {
    throw new ArgumentError(
      `multinomial: cannot draw ${numSamples} of ${categories} categories${categories > 0 ? ' without replacement. Use { replacement: true }' : ''}`,
    );
  }
  checkKnown('multinomial', weights, (value) => value >= 0 && value < Infinity, 'finite and not negative');
  const host = weights.node.state?.host;
  if (host === undefined) return;
  for (let row = 0; row < host.length; row += categories) {
    if (host.slice(row, row + categories).some((each: number | bigint) => Number(each) !== 0)) continue;
    throw new ArgumentError(`multinomial: all weights of row ${row / categories} are 0`);
  }
}
