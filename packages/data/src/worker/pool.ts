// The loader's side of its workers: hands out what is to be made, and delivers what comes back.
import { ArgumentError } from '@nn/core';
import { getDefaultDType } from '@nn/tensor';
import type { BatchRequest } from '../fetch.ts';
import type { EpochSeed } from '../random.ts';
import { describeError, rebuildError, type SentError, WorkerError } from './errors.ts';
import { brand, type Delivery, type FromWorker, type SentRecipe } from './messages.ts';
import { type Recipe, urlOf, type WorkerModule } from './recipe.ts';
import { bareWorkerUrl } from './serve.ts';
import { type BareModule, startThread, type Thread } from './thread.ts';
import { canShareMemory, encode, type Wire } from './wire.ts';

export interface PoolOptions {
  readonly numWorkers: number;
  /** Batches made ahead by each worker. */
  readonly prefetchFactor: number;
  readonly delivery: Delivery;
  /** Milliseconds to wait for a batch; 0 for ever. */
  readonly timeout: number;
  /** In the order in which they were asked for, or as they come. */
  readonly inOrder: boolean;
  readonly signal: AbortSignal | undefined;
  /** Of an IterableDataset; null for one with positions. */
  readonly stream: { readonly batchSize: number; readonly dropLast: boolean } | null;
  /** Of a dataset with positions. */
  readonly length: number | null;
}

/** How long a worker may take to load its module and to make its dataset, in milliseconds, unless `timeout` is longer. */
const startLimit = 60_000;

interface Member {
  readonly id: number;
  readonly thread: Thread;
  /** Asked for and not answered: number of the batch → what to say of it in errors. */
  readonly pending: Map<number, string>;
  exhausted: boolean;
}

type Outcome =
  | { readonly kind: 'batch'; readonly wire: Wire }
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'failed'; readonly error: WorkerError };

export interface Delivered {
  readonly wire: Wire;
  /** To go on behind this batch: what to skip then. */
  readonly position: number;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  #members: Member[] = [];
  #round = 0;
  readonly #greeted: Set<number> = new Set();
  readonly #outcomes: Map<number, Outcome> = new Map();
  /** What ended the pool. */
  #failure: Error | null = null;
  #wake: () => void = () => {};
  #built = 0;
  readonly #started: Promise<void>;

  constructor(recipe: Recipe, options: PoolOptions) {
    this.#options = options;
    this.#started = this.#start(recipe);
    this.#started.catch(() => {});
  }

  get isUsable(): boolean {
    return this.#failure === null;
  }

  /**
   * One epoch's batches as they were sent. Leaving the loop leaves the workers idle.
   *
   * @throws {WorkerError} for what went wrong in a worker.
   */
  async *epoch(
    seed: EpochSeed,
    requests: Iterator<BatchRequest> | null,
    skip: number,
  ): AsyncGenerator<Delivered, void, undefined> {
    const { numWorkers, prefetchFactor, inOrder } = this.#options;
    const round = ++this.#round;
    this.#outcomes.clear();
    for (const member of this.#members) {
      member.pending.clear();
      member.exhausted = false;
    }
    await this.#started;
    await this.#until(
      () => true,
      0,
      () => new Error(),
    );
    // Batches of a stream that were delivered before were the workers' in turn.
    const skipped = (id: number): number => Math.floor((skip + numWorkers - 1 - id) / numWorkers);
    for (const { thread, id } of this.#members) {
      thread.post({ brand, kind: 'begin', round, seed, skip: requests === null ? skipped(id) : 0 });
    }
    let asked = requests === null ? skip : 0;
    let wanted = asked;
    let isAllAsked = false;
    const askAhead = (): void => {
      while (!isAllAsked && asked - wanted < numWorkers * prefetchFactor) {
        isAllAsked = !this.#ask(round, asked, requests);
        if (!isAllAsked) asked++;
      }
    };
    for (askAhead(); wanted < asked; ) {
      const number = await this.#arrival(inOrder ? wanted : null);
      const outcome = this.#outcomes.get(number)!;
      this.#outcomes.delete(number);
      wanted++;
      if (outcome.kind === 'failed') throw seenFromHere(outcome.error);
      askAhead();
      if (outcome.kind === 'batch') yield { wire: outcome.wire, position: wanted };
    }
  }

  /** Ends the threads. */
  async close(reason: Error = new ArgumentError('DataLoader: the loader was closed')): Promise<void> {
    this.#failure ??= reason;
    this.#wake();
    await Promise.all(this.#members.map(({ thread }) => thread.terminate()));
  }

  async #start(recipe: Recipe): Promise<void> {
    const { numWorkers, stream, delivery } = this.#options;
    const modules: WorkerModule[] = [];
    const sent = await this.#send(recipe, modules);
    const [entry, ...others] = modules;
    const module: WorkerModule | BareModule = entry ?? { bare: bareWorkerUrl };
    const imports = [...new Set(others.map(urlOf))].filter(
      (url) => url !== undefined && url !== urlOf(entry),
    ) as string[];
    if (this.#failure !== null) throw this.#failure;
    for (let id = 0; id < numWorkers; id++) {
      const setup = {
        id,
        numWorkers,
        recipe: sent,
        delivery,
        defaultDType: getDefaultDType(),
        imports,
        stream,
      };
      const thread = startThread(module, {
        message: (data) => this.#hear(id, data, () => thread.post({ brand, kind: 'setup', setup })),
        error: (error) => this.#fail(this.#lost(id, describeError(error))),
        exit: (code) => this.#fail(this.#exited(id, code)),
      });
      this.#members.push({ id, thread, pending: new Map(), exhausted: false });
    }
    const limit = Math.max(startLimit, this.#options.timeout);
    await this.#until(
      () => this.#built === numWorkers,
      limit,
      () =>
        new WorkerError(
          `DataLoader: after ${limit} ms a worker has not made its dataset yet. Does its module call workerDataset(...), without waiting long at its top?`,
          this.#built,
        ),
    );
  }

  async #send(recipe: Recipe, modules: WorkerModule[]): Promise<SentRecipe> {
    const sendAll = (recipes: readonly Recipe[]): Promise<SentRecipe[]> =>
      Promise.all(recipes.map((each) => this.#send(each, modules)));
    switch (recipe.kind) {
      case 'module': {
        modules.push(recipe.module);
        const subject = "the options of the worker's dataset";
        const { wire } = await encode(recipe.options, { subject, shared: true });
        return { kind: 'module', url: urlOf(recipe.module) ?? '', name: recipe.name, options: wire };
      }
      case 'rows': {
        const { wire } = await encode(recipe.tensors, { subject: 'the tensors', shared: true });
        return { kind: 'rows', tensors: wire };
      }
      case 'subset': {
        const indices = canShareMemory()
          ? new Int32Array(new SharedArrayBuffer(recipe.indices.byteLength))
          : recipe.indices;
        indices.set(recipe.indices);
        return { kind: 'subset', dataset: await this.#send(recipe.dataset, modules), indices };
      }
      case 'concat':
      case 'chain':
        return { kind: recipe.kind, datasets: await sendAll(recipe.datasets) };
      case 'stack':
        return { kind: 'stack', datasets: await sendAll(recipe.datasets), names: recipe.names };
    }
  }

  /** Asks a worker for one more batch; false when there is none. */
  #ask(round: number, number: number, requests: Iterator<BatchRequest> | null): boolean {
    if (requests === null) {
      const taking = this.#members.filter((member) => !member.exhausted);
      if (taking.length === 0) return false;
      // In turn, and each the next of its own stream, as PyTorch does.
      const member = this.#members[number % this.#members.length];
      if (member.exhausted) this.#outcomes.set(number, { kind: 'exhausted' });
      else {
        member.pending.set(number, 'the next samples of its stream');
        member.thread.post({ brand, kind: 'next', round, number });
      }
      return true;
    }
    const { value: request, done } = requests.next();
    if (done) return false;
    const member = this.#members.reduce((least, each) =>
      each.pending.size < least.pending.size ? each : least,
    );
    member.pending.set(number, describeSamples(request.indices));
    member.thread.post({ brand, kind: 'batch', round, number, request });
    return true;
  }

  #hear(id: number, data: unknown, setUp: () => void): void {
    const message = data as FromWorker | null | undefined;
    if (message?.brand !== brand) {
      this.#fail(
        new WorkerError(
          `DataLoader: worker ${id} sent ${describeGarbage(data)}, which is no message of a loader's worker. A module of a dataset must not post messages of its own`,
          id,
        ),
      );
      return;
    }
    switch (message.kind) {
      case 'hello':
        if (!this.#greeted.has(id)) setUp();
        this.#greeted.add(id);
        return;
      case 'built':
        this.#checkBuilt(id, message.length);
        return;
      case 'broken':
        this.#fail(this.#lost(id, message.error));
        return;
      default:
        this.#settle(id, message);
    }
  }

  #checkBuilt(id: number, length: number | null): void {
    const { length: here } = this.#options;
    if (length !== here) {
      const told = (count: number | null): string =>
        count === null ? 'is a stream' : `has ${count} samples`;
      this.#fail(
        new WorkerError(
          `DataLoader: the dataset ${told(length)} in worker ${id}, but here it ${told(here)}. It must follow from its options alone`,
          id,
        ),
      );
      return;
    }
    this.#built++;
    this.#wake();
  }

  #settle(id: number, message: FromWorker & { readonly kind: 'batch' | 'exhausted' | 'failed' }): void {
    // What an earlier round, left early, had still asked for.
    if (message.round !== this.#round) return;
    const member = this.#members[id];
    member.pending.delete(message.number);
    if (message.kind === 'exhausted') member.exhausted = true;
    if (message.kind === 'failed') {
      const { index, error } = message;
      const where = index === null ? '' : ` at sample ${index}`;
      const text = `DataLoader: worker ${id} failed${where}: ${error.name}: ${error.message}`;
      this.#outcomes.set(message.number, {
        kind: 'failed',
        error: new WorkerError(text, id, index, { cause: rebuildError(error) }),
      });
    } else this.#outcomes.set(message.number, message);
    this.#wake();
  }

  /** What a worker is at, for errors. */
  #making(id: number): string {
    const [first] = this.#members[id]?.pending.values() ?? [];
    return first === undefined ? '' : ` while it made ${first}`;
  }

  #lost(id: number, error: SentError): WorkerError {
    return new WorkerError(
      `DataLoader: worker ${id} broke down${this.#making(id)}: ${error.name}: ${error.message}`,
      id,
      null,
      { cause: rebuildError(error) },
    );
  }

  #exited(id: number, code: number | undefined): WorkerError {
    const how = code === undefined ? '' : ` with exit code ${code}`;
    const why =
      this.#members[id] !== undefined && this.#built < this.#options.numWorkers
        ? '. Does its module call workerDataset(...)?'
        : '. Did the dataset call process.exit() or close()?';
    return new WorkerError(`DataLoader: worker ${id} ended${how}${this.#making(id)}${why}`, id);
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#wake();
  }

  /** The number of the batch that has come: the wanted one, or any. */
  async #arrival(wanted: number | null): Promise<number> {
    const arrived = (): number | undefined =>
      wanted === null ? this.#outcomes.keys().next().value : this.#outcomes.has(wanted) ? wanted : undefined;
    const { timeout } = this.#options;
    await this.#until(
      () => arrived() !== undefined,
      timeout,
      () => {
        const isLate = ({ pending }: Member): boolean =>
          wanted === null ? pending.size > 0 : pending.has(wanted);
        const id = this.#members.find(isLate)?.id ?? 0;
        return new WorkerError(
          `DataLoader: no batch within ${timeout} ms, waiting for worker ${id}${this.#making(id)}. Raise timeout, or see what keeps it`,
          id,
        );
      },
    );
    return arrived()!;
  }

  /** Waits for a worker's word. Only while something waits do the workers keep the program running. */
  async #until(isDone: () => boolean, limit: number, late: () => Error): Promise<void> {
    const { signal } = this.#options;
    if (this.#failure === null && isDone()) return;
    const hold = (isHeld: boolean): void => {
      for (const { thread } of this.#members) thread.hold(isHeld);
    };
    hold(true);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const abort = (): void => this.#fail(signal?.reason ?? new Error('aborted'));
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    if (limit > 0) timer = setTimeout(() => this.#fail(late()), limit);
    try {
      while (this.#failure === null && !isDone()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      hold(false);
    }
    if (this.#failure !== null) {
      await this.close(this.#failure);
      throw seenFromHere(this.#failure);
    }
  }
}

/** The error with the stack of the loop that waited, where it came to be in an event. */
function seenFromHere(error: Error): Error {
  const { captureStackTrace } = Error as { captureStackTrace?: (error: Error, above: unknown) => void };
  if (error instanceof WorkerError) captureStackTrace?.(error, seenFromHere);
  return error;
}

function describeSamples(indices: readonly number[]): string {
  const shown = indices.slice(0, 4).join(', ');
  return `${indices.length === 1 ? 'sample' : 'samples'} ${shown}${indices.length > 4 ? ` … (${indices.length} of them)` : ''}`;
}

function describeGarbage(data: unknown): string {
  if (typeof data === 'string') return `'${data.length > 40 ? `${data.slice(0, 40)}…` : data}'`;
  return typeof data === 'object' && data !== null ? 'an object' : String(data);
}
