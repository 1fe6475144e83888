// Accumulators of reductions, in scalars and in vectors.
//
// Sums of float32 are blocked: a lane adds up to a few hundred values as float32, which then go to a float64 sum.
// The error is that of the short sums, and a mean of 20 million ones is 1.
import type { ReduceOp } from '@nn/core';
import {
  choose,
  type Expression,
  f32,
  f32x4,
  f64,
  f64x2,
  i32,
  i32x4,
  i64,
  type Local,
  v128,
} from '../wasm/index.ts';
import type { EmitContext } from './context.ts';
import { extractLane, splat, vectorLocals } from './lanes.ts';
import { lanes, numberType, type RegisterDType, type Vector, type VectorLocal } from './registers.ts';
import { scalarOperation } from './scalar-operations.ts';
import { constant } from './steps.ts';
import type { AccumulatorStructure } from './structure.ts';
import { demote, promote } from './vector-casts.ts';
import {
  compareLanes,
  pseudoExtremum,
  selectLanes,
  setRegisters,
  vectorOperation,
} from './vector-operations.ts';

const integerRanges: { readonly [D in RegisterDType]?: readonly [number | bigint, number | bigint] } = {
  bool: [0, 1],
  uint8: [0, 0xff],
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  int32: [-0x80000000, 0x7fffffff],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** What leaves the other operand as it is. */
function identity(op: ReduceOp, dtype: RegisterDType): Expression {
  const [least, greatest] = integerRanges[dtype] ?? [-Infinity, Infinity];
  switch (op) {
    case 'sum':
      return constant(dtype, 0);
    case 'prod':
      return constant(dtype, 1);
    case 'max':
    case 'argmax':
      return constant(dtype, least);
    case 'min':
    case 'argmin':
      return constant(dtype, greatest);
  }
}

const combiningOps = { sum: 'add', prod: 'mul', max: 'max', min: 'min' } as const;

export function isLocating(op: ReduceOp): op is 'argmax' | 'argmin' {
  return op === 'argmax' || op === 'argmin';
}

function isFloatExtremum({ op, dtype }: AccumulatorStructure): boolean {
  return (op === 'max' || op === 'min') && (dtype === 'float32' || dtype === 'float64');
}

/** Whether a sum goes through float64 from time to time. */
export function isBlocked({ op, dtype }: AccumulatorStructure): boolean {
  return op === 'sum' && dtype === 'float32';
}

/** The accumulator of one output, or of what vectors leave over. */
export class ScalarAccumulator {
  readonly #context: EmitContext;
  readonly #structure: AccumulatorStructure;
  readonly #best: Local;
  readonly #index: Local<'i32'> | undefined;

  constructor(context: EmitContext, structure: AccumulatorStructure) {
    this.#context = context;
    this.#structure = structure;
    const { builder } = context;
    this.#best = builder.local(isBlocked(structure) ? 'f64' : numberType(structure.dtype));
    this.#index = isLocating(structure.op) ? builder.local('i32') : undefined;
  }

  start(): void {
    const { builder } = this.#context;
    const { op, dtype } = this.#structure;
    const first = isBlocked(this.#structure) ? f64.constant(0) : identity(op, dtype);
    builder.set(this.#best, first as Expression<'i32'>);
    if (this.#index !== undefined) builder.set(this.#index, 0);
  }

  add(value: Local, position: Expression<'i32'>): void {
    const { builder } = this.#context;
    const { op, dtype } = this.#structure;
    const best = this.#best;
    if (isLocating(op)) {
      const index = this.#index as Local<'i32'>;
      builder.if(isBetter(op, dtype, value, best, position, index), () => {
        builder.set(best, value as Expression<'i32'>);
        builder.set(index, position);
      });
    } else if (isBlocked(this.#structure)) {
      const sum = best as Local<'f64'>;
      builder.set(sum, f64.add(sum, f64.promoteF32(value as Expression<'f32'>)));
    } else {
      const combined = scalarOperation(this.#context, combiningOps[op], dtype, dtype, [best, value]);
      builder.set(best, combined as Expression<'i32'>);
    }
  }

  /** Adds the lanes of a vector accumulator. */
  addLanes(vector: VectorAccumulator): void {
    const { builder } = this.#context;
    const { dtype } = this.#structure;
    const { registers, sums, index } = vector;
    if (sums !== undefined) {
      const sum = this.#best as Local<'f64'>;
      const both = builder.local('v128', f64x2.add(sums[0], sums[1]));
      builder.set(sum, f64.add(sum, f64.add(f64x2.extractLane(both, 0), f64x2.extractLane(both, 1))));
      return;
    }
    vector.settle();
    for (let lane = 0; lane < lanes; lane++) {
      builder.scope(() => {
        const value = builder.local(
          numberType(dtype),
          extractLane(dtype, registers, lane) as Expression<'i32'>,
        );
        this.add(value, index === undefined ? i32.constant(0) : i32x4.extractLane(index, lane));
      });
    }
  }

  result(): Local {
    const { builder } = this.#context;
    if (this.#index !== undefined) return this.#index;
    if (!isBlocked(this.#structure)) return this.#best;
    return builder.local('f32', f32.demoteF64(this.#best as Local<'f64'>));
  }
}

/** Whether a value at a position beats the best one so far: NaN beats all, the first of equals wins. */
function isBetter(
  op: 'argmax' | 'argmin',
  dtype: RegisterDType,
  value: Expression,
  best: Expression,
  position: Expression<'i32'>,
  index: Expression<'i32'>,
): Expression<'i32'> {
  const isEarlier = i32.ltU(position, index);
  switch (numberType(dtype)) {
    case 'f32': {
      const a = value as Expression<'f32'>;
      const b = best as Expression<'f32'>;
      const beats = op === 'argmax' ? f32.gt(a, b) : f32.lt(a, b);
      return floatBetter(beats, f32.ne(a, a), f32.ne(b, b), f32.eq(a, b), isEarlier);
    }
    case 'f64': {
      const a = value as Expression<'f64'>;
      const b = best as Expression<'f64'>;
      const beats = op === 'argmax' ? f64.gt(a, b) : f64.lt(a, b);
      return floatBetter(beats, f64.ne(a, a), f64.ne(b, b), f64.eq(a, b), isEarlier);
    }
    case 'i64': {
      const a = value as Expression<'i64'>;
      const b = best as Expression<'i64'>;
      const beats = op === 'argmax' ? i64.gtS(a, b) : i64.ltS(a, b);
      return i32.or(beats, i32.and(i64.eq(a, b), isEarlier));
    }
    case 'i32': {
      const a = value as Expression<'i32'>;
      const b = best as Expression<'i32'>;
      const beats = op === 'argmax' ? i32.gtS(a, b) : i32.ltS(a, b);
      return i32.or(beats, i32.and(i32.eq(a, b), isEarlier));
    }
  }
}

function floatBetter(
  beats: Expression<'i32'>,
  valueIsNaN: Expression<'i32'>,
  bestIsNaN: Expression<'i32'>,
  equal: Expression<'i32'>,
  isEarlier: Expression<'i32'>,
): Expression<'i32'> {
  const ties = choose(valueIsNaN, bestIsNaN, equal);
  const wins = choose(valueIsNaN, i32.eqz(bestIsNaN), beats);
  return i32.or(wins, i32.and(ties, isEarlier));
}

/** Four lanes that accumulate side by side. */
export class VectorAccumulator {
  readonly registers: readonly VectorLocal[];
  /** The float64 sums of a blocked sum. */
  readonly sums: readonly VectorLocal[] | undefined;
  readonly index: VectorLocal | undefined;
  /** Of a float's max or min: lanes that have seen NaN. All ones are a NaN themselves. */
  readonly #nanMask: readonly VectorLocal[] | undefined;
  readonly #context: EmitContext;
  readonly #structure: AccumulatorStructure;

  constructor(context: EmitContext, structure: AccumulatorStructure) {
    this.#context = context;
    this.#structure = structure;
    const { builder } = context;
    this.registers = vectorLocals(builder, structure.dtype);
    this.#nanMask = isFloatExtremum(structure) ? vectorLocals(builder, structure.dtype) : undefined;
    this.sums = isBlocked(structure) ? builder.locals('v128', 2) : undefined;
    this.index = isLocating(structure.op) ? builder.local('v128') : undefined;
  }

  start(): void {
    const { builder } = this.#context;
    const { op, dtype } = this.#structure;
    setRegisters(builder, this.registers, splat(dtype, identity(op, dtype)));
    for (const sum of this.sums ?? []) builder.set(sum, f64x2.constant(0));
    for (const mask of this.#nanMask ?? []) builder.set(mask, i32x4.constant(0));
    if (this.index !== undefined) builder.set(this.index, i32x4.constant(0));
  }

  /** `positions` holds each lane's position among the reduced coordinates. */
  add(value: readonly VectorLocal[], positions: Vector | undefined): void {
    const { builder } = this.#context;
    const { op, dtype } = this.#structure;
    if (isLocating(op)) {
      const index = this.index as VectorLocal;
      const better = builder.local('v128', beatsLanes(op, dtype, value, this.registers));
      setRegisters(builder, this.registers, selectLanes(this.#context, dtype, better, value, this.registers));
      builder.set(index, selectLanes(this.#context, 'int32', better, [positions as Vector], [index])[0]);
      return;
    }
    if (this.#nanMask !== undefined && (op === 'max' || op === 'min')) {
      this.#addExtremum(op, value, this.#nanMask);
      return;
    }
    const operands = [this.registers, value].map((registers) => ({ dtype, registers, scalar: undefined }));
    setRegisters(builder, this.registers, vectorOperation(this.#context, combiningOps[op], dtype, operands));
  }

  /** The pseudo-maximum is one instruction, but takes NaN for less than anything: those are noted apart. */
  #addExtremum(op: 'max' | 'min', value: readonly VectorLocal[], nanMask: readonly VectorLocal[]): void {
    const { builder } = this.#context;
    const dtype = this.#structure.dtype as 'float32' | 'float64';
    const lanesOf = dtype === 'float32' ? f32x4 : f64x2;
    setRegisters(builder, this.registers, pseudoExtremum(op, dtype, this.registers, value));
    for (const [part, register] of value.entries()) {
      builder.set(nanMask[part], v128.or(nanMask[part], lanesOf.ne(register, register)));
    }
  }

  /** Puts NaN where one was seen. */
  settle(): void {
    for (const [part, mask] of (this.#nanMask ?? []).entries())
      this.#context.builder.set(this.registers[part], v128.or(this.registers[part], mask));
  }

  /** Moves a blocked sum's float32 lanes to its float64 sums. */
  flush(): void {
    if (this.sums === undefined) return;
    const { builder } = this.#context;
    const [register] = this.registers;
    const [low, high] = promote(register);
    builder.set(this.sums[0], f64x2.add(this.sums[0], low));
    builder.set(this.sums[1], f64x2.add(this.sums[1], high));
    builder.set(register, f32x4.constant(0));
  }

  /** Takes over what another vector accumulated, flushed sums apart. */
  absorb(other: VectorAccumulator): void {
    const { builder } = this.#context;
    const { op, dtype } = this.#structure;
    if (!isLocating(op)) {
      other.settle();
      this.add(other.registers, undefined);
      setRegisters(builder, other.registers, splat(dtype, identity(op, dtype)));
      return;
    }
    throw new TypeError('cpu: positions are absorbed lane by lane.');
  }

  /** Each lane's result, when lanes are different outputs. */
  result(): readonly VectorLocal[] {
    if (this.index !== undefined) return [this.index];
    this.settle();
    if (this.sums === undefined) return this.registers;
    this.flush();
    this.#context.builder.set(this.registers[0], demote(this.sums[0], this.sums[1]));
    return this.registers;
  }
}

/**
 * Lanes whose value beats the best so far; positions only grow, so equal ones never do. Of floats: where it is not at
 * most the best (or NaN), and the best is not NaN.
 */
function beatsLanes(
  op: 'argmax' | 'argmin',
  dtype: RegisterDType,
  value: readonly VectorLocal[],
  best: readonly VectorLocal[],
): Vector {
  const [low, high] = op === 'argmax' ? [value, best] : [best, value];
  const isNoBetter = compareLanes('le', dtype, low, high);
  if (dtype !== 'float32' && dtype !== 'float64') return v128.not(isNoBetter);
  return v128.andnot(compareLanes('eq', dtype, best, best), isNoBetter);
}
