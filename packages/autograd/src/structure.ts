// Values that hold tensors: a tensor, or arrays and plain objects of such values.
import { isTensor, type Tensor } from '@nn/tensor';

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The value with each tensor replaced; `path` says where it was found, as in `[0].weight`. */
export function mapTensors<T>(
  value: T,
  replace: (tensor: Tensor, path: string) => unknown,
  path: string = '',
): T {
  if (isTensor(value)) return replace(value, path) as T;
  if (Array.isArray(value)) return value.map((each, i) => mapTensors(each, replace, `${path}[${i}]`)) as T;
  if (isRecord(value)) {
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([name, each]) => [name, mapTensors(each, replace, `${path}.${name}`)]),
    ) as T;
  }
  return value;
}

/** All tensors in a value, in order. */
export function tensorsIn(value: unknown): Tensor[] {
  const found: Tensor[] = [];
  mapTensors(value, (tensor) => void found.push(tensor));
  return found;
}

/**
 * Goes through a value beside one that is like its upper part: `null` or a number there stands for all tensors below.
 */
export function mapBeside<T>(
  value: T,
  beside: unknown,
  replace: (tensor: Tensor, given: number | null, path: string) => unknown,
  mismatch: (path: string) => Error,
  path: string = '',
): T {
  if (beside === null || typeof beside === 'number')
    return mapTensors(value, (tensor, at) => replace(tensor, beside, at), path);
  const go = (each: unknown, other: unknown, at: string): unknown =>
    mapBeside(each, other, replace, mismatch, at);
  if (Array.isArray(value) && Array.isArray(beside) && value.length === beside.length)
    return value.map((each, i) => go(each, beside[i], `${path}[${i}]`)) as T;
  if (isRecord(value) && isRecord(beside)) {
    const entries = Object.entries(value);
    if (entries.every(([name]) => name in beside) && Object.keys(beside).length === entries.length)
      return Object.fromEntries(
        entries.map(([name, each]) => [name, go(each, beside[name], `${path}.${name}`)]),
      ) as T;
  }
  throw mismatch(path);
}
