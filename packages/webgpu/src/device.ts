/**
 * One GPU device: its memory, its pipelines, its one submission a flush, and its errors, which WebGPU reports
 * later and elsewhere, brought to whoever awaits next.
 */
import { OutOfMemoryError } from '@nn/core';
import { type AdapterOptions, acquireDevice } from './adapter.ts';
import { BufferPool, type PoolStatistics, sizeClass } from './buffer-pool.ts';
import { bufferUsage, mapModeRead } from './constants.ts';
import { DeviceLostError, DisposedError, errorFromGpu, ShaderError } from './errors.ts';
import { PipelineCache } from './pipeline-cache.ts';

export interface DeviceOptions extends AdapterOptions {
  /** Bytes of freed buffers to keep for reuse; 512 MiB by default. */
  readonly idleBytes?: number;
}

const defaultIdleBytes = 512 * 2 ** 20;
/** Staging buffers are host memory, and short-lived: a small cap does. */
const stagingIdleBytes = 64 * 2 ** 20;
const mebibyte = 2 ** 20;
const errorFilters = ['validation', 'out-of-memory', 'internal'] as const;
/** Operations named in an error's message, at most. */
const mostNamed = 4;

export class WebGpuDevice {
  readonly gpu: GPUDevice;
  readonly info: GPUAdapterInfo;
  readonly pipelines: PipelineCache;
  readonly #buffers: BufferPool;
  readonly #staging: BufferPool;
  /** What went wrong and nobody has heard of yet: the first error, since later ones follow from it. */
  #failure: Error | undefined;
  /** Set for good once the device is gone; everything rejects with it from then on. */
  #gone: Error | undefined;
  /** Error scopes whose verdict is still out. */
  #verdicts: Set<Promise<void>> = new Set();
  #peakBytes = 0;
  /** What was asked for since error scopes were opened for it. */
  readonly #during: Set<string> = new Set();
  /** Copies that the next submission begins with. */
  #copies: { readonly source: GPUBuffer; readonly target: GPUBuffer; readonly byteLength: number }[] = [];

  /** @throws WebGpuUnavailableError where there is no WebGPU or no adapter */
  static async create(options: DeviceOptions = {}): Promise<WebGpuDevice> {
    const { device, info } = await acquireDevice(options);
    return new WebGpuDevice(device, info, options.idleBytes ?? defaultIdleBytes);
  }

  private constructor(gpu: GPUDevice, info: GPUAdapterInfo, idleBytes: number) {
    this.gpu = gpu;
    this.info = info;
    const storage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyDestination;
    this.#buffers = new BufferPool((size) => this.#createBuffer(size, storage), idleBytes);
    const staging = bufferUsage.mapRead | bufferUsage.copyDestination;
    this.#staging = new BufferPool((size) => this.#createBuffer(size, staging), stagingIdleBytes);
    this.pipelines = new PipelineCache(gpu, (verdict) => this.#watch(verdict));
    gpu.lost.then((loss) => {
      if (loss.reason !== 'destroyed')
        this.#gone ??= new DeviceLostError(loss.message || 'no reason was given');
    });
    // The net below the scopes. Without it Dawn writes such errors to the console.
    gpu.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.#fail(errorFromGpu(event.error, 'an earlier operation'));
    });
  }

  get limits(): GPUSupportedLimits {
    return this.gpu.limits;
  }

  get features(): ReadonlySet<string> {
    return this.gpu.features as ReadonlySet<string>;
  }

  /** Live bytes in GPU buffers, and how many lie idle in the pool. */
  get statistics(): PoolStatistics & { readonly peakBytes: number } {
    return { ...this.#buffers.statistics, peakBytes: this.#peakBytes };
  }

  resetPeak(): void {
    this.#peakBytes = this.#buffers.statistics.liveBytes;
  }

  /**
   * A storage buffer of at least `byteLength` bytes; its content is whatever it held before.
   *
   * @throws OutOfMemoryError where no single buffer can be so large. That the GPU's memory is full shows
   * only later, at the next `read` or `synchronize`.
   */
  allocate(byteLength: number): GPUBuffer {
    this.#check('a buffer was asked for');
    const largest = Math.min(this.limits.maxBufferSize, this.limits.maxStorageBufferBindingSize);
    if (sizeClass(byteLength) > largest) {
      throw new OutOfMemoryError(
        `webgpu: cannot allocate one buffer of ${Math.ceil(byteLength / mebibyte)} MiB: this adapter's largest has ` +
          `${Math.floor(largest / mebibyte)} MiB. Use smaller batches, or split the tensor.`,
      );
    }
    const buffer = this.#buffers.take(byteLength);
    this.#peakBytes = Math.max(this.#peakBytes, this.#buffers.statistics.liveBytes);
    return buffer;
  }

  /** Gives a buffer back to the pool; work already submitted may still use it. */
  free(buffer: GPUBuffer): void {
    if (this.#gone !== undefined) return;
    // The pool may destroy it.
    if (this.#awaitsCopy(buffer)) this.#flush();
    this.#buffers.give(buffer);
  }

  /** A uniform buffer that holds `words` from now on. Its owner destroys it. */
  createUniforms(words: Int32Array<ArrayBuffer>): GPUBuffer {
    this.#check('a uniform buffer was asked for');
    const size = Math.ceil(Math.max(words.byteLength, 16) / 16) * 16;
    const buffer = this.#createBuffer(size, bufferUsage.uniform | bufferUsage.copyDestination);
    if (words.byteLength > 0) this.gpu.queue.writeBuffer(buffer, 0, words);
    return buffer;
  }

  /** A buffer for the results of queries. Its owner destroys it. */
  createQueryResults(byteLength: number): GPUBuffer {
    this.#check('a timed run was asked for');
    return this.#createBuffer(byteLength, bufferUsage.queryResolve | bufferUsage.copySource);
  }

  /** Copies bytes in, after all that was asked for before. `data` must span a multiple of 4 bytes. */
  write(buffer: GPUBuffer, offset: number, data: ArrayBufferView<ArrayBuffer>): void {
    this.#check('a write was asked for');
    if (this.#awaitsCopy(buffer)) this.#flush();
    this.watchErrors('a write');
    this.gpu.queue.writeBuffer(buffer, offset, data);
  }

  /** Copies from the beginning of one buffer to that of another, in the next submission. */
  copy(source: GPUBuffer, target: GPUBuffer, byteLength: number): void {
    this.#check('a copy was asked for');
    this.#copies.push({ source, target, byteLength });
  }

  /** Records commands and submits them, all at once, after the copies that wait. */
  submit(during: string, record: (encoder: GPUCommandEncoder) => void): void {
    this.#check('work was asked for');
    this.watchErrors(during);
    const encoder = this.gpu.createCommandEncoder();
    for (const { source, target, byteLength } of this.#copies) {
      encoder.copyBufferToBuffer(source, 0, target, 0, byteLength);
    }
    this.#copies = [];
    record(encoder);
    this.gpu.queue.submit([encoder.finish()]);
  }

  /**
   * Notes that an operation follows, for the message if one fails. Error scopes are opened by the first and stay open
   * until somebody waits for the device: opening them each time would cost as much as several dispatches.
   */
  watchErrors(during: string): void {
    if (this.#during.size === 0) for (const filter of errorFilters) this.gpu.pushErrorScope(filter);
    if (this.#during.size < mostNamed) this.#during.add(during);
  }

  /** The content of a buffer as it is after all that was submitted before. */
  async read(buffer: GPUBuffer, offset: number, byteLength: number): Promise<ArrayBuffer> {
    this.#check('a read was asked for');
    const padded = Math.max(4, Math.ceil(byteLength / 4) * 4);
    const staging = this.#staging.take(padded);
    this.submit('a read', (encoder) => encoder.copyBufferToBuffer(buffer, offset, staging, 0, padded));
    try {
      await staging.mapAsync(mapModeRead, 0, padded);
    } catch (cause) {
      this.#staging.give(staging);
      await this.#settle();
      throw new DeviceLostError('a read was cut off', { cause });
    }
    const content = staging.getMappedRange(0, padded).slice(0, byteLength);
    staging.unmap();
    this.#staging.give(staging);
    await this.#settle();
    return content;
  }

  /** Resolves when all submitted work is done; rejects with what went wrong since somebody last heard. */
  async synchronize(): Promise<void> {
    this.#check('synchronisation was asked for');
    this.#flush();
    await this.gpu.queue.onSubmittedWorkDone();
    await this.#settle();
  }

  /** Frees everything. Reads under way reject. */
  dispose(): void {
    if (this.#gone instanceof DisposedError) return;
    this.#gone = new DisposedError('an operation was under way');
    this.#buffers.destroy();
    this.#staging.destroy();
    this.pipelines.clear();
    this.gpu.destroy();
  }

  #createBuffer(size: number, usage: number): GPUBuffer {
    return this.#scoped(`the allocation of ${size} bytes`, () => this.gpu.createBuffer({ size, usage }));
  }

  #check(what: string): void {
    if (this.#gone instanceof DisposedError) throw new DisposedError(what);
    if (this.#gone !== undefined) throw this.#gone;
  }

  #awaitsCopy(buffer: GPUBuffer): boolean {
    return this.#copies.some(({ source, target }) => source === buffer || target === buffer);
  }

  /** Submits the copies that wait. */
  #flush(): void {
    if (this.#copies.length > 0) this.submit('a copy', () => {});
  }

  /** Throws what went wrong, once all verdicts on work so far are in. */
  async #settle(): Promise<void> {
    if (this.#during.size > 0) {
      const during = [...this.#during].join(' or ');
      this.#during.clear();
      for (const _ of errorFilters) this.#expectVerdict(during);
    }
    await Promise.all(this.#verdicts);
    if (this.#gone !== undefined) throw this.#gone;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #fail(error: Error): void {
    // That a kernel does not compile explains whatever else fails, but is known last.
    if (error instanceof ShaderError) this.#failure = error;
    this.#failure ??= error;
    // Room for the next attempt.
    if (error instanceof OutOfMemoryError && this.#gone === undefined) this.#buffers.trim(0);
  }

  #scoped<Result>(during: string, action: () => Result): Result {
    for (const filter of errorFilters) this.gpu.pushErrorScope(filter);
    try {
      return action();
    } finally {
      for (const _ of errorFilters) this.#expectVerdict(during);
    }
  }

  #expectVerdict(during: string): void {
    this.#watch(
      this.gpu.popErrorScope().then((error) => (error === null ? undefined : errorFromGpu(error, during))),
    );
  }

  #watch(verdict: Promise<Error | undefined>): void {
    const heard: Promise<void> = verdict
      .then((error) => {
        if (error !== undefined) this.#fail(error);
      })
      // Rejects only when the device is gone, which #gone tells better.
      .catch(() => undefined)
      .finally(() => this.#verdicts.delete(heard));
    this.#verdicts.add(heard);
  }
}
