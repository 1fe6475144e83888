// Two reductions of a row of which the second needs the first one's result, in one walk by blocks: while the second
// takes a block, with what the first found in it, the first goes ahead to the next. So memory is read once, and while
// something is computed.
//
// Sums of exponentials are shifted by the maximum so far, and scaled where it rises (Milakov and Gimelshein 2018).
// Squared distances are from the mean of a block, and combined with those before (Chan, Golub and LeVeque 1983). Sums are
// of distances too, from the mean of the block before, so that they lose nothing far from 0. What squares are taken from
// in the end is rounded: the sum of the distances from that is the third result.
import { choose, type Expression, f32, f32x4, f64, i32, type Local } from '../wasm/index.ts';
import { combiningOps, isFloatExtremum } from './accumulate.ts';
import type { KernelWriter } from './kernel-writer.ts';
import { vectorLocals } from './lanes.ts';
import { lanes, type VectorLocal } from './registers.ts';
import { ScalarAccumulator } from './scalar-accumulator.ts';
import type { AccumulatorStructure, PairStructure, Step, StoreStructure } from './structure.ts';
import { type Positions, Values } from './values.ts';
import { VectorAccumulator } from './vector-accumulator.ts';
import { setRegisters, vectorOperation } from './vector-operations.ts';

interface Shift {
  readonly scalar: Local<'f32'>;
  readonly vector: Local<'v128'> | null;
}

/** One of the two, on its way through the row. */
interface Walk {
  readonly steps: readonly Step[];
  readonly values: Values;
  readonly positions: Positions;
  readonly structure: AccumulatorStructure;
  readonly vector: VectorAccumulator;
  readonly scalar: ScalarAccumulator;
  readonly stores: readonly StoreStructure[];
  /** What is subtracted from each value. */
  readonly shift: Shift | null;
  /** Elements of the row that it has not seen. */
  readonly left: Local<'i32'>;
  /** Those of them that belong to the present block. */
  readonly block: Local<'i32'>;
}

export class PairedReduction {
  readonly #writer: KernelWriter;
  readonly #pair: PairStructure;
  readonly #start: Positions;
  /**
   * Whether exponentials are written over what they are made of. Where they are not, maxima pass over NaN: the sum is
   * NaN then, and the row is still there to look for it.
   */
  readonly #isInPlace: boolean;
  readonly #first: Walk;
  readonly #second: Walk;
  /** Of all blocks so far: the second's result. */
  readonly #total: Local<'f64'>;

  constructor(writer: KernelWriter, pair: PairStructure, body: Values, second: Values, start: Positions) {
    const { structure } = writer;
    const { builder } = writer.context;
    const [accumulator] = structure.accumulators;
    this.#isInPlace = (structure.body ?? []).some(
      (step) => step.kind === 'load' && pair.stores.some(({ cursor }) => cursor === step.cursor),
    );
    const walk = (
      steps: readonly Step[],
      values: Values,
      one: AccumulatorStructure,
      stores: readonly StoreStructure[],
      shift: Shift | null,
    ): Walk => ({
      steps,
      values,
      positions: structure.cursors.map(({ lane }, at) =>
        lane === 'zero' ? start[at] : builder.local('i32', start[at]),
      ),
      structure: one,
      vector: new VectorAccumulator(writer.context, one, one.op === 'sum' || this.#isInPlace),
      scalar: new ScalarAccumulator(writer.context, one),
      stores,
      shift,
      left: builder.local('i32', writer.word(writer.layout.reduceExtents)),
      block: builder.local('i32'),
    });
    this.#writer = writer;
    this.#pair = pair;
    this.#start = start;
    const shift =
      pair.kind === 'squares'
        ? { scalar: builder.local('f32'), vector: structure.vectorized ? builder.local('v128') : null }
        : null;
    this.#first = walk(structure.body ?? [], body, accumulator, [], shift);
    this.#second = walk(pair.body, second, pair.accumulator, pair.stores, null);
    this.#total = builder.local('f64', 0);
  }

  /** The results of both, then, of squares, the sum of distances. */
  write(): Local[] {
    const { builder } = this.#writer.context;
    this.#first.scalar.start();
    this.#shiftByFirst();
    this.#begin(this.#first);
    this.#alone(this.#first);
    this.#finish(this.#first);
    return this.#pair.kind === 'exponentials' ? this.#exponentials(builder.local('i32', 0)) : this.#squares();
  }

  /** Subtracts the row's first element. */
  #shiftByFirst(): void {
    const { builder } = this.#writer.context;
    const { shift, steps, values, positions, structure } = this.#first;
    if (shift === null) return;
    builder.set(shift.scalar, 0);
    builder.scope(() => {
      const known = new Values(values);
      this.#writer.levels.computeScalars(steps, known, positions, {});
      this.#shiftBy(shift, known.scalars[structure.value] as Local<'f32'>);
    });
  }

  /** Subtracts a number from now on, unless it is none or infinite. */
  #shiftBy({ scalar, vector }: Shift, value: Local<'f32'>): void {
    const { builder } = this.#writer.context;
    builder.if(f32.eq(f32.sub(value, value), 0), () => builder.set(scalar, value));
    if (vector !== null) builder.set(vector, f32x4.splat(scalar));
  }

  #exponentials(number: Local<'i32'>): Local[] {
    const { context } = this.#writer;
    const { builder } = context;
    const total = this.#total;
    const maximum = this.#first.scalar.value as Local<'f32'>;
    const former = builder.local('f32', maximum);
    this.#blocks(
      () => {
        // Where there is nothing but -Infinity so far, differences from that would be NaN.
        const shift = builder.local('f32', choose(f32.eq(maximum, -Infinity), f32.constant(0), maximum));
        this.#noteShift(number, maximum);
        builder.if(f32.gt(maximum, former), () => {
          builder.set(total, f64.mul(total, f64.promoteF32(this.#scaleFrom(former, maximum))));
          builder.set(former, maximum);
        });
        return shift;
      },
      () => builder.set(total, f64.add(total, this.#second.scalar.value as Local<'f64'>)),
    );
    if (!this.#isInPlace) builder.if(f64.ne(total, total), () => builder.scope(() => this.#findNaN(number)));
    builder.if(f32.eq(maximum, -Infinity), () => builder.set(total, NaN));
    return [maximum, builder.local('f32', f32.demoteF64(total))];
  }

  /** Has the maximum be NaN if one of the row's values is, which vectors have passed over. */
  #findNaN(blocks: Local<'i32'>): void {
    const { builder } = this.#writer.context;
    const { steps, values, scalar, structure } = this.#first;
    const positions = this.#start.map((position) => builder.local('i32', position));
    builder.for(0, this.#writer.word(this.#writer.layout.reduceExtents), () => {
      builder.scope(() => {
        const known = new Values(values);
        this.#writer.levels.computeScalars(steps, known, positions, {});
        scalar.add(known.scalars[structure.value] as Local, i32.constant(0));
      });
      this.#writer.advanceLanes(positions, 1);
    });
    builder.increment(blocks, -1);
    this.#noteShift(blocks, scalar.value as Local<'f32'>);
  }

  /** Stores what a block's exponentials are shifted by. */
  #noteShift(number: Local<'i32'>, maximum: Local<'f32'>): void {
    const { builder } = this.#writer.context;
    const { shifts } = this.#pair;
    if (shifts === null) return;
    const address = i32.add(this.#second.positions[shifts], i32.shl(number, 2));
    builder.emit(f32.store(address, maximum));
    builder.increment(number, 1);
  }

  /** exp(a - b). */
  #scaleFrom(a: Local<'f32'>, b: Local<'f32'>): Local<'f32'> {
    const { steps, value } = this.#pair.scalar;
    const values = new Values();
    this.#writer.levels.computeScalars(steps, values, this.#second.positions, { scalars: [a, b] });
    return values.scalars[value] as Local<'f32'>;
  }

  #squares(): Local[] {
    const { context } = this.#writer;
    const { builder } = context;
    const total = this.#total;
    const sum = builder.local('f64', 0);
    const count = builder.local('f64', 0);
    const mean = builder.local('f64');
    const blockSum = this.#first.scalar.value as Local<'f64'>;
    const shift = this.#first.shift as Shift;
    this.#blocks(
      (length) => {
        const added = builder.local('f64', f64.convertI32S(length));
        builder.set(mean, f64.add(f64.promoteF32(shift.scalar), f64.div(blockSum, added)));
        builder.if(f64.gt(count, 0), () =>
          builder.scope(() => {
            const weight = f64.div(f64.mul(count, added), f64.add(count, added));
            this.#addSquares(f64.sub(mean, f64.div(sum, count)), weight);
          }),
        );
        builder.set(sum, f64.add(sum, f64.mul(mean, added)));
        builder.set(count, f64.add(count, added));
        this.#first.scalar.start();
        const rounded = builder.local('f32', f32.demoteF64(mean));
        this.#addSquares(f64.sub(mean, f64.promoteF32(rounded)), f64.neg(added));
        this.#shiftBy(shift, rounded);
        return rounded;
      },
      () => builder.set(total, f64.add(total, this.#second.scalar.value as Local<'f64'>)),
    );
    const result = builder.local('f32', f32.demoteF64(sum));
    // Not from the mean, but from what is said to be it.
    const { steps, value } = this.#pair.scalar;
    const values = new Values();
    this.#writer.levels.computeScalars(steps, values, this.#second.positions, { scalars: [result] });
    const center = builder.local('f64', f64.promoteF32(values.scalars[value] as Local<'f32'>));
    this.#addSquares(f64.sub(center, f64.div(sum, count)), count);
    const distances = f64.sub(sum, f64.mul(center, count));
    return [
      result,
      builder.local('f32', f32.demoteF64(total)),
      builder.local('f32', f32.demoteF64(distances)),
    ];
  }

  /**
   * Adds so many times the square of a difference of means. If one of a row's elements is no number, the squares in
   * its block are NaN: here that comes of means that are infinite both, which lie infinitely far from all elements.
   */
  #addSquares(given: Expression<'f64'>, weight: Expression<'f64'>): void {
    const { builder } = this.#writer.context;
    const difference = builder.local('f64', given);
    const squares = f64.mul(f64.mul(difference, difference), weight);
    const isNumber = f64.eq(difference, difference);
    builder.set(this.#total, f64.add(this.#total, choose(isNumber, squares, f64.constant(Infinity))));
  }

  /** All blocks: `shift` gives, from a block's length, what the second subtracts in it; then `add` takes its result. */
  #blocks(shift: (length: Local<'i32'>) => Local<'f32'>, add: () => void): void {
    const { builder } = this.#writer.context;
    const [first, second] = [this.#first, this.#second];
    builder.while(
      () => i32.gtS(second.left, 0),
      () =>
        builder.scope(() => {
          this.#begin(second);
          this.#begin(first);
          second.scalar.start();
          const scalars = [shift(second.block)];
          const values = new Values(second.values);
          this.#writer.levels.computeLevel(second.steps, 'element', values, second.positions, { scalars });
          const walk = { ...second, values };
          this.#together(first, walk);
          this.#alone(walk);
          this.#alone(first);
          this.#finish(second);
          this.#finish(first);
          add();
        }),
    );
  }

  #begin({ vector, left, block }: Walk): void {
    const { builder } = this.#writer.context;
    builder.set(block, this.#writer.word(this.#writer.layout.chunkLength));
    builder.if(i32.ltS(left, block), () => builder.set(block, left));
    builder.set(left, i32.sub(left, block));
    if (this.#writer.structure.vectorized) vector.start();
  }

  #finish({ vector, scalar }: Walk): void {
    if (!this.#writer.structure.vectorized) return;
    vector.flush();
    scalar.addLanes(vector);
  }

  /** Whole rounds of both, as long as both have some left of their blocks. */
  #together(first: Walk, second: Walk): void {
    const { builder } = this.#writer.context;
    const [vectors] = this.#writer.structure.strips;
    if (vectors === undefined) return;
    const elements = vectors * lanes;
    const rounds = builder.local('i32', i32.divU(first.block, elements));
    const others = builder.local('i32', i32.divU(second.block, elements));
    builder.if(i32.ltU(others, rounds), () => builder.set(rounds, others));
    const taken = i32.mul(rounds, elements);
    for (const { block } of [first, second]) builder.set(block, i32.sub(block, taken));
    builder.while(
      () => i32.gtS(rounds, 0),
      () => {
        this.#round(first, vectors);
        for (const cursor of this.#pair.later) builder.drop(i32.load8U(second.positions[cursor]));
        this.#round(second, vectors);
        builder.increment(rounds, -1);
      },
    );
  }

  /** What is left of a block. */
  #alone(walk: Walk): void {
    const { builder } = this.#writer.context;
    const { strips } = this.#writer.structure;
    const { block } = walk;
    for (const vectors of strips)
      builder.while(
        () => i32.geS(block, vectors * lanes),
        () => {
          this.#round(walk, vectors);
          builder.increment(block, -vectors * lanes);
        },
      );
    builder.while(
      () => i32.gtS(block, 0),
      () => {
        builder.scope(() => {
          const { steps, positions, stores, structure } = walk;
          const values = new Values(walk.values);
          this.#writer.levels.computeScalars(steps, values, positions, {});
          for (const store of stores) this.#writer.steps.storeScalar(store, values, positions);
          const value = values.scalars[structure.value] as Local;
          walk.scalar.add(this.#lessShift(walk, value), i32.constant(0));
        });
        this.#writer.advanceLanes(walk.positions, 1);
        builder.increment(block, -1);
      },
    );
  }

  #lessShift({ shift }: Walk, value: Local): Local {
    if (shift === null) return value;
    return this.#writer.context.builder.local('f32', f32.sub(value as Local<'f32'>, shift.scalar));
  }

  /** Some vectors of one. */
  #round(walk: Walk, vectors: number): void {
    const { builder } = this.#writer.context;
    const { steps, positions, stores, structure } = walk;
    builder.scope(() => {
      const copies = Array.from({ length: vectors }, (_, copy) => copy);
      const computed = this.#writer.levels.laneValues(steps, walk.values, positions, copies);
      for (const [copy, values] of computed.entries())
        for (const store of stores) this.#writer.steps.storeVector(store, steps, values, positions, copy);
      this.#accumulate(
        walk,
        computed.map((values) => {
          const found = this.#writer.steps.splat(steps, structure.value, values);
          const by = walk.shift?.vector;
          return by == null ? found : found.map((each) => builder.local('v128', f32x4.sub(each, by)));
        }),
      );
    });
    this.#writer.advanceLanes(positions, vectors * lanes);
  }

  /** Sums of several vectors are added up first: one accumulator then takes a few hundred numbers a lane, as others do. */
  #accumulate({ structure, vector }: Walk, values: readonly (readonly VectorLocal[])[]): void {
    const { context } = this.#writer;
    if (isFloatExtremum(structure)) {
      for (const value of values) vector.add(value, undefined);
      return;
    }
    const { dtype } = structure;
    const op = combiningOps[structure.op as keyof typeof combiningOps];
    let level = values;
    while (level.length > 1) {
      const next: (readonly VectorLocal[])[] = [];
      for (let at = 0; at + 1 < level.length; at += 2) {
        const both = vectorLocals(context.builder, dtype);
        const operands = [level[at], level[at + 1]].map((registers) => ({
          dtype,
          registers,
          scalar: undefined,
        }));
        setRegisters(context.builder, both, vectorOperation(context, op, dtype, operands));
        next.push(both);
      }
      level = next;
    }
    vector.add(level[0], undefined);
  }
}
