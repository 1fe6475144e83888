// What the rest of the package needs to know of batched tensors.
import { Tensor } from '@nn/tensor';

/** A tensor that stands for one example of a batch, inside of a function under vmap. */
export abstract class Batched extends Tensor {
  /** The vmap that it belongs to. */
  abstract readonly level: object;
  /** All examples, in front. */
  abstract readonly physical: Tensor;
  /** The same memory with no derivative of its own yet; that of all examples goes on. */
  abstract separate(): Tensor;
}

/** Whether a value of the `value`'s batch can be written into the target: it must have room for all examples. */
export function hasRoomFor(target: Tensor, value: Tensor): boolean {
  if (!(value instanceof Batched)) return true;
  for (let tensor = target; tensor instanceof Batched; tensor = tensor.physical)
    if (tensor.level === value.level) return true;
  return false;
}
