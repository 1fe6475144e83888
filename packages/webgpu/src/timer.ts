/** How long each launch of a run took, by timestamp queries. */
import type { WebGpuDevice } from './device.ts';

/** The most queries that a set may hold, two for each launch. */
const queriesPerSet = 4096;
const bytesPerQuery = 8;

export class LaunchTimer {
  readonly #device: WebGpuDevice;
  readonly #launches: number;
  readonly #sets: readonly GPUQuerySet[];
  readonly #results: GPUBuffer;

  constructor(device: WebGpuDevice, launches: number) {
    this.#device = device;
    this.#launches = launches;
    const sets: GPUQuerySet[] = [];
    for (let left = 2 * launches; left > 0; left -= queriesPerSet) {
      sets.push(device.gpu.createQuerySet({ type: 'timestamp', count: Math.min(left, queriesPerSet) }));
    }
    this.#sets = sets;
    this.#results = device.createQueryResults(2 * launches * bytesPerQuery);
  }

  /** For the pass that holds launch number `at`. */
  writes(at: number): GPUComputePassTimestampWrites {
    const query = 2 * at;
    const first = query % queriesPerSet;
    return {
      querySet: this.#sets[Math.floor(query / queriesPerSet)],
      beginningOfPassWriteIndex: first,
      endOfPassWriteIndex: first + 1,
    };
  }

  resolve(encoder: GPUCommandEncoder): void {
    this.#sets.forEach((set, at) => {
      encoder.resolveQuerySet(set, 0, set.count, this.#results, at * queriesPerSet * bytesPerQuery);
    });
  }

  /** Milliseconds for each launch, once the device is done; the timer is used up. */
  async read(): Promise<number[]> {
    try {
      const bytes = await this.#device.read(this.#results, 0, 2 * this.#launches * bytesPerQuery);
      const nanoseconds = new BigUint64Array(bytes);
      return Array.from({ length: this.#launches }, (_, at) =>
        // Devices may blur the clock, so that it seems to go backwards.
        Math.max(0, Number(BigInt.asIntN(64, nanoseconds[2 * at + 1] - nanoseconds[2 * at])) / 1e6),
      );
    } finally {
      for (const set of this.#sets) set.destroy();
      this.#results.destroy();
    }
  }
}
