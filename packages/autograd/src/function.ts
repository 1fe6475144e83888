// Operations with a derivative of the user's own.
import { ArgumentError, AutogradError, formatShape, isFloat, sameShape } from '@nn/core';
import { belowTransform, type GradientState, isTensor, type Storage, type Tensor, zeros } from '@nn/tensor';
import type { BatchLevel } from './batching/batched.ts';
import { Batched } from './batching/kind.ts';
import { spread } from './batching/rules.ts';
import { graphFreed, RecordedFunction } from './graph.ts';
import { isGradEnabled, noGrad } from './modes.ts';
import { type SavedOwner, SavedTensors } from './saved.ts';

/** What forward hands to backward: `ctx` of `torch.autograd.Function`. */
export class FunctionContext {
  readonly #owner: SavedOwner;
  #saved: SavedTensors | null = null;
  #gradient: Tensor | null = null;
  #savedFrom: readonly Tensor[] = [];
  readonly #dirty = new Set<Tensor>();
  readonly #constant = new Set<Tensor>();
  #materializes = true;
  /** Which of forward's arguments need a gradient. */
  readonly needsInputGrad: readonly boolean[];
  /** Anything else that backward wants to know. */
  readonly state: Record<string, unknown> = {};

  constructor(needsInputGrad: readonly boolean[], name: string) {
    this.needsInputGrad = needsInputGrad;
    this.#owner = { name, savedAs: (position) => `saved tensor ${position}` };
  }

  /** Keeps inputs or results for backward, with the values that they have after forward. */
  saveForBackward(...tensors: Tensor[]): void {
    this.#savedFrom = tensors;
    this.#saved = new SavedTensors(this.#owner);
    for (const tensor of tensors) this.#saved.add(tensor);
  }

  /** @internal Results that were saved take part in differentiation, for derivatives of derivatives. */
  linkResults(results: readonly Tensor[], states: readonly GradientState[]): void {
    this.#savedFrom.forEach((tensor, i) => {
      const at = results.indexOf(tensor);
      if (at >= 0 && states[at].requiresGrad) this.#saved?.link(i, states[at]);
    });
    this.#savedFrom = [];
  }

  /** What forward saved. Using one that was written in place since is an error. */
  get savedTensors(): readonly Tensor[] {
    const saved = this.#saved;
    return Array.from({ length: saved?.count ?? 0 }, (_, i) => saved!.restored(i, this.#gradient));
  }

  /** Says that forward wrote these inputs in place. They must be returned, too. */
  markDirty(...tensors: Tensor[]): void {
    for (const tensor of tensors) this.#dirty.add(tensor);
  }

  /** Says that these results do not depend smoothly on the inputs: no gradient comes for them. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    for (const tensor of tensors) this.#constant.add(tensor);
  }

  /** Whether backward gets zeros, instead of null, for results that nothing depended on. Default true. */
  setMaterializeGrads(value: boolean): void {
    this.#materializes = value;
  }

  /** @internal */
  get materializesGrads(): boolean {
    return this.#materializes;
  }

  /** @internal */
  isDirty(tensor: Tensor): boolean {
    return this.#dirty.has(tensor);
  }

  /** @internal */
  isConstant(tensor: Tensor): boolean {
    return this.#constant.has(tensor);
  }

  /** @internal Dirty inputs that forward did not return. */
  forgotten(outputs: readonly Tensor[]): boolean {
    return [...this.#dirty].some((tensor) => !outputs.includes(tensor));
  }

  /** @internal Called before backward, with a gradient. */
  begin(gradient: Tensor): void {
    this.#gradient = gradient;
  }

  /** @internal */
  allowWrite(storage: Storage): void {
    this.#saved?.allowWrite(storage);
  }
}

/** What forward returns: a tensor, or several. */
export type FunctionResult = Tensor | readonly Tensor[];

/** Gradients of the results, in their places. They are null only after `setMaterializeGrads(false)`. */
type Gradients<Result extends FunctionResult> = Result extends readonly Tensor[]
  ? { readonly [K in keyof Result]: Tensor }
  : readonly [gradient: Tensor];

/** A differentiable operation: forward computes, backward gives the gradient of each argument (null: none). */
export interface CustomFunction<
  Arguments extends readonly unknown[],
  Result extends FunctionResult = Tensor,
> {
  readonly name?: string;
  forward(context: FunctionContext, ...inputs: Arguments): Result;
  backward(context: FunctionContext, ...gradients: Gradients<Result>): readonly (Tensor | null)[] | Tensor;
}

/** A definition whose types are known to its caller alone. */
interface AnyFunction {
  readonly name?: string;
  forward(context: FunctionContext, ...inputs: readonly unknown[]): FunctionResult;
  backward(
    context: FunctionContext,
    ...gradients: readonly (Tensor | null)[]
  ): readonly (Tensor | null)[] | Tensor;
}

type Call = (definition: AnyFunction, inputs: readonly unknown[]) => FunctionResult;

interface ResultInfo {
  readonly shape: readonly number[];
  readonly dtype: Tensor['dtype'];
  readonly device: string;
}

/** One call of a custom function: collects the gradients of all of its results. */
class CustomRecord extends RecordedFunction {
  readonly name: string;
  readonly #definition: AnyFunction;
  readonly #positions: readonly number[];
  readonly #shapes: readonly (readonly number[])[];
  readonly #results: readonly ResultInfo[];
  #context: FunctionContext | null;

  constructor(
    definition: AnyFunction,
    context: FunctionContext,
    inputs: readonly { readonly position: number; readonly tensor: Tensor }[],
    results: readonly Tensor[],
  ) {
    super(inputs.map(({ tensor }) => tensor));
    this.name = nameOf(definition);
    this.#definition = definition;
    this.#context = context;
    this.#positions = inputs.map(({ position }) => position);
    this.#shapes = inputs.map(({ tensor }) => tensor.shape);
    this.#results = results.map(({ shape, dtype, device }) => ({ shape, dtype, device }));
  }

  override backwardAll(given: readonly (Tensor | null)[]): readonly (Tensor | null)[] {
    const context = this.#context;
    if (context === null) throw graphFreed();
    const first = given.find((gradient) => gradient !== null);
    if (first) context.begin(first);
    const gradients = given.map((gradient, i) => {
      const { shape, dtype, device } = this.#results[i];
      return gradient ?? (context.materializesGrads ? zeros(shape, { dtype, device }) : null);
    });
    const answer = this.#definition.backward(context, ...gradients);
    const all = isTensor(answer) ? [answer] : answer;
    return this.#positions.map((position, i) => {
      const each = all[position] ?? null;
      if (each !== null && !sameShape(each.shape, this.#shapes[i])) {
        throw new AutogradError(
          `${this.name}: the gradient of argument ${position} has shape ${formatShape(each.shape)}, ` +
            `the argument ${formatShape(this.#shapes[i])}`,
        );
      }
      return each;
    });
  }

  backward(gradient: Tensor): readonly (Tensor | null)[] {
    return this.backwardAll([gradient]);
  }

  allowWrite(storage: Storage): void {
    this.#context?.allowWrite(storage);
  }

  release(): void {
    this.#context = null;
  }
}

function nameOf({ name }: { readonly name?: string }): string {
  return `${name ?? 'Custom'}Backward`;
}

function checkedResults(definition: AnyFunction, returned: unknown): readonly Tensor[] {
  const results: readonly unknown[] = Array.isArray(returned) ? returned : [returned];
  if (results.length > 0 && results.every(isTensor)) return results as readonly Tensor[];
  throw new AutogradError(
    `${definition.name ?? 'customFunction'}: forward must return a tensor or an array of tensors`,
  );
}

function contextFor(definition: AnyFunction, inputs: readonly unknown[]): FunctionContext {
  return new FunctionContext(
    inputs.map((input) => isTensor(input) && input.requiresGrad),
    nameOf(definition),
  );
}

/** A result's handle after the call: one of its own, since forward may have returned an input. */
function resultOf(name: string, context: FunctionContext, given: Tensor, state: GradientState): Tensor {
  if (!context.isDirty(given)) {
    const result = given instanceof Batched ? given.separate() : given.detach();
    if (state.requiresGrad) result.gradient = state;
    return result;
  }
  if (given.requiresGrad && given.isLeaf) {
    throw new AutogradError(
      `${name}: a leaf tensor that requires gradients was written in place (markDirty). Give it a computed one, such as x.clone()`,
    );
  }
  if (given.viewInfo !== null)
    throw new AutogradError(`${name}: a view was written in place (markDirty). Give it a copy (x.clone())`);
  given.gradient = state;
  return given;
}

/** Has the results lead backwards to the function. */
function recorded(
  definition: AnyFunction,
  context: FunctionContext,
  inputs: readonly unknown[],
  results: readonly Tensor[],
): Tensor[] {
  const tensors = inputs.flatMap((tensor, position) => (isTensor(tensor) ? [{ position, tensor }] : []));
  const record = new CustomRecord(definition, context, tensors, results);
  const states = results.map((result): GradientState => {
    const requiresGrad = isFloat(result.dtype) && !context.isConstant(result);
    return { requiresGrad, grad: null, function: record, retainsGrad: false };
  });
  context.linkResults(results, states);
  record.outputs = states;
  return results.map((result, i) => resultOf(record.name, context, result, states[i]));
}

const call: Call = (definition, inputs) => {
  const context = contextFor(definition, inputs);
  const returned = noGrad(() => definition.forward(context, ...inputs));
  const results = checkedResults(definition, returned);
  if (context.forgotten(results))
    throw new AutogradError(`${nameOf(definition)}: a tensor given to markDirty must be returned by forward`);
  if (!isGradEnabled() || !context.needsInputGrad.includes(true)) return returned;
  const outputs = recorded(definition, context, inputs, results);
  return isTensor(returned) ? outputs[0] : outputs;
};

/** The function for all examples: each of its parts runs under a vmap of its own. */
function batched(definition: AnyFunction, level: BatchLevel, isBatched: readonly boolean[]): AnyFunction {
  const own = level.another();
  let inner: FunctionContext | null = null;
  const all = (tensor: Tensor): Tensor => spread(own.physical(tensor), own.size);
  return {
    name: definition.name,
    forward(context, ...inputs: readonly unknown[]) {
      const made = new FunctionContext(context.needsInputGrad, nameOf(definition));
      inner = made;
      return own.run(() => {
        const given = inputs.map((input, i) => (isBatched[i] ? own.wrap(input as Tensor) : input));
        const returned = definition.forward(made, ...given);
        const results = checkedResults(definition, returned);
        if (results.some((result) => made.isDirty(result)))
          throw new AutogradError(
            `${nameOf(definition)}: markDirty does not go with vmap. Return a new tensor instead`,
          );
        context.setMaterializeGrads(made.materializesGrads);
        const outputs = results.map(all);
        context.markNonDifferentiable(...outputs.filter((_, i) => made.isConstant(results[i])));
        return isTensor(returned) ? outputs[0] : outputs;
      });
    },
    backward(_, ...gradients: readonly (Tensor | null)[]) {
      return own.run(() => {
        const given = gradients.map((gradient) => gradient && own.wrap(gradient));
        const answer = definition.backward(inner!, ...given);
        return (isTensor(answer) ? [answer] : answer).map((gradient, i) => {
          if (gradient === null) return null;
          const each = all(gradient);
          return isBatched[i] ? each : each.sum(0);
        });
      });
    },
  };
}

/** Under vmap, all examples are one call at the level below, so that derivatives from outside go through it. */
function callBatched(level: BatchLevel, definition: AnyFunction, inputs: readonly unknown[]): FunctionResult {
  const given = inputs.map((input) =>
    isTensor(input) ? level.physical(input) : { value: input, batched: false },
  );
  const below = batched(
    definition,
    level,
    given.map((each) => each.batched),
  );
  const returned = belowTransform(level, () =>
    run(
      below,
      given.map(({ value }) => value),
    ),
  );
  const results = (isTensor(returned) ? [returned] : returned).map((all) => level.wrap(all));
  const context = contextFor(definition, inputs);
  if (!isGradEnabled() || !context.needsInputGrad.includes(true))
    return isTensor(returned) ? results[0] : results;
  // Derivatives from inside: forward is called once more for what it saves of one example.
  const again = checkedResults(
    definition,
    noGrad(() => definition.forward(context, ...inputs)),
  );
  context.markNonDifferentiable(...results.filter((_, i) => context.isConstant(again[i])));
  const outputs = recorded(definition, context, inputs, results);
  return isTensor(returned) ? outputs[0] : outputs;
}

const run: Call = (definition, inputs) => {
  let level: BatchLevel | null = null;
  for (const input of inputs) {
    if (!(input instanceof Batched)) continue;
    const own = input.level as BatchLevel;
    if (level === null || own.depth > level.depth) level = own;
  }
  return level === null ? call(definition, inputs) : callBatched(level, definition, inputs);
};

/**
 * Makes a differentiable function of a forward and a backward, as `torch.autograd.Function`. Forward runs without
 * recording, and may return several tensors; backward then gets a gradient for each. If backward is written in
 * operations, it can itself be differentiated. Under `vmap`, forward and backward see single examples.
 *
 * @throws {ArgumentError} without forward or backward; {AutogradError} when forward returns no tensors, or backward a
 * gradient of another shape than its argument.
 * @example
 * ```ts
 * import { customFunction } from '@nn/autograd';
 * import { interpreter, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const cube = customFunction<[Tensor]>({
 *   forward(context, x) {
 *     context.saveForBackward(x);
 *     return x.mul(x).mul(x);
 *   },
 *   backward(context, gradient) {
 *     const [x] = context.savedTensors;
 *     return gradient.mul(x.square()).mul(3);
 *   },
 * });
 * const x = tensor([2], { dtype: 'float32', requiresGrad: true });
 * cube(x).sum().backward();
 * console.log(await x.grad!.toArray()); // => [12]
 * ```
 */
export function customFunction<Arguments extends readonly unknown[], Result extends FunctionResult = Tensor>(
  definition: CustomFunction<Arguments, Result>,
): (...inputs: Arguments) => Result {
  for (const part of ['forward', 'backward'] as const) {
    if (typeof definition?.[part] === 'function') continue;
    throw new ArgumentError(
      `customFunction: takes an object with the functions forward and backward, got one without ${part}. ` +
        'Call customFunction({ forward(context, x) { … }, backward(context, gradient) { … } })',
    );
  }
  return (...inputs) => run(definition as never, inputs) as Result;
}
