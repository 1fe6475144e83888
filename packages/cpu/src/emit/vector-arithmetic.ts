// Arithmetic on registers of four lanes (two of 64-bit dtypes); undefined where there is no vector instruction.
import type { ScalarOp } from '@nn/core';
import { f32x4, f64x2, i32x4, i64x2, v128 } from '../wasm/index.ts';
import type { EmitContext } from './context.ts';
import type { RegisterDType, Vector } from './registers.ts';
import { narrowVector } from './vector-casts.ts';

export function boolLanes(op: ScalarOp, values: readonly (readonly Vector[])[]): Vector | undefined {
  const [a, b, c] = values.map(([register]) => register);
  switch (op) {
    case 'and':
    case 'mul':
    case 'min':
      return v128.and(a, b);
    case 'or':
    case 'add':
    case 'max':
      return v128.or(a, b);
    case 'xor':
    case 'sub':
      return v128.xor(a, b);
    case 'not':
      return v128.not(a);
    case 'fma':
      return v128.or(v128.and(a, b), c);
    default:
      return undefined;
  }
}

/**
 * NaN if either is: x86 has no instruction for that, and engines write the vector ones as nine. A pseudo-extremum gives its
 * first operand where one is NaN, so that only NaN in the other is left to see to. The sign of a zero is not promised.
 */
function extremum(
  { tier }: EmitContext,
  dtype: 'float32' | 'float64',
  op: 'min' | 'max',
  a: Vector,
  b: Vector,
): Vector {
  const [family, integers] = dtype === 'float32' ? ([f32x4, i32x4] as const) : ([f64x2, i64x2] as const);
  const pseudo = op === 'min' ? family.pmin(b, a) : family.pmax(b, a);
  const select = tier.relaxedSimd ? integers.relaxedLaneselect : v128.bitselect;
  return select(a, pseudo, family.ne(a, a));
}

export function float32Lanes(
  context: EmitContext,
  op: ScalarOp,
  [a, b, c]: readonly Vector[],
): Vector | undefined {
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return f32x4[op](a, b);
    case 'min':
    case 'max':
      return extremum(context, 'float32', op, a, b);
    case 'neg':
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'sqrt':
      return f32x4[op](a);
    case 'round':
      return f32x4.nearest(a);
    case 'fma':
      return context.tier.relaxedSimd ? f32x4.relaxedMadd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
    default:
      return undefined;
  }
}

export function float64Lanes(
  context: EmitContext,
  op: ScalarOp,
  [a, b, c]: readonly Vector[],
): Vector | undefined {
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return f64x2[op](a, b);
    case 'min':
    case 'max':
      return extremum(context, 'float64', op, a, b);
    case 'neg':
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'sqrt':
      return f64x2[op](a);
    case 'round':
      return f64x2.nearest(a);
    case 'fma':
      return context.tier.relaxedSimd ? f64x2.relaxedMadd(a, b, c) : f64x2.add(f64x2.mul(a, b), c);
    default:
      return undefined;
  }
}

export function int32Lanes(
  op: ScalarOp,
  dtype: RegisterDType,
  [a, b, c]: readonly Vector[],
): Vector | undefined {
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
      return narrowVector(dtype, i32x4[op](a, b));
    case 'and':
    case 'or':
    case 'xor':
      return v128[op](a, b);
    case 'min':
      return i32x4.minS(a, b);
    case 'max':
      return i32x4.maxS(a, b);
    case 'neg':
    case 'abs':
      return narrowVector(dtype, i32x4[op](a));
    case 'not':
      return narrowVector(dtype, v128.not(a));
    case 'fma':
      return narrowVector(dtype, i32x4.add(i32x4.mul(a, b), c));
    default:
      return undefined;
  }
}

export function int64Lanes(op: ScalarOp, [a, b, c]: readonly Vector[]): Vector | undefined {
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
      return i64x2[op](a, b);
    case 'and':
    case 'or':
    case 'xor':
      return v128[op](a, b);
    case 'min':
      return v128.bitselect(a, b, i64x2.ltS(a, b));
    case 'max':
      return v128.bitselect(a, b, i64x2.gtS(a, b));
    case 'neg':
    case 'abs':
      return i64x2[op](a);
    case 'not':
      return v128.not(a);
    case 'fma':
      return i64x2.add(i64x2.mul(a, b), c);
    default:
      return undefined;
  }
}
