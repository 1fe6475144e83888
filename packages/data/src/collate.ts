// From samples to a batch.
import { ArgumentError, type DType, type HostArray, sizeOf } from '@nn/core';
import {
  defaultDevice,
  formatShape,
  fromHost,
  getDefaultDType,
  isTensor,
  type Scalar,
  scalarDType,
  stack,
  type Tensor,
  toHostArray,
  typedArrayDType,
} from '@nn/tensor';

type HostNumbers =
  | Float32Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigInt64Array;

/** The form of a batch of such samples, as `defaultCollate` makes it. */
export type Collated<Sample> = Sample extends Tensor | number | bigint | boolean | HostNumbers
  ? Tensor
  : Sample extends string
    ? string[]
    : Sample extends ReadonlyMap<infer Key, infer Value>
      ? Map<Key, Collated<Value>>
      : Sample extends object
        ? { -readonly [K in keyof Sample]: Collated<Sample[K]> }
        : unknown;

/** An array on its way to be a tensor: what threads exchange, and what is packed without a backend. */
export class HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Of this object alone: it may be handed on to another thread. */
  readonly data: HostArray;

  constructor(dtype: DType, shape: readonly number[], data: HostArray) {
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /** On the default device, over the same memory. */
  toTensor(): Tensor {
    return fromHost(this.data, this.dtype, defaultDevice()).reshape([...this.shape]);
  }
}

/**
 * PyTorch's default: tensors are stacked, typed arrays and numbers become a tensor, arrays, objects and maps are
 * collated member by member, strings stay a list.
 *
 * @throws {ArgumentError} for samples of different forms, and for what has no form; it names the member.
 * @example
 * ```ts
 * import { defaultCollate } from '@nn/data';
 * import { interpreter, type Tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const batch = defaultCollate([
 *   { pixels: Uint8Array.of(1, 2), label: 3, name: 'a' },
 *   { pixels: Uint8Array.of(4, 5), label: 6, name: 'b' },
 * ]);
 * console.log(await batch.pixels.toArray(), await batch.label.toArray(), batch.name); // => [[1, 2], [4, 5]] [3, 6] ['a', 'b']
 * ```
 */
export function defaultCollate<Sample>(samples: readonly Sample[]): Collated<Sample> {
  return collate(samples, (packed) => packed.toTensor()) as Collated<Sample>;
}

/** `defaultCollate` where `leaf` says what becomes of packed numbers. */
export function collate(
  samples: readonly unknown[],
  leaf: (packed: HostTensor) => unknown,
  path: string = '',
): unknown {
  const [first] = samples;
  if (isTensor(first)) return stack(every(samples, isTensor, path));
  if (first instanceof HostTensor) {
    const isHostTensor = (value: unknown): value is HostTensor => value instanceof HostTensor;
    return leaf(packArrays(every(samples, isHostTensor, path), path));
  }
  if (isScalar(first)) return leaf(packScalars(every(samples, isScalar, path)));
  if (typeof first === 'string') return every(samples, isString, path);
  if (isNumbers(first)) return leaf(packArrays(every(samples, isNumbers, path).map(asHost), path));
  if (Array.isArray(first)) {
    const rows = every(samples, Array.isArray, path);
    const other = rows.find((row) => row.length !== first.length);
    if (other !== undefined) {
      throw wrong(path, `samples are arrays of different lengths, ${first.length} and ${other.length}`);
    }
    return first.map((_, i) =>
      collate(
        rows.map((row) => row[i]),
        leaf,
        `${path}[${i}]`,
      ),
    );
  }
  if (first instanceof Map) {
    const isMap = (value: unknown): value is Map<unknown, unknown> => value instanceof Map;
    const maps = every(samples, isMap, path);
    return new Map(
      [...first.keys()].map((key) => {
        const at = `${path}.get(${String(key)})`;
        if (!maps.every((each) => each.has(key))) throw wrong(at, 'not every sample has it');
        const values = maps.map((each) => each.get(key));
        return [key, collate(values, leaf, at)];
      }),
    );
  }
  if (isRecord(first)) {
    const records = every(samples, isRecord, path);
    return Object.fromEntries(
      Object.keys(first).map((key) => {
        const at = `${path}.${key}`;
        if (!records.every((each) => Object.hasOwn(each, key))) throw wrong(at, 'not every sample has it');
        const values = records.map((each) => each[key]);
        return [key, collate(values, leaf, at)];
      }),
    );
  }
  throw wrong(path, `cannot collate ${nameOf(first)}`);
}

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
const isString = (value: unknown): value is string => typeof value === 'string';
const isNumbers = (value: unknown): value is HostNumbers =>
  ArrayBuffer.isView(value) && !(value instanceof DataView);

/** A plain object, of this realm or another. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  return value.constructor?.name || 'object';
}

function every<Kind>(
  samples: readonly unknown[],
  is: (value: unknown) => value is Kind,
  path: string,
): Kind[] {
  const other = samples.find((sample) => !is(sample));
  if (other === undefined && samples.every(is)) return samples as Kind[];
  throw wrong(path, `samples are of different forms, ${nameOf(samples[0])} and ${nameOf(other)}`);
}

function wrong(path: string, what: string): ArgumentError {
  const where = path === '' ? '' : ` at ${path}`;
  return new ArgumentError(
    `defaultCollate: ${what}${where}. Pass your own collateFn, or give the dataset a collate`,
  );
}

/** As `tensor(numbers)` infers it: the widest kind wins. */
function packScalars(values: readonly Scalar[]): HostTensor {
  const kinds = new Set(values.map(scalarDType));
  const whole = (['int64', 'int32', 'bool'] as const).find((kind) => kinds.has(kind));
  const dtype = kinds.has('float32') || whole === undefined ? getDefaultDType() : whole;
  return new HostTensor(dtype, [values.length], toHostArray(values, dtype));
}

/** What `tensor` takes a typed array for: its own dtype, or int32 for those that have none. */
function asHost(array: HostNumbers): HostTensor {
  const dtype = typedArrayDType(array);
  if (dtype !== undefined) return new HostTensor(dtype, [array.length], array as HostArray);
  const wider = array instanceof Uint8ClampedArray ? 'uint8' : 'int32';
  return new HostTensor(wider, [array.length], toHostArray(array, wider));
}

function packArrays(samples: readonly HostTensor[], path: string): HostTensor {
  const [first] = samples;
  const other = samples.find(
    ({ dtype, shape }) => dtype !== first.dtype || formatShape(shape) !== formatShape(first.shape),
  );
  if (other !== undefined) {
    const told = [first, other].map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`);
    throw wrong(path, `samples differ, ${told.join(' and ')}`);
  }
  const size = sizeOf(first.shape);
  const ArrayClass = first.data.constructor as new (length: number) => HostArray;
  const data = new ArrayClass(size * samples.length);
  samples.forEach((each, i) => {
    data.set(each.data as never, i * size);
  });
  return new HostTensor(first.dtype, [samples.length, ...first.shape], data);
}
