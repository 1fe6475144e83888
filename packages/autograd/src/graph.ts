// The record of what was computed from what: a function for each op whose output needs a gradient.
import { AutogradError, formatShape, isFloat, type OpName, sameShape } from '@nn/core';
import {
  castTo,
  type GradientFunction,
  type GradientState,
  type NodeHook,
  type NodePrehook,
  type RemovableHandle,
  type Storage,
  sumTo,
  type Tensor,
  zerosLike,
} from '@nn/tensor';
import { anomaly } from './anomaly.ts';
import { type Gradient, Part } from './gradient-sum.ts';
import { noGrad } from './modes.ts';
import { NodeHooks } from './node-hooks.ts';
import { notDifferentiable, type Rule, type RuleContext } from './rules/rule.ts';
import { rules } from './rules/table.ts';
import { type SavedOwner, SavedTensors, watched } from './saved.ts';

let nextSequence = 1;

/** Computes the gradients of an op's inputs from that of its output. */
export abstract class RecordedFunction implements GradientFunction {
  abstract readonly name: string;
  /** Grows with each recording: inputs come before outputs. */
  readonly sequence: number;
  /** The gradient states of the inputs; null where none is needed. */
  readonly inputs: readonly (GradientState | null)[];
  /** The outputs' states, for hooks and retained gradients. All but custom functions have one. */
  outputs: readonly GradientState[] = [];

  /** The search that found this last. */
  foundBy = 0;

  /** Null until a hook is registered. */
  hooks: NodeHooks | null = null;

  constructor(inputs: readonly Tensor[]) {
    // Lists of these lengths: one that grows has room for 17, and there are some for each op.
    const states = new Array<GradientState | null>(inputs.length);
    for (let i = 0; i < inputs.length; i++) {
      const { gradient, dtype } = inputs[i];
      states[i] = gradient?.requiresGrad && isFloat(dtype) ? gradient : null;
    }
    this.inputs = states;
    // After the inputs were looked at: that of a view whose memory was written is recorded only then.
    this.sequence = nextSequence++;
    anomaly?.recorded(this);
  }

  /** Whether any input needs a gradient. */
  get isNeeded(): boolean {
    for (const state of this.inputs) if (state !== null) return true;
    return false;
  }

  get nextFunctions(): readonly (GradientFunction | null)[] {
    return this.inputs.map((state) => state?.function ?? null);
  }

  registerHook(hook: NodeHook): RemovableHandle {
    this.hooks ??= new NodeHooks();
    return this.hooks.addAfter(hook);
  }

  registerPrehook(hook: NodePrehook): RemovableHandle {
    this.hooks ??= new NodeHooks();
    return this.hooks.addBefore(hook);
  }

  /** Gradients of the inputs, each in its input's shape and dtype. */
  abstract backward(gradient: Tensor): readonly (Gradient | null)[];

  /** As `backward`, for functions with several outputs; null for those that nothing depended on. */
  backwardAll(gradients: readonly (Tensor | null)[]): readonly (Gradient | null)[] {
    return this.backward(gradients[0]!);
  }

  /** Lets go of what backward needs. */
  abstract release(): void;

  /** Called before a value that was computed with this is written to a storage that this may have saved. */
  abstract allowWrite(storage: Storage): void;

  /** Called when the result was written to a storage that it stays in. */
  resultMoved(_storage: Storage): void {}
}

/** What a rule sees of an op. The handles are made when it looks. */
class OpContext implements RuleContext<object> {
  readonly gradient: Tensor;
  readonly attributes: object;
  readonly needs: readonly boolean[];
  readonly #saved: SavedTensors;
  #inputs: readonly Tensor[] | null = null;
  #output: Tensor | null = null;

  constructor(gradient: Tensor, attributes: object, needs: readonly boolean[], saved: SavedTensors) {
    this.gradient = gradient;
    this.attributes = attributes;
    this.needs = needs;
    this.#saved = saved;
  }

  get inputs(): readonly Tensor[] {
    if (this.#inputs === null) {
      const inputs = new Array<Tensor>(this.needs.length);
      for (let i = 0; i < inputs.length; i++) inputs[i] = this.#saved.restored(i, this.gradient);
      this.#inputs = inputs;
    }
    return this.#inputs;
  }

  get output(): Tensor {
    this.#output ??= this.#saved.restored(this.needs.length, this.gradient);
    return this.#output;
  }
}

/** An op of the table, with its rule. */
class OpFunction extends RecordedFunction implements SavedOwner {
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
    this.#saved = new SavedTensors(this);
    for (const input of inputs) this.#saved.add(input);
    this.#saved.add(output);
  }

  override get name(): string {
    return `${this.#op[0].toUpperCase()}${this.#op.slice(1)}Backward`;
  }

  /** The saved output takes part in differentiation too, for derivatives of derivatives. */
  linkOutput(state: GradientState): void {
    this.outputs = [state];
    this.#saved!.link(this.inputs.length, state);
  }

  backward(gradient: Tensor): readonly (Gradient | null)[] {
    const saved = this.#saved;
    if (saved === null) throw graphFreed();
    const { inputs } = this;
    const needs = new Array<boolean>(inputs.length);
    for (let i = 0; i < needs.length; i++) needs[i] = inputs[i] !== null;
    const gradients = this.#rule(new OpContext(gradient, this.#attributes, needs, saved));
    const fitted = new Array<Gradient | null>(needs.length);
    for (let i = 0; i < needs.length; i++) {
      const each = gradients[i];
      if (!needs[i] || each == null) {
        fitted[i] = null;
        continue;
      }
      const shape = saved.shape(i);
      const dtype = saved.dtype(i);
      if (each instanceof Part) fitted[i] = each.cast(dtype);
      else fitted[i] = castTo(sameShape(each.shape, shape) ? each : sumTo(each, shape), dtype);
    }
    return fitted;
  }

  savedAs(position: number): string {
    return position === this.inputs.length ? 'its result' : `its input ${position}`;
  }

  allowWrite(storage: Storage): void {
    this.#saved?.allowWrite(storage);
  }

  override resultMoved(storage: Storage): void {
    this.#saved?.move(this.inputs.length, storage);
  }

  release(): void {
    this.#saved = null;
  }
}

/**
 * Called before a value is written to a storage. An operation in place, such as `x.sin_()`, is recorded as one that
 * gives a new value, which is then written; what it saved of the old one may be overwritten.
 */
export function allowWrite(target: Tensor, value: Tensor): void {
  const { storage } = target;
  const start = value.gradient?.function;
  if (!(start instanceof RecordedFunction)) return;
  // What came before the present value cannot have saved it.
  const former = target.root.gradient?.function;
  const since = former instanceof RecordedFunction ? former.sequence : 0;
  const seen = new Set<RecordedFunction>([start]);
  for (const recorded of seen) {
    if (recorded.sequence <= since) continue;
    recorded.allowWrite(storage);
    for (const input of recorded.inputs)
      if (input?.function instanceof RecordedFunction) seen.add(input.function);
  }
}

export function graphFreed(): AutogradError {
  return new AutogradError(
    'backward: this graph was differentiated before, and what it had saved was freed. ' +
      'If you need several, pass { retainGraph: true } to the first: x.backward(undefined, { retainGraph: true })',
  );
}

/** @throws {AutogradError} when the derivative uses the value of an input that was made in inference mode. */
function checkInference(
  op: OpName,
  rule: Rule<object>,
  inputs: readonly Tensor[],
  attributes: object,
  output: Tensor,
): void {
  const used = new Set<number>();
  const all = noGrad(() => watched([...inputs, output], (position) => used.add(position)));
  const needs = inputs.map(({ requiresGrad, dtype }) => requiresGrad && isFloat(dtype));
  // What this records is never computed: it only shows what the rule looks at.
  noGrad(() =>
    rule({
      gradient: zerosLike(output),
      inputs: all.slice(0, -1),
      output: all[inputs.length],
      attributes,
      needs,
    }),
  );
  inputs.forEach(({ storage, shape }, i) => {
    if (!storage.inference || !used.has(i)) return;
    throw new AutogradError(
      `${op}: the derivative needs its input ${i}, a tensor of shape ${formatShape(shape)} that was made in inference mode. ` +
        'Call clone() on it first, outside of the mode, or make it under noGrad instead',
    );
  });
}

/** Called for each op with an input that requires a gradient. */
export function recordOp(op: OpName, inputs: readonly Tensor[], attributes: object, output: Tensor): void {
  const rule = rules[op] as Rule<object> | typeof notDifferentiable;
  if (rule === notDifferentiable || !isFloat(output.dtype)) return;
  for (const { storage } of inputs) {
    if (!storage.inference) continue;
    checkInference(op, rule, inputs, attributes, output);
    break;
  }
  const recorded = new OpFunction(op, rule, inputs, attributes, output);
  if (!recorded.isNeeded) return;
  const state: GradientState = { requiresGrad: true, grad: null, function: recorded, retainsGrad: false };
  recorded.linkOutput(state);
  output.gradient = state;
}
