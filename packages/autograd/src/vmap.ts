// Functions of one example, run for a batch at once.
import { ArgumentError, AutogradError, checkOptions, normalizeDim } from '@nn/core';
import { apply, cat, isTensor, movedim, type Tensor } from '@nn/tensor';
import { BatchLevel, type Randomness } from './batching/batched.ts';
import { mapBeside, tensorsIn } from './structure.ts';

/** A dimension for all tensors of a value (null: they have none), or one for each part of it. */
export type BatchDims = number | null | readonly BatchDims[] | { readonly [name: string]: BatchDims };

export interface VmapOptions {
  /** Where the arguments have their examples: one dimension for all, or one for each argument. Default 0. */
  readonly inDims?: BatchDims;
  /** Where the results have theirs. Default 0. */
  readonly outDims?: BatchDims;
  /** What random functions do: refuse, or draw the same or different numbers for the examples. Default 'error'. */
  readonly randomness?: Randomness;
  /** Examples at a time, at most: less memory, more steps. Default: all. */
  readonly chunkSize?: number | null;
}

function batchSize(sizes: readonly { readonly path: string; readonly size: number }[]): number {
  if (sizes.length === 0)
    throw new ArgumentError(
      'vmap: none of the arguments has examples. Give a tensor, and a dimension for it in inDims',
    );
  const [first] = sizes;
  const other = sizes.find(({ size }) => size !== first.size);
  if (other !== undefined) {
    throw new ArgumentError(
      `vmap: argument ${first.path} has ${first.size} examples and argument ${other.path} has ${other.size}. ` +
        'Check the dimensions in inDims; null stands for an argument that is the same for all',
    );
  }
  return first.size;
}

/** The result with its examples in the given dimension. */
function unwrapped(level: BatchLevel, tensor: Tensor, dim: number | null): Tensor {
  const { value, batched, shape } = level.physical(tensor);
  if (dim === null) {
    if (!batched) return value;
    throw new ArgumentError(
      'vmap: outDims is null for a result that differs between examples. Give a dimension',
    );
  }
  const all = batched ? value : apply('expand', [value], { shape: [level.size, ...shape] });
  const at = normalizeDim('vmap', dim, all.ndim);
  return at === 0 ? all : movedim(all, 0, at);
}

function checkResult(result: unknown): void {
  if (result instanceof Promise)
    throw new AutogradError('vmap: the function is asynchronous. Await before it, and vmap what computes');
  const check = (value: unknown): void => {
    if (isTensor(value)) return;
    if (Array.isArray(value)) value.forEach(check);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(check);
    else throw new ArgumentError(`vmap: the function must return tensors, got ${String(value)}`);
  };
  check(result);
}

function runBatch<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Result,
  args: Arguments,
  size: number,
  options: VmapOptions,
): Result {
  const { inDims = 0, outDims = 0, randomness = 'error' } = options;
  const level = new BatchLevel(size, randomness);
  return level.run(() => {
    const given = eachArgument(args, inDims, (tensor, dim) => {
      if (dim === null) return tensor;
      const at = normalizeDim('vmap', dim, tensor.ndim);
      return level.wrap(at === 0 ? tensor : movedim(tensor, at, 0));
    });
    const result = fn(...given);
    checkResult(result);
    return mapBeside(
      result,
      outDims,
      (tensor, dim) => unwrapped(level, tensor, dim),
      (path) => new ArgumentError(`vmap: outDims is not like what the function returns (at '${path}')`),
    );
  });
}

function eachArgument<Arguments extends readonly unknown[]>(
  args: Arguments,
  inDims: BatchDims,
  replace: (tensor: Tensor, dim: number | null, path: string) => unknown,
): Arguments {
  return mapBeside(
    args,
    inDims,
    replace,
    (path) => new ArgumentError(`vmap: inDims is not like the ${args.length} arguments (at '${path}')`),
  ) as Arguments;
}

/**
 * A function of one example, made to run for a batch of them at once: `torch.vmap`. Its arguments and results may be
 * tensors, and arrays and objects of them. Inside, tensors have the shape of one example. Every op has a rule for
 * batches: nothing is run example by example. Derivatives may be taken inside (gradients of each example), outside, and
 * of several vmaps within each other.
 *
 * In-place writes into batched tensors work, and reach the argument as in PyTorch; writing an example into a tensor
 * that is the same for all is an error.
 *
 * @throws {ArgumentError} for dimensions or sizes that do not fit, or results that are no tensors.
 * @throws {AutogradError} when the function draws random numbers, unless `randomness` says how, or when it is asynchronous.
 * @throws {StaleValueError} when the function reads a batched tensor's value.
 * @example Dot products of all rows at once, and the gradient of each example.
 * ```ts
 * import { func, vmap } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[1, 2], [3, 4], [5, 6]], { dtype: 'float32' });
 * const w = tensor([10, 1], { dtype: 'float32' });
 * const dot = vmap((a: Tensor, b: Tensor) => a.dot(b), { inDims: [0, null] });
 * console.log(await dot(x, w).toArray()); // => [12, 34, 56]
 *
 * const loss = (weight: Tensor, example: Tensor) => example.dot(weight).square();
 * const perExample = vmap(func.grad(loss), { inDims: [null, 0] });
 * console.log(await perExample(w, x).toArray()); // => [[24, 48], [204, 272], [560, 672]]
 * ```
 */
export function vmap<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Result,
  options: VmapOptions = {},
): (...args: Arguments) => Result {
  checkOptions('vmap', options, ['inDims', 'outDims', 'randomness', 'chunkSize']);
  const { inDims = 0, outDims = 0, randomness = 'error', chunkSize = null } = options;
  if (!['error', 'same', 'different'].includes(randomness))
    throw new ArgumentError(`vmap: randomness is 'error', 'same' or 'different', got ${String(randomness)}`);
  if (chunkSize !== null && !(Number.isInteger(chunkSize) && chunkSize > 0))
    throw new ArgumentError(`vmap: chunkSize must be an integer of at least 1, got ${chunkSize}`);
  return (...args) => {
    const sizes: { path: string; size: number }[] = [];
    eachArgument(args, inDims, (tensor, dim, path) => {
      if (dim === null) return tensor;
      if (tensor.ndim === 0)
        throw new ArgumentError(`vmap: argument ${path} has no dimensions. Give null for it in inDims`);
      sizes.push({ path, size: tensor.shape[normalizeDim('vmap', dim, tensor.ndim)] });
      return tensor;
    });
    const size = batchSize(sizes);
    if (chunkSize === null || chunkSize >= size) return runBatch(fn, args, size, options);
    const parts: Result[] = [];
    for (let start = 0; start < size; start += chunkSize) {
      const count = Math.min(chunkSize, size - start);
      const chunk = eachArgument(args, inDims, (tensor, dim) =>
        dim === null ? tensor : tensor.narrow(dim, start, count),
      );
      parts.push(runBatch(fn, chunk, count, options));
    }
    const lists = parts.map(tensorsIn);
    let next = 0;
    return mapBeside(
      parts[0],
      outDims,
      (tensor, dim) => {
        const pieces = lists.map((list) => list[next]);
        next++;
        return dim === null ? tensor : cat(pieces, dim);
      },
      (path) => new ArgumentError(`vmap: outDims is not like what the function returns (at '${path}')`),
    );
  };
}
