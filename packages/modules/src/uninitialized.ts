// Parameters and buffers whose shape is not known yet: lazy modules find it at their first call.
import { ArgumentError, type DType, isTensor, resize, type Shape, Tensor, zeros } from '@nn/tensor';
import { type FactoryOptions, factory } from './options.ts';
import { Parameter } from './parameter.ts';

const brand: symbol = Symbol.for('@nn/modules/Uninitialized');

/** Whether the value is a parameter or a buffer without a shape. */
export function isUninitialized(value: unknown): value is UninitializedParameter | UninitializedBuffer {
  return isTensor(value) && brand in value;
}

function withoutShape(): ArgumentError {
  return new ArgumentError(
    'this parameter or buffer of a lazy module has no shape yet. Call the module once with a sample of its input',
  );
}

function moved(tensor: Tensor, target: { readonly device?: string; readonly dtype?: DType }): void {
  const { dtype, device } = tensor;
  tensor.storage.replace(zeros([0], { dtype, device, ...target }).node);
}

/** Gives the shape, and zeros. The object stays the same, with the prototype of what it is now. */
function initialize(tensor: Tensor, prototype: Tensor, shape: Shape): void {
  const { requiresGrad } = tensor;
  Object.setPrototypeOf(tensor, prototype);
  if (requiresGrad) tensor.requiresGrad_(false);
  resize(tensor, shape);
  if (requiresGrad) tensor.requiresGrad_(true);
}

/**
 * A parameter without a shape; a lazy module gives it one. It can be moved and given to optimizers, not computed with.
 *
 * @example
 * ```ts
 * import { isUninitialized, LazyLinear } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new LazyLinear(3);
 * const { weight } = layer;
 * console.log(isUninitialized(weight)); // => true
 * layer(ones([2, 5]));
 * console.log(layer.weight === weight, weight.shape); // => true [3, 5]
 * ```
 */
export class UninitializedParameter extends Parameter {
  constructor(options: FactoryOptions = {}, requiresGrad: boolean = true) {
    super(zeros([0], factory(options)), requiresGrad);
  }

  override get node(): Tensor['node'] {
    throw withoutShape();
  }

  /** Gives the parameter its shape; from then on it is an ordinary one, of zeros. */
  materialize(shape: Shape): void {
    initialize(this, Parameter.prototype, shape);
  }

  /** @internal */
  moveTo(target: { readonly device?: string; readonly dtype?: DType }): void {
    moved(this, target);
  }
}

/** A buffer without a shape; a lazy module gives it one. */
export class UninitializedBuffer extends Tensor {
  constructor(options: FactoryOptions = {}) {
    super(zeros([0], factory(options)).storage, [0], null);
  }

  override get node(): Tensor['node'] {
    throw withoutShape();
  }

  /** Gives the buffer its shape; from then on it is an ordinary tensor of zeros. */
  materialize(shape: Shape): void {
    initialize(this, Tensor.prototype, shape);
  }

  /** @internal */
  moveTo(target: { readonly device?: string; readonly dtype?: DType }): void {
    moved(this, target);
  }
}

Object.defineProperty(UninitializedParameter.prototype, brand, { value: true });
Object.defineProperty(UninitializedBuffer.prototype, brand, { value: true });
