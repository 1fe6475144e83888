// Gradients in float16 underflow: the loss is multiplied first, the gradients are divided before the update, and the
// factor follows what they can bear (Micikevicius et al. 2017, "Mixed Precision Training").
import { noGrad } from '@nn/autograd';
import {
  ArgumentError,
  checkOptions,
  DataError,
  DTypeError,
  describe,
  isTensor,
  type Tensor,
} from '@nn/tensor';
import { checkBooleans, checkPositiveInteger, checkPositiveNumbers, isNumber, text } from './checks.ts';
import { replaceGradients, withGradient } from './gradients.ts';
import { type Course, runCourse, runCourseSync } from './host-course.ts';

export interface GradScalerOptions {
  /** The first factor. Default 65536. */
  readonly initScale?: number;
  /** The factor's own, after `growthInterval` steps without infinities. Default 2. */
  readonly growthFactor?: number;
  /** The factor's own, after a step with infinities. Default 0.5. */
  readonly backoffFactor?: number;
  /** Default 2000. */
  readonly growthInterval?: number;
  /** False: everything is as without a scaler. Default true. */
  readonly enabled?: boolean;
}

/** What a scaler works on. */
export interface ScaledOptimizer<T = unknown> {
  readonly paramGroups: readonly { readonly params: readonly Tensor[] }[];
  step(): T;
}

/** The state of a scaler that is enabled; of others it is empty. */
export interface GradScalerState {
  readonly scale?: number;
  readonly growthFactor?: number;
  readonly backoffFactor?: number;
  readonly growthInterval?: number;
  readonly growthTracker?: number;
}

/** Since the last update. */
interface Progress {
  /** NaN if a gradient is infinite or none. */
  readonly found: Tensor | null;
  stepped: boolean;
  finite: boolean | null;
}

const stateNames = ['scale', 'growthFactor', 'backoffFactor', 'growthInterval', 'growthTracker'] as const;

/**
 * Scales losses for training in float16, as `torch.amp.GradScaler`: a step whose gradients have infinities or NaN is
 * skipped and halves the factor; many without double it. With bfloat16 none is needed.
 *
 * `step` reads whether gradients are finite synchronously; on a device that cannot be read so (WebGPU),
 * `await scaler.stepAsync(optimizer)`.
 *
 * @throws {ArgumentError} for settings outside of their range.
 * @example
 * ```ts
 * import { GradScaler, SGD } from '@nn/optim';
 * import { autocast, interpreter, ones, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const w = ones([2, 1]).requiresGrad_();
 * const optimizer = new SGD([w], { lr: 0.5 });
 * const scaler = new GradScaler({ initScale: 1024 });
 * const x = tensor([[1, 2]], { dtype: 'float32' });
 * const loss = autocast(() => x.matmul(w).sum(), { dtype: 'float16' });
 * scaler.scale(loss).backward();
 * scaler.step(optimizer);
 * scaler.update();
 * console.log(await w.toArray(), scaler.getScale()); // => [[0.5], [0]] 1024
 * ```
 */
export class GradScaler {
  growthFactor: number;
  backoffFactor: number;
  growthInterval: number;
  #scale: number;
  #growthTracker = 0;
  readonly #enabled: boolean;
  #progress = new Map<ScaledOptimizer, Progress>();

  constructor(options: GradScalerOptions = {}) {
    checkOptions('GradScaler', options, [
      'initScale',
      'growthFactor',
      'backoffFactor',
      'growthInterval',
      'enabled',
    ]);
    const { initScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000 } = options;
    this.#enabled = options.enabled ?? true;
    this.#scale = initScale;
    this.growthFactor = growthFactor;
    this.backoffFactor = backoffFactor;
    this.growthInterval = growthInterval;
    checkBooleans('GradScaler', { enabled: this.#enabled });
    checkSettings(this.stateDict());
  }

  isEnabled(): boolean {
    return this.#enabled;
  }

  /** The factor; 1 when disabled. */
  getScale(): number {
    return this.#enabled ? this.#scale : 1;
  }

  /** The loss (or several, in a list) times the factor: call `backward` on it. */
  scale(loss: Tensor): Tensor;
  scale(losses: readonly Tensor[]): Tensor[];
  scale(losses: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    if (Array.isArray(losses)) return losses.map((each: Tensor) => this.scale(each));
    if (!isTensor(losses)) {
      throw new ArgumentError(`scale: expected the loss, a tensor, got ${describe(losses)}`);
    }
    return this.#enabled ? losses.mul(this.#scale) : losses;
  }

  /**
   * Divides the optimizer's gradients by the factor, for clipping before the step. Only once between updates.
   *
   * @throws {ArgumentError} when it was called before since the last update, or the step was made.
   * @throws {DTypeError} for parameters that are float16 themselves: autocast leaves them in float32.
   */
  unscale_(optimizer: ScaledOptimizer): void {
    if (!this.#enabled) return;
    checkOptimizer('unscale_', optimizer);
    const former = this.#progress.get(optimizer);
    if (former !== undefined) {
      const what = former.stepped ? 'step() was called' : 'unscale_() has been called already';
      throw new ArgumentError(`unscale_: ${what} for this optimizer since the last update()`);
    }
    this.#unscale(optimizer);
  }

  #unscale(optimizer: ScaledOptimizer): Progress {
    const params = withGradient(
      'unscale_',
      optimizer.paramGroups.flatMap((group) => group.params),
    );
    for (const { grad } of params) {
      if (grad!.dtype !== 'float16') continue;
      throw new DTypeError(
        'unscale_: a parameter is float16, so its gradient loses digits when it is divided. Keep parameters in float32; autocast casts them',
      );
    }
    noGrad(() => replaceGradients(params, (gradient) => gradient.mul(1 / this.#scale)));
    const progress: Progress = { found: noGrad(() => nonfinite(params)), stepped: false, finite: null };
    this.#progress.set(optimizer, progress);
    return progress;
  }

  /**
   * Divides the gradients unless that was done, and makes the optimizer's step unless one is infinite or NaN. Gives what
   * the step gives.
   *
   * @throws {ArgumentError} when the step was made since the last update.
   * @throws {DeviceError} where the device cannot be read synchronously.
   */
  step<T>(optimizer: ScaledOptimizer<T>): T | undefined {
    checkOptimizer('step', optimizer);
    if (!this.#enabled) return optimizer.step();
    runCourseSync(this.#find(optimizer), () => []);
    return this.#stepIfFinite(optimizer);
  }

  /** As `step`, on any device. */
  async stepAsync<T>(optimizer: ScaledOptimizer<T>): Promise<T | undefined> {
    checkOptimizer('stepAsync', optimizer);
    if (!this.#enabled) return optimizer.step();
    await runCourse(this.#find(optimizer), () => []);
    return this.#stepIfFinite(optimizer);
  }

  /** Reads whether gradients are finite; they are computed by the same program. */
  *#find(optimizer: ScaledOptimizer): Course<void> {
    const progress = this.#progress.get(optimizer) ?? this.#unscale(optimizer);
    if (progress.stepped) {
      throw new ArgumentError('step: it was called for this optimizer already. Call update() first');
    }
    if (progress.found === null) {
      throw new ArgumentError('step: no parameter of the optimizer has a gradient. Call backward() first');
    }
    const params = optimizer.paramGroups.flatMap((group) => group.params);
    const computed = params.flatMap(({ grad }) => (grad === null ? [] : [grad]));
    const [sum] = yield { values: [progress.found], held: [], computed };
    progress.finite = !Number.isNaN(sum);
  }

  #stepIfFinite<T>(optimizer: ScaledOptimizer<T>): T | undefined {
    const progress = this.#progress.get(optimizer)!;
    progress.stepped = true;
    return progress.finite === true ? optimizer.step() : undefined;
  }

  /**
   * Adjusts the factor by what the steps since the last update have found; or sets it.
   *
   * @throws {ArgumentError} when there was no step.
   */
  update(newScale?: number): void {
    if (!this.#enabled) return;
    if (newScale !== undefined) {
      checkPositiveNumbers('update', { newScale });
      this.#scale = newScale;
    } else this.#follow();
    this.#progress = new Map();
  }

  #follow(): void {
    if (this.#progress.size === 0) {
      throw new ArgumentError('update: no step was made since the last update. Call step(optimizer) first');
    }
    const finite = [...this.#progress.values()].every(
      (each) => each.finite ?? !Number.isNaN(each.found?.itemSync() ?? 0),
    );
    if (!finite) {
      this.#scale *= this.backoffFactor;
      this.#growthTracker = 0;
    } else if (++this.#growthTracker >= this.growthInterval) {
      const grown = this.#scale * this.growthFactor;
      // float32's largest: above it every loss would be infinite.
      if (grown <= 3.4e38) this.#scale = grown;
      this.#growthTracker = 0;
    }
  }

  /** The factor and what it follows, as numbers. */
  stateDict(): GradScalerState {
    if (!this.#enabled) return {};
    const { growthFactor, backoffFactor, growthInterval } = this;
    return {
      scale: this.#scale,
      growthFactor,
      backoffFactor,
      growthInterval,
      growthTracker: this.#growthTracker,
    };
  }

  /** @throws {DataError} for a state of another kind, or of a scaler that was disabled. */
  loadStateDict(state: GradScalerState): void {
    if (!this.#enabled) return;
    const isState = typeof state === 'object' && state !== null;
    const wrong = stateNames.filter((name) => !isState || !isNumber(state[name]));
    if (wrong.length > 0) {
      throw new DataError(
        `loadStateDict: the state does not fit this GradScaler: it lacks ${wrong.join(', ')}. Was it saved by one that was disabled?`,
      );
    }
    checkSettings(state);
    this.growthFactor = state.growthFactor!;
    this.backoffFactor = state.backoffFactor!;
    this.growthInterval = state.growthInterval!;
    this.#scale = state.scale!;
    this.#growthTracker = state.growthTracker!;
  }
}

/** 0 if all gradients are finite, or NaN: zero times infinity is none. */
function nonfinite(params: readonly Tensor[]): Tensor | null {
  if (params.length === 0) return null;
  const [{ device }] = params;
  return params.map(({ grad }) => grad!.mul(0).sum().to(device)).reduce((a, b) => a.add(b));
}

function checkOptimizer(name: string, optimizer: unknown): void {
  const isObject = typeof optimizer === 'object' && optimizer !== null;
  if (isObject && 'paramGroups' in optimizer && 'step' in optimizer) return;
  throw new ArgumentError(`${name}: expected an optimizer, got ${describe(optimizer)}`);
}

function checkSettings({ scale, growthFactor, backoffFactor, growthInterval }: GradScalerState): void {
  if (scale === undefined) return;
  checkPositiveNumbers('GradScaler', { scale });
  checkPositiveInteger('GradScaler', { growthInterval });
  if (!isNumber(growthFactor) || growthFactor <= 1) {
    throw new ArgumentError(`GradScaler: growthFactor must be above 1, got ${text(growthFactor)}`);
  }
  if (!isNumber(backoffFactor) || backoffFactor <= 0 || backoffFactor >= 1) {
    throw new ArgumentError(`GradScaler: backoffFactor must lie between 0 and 1, got ${text(backoffFactor)}`);
  }
}
