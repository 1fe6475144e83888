// Reductions in vectors: lanes along the innermost reduced dimension, added up at the end, or lanes that are
// outputs of their own.
import type { Value } from '@nn/core';
import { type Expression, i32, i32x4, type Local } from '../wasm/index.ts';
import { identity, isBlocked, isLocating, operandsOf } from './accumulate.ts';
import type { KernelWriter } from './kernel-writer.ts';
import { splat, turnsOf, vectorLocals } from './lanes.ts';
import { constant } from './literal.ts';
import { blockLength, ReduceNest } from './reduce-nest.ts';
import { lanes, type Vector, type VectorLocal } from './registers.ts';
import { ScalarAccumulator } from './scalar-accumulator.ts';
import { type Positions, Values } from './values.ts';
import { BestSoFar, VectorAccumulator } from './vector-accumulator.ts';
import { selectLanes, setRegisters } from './vector-operations.ts';

export class LaneReduction {
  readonly #writer: KernelWriter;
  readonly #body: Values;
  readonly #outside: Positions;
  /** Of positions of one value, with lanes along the reduced dimension. */
  #best: BestSoFar | undefined;
  /** What blocked sums have added up, of each vector, since they went to float64. */
  readonly #pending: Local<'i32'>;

  constructor(writer: KernelWriter, body: Values, outside: Positions) {
    this.#writer = writer;
    this.#pending = writer.context.builder.local('i32', 0);
    this.#body = body;
    this.#outside = outside;
  }

  /** Lanes along the innermost reduced dimension: one scalar result for each accumulator. */
  write(): Local[] {
    const { context, structure } = this.#writer;
    const vectors = Array.from({ length: structure.strips[0] ?? 0 }, () => this.#vectorAccumulators());
    const scalars = structure.accumulators.map((one) => new ScalarAccumulator(context, one));
    for (const accumulator of [...vectors.flat(), ...scalars]) accumulator.start();
    this.#best = BestSoFar.of(context, structure.accumulators);
    context.builder.set(this.#pending, 0);
    const nest = new ReduceNest(this.#writer, this.#outside);
    nest.write(structure.reduceRank - 1, null, () => this.#innermost(nest, vectors, scalars));
    if (vectors.length > 0) {
      this.#flushTogether(vectors);
      this.#combine(vectors, scalars);
    }
    return scalars.map((accumulator) => accumulator.result());
  }

  /** Lanes that are outputs: vector results of each accumulator, for each copy. */
  writeOuter(copies: number): (readonly VectorLocal[])[][] {
    const { context, structure } = this.#writer;
    const { builder } = context;
    const steps = structure.body ?? [];
    const accumulators = Array.from({ length: copies }, () => this.#vectorAccumulators());
    for (const accumulator of accumulators.flat()) accumulator.start();
    const flush = structure.accumulators.some(isBlocked)
      ? (): void => {
          for (const accumulator of accumulators.flat()) accumulator.flush();
        }
      : null;
    const nest = new ReduceNest(this.#writer, this.#outside);
    nest.write(structure.reduceRank, flush, (inside, position) => {
      const shared = new Values(this.#body);
      this.#writer.levels.computeLevel(steps, 'element', shared, inside, {});
      const positions = structure.accumulators.some(({ op }) => isLocating(op))
        ? builder.local('v128', i32x4.splat(position))
        : undefined;
      for (const turn of turnsOf(copies))
        builder.scope(() => this.#add(shared, inside, turn, accumulators, () => positions));
    });
    return accumulators.map((copy) => copy.map((accumulator) => accumulator.result()));
  }

  #vectorAccumulators(): VectorAccumulator[] {
    const { context, structure } = this.#writer;
    return structure.accumulators.map((one) => new VectorAccumulator(context, one));
  }

  /** Computes the body for some of the vectors and adds it up. */
  #add(
    shared: Values,
    inside: Positions,
    turn: readonly number[],
    accumulators: readonly (readonly VectorAccumulator[])[],
    positionsOf: (copy: number) => Vector | undefined,
  ): void {
    const { structure, steps } = this.#writer;
    const body = structure.body ?? [];
    const best = turn.length > 1 ? this.#best : undefined;
    const waiting = new Set(structure.accumulators.keys());
    const accumulate = (at: number, all: readonly Values[]): void => {
      const { value, factor } = structure.accumulators[at];
      for (const [number, copy] of turn.entries()) {
        const given = steps.splat(body, value, all[number]);
        if (factor === null) accumulators[copy][at].add(given, positionsOf(copy));
        else accumulators[copy][at].addProduct(given, steps.splat(body, factor, all[number]));
      }
    };
    // At once where there are several: what they add is not held in registers until all of it is known.
    const values = this.#writer.levels.laneValues(body, shared, inside, turn, (step, all) => {
      if (best !== undefined) return;
      for (const at of waiting) {
        if (Math.max(...operandsOf(structure.accumulators[at])) !== step) continue;
        accumulate(at, all);
        waiting.delete(at);
      }
    });
    const accumulateRest = (): void => {
      for (const at of waiting) accumulate(at, values);
    };
    if (best === undefined) accumulateRest();
    else {
      const found = values.map((each) => steps.splat(body, structure.accumulators[0].value, each));
      best.update(found, accumulateRest, () => turn.map((copy) => accumulators[copy][0].registers));
    }
  }

  /** The innermost reduced dimension from its start to its end: vectors, then elements. */
  #innermost(
    nest: ReduceNest,
    vectors: readonly (readonly VectorAccumulator[])[],
    scalars: readonly ScalarAccumulator[],
  ): void {
    const { context, structure, layout } = this.#writer;
    const { builder } = context;
    const steps = structure.body ?? [];
    const d = structure.reduceRank - 1;
    const left = builder.local('i32', this.#writer.word(layout.reduceExtents + d));
    const shared = new Values(this.#body);
    this.#writer.levels.computeLevel(steps, 'element', shared, nest.inside, {});
    const locates = structure.accumulators.some(({ op }) => isLocating(op));
    const positionsOf = (copy: number): Vector | undefined =>
      locates
        ? builder.local(
            'v128',
            i32x4.add(i32x4.splat(i32.add(nest.position, copy * lanes)), i32x4.constant(0, 1, 2, 3)),
          )
        : undefined;
    const vectorRound = (copies: number): void => {
      for (const turn of turnsOf(copies))
        builder.scope(() => this.#add(shared, nest.inside, turn, vectors, positionsOf));
      this.#writer.advanceLanes(nest.inside, copies * lanes);
      builder.increment(nest.position, copies * lanes);
      builder.increment(left, -copies * lanes);
    };
    for (const strip of structure.strips)
      this.#blocks(left, strip * lanes, vectors, () => vectorRound(strip));
    if (vectors.length > 0 && !locates) {
      builder.if(left, () => builder.scope(() => this.#last(nest, left, shared, vectors[0])));
      return;
    }
    builder.while(
      () => i32.gtS(left, 0),
      () => {
        builder.scope(() => {
          const values = new Values(shared);
          this.#writer.levels.computeScalars(steps, values, nest.inside, {});
          for (const accumulator of scalars) accumulator.addFrom(values, nest.position);
        });
        this.#writer.advanceLanes(nest.inside, 1);
        builder.increment(nest.position, 1);
        builder.increment(left, -1);
      },
    );
  }

  /** The `left` elements that fill no vector, as lanes of one that ends with them. */
  #last(
    nest: ReduceNest,
    left: Local<'i32'>,
    shared: Values,
    accumulators: readonly VectorAccumulator[],
  ): void {
    const { context, structure, steps } = this.#writer;
    const { builder } = context;
    const body = structure.body ?? [];
    this.#writer.stepBack(nest.inside, left);
    const first = i32x4.splat(i32.sub(lanes, left));
    const mask = builder.local('v128', i32x4.geS(i32x4.constant(0, 1, 2, 3), first));
    const [values] = this.#writer.levels.laneValues(body, shared, nest.inside, [0]);
    const masked = (value: Value, otherwise: Expression): readonly VectorLocal[] => {
      const { dtype } = body[value];
      const held = vectorLocals(builder, dtype);
      const given = steps.splat(body, value, values);
      setRegisters(builder, held, selectLanes(context, dtype, mask, given, splat(dtype, otherwise)));
      return held;
    };
    for (const [at, accumulator] of accumulators.entries()) {
      const { op, dtype, value, factor } = structure.accumulators[at];
      if (factor === null) accumulator.add(masked(value, identity(op, dtype)), undefined);
      else accumulator.addProduct(masked(value, constant(dtype, 0)), masked(factor, constant(dtype, 0)));
    }
    this.#writer.advanceLanes(nest.inside, lanes);
    builder.increment(nest.position, left);
    builder.increment(this.#pending, 1);
  }

  /** Rounds of `elements` while there are so many left; blocked sums are flushed when enough were added up. */
  #blocks(
    left: Local<'i32'>,
    elements: number,
    vectors: readonly (readonly VectorAccumulator[])[],
    round: () => void,
  ): void {
    const { builder } = this.#writer.context;
    if (!this.#writer.structure.accumulators.some(isBlocked)) {
      builder.while(() => i32.geS(left, elements), round);
      return;
    }
    builder.scope(() => {
      const rounds = builder.local('i32');
      builder.while(
        () => i32.geS(left, elements),
        () => {
          builder.set(rounds, i32.divU(left, elements));
          builder.if(i32.gtU(rounds, blockLength), () => builder.set(rounds, blockLength));
          builder.increment(this.#pending, rounds);
          builder.loop((again) => {
            round();
            builder.increment(rounds, -1);
            builder.branchIf(again, rounds);
          });
          builder.if(i32.geU(this.#pending, blockLength), () => {
            this.#flushTogether(vectors);
            builder.set(this.#pending, 0);
          });
        },
      );
    });
  }

  /** Adds up the copies of blocked sums as float32 first, so that only one goes to float64. */
  #flushTogether(vectors: readonly (readonly VectorAccumulator[])[]): void {
    for (const [at, structure] of this.#writer.structure.accumulators.entries()) {
      if (!isBlocked(structure)) continue;
      const copies = vectors.map((accumulators) => accumulators[at]);
      for (let width = copies.length; width > 1; width /= 2)
        for (let copy = 0; copy < width / 2; copy++) copies[copy].absorb(copies[copy + width / 2]);
      copies[0].flush();
    }
  }

  #combine(vectors: readonly (readonly VectorAccumulator[])[], scalars: readonly ScalarAccumulator[]): void {
    for (const [at, scalar] of scalars.entries()) {
      const { op } = this.#writer.structure.accumulators[at];
      const copies = vectors.map((accumulators) => accumulators[at]);
      if (isLocating(op)) {
        for (const copy of copies) scalar.addLanes(copy);
        continue;
      }
      if (isBlocked(this.#writer.structure.accumulators[at])) {
        scalar.addLanes(copies[0]);
        continue;
      }
      for (let width = copies.length; width > 1; width /= 2)
        for (let copy = 0; copy < width / 2; copy++) copies[copy].absorb(copies[copy + width / 2]);
      scalar.addLanes(copies[0]);
    }
  }
}
