// Writes one kernel: items in order, the loops inside them, and what each computes.
import type { Value } from '@nn/core';
import { type Expression, i32, i32x4, type Local, v128 } from '../wasm/index.ts';
import { operandsOf } from './accumulate.ts';
import { type ColdSteps, findColdSteps } from './cold-steps.ts';
import type { EmitContext } from './context.ts';
import { LaneReduction } from './lane-reduction.ts';
import { turnsOf, vectorLocals } from './lanes.ts';
import { PairedReduction } from './paired-reduction.ts';
import { ReduceNest } from './reduce-nest.ts';
import { lanes, numberType, type Vector, type VectorLocal } from './registers.ts';
import { ScalarAccumulator } from './scalar-accumulator.ts';
import { firstInRow, placeInRow, type Results, StepWriter } from './steps.ts';
import { dependency, type RecordLayout, recordLayout, type Step, type Structure } from './structure.ts';
import { type Positions, Values } from './values.ts';
import { setRegisters } from './vector-operations.ts';

/** When a step is computed: once a call, once an item, at each element for all lanes, or lane by lane. */
type Level = 'call' | 'item' | 'element' | 'lane';

function levelOf(step: Step): Level {
  if (step.depends & dependency.lane) return 'lane';
  if (step.depends & dependency.reduced) return 'element';
  return step.depends & dependency.row ? 'item' : 'call';
}

/** One of several vectors that are computed side by side. */
interface LaneCopy {
  readonly copy: number;
  readonly values: Values;
  readonly results: Results;
}

interface ColdParts {
  /** What the branch computes. */
  readonly computed: readonly Value[];
  /** What is used outside of it. */
  readonly kept: readonly Value[];
  /** Where the selection is one of these: its value elsewhere. */
  readonly otherSide: Value | undefined;
}

function coldParts(
  steps: readonly Step[],
  selection: Value,
  { members, results, withSelection }: ColdSteps,
): ColdParts {
  if (!withSelection) return { computed: members, kept: results, otherSide: undefined };
  const { args } = steps[selection] as Step & { readonly kind: 'operation' };
  return { computed: [...members, selection], kept: [selection], otherSide: args[2] };
}

export class KernelWriter {
  readonly context: EmitContext;
  readonly structure: Structure;
  readonly layout: RecordLayout;
  readonly steps: StepWriter;
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
    this.computeLevel(this.structure.body ?? [], 'call', bodyCall, this.#itemPositions, {});
    this.computeLevel(this.structure.pair?.body ?? [], 'call', pairCall, this.#itemPositions, {});
    this.computeLevel(this.structure.epilogue, 'call', epilogueCall, this.#itemPositions, {});
    const item = builder.local('i32', begin);
    builder.countUp(item, end, 1, () => {
      builder.scope(() =>
        this.#writeItem(new Values(bodyCall), new Values(pairCall), new Values(epilogueCall)),
      );
      this.#moveToNextItem();
    });
  }

  /** Computes all steps of a level as scalars, and as vectors where lanes will need them. */
  computeLevel(
    steps: readonly Step[],
    level: Level,
    values: Values,
    positions: Positions,
    results: Results,
  ): void {
    for (const [at, step] of steps.entries()) {
      if (levelOf(step) !== level) continue;
      this.steps.scalar(steps, at, values, positions, results);
      if (this.structure.vectorized && this.#neededByLanes(steps).has(at)) {
        this.steps.splat(steps, at, values);
      }
    }
  }

  readonly #neededCache = new Map<readonly Step[], ReadonlySet<Value>>();

  #neededByLanes(steps: readonly Step[]): ReadonlySet<Value> {
    const known = this.#neededCache.get(steps);
    if (known !== undefined) return known;
    const needed = new Set<Value>();
    for (const step of steps) {
      if (levelOf(step) !== 'lane') continue;
      if (step.kind === 'operation' || step.kind === 'gather') for (const arg of step.args) needed.add(arg);
    }
    if (steps !== this.structure.epilogue || this.structure.lanesAlong === 'outer')
      for (const value of this.#valuesUsed(steps)) needed.add(value);
    this.#neededCache.set(steps, needed);
    return needed;
  }

  /** What accumulators and stores take of the steps. */
  #valuesUsed(steps: readonly Step[]): Value[] {
    const { body, accumulators, pair, epilogue, stores } = this.structure;
    if (steps === body) return accumulators.flatMap(operandsOf);
    if (steps === pair?.body) return [pair.accumulator.value, ...pair.stores.map(({ value }) => value)];
    if (steps === pair?.scalar.steps) return [pair.scalar.value];
    return steps === epilogue ? stores.map(({ value }) => value) : [];
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
    this.computeLevel(this.structure.body ?? [], 'item', body, this.#itemPositions, {});
    if (this.structure.lanesAlong === 'reduced') {
      this.computeLevel(pair?.body ?? [], 'item', second, this.#itemPositions, {});
      const results =
        pair === null
          ? new LaneReduction(this, body, this.#itemPositions).write()
          : new PairedReduction(this, pair, body, second, this.#itemPositions).write();
      this.writeElement(epilogue, this.#itemPositions, { scalars: results });
      return;
    }
    const epilogueSteps = this.structure.epilogue;
    this.computeLevel(epilogueSteps, 'item', epilogue, this.#itemPositions, {});
    this.#writeChunk(body, epilogue);
  }

  /** Computes one element's steps that are not known yet; those on a cold side only where its condition holds. */
  computeScalars(steps: readonly Step[], values: Values, positions: Positions, results: Results): void {
    const { builder } = this.context;
    const cold = this.#coldSteps(steps);
    const later = new Set([...cold.values()].flatMap(({ members }) => members));
    for (const [at] of steps.entries()) {
      if (values.scalars[at] !== undefined || later.has(at)) continue;
      const needed = cold.get(at);
      if (needed !== undefined) {
        const { condition } = needed;
        const { computed, kept, otherSide } = coldParts(steps, at, needed);
        const held = kept.map((value) => builder.local(numberType(steps[value].dtype)));
        if (otherSide !== undefined) builder.set(held[0], values.scalars[otherSide] as Local);
        builder.if(values.scalars[condition] as Local<'i32'>, () =>
          builder.scope(() => {
            const inside = new Values(values);
            for (const value of computed) this.steps.scalar(steps, value, inside, positions, results);
            for (const [index, value] of kept.entries())
              builder.set(held[index], inside.scalars[value] as Local);
          }),
        );
        for (const [index, value] of kept.entries()) values.scalars[value] = held[index];
        if (otherSide !== undefined) continue;
      }
      this.steps.scalar(steps, at, values, positions, results);
    }
  }

  /** Computes and stores one element; what is known already is not computed again. */
  writeElement(known: Values, positions: Positions, results: Results): void {
    const { epilogue, stores } = this.structure;
    const values = new Values(known);
    this.computeScalars(epilogue, values, positions, results);
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
      this.computeScalars(steps, values, inside, {});
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
        this.#computeLanes(structure.epilogue, group, positions);
        this.steps.rowsAreInside = false;
        for (const { copy, values } of group)
          for (const store of structure.stores)
            this.steps.storeVector(store, structure.epilogue, values, positions, copy);
      });
    }
  }

  /**
   * Computes the steps that differ from lane to lane, each for all copies before the next: what waits for a result of
   * one copy leaves room for the others, and numbers that lie in memory are read once for all.
   */
  #computeLanes(
    steps: readonly Step[],
    group: readonly LaneCopy[],
    positions: Positions,
    computed?: (at: Value) => void,
  ): void {
    const cold = this.#coldSteps(steps);
    const later = new Set([...cold.values()].flatMap(({ members }) => members));
    for (const [at, step] of steps.entries()) {
      if (levelOf(step) !== 'lane' || later.has(at)) continue;
      const needed = cold.get(at);
      if (needed !== undefined) this.#computeCold(steps, at, needed, group, positions);
      if (!needed?.withSelection)
        for (const { copy, values, results } of group)
          this.steps.vector(steps, at, values, positions, results, copy);
      computed?.(at);
    }
  }

  /** Computes steps if their condition holds in any lane; else their results are anything, and not selected. */
  #computeCold(
    steps: readonly Step[],
    selection: Value,
    cold: ColdSteps,
    group: readonly LaneCopy[],
    positions: Positions,
  ): void {
    const { builder } = this.context;
    const { computed, kept, otherSide } = coldParts(steps, selection, cold);
    const held = group.map(() => kept.map((at) => vectorLocals(builder, steps[at].dtype)));
    if (otherSide !== undefined)
      for (const [number, { values }] of group.entries())
        setRegisters(builder, held[number][0], this.steps.splat(steps, otherSide, values));
    const masks = group.map(({ values }) => values.vectors[cold.condition]![0]);
    const any = masks.slice(1).reduce<Vector>((joined, mask) => v128.or(joined, mask), masks[0]);
    builder.if(v128.anyTrue(any), () => {
      for (const [number, { copy, values }] of group.entries())
        builder.scope(() => {
          const inside = new Values(values);
          for (const at of computed) this.steps.vector(steps, at, inside, positions, {}, copy);
          for (const [index, at] of kept.entries())
            setRegisters(builder, held[number][index], inside.vectors[at] as readonly VectorLocal[]);
        });
    });
    for (const [number, { values }] of group.entries())
      for (const [index, at] of kept.entries()) values.vectors[at] = held[number][index];
  }

  readonly #coldCache = new Map<readonly Step[], ReadonlyMap<Value, ColdSteps>>();

  #coldSteps(steps: readonly Step[]): ReadonlyMap<Value, ColdSteps> {
    const known = this.#coldCache.get(steps);
    if (known !== undefined) return known;
    const { epilogue, stores } = this.structure;
    const guards = steps === epilogue ? stores.flatMap((store) => store.guards) : [];
    const found = findColdSteps(steps, [...this.#valuesUsed(steps), ...guards]);
    this.#coldCache.set(steps, found);
    return found;
  }

  #reduceVectors(body: Values, positions: Positions, copies: number): (readonly VectorLocal[])[][] {
    const { structure } = this;
    if (structure.body === null) return Array.from({ length: copies }, () => []);
    return new LaneReduction(this, body, positions).writeOuter(copies);
  }

  /**
   * A reduction's steps for some of the vectors: what is known of each.
   *
   * @param computed is told of each step with what is known then.
   */
  laneValues(
    steps: readonly Step[],
    known: Values,
    positions: Positions,
    copies: readonly number[],
    computed?: (at: Value, values: readonly Values[]) => void,
  ): readonly Values[] {
    const group = copies.map((copy): LaneCopy => ({ copy, values: new Values(known), results: {} }));
    const all = group.map(({ values }) => values);
    this.#computeLanes(steps, group, positions, (at) => computed?.(at, all));
    return all;
  }
}
