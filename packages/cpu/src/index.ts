// @nn/cpu: the CPU as a device.
export { cpu } from './backend.ts';
export type { CpuOptions } from './device.ts';
