// Lanes of a vector value as scalars, and back; and which vectors are computed together.
import {
  type Expression,
  type FunctionBuilder,
  f32x4,
  f64x2,
  i32,
  i32x4,
  i64x2,
  type Local,
} from '../wasm/index.ts';
import { lanes, numberType, type RegisterDType, type Vector, type VectorLocal } from './registers.ts';
import { registersOf } from './vector-casts.ts';

/** One lane as a scalar: 0 or 1 for bool. */
export function extractLane(dtype: RegisterDType, value: readonly Vector[], lane: number): Expression {
  switch (numberType(dtype)) {
    case 'i32': {
      const word = i32x4.extractLane(value[0], lane);
      return dtype === 'bool' ? i32.and(word, 1) : word;
    }
    case 'f32':
      return f32x4.extractLane(value[0], lane);
    case 'i64':
      return i64x2.extractLane(value[lane >> 1], lane & 1);
    case 'f64':
      return f64x2.extractLane(value[lane >> 1], lane & 1);
  }
}

/** Puts a scalar into one lane of a value held in locals. */
export function replaceLane(
  builder: FunctionBuilder,
  dtype: RegisterDType,
  value: readonly VectorLocal[],
  lane: number,
  scalar: Expression,
): void {
  const wide = registersOf(dtype) === 2;
  const register = value[wide ? lane >> 1 : 0];
  switch (numberType(dtype)) {
    case 'i32': {
      const word = scalar as Expression<'i32'>;
      builder.set(register, i32x4.replaceLane(register, lane, dtype === 'bool' ? i32.sub(0, word) : word));
      break;
    }
    case 'f32':
      builder.set(register, f32x4.replaceLane(register, lane, scalar as Expression<'f32'>));
      break;
    case 'i64':
      builder.set(register, i64x2.replaceLane(register, lane & 1, scalar as Expression<'i64'>));
      break;
    case 'f64':
      builder.set(register, f64x2.replaceLane(register, lane & 1, scalar as Expression<'f64'>));
      break;
  }
}

/** A scalar in all lanes. */
export function splat(dtype: RegisterDType, scalar: Expression): readonly Vector[] {
  switch (numberType(dtype)) {
    case 'i32': {
      const word = scalar as Expression<'i32'>;
      return [i32x4.splat(dtype === 'bool' ? i32.sub(0, word) : word)];
    }
    case 'f32':
      return [f32x4.splat(scalar as Expression<'f32'>)];
    case 'i64': {
      const vector = i64x2.splat(scalar as Expression<'i64'>);
      return [vector, vector];
    }
    case 'f64': {
      const vector = f64x2.splat(scalar as Expression<'f64'>);
      return [vector, vector];
    }
  }
}

/** Vectors that take turns step by step, at most: more have too few registers. */
const mostInTurns = 4;

/** The numbers of vectors side by side, those together that take turns, `most` of them. */
export function turnsOf(copies: number, most: number = mostInTurns): readonly (readonly number[])[] {
  return Array.from({ length: Math.ceil(copies / most) }, (_, turn) => {
    const first = turn * most;
    return Array.from({ length: Math.min(most, copies - first) }, (_, at) => first + at);
  });
}

/** Locals for a vector value of the dtype. */
export function vectorLocals(builder: FunctionBuilder, dtype: RegisterDType): VectorLocal[] {
  return builder.locals('v128', registersOf(dtype));
}

/** Computes each lane by a function of the operands' lanes. */
export function laneByLane(
  builder: FunctionBuilder,
  dtype: RegisterDType,
  operandDTypes: readonly RegisterDType[],
  operands: readonly (readonly Vector[])[],
  compute: (scalars: readonly Local[]) => Expression,
): readonly VectorLocal[] {
  const result = vectorLocals(builder, dtype);
  for (let lane = 0; lane < lanes; lane++) {
    builder.scope(() => {
      const scalars = operands.map((value, at) =>
        builder.local(numberType(operandDTypes[at]), extractLane(operandDTypes[at], value, lane)),
      );
      replaceLane(builder, dtype, result, lane, compute(scalars));
    });
  }
  return result;
}
