// The record of what was computed from what: a function for each op whose output needs a gradient.
import { AutogradError, isFloat, type OpName, sameShape } from '@nn/core';
import { castTo, type GradientFunction, type GradientState, sumTo, type Tensor } from '@nn/tensor';
import { anomaly } from './anomaly.ts';
import { SavedTensors } from './recomputation.ts';
import { notDifferentiable, type Rule } from './rules/rule.ts';
import { rules } from './rules/table.ts';

let nextSequence = 1;

/** Computes the gradients of an op's inputs from that of its output. */
export abstract class RecordedFunction implements GradientFunction {
  abstract readonly name: string;
  /** Grows with each recording: inputs come before outputs. */
  readonly sequence: number = nextSequence++;
  /** The gradient states of the inputs; null where none is needed. */
  readonly inputs: readonly (GradientState | null)[];
  /** The output's state, for hooks and retained gradients. */
  output: GradientState | null = null;

  constructor(inputs: readonly Tensor[]) {
    const states: (GradientState | null)[] = [];
    for (const { gradient, dtype } of inputs)
      states.push(gradient?.requiresGrad && isFloat(dtype) ? gradient : null);
    this.inputs = states;
    anomaly?.recorded(this);
  }

  /** Gradients of the inputs, each in its input's shape and dtype. */
  abstract backward(gradient: Tensor): readonly (Tensor | null)[];

  /** Lets go of what backward needs. */
  abstract release(): void;
}

/** An op of the table, with its rule. */
class OpFunction extends RecordedFunction {
  readonly #op: OpName;
  readonly #rule: Rule<object>;
  readonly #attributes: object;
  /** The inputs, and last the output. */
  #saved: SavedTensors | null;

  constructor(op: OpName, rule: Rule<object>, inputs: readonly Tensor[], attributes: object, output: Tensor) {
    super(inputs);
    this.#op = op;
    this.#rule = rule;
    this.#attributes = attributes;
    this.#saved = new SavedTensors([...inputs, output]);
  }

  override get name(): string {
    return `${this.#op[0].toUpperCase()}${this.#op.slice(1)}Backward`;
  }

  /** The saved output takes part in differentiation too, for derivatives of derivatives. */
  linkOutput(state: GradientState): void {
    this.output = state;
    this.#saved!.link(this.inputs.length, state);
  }

  backward(gradient: Tensor): readonly (Tensor | null)[] {
    if (this.#saved === null) throw graphFreed();
    const saved = this.#saved.restored(gradient);
    const inputs = saved.slice(0, -1);
    const output = saved[saved.length - 1];
    const needs = this.inputs.map((state) => state !== null);
    const gradients = this.#rule({ gradient, inputs, output, attributes: this.#attributes, needs });
    return inputs.map((input, i) => {
      const each = gradients[i];
      if (!needs[i] || each == null) return null;
      const fitted = sameShape(each.shape, input.shape) ? each : sumTo(each, input.shape);
      return castTo(fitted, input.dtype);
    });
  }

  release(): void {
    this.#saved = null;
  }
}

export function graphFreed(): AutogradError {
  return new AutogradError(
    'backward: this graph was differentiated before, and what it had saved was freed. ' +
      'Pass { retainGraph: true } to the first backward if you need several',
  );
}

/** Called for each op with an input that requires a gradient. */
export function recordOp(op: OpName, inputs: readonly Tensor[], attributes: object, output: Tensor): void {
  const rule = rules[op] as Rule<object> | typeof notDifferentiable;
  if (rule === notDifferentiable || !isFloat(output.dtype)) return;
  const recorded = new OpFunction(op, rule, inputs, attributes, output);
  if (recorded.inputs.every((state) => state === null)) return;
  const state: GradientState = { requiresGrad: true, grad: null, function: recorded, retainsGrad: false };
  recorded.linkOutput(state);
  output.gradient = state;
}
