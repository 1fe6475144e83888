// Derivatives of functions at a point, as in `torch.autograd.functional`.
import { ArgumentError, AutogradError, checkOptions, formatShape } from '@nn/core';
import { isTensor, onesLike, type Tensor, zeros, zerosLike } from '@nn/tensor';
import { Linearization } from './linearization.ts';

/** A function's inputs or results: a tensor, or several. */
export type Tensors = Tensor | readonly Tensor[];

/** Tensors in the structure of others. */
export type TensorsLike<T extends Tensors> = T extends readonly Tensor[]
  ? { -readonly [K in keyof T]: Tensor }
  : Tensor;

/** For each tensor of the results, one tensor for each of the inputs. */
export type JacobianLike<Result extends Tensors, Inputs extends Tensors> = Result extends readonly Tensor[]
  ? { -readonly [K in keyof Result]: TensorsLike<Inputs> }
  : TensorsLike<Inputs>;

/** A function that takes its inputs as arguments. */
type Over<Inputs extends Tensors, Result extends Tensors> = (
  ...inputs: Inputs extends readonly Tensor[] ? Inputs : [Inputs & Tensor]
) => Result;

export interface FunctionalOptions {
  /** Records the derivative, so that it can be differentiated again. Default false. */
  readonly createGraph?: boolean;
  /** Throws an error where a result does not depend on an input, instead of giving zeros. Default false. */
  readonly strict?: boolean;
}

export interface JacobianOptions extends FunctionalOptions {
  /** Computes all rows at once (by vmap) instead of one after the other. Default false. */
  readonly vectorize?: boolean;
  /** Rows by derivatives backwards, or columns by derivatives forwards. Default 'reverse-mode'. */
  readonly strategy?: 'reverse-mode' | 'forward-mode';
}

export interface HessianOptions extends FunctionalOptions {
  /** Computes all rows at once (by vmap) instead of one after the other. Default false. */
  readonly vectorize?: boolean;
  /** How the gradient is differentiated. Default 'reverse-mode'. */
  readonly outerJacobianStrategy?: 'reverse-mode' | 'forward-mode';
}

const both = ['createGraph', 'strict'] as const;

const listOf = (tensors: Tensors): readonly Tensor[] => (isTensor(tensors) ? [tensors] : tensors);

function like<T extends Tensors>(tensors: T, values: readonly unknown[]): TensorsLike<T> {
  return (isTensor(tensors) ? values[0] : [...values]) as TensorsLike<T>;
}

function linearized<Inputs extends Tensors, Result extends Tensors>(
  name: string,
  fn: Over<Inputs, Result>,
  inputs: Inputs,
): Linearization<Result> {
  const linear = new Linearization(name, listOf(inputs), (values) => fn(...(values as never)));
  const { result } = linear;
  if (isTensor(result) || (Array.isArray(result) && result.every(isTensor))) return linear;
  throw new ArgumentError(`${name}: the function must return a tensor or an array of tensors`);
}

/** The given directions, or ones for a single number. */
function directions(name: string, given: Tensors | undefined, of: readonly Tensor[]): readonly Tensor[] {
  if (given !== undefined) return listOf(given);
  if (of.length === 1 && of[0].numel() === 1) return [onesLike(of[0])];
  throw new AutogradError(
    `${name}: v can be left out only where there is one number, here there is ${of.map(({ shape }) => formatShape(shape)).join(', ')}. ` +
      'Give tensors of these shapes',
  );
}

function completed(
  name: string,
  values: readonly (Tensor | null)[],
  of: readonly Tensor[],
  strict: boolean,
): Tensor[] {
  return values.map((value, i) => {
    if (value !== null) return value;
    if (strict)
      throw new AutogradError(`${name}: the results do not depend on input ${i}, and strict is set`);
    return zerosLike(of[i]);
  });
}

/** The results, which the derivatives of the caller go through only with createGraph. */
function shown<Result extends Tensors>(result: Result, createGraph: boolean): Result {
  if (createGraph) return result;
  return like(
    result,
    listOf(result).map((each) => each.detach()),
  ) as unknown as Result;
}

/**
 * The function's results, and v times its Jacobian: `torch.autograd.functional.vjp`. v is like the results, and may be
 * left out for a single number. `func.vjp` gives the product as a function.
 *
 * @throws {AutogradError} when v is not like the results.
 * @example
 * ```ts
 * import { vjp } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[1, 2], [3, 4]], { dtype: 'float32' });
 * const [sums, product] = vjp((a: Tensor) => a.square().sum(1), x, tensor([1, 10], { dtype: 'float32' }));
 * console.log(await sums.toArray(), await product.toArray()); // => [5, 25] [[2, 4], [60, 80]]
 * ```
 */
export function vjp<const Inputs extends Tensors, Result extends Tensors>(
  fn: Over<Inputs, Result>,
  inputs: Inputs,
  v?: Tensors,
  options: FunctionalOptions = {},
): [Result, TensorsLike<Inputs>] {
  checkOptions('vjp', options, both);
  const { createGraph = false, strict = false } = options;
  const linear = linearized('vjp', fn, inputs);
  const products = linear.pullback(directions('vjp', v, linear.outputs), createGraph);
  return [shown(linear.result, createGraph), like(inputs, completed('vjp', products, linear.leaves, strict))];
}

/**
 * The function's results, and its Jacobian times v: `torch.autograd.functional.jvp`. v is like the inputs, and may be
 * left out for a single number.
 *
 * @throws {AutogradError} when v is not like the inputs.
 * @example
 * ```ts
 * import { jvp } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1, 2], { dtype: 'float32' });
 * const [value, slope] = jvp((a: Tensor) => a.pow(3), x, tensor([1, 1], { dtype: 'float32' }));
 * console.log(await value.toArray(), await slope.toArray()); // => [1, 8] [3, 12]
 * ```
 */
export function jvp<const Inputs extends Tensors, Result extends Tensors>(
  fn: Over<Inputs, Result>,
  inputs: Inputs,
  v?: Tensors,
  options: FunctionalOptions = {},
): [Result, TensorsLike<Result>] {
  checkOptions('jvp', options, both);
  const { createGraph = false, strict = false } = options;
  const linear = linearized('jvp', fn, inputs);
  const products = linear.pushforward(directions('jvp', v, linear.leaves), createGraph);
  const filled = completed('jvp', products, linear.outputs, strict);
  return [shown(linear.result, createGraph), like(linear.result, filled)];
}

/**
 * The Jacobian: for each result and input a tensor of the shape `[...result, ...input]`:
 * `torch.autograd.functional.jacobian`. `func.jacrev` and `func.jacfwd` give it as a function.
 *
 * @example
 * ```ts
 * import { jacobian } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1, 2], { dtype: 'float32' });
 * const y = tensor([3, 4], { dtype: 'float32' });
 * const [dx, dy] = jacobian((a: Tensor, b: Tensor) => a.mul(b.sum()), [x, y]);
 * console.log(await dx.toArray(), await dy.toArray()); // => [[7, 0], [0, 7]] [[1, 1], [2, 2]]
 * ```
 */
export function jacobian<const Inputs extends Tensors, Result extends Tensors>(
  fn: Over<Inputs, Result>,
  inputs: Inputs,
  options: JacobianOptions = {},
): JacobianLike<Result, Inputs> {
  checkOptions('jacobian', options, [...both, 'vectorize', 'strategy']);
  const { createGraph = false, strict = false, vectorize = false, strategy = 'reverse-mode' } = options;
  return jacobianOf('jacobian', fn, inputs, { createGraph, strict, vectorize, strategy });
}

function jacobianOf<Inputs extends Tensors, Result extends Tensors>(
  name: string,
  fn: Over<Inputs, Result>,
  inputs: Inputs,
  { createGraph, strict, vectorize, strategy }: Required<JacobianOptions>,
): JacobianLike<Result, Inputs> {
  if (strategy !== 'reverse-mode' && strategy !== 'forward-mode')
    throw new ArgumentError(
      `${name}: the strategy is 'reverse-mode' or 'forward-mode', got ${String(strategy)}`,
    );
  const linear = linearized(name, fn, inputs);
  const blocks = linear.jacobian({ forward: strategy === 'forward-mode', vectorize, createGraph });
  const rows = linear.outputs.map((output, o) => {
    const row = blocks[o].map((block, i) => {
      if (block !== null) return block;
      if (strict)
        throw new AutogradError(`${name}: result ${o} does not depend on input ${i}, and strict is set`);
      const { shape, dtype, device } = linear.leaves[i];
      return zeros([...output.shape, ...shape], { dtype, device });
    });
    return like(inputs, row);
  });
  return (isTensor(linear.result) ? rows[0] : rows) as JacobianLike<Result, Inputs>;
}

/** The function's gradient as a function of its inputs, itself differentiable. */
function gradientOf<Inputs extends Tensors>(
  name: string,
  fn: Over<Inputs, Tensor>,
  inputs: Inputs,
  strict: boolean,
): (...values: readonly Tensor[]) => Tensor[] {
  return (...values) => {
    const linear = linearized(name, fn, like(inputs, values) as unknown as Inputs);
    const { result } = linear;
    if (!isTensor(result) || result.numel() !== 1) {
      const seen = isTensor(result)
        ? `shape ${formatShape(result.shape)}`
        : `${linear.outputs.length} tensors`;
      throw new AutogradError(`${name}: the function must return one number, got ${seen}`);
    }
    return completed(name, linear.pullback([onesLike(result)]), values, strict);
  };
}

/**
 * The second derivatives of a function that returns one number: a tensor of the shape `[...input, ...input]`, or one for
 * each pair of inputs: `torch.autograd.functional.hessian`.
 *
 * @throws {AutogradError} when the function returns more than one number.
 * @example
 * ```ts
 * import { hessian } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const f = (x: Tensor) => x.pow(3).sum();
 * console.log(await hessian(f, tensor([1, 2], { dtype: 'float32' })).toArray()); // => [[6, 0], [0, 12]]
 * ```
 */
export function hessian<const Inputs extends Tensors>(
  fn: Over<Inputs, Tensor>,
  inputs: Inputs,
  options: HessianOptions = {},
): JacobianLike<Inputs, Inputs> {
  checkOptions('hessian', options, [...both, 'vectorize', 'outerJacobianStrategy']);
  const {
    createGraph = false,
    strict = false,
    vectorize = false,
    outerJacobianStrategy = 'reverse-mode',
  } = options;
  const gradient = gradientOf('hessian', fn, inputs, strict);
  const rows = jacobianOf('hessian', gradient as Over<readonly Tensor[], readonly Tensor[]>, listOf(inputs), {
    createGraph,
    strict,
    vectorize,
    strategy: outerJacobianStrategy,
  }) as readonly (readonly Tensor[])[];
  return like(
    inputs,
    rows.map((row) => like(inputs, row)),
  ) as JacobianLike<Inputs, Inputs>;
}

function secondOrder<Inputs extends Tensors>(
  name: string,
  fn: Over<Inputs, Tensor>,
  inputs: Inputs,
  v: Tensors | undefined,
  options: FunctionalOptions,
  forward: boolean,
): [Tensor, TensorsLike<Inputs>] {
  checkOptions(name, options, both);
  const { createGraph = false, strict = false } = options;
  const values = listOf(inputs);
  let value: Tensor | null = null;
  const seen: Over<Inputs, Tensor> = (...given) => {
    value = fn(...given);
    return value;
  };
  const gradient = gradientOf(name, seen, inputs, strict);
  const linear = new Linearization(name, values, (given) => gradient(...given));
  const along = directions(name, v, values);
  const products = forward ? linear.pushforward(along, createGraph) : linear.pullback(along, createGraph);
  return [shown(value!, createGraph), like(inputs, completed(name, products, values, strict))];
}

/**
 * The function's value, and its Hessian times v: `torch.autograd.functional.hvp`. By derivatives forwards over backwards,
 * at a few times the cost of the function: no Hessian is computed.
 *
 * @throws {AutogradError} when the function returns more than one number, or v is not like the inputs.
 * @example
 * ```ts
 * import { hvp } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const [value, product] = hvp((x: Tensor) => x.pow(3).sum(), tensor([1, 2], { dtype: 'float32' }), tensor([1, 10], { dtype: 'float32' }));
 * console.log(await value.item(), await product.toArray()); // => 9 [6, 120]
 * ```
 */
export function hvp<const Inputs extends Tensors>(
  fn: Over<Inputs, Tensor>,
  inputs: Inputs,
  v?: Tensors,
  options: FunctionalOptions = {},
): [Tensor, TensorsLike<Inputs>] {
  return secondOrder('hvp', fn, inputs, v, options, true);
}

/** The function's value, and v times its Hessian: `torch.autograd.functional.vhp`. The same as `hvp` for smooth functions. */
export function vhp<const Inputs extends Tensors>(
  fn: Over<Inputs, Tensor>,
  inputs: Inputs,
  v?: Tensors,
  options: FunctionalOptions = {},
): [Tensor, TensorsLike<Inputs>] {
  return secondOrder('vhp', fn, inputs, v, options, false);
}
