// Walks the record backwards, adding up gradients.
import { AutogradError, formatShape, sameShape } from '@nn/core';
import {
  apply,
  type BackwardOptions,
  checkOptions,
  type GradientEngine,
  type GradientState,
  installGradientEngine,
  keepGradient,
  onesLike,
  type RemovableHandle,
  recordFunction,
  runtimeOf,
  setGradient,
  type Tensor,
} from '@nn/tensor';
import { anomaly } from './anomaly.ts';
import { RecordedFunction, recordOp } from './graph.ts';
import { enableGrad, isGradEnabled, noGrad } from './modes.ts';
import { endRecomputation } from './recomputation.ts';

type Hook = (gradient: Tensor) => Tensor | undefined;

const hooksOf = new WeakMap<GradientState, Set<Hook>>();
let anyHooks = false;
const backwardOptions = ['retainGraph', 'createGraph', 'inputs'] as const;

/** Where gradients go: into `.grad` of leaves, or to the states that were asked for. */
interface Sink {
  receive(state: GradientState, gradient: Tensor): void;
  /** Whether the walk need not go past this state. */
  isEnd(state: GradientState): boolean;
}

function functionOf(state: GradientState): RecordedFunction | null {
  return state.function instanceof RecordedFunction ? state.function : null;
}

function reachable(roots: readonly GradientState[]): RecordedFunction[] {
  const seen = new Set<RecordedFunction>();
  const visit = (states: readonly (GradientState | null)[]): void => {
    for (const state of states) {
      const recorded = state === null ? null : functionOf(state);
      if (recorded !== null) seen.add(recorded);
    }
  };
  visit(roots);
  // A set's iteration takes in what is added meanwhile.
  for (const { inputs } of seen) visit(inputs);
  return [...seen].sort((a, b) => b.sequence - a.sequence);
}

function hooked(state: GradientState, gradient: Tensor): Tensor {
  const hooks = anyHooks ? hooksOf.get(state) : undefined;
  if (hooks === undefined) return gradient;
  let result = gradient;
  for (const hook of hooks) result = hook(result) ?? result;
  return result;
}

/** Runs all functions behind the roots, latest first, each once its output's gradient is complete. */
function walk(
  roots: readonly { state: GradientState; gradient: Tensor }[],
  sink: Sink,
  retainGraph: boolean,
): void {
  const gradients = new Map<GradientState, Tensor>();
  const add = (state: GradientState, gradient: Tensor): void => {
    const present = gradients.get(state);
    gradients.set(state, present === undefined ? gradient : present.add(gradient));
  };
  for (const { state, gradient } of roots) add(state, gradient);
  const step = (recorded: RecordedFunction): void => {
    const state = recorded.output!;
    const total = gradients.get(state);
    if (total === undefined) return;
    gradients.delete(state);
    const gradient = hooked(state, total);
    if (state.retainsGrad) setGradient(state, state.grad === null ? gradient : state.grad.add(gradient));
    sink.receive(state, gradient);
    if (sink.isEnd(state)) return;
    const inputGradients = anomaly?.backward(recorded, gradient) ?? recorded.backward(gradient);
    const { inputs } = recorded;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i];
      const each = inputGradients[i];
      if (input !== null && each !== null) add(input, each);
    }
    if (!retainGraph) recorded.release();
  };
  const order = reachable(roots.map(({ state }) => state));
  try {
    for (const recorded of order) step(recorded);
    anomaly?.check();
  } finally {
    endRecomputation();
  }
  // What is left belongs to leaves.
  for (const [state, total] of gradients) sink.receive(state, hooked(state, total));
}

function rootOf(
  functionName: string,
  tensor: Tensor,
  gradient: Tensor | undefined,
): { state: GradientState; gradient: Tensor } {
  const state = tensor.gradient;
  if (!state?.requiresGrad) {
    throw new AutogradError(
      `${functionName}: this tensor does not require gradients and was not computed from one that does. ` +
        'Was it made under noGrad, or detached?',
    );
  }
  if (gradient === undefined) {
    if (tensor.numel() !== 1) {
      throw new AutogradError(
        `${functionName}: a gradient can be created by itself only for a scalar, not for shape ${formatShape(tensor.shape)}. ` +
          'Reduce it (loss.sum()), or pass the gradient of this shape',
      );
    }
    return { state, gradient: onesLike(tensor) };
  }
  if (!sameShape(gradient.shape, tensor.shape)) {
    throw new AutogradError(
      `${functionName}: the gradient has shape ${formatShape(gradient.shape)}, the tensor ${formatShape(tensor.shape)}`,
    );
  }
  return { state, gradient };
}

/**
 * Adds up in `.grad`, later ones in place, as in PyTorch: so the first gets a storage and a node of its own, since rules
 * may hand one tensor, or an expanded view, to several inputs.
 */
function accumulate(state: GradientState, gradient: Tensor, createGraph: boolean): void {
  if (state.grad === null)
    state.grad = createGraph ? gradient : apply('reshape', [gradient], { shape: gradient.shape });
  else if (createGraph) setGradient(state, state.grad.add(gradient));
  else state.grad.add_(gradient);
  keepGradient(state);
}

function backward(tensor: Tensor, gradient: Tensor | undefined, options: BackwardOptions): void {
  checkOptions('backward', options, backwardOptions);
  const createGraph = options.createGraph ?? false;
  const retainGraph = options.retainGraph ?? createGraph;
  const root = rootOf('backward', tensor, gradient);
  runtimeOf(tensor.device).keepLater(tensor.node, 'output');
  const only = options.inputs === undefined ? null : new Set(options.inputs.map((input) => input.gradient));
  const sink: Sink = {
    receive(state, value) {
      if (only === null ? state.function === null : only.has(state)) accumulate(state, value, createGraph);
    },
    isEnd: () => false,
  };
  const run = (): void => (createGraph ? enableGrad : noGrad)(() => walk([root], sink, retainGraph));
  recordFunction('backward', run);
}

export interface GradOptions<AllowUnused extends boolean = boolean> {
  /** Gradients of the outputs; needed for outputs that are no scalars. */
  readonly gradOutputs?: Tensor | readonly (Tensor | undefined)[];
  /** Default: createGraph. */
  readonly retainGraph?: boolean;
  /** Records the derivative itself, so that it can be differentiated again. Default false. */
  readonly createGraph?: boolean;
  /** Gives null for inputs that the outputs do not depend on, instead of an error. Default false. */
  readonly allowUnused?: AllowUnused;
}

/**
 * Gradients of the outputs' sum with respect to the inputs, as `torch.autograd.grad`; `.grad` is not touched.
 *
 * @throws {AutogradError} when an output does not depend on an input, unless `allowUnused`.
 * @example
 * ```ts
 * import { grad } from '@nn/autograd';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([2], { dtype: 'float32', requiresGrad: true });
 * const [first] = grad(x.pow(3).sum(), [x], { createGraph: true });
 * const [second] = grad(first.sum(), [x]);
 * console.log(await second.toArray()); // => [12]
 * ```
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions<true> & { allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions,
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  checkOptions('grad', options, ['gradOutputs', 'retainGraph', 'createGraph', 'allowUnused']);
  const createGraph = options.createGraph ?? false;
  const outputList = listOf(outputs);
  const gradientList = options.gradOutputs === undefined ? [] : listOf(options.gradOutputs);
  const roots = outputList.map((output, i) => rootOf('grad', output, gradientList[i]));
  const states = listOf(inputs).map((input, i) => {
    if (!input.gradient?.requiresGrad) throw new AutogradError(`grad: input ${i} does not require gradients`);
    return input.gradient;
  });
  const found = new Map<GradientState, Tensor>();
  const wanted = new Set(states);
  const sink: Sink = {
    receive(state, value) {
      if (wanted.has(state)) found.set(state, value);
    },
    isEnd: () => false,
  };
  (createGraph ? enableGrad : noGrad)(() => walk(roots, sink, options.retainGraph ?? createGraph));
  return states.map((state, i) => {
    const gradient = found.get(state) ?? null;
    if (gradient === null && !options.allowUnused) {
      throw new AutogradError(
        `grad: the outputs do not depend on input ${i}. Pass { allowUnused: true } to get null for it`,
      );
    }
    return gradient;
  });
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}

/** @throws {AutogradError} for leaves that require gradients, and views of them, while operations are recorded. */
function checkWrite(functionName: string, target: Tensor): void {
  if (!isGradEnabled()) return;
  const { root } = target;
  for (const tensor of [target, root]) {
    if (tensor.requiresGrad && tensor.isLeaf) {
      throw new AutogradError(
        `${functionName}: a leaf tensor that requires gradients cannot be written in place while operations are recorded. ` +
          'Do it inside noGrad(() => …)',
      );
    }
  }
}

function registerHook(tensor: Tensor, hook: Hook): RemovableHandle {
  const state = tensor.gradient;
  if (!state?.requiresGrad) throw new AutogradError('registerHook: this tensor does not require gradients');
  const hooks = hooksOf.get(state) ?? new Set<Hook>();
  hooksOf.set(state, hooks);
  anyHooks = true;
  hooks.add(hook);
  return { remove: () => void hooks.delete(hook) };
}

const engine: GradientEngine = {
  isEnabled: isGradEnabled,
  record: recordOp,
  checkWrite,
  backward,
  registerHook,
};

installGradientEngine(engine);
