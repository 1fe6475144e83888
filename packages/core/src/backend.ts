// The contract between the library and a device, and the open registry of devices.
import { type DType, dtypes, type HostArray } from './dtype.ts';
import { ContractError, DeviceError } from './errors.ts';
import type { Program } from './kernel.ts';

/** Raised when the contract changes incompatibly; a backend written for another version is refused. */
export const contractVersion = 2;

/** A backend's own memory. Only its maker looks inside. */
export interface DeviceBuffer {
  readonly dtype: DType;
  /** Elements. */
  readonly length: number;
  /** Bytes taken on the device. */
  readonly bytes: number;
}

/** A compiled program. Only its maker looks inside. */
export interface Executable {
  readonly program: Program;
}

export interface Capabilities {
  readonly dtypes: ReadonlySet<DType>;
  /** Whether `readSync` works. */
  readonly synchronousRead: boolean;
  /** How many buffers one loop, or steps of rows together, may touch. Default 8: what WebGPU grants everywhere. */
  readonly buffersPerKernel?: number;
}

/** What a device must do. Everything is in order: a read sees all runs and writes called before it. */
export interface Backend {
  readonly contractVersion: number;
  /** The device's name, as in `tensor.device`. */
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Bytes that one element takes in the arena and in buffers on this device. */
  bytesPerElement(dtype: DType): number;
  /** @throws {OutOfMemoryError} */
  allocate(dtype: DType, length: number): DeviceBuffer;
  free(buffer: DeviceBuffer): void;
  /** Copies a host array of the buffer's dtype and length in; the array may be reused after the call. */
  write(buffer: DeviceBuffer, data: HostArray): void;
  /** A fresh host array of the buffer's content. */
  read(buffer: DeviceBuffer): Promise<HostArray>;
  /** @throws {DeviceError} where the device cannot read synchronously. */
  readSync(buffer: DeviceBuffer): HostArray;
  copy(source: DeviceBuffer, target: DeviceBuffer): void;
  /** @throws {UnsupportedError} naming the kernel, the dtype and a way out. */
  compile(program: Program): Executable;
  /**
   * Inputs (updated ones among them), outputs and params in the order of the program's buffers and params. No buffer
   * is given twice, except as inputs that are only read.
   */
  run(
    executable: Executable,
    inputs: readonly DeviceBuffer[],
    outputs: readonly DeviceBuffer[],
    params: readonly (number | bigint)[],
  ): void;
  /**
   * As `run`: what is called afterwards comes after it, awaited or not. Resolves with the milliseconds that each kernel
   * took. Absent where a device cannot tell.
   */
  runTimed?(
    executable: Executable,
    inputs: readonly DeviceBuffer[],
    outputs: readonly DeviceBuffer[],
    params: readonly (number | bigint)[],
  ): Promise<readonly number[]>;
  /** Gives back what the executable holds; it is not run any more. */
  release(executable: Executable): void;
  /** Resolves when all work is done; rejects with what went wrong since the last call. */
  synchronize(): Promise<void>;
  /** Bytes of buffers not freed (arena included) and their highest value. */
  memory(): { readonly liveBytes: number; readonly peakBytes: number };
  /** Forgets the highest value so far. */
  resetPeak?(): void;
  dispose(): void;
}

const methods = [
  'bytesPerElement',
  'allocate',
  'free',
  'write',
  'read',
  'readSync',
  'copy',
  'compile',
  'run',
  'release',
  'synchronize',
  'memory',
  'dispose',
] as const;

interface Registry {
  readonly backends: Map<string, Backend>;
  defaultDevice: string | undefined;
}

// On globalThis under a registered symbol, so that two copies of this package share one registry.
const registryKey = Symbol.for('@nn/core/registry/1');
const globals = globalThis as { [registryKey]?: Registry };

function registry(): Registry {
  globals[registryKey] ??= { backends: new Map(), defaultDevice: undefined };
  return globals[registryKey];
}

/**
 * Registers a backend and makes its device the default one. Registering another backend of the same name
 * replaces the former.
 *
 * @throws {ContractError} when it was written for another contract version or lacks a method.
 * @example
 * ```ts
 * import { use, interpreter } from '@nn/core';
 * use(interpreter());
 * ```
 */
export function use(backend: Backend): void {
  checkContract(backend);
  registry().backends.set(backend.name, backend);
  registry().defaultDevice = backend.name;
}

function checkContract(backend: Backend): void {
  const name = typeof backend?.name === 'string' ? backend.name : String(backend);
  if (backend?.contractVersion !== contractVersion) {
    throw new ContractError(
      `use: backend '${name}' states contract version ${String(backend?.contractVersion)}, ` +
        `but this @nn/core speaks version ${contractVersion}. Install versions of the two that match`,
    );
  }
  for (const method of methods) {
    if (typeof backend[method] !== 'function') {
      throw new ContractError(`use: backend '${name}' lacks the method '${method}'`);
    }
  }
  for (const dtype of backend.capabilities.dtypes) {
    if (!dtypes.includes(dtype))
      throw new ContractError(`use: backend '${name}' names an unknown dtype '${dtype}'`);
  }
}

/** The names of all registered devices. */
export function devices(): string[] {
  return [...registry().backends.keys()];
}

/** Whether a device of this name is registered. */
export function isDeviceAvailable(name: string): boolean {
  return registry().backends.has(name);
}

const howToStart =
  "Start with a backend:\n\n    import { cpu } from '@nn/cpu';\n    use(cpu());      // use comes from '@nn/tensor'\n";

/** @throws {DeviceError} when no backend is registered. */
export function defaultDevice(): string {
  const name = registry().defaultDevice;
  if (name === undefined) throw new DeviceError(`no backend is in use. ${howToStart}`);
  return name;
}

/** @throws {DeviceError} when no such device is registered. */
export function setDefaultDevice(name: string): void {
  registry().defaultDevice = backendOf(name).name;
}

/** @throws {DeviceError} when no such device is registered. */
export function backendOf(device: string): Backend {
  const backend = registry().backends.get(device);
  if (backend !== undefined) return backend;
  const known = devices();
  throw new DeviceError(
    known.length === 0
      ? `device '${device}': no backend is in use. ${howToStart}`
      : `no device '${device}' is in use. In use: ${known.join(', ')}`,
  );
}

/** Disposes the backend and forgets its device. Tensors on it can no longer be read. */
export function removeBackend(device: string): void {
  backendOf(device).dispose();
  registry().backends.delete(device);
  if (registry().defaultDevice === device) registry().defaultDevice = devices().at(-1);
}
