// Functions whose operations are taken down once and then run as one program at each call.
import { ArgumentError } from '@nn/core';
import { activeCall, setActiveCall } from './active.ts';
import { Call } from './call.ts';
import { observers } from './observer.ts';
import { settleRuntimes } from './runtimes.ts';
import type { Storage } from './storage.ts';
import { isTensor } from './tensor.ts';
import { Traces } from './trace.ts';

/** Whether a compiled function runs whose operations so far are known from an earlier call. */
export function isReplaying(): boolean {
  return activeCall?.isReplaying === true;
}

function addStorages(value: unknown, found: Storage[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (isTensor(value)) {
    found.push(value.storage);
    return;
  }
  if (Array.isArray(value) || value instanceof Set) for (const each of value) addStorages(each, found);
  else if (value instanceof Map) for (const each of value.values()) addStorages(each, found);
  else if (isPlainObject(value)) for (const each of Object.values(value)) addStorages(each, found);
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Makes the operations of a function run as one program: a training step's forward, backward and update together.
 *
 * The function itself runs at each call, with all its side effects: counters, learning rates, flags and closures do
 * what they always do. Its operations are not recorded anew, but compared with those of an earlier call; as long as
 * they are the same, on tensors of the same shapes, the program that was made then is used. Numbers may differ from
 * call to call. Where the function takes another course, with another batch size or a flag turned, that course is
 * recorded and known from then on.
 *
 * After the call there are the tensors that it returned (also in arrays, plain objects, maps and sets), what it wrote
 * into tensors from outside, and gradients. Other tensors that were made in it can be used while what they were
 * computed from is still there; from the third call on parameters are updated in place, so return what you need.
 * Gradients of one call are overwritten by those of the next, unless they were copied or used in between.
 *
 * Values read inside the function (`itemSync`) have to be computed at once: the rest of that call is as if it were not
 * compiled.
 *
 * @throws {ArgumentError} for an asynchronous function, when it is called.
 * @throws {StaleValueError} when a tensor is used that was made in a call, not returned, and lost to an update.
 * @example
 * ```ts
 * import { crossEntropy } from '@nn/functional';
 * import { Linear, ReLU, Sequential } from '@nn/modules';
 * import { SGD } from '@nn/optim';
 * import { compile, interpreter, manualSeed, randn, type Tensor, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * manualSeed(0);
 * const model = new Sequential(new Linear(4, 16), new ReLU(), new Linear(16, 3));
 * const optimizer = new SGD(model.parameters(), { lr: 0.1 });
 * const step = compile((x: Tensor, y: Tensor) => {
 *   optimizer.zeroGrad();
 *   const loss = crossEntropy(model(x), y);
 *   loss.backward();
 *   optimizer.step();
 *   return loss;
 * });
 * const x = randn([8, 4]);
 * const y = tensor([0, 1, 2, 0, 1, 2, 0, 1]);
 * const first = await step(x, y).item();
 * for (let i = 0; i < 20; i++) step(x, y);
 * console.log((await step(x, y).item()) < first); // => true
 * ```
 */
export function compile<Arguments extends unknown[], Result>(
  fn: (...given: Arguments) => Result,
): (...given: Arguments) => Result {
  if (typeof fn !== 'function') throw new ArgumentError('compile: expected a function');
  const traces = new Traces();
  return function compiled(this: unknown, ...given: Arguments): Result {
    // Within another compiled function its operations are that one's.
    if (activeCall !== null || observers?.recordsAll) return fn.apply(this, given);
    settleRuntimes();
    const call = new Call(traces);
    setActiveCall(call);
    try {
      const result = fn.apply(this, given);
      if (result instanceof Promise) {
        result.catch(() => {});
        throw new ArgumentError(
          'compile: the function is asynchronous. A compiled function records operations and returns tensors; ' +
            'await their values outside of it',
        );
      }
      if (call.isOpen) {
        const returned: Storage[] = [];
        addStorages(result, returned);
        call.finish(returned);
      }
      return result;
    } catch (error) {
      call.abandon();
      throw error;
    }
  };
}
