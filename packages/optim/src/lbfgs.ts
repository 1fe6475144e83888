// Limited-memory BFGS.
import { ArgumentError, cat, describe, isTensor, recordFunction, type Tensor, zerosLike } from '@nn/tensor';
import { checkChoice, checkNotNegative, checkPositiveInteger, complete } from './checks.ts';
import { CurvatureHistory, type CurvatureState } from './curvature-history.ts';
import { assign } from './gradient-of.ts';
import { type Course, ownValue, runCourse, runCourseSync } from './host-course.ts';
import { evaluated, Optimizer, type ParamsInput } from './optimizer.ts';
import type { ParamGroup } from './param-groups.ts';
import { strongWolfe, type Trial } from './strong-wolfe.ts';

export interface LBFGSOptions {
  /** The length of a step or, with a line search, the first one tried. Default 1. */
  lr: number;
  /** Iterations in a step at most. Default 20. */
  maxIter: number;
  /** Evaluations of the closure in a step at most. Default: one and a quarter of `maxIter`. */
  maxEval: number | null;
  /** A gradient whose largest magnitude is no more than this ends the step. Default 1e-7. */
  toleranceGrad: number;
  /** A change of loss and parameters below this ends the step. Default 1e-9. */
  toleranceChange: number;
  /** Pairs of steps and changes of the gradient that are remembered. Default 100. */
  historySize: number;
  /** The line search. Default none. */
  lineSearchFn: 'strongWolfe' | null;
}

type LBFGSState = Partial<CurvatureState> & {
  funcEvals: number;
  nIter: number;
  /** The last step's length and direction, and gradient and loss before it. */
  t?: number;
  d?: Tensor;
  prevFlatGrad?: Tensor;
  prevLoss?: number;
};

/** What a step of L-BFGS works on: all parameters as one vector. */
class FlatParameters {
  readonly #params: readonly Tensor[];

  constructor(params: readonly Tensor[]) {
    this.#params = params;
  }

  /** [elements], with zeros for parameters without a gradient. */
  gradient(): Tensor {
    return ownValue(
      cat(this.#params.map((parameter) => (parameter.grad ?? zerosLike(parameter)).reshape(-1))),
    );
  }

  copies(): Tensor[] {
    return this.#params.map(ownValue);
  }

  /** Sets the parameters to `start + step * direction`. */
  move(start: readonly Tensor[], direction: Tensor, step: number): void {
    let offset = 0;
    this.#params.forEach((parameter, i) => {
      const part = direction.narrow(0, offset, parameter.numel()).reshape(parameter.shape);
      offset += parameter.numel();
      assign(parameter, start[i].add(part.mul(step)));
    });
  }
}

/**
 * L-BFGS (Liu and Nocedal 1989), as `torch.optim.LBFGS`: one step evaluates the closure again and again. All parameters
 * are in one group, on one device.
 *
 * `step` reads losses synchronously; on a device that cannot be read so (WebGPU), `await optimizer.stepAsync(closure)`.
 *
 * @throws {ArgumentError} for settings outside of their range, and for more than one group.
 * @example
 * ```ts
 * import { LBFGS } from '@nn/optim';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([-1.5, 2], { dtype: 'float32', requiresGrad: true });
 * const optimizer = new LBFGS([x], { lineSearchFn: 'strongWolfe' });
 * const rosenbrock = () => {
 *   optimizer.zeroGrad();
 *   const [a, b] = [x.at(0), x.at(1)];
 *   const loss = a.sub(1).square().add(b.sub(a.square()).square().mul(100));
 *   loss.backward();
 *   return loss;
 * };
 * for (let i = 0; i < 3; i++) optimizer.step(rosenbrock);
 * console.log((await rosenbrock().item()) < 1e-6); // => true
 * ```
 */
export class LBFGS extends Optimizer<LBFGSOptions, LBFGSState> {
  constructor(params: ParamsInput<LBFGSOptions>, options: Partial<LBFGSOptions> = {}) {
    const defaults: LBFGSOptions = {
      lr: 1,
      maxIter: 20,
      maxEval: null,
      toleranceGrad: 1e-7,
      toleranceChange: 1e-9,
      historySize: 100,
      lineSearchFn: null,
    };
    super(params, complete('LBFGS', defaults, options));
  }

  protected override checkGroup(group: ParamGroup<LBFGSOptions>): void {
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn } = group;
    checkNotNegative('LBFGS', { lr, toleranceGrad, toleranceChange });
    checkPositiveInteger('LBFGS', {
      maxIter,
      historySize,
      ...(maxEval === null ? {} : { maxEval }),
    });
    checkChoice('LBFGS', 'lineSearchFn', lineSearchFn, ['strongWolfe', null]);
    if (this.paramGroups.length > 0 && this.paramGroups[0].params !== group.params) {
      throw new ArgumentError('LBFGS: takes one group of parameters. Put all into one list');
    }
    const places = new Set(group.params.map(({ device, dtype }) => `${dtype} on ${device}`));
    if (places.size > 1) {
      throw new ArgumentError(
        `LBFGS: all parameters must have one dtype and device, got ${[...places].join(', ')}`,
      );
    }
  }

  protected override freshState(): LBFGSState {
    return { funcEvals: 0, nIter: 0 };
  }

  protected override fitsState(name: string, value: Tensor): boolean {
    const elements = this.paramGroups[0].params.reduce((sum, parameter) => sum + parameter.numel(), 0);
    return value.ndim === (name.startsWith('old') ? 2 : 1) && value.shape[value.ndim - 1] === elements;
  }

  protected override update(): void {}

  /**
   * Minimizes the closure's loss from where the parameters are. Gives the loss before.
   *
   * @throws {ArgumentError} without a closure, which must set gradients to zero, compute the loss and its gradients, and
   * return it.
   * @throws {DeviceError} where the device cannot be read synchronously.
   */
  override step(): never;
  override step<T>(closure: () => T): T;
  override step<T>(closure?: () => T): T {
    return this.withStepHooks(() =>
      recordFunction('LBFGS.step', () => runCourseSync(this.#minimize(closure), () => this.#finish())),
    );
  }

  /** As `step`, on any device. */
  stepAsync<T>(closure: () => T): Promise<T> {
    return this.withStepHooks(() =>
      recordFunction('LBFGS.step', () => runCourse(this.#minimize(closure), () => this.#finish())),
    );
  }

  *#minimize<T>(closure: (() => T) | undefined): Course<T> {
    if (typeof closure !== 'function') {
      throw new ArgumentError(
        'step: LBFGS evaluates the loss several times, so it needs a closure: ' +
          'step(() => { optimizer.zeroGrad(); const loss = …; loss.backward(); return loss; })',
      );
    }
    const [group] = this.paramGroups;
    const flat = new FlatParameters(group.params);
    const state = this.stateOf(group.params[0], group);
    const loss = evaluated(closure);
    state.funcEvals++;
    const gradient = flat.gradient();
    const [value, largest, total] = yield {
      values: [lossOf(loss), gradient.abs().amax(), gradient.abs().sum()],
      held: [gradient, ...this.#remembered(state)],
    };
    const start: Trial = { step: 0, loss: value, slope: 0, gradient, largest };
    if (largest > group.toleranceGrad) yield* this.#iterate(closure, flat, state, start, total);
    return loss;
  }

  #finish(): Tensor[] {
    this.computeUpdate();
    return Array.from(this.state.values(), (state) => this.#remembered(state)).flat();
  }

  #remembered({ d, prevFlatGrad, oldDirs, oldStps }: LBFGSState): Tensor[] {
    return [d, prevFlatGrad, oldDirs, oldStps].filter(isTensor);
  }

  *#iterate(
    closure: () => unknown,
    flat: FlatParameters,
    state: LBFGSState,
    first: Trial,
    total: number,
  ): Course<void> {
    const [group] = this.paramGroups;
    const { lr, maxIter, toleranceGrad, toleranceChange, lineSearchFn } = group;
    const maxEval = group.maxEval ?? Math.floor((maxIter * 5) / 4);
    let evaluations = 1;
    let present = first;
    for (let iteration = 1; ; iteration++) {
      state.nIter++;
      const { gradient, loss } = present;
      const direction = yield* this.#direction(state, gradient);
      Object.assign(state, { d: direction, prevFlatGrad: gradient, prevLoss: loss });
      const firstStep = state.nIter === 1 ? Math.min(1, 1 / total) * lr : lr;
      state.t = firstStep;
      const start = flat.copies();
      const always = [...this.#remembered(state), ...start];
      const [slope, reach] = yield {
        values: [gradient.mul(direction).sum(), direction.abs().amax()],
        held: always,
        computed: group.params,
      };
      // The direction hardly leads down.
      if (slope > -toleranceChange) return;
      if (lineSearchFn === null) {
        flat.move(start, direction, firstStep);
        if (iteration === maxIter) return;
      }
      const evaluate = function* (step: number, kept: readonly Trial[]): Course<Trial> {
        flat.move(start, direction, step);
        const lossThere = lossOf(evaluated(closure));
        const there = flat.gradient();
        const [value, slopeThere, largest] = yield {
          values: [lossThere, there.mul(direction).sum(), there.abs().amax()],
          held: [...always, ...kept.map((trial) => trial.gradient), there],
        };
        return { step, loss: value, slope: slopeThere, gradient: there, largest };
      };
      const { trial, trials } =
        lineSearchFn === null
          ? { trial: yield* evaluate(firstStep, []), trials: 1 }
          : yield* strongWolfe(evaluate, { ...present, step: 0, slope }, firstStep, {
              reach,
              tolerance: toleranceChange,
            });
      // Without a line search the parameters stay where the closure left them: it may have clamped them.
      if (lineSearchFn !== null) flat.move(start, direction, trial.step);
      state.t = trial.step;
      state.funcEvals += trials;
      evaluations += trials;
      const change = Math.abs(trial.loss - loss);
      const isOver =
        iteration === maxIter ||
        evaluations >= maxEval ||
        trial.largest <= toleranceGrad ||
        trial.step * reach <= toleranceChange ||
        change < toleranceChange;
      if (isOver) return;
      present = trial;
    }
  }

  /** Downwards, by what is known of the curvature. */
  *#direction(state: LBFGSState, gradient: Tensor): Course<Tensor> {
    const { d, prevFlatGrad, t } = state;
    if (state.nIter === 1 || d === undefined || prevFlatGrad === undefined || t === undefined) {
      Object.assign(state, CurvatureHistory.empty());
      return gradient.neg();
    }
    const history = new CurvatureHistory(state as CurvatureState, this.paramGroups[0].historySize);
    const pair = { step: d.mul(t), change: gradient.sub(prevFlatGrad) };
    const products = yield {
      values: history.products(pair, gradient),
      held: [pair.step, pair.change, gradient, ...history.tensors],
      computed: this.paramGroups[0].params,
    };
    return history.remember(pair, gradient, products);
  }
}

function lossOf(loss: unknown): Tensor {
  if (isTensor(loss) && loss.numel() === 1) return loss;
  throw new ArgumentError(
    `step: the closure must return the loss, a tensor of one element, got ${isTensor(loss) ? `shape [${loss.shape.join(', ')}]` : describe(loss)}`,
  );
}
