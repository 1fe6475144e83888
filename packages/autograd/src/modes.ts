// Whether operations are recorded.

let enabled = true;

export function isGradEnabled(): boolean {
  return enabled;
}

/** Sets the mode and returns what restores it. */
function enter(value: boolean): Disposable {
  const former = enabled;
  enabled = value;
  return {
    [Symbol.dispose]() {
      enabled = former;
    },
  };
}

function inMode<T>(value: boolean, body: () => T): T {
  const former = enabled;
  enabled = value;
  let asynchronous = false;
  try {
    const result = body();
    if (result instanceof Promise) {
      asynchronous = true;
      return result.finally(() => {
        enabled = former;
      }) as T;
    }
    return result;
  } finally {
    if (!asynchronous) enabled = former;
  }
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
  return body === undefined ? enter(false) : inMode(false, body);
}

/** Runs `body` with recording, inside of `noGrad`. Without a body, a guard for `using`. */
export function enableGrad(): Disposable;
export function enableGrad<T>(body: () => T): T;
export function enableGrad<T>(body?: () => T): T | Disposable {
  return body === undefined ? enter(true) : inMode(true, body);
}

/** Turns recording on or off until the next call or the guard's end. */
export function setGradEnabled(value: boolean): Disposable {
  return enter(value);
}
