// Overriding ops: handlers that are asked about each op, and tensors of the user's own classes.
import { ArgumentError, type OpName, sameShape } from '@nn/core';
import { apply, applyView, describe } from './dispatch.ts';
import {
  belowTransform,
  installBottomTransform,
  type OpCall,
  type OpTransform,
  pushTransform,
  type ViewGeometry,
  withTransform,
} from './op-transform.ts';
import { scoped } from './scope.ts';
import { isTensor, Tensor } from './tensor.ts';

/** Goes on with the op, or with another one in its place: the next handler is asked, and at last it is recorded. */
export type NextHandler = (call?: OpCall) => Tensor;

/** Is asked about an op. What it returns is the op's result: that of `next()`, or any other tensor. */
export type OpHandler = (call: OpCall, next: NextHandler) => Tensor;

function checked(call: OpCall, result: unknown): Tensor {
  if (isTensor(result)) return result;
  throw new ArgumentError(
    `withOverride: the handler of '${call.op}' must return a tensor, got ${describe(result)}. ` +
      'Return next() to go on with the op',
  );
}

/** Records an op that was seen as a call: a view as such, if the call is the one that was seen. */
function proceed(call: OpCall, seen: OpCall, view: ViewGeometry | null): Tensor {
  const { op, inputs, attributes, device } = call;
  const same = view !== null && op === seen.op && attributes === seen.attributes;
  if (same && sameLayout(inputs[0], seen.inputs[0])) return applyView(op, inputs[0], attributes, view);
  return apply(op, inputs, attributes, device);
}

function sameLayout(a: Tensor, b: Tensor): boolean {
  if (a === b) return true;
  if (a.storageOffset() !== b.storageOffset()) return false;
  return sameShape(a.shape, b.shape) && sameShape(a.strides(), b.strides());
}

/** One handler of the stack. */
class HandlerTransform implements OpTransform {
  readonly #handler: OpHandler;

  constructor(handler: OpHandler) {
    this.#handler = handler;
  }

  apply(
    op: OpName,
    inputs: readonly Tensor[],
    attributes: object,
    device: string | undefined,
    view: ViewGeometry | null,
  ): Tensor {
    const call = { op, inputs, attributes, device } as OpCall;
    return checked(
      call,
      this.#handler(call, (changed = call) => proceed(changed, call, view)),
    );
  }

  seesWrites(): boolean {
    return true;
  }
}

/** Asks the inputs that have a class of the user's own. Below all handlers. */
const classes: OpTransform = {
  apply(op, inputs, attributes, device, view) {
    const asked: TensorLike[] = [];
    for (const input of inputs) {
      if (!isTensorLike(input) || asked.some((each) => each.handleOp === input.handleOp)) continue;
      // Left to right, but subclasses before the classes that they extend.
      const at = asked.findIndex((each) => input instanceof each.constructor);
      asked.splice(at < 0 ? asked.length : at, 0, input);
    }
    const call = { op, inputs, attributes, device } as OpCall;
    const ask = (position: number, current: OpCall): Tensor => {
      if (position === asked.length) return belowTransform(classes, () => proceed(current, call, view));
      const next = (changed: OpCall = current): Tensor => ask(position + 1, changed);
      return checked(current, asked[position].handleOp(current, next));
    };
    return asked.length === 0 ? proceed(call, call, view) : withTransform(classes, () => ask(0, call));
  },
  seesWrites: (inputs) => inputs.some(isTensorLike),
};

function isTensorLike(value: unknown): value is TensorLike {
  return isTensor(value) && 'handleOp' in value;
}

/**
 * A tensor of a class of your own, which handles the ops that it is an input of: the counterpart of a
 * subclass of `torch.Tensor` with `__torch_function__`. It shows the memory of the tensor that it is made from, and is
 * accepted wherever tensors are.
 *
 * @example A length, in metres, that turns into an area when it is squared.
 * ```ts
 * import { interpreter, type NextHandler, type OpCall, type Tensor, TensorLike, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * class Metres extends TensorLike {
 *   readonly power: number;
 *   constructor(value: Tensor, power: number) {
 *     super(value);
 *     this.power = power;
 *   }
 *   override handleOp({ op, inputs }: OpCall, next: NextHandler): Tensor {
 *     const powers = inputs.map((input) => (input instanceof Metres ? input.power : 0));
 *     if (op === 'mul') return new Metres(next(), powers[0] + powers[1]);
 *     if (op === 'add' && powers[0] !== powers[1]) throw new TypeError('lengths and areas do not add up');
 *     return new Metres(next(), Math.max(...powers));
 *   }
 * }
 * const side = new Metres(tensor([2, 3]), 1);
 * const area = side.mul(side).sum();
 * console.log(await area.item(), area instanceof Metres && area.power); // => 13 2
 * ```
 */
export abstract class TensorLike extends Tensor {
  /** The tensor that this one was made from: ops on it are not handled by this class. */
  readonly value: Tensor;

  constructor(value: Tensor) {
    super(value.storage, value.shape, value.viewInfo);
    this.value = value;
    this.gradient = value.gradient;
    installBottomTransform(classes);
  }

  /** Is asked about each op with an input of this class; as a handler of `withOverride`. */
  abstract handleOp(call: OpCall, next: NextHandler): Tensor;
}

/** Puts a handler onto the stack and returns what takes it off. */
function enter(handler: OpHandler): () => void {
  if (typeof handler !== 'function') {
    throw new ArgumentError(
      `withOverride: expected a handler (call, next) => tensor, got ${describe(handler)}`,
    );
  }
  return pushTransform(new HandlerTransform(handler));
}

/**
 * Runs `body` with a handler of ops: it sees each op that is recorded meanwhile (those of derivatives, in-place writes
 * and compiled functions too), and may count, change, replace or refuse it. The counterpart of
 * `torch.overrides.TorchFunctionMode`.
 *
 * Handlers nest: the inner one is asked first, and `next()` asks the one outside of it. Ops that a handler calls itself
 * are seen by those outside only. They are differentiated like any others, unless it calls them in `noGrad`.
 * In-place writes are ops `assign` on the tensor written and the value. Views that `next` is called for with another
 * input or attributes become copies.
 *
 * With an asynchronous body the handler stays until its promise settles, for everything that runs meanwhile. Without a
 * body, a guard for `using`.
 *
 * @throws {ArgumentError} when the handler returns no tensor; and whatever it throws itself.
 * @example
 * ```ts
 * import { interpreter, tensor, use, withOverride } from '@nn/tensor';
 * use(interpreter());
 * const seen: string[] = [];
 * const x = tensor([[1, 2], [3, 4]]);
 * const y = withOverride(
 *   (call, next) => {
 *     seen.push(call.op);
 *     return next();
 *   },
 *   () => x.T.matmul(x).add(1),
 * );
 * console.log(seen.join(' ')); // => permute dot add
 * console.log(await y.toArray()); // => [[11, 15], [15, 21]]
 * ```
 */
export function withOverride(handler: OpHandler): Disposable;
export function withOverride<T>(handler: OpHandler, body: () => T): T;
export function withOverride<T>(handler: OpHandler, body?: () => T): T | Disposable {
  const leave = enter(handler);
  if (body === undefined) return { [Symbol.dispose]: leave };
  return scoped(body, leave);
}
