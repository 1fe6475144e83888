/**
 * `@nn/webgpu/node`: WebGPU outside the browser. Node has none of its own; the npm package `webgpu` brings
 * Dawn, the implementation of Chromium.
 */
import { WebGpuUnavailableError } from './errors.ts';
import { hasVulkanLoader, useSwiftShader } from './swiftshader.ts';

export interface DawnOptions {
  /**
   * When to draw on SwiftShader, a driver that computes on the CPU (Linux x64, npm package
   * `@sparticuz/chromium`): `'never'` (the default), `'fallback'` where there is no GPU, or `'always'`.
   */
  readonly software?: 'never' | 'fallback' | 'always';
  /** Flags for Dawn, such as `'backend=vulkan'` or `'enable-dawn-features=allow_unsafe_apis'`. */
  readonly flags?: readonly string[];
}

/** Dawn crashes when an instance is collected while a device of it lives on (webgpu 0.6). */
const instances: GPU[] = [];

/**
 * The `GPU` object, in Node, that browsers have as `navigator.gpu`.
 *
 * @throws WebGpuUnavailableError if the package `webgpu` is not installed, or nothing can be drawn on
 */
export async function createDawn(options: DawnOptions = {}): Promise<GPU> {
  const dawn = await loadDawn();
  const create = (): GPU => {
    const gpu = dawn.create([...(options.flags ?? [])]);
    instances.push(gpu);
    return gpu;
  };
  const software = options.software ?? 'never';
  // Without a Vulkan loader Dawn would find nothing and complain on the console: known beforehand.
  if (software === 'always' || (software === 'fallback' && !hasVulkanLoader())) useSwiftShader();
  const gpu = create();
  if ((await gpu.requestAdapter()) !== null) return gpu;
  if (software === 'fallback') {
    useSwiftShader();
    const fallback = create();
    if ((await fallback.requestAdapter()) !== null) return fallback;
  }
  throw new WebGpuUnavailableError(
    'webgpu: Dawn finds no GPU on this machine. Check its driver (on Linux, a Vulkan one), or run in ' +
      "software: npm install --save-dev @sparticuz/chromium, then createDawn({ software: 'fallback' }).",
  );
}

async function loadDawn(): Promise<{ create(flags: string[]): GPU }> {
  try {
    return await import('webgpu');
  } catch (cause) {
    throw new WebGpuUnavailableError(
      'webgpu: Node has no WebGPU of its own, and the package that brings it is not installed. ' +
        'Run: npm install webgpu',
      { cause },
    );
  }
}
