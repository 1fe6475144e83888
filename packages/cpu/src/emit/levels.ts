// Computes steps when it is time to: what depends on nothing once a call, what differs from lane to lane in vectors, and
// what hardly ever matters only where it does.
import type { Value } from '@nn/core';
import { type Local, v128 } from '../wasm/index.ts';
import { operandsOf } from './accumulate.ts';
import { type ColdSteps, findColdSteps } from './cold-steps.ts';
import type { EmitContext } from './context.ts';
import { vectorLocals } from './lanes.ts';
import { numberType, type Vector, type VectorLocal } from './registers.ts';
import type { Results, StepWriter } from './steps.ts';
import { dependency, type Step, type Structure } from './structure.ts';
import { type Positions, Values } from './values.ts';
import { setRegisters } from './vector-operations.ts';

/** When a step is computed: once a call, once an item, at each element for all lanes, or lane by lane. */
type Level = 'call' | 'item' | 'element' | 'lane';

export function levelOf(step: Step): Level {
  if (step.depends & dependency.lane) return 'lane';
  if (step.depends & dependency.reduced) return 'element';
  return step.depends & dependency.row ? 'item' : 'call';
}

/** One of several vectors that are computed side by side. */
export interface LaneCopy {
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

export class LevelWriter {
  readonly #context: EmitContext;
  readonly #structure: Structure;
  readonly #steps: StepWriter;
  readonly #neededCache = new Map<readonly Step[], ReadonlySet<Value>>();
  readonly #coldCache = new Map<readonly Step[], ReadonlyMap<Value, ColdSteps>>();

  constructor(context: EmitContext, structure: Structure, steps: StepWriter) {
    this.#context = context;
    this.#structure = structure;
    this.#steps = steps;
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
      this.#steps.scalar(steps, at, values, positions, results);
      if (this.#structure.vectorized && this.#neededByLanes(steps).has(at)) {
        this.#steps.splat(steps, at, values);
      }
    }
  }

  #neededByLanes(steps: readonly Step[]): ReadonlySet<Value> {
    const known = this.#neededCache.get(steps);
    if (known !== undefined) return known;
    const needed = new Set<Value>();
    for (const step of steps) {
      if (levelOf(step) !== 'lane') continue;
      if (step.kind === 'operation' || step.kind === 'gather') for (const arg of step.args) needed.add(arg);
    }
    if (steps !== this.#structure.epilogue || this.#structure.lanesAlong === 'outer')
      for (const value of this.#valuesUsed(steps)) needed.add(value);
    this.#neededCache.set(steps, needed);
    return needed;
  }

  /** What accumulators and stores take of the steps. */
  #valuesUsed(steps: readonly Step[]): Value[] {
    const { body, accumulators, pair, epilogue, stores } = this.#structure;
    if (steps === body) return accumulators.flatMap(operandsOf);
    if (steps === pair?.body)
      return [
        ...operandsOf(pair.accumulator),
        ...pair.stores.map(({ value }) => value),
        ...(pair.shifted === null ? [] : [pair.shifted]),
      ];
    if (steps === pair?.scalar.steps) return [pair.scalar.value];
    return steps === epilogue ? stores.map(({ value }) => value) : [];
  }

  /** Computes one element's steps that are not known yet; those on a cold side only where its condition holds. */
  computeScalars(steps: readonly Step[], values: Values, positions: Positions, results: Results): void {
    const { builder } = this.#context;
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
            for (const value of computed) this.#steps.scalar(steps, value, inside, positions, results);
            for (const [index, value] of kept.entries())
              builder.set(held[index], inside.scalars[value] as Local);
          }),
        );
        for (const [index, value] of kept.entries()) values.scalars[value] = held[index];
        if (otherSide !== undefined) continue;
      }
      this.#steps.scalar(steps, at, values, positions, results);
    }
  }

  /**
   * Computes the steps that differ from lane to lane, each for all copies before the next: what waits for a result of
   * one copy leaves room for the others, and numbers that lie in memory are read once for all.
   */
  computeLanes(
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
          this.#steps.vector(steps, at, values, positions, results, copy);
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
    const { builder } = this.#context;
    const { computed, kept, otherSide } = coldParts(steps, selection, cold);
    const held = group.map(() => kept.map((at) => vectorLocals(builder, steps[at].dtype)));
    if (otherSide !== undefined)
      for (const [number, { values }] of group.entries())
        setRegisters(builder, held[number][0], this.#steps.splat(steps, otherSide, values));
    const masks = group.map(({ values }) => values.vectors[cold.condition]![0]);
    const any = masks.slice(1).reduce<Vector>((joined, mask) => v128.or(joined, mask), masks[0]);
    builder.if(v128.anyTrue(any), () => {
      for (const [number, { copy, values }] of group.entries())
        builder.scope(() => {
          const inside = new Values(values);
          for (const at of computed) this.#steps.vector(steps, at, inside, positions, {}, copy);
          for (const [index, at] of kept.entries())
            setRegisters(builder, held[number][index], inside.vectors[at] as readonly VectorLocal[]);
        });
    });
    for (const [number, { values }] of group.entries())
      for (const [index, at] of kept.entries()) values.vectors[at] = held[number][index];
  }

  #coldSteps(steps: readonly Step[]): ReadonlyMap<Value, ColdSteps> {
    const known = this.#coldCache.get(steps);
    if (known !== undefined) return known;
    const { epilogue, stores } = this.#structure;
    const guards = steps === epilogue ? stores.flatMap((store) => store.guards) : [];
    const found = findColdSteps(steps, [...this.#valuesUsed(steps), ...guards]);
    this.#coldCache.set(steps, found);
    return found;
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
    this.computeLanes(steps, group, positions, (at) => computed?.(at, all));
    return all;
  }
}
