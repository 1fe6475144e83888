// From values in the files to values of the project.
import { type DType, fromBuffer, slice, type Tensor, tensor } from '@nn/tensor';
import type { JsonNumber, TensorValue, Value } from './case-file.ts';

const tuples = new WeakSet<readonly unknown[]>();

/** Whether a decoded array was a Python tuple, where that matters (between the brackets of an index). */
export function isTuple(value: unknown): boolean {
  return Array.isArray(value) && tuples.has(value);
}

export function isTensorValue(value: Value): value is TensorValue {
  return typeof value === 'object' && value !== null && 'tensor' in value;
}

/** Decodes the arguments of one case, and collects its leaves that require gradient. */
export class Decoder {
  readonly #leaves: Tensor[] = [];

  /** The leaves in the order of the case's `grads`. */
  get leaves(): readonly Tensor[] {
    return this.#leaves;
  }

  decode(value: Value): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((each) => this.decode(each));
    if (isTensorValue(value)) return this.#tensor(value);
    const [[tag, content]] = Object.entries(value as Record<string, Value>);
    switch (tag) {
      case 'float':
        return toNumber(content as JsonNumber);
      case 'dtype':
        return content;
      case 'ellipsis':
        return '...';
      case 'slice': {
        const [start, stop, step] = content as (number | null)[];
        return slice(start, stop, step ?? 1);
      }
      case 'tuple': {
        const decoded = this.decodeAll(content as readonly Value[]);
        tuples.add(decoded);
        return decoded;
      }
      case 'dict':
        return this.decodeNamed(content as Record<string, Value>);
      default:
        throw new Error(`parity: a value of unknown form: ${JSON.stringify(value).slice(0, 100)}`);
    }
  }

  decodeAll(values: readonly Value[]): unknown[] {
    return values.map((value) => this.decode(value));
  }

  decodeNamed(values: Readonly<Record<string, Value>>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, this.decode(value)]));
  }

  #tensor(value: TensorValue): Tensor {
    const decoded = decodeTensor(value);
    if (value.grad === undefined) return decoded;
    this.#leaves[value.grad] = decoded.requiresGrad_();
    return decoded;
  }
}

/** A tensor of the given values, laid out in memory as PyTorch's was. */
export function decodeTensor(value: TensorValue): Tensor {
  const { tensor: dtype, shape, stride } = value;
  const values = value.data.map(toNumber);
  if (stride === undefined || shape.includes(0)) return fromValues(values, dtype, shape);
  return strided(values, dtype, shape, stride);
}

/** A view with the strides, cut out of memory that holds the values in its places and zeros in the gaps. */
function strided(
  values: readonly number[],
  dtype: DType,
  shape: readonly number[],
  stride: readonly number[],
): Tensor {
  const widestFirst = shape
    .map((_, dim) => dim)
    .filter((dim) => shape[dim] > 1 && stride[dim] > 0)
    .sort((a, b) => stride[b] - stride[a]);
  const steps = widestFirst.map((dim) => stride[dim]);
  const memoryShape = [shape[widestFirst[0]] ?? 1, ...steps.map((step, i) => step / (steps[i + 1] ?? 1))];
  if (!memoryShape.every(Number.isInteger))
    throw new Error(`parity: cannot lay out shape [${shape}] with overlapping strides [${stride}]`);
  const memory = new Array<number>(memoryShape.reduce((product, size) => product * size, 1)).fill(0);
  values.forEach((each, position) => {
    const coordinates = coordinatesOf(position, shape);
    memory[coordinates.reduce((sum, at, dim) => sum + at * stride[dim], 0)] = each;
  });
  let view = fromValues(memory, dtype, memoryShape);
  widestFirst.forEach((dim, i) => {
    view = view.narrow(i, 0, shape[dim]);
  });
  const inOrder = widestFirst.map((_, i) => i).sort((a, b) => widestFirst[a] - widestFirst[b]);
  return view
    .select(-1, 0)
    .permute(inOrder)
    .reshape(shape.map((size, dim) => (widestFirst.includes(dim) ? size : 1)))
    .expand(shape);
}

function fromValues(values: readonly number[], dtype: DType, shape: readonly number[]): Tensor {
  switch (dtype) {
    case 'float32':
      return fromBuffer(Float32Array.from(values), { shape });
    case 'float64':
      return fromBuffer(Float64Array.from(values), { shape });
    case 'int64':
      return fromBuffer(BigInt64Array.from(values, BigInt), { shape });
    case 'int32':
      return fromBuffer(Int32Array.from(values), { shape });
    default:
      return tensor(values, { dtype, shape });
  }
}

/** The coordinates of the element at a row-major position. */
export function coordinatesOf(position: number, shape: readonly number[]): number[] {
  const coordinates = new Array<number>(shape.length);
  let rest = position;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    coordinates[dim] = rest % shape[dim];
    rest = Math.floor(rest / shape[dim]);
  }
  return coordinates;
}

export function toNumber(value: JsonNumber | boolean): number {
  return Number(value);
}
