// A sum of a row and one of squared distances from the mean, in one walk by blocks: while the squares of a block are
// computed, the sum goes ahead to the next. So memory is read once, and while something is computed.
//
// Squared distances are from the mean of a block, and combined with those before (Chan, Golub and LeVeque 1983). Sums are
// of distances too, from the mean of the block before, so that they lose nothing far from 0. What squares are taken from
// in the end is rounded: the sum of the distances from that is the third result.
import { choose, type Expression, f32, f32x4, f64, i32, type Local } from '../wasm/index.ts';
import type { KernelWriter } from './kernel-writer.ts';
import { blockLength } from './reduce-nest.ts';
import { lanes } from './registers.ts';
import { RowWalk, type Shift } from './row-walk.ts';
import type { PairStructure } from './structure.ts';
import { type Positions, Values } from './values.ts';

export class PairedSquares {
  readonly #writer: KernelWriter;
  readonly #pair: PairStructure;
  readonly #first: RowWalk;
  readonly #second: RowWalk;
  /** What the sum is of distances from. */
  readonly #shift: Shift;
  /** Of all blocks so far. */
  readonly #total: Local<'f64'>;

  constructor(writer: KernelWriter, pair: PairStructure, body: Values, second: Values, start: Positions) {
    const { accumulators, body: steps, vectorized } = writer.structure;
    const { builder } = writer.context;
    this.#writer = writer;
    this.#pair = pair;
    const shift = { scalar: builder.local('f32'), vector: vectorized ? builder.local('v128') : null };
    this.#shift = shift;
    this.#first = new RowWalk(writer, { steps: steps ?? [], known: body, start, accumulators, shift });
    this.#second = new RowWalk(writer, {
      steps: pair.body,
      known: second,
      start,
      accumulators: [pair.accumulator],
    });
    this.#total = builder.local('f64', 0);
  }

  /** The sum, that of squares, and that of distances. */
  write(): Local[] {
    const { builder } = this.#writer.context;
    const [first, second] = [this.#first, this.#second];
    const total = this.#total;
    const sum = builder.local('f64', 0);
    const count = builder.local('f64', 0);
    const blockSum = first.value(0) as Local<'f64'>;
    this.#shiftByFirst();
    first.start(0);
    first.begin();
    first.rest(first.known);
    first.finish();
    builder.while(
      () => i32.gtS(second.left, 0),
      () =>
        builder.scope(() => {
          second.begin();
          first.begin();
          second.start(0);
          const added = builder.local('f64', f64.convertI32S(second.block));
          const mean = builder.local(
            'f64',
            f64.add(f64.promoteF32(this.#shift.scalar), f64.div(blockSum, added)),
          );
          builder.if(f64.gt(count, 0), () =>
            builder.scope(() => {
              const weight = f64.div(f64.mul(count, added), f64.add(count, added));
              this.#addSquares(f64.sub(mean, f64.div(sum, count)), weight);
            }),
          );
          builder.set(sum, f64.add(sum, f64.mul(mean, added)));
          builder.set(count, f64.add(count, added));
          first.start(0);
          const rounded = builder.local('f32', f32.demoteF64(mean));
          this.#addSquares(f64.sub(mean, f64.promoteF32(rounded)), f64.neg(added));
          this.#shiftBy(rounded);
          const scalars = [rounded];
          const values = new Values(second.known);
          this.#writer.levels.computeLevel(second.steps, 'element', values, second.positions, { scalars });
          this.#together(values);
          second.rest(values);
          first.rest(first.known);
          second.finish();
          first.finish();
          builder.set(total, f64.add(total, second.value(0) as Local<'f64'>));
        }),
    );
    return this.#results(sum, count);
  }

  /** Subtracts the row's first element. */
  #shiftByFirst(): void {
    const { builder } = this.#writer.context;
    const { steps, known, positions } = this.#first;
    builder.set(this.#shift.scalar, 0);
    builder.scope(() => {
      const values = new Values(known);
      this.#writer.levels.computeScalars(steps, values, positions, {});
      const [{ value }] = this.#writer.structure.accumulators;
      this.#shiftBy(values.scalars[value] as Local<'f32'>);
    });
  }

  /** Subtracts a number from now on, unless it is none or infinite. */
  #shiftBy(value: Local<'f32'>): void {
    const { builder } = this.#writer.context;
    const { scalar, vector } = this.#shift;
    builder.if(f32.eq(f32.sub(value, value), 0), () => builder.set(scalar, value));
    if (vector !== null) builder.set(vector, f32x4.splat(scalar));
  }

  #results(sum: Local<'f64'>, count: Local<'f64'>): Local[] {
    const { builder } = this.#writer.context;
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
      builder.local('f32', f32.demoteF64(this.#total)),
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

  /** Whole rounds of both, as long as both have some left of their blocks. */
  #together(known: Values): void {
    const { builder } = this.#writer.context;
    const [vectors] = this.#writer.structure.strips;
    if (vectors === undefined) return;
    const [first, second] = [this.#first, this.#second];
    const elements = vectors * lanes;
    const rounds = builder.local('i32');
    builder.while(
      () => i32.and(i32.geS(first.block, elements), i32.geS(second.block, elements)),
      () => {
        builder.set(rounds, blockLength);
        for (const { block } of [first, second])
          builder.if(i32.ltU(block, i32.mul(rounds, elements)), () =>
            builder.set(rounds, i32.divU(block, elements)),
          );
        for (const { block } of [first, second])
          builder.set(block, i32.sub(block, i32.mul(rounds, elements)));
        builder.loop((repeat) => {
          first.round(first.known, vectors);
          second.round(known, vectors);
          builder.increment(rounds, -1);
          builder.branchIf(repeat, rounds);
        });
        for (const walk of [first, second]) walk.flush();
      },
    );
  }
}
