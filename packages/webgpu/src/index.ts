// @nn/webgpu: tensors on the GPU. In Node, `@nn/webgpu/node` brings the GPU object that browsers have.
export { type DeviceOptions, WebGpuDevice } from './device.ts';
export * from './errors.ts';
