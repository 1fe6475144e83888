// Element types, the typed arrays that hold them on the host, and PyTorch's promotion lattice.
import { DTypeError, nearestName } from './errors.ts';

export type FloatDType = 'float16' | 'bfloat16' | 'float32' | 'float64';
export type IntegerDType = 'uint8' | 'int8' | 'int16' | 'int32' | 'int64';
export type DType = 'bool' | IntegerDType | FloatDType;

/** The host array of each dtype: float16 and bfloat16 are held as their bits, bool as bytes 0 and 1. */
export interface HostArrays {
  bool: Uint8Array;
  uint8: Uint8Array;
  int8: Int8Array;
  int16: Int16Array;
  int32: Int32Array;
  int64: BigInt64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  float32: Float32Array;
  float64: Float64Array;
}
export type HostArray = HostArrays[DType];

/** bool < integers < floats: a scalar or tensor of a lower category never changes a higher one's dtype. */
export type DTypeCategory = 'bool' | 'integer' | 'float';

interface DTypeInfo {
  readonly bytes: number;
  readonly category: DTypeCategory;
  readonly array: new (source: number | ArrayBufferLike) => HostArray;
}

const table: { readonly [D in DType]: DTypeInfo } = {
  bool: { bytes: 1, category: 'bool', array: Uint8Array },
  uint8: { bytes: 1, category: 'integer', array: Uint8Array },
  int8: { bytes: 1, category: 'integer', array: Int8Array },
  int16: { bytes: 2, category: 'integer', array: Int16Array },
  int32: { bytes: 4, category: 'integer', array: Int32Array },
  int64: { bytes: 8, category: 'integer', array: BigInt64Array },
  float16: { bytes: 2, category: 'float', array: Uint16Array },
  bfloat16: { bytes: 2, category: 'float', array: Uint16Array },
  float32: { bytes: 4, category: 'float', array: Float32Array },
  float64: { bytes: 8, category: 'float', array: Float64Array },
};

export const dtypes: readonly DType[] = Object.keys(table) as DType[];

export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && Object.hasOwn(table, value);
}

/** @throws {DTypeError} when `value` is no dtype's name. */
export function checkDType(value: unknown, functionName: string): DType {
  if (isDType(value)) return value;
  const near = typeof value === 'string' ? nearestName(value, dtypes) : undefined;
  const hint = near === undefined ? `dtypes are: ${dtypes.join(', ')}` : `Did you mean '${near}'?`;
  throw new DTypeError(`${functionName}: '${String(value)}' is not a dtype. ${hint}`);
}

/** Bytes of one element on the host. */
export function bytesPerElement(dtype: DType): number {
  return table[dtype].bytes;
}

export function categoryOf(dtype: DType): DTypeCategory {
  return table[dtype].category;
}

export function isFloat(dtype: DType): dtype is FloatDType {
  return table[dtype].category === 'float';
}

export function isInteger(dtype: DType): dtype is IntegerDType {
  return table[dtype].category === 'integer';
}

/** A new zero-filled host array of `length` elements. */
export function hostArray<D extends DType>(dtype: D, length: number): HostArrays[D] {
  return new table[dtype].array(length) as HostArrays[D];
}

/** A host array over existing bytes, without a copy. */
export function hostArrayOver<D extends DType>(dtype: D, bytes: ArrayBufferLike): HostArrays[D] {
  return new table[dtype].array(bytes) as HostArrays[D];
}

const order: readonly DType[] = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
];

/** PyTorch's `torch.promote_types`: the smallest dtype that both convert to. */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  const [low, high] = order.indexOf(a) < order.indexOf(b) ? [a, b] : [b, a];
  if (low === 'uint8' && high === 'int8') return 'int16';
  if (low === 'float16' && high === 'bfloat16') return 'float32';
  return high;
}

/** One operand of a promotion: scalars and zero-dimensional tensors weigh less than tensors with dimensions. */
export interface PromotionOperand {
  readonly dtype: DType;
  readonly rank: 'scalar' | 'zeroDimensional' | 'dimensioned';
}

/**
 * PyTorch's `torch.result_type`: dimensioned tensors decide; a zero-dimensional tensor, then a scalar, only
 * raises the category (bool, integer, float). A scalar that raises it gives `defaultFloat` or int32 (int64 in
 * PyTorch: a documented divergence).
 */
export function resultType(operands: readonly PromotionOperand[], defaultFloat: DType = 'float32'): DType {
  const ranks = ['dimensioned', 'zeroDimensional', 'scalar'] as const;
  let result: DType | undefined;
  for (const rank of ranks) {
    let here: DType | undefined;
    for (const operand of operands) {
      if (operand.rank !== rank) continue;
      const dtype = rank === 'scalar' && categoryOf(operand.dtype) === 'float' ? defaultFloat : operand.dtype;
      here = here === undefined ? dtype : promoteTypes(here, dtype);
    }
    if (here === undefined) continue;
    if (result === undefined) result = here;
    else if (categoryRank(here) > categoryRank(result)) result = promoteTypes(here, result);
  }
  return result ?? defaultFloat;
}

function categoryRank(dtype: DType): number {
  return ['bool', 'integer', 'float'].indexOf(categoryOf(dtype));
}
