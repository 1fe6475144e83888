// Gradients kept within bounds.
import { noGrad } from '@nn/autograd';
import { ArgumentError, checkOptions } from '@nn/core';
import { isTensor, runtimeOf, type Tensor } from '@nn/tensor';

export interface ClipNormOptions {
  /** The p of the norm; may be Infinity. Default 2. */
  readonly normType?: number;
  /** Whether to read the norm and throw when it is NaN or infinite. Default false. */
  readonly errorIfNonfinite?: boolean;
}

function gradientsOf(params: Tensor | Iterable<Tensor>): Tensor[] {
  const list = isTensor(params) ? [params] : [...params];
  return list.flatMap(({ grad }) => (grad === null ? [] : [grad]));
}

/** Gradients are kept when the step computes them. */
function keep(gradients: readonly Tensor[]): void {
  for (const gradient of gradients) runtimeOf(gradient.device).keepLater(gradient.node, 'transient');
}

/**
 * Scales all gradients in place so that their common norm is at most `maxNorm`; gives the norm before.
 *
 * @throws {ArgumentError} with `errorIfNonfinite`, for a norm that is NaN or infinite.
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
  const gradients = gradientsOf(params);
  if (gradients.length === 0) throw new ArgumentError('clipGradNorm_: no parameter has a gradient');
  return noGrad(() => {
    const total = totalNorm(gradients, normType);
    if (errorIfNonfinite && !Number.isFinite(total.itemSync())) {
      throw new ArgumentError(`clipGradNorm_: the gradients' norm is ${total.itemSync()}`);
    }
    const factor = total.add(1e-6).reciprocal().mul(maxNorm).clamp(null, 1);
    for (const gradient of gradients) gradient.mul_(factor.to(gradient.device));
    keep(gradients);
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

/** Limits each element of the gradients to [-clipValue, clipValue], in place. */
export function clipGradValue_(params: Tensor | Iterable<Tensor>, clipValue: number): void {
  const gradients = gradientsOf(params);
  noGrad(() => {
    for (const gradient of gradients) gradient.clamp_(-clipValue, clipValue);
  });
  keep(gradients);
}
