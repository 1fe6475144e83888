// Modes that hold while a function runs.

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}

/**
 * Runs `body`, then `leave`, also where it throws: what `body` gives or throws is what this does. Where `body` gives a
 * thenable, `leave` runs when that settles, and a promise of the same is given that settles after it. For the modes of packages: what
 * `leave` undoes holds meanwhile.
 *
 * @example
 * ```ts
 * import { scoped } from '@nn/tensor';
 * let depth = 0;
 * const nested = <T>(body: () => T): T => {
 *   depth++;
 *   return scoped(body, () => depth--);
 * };
 * const later = nested(async () => depth);
 * console.log(depth, await later, depth); // => 1 1 0
 * ```
 */
export function scoped<T>(body: () => T, leave: () => void): T {
  let isOver = true;
  try {
    const result = body();
    if (!isThenable(result)) return result;
    isOver = false;
    return Promise.resolve(result).finally(leave) as T;
  } finally {
    if (isOver) leave();
  }
}
