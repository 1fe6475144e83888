// Writes one kernel: items in order, and the loops inside them.
import { type Expression, i32, i32x4, type Local } from '../wasm/index.ts';
import type { EmitContext } from './context.ts';
import { LaneReduction } from './lane-reduction.ts';
import { turnsOf } from './lanes.ts';
import { type LaneCopy, LevelWriter, levelOf } from './levels.ts';
import { PairedExponentials } from './paired-exponentials.ts';
import { PairedSquares } from './paired-squares.ts';
import { ReduceNest } from './reduce-nest.ts';
import { lanes, type VectorLocal } from './registers.ts';
import { ScalarAccumulator } from './scalar-accumulator.ts';
import { firstInRow, placeInRow, type Results, StepWriter } from './steps.ts';
import { type RecordLayout, recordLayout, type Structure } from './structure.ts';
import { type Positions, Values } from './values.ts';

export class KernelWriter {
  readonly context: EmitContext;
  readonly structure: Structure;
  readonly layout: RecordLayout;
  readonly steps: StepWriter;
  readonly levels: LevelWriter;
  readonly #record: Local<'i32'>;
  /** Each cursor's value at the start of the present item. */
  readonly #itemPositions: readonly Local<'i32'>[];
  readonly #laneStrides: readonly (Local<'i32'> | undefined)[];
  readonly #rowCoordinates: readonly Local<'i32'>[];

  constructor(context: EmitContext, structure: Structure, record: Local<'i32'>) {
    this.context = context;
    this.structure = structure;
    this.layout = recordLayout(structure);
    this.#record = record;
    const { builder } = context;
    this.#itemPositions = structure.cursors.map((_, at) => builder.local('i32', this.cursorWord(at, 0)));
    this.#laneStrides = structure.cursors.map(({ lane }, at) =>
      lane === 'zero' ? undefined : builder.local('i32', this.cursorWord(at, this.layout.laneStride)),
    );
    const laneOffsets = structure.cursors.map(({ lane }, at) => this.#laneOffsets(lane !== 'zero', at));
    this.#rowCoordinates = builder.locals('i32', structure.rowRank);
    this.steps = new StepWriter(context, structure, this.layout, record, {
      strides: this.#laneStrides,
      offsets: laneOffsets,
    });
    this.levels = new LevelWriter(context, structure, this.steps);
  }

  word(index: number): Expression<'i32'> {
    return i32.load(this.#record, index * 4);
  }

  cursorWord(cursor: number, word: number): Expression<'i32'> {
    return this.word(this.layout.cursors + cursor * this.layout.wordsPerCursor + word);
  }

  /** Items [begin, end). */
  write(begin: Local<'i32'>, end: Local<'i32'>): void {
    const { builder } = this.context;
    this.#moveToItem(begin);
    const bodyCall = new Values();
    const pairCall = new Values();
    const epilogueCall = new Values();
    this.levels.computeLevel(this.structure.body ?? [], 'call', bodyCall, this.#itemPositions, {});
    this.levels.computeLevel(this.structure.pair?.body ?? [], 'call', pairCall, this.#itemPositions, {});
    this.levels.computeLevel(this.structure.epilogue, 'call', epilogueCall, this.#itemPositions, {});
    const item = builder.local('i32', begin);
    builder.countUp(item, end, 1, () => {
      builder.scope(() =>
        this.#writeItem(new Values(bodyCall), new Values(pairCall), new Values(epilogueCall)),
      );
      this.#moveToNextItem();
    });
  }

  #laneOffsets(moves: boolean, at: number): VectorLocal | undefined {
    const { cursors, vectorized } = this.structure;
    const { elementBytes } = cursors[at];
    const isGathered = this.#gathered().has(at);
    if (!moves || !vectorized || (elementBytes > 0 && !isGathered)) return undefined;
    const stride = this.#laneStrides[at] as Local<'i32'>;
    return this.context.builder.local('v128', i32x4.mul(i32x4.splat(stride), i32x4.constant(0, 1, 2, 3)));
  }

  #gathered(): ReadonlySet<number> {
    const { body, pair, epilogue } = this.structure;
    const steps = [...(body ?? []), ...(pair?.body ?? []), ...epilogue];
    return new Set(steps.flatMap((step) => (step.kind === 'gather' ? [step.cursor] : [])));
  }

  /** Sets coordinates and cursors to those of an item. */
  #moveToItem(item: Local<'i32'>): void {
    const { builder } = this.context;
    builder.scope(() => {
      const rest = builder.local('i32', item);
      for (let d = this.structure.rowRank - 1; d >= 0; d--) {
        const extent = this.word(this.layout.rowExtents + d);
        const coordinate = this.#rowCoordinates[d];
        if (d === 0) builder.set(coordinate, rest);
        else {
          builder.set(coordinate, i32.remU(rest, extent));
          builder.set(rest, i32.divU(rest, extent));
        }
        for (const [at, cursor] of this.structure.cursors.entries()) {
          if (!cursor.movesWithRows) continue;
          const step = i32.mul(coordinate, this.cursorWord(at, this.layout.rowStrides + d));
          builder.set(this.#itemPositions[at], i32.add(this.#itemPositions[at], step));
        }
      }
    });
  }

  /** One step of the innermost row dimension that has one left; those inside it start again. */
  #moveToNextItem(): void {
    const { builder } = this.context;
    const { rowRank, cursors } = this.structure;
    const advance = (d: number): void => {
      for (const [at, cursor] of cursors.entries()) {
        if (!cursor.movesWithRows) continue;
        const position = this.#itemPositions[at];
        builder.set(position, i32.add(position, this.cursorWord(at, this.layout.rowAdvances + d)));
      }
    };
    const step = (d: number): void => {
      const coordinate = this.#rowCoordinates[d];
      builder.increment(coordinate, 1);
      if (d === 0) {
        advance(0);
        return;
      }
      const extent = this.word(this.layout.rowExtents + d);
      builder.if(
        i32.ltU(coordinate, extent),
        () => advance(d),
        () => {
          builder.set(coordinate, 0);
          step(d - 1);
        },
      );
    };
    if (rowRank > 0) step(rowRank - 1);
  }

  #writeItem(body: Values, second: Values, epilogue: Values): void {
    const { pair } = this.structure;
    this.levels.computeLevel(this.structure.body ?? [], 'item', body, this.#itemPositions, {});
    if (this.structure.lanesAlong === 'reduced') {
      this.levels.computeLevel(pair?.body ?? [], 'item', second, this.#itemPositions, {});
      const reduction =
        pair === null
          ? new LaneReduction(this, body, this.#itemPositions)
          : new (pair.kind === 'exponentials' ? PairedExponentials : PairedSquares)(
              this,
              pair,
              body,
              second,
              this.#itemPositions,
            );
      const results = reduction.write();
      this.writeElement(epilogue, this.#itemPositions, { scalars: results });
      return;
    }
    const epilogueSteps = this.structure.epilogue;
    this.levels.computeLevel(epilogueSteps, 'item', epilogue, this.#itemPositions, {});
    this.#writeChunk(body, epilogue);
  }

  /** Computes and stores one element; what is known already is not computed again. */
  writeElement(known: Values, positions: Positions, results: Results): void {
    const { epilogue, stores } = this.structure;
    const values = new Values(known);
    this.levels.computeScalars(epilogue, values, positions, results);
    for (const store of stores) this.steps.storeScalar(store, values, positions);
  }

  /** The innermost extent's part that belongs to the item, in vectors and then what is left. */
  #writeChunk(body: Values, epilogue: Values): void {
    const { builder } = this.context;
    const { structure, layout } = this;
    const chunk = this.#rowCoordinates[structure.chunkRow];
    const length = this.word(layout.chunkLength);
    const left = builder.local('i32', i32.sub(this.word(layout.innerExtent), i32.mul(chunk, length)));
    builder.if(i32.gtS(left, length), () => builder.set(left, length));
    const positions = structure.cursors.map(({ lane }, at) =>
      lane === 'zero' ? this.#itemPositions[at] : builder.local('i32', this.#itemPositions[at]),
    );
    const strips = (): void => this.#writeStrips(body, epilogue, positions, left);
    const areInside = this.#rowsAreInside(epilogue, positions, left);
    if (areInside === undefined) strips();
    else
      builder.if(
        areInside,
        () => {
          this.#epilogueRowsAreInside = true;
          strips();
          this.#epilogueRowsAreInside = false;
        },
        strips,
      );
  }

  #epilogueRowsAreInside = false;

  /** Whether the rows that a chunk's epilogue looks up are there as a whole; undefined where it looks up none. */
  #rowsAreInside(epilogue: Values, positions: Positions, left: Local<'i32'>): Expression<'i32'> | undefined {
    const { structure, layout } = this;
    if (!structure.vectorized) return undefined;
    const rows = structure.epilogue.flatMap((step) => {
      const place = step.kind === 'gather' ? placeInRow(structure, structure.epilogue, step) : undefined;
      return step.kind !== 'gather' || place === undefined ? [] : [{ step, place }];
    });
    const isKnown = rows.every(({ place }) => levelOf(structure.epilogue[place.row]) !== 'element');
    if (rows.length === 0 || !isKnown) return undefined;
    return rows
      .map(({ step, place }) => {
        const size = this.word(layout.sizes + step.size);
        const first = firstInRow(place, epilogue, positions);
        return i32.and(i32.ltU(first, size), i32.leU(left, i32.sub(size, first)));
      })
      .reduce((a, b) => i32.and(a, b));
  }

  /** A chunk in vectors, and then what is left. */
  #writeStrips(body: Values, epilogue: Values, positions: Positions, left: Local<'i32'>): void {
    const { builder } = this.context;
    const { structure } = this;
    const strip = (elements: number, write: () => void): void =>
      builder.while(
        () => i32.geS(left, elements),
        () => {
          builder.scope(write);
          this.advanceLanes(positions, elements);
          builder.set(left, i32.sub(left, elements));
        },
      );
    const total = structure.overlaps ? builder.local('i32', left) : undefined;
    for (const vectors of structure.strips) {
      const write = (): void => this.#writeVectors(body, epilogue, positions, vectors);
      if (vectors > 1 || total === undefined) strip(vectors * lanes, write);
      else
        builder.if(i32.geS(total, lanes), () =>
          builder.while(
            () => i32.gtS(left, 0),
            () => {
              builder.if(i32.ltS(left, lanes), () => {
                this.stepBack(positions, left);
                builder.set(left, lanes);
              });
              builder.scope(write);
              this.advanceLanes(positions, lanes);
              builder.set(left, i32.sub(left, lanes));
            },
          ),
        );
    }
    strip(1, () => {
      const results = this.#reduceElement(body, positions);
      this.writeElement(epilogue, positions, results);
    });
  }

  /** Moves cursors back so that the elements left fill a vector. */
  stepBack(positions: Positions, left: Expression<'i32'>): void {
    const { builder } = this.context;
    builder.scope(() => {
      const back = builder.local('i32', i32.sub(left, lanes));
      for (const [at, { lane }] of this.structure.cursors.entries())
        if (lane !== 'zero')
          builder.increment(positions[at], i32.mul(this.#laneStrides[at] as Local<'i32'>, back));
    });
  }

  /** Moves cursors by lanes. */
  advanceLanes(positions: Positions, elements: number): void {
    const { builder } = this.context;
    for (const [at, cursor] of this.structure.cursors.entries()) {
      const { lane, elementBytes } = cursor;
      if (lane === 'zero') continue;
      const stride = this.#laneStrides[at] as Local<'i32'>;
      if (lane === 'unit') builder.increment(positions[at], elements * elementBytes);
      else if (lane === 'reversed') builder.increment(positions[at], -elements * elementBytes);
      else builder.increment(positions[at], elements === 1 ? stride : i32.mul(stride, elements));
    }
  }

  /** One output, reduced by itself. */
  #reduceElement(body: Values, positions: Positions): Results {
    const { structure } = this;
    const steps = structure.body;
    if (steps === null) return {};
    const accumulators = structure.accumulators.map((one) => new ScalarAccumulator(this.context, one));
    for (const accumulator of accumulators) accumulator.start();
    new ReduceNest(this, positions).write(structure.reduceRank, null, (inside, position) => {
      const values = new Values(body);
      this.levels.computeScalars(steps, values, inside, {});
      for (const accumulator of accumulators) accumulator.addFrom(values, position);
    });
    return { scalars: accumulators.map((accumulator) => accumulator.result()) };
  }

  /** `copies` vectors of outputs, each lane reduced by itself. */
  #writeVectors(body: Values, epilogue: Values, positions: Positions, copies: number): void {
    const { structure } = this;
    const results = this.#reduceVectors(body, positions, copies);
    for (const turn of turnsOf(copies)) {
      this.context.builder.scope(() => {
        const group = turn.map(
          (copy): LaneCopy => ({
            copy,
            values: new Values(epilogue),
            results: { vectors: results[copy] },
          }),
        );
        this.steps.rowsAreInside = this.#epilogueRowsAreInside;
        this.levels.computeLanes(structure.epilogue, group, positions);
        this.steps.rowsAreInside = false;
        for (const { copy, values } of group)
          for (const store of structure.stores)
            this.steps.storeVector(store, structure.epilogue, values, positions, copy);
      });
    }
  }

  #reduceVectors(body: Values, positions: Positions, copies: number): (readonly VectorLocal[])[][] {
    const { structure } = this;
    if (structure.body === null) return Array.from({ length: copies }, () => []);
    return new LaneReduction(this, body, positions).writeOuter(copies);
  }
}
