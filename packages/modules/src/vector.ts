// Parameters as one vector, and back.
import { noGrad } from '@nn/autograd';
import { ArgumentError, cat, formatShape, ShapeError, sizeOf, type Tensor } from '@nn/tensor';

/**
 * All parameters, row-major and one behind the other: `torch.nn.utils.parameters_to_vector`. Derivatives go through.
 *
 * @example
 * ```ts
 * import { Linear, parametersToVector, vectorToParameters } from '@nn/modules';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new Linear(3, 2);
 * const vector = parametersToVector(layer.parameters());
 * vectorToParameters(vector.detach().mul(2), layer.parameters());
 * console.log(vector.shape); // => [8]
 * ```
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  const flat = Array.from(parameters, (parameter) => parameter.reshape(-1));
  if (flat.length === 0) throw new ArgumentError('parametersToVector: there are no parameters');
  return cat(flat);
}

/**
 * Copies the parts of a vector into parameters, as `parametersToVector` laid them out.
 *
 * @throws {ShapeError} when it has more or fewer elements than the parameters.
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const all = [...parameters];
  const sizes = all.map(({ shape }) => sizeOf(shape));
  const total = sizes.reduce((a, b) => a + b, 0);
  if (vector.ndim !== 1 || vector.numel() !== total) {
    throw new ShapeError(
      `vectorToParameters: the parameters have ${total} elements, the vector has shape ${formatShape(vector.shape)}`,
    );
  }
  noGrad(() => {
    let from = 0;
    all.forEach((parameter, i) => {
      parameter.copy_(vector.narrow(0, from, sizes[i]).reshape(parameter.shape));
      from += sizes[i];
    });
  });
}
