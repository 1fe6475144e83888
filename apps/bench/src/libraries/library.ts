// An implementation that runs in this process: how it makes tensors, and what it does with a case's version for it.
import {
  type Awaitable,
  type Benchmark,
  type Computation,
  type Input,
  type Layout,
  type Operation,
  type Prepared,
  type StatefulOperation,
  type Training,
  timeRuns,
} from '../benchmark.ts';
import { Uploads } from './uploads.ts';

/** A network ready to be trained on one batch that never changes. */
export interface Trainer {
  /** One step of gradient descent. */
  step(): Awaitable;
  /** The loss that the last step saw. */
  loss(): Promise<number>;
  /** Computes the outputs and drops them. */
  forward(): Awaitable;
  outputs(): Promise<ArrayLike<number>>;
  dispose(): void;
}

export interface Reading {
  readonly layout?: Layout | undefined;
  readonly positions?: Int32Array<ArrayBuffer> | undefined;
}

export interface Library<T> {
  readonly name: string;
  readonly version: string;
  /** Where it computes, in words. */
  readonly device: string;
  readonly threads: number;
  /** Makes it the one in use, before anything below is called. */
  activate(): Awaitable;
  tensor(input: Input): T;
  /** The operation as a function; null where there is none. */
  operation(operation: Operation): Computation<T> | null;
  stateful(operation: StatefulOperation): ((...inputs: T[]) => () => readonly T[]) | null;
  trainer(training: Training): Trainer;
  /** Has the values computed, without reading them. */
  force(results: readonly T[]): Awaitable;
  /** Waits where computing goes on behind the calls. Default: it does not. */
  settle?(): Awaitable;
  /** All values in PyTorch's order of dimensions, or those at some positions. */
  read(result: T, what: Reading): Promise<ArrayLike<number>>;
  free(result: T): void;
  dispose(): void;
}

/** Steps whose losses are compared: the second depends on every gradient. */
export const comparedSteps = 2;

/** The first loss, then how far it fell with each step: that is where a wrong gradient shows. */
export function lossDifferences(losses: readonly number[]): number[] {
  return losses.map((loss, at) => (at === 0 ? loss : loss - losses[0]));
}

function valuesAt(values: ArrayLike<number>, positions: readonly number[] | undefined): ArrayLike<number> {
  return positions?.map((at) => values[at]) ?? values;
}

function concatenated(parts: readonly ArrayLike<number>[]): ArrayLike<number> {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function versionOf<Version>(library: { readonly name: string }, version: Version | null): Version {
  if (version === null) throw new Error(`${library.name} has no such operation`);
  return version;
}

/** Prepares cases for a library; inputs that two cases share are uploaded once. */
export class Preparer<T> {
  readonly #library: Library<T>;
  readonly #uploads: Uploads<T>;

  constructor(library: Library<T>) {
    this.#library = library;
    this.#uploads = new Uploads(
      (input) => library.tensor(input),
      (tensor) => library.free(tensor),
    );
  }

  prepare(benchmark: Benchmark): Prepared {
    if (benchmark.kind === 'operation') return this.#operation(benchmark);
    if (benchmark.kind === 'stateful') return this.#stateful(benchmark);
    return this.#training(benchmark);
  }

  dispose(): void {
    this.#uploads.keepOnly([]);
  }

  #operation(operation: Operation): Prepared {
    const library = this.#library;
    const compute = versionOf(library, library.operation(operation));
    const inputs = this.#uploads.get(operation.inputs());
    const call = (): readonly T[] => {
      const result = compute(...inputs);
      return Array.isArray(result) ? result : [result as T];
    };
    const free = (results: readonly T[]): void => {
      for (const result of results) library.free(result);
    };
    const run = (): Awaitable => {
      const results = call();
      const done = operation.recordOnly === true ? undefined : library.force(results);
      return done === undefined ? free(results) : done.then(() => free(results));
    };
    return {
      time: (count) => timeRuns(run, count, () => library.settle?.()),
      results: async (positions) => {
        if (operation.recordOnly === true) return [];
        const results = call();
        const values = await this.#read(results, positions, operation.resultLayout);
        free(results);
        return values;
      },
      dispose() {},
    };
  }

  #stateful(operation: StatefulOperation): Prepared {
    const library = this.#library;
    const make = versionOf(library, library.stateful(operation));
    const run = make(...this.#uploads.get(operation.inputs()));
    let last: readonly T[] = [];
    return {
      time: (count) =>
        timeRuns(
          () => {
            last = run();
            return library.force(last);
          },
          count,
          () => library.settle?.(),
        ),
      results: (positions) => {
        last = run();
        return this.#read(last, positions);
      },
      dispose() {
        for (const result of last) library.free(result);
      },
    };
  }

  #training(training: Training): Prepared {
    this.#uploads.keepOnly([]);
    const library = this.#library;
    const trainer = library.trainer(training);
    const run = training.pass === 'step' ? () => trainer.step() : () => trainer.forward();
    return {
      time: (count) => timeRuns(run, count, () => library.settle?.()),
      async results(positions) {
        if (training.pass === 'forward') return valuesAt(await trainer.outputs(), positions);
        const losses: number[] = [];
        for (let step = 0; step < comparedSteps; step++) {
          await trainer.step();
          losses.push(await trainer.loss());
        }
        return lossDifferences(losses);
      },
      dispose: () => trainer.dispose(),
    };
  }

  /** A result alone is not read as a whole: it may be large. */
  async #read(
    results: readonly T[],
    positions: readonly number[] | undefined,
    layout?: Layout,
  ): Promise<ArrayLike<number>> {
    const library = this.#library;
    if (results.length === 1)
      return library.read(results[0], { layout, positions: positions && Int32Array.from(positions) });
    const parts: ArrayLike<number>[] = [];
    for (const result of results) parts.push(await library.read(result, {}));
    return valuesAt(concatenated(parts), positions);
  }
}
