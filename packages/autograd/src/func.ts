// Transforms of functions, as in `torch.func`: each takes a function and gives another one.
import { AutogradError, checkOptions, formatShape } from '@nn/core';
import { isTensor, onesLike, type Tensor, zerosLike } from '@nn/tensor';
import { Linearization } from './linearization.ts';
import { mapTensors, tensorsIn } from './structure.ts';

export { vmap } from './vmap.ts';

/** Which arguments: one by its number, or several. */
export type Argnums = number | readonly number[];

/** What belongs to the chosen arguments: a value like the one argument, or a list of them. */
export type Selected<Arguments extends readonly unknown[], N extends Argnums> = N extends number
  ? Arguments[N]
  : { -readonly [K in keyof N]: Arguments[N[K] & number] };

/** A Jacobian has, for each tensor of the result, what belongs to the chosen arguments. */
export type Jacobian<Result, Chosen> = Result extends Tensor
  ? Chosen
  : { [K in keyof Result]: Jacobian<Result[K], Chosen> };

export interface GradTransformOptions<N extends Argnums = Argnums, Aux extends boolean = boolean> {
  /** The arguments to differentiate by; they may be structures of tensors. Default 0: the first. */
  readonly argnums?: N;
  /** Whether the function returns `[value, auxiliary]`, of which the second part is handed through. Default false. */
  readonly hasAux?: Aux;
}

export interface JacobianTransformOptions<N extends Argnums = Argnums> {
  /** The arguments to differentiate by; they may be structures of tensors. Default 0: the first. */
  readonly argnums?: N;
  /** Rows (`jacrev`) or columns (`jacfwd`) at a time, at most. Default: all. */
  readonly chunkSize?: number | null;
}

/** The chosen arguments: their tensors, and the whole list with others in their places. */
class Choice {
  readonly values: readonly Tensor[];
  readonly #args: readonly unknown[];
  readonly #argnums: Argnums;

  constructor(name: string, args: readonly unknown[], argnums: Argnums) {
    this.#args = args;
    this.#argnums = argnums;
    for (const at of this.#numbers) {
      if (!Number.isInteger(at) || at < 0 || at >= args.length)
        throw new AutogradError(
          `${name}: there is no argument ${at}: the function was called with ${args.length}`,
        );
    }
    this.values = this.#numbers.flatMap((at) => tensorsIn(args[at]));
    if (this.values.length === 0)
      throw new AutogradError(
        `${name}: there is no tensor to differentiate by in argument ${this.#numbers.join(', ')}`,
      );
  }

  get #numbers(): readonly number[] {
    return typeof this.#argnums === 'number' ? [this.#argnums] : this.#argnums;
  }

  /** The arguments with the chosen tensors replaced. */
  replaced(values: readonly Tensor[]): unknown[] {
    let next = 0;
    const result = [...this.#args];
    for (const at of this.#numbers) result[at] = mapTensors(this.#args[at], () => values[next++]);
    return result;
  }

  /** Values for the chosen tensors, in their structure. */
  like(values: readonly Tensor[]): unknown {
    const all = this.replaced(values);
    return typeof this.#argnums === 'number' ? all[this.#argnums] : this.#numbers.map((at) => all[at]);
  }
}

function filled(values: readonly (Tensor | null)[], like: readonly Tensor[]): Tensor[] {
  return values.map((value, i) => value ?? zerosLike(like[i]));
}

function differentiate(
  name: string,
  fn: (...args: never[]) => unknown,
  args: readonly unknown[],
  { argnums = 0, hasAux = false }: GradTransformOptions,
): { gradient: unknown; result: unknown } {
  const choice = new Choice(name, args, argnums);
  const main = (result: unknown): unknown => (hasAux ? (result as readonly unknown[])[0] : result);
  const linear = new Linearization(
    name,
    choice.values,
    (values) => {
      const result = fn(...(choice.replaced(values) as never[]));
      if (hasAux && !(Array.isArray(result) && result.length === 2))
        throw new AutogradError(`${name}: with hasAux the function must return [value, auxiliary]`);
      return result;
    },
    main,
  );
  const value = main(linear.result);
  if (!isTensor(value) || value.ndim !== 0) {
    const seen = isTensor(value) ? `a tensor of shape ${formatShape(value.shape)}` : typeof value;
    throw new AutogradError(
      `${name}: the function must return a tensor without dimensions, got ${seen}. Reduce it, or use jacrev`,
    );
  }
  const gradients = filled(linear.pullback([onesLike(value)]), choice.values);
  return { gradient: choice.like(gradients), result: linear.result };
}

const gradOptions = ['argnums', 'hasAux'] as const;

/**
 * The gradient of a function that returns one number: `torch.func.grad`. It has the structure of the argument. Applied
 * again it gives higher derivatives, under `vmap` the gradient of each example. Tensors that the function takes from
 * outside are constants to it, and can be differentiated by outside.
 *
 * @throws {AutogradError} when the function returns something else, or is asynchronous.
 * @example
 * ```ts
 * import { func } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const cube = (x: Tensor) => x.pow(3);
 * const x = tensor(2, { dtype: 'float32' });
 * console.log(await func.grad(cube)(x).item(), await func.grad(func.grad(cube))(x).item()); // => 12 12
 *
 * const model = { weight: tensor([1, 2], { dtype: 'float32' }), bias: tensor(1, { dtype: 'float32' }) };
 * const loss = ({ weight, bias }: typeof model, input: Tensor) => input.dot(weight).add(bias).square();
 * const { weight, bias } = func.grad(loss)(model, tensor([1, 1], { dtype: 'float32' }));
 * console.log(await weight.toArray(), await bias.item()); // => [8, 8] 8
 * ```
 */
export function grad<Arguments extends readonly unknown[]>(
  fn: (...args: Arguments) => Tensor,
): (...args: Arguments) => Arguments[0];
export function grad<Arguments extends readonly unknown[], const N extends Argnums = 0>(
  fn: (...args: Arguments) => Tensor,
  options: GradTransformOptions<N, false>,
): (...args: Arguments) => Selected<Arguments, N>;
export function grad<Arguments extends readonly unknown[], Auxiliary, const N extends Argnums = 0>(
  fn: (...args: Arguments) => readonly [Tensor, Auxiliary],
  options: GradTransformOptions<N, true> & { readonly hasAux: true },
): (...args: Arguments) => [Selected<Arguments, N>, Auxiliary];
export function grad(
  fn: (...args: never[]) => unknown,
  options: GradTransformOptions = {},
): (...args: unknown[]) => unknown {
  checkOptions('grad', options, gradOptions);
  return (...args) => {
    const { gradient, result } = differentiate('grad', fn, args, options);
    return options.hasAux === true ? [gradient, (result as readonly unknown[])[1]] : gradient;
  };
}

/**
 * As `func.grad`, with the function's value beside the gradient: `torch.func.grad_and_value`.
 *
 * @throws {AutogradError} as `func.grad`.
 * @example
 * ```ts
 * import { func } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const [gradient, value] = func.gradAndValue((x: Tensor) => x.square().sum())(tensor([1, 2], { dtype: 'float32' }));
 * console.log(await gradient.toArray(), await value.item()); // => [2, 4] 5
 * ```
 */
export function gradAndValue<Arguments extends readonly unknown[]>(
  fn: (...args: Arguments) => Tensor,
): (...args: Arguments) => [Arguments[0], Tensor];
export function gradAndValue<Arguments extends readonly unknown[], const N extends Argnums = 0>(
  fn: (...args: Arguments) => Tensor,
  options: GradTransformOptions<N, false>,
): (...args: Arguments) => [Selected<Arguments, N>, Tensor];
export function gradAndValue<Arguments extends readonly unknown[], Auxiliary, const N extends Argnums = 0>(
  fn: (...args: Arguments) => readonly [Tensor, Auxiliary],
  options: GradTransformOptions<N, true> & { readonly hasAux: true },
): (...args: Arguments) => [Selected<Arguments, N>, [Tensor, Auxiliary]];
export function gradAndValue(
  fn: (...args: never[]) => unknown,
  options: GradTransformOptions = {},
): (...args: unknown[]) => unknown {
  checkOptions('gradAndValue', options, gradOptions);
  return (...args) => {
    const { gradient, result } = differentiate('gradAndValue', fn, args, options);
    return [gradient, result];
  };
}

/**
 * A function's value, and the function that takes a cotangent like it to the gradients of the arguments: `torch.func.vjp`.
 *
 * @throws {AutogradError} when the cotangent is not like the value.
 * @example
 * ```ts
 * import { func } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const [value, pullback] = func.vjp((x: Tensor, y: Tensor) => x.mul(y), tensor([1, 2], { dtype: 'float32' }), tensor([3, 4], { dtype: 'float32' }));
 * const [dx, dy] = pullback(tensor([1, 10], { dtype: 'float32' }));
 * console.log(await value.toArray(), await dx.toArray(), await dy.toArray()); // => [3, 8] [3, 40] [1, 20]
 * ```
 */
export function vjp<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Result,
  ...primals: Arguments
): [value: Result, pullback: (cotangent: Result) => Arguments] {
  const { choice, linear } = atPrimals('vjp', fn, primals);
  const pullback = (cotangent: Result): Arguments =>
    choice.like(filled(linear.pullback(tensorsIn(cotangent)), choice.values)) as Arguments;
  return [linear.result, pullback];
}

/** A function of several arguments and its derivative by all of them. */
function atPrimals<Arguments extends readonly unknown[], Result>(
  name: string,
  fn: (...args: Arguments) => Result,
  primals: Arguments,
): { choice: Choice; linear: Linearization<Result> } {
  const choice = new Choice(name, primals, [...primals.keys()]);
  const call = (values: readonly Tensor[]): Result =>
    fn(...(choice.replaced(values) as unknown as Arguments));
  return { choice, linear: new Linearization(name, choice.values, call) };
}

/**
 * A function's value, and its derivative in the direction of tangents, which are like the arguments: `torch.func.jvp`.
 *
 * @throws {AutogradError} when the tangents are not like the arguments.
 * @example
 * ```ts
 * import { func } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1, 2], { dtype: 'float32' });
 * const [value, tangent] = func.jvp((a: Tensor) => a.square(), [x], [tensor([1, 10], { dtype: 'float32' })]);
 * console.log(await value.toArray(), await tangent.toArray()); // => [1, 4] [2, 40]
 * ```
 */
export function jvp<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Result,
  primals: Arguments,
  tangents: Arguments,
): [value: Result, tangent: Result] {
  const [value, pushforward] = linearized('jvp', fn, primals);
  return [value, pushforward(...tangents)];
}

/**
 * A function's value, and the linear function that takes tangents like the arguments to the derivative in their
 * direction: `torch.func.linearize`. For many tangents at one point: the function itself runs once, where `jvp` runs it
 * for each of them.
 *
 * @throws {AutogradError} when the tangents are not like the arguments.
 * @example
 * ```ts
 * import { func } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([1, 2], { dtype: 'float32' });
 * const [value, pushforward] = func.linearize((a: Tensor) => a.square(), x);
 * const tangents = tensor([[1, 0], [0, 1]], { dtype: 'float32' });
 * console.log(await value.toArray()); // => [1, 4]
 * console.log(await pushforward(tangents.at(0)).toArray(), await func.vmap(pushforward)(tangents).toArray()); // => [2, 0] [[2, 0], [0, 4]]
 * ```
 */
export function linearize<Arguments extends readonly unknown[], Result>(
  fn: (...args: Arguments) => Result,
  ...primals: Arguments
): [value: Result, pushforward: (...tangents: Arguments) => Result] {
  return linearized('linearize', fn, primals);
}

function linearized<Arguments extends readonly unknown[], Result>(
  name: string,
  fn: (...args: Arguments) => Result,
  primals: Arguments,
): [value: Result, pushforward: (...tangents: Arguments) => Result] {
  const { linear } = atPrimals(name, fn, primals);
  const push = linear.pushforward;
  const pushforward = (...tangents: Arguments): Result => {
    const products = filled(push(tensorsIn(tangents)), linear.outputs);
    let next = 0;
    return mapTensors(linear.result, () => products[next++]);
  };
  return [linear.result, pushforward];
}

function jacobianTransform(
  name: string,
  forward: boolean,
  fn: (...args: never[]) => unknown,
  options: JacobianTransformOptions,
): (...args: unknown[]) => unknown {
  checkOptions(name, options, ['argnums', 'chunkSize']);
  const { argnums = 0, chunkSize = null } = options;
  return (...args) => {
    const choice = new Choice(name, args, argnums);
    const linear = new Linearization(name, choice.values, (values) =>
      fn(...(choice.replaced(values) as never[])),
    );
    const blocks = linear.jacobian({ forward, vectorize: true, chunkSize });
    let row = 0;
    return mapTensors(linear.result as unknown, (output) => {
      const blocksOfRow = blocks[row++];
      return choice.like(choice.values.map((value, i) => blocksOfRow[i] ?? zerosOf(output, value)));
    });
  };
}

function zerosOf(output: Tensor, value: Tensor): Tensor {
  return zerosLike(value)
    .expandTo([...output.shape, ...value.shape])
    .clone();
}

/**
 * The Jacobian, all rows at once, backwards: `torch.func.jacrev`. Each is of the shape `[...output, ...argument]`.
 * Good for functions of few outputs.
 *
 * @example
 * ```ts
 * import { func } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const f = (x: Tensor) => x.square().mul(x.sum());
 * console.log(await func.jacrev(f)(tensor([1, 2], { dtype: 'float32' })).toArray()); // => [[7, 1], [4, 16]]
 * ```
 */
export function jacrev<Arguments extends readonly unknown[], Result, const N extends Argnums = 0>(
  fn: (...args: Arguments) => Result,
  options: JacobianTransformOptions<N> = {},
): (...args: Arguments) => Jacobian<Result, Selected<Arguments, N>> {
  return jacobianTransform('jacrev', false, fn as never, options) as never;
}

/**
 * The Jacobian, all columns at once, forwards: `torch.func.jacfwd`. The same values as `jacrev`; good for functions of
 * few inputs.
 */
export function jacfwd<Arguments extends readonly unknown[], Result, const N extends Argnums = 0>(
  fn: (...args: Arguments) => Result,
  options: JacobianTransformOptions<N> = {},
): (...args: Arguments) => Jacobian<Result, Selected<Arguments, N>> {
  return jacobianTransform('jacfwd', true, fn as never, options) as never;
}

/**
 * The matrix of second derivatives, forwards over backwards: `torch.func.hessian`. Of the shape
 * `[...output, ...argument, ...argument]`.
 *
 * @example
 * ```ts
 * import { func } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const f = (x: Tensor) => x.select(0, 0).pow(2).mul(x.select(0, 1));
 * console.log(await func.hessian(f)(tensor([3, 5], { dtype: 'float32' })).toArray()); // => [[10, 6], [6, 0]]
 * ```
 */
export function hessian<Arguments extends readonly unknown[], Result, const N extends Argnums = 0>(
  fn: (...args: Arguments) => Result,
  options: { readonly argnums?: N } = {},
): (...args: Arguments) => Jacobian<Jacobian<Result, Selected<Arguments, N>>, Selected<Arguments, N>> {
  checkOptions('hessian', options, ['argnums']);
  return jacfwd(jacrev(fn, options), options) as never;
}
