// Functions whose operations are taken down once and then run as one program at each call.
import { ArgumentError } from '@nn/core';
import { activeCall, setActiveCall } from './active.ts';
import { Call } from './call.ts';
import { observers } from './observer.ts';
import { settleRuntimes } from './runtime.ts';
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

export function compile<Arguments extends unknown[], Result>(
  fn: (...given: Arguments) => Result,
): (...given: Arguments) => Result {
  if (typeof fn !== 'function') throw new ArgumentError('compile: expected a function');
  const traces = new Traces();
  return function compiled(this: unknown, ...given: Arguments): Result {
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
