// Gradients kept within bounds.

import { noGrad } from '@nn/autograd';
import {
  ArgumentError,
  checkOptions,
  describe,
  isTensor,
  keepGradient,
  runtimeOf,
  scalarTensor,
  type Tensor,
} from '@nn/tensor';
import { checkNotNegative } from './checks.ts';

export interface ClipNormOptions {
  /** The p of the norm; may be Infinity. Default 2. */
  readonly normType?: number;
  /** Whether to read the norm and throw when it is NaN or infinite. Default false. */
  readonly errorIfNonfinite?: boolean;
}

function withGradient(name: string, params: Tensor | Iterable<Tensor>): Tensor[] {
  const list: readonly unknown[] = isTensor(params) ? [params] : [...params];
  return list.filter((parameter): parameter is Tensor => {
    if (!isTensor(parameter)) {
      throw new ArgumentError(`${name}: parameters must be tensors, got ${describe(parameter)}`);
    }
    return parameter.grad !== null;
  });
}

/**
 * Gives each parameter a new gradient. Not written in place: a gradient may be an expanded view, or shared by two
 * parameters (those of a sum), which would then be scaled twice.
 */
function replaceGradients(params: readonly Tensor[], replace: (gradient: Tensor) => Tensor): void {
  for (const parameter of params) {
    const gradient = replace(parameter.grad!);
    parameter.grad = gradient;
    // Somebody may read it after the step, which computes it anyway.
    keepGradient(parameter.gradient!);
  }
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
  checkOptions('clipGradNorm_', options, ['normType', 'errorIfNonfinite']);
  const { normType = 2, errorIfNonfinite = false } = options;
  checkNotNegative('clipGradNorm_', { maxNorm });
  if (!(normType > 0)) throw new ArgumentError(`clipGradNorm_: normType must be above 0, got ${normType}`);
  const list = withGradient('clipGradNorm_', params);
  if (list.length === 0) return scalarTensor(0, 'float32');
  return noGrad(() => {
    const gradients = list.map(({ grad }) => grad!);
    const total = totalNorm(gradients, normType);
    runtimeOf(total.device).keepLater(total.node, 'output');
    const norm = errorIfNonfinite ? total.itemSync() : 0;
    if (!Number.isFinite(norm)) {
      throw new ArgumentError(
        `clipGradNorm_: the gradients' norm is ${norm}, so they cannot be scaled. Leave out errorIfNonfinite to go on`,
      );
    }
    const factor = total.add(1e-6).reciprocal().mul(maxNorm).clamp(null, 1);
    replaceGradients(list, (gradient) => gradient.mul(factor.to(gradient.device)).to(gradient.dtype));
    return total;
  });
}

function totalNorm(gradients: readonly Tensor[], normType: number): Tensor {
  const [{ device }] = gradients;
  const combine = (parts: readonly Tensor[], pair: (a: Tensor, b: Tensor) => Tensor): Tensor =>
    parts.map((part) => part.to(device)).reduce(pair);
  if (normType === Infinity) {
    return combine(
      gradients.map((gradient) => gradient.abs().amax()),
      (a, b) => a.maximum(b),
    );
  }
  const powers = gradients.map((gradient) =>
    (normType === 2 ? gradient.square() : gradient.abs().pow(normType)).sum(),
  );
  return combine(powers, (a, b) => a.add(b)).pow(1 / normType);
}

/** Limits each element of the gradients to [-clipValue, clipValue], as `torch.nn.utils.clip_grad_value_`. */
export function clipGradValue_(params: Tensor | Iterable<Tensor>, clipValue: number): void {
  checkNotNegative('clipGradValue_', { clipValue });
  noGrad(() => {
    replaceGradients(withGradient('clipGradValue_', params), (gradient) =>
      gradient.clamp(-clipValue, clipValue),
    );
  });
}
