/** The WebGPU device as a backend of `@nn/core`. */
import {
  type Backend,
  contractVersion,
  type DeviceBuffer,
  DeviceError,
  type DType,
  type Executable,
  type HostArray,
  InternalError,
} from '@nn/core';
import { type DeviceOptions, WebGpuDevice } from './device.ts';
import { WebGpuExecutable } from './executable.ts';
import { type DeviceTraits, emitProgram } from './wgsl/program.ts';
import {
  checkSupported,
  decodeHostArray,
  encodeHostArray,
  storageBytes,
  supportedDTypes,
} from './wgsl/storage.ts';

export interface WebGpuOptions extends DeviceOptions {
  /** The device's name, as in `tensor.device`; `'webgpu'` by default. */
  readonly name?: string;
  /**
   * How to write kernels: for a GPU, whose invocations work together through shared memory, or for a driver
   * that computes on the CPU, where that is very slow. `'auto'` (the default) asks the adapter.
   */
  readonly kernels?: 'auto' | 'gpu' | 'software';
}

/** A backend whose pipelines can be awaited. */
export interface WebGpuBackend extends Backend {
  /** The adapter as the browser or the driver describes it. */
  readonly info: GPUAdapterInfo;
  /**
   * Compiles a program's pipelines without blocking, in parallel. Without it the first run compiles them.
   *
   * @throws ShaderError if one does not compile
   */
  prepare(executable: ReturnType<Backend['compile']>): Promise<void>;
}

class WebGpuBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly length: number;
  readonly bytes: number;
  readonly gpu: GPUBuffer;
  freed = false;

  constructor(dtype: DType, length: number, gpu: GPUBuffer) {
    this.dtype = dtype;
    this.length = length;
    this.bytes = gpu.size;
    this.gpu = gpu;
  }
}

/** Kernels of more buffers than this gain nothing more. */
const mostBuffers = 12;

/**
 * The GPU as a device.
 *
 * @throws WebGpuUnavailableError without WebGPU or without an adapter
 * @example
 * ```ts no-run
 * import { use } from '@nn/core';
 * import { webgpu } from '@nn/webgpu';
 *
 * use(await webgpu()); // in Node after `npm install webgpu`
 * ```
 */
export async function webgpu(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const { name = 'webgpu' } = options;
  const device = await WebGpuDevice.create(options);
  const software = options.kernels === 'software' || (options.kernels !== 'gpu' && isSoftware(device.info));
  const traits: DeviceTraits = {
    cooperate: !software,
    nativeHalf: device.features.has('shader-f16'),
    subgroups: device.features.has('subgroups'),
    storageBuffersPerKernel: device.limits.maxStorageBuffersPerShaderStage,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  };
  const { nativeHalf } = traits;
  let arena: GPUBuffer | undefined;

  const own = (buffer: DeviceBuffer, what: string): WebGpuBuffer => {
    if (!(buffer instanceof WebGpuBuffer)) {
      throw new InternalError(`${name}: ${what} was given a buffer of another backend`);
    }
    if (buffer.freed) throw new InternalError(`${name}: ${what} was given a freed buffer`);
    return buffer;
  };
  const storedBytes = ({ dtype, length }: DeviceBuffer): number => length * storageBytes(dtype, nativeHalf);

  function arenaFor(bytes: number): GPUBuffer | undefined {
    if (bytes > (arena?.size ?? 0)) {
      if (arena !== undefined) device.free(arena);
      arena = device.allocate(bytes);
    }
    return arena;
  }

  const buffersOf = (buffers: readonly DeviceBuffer[]): GPUBuffer[] =>
    buffers.map((buffer) => own(buffer, 'run').gpu);

  async function runTimed(
    executable: Executable,
    inputs: readonly DeviceBuffer[],
    outputs: readonly DeviceBuffer[],
    params: readonly (number | bigint)[],
  ): Promise<readonly number[]> {
    const compiled = executable as WebGpuExecutable;
    return compiled.runTimed(buffersOf(inputs), buffersOf(outputs), arenaFor(compiled.arenaBytes), params);
  }

  return {
    contractVersion,
    name,
    info: device.info,
    capabilities: {
      dtypes: new Set(supportedDTypes),
      synchronousRead: false,
      buffersPerKernel: Math.min(mostBuffers, traits.storageBuffersPerKernel),
    },
    bytesPerElement(dtype) {
      return storageBytes(dtype, nativeHalf);
    },
    allocate(dtype, length) {
      checkSupported(dtype, `a tensor of ${length} elements`);
      return new WebGpuBuffer(dtype, length, device.allocate(length * storageBytes(dtype, nativeHalf)));
    },
    free(buffer) {
      const freed = own(buffer, 'free');
      freed.freed = true;
      device.free(freed.gpu);
    },
    write(buffer, data) {
      const target = own(buffer, 'write');
      if (data.length !== buffer.length) {
        throw new InternalError(`${name}: ${data.length} elements do not fill a buffer of ${buffer.length}`);
      }
      if (data.length > 0) device.write(target.gpu, 0, encodeHostArray(buffer.dtype, data, nativeHalf));
    },
    async read(buffer) {
      const { gpu, dtype, length } = own(buffer, 'read');
      const bytes = await device.read(gpu, 0, storedBytes(buffer));
      return decodeHostArray(dtype, length, bytes, nativeHalf);
    },
    readSync(): HostArray {
      throw new DeviceError(
        `${name}: a GPU cannot be read synchronously. Use the asynchronous form: await x.data(), ` +
          'await x.item() or await x.toArray()',
      );
    },
    copy(source, target) {
      const from = own(source, 'copy');
      const to = own(target, 'copy');
      const size = Math.ceil(storedBytes(source) / 4) * 4;
      device.copy(from.gpu, to.gpu, size);
    },
    compile(program) {
      return new WebGpuExecutable(program, emitProgram(program, traits), device, nativeHalf);
    },
    prepare: (executable) => (executable as WebGpuExecutable).prepare(),
    run(executable, inputs, outputs, params) {
      const compiled = executable as WebGpuExecutable;
      compiled.run(buffersOf(inputs), buffersOf(outputs), arenaFor(compiled.arenaBytes), params);
    },
    ...(device.features.has('timestamp-query') ? { runTimed } : {}),
    release: (executable) => (executable as WebGpuExecutable).release(),
    synchronize: () => device.synchronize(),
    memory() {
      const { liveBytes, peakBytes } = device.statistics;
      return { liveBytes, peakBytes };
    },
    resetPeak: () => device.resetPeak(),
    dispose: () => device.dispose(),
  };
}

function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|warp/i.test(info.architecture);
}
