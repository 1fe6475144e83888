// Gradients kept within bounds.

import { noGrad } from '@nn/autograd';
import {
  ArgumentError,
  checkOptions,
  describe,
  isTensor,
  runtimeOf,
  scalarTensor,
  type Tensor,
} from '@nn/tensor';
import { checkBooleans, checkNotNegative, isNumber, text } from './checks.ts';
import { replaceGradients, withGradient } from './gradients.ts';

export interface TotalNormOptions {
  /** The p of the norm; Infinity and -Infinity are the largest and the least element, 0 counts tensors with anything but zeros. Default 2. */
  readonly normType?: number;
  /** Whether to read the norm and throw when it is NaN or infinite. Default false. */
  readonly errorIfNonfinite?: boolean;
}

export type ClipNormOptions = TotalNormOptions;

function checkNormOptions(name: string, options: TotalNormOptions): Required<TotalNormOptions> {
  checkOptions(name, options, ['normType', 'errorIfNonfinite']);
  const { normType = 2, errorIfNonfinite = false } = options;
  if (!isNumber(normType))
    throw new ArgumentError(`${name}: normType must be a number, got ${text(normType)}`);
  checkBooleans(name, { errorIfNonfinite });
  return { normType, errorIfNonfinite };
}

/** @throws {ArgumentError} where the norm is asked to be finite, and is not. */
function checkFinite(name: string, total: Tensor): void {
  const norm = total.itemSync();
  if (Number.isFinite(norm)) return;
  throw new ArgumentError(
    `${name}: the gradients' norm is ${norm}, so they cannot be scaled. Leave out errorIfNonfinite to go on`,
  );
}

/**
 * The norm of all tensors together, as if they were one vector: `torch.nn.utils.get_total_norm`. Zero-dimensional.
 *
 * @throws {ArgumentError} with `errorIfNonfinite`, for a norm that is NaN or infinite.
 * @throws {DeviceError} with `errorIfNonfinite`, where the device cannot be read synchronously.
 * @example
 * ```ts
 * import { getTotalNorm } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await getTotalNorm([tensor([3, 0]), tensor([[4]])]).item()); // => 5
 * ```
 */
export function getTotalNorm(tensors: Tensor | Iterable<Tensor>, options: TotalNormOptions = {}): Tensor {
  const { normType, errorIfNonfinite } = checkNormOptions('getTotalNorm', options);
  const list: readonly unknown[] = isTensor(tensors) ? [tensors] : [...tensors];
  const checked = list.map((each) => {
    if (isTensor(each)) return each;
    throw new ArgumentError(`getTotalNorm: expected tensors, got ${describe(each)}`);
  });
  const total = totalNorm(checked, normType);
  if (errorIfNonfinite) checkFinite('getTotalNorm', total);
  return total;
}

/**
 * Scales gradients so that a norm of `totalNorm` becomes at most `maxNorm`: `torch.nn.utils.clip_grads_with_norm_`.
 *
 * @example
 * ```ts
 * import { clipGradsWithNorm_, getTotalNorm } from '@nn/optim';
 * import '@nn/autograd';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1, 2], { dtype: 'float32', requiresGrad: true });
 * x.mul(tensor([6, 8])).sum().backward();
 * clipGradsWithNorm_([x], 5, getTotalNorm([x.grad!]));
 * console.log((await getTotalNorm([x.grad!]).item()).toFixed(3)); // => 5.000
 * ```
 */
export function clipGradsWithNorm_(
  params: Tensor | Iterable<Tensor>,
  maxNorm: number,
  totalNorm: Tensor,
): void {
  checkNotNegative('clipGradsWithNorm_', { maxNorm });
  if (!isTensor(totalNorm)) {
    throw new ArgumentError(`clipGradsWithNorm_: totalNorm must be a tensor, got ${describe(totalNorm)}`);
  }
  scaleTo(withGradient('clipGradsWithNorm_', params), maxNorm, totalNorm);
}

function scaleTo(params: readonly Tensor[], maxNorm: number, total: Tensor): void {
  noGrad(() => {
    const factor = total.add(1e-6).reciprocal().mul(maxNorm).clamp(null, 1);
    replaceGradients(params, (gradient) => gradient.mul(factor.to(gradient.device)).to(gradient.dtype));
  });
}

/**
 * Scales all gradients so that their common norm is at most `maxNorm`, as `torch.nn.utils.clip_grad_norm_`. Gives the
 * norm before.
 *
 * @throws {ArgumentError} with `errorIfNonfinite`, for a norm that is NaN or infinite.
 * @throws {DeviceError} with `errorIfNonfinite`, where the device cannot be read synchronously.
 * @example
 * ```ts
 * import { clipGradNorm_ } from '@nn/optim';
 * import '@nn/autograd';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([3, 4], { dtype: 'float32', requiresGrad: true });
 * x.square().sum().backward();
 * console.log(await clipGradNorm_([x], 1).item()); // => 10
 * ```
 */
export function clipGradNorm_(
  params: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipNormOptions = {},
): Tensor {
  const { normType, errorIfNonfinite } = checkNormOptions('clipGradNorm_', options);
  checkNotNegative('clipGradNorm_', { maxNorm });
  const list = withGradient('clipGradNorm_', params);
  const total = noGrad(() =>
    totalNorm(
      list.map(({ grad }) => grad!),
      normType,
    ),
  );
  if (list.length === 0) return total;
  if (errorIfNonfinite) checkFinite('clipGradNorm_', total);
  else runtimeOf(total.device).keepLater(total.node, 'output');
  scaleTo(list, maxNorm, total);
  return total;
}

function totalNorm(tensors: readonly Tensor[], normType: number): Tensor {
  if (tensors.length === 0) return scalarTensor(0, 'float32');
  const [{ device }] = tensors;
  const combined = (part: (each: Tensor) => Tensor, pair: (a: Tensor, b: Tensor) => Tensor): Tensor =>
    tensors.map((each) => part(each).to(device)).reduce(pair);
  if (normType === Infinity) {
    return combined(
      (each) => each.abs().amax(),
      (a, b) => a.maximum(b),
    );
  }
  if (normType === -Infinity) {
    return combined(
      (each) => each.abs().amin(),
      (a, b) => a.minimum(b),
    );
  }
  // As PyTorch: the norm of the tensors' norms. With p = 0 that counts the tensors with anything but zeros.
  if (normType === 0) {
    return combined(
      (each) => each.ne(0).any().to(each.dtype),
      (a, b) => a.add(b),
    );
  }
  const powers = combined(
    (each) => (normType === 2 ? each.square() : each.abs().pow(normType)).sum(),
    (a, b) => a.add(b),
  );
  return powers.pow(1 / normType);
}

/**
 * Limits each element of the gradients to [-clipValue, clipValue], as `torch.nn.utils.clip_grad_value_`.
 *
 * @example
 * ```ts
 * import { clipGradValue_ } from '@nn/optim';
 * import '@nn/autograd';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([3, -0.25], { dtype: 'float32', requiresGrad: true });
 * x.square().sum().backward();
 * clipGradValue_([x], 1);
 * console.log(await x.grad!.toArray()); // => [ 1, -0.5 ]
 * ```
 */
export function clipGradValue_(params: Tensor | Iterable<Tensor>, clipValue: number): void {
  checkNotNegative('clipGradValue_', { clipValue });
  const list = withGradient('clipGradValue_', params);
  noGrad(() => replaceGradients(list, (gradient) => gradient.clamp(-clipValue, clipValue)));
}
