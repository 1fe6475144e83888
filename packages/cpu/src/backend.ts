// The CPU as a backend of the library.
import {
  ArgumentError,
  type Backend,
  bytesPerElement,
  checkOptions,
  contractVersion,
  type DeviceBuffer,
  type DType,
  dtypes,
  type Executable,
  type HostArray,
  hostArray,
  hostArrayOver,
  InternalError,
  type Program,
} from '@nn/core';
import { type CpuOptions, Device } from './device.ts';
import { CpuExecutable } from './executable.ts';
import { WorkQueue } from './queue.ts';

class CpuBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly length: number;
  readonly bytes: number;
  readonly device: Device;
  /** 0 once freed. */
  address: number;

  constructor(device: Device, dtype: DType, length: number) {
    this.device = device;
    this.dtype = dtype;
    this.length = length;
    this.bytes = length * bytesPerElement(dtype);
    this.address = device.heap.allocate(this.bytes);
  }
}

/** Where a buffer lies, also once it was freed. */
type Place = Pick<CpuBuffer, 'address' | 'dtype' | 'bytes'>;

/** Whether this is the thread of a web page, which must not be blocked. */
function isPage(): boolean {
  return typeof (globalThis as { readonly document?: unknown }).document === 'object';
}

class CpuBackend implements Backend {
  readonly contractVersion: number = contractVersion;
  readonly name: string = 'cpu';
  readonly capabilities: Backend['capabilities'] = {
    dtypes: new Set(dtypes),
    synchronousRead: true,
    buffersPerKernel: 12,
  };
  readonly #device: Device;
  readonly #queue: WorkQueue;
  /** Gives back what executables hold that nobody runs any more. */
  readonly #executables: FinalizationRegistry<() => void> = new FinalizationRegistry((dispose) =>
    this.#disposeLater(dispose),
  );
  #disposed = false;
  #bufferBytes = 0;
  #peakBytes = 0;

  constructor(options: CpuOptions) {
    const blocking = options.blocking ?? !isPage();
    this.#device = new Device({ ...options, blocking });
    this.#queue = new WorkQueue(blocking);
  }

  bytesPerElement(dtype: DType): number {
    return bytesPerElement(dtype);
  }

  allocate(dtype: DType, length: number): DeviceBuffer {
    const buffer = this.#allocate(dtype, length);
    this.#bufferBytes += buffer.bytes;
    this.#notePeak();
    return buffer;
  }

  #allocate(dtype: DType, length: number): CpuBuffer {
    try {
      return new CpuBuffer(this.#device, dtype, length);
    } catch (error) {
      if (this.#queue.isEmpty) throw error;
      // Work that waits may free some.
      this.#queue.finish();
      return new CpuBuffer(this.#device, dtype, length);
    }
  }

  free(buffer: DeviceBuffer): void {
    const address = this.#addressOf(buffer, 'free');
    const { heap } = this.#device;
    if (this.#queue.blocks) heap.free(address);
    // Work that waits may use it.
    else this.#queue.add({ run: () => heap.free(address) });
    (buffer as CpuBuffer).address = 0;
    this.#bufferBytes -= buffer.bytes;
  }

  write(buffer: DeviceBuffer, data: HostArray): void {
    const target = this.#placeOf(buffer, 'write');
    const given = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (this.#queue.isEmpty) this.#bytesAt(target).set(given);
    else {
      const copy = given.slice();
      this.#queue.add({ run: () => this.#bytesAt(target).set(copy) });
    }
  }

  read(buffer: DeviceBuffer): Promise<HostArray> {
    const source = this.#placeOf(buffer, 'read');
    return this.#queue.after(() => this.#copyOut(source));
  }

  readSync(buffer: DeviceBuffer): HostArray {
    const source = this.#placeOf(buffer, 'read');
    this.#queue.finish();
    return this.#copyOut(source);
  }

  #copyOut(source: Place): HostArray {
    const copy = new Uint8Array(source.bytes);
    copy.set(this.#bytesAt(source));
    return source.bytes === 0 ? hostArray(source.dtype, 0) : hostArrayOver(source.dtype, copy.buffer);
  }

  copy(source: DeviceBuffer, target: DeviceBuffer): void {
    const from = this.#placeOf(source, 'copy');
    const to = this.#placeOf(target, 'copy');
    this.#queue.add({ run: () => this.#bytesAt(to).set(this.#bytesAt(from)) });
  }

  compile(program: Program): Executable {
    this.#device.pool.finish();
    const executable = new CpuExecutable(this.#device, program);
    this.#executables.register(executable, executable.disposer, executable);
    return executable;
  }

  run(
    executable: Executable,
    inputs: readonly DeviceBuffer[],
    outputs: readonly DeviceBuffer[],
    params: readonly (number | bigint)[],
  ): void {
    const given = executable as CpuExecutable;
    if (this.#queue.blocks) {
      this.#bind(given, inputs, outputs);
      // While threads do the rest, the next program is recorded. Whoever touches memory finishes first.
      given.run(params, true);
    } else {
      const places = (buffers: readonly DeviceBuffer[]): Place[] =>
        buffers.map((buffer) => this.#placeOf(buffer, 'run'));
      const from = places(inputs);
      const to = places(outputs);
      this.#queue.add({
        run() {
          given.bind(from, to);
          given.run(params);
        },
        *inSlices() {
          given.bind(from, to);
          yield* given.inSlices(params);
        },
      });
    }
    this.#notePeak();
  }

  async runTimed(
    executable: Executable,
    inputs: readonly DeviceBuffer[],
    outputs: readonly DeviceBuffer[],
    params: readonly (number | bigint)[],
  ): Promise<readonly number[]> {
    this.#queue.finish();
    this.#bind(executable as CpuExecutable, inputs, outputs);
    const times = (executable as CpuExecutable).runTimed(params);
    this.#notePeak();
    return times;
  }

  release(executable: Executable): void {
    this.#executables.unregister(executable);
    this.#disposeLater((executable as CpuExecutable).disposer);
  }

  #disposeLater(dispose: () => void): void {
    if (!this.#disposed) this.#queue.add({ run: dispose });
  }

  synchronize(): Promise<void> {
    return this.#queue.after(() => this.#device.pool.finish());
  }

  memory(): { readonly liveBytes: number; readonly peakBytes: number } {
    return { liveBytes: this.#liveBytes, peakBytes: this.#peakBytes };
  }

  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#queue.clear();
    this.#device.dispose();
  }

  #bind(executable: CpuExecutable, inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void {
    for (const buffer of inputs) this.#addressOf(buffer, 'run');
    for (const buffer of outputs) this.#addressOf(buffer, 'run');
    executable.bind(inputs as readonly CpuBuffer[], outputs as readonly CpuBuffer[]);
  }

  get #liveBytes(): number {
    return this.#bufferBytes + this.#device.arenaBytes;
  }

  #notePeak(): void {
    if (this.#liveBytes > this.#peakBytes) this.#peakBytes = this.#liveBytes;
  }

  #addressOf(buffer: DeviceBuffer, method: string): number {
    if (!(buffer instanceof CpuBuffer) || buffer.device !== this.#device)
      throw new InternalError(`cpu: ${method} was given a buffer of another backend`);
    if (buffer.address === 0) throw new InternalError(`cpu: ${method} was given a freed buffer`);
    return buffer.address;
  }

  #placeOf(buffer: DeviceBuffer, method: string): Place {
    return { address: this.#addressOf(buffer, method), dtype: buffer.dtype, bytes: buffer.bytes };
  }

  #bytesAt({ address, bytes }: Place): Uint8Array {
    this.#device.pool.finish();
    return new Uint8Array(this.#device.heap.memory.buffer, address, bytes);
  }
}

/**
 * The CPU backend: WebAssembly written at run time, with SIMD and threads where the engine has them.
 *
 * @example
 * ```ts
 * import { use } from '@nn/core';
 * import { cpu } from '@nn/cpu';
 * use(cpu());
 * ```
 */
export function cpu(options: CpuOptions = {}): Backend {
  checkOptions('cpu', options, ['threads', 'tier', 'blocking', 'winograd']);
  const { threads, blocking, winograd } = options;
  if (blocking !== undefined && typeof blocking !== 'boolean')
    throw new ArgumentError(`cpu: blocking must be true or false, got ${String(blocking)}`);
  if (winograd !== undefined && typeof winograd !== 'boolean')
    throw new ArgumentError(`cpu: winograd must be true or false, got ${String(winograd)}`);
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1))
    throw new ArgumentError(`cpu: threads must be an integer of at least 1, got ${String(threads)}`);
  return new CpuBackend(options);
}
