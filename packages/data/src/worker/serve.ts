// A worker's side: makes the dataset, then its batches, as the loader asks.
import { defaultGenerator, isTensor, setDefaultDType } from '@nn/tensor';
import { collate, HostTensor, isRecord } from '../collate.ts';
import { type AnyDataset, isMapStyle } from '../dataset.ts';
import { fetchBatch, fetchSamples, grouped, hasOwnBatches, SampleFailure } from '../fetch.ts';
import { derivedSeed, type EpochSeed } from '../random.ts';
import { type Channel, channelToLoader, threadKind } from './channel.ts';
import { describeError } from './errors.ts';
import { getWorkerInfo, setWorkerInfo } from './info.ts';
import { makeDataset } from './make.ts';
import { brand, type Delivery, type FromWorker, type Setup, type ToWorker } from './messages.ts';
import { encode } from './wire.ts';

/** Begins to listen, if a loader started this thread. Several calls are one. */
export function serve(): void {
  const channel = channelToLoader();
  if (channel === null) return;
  const server = new Server(channel);
  channel.listen((message) => server.hear(message));
}

interface Round {
  readonly number: number;
  readonly seed: EpochSeed;
  readonly groups: AsyncGenerator<unknown[], void, undefined> | null;
}

class Server {
  readonly #channel: Channel;
  #setup: Setup | null = null;
  #dataset: AnyDataset<unknown> | null = null;
  #round: Round | null = null;
  /** The newest round that was asked for: what older ones still want is not made. */
  #newest = -1;
  #work: Promise<void> = Promise.resolve();

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  hear(message: ToWorker): void {
    if (message.kind === 'hello') {
      this.#channel.holdLock(message.lock, () => this.#say({ brand, kind: 'hello' }));
      return;
    }
    if (message.kind === 'begin') this.#newest = message.round;
    // One after the other: a batch's random numbers must not mix with another's.
    this.#work = this.#work.then(() => this.#handle(message)).catch((error) => this.#giveUp(error));
  }

  #say(message: FromWorker, transfer: ArrayBuffer[] = []): void {
    this.#channel.post(message, transfer);
  }

  #giveUp(error: unknown): void {
    this.#say({ brand, kind: 'broken', error: describeError(error) });
  }

  async #handle(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'setup':
        return this.#build(message.setup);
      case 'begin':
        return this.#begin(message.round, message.seed, message.skip);
      case 'batch':
      case 'next':
        if (message.round === this.#newest) await this.#make(message);
    }
  }

  async #build(setup: Setup): Promise<void> {
    setDefaultDType(setup.defaultDType);
    for (const url of setup.imports) await import(/* @vite-ignore */ url);
    const { id, numWorkers } = setup;
    const dataset = await makeDataset(setup.recipe, { id, numWorkers });
    this.#setup = setup;
    this.#dataset = dataset;
    setWorkerInfo({ id, numWorkers, seed: 0n, dataset });
    this.#say({ brand, kind: 'built', length: isMapStyle(dataset) ? dataset.length : null });
  }

  async #begin(number: number, seed: EpochSeed, skip: number): Promise<void> {
    const dataset = this.#dataset!;
    const { id, stream } = this.#setup!;
    await this.#round?.groups?.return();
    const info = setWorkerInfo({ ...getWorkerInfo()!, seed: derivedSeed(seed, 'worker', id) });
    defaultGenerator.manualSeed(info.seed);
    const groups =
      isMapStyle(dataset) || stream === null
        ? null
        : grouped(dataset, { ...stream, skip: skip * stream.batchSize });
    this.#round = { number, seed, groups };
  }

  async #make(message: ToWorker & { readonly kind: 'batch' | 'next' }): Promise<void> {
    const { round, number } = message;
    defaultGenerator.manualSeed(derivedSeed(this.#round!.seed, 'batch', number));
    try {
      const batch =
        message.kind === 'batch' ? await this.#lookUp(message.request) : await this.#takeGroup(number);
      if (batch === undefined) {
        this.#say({ brand, kind: 'exhausted', round, number });
        return;
      }
      const { wire, transfer } = await encode(batch.value, { subject: batch.subject, shared: false });
      this.#say({ brand, kind: 'batch', round, number, wire }, transfer);
    } catch (thrown) {
      const isSample = thrown instanceof SampleFailure;
      const error = describeError(isSample ? thrown.error : thrown);
      this.#say({ brand, kind: 'failed', round, number, index: isSample ? thrown.index : null, error });
    }
  }

  async #lookUp(
    request: (ToWorker & { readonly kind: 'batch' })['request'],
  ): Promise<{ value: unknown; subject: string }> {
    const dataset = this.#dataset!;
    if (!isMapStyle(dataset)) throw new TypeError('the dataset has no positions');
    const { delivery } = this.#setup!;
    if (delivery === 'batches' && hasOwnBatches(dataset)) {
      return { value: await fetchBatch(dataset, request), subject: 'a batch of getBatch' };
    }
    return this.#joined(await fetchSamples(dataset, request), delivery);
  }

  async #takeGroup(number: number): Promise<{ value: unknown; subject: string } | undefined> {
    const { value, done } = await this.#round!.groups!.next();
    if (done) return undefined;
    return this.#joined(value, this.#setup!.delivery, `of batch ${number} `);
  }

  async #joined(
    samples: unknown[],
    delivery: Delivery,
    which: string = '',
  ): Promise<{ value: unknown; subject: string }> {
    if (delivery === 'samples') return { value: samples, subject: `the list of samples ${which}`.trim() };
    const dataset = this.#dataset!;
    if (dataset.collate !== undefined) {
      return { value: await dataset.collate(samples), subject: 'what collate returned' };
    }
    const read = await Promise.all(samples.map(readTensors));
    return { value: collate(read, (packed) => packed), subject: 'the batch' };
  }
}

/** The value with host arrays in the place of tensors, so that a batch is packed and handed over without a copy. */
async function readTensors(value: unknown): Promise<unknown> {
  if (isTensor(value)) return new HostTensor(value.dtype, value.shape, await value.data());
  if (Array.isArray(value)) return Promise.all(value.map(readTensors));
  if (value instanceof Map) {
    return new Map(
      await Promise.all([...value].map(async ([key, each]) => [key, await readTensors(each)] as const)),
    );
  }
  if (isRecord(value)) {
    const entries = Object.entries(value).map(async ([key, each]) => [key, await readTensors(each)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }
  return value;
}

/** Where a worker starts whose dataset needs no module of the user's: tensors, which are sent. */
export const bareWorkerUrl: string = import.meta.url;
if (threadKind() === 'bare') serve();
