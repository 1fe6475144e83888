// What elements are sorted by: unsigned numbers that order as the values do.
//
// Floats have the bits of their sign's meaning undone, -0 as 0 and every NaN above all; descending, keys are
// complements. Elements of up to 32 bits travel as one 64-bit word (key, position); 64-bit ones as two.
import { type DType, isFloat } from '@nn/core';
import { storageDType } from '../emit/access.ts';
import { storageBytes } from '../emit/registers.ts';
import { type Expression, type FunctionBuilder, i32, i64, type Local } from '../wasm/index.ts';
import { widen, writeExpression } from './combine.ts';

/** Bytes that an element takes while it is sorted. */
export function elementBytes(dtype: DType): 8 | 16 {
  return storageBytes[dtype] === 8 ? 16 : 8;
}

/** Bits of a key. Those of the 16-bit floats are what is left of float32's when it has none of their own below. */
export function keyBits(dtype: DType): number {
  return dtype === 'float16' ? 19 : storageBytes[dtype] * 8;
}

/** Digits of a key. */
export function digitsOf(dtype: DType): number {
  return Math.ceil(keyBits(dtype) / 8);
}

/** The order-preserving unsigned key of a stored element, as i64. */
export function writeKey(
  builder: FunctionBuilder,
  dtype: DType,
  stored: Local,
  descending: boolean,
): Expression<'i64'> {
  const held = storageDType(dtype);
  const key = writeExpression(builder, [{ dtype: held, local: stored }], (b, [bits]) => {
    const value = widen(b, dtype, bits);
    const valueDType = b.dtypeOf(value);
    if (valueDType === 'float32' || valueDType === 'float64') {
      const integer = valueDType === 'float32' ? 'int32' : 'int64';
      const shift = valueDType === 'float32' ? 31 : 63;
      // Adding 0 makes -0 a 0. Below zero all bits but the sign turn over, so that integers compare as the floats do.
      const pattern = b.bitcast(b.binary('add', value, b.constant(0, valueDType)), integer);
      const sign = b.binary('shiftRight', pattern, b.constant(shift, integer));
      const greatest = b.constant(integer === 'int32' ? 0x7fffffff : 2n ** 63n - 1n, integer);
      const ordered = b.binary('xor', pattern, b.binary('and', sign, greatest));
      return b.where(b.isNaN(value), greatest, ordered);
    }
    return valueDType === 'int64' ? value : b.cast(value, 'int32');
  });
  if (key.type === 'i64') {
    const unsigned = i64.xor(key as Expression<'i64'>, -(2n ** 63n));
    return descending ? i64.xor(unsigned, -1n) : unsigned;
  }
  const unused = 32 - keyBits(dtype);
  // Integers have their own bits at the low end, floats at the high one.
  const placed = isFloat(dtype) ? (key as Expression<'i32'>) : i32.shl(key as Expression<'i32'>, unused);
  const isSigned = dtype !== 'uint8' && dtype !== 'bool';
  const unsigned = isSigned ? i32.xor(placed, -0x80000000) : placed;
  return i64.extendI32U(i32.shrU(descending ? i32.xor(unsigned, -1) : unsigned, unused));
}

/** Writes a key with its position. */
export function storeKey(
  builder: FunctionBuilder,
  dtype: DType,
  to: Local<'i32'>,
  key: Local<'i64'>,
  position: Local<'i32'>,
): void {
  if (elementBytes(dtype) === 16) {
    builder.emit(i64.store(to, key));
    builder.emit(i32.store(to, position, 8));
  } else builder.emit(i64.store(to, i64.or(i64.shl(key, 32n), i64.extendI32U(position))));
}
