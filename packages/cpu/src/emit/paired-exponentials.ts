// A maximum of a row and the sum of its exponentials, which are shifted by it, in one walk by blocks, so that memory is
// read once (Milakov and Gimelshein 2018). They need not be shifted by the maximum itself, as they do not overflow by
// far: it is enough to begin a block again when it has something much greater than the shift, which few rows do twice.
import { choose, f32, f64, i32, type Local } from '../wasm/index.ts';
import type { KernelWriter } from './kernel-writer.ts';
import { RowWalk } from './row-walk.ts';
import type { PairStructure } from './structure.ts';
import { type Positions, Values } from './values.ts';

/** How much greater than the shift an element may be: e^60 has room for a sum of 10^12, and for being multiplied. */
const mostAbove = 60;

export class PairedExponentials {
  readonly #writer: KernelWriter;
  readonly #pair: PairStructure;
  readonly #start: Positions;
  /**
   * Whether exponentials are written over what they are made of, so that no block can begin again: they are shifted by
   * the row's maximum then. Where they are not, maxima pass over NaN: the sum is NaN then, and the row is still there to
   * look for it.
   */
  readonly #isInPlace: boolean;
  readonly #first: RowWalk;
  readonly #second: RowWalk;

  constructor(writer: KernelWriter, pair: PairStructure, body: Values, second: Values, start: Positions) {
    const { accumulators, body: steps } = writer.structure;
    const isInPlace = (steps ?? []).some(
      (step) => step.kind === 'load' && pair.stores.some(({ cursor }) => cursor === step.cursor),
    );
    this.#writer = writer;
    this.#pair = pair;
    this.#start = start;
    this.#isInPlace = isInPlace;
    const common = { start, inTurns: 1, notesNaN: isInPlace } as const;
    this.#first = new RowWalk(writer, { ...common, steps: steps ?? [], known: body, accumulators });
    const maximum = { ...accumulators[0], value: pair.shifted as number };
    this.#second = new RowWalk(writer, {
      ...common,
      steps: pair.body,
      known: second,
      accumulators: isInPlace ? [pair.accumulator] : [pair.accumulator, maximum],
      stores: pair.stores,
      fetched: pair.later,
    });
  }

  /** The maximum, and the sum. */
  write(): Local[] {
    const { builder } = this.#writer.context;
    const [first, second] = [this.#first, this.#second];
    first.start(0);
    first.begin(this.#isInPlace);
    first.rest(first.known);
    first.finish();
    const total = builder.local('f64', 0);
    const number = builder.local('i32', 0);
    const shift = builder.local('f32', first.value(0) as Local<'f32'>);
    const maximum = (this.#isInPlace ? shift : second.value(1)) as Local<'f32'>;
    if (!this.#isInPlace) second.start(1);
    builder.while(
      () => i32.gtS(second.left, 0),
      () =>
        builder.scope(() => {
          second.begin();
          this.#block(shift, maximum, total);
          this.#noteShift(number, shift);
          builder.set(total, f64.add(total, second.value(0) as Local<'f64'>));
        }),
    );
    if (!this.#isInPlace) {
      builder.if(f32.ne(maximum, shift), () => this.#rescale(total, shift, maximum));
      builder.if(f64.ne(total, total), () => builder.scope(() => this.#findNaN(maximum)));
    }
    this.#noteShift(number, maximum);
    builder.if(f32.eq(maximum, -Infinity), () => builder.set(total, NaN));
    return [maximum, builder.local('f32', f32.demoteF64(total))];
  }

  /** A block; `total`, what those before have, is scaled if the shift rises. */
  #block(shift: Local<'f32'>, maximum: Local<'f32'>, total: Local<'f64'>): void {
    const { builder } = this.#writer.context;
    const second = this.#second;
    const goBack = second.mark();
    builder.loop((repeat) =>
      builder.scope(() => {
        second.start(0);
        // Where there is nothing but -Infinity so far, differences from that would be NaN.
        const isNothing = f32.eq(shift, -Infinity);
        const scalars = [builder.local('f32', choose(isNothing, f32.constant(0), shift))];
        const values = new Values(second.known);
        this.#writer.levels.computeLevel(second.steps, 'element', values, second.positions, { scalars });
        second.rest(values);
        second.finish();
        if (this.#isInPlace) return;
        builder.if(f32.gt(maximum, f32.add(shift, mostAbove)), () => {
          this.#rescale(total, shift, maximum);
          builder.set(shift, maximum);
          goBack();
          builder.branch(repeat);
        });
      }),
    );
  }

  /** Makes a sum of exponentials less `from` one of exponentials less `to`. */
  #rescale(total: Local<'f64'>, from: Local<'f32'>, to: Local<'f32'>): void {
    const { builder } = this.#writer.context;
    const { steps, value } = this.#pair.scalar;
    builder.scope(() => {
      const values = new Values();
      const scalars = [from, to];
      this.#writer.levels.computeScalars(steps, values, this.#second.positions, { scalars });
      const root = f64.promoteF32(values.scalars[value] as Local<'f32'>);
      builder.set(total, f64.mul(total, f64.mul(root, root)));
    });
  }

  /** Has the maximum be NaN if one of the row's values is, which vectors have passed over. */
  #findNaN(maximum: Local<'f32'>): void {
    const { steps, known } = this.#first;
    const { accumulators } = this.#writer.structure;
    const walk = new RowWalk(this.#writer, { steps, known, start: this.#start, accumulators });
    walk.start(0);
    walk.begin(true);
    walk.elements(known);
    this.#writer.context.builder.set(maximum, walk.value(0) as Local<'f32'>);
  }

  /** Stores what a block's exponentials are shifted by, or, after all blocks, are to be. */
  #noteShift(number: Local<'i32'>, shift: Local<'f32'>): void {
    const { builder } = this.#writer.context;
    const { shifts } = this.#pair;
    if (shifts === null) return;
    const address = i32.add(this.#second.positions[shifts], i32.shl(number, 2));
    builder.emit(f32.store(address, shift));
    builder.increment(number, 1);
  }
}
