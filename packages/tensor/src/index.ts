// @nn/tensor: the tensor, its creation and its operations.
export {
  type Backend,
  checkOptions,
  type DType,
  defaultDevice,
  devices,
  type HostArray,
  interpreter,
  isDeviceAvailable,
  type Shape,
  setDefaultDevice,
  use,
} from '@nn/core';
export * from './arithmetic.ts';
export { clone } from './copying.ts';
export * from './creation.ts';
export * from './defaults.ts';
export * from './dispatch.ts';
export * from './gathering.ts';
export * from './gradient.ts';
export * from './indexing.ts';
export * from './joining.ts';
export * from './linear.ts';
export * from './masking.ts';
export * from './movement.ts';
export * from './random.ts';
export type { Element, NestedArray } from './reading.ts';
export * from './reduction.ts';
export * from './runtime.ts';
export * from './scans.ts';
export * from './scattering.ts';
export * from './shaping.ts';
export * from './sorting.ts';
export { Storage } from './storage.ts';
export { isTensor, Tensor, type View } from './tensor.ts';
export * from './triangles.ts';
