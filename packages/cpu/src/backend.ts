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

class CpuBackend implements Backend {
  readonly contractVersion: number = contractVersion;
  readonly name: string = 'cpu';
  readonly capabilities: Backend['capabilities'] = {
    dtypes: new Set(dtypes),
    synchronousRead: true,
    buffersPerKernel: 12,
  };
  readonly #device: Device;
  /** Gives back what executables hold that nobody runs any more. */
  readonly #executables: FinalizationRegistry<() => void> = new FinalizationRegistry((dispose) => {
    if (!this.#disposed) dispose();
  });
  #disposed = false;
  #bufferBytes = 0;
  #peakBytes = 0;

  constructor(options: CpuOptions) {
    this.#device = new Device(options);
  }

  bytesPerElement(dtype: DType): number {
    return bytesPerElement(dtype);
  }

  allocate(dtype: DType, length: number): DeviceBuffer {
    const buffer = new CpuBuffer(this.#device, dtype, length);
    this.#bufferBytes += buffer.bytes;
    this.#notePeak();
    return buffer;
  }

  free(buffer: DeviceBuffer): void {
    this.#device.heap.free(this.#addressOf(buffer, 'free'));
    (buffer as CpuBuffer).address = 0;
    this.#bufferBytes -= buffer.bytes;
  }

  write(buffer: DeviceBuffer, data: HostArray): void {
    this.#bytesOf(buffer, 'write').set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  async read(buffer: DeviceBuffer): Promise<HostArray> {
    return this.readSync(buffer);
  }

  readSync(buffer: DeviceBuffer): HostArray {
    const source = this.#bytesOf(buffer, 'read');
    const copy = new Uint8Array(buffer.bytes);
    copy.set(source);
    return buffer.bytes === 0 ? hostArray(buffer.dtype, 0) : hostArrayOver(buffer.dtype, copy.buffer);
  }

  copy(source: DeviceBuffer, target: DeviceBuffer): void {
    this.#bytesOf(target, 'copy').set(this.#bytesOf(source, 'copy'));
  }

  compile(program: Program): Executable {
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
    this.#bind(executable as CpuExecutable, inputs, outputs);
    (executable as CpuExecutable).run(params);
    this.#notePeak();
  }

  async runTimed(
    executable: Executable,
    inputs: readonly DeviceBuffer[],
    outputs: readonly DeviceBuffer[],
    params: readonly (number | bigint)[],
  ): Promise<readonly number[]> {
    this.#bind(executable as CpuExecutable, inputs, outputs);
    const times = (executable as CpuExecutable).runTimed(params);
    this.#notePeak();
    return times;
  }

  release(executable: Executable): void {
    this.#executables.unregister(executable);
    (executable as CpuExecutable).disposer();
  }

  /** Everything is done when `run` returns. */
  async synchronize(): Promise<void> {}

  memory(): { readonly liveBytes: number; readonly peakBytes: number } {
    return { liveBytes: this.#liveBytes, peakBytes: this.#peakBytes };
  }

  resetPeak(): void {
    this.#peakBytes = this.#liveBytes;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#device.dispose();
  }

  #bind(executable: CpuExecutable, inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void {
    for (let at = 0; at < inputs.length; at++) executable.bindInput(at, this.#addressOf(inputs[at], 'run'));
    for (let at = 0; at < outputs.length; at++)
      executable.bindOutput(at, this.#addressOf(outputs[at], 'run'));
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

  #bytesOf(buffer: DeviceBuffer, method: string): Uint8Array {
    const address = this.#addressOf(buffer, method);
    return new Uint8Array(this.#device.heap.memory.buffer, address, buffer.bytes);
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
  checkOptions('cpu', options, ['threads', 'tier']);
  const { threads } = options;
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1))
    throw new ArgumentError(`cpu: threads must be an integer of at least 1, got ${String(threads)}`);
  return new CpuBackend(options);
}
