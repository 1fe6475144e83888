// Whether operations are recorded.
import { isInference, scoped, setInference } from '@nn/tensor';

let enabled = true;

/** Whether operations on tensors that require gradients are recorded now. */
export function isGradEnabled(): boolean {
  return enabled && !isInference();
}

/** Whether `inferenceMode` is on. */
export function isInferenceModeEnabled(): boolean {
  return isInference();
}

/** Sets the modes; restores them when disposed. */
class ModeGuard implements Disposable {
  readonly #enabled = enabled;
  readonly #inference = isInference();

  constructor(grad: boolean, inference: boolean) {
    enabled = grad;
    setInference(inference);
  }

  [Symbol.dispose](): void {
    enabled = this.#enabled;
    setInference(this.#inference);
  }
}

function enter(grad: boolean, inference: boolean): Disposable {
  return new ModeGuard(grad, inference);
}

function within<T>(guard: Disposable, body: () => T): T {
  return scoped(body, () => guard[Symbol.dispose]());
}

function inMode<T>(value: boolean, body: () => T): T {
  return within(enter(value, isInference()), body);
}

/**
 * Runs `body` without recording, as `torch.no_grad`. With an asynchronous body the mode holds until its promise
 * settles, for everything that runs meanwhile. Without a body, a guard for `using`.
 *
 * @example
 * ```ts
 * import { noGrad } from '@nn/autograd';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const w = tensor([1, 2], { dtype: 'float32', requiresGrad: true });
 * console.log(noGrad(() => w.mul(2)).requiresGrad); // => false
 * ```
 */
export function noGrad(): Disposable;
export function noGrad<T>(body: () => T): T;
export function noGrad<T>(body?: () => T): T | Disposable {
  return body === undefined ? enter(false, isInference()) : inMode(false, body);
}

/** Runs `body` with recording, inside of `noGrad`. Without a body, a guard for `using`. */
export function enableGrad(): Disposable;
export function enableGrad<T>(body: () => T): T;
export function enableGrad<T>(body?: () => T): T | Disposable {
  return body === undefined ? enter(true, isInference()) : inMode(true, body);
}

/** Turns recording on or off until the next call or the guard's end. */
export function setGradEnabled(value: boolean): Disposable {
  return enter(value, isInference());
}

/**
 * Runs `body` without recording, as `torch.inference_mode`: tensors made in it are not only free of derivatives, but
 * refuse to be saved for one later, and to be written in place or to require gradients outside of it. So a value that was
 * meant for use alone does not get into training unnoticed. `clone()`, outside, gives an ordinary tensor. With an
 * asynchronous body the mode holds until its promise settles, for everything that runs meanwhile. Without a body, a
 * guard for `using`.
 *
 * @example
 * ```ts
 * import { inferenceMode } from '@nn/autograd';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const w = tensor([1, 2], { dtype: 'float32', requiresGrad: true });
 * const y = inferenceMode(() => w.mul(2));
 * console.log(y.requiresGrad, y.isInference(), y.clone().isInference()); // => false true false
 * try {
 *   w.mul(y); // the derivative by w is y
 * } catch (error) {
 *   console.log((error as Error).message.split(',')[0]); // => mul: the derivative needs its input 1
 * }
 * ```
 */
export function inferenceMode(): Disposable;
export function inferenceMode<T>(body: () => T): T;
export function inferenceMode<T>(body?: () => T): T | Disposable {
  const guard = enter(false, true);
  return body === undefined ? guard : within(guard, body);
}
