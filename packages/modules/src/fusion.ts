// Batch norms merged into the layer before them, for evaluation.
import { noGrad } from '@nn/autograd';
import { ArgumentError, onesLike, type Tensor, zerosLike } from '@nn/tensor';
import type { BatchNorm } from './batch-normalization.ts';
import { deepcopy } from './deepcopy.ts';
import type { Linear } from './linear.ts';
import type { ModuleBase } from './module-base.ts';
import { Parameter } from './parameter.ts';
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './transposed-convolution.ts';

/** A layer that can take over scale and shift. */
export type FusibleLayer = ModuleBase & { weight: Parameter; bias: Parameter | null };

function fused<Layer extends FusibleLayer>(
  name: string,
  layer: Layer,
  norm: BatchNorm,
  outputs: number,
): Layer {
  if (layer.training || norm.training)
    throw new ArgumentError(`${name}: both must be in evaluation mode. Call eval() on them first`);
  const { runningMean, runningVar } = norm;
  if (runningMean === null || runningVar === null)
    throw new ArgumentError(`${name}: the batch norm has no running statistics (trackRunningStats is false)`);
  const copy = deepcopy(layer);
  noGrad(() => {
    const weight = norm.weight ?? onesLike(runningMean);
    const shift = norm.bias ?? zerosLike(runningMean);
    const scale = weight.mul(runningVar.add(norm.eps).rsqrt());
    const alongOutputs = layer.weight.shape.map((_, i) => (i === outputs ? -1 : 1));
    const bias: Tensor = layer.bias ?? zerosLike(runningMean);
    copy.weight = new Parameter(layer.weight.mul(scale.reshape(alongOutputs)), layer.weight.requiresGrad);
    copy.bias = new Parameter(
      bias.sub(runningMean).mul(scale).add(shift),
      layer.bias?.requiresGrad ?? layer.weight.requiresGrad,
    );
  });
  return copy;
}

function isTransposed(layer: ModuleBase): boolean {
  return [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some((each) => layer instanceof each);
}

/**
 * A convolution, transposed or not, that does what the given one and the batch norm after it do in evaluation. Both
 * must be in evaluation mode; neither is changed.
 *
 * @example
 * ```ts
 * import { BatchNorm2d, Conv2d, fuseConvBnEval } from '@nn/modules';
 * import { interpreter, randn, use } from '@nn/tensor';
 * use(interpreter());
 * const [conv, norm] = [new Conv2d(3, 4, 3).eval(), new BatchNorm2d(4).eval()];
 * const x = randn([1, 3, 5, 5]);
 * console.log(await fuseConvBnEval(conv, norm)(x).allclose(norm(conv(x)), { atol: 1e-5 })); // => true
 * ```
 */
export function fuseConvBnEval<Layer extends FusibleLayer & { readonly groups: number }>(
  conv: Layer,
  norm: BatchNorm,
): Layer {
  const transposed = isTransposed(conv);
  // Its outputs lie in two dimensions of the weight then, of which only one can be scaled.
  if (transposed && conv.groups !== 1)
    throw new ArgumentError('fuseConvBnEval: a transposed convolution in groups cannot be fused');
  return fused('fuseConvBnEval', conv, norm, transposed ? 1 : 0);
}

/** As fuseConvBnEval, of a Linear and a BatchNorm1d after it. */
export function fuseLinearBnEval(linear: Linear, norm: BatchNorm): Linear {
  return fused('fuseLinearBnEval', linear, norm, 0);
}
