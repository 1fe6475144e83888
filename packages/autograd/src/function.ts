// Operations with a derivative of the user's own.
import { AutogradError, sameShape } from '@nn/core';
import { isTensor, type Tensor } from '@nn/tensor';
import { graphFreed, RecordedFunction } from './graph.ts';
import { isGradEnabled, noGrad } from './modes.ts';
import { SavedTensors } from './recomputation.ts';

/** What forward hands to backward. */
export class FunctionContext {
  #saved: SavedTensors | null = null;
  #gradient: Tensor | null = null;
  /** Which of forward's arguments need a gradient. */
  readonly needsInputGrad: readonly boolean[];
  /** Anything else that backward wants to know. */
  readonly state: Record<string, unknown> = {};

  constructor(needsInputGrad: readonly boolean[]) {
    this.needsInputGrad = needsInputGrad;
  }

  saveForBackward(...tensors: Tensor[]): void {
    this.#saved = new SavedTensors(tensors);
  }

  /** What forward saved. */
  get savedTensors(): readonly Tensor[] {
    return this.#saved?.restored(this.#gradient) ?? [];
  }

  /** @internal Called before backward, with its gradient. */
  begin(gradient: Tensor): void {
    this.#gradient = gradient;
  }
}

/** A differentiable operation: forward computes, backward gives the gradient of each argument (null: none). */
export interface CustomFunction<Arguments extends readonly unknown[]> {
  readonly name?: string;
  forward(context: FunctionContext, ...inputs: Arguments): Tensor;
  backward(context: FunctionContext, gradient: Tensor): readonly (Tensor | null)[] | Tensor;
}

class CustomRecord<Arguments extends readonly unknown[]> extends RecordedFunction {
  readonly name: string;
  readonly #definition: CustomFunction<Arguments>;
  readonly #positions: readonly number[];
  readonly #shapes: readonly (readonly number[])[];
  #context: FunctionContext | null;

  constructor(
    definition: CustomFunction<Arguments>,
    context: FunctionContext,
    tensors: readonly Tensor[],
    positions: readonly number[],
  ) {
    super(tensors);
    this.name = `${definition.name ?? 'Custom'}Backward`;
    this.#definition = definition;
    this.#context = context;
    this.#positions = positions;
    this.#shapes = tensors.map((each) => each.shape);
  }

  backward(gradient: Tensor): readonly (Tensor | null)[] {
    if (this.#context === null) throw graphFreed();
    this.#context.begin(gradient);
    const given = this.#definition.backward(this.#context, gradient);
    const gradients = isTensor(given) ? [given] : given;
    return this.#positions.map((position, i) => {
      const each = gradients[position] ?? null;
      if (each !== null && !sameShape(each.shape, this.#shapes[i])) {
        throw new AutogradError(
          `${this.name}: the gradient of argument ${position} has shape [${each.shape.join(', ')}], ` +
            `the argument [${this.#shapes[i].join(', ')}]`,
        );
      }
      return each;
    });
  }

  release(): void {
    this.#context = null;
  }
}

/**
 * Makes a differentiable function of a forward and a backward, as `torch.autograd.Function`.
 *
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
export function customFunction<Arguments extends readonly unknown[]>(
  definition: CustomFunction<Arguments>,
): (...inputs: Arguments) => Tensor {
  return (...inputs) => {
    const needs = inputs.map((input) => isTensor(input) && input.requiresGrad);
    const context = new FunctionContext(needs);
    const recorded = isGradEnabled() && needs.includes(true);
    const output = noGrad(() => definition.forward(context, ...inputs));
    if (!isTensor(output))
      throw new AutogradError(`${definition.name ?? 'customFunction'}: forward must return a tensor`);
    if (!recorded) return output;
    const positions = inputs.flatMap((input, i) => (isTensor(input) ? [i] : []));
    const record = new CustomRecord(
      definition,
      context,
      positions.map((i) => inputs[i] as Tensor),
      positions,
    );
    // A tensor of its own: forward may have returned one of its inputs.
    const result = output.detach();
    result.gradient = { requiresGrad: true, grad: null, function: record, retainsGrad: false };
    record.output = result.gradient;
    return result;
  };
}
