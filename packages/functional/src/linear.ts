// Affine maps.
import { formatShape, ShapeError, sameShape } from '@nn/core';
import { addedToProduct, apply, matmul, requireTensor, type Tensor } from '@nn/tensor';

/**
 * x Wᵀ + b: an input of shape [..., in], a weight of [out, in] or [in], a bias of [out], to [..., out].
 *
 * @throws {ShapeError} when the input's last size is not the weight's.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const y = F.linear(tensor([1, 2]), tensor([[3, 4], [5, 6], [7, 8]]), tensor([1, 1, 1]));
 * console.log(await y.toArray()); // => [12, 18, 24]
 * ```
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  requireTensor('linear', x);
  requireTensor('linear', weight);
  if (
    weight.ndim < 1 ||
    weight.ndim > 2 ||
    x.ndim < 1 ||
    x.shape[x.ndim - 1] !== weight.shape[weight.ndim - 1]
  ) {
    throw new ShapeError(
      `linear: an input of shape ${formatShape(x.shape)} does not fit a weight of shape ${formatShape(weight.shape)}: ` +
        `the weight is [out, in], and the input's last size must be in`,
    );
  }
  const product = matmul(x, weight.ndim === 2 ? weight.T : weight);
  if (bias == null) return product;
  requireTensor('linear', bias);
  const outSize = weight.ndim === 2 ? weight.shape[0] : 1;
  if (bias.numel() !== outSize && bias.numel() !== 1) {
    throw new ShapeError(
      `linear: a bias of shape ${formatShape(bias.shape)} does not fit a weight of shape ${formatShape(weight.shape)}`,
    );
  }
  return product.add(addedToProduct(bias, product));
}

/**
 * x1ᵀ W x2 + b: inputs [..., in1] and [..., in2], a weight of [out, in1, in2], to [..., out].
 *
 * @throws {ShapeError} when the shapes do not fit.
 */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  for (const each of [x1, x2, weight]) requireTensor('bilinear', each);
  const fits =
    weight.ndim === 3 &&
    x1.ndim >= 1 &&
    x1.ndim === x2.ndim &&
    x1.shape.slice(0, -1).every((extent, dim) => extent === x2.shape[dim]) &&
    x1.shape[x1.ndim - 1] === weight.shape[1] &&
    x2.shape[x2.ndim - 1] === weight.shape[2];
  if (!fits) {
    throw new ShapeError(
      `bilinear: inputs of shapes ${formatShape(x1.shape)} and ${formatShape(x2.shape)} do not fit a weight of shape ` +
        `${formatShape(weight.shape)}: it is [out, in1, in2]`,
    );
  }
  if (bias != null && !sameShape(requireTensor('bilinear', bias).shape, [weight.shape[0]])) {
    throw new ShapeError(
      `bilinear: the bias must have shape [${weight.shape[0]}], got ${formatShape(bias.shape)}`,
    );
  }
  // [..., in1] with [in1, out, in2] to [..., out, in2], then with [..., in2].
  const half = apply('dot', [x1, weight.permute(1, 0, 2)], { batchRank: 0, innerRank: 1 });
  const result = half.mul(x2.unsqueeze(-2)).sum(-1);
  return bias == null ? result : result.add(bias);
}
