// A reduction on its way through a row, block after block: vectors side by side, then elements.
import type { ScalarOp, Value } from '@nn/core';
import { f32, f32x4, i32, type Local } from '../wasm/index.ts';
import { combiningOps, isFloatExtremum, operandsOf } from './accumulate.ts';
import type { KernelWriter } from './kernel-writer.ts';
import { turnsOf, vectorLocals } from './lanes.ts';
import { blockLength } from './reduce-nest.ts';
import { lanes, type RegisterDType, type VectorLocal } from './registers.ts';
import { ScalarAccumulator } from './scalar-accumulator.ts';
import type { AccumulatorStructure, Step, StoreStructure } from './structure.ts';
import { type Positions, Values } from './values.ts';
import { VectorAccumulator } from './vector-accumulator.ts';
import { setRegisters, vectorOperation } from './vector-operations.ts';

/** A number as a scalar, and in all lanes. */
export interface Shift {
  readonly scalar: Local<'f32'>;
  readonly vector: VectorLocal | null;
}

export interface WalkOptions {
  readonly steps: readonly Step[];
  /** What is known of the steps in all of the row. */
  readonly known: Values;
  /** Where the row begins. */
  readonly start: Positions;
  readonly accumulators: readonly AccumulatorStructure[];
  readonly stores?: readonly StoreStructure[];
  /** What is subtracted from each value before it is accumulated. */
  readonly shift?: Shift;
  /** Whether extrema are NaN where a value is; otherwise those are passed over. Default true. */
  readonly notesNaN?: boolean;
  /**
   * Vectors that take turns step by step. Fewer need fewer registers, and a few steps overlap by themselves, as
   * processors look that far ahead. Default as everywhere.
   */
  readonly inTurns?: number;
  /** Cursors of what is brought into the cache on the way. */
  readonly fetched?: readonly number[];
}

interface Accumulator {
  readonly structure: AccumulatorStructure;
  readonly vector: VectorAccumulator;
  readonly scalar: ScalarAccumulator;
}

export class RowWalk {
  readonly positions: readonly Local<'i32'>[];
  /** Elements of the row that it has not seen. */
  readonly left: Local<'i32'>;
  /** Those of the present block that it has not seen. */
  readonly block: Local<'i32'>;
  readonly #writer: KernelWriter;
  readonly #options: WalkOptions;
  readonly #accumulators: readonly Accumulator[];

  constructor(writer: KernelWriter, options: WalkOptions) {
    const { context, structure } = writer;
    const { builder } = context;
    this.#writer = writer;
    this.#options = options;
    this.positions = structure.cursors.map(({ lane }, at) =>
      lane === 'zero' ? options.start[at] : builder.local('i32', options.start[at]),
    );
    this.left = builder.local('i32', writer.word(writer.layout.reduceExtents));
    this.block = builder.local('i32');
    this.#accumulators = options.accumulators.map((one) => ({
      structure: one,
      vector: new VectorAccumulator(context, one, options.notesNaN),
      scalar: new ScalarAccumulator(context, one),
    }));
  }

  get steps(): readonly Step[] {
    return this.#options.steps;
  }

  get known(): Values {
    return this.#options.known;
  }

  /** What an accumulator has at the moment: of sums, as float64. */
  value(accumulator: number): Local {
    return this.#accumulators[accumulator].scalar.value;
  }

  /** Accumulators begin anew. */
  start(accumulator: number): void {
    this.#accumulators[accumulator].scalar.start();
  }

  /** Goes on to the next block, or to all that is left. */
  begin(all = false): void {
    const { context, layout } = this.#writer;
    const { builder } = context;
    const { left, block } = this;
    if (all) {
      builder.set(block, left);
      builder.set(left, 0);
    } else {
      builder.set(block, this.#writer.word(layout.chunkLength));
      builder.if(i32.ltS(left, block), () => builder.set(block, left));
      builder.set(left, i32.sub(left, block));
    }
    this.#startVectors();
  }

  /** What goes back to where the present block begins, which is where it is now. */
  mark(): () => void {
    const { context, structure } = this.#writer;
    const { builder } = context;
    const moving = this.positions.filter((_, at) => structure.cursors[at].lane !== 'zero');
    const kept = [this.block, ...moving].map((local) => ({ local, was: builder.local('i32', local) }));
    return () => {
      for (const { local, was } of kept) builder.set(local, was);
      this.#startVectors();
    };
  }

  #startVectors(): void {
    if (this.#writer.structure.vectorized) for (const { vector } of this.#accumulators) vector.start();
  }

  /** Ends a block: what vectors have accumulated goes to the values. */
  finish(): void {
    if (!this.#writer.structure.vectorized) return;
    for (const { vector, scalar } of this.#accumulators) {
      vector.flush();
      scalar.addLanes(vector);
    }
  }

  /** Sums of float32 go to float64, which they do after `blockLength` rounds. */
  flush(): void {
    for (const { vector } of this.#accumulators) vector.flush();
  }

  /** What is left of a block; `known` is what is known of the steps in all of it. */
  rest(known: Values): void {
    const { context, structure } = this.#writer;
    const { builder } = context;
    const { block } = this;
    for (const vectors of structure.strips) {
      const elements = vectors * lanes;
      const rounds = builder.local('i32');
      builder.while(
        () => i32.geS(block, elements),
        () => {
          builder.set(rounds, i32.divU(block, elements));
          builder.if(i32.gtU(rounds, blockLength), () => builder.set(rounds, blockLength));
          builder.set(block, i32.sub(block, i32.mul(rounds, elements)));
          builder.loop((repeat) => {
            this.round(known, vectors);
            builder.increment(rounds, -1);
            builder.branchIf(repeat, rounds);
          });
          this.flush();
        },
      );
    }
    this.elements(known);
  }

  /** The same, element by element. */
  elements(known: Values): void {
    const { builder } = this.#writer.context;
    const { block } = this;
    builder.while(
      () => i32.gtS(block, 0),
      () => {
        builder.scope(() => this.#element(known));
        this.#writer.advanceLanes(this.positions, 1);
        builder.increment(block, -1);
      },
    );
  }

  #element(known: Values): void {
    const { builder } = this.#writer.context;
    const { steps, stores = [], shift } = this.#options;
    const values = new Values(known);
    this.#writer.levels.computeScalars(steps, values, this.positions, {});
    for (const store of stores) this.#writer.steps.storeScalar(store, values, this.positions);
    for (const { structure, scalar } of this.#accumulators)
      if (shift === undefined) scalar.addFrom(values, i32.constant(0));
      else {
        const value = values.scalars[structure.value] as Local<'f32'>;
        const less = builder.local('f32', f32.sub(value, shift.scalar));
        scalar.add(less, i32.constant(0));
      }
  }

  /** Some vectors. */
  round(known: Values, vectors: number): void {
    const { builder } = this.#writer.context;
    const { inTurns, fetched = [] } = this.#options;
    for (const cursor of fetched) builder.drop(i32.load8U(this.positions[cursor]));
    for (const turn of turnsOf(vectors, inTurns)) builder.scope(() => this.#turn(known, turn));
    this.#writer.advanceLanes(this.positions, vectors * lanes);
  }

  #turn(known: Values, turn: readonly number[]): void {
    const { steps, stores = [] } = this.#options;
    const waiting = new Set(this.#accumulators);
    const accumulate = (accumulator: Accumulator, all: readonly Values[]): void => {
      this.#accumulate(accumulator, all);
      waiting.delete(accumulator);
    };
    // At once: what they add is not held in registers any longer.
    const computed = this.#writer.levels.laneValues(steps, known, this.positions, turn, (step, all) => {
      for (const accumulator of [...waiting])
        if (Math.max(...operandsOf(accumulator.structure)) === step) accumulate(accumulator, all);
    });
    for (const [at, copy] of turn.entries())
      for (const store of stores)
        this.#writer.steps.storeVector(store, steps, computed[at], this.positions, copy);
    for (const accumulator of [...waiting]) accumulate(accumulator, computed);
  }

  /** Sums of several vectors are added up first, so that one accumulator does for all. */
  #accumulate({ structure, vector }: Accumulator, computed: readonly Values[]): void {
    const { builder } = this.#writer.context;
    const { steps, shift } = this.#options;
    const { value, factor, dtype, op } = structure;
    const less = (registers: readonly VectorLocal[]): readonly VectorLocal[] => {
      const by = shift?.vector ?? null;
      return by === null ? registers : registers.map((each) => builder.local('v128', f32x4.sub(each, by)));
    };
    const given = (of: Value): (readonly VectorLocal[])[] =>
      computed.map((values) => less(this.#writer.steps.splat(steps, of, values)));
    if (isFloatExtremum(structure)) {
      for (const registers of given(value)) vector.add(registers, undefined);
      return;
    }
    let level: readonly (readonly VectorLocal[])[] = given(value);
    if (factor !== null) {
      const factors = given(factor);
      if (level.length === 1) {
        vector.addProduct(level[0], factors[0]);
        return;
      }
      const products = level.map((registers, at) => [registers, factors[at]]);
      level = pairsOf(products).map(([first, second]) => {
        const product = this.#combined('mul', dtype, first);
        return second === undefined ? product : this.#combined('fma', dtype, [...second, product]);
      });
    }
    const combining = combiningOps[op as keyof typeof combiningOps];
    while (level.length > 1)
      level = pairsOf(level).map(([first, second]) =>
        second === undefined ? first : this.#combined(combining, dtype, [first, second]),
      );
    vector.add(level[0], undefined);
  }

  #combined(
    op: ScalarOp,
    dtype: RegisterDType,
    operands: readonly (readonly VectorLocal[])[],
  ): readonly VectorLocal[] {
    const { context } = this.#writer;
    const held = vectorLocals(context.builder, dtype);
    const given = operands.map((registers) => ({ dtype, registers, scalar: undefined }));
    setRegisters(context.builder, held, vectorOperation(context, op, dtype, given));
    return held;
  }
}

/** Neighbours two by two; the last may be alone. */
function pairsOf<T>(items: readonly T[]): (readonly [T, T | undefined])[] {
  return Array.from({ length: Math.ceil(items.length / 2) }, (_, at) => [items[2 * at], items[2 * at + 1]]);
}
