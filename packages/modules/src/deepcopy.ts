// Copies of modules and of what they hold, all the way down.
import { ArgumentError, isTensor, type Tensor } from '@nn/tensor';
import type { Module } from './module.ts';
import { isModule } from './module-base.ts';
import { isParameter, Parameter } from './parameter.ts';
import { isUninitialized, UninitializedBuffer, UninitializedParameter } from './uninitialized.ts';

type Copies = Map<object, unknown>;

/**
 * A copy of a module, or of a structure of modules and tensors, that shares nothing with it: `copy.deepcopy`. What is
 * one object in the original (a shared parameter, a module that is there twice) is one object in the copy. Gradients
 * and hooks come along; functions, and instances of classes other than tensors and modules, are the same in both.
 *
 * A class with `#private` members must override `blank`, for JavaScript lets nobody else make them.
 *
 * @throws {ArgumentError} for a tensor that was computed from others, whose derivative cannot be copied.
 * @example
 * ```ts
 * import { deepcopy, init, Linear } from '@nn/modules';
 * import { interpreter, use } from '@nn/tensor';
 * use(interpreter());
 * const layer = new Linear(1, 1);
 * const target = deepcopy(layer);
 * init.zeros_(layer.weight);
 * console.log((await target.weight.item()) === 0); // => false
 * ```
 */
export function deepcopy<T>(value: T): T {
  return copied(value, new Map()) as T;
}

function copied(value: unknown, copies: Copies): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
  if (copies.has(value)) return copies.get(value);
  if (isTensor(value)) return remember(copies, value, copyOfTensor(value));
  if (isModule(value)) return copyOfModule(value as Module<never, unknown>, copies);
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    copies.set(value, list);
    for (const each of value) list.push(copied(each, copies));
    return list;
  }
  if (value instanceof Map) {
    const map = new Map<unknown, unknown>();
    copies.set(value, map);
    for (const [key, each] of value) map.set(copied(key, copies), copied(each, copies));
    return map;
  }
  if (value instanceof Set) {
    const set = new Set<unknown>();
    copies.set(value, set);
    for (const each of value) set.add(copied(each, copies));
    return set;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const record: Record<string, unknown> = {};
  copies.set(value, record);
  for (const [name, each] of Object.entries(value)) record[name] = copied(each, copies);
  return record;
}

function remember<T>(copies: Copies, original: object, copy: T): T {
  copies.set(original, copy);
  return copy;
}

function copyOfTensor(tensor: Tensor): Tensor {
  const { dtype, device, requiresGrad, grad } = tensor;
  if (isUninitialized(tensor)) {
    return isParameter(tensor)
      ? new UninitializedParameter({ dtype, device }, requiresGrad)
      : new UninitializedBuffer({ dtype, device });
  }
  if (!tensor.isLeaf) {
    throw new ArgumentError(
      'deepcopy: a tensor that was computed from others cannot be copied with its derivative. Hold x.detach() instead',
    );
  }
  const values = tensor.detach().clone();
  const copy = isParameter(tensor) ? new Parameter(values, requiresGrad) : values;
  if (requiresGrad) copy.requiresGrad_(true);
  if (grad !== null) copy.grad = grad.detach().clone();
  return copy;
}

function copyOfModule(module: Module<never, unknown>, copies: Copies): unknown {
  const copy = module.blank();
  copies.set(module, copy);
  copy.copyRegistrations(module);
  for (const key of Reflect.ownKeys(module)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(module, key)!;
    if ('value' in descriptor) descriptor.value = copied(descriptor.value, copies);
    Reflect.defineProperty(copy, key, { ...descriptor, configurable: true });
  }
  return copy;
}
