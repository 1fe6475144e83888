// The accumulator of one output, in scalars.
import { choose, type Expression, f32, f64, f64x2, i32, i32x4, i64, type Local } from '../wasm/index.ts';
import { combiningOps, identity, isBlocked, isLocating } from './accumulate.ts';
import type { EmitContext } from './context.ts';
import { extractLane } from './lanes.ts';
import { lanes, numberType, type RegisterDType } from './registers.ts';
import { scalarOperation } from './scalar-operations.ts';
import type { AccumulatorStructure } from './structure.ts';
import type { Values } from './values.ts';
import type { VectorAccumulator } from './vector-accumulator.ts';

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

  /** What it has at the moment: of a blocked sum, as float64. */
  get value(): Local {
    return this.#best;
  }

  start(): void {
    const { builder } = this.#context;
    const { op, dtype } = this.#structure;
    const first = isBlocked(this.#structure) ? f64.constant(0) : identity(op, dtype);
    builder.set(this.#best, first as Expression<'i32'>);
    if (this.#index !== undefined) builder.set(this.#index, 0);
  }

  /** Adds what the body gave. */
  addFrom(values: Values, position: Expression<'i32'>): void {
    const { builder } = this.#context;
    const { dtype, value, factor } = this.#structure;
    const first = values.scalars[value] as Local;
    if (factor === null) {
      this.add(first, position);
      return;
    }
    const factors = [first, values.scalars[factor] as Local];
    const product = scalarOperation(this.#context, 'mul', dtype, dtype, factors);
    this.add(builder.local(numberType(dtype), product as Expression<'i32'>), position);
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
