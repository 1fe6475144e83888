// Literals of each dtype.
import { type Expression, f32, f64, i32, i64 } from '../wasm/index.ts';
import { numberType, type RegisterDType } from './registers.ts';

/** A literal of the dtype. */
export function constant(dtype: RegisterDType, value: number | bigint): Expression {
  switch (numberType(dtype)) {
    case 'i32':
      return i32.constant(Number(value) | 0);
    case 'i64':
      return i64.constant(BigInt(value));
    case 'f32':
      return f32.constant(Number(value));
    case 'f64':
      return f64.constant(Number(value));
  }
}
