// Accumulators of four lanes side by side: parts of one output, or outputs of their own.
import { type Expression, f32x4, f64x2, i32, i32x4, type Local, v128 } from '../wasm/index.ts';
import { combiningOps, identity, isBlocked, isFloatExtremum, isLocating } from './accumulate.ts';
import type { EmitContext } from './context.ts';
import { extractLane, splat, vectorLocals } from './lanes.ts';
import { lanes, numberType, type RegisterDType, type Vector, type VectorLocal } from './registers.ts';
import { scalarOperation } from './scalar-operations.ts';
import type { AccumulatorStructure } from './structure.ts';
import { demote, promote } from './vector-casts.ts';
import {
  compareLanes,
  pseudoExtremum,
  selectLanes,
  setRegisters,
  vectorOperation,
} from './vector-operations.ts';

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

  /** @param notesNaN whether an extremum is NaN where a value is; otherwise those are passed over. */
  constructor(context: EmitContext, structure: AccumulatorStructure, notesNaN = true) {
    this.#context = context;
    this.#structure = structure;
    const { builder } = context;
    this.registers = vectorLocals(builder, structure.dtype);
    this.#nanMask =
      notesNaN && isFloatExtremum(structure) ? vectorLocals(builder, structure.dtype) : undefined;
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

  /** Adds products. */
  addProduct(value: readonly VectorLocal[], factor: readonly VectorLocal[]): void {
    const { dtype } = this.#structure;
    const operands = [value, factor, this.registers].map((registers) => ({
      dtype,
      registers,
      scalar: undefined,
    }));
    setRegisters(
      this.#context.builder,
      this.registers,
      vectorOperation(this.#context, 'fma', dtype, operands),
    );
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
    if (isFloatExtremum(this.#structure) && (op === 'max' || op === 'min')) {
      this.#addExtremum(op, value);
      return;
    }
    const operands = [this.registers, value].map((registers) => ({ dtype, registers, scalar: undefined }));
    setRegisters(builder, this.registers, vectorOperation(this.#context, combiningOps[op], dtype, operands));
  }

  /** The pseudo-maximum is one instruction, but takes NaN for less than anything: those are noted apart. */
  #addExtremum(op: 'max' | 'min', value: readonly VectorLocal[]): void {
    const { builder } = this.#context;
    const dtype = this.#structure.dtype as 'float32' | 'float64';
    const lanesOf = dtype === 'float32' ? f32x4 : f64x2;
    setRegisters(builder, this.registers, pseudoExtremum(op, dtype, this.registers, value));
    for (const [part, mask] of (this.#nanMask ?? []).entries())
      builder.set(mask, v128.or(mask, lanesOf.ne(value[part], value[part])));
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

/**
 * The best of all lanes so far, where positions of a maximum or minimum are looked for: vectors without anything better
 * need no more than a comparison, and soon almost all are.
 */
export class BestSoFar {
  readonly #context: EmitContext;
  readonly #structure: AccumulatorStructure;
  readonly #bound: readonly VectorLocal[];

  private constructor(context: EmitContext, structure: AccumulatorStructure) {
    const { op, dtype } = structure;
    this.#context = context;
    this.#structure = structure;
    this.#bound = vectorLocals(context.builder, dtype);
    setRegisters(context.builder, this.#bound, splat(dtype, identity(op, dtype)));
  }

  /** Undefined where accumulators look for something else, or for several things. */
  static of(context: EmitContext, accumulators: readonly AccumulatorStructure[]): BestSoFar | undefined {
    const [first, ...others] = accumulators;
    if (first === undefined || !isLocating(first.op)) return undefined;
    const value = first.op === 'argmax' ? 'max' : 'min';
    const isOne = others.every(
      ({ op, value: of }) => of === first.value && (op === first.op || op === value),
    );
    return isOne ? new BestSoFar(context, first) : undefined;
  }

  /**
   * Accumulates vectors where one of their elements may be better than all before (or is NaN).
   *
   * @param accumulated what accumulators then have in their lanes.
   */
  update(
    values: readonly (readonly VectorLocal[])[],
    accumulate: () => void,
    accumulated: () => readonly (readonly VectorLocal[])[],
  ): void {
    const { builder } = this.#context;
    const { op, dtype } = this.#structure;
    const areNoBetter = values
      .map((value): Vector => {
        const [low, high] = op === 'argmax' ? [value, this.#bound] : [this.#bound, value];
        return compareLanes('le', dtype, low, high);
      })
      .reduce((a, b) => v128.and(a, b));
    builder.if(i32.eqz(i32x4.allTrue(areNoBetter)), () =>
      builder.scope(() => {
        accumulate();
        this.#raise(accumulated());
      }),
    );
  }

  #raise(found: readonly (readonly VectorLocal[])[]): void {
    const { builder } = this.#context;
    const { op, dtype } = this.#structure;
    const combining = op === 'argmax' ? 'max' : 'min';
    const best = vectorLocals(builder, dtype);
    setRegisters(builder, best, found[0]);
    for (const registers of found.slice(1)) {
      const operands = [best, registers].map((each) => ({ dtype, registers: each, scalar: undefined }));
      setRegisters(builder, best, vectorOperation(this.#context, combining, dtype, operands));
    }
    const type = numberType(dtype);
    const lane = (at: number): Local =>
      builder.local(type, extractLane(dtype, best, at) as Expression<'i32'>);
    let greatest = lane(0);
    for (let at = 1; at < lanes; at++) {
      const combined = scalarOperation(this.#context, combining, dtype, dtype, [greatest, lane(at)]);
      greatest = builder.local(type, combined as Expression<'i32'>);
    }
    setRegisters(builder, this.#bound, splat(dtype, greatest));
  }
}
