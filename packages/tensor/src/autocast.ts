// Mixed precision: products in a small float dtype, what loses digits or overflows in float32. The op table is small,
// so the lists are of ops, as torch.autocast's are of functions; an op in neither keeps what promotion gives.
import { ArgumentError, checkOptions, defaultDevice, isFloat, type OpName } from '@nn/core';
import { apply, applyView, castTo, describe } from './dispatch.ts';
import { type OpTransform, pushTransform, type ViewGeometry } from './op-transform.ts';
import { hasDType } from './reading.ts';
import { scoped } from './scope.ts';
import type { Tensor } from './tensor.ts';

/** Dtypes that products are computed in. */
export type AutocastDType = 'bfloat16' | 'float16';

export interface AutocastOptions {
  /** Default 'bfloat16', which needs no scaling of gradients; 'float16' where the device has no bfloat16. */
  readonly dtype?: AutocastDType;
  /** False: ops within are as without autocast. Default true. */
  readonly enabled?: boolean;
}

type Precision = 'low' | 'full';

/** Where float16 and bfloat16 inputs are cast first. Inputs in float64, and integers, are left as they are. */
const precisions: { readonly [N in OpName]?: Precision } = {
  dot: 'low',
  convolution: 'low',
  exp: 'full',
  exp2: 'full',
  expm1: 'full',
  log: 'full',
  log2: 'full',
  log10: 'full',
  log1p: 'full',
  logSigmoid: 'full',
  softplus: 'full',
  pow: 'full',
  integerPow: 'full',
  square: 'full',
  rsqrt: 'full',
  reciprocal: 'full',
  xlogy: 'full',
  xlog1py: 'full',
  tan: 'full',
  asin: 'full',
  acos: 'full',
  sinh: 'full',
  cosh: 'full',
  erfinv: 'full',
  sum: 'full',
  prod: 'full',
  scan: 'full',
  softmax: 'full',
  logSoftmax: 'full',
};

/** What is in force within one call of `autocast`; null where it is disabled. */
let current: Autocast | null = null;

class Autocast implements OpTransform {
  readonly dtype: AutocastDType;

  constructor(dtype: AutocastDType) {
    this.dtype = dtype;
  }

  apply(
    op: OpName,
    inputs: readonly Tensor[],
    attributes: object,
    device: string | undefined,
    view: ViewGeometry | null,
  ): Tensor {
    if (view !== null) return applyView(op, inputs[0], attributes as never, view);
    const precision = this === current ? precisions[op] : undefined;
    if (precision === undefined) return apply(op, inputs, attributes as never, device);
    const dtype = precision === 'low' ? this.dtype : 'float32';
    return apply(
      op,
      inputs.map((input) => (isEligible(input) ? castTo(input, dtype) : input)),
      attributes as never,
      device,
    );
  }
}

function isEligible({ dtype }: Tensor): boolean {
  return isFloat(dtype) && dtype !== 'float64';
}

function enter({ dtype, enabled = true }: AutocastOptions): () => void {
  const former = current;
  if (!enabled) {
    current = null;
    return () => {
      current = former;
    };
  }
  const chosen = dtype ?? former?.dtype ?? (hasDType(defaultDevice(), 'bfloat16') ? 'bfloat16' : 'float16');
  const scope = new Autocast(chosen);
  const leave = pushTransform(scope);
  current = scope;
  return () => {
    current = former;
    leave();
  };
}

/**
 * Runs `body` in mixed precision, as `torch.autocast`: matrix products and convolutions in bfloat16 (or float16);
 * exponentials, logarithms, powers, sums, means, softmax, norms and losses in float32; everything else in the widest
 * dtype of its inputs. Parameters stay float32. The derivatives are those of the ops as they were cast, so run
 * `backward` after the body.
 *
 * float16 gradients underflow: scale the loss with a `GradScaler`. Calls nest; `{ enabled: false }` turns it off within.
 * With an asynchronous body it lasts until its promise settles, for everything that runs meanwhile. Without a body, a
 * guard for `using`.
 *
 * @throws {ArgumentError} for another dtype.
 * @example
 * ```ts
 * import { autocast, interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const [x, w] = [ones([2, 3]), ones([3, 4])];
 * autocast(() => {
 *   const y = x.matmul(w);
 *   console.log(y.dtype, y.add(1).dtype, y.exp().dtype, y.add(x.sum()).dtype); // => bfloat16 bfloat16 float32 bfloat16
 *   console.log(autocast(() => x.matmul(w).dtype, { enabled: false })); // => float32
 * });
 * console.log(x.matmul(w).dtype); // => float32
 * ```
 */
export function autocast(options?: AutocastOptions): Disposable;
export function autocast<T>(body: () => T, options?: AutocastOptions): T;
export function autocast<T>(
  first: (() => T) | AutocastOptions = {},
  second: AutocastOptions = {},
): T | Disposable {
  const options = typeof first === 'function' ? second : first;
  checkOptions('autocast', options, ['dtype', 'enabled']);
  const { dtype, enabled = true } = options;
  if (dtype !== undefined && dtype !== 'bfloat16' && dtype !== 'float16') {
    throw new ArgumentError(`autocast: dtype must be 'bfloat16' or 'float16', got ${describe(dtype)}`);
  }
  if (typeof enabled !== 'boolean') {
    throw new ArgumentError(`autocast: enabled must be true or false, got ${describe(enabled)}`);
  }
  const leave = enter(options);
  if (typeof first !== 'function') return { [Symbol.dispose]: leave };
  return scoped(first, leave);
}

/** Whether ops are cast now, as `torch.is_autocast_enabled`. */
export function isAutocastEnabled(): boolean {
  return current !== null;
}

/** What products are computed in now; null without autocast. */
export function autocastDType(): AutocastDType | null {
  return current?.dtype ?? null;
}

/** Whether a product may take both: their dtypes are the same, or autocast will make them so. */
export function isProductOf(a: Tensor, b: Tensor): boolean {
  return a.dtype === b.dtype || (current !== null && isFloat(a.dtype) && isFloat(b.dtype));
}

/** What is added to a product (a bias): under autocast in the product's dtype, so that the sum is too. */
export function addedToProduct(term: Tensor, product: Tensor): Tensor {
  return current !== null && isFloat(term.dtype) ? castTo(term, product.dtype) : term;
}

/** Runs the body with ops as they are: derivatives, whose dtypes the ops before have settled. */
export function withoutAutocast<T>(body: () => T): T {
  if (current === null) return body();
  const former = current;
  current = null;
  try {
    return body();
  } finally {
    current = former;
  }
}
