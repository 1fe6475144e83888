// Walks the record backwards, adding up gradients.
import { ArgumentError, AutogradError, formatShape, sameShape } from '@nn/core';
import {
  apply,
  type BackwardOptions,
  checkOptions,
  describe,
  type GradientEngine,
  type GradientState,
  installGradientEngine,
  isTensor,
  keepGradient,
  onesLike,
  type RemovableHandle,
  recordFunction,
  runtimeOf,
  setGradient,
  type Tensor,
  withoutAutocast,
} from '@nn/tensor';
import { anomaly } from './anomaly.ts';
import { Batched, hasRoomFor } from './batching/kind.ts';
import { type Gradient, GradientSum, wholeOf } from './gradient-sum.ts';
import { allowWrite, RecordedFunction, recordOp } from './graph.ts';
import { enableGrad, isGradEnabled, isInferenceModeEnabled, noGrad } from './modes.ts';
import { endRecomputation } from './recomputation.ts';

type Hook = (gradient: Tensor) => Tensor | undefined;
type PostHook = (tensor: Tensor) => void;

/** The walk that goes on now, for hooks: the states that it comes to. */
let present: { readonly states: ReadonlySet<GradientState | null> } | null = null;

const hooksOf = new WeakMap<GradientState, Set<Hook>>();
let anyHooks = false;
const backwardOptions = ['retainGraph', 'createGraph', 'inputs'] as const;

/** Where gradients go: into `.grad` of leaves, or to the states that were asked for. */
interface Sink {
  receive(state: GradientState, gradient: Tensor): void;
}

function functionOf(state: GradientState): RecordedFunction | null {
  return state.function instanceof RecordedFunction ? state.function : null;
}

let searches = 0;

/** All functions behind the roots, latest first. */
function reachable(roots: readonly GradientState[]): RecordedFunction[] {
  const search = ++searches;
  const found: RecordedFunction[] = [];
  const visit = (states: readonly (GradientState | null)[]): void => {
    for (const state of states) {
      const recorded = state === null ? null : functionOf(state);
      if (recorded === null || recorded.foundBy === search) continue;
      recorded.foundBy = search;
      found.push(recorded);
    }
  };
  visit(roots);
  for (let i = 0; i < found.length; i++) visit(found[i].inputs);
  return found.sort((a, b) => b.sequence - a.sequence);
}

function hooked(state: GradientState, gradient: Tensor): Tensor {
  const hooks = anyHooks ? hooksOf.get(state) : undefined;
  if (hooks === undefined) return gradient;
  let result = gradient;
  for (const hook of hooks) result = hook(result) ?? result;
  return result;
}

function statesOf(
  roots: readonly { readonly state: GradientState }[],
  order: readonly RecordedFunction[],
): Set<GradientState | null> {
  const states = new Set<GradientState | null>(roots.map(({ state }) => state));
  for (const { inputs } of order) for (const input of inputs) states.add(input);
  return states;
}

const totalOf = (sum: Gradient | GradientSum): Tensor =>
  sum instanceof GradientSum ? sum.total() : wholeOf(sum);

/** Runs all functions behind the roots, latest first, each once its output's gradient is complete. */
function walk(
  roots: readonly { state: GradientState; gradient: Tensor }[],
  sink: Sink,
  retainGraph: boolean,
): void {
  const gradients = new Map<GradientState, Gradient | GradientSum>();
  const add = (state: GradientState, gradient: Gradient): void => {
    const present = gradients.get(state);
    if (present === undefined) gradients.set(state, gradient);
    else if (present instanceof GradientSum) present.add(gradient);
    else gradients.set(state, new GradientSum().add(present).add(gradient));
  };
  for (const { state, gradient } of roots) add(state, gradient);
  /** The complete gradient of an intermediate state; null if nothing depended on it. */
  const arrived = (state: GradientState): Tensor | null => {
    const sum = gradients.get(state);
    if (sum === undefined) return null;
    gradients.delete(state);
    const gradient = hooked(state, totalOf(sum));
    if (state.retainsGrad) setGradient(state, state.grad === null ? gradient : state.grad.add(gradient));
    sink.receive(state, gradient);
    return gradient;
  };
  const step = (recorded: RecordedFunction): void => {
    const given = recorded.outputs.map((state) => arrived(state));
    if (given.every((gradient) => gradient === null)) return;
    const seen = recorded.hooks === null ? given : recorded.hooks.before(given);
    const computed = anomaly?.backward(recorded, seen) ?? recorded.backwardAll(seen);
    const inputGradients =
      recorded.hooks === null
        ? computed
        : recorded.hooks.after(
            computed.map((each) => each && wholeOf(each)),
            seen,
          );
    const { inputs } = recorded;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i];
      const each = inputGradients[i];
      if (input !== null && each !== null) add(input, each);
    }
    if (!retainGraph) recorded.release();
  };
  const order = reachable(roots.map(({ state }) => state));
  const outer = present;
  if (anyHooks) present = { states: statesOf(roots, order) };
  try {
    withoutAutocast(() => {
      for (const recorded of order) step(recorded);
      // What is left belongs to leaves.
      for (const [state, sum] of gradients) sink.receive(state, hooked(state, totalOf(sum)));
    });
    anomaly?.check();
  } finally {
    present = outer;
    endRecomputation();
  }
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
  const hooks = postHooksOf.get(state);
  if (hooks !== undefined) for (const [hook, tensor] of hooks) hook(tensor);
}

function backward(tensor: Tensor, gradient: Tensor | undefined, options: BackwardOptions): void {
  checkOptions('backward', options, backwardOptions);
  if (gradient !== undefined && !isTensor(gradient)) {
    throw new ArgumentError(
      `backward: the gradient must be a tensor, got ${describe(gradient)}. Options come second: ` +
        'x.backward(undefined, { retainGraph: true })',
    );
  }
  if (tensor instanceof Batched) {
    throw new AutogradError(
      'backward: under vmap a gradient differs between examples, so it cannot be added to .grad. ' +
        'Use grad(outputs, inputs), or func.grad, which give it back',
    );
  }
  const createGraph = options.createGraph ?? false;
  const retainGraph = options.retainGraph ?? createGraph;
  const root = rootOf('backward', tensor, gradient);
  runtimeOf(tensor.device).keepLater(tensor.node, 'output');
  const only = options.inputs === undefined ? null : new Set(options.inputs.map((input) => input.gradient));
  const sink: Sink = {
    receive(state, value) {
      if (only === null ? state.function === null : only.has(state)) accumulate(state, value, createGraph);
    },
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

/**
 * @throws {AutogradError} for leaves that require gradients, and views of them, while operations are recorded; and under
 * vmap for what has no room for all examples, and for tensors of inference mode outside of it.
 */
function checkWrite(functionName: string, target: Tensor, value: Tensor): void {
  if (!hasRoomFor(target, value)) {
    throw new AutogradError(
      `${functionName}: the value differs between the examples of vmap, and this tensor of shape ${formatShape(target.shape)} ` +
        'is the same for all examples. Compute a new tensor (without the underscore), or write into one that is made ' +
        'from an argument, such as x.mul(0)',
    );
  }
  if (target.storage.inference && !isInferenceModeEnabled()) {
    throw new AutogradError(
      `${functionName}: this tensor was made in inference mode and cannot be written in place outside of it. ` +
        'Write to a clone()',
    );
  }
  if (!isGradEnabled()) return;
  allowWrite(target, value);
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

const postHooksOf = new WeakMap<GradientState, Map<PostHook, Tensor>>();

function registerPostAccumulateGradHook(tensor: Tensor, hook: PostHook): RemovableHandle {
  const state = tensor.gradient;
  if (!state?.requiresGrad || state.function !== null) {
    throw new AutogradError(
      'registerPostAccumulateGradHook: only for leaf tensors that require gradients. Use registerHook for others',
    );
  }
  const hooks = postHooksOf.get(state) ?? new Map<PostHook, Tensor>();
  postHooksOf.set(state, hooks);
  hooks.set(hook, tensor);
  return { remove: () => void hooks.delete(hook) };
}

/**
 * Calls a hook in each backward once the gradients of all of these tensors that it reaches are there (null for the
 * others), or, in mode `any`, with the first gradient that comes: `torch.autograd.graph.register_multi_grad_hook`.
 */
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: (gradients: readonly (Tensor | null)[]) => void,
): RemovableHandle;
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: (gradient: Tensor) => void,
  mode: 'any',
): RemovableHandle;
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: ((gradients: readonly (Tensor | null)[]) => void) | ((gradient: Tensor) => void),
  mode: 'all' | 'any' = 'all',
): RemovableHandle {
  let collected = new Map<number, Tensor>();
  let walkOf: object | null = null;
  const handles = tensors.map((tensor, i) =>
    registerHook(tensor, (gradient) => {
      const first = walkOf !== present;
      if (first) {
        walkOf = present;
        collected = new Map();
      }
      collected.set(i, gradient);
      if (mode === 'any') {
        if (first) (hook as (gradient: Tensor) => void)(gradient);
        return undefined;
      }
      const reached = tensors.filter(({ gradient: state }) => present!.states.has(state)).length;
      if (collected.size === reached)
        (hook as (gradients: readonly (Tensor | null)[]) => void)(
          tensors.map((_, k) => collected.get(k) ?? null),
        );
      return undefined;
    }),
  );
  return { remove: () => handles.forEach((handle) => void handle.remove()) };
}

const engine: GradientEngine = {
  isEnabled: isGradEnabled,
  record: recordOp,
  checkWrite,
  moved: (state, { storage }) => functionOf(state)?.resultMoved(storage),
  backward,
  registerHook,
  registerPostAccumulateGradHook,
};

installGradientEngine(engine);
