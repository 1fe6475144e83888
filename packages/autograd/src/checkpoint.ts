// Less memory for more time: values are computed again in backward instead of being kept (Chen et al., "Training
// deep nets with sublinear memory cost", 2016).
import { ArgumentError, AutogradError } from '@nn/core';
import { requireTensor, type Tensor } from '@nn/tensor';
import { isGradEnabled } from './modes.ts';
import { Recomputation } from './recomputation.ts';

/**
 * Calls `fn(...args)` without keeping the values in between for backward, which computes them again: what
 * `torch.utils.checkpoint` does with `use_reentrant=False`. What is kept are the arguments and other tensors that
 * were there before the call, and the results. Arguments and results may be anything; checkpoints may be nested.
 *
 * `fn` itself is called once: backward repeats the recorded operations, not the call. So random numbers are the same
 * ones (dropout has the same mask), and side effects, such as the running statistics of a batch norm, happen once,
 * where PyTorch has them happen twice.
 *
 * @throws {AutogradError} when `fn` is asynchronous.
 * @example
 * ```ts
 * import { checkpoint } from '@nn/autograd';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1, 2], { dtype: 'float32', requiresGrad: true });
 * const block = (h: typeof x) => h.mul(2).square().relu();
 * checkpoint(block, x).sum().backward();
 * console.log(await x.grad!.toArray()); // => [8, 16]
 * ```
 */
export function checkpoint<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Result,
  ...args: Arguments
): Result {
  if (!isGradEnabled()) return fn(...args);
  const result = new Recomputation().within(() => fn(...args));
  if (result instanceof Promise) {
    throw new AutogradError(
      'checkpoint: the function is asynchronous, so its operations cannot be told from others. Await before it, and checkpoint what computes',
    );
  }
  return result;
}

/**
 * `torch.utils.checkpoint_sequential`: applies functions one after the other, in so many segments of about the same
 * length, each but the last one a checkpoint. With the square root of their number as segments, a chain keeps about
 * twice that many values at a time instead of all.
 *
 * @throws {ArgumentError} unless segments is an integer from 1 to the number of functions.
 * @example
 * ```ts
 * import { checkpointSequential } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1, 2], { dtype: 'float32', requiresGrad: true });
 * const double = (h: Tensor) => h.mul(2);
 * checkpointSequential([double, double, double, double], 2, x).sum().backward();
 * console.log(await x.grad!.toArray()); // => [16, 16]
 * ```
 */
export function checkpointSequential(
  functions: Iterable<(input: Tensor) => Tensor>,
  segments: number,
  input: Tensor,
): Tensor {
  const all = [...functions];
  if (!Number.isInteger(segments) || segments < 1 || segments > all.length) {
    throw new ArgumentError(
      `checkpointSequential: segments must be an integer from 1 to ${all.length}, the number of functions, got ${segments}`,
    );
  }
  const length = Math.floor(all.length / segments);
  const run = (from: number, to: number) => (start: Tensor) =>
    all.slice(from, to).reduce((value, fn) => fn(value), start);
  let value = requireTensor('checkpointSequential', input);
  const last = length * (segments - 1);
  for (let from = 0; from < last; from += length) value = checkpoint(run(from, from + length), value);
  return run(last, all.length)(value);
}
