// Scalar instructions of the language, four elements at a time. Where WebAssembly has no vector instruction the
// lanes are computed one by one, so that every instruction can be part of a vectorised kernel.
import type { ScalarOp } from '@nn/core';
import {
  type Expression,
  type FunctionBuilder,
  f32x4,
  f64x2,
  i32,
  i32x4,
  i64x2,
  type Local,
  v128,
} from '../wasm/index.ts';
import type { EmitContext } from './context.ts';
import { laneByLane } from './lanes.ts';
import { vectorPhilox } from './philox.ts';
import { numberType, type RegisterDType, type Vector, type VectorLocal } from './registers.ts';
import { scalarOperation } from './scalar-operations.ts';
import { boolLanes, float32Lanes, float64Lanes, int32Lanes, int64Lanes } from './vector-arithmetic.ts';
import { castVector, joinMask, narrowVector, registersOf, splitMask } from './vector-casts.ts';

export interface VectorOperand {
  readonly dtype: RegisterDType;
  readonly registers: readonly VectorLocal[];
  /** The same value as a scalar, when all lanes are equal. */
  readonly scalar: Local | undefined;
}

type Registers = readonly Vector[];

/** An instruction on values held in locals; gives one register, or two for 64-bit dtypes. */
export function vectorOperation(
  context: EmitContext,
  op: ScalarOp,
  dtype: RegisterDType,
  operands: readonly VectorOperand[],
): Registers {
  return direct(context, op, dtype, operands) ?? onLanes(context, op, dtype, operands);
}

function onLanes(
  context: EmitContext,
  op: ScalarOp,
  dtype: RegisterDType,
  operands: readonly VectorOperand[],
): Registers {
  const dtypes = operands.map((operand) => operand.dtype);
  return laneByLane(
    context.builder,
    dtype,
    dtypes,
    operands.map((operand) => operand.registers),
    (scalars) => scalarOperation(context, op, dtype, dtypes[dtypes.length - 1], scalars),
  );
}

function direct(
  context: EmitContext,
  op: ScalarOp,
  dtype: RegisterDType,
  operands: readonly VectorOperand[],
): Registers | undefined {
  const values = operands.map((operand) => operand.registers);
  const from = operands[operands.length - 1].dtype;
  switch (op) {
    case 'where':
      return selectLanes(context, dtype, values[0][0], values[1], values[2]);
    case 'cast':
      return castVector(from, dtype, values[0]);
    case 'bitcast':
      return numberType(from) === 'i32' && numberType(dtype) === 'i32'
        ? [narrowVector(dtype, values[0][0])]
        : values[0];
    case 'philox':
      return [
        vectorPhilox(
          context.builder,
          values.map(([register]) => register),
        ),
      ];
    case 'eq':
    case 'ne':
    case 'lt':
    case 'le':
      return [compareLanes(op, from, values[0], values[1])];
    case 'shiftLeft':
    case 'shiftRight':
    case 'shiftRightUnsigned':
      return shiftLanes(op, dtype, values[0], operands[1]);
    default:
  }
  if (dtype === 'bool') return wrap(boolLanes(op, values));
  switch (numberType(dtype)) {
    case 'f32':
      return wrap(float32Lanes(context, op, values.map(([register]) => register) as Vector[]));
    case 'i32':
      return wrap(int32Lanes(op, dtype, values.map(([register]) => register) as Vector[]));
    case 'f64':
      return pairwise(values, (registers) => float64Lanes(context, op, registers));
    case 'i64':
      return pairwise(values, (registers) => int64Lanes(op, registers));
  }
}

function wrap(value: Vector | undefined): Registers | undefined {
  return value === undefined ? undefined : [value];
}

function pairwise(
  values: readonly Registers[],
  compute: (registers: Vector[]) => Vector | undefined,
): Registers | undefined {
  const low = compute(values.map((registers) => registers[0]));
  const high = compute(values.map((registers) => registers[1]));
  return low === undefined || high === undefined ? undefined : [low, high];
}

/** Lanes of `a` where the mask is set, of `b` elsewhere. */
export function selectLanes(
  { tier }: EmitContext,
  dtype: RegisterDType,
  mask: VectorLocal,
  a: Registers,
  b: Registers,
): Registers {
  // The relaxed selection is one instruction, and the same on masks of whole lanes.
  if (registersOf(dtype) === 1)
    return [tier.relaxedSimd ? i32x4.relaxedLaneselect(a[0], b[0], mask) : v128.bitselect(a[0], b[0], mask)];
  const select = tier.relaxedSimd ? i64x2.relaxedLaneselect : v128.bitselect;
  return splitMask(mask).map((half, part) => select(a[part], b[part], half));
}

/** Of floats: `b < a ? b : a` for 'min', `a < b ? b : a` for 'max', in one instruction. */
export function pseudoExtremum(
  op: 'min' | 'max',
  dtype: 'float32' | 'float64',
  a: Registers,
  b: Registers,
): Registers {
  const family = dtype === 'float32' ? f32x4 : f64x2;
  const extremum = op === 'min' ? family.pmin : family.pmax;
  return a.map((register, part) => extremum(register, b[part]));
}

/** The mask of lanes that compare so. */
export function compareLanes(
  op: 'eq' | 'ne' | 'lt' | 'le',
  dtype: RegisterDType,
  a: Registers,
  b: Registers,
): Vector {
  if (dtype === 'bool') return compareMasks(op, a[0], b[0]);
  const signed = { eq: 'eq', ne: 'ne', lt: 'ltS', le: 'leS' } as const;
  switch (numberType(dtype)) {
    case 'f32':
      return f32x4[op](a[0], b[0]);
    case 'i32':
      return i32x4[signed[op]](a[0], b[0]);
    case 'f64':
      return joinMask(f64x2[op](a[0], b[0]), f64x2[op](a[1], b[1]));
    case 'i64':
      return joinMask(i64x2[signed[op]](a[0], b[0]), i64x2[signed[op]](a[1], b[1]));
  }
}

function compareMasks(op: 'eq' | 'ne' | 'lt' | 'le', a: Vector, b: Vector): Vector {
  switch (op) {
    case 'eq':
      return v128.not(v128.xor(a, b));
    case 'ne':
      return v128.xor(a, b);
    case 'lt':
      return v128.andnot(b, a);
    case 'le':
      return v128.or(v128.not(a), b);
  }
}

function shiftLanes(
  op: 'shiftLeft' | 'shiftRight' | 'shiftRightUnsigned',
  dtype: RegisterDType,
  value: Registers,
  count: VectorOperand,
): Registers | undefined {
  if (count.scalar === undefined || dtype === 'bool') return undefined;
  const names = { shiftLeft: 'shl', shiftRight: 'shrS', shiftRightUnsigned: 'shrU' } as const;
  if (dtype === 'int64') {
    const bits = i32.wrapI64(count.scalar as Expression<'i64'>);
    return value.map((register) => i64x2[names[op]](register, bits));
  }
  const given = count.scalar as Expression<'i32'>;
  const width = dtype === 'int32' ? 32 : dtype === 'int16' ? 16 : 8;
  const bits = width === 32 ? given : i32.and(given, width - 1);
  if (op === 'shiftRightUnsigned' && dtype !== 'int32') {
    const mask = dtype === 'int16' ? 0xffff : 0xff;
    return [narrowVector(dtype, i32x4.shrU(v128.and(value[0], i32x4.constant(mask)), bits))];
  }
  return [narrowVector(dtype, i32x4[names[op]](value[0], bits))];
}

/** Sets locals to the registers of a value. */
export function setRegisters(
  builder: FunctionBuilder,
  locals: readonly VectorLocal[],
  registers: Registers,
): void {
  registers.forEach((register, part) => {
    builder.set(locals[part], register);
  });
}
