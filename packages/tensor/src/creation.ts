// Tensors from numbers, arrays and nothing.
import {
  ArgumentError,
  backendOf,
  categoryOf,
  checkDType,
  checkOptions,
  type DType,
  DTypeError,
  dataNode,
  defaultDevice,
  formatShape,
  type HostArray,
  hostArray,
  inferShape,
  numberToBfloat16,
  numberToFloat16,
  type Shape,
  ShapeError,
  sizeOf,
} from '@nn/core';
import { getDefaultDType } from './defaults.ts';
import { requireDType } from './device-dtype.ts';
import { apply, checkInt32, describe, fromNode, type Scalar, scalarDType, scalarTensor } from './dispatch.ts';
import { checkOutDType, deliver, type OutOptions } from './out.ts';
import type { NestedArray } from './reading.ts';
import { isTensor, type Tensor } from './tensor.ts';

export interface CreationOptions {
  /** Default: float32 for floats (see setDefaultDType), int32 for integers, bool for booleans. */
  readonly dtype?: DType;
  /** A device's name. Default: the backend used last. */
  readonly device?: string;
  readonly requiresGrad?: boolean;
}

/** Those of functions that may fill a tensor: `out` brings its dtype and device. */
export interface FillOptions extends CreationOptions, OutOptions {}

export interface TensorOptions extends CreationOptions {
  /** The shape, when the data is flat. */
  readonly shape?: Shape;
}

const creationOptions = ['dtype', 'device', 'requiresGrad'] as const;
export type TensorData = Scalar | NestedArray | ArrayLike<number> | BigInt64Array | readonly TensorData[];

/** The named device, or the default one. @throws {DeviceError} when there is none. */
export function defaultDeviceFor(device: string | undefined): string {
  return device === undefined ? defaultDevice() : backendOf(device).name;
}

/** Options every creation function shares, checked. */
export function creation(
  functionName: string,
  options: CreationOptions | undefined,
  fallback: DType,
): { dtype: DType; device: string } {
  checkOptions(functionName, options, creationOptions);
  const dtype = options?.dtype === undefined ? fallback : checkDType(options.dtype, functionName);
  const device = defaultDeviceFor(options?.device);
  requireDType(functionName, dtype, backendOf(device));
  return { dtype, device };
}

export function finish(x: Tensor, options: CreationOptions | undefined): Tensor {
  return options?.requiresGrad ? x.requiresGrad_() : x;
}

export function checkShape(functionName: string, shape: Shape): readonly number[] {
  if (!Array.isArray(shape))
    throw new ArgumentError(`${functionName}: the shape must be an array of sizes, got ${describe(shape)}`);
  if (shape.includes(-1))
    throw new ShapeError(
      `${functionName}: ${formatShape(shape)} is not a shape: sizes are integers of at least 0`,
    );
  inferShape(functionName, shape, sizeOf(shape));
  return shape;
}

const arrayDTypes: readonly (readonly [new (length: number) => object, DType])[] = [
  [Float32Array, 'float32'],
  [Float64Array, 'float64'],
  [Int32Array, 'int32'],
  [Int16Array, 'int16'],
  [Int8Array, 'int8'],
  [Uint8Array, 'uint8'],
  [BigInt64Array, 'int64'],
];

/** The dtype whose elements lie like those of this typed array. */
export function typedArrayDType(value: unknown): DType | undefined {
  return arrayDTypes.find(([arrayClass]) => value instanceof arrayClass)?.[1];
}

/**
 * A tensor with a copy of the data: a number, nested arrays, or a typed array (with `shape`, if not flat).
 *
 * @throws {ShapeError} when nested arrays are ragged or the data does not fill the shape.
 * @throws {ArgumentError} when an element is no number.
 * @example
 * ```ts
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor(new Float32Array([1, 2, 3, 4]), { shape: [2, 2] });
 * console.log(await x.T.toArray()); // => [[1, 3], [2, 4]]
 * ```
 */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  checkOptions('tensor', options, [...creationOptions, 'shape']);
  const { shape: wanted, ...rest } = options;
  if (isTensor(data)) throw new ArgumentError('tensor: got a tensor. Use x.clone(), or x.detach()');
  const given = typedArrayDType(data);
  const { flat, shape: found } =
    given === undefined
      ? flatten(data)
      : { flat: data as ArrayLike<Scalar>, shape: [(data as { length: number }).length] };
  const { dtype, device } = creation('tensor', rest, given ?? inferredFor(flat, rest));
  const shape = wanted === undefined ? found : inferShape('tensor', wanted, flat.length);
  return finish(fromNode(dataNode(toHostArray(flat, dtype), shape, dtype, device)), rest);
}

/**
 * A tensor over the typed array itself: no copy now. The array must not be changed afterwards.
 *
 * @throws {ArgumentError} for arrays of no dtype.
 */
export function fromBuffer(
  array: Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array | BigInt64Array,
  options: TensorOptions = {},
): Tensor {
  checkOptions('fromBuffer', options, [...creationOptions, 'shape']);
  const given = typedArrayDType(array);
  if (given === undefined)
    throw new ArgumentError(`fromBuffer: expected a typed array, got ${describe(array)}`);
  const { shape: wanted, ...rest } = options;
  const { dtype, device } = creation('fromBuffer', rest, given);
  if (dtype !== given && !(dtype === 'bool' && given === 'uint8')) {
    throw new DTypeError(
      `fromBuffer: the array holds ${given}, not ${dtype}. Use fromBuffer(array).to('${dtype}')`,
    );
  }
  const shape = wanted === undefined ? [array.length] : inferShape('fromBuffer', wanted, array.length);
  return finish(fromNode(dataNode(array, shape, dtype, device)), rest);
}

/** Numbers that are to have gradients are floats, also when all of them are whole. */
function inferredFor(flat: ArrayLike<Scalar>, { requiresGrad }: CreationOptions): DType {
  const dtype = inferDType(flat);
  return requiresGrad && categoryOf(dtype) === 'integer' ? getDefaultDType() : dtype;
}

function inferDType(flat: ArrayLike<Scalar>): DType {
  let category: 'bool' | 'integer' | 'float' = flat.length === 0 ? 'float' : 'bool';
  let wide = false;
  for (let i = 0; i < flat.length; i++) {
    const dtype = scalarDType(flat[i]);
    const here = categoryOf(dtype);
    if (here === 'float') return getDefaultDType();
    if (here === 'integer') category = 'integer';
    if (dtype === 'int64') wide = true;
  }
  return category === 'bool'
    ? 'bool'
    : category === 'integer'
      ? wide
        ? 'int64'
        : 'int32'
      : getDefaultDType();
}

function flatten(data: unknown): { flat: Scalar[]; shape: number[] } {
  const shape: number[] = [];
  for (let at: unknown = data; isList(at); at = at[0]) {
    shape.push(at.length);
    if (at.length === 0) break;
  }
  const flat: Scalar[] = [];
  const walk = (value: unknown, dim: number): void => {
    if (isList(value)) {
      if (dim >= shape.length || value.length !== shape[dim]) throw ragged(shape, dim, value.length);
      for (let i = 0; i < value.length; i++) walk(value[i], dim + 1);
      return;
    }
    if (dim !== shape.length) throw ragged(shape, dim, undefined);
    if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
      throw new ArgumentError(
        `tensor: elements must be numbers, bigints or booleans, got ${describe(value)}`,
      );
    }
    flat.push(value);
  };
  walk(data, 0);
  return { flat, shape };
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function ragged(shape: Shape, dim: number, found: number | undefined): ShapeError {
  const seen = found === undefined ? 'a number' : `an array of length ${found}`;
  return new ShapeError(
    `tensor: nested arrays are ragged: expected length ${shape[dim] ?? 'none (a number)'} at depth ${dim}, found ${seen}`,
  );
}

/** The values as a new host array of the dtype. */
export function toHostArray(flat: ArrayLike<Scalar>, dtype: DType): HostArray {
  const result = hostArray(dtype, flat.length);
  if (typedArrayDType(flat) === dtype) {
    // A slice may share memory: that of a Node `Buffer` does.
    (result as Float32Array).set(flat as Float32Array);
    return result;
  }
  for (let i = 0; i < flat.length; i++) result[i] = toElement(flat[i], dtype) as never;
  return result;
}

function toElement(value: Scalar, dtype: DType): number | bigint {
  switch (dtype) {
    case 'int64':
      return typeof value === 'number' ? BigInt(Math.trunc(value)) : BigInt(value);
    case 'bool':
      return Number(value) !== 0 ? 1 : 0;
    case 'float16':
      return numberToFloat16(Number(value));
    case 'bfloat16':
      return numberToBfloat16(Number(value));
    case 'int32':
      checkInt32(Number(value));
      return Number(value);
    default:
      return Number(value);
  }
}

/** A flat tensor over a host array made for it. */
export function fromHost(values: HostArray, dtype: DType, device: string): Tensor {
  return fromNode(dataNode(values, [values.length], dtype, device));
}

/** A tensor of one number, for the function that was called. */
function filled(
  functionName: string,
  shape: Shape,
  value: Scalar,
  options: CreationOptions | undefined,
  fallback: DType = getDefaultDType(),
): Tensor {
  const { dtype, device } = creation(functionName, options, fallback);
  const filler = scalarTensor(value, dtype);
  return finish(apply('expand', [filler], { shape: checkShape(functionName, shape) }, device), options);
}

/** What a creation function makes, or the option `out` that took it. */
export function created<Options extends FillOptions>(
  functionName: string,
  options: Options | undefined,
  make: (options: Omit<Options, 'out'> | undefined) => Tensor,
): Tensor {
  if (options === undefined || !Object.hasOwn(options, 'out')) return make(options);
  const { out, ...rest } = options;
  if (out == null) return make(rest);
  checkOutDType(functionName, options);
  const wanted = { ...like(functionName, out, rest), requiresGrad: false };
  return finish(deliver(functionName, make(wanted as typeof rest), options, []), rest);
}

/** Every element the same number. */
export function full(shape: Shape, value: Scalar, options?: FillOptions): Tensor {
  const inferred = scalarDType(value);
  const fallback = categoryOf(inferred) === 'float' ? getDefaultDType() : inferred;
  return created('full', options, (rest) => filled('full', shape, value, rest, fallback));
}

export function zeros(shape: Shape, options?: FillOptions): Tensor {
  return created('zeros', options, (rest) => filled('zeros', shape, 0, rest));
}

export function ones(shape: Shape, options?: FillOptions): Tensor {
  return created('ones', options, (rest) => filled('ones', shape, 1, rest));
}

/** Like `zeros`: memory is never shown uninitialised. */
export function empty(shape: Shape, options?: FillOptions): Tensor {
  return created('empty', options, (rest) => filled('empty', shape, 0, rest));
}

function like(functionName: string, x: Tensor, options: CreationOptions | undefined): CreationOptions {
  if (!isTensor(x)) throw new ArgumentError(`${functionName}: expected a tensor, got ${describe(x)}`);
  return { dtype: x.dtype, ...(x.device === '' ? {} : { device: x.device }), ...options };
}

export function zerosLike(x: Tensor, options?: CreationOptions): Tensor {
  return filled('zerosLike', x.shape, 0, like('zerosLike', x, options));
}

export function onesLike(x: Tensor, options?: CreationOptions): Tensor {
  return filled('onesLike', x.shape, 1, like('onesLike', x, options));
}

export function fullLike(x: Tensor, value: Scalar, options?: CreationOptions): Tensor {
  return filled('fullLike', x.shape, value, like('fullLike', x, options));
}

/** Like `zerosLike`: memory is never shown uninitialised. */
export function emptyLike(x: Tensor, options?: CreationOptions): Tensor {
  return filled('emptyLike', x.shape, 0, like('emptyLike', x, options));
}

/** `torch.Tensor.new_full`: another shape, with this tensor's dtype and device unless the options say others. */
export function newFull(x: Tensor, shape: Shape, value: Scalar, options?: CreationOptions): Tensor {
  return filled('newFull', shape, value, like('newFull', x, options));
}

/** `torch.Tensor.new_zeros`. */
export function newZeros(x: Tensor, shape: Shape, options?: CreationOptions): Tensor {
  return filled('newZeros', shape, 0, like('newZeros', x, options));
}

/** `torch.Tensor.new_ones`. */
export function newOnes(x: Tensor, shape: Shape, options?: CreationOptions): Tensor {
  return filled('newOnes', shape, 1, like('newOnes', x, options));
}

/** `torch.Tensor.new_empty`; as `newZeros`: memory is never shown uninitialised. */
export function newEmpty(x: Tensor, shape: Shape, options?: CreationOptions): Tensor {
  return filled('newEmpty', shape, 0, like('newEmpty', x, options));
}

/** `torch.Tensor.new_tensor`: `tensor`, with this tensor's dtype and device unless the options say others. */
export function newTensor(x: Tensor, data: TensorData, options?: TensorOptions): Tensor {
  return tensor(data, like('newTensor', x, options));
}

/** start, start + step, … below end (above, for a negative step). `arange(end)` starts at 0. */
export function arange(end: number, options?: FillOptions): Tensor;
export function arange(start: number, end: number, options?: FillOptions): Tensor;
export function arange(start: number, end: number, step: number, options?: FillOptions): Tensor;
export function arange(...given: (number | FillOptions | undefined)[]): Tensor {
  const numbers = given.filter((value) => typeof value === 'number');
  const options = given.find((value) => typeof value === 'object');
  const [start, end, step] =
    numbers.length === 1 ? [0, numbers[0], 1] : [numbers[0], numbers[1], numbers[2] ?? 1];
  if (step === 0) throw new ArgumentError('arange: step must not be 0');
  if (![start, end, step].every(Number.isFinite))
    throw new ArgumentError(`arange: bounds must be finite, got ${numbers.join(', ')}`);
  if ((end - start) / step < 0)
    throw new ArgumentError(`arange: from ${start} to ${end} with step ${step} leads away from the end`);
  const whole = [start, end, step].every(Number.isInteger);
  const length = Math.ceil((end - start) / step);
  const fallback = whole ? 'int32' : getDefaultDType();
  return listed('arange', length, options, fallback, (i) => start + i * step);
}

/** A vector of numbers that are computed here. */
function listed(
  functionName: string,
  length: number,
  options: FillOptions | undefined,
  fallback: DType,
  at: (i: number) => number,
): Tensor {
  return created(functionName, options, (rest) => {
    const { dtype, device } = creation(functionName, rest, fallback);
    const values = toHostArray(
      Array.from({ length }, (_, i) => at(i)),
      dtype,
    );
    return finish(fromNode(dataNode(values, [length], dtype, device)), rest);
  });
}

/** `steps` numbers from start to end, each the value of `at` at its exact place between them. */
function spaced(
  functionName: string,
  start: number,
  end: number,
  steps: number,
  options: FillOptions | undefined,
  at: (place: number) => number,
): Tensor {
  if (!Number.isInteger(steps) || steps < 0)
    throw new ArgumentError(
      `${functionName}: steps must be an integer of at least 0, got ${describe(steps)}`,
    );
  for (const bound of [start, end]) {
    if (typeof bound === 'number') continue;
    throw new ArgumentError(`${functionName}: start and end must be numbers, got ${describe(bound)}`);
  }
  const gap = steps > 1 ? (end - start) / (steps - 1) : 0;
  // From the nearer end, so that both ends are exact.
  const place = (i: number): number => (i < steps / 2 ? start + i * gap : end - (steps - 1 - i) * gap);
  return listed(functionName, steps, options, getDefaultDType(), (i) => at(steps === 1 ? start : place(i)));
}

/** `torch.linspace`: `steps` numbers from start to end, both included. */
export function linspace(start: number, end: number, steps: number, options?: FillOptions): Tensor {
  return spaced('linspace', start, end, steps, options, (place) => place);
}

/**
 * `torch.logspace`: `steps` powers of the base, with exponents evenly spaced from start to end, both included.
 *
 * @throws {ArgumentError} for steps that are no integer of at least 0.
 * @example
 * ```ts
 * import { interpreter, logspace, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await logspace(0, 3, 4, 2).toArray()); // => [1, 2, 4, 8]
 * ```
 */
export function logspace(
  start: number,
  end: number,
  steps: number,
  base: number = 10,
  options?: FillOptions,
): Tensor {
  return spaced('logspace', start, end, steps, options, (place) => base ** place);
}

/** Ones on the diagonal. */
export function eye(rows: number, columns: number = rows, options?: FillOptions): Tensor {
  return created('eye', options, (rest) => {
    const { dtype, device } = creation('eye', rest, getDefaultDType());
    const shape = checkShape('eye', [rows, columns]);
    const row = apply('iota', [], { shape, dim: 0, dtype: 'int32' }, device);
    const column = apply('iota', [], { shape, dim: 1, dtype: 'int32' }, device);
    return finish(row.eq(column).to(dtype), rest);
  });
}
