// The 16-bit floats, as instructions on int32 and float32: loaded and stored as their bits, computed as float32.
import type { ExpressionBuilder, Value } from '@nn/core';

const int = (b: ExpressionBuilder, value: number): Value => b.constant(value, 'int32');

/** The float32 value of bits in an int16. */
export function widenHalf(b: ExpressionBuilder, dtype: 'float16' | 'bfloat16', stored: Value): Value {
  const bits = b.cast(stored, 'int32');
  if (dtype === 'bfloat16') return b.bitcast(b.binary('shiftLeft', bits, int(b, 16)), 'float32');
  // The fraction and exponent in float32's place, then the exponent's bias put right by a multiplication, which also
  // normalises what float16 holds as subnormal.
  const magnitude = b.binary('shiftLeft', b.binary('and', bits, int(b, 0x7fff)), int(b, 13));
  const scaled = b.binary('mul', b.bitcast(magnitude, 'float32'), b.constant(2 ** 112, 'float32'));
  const isSpecial = b.compare('eq', b.binary('and', bits, int(b, 0x7c00)), int(b, 0x7c00));
  const special = b.binary('or', magnitude, int(b, 0x7f800000));
  const unsigned = b.where(isSpecial, special, b.bitcast(scaled, 'int32'));
  const sign = b.binary('shiftLeft', b.binary('and', bits, int(b, 0x8000)), int(b, 16));
  return b.bitcast(b.binary('or', unsigned, sign), 'float32');
}

/** The bits, in an int16, of the nearest 16-bit float (ties to even). Every NaN becomes the quiet one. */
export function narrowHalf(b: ExpressionBuilder, dtype: 'float16' | 'bfloat16', value: Value): Value {
  const bits = b.bitcast(value, 'int32');
  const magnitude = b.binary('and', bits, int(b, 0x7fffffff));
  const isNotANumber = b.compare('lt', int(b, 0x7f800000), magnitude);
  const rounded = dtype === 'bfloat16' ? narrowBrain(b, bits) : narrowIeee(b, bits, magnitude);
  const quiet = int(b, dtype === 'bfloat16' ? 0x7fc0 : 0x7e00);
  return b.cast(b.where(isNotANumber, quiet, rounded), 'int16');
}

function narrowBrain(b: ExpressionBuilder, bits: Value): Value {
  const upper = b.binary('shiftRightUnsigned', bits, int(b, 16));
  const tie = b.binary('add', b.binary('and', upper, int(b, 1)), int(b, 0x7fff));
  return b.binary('shiftRightUnsigned', b.binary('add', bits, tie), int(b, 16));
}

function narrowIeee(b: ExpressionBuilder, bits: Value, magnitude: Value): Value {
  const odd = b.binary('and', b.binary('shiftRightUnsigned', magnitude, int(b, 13)), int(b, 1));
  const biased = b.binary('add', b.binary('add', magnitude, odd), int(b, 0xfff - (112 << 23)));
  const normal = b.binary('shiftRightUnsigned', biased, int(b, 13));
  // Below 2^-14 units are 2^-24, float32's at 0.5: adding 0.5 rounds to them.
  const aligned = b.binary('add', b.bitcast(magnitude, 'float32'), b.constant(0.5, 'float32'));
  const subnormal = b.binary('sub', b.bitcast(aligned, 'int32'), int(b, 0x3f000000));
  const finite = b.where(b.compare('lt', magnitude, int(b, 0x38800000)), subnormal, normal);
  // From 65520 on, the nearest value is infinite.
  const overflows = b.compare('le', int(b, 0x477ff000), magnitude);
  const unsigned = b.where(overflows, int(b, 0x7c00), finite);
  const sign = b.binary('and', b.binary('shiftRightUnsigned', bits, int(b, 16)), int(b, 0x8000));
  return b.binary('or', unsigned, sign);
}

/** Rounds a float32 to the 16-bit float's values. */
export function roundToHalf(b: ExpressionBuilder, dtype: 'float16' | 'bfloat16', value: Value): Value {
  return widenHalf(b, dtype, narrowHalf(b, dtype, value));
}
