// Vectors from buffers and into them: neighbours, lanes apart, behind guards, and at indices that depend on data.
import type { Value } from '@nn/core';
import { type Expression, i32, i32x4, type Local, v128 } from '../wasm/index.ts';
import {
  loadMasked,
  loadMaskedVector,
  loadScalar,
  loadScattered,
  loadSpread,
  loadStrided,
  loadVector,
  reverseLanes,
  storeStrided,
  storeVector,
} from './access.ts';
import type { EmitContext } from './context.ts';
import { splat, vectorLocals } from './lanes.ts';
import { lanes, type VectorLocal } from './registers.ts';
import type { Step, StoreStructure, Structure } from './structure.ts';
import type { Positions, Values } from './values.ts';
import { setRegisters } from './vector-operations.ts';

/** How cursors of numbers and addresses lie from lane to lane, in locals. */
export interface LaneGeometry {
  /** Each moving cursor's stride from lane to lane. */
  readonly strides: readonly (Local<'i32'> | undefined)[];
  /** Of cursors of numbers, and those of gathers: how far each lane is from lane 0. */
  readonly offsets: readonly (VectorLocal | undefined)[];
}

export class VectorAccess {
  readonly #context: EmitContext;
  readonly #structure: Structure;
  readonly #geometry: LaneGeometry;

  constructor(context: EmitContext, structure: Structure, geometry: LaneGeometry) {
    this.#context = context;
    this.#structure = structure;
    this.#geometry = geometry;
  }

  store(store: StoreStructure, values: Values, positions: Positions, copy: number): void {
    const { builder } = this.#context;
    const registers = values.vectors[store.value] as readonly VectorLocal[];
    const { lane } = this.#structure.cursors[store.cursor];
    const [address, offset] = this.#address(store.cursor, positions, copy, store.displacement);
    const stride = this.#geometry.strides[store.cursor] ?? i32.constant(0);
    const whole = (): void => {
      if (lane === 'unit')
        for (const statement of storeVector(store.storage, address, registers, offset))
          builder.emit(statement);
      else storeStrided(builder, store.storage, i32.add(address, offset), stride, registers);
    };
    this.#guarded(store.guards, values, whole, (mask) =>
      storeStrided(builder, store.storage, i32.add(address, offset), stride, registers, mask),
    );
  }

  load(
    step: Step & { readonly kind: 'load' },
    values: Values,
    positions: Positions,
    copy: number,
  ): readonly VectorLocal[] {
    const { builder } = this.#context;
    const { storage } = step;
    const { lane, elementBytes } = this.#structure.cursors[step.cursor];
    const [address, offset] = this.#address(step.cursor, positions, copy, step.displacement);
    const held = vectorLocals(builder, step.dtype);
    const stride = this.#geometry.strides[step.cursor] ?? i32.constant(0);
    const spread = lane === 'double' ? 2 : lane === 'triple' ? 3 : undefined;
    const whole = (): void => {
      if (lane === 'unit') setRegisters(builder, held, loadVector(storage, address, offset));
      else if (lane === 'reversed') {
        const first = i32.add(address, offset - (lanes - 1) * elementBytes);
        const loaded = vectorLocals(builder, step.dtype);
        setRegisters(builder, loaded, loadVector(storage, first));
        setRegisters(builder, held, reverseLanes(storage, loaded));
      } else if (lane === 'zero') {
        setRegisters(builder, held, splat(step.dtype, loadScalar(storage, address, offset)));
      } else if (spread !== undefined) setRegisters(builder, held, [loadSpread(address, spread, offset)]);
      else setRegisters(builder, held, loadStrided(builder, storage, i32.add(address, offset), stride));
    };
    this.#guarded(
      step.guards,
      values,
      whole,
      (mask) => {
        if (lane === 'unit') loadMaskedVector(builder, mask, loadVector(storage, address, offset), held);
        else if (spread !== undefined)
          loadMaskedVector(builder, mask, [loadSpread(address, spread, offset)], held);
        else loadMasked(builder, storage, i32.add(address, offset), stride, mask, held);
      },
      () =>
        setRegisters(
          builder,
          held,
          held.map(() => i32x4.constant(0)),
        ),
    );
    return held;
  }

  /** What lies at the cursor and `first` elements after it, and next to that; all of it is known to be there. */
  row(
    step: Step & { readonly kind: 'gather' },
    first: Expression<'i32'>,
    positions: Positions,
    copy: number,
  ): readonly VectorLocal[] {
    const { builder } = this.#context;
    const { elementBytes } = this.#structure.cursors[step.cursor];
    const address = i32.add(positions[step.cursor], i32.shl(first, Math.log2(elementBytes)));
    const held = vectorLocals(builder, step.dtype);
    setRegisters(builder, held, loadVector(step.storage, address, copy * lanes * elementBytes));
    return held;
  }

  /**
   * `index` has the int32 lanes of what to add to the cursor, and `last` the greatest that they may be. Where lanes
   * are expected to be neighbours, as in a row that is looked up, it is tested whether they are.
   */
  gather(
    step: Step & { readonly kind: 'gather' },
    values: Values,
    positions: Positions,
    copy: number,
    index: VectorLocal,
    last: Expression<'i32'>,
    expectsNeighbours: boolean,
  ): readonly VectorLocal[] {
    const { builder } = this.#context;
    const clamped = i32x4.maxS(i32x4.minS(index, i32x4.splat(last)), i32x4.constant(0));
    const { elementBytes } = this.#structure.cursors[step.cursor];
    const bytes = i32x4.shl(clamped, Math.log2(elementBytes));
    const addresses = builder.local('v128', i32x4.add(this.laneNumbers(step.cursor, positions, copy), bytes));
    const held = vectorLocals(builder, step.dtype);
    this.#guarded(
      step.guards,
      values,
      () => {
        const scattered = (): void => loadScattered(builder, step.storage, addresses, held);
        if (!expectsNeighbours) {
          scattered();
          return;
        }
        const first = builder.local('i32', i32x4.extractLane(addresses, 0));
        const next = i32x4.constant(...[0, 1, 2, 3].map((lane) => lane * elementBytes));
        const areNeighbours = i32x4.allTrue(i32x4.eq(addresses, i32x4.add(i32x4.splat(first), next)));
        const together = (): void => setRegisters(builder, held, loadVector(step.storage, first));
        builder.if(areNeighbours, together, scattered);
      },
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

  /** The address of vector `copy`, and an offset to add to it. */
  #address(
    cursor: number,
    positions: Positions,
    copy: number,
    displacement: number,
  ): readonly [Expression<'i32'>, number] {
    const { lane, elementBytes } = this.#structure.cursors[cursor];
    const position = positions[cursor];
    if (copy === 0 || lane === 'zero') return [position, displacement];
    const elements = copy * lanes;
    if (lane === 'unit') return [position, elements * elementBytes + displacement];
    if (lane === 'reversed') return [i32.sub(position, elements * elementBytes), displacement];
    const moved = i32.mul(this.#geometry.strides[cursor] as Local<'i32'>, elements);
    return [i32.add(position, moved), displacement];
  }

  /** The four lanes of a cursor of numbers. */
  laneNumbers(cursor: number, positions: Positions, copy: number): Expression<'v128'> {
    const [address, offset] = this.#address(cursor, positions, copy, 0);
    const first = i32x4.splat(offset === 0 ? address : i32.add(address, offset));
    const offsets = this.#geometry.offsets[cursor];
    return offsets === undefined ? first : i32x4.add(first, offsets);
  }

  /** Does `whole` where all guards hold in all lanes, `masked` where in some, and `none` where in none. */
  #guarded(
    guards: readonly Value[],
    values: Values,
    whole: () => void,
    masked: (mask: VectorLocal) => void,
    none?: () => void,
  ): void {
    const { builder } = this.#context;
    const uniform = guards.filter((guard) => values.scalars[guard] !== undefined);
    const varying = guards.filter((guard) => values.scalars[guard] === undefined);
    const byLane = (): void => {
      if (varying.length === 0) {
        whole();
        return;
      }
      const masks = varying.map((guard) => values.vectors[guard]?.[0] as Expression<'v128'>);
      const mask = builder.local('v128', masks.reduce(v128.and));
      builder.if(i32x4.allTrue(mask), whole, () => masked(mask));
    };
    const condition = scalarCondition(uniform, values);
    if (condition === undefined) byLane();
    else builder.if(condition, byLane, none);
  }
}

/** Whether all guards hold, which are known as scalars; undefined without guards. */
export function scalarCondition(guards: readonly Value[], values: Values): Expression<'i32'> | undefined {
  if (guards.length === 0) return undefined;
  const conditions: readonly Expression<'i32'>[] = guards.map(
    (guard) => values.scalars[guard] as Local<'i32'>,
  );
  return conditions.reduce((a, b) => i32.and(a, b));
}
