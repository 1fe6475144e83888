// What clipping and scaling do with the gradients of parameters.
import { ArgumentError, describe, isTensor, keepGradient, type Tensor } from '@nn/tensor';

/**
 * Those of the parameters that have a gradient.
 *
 * @throws {ArgumentError} for what is neither a tensor nor a list of tensors.
 */
export function withGradient(name: string, params: unknown): Tensor[] {
  const isList = typeof params === 'object' && params !== null && Symbol.iterator in params;
  if (!isTensor(params) && !isList) {
    throw new ArgumentError(`${name}: expected a tensor or a list of tensors, got ${describe(params)}`);
  }
  const list: readonly unknown[] = isTensor(params) ? [params] : [...(params as Iterable<unknown>)];
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
export function replaceGradients(params: readonly Tensor[], replace: (gradient: Tensor) => Tensor): void {
  for (const parameter of params) {
    const gradient = replace(parameter.grad!);
    parameter.grad = gradient;
    // Somebody may read it after the step, which computes it anyway.
    keepGradient(parameter.gradient!);
  }
}
