// Writes the code of steps, as scalars or as vectors, and keeps the locals that hold their values.
import type { Value } from '@nn/core';
import { choose, type Expression, f32, f64, i32, i32x4, i64, type Local, v128 } from '../wasm/index.ts';
import {
  loadMasked,
  loadScalar,
  loadScattered,
  loadStrided,
  loadVector,
  reverseLanes,
  storeScalar,
  storeStrided,
  storeVector,
} from './access.ts';
import type { EmitContext } from './context.ts';
import { laneByLane, splat, vectorLocals } from './lanes.ts';
import { lanes, numberType, type RegisterDType, type VectorLocal } from './registers.ts';
import { castScalar } from './scalar-casts.ts';
import { scalarOperation } from './scalar-operations.ts';
import type { RecordLayout, Step, StoreStructure, Structure } from './structure.ts';
import { castVector } from './vector-casts.ts';
import { pseudoExtremum, setRegisters, vectorOperation } from './vector-operations.ts';

/** The values known at some point of the code. */
export class Values {
  readonly scalars: (Local | undefined)[];
  readonly vectors: (readonly VectorLocal[] | undefined)[];

  constructor(from?: Values) {
    this.scalars = from === undefined ? [] : [...from.scalars];
    this.vectors = from === undefined ? [] : [...from.vectors];
  }
}

/** Where the cursors stand: each one's value at lane 0 of the first vector. */
export type Positions = readonly Local<'i32'>[];

/** The reduction's results at the present coordinate. */
export interface Results {
  readonly scalars?: readonly Local[];
  readonly vectors?: readonly (readonly VectorLocal[])[];
}

export class StepWriter {
  readonly context: EmitContext;
  readonly structure: Structure;
  readonly #layout: RecordLayout;
  readonly #record: Local<'i32'>;
  /** Each moving cursor's stride from lane to lane. */
  readonly #laneStrides: readonly (Local<'i32'> | undefined)[];
  /** Of cursors of numbers: how far each lane is from lane 0. */
  readonly #laneOffsets: readonly (VectorLocal | undefined)[];

  constructor(
    context: EmitContext,
    structure: Structure,
    layout: RecordLayout,
    record: Local<'i32'>,
    laneStrides: readonly (Local<'i32'> | undefined)[],
    laneOffsets: readonly (VectorLocal | undefined)[],
  ) {
    this.context = context;
    this.structure = structure;
    this.#layout = layout;
    this.#record = record;
    this.#laneStrides = laneStrides;
    this.#laneOffsets = laneOffsets;
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
        values.vectors[at] = this.#loadVector(steps, step, values, positions, copy);
        return;
      case 'gather':
        values.vectors[at] = this.#gatherVector(steps, step, values, positions, copy);
        return;
      case 'result':
        values.vectors[at] = results.vectors?.[step.index];
        return;
      case 'index': {
        const numbers = builder.local('v128', this.#laneNumbers(step.cursor, positions, copy));
        values.vectors[at] = this.#converted('int32', step.dtype, [numbers]);
        return;
      }
      case 'guard': {
        const numbers = this.#laneNumbers(step.cursor, positions, copy);
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

  storeScalar(store: StoreStructure, values: Values, positions: Positions): void {
    const { builder } = this.context;
    const write = (): void =>
      builder.emit(storeScalar(store.storage, positions[store.cursor], values.scalars[store.value] as Local));
    const condition = this.#scalarCondition(store.guards, values);
    if (condition === undefined) write();
    else builder.if(condition, write);
  }

  storeVector(
    store: StoreStructure,
    steps: readonly Step[],
    values: Values,
    positions: Positions,
    copy: number,
  ): void {
    const { builder } = this.context;
    const registers = this.splat(steps, store.value, values);
    const { lane } = this.structure.cursors[store.cursor];
    const [address, offset] = this.#address(store.cursor, positions, copy);
    const stride = this.#laneStrides[store.cursor] ?? i32.constant(0);
    const whole = (): void => {
      if (lane === 'unit')
        for (const statement of storeVector(store.storage, address, registers, offset))
          builder.emit(statement);
      else storeStrided(builder, store.storage, i32.add(address, offset), stride, registers);
    };
    this.#guarded(store.guards, steps, values, whole, (mask) =>
      storeStrided(builder, store.storage, i32.add(address, offset), stride, registers, mask),
    );
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
        const load = loadScalar(step.storage, positions[step.cursor]);
        const condition = this.#scalarCondition(step.guards, values);
        return condition === undefined ? load : choose(condition, load, constant(step.dtype, 0));
      }
      case 'gather': {
        const load = loadScalar(step.storage, this.#gatherAddress(step, steps, values, positions));
        const condition = this.#scalarCondition(step.guards, values);
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

  #scalarCondition(guards: readonly Value[], values: Values): Expression<'i32'> | undefined {
    if (guards.length === 0) return undefined;
    return guards
      .map((guard) => values.scalars[guard] as Local<'i32'>)
      .reduce<Expression<'i32'>>(i32.and, i32.constant(1));
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

  /** The address of vector `copy`, and an offset to add to it. */
  #address(cursor: number, positions: Positions, copy: number): readonly [Expression<'i32'>, number] {
    const { lane, elementBytes } = this.structure.cursors[cursor];
    const position = positions[cursor];
    if (copy === 0 || lane === 'zero') return [position, 0];
    const elements = copy * lanes;
    if (lane === 'unit') return [position, elements * elementBytes];
    if (lane === 'reversed') return [i32.sub(position, elements * elementBytes), 0];
    return [i32.add(position, i32.mul(this.#laneStrides[cursor] as Local<'i32'>, elements)), 0];
  }

  /** The four lanes of a cursor of numbers. */
  #laneNumbers(cursor: number, positions: Positions, copy: number): Expression<'v128'> {
    const [first] = this.#address(cursor, positions, copy);
    const offsets = this.#laneOffsets[cursor];
    return offsets === undefined ? i32x4.splat(first) : i32x4.add(i32x4.splat(first), offsets);
  }

  #loadVector(
    steps: readonly Step[],
    step: Step & { readonly kind: 'load' },
    values: Values,
    positions: Positions,
    copy: number,
  ): readonly VectorLocal[] {
    const { builder } = this.context;
    const { storage } = step;
    const { lane, elementBytes } = this.structure.cursors[step.cursor];
    const [address, offset] = this.#address(step.cursor, positions, copy);
    const held = vectorLocals(builder, step.dtype);
    const stride = this.#laneStrides[step.cursor] ?? i32.constant(0);
    const whole = (): void => {
      if (lane === 'unit') setRegisters(builder, held, loadVector(storage, address, offset));
      else if (lane === 'reversed') {
        const first = i32.sub(address, (lanes - 1) * elementBytes);
        const loaded = vectorLocals(builder, step.dtype);
        setRegisters(builder, loaded, loadVector(storage, first));
        setRegisters(builder, held, reverseLanes(storage, loaded));
      } else if (lane === 'zero') {
        setRegisters(builder, held, splat(step.dtype, loadScalar(storage, address)));
      } else setRegisters(builder, held, loadStrided(builder, storage, address, stride));
    };
    this.#guarded(
      step.guards,
      steps,
      values,
      whole,
      (mask) => loadMasked(builder, storage, i32.add(address, offset), stride, mask, held),
      () =>
        setRegisters(
          builder,
          held,
          held.map(() => i32x4.constant(0)),
        ),
    );
    return held;
  }

  #gatherVector(
    steps: readonly Step[],
    step: Step & { readonly kind: 'gather' },
    values: Values,
    positions: Positions,
    copy: number,
  ): readonly VectorLocal[] {
    const { builder } = this.context;
    const [arg] = step.args;
    const given = this.#converted(steps[arg].dtype, 'int32', this.splat(steps, arg, values));
    const last = i32x4.splat(i32.sub(this.word(this.#layout.sizes + step.size), 1));
    const index = i32x4.maxS(i32x4.minS(given[0], last), i32x4.constant(0));
    const { elementBytes } = this.structure.cursors[step.cursor];
    const bytes = i32x4.shl(index, Math.log2(elementBytes));
    const addresses = builder.local(
      'v128',
      i32x4.add(this.#laneNumbers(step.cursor, positions, copy), bytes),
    );
    const held = vectorLocals(builder, step.dtype);
    this.#guarded(
      step.guards,
      steps,
      values,
      () => loadScattered(builder, step.storage, addresses, held),
      (mask) => loadScattered(builder, step.storage, addresses, held, mask),
      () =>
        setRegisters(
          builder,
          held,
          held.map(() => i32x4.constant(0)),
        ),
    );
    return held;
  }

  /** Does `whole` where all guards hold in all lanes, `masked` where in some, and `none` where in none. */
  #guarded(
    guards: readonly Value[],
    steps: readonly Step[],
    values: Values,
    whole: () => void,
    masked: (mask: VectorLocal) => void,
    none?: () => void,
  ): void {
    const { builder } = this.context;
    const uniform = guards.filter((guard) => values.scalars[guard] !== undefined);
    const varying = guards.filter((guard) => values.scalars[guard] === undefined);
    const byLane = (): void => {
      if (varying.length === 0) {
        whole();
        return;
      }
      const masks = varying.map((guard) => this.splat(steps, guard, values)[0] as Expression<'v128'>);
      const mask = builder.local('v128', masks.reduce(v128.and));
      builder.if(i32x4.allTrue(mask), whole, () => masked(mask));
    };
    const condition = this.#scalarCondition(uniform, values);
    if (condition === undefined) byLane();
    else builder.if(condition, byLane, none);
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
