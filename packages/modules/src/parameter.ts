// Tensors that are learnt.
import { requireTensor, Tensor } from '@nn/tensor';

const brand: symbol = Symbol.for('@nn/modules/Parameter');

/**
 * A tensor that is a module's parameter: assigned to a module it appears in `parameters()` and in the state dict.
 *
 * @example
 * ```ts
 * import { Module, Parameter } from '@nn/modules';
 * import { interpreter, ones, type Tensor, use } from '@nn/tensor';
 * use(interpreter());
 * class Scale extends Module {
 *   factor = new Parameter(ones([1]));
 *   override forward(x: Tensor): Tensor {
 *     return x.mul(this.factor);
 *   }
 * }
 * console.log([...new Scale().parameters()].length); // => 1
 * ```
 */
export class Parameter extends Tensor {
  /** Shares the memory of `data`, unless it is a view: then it gets a copy. */
  constructor(data: Tensor, requiresGrad: boolean = true) {
    const own = requireTensor('Parameter', data).viewInfo === null ? data : data.detach().clone();
    super(own.storage, own.shape, null);
    if (requiresGrad) this.requiresGrad_(true);
  }
}

Object.defineProperty(Parameter.prototype, brand, { value: true });

/** Whether the value is a parameter, from this or from another copy of the package. */
export function isParameter(value: unknown): value is Parameter {
  return typeof value === 'object' && value !== null && brand in value;
}

/** `new Parameter(data, requiresGrad)`. */
export function parameter(data: Tensor, requiresGrad: boolean = true): Parameter {
  return new Parameter(data, requiresGrad);
}
