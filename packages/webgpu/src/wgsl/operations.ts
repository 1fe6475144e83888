/**
 * Scalar operations as WGSL expressions over registers (`bool`, `i32`, `f32`). Narrow integers wrap and the
 * 16-bit floats round after each operation, as the instructions' meaning says.
 */
import { categoryOf, type DType, type MathOp, mathOps, type ScalarOp } from '@nn/core';

/** Brings the result of an operation into the dtype. */
export function fitted(dtype: DType, value: string): string {
  switch (dtype) {
    case 'uint8':
      return `(${value} & 255)`;
    case 'int8':
      return `((${value} << 24u) >> 24u)`;
    case 'int16':
      return `((${value} << 16u) >> 16u)`;
    case 'float16':
      return `round_to_half(${value})`;
    case 'bfloat16':
      return `round_to_bfloat(${value})`;
    default:
      return value;
  }
}

/** The expression of an operation on operands of `operandDType`; null if there is none. */
export function emitOperation(
  op: ScalarOp,
  dtype: DType,
  operandDType: DType,
  operands: readonly string[],
): string | null {
  const [a, b, c, d] = operands;
  if (op === 'where') return `select(${c}, ${b}, ${a})`;
  if (op === 'cast') return emitCast(operandDType, dtype, a);
  if (op === 'bitcast') return emitBitcast(operandDType, dtype, a);
  if (op === 'philox') return `philox(${a}, ${b}, ${c}, ${d})`;
  switch (categoryOf(operandDType)) {
    case 'bool':
      return onBools(op, a, b);
    case 'integer':
      return onIntegers(op, operandDType, a, b, c);
    default:
      return onFloats(op, operandDType, a, b, c);
  }
}

function onBools(op: ScalarOp, a: string, b: string): string | null {
  switch (op) {
    case 'and':
    case 'min':
    case 'mul':
      return `(${a} && ${b})`;
    case 'or':
    case 'max':
    case 'add':
      return `(${a} || ${b})`;
    case 'xor':
    case 'ne':
      return `(${a} != ${b})`;
    case 'eq':
      return `(${a} == ${b})`;
    case 'lt':
      return `(!${a} && ${b})`;
    case 'le':
      return `(!${a} || ${b})`;
    case 'not':
      return `!${a}`;
    default:
      return null;
  }
}

const integerBits: { readonly [D in DType]?: number } = { uint8: 8, int8: 8, int16: 16, int32: 32 };

function onIntegers(op: ScalarOp, dtype: DType, a: string, b: string, c: string): string | null {
  const bits = integerBits[dtype] as number;
  const count = `u32(${b} & ${bits - 1})`;
  switch (op) {
    case 'add':
      return fitted(dtype, `(${a} + ${b})`);
    case 'sub':
      return fitted(dtype, `(${a} - ${b})`);
    case 'mul':
      return fitted(dtype, `(${a} * ${b})`);
    case 'fma':
      return fitted(dtype, `(${a} * ${b} + ${c})`);
    case 'div':
      return fitted(dtype, `integer_divide(${a}, ${b})`);
    case 'rem':
      return `integer_remainder(${a}, ${b})`;
    case 'min':
    case 'max':
      return `${op}(${a}, ${b})`;
    case 'and':
      return `(${a} & ${b})`;
    case 'or':
      return `(${a} | ${b})`;
    case 'xor':
      return `(${a} ^ ${b})`;
    case 'shiftLeft':
      return fitted(dtype, `(${a} << ${count})`);
    case 'shiftRight':
      return `(${a} >> ${count})`;
    case 'shiftRightUnsigned': {
      const unsigned = bits === 32 ? `bitcast<u32>(${a})` : `(bitcast<u32>(${a}) & ${2 ** bits - 1}u)`;
      return fitted(dtype, `bitcast<i32>(${unsigned} >> ${count})`);
    }
    case 'eq':
      return `(${a} == ${b})`;
    case 'ne':
      return `(${a} != ${b})`;
    case 'lt':
      return `(${a} < ${b})`;
    case 'le':
      return `(${a} <= ${b})`;
    case 'neg':
      return fitted(dtype, `(-${a})`);
    case 'abs':
      return fitted(dtype, `abs(${a})`);
    case 'not':
      return fitted(dtype, `(~${a})`);
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return a;
    default:
      return null;
  }
}

const libraryMath: ReadonlySet<string> = new Set(mathOps);

function onFloats(op: ScalarOp, dtype: DType, a: string, b: string, c: string): string | null {
  switch (op) {
    case 'add':
      return fitted(dtype, `(${a} + ${b})`);
    case 'sub':
      return fitted(dtype, `(${a} - ${b})`);
    case 'mul':
      return fitted(dtype, `(${a} * ${b})`);
    case 'div':
      return fitted(dtype, `(${a} / ${b})`);
    case 'fma':
      return fitted(dtype, `fma(${a}, ${b}, ${c})`);
    case 'rem':
      return `float_remainder(${a}, ${b})`;
    case 'min':
      return `float_min(${a}, ${b})`;
    case 'max':
      return `float_max(${a}, ${b})`;
    case 'pow':
      return fitted(dtype, `pow_of(${a}, ${b})`);
    case 'atan2':
      return fitted(dtype, `atan2_of(${a}, ${b})`);
    // Asking a value whether it equals itself is asking whether it is NaN, which compilers may deny.
    case 'eq':
      return a === b ? `!is_nan(${a})` : `(${a} == ${b})`;
    case 'ne':
      return a === b ? `is_nan(${a})` : `!(${a} == ${b})`;
    case 'lt':
      return `(${a} < ${b})`;
    case 'le':
      return `(${a} <= ${b})`;
    case 'neg':
      return `(-${a})`;
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return `${op}(${a})`;
    case 'sqrt':
      return fitted(dtype, `sqrt(${a})`);
    default:
      return libraryMath.has(op) ? fitted(dtype, `${op satisfies ScalarOp as MathOp}_of(${a})`) : null;
  }
}

const integerRanges: { readonly [D in DType]?: readonly [number, number] } = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
};

export function emitCast(from: DType, to: DType, value: string): string {
  if (from === to) return value;
  const [source, target] = [categoryOf(from), categoryOf(to)];
  if (target === 'bool') return source === 'float' ? `!(${value} == 0.0)` : `(${value} != 0)`;
  if (target === 'float') {
    if (source === 'bool') return `select(0.0f, 1.0f, ${value})`;
    return fitted(to, source === 'integer' ? `f32(${value})` : value);
  }
  if (source === 'bool') return `select(0, 1, ${value})`;
  if (source === 'integer') return fitted(to, value);
  const range = integerRanges[to];
  if (range === undefined) return `float_to_integer(${value})`;
  return `clamp(float_to_integer(${value}), ${range[0]}, ${range[1]})`;
}

function emitBitcast(from: DType, to: DType, value: string): string {
  if (from === to) return value;
  return emitFromBits(to, emitToBits(from, value));
}

/** The bits of a value, as an integer of any extension. */
function emitToBits(dtype: DType, value: string): string {
  switch (dtype) {
    case 'float32':
      return `bitcast<i32>(${value})`;
    case 'float16':
      return `bitcast<i32>(half_bits(${value}))`;
    case 'bfloat16':
      return `(bitcast<i32>(${value}) >> 16u)`;
    case 'bool':
      return `select(0, 1, ${value})`;
    default:
      return value;
  }
}

function emitFromBits(dtype: DType, bits: string): string {
  switch (dtype) {
    case 'float32':
      return `bitcast<f32>(${bits})`;
    case 'float16':
      return `unpack2x16float(bitcast<u32>(${bits} & 65535)).x`;
    case 'bfloat16':
      return `bitcast<f32>(${bits} << 16u)`;
    case 'bool':
      return `(${bits} != 0)`;
    default:
      return fitted(dtype, bits);
  }
}
