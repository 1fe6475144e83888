/**
 * Buffers by size class. Creating a GPU buffer is slow (the driver clears it), so freed ones wait here for
 * the next tensor of about their size, up to a cap.
 */

export interface PoolStatistics {
  /** Bytes in buffers handed out. */
  readonly liveBytes: number;
  /** Buffers handed out. */
  readonly liveBuffers: number;
  /** Bytes in buffers that wait to be used again. */
  readonly idleBytes: number;
}

const smallest = 256;

/**
 * The capacity that serves `byteLength`: powers of two in four steps each, so at most a fifth is wasted.
 * Always a multiple of 4, as copies need.
 */
export function sizeClass(byteLength: number): number {
  if (byteLength <= smallest) return smallest;
  const step = 2 ** (Math.ceil(Math.log2(byteLength)) - 3);
  return Math.ceil(byteLength / step) * step;
}

export class BufferPool {
  readonly #create: (byteLength: number) => GPUBuffer;
  readonly #idleCap: number;
  /** Idle buffers by capacity; Maps keep insertion order, so the first class is the longest unused. */
  readonly #idle: Map<number, GPUBuffer[]> = new Map();
  readonly #live: Set<GPUBuffer> = new Set();
  #liveBytes = 0;
  #idleBytes = 0;

  constructor(create: (byteLength: number) => GPUBuffer, idleCap: number) {
    this.#create = create;
    this.#idleCap = idleCap;
  }

  get statistics(): PoolStatistics {
    return { liveBytes: this.#liveBytes, liveBuffers: this.#live.size, idleBytes: this.#idleBytes };
  }

  /** A buffer of at least `byteLength` bytes, whose content is whatever it held before. */
  take(byteLength: number): GPUBuffer {
    const capacity = sizeClass(byteLength);
    const waiting = this.#idle.get(capacity);
    let buffer = waiting?.pop();
    if (waiting?.length === 0) this.#idle.delete(capacity);
    if (buffer === undefined) buffer = this.#create(capacity);
    else this.#idleBytes -= capacity;
    this.#live.add(buffer);
    this.#liveBytes += capacity;
    return buffer;
  }

  /** Gives a buffer back. Giving back twice is harmless. */
  give(buffer: GPUBuffer): void {
    if (!this.#live.delete(buffer)) return;
    const capacity = buffer.size;
    this.#liveBytes -= capacity;
    if (capacity > this.#idleCap) {
      buffer.destroy();
      return;
    }
    const waiting = this.#idle.get(capacity) ?? [];
    waiting.push(buffer);
    this.#idle.delete(capacity);
    this.#idle.set(capacity, waiting);
    this.#idleBytes += capacity;
    this.trim(this.#idleCap);
  }

  /** Destroys idle buffers, those of the longest unused size classes first, until `idleBytes` are left. */
  trim(idleBytes: number): void {
    for (const [capacity, waiting] of this.#idle) {
      while (this.#idleBytes > idleBytes) {
        const buffer = waiting.pop();
        if (buffer === undefined) break;
        buffer.destroy();
        this.#idleBytes -= capacity;
      }
      if (waiting.length > 0) return;
      this.#idle.delete(capacity);
    }
  }

  destroy(): void {
    this.trim(0);
    for (const buffer of this.#live) buffer.destroy();
    this.#live.clear();
    this.#liveBytes = 0;
  }
}
