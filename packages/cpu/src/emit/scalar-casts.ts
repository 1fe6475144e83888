// Conversions of scalars. Float to integer truncates and saturates, NaN to 0; integer to narrower wraps around.
import { type Expression, f32, f64, i32, i64, type Local, select } from '../wasm/index.ts';
import { numberType, type RegisterDType } from './registers.ts';

type I32 = Expression<'i32'>;

/** Wraps an i32 around to the dtype's range. */
export function narrowScalar(dtype: RegisterDType, value: I32): I32 {
  switch (dtype) {
    case 'uint8':
      return i32.and(value, 0xff);
    case 'int8':
      return i32.extend8S(value);
    case 'int16':
      return i32.extend16S(value);
    default:
      return value;
  }
}

/** The range to which a float saturates, where it is less than int32's. */
export const narrowRanges: { readonly [D in RegisterDType]?: readonly [number, number] } = {
  uint8: [0, 0xff],
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
};

export function castScalar(from: RegisterDType, to: RegisterDType, value: Local): Expression {
  if (from === to) return value;
  if (to === 'bool') return isNotZero(from, value);
  switch (numberType(from)) {
    case 'i32':
      return castFromInt32(to, value as Local<'i32'>);
    case 'i64':
      return castFromInt64(to, value as Local<'i64'>);
    case 'f32':
      return castFromFloat32(to, value as Local<'f32'>);
    case 'f64':
      return castFromFloat64(to, value as Local<'f64'>);
  }
}

function isNotZero(dtype: RegisterDType, value: Local): I32 {
  switch (numberType(dtype)) {
    case 'i32':
      return i32.ne(value as Local<'i32'>, 0);
    case 'i64':
      return i64.ne(value as Local<'i64'>, 0n);
    case 'f32':
      return f32.ne(value as Local<'f32'>, 0);
    case 'f64':
      return f64.ne(value as Local<'f64'>, 0);
  }
}

function castFromInt32(to: RegisterDType, value: I32): Expression {
  switch (numberType(to)) {
    case 'i32':
      return narrowScalar(to, value);
    case 'i64':
      return i64.extendI32S(value);
    case 'f32':
      return f32.convertI32S(value);
    case 'f64':
      return f64.convertI32S(value);
  }
}

function castFromInt64(to: RegisterDType, value: Expression<'i64'>): Expression {
  switch (numberType(to)) {
    case 'i32':
      return narrowScalar(to, i32.wrapI64(value));
    case 'i64':
      return value;
    case 'f32':
      return f32.convertI64S(value);
    case 'f64':
      return f64.convertI64S(value);
  }
}

function castFromFloat32(to: RegisterDType, value: Expression<'f32'>): Expression {
  switch (numberType(to)) {
    case 'i32':
      return saturate(to, i32.truncSatF32S(value));
    case 'i64':
      return i64.truncSatF32S(value);
    case 'f32':
      return value;
    case 'f64':
      return f64.promoteF32(value);
  }
}

function castFromFloat64(to: RegisterDType, value: Expression<'f64'>): Expression {
  switch (numberType(to)) {
    case 'i32':
      return saturate(to, i32.truncSatF64S(value));
    case 'i64':
      return i64.truncSatF64S(value);
    case 'f32':
      return f32.demoteF64(value);
    case 'f64':
      return value;
  }
}

/** Clamps an int32 (itself saturated) to the dtype's range; the conversion is repeated, but engines merge it. */
function saturate(to: RegisterDType, value: I32): I32 {
  const range = narrowRanges[to];
  if (range === undefined) return value;
  const [low, high] = range;
  const raised = select(i32.ltS(value, low), i32.constant(low), value);
  return select(i32.gtS(value, high), i32.constant(high), raised);
}
