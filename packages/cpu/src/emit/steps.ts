// Writes the code of steps, as scalars or as vectors, and keeps the locals that hold their values.
import type { Value } from '@nn/core';
import { choose, type Expression, i32, i32x4, type Local } from '../wasm/index.ts';
import { loadScalar, storeScalar } from './access.ts';
import type { EmitContext } from './context.ts';
import { laneByLane, splat, vectorLocals } from './lanes.ts';
import { constant } from './literal.ts';
import { numberType, type RegisterDType, type VectorLocal } from './registers.ts';
import { castScalar } from './scalar-casts.ts';
import { scalarOperation } from './scalar-operations.ts';
import {
  dependency,
  type RecordLayout,
  type Step,
  type StoreStructure,
  type Structure,
} from './structure.ts';
import type { Positions, Values } from './values.ts';
import { type LaneGeometry, scalarCondition, VectorAccess } from './vector-access.ts';
import { castVector } from './vector-casts.ts';
import { pseudoExtremum, setRegisters, vectorOperation } from './vector-operations.ts';

/** The reduction's results at the present coordinate. */
export interface Results {
  readonly scalars?: readonly Local[];
  readonly vectors?: readonly (readonly VectorLocal[])[];
}

export class StepWriter {
  readonly context: EmitContext;
  readonly structure: Structure;
  /** Set while code is written for rows that are looked up and known to be there as a whole. */
  rowsAreInside = false;
  readonly #layout: RecordLayout;
  readonly #record: Local<'i32'>;
  readonly #access: VectorAccess;

  constructor(
    context: EmitContext,
    structure: Structure,
    layout: RecordLayout,
    record: Local<'i32'>,
    geometry: LaneGeometry,
  ) {
    this.context = context;
    this.structure = structure;
    this.#layout = layout;
    this.#record = record;
    this.#access = new VectorAccess(context, structure, geometry);
  }

  word(index: number): Expression<'i32'> {
    return i32.load(this.#record, index * 4);
  }

  /** Computes a step as a scalar. */
  scalar(steps: readonly Step[], at: Value, values: Values, positions: Positions, results: Results): void {
    const step = steps[at];
    const { builder } = this.context;
    values.scalars[at] = builder.local(
      numberType(step.dtype),
      this.#scalarExpression(steps, step, values, positions, results) as Expression<'i32'>,
    );
  }

  /** Makes a vector of a scalar. */
  splat(steps: readonly Step[], at: Value, values: Values): readonly VectorLocal[] {
    const known = values.vectors[at];
    if (known !== undefined) return known;
    const { builder } = this.context;
    const { dtype } = steps[at];
    const [register] = splat(dtype, values.scalars[at] as Local);
    const held = builder.local('v128', register);
    const vector = splat(dtype, values.scalars[at] as Local).map(() => held);
    values.vectors[at] = vector;
    return vector;
  }

  /** Computes a step as vector number `copy` of those in flight. */
  vector(
    steps: readonly Step[],
    at: Value,
    values: Values,
    positions: Positions,
    results: Results,
    copy: number,
  ): void {
    const step = steps[at];
    const { builder } = this.context;
    switch (step.kind) {
      case 'load':
        values.vectors[at] = this.#access.load(step, values, positions, copy);
        return;
      case 'gather': {
        const [arg] = step.args;
        const place = placeInRow(this.structure, steps, step);
        if (place !== undefined && this.rowsAreInside) {
          const first = firstInRow(place, values, positions);
          values.vectors[at] = this.#access.row(step, first, positions, copy);
          return;
        }
        const index = this.#converted(steps[arg].dtype, 'int32', this.splat(steps, arg, values))[0];
        const last = i32.sub(this.word(this.#layout.sizes + step.size), 1);
        values.vectors[at] = this.#access.gather(
          step,
          values,
          positions,
          copy,
          index,
          last,
          place !== undefined,
        );
        return;
      }
      case 'result':
        values.vectors[at] = results.vectors?.[step.index];
        return;
      case 'index': {
        const numbers = builder.local('v128', this.#access.laneNumbers(step.cursor, positions, copy));
        values.vectors[at] = this.#converted('int32', step.dtype, [numbers]);
        return;
      }
      case 'guard': {
        const numbers = this.#access.laneNumbers(step.cursor, positions, copy);
        const size = i32x4.splat(this.word(this.#layout.sizes + step.size));
        values.vectors[at] = [builder.local('v128', i32x4.ltU(numbers, size))];
        return;
      }
      case 'operation': {
        const operands = step.args.map((arg) => ({
          dtype: steps[arg].dtype,
          registers: this.splat(steps, arg, values),
          scalar: values.scalars[arg],
        }));
        const registers =
          this.#extremum(steps, step, values) ?? vectorOperation(this.context, step.op, step.dtype, operands);
        const held = vectorLocals(builder, step.dtype);
        setRegisters(builder, held, registers);
        values.vectors[at] = held;
        return;
      }
      default:
        throw new TypeError(`cpu: a ${step.kind} is the same in all lanes.`);
    }
  }

  /** A selection between the two floats that its condition compares is their minimum or maximum. */
  #extremum(
    steps: readonly Step[],
    step: Step & { readonly kind: 'operation' },
    values: Values,
  ): readonly Expression<'v128'>[] | undefined {
    if (step.op !== 'where' || (step.dtype !== 'float32' && step.dtype !== 'float64')) return undefined;
    const [condition, whenTrue, whenFalse] = step.args;
    const compared = steps[condition];
    if (compared.kind !== 'operation' || compared.op !== 'lt') return undefined;
    const [low, high] = compared.args;
    const vector = (value: Value): readonly VectorLocal[] => this.splat(steps, value, values);
    if (whenTrue === low && whenFalse === high)
      return pseudoExtremum('min', step.dtype, vector(high), vector(low));
    if (whenTrue === high && whenFalse === low)
      return pseudoExtremum('max', step.dtype, vector(low), vector(high));
    return undefined;
  }

  storeVector(
    store: StoreStructure,
    steps: readonly Step[],
    values: Values,
    positions: Positions,
    copy: number,
  ): void {
    this.splat(steps, store.value, values);
    this.#access.store(store, values, positions, copy);
  }

  storeScalar(store: StoreStructure, values: Values, positions: Positions): void {
    const { builder } = this.context;
    const write = (): void =>
      builder.emit(
        storeScalar(
          store.storage,
          positions[store.cursor],
          values.scalars[store.value] as Local,
          store.displacement,
        ),
      );
    const condition = scalarCondition(store.guards, values);
    if (condition === undefined) write();
    else builder.if(condition, write);
  }

  #scalarExpression(
    steps: readonly Step[],
    step: Step,
    values: Values,
    positions: Positions,
    results: Results,
  ): Expression {
    switch (step.kind) {
      case 'constant':
        return constant(step.dtype, step.value);
      case 'slot':
        return loadScalar(step.dtype, this.#record, (this.#layout.slots + step.slot * 2) * 4);
      case 'index':
        return castScalar('int32', step.dtype, positions[step.cursor]);
      case 'guard':
        return i32.ltU(positions[step.cursor], this.word(this.#layout.sizes + step.size));
      case 'load': {
        const load = loadScalar(step.storage, positions[step.cursor], step.displacement);
        const condition = scalarCondition(step.guards, values);
        return condition === undefined ? load : choose(condition, load, constant(step.dtype, 0));
      }
      case 'gather': {
        const load = loadScalar(step.storage, this.#gatherAddress(step, steps, values, positions));
        const condition = scalarCondition(step.guards, values);
        return condition === undefined ? load : choose(condition, load, constant(step.dtype, 0));
      }
      case 'result': {
        const result = results.scalars?.[step.index];
        if (result === undefined) throw new TypeError(`cpu: there is no result ${step.index}.`);
        return result;
      }
      case 'operation': {
        const operands = step.args.map((arg) => values.scalars[arg] as Local);
        const last = step.args[step.args.length - 1];
        return scalarOperation(this.context, step.op, step.dtype, steps[last].dtype, operands);
      }
    }
  }

  #gatherAddress(
    step: Step & { readonly kind: 'gather' },
    steps: readonly Step[],
    values: Values,
    positions: Positions,
  ): Expression<'i32'> {
    const { builder } = this.context;
    const [arg] = step.args;
    const given = castScalar(steps[arg].dtype, 'int32', values.scalars[arg] as Local) as Expression<'i32'>;
    const index = builder.local('i32', given);
    const last = builder.local('i32', i32.sub(this.word(this.#layout.sizes + step.size), 1));
    builder.if(i32.gtS(index, last), () => builder.set(index, last));
    builder.if(i32.ltS(index, 0), () => builder.set(index, 0));
    const { elementBytes } = this.structure.cursors[step.cursor];
    return i32.add(positions[step.cursor], i32.mul(index, elementBytes));
  }

  #converted(
    from: RegisterDType,
    to: RegisterDType,
    registers: readonly VectorLocal[],
  ): readonly VectorLocal[] {
    const { builder } = this.context;
    const converted = castVector(from, to, registers);
    if (converted === undefined) {
      return laneByLane(builder, to, [from], [registers], ([scalar]) => castScalar(from, to, scalar));
    }
    const held = vectorLocals(builder, to);
    setRegisters(builder, held, converted);
    return held;
  }
}

/** Where the lanes of a gather lie next to each other, as in a row of a table that is looked up. */
export interface PlaceInRow {
  /** What all lanes share: where the row starts. */
  readonly row: Value;
  /** The cursor that counts the elements in it. */
  readonly column: number;
}

/** Of a gather whose index is the sum of what all lanes share and a number that counts them. */
export function placeInRow(
  { cursors }: Structure,
  steps: readonly Step[],
  { args: [index], guards, cursor }: Step & { readonly kind: 'gather' },
): PlaceInRow | undefined {
  const sum = steps[index];
  if (guards.length > 0 || sum.kind !== 'operation' || sum.op !== 'add' || sum.dtype !== 'int32')
    return undefined;
  if (cursors[cursor].lane !== 'zero') return undefined;
  for (const [row, other] of [sum.args, sum.args.toReversed()]) {
    const column = steps[other];
    if ((steps[row].depends & dependency.lane) !== 0 || column.kind !== 'index') continue;
    if (cursors[column.cursor].lane === 'counting') return { row, column: column.cursor };
  }
  return undefined;
}

/** The index of lane 0. */
export function firstInRow(
  { row, column }: PlaceInRow,
  values: Values,
  positions: Positions,
): Expression<'i32'> {
  return i32.add(values.scalars[row] as Local<'i32'>, positions[column]);
}
