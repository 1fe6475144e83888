// The seam between tensors and differentiation: @nn/autograd installs its engine here when it is imported.
import { AutogradError, type OpName } from '@nn/core';
import { activeCall } from './active.ts';
import { runtimeOf } from './runtimes.ts';
import type { Tensor } from './tensor.ts';

/** Is called with the gradients of a function's inputs, and those of its outputs; may return others for the inputs. */
export type NodeHook = (
  inputs: readonly (Tensor | null)[],
  outputs: readonly (Tensor | null)[],
) => readonly (Tensor | null)[] | undefined;

/** Is called with the gradients of a function's outputs before the function; may return others. */
export type NodePrehook = (outputs: readonly (Tensor | null)[]) => readonly (Tensor | null)[] | undefined;

/** What produced a tensor: a node of the graph that `backward` walks, as `torch.autograd.graph.Node`. */
export interface GradientFunction {
  readonly name: string;
  /** What produced the inputs; null for leaves, and for inputs that need no gradient. */
  readonly nextFunctions: readonly (GradientFunction | null)[];
  /** Calls the hook after the function in each backward. */
  registerHook(hook: NodeHook): RemovableHandle;
  /** Calls the hook before the function in each backward. */
  registerPrehook(hook: NodePrehook): RemovableHandle;
}

/** A tensor's part in differentiation. Null on a tensor means: none. */
export interface GradientState {
  requiresGrad: boolean;
  grad: Tensor | null;
  /** Null for leaves. */
  function: GradientFunction | null;
  /** Whether `grad` is kept though the tensor is no leaf. */
  retainsGrad: boolean;
}

export interface BackwardOptions {
  readonly retainGraph?: boolean;
  readonly createGraph?: boolean;
  readonly inputs?: readonly Tensor[];
}

/** Removes what a registration added. */
export interface RemovableHandle {
  remove(): void;
}

export interface GradientEngine {
  /** Whether operations are recorded now (`noGrad` turns it off). */
  isEnabled(): boolean;
  /** Called after an op whose inputs have a gradient state; gives the output its own. */
  record(op: OpName, inputs: readonly Tensor[], attributes: object, output: Tensor): void;
  /** @throws {AutogradError} when the value may not be written into the tensor's memory now. */
  checkWrite(functionName: string, target: Tensor, value: Tensor): void;
  /** Called when the value of this state was written into another tensor, which has the state from now on. */
  moved(state: GradientState, target: Tensor): void;
  backward(tensor: Tensor, gradient: Tensor | undefined, options: BackwardOptions): void;
  registerHook(tensor: Tensor, hook: (gradient: Tensor) => Tensor | undefined): RemovableHandle;
  registerPostAccumulateGradHook(tensor: Tensor, hook: (tensor: Tensor) => void): RemovableHandle;
}

/** Sets or clears the gradient. The one before is an old version from now on, unless it was realized. */
export function setGradient(state: GradientState, grad: Tensor | null): void {
  const former = state.grad;
  state.grad = grad;
  const node = former === null || former === grad ? null : former.storage.knownNode;
  if (node !== null && node.device !== '') runtimeOf(node.device).cleared(node);
}

/** Asks that a gradient, newly set, be kept when it is computed: it is likely to be read. */
export function keepGradient(state: GradientState): void {
  const { grad } = state;
  if (activeCall !== null) activeCall.keepGradient(state);
  else if (grad !== null) runtimeOf(grad.device).keepLater(grad.node, 'value');
}

let engine: GradientEngine | null = null;

/** Called by @nn/autograd when it is imported. */
export function installGradientEngine(implementation: GradientEngine): void {
  engine = implementation;
}

/** The engine, if one is installed. */
export function gradientEngineOrNull(): GradientEngine | null {
  return engine;
}

/** @throws {AutogradError} when @nn/autograd was not imported. */
export function gradientEngine(functionName: string): GradientEngine {
  if (engine === null) {
    throw new AutogradError(
      `${functionName}: differentiation is in a package of its own. Add: import '@nn/autograd'`,
    );
  }
  return engine;
}
