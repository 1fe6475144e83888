/** Finding an adapter, and asking it for a device with all that its hardware can do. */
import { platformGpu } from '#platform';
import { WebGpuUnavailableError } from './errors.ts';

/** What kernels profit from where the adapter has it; none is needed. */
const wantedFeatures: readonly GPUFeatureName[] = ['subgroups', 'shader-f16', 'timestamp-query'];

/** Limits that WebGPU sets low by default, and that tensors outgrow. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
] as const;

export interface AdapterOptions {
  /** Where to look: by default `navigator.gpu`, and in Node `await createDawn()` of `@nn/webgpu/node`. */
  readonly gpu?: GPU;
  /** Which adapter to prefer on a machine with two. */
  readonly powerPreference?: GPUPowerPreference;
  /** Features to leave unused, for tests of the paths without them. */
  readonly withoutFeatures?: readonly GPUFeatureName[];
}

export interface AcquiredDevice {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
}

/**
 * A device with the adapter's own limits and every feature that the kernels can use.
 *
 * @throws WebGpuUnavailableError without WebGPU or without an adapter
 */
export async function acquireDevice(options: AdapterOptions = {}): Promise<AcquiredDevice> {
  const gpu = options.gpu ?? (await platformGpu());
  if (gpu === undefined) {
    throw new WebGpuUnavailableError(
      'webgpu: there is no navigator.gpu here. Use a current browser, over https or on localhost.',
    );
  }
  const adapter = await gpu.requestAdapter({
    powerPreference: options.powerPreference ?? 'high-performance',
  });
  if (adapter === null) {
    throw new WebGpuUnavailableError(
      'webgpu: WebGPU is here but offers no adapter: the GPU is missing, blocked or without a driver.',
    );
  }
  const without = new Set(options.withoutFeatures);
  const requiredLimits: Record<string, number> = {};
  for (const name of wantedLimits) requiredLimits[name] = adapter.limits[name];
  const device = await adapter.requestDevice({
    requiredFeatures: wantedFeatures.filter((name) => adapter.features.has(name) && !without.has(name)),
    requiredLimits,
  });
  return { device, info: adapter.info };
}
