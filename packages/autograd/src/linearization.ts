// A function's value at a point together with its derivative there, in both directions: what all transforms are made of.
import { AutogradError, formatShape, sameShape } from '@nn/core';
import { eye, type GradientState, isTransforming, stack, type Tensor, zeros, zerosLike } from '@nn/tensor';
import { Batched } from './batching/kind.ts';
import { grad } from './engine.ts';
import { RecordedFunction } from './graph.ts';
import { enableGrad, isGradEnabled } from './modes.ts';
import { mapTensors, tensorsIn } from './structure.ts';
import { vmap } from './vmap.ts';

/** The same value, with a derivative of its own; outer derivatives go on through it. */
function inner(x: Tensor): Tensor {
  if (x.requiresGrad) return x.reshape(x.shape);
  return (x instanceof Batched ? x.separate() : x.detach()).requiresGrad_();
}

/** The same value, with no derivative at this level. */
function separated(x: Tensor): Tensor {
  return x instanceof Batched ? x.separate() : x.detach();
}

/** Whether the tensors depend on leaves other than the given ones. */
function dependsOnOthers(tensors: readonly Tensor[], own: ReadonlySet<GradientState | null>): boolean {
  const seen = new Set<GradientState>();
  for (const { gradient } of tensors) if (gradient !== null) seen.add(gradient);
  for (const state of seen) {
    if (state.function instanceof RecordedFunction) {
      for (const input of state.function.inputs) if (input !== null) seen.add(input);
    } else if (state.requiresGrad && !own.has(state)) return true;
  }
  return false;
}

/** One for each tensor; null for those that are left out: zero. */
type Directions = readonly (Tensor | null)[];

export class Linearization<Result> {
  /** What the function returned, with the derivatives that a user of the transform sees. */
  readonly result: Result;
  readonly outputs: readonly Tensor[];
  /** The tensors that the function is differentiated by. */
  readonly leaves: readonly Tensor[];
  readonly #name: string;
  readonly #enabled: boolean;
  readonly #tracked: boolean;

  /** `differentiated` says which part of the result is: all of it, unless there is something auxiliary. */
  constructor(
    name: string,
    values: readonly Tensor[],
    call: (inner: readonly Tensor[]) => Result,
    differentiated: (result: Result) => unknown = (result) => result,
  ) {
    this.#name = name;
    this.#enabled = isGradEnabled();
    const { leaves, result } = enableGrad(() => {
      const given = values.map(inner);
      return { leaves: given, result: call(given) };
    });
    if (result instanceof Promise)
      throw new AutogradError(
        `${name}: the function is asynchronous. Await before it, and differentiate what computes`,
      );
    this.leaves = leaves;
    this.outputs = tensorsIn(differentiated(result));
    this.#tracked = dependsOnOthers(this.outputs, new Set(leaves.map(({ gradient }) => gradient)));
    this.result = this.#shown(result, this.#tracked);
  }

  #shown<T>(value: T, tracked: boolean): T {
    return mapTensors(value, (tensor) => (tracked && this.#enabled ? tensor : separated(tensor)));
  }

  #records(given: Directions): boolean {
    return this.#tracked || given.some((each) => each?.requiresGrad === true);
  }

  #checkLike(given: Directions, expected: readonly Tensor[], what: string): void {
    if (given.length !== expected.length)
      throw new AutogradError(`${this.#name}: expected ${expected.length} ${what}, got ${given.length}`);
    given.forEach((each, i) => {
      if (each === null || sameShape(each.shape, expected[i].shape)) return;
      throw new AutogradError(
        `${this.#name}: one of the ${what} has shape ${formatShape(each.shape)} for a tensor of shape ${formatShape(expected[i].shape)}`,
      );
    });
  }

  /** Cotangents of the outputs times the Jacobian: a gradient for each leaf; null where `strict` finds no dependence. */
  pullback(cotangents: Directions, createGraph: boolean = this.#enabled): readonly (Tensor | null)[] {
    this.#checkLike(cotangents, this.outputs, 'cotangents');
    const tracked = this.#records(cotangents);
    const gradients = derivatives(
      this.outputs,
      this.leaves,
      cotangents,
      createGraph && (tracked || isTransforming()),
    );
    return gradients.map((gradient) => gradient && (tracked && createGraph ? gradient : separated(gradient)));
  }

  /**
   * The Jacobian times tangents of the leaves. The pullback is linear in its cotangents, and its own derivative by them
   * is this product (Townsend, "A new trick for calculating Jacobian vector products", 2017); the pullback itself is
   * never computed, since nothing reads it.
   */
  get pushforward(): (tangents: Directions, createGraph?: boolean) => readonly (Tensor | null)[] {
    const { outputs, leaves } = this;
    const { seeds, gradients } = enableGrad(() => {
      const made = outputs.map((output) => zerosLike(output).requiresGrad_());
      return { seeds: made, gradients: derivatives(outputs, leaves, made, true) };
    });
    return (tangents, createGraph = this.#enabled) => {
      this.#checkLike(tangents, leaves, 'tangents');
      const tracked = this.#records(tangents);
      const reached = gradients.flatMap((gradient, i) =>
        gradient === null ? [] : [{ gradient, tangent: tangents[i] }],
      );
      const products = derivatives(
        reached.map(({ gradient }) => gradient),
        seeds,
        reached.map(({ tangent }) => tangent),
        createGraph && (tracked || isTransforming()),
      );
      return products.map((product) => product && (tracked && createGraph ? product : separated(product)));
    };
  }

  /** d output / d leaf for each output and leaf, row by row or column by column. */
  jacobian({
    forward,
    vectorize,
    chunkSize = null,
    createGraph = this.#enabled,
  }: JacobianWay): (Tensor | null)[][] {
    const { outputs, leaves } = this;
    const from = forward ? leaves : outputs;
    const to = forward ? outputs : leaves;
    const push = forward ? this.pushforward : null;
    const blocks = from.map((source, at) => {
      const size = source.numel();
      // One-hot rows of the source's shape.
      const basis = eye(size, size, { dtype: source.dtype, device: source.device }).reshape([
        size,
        ...source.shape,
      ]);
      const reached: boolean[] = [];
      const row = (hot: Tensor): Tensor[] => {
        const seeds = from.map((_, i) => (i === at ? hot : null));
        const found = push === null ? this.pullback(seeds, createGraph) : push(seeds, createGraph);
        return found.map((each, i) => {
          reached[i] = each !== null;
          return each ?? zerosLike(to[i]);
        });
      };
      const rows = vectorize && size > 0 ? vmap(row, { chunkSize })(basis) : inTurn(row, basis, to);
      return rows.map((each, i) => (reached[i] === false ? null : each));
    });
    // Blocks are [source elements, …target]; a Jacobian is [… output, … leaf].
    return outputs.map((output, o) =>
      leaves.map((leaf, l) => {
        const block = forward ? blocks[l][o] : blocks[o][l];
        if (block === null) return null;
        const shape = [...output.shape, ...leaf.shape];
        return forward ? block.movedim(0, -1).reshape(shape) : block.reshape(shape);
      }),
    );
  }
}

export interface JacobianWay {
  readonly forward: boolean;
  readonly vectorize: boolean;
  readonly chunkSize?: number | null;
  readonly createGraph?: boolean;
}

function inTurn(row: (hot: Tensor) => Tensor[], basis: Tensor, to: readonly Tensor[]): Tensor[] {
  const rows = Array.from({ length: basis.shape[0] }, (_, i) => row(basis.select(0, i)));
  return to.map((target, i) =>
    rows.length === 0
      ? zeros([0, ...target.shape], { dtype: target.dtype, device: target.device })
      : stack(rows.map((each) => each[i])),
  );
}

function derivatives(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  cotangents: Directions,
  createGraph: boolean,
): (Tensor | null)[] {
  const reached = outputs.flatMap((output, i) => {
    const cotangent = cotangents[i];
    return output.requiresGrad && cotangent !== null ? [{ output, cotangent }] : [];
  });
  if (reached.length === 0) return inputs.map(() => null);
  return grad(
    reached.map(({ output }) => output),
    inputs,
    {
      gradOutputs: reached.map(({ cotangent }) => cotangent),
      retainGraph: true,
      createGraph,
      allowUnused: true,
    },
  );
}
