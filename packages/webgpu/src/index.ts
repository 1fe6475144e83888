// @nn/webgpu: tensors on the GPU. In Node, `@nn/webgpu/node` brings the GPU object that browsers have.
export type { AdapterOptions } from './adapter.ts';
export { type WebGpuBackend, type WebGpuOptions, webgpu } from './backend.ts';
export type { DeviceOptions } from './device.ts';
export {
  DeviceLostError,
  DisposedError,
  ShaderError,
  ValidationError,
  WebGpuUnavailableError,
} from './errors.ts';
